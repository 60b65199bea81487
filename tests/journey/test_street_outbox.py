"""What phones send: opened, taken once, kept aside where it cannot be read, whatever its clock says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from street_records import ARREST, send, write
from typer.testing import CliRunner

from becalm.app.main import app, open_desk
from becalm.desk import Desk
from becalm.record.core.street_forms import FORM_BY_KEY
from becalm.record.desk.street import list_aside, receive_records
from becalm.record.files.street_keys import StreetKeys, open_record, seal_record
from becalm.terms import InputError, LedgerError

NOW = datetime(2026, 5, 4, 21, 30, tzinfo=UTC)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = CliRunner().invoke(app, ["init", "--city", "london", "--workspace", str(tmp_path / "w")])
    assert made.exit_code == 0, made.output
    return replace(open_desk(tmp_path / "w"), actor="PC 101", role="officer")


def arrests(desk: Desk) -> list[Any]:
    return [entry for entry in desk.open_ledger().entries() if entry.event.kind == "arrest_made"]


def test_an_arrest_is_recorded_with_a_receipt_that_names_its_entry_and_hash(desk: Desk) -> None:
    record = write(desk)
    (receipt,) = send(desk, record).receipts
    (arrest,) = arrests(desk)
    assert (receipt.id, receipt.entry, receipt.hash) == (record.id, arrest.seq, arrest.hash)
    assert arrest.event.facts["offence"] == "knife possession"
    assert arrest.event.facts["reference"] == record.id
    assert (arrest.event.actor, arrest.event.role) == ("PC 101", "officer")


def test_a_check_in_has_its_receipt_alone(desk: Desk) -> None:
    (receipt,) = send(desk, write(desk, {"unit": "VSU 3", "hotspot": "a"}, kind="check_in")).receipts
    entry = list(desk.open_ledger().entries())[-1]
    assert (entry.event.kind, entry.seq, entry.hash) == ("record_received", receipt.entry, receipt.hash)


def test_twice_sent_is_once_recorded_with_the_same_receipt_even_at_the_same_time(desk: Desk) -> None:
    record = write(desk)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(desk, record), range(8)))
    assert len(set(answers)) == 1
    assert len(arrests(desk)) == 1
    assert send(desk, record, record).receipts == answers[0].receipts * 2


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("sealed", "damaged or altered on the way"),
        ("kind", "damaged or altered on the way"),
        ("form", "No form arrest 9 is known"),
        ("key", "no key 77 any more"),
        ("fields", "The form 'Arrest' has 2 faults"),
    ],
)
def test_what_cannot_be_read_is_kept_aside_as_it_came_and_never_recorded(
    desk: Desk, harm: str, reason: str
) -> None:
    record = {
        "sealed": replace(write(desk), sealed=write(desk).sealed),
        "kind": replace(write(desk), kind="seizure"),
        "form": write(desk, form="9"),
        "key": replace(write(desk), key=77),
        "fields": write(desk, {"unit": "VSU 3", "colour": "red"}),
    }[harm]
    answer = send(desk, record)
    assert not answer.receipts
    assert reason in answer.refused[0].reason
    (kept,) = list_aside(desk)
    assert {name: kept[name] for name in asdict(record)} == asdict(record)
    assert reason in kept["reason"]
    send(desk, record)
    assert len(list_aside(desk)) == 1
    assert not arrests(desk)


@pytest.mark.parametrize("error", [timedelta(), timedelta(hours=1), timedelta(hours=-1), timedelta(days=366)])
def test_a_wrong_clock_of_the_phone_is_taken_off(desk: Desk, error: timedelta) -> None:
    now = desk.now()
    record = write(desk, written_at=now + error - timedelta(minutes=20))
    (receipt,) = send(desk, record, sent_at=now + error).receipts
    (arrest,) = arrests(desk)
    assert abs(arrest.event.occurred_at - (now - timedelta(minutes=20))) < timedelta(minutes=1)
    note = next(e for e in desk.open_ledger().entries(after=receipt.entry))
    assert note.event.facts.get("time_in_doubt", False) == bool(error)


@pytest.mark.parametrize("shift", [timedelta(days=1), timedelta(days=-400)])
def test_a_time_that_cannot_be_is_that_of_receipt_and_in_doubt(desk: Desk, shift: timedelta) -> None:
    now = desk.now()
    (receipt,) = send(desk, write(desk, written_at=now + shift)).receipts
    (arrest,) = arrests(desk)
    assert abs(arrest.event.occurred_at - now) < timedelta(minutes=1)
    note = next(e for e in desk.open_ledger().entries(after=receipt.entry))
    assert note.event.facts["time_in_doubt"] is True


@pytest.mark.parametrize(
    "body",
    [None, [], {"records": "x"}, {"records": [{}]}, {"records": [{"id": "a" * 65}]}, {"records": [1] * 51}],
)
def test_a_body_of_another_shape_is_refused_whole(desk: Desk, body: object) -> None:
    with pytest.raises(InputError):
        receive_records(desk, body)


def test_keys_follow_each_other_and_old_ones_open_what_was_sealed_to_them(desk: Desk) -> None:
    keys = StreetKeys(desk.workspace.path)
    first = keys.current(NOW)
    assert keys.current(NOW + timedelta(days=29)).number == 1
    record = seal_record({"a": 1}, id="i", kind="k", form="1", key=first, iv=bytes(12))
    assert keys.current(NOW + timedelta(days=31)).number == 2
    old = keys.find(1)
    assert old is not None
    assert open_record(record, old) == {"a": 1}
    keys.current(NOW + timedelta(days=500))
    assert keys.find(1) is None
    for path in (desk.workspace.path / "street" / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_a_damaged_key_stops_the_outbox_and_says_what_to_do(desk: Desk) -> None:
    record = write(desk)
    (path,) = (desk.workspace.path / "street" / "keys").iterdir()
    path.write_text(json.dumps({"made_at": "x"}), "utf-8")
    with pytest.raises(LedgerError, match="Put it back from a backup"):
        send(desk, record)


def test_a_burst_that_was_checked_out_is_delivered(desk: Desk) -> None:
    now = desk.now()
    starts_at, ends_at = ((now - timedelta(minutes=ago)).isoformat() for ago in (15, 1))
    fields = {
        "unit": "VSU 3",
        "hotspot": "150m_1_2",
        "easting": 1,
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    send(desk, write(desk, fields, kind="check_out"))
    (burst,) = desk.open_ledger().state_rows("patrol_burst")
    assert (burst["unit"], burst["hotspot"]) == ("VSU 3", "150m_1_2")


def test_a_time_that_nobody_can_read_is_that_of_receipt_and_in_doubt(desk: Desk) -> None:
    written = {"fields": ARREST, "written_at": "+053811-02-01T10:00:00.000Z"}
    key = StreetKeys(desk.workspace.path).current(desk.now())
    record = seal_record(written, id="a" * 32, kind="arrest", form="1", key=key, iv=bytes(12))
    (receipt,) = send(desk, record).receipts
    assert abs(arrests(desk)[0].event.occurred_at - desk.now()) < timedelta(minutes=1)
    note = next(e for e in desk.open_ledger().entries(after=receipt.entry))
    assert note.event.facts["time_in_doubt"] is True


def test_a_form_is_taken_for_a_year_after_it_was_replaced(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, form = ("arrest", "1"), FORM_BY_KEY["arrest", "1"]
    for days, count in ((360, 1), (370, 0)):
        old_form = replace(form, replaced_on=desk.today - timedelta(days=days))
        monkeypatch.setitem(FORM_BY_KEY, key, old_form)
        answer = send(desk, write(desk))
        assert len(answer.receipts) == count
    assert "is taken any more" in answer.refused[0].reason


def test_who_wrote_a_record_is_noted_where_somebody_else_sends_it(desk: Desk) -> None:
    key = StreetKeys(desk.workspace.path).current(desk.now())
    for account in ("PC 101", "PC 99"):
        written = {"fields": ARREST, "written_at": desk.now().isoformat(), "account": account}
        send(desk, seal_record(written, id=account, kind="arrest", form="1", key=key, iv=bytes(12)))
    rows = desk.open_ledger().state_rows("street_record")
    assert {str(row["id"]): row.get("written_by") for row in rows} == {"PC 101": None, "PC 99": "PC 99"}

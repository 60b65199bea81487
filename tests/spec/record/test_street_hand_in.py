"""Rows of codes become records again, whole or not at all; entries that may tell of one thing are paired."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from becalm.app.site.street_board import is_late
from becalm.ledger import format_instant
from becalm.record.desk.street_review import CheckIn, StreetEntry, find_pairs
from becalm.record.files.street_rows import read_hand_in
from becalm.terms import InputError

NOON = datetime(2020, 5, 4, 12, tzinfo=UTC)
RECORD = {"id": "a-1", "kind": "check_in", "form": "1", "key": 3, "sealed": "AB_c-9"}


def rows_of(records: list[dict[str, object]], size: int) -> list[str]:
    """As a phone makes them."""
    names = ("id", "kind", "form", "key", "sealed")
    whole = "~".join(".".join(str(record[name]) for name in names) for record in records)
    batch = hashlib.sha256(whole.encode()).hexdigest()[:12]
    parts = [whole[place : place + size] for place in range(0, len(whole), size)]
    return [f"BECALM.{batch}.{i + 1}.{len(parts)}.{part}" for i, part in enumerate(parts)]


@given(count=st.integers(1, 120), size=st.integers(20, 460), seed=st.integers(0, 9))
def test_rows_in_any_order_and_scanned_twice_give_the_records(count: int, size: int, seed: int) -> None:
    records = [{**RECORD, "id": f"a-{number}"} for number in range(count)]
    rows = rows_of(records, size)
    scanned = [*rows, *rows[:2]]
    random.Random(seed).shuffle(scanned)
    outboxes = read_hand_in("\n".join(scanned))
    assert [record for outbox in outboxes for record in outbox["records"]] == records
    assert all(len(outbox["records"]) <= 50 for outbox in outboxes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[1:], "lacks code 1 of"),
        (lambda rows: [rows[0].replace("a-0", "a-9"), *rows[1:]], "was damaged"),
        (lambda _: ["hello"], "No row of a street phone"),
        (lambda _: ["{}"], "not the file"),
        (lambda _: ['{"records": 3}'], "holds no records"),
    ],
)
def test_what_is_not_whole_is_refused_with_what_to_scan_again(change: object, reason: str) -> None:
    rows = rows_of([{**RECORD, "id": f"a-{number}"} for number in range(5)], 40)
    with pytest.raises(InputError) as error:
        read_hand_in("\n".join(change(rows)))  # type: ignore[operator]  # one of those above
    assert reason in str(error.value)


def test_the_file_of_a_phone_is_read_as_it_is() -> None:
    assert read_hand_in(json.dumps({"records": [RECORD]})) == ({"records": [RECORD]},)


def entry(seq: int, kind: str, minute: int, **facts: str) -> StreetEntry:
    at = NOON + timedelta(minutes=minute)
    if kind == "burst_done":
        span = {"starts_at": at, "ends_at": at + timedelta(minutes=15)}
        facts = {**facts, **{name: format_instant(moment) for name, moment in span.items()}}
    return StreetEntry(seq, kind, facts["unit"], "PC 1", at, facts)


@pytest.mark.parametrize(
    ("second", "is_pair"),
    [
        (entry(2, "arrest_made", 9, unit="A", hotspot="x", offence="robbery"), True),
        (entry(2, "arrest_made", 11, unit="A", hotspot="x", offence="knife"), False),
        (entry(2, "arrest_made", 1, unit="B", hotspot="x", offence="knife"), False),
        (entry(2, "arrest_made", 1, unit="A", hotspot="y", offence="knife"), False),
        (entry(2, "seizure_made", 1, unit="A", hotspot="x", item="knife"), False),
    ],
)
def test_two_records_of_one_kind_unit_place_and_ten_minutes_are_a_pair(
    second: StreetEntry, is_pair: bool
) -> None:
    first = entry(1, "arrest_made", 0, unit="A", hotspot="x", offence="knife")
    assert len(list(find_pairs((first, second)))) == is_pair


@pytest.mark.parametrize(("minute", "is_pair"), [(14, True), (15, False)])
def test_a_unit_is_not_in_two_places_at_once(minute: int, is_pair: bool) -> None:
    bursts = (entry(1, "burst_done", 0, unit="A"), entry(2, "burst_done", minute, unit="A"))
    assert len(list(find_pairs(bursts))) == is_pair


@pytest.mark.parametrize(
    ("minute", "check_in", "expected"),
    [
        (4, None, False),
        (5, None, True),
        (9, CheckIn("A", "x", NOON, is_there=True), False),
        (9, CheckIn("A", "x", NOON, is_there=False), True),
        (9, CheckIn("A", "y", NOON, is_there=True), True),
    ],
)
def test_a_unit_is_late_five_minutes_after_the_start_unless_it_is_there(
    minute: int, check_in: CheckIn | None, expected: bool
) -> None:
    assert is_late(NOON, NOON + timedelta(minutes=minute), "x", check_in) == expected

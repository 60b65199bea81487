"""Events that were handed in without waiting: what was promised is kept, and else that is found."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledgers import access, arrest, draw_salt, open_postgres, plain, require_chained, visit
from postgres import ADMIN, PROGRAM, Server
from psycopg import errors
from sqlalchemy import make_url

from becalm.ledger import EventToAppend, Finding, Ledger, LedgerCopy, verify_ledger, write_export
from becalm.ledger.receipts import (
    AppendReceipt,
    StoredReceipt,
    check_receipts,
    format_receipt,
    parse_receipt,
)
from becalm.ledger.store import postgres_pending
from becalm.ledger.store.background_sealing import BackgroundSealing
from becalm.ledger.store.postgres import PostgresLedger
from becalm.record.desk.receipts import check_held_receipts
from becalm.terms import InputError, LedgerError

MakeLedger = Callable[..., Ledger]
OpenLedger = Callable[[], PostgresLedger]


def findings_of(ledger: Ledger, *receipts: Path) -> list[Finding]:
    held = tuple(check_held_receipts(ledger, map(str, receipts)))
    copy = LedgerCopy(ledger.identity, ledger.rows, (), findings=(*held, *ledger.audit()))
    return [finding for finding in verify_ledger(copy).findings if finding.kind == "receipt"]


def kept(receipt: AppendReceipt, folder: Path) -> Path:
    path = folder / f"{receipt.ticket[:8]}.receipt.json"
    path.write_text(format_receipt(receipt))
    return path


# --- both stores --------------------------------------------------------------


def test_what_was_handed_in_stands_under_its_receipt(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger()
    receipt = ledger.submit([EventToAppend(visit("p1"), b"Ann Example"), *plain(arrest())])
    entries = ledger.await_entries(receipt)
    assert [entry.event.kind for entry in entries] == ["visit_made", "arrest_made"]
    assert ledger.payload(entries[0].seq, access=access("p1")) == b"Ann Example"
    assert receipt.event_count == 2
    assert findings_of(ledger, kept(receipt, tmp_path)) == []
    assert ledger.head() == require_chained(ledger)


def test_a_receipt_whose_events_are_not_there_contradicts_the_ledger(
    make_ledger: MakeLedger, tmp_path: Path
) -> None:
    ledger = make_ledger()
    receipt = ledger.submit(plain(arrest()))
    ledger.await_entries(receipt)
    for false in (
        replace(receipt, ticket="ab" * 32),
        replace(receipt, digest="0" * 64),
        replace(receipt, event_count=2),
        replace(receipt, ledger_id="another"),
    ):
        (finding,) = findings_of(ledger, kept(false, tmp_path))
        assert finding.is_contradiction


def test_a_stranger_checks_a_receipt_with_nothing_but_python(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger()
    receipt = ledger.submit([EventToAppend(visit("p1"), b"Ann Example"), *plain(arrest("Équipe 2"))])
    ledger.await_entries(receipt)
    out = tmp_path / "out"
    write_export(out, ledger, (), size=ledger.head().size)
    for held, code in (
        (receipt, 0),
        (replace(receipt, digest="0" * 64), 15),
        (replace(receipt, ticket="x"), 15),
    ):
        command = [sys.executable, "-I", "-S", str(out / "verify_ledger.py"), str(out)]
        done = subprocess.run(
            [*command, "--receipt", str(kept(held, tmp_path))], capture_output=True, check=False
        )
        assert done.returncode == code, done


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "becalm.receipt.1"}', '{"format": 1, "ledger": 2}']
)
def test_a_file_that_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no receipt"):
        parse_receipt(text, "receipt.json")


@pytest.mark.parametrize(
    ("receipts", "has_all", "words"),
    [
        ([("a", 1, 2), ("b", 3, 5)], True, []),
        ([("b", 3, 5)], False, []),
        ([("a", 1, 2), ("b", 2, 5)], False, ["sealed twice"]),
        ([("a", 1, 2), ("b", 4, 5)], True, ["entries 3 to 3, which have none"]),
        ([("a", 1, 2), ("b", 3, 4)], True, ["Entries 5 to 5 have no receipt"]),
        ([("a", 1, 5), ("b", 6, 6)], False, ["and there are 5"]),
        ([("a", 0, 0), ("b", 1, 5)], True, []),
    ],
)
def test_receipts_cover_each_entry_once(
    receipts: list[tuple[str, int, int]], has_all: bool, words: list[str]
) -> None:
    stored = [StoredReceipt(*receipt) for receipt in receipts]
    found = [finding.description for finding in check_receipts(stored, 5, has_all=has_all)]
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


# --- a server ----------------------------------------------------------------------


@pytest.fixture
def open_ledger(postgres_ledger: str) -> Iterator[OpenLedger]:
    opened: list[PostgresLedger] = []

    def open_one() -> PostgresLedger:
        opened.append(open_postgres(postgres_ledger, draw_salt=draw_salt))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def sql(postgres: Server, postgres_ledger: str) -> Callable[..., list[tuple[Any, ...]]]:
    """Runs statements as a superuser in this ledger."""
    database = str(make_url(postgres_ledger).database)
    return lambda *statements: postgres.sql("SET search_path = becalm", *statements, database=database)


@contextmanager
def not_sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programs that are killed before they seal: nothing is sealed in here."""
    with monkeypatch.context() as patched:
        patched.setattr(BackgroundSealing, "wake", lambda *_, **__: None)
        patched.setattr(BackgroundSealing, "stop", lambda *_: None)
        yield


def test_it_is_sealed_within_a_second_without_anybody_asking(open_ledger: OpenLedger, sql: Any) -> None:
    ledger = open_ledger()
    ledger.submit(plain(arrest()))
    start = time.monotonic()
    for n in range(20):
        ledger.submit(plain(visit(f"p{n}")))
    while sql("SELECT count(*) FROM receipt") != [(21,)]:
        assert time.monotonic() < start + 20  # the figure is measured by benchmarks/record_append.py
        time.sleep(0.01)
    assert sql("SELECT count(*) FROM pending") == [(0,)]
    assert [entry.event.kind for entry in ledger.entries()] == ["arrest_made"] + ["visit_made"] * 20


@pytest.mark.parametrize("user", [PROGRAM, "becalm_owner", ADMIN])
def test_what_was_promised_can_be_neither_changed_nor_taken_out(
    postgres: Server,
    postgres_ledger: str,
    open_ledger: OpenLedger,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
) -> None:
    told = f"host={postgres.folder} dbname={make_url(postgres_ledger).database}"
    with not_sealing(monkeypatch):
        ledger = open_ledger()
        receipt = ledger.submit(plain(arrest()))
        role = PROGRAM if user == PROGRAM else ADMIN
        with psycopg.connect(f"{told} user={role}", autocommit=True) as connection:
            if user == "becalm_owner":
                connection.execute("SET ROLE becalm_owner")
            for statement in ("UPDATE becalm.pending SET events = '[]'", "TRUNCATE becalm.pending"):
                with pytest.raises((errors.InsufficientPrivilege, errors.IntegrityConstraintViolation)):
                    connection.execute(statement.encode())
            if user == PROGRAM:
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute("DELETE FROM becalm.pending")
            if user != ADMIN:  # a superuser can: then the receipt tells
                connection.execute("SELECT becalm.clear_sealed(ARRAY[%s])", (receipt.ticket,))
            if user == "becalm_owner":
                connection.execute("DELETE FROM becalm.pending")
    assert ledger.has_pending(receipt.ticket)


def test_a_forged_receipt_does_not_take_out_what_was_promised(
    postgres: Server,
    postgres_ledger: str,
    open_ledger: OpenLedger,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with not_sealing(monkeypatch):
        ledger = open_ledger()
        ledger.append(plain(visit("p1")))
        receipt = ledger.submit(plain(arrest()))
        told = f"host={postgres.folder} dbname={make_url(postgres_ledger).database} user={PROGRAM}"
        with psycopg.connect(told, autocommit=True) as connection:
            connection.execute("INSERT INTO becalm.receipt VALUES (%s, 1, 1, '')", (receipt.ticket,))
            connection.execute("SELECT becalm.clear_sealed(ARRAY[%s])", (receipt.ticket,))
        assert ledger.has_pending(receipt.ticket)
        descriptions = [finding.description for finding in findings_of(ledger, kept(receipt, tmp_path))]
    assert any("sealed twice" in text for text in descriptions)
    assert any("is not what was handed in" in text for text in descriptions)


def test_a_refusal_that_was_forged_is_found(
    open_ledger: OpenLedger, sql: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with not_sealing(monkeypatch):
        ledger = open_ledger()
        receipt = ledger.submit(plain(arrest()))
        sql(f"INSERT INTO receipt VALUES ('{receipt.ticket}', 0, 0, 'no')")
        descriptions = [finding.description for finding in findings_of(ledger, kept(receipt, tmp_path))]
    assert any("is fit to be sealed" in text for text in descriptions)
    assert any("was refused afterwards: no" in text for text in descriptions)


def test_what_is_never_sealed_is_found_and_the_next_program_seals_it(
    open_ledger: OpenLedger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with not_sealing(monkeypatch):
        ledger = open_ledger()
        receipt = ledger.submit(plain(arrest()))
        assert findings_of(ledger, kept(receipt, tmp_path)) == []  # it may take a minute
        monkeypatch.setattr(postgres_pending, "LONGEST_WAIT_S", 0)
        (finding,) = findings_of(ledger)
        assert "to be sealed" in finding.description
    fresh = open_ledger()
    assert fresh.head().size == 1
    assert findings_of(fresh, kept(receipt, tmp_path)) == []


def test_what_a_superuser_took_out_before_it_was_sealed_is_missed_by_who_has_the_receipt(
    open_ledger: OpenLedger, sql: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with not_sealing(monkeypatch):
        ledger = open_ledger()
        receipt = ledger.submit(plain(arrest()))
        sql("DELETE FROM pending")
        assert findings_of(ledger) == []
        (finding,) = findings_of(ledger, kept(receipt, tmp_path))
    assert "they are lost" in finding.description


@pytest.mark.parametrize("with_details", [False, True])
def test_an_append_that_was_sealed_twice_is_found(
    open_ledger: OpenLedger, sql: Any, monkeypatch: pytest.MonkeyPatch, with_details: bool
) -> None:
    ledger = open_ledger()
    receipt = ledger.submit([EventToAppend(visit("p1"), b"Ann" if with_details else None)])
    ledger.await_entries(receipt)
    # An owner brings the row back and takes its receipt away: the next sealing cannot know of it.
    sql(
        "ALTER TABLE receipt DISABLE TRIGGER ALL",
        "DELETE FROM receipt",
        "ALTER TABLE receipt ENABLE TRIGGER ALL",
    )
    events = postgres_pending.format_events(
        [postgres_pending.receipts.row_text(row) for row in ledger.rows()]
    ).replace("'", "''")
    sql(f"INSERT INTO pending (ticket, events, promised) VALUES ('{receipt.ticket}', '{events}', true)")
    fresh = open_ledger()
    assert fresh.head().size == 2
    kinds = {finding.description.split(":")[-1].strip() for finding in findings_of(fresh)}
    assert any("sealed twice" in text for text in kinds)


def test_a_clock_that_is_wrong_refuses_nothing_that_was_promised(open_ledger: OpenLedger, sql: Any) -> None:
    ledger = open_ledger()
    ledger.append(plain(visit("p1")))
    ledger._sealer._now = lambda: visit().occurred_at.replace(year=2001)  # the clock that records is set back
    receipt = ledger.submit(plain(arrest()))
    time.sleep(1)
    assert (sql("SELECT count(*) FROM receipt"), ledger.has_pending(receipt.ticket)) == ([(1,)], True)
    ledger._sealer._now = None
    assert ledger.await_entries(receipt)[0].seq == 2


def test_an_older_copy_promises_nothing(
    open_ledger: OpenLedger, postgres_ledger: str, sql: Any, tmp_path: Path
) -> None:
    memo = tmp_path / "ledger.head"
    first = open_postgres(postgres_ledger, draw_salt=draw_salt, memo=memo)
    first.append(plain(visit("p1"), visit("p2")))
    first.close()
    sql(
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE ledger SET size = 0, tree = ''",
        "DELETE FROM event",
    )
    older = open_postgres(postgres_ledger, draw_salt=draw_salt, memo=memo)
    with pytest.raises(LedgerError, match="older copy"):
        older.submit(plain(arrest()))
    assert sql("SELECT count(*) FROM pending") == [(0,)]
    older.close()

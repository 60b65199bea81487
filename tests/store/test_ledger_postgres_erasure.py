"""After an erasure nothing of a payload is left on the server: in no table, no log, no free room."""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledgers import access, draw_salt, erasure, open_postgres, require_chained, visit
from postgres import Server, throw_away_server

from becalm.ledger import EventToAppend
from becalm.ledger.store.postgres import PostgresLedger

PERSON = b"Ann Example of 12 High Street, born "
MARK = b"\xfe\xed\x00becalm-mark"  # begins every salt and every key that this test draws


def draw_marked() -> bytes:
    return MARK + secrets.token_bytes(32 - len(MARK))


def traces(server: Server, *needles: bytes) -> dict[str, int]:
    """How often does each of these stand in any file of the server?"""
    found = {needle.decode("latin-1"): 0 for needle in needles}
    for path in (*server.data.rglob("*"), server.log):
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
                for needle in needles:
                    found[needle.decode("latin-1")] += bytes(held).count(needle)
    return found


@pytest.fixture(scope="module")
def talkative() -> Iterator[Server]:
    """A server that writes every statement into its log."""
    with throw_away_server(log_statement="all", log_min_duration_statement="0") as server:
        yield server


def erase_and_look(server: Server, many: int, at_once: int) -> None:
    url = server.fresh_ledger()
    ledger = open_postgres(url, draw_salt=draw_marked)
    kept = open_postgres(url, draw_salt=draw_salt)
    (stays,) = kept.append([EventToAppend(visit("p0"), b"Bea Another")])
    for start in range(0, many, at_once):
        people = range(start, min(start + at_once, many))
        ledger.append([EventToAppend(visit(f"p{n}"), PERSON + str(n).encode()) for n in people])
    assert ledger.payload(2, access=access("p1")) == PERSON + b"0"
    before = traces(server, PERSON, MARK, MARK.hex().encode())
    assert (before[PERSON.decode()], before[MARK.hex()]) == (0, before[MARK.hex()])
    seen = before[MARK.decode("latin-1")]  # the keys; salts are enciphered
    assert seen >= many - many // 50  # a page of the write-ahead log may begin within a key
    with_payload = [entry.seq for entry in ledger.entries(after=stays.seq) if entry.commitment]
    for start in range(0, many, at_once):
        some = with_payload[start : start + at_once]
        ledger.erase(some, erasure=erasure(some))
    ledger.close()
    assert ledger_is_whole(kept, many)
    assert kept.payload(stays.seq, access=access("p0")) == b"Bea Another"
    kept.close()
    after = traces(server, PERSON, MARK)
    assert after == {PERSON.decode(): 0, MARK.decode("latin-1"): 0}
    assert f"\\x{MARK.hex()}" not in server.log.read_text("utf-8", "replace")
    server.drop(url)


def ledger_is_whole(ledger: PostgresLedger, erased: int) -> bool:
    assert len(list(ledger.payload_commitments())) == 1
    assert sum(len(e.event.facts["entries"]) for e in ledger.entries(kinds=["payload_erased"])) == erased  # type: ignore[arg-type] # numbers
    return ledger.head() == require_chained(ledger)


def test_what_was_erased_is_nowhere_on_the_server(talkative: Server) -> None:
    erase_and_look(talkative, 60, at_once=20)


@pytest.mark.exhaustive
def test_what_was_erased_a_thousand_times_is_nowhere_on_the_server(talkative: Server) -> None:
    erase_and_look(talkative, 1_000, at_once=1)


def test_a_server_that_recycles_its_log_is_not_said_to_be_clean(tmp_path: Path) -> None:
    with throw_away_server(wal_recycle="on") as server:
        ledger = open_postgres(server.fresh_ledger(), draw_salt=draw_salt)
        ledger.append([EventToAppend(visit("p1"), b"Ann Example")])
        ledger.erase([1], erasure=erasure([1]))
        assert ledger.wipe() is False
        ledger.close()


def test_payloads_that_are_not_erased_outlive_a_killed_server(tmp_path: Path) -> None:
    with throw_away_server() as server:
        ledger = open_postgres(server.fresh_ledger(), draw_salt=draw_salt, patience_s=60)
        ledger.append([EventToAppend(visit(f"p{n}"), b"name %d" % n) for n in range(1, 4)])
        ledger.erase([2], erasure=erasure([2]))
        server.kill()
        server.start()
        ledger.append([EventToAppend(visit("p9"))])
        seen = [ledger.payload(n, access=access(f"p{n}")) for n in (1, 2, 3)]
        assert seen == [b"name 1", None, b"name 3"]
        ledger.close()

"""The connection is lost in mid-append: what is said of it is true, and asking again writes nothing twice."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cut_wire import Wire, wire_to
from ledgers import access, draw_salt, open_postgres, plain, require_chained, visit
from postgres import PROGRAM, Server

from becalm.ledger import EventToAppend
from becalm.ledger.store.postgres import PostgresLedger
from becalm.terms import LedgerError

OpenByWire = Callable[..., PostgresLedger]


@pytest.fixture
def wire(postgres: Server) -> Iterator[Wire]:
    with wire_to(postgres.folder) as laid:
        yield laid


@pytest.fixture
def open_by_wire(postgres: Server, postgres_ledger: str, wire: Wire) -> Iterator[OpenByWire]:
    opened: list[PostgresLedger] = []

    def open_one(**options: float) -> PostgresLedger:
        url = postgres_ledger.replace(str(postgres.folder), str(wire.folder))
        opened.append(open_postgres(url, draw_salt=draw_salt, **options))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.mark.parametrize("passes_on", [True, False])
@pytest.mark.parametrize("word", [b"COMMIT", b"BEGIN"])
def test_what_was_lost_on_the_way_is_written_once(
    open_by_wire: OpenByWire, wire: Wire, word: bytes, passes_on: bool
) -> None:
    ledger = open_by_wire()
    ledger.append(plain(visit("p0")))
    wire.passes_on, wire.cut_at = passes_on, word
    entries = ledger.append([EventToAppend(visit("p1"), b"Ann Example"), EventToAppend(visit("p2"))])
    assert (wire.cuts, [entry.seq for entry in entries]) == (1, [2, 3])
    assert [entry.event.subject for entry in ledger.entries()] == ["p0", "p1", "p2"]
    assert ledger.payload(2, access=access("p1")) == b"Ann Example"
    assert ledger.head() == require_chained(ledger)


def test_where_the_server_stays_away_it_is_said_that_nobody_knows(
    open_by_wire: OpenByWire, wire: Wire
) -> None:
    ledger = open_by_wire(patience_s=0.2)
    wire.cut_at, wire.stays_down = b"COMMIT", True
    with pytest.raises(LedgerError, match=r"not known whether 2 events \('visit_made' …\) stand") as raised:
        ledger.append(plain(visit("p1"), visit("p2")))
    ticket = re.findall(r"ticket '(\w+)'", str(raised.value))[0]
    wire.is_down = False
    again = ledger.append(plain(visit("p1"), visit("p2")), ticket=ticket)
    assert [entry.seq for entry in again] == [1, 2]
    assert [entry.event.subject for entry in ledger.entries()] == ["p1", "p2"]


def test_where_it_was_cut_before_the_commit_it_is_said_that_nothing_was_written(
    open_by_wire: OpenByWire, wire: Wire
) -> None:
    ledger = open_by_wire(patience_s=0.2)
    wire.cut_at, wire.stays_down = b"BEGIN", True
    with pytest.raises(LedgerError, match="nothing was written"):
        ledger.append(plain(visit("p1")))
    wire.is_down = False
    assert ledger.head().size == 0


def test_a_ticket_is_written_once_whoever_brings_it_again(
    make_postgres: Callable[[], PostgresLedger],
) -> None:
    first = make_postgres().append(plain(visit("p1")), ticket="log.csv 1")
    assert make_postgres().append(plain(visit("p1")), ticket="log.csv 1") == first
    assert make_postgres().append(plain(visit("p1")), ticket="log.csv 2")[0].seq == 2


@pytest.fixture
def make_postgres(postgres_ledger: str) -> Iterator[Callable[[], PostgresLedger]]:
    opened: list[PostgresLedger] = []

    def make() -> PostgresLedger:
        opened.append(open_postgres(postgres_ledger, draw_salt=draw_salt, patience_s=60))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close()


def test_writers_whose_connections_are_ended_all_the_time_lose_and_double_nothing(
    postgres: Server, make_postgres: Callable[[], PostgresLedger]
) -> None:
    ledgers = [make_postgres() for _ in range(3)]
    acknowledged: list[tuple[int, str]] = []
    is_over = threading.Event()

    def write(number: int) -> None:
        for turn in range(25):
            events = plain(*(visit(f"{number}-{turn}-{n}") for n in range(1 + turn % 3)))
            written = ledgers[number % 3].append(events)
            acknowledged.extend((entry.seq, entry.event.subject) for entry in written)

    def end_connections() -> None:
        while not is_over.wait(0.1):
            postgres.sql(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{PROGRAM}'"
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    ender = threading.Thread(target=end_connections)
    for thread in (ender, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    is_over.set()
    ender.join()
    fresh = make_postgres()
    assert sorted(acknowledged) == [(entry.seq, entry.event.subject) for entry in fresh.entries()]
    assert len(acknowledged) == 6 * sum(1 + turn % 3 for turn in range(25))
    assert fresh.head() == require_chained(fresh)
    assert fresh.rebuild() == ()


def test_what_a_writer_handed_in_and_did_not_live_to_see_sealed_is_sealed_by_the_next(
    postgres: Server, postgres_ledger: str, make_postgres: Callable[[], PostgresLedger]
) -> None:
    writer, other = make_postgres(), make_postgres()
    with other._server.writing():  # somebody seals, and does not come to an end
        thread = threading.Thread(target=lambda: writer.append(plain(visit("p1"))))
        thread.start()
        until = time.monotonic() + 20
        while not pending(postgres, postgres_ledger):
            assert time.monotonic() < until
            time.sleep(0.01)
        postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%advisory_xact_lock_shared%' AND wait_event_type = 'Lock'"
        )
    thread.join()
    (entry,) = other.append(plain(visit("p2")))
    assert [each.event.subject for each in other.entries()] == ["p1", "p2"]
    assert (entry.seq, pending(postgres, postgres_ledger)) == (2, 0)


def pending(postgres: Server, url: str) -> int:
    from sqlalchemy import make_url

    (row,) = postgres.sql("SELECT count(*) FROM becalm.pending", database=str(make_url(url).database))
    return int(row[0])


def test_nothing_is_sealed_before_what_an_older_transaction_may_still_hand_in(
    postgres: Server, postgres_ledger: str, make_postgres: Callable[[], PostgresLedger]
) -> None:
    """The row of a transaction that still runs comes first, and what was handed in later waits for it."""
    import psycopg
    from sqlalchemy import make_url

    from becalm.ledger.store.payloads import encipher
    from becalm.ledger.store.postgres_pending import event_text, format_events

    ledger = make_postgres()
    insert_row = "INSERT INTO pending (ticket, events) VALUES ('later', %s)"
    events = format_events([event_text(encipher(EventToAppend(visit("p2")), draw_salt))])
    told = f"host={postgres.folder} dbname={make_url(postgres_ledger).database} user={PROGRAM}"
    with psycopg.connect(told, options="-c search_path=becalm") as older:
        older.execute("CREATE TEMPORARY TABLE held (n int)")  # gives it a number among the transactions
        with ledger._server.sealing() as connection:
            connection.exec_driver_sql(insert_row, (events,))
        assert ledger.append(plain(visit("p3")))[0].seq == 1
        assert pending(postgres, postgres_ledger) == 1
    assert ledger.append(plain(visit("p4")))[0].seq == 3
    assert [entry.event.subject for entry in ledger.entries()] == ["p3", "p2", "p4"]


def test_a_transaction_that_hangs_holds_up_the_sealing_for_a_moment_only(
    postgres: Server, postgres_ledger: str, make_postgres: Callable[[], PostgresLedger]
) -> None:
    import psycopg

    one, two = make_postgres(), make_postgres()
    lags: list[float] = []

    def write(ledger: PostgresLedger) -> None:
        for n in range(5):
            start = time.monotonic()
            ledger.append(plain(visit(f"p{n}")))
            lags.append(time.monotonic() - start)

    with psycopg.connect(f"host={postgres.folder} dbname=postgres user={PROGRAM}") as hanging:
        hanging.execute("SELECT pg_current_xact_id()")
        threads = [threading.Thread(target=write, args=(ledger,)) for ledger in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(lags) == 10
    assert one.head() == require_chained(two)


def test_the_wire_is_one_that_a_client_can_use(open_by_wire: OpenByWire, wire: Wire) -> None:
    assert open_by_wire().append(plain(visit()))[0].seq == 1
    assert Path(wire.folder).is_dir()

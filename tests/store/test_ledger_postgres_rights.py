"""Who may do what in a ledger on PostgreSQL: the program adds and reads, and the owner rewrites nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from ledgers import draw_salt, erasure, open_postgres, plain, visit
from postgres import ADMIN, PROGRAM, Server, throw_away_server
from psycopg import Connection, errors
from sqlalchemy import make_url

from becalm.ledger import EventToAppend
from becalm.ledger.store.postgres import PostgresLedger
from becalm.terms import LedgerError, TamperError

REST = (
    "recorded_at, occurred_at, kind, version, actor, role, purpose, programme, subject, facts, corrects, "
    "commitment, previous, hash"
)
REWRITES = (
    "UPDATE becalm.event SET actor = 'nobody'",
    "UPDATE becalm.event SET actor = 'nobody' WHERE false",
    "DELETE FROM becalm.event",
    "TRUNCATE becalm.event",
    "TRUNCATE becalm.checkpoint",
    "DELETE FROM becalm.receipt",
    "UPDATE becalm.ledger SET identity = 'another'",
    "DELETE FROM becalm.ledger",
)


@pytest.fixture
def ledger(postgres_ledger: str) -> Iterator[PostgresLedger]:
    opened = open_postgres(postgres_ledger, draw_salt=draw_salt)
    opened.append([EventToAppend(visit("p1"), b"Ann Example"), *plain(visit("p2"))])
    yield opened
    opened.close()


@contextmanager
def connected(server: Server, url: str, user: str) -> Iterator[Connection]:
    told = f"host={server.folder} dbname={make_url(url).database} user={user}"
    with psycopg.connect(told, autocommit=True) as connection:
        yield connection


def copy_as(seq: int) -> bytes:
    """A statement that adds the first entry once more under this number."""
    return f"INSERT INTO becalm.event SELECT {seq}, {REST} FROM becalm.event WHERE seq = 1".encode()


@pytest.fixture(params=["the program", "the owner", "a superuser"])
def somebody(
    request: pytest.FixtureRequest, postgres: Server, postgres_ledger: str, ledger: PostgresLedger
) -> Iterator[Connection]:
    """A connection as each of those who might try to rewrite the ledger."""
    user = PROGRAM if request.param == "the program" else ADMIN
    with connected(postgres, postgres_ledger, user) as connection:
        if request.param == "the owner":
            connection.execute("SET ROLE becalm_owner")
        yield connection


@pytest.mark.parametrize("statement", REWRITES)
def test_nobody_rewrites_what_stands(somebody: Connection, ledger: PostgresLedger, statement: str) -> None:
    before = list(ledger.rows())
    with pytest.raises((errors.InsufficientPrivilege, errors.IntegrityConstraintViolation)):
        somebody.execute(statement.encode())
    assert list(ledger.rows()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE becalm.event DISABLE TRIGGER ALL",
        "ALTER TABLE becalm.event NO FORCE ROW LEVEL SECURITY",
        "DROP TABLE becalm.event",
        "CREATE TABLE becalm.mine (n int)",
        "SET ROLE becalm_owner",
        "DELETE FROM becalm.payload_key",
        "UPDATE becalm.payload SET sealed = ''",
        "TRUNCATE becalm.payload_key",
        "COPY becalm.event TO '/tmp/event'",
    ],
)
def test_the_program_has_no_more_rights_than_it_needs(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger, statement: str
) -> None:
    with (
        connected(postgres, postgres_ledger, PROGRAM) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_the_owner_cannot_even_add_an_entry_for_row_security_is_forced(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger
) -> None:
    with connected(postgres, postgres_ledger, ADMIN) as connection:
        connection.execute("SET ROLE becalm_owner")
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(copy_as(3))


@pytest.mark.parametrize("seq", [2, 4, 0])
def test_an_entry_that_does_not_follow_the_last_one_is_refused(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger, seq: int
) -> None:
    with (
        connected(postgres, postgres_ledger, PROGRAM) as connection,
        pytest.raises(errors.IntegrityError),
    ):
        connection.execute(copy_as(seq))


def test_the_program_erases_only_together_with_an_entry(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger
) -> None:
    with (
        connected(postgres, postgres_ledger, PROGRAM) as connection,
        pytest.raises(errors.IntegrityConstraintViolation, match="with an entry that names them"),
    ):
        connection.execute("SELECT becalm.erase_payloads(array(SELECT commitment FROM becalm.payload_key))")
    assert len(list(ledger.payload_commitments())) == 1
    ledger.erase([1], erasure=erasure([1]))
    assert list(ledger.payload_commitments()) == []


def test_nobody_can_log_in_as_the_owner(postgres: Server, postgres_ledger: str) -> None:
    with (
        pytest.raises(psycopg.OperationalError, match="not permitted to log in"),
        connected(postgres, postgres_ledger, "becalm_owner"),
    ):
        pass


def test_a_superuser_who_cuts_the_tail_is_found_out_at_the_next_writing(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger
) -> None:
    with connected(postgres, postgres_ledger, ADMIN) as connection:
        connection.execute("ALTER TABLE becalm.event DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM becalm.event WHERE seq = 2")
    with pytest.raises(TamperError, match="entry 2 is the first"):
        ledger.append(plain(visit("p3")))


@pytest.mark.parametrize("table", ["event", "state", "checkpoint"])
def test_a_table_that_was_taken_out_is_tampering(
    postgres: Server, postgres_ledger: str, ledger: PostgresLedger, table: str
) -> None:
    with connected(postgres, postgres_ledger, ADMIN) as connection:
        connection.execute(f"DROP TABLE becalm.{table} CASCADE".encode())
    with pytest.raises(TamperError, match="took that out"):
        assert not (list(ledger.rows()), ledger.state_rows("visit"), ledger.checkpoints())


def test_a_server_that_does_not_wait_for_its_disk_is_refused() -> None:
    with throw_away_server(fsync="off") as server, pytest.raises(LedgerError, match="fsync = off"):
        open_postgres(server.fresh_ledger(), draw_salt=draw_salt)


def test_a_program_that_turns_off_the_waiting_for_commits_waits_all_the_same(
    postgres: Server, postgres_ledger: str
) -> None:
    postgres.sql(f"ALTER ROLE {PROGRAM} SET synchronous_commit = off")
    try:
        opened = open_postgres(postgres_ledger, draw_salt=draw_salt)
        opened.append(plain(visit("p1")))
        server = opened._server  # what the connection that writes was told
        with server.sealing() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        opened.close()
    finally:
        postgres.sql(f"ALTER ROLE {PROGRAM} RESET synchronous_commit")

"""A ledger on SQLite from which something was taken out is tampered with: it is said so, never a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledgers import SetClock, arrest, draw_salt, open_sqlite, plain
from sqlalchemy import Connection, create_engine, text

from becalm.ledger import LedgerCopy, verify_ledger
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.ledger.store.tables import bring_up_to_date, run_migrations
from becalm.terms import TamperError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def opened(path: Path) -> SqliteLedger:
    return open_sqlite(path, now=SetClock(), draw_salt=draw_salt)


def begin(path: Path) -> None:
    ledger = opened(path)
    ledger.append(plain(arrest(), arrest()))
    ledger.close()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def made_by(make: Callable[[Connection], None]) -> list[tuple[str, str, str]]:
    """Names and words of all that stands in a fresh database, spaces put aside."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        make(connection)
        asked = text("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
        found = [(kind, name, "".join(sql.split())) for kind, name, sql in connection.execute(asked)]
    engine.dispose()
    return found


def test_a_new_ledger_has_the_tables_that_the_revisions_make() -> None:
    assert made_by(bring_up_to_date) == made_by(run_migrations)


def test_a_ledger_that_is_gone_is_not_begun_anew(path: Path) -> None:
    begin(path)
    path.unlink()
    with pytest.raises(TamperError, match=r"is gone: ledger.head beside it says that it had 2 entries"):
        opened(path)
    assert not path.exists()


@pytest.mark.parametrize("held", [b"", b"a diary, and no database " * 100])
def test_something_else_in_the_place_of_a_ledger_is_tampering_and_left_as_it_is(
    path: Path, held: bytes
) -> None:
    begin(path)
    path.write_bytes(held)
    with pytest.raises(TamperError, match=r"is no ledger any more, but something else .* 2 entries"):
        opened(path)
    assert path.read_bytes() == held


@pytest.mark.parametrize("table", ["event", "ledger", "state", "payload", "checkpoint", "alembic_version"])
def test_a_table_that_was_taken_out_is_tampering(path: Path, table: str) -> None:
    begin(path)
    execute(path, f"DROP TABLE {table}")
    with pytest.raises(TamperError, match="took that out"):
        read_all(path)


def read_all(path: Path) -> None:
    ledger = opened(path)
    try:
        anchors, kept = ledger.checkpoints(), ledger.payload_commitments()
        assert (anchors, ledger.state_rows("configuration")) == ((), ())
        verify_ledger(LedgerCopy(ledger.identity, ledger.rows, (), kept, ledger.noted_heads()))
    finally:
        ledger.close()


@pytest.mark.parametrize("row", ["rubbish", "{}", "[]"])
def test_an_altered_state_table_is_named_with_its_remedy(path: Path, row: str) -> None:
    begin(path)
    execute(path, f"UPDATE state SET row = '{row}'")
    ledger = opened(path)
    with pytest.raises(TamperError, match="becalm record rebuild"):
        ledger.append(plain(arrest(corrects=1)))
    assert ledger.head().size == 2
    ledger.close()


def test_a_cut_tail_is_found_where_its_size_was_mended_too(path: Path) -> None:
    begin(path)
    execute(
        path, "DROP TRIGGER event_remains", "DELETE FROM event WHERE seq = 2", "UPDATE ledger SET size = 1"
    )
    path.with_suffix(".head").unlink()
    ledger = opened(path)
    verdict = verify_ledger(LedgerCopy(ledger.identity, ledger.rows, (), noted_heads=ledger.noted_heads()))
    ledger.close()
    assert [(finding.kind, finding.first_seq) for finding in verdict.findings] == [("shorter", 2)]


def test_a_copy_of_an_entry_put_in_is_named_where_it_stands(path: Path) -> None:
    begin(path)
    columns = "recorded_at, occurred_at, kind, version, actor, role, purpose, programme, subject, facts"
    columns += ", corrects, commitment, previous, hash"
    execute(path, f"INSERT INTO event SELECT 3, {columns} FROM event WHERE seq = 1")
    ledger = opened(path)
    verdict = verify_ledger(LedgerCopy(ledger.identity, ledger.rows, ()))
    ledger.close()
    assert [(finding.kind, finding.first_seq) for finding in verdict.findings] == [("inserted", 3)]

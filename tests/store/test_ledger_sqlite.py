"""The ledger on SQLite in its file: strictness, refusals, full and failing disks, several processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from ledgers import NOON, SetClock, access, arrest, draw_salt, open_sqlite, plain, require_chained, visit

from becalm.ledger import Entry, EventToAppend, Head, hash_row
from becalm.ledger.store.copy_guard import HeadMemo
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.ledger.store.sqlite_file import LedgerFile
from becalm.ledger.store.tables import REVISION, metadata
from becalm.terms import LedgerError, TamperError

SUPPORT = Path(__file__).resolve().parents[1] / "support"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path, clock: SetClock) -> Iterator[SqliteLedger]:
    made = open_sqlite(path, now=clock, draw_salt=draw_salt)
    yield made
    made.close()


def execute(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Run these statements on the file, as its owner could; the rows of the last."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def test_the_migrations_make_the_tables_that_are_declared(path: Path, ledger: SqliteLedger) -> None:
    file = LedgerFile(path, lambda: "")
    with file.reading() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION
    file.close()
    script = ScriptDirectory(
        str(Path(sys.modules["becalm.ledger.store.tables"].__file__ or "").parent / "migrations")
    )
    assert script.get_current_head() == REVISION


def test_a_ledger_of_a_newer_becalm_is_refused(path: Path, ledger: SqliteLedger) -> None:
    ledger.close()
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="'9999'"):
        open_sqlite(path, now=SetClock(), draw_salt=draw_salt)


def test_commits_are_durable_and_deletions_overwrite(path: Path, ledger: SqliteLedger) -> None:
    file = LedgerFile(path, lambda: "")
    with file.reading() as connection:
        asked = ("journal_mode", "synchronous", "secure_delete", "temp_store")
        settings = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    file.close()
    assert settings == ["wal", 2, 1, 2]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'nobody' WHERE seq = 1",
        "DELETE FROM event WHERE seq = 2",
        "DELETE FROM event",
        "INSERT OR REPLACE INTO event SELECT * FROM event WHERE seq = 1",
        "INSERT INTO event SELECT 9, recorded_at, occurred_at, kind, version, actor, role, purpose, "
        "programme, subject, facts, corrects, commitment, previous, hash FROM event WHERE seq = 1",
        "UPDATE ledger SET identity = 'another'",
        "DELETE FROM ledger",
        "INSERT INTO ledger SELECT 2, identity, size, tree, folds, unscrubbed FROM ledger",
        "INSERT INTO payload VALUES (1, 'text', 7)",
    ],
)
def test_the_file_refuses_what_would_rewrite_it(path: Path, ledger: SqliteLedger, statement: str) -> None:
    entries = ledger.append(plain(visit(), visit()))
    with pytest.raises(sqlite3.IntegrityError):
        execute(path, statement)
    assert tuple(ledger.entries()) == entries


def test_a_full_disk_is_said_and_the_ledger_goes_on_when_there_is_room(
    path: Path, ledger: SqliteLedger
) -> None:
    ledger.append(plain(visit()))
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    with (
        ledger._file.writing() as connection
    ):  # the limit is the connection's own: the disk is full for it alone
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="disk is full"):
        ledger.append([EventToAppend(visit(), b"x" * 100_000), *plain(visit())])
    assert (ledger.head().size, len(ledger.state_rows("visit"))) == (1, 1)
    assert ledger.append([EventToAppend(visit(), b"x" * 100_000)])[0].seq == 2
    assert ledger.rebuild() == ()


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {support!r})
from ledgers import NOON, SetClock, draw_salt, open_sqlite, visit
from becalm.ledger.protocol import EventToAppend
from becalm.terms import LedgerError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = open_sqlite(Path({path!r}), now=SetClock(), draw_salt=draw_salt)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
turn = 0
while True:
    turn += 1
    try:
        ledger.append([EventToAppend(visit(), b"y" * 3000) for _ in range(1 + turn % 7)])
        print(ledger.head().size, flush=True)
    except LedgerError as error:
        print(error, flush=True)
        break
"""


@pytest.mark.parametrize("limit", [150_000, 333_333, 1_000_001])
def test_a_write_that_the_system_cuts_short_leaves_nothing_half_done(path: Path, limit: int) -> None:
    program = FULL.format(support=str(SUPPORT), path=str(path), limit=limit)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *sizes, said = done.stdout.splitlines()
    assert "failed: the disk" in said
    assert "nothing was written" in said
    again = open_sqlite(path, now=SetClock(NOON + timedelta(hours=1)), draw_salt=draw_salt)
    assert again.head().size == int(sizes[-1])
    assert again.head() == require_chained(again)
    assert again.rebuild() == ()
    assert again.append(plain(visit()))[0].seq == int(sizes[-1]) + 1
    again.close()


def test_a_writer_that_does_not_let_go_is_waited_for_and_then_named(path: Path, ledger: SqliteLedger) -> None:
    ledger.close()
    ledger._file._engine.dispose()
    hasty = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    hasty._file = LedgerFile(path, lambda: "", wait_seconds=0.3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(LedgerError, match="another process"):
            hasty.append(plain(visit()))
        assert 0.2 < time.monotonic() - began < 5
        other.execute("ROLLBACK")
    assert hasty.append(plain(visit()))[0].seq == 1
    hasty._file.close()
    hasty.close()


def test_a_file_that_is_no_ledger_is_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"a diary, and no database " * 100)
    with pytest.raises(LedgerError, match="no ledger"):
        open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    assert path.read_bytes() == b"a diary, and no database " * 100


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        open_sqlite(tmp_path / "nowhere" / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)


def without_triggers(path: Path, statement: str) -> None:
    """What an owner may do, who first takes the triggers away."""
    names = [str(name) for (name,) in execute(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    execute(path, *(f"DROP TRIGGER {name}" for name in names), statement)


@pytest.mark.parametrize(
    ("statement", "first"),
    [("DELETE FROM event WHERE seq > 3", 4), ("UPDATE ledger SET size = 2", 3)],
)
def test_a_tail_that_was_cut_stops_every_writer(
    path: Path, ledger: SqliteLedger, statement: str, first: int
) -> None:
    ledger.append(plain(*[visit()] * 5))
    without_triggers(path, statement)
    with pytest.raises(TamperError, match=f"entry {first} is the first"):
        ledger.append(plain(visit()))
    with pytest.raises(TamperError, match=f"entry {first} is the first"):
        ledger.head()


def test_a_cut_tail_whose_size_was_altered_too_is_noticed_by_the_head_beside(
    path: Path, ledger: SqliteLedger
) -> None:
    ledger.append(plain(*[visit()] * 5))
    without_triggers(path, "DELETE FROM event WHERE seq > 3")
    execute(path, "UPDATE ledger SET size = 3")
    with pytest.raises(LedgerError, match="does not hold entry 5"):
        ledger.append(plain(visit()))


def test_a_payload_that_was_altered_is_not_taken_for_the_true_one(path: Path, ledger: SqliteLedger) -> None:
    ledger.append([EventToAppend(visit(), b"Ann")])
    execute(path, "UPDATE payload SET body = x'426f62'")
    with pytest.raises(TamperError, match="payload of entry 1"):
        ledger.payload(1, access=access())


def test_rebuilding_names_and_mends_every_row_that_was_altered(path: Path, ledger: SqliteLedger) -> None:
    ledger.append(plain(arrest(), arrest("U2"), visit("p1"), visit("p2")))
    before = ledger.state_rows("arrest"), ledger.state_rows("visit")
    execute(
        path,
        "UPDATE state SET row = replace(row, 'U2', 'U9') WHERE name = 'arrest'",
        "DELETE FROM state WHERE name = 'visit' AND row LIKE '%p1%'",
        "INSERT INTO state VALUES ('visit', 'zz', '{\"made\":\"up\"}')",
    )
    found = ledger.rebuild()
    assert [line.split(":")[0] for line in found] == [
        "arrest '000000000002'",
        "visit '000000000003'",
        "visit 'zz'",
    ]
    assert "the entries say nothing" in found[2]
    assert (ledger.state_rows("arrest"), ledger.state_rows("visit")) == before
    assert ledger.rebuild() == ()


def test_a_row_that_no_ledger_writes_is_named(path: Path, ledger: SqliteLedger) -> None:
    ledger.append(plain(visit(), visit()))
    without_triggers(path, "UPDATE event SET facts = 'x' WHERE seq = 2")
    with pytest.raises(TamperError, match="Entry 2"):
        list(ledger.entries())
    sound, altered = ledger.rows()
    assert (hash_row(sound) == sound[-1], hash_row(altered) == altered[-1]) == (True, False)


def test_processes_that_make_and_write_one_ledger_at_once_make_one_chain(path: Path) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, SUPPORT / "ledger_writer.py", path, str(n), "8"], stdout=subprocess.PIPE
        )
        for n in range(3)
    ]
    printed = [program.communicate()[0].decode() for program in programs]
    assert [program.returncode for program in programs] == [0, 0, 0]
    ledger = open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt)
    assert ledger.head() == require_chained(ledger)
    visits = [entry for entry in ledger.entries() if entry.event.kind == "visit_made"]
    said = [line.split() for text in printed for line in text.splitlines()]
    assert sorted(entry.event.subject for entry in visits) == sorted(p for _, *people in said for p in people)
    assert (len(said), ledger.rebuild(), ledger.lost_heads()) == (3 * 3 * 8, (), ())
    ledger.close()


def test_a_head_is_never_read_while_half_of_it_is_written(tmp_path: Path) -> None:
    heads = [Head(size, "", sign * 64) for size, sign in ((7, "a"), (123_456, "b"))]
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            memo = HeadMemo(tmp_path / "l.head")
            memo.begin(heads[0], "log")
            for head in heads * 20:
                memo.write_head(head, "log")
            memo.close()
            memo.path.unlink()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {HeadMemo(tmp_path / "l.head").read_head() for _ in range(20_000)}
    finally:
        is_over.set()
        writer.join()
    assert seen <= {None, *heads}
    assert len(seen) >= 2


def test_a_head_that_another_program_kept_first_is_not_written_over(tmp_path: Path) -> None:
    memo = HeadMemo(tmp_path / "l.head")
    memo.write_head(Head(5, "", "a" * 64), "log")
    HeadMemo(memo.path).begin(Head(0, "", "0" * 64), "log")
    assert memo.read_head() == Head(5, "", "a" * 64)
    memo.close()


def test_entries_stream_page_by_page(
    path: Path, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("becalm.ledger.store.database_ledger.PAGE_ROW_COUNT", 7)
    for size in (6, 1, 1, 20):
        ledger.append(plain(*[visit()] * size))
        entries: list[Entry] = list(ledger.entries())
        assert [entry.seq for entry in entries] == list(range(1, ledger.head().size + 1))
        assert len(list(ledger.entries(kinds=["visit_made"], after=3))) == len(entries) - 3

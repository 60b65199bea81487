"""What stands beside the chain is audited too: schema, state tables, details; figures come over the chain."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOON,
    SetClock,
    access,
    arrest,
    draw_salt,
    erasure,
    key_named,
    open_postgres,
    open_sqlite,
    plain,
    visit,
)
from postgres import Server
from sqlalchemy import make_url

from becalm.ledger import (
    Event,
    EventToAppend,
    Ledger,
    LedgerCopy,
    draw_key,
    format_instant,
    verify_ledger,
)
from becalm.ledger.chain_check import SenseRules
from becalm.ledger.signing import clock_facts
from becalm.ledger.store import backup, postgres_server, postgres_setup, sqlite, tables
from becalm.ledger.store.payloads import read_payload_key
from becalm.ledger.store.schema_audit import load_postgres_objects, read_postgres_objects
from becalm.ledger.store.sqlite import SqliteLedger
from becalm.terms import EventError, LedgerError, TamperError

MakeLedger = Callable[..., Ledger]


def verdict_of(ledger: Ledger, now: datetime = NOON + timedelta(hours=1)) -> Any:
    rules = SenseRules(set(ledger.kinds.by_key), format_instant(now))
    commitments = ledger.payload_commitments()
    copy = LedgerCopy(ledger.identities[0], ledger.rows, (), commitments, sense_rules=rules)
    return verify_ledger(copy)


def begin(ledger: Ledger) -> None:
    ledger.append(plain(arrest("U1"), arrest("U2"), visit("p1"), visit("p2")))
    ledger.append([EventToAppend(visit("p3"), b"a name")])
    ledger.append(plain(access("p1", actor="coordinator")))


def test_an_honest_ledger_has_nothing_to_find(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    begin(ledger)
    ledger.erase([5], erasure=erasure([5]))
    assert ledger.audit() == ()
    assert verdict_of(ledger).findings == ()


def test_verified_entries_are_those_of_the_chain(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    begin(ledger)
    kinds = ("arrest_made", "visit_made")
    assert ledger.verified_entries(kinds=kinds) == tuple(ledger.entries(kinds=kinds))
    ledger.append(plain(arrest("U3"), visit("p1")))
    assert ledger.verified_entries(kinds=kinds) == tuple(ledger.entries(kinds=kinds))
    assert [e.seq for e in ledger.verified_entries(subject="p1")] == [3, 6, 8]
    assert [e.seq for e in ledger.verified_entries(actor="coordinator")] == [6]
    assert [e.seq for e in ledger.verified_entries()] == list(range(1, 9))


# --- SQLite: what an owner of the file may do ------------------------------------------------------------

SQLITE_WAYS = {
    "a partial index in the place of another": (
        "DROP INDEX event_by_kind",
        "CREATE INDEX event_by_kind ON event (kind, seq) WHERE seq > 1",
    ),
    "a trigger that copies details": (
        "CREATE TABLE copies (seq, body)",
        "CREATE TRIGGER keeps BEFORE DELETE ON payload "
        "BEGIN INSERT INTO copies VALUES (old.seq, old.body); END",
    ),
    "a trigger that swallows what was seen": (
        "CREATE TRIGGER swallows BEFORE INSERT ON event WHEN new.kind = 'record_accessed' "
        "BEGIN SELECT raise(IGNORE); END",
    ),
    "a guard that was dropped": ("DROP TRIGGER event_stays",),
    "a guard that was hollowed": (
        "DROP TRIGGER event_stays",
        "CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT 1; END",
    ),
    "a table with a name in it": ("CREATE TABLE notes (name TEXT)", "INSERT INTO notes VALUES ('Ann')"),
    "a view": ("CREATE VIEW people AS SELECT subject FROM event",),
    "details beside no entry": ("INSERT INTO payload VALUES (99, zeroblob(32), x'41')",),
    "a forged state row": ("INSERT INTO state VALUES ('erased', '000000000005', '{\"seq\":5}')",),
    "a state row that is none": ("INSERT INTO state VALUES ('access', 'x', 'rubbish')",),
    "a state row taken out": ("DELETE FROM state WHERE name = 'access'",),
    "another stamp": ("UPDATE alembic_version SET version_num = '0009'",),
    "other folds": ("UPDATE ledger SET folds = 'none'",),
}


@pytest.mark.parametrize("statements", SQLITE_WAYS.values(), ids=SQLITE_WAYS)
def test_what_an_owner_does_beside_the_chain_is_found(tmp_path: Path, statements: tuple[str, ...]) -> None:
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    assert ledger.audit() != ()
    ledger.close()


def test_a_partial_index_alters_no_figure(tmp_path: Path) -> None:
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DROP INDEX event_by_kind")
        connection.execute("CREATE INDEX event_by_kind ON event (kind, seq) WHERE seq > 1")
    assert len(ledger.verified_entries(kinds=("arrest_made",))) == 2
    ledger.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE event SET actor = 'U9' WHERE seq = 2", "Entry 2 is not what was written"),
        ("DELETE FROM event WHERE seq = 2", "Entry 2 is not what was written"),
        ("DELETE FROM event WHERE seq > 4", "was written to entry"),
    ],
)
def test_nothing_is_counted_over_a_broken_chain(tmp_path: Path, statement: str, message: str) -> None:
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER event_stays")
        connection.execute("DROP TRIGGER event_remains")
        connection.execute(statement)
    with pytest.raises(TamperError, match=message):
        ledger.verified_entries(kinds=("arrest_made",))
    ledger.close()


# --- PostgreSQL -------------------------------------------------------------------------------------------

POSTGRES_WAYS = {
    "an altered read policy": (
        "ALTER POLICY event_is_read ON event USING (kind <> 'arrest_made' OR current_user <> 'becalm')",
    ),
    "one policy more": ("CREATE POLICY hides ON event AS RESTRICTIVE FOR SELECT USING (seq > 1)",),
    "row security put off": ("ALTER TABLE event DISABLE ROW LEVEL SECURITY",),
    "a guard put off": ("ALTER TABLE event DISABLE TRIGGER event_stays",),
    "a hollow function": (
        "CREATE OR REPLACE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
    ),
    "a trigger that copies details": (
        "CREATE TABLE copies (sealed bytea)",
        "CREATE FUNCTION copying() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO copies VALUES (old.sealed); RETURN old; END $$",
        "CREATE TRIGGER keeps BEFORE DELETE ON payload FOR EACH ROW EXECUTE FUNCTION copying()",
    ),
    "a rule that swallows": ("CREATE RULE swallows AS ON INSERT TO checkpoint DO INSTEAD NOTHING",),
    "a right given away": ("GRANT UPDATE ON event TO becalm_app",),
    "a right for everybody": ("GRANT SELECT ON payload_key TO PUBLIC",),
    "another index": (
        "DROP INDEX event_by_kind",
        "CREATE INDEX event_by_kind ON event (kind, seq) WHERE seq > 1",
    ),
    "a check dropped": ("ALTER TABLE event DROP CONSTRAINT event_seq_counts_from_one",),
    "a column more": ("ALTER TABLE event ADD COLUMN note text",),
    "details beside no entry": ("INSERT INTO payload VALUES ('ab', '\\x41')",),
    "a key beside no details": ("INSERT INTO payload_key VALUES ('ab', '\\x41')",),
    "a forged state row": ("INSERT INTO state VALUES ('erased', '000000000005', '{\"seq\":5}')",),
}


@pytest.mark.parametrize("statements", POSTGRES_WAYS.values(), ids=POSTGRES_WAYS)
def test_what_an_owner_of_the_tables_does_is_found(
    postgres: Server, postgres_ledger: str, statements: tuple[str, ...]
) -> None:
    ledger = open_postgres(postgres_ledger, now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    database = str(make_url(postgres_ledger).database)
    postgres.sql("SET search_path = becalm", *statements, database=database)
    assert ledger.audit() != ()
    ledger.close()


def test_the_schema_that_is_compared_is_the_one_that_is_made(postgres_ledger: str) -> None:
    ledger = open_postgres(postgres_ledger, draw_salt=draw_salt)
    with ledger._database.reading() as connection:
        assert read_postgres_objects(connection) == load_postgres_objects()
    ledger.close()


JUNK = (
    "rubbish",
    "[]",
    "[[1]]",
    '[["a"]]',
    "{}",
    "null",
    '[[0,"x","y","z",1,"","","","","","{}",null,"","",""]]',
)


@pytest.mark.parametrize("events", JUNK)
def test_rubbish_that_was_handed_in_stops_nobody(postgres: Server, postgres_ledger: str, events: str) -> None:
    database = str(make_url(postgres_ledger).database)
    statement = f"INSERT INTO becalm.pending (ticket, events) VALUES ('junk', '{events}')"
    postgres.sql(statement, database=database)
    ledger = open_postgres(postgres_ledger, draw_salt=draw_salt)
    assert [entry.seq for entry in ledger.append(plain(visit()))] == [1]
    assert postgres.sql("SELECT ticket FROM becalm.pending", database=database) == [("junk",)]  # it stays
    (refusal,) = postgres.sql("SELECT refusal FROM becalm.receipt WHERE first = 0", database=database)
    assert "no event" in refusal[0]
    assert verdict_of(ledger, datetime.now(UTC) + timedelta(hours=1)).findings == ()
    ledger.close()


def test_whoever_may_only_connect_cannot_hold_the_turn(postgres: Server, postgres_ledger: str) -> None:
    import psycopg

    database = str(make_url(postgres_ledger).database)
    postgres.sql("DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN", database=database)
    told = f"host={postgres.folder} dbname={database} user=stranger"
    with psycopg.connect(told) as stranger:
        stranger.execute("SELECT pg_advisory_lock(25189, 1), pg_advisory_lock(25189, 2)")
        with closing(open_postgres(postgres_ledger, draw_salt=draw_salt)) as ledger:
            assert ledger.append(plain(visit()))[0].seq == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.execute("LOCK TABLE becalm.sealing_turn IN EXCLUSIVE MODE")
    postgres.sql("DROP ROLE stranger", database=database)


def test_details_are_destroyed_under_an_entry_that_names_them_alone(
    postgres: Server, postgres_ledger: str
) -> None:
    import psycopg

    with closing(open_postgres(postgres_ledger, draw_salt=draw_salt)) as ledger:
        ledger.append([EventToAppend(visit(), b"a name"), EventToAppend(visit(), b"another")])
        commitment = next(iter(ledger.entries())).commitment
        told = f"host={postgres.folder} dbname={make_url(postgres_ledger).database} user=becalm"
        with psycopg.connect(told) as program, pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            program.execute("SELECT becalm.erase_payloads(%s)", ([commitment],))
        ledger.erase([1], erasure=erasure([1]))
        assert [seq for seq, _ in ledger.payload_commitments()] == [2]


# --- the clock --------------------------------------------------------------------------------------------


def test_an_entry_far_ahead_is_refused_and_a_wrong_clock_is_set_right(
    make_ledger: MakeLedger, clock: SetClock
) -> None:
    ledger, key = make_ledger(), draw_key()
    ledger.append(plain(key_named(key)))
    clock.instant = NOON + timedelta(days=3653)
    with pytest.raises(LedgerError, match="more than 400 days"):
        ledger.append(plain(visit()))
    clock.instant = NOON + timedelta(days=300)  # a wrong clock that nobody can tell
    ledger.append(plain(visit()))
    clock.instant = NOON + timedelta(days=1)
    with pytest.raises(LedgerError, match="was set back"):
        ledger.append(plain(visit()))
    *_, last = ledger.entries()
    facts = clock_facts(last, ledger.identity, clock.instant, reason="the battery died", signing_key=key)
    (entry,) = ledger.append(plain(Event("clock_corrected", 1, NOON, "it", "it", "proof", facts)))
    assert entry.recorded_at < last.recorded_at
    assert ledger.append(plain(visit()))[0].seq == 4
    assert verdict_of(ledger, NOON + timedelta(days=400)).findings == ()


def test_a_correction_that_nobody_signed_is_found(make_ledger: MakeLedger, clock: SetClock) -> None:
    ledger = make_ledger()
    ledger.append(plain(key_named(draw_key()), visit()))
    *_, last = ledger.entries()
    facts = clock_facts(last, ledger.identity, NOON, reason="none", signing_key=draw_key())
    clock.instant = NOON
    ledger.append(plain(Event("clock_corrected", 1, NOON, "it", "it", "proof", facts)))
    assert [(f.kind, f.first_seq) for f in verdict_of(ledger).findings] == [("sense", 3)]


# --- erased details, and details enciphered ----------------------------------------------------------------


def test_a_copy_put_back_revives_nothing(tmp_path: Path) -> None:
    path, kept = tmp_path / "ledger.sqlite", tmp_path / "kept.sqlite"
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    ledger.append([EventToAppend(visit("p1"), b"Zebedee Quill"), EventToAppend(visit("p2"), b"Ann Other")])
    ledger.close()
    kept.write_bytes(path.read_bytes())
    head = path.with_suffix(".head").read_bytes()
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    ledger.erase([1], erasure=erasure([1]))
    ledger.close()
    path.write_bytes(kept.read_bytes())
    path.with_suffix(".head").write_bytes(head)  # so that nobody can tell by it
    again = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    assert again.payload(1, access=access("p1")) is None
    assert again.payload(2, access=access("p2")) == b"Ann Other"
    again.close()
    assert b"Zebedee" not in path.read_bytes()


def test_details_in_a_file_are_enciphered_and_lost_with_their_key(tmp_path: Path) -> None:
    path, key_file = tmp_path / "ledger.sqlite", tmp_path / "keys" / "details.key"

    def opened() -> SqliteLedger:
        def get_key(may_draw: bool) -> bytes:
            return read_payload_key(key_file, draw_salt, may_draw=may_draw)

        return open_sqlite(path, now=SetClock(), draw_salt=draw_salt, payload_key=get_key)

    ledger = opened()
    ledger.append([EventToAppend(visit("p1"), b"Zebedee Quill"), EventToAppend(visit("p2"), b"Ann Other")])
    assert ledger.payload(1, access=access("p1")) == b"Zebedee Quill"
    assert verdict_of(ledger).findings == ()
    ledger.erase([2], erasure=erasure([2]))
    ledger.close()
    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, key_file, path.with_suffix(".head"))} == {
        0o600
    }
    assert b"Zebedee" not in path.read_bytes()
    key_text = key_file.read_text()
    key_file.unlink()
    again = opened()
    for ask in (
        lambda: again.payload(1, access=access("p1")),
        lambda: again.append([EventToAppend(visit(), b"x")]),
    ):
        with pytest.raises(LedgerError, match="nobody can ever read"):
            ask()
    assert again.append(plain(visit()))[0].seq > 0
    again.close()
    key_file.write_text("00" * 32 + "\n")
    key_file.chmod(0o600)
    wrong = opened()
    with pytest.raises(TamperError, match="was altered"):
        wrong.payload(1, access=access("p1"))
    wrong.close()
    key_file.write_text(key_text)
    assert verdict_of(opened()).findings == ()


def test_plain_details_are_enciphered_by_one_call(tmp_path: Path) -> None:
    path, key = tmp_path / "ledger.sqlite", draw_salt()
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    ledger.append([EventToAppend(visit("p1"), b"Zebedee Quill"), EventToAppend(visit("p2"), b"Ann Other")])
    ledger.close()
    assert b"Zebedee" in path.read_bytes()
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt, payload_key=lambda _: key)
    assert verdict_of(ledger).findings == ()
    assert (ledger.encipher_payloads(), ledger.encipher_payloads()) == (2, 0)
    assert ledger.payload(1, access=access("p1")) == b"Zebedee Quill"
    assert verdict_of(ledger).findings == ()
    ledger.close()
    assert not [file for file in tmp_path.iterdir() if b"Zebedee" in file.read_bytes()]


# --- entries without sense ----------------------------------------------------------------------------------


def test_entries_that_no_ledger_would_take_are_named(make_ledger: MakeLedger, clock: SetClock) -> None:
    ledger = make_ledger()
    begin(ledger)
    kinds = set(ledger.kinds.by_key) - {("visit_made", 1)}
    late = LedgerCopy(ledger.identities[0], ledger.rows, (), sense_rules=SenseRules(kinds, "2020-01-01"))
    found = verify_ledger(late).findings
    assert {f.kind for f in found} == {"sense"}
    assert sum("in the future" in f.description for f in found) == 6
    assert [f.first_seq for f in found if "no ledger knows" in f.description] == [3, 4, 5]
    with pytest.raises(EventError, match="not a pseudonym"):
        ledger.append(plain(visit("Ann Other")))


@pytest.mark.parametrize("row", ["rubbish", '{"seq": 5}'])
def test_a_forged_state_row_does_not_stop_an_erasure(tmp_path: Path, row: str) -> None:
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("INSERT INTO state VALUES ('erased', '000000000005', ?)", (row,))
    ledger.erase([5], erasure=erasure([5]))
    assert ledger.payload(5, access=access("p3")) is None
    assert verdict_of(ledger).findings == ()
    ledger.close()


def test_details_that_a_dump_brings_back_are_not_shown(
    postgres: Server, postgres_ledger: str, tmp_path: Path
) -> None:
    database = str(make_url(postgres_ledger).database)
    memo = tmp_path / "ledger.head"
    with closing(open_postgres(postgres_ledger, draw_salt=draw_salt, memo=memo)) as ledger:
        ledger.append([EventToAppend(visit("p1"), b"a name")])
        tables = ("payload", "payload_key")
        kept = {table: postgres.sql(f"SELECT * FROM becalm.{table}", database=database) for table in tables}
        ledger.erase([1], erasure=erasure([1]))
        for table, ((commitment, content),) in kept.items():
            statement = f"INSERT INTO becalm.{table} VALUES ('{commitment}', '\\x{bytes(content).hex()}')"
            postgres.sql(statement, database=database)
        assert ledger.payload(1, access=access("p1")) is None
        assert ledger.revived_seqs() == (1,)
        verdict = verdict_of(ledger, datetime.now(UTC) + timedelta(hours=1))
        assert [f.kind for f in verdict.findings] == ["payload"]
        ledger.erase([1], erasure=erasure([1]))
        assert ledger.revived_seqs() == ()


def test_a_register_that_somebody_holds_is_refused_with_the_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LOCK_WAIT_SECONDS", 0.1)
    path = tmp_path / "ledger.sqlite"
    open_sqlite(path, now=SetClock(), draw_salt=draw_salt).close()
    with backup._open_register(path), pytest.raises(LedgerError, match=f"process {os.getpid()}"):
        backup.back_up(path, tmp_path / "copy.sqlite", now=NOON)


def test_an_audit_beside_other_work_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONG_LEDGER", 1)
    ledger = open_sqlite(tmp_path / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    assert ledger.start_audit()() == ()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE notes (name TEXT)")
        connection.execute("DELETE FROM state WHERE name = 'access'")
    collect = ledger.start_audit()
    ledger.append(plain(arrest("U3")))
    assert {finding.kind for finding in collect()} == {"schema", "state"}
    assert ledger.append(plain(arrest("U4")))[0].seq == 8
    ledger.close()


# --- ledgers of the format before ------------------------------------


def test_a_file_of_the_format_before_opens_verifies_and_is_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    begin(ledger)
    ledger.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute("DROP TABLE receipt")
    words = path.with_suffix(".head").read_text().split()
    path.with_suffix(".head").write_text(f"{words[0]} {words[1]}\n")  # it did not name the log
    path.with_suffix(".erased").unlink(missing_ok=True)
    again = open_sqlite(path, now=SetClock(), draw_salt=draw_salt, payload_key=lambda _: draw_salt())
    assert (again.audit(), verdict_of(again).findings) == ((), ())
    assert again.payload(5, access=access("p3")) == b"a name"
    assert again.append(plain(visit()))[0].seq == 8
    again.close()


def test_a_server_of_the_revision_before_is_brought_up_by_one_call(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.sql("DROP DATABASE IF EXISTS older WITH (FORCE)", "CREATE DATABASE older")
    owner, app = postgres.url("older"), postgres.url("older", "becalm")
    for revision in ("0001", "0002", "0003"):
        for module in (postgres_server, postgres_setup, tables):
            monkeypatch.setattr(module, "REVISION", revision)
        prepare = postgres_setup.prepare_server
        if revision > "0001":
            with pytest.raises(LedgerError, match="becalm record init"):
                open_postgres(app, draw_salt=draw_salt)
        prepared = prepare(owner, app, draw_identity=lambda: draw_salt().hex()[:32])
        assert prepared.revision == revision
    with closing(open_postgres(app, draw_salt=draw_salt)) as ledger:
        ledger.append([EventToAppend(visit(), b"a name")])
        ledger.erase([1], erasure=erasure([1]))
        assert ledger.audit() == ()
    postgres.drop(owner)

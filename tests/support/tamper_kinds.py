"""More than a hundred kinds of tampering by the owner of a database, for both stores, each under its name.

Each takes the connection of the owner, chance and the honest scene. What it leaves is consistent as far as
the owner can make it so: the notes that the ledger keeps of itself are mended, hashes are computed anew.
"""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random

from sqlalchemy import Connection, text
from tamper_finer import (
    BOTH_FINER,
    FAR,
    POSTGRES_FINER,
    POSTGRES_SUPERUSER,
    SQLITE_FINER,
    SQLITE_FORGERIES,
    forge_schema,
    put_row,
    write_state_otherwise,
)
from tampering import (
    INSERT,
    Scene,
    Way,
    another,
    changed_row,
    cut_the_tail,
    link,
    note_again,
    replace_all,
    rewrite_from,
    set_row,
    shift,
    sign_again,
    swap_the_key,
    swap_the_key_in_the_entries,
    take_another_ledger,
    written_as_facts,
)

from becalm.ledger import StoredRow, draw_key
from becalm.ledger.chain import COLUMNS

Act = Callable[[Connection, Random, Scene], None]
FAR_FUTURE, FAR_PAST = "2090-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"


def is_sqlite(db: Connection) -> bool:
    return db.dialect.name == "sqlite"


def run(db: Connection, *statements: str) -> None:
    for statement in statements:
        db.exec_driver_sql(statement.replace("%", "%%") if not is_sqlite(db) else statement)


# --- one column --------------------


def edit(column: str, db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.randint(1, scene.size)
    row = dict(zip(COLUMNS, scene.rows[seq - 1], strict=True))
    set_row(db, seq, {column: another(rng, column, row[column])})


def edit_and_hash(column: str, db: Connection, rng: Random, scene: Scene) -> None:
    """The last entry, of which no other one tells, with notes and hashes as they should be."""
    rows = [*scene.rows[:-1], changed_row(rng, scene.rows[-1], column)]
    put(db, rows, scene)


def put(db: Connection, rows: list[StoredRow], scene: Scene) -> None:
    """These rows as a ledger that holds in itself."""
    linked = link(rows, scene.identity)
    replace_all(db, linked)
    note_again(db, linked)
    sign_again(db, linked, scene.key)


def append(db: Connection, scene: Scene, *, rows_before: int | None = None, **columns: object) -> None:
    """One more entry behind the last, consistent in itself."""
    rows = list(scene.rows[:rows_before])
    fields = {**dict(zip(COLUMNS, scene.rows[1], strict=True)), "commitment": "", "corrects": None}
    fields |= {"seq": len(rows) + 1, "recorded_at": rows[-1][1], "occurred_at": rows[-1][1], **columns}
    new_row: StoredRow = tuple(fields[name] for name in COLUMNS)  # type: ignore[assignment] # same columns
    linked = link([*rows, new_row], scene.identity)
    if rows_before is not None:
        run(
            db,
            f"DELETE FROM event WHERE seq > {rows_before}",
            f"DELETE FROM checkpoint WHERE size > {rows_before}",
        )
        if is_sqlite(db):
            run(db, f"DELETE FROM payload WHERE seq > {rows_before}")
    db.execute(INSERT, dict(zip(COLUMNS, linked[-1], strict=True)))
    note_again(db, linked)


# --- the place of entries --------------------


def renumber_last(db: Connection, rng: Random, scene: Scene) -> None:
    set_row(db, scene.size, {"seq": scene.size + rng.randint(1, 9)})


def delete_first(db: Connection, rng: Random, scene: Scene) -> None:
    run(db, "DELETE FROM event WHERE seq = 1")


def delete_one(db: Connection, rng: Random, scene: Scene) -> None:
    run(db, f"DELETE FROM event WHERE seq = {rng.randint(2, scene.size - 1)}")


def delete_and_close_up(db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.randint(2, scene.size - 1)
    run(db, f"DELETE FROM event WHERE seq = {seq}")
    shift(db, seq + 1, -1)


def delete_and_link_anew(db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.randint(2, scene.size - 1)
    rows = [row for row in scene.rows if row[0] != seq]
    put(db, [(n, *row[1:]) for n, row in enumerate(rows, start=1)], scene)


def insert_and_link_anew(db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.randint(2, scene.size - 1)
    forged = changed_row(rng, (*scene.rows[1][:12], "", *scene.rows[1][13:]), "facts")
    rows = [*scene.rows[:seq], forged, *scene.rows[seq:]]
    put(db, [(n, *row[1:]) for n, row in enumerate(rows, start=1)], scene)


def copy_one_behind(db: Connection, rng: Random, scene: Scene) -> None:
    row = (scene.size + 1, *rng.choice(scene.rows)[1:])
    db.execute(INSERT, dict(zip(COLUMNS, row, strict=True)))


def swap_neighbours(db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.randint(1, scene.size - 1)
    set_row(db, seq, {"seq": 10**6})
    set_row(db, seq + 1, {"seq": seq})
    set_row(db, 10**6, {"seq": seq + 1})


def swap_and_link_anew(db: Connection, rng: Random, scene: Scene) -> None:
    seq, rows = rng.randint(2, scene.size - 2), [*scene.rows]
    rows[seq], rows[seq - 1] = (seq + 1, *rows[seq - 1][1:]), (seq, *rows[seq][1:])
    put(db, rows, scene)


def cut_last_and_mend(db: Connection, rng: Random, scene: Scene) -> None:
    cut_to(db, scene, scene.size - 1)


def cut_half_and_mend(db: Connection, rng: Random, scene: Scene) -> None:
    cut_to(db, scene, scene.size // 2)


def cut_to(db: Connection, scene: Scene, size: int) -> None:
    run(db, f"DELETE FROM event WHERE seq > {size}", f"DELETE FROM checkpoint WHERE size > {size}")
    if is_sqlite(db):
        run(db, f"DELETE FROM payload WHERE seq > {size}")
    note_again(db, scene.rows[:size])


def empty_it(db: Connection, rng: Random, scene: Scene) -> None:
    cut_to(db, scene, 0)


# --- restores that were never made --------------------


def restored_facts(**facts: object) -> str:
    named = {"size": 0, "root": "0" * 64, "lost_size": 10**6, "first_actor": "Ann Able", "first_reason": "x"}
    return written_as_facts({**named, "second_actor": "Bob Brown", "second_reason": "y", **facts})


def forge_a_restore(db: Connection, rng: Random, scene: Scene) -> None:
    """Rewritten from the first entry, and one row says that a restore gave up every head."""
    rows = [changed_row(rng, scene.rows[0], "actor"), *scene.rows[1:]]
    row = dict(zip(COLUMNS, scene.rows[-1], strict=True))
    row |= {"seq": scene.size + 1, "kind": "ledger_restored", "facts": restored_facts(), "commitment": ""}
    put(db, [*rows, tuple(row.values())], scene)  # type: ignore[list-item] # same columns


def forge_a_restore_on_a_copy(db: Connection, rng: Random, scene: Scene) -> None:
    append(db, scene, rows_before=20, kind="ledger_restored", facts=restored_facts(size=20))


def forge_a_restore_by_one_in_two_alphabets(db: Connection, rng: Random, scene: Scene) -> None:
    facts = restored_facts(size=20, first_actor="ann.", second_actor="\u0430nn")
    append(db, scene, rows_before=20, kind="ledger_restored", facts=facts)


def new_log(scene: Scene, size: int, **facts: object) -> str:
    from tampering import root_of

    old = {"old_ledger": scene.identity, "old_size": size, "old_root": root_of(scene.rows[:size])}
    old |= {"old_last": scene.rows[size - 1][14], "new_ledger": "f" * 32, "reason": "x"}
    return written_as_facts({**old, **facts})


def begin_a_log_on_a_copy(db: Connection, rng: Random, scene: Scene) -> None:
    append(db, scene, rows_before=20, kind="log_begun", facts=new_log(scene, 20))


def begin_a_log_on_all(db: Connection, rng: Random, scene: Scene) -> None:
    append(db, scene, kind="log_begun", facts=new_log(scene, scene.size))


def begin_a_log_with_a_false_head(db: Connection, rng: Random, scene: Scene) -> None:
    append(db, scene, kind="log_begun", facts=new_log(scene, scene.size, old_root="0" * 64))


# --- entries without sense --------------------


def append_with(db: Connection, rng: Random, scene: Scene, **columns: object) -> None:
    append(db, scene, **columns)


def loosen_facts(spoil: Callable[[str], str], db: Connection, rng: Random, scene: Scene) -> None:
    """Facts of an entry near the end, written otherwise, with the hash that belongs to them."""
    seq = next(row[0] for row in reversed(scene.rows) if row[3] == "arrest_made")
    row = scene.rows[seq - 1]
    put(db, [*scene.rows[: seq - 1], (*row[:10], spoil(row[10]), *row[11:]), *scene.rows[seq:]], scene)


# --- signed heads --------------------


def edit_checkpoint(column: str, db: Connection, rng: Random, scene: Scene) -> None:
    number, value = db.execute(text(f"SELECT number, {column} FROM checkpoint ORDER BY number")).first() or (
        0,
        "",
    )
    new_value = value + 1 if column == "size" else another(rng, column, value)
    db.execute(text(f"UPDATE checkpoint SET {column} = :v WHERE number = :n"), {"v": new_value, "n": number})


def add_checkpoint(db: Connection, rng: Random, scene: Scene, *, is_signed: bool) -> None:
    run(
        db,
        "INSERT INTO checkpoint (number, ledger, size, root, last, made_at, key, signature) "
        "SELECT number + 90, ledger, size, root, last, made_at, key, signature FROM checkpoint",
        f"UPDATE checkpoint SET root = '{'0' * 64}', key = '{'1' * 64}' WHERE number > 90",
    )
    if is_signed:
        run(db, f"UPDATE checkpoint SET key = '{draw_key().id}' WHERE number > 90")


# --- details --------------------


def spoil_payload(how: str, db: Connection, rng: Random, scene: Scene) -> None:
    seq = rng.choice(scene.with_payload)
    other = rng.choice([s for s in scene.with_payload if s != seq])
    commitment, other_commitment = scene.rows[seq - 1][12], scene.rows[other - 1][12]
    if is_sqlite(db):
        run(db, SQLITE_PAYLOAD_WAYS[how].format(seq=seq, other=other))
    else:
        run(db, POSTGRES_PAYLOAD_WAYS[how].format(c=commitment, o=other_commitment))


SQLITE_PAYLOAD_WAYS = {
    "the salt": "UPDATE payload SET salt = randomblob(32) WHERE seq = {seq}",
    "a salt of another length": "UPDATE payload SET salt = substr(salt, 1, 20), "
    "body = CAST(substr(salt, 21) || body AS BLOB) WHERE seq = {seq}",
    "the text": "UPDATE payload SET body = x'41' WHERE seq = {seq}",
    "taken out": "DELETE FROM payload WHERE seq = {seq}",
    "those of another entry": "UPDATE payload SET body = (SELECT body FROM payload WHERE seq = {other}), "
    "salt = (SELECT salt FROM payload WHERE seq = {other}) WHERE seq = {seq}",
    "beside no entry": "INSERT INTO payload VALUES (9999, randomblob(32), x'41')",
    "beside an entry that has none": "INSERT INTO payload VALUES (1, randomblob(32), x'41')",
}
POSTGRES_PAYLOAD_WAYS = {
    "the salt": "UPDATE payload_key SET key = sha256(key) WHERE commitment = '{c}'",
    "a salt of another length": "UPDATE payload_key SET key = substr(key, 1, 16) WHERE commitment = '{c}'",
    "the text": "UPDATE payload SET sealed = sha256(sealed) WHERE commitment = '{c}'",
    "taken out": "DELETE FROM payload WHERE commitment = '{c}'",
    "those of another entry": "UPDATE payload SET sealed = "
    "(SELECT sealed FROM payload WHERE commitment = '{o}') WHERE commitment = '{c}'",
    "beside no entry": "INSERT INTO payload VALUES ('ab', sha256('x'))",
    "beside an entry that has none": "INSERT INTO payload_key VALUES ('', sha256('x'))",
}

# --- tables, guards, state --------------------

BOTH_SCHEMA_WAYS = {
    "table: a name in it": ("CREATE TABLE notes (name TEXT)", "INSERT INTO notes VALUES ('Ann')"),
    "view: of subjects": ("CREATE VIEW people AS SELECT subject FROM event",),
    "index: one more": ("CREATE INDEX own ON event (purpose)",),
    "state: a row put in": ("INSERT INTO state VALUES ('erased', '000000000005', '{\"seq\":5}')",),
    "state: a row that is none": ("INSERT INTO state VALUES ('access', 'x', 'rubbish')",),
    "state: rows taken out": ("DELETE FROM state",),
    "state: a row altered": ("UPDATE state SET row = replace(row, 'VSU', 'TSG')",),
    "stamp: another revision": ("UPDATE alembic_version SET version_num = '0009'",),
    "stamp: taken out": ("DELETE FROM alembic_version",),
    **{
        f"index: {index} taken out": (f"DROP INDEX {index}",)
        for index in ("event_by_subject", "event_by_kind", "event_by_actor")
    },
    **{
        f"index: {index} in part": (
            f"DROP INDEX {index}",
            f"CREATE INDEX {index} ON event ({column}, seq) WHERE seq > 3",
        )
        for index, column in (
            ("event_by_subject", "subject"),
            ("event_by_kind", "kind"),
            ("event_by_actor", "actor"),
        )
    },
    "index: in another order": (
        "DROP INDEX event_by_kind",
        "CREATE INDEX event_by_kind ON event (seq, kind)",
    ),
}
SQLITE_SCHEMA_WAYS = {
    "trigger: copies details": (
        "CREATE TRIGGER copies BEFORE DELETE ON payload "
        "BEGIN INSERT INTO state VALUES ('x', old.seq, old.body); END",
    ),
    "trigger: swallows what was seen": (
        "CREATE TRIGGER swallows BEFORE INSERT ON event WHEN new.kind = 'record_accessed' "
        "BEGIN SELECT raise(IGNORE); END",
    ),
    "table: without its check": (
        "ALTER TABLE event RENAME TO old_event",
        "CREATE TABLE event AS SELECT * FROM old_event",
        "DROP TABLE old_event",
    ),
    "table: payload with a column more": ("ALTER TABLE payload ADD COLUMN name TEXT",),
    "table: a row with no number": (
        "ALTER TABLE event RENAME TO old_event",
        "CREATE TABLE event AS SELECT * FROM old_event",
        "INSERT INTO event (seq, kind) VALUES (NULL, 'arrest_made')",
        "DROP TABLE old_event",
    ),
    "index: unique": ("CREATE UNIQUE INDEX hold ON event (hash)",),
    "state: the table with rows of its own": ("ALTER TABLE state ADD COLUMN note TEXT",),
    "table: of checkpoints, hollow": ("ALTER TABLE checkpoint ADD COLUMN note TEXT",),
    "view: in the place of a state table": (
        "ALTER TABLE state RENAME TO old_state",
        "CREATE VIEW state AS SELECT * FROM old_state WHERE 0",
    ),
}
POSTGRES_SCHEMA_WAYS = {
    "trigger: copies details": (
        "CREATE TABLE copies (sealed bytea)",
        "CREATE FUNCTION copying() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO copies VALUES (old.sealed); RETURN old; END $$",
        "CREATE TRIGGER copies BEFORE DELETE ON payload FOR EACH ROW EXECUTE FUNCTION copying()",
    ),
    "trigger: swallows what was seen": (
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallows BEFORE INSERT ON event FOR EACH ROW "
        "WHEN (new.kind = 'record_accessed') EXECUTE FUNCTION swallow()",
    ),
    "policy: reads less": ("ALTER POLICY event_is_read ON event USING (kind <> 'arrest_made' OR seq > 0)",),
    "policy: one more": ("CREATE POLICY hides ON checkpoint AS RESTRICTIVE FOR SELECT USING (size > 0)",),
    "policy: row security put off": ("ALTER TABLE receipt DISABLE ROW LEVEL SECURITY",),
    "function: a guard hollowed": (
        "CREATE OR REPLACE FUNCTION refuse_to_rewrite() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN NULL; END $$",
    ),
    "right: to alter entries": ("GRANT UPDATE ON event TO becalm_app",),
    "right: for everybody": ("GRANT SELECT ON payload_key TO PUBLIC",),
    "rule: swallows heads": ("CREATE RULE swallows AS ON INSERT TO checkpoint DO INSTEAD NOTHING",),
}
SQLITE_GUARDS = (
    *("event_follows", "event_stays", "event_remains", "checkpoint_stays", "checkpoint_remains"),
    *("ledger_keeps_its_identity", "ledger_remains"),
)
POSTGRES_GUARDS = {
    "event_follows": "event",
    "event_stays": "event",
    "checkpoint_stays": "checkpoint",
    "receipt_stays": "receipt",
    "ledger_keeps_its_identity": "ledger",
}


def of_ways(way: Way) -> Act:
    def act(db: Connection, rng: Random, scene: Scene) -> None:
        way(db, rng, scene)

    return act


def statements(*told: str) -> Act:
    def act(db: Connection, _rng: Random, _scene: Scene) -> None:
        run(db, *told)

    return act


def put_row_before(db: Connection, rng: Random, scene: Scene) -> None:
    run(db, "PRAGMA ignore_check_constraints = ON")
    put_row(-FAR, db, rng, scene)


PLAIN_COLUMNS = COLUMNS[1:]
HASHED_COLUMNS = COLUMNS[1:13]

ENTRY_KINDS: Mapping[str, Act] = {
    **{f"edit: {column}": partial(edit, column) for column in PLAIN_COLUMNS},
    **{f"edit and new hash: {column}": partial(edit_and_hash, column) for column in HASHED_COLUMNS},
    "place: the last renumbered": renumber_last,
    "place: the first deleted": delete_first,
    "place: one deleted": delete_one,
    "place: one deleted, the rest closed up": delete_and_close_up,
    "place: one deleted, all linked again": delete_and_link_anew,
    "place: one put in, all linked again": insert_and_link_anew,
    "place: a copy behind the last": copy_one_behind,
    "place: two swapped": swap_neighbours,
    "place: two swapped, all linked again": swap_and_link_anew,
    "end: the last cut off, notes corrected": cut_last_and_mend,
    "end: half cut off, notes corrected": cut_half_and_mend,
    "end: all cut off, notes corrected": empty_it,
    "end: cut off anywhere": of_ways(cut_the_tail),
    "rewritten: from one entry on, signed again": of_ways(rewrite_from),
    "rewritten: another ledger in its place": of_ways(take_another_ledger),
    "rewritten: with another key": of_ways(swap_the_key_in_the_entries),
    "restore: forged over a rewriting": forge_a_restore,
    "restore: forged over an older copy": forge_a_restore_on_a_copy,
    "restore: by one person in two alphabets": forge_a_restore_by_one_in_two_alphabets,
    "restore: a new log on an older copy": begin_a_log_on_a_copy,
    "restore: a new log on all of it": begin_a_log_on_all,
    "restore: a new log with a false head": begin_a_log_with_a_false_head,
    "sense: an unknown kind": partial(append_with, kind="rumour_heard"),
    "sense: an unknown version": partial(append_with, version=99),
    "sense: nobody did it": partial(append_with, actor=" "),
    "sense: for nothing": partial(append_with, purpose=""),
    "sense: recorded in the future": partial(append_with, recorded_at=FAR_FUTURE),
    "sense: recorded before the last": partial(append_with, recorded_at=FAR_PAST, occurred_at=FAR_PAST),
    "sense: occurred after it was recorded": partial(append_with, occurred_at=FAR_FUTURE),
    "sense: a time in words": partial(append_with, occurred_at="noon"),
    "sense: the clock set right unsigned": partial(append_with, kind="clock_corrected"),
    "facts: with a space": partial(loosen_facts, lambda facts: facts.replace(":", ": ", 1)),
    "facts: a name twice": partial(loosen_facts, lambda facts: facts.replace("{", '{"a":1,"a":1,', 1)),
    "facts: a decimal": partial(loosen_facts, lambda facts: facts.replace("{", '{"a":1.5,', 1)),
    "facts: no object": partial(loosen_facts, lambda _facts: "[]"),
    **{
        f"head: its {column}": partial(edit_checkpoint, column)
        for column in ("ledger", "size", "root", "last", "made_at", "key", "signature")
    },
    "head: taken out": statements(
        "DELETE FROM checkpoint WHERE number = (SELECT min(number) FROM checkpoint)"
    ),
    "head: rubbish put in": partial(add_checkpoint, is_signed=False),
    "head: of an unknown key put in": partial(add_checkpoint, is_signed=True),
    "head: all signed with another key": of_ways(swap_the_key),
    "note: of the size": statements("UPDATE ledger SET size = size + 1"),
    "note: of the tree": statements("UPDATE ledger SET tree = '1:' || substr(tree, 3)"),
    "note: rubbish": statements("UPDATE ledger SET tree = 'zz'"),
    "note: of the identity": statements(f"UPDATE ledger SET identity = '{'e' * 32}'"),
    **{f"details: {how}": partial(spoil_payload, how) for how in SQLITE_PAYLOAD_WAYS},
    **{name: statements(*told) for name, told in {**BOTH_SCHEMA_WAYS, **BOTH_FINER}.items()},
    "place: a row far beyond the last": partial(put_row, FAR),
    **{
        f"state: {how}": partial(write_state_otherwise, how)
        for how in ("a name twice", "with a space", "by its number")
    },
}
SQLITE_KINDS: Mapping[str, Act] = {
    **ENTRY_KINDS,
    **{name: statements(*told) for name, told in {**SQLITE_SCHEMA_WAYS, **SQLITE_FINER}.items()},
    **{name: partial(forge_schema, told) for name, told in SQLITE_FORGERIES.items()},
    "place: a row far before the first": put_row_before,
}
POSTGRES_KINDS: Mapping[str, Act] = {
    **ENTRY_KINDS,
    **{name: statements(*told) for name, told in {**POSTGRES_SCHEMA_WAYS, **POSTGRES_FINER}.items()},
}
# Done after the guards stand again.
SQLITE_GUARD_KINDS = {
    **{f"guard: {name} dropped": (f"DROP TRIGGER {name}",) for name in SQLITE_GUARDS},
    "schema: a trigger of another table": (
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET tbl_name = 'checkpoint' WHERE name = 'event_stays'",
    ),
    "view: in the place of the entries": (
        "ALTER TABLE event RENAME TO old_event",
        "CREATE VIEW event AS SELECT * FROM old_event",
    ),
    "guard: one hollowed": (
        "DROP TRIGGER event_stays",
        "CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT 1; END",
    ),
}
POSTGRES_GUARD_KINDS = {
    **{
        f"guard: {name} dropped": (f"DROP TRIGGER {name} ON {table}",)
        for name, table in POSTGRES_GUARDS.items()
    },
    **{
        f"guard: {name} put off": (f"ALTER TABLE {table} DISABLE TRIGGER {name}",)
        for name, table in POSTGRES_GUARDS.items()
    },
    "guard: row security not forced": ("ALTER TABLE event NO FORCE ROW LEVEL SECURITY",),
    **POSTGRES_SUPERUSER,
}

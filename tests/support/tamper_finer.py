"""Kinds of tampering that leave every statement of a database alone as far as it can be seen: the finer ones.

Like those of `tamper_kinds`, each takes the connection of the owner, chance and the honest scene.
"""

from collections.abc import Mapping
from random import Random

from sqlalchemy import Connection, text
from tampering import INSERT, Scene

from becalm.ledger.chain import COLUMNS

Statements = tuple[str, ...]


def put_row(seq: int, db: Connection, _rng: Random, scene: Scene) -> None:
    """The last entry once more, under a number that nobody uses."""
    db.execute(INSERT, dict(zip(COLUMNS, (seq, *scene.rows[-1][1:]), strict=True)))


def forge_schema(statement: str, db: Connection, _rng: Random, _scene: Scene) -> None:
    """Write into SQLite's own table of what there is."""
    db.exec_driver_sql("PRAGMA writable_schema = ON")
    db.exec_driver_sql(statement)
    version = db.exec_driver_sql("PRAGMA schema_version").scalar_one()
    db.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    db.exec_driver_sql("PRAGMA writable_schema = OFF")


def write_state_otherwise(how: str, db: Connection, _rng: Random, _scene: Scene) -> None:
    """A row of a state table that says the same, in other words."""
    name, key, row = db.execute(text("SELECT name, key, row FROM state ORDER BY name, key LIMIT 1")).one()
    ways = {
        "a name twice": row.replace("{", '{"actor":"nobody",', 1),
        "with a space": row.replace(":", ": ", 1),
    }
    ways["by its number"] = row.replace('"actor"', '"\\u0061ctor"', 1)
    values = {"row": ways[how], "name": name, "key": key}
    db.execute(text("UPDATE state SET row = :row WHERE name = :name AND key = :key"), values)


FAR = 2**62 + 5
BOTH_FINER: Mapping[str, Statements] = {
    "head: one twice": (
        "INSERT INTO checkpoint (number, ledger, size, root, last, made_at, key, signature) "
        "SELECT number + 70, ledger, size, root, last, made_at, key, signature "
        "FROM checkpoint WHERE number = 1",
    ),
    "head: its signature in capitals": ("UPDATE checkpoint SET signature = upper(signature)",),
    "head: its signature with a space": ("UPDATE checkpoint SET signature = signature || ' '",),
    "head: its time in fewer figures": ("UPDATE checkpoint SET made_at = replace(made_at, '000Z', 'Z')",),
    "state: a key with a space": ("UPDATE state SET key = key || ' '",),
    "state: a name in capitals": ("UPDATE state SET name = upper(name)",),
    "note: the identity in capitals": ("UPDATE ledger SET identity = upper(identity) || 'A'",),
    "stamp: a second one": ("INSERT INTO alembic_version VALUES ('0001')",),
}
SQLITE_FINER: Mapping[str, Statements] = {
    "text: a zero byte": ("UPDATE event SET actor = actor || char(0) || 'x' WHERE seq = 9",),
    "text: no characters": ("UPDATE event SET role = CAST(x'ff' AS TEXT) WHERE seq = 9",),
    "index: a blank for nothing": (
        "DROP INDEX event_by_subject",
        "CREATE INDEX event_by_subject ON event (subject, seq) WHERE subject != ' '",
    ),
    "index: another collation": (
        "DROP INDEX event_by_kind",
        "CREATE INDEX event_by_kind ON event (kind COLLATE NOCASE, seq)",
    ),
    "index: on an expression": (
        "DROP INDEX event_by_actor",
        "CREATE INDEX event_by_actor ON event (lower(actor), seq)",
    ),
    "table: a generated column": ("ALTER TABLE event ADD COLUMN shown TEXT AS (upper(actor))",),
    "table: statistics of the planner": ("ANALYZE",),
    "table: virtual": ("CREATE VIRTUAL TABLE search USING fts5(name)",),
    "trigger: in place of an insert": (
        "CREATE VIEW heads AS SELECT * FROM checkpoint",
        "CREATE TRIGGER heads_in INSTEAD OF INSERT ON heads BEGIN SELECT 1; END",
    ),
}
SQLITE_FORGERIES: Mapping[str, str] = {
    "schema: two indexes swapped": (
        "UPDATE sqlite_master SET rootpage = (SELECT sum(rootpage) FROM sqlite_master "
        "WHERE name IN ('event_by_kind', 'event_by_actor')) - rootpage "
        "WHERE name IN ('event_by_kind', 'event_by_actor')"
    ),
    "schema: an index that is empty": (
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = "
        "'sqlite_autoindex_alembic_version_1') WHERE name = 'event_by_kind'"
    ),
}
POSTGRES_FINER: Mapping[str, Statements] = {
    "table: unlogged": ("ALTER TABLE state SET UNLOGGED",),
    "column: another collation": ('ALTER TABLE event ALTER COLUMN kind TYPE text COLLATE "und-x-icu"',),
    "right: to make things in the schema": ("GRANT CREATE ON SCHEMA becalm TO PUBLIC",),
    "function: called for nothing": ("ALTER FUNCTION erase_payloads(text[]) IMMUTABLE",),
    "function: an operator of its own": (
        "CREATE FUNCTION alike(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$",
        "CREATE OPERATOR becalm.= (LEFTARG = text, RIGHTARG = text, FUNCTION = alike)",
    ),
    "type: one of its own": ("CREATE DOMAIN becalm.text AS pg_catalog.text CHECK (value <> 'x')",),
}
# Done by a superuser, after the guards stand again.
POSTGRES_SUPERUSER: Mapping[str, Statements] = {
    "server: guards asleep for the program": (
        "ALTER ROLE becalm IN DATABASE tampered SET session_replication_role = replica",
    ),
    "server: the program as the owner": ("GRANT becalm_owner TO becalm",),
    "server: the program past row security": ("ALTER ROLE becalm BYPASSRLS",),
    "server: entries inherited elsewhere": (
        "CREATE SCHEMA elsewhere",
        "CREATE TABLE elsewhere.entries () INHERITS (becalm.event)",
    ),
    "server: details published": ("CREATE PUBLICATION copies FOR TABLE becalm.payload",),
    "server: an event trigger": (
        "CREATE FUNCTION public.hush() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$",
        "CREATE EVENT TRIGGER hush ON ddl_command_end EXECUTE FUNCTION public.hush()",
    ),
    "server: a login for the owner": ("ALTER ROLE becalm_owner LOGIN",),
}
UNDO_SUPERUSER: Statements = (
    "REVOKE becalm_owner FROM becalm",
    "ALTER ROLE becalm NOBYPASSRLS",
    "ALTER ROLE becalm_owner NOLOGIN",
)  # roles belong to the whole server

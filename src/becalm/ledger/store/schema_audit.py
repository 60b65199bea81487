"""Are the tables of a ledger, and all that guards them, as becalm makes them?

An owner of a database can put an index in the place of another, a trigger beside a table, a policy that
hides rows: the entries stay sound, and what is asked of them comes out wrong. So the whole schema is compared
with the one that becalm makes, object by object.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from importlib.resources import files
from typing import Final

from sqlalchemy import Connection, text

from becalm.ledger.chain_check import Finding
from becalm.ledger.store.tables import REVISION, SQLITE_RECEIPTS, SQLITE_STATEMENTS, STAMP_STATEMENTS

Objects = Mapping[str, str]  # the definition of each object of a schema, by its kind and name
POSTGRES_OBJECTS_FILE: Final = "postgres_objects.json"
RIGHTS_OBJECTS_FILE: Final = "postgres_rights.json"  # what is other where the server enforces rights
_SQLITE_OBJECTS: Final = (
    "SELECT type || ' ' || name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY rowid"
)
_LITERAL: Final = re.compile(r"('(?:[^']|'')*')")
# Each part of the catalogue that could change an answer: what it is called, and all that matters of it.
_POSTGRES_OBJECTS: Final = text(
    """
    WITH home AS (SELECT oid FROM pg_namespace WHERE nspname = 'becalm'),
    relation AS (SELECT c.* FROM pg_class c JOIN home ON c.relnamespace = home.oid)
    SELECT 'relation ' || relname AS name,
        concat_ws(' ', relkind, relpersistence, relrowsecurity, relforcerowsecurity,
            pg_get_userbyid(relowner)) AS definition
    FROM relation WHERE relkind NOT IN ('i', 'I', 't', 'c')
    UNION ALL SELECT 'column ' || c.relname || '.' || a.attname,
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            k.collname, pg_get_expr(d.adbin, d.adrelid), a.attacl::text)
    FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation k ON k.oid = a.attcollation
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL SELECT 'index ' || c.relname,
        concat_ws(' ', pg_get_indexdef(c.oid), i.indisvalid, i.indisready, i.indislive)
    FROM relation c JOIN pg_index i ON i.indexrelid = c.oid
    UNION ALL SELECT 'constraint ' || c.relname || '.' || x.conname,
        concat_ws(' ', pg_get_constraintdef(x.oid), x.convalidated)
    FROM relation c JOIN pg_constraint x ON x.conrelid = c.oid WHERE x.contype <> 'n'
    UNION ALL SELECT 'trigger ' || c.relname || '.' || t.tgname,
        concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
    FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
        concat_ws(' ', l.lanname, p.provolatile, p.prosecdef, p.proconfig::text, p.proacl::text,
            pg_get_userbyid(p.proowner),
            pg_get_function_result(p.oid), regexp_replace(p.prosrc, '\\s+', ' ', 'g'))
    FROM pg_proc p JOIN home ON p.pronamespace = home.oid JOIN pg_language l ON l.oid = p.prolang
    UNION ALL SELECT 'policy ' || c.relname || '.' || p.polname,
        concat_ws(' ', p.polcmd, p.polpermissive,
            (SELECT string_agg(pg_get_userbyid(r)::text, ',' ORDER BY r <> 0, pg_get_userbyid(r))
             FROM unnest(p.polroles) AS r WHERE r <> 0),
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
    FROM relation c JOIN pg_policy p ON p.polrelid = c.oid
    UNION ALL SELECT 'rule ' || c.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
    FROM relation c JOIN pg_rewrite r ON r.ev_class = c.oid
    UNION ALL
    SELECT 'right ' || c.relname || ' of ' || coalesce(pg_get_userbyid(nullif(a.grantee, 0)), 'PUBLIC'),
        string_agg(a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ' '
            ORDER BY a.privilege_type)
    FROM relation c, aclexplode(c.relacl) a WHERE a.grantee <> c.relowner GROUP BY c.relname, a.grantee
    UNION ALL SELECT 'event trigger ' || evtname, concat_ws(' ', evtevent, evtenabled) FROM pg_event_trigger
    UNION ALL SELECT 'schema', concat_ws(' ', pg_get_userbyid(nspowner), nspacl::text)
    FROM pg_namespace JOIN home USING (oid)
    UNION ALL SELECT 'type ' || t.typname, t.typtype::text
    FROM pg_type t JOIN home ON t.typnamespace = home.oid WHERE t.typrelid = 0 AND t.typelem = 0
    UNION ALL SELECT 'operator ' || o.oprname, o.oprcode::text
    FROM pg_operator o JOIN home ON o.oprnamespace = home.oid
    UNION ALL SELECT 'inheritance of ' || c.relname, i.inhrelid::regclass::text
    FROM relation c JOIN pg_inherits i ON c.oid IN (i.inhparent, i.inhrelid)
    UNION ALL SELECT 'publication ' || pubname, 'a copy of tables elsewhere' FROM pg_publication
    UNION ALL SELECT 'role ' || rolname, concat_ws(' ', rolcanlogin, rolsuper, rolbypassrls)
    FROM pg_roles WHERE rolname IN ('becalm_owner', 'becalm_app')
    UNION ALL SELECT 'right of the program', concat_ws(' ', rolsuper, rolbypassrls, rolcreaterole,
        pg_has_role(oid, 'becalm_owner', 'MEMBER')) FROM pg_roles WHERE rolname = current_user
    UNION ALL SELECT 'guards', current_setting('session_replication_role')
    """
)


def audit_schema(connection: Connection) -> Iterator[Finding]:
    """Every object of the schema that is missing, altered or none of becalm's."""
    if connection.dialect.name == "sqlite":
        expected_objects, actual_objects = make_sqlite_objects(), read_sqlite_objects(connection)
    else:
        actual_objects = read_postgres_objects(connection)
        expected_objects = load_postgres_objects(has_rights="relation kind_right" in actual_objects)
    for name in sorted(expected_objects.keys() | actual_objects.keys()):
        if name not in actual_objects:
            yield Finding("schema", None, f"The {name} is missing.")
        elif name not in expected_objects:
            yield Finding("schema", None, f"becalm does not make the {name}: somebody added it.")
        elif actual_objects[name] != expected_objects[name]:
            yield Finding(
                "schema", None, f"The {name} is not as becalm makes it: {actual_objects[name]:.200}"
            )
    revision_stamps = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    if revision_stamps != [REVISION]:
        yield Finding(
            "schema", None, f"The tables are stamped with revision {revision_stamps}, not {REVISION}."
        )


def audit_integrity(connection: Connection) -> Iterator[Finding]:
    """What the database itself finds wrong with its pages and indexes."""
    first_seq, last_seq, entry_count = connection.exec_driver_sql(
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0), count(*) FROM event"
    ).one()
    if (first_seq, last_seq) != (1, entry_count):
        description = f"{entry_count} rows stand under the numbers {first_seq} to {last_seq}."
        yield Finding("schema", None, description)
    if connection.dialect.name == "sqlite":
        for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
            if message != "ok":
                yield Finding("schema", None, f"The database is damaged: {message:.200}")
        return
    fault_counts = []
    for is_index_used in ("off", "on"):
        for setting in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL {setting} = {is_index_used}")
        connection.exec_driver_sql(f"SET LOCAL enable_seqscan = {'off' if is_index_used == 'on' else 'on'}")
        fault_counts.append(connection.exec_driver_sql("SELECT count(seq) FROM event").scalar_one())
    if fault_counts[0] != fault_counts[1]:
        yield Finding(
            "schema", None, f"The index of the entries holds {fault_counts[1]}, the table {fault_counts[0]}."
        )


def read_sqlite_objects(connection: Connection) -> Objects:
    """The objects of an SQLite file, each with the statement that made it."""
    return _collect_objects(connection.exec_driver_sql(_SQLITE_OBJECTS))


@cache
def make_sqlite_objects() -> Objects:
    """The objects of a new file."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (*STAMP_STATEMENTS, *SQLITE_STATEMENTS, *SQLITE_RECEIPTS):
            connection.execute(statement)
        return _collect_objects(connection.execute(_SQLITE_OBJECTS))


def _collect_objects(named_statements: Iterable[tuple[str, str]]) -> Objects:
    """Each object with its statement; a second one of a name stands under a name that is none of ours."""
    objects: dict[str, str] = {}
    for name, sql in named_statements:
        objects[f"{name}, a second one," if name in objects else name] = _squeeze(sql)
    return objects


def _squeeze(sql: str) -> str:
    """A statement without spaces and quotation marks, which SQLite adds where a table was rewritten.

    What stands in a text stays as it is.
    """
    sql_parts = _LITERAL.split(sql)
    return "".join(part if part[:1] == "'" else "".join(part.replace('"', "").split()) for part in sql_parts)


def read_postgres_objects(connection: Connection) -> Objects:
    """The objects in the schema of a server, and what could act on them from elsewhere in the database."""
    return {row.name: row.definition for row in connection.execute(_POSTGRES_OBJECTS)}


@cache
def load_postgres_objects(*, has_rights: bool = False) -> Objects:
    """The objects that `becalm record init` makes, and `becalm divert rights` where it was run."""
    names = (POSTGRES_OBJECTS_FILE, RIGHTS_OBJECTS_FILE) if has_rights else (POSTGRES_OBJECTS_FILE,)
    folder = files("becalm.ledger.store")
    objects: dict[str, str] = {}
    for name in names:
        objects |= json.loads(folder.joinpath(name).read_text("utf-8"))
    return objects

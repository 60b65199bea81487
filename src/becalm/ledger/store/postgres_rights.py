"""Who may record an event of a kind, and who may open the details beside it: enforced by the server.

Off until the owner of a server turns it on (`becalm divert rights`). Then a table names, for each kind, the
groups (`becalm_role_…`) that may record it and those that may open its details, and the server asks it: a
login in the wrong group is refused whatever program it uses. The keys of details can then be read through one
function only. Facts stay open to every login of the program: they hold no name, and sealing needs them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from becalm.ledger.store.postgres_server import SCHEMA, make_engine, mask_password, name_failure
from becalm.ledger.store.postgres_setup import APP, OWNER

ROLE_GROUP: Final = "becalm_role_"  # begins the name of a group whose members act in a role of the programme
RECORD, OPEN = "record", "open"
EMERGENCY, EMERGENCY_RECORD = "emergency", "emergency_record"
ANY_ROLE: Final = "any"  # no group: a right that hangs on an emergency, not on a role


class KindRight(NamedTuple):
    """A role may record events of this kind, or open their details.

    An event of the kind that declares an emergency opens the details of one person to its actor while it
    lasts, and allows the kinds that are then recorded.
    """

    kind: str
    role: str
    may: str


TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS kind_right (
        kind text COLLATE "C" NOT NULL, role text COLLATE "C" NOT NULL, may text COLLATE "C" NOT NULL,
        PRIMARY KEY (kind, role, may)
    )
    """,
    f"GRANT SELECT ON kind_right TO {APP}",
    "CREATE INDEX IF NOT EXISTS event_by_commitment ON event (commitment) WHERE commitment <> ''",
    f"REVOKE SELECT ON payload_key FROM {APP}",
    f"GRANT SELECT (commitment) ON payload_key TO {APP}",
)
FUNCTIONS: Final = (
    """
    CREATE OR REPLACE FUNCTION is_emergency(person text) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = becalm, pg_temp AS $$
        SELECT person <> '' AND EXISTS (
            SELECT FROM event e JOIN kind_right r ON r.kind = e.kind AND r.may = 'emergency'
            WHERE e.subject = person AND e.actor = session_user AND e.facts::json ->> 'until'
                > to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION holds_right(asked_kind text, asked_act text) RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = becalm, pg_temp AS $$
        SELECT r.role FROM kind_right r
        JOIN pg_catalog.pg_roles g ON g.rolname = 'becalm_role_' || replace(r.role, ' ', '_')
        WHERE r.kind = asked_kind AND r.may = asked_act AND pg_has_role(session_user, g.oid, 'MEMBER')
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION may_record(kind text, actor text, role text, person text) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = becalm, pg_temp AS $$
        SELECT NOT EXISTS (SELECT FROM kind_right r WHERE r.kind = $1 AND r.may = 'record')
            OR (actor = session_user
                AND (role IN (SELECT holds_right($1, 'record'))
                    OR (is_emergency(person) AND EXISTS (
                        SELECT FROM kind_right r WHERE r.kind = $1 AND r.may = 'emergency_record'))))
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION may_open(kind text, person text) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = becalm, pg_temp AS $$
        SELECT NOT EXISTS (SELECT FROM kind_right r WHERE r.kind = $1)
            OR EXISTS (SELECT holds_right($1, 'open')) OR is_emergency(person)
    $$
    """,
    """
    CREATE OR REPLACE FUNCTION read_payload_key(asked text) RETURNS bytea
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = becalm, pg_temp AS $$
    DECLARE entry record;
    BEGIN
        SELECT e.kind, e.subject INTO entry FROM event e WHERE e.commitment = asked AND asked <> '';
        IF NOT FOUND THEN RETURN NULL;
        END IF;
        IF NOT may_open(entry.kind, entry.subject) THEN
            RAISE EXCEPTION 'login % may not open the details of %', session_user, entry.kind
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN (SELECT k.key FROM payload_key k WHERE k.commitment = asked);
    END $$
    """,
    "REVOKE ALL ON FUNCTION read_payload_key(text) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION read_payload_key(text) TO {APP}",
    # Whoever seals may seal what others handed in: that was checked when they did.
    """
    CREATE OR REPLACE FUNCTION require_right_to_record() RETURNS trigger
    LANGUAGE plpgsql SET search_path = becalm, pg_temp AS $$
    DECLARE wrong record;
    BEGIN
        SELECT f.kind INTO wrong FROM fresh f
        WHERE f.kind IN (SELECT r.kind FROM kind_right r WHERE r.may = 'record')
        AND NOT may_record(f.kind, f.actor, f.role, f.subject) AND NOT EXISTS (
            SELECT FROM pending p CROSS JOIN json_array_elements(p.events::json) AS handed (cells)
            WHERE (f.kind, f.actor, f.role, f.subject, f.facts, f.commitment)
                = (cells ->> 3, cells ->> 5, cells ->> 6, cells ->> 9, cells ->> 10, cells ->> 12))
        LIMIT 1;
        IF FOUND THEN RAISE EXCEPTION 'login % may not record %', session_user, wrong.kind
            USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION require_right_to_hand_in() RETURNS trigger
    LANGUAGE plpgsql SET search_path = becalm, pg_temp AS $$
    DECLARE wrong record;
    BEGIN
        SELECT cells ->> 3 AS kind INTO wrong FROM fresh f
        CROSS JOIN json_array_elements(f.events::json) AS handed (cells)
        WHERE NOT may_record(cells ->> 3, cells ->> 5, cells ->> 6, cells ->> 9) LIMIT 1;
        IF FOUND THEN RAISE EXCEPTION 'login % may not record %', session_user, wrong.kind
            USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE OR REPLACE TRIGGER event_keeps_rights AFTER INSERT ON event REFERENCING NEW TABLE AS fresh "
    "FOR EACH STATEMENT EXECUTE FUNCTION require_right_to_record()",
    "CREATE OR REPLACE TRIGGER pending_keeps_rights AFTER INSERT ON pending REFERENCING NEW TABLE AS fresh "
    "FOR EACH STATEMENT EXECUTE FUNCTION require_right_to_hand_in()",
)


def enforce_rights(owner_url: str, rights: Sequence[KindRight]) -> tuple[str, ...]:
    """Have the server enforce these rights from now on, in the place of all former ones; the groups it knows.

    `owner_url` is the address of somebody who may make roles and belongs to `becalm_owner`. Nothing is half
    done: it is one transaction, and may be repeated.

    Raises LedgerError where the server refuses.
    """
    engine = make_engine(owner_url)
    groups = tuple(sorted({group_of(right.role) for right in rights if right.role != ANY_ROLE}))
    try:
        with engine.begin() as connection:
            role_names = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
            for group in groups:
                if group not in role_names:
                    connection.exec_driver_sql(f'CREATE ROLE "{group}" NOLOGIN')
            connection.exec_driver_sql(f"SET ROLE {OWNER}")
            connection.exec_driver_sql(f"SET search_path = {SCHEMA}, pg_temp")
            for statement in (*TABLES, *FUNCTIONS):
                connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.execute(text("DELETE FROM kind_right"))
            connection.execute(
                text("INSERT INTO kind_right (kind, role, may) VALUES (:kind, :role, :may)"),
                [right._asdict() for right in rights],
            )
    except DBAPIError as error:
        raise name_failure(mask_password(owner_url), error) from error
    finally:
        engine.dispose()
    return groups


def group_of(role: str) -> str:
    """The group of a server whose members act in a role.

    >>> group_of("rights officer")
    'becalm_role_rights_officer'
    """
    return ROLE_GROUP + role.replace(" ", "_")


def list_rights(
    records: Mapping[str, Sequence[str]], opens: Mapping[str, Sequence[str]]
) -> Iterator[KindRight]:
    """The rights of these roles by kind: to record its events, and to open their details."""
    for may, roles_by_kind in ((RECORD, records), (OPEN, opens)):
        for kind, roles in roles_by_kind.items():
            yield from (KindRight(kind, role, may) for role in roles)


def has_rights(connection: Connection) -> bool:
    """Does this server enforce rights?"""
    return bool(
        connection.exec_driver_sql("SELECT to_regclass('becalm.kind_right') IS NOT NULL").scalar_one()
    )

"""What the owner does once, and again after an update: roles, schema, rights. The ledger never needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from becalm.ledger.store.postgres_schema import APP, OWNER, SCHEMA
from becalm.ledger.store.schema import bring_up_to_date, stamp_of
from becalm.ledger.store.server import make_engine, named_failure, parse_url, shown
from becalm.ledger.store.tables import REVISION, ledger
from becalm.terms import LedgerError

# What lets an erasure reach the write-ahead log; only a superuser may grant or set it.
WIPING = (
    f"GRANT pg_checkpoint TO {APP}",
    f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {APP}",
)
QUIET = ("log_parameter_max_length", "log_parameter_max_length_on_error")  # keys are parameters of statements


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare_server` found or made."""

    database: str  # without a password
    login: str
    identity: str
    revision: str
    can_wipe: bool  # may an erasure wipe the write-ahead log?
    recycles_log: bool  # are old log files kept for use again, with what they hold?


def prepare_server(owner_url: str, app_url: str, *, draw_identity: Callable[[], str]) -> Prepared:
    """Make the roles, the schema, the tables and the rights of a ledger, or bring them up to date.

    `owner_url` is a superuser's, or of one who may create roles and owns the database; `app_url` is what the
    program will use. Its user is made if there is none.

    Raises
    ------
    LedgerError
        where the server refuses, or the program's user would have more rights than it may.
    """
    if not app_url:
        raise LedgerError(
            "This workspace keeps its ledger in a file, which needs no server. To move to one, name it in "
            'becalm.toml: [ledger] url = "postgresql+psycopg://becalm@host/becalm" (or set BECALM_LEDGER).'
        )
    address = parse_url(app_url)
    login = address.username
    if not login:
        raise LedgerError(f"{shown(app_url)} names no user. Give the ledger a user of its own.")
    engine = make_engine(owner_url)
    try:
        with engine.begin() as connection:
            _make_roles(connection, login, str(address.password or ""))
            _make_tables(connection, draw_identity)
            _require_humble(connection, login)
            return _describe(connection, shown(app_url), login)
    except DBAPIError as error:
        raise named_failure(shown(owner_url), error) from error
    finally:
        engine.dispose()


def _make_roles(connection: Connection, login: str, password: str) -> None:
    """The owner that nobody logs in as, the group with the rights, and the program's user in it."""
    known = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
    for role in {OWNER, APP} - known:
        connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN")
    name = _name(connection, login)
    if login not in known:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN")
        if password:
            literal = connection.execute(text("SELECT quote_literal(:word)"), {"word": password}).scalar_one()
            connection.exec_driver_sql(f"ALTER ROLE {name} PASSWORD {literal.replace('%', '%%')}")
    connection.exec_driver_sql(f"GRANT {APP} TO {name}")
    if _is_superuser(connection):
        for statement in (*WIPING, *(f"ALTER ROLE {name} SET {setting} = 0" for setting in QUIET)):
            connection.exec_driver_sql(statement)
    else:
        connection.exec_driver_sql(f"GRANT {OWNER} TO CURRENT_USER")


def _make_tables(connection: Connection, draw_identity: Callable[[], str]) -> None:
    """The schema and its tables, made by their owner; the ledger gets its identity once."""
    database = _name(connection, str(connection.execute(text("SELECT current_database()")).scalar_one()))
    connection.exec_driver_sql(f"GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {database} TO {OWNER}")
    connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {APP}")
    connection.exec_driver_sql(f"SET ROLE {OWNER}")
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {APP}")
    if stamp_of(connection) != REVISION:
        bring_up_to_date(connection)
    if connection.execute(select(ledger.c.number)).first() is None:
        fresh = {"number": 1, "identity": draw_identity(), "size": 0, "tree": "", "folds": ""}
        connection.execute(insert(ledger).values(**fresh, unscrubbed=0))
    connection.exec_driver_sql("RESET ROLE")


def _require_humble(connection: Connection, login: str) -> None:
    """Refuse a user for the program that could get round what protects the ledger."""
    asked = text(
        "SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, :owner, 'MEMBER') "
        "FROM pg_roles WHERE rolname = :login"
    )
    if connection.execute(asked, {"owner": OWNER, "login": login}).scalar_one():
        raise LedgerError(
            f"The user {login!r} is a superuser, bypasses row-level security or belongs to {OWNER}: it "
            "could alter the ledger. Give the program a user of its own; nothing was made."
        )


def _describe(connection: Connection, database: str, login: str) -> Prepared:
    identity = connection.exec_driver_sql(f"SELECT identity FROM {SCHEMA}.ledger").scalar_one()
    asked = text(
        "SELECT pg_has_role(:app, 'pg_checkpoint', 'MEMBER') "
        "AND has_function_privilege(:app, 'pg_switch_wal()', 'EXECUTE'), current_setting('wal_recycle')::bool"
    )
    can_wipe, recycles_log = connection.execute(asked, {"app": APP}).one()
    return Prepared(database, login, identity, stamp_of(connection), can_wipe, recycles_log)


def _is_superuser(connection: Connection) -> bool:
    asked = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    return bool(connection.exec_driver_sql(asked).scalar_one())


def _name(connection: Connection, name: str) -> str:
    """A name as it stands in a statement."""
    return connection.dialect.identifier_preparer.quote_identifier(name).replace("%", "%%")

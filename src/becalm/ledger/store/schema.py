"""Does a database hold the tables of a ledger, and are they the newest? Alembic brings old ones up."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from becalm.ledger.store.sqlite_schema import STATEMENTS
from becalm.ledger.store.tables import REVISION
from becalm.terms import LedgerError, TamperError

_STAMP = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    f"INSERT INTO alembic_version (version_num) VALUES ('{REVISION}')",
)


def stamp_of(connection: Connection) -> str:
    """Which revision do the tables have? Empty where there are none."""
    if connection.dialect.name == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE name IN ('alembic_version', 'event')"
        tables = {name for (name,) in connection.exec_driver_sql(asked)}
        if tables == {"event"}:
            raise TamperError(
                "The ledger has entries, but no longer says how its tables were made: somebody took that "
                "out. Keep the file as evidence, and put a copy in its place: becalm record restore."
            )
        has_stamp = "alembic_version" in tables
    else:
        has_stamp = inspect(connection).has_table("alembic_version")
    if not has_stamp:
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or bring them to the newest revision, within the running transaction.

    A new file gets them at once, as the revisions would make them (a test holds the two equal).

    Raises
    ------
    LedgerError
        where a newer becalm made them.
    """
    if connection.dialect.name == "sqlite" and not stamp_of(connection):
        for statement in (*_STAMP, *STATEMENTS):
            connection.exec_driver_sql(statement)
    else:
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, one revision after the other.

    Raises
    ------
    LedgerError
        where a newer becalm made them.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "becalm.ledger.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise LedgerError(
            f"The ledger's tables have revision {stamp_of(connection)!r}; this becalm knows {REVISION!r}. "
            "Use the becalm that made them, or a newer one."
        ) from error

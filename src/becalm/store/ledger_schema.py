"""Does a database hold the tables of a ledger, and are they the newest? Alembic is called only if not."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from becalm.store.ledger_tables import REVISION
from becalm.terms.errors import LedgerError


def stamp_of(connection: Connection) -> str:
    """Which revision do the tables have? Empty where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or bring them to the newest revision, within the running transaction.

    Raises
    ------
    LedgerError
        where a newer becalm made them.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "becalm.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise LedgerError(
            f"The ledger's tables have revision {stamp_of(connection)!r}; this becalm knows {REVISION!r}. "
            "Use the becalm that made them, or a newer one."
        ) from error

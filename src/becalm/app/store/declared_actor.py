"""May somebody say who they are? Not where accounts exist. Asked without the heavy libraries."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

APP_FILE: Final = "app.sqlite"
SCHEMA: Final = "app"  # on a server


def has_accounts(workspace_path: Path, ledger_url: str) -> bool:
    """Are there accounts in this workspace? Nothing is made by asking."""
    return _has_on_server(ledger_url) if ledger_url else _has_in_file(workspace_path / APP_FILE)


def _has_in_file(path: Path) -> bool:
    if path.is_file():
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection,
        ):
            return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM account)").fetchone()[0])
    return False


def _has_on_server(url: str) -> bool:
    import sqlalchemy as sa

    from becalm.ledger.store.postgres_server import parse_url

    engine = sa.create_engine(parse_url(url))
    try:
        with suppress(sa.exc.DBAPIError), engine.connect() as connection:
            return bool(
                connection.execute(sa.text(f"SELECT EXISTS (SELECT 1 FROM {SCHEMA}.account)")).scalar()
            )
    finally:
        engine.dispose()
    return False

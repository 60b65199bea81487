"""Protected characteristics, in a store apart: no other part of the program opens it.

In a file it is `divert/protected.sqlite`, enciphered row by row, for its owner alone. On a server it is the
schema `becalm_protected`, on which the program's own role has no right: the report connects as somebody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from becalm.terms import LedgerError

FILE: Final = "protected.sqlite"
SCHEMA: Final = "becalm_protected"
_CREATE = "CREATE TABLE IF NOT EXISTS {table} (person TEXT PRIMARY KEY, body TEXT NOT NULL)"


class RowCipher(Protocol):
    """Enciphers a row under the key of the records."""

    def seal_row(self, person: str, body: bytes) -> bytes:
        """The row enciphered."""

    def open_row(self, person: str, body: bytes) -> bytes:
        """The row in plain."""


class ProtectedStore:
    """The characteristics of people by pseudonym, and the residents of each group."""

    def __init__(self, folder: Path, cipher: RowCipher, server_url: str = "") -> None:
        self._cipher, self._server_url = cipher, server_url
        self._path = folder / FILE
        self._table = f"{SCHEMA}.characteristic" if server_url else "characteristic"

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        if not self._server_url:
            self._path.touch(0o600)
        engine = create_engine(self._server_url or f"sqlite:///{self._path}")
        try:
            with engine.begin() as connection:
                connection.execute(text("PRAGMA secure_delete = ON" if not self._server_url else "SELECT 1"))
                yield connection
        except DBAPIError as error:
            raise LedgerError(
                f"The protected characteristics cannot be reached ({error.orig!s:.200}). On a server, name a "
                f"login with rights on the schema {SCHEMA} in BECALM_PROTECTED; the program's own has none."
            ) from error
        finally:
            engine.dispose()

    def write(self, rows: Mapping[str, Mapping[str, str]]) -> None:
        """Put these rows in the place of all that stand there; the key "" holds what belongs to nobody."""
        sealed_rows = [
            {
                "person": person,
                "body": self._cipher.seal_row(person, json.dumps(dict(row), sort_keys=True).encode()).hex(),
            }
            for person, row in rows.items()
        ]
        with self._connect() as connection:
            if not self._server_url:
                connection.execute(text(_CREATE.format(table=self._table)))
            connection.execute(text(f"DELETE FROM {self._table}"))
            statement = text(f"INSERT INTO {self._table} (person, body) VALUES (:person, :body)")
            for first in range(0, len(sealed_rows), 1000):
                connection.execute(statement, sealed_rows[first : first + 1000])

    def read(self) -> dict[str, dict[str, str]]:
        """Every row; none where nothing was taken in."""
        if not self._server_url and not self._path.is_file():
            return {}
        with self._connect() as connection:
            sealed_rows = connection.execute(text(f"SELECT person, body FROM {self._table}")).all()
        return {
            person: json.loads(self._cipher.open_row(person, bytes.fromhex(body)))
            for person, body in sealed_rows
        }

    def forget(self, people: set[str]) -> None:
        """Destroy the rows of these people."""
        if not people or (not self._server_url and not self._path.is_file()):
            return
        with self._connect() as connection:
            statement = text(f"DELETE FROM {self._table} WHERE person = :person")
            connection.execute(statement, [{"person": person} for person in sorted(people)])


def server_statements(reader: str, app: str) -> tuple[str, ...]:
    """What the owner of a server runs once: the schema, and rights for the reader of this report alone."""
    return (
        f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
        f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC, {app}",
        _CREATE.format(table=f"{SCHEMA}.characteristic"),
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {reader}",
        f"GRANT SELECT, INSERT, DELETE ON {SCHEMA}.characteristic TO {reader}",
    )

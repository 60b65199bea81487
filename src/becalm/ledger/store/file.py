"""The SQLite file of a ledger: opened durably, written by one transaction at a time, its failures named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert
from sqlalchemy.exc import DBAPIError

from becalm.ledger.store.schema import bring_up_to_date, stamp_of
from becalm.ledger.store.tables import REVISION, ledger
from becalm.terms import BecalmError, LedgerError, TamperError

WAIT_SECONDS = 15.0  # for another process that writes
SETTINGS = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
    "PRAGMA temp_store = MEMORY",  # no page of the ledger in a file of its own
    "PRAGMA trusted_schema = OFF",
    "PRAGMA wal_autocheckpoint = 10000",  # pages, 40 MB: fewer than 1 append in 100 waits for a checkpoint
)
REASONS = {
    "SQLITE_FULL": ("the disk is full", "Make room on it"),
    "SQLITE_BUSY": ("another process has been writing for too long", "Wait for it, then try again"),
    "SQLITE_READONLY": ("it may not be written", "Give yourself the right to write the file and its folder"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "Look whether the folder exists and may be written"),
    "SQLITE_IOERR": ("the disk reported an error", "Look after the disk, then verify the ledger"),
    "SQLITE_CORRUPT": ("the file is damaged", "Restore a backup: becalm record restore"),
    "SQLITE_NOTADB": ("the file is no ledger", "Restore a backup: becalm record restore"),
    "SQLITE_CONSTRAINT": ("it refuses what would rewrite it", "Append a correction instead"),
}


class LedgerFile:
    """The file of one ledger; made with its tables and its identity where there is none."""

    def __init__(
        self, path: Path, draw_identity: Callable[[], str], *, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self.path = path
        self._engine = _engine(path, wait_seconds)
        self._writer: Connection | None = None
        self._inode = 0
        self._make(draw_identity)

    def _make(self, draw_identity: Callable[[], str]) -> None:
        """Make the tables where they are missing or old; the stamp is looked at first."""
        with self.reading() as connection:
            is_new = stamp_of(connection) != REVISION
        if is_new:
            with self._connected() as connection, connection.begin():
                if stamp_of(connection) != REVISION:
                    bring_up_to_date(connection)
                if connection.execute(ledger.select()).first() is None:
                    fresh = {"number": 1, "identity": draw_identity(), "size": 0, "tree": "", "folds": ""}
                    connection.execute(insert(ledger).values(**fresh, unscrubbed=0))
        self._inode = self.path.stat().st_ino

    @property
    def name(self) -> str:
        """How a message names it."""
        return str(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one transaction, as things stand at its first question."""
        with self._named(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction, alone among all processes. On the disk when it ends without an error."""
        self._require_same_file()
        with self._connected() as connection, connection.begin():
            yield connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """The connection that writes; it is let go after any error, for it may not be whole."""
        with self._named():
            if self._writer is None:
                self._writer = self._engine.connect().execution_options(immediate=True)
            try:
                yield self._writer
            except BaseException:
                writer, self._writer = self._writer, None
                with suppress(DBAPIError):
                    writer.invalidate()
                    writer.close()
                raise

    def execute_alone(self, statement: str) -> tuple[Any, ...]:
        """Run a statement outside of any transaction, and return its first row."""
        with self._named():
            raw = self._engine.raw_connection()
            try:
                return tuple(raw.cursor().execute(statement).fetchone() or ())
            finally:
                raw.close()

    def _require_same_file(self) -> None:
        """Refuse to write into a file that has been moved away: nobody would ever find the entries."""
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = -1
        if inode != self._inode:
            raise LedgerError(
                f"{self.path} is no longer the file that was opened: it was moved away or replaced. "
                "Start again; nothing was written."
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say what a failure of the database means."""
        try:
            yield
        except DBAPIError as error:
            raise _named_failure(self.path, error.orig) from error
        except sqlite3.Error as error:
            raise _named_failure(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._engine.dispose()


def _named_failure(path: Path, error: BaseException | None) -> BecalmError:
    if str(error).startswith(("no such table", "no such column")):
        return TamperError(
            f"The ledger {path} is not as becalm made it ({error}): somebody took that out, and with it "
            "every entry from 1 on is in doubt. Keep the file as evidence, and put a copy in its place: "
            "becalm record restore."
        )
    code = str(getattr(error, "sqlite_errorname", ""))
    reason, remedy = next(
        (said for name, said in REASONS.items() if code.startswith(name)),
        ("the database refused", "Look at the message"),
    )
    return LedgerError(f"The ledger {path} failed: {reason} ({error}). {remedy}; nothing was written.")


def _engine(path: Path, wait_seconds: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": wait_seconds, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    for setting in SETTINGS:
        connection.execute(setting)


def _begin(connection: Connection) -> None:
    """Take the right to write at the start: a reader that turns writer would fail where others write."""
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

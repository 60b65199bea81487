"""The file of a ledger on SQLite: opened durably, written by one owner at a time, its failures named."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert
from sqlalchemy.exc import DBAPIError

from becalm.formats.durable_files import OWNER_FILE
from becalm.ledger.store.tables import REVISION, bring_up_to_date, ledger_table, read_revision
from becalm.terms import BecalmError, LedgerError, TamperError

LOCK_WAIT_SECONDS = 15.0  # for another process that writes
SETTINGS = (
    # WAL with synchronous = NORMAL, which SQLite's manual recommends, syncs at checkpoints alone: an entry
    # that was acknowledged would be lost when the power fails.
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",  # what is deleted is overwritten, else erased payloads stand in free pages
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
        self, path: Path, draw_identity: Callable[[], str], *, wait_seconds: float = LOCK_WAIT_SECONDS
    ) -> None:
        self.path = path
        self._engine = _make_engine(path, wait_seconds)
        self._writer: Connection | None = None
        # Who holds it owns the connection that writes. Two threads on one connection end in a crash of the
        # interpreter: whatever writes (appends, checkpoints, a rebuild, a scrub, the closing) takes it first.
        self._writer_guard = threading.RLock()
        self._inode = 0
        self._make(draw_identity)

    def _make(self, draw_identity: Callable[[], str]) -> None:
        """Make the tables where they are missing or old; the stamp is looked at first."""
        with suppress(OSError):  # it is there, or SQLite says what is wrong
            # Made with its rights before SQLite opens it: its log takes them over. Details stand in both.
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_FILE))
        with self.reading() as connection:
            is_outdated = read_revision(connection) != REVISION
        if is_outdated:
            with self._borrowing_writer() as connection, connection.begin():
                if read_revision(connection) != REVISION:  # asked again: another process may have made them
                    bring_up_to_date(connection)
                if connection.execute(ledger_table.select()).first() is None:
                    ledger_row = {
                        "number": 1,
                        "identity": draw_identity(),
                        "size": 0,
                        "tree": "",
                        "folds": "",
                    }
                    connection.execute(insert(ledger_table).values(**ledger_row, unscrubbed=0))
        self._inode = self.path.stat().st_ino

    @property
    def name(self) -> str:
        """How a message names it."""
        return str(self.path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one transaction, as things stand at its first question."""
        with self._naming_failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction, alone among all processes. On the disk when it ends without an error."""
        self.check_same_file()
        with self._borrowing_writer() as connection, connection.begin():
            yield connection

    @contextmanager
    def _borrowing_writer(self) -> Iterator[Connection]:
        """The connection that writes; it is let go after any error, for it may not be whole."""
        with self._writer_guard, self._naming_failures():
            if self._writer is None:
                self._writer = self._engine.connect().execution_options(immediate=True)
            try:
                yield self._writer
            except BaseException:
                writer_connection, self._writer = self._writer, None
                with suppress(DBAPIError):
                    writer_connection.invalidate()
                    writer_connection.close()
                raise

    def execute_alone(self, statement: str) -> tuple[Any, ...]:
        """Run a statement outside of any transaction, and return its first row."""
        with self._naming_failures():
            raw_connection = self._engine.raw_connection()
            try:
                return tuple(raw_connection.cursor().execute(statement).fetchone() or ())
            finally:
                raw_connection.close()

    def check_same_file(self) -> None:
        """Refuse to write into a file that has been moved away: nobody would ever find the entries."""
        # An open file lives on without its name: SQLite would go on and acknowledge what is gone at the end.
        try:
            file_inode = self.path.stat().st_ino
        except FileNotFoundError:
            file_inode = -1
        if file_inode != self._inode:
            raise LedgerError(
                f"{self.path} is no longer the file that was opened: it was moved away or replaced. "
                "Start again; nothing was written."
            )

    @contextmanager
    def _naming_failures(self) -> Iterator[None]:
        """Say what a failure of the database means."""
        try:
            yield
        except DBAPIError as error:
            raise _name_failure(self.path, error.orig) from error
        except sqlite3.Error as error:
            raise _name_failure(self.path, error) from error

    def forget_connections(self) -> None:
        """Leave the connections that were open to the process that this one was forked from."""
        self._writer = None
        self._engine.dispose(close=False)

    def close(self) -> None:
        """Close the file."""
        with self._writer_guard:
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            self._engine.dispose()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection: its prepared statements cost a tenth of what SQLAlchemy takes for each."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def _name_failure(path: Path, error: BaseException | None) -> BecalmError:
    if str(error).startswith(("no such table", "no such column")):
        return TamperError(
            f"The ledger {path} is not as becalm made it ({error}): somebody took that out, and with it "
            "every entry from 1 on is in doubt. Keep the file as evidence, and put a copy in its place: "
            "becalm record restore."
        )
    error_code = str(getattr(error, "sqlite_errorname", ""))
    reason, remedy = next(
        (reason_and_remedy for name, reason_and_remedy in REASONS.items() if error_code.startswith(name)),
        ("the database refused", "Look at the message"),
    )
    return LedgerError(f"The ledger {path} failed: {reason} ({error}). {remedy}; nothing was written.")


def _make_engine(path: Path, wait_seconds: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": wait_seconds, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _apply_settings)
    event.listen(engine, "begin", _begin)
    return engine


def _apply_settings(connection: sqlite3.Connection, _record: object) -> None:
    # The journal's mode stays in the file. Setting it takes a lock, for which a reader would have to wait.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode = WAL")
    for setting in SETTINGS:
        connection.execute(setting)


def _begin(connection: Connection) -> None:
    """Take the right to write at the start: a reader that turns writer would fail where others write."""
    is_writer = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

"""Where the app keeps what is its own: `app.sqlite`, or the schema `app` of the server of the ledger."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from becalm.app.store.declared_actor import APP_FILE, SCHEMA
from becalm.formats.durable_files import open_private
from becalm.ledger.store.postgres_server import parse_url
from becalm.terms import UsageError, WorkspaceError

LOCK_WAIT_MS: Final = 15_000
CONNECTIONS: Final = 20  # kept open: about as many requests are worked on at once
META: Final = MetaData()

account_table = Table(
    "account",
    META,
    Column("name", Text, primary_key=True),
    Column("password", Text, nullable=False),  # argon2id, with its salt and costs
    Column("roles", Text, nullable=False),  # joined by commas
    Column("made_at", Text, nullable=False),
    Column("must_change", Integer, nullable=False),  # the password was drawn by whoever made the account
    Column("ended_at", Text),
)
session_table = Table(
    "session",
    META,
    Column("token_sha256", Text, primary_key=True),  # the token itself is in the browser alone
    Column("account", Text, ForeignKey("account.name"), nullable=False),
    Column("role", Text, nullable=False),
    Column("form_key", Text, nullable=False),  # stands in each form, against requests forged elsewhere
    Column("made_at", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("proven_at", Text, nullable=False),  # when the password was last given
    Column("ended_at", Text),
    Column("end_reason", Text),
)
sign_in_table = Table(
    "sign_in",
    META,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Text, nullable=False, index=True),
    Column("account", Text, nullable=False),  # empty where no account has the name that was typed
    Column("address", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)
seal_table = Table(
    "sign_in_seal",
    META,
    Column("day", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
)
token_table = Table(
    "api_token",
    META,
    Column("token_sha256", Text, primary_key=True),
    Column("number", Text, nullable=False),  # by which its owner ends it
    Column("account", Text, ForeignKey("account.name"), nullable=False),
    Column("role", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("ends_at", Text, nullable=False),
)
task_table = Table(
    "task",
    META,
    Column("key", Text, primary_key=True),
    Column("form_id", Text, unique=True),  # a form that is sent twice starts one task
    Column("question", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("attempt_count", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_until", Text),
    Column("made_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("step", Text, nullable=False),
    Column("done_percent", Integer),
    Column("is_cancelled", Integer, nullable=False),
    Column("run", Text),
    Column("problem", Text),
)
act_table = Table(
    "act",
    META,
    Column("form_id", Text, primary_key=True),  # a form that is sent twice is done once
    Column("account", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("begun_at", Text, nullable=False),
    Column("blocks", Text),  # what the page shows; empty until it is done
)
draft_table = Table(
    "draft",
    META,
    Column("account", Text, primary_key=True),
    Column("page", Text, primary_key=True),
    Column("fields", Text, nullable=False),
    Column("saved_at", Text, nullable=False),
)
provider_table = Table(
    "provider_account",
    META,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),  # by which the provider knows the person, for good
    Column("account", Text, ForeignKey("account.name"), nullable=False, unique=True),
)
attempt_table = Table(
    "provider_attempt",
    META,
    Column("state_sha256", Text, primary_key=True),
    Column("browser_sha256", Text, nullable=False),  # the browser that began it, by a cookie
    Column("nonce", Text, nullable=False),
    Column("verifier", Text, nullable=False),
    Column("way_on", Text, nullable=False),
    Column("session_sha256", Text, nullable=False),  # that is to be proved; empty where somebody signs in
    Column("made_at", Text, nullable=False),
)


class AppStore:
    """The app's own database, its tables made where they are missing; failures are WorkspaceErrors."""

    def __init__(self, url: sa.URL, *, place: str) -> None:
        self.place = place
        self.is_server = url.get_backend_name() == "postgresql"
        self._engine = _make_engine(url)
        with self.writing() as connection:
            if self.is_server and not _has_schema(connection):
                connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
            META.create_all(connection)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: all of it or nothing."""
        with self._named_failures(), self._engine.execution_options(is_writing=True).begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads."""
        with self._named_failures(), self._engine.connect() as connection:
            yield connection

    def rows(self, statement: Any) -> list[Any]:
        """The rows that a question gives."""
        with self.reading() as connection:
            return list(connection.execute(statement))

    def first(self, statement: Any) -> Any:
        """The first of them, None where there is none."""
        with self.reading() as connection:
            return connection.execute(statement).first()

    def write(self, statement: Any) -> int:
        """How many rows one statement changed."""
        with self.writing() as connection:
            return int(connection.execute(statement).rowcount)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # a row that is there already: the caller's own question
        except DBAPIError as error:
            cause = str(error.orig).strip().partition("\n")[0]
            schema_remedy = (
                " Where the schema is missing, have the owner of the server run `CREATE SCHEMA app "
                "AUTHORIZATION` with the name of this login."
            )
            raise WorkspaceError(
                f"The accounts and tasks in {self.place} cannot be read or written: {cause}. Nothing was "
                f"changed. Look after the disk or the server, then try again."
                f"{schema_remedy if self.is_server else ''}"
            ) from error
        except SQLAlchemyError as error:
            raise WorkspaceError(f"{self.place} cannot be used: {error}.") from error


def _has_schema(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_schema(SCHEMA)


def _make_engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_size=CONNECTIONS,
            execution_options={"schema_translate_map": {None: SCHEMA}},
        )
    connecting = {"timeout": LOCK_WAIT_MS / 1000, "check_same_thread": False}
    engine = sa.create_engine(url, pool_size=CONNECTIONS, connect_args=connecting)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for setting in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {setting}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads first and writes then would be refused where another wrote in between.
        is_writing = connection.get_execution_options().get("is_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")

    return engine


def open_store(workspace_path: Path, ledger_url: str) -> AppStore:
    """The app's store of this workspace: on the server that keeps the ledger, else in a file of its own."""
    if ledger_url:
        return AppStore(parse_url(ledger_url), place=f"the schema {SCHEMA} of the server")
    path = workspace_path / APP_FILE
    try:
        os.close(open_private(str(path), os.O_WRONLY | os.O_CREAT))
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}.") from error
    return AppStore(sa.URL.create("sqlite", database=str(path)), place=str(path))


def copy_store(store: AppStore, path: Path) -> Path:
    """Copy the app's store into a new file that its owner alone may read; others may go on writing meanwhile.

    Raises UsageError where it is on a server, whose own tools copy the ledger and it together, or where the
    file is there; WorkspaceError where it cannot be written.
    """
    if store.is_server:
        raise UsageError("The accounts are on the server of the ledger: `pg_dump` copies both together.")
    try:
        os.close(open_private(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError as error:
        raise UsageError(f"{path} is there already. Name a new file with `out`.") from error
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}.") from error
    with store.reading() as connection, closing(sqlite3.connect(path)) as copy:
        source: Any = connection.connection.dbapi_connection
        source.backup(copy)
    return path

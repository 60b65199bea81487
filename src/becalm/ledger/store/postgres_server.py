"""The PostgreSQL server of a ledger: connections to it, and what its failures mean."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from becalm.ledger.store.tables import REVISION, read_revision
from becalm.terms import BecalmError, DependencyError, LedgerError, TamperError

SCHEMA: Final = "becalm"
# synchronous_commit and the limits are asked for here, whatever the server's own settings are: an entry is
# acknowledged only when it is on the disk, and a host that vanished holds the lock for a minute at most.
CONNECT_ARGUMENTS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,  # seconds until a silent server is asked whether it is still there
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": f"-c search_path={SCHEMA} -c synchronous_commit=on -c lock_timeout=10s "
    "-c idle_in_transaction_session_timeout=60s",
    "prepare_threshold": 2,
}
LOCK_FOR_SEALING: Final = "SELECT take_turn(true)"  # alone among all that seal, to the transaction's end
WAIT_FOR_SEALING: Final = "SELECT wait_for_turn()"  # for the end of one, in company
REASONS: Final = {
    "53": ("it has no room left", "Make room on its disk"),
    "42501": (
        "this role may not do that",
        "Let the owner run `becalm record init`, and use the role it names",
    ),
    "55P03": ("another process has been sealing for too long", "End it, then try again"),
    "25006": ("it is a read-only copy", "Name the primary server: a ledger is written there alone"),
    "23": ("it refuses what would rewrite it", "Append a correction instead"),
    "28": ("it does not let this role in", "Look at the user and the password of the URL"),
    "3D000": ("there is no such database", "Make it: createdb, then `becalm record init`"),
}
LOCK_NOT_AVAILABLE: Final = "55P03"
MISSING_PART_CODES: Final = ("42P01", "42703")  # a table or a column that was there when the ledger was made


LONGEST_TURN_S: Final = 60  # whoever of the program's own user has held it for longer is ended
_SELECT_TURN_HOLDER: Final = """
    SELECT l.pid, a.usename, extract(epoch FROM clock_timestamp() - a.xact_start)::int AS seconds,
        a.usename = current_user AND a.xact_start < clock_timestamp() - make_interval(secs => %s) AS is_stale
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = 'becalm.sealing_turn'::regclass AND l.granted AND l.pid <> pg_backend_pid()
"""


class LostConnectionError(LedgerError):
    """The server went away. `in_commit`: it may have written the transaction all the same."""

    def __init__(self, message: str, *, in_commit: bool) -> None:
        super().__init__(message)
        self.in_commit = in_commit


class LedgerServer:
    """A ledger's database on a PostgreSQL server, reached as the application's role."""

    def __init__(self, url: str) -> None:
        self.name = mask_password(url)
        self._engine = make_engine(url)
        self._writers: dict[str, Connection] = {}  # of `sealing`, and of `handing_in`
        self._finalizer = weakref.finalize(self, _close_all, self._engine, self._writers)
        try:
            self._check_server()
        except LedgerError:
            self.close()
            raise

    def _check_server(self) -> None:
        """Refuse a server on which an acknowledged entry could be lost, or one without a ledger of ours."""
        with self.reading() as connection:
            server_query = "SELECT current_setting('fsync')::bool, pg_is_in_recovery()"
            has_fsync, is_replica = connection.exec_driver_sql(server_query).one()
            revision = read_revision(connection)
        if not has_fsync:
            raise LedgerError(
                f"The server of {self.name} runs with fsync = off: what it says it has written may be lost. "
                "Set fsync = on in its postgresql.conf."
            )
        if is_replica:
            raise LedgerError(f"{self.name} is a read-only copy. Name the primary server in the URL.")
        if revision != REVISION:
            raise LedgerError(_describe_revision(self.name, revision))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one transaction, as things stand at its first question."""
        with self._naming_failures(), self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction, alone among all processes."""
        with self._naming_failures(), self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(LOCK_FOR_SEALING)
            yield connection

    @contextmanager
    def sealing(self, name: str = "appends") -> Iterator[Connection]:
        """Write in one transaction, beside others. By one thread for each name: they share one connection.

        Raises LostConnectionError where the server went away: in the commit, or before it, when nothing can
        have been written.
        """
        is_committing = False
        try:
            with self._borrowing_writer(name) as connection, connection.begin() as transaction:
                yield connection
                # From here on nobody can tell, where no answer comes, whether the server wrote it.
                is_committing = True
                transaction.commit()
        except DBAPIError as error:
            if is_lost(error):
                raise self._describe_loss(in_commit=is_committing) from error
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise LedgerError(self._describe_turn_holder()) from error
            raise name_failure(self.name, error) from error

    @contextmanager
    def handing_in(self) -> Iterator[Any]:
        """The driver's own connection, on which each statement is a transaction. By one thread at a time.

        Raises LostConnectionError where the server went away: nobody knows whether the last one was written.
        """
        try:
            with self._borrowing_writer("handing in") as connection:
                driver: Any = connection.connection.driver_connection
                driver_error_class = connection.dialect.loaded_dbapi.Error
                try:
                    if not driver.autocommit:
                        driver.autocommit = True
                    yield driver
                except driver_error_class as error:
                    raise DBAPIError(None, None, error, connection_invalidated=bool(driver.closed)) from error
        except DBAPIError as error:
            if is_lost(error):
                raise self._describe_loss(in_commit=True) from error
            raise name_failure(self.name, error) from error

    def _describe_loss(self, *, in_commit: bool) -> LostConnectionError:
        message = f"The connection to {self.name} was lost; nothing was written."
        return LostConnectionError(message, in_commit=in_commit)

    def _describe_turn_holder(self) -> str:
        """Who holds the turn for so long? Where it is a stuck program of our own user, it is ended."""
        with self.reading() as connection:
            holders = connection.exec_driver_sql(_SELECT_TURN_HOLDER, (LONGEST_TURN_S,)).all()
            for holder in holders:
                if holder.is_stale:
                    connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (holder.pid,))
        holder_list_text = ", ".join(
            f"process {holder.pid} of user {holder.usename} (for {holder.seconds} s"
            f"{', ended now' if holder.is_stale else ''})"
            for holder in holders
        )
        return (
            f"The ledger {self.name} is held by "
            f"{holder_list_text or 'a process that is gone by now'}. Try again, or "
            "end it with pg_terminate_backend; nothing was written."
        )

    @contextmanager
    def _borrowing_writer(self, name: str) -> Iterator[Connection]:
        """A connection that writes; it is let go after any error, for it may not be whole."""
        if name not in self._writers:
            self._writers[name] = self._engine.connect()
        try:
            yield self._writers[name]
        except BaseException:
            writer_connection = self._writers.pop(name)
            with suppress(DBAPIError):
                writer_connection.invalidate()
                writer_connection.close()
            raise

    def execute_alone(self, statement: str) -> None:
        """Run a statement outside of any transaction."""
        with self._naming_failures(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)

    @contextmanager
    def _naming_failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise name_failure(self.name, error) from error

    def close(self) -> None:
        """Close the server."""
        self._finalizer()


def _describe_revision(name: str, revision: str) -> str:
    """What to do with a server whose tables are none of this becalm's."""
    owner_command = "becalm record init --owner-url postgresql://OWNER@HOST/DATABASE"
    if not revision:
        return f"{name} has no tables of a ledger. Let the owner of the database make them: {owner_command}"
    if revision > REVISION:
        return (
            f"The tables of {name} are of format {revision}, and this becalm knows those up to {REVISION}. "
            "Use the becalm that made them, or a newer one; nothing was written."
        )
    # Not done by the program itself: its user may not alter tables, and that protects the entries.
    return (
        f"The ledger {name} is of the former format {revision}; this becalm works with {REVISION}. Let the "
        f"owner of the database bring it up to date once: {owner_command} It takes a second and alters no "
        "entry. Nothing was written."
    )


@contextmanager
def pipelined(connection: Connection) -> Iterator[Any]:
    """The driver's own connection, whose statements go to the server together and are answered together."""
    driver_connection: Any = connection.connection.driver_connection
    driver_error_class = connection.dialect.loaded_dbapi.Error
    try:
        with driver_connection.pipeline():
            yield driver_connection
    except driver_error_class as error:
        raise DBAPIError(None, None, error, connection_invalidated=bool(driver_connection.closed)) from error


def _close_all(engine: Engine, writers: dict[str, Connection]) -> None:
    """Close every connection, also where nobody said that the ledger is done with."""
    while writers:
        with suppress(DBAPIError):
            writers.popitem()[1].close()
    engine.dispose()


def make_engine(url: str) -> Engine:
    """What connects to this URL.

    Raises DependencyError where the driver is not installed; LedgerError where the URL is not one of a
    PostgreSQL database.
    """
    try:
        engine_settings = {"connect_args": CONNECT_ARGUMENTS, "pool_pre_ping": True, "max_overflow": 30}
        return create_engine(parse_url(url), **engine_settings)
    except ModuleNotFoundError as error:
        raise DependencyError(
            'A ledger on PostgreSQL needs its driver. Install it: pip install "becalm[postgresql]"'
        ) from error


def parse_url(url: str) -> URL:
    """The parts of a PostgreSQL database's URL; raises LedgerError where it is none."""
    try:
        parsed_url = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise LedgerError(
            f"The ledger's URL cannot be understood ({str(error)[:80]}). "
            'Write it as "postgresql+psycopg://user@host/database".'
        ) from error
    if parsed_url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise LedgerError(
            f"The ledger's URL begins with {parsed_url.drivername!r}. "
            'Write it as "postgresql+psycopg://user@host/database"; a file needs no URL.'
        )
    return parsed_url.set(drivername="postgresql+psycopg")


def mask_password(url: str) -> str:
    """The URL as it may be shown: without its password.

    >>> mask_password("postgresql+psycopg://becalm:secret@db/becalm")
    'postgresql+psycopg://becalm:***@db/becalm'
    """
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "the ledger's URL"


def is_lost(error: DBAPIError) -> bool:
    """Did the connection go away, so that a new one may do better?"""
    error_code = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or not error_code or error_code.startswith(("08", "57P"))


def name_failure(name: str, error: DBAPIError) -> BecalmError:
    """Say what a failure of the server means. Nothing was written."""
    error_code = str(getattr(error.orig, "sqlstate", None) or "")
    if error_code in MISSING_PART_CODES:
        return TamperError(
            f"The ledger {name} is not as becalm made it ({str(error.orig).splitlines()[0]}): somebody took "
            "that out, and with it every entry from 1 on is in doubt. Keep the database as evidence, and "
            "restore a copy of it elsewhere."
        )
    message = " ".join(str(error.orig).split())
    explanation = next((words for prefix, words in REASONS.items() if error_code.startswith(prefix)), None)
    if explanation is None and is_lost(error):
        explanation = ("it cannot be reached", "Look whether the server runs and the URL is right")
    reason, remedy = explanation or ("the server refused", "Look at the message")
    return LedgerError(f"The ledger {name} failed: {reason} ({message:.300}). {remedy}; nothing was written.")

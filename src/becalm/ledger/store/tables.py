"""The tables of a ledger: as SQLAlchemy names them, as SQLite makes them, and whether they are the newest."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    inspect,
)
from sqlalchemy.types import BigInteger, Integer, LargeBinary, Text

from becalm.terms import LedgerError, TamperError

REVISION: Final = "0003"  # the newest of store/migrations; a test holds the two equal

NUMBER_TYPE = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by INTEGER alone
metadata = MetaData()


def _texts(*names: str) -> tuple[Column[str], ...]:
    return tuple(Column(name, Text, nullable=False) for name in names)


event_table: Final = Table(
    "event",
    metadata,
    Column("seq", NUMBER_TYPE, primary_key=True, autoincrement=False),
    *_texts("recorded_at", "occurred_at", "kind"),  # 2020-04-30T22:15:00.000000Z
    Column("version", Integer, nullable=False),
    *_texts("actor", "role", "purpose", "programme", "subject"),
    *_texts("facts"),  # canonical JSON
    Column("corrects", NUMBER_TYPE),
    *_texts("commitment", "previous", "hash"),  # the first of the payload; empty where there is none
    CheckConstraint("seq > 0", name="event_seq_counts_from_one"),
    sqlite_strict=True,
)
_columns = event_table.c
Index("event_by_subject", _columns.subject, _columns.seq, sqlite_where=_columns.subject != "")
Index("event_by_kind", _columns.kind, _columns.seq)
Index("event_by_actor", _columns.actor, _columns.seq)

payload_table: Final = Table(
    "payload",
    metadata,
    Column("seq", NUMBER_TYPE, primary_key=True, autoincrement=False),
    *(Column(name, LargeBinary, nullable=False) for name in ("salt", "body")),
    sqlite_strict=True,
)

checkpoint_table: Final = Table(
    "checkpoint",
    metadata,
    Column("number", NUMBER_TYPE, primary_key=True),
    *_texts("ledger"),
    Column("size", NUMBER_TYPE, nullable=False),
    *_texts("root", "last", "made_at", "key", "signature"),
    sqlite_strict=True,
)

ledger_table: Final = Table(
    "ledger",
    metadata,
    Column("number", Integer, CheckConstraint("number = 1", name="ledger_is_one"), primary_key=True),
    *_texts("identity"),
    Column("size", NUMBER_TYPE, nullable=False),  # of the entries that the tree and the state tables hold
    *_texts("tree"),  # the roots of the full subtrees, largest first
    *_texts("folds"),  # which folds, in which versions, made the state tables
    Column("unscrubbed", Integer, nullable=False),  # 1 while erased bytes may stand in a file beside
    sqlite_strict=True,
)

state_table: Final = Table(
    "state",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("name", "key")),  # of the table, and in it
    *_texts("row"),  # canonical JSON
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

receipt_table: Final = Table(
    "receipt",
    metadata,
    *(Column(name, NUMBER_TYPE, nullable=False) for name in ("first", "last")),  # entries of one append
    *_texts("ticket"),  # by which whoever asked for it finds them again
    PrimaryKeyConstraint("first"),
    sqlite_strict=True,
)

# Strict, and with triggers that refuse to rewrite it. Who owns the file can drop a trigger, so they prove
# nothing: they keep a mistake from becoming a rewrite. Released statements never change.
SQLITE_STATEMENTS: Final = (
    """
    CREATE TABLE event (
        seq INTEGER NOT NULL PRIMARY KEY CONSTRAINT event_seq_counts_from_one CHECK (seq > 0),
        recorded_at TEXT NOT NULL, occurred_at TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL,
        actor TEXT NOT NULL, role TEXT NOT NULL, purpose TEXT NOT NULL, programme TEXT NOT NULL,
        subject TEXT NOT NULL, facts TEXT NOT NULL, corrects INTEGER, commitment TEXT NOT NULL,
        previous TEXT NOT NULL, hash TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX event_by_subject ON event (subject, seq) WHERE subject != ''",
    "CREATE INDEX event_by_kind ON event (kind, seq)",
    "CREATE INDEX event_by_actor ON event (actor, seq)",
    """
    CREATE TABLE payload (
        seq INTEGER NOT NULL PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE checkpoint (
        number INTEGER NOT NULL PRIMARY KEY, ledger TEXT NOT NULL, size INTEGER NOT NULL, root TEXT NOT NULL,
        last TEXT NOT NULL, made_at TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE ledger (
        number INTEGER NOT NULL PRIMARY KEY CONSTRAINT ledger_is_one CHECK (number = 1),
        identity TEXT NOT NULL, size INTEGER NOT NULL, tree TEXT NOT NULL, folds TEXT NOT NULL,
        unscrubbed INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE state (
        name TEXT NOT NULL, key TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (name, key)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER event_follows BEFORE INSERT ON event
    WHEN new.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM event)
    BEGIN SELECT raise(ABORT, 'an entry follows the last one'); END
    """,
    *(
        f"""
        CREATE TRIGGER {table}_{verb} BEFORE {act} ON {table}
        BEGIN SELECT raise(ABORT, 'table {table} is only added to'); END
        """
        for table in ("event", "checkpoint")
        for verb, act in (("stays", "UPDATE"), ("remains", "DELETE"))
    ),
    """
    CREATE TRIGGER ledger_keeps_its_identity BEFORE UPDATE OF identity ON ledger
    BEGIN SELECT raise(ABORT, 'a ledger keeps its identity'); END
    """,
    """
    CREATE TRIGGER ledger_remains BEFORE DELETE ON ledger
    BEGIN SELECT raise(ABORT, 'a ledger keeps its identity'); END
    """,
)

# Of the third revision: which entries an append got that came through the writer process, under the ticket
# of whoever asked. Where that process is killed, the asker finds them so, or writes them itself: once.
SQLITE_RECEIPTS: Final = (
    """
    CREATE TABLE receipt (
        first INTEGER NOT NULL PRIMARY KEY, last INTEGER NOT NULL, ticket TEXT NOT NULL
    ) STRICT
    """,
    *(
        f"""
        CREATE TRIGGER receipt_{verb} BEFORE {act} ON receipt
        BEGIN SELECT raise(ABORT, 'table receipt is only added to'); END
        """
        for verb, act in (("stays", "UPDATE"), ("remains", "DELETE"))
    ),
)

STAMP_STATEMENTS: Final = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    f"INSERT INTO alembic_version (version_num) VALUES ('{REVISION}')",
)


def read_revision(connection: Connection) -> str:
    """Which revision do the tables have? Empty where there are none."""
    if connection.dialect.name == "sqlite":
        table_query = "SELECT name FROM sqlite_master WHERE name IN ('alembic_version', 'event')"
        table_names = {table_name for (table_name,) in connection.exec_driver_sql(table_query)}
        if table_names == {"event"}:
            raise TamperError(
                "The ledger has entries, but no longer says how its tables were made: somebody took that "
                "out. Keep the file as evidence, and put a copy in its place: becalm record restore."
            )
        has_revision_table = "alembic_version" in table_names
    else:
        has_revision_table = inspect(connection).has_table("alembic_version")
    if not has_revision_table:
        return ""
    revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if not revision:
        raise TamperError(
            "The ledger no longer says how its tables were made: somebody took that out. Keep it as "
            "evidence, and put a copy in its place: becalm record restore."
        )
    return str(revision)


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables, or bring them to the newest revision, within the running transaction.

    A new file gets them at once, as the revisions would make them (a test holds the two equal).

    Raises LedgerError where a newer becalm made them.
    """
    # Not by Alembic, which is slow to import: most files are made once and never migrated.
    revision = read_revision(connection) if connection.dialect.name == "sqlite" else None
    if revision == "":
        for statement in (*STAMP_STATEMENTS, *SQLITE_STATEMENTS, *SQLITE_RECEIPTS):
            connection.exec_driver_sql(statement)
    elif revision in ("0001", "0002"):  # the second revision altered nothing in a file
        for statement in SQLITE_RECEIPTS:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{REVISION}'")
    else:
        run_migrations(connection)


def run_migrations(connection: Connection) -> None:
    """Bring the tables to the newest revision, one revision after the other.

    Raises LedgerError where a newer becalm made them.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    alembic_config = Config()
    alembic_config.set_main_option("script_location", "becalm.ledger.store:migrations")
    alembic_config.attributes["connection"] = connection
    try:
        command.upgrade(alembic_config, REVISION)
    except CommandError as error:
        raise LedgerError(
            f"The ledger's tables have revision {read_revision(connection)!r}; this becalm knows "
            f"{REVISION!r}. Use the becalm that made them, or a newer one."
        ) from error

"""The tables of a ledger, as SQLAlchemy names them; the same on every database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

REVISION: Final = "0001"  # the newest of store/migrations; a test holds the two equal

NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by INTEGER alone
metadata = MetaData()

event: Final = Table(
    "event",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=False),
    Column("recorded_at", Text, nullable=False),  # 2020-04-30T22:15:00.000000Z
    Column("occurred_at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("programme", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),  # canonical JSON
    Column("corrects", NUMBER),
    Column("commitment", Text, nullable=False),  # of the payload; empty where there is none
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("seq > 0", name="event_seq_counts_from_one"),
    sqlite_strict=True,
)
Index("event_by_subject", event.c.subject, event.c.seq, sqlite_where=event.c.subject != "")
Index("event_by_kind", event.c.kind, event.c.seq)
Index("event_by_actor", event.c.actor, event.c.seq)

payload: Final = Table(
    "payload",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_strict=True,
)

checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("number", NUMBER, primary_key=True),
    Column("ledger", Text, nullable=False),
    Column("size", NUMBER, nullable=False),
    Column("root", Text, nullable=False),
    Column("last", Text, nullable=False),
    Column("made_at", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("signature", Text, nullable=False),
    sqlite_strict=True,
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("number", Integer, CheckConstraint("number = 1", name="ledger_is_one"), primary_key=True),
    Column("identity", Text, nullable=False),
    Column("size", NUMBER, nullable=False),  # of the entries that the tree and the state tables hold
    Column("tree", Text, nullable=False),  # the roots of the full subtrees, largest first
    Column("folds", Text, nullable=False),  # which folds, in which versions, made the state tables
    Column("unscrubbed", Integer, nullable=False),  # 1 while erased bytes may stand in a file beside
    sqlite_strict=True,
)

state: Final = Table(
    "state",
    metadata,
    Column("name", Text, primary_key=True),  # of the state table
    Column("key", Text, primary_key=True),
    Column("row", Text, nullable=False),  # canonical JSON
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

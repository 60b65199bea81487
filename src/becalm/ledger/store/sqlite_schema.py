"""The first tables of a ledger on SQLite: strict, and with triggers that refuse to rewrite it.

Released statements never change.
"""

from __future__ import annotations

from typing import Final

STATEMENTS: Final = (
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

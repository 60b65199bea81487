"""The question after a breach: who saw this person, and whom did this actor see? Over many accesses.

`record_breach.py 10000000` makes that many rows in bulk, as a superuser, on both stores; the table of all
benchmarks asks over 1,000,000. The peer is the same question without an index: every row is looked at by the
database. Entries come back as the ledger gives them, page by page.
"""

from __future__ import annotations

import secrets
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from _measure import new_ledger, report, seconds

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger import Ledger
from becalm.ledger.store.postgres import PostgresLedger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from postgres import Server, throw_away_server

SEEN = ("record_accessed", "disclosure_made")
PEOPLE, ACTORS = 100_000, 700  # each person is seen 100 times in 10 million, each actor sees 14,000
MANY = int(sys.argv[1]) if sys.argv[1:] else 1_000_000


# Accesses, spread over people and actors; their hashes are only as long as real ones.
ROWS = f"""
    SELECT n, '2020-04-07T12:00:00.000000Z', '2020-04-07T12:00:00.000000Z', 'record_accessed', 1,
        'officer ' || (n * 104729 % {ACTORS}), 'officer', 'visit', '', 'p' || (n * 7919 % {PEOPLE}),
        '{{{{"what":"payload"}}}}', NULL, '', {{link}}, {{link}} FROM {{numbers}}
"""
LINK = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
COUNTED = (
    f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {MANY}) SELECT n FROM c)"
)
INDEXES = (
    "CREATE INDEX event_by_subject ON {event} (subject, seq) WHERE subject <> ''",
    "CREATE INDEX event_by_kind ON {event} (kind, seq)",
    "CREATE INDEX event_by_actor ON {event} (actor, seq)",
)


def ask(ledger: Ledger, where: str, unindexed: float) -> None:
    """Ask both ways, and print the lines for the table."""
    by_person = seconds(lambda: list(ledger.entries(kinds=SEEN, subject="p4242")), repeats=3)
    by_actor = seconds(lambda: list(ledger.entries(kinds=SEEN, actor="officer 42")), repeats=3)
    found = sum(1 for _ in ledger.entries(kinds=SEEN, actor="officer 42"))
    many = f"{MANY:,} accesses"
    report(f"who saw a person, {many} ({where})", by_person, "without an index", unindexed, most=2)
    report(
        f"whom an actor saw: {found:,} of {many} ({where})", by_actor, "without an index", unindexed, most=2
    )


def on_sqlite(folder: Path) -> None:
    """Fill a file and ask it."""
    path = folder / "ledger.sqlite"
    ledger = new_ledger(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER event_follows")
        for index in INDEXES:
            connection.execute(f"DROP INDEX {index.split()[2]}")
        connection.execute(f"INSERT INTO event {ROWS.format(link=repr(LINK), numbers=COUNTED)}")
        for index in INDEXES:
            connection.execute(index.format(event="event"))
        connection.execute("UPDATE ledger SET size = ?", (MANY,))
        connection.commit()
        question = "SELECT count(*) FROM event NOT INDEXED WHERE subject = 'p4242'"
        ask(ledger, "sqlite", seconds(lambda: connection.execute(question).fetchone(), repeats=1))
    ledger.close()


def on_postgresql(server: Server) -> None:
    """Fill a database and ask it."""
    import psycopg
    from sqlalchemy import make_url

    url = server.fresh_ledger()
    ledger = PostgresLedger(url, draw_salt=lambda: secrets.token_bytes(32), kinds=EVENT_KINDS, folds=FOLDS)
    told = f"host={server.folder} dbname={make_url(url).database} user=keeper"
    with psycopg.connect(told, autocommit=True) as connection:
        connection.execute("ALTER TABLE becalm.event DISABLE TRIGGER event_follows")
        for index in INDEXES:
            connection.execute(f"DROP INDEX becalm.{index.split()[2]}".encode())
        numbers = f"generate_series(1, {MANY}::bigint) AS made (n)"
        connection.execute(
            f"INSERT INTO becalm.event {ROWS.format(link=repr(LINK), numbers=numbers)}".encode()
        )
        for index in INDEXES:
            connection.execute(index.format(event="becalm.event").encode())
        connection.execute("UPDATE becalm.ledger SET size = %s", (MANY,))
        connection.execute("VACUUM ANALYZE becalm.event")
        connection.execute("SET enable_indexscan = off")
        connection.execute("SET enable_bitmapscan = off")
        question = b"SELECT count(*) FROM becalm.event WHERE subject = 'p4242'"
        ask(ledger, "postgresql", seconds(lambda: connection.execute(question).fetchone(), repeats=1))
        ledger.close()


def main() -> None:
    """Ask both stores."""
    with tempfile.TemporaryDirectory() as name:
        on_sqlite(Path(name))
    with throw_away_server() as server:
        on_postgresql(server)


if __name__ == "__main__":
    main()

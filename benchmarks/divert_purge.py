"""The purge of 10,000 details whose time is over, on both stores.

The peer destroys person by person, as a program without a batch would. It is timed on 20 of them and said for
all, since each rewrites the table of details.
"""

from __future__ import annotations

import secrets
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import process_time

from _measure import new_ledger, report

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.divert.core.events import PERSON
from becalm.ledger import Event, EventToAppend, Ledger
from becalm.ledger.store.postgres import PostgresLedger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from postgres import throw_away_server

MANY = int(sys.argv[1]) if sys.argv[1:] else 10_000
ALONE = 20


def person(number: int) -> EventToAppend:
    """Somebody was taken in, with details."""
    facts = {"number_hmac": f"{number:064x}", "source_sha256": "0" * 64}
    at = datetime.now(UTC)
    event = Event(PERSON, 1, at, "ana", "analyst", "offer of help", facts, subject=f"P-{number:014x}")
    return EventToAppend(event, f'{{"name": "Person {number}", "address": "{number} Kelp Row"}}'.encode())


def erase(ledger: Ledger, seqs: tuple[int, ...]) -> None:
    """Destroy these at once."""
    facts = {"entries": seqs, "reason": "divert retention", "rule": "divert retention"}
    event = Event("payload_erased", 1, datetime.now(UTC), "sys", "system administrator", "erasure", facts)
    ledger.erase(seqs, erasure=event)


def measure(ledger: Ledger, where: str) -> None:
    """Fill, purge together, and some alone."""
    seqs: list[int] = []
    for first in range(0, MANY + ALONE, 2_000):
        numbers = range(first, min(first + 2_000, MANY + ALONE))
        seqs += [entry.seq for entry in ledger.append([person(number) for number in numbers])]
    start = datetime.now(UTC)
    for seq in seqs[:ALONE]:
        erase(ledger, (seq,))
    alone_s = (datetime.now(UTC) - start).total_seconds() * MANY / ALONE
    start, cpu_start = datetime.now(UTC), process_time()
    erase(ledger, tuple(seqs[ALONE:]))
    together_s = (datetime.now(UTC) - start).total_seconds()
    print(f"processor time {process_time() - cpu_start:.1f} s", file=sys.stderr)
    report(f"purge of {MANY:,} details ({where})", together_s, "one by one", alone_s, most=60)


def main() -> None:
    """On a file, then on a server."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = new_ledger(Path(folder) / "ledger.sqlite")
        measure(ledger, "SQLite")
        ledger.close()
    with throw_away_server() as server:
        salt = partial(secrets.token_bytes, 32)
        server_ledger = PostgresLedger(server.fresh_ledger(), draw_salt=salt, kinds=EVENT_KINDS, folds=FOLDS)
        measure(server_ledger, "PostgreSQL")
        server_ledger.close()


if __name__ == "__main__":
    main()

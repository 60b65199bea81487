"""A program that writes a ledger until it is killed, or asked to end: `ledger_writer.py PLACE SEED [TURNS]`.

It prints a line for each append that returned: the number of its first entry, and its persons.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from ledgers import access, draw_salt, open_postgres, open_sqlite, visit

from becalm.ledger import EventToAppend, Ledger

THREADS = 3
IS_ENDING = threading.Event()


def now() -> datetime:
    return datetime.now(UTC)


def write(ledger: Ledger, seed: int, writer: int, turns: int) -> None:
    """Append 1 to 20 events at a time, some with personal detail, some read again."""
    draw = random.Random(seed * 100 + writer)
    for turn in range(turns):
        if IS_ENDING.is_set():
            return
        people = [f"{seed}-{writer}-{turn}-{n}" for n in range(draw.randint(1, 20))]
        entries = ledger.append(
            [
                EventToAppend(visit(person, now()), person.encode() if draw.random() < 0.3 else None)
                for person in people
            ]
        )
        sys.stdout.write(f"{entries[0].seq} {' '.join(people)}\n")
        sys.stdout.flush()
        if entries[0].commitment and draw.random() < 0.2:
            ledger.payload(entries[0].seq, access=access(people[0], now()))


def open_ledger(place: str) -> Ledger:
    """The ledger at this URL or in this file."""
    if place.startswith("postgresql"):
        return open_postgres(place, draw_salt=draw_salt, patience_s=60)
    return open_sqlite(Path(place), now=now, draw_salt=draw_salt)


def main(place: str, seed: str, turns: str = "1000000") -> None:
    """Write until the end comes, or so many times."""
    signal.signal(signal.SIGTERM, lambda *_: IS_ENDING.set())
    ledger = open_ledger(place)
    threads = [
        threading.Thread(target=write, args=(ledger, int(seed), writer, int(turns)))
        for writer in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])

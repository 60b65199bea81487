"""Appends by 32 writers, each event on the disk before its append returns, against one commit for each.

Two baselines, both with one event for each commit and one wait for the disk (WAL, synchronous=FULL):

- the store's own: one writer appends to the same ledger, which checks, links, folds and grows the tree;
- plain SQLite by the standard library: the same columns in a table of their own, and nothing else.

The issue asks for 5 times "the store's own single-commit fdatasync rate", which is the first; the second
stands beside it, because on a disk that answers at once it shows what the checking and linking costs.
The p99 of an append is told against the p99 of the disk's fdatasync, which bounds what anybody can do.
All in one run, in turns.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from _measure import new_ledger, report

from becalm.ledger import Event, EventToAppend, Ledger
from becalm.ledger.chain import COLUMNS

ROUNDS, WRITERS, EACH, ALONE = 5, 32, 40, 300


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def arrest() -> EventToAppend:
    """An event as a patrol's outcomes have it."""
    facts = {"unit": "U1", "offence": "robbery", "activity": "dedicated patrol"}
    return EventToAppend(Event("arrest_made", 1, now(), "U1", "officer", "patrol", facts))


def timed(work: Callable[[], object], times: int) -> list[float]:
    """How long each call took, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


def sync_times(folder: Path) -> list[float]:
    """How long the disk takes to keep a page."""
    file = os.open(folder / "pages", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def keep_page() -> None:
        os.write(file, bytes(4096))
        os.fdatasync(file)

    taken = timed(keep_page, ALONE)
    os.close(file)
    return taken


def commit_times(folder: Path, row: Sequence[object]) -> list[float]:
    """How long SQLite takes for an insert with its commit."""
    with closing(sqlite3.connect(folder / "plain.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"CREATE TABLE IF NOT EXISTS event ({', '.join(COLUMNS)})")
        question = f"INSERT INTO event VALUES ({', '.join('?' * len(COLUMNS))})"
        return timed(lambda: connection.execute(question, row), ALONE)


def write_together(ledger: Ledger, writers: int = WRITERS) -> tuple[float, list[float]]:
    """Seconds for each event over all writers, and how long each append took."""
    taken: list[float] = []

    def write() -> None:
        taken.extend(timed(lambda: ledger.append([arrest()]), EACH))

    threads = [threading.Thread(target=write) for _ in range(writers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / len(taken), taken


def p99(taken: Sequence[float]) -> float:
    """The time that 1 in 100 exceeds."""
    return sorted(taken)[int(len(taken) * 0.99)]


def measure(name: str, folder: Path, ledger: Ledger) -> None:
    """Measure all in turns, and print the lines for the table."""
    (entry,) = ledger.append([arrest()])
    row = next(iter(ledger.rows()))
    plain, slowest, shared, alone, waits = [], [], [], [], []
    for _ in range(ROUNDS):
        slowest.append(p99(sync_times(folder)))
        plain.append(sum(commit_times(folder, row)) / ALONE)
        each, taken = write_together(ledger)
        shared.append(each)
        waits.append(p99(taken))
        alone.append(median(timed(lambda: ledger.append([arrest()]), ALONE // 3)))
    assert ledger.head().size == entry.seq + ROUNDS * (WRITERS * EACH + ALONE // 3)
    ours, peer = f"by {WRITERS} writers ({name})", f"sqlite {sqlite3.sqlite_version}, 1 commit each"
    report(f"append 1 event {ours}", median(shared), "itself, 1 writer", median(alone), least_ratio=5)
    report(f"append 1 event {ours}", median(shared), peer, median(plain), least_ratio=5)
    report(f"p99 of an append {ours}", median(waits), "fdatasync p99", median(slowest), least_ratio=0.2)


def main() -> None:
    """Measure the ledger on SQLite."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = new_ledger(folder / "ledger.sqlite")
        measure("sqlite", folder, ledger)
        ledger.close()


if __name__ == "__main__":
    main()

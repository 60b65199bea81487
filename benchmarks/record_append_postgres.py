"""Appends to a PostgreSQL ledger by 32 writers, each event on the disk before its append returns.

The peer is PostgreSQL itself: the same columns, one insert for each commit, by one writer on the same socket.
Ours also checks the event, links it, folds state tables and grows the tree. The 32 writers are threads
of one program, and then threads of 8 programs that share the sealing. The disk's own fdatasync stands
beside, for it bounds what anybody can do. All in one run, in turns, on a server that was made for it.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from _measure import report
from record_append import ALONE, EACH, WRITERS, arrest, p99, sync_times, timed, write_together

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger.chain import COLUMNS
from becalm.ledger.store.postgres import PostgresLedger

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from postgres import ADMIN, Server, throw_away_server

ROUNDS, PROGRAMS = 5, 8


def open_ledger(url: str) -> PostgresLedger:
    """The ledger at this URL."""
    return PostgresLedger(url, draw_salt=lambda: secrets.token_bytes(32), kinds=EVENT_KINDS, folds=FOLDS)


def commit_times(server: Server, row: Sequence[object]) -> list[float]:
    """How long PostgreSQL takes for an insert with its commit."""
    told = f"host={server.folder} dbname=postgres user={ADMIN}"
    columns = ", ".join(
        f"{name} {'bigint' if name in ('seq', 'version', 'corrects') else 'text'}" for name in COLUMNS
    )
    with psycopg.connect(told, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS event ({columns})".encode())
        question = f"INSERT INTO event VALUES ({', '.join(['%s'] * len(COLUMNS))})".encode()
        return timed(lambda: connection.execute(question, row, prepare=True), ALONE)


def write_in_programs(url: str) -> tuple[float, list[float]]:
    """Seconds for each event over all writers of several programs, and how long each append took."""
    told = [sys.executable, __file__, url]
    running: list[Any] = [
        subprocess.Popen(told, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROGRAMS)
    ]
    for program in running:
        program.stdout.readline()  # it is ready
    start = time.perf_counter()
    for program in running:
        program.stdin.write("go\n")
        program.stdin.flush()
    taken = [each for program in running for each in json.loads(program.stdout.readline())]
    whole = time.perf_counter() - start
    for program in running:
        program.communicate()
    return whole / len(taken), taken


def write_here(url: str) -> None:
    """Be one of several programs."""
    ledger = open_ledger(url)
    ledger.append([arrest()])  # what a program does once is not what an append costs
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(write_together(ledger, WRITERS // PROGRAMS)[1]), flush=True)
    ledger.close()


def measure(server: Server, folder: Path) -> None:
    """Measure all in turns, and print the lines for the table."""
    url = server.fresh_ledger()
    ledger = open_ledger(url)
    ledger.append([arrest()])
    row = next(iter(ledger.rows()))
    disk, slowest, plain, shared, waits, apart, waits_apart, alone = ([] for _ in range(8))
    for _ in range(ROUNDS):
        syncs = sync_times(folder)
        disk.append(median(syncs))
        slowest.append(p99(syncs))
        plain.append(sum(commit_times(server, row)) / ALONE)
        for found, waited, came in (
            (shared, waits, write_together(ledger)),
            (apart, waits_apart, write_in_programs(url)),
        ):
            found.append(came[0])
            waited.append(p99(came[1]))
        alone.append(median(timed(lambda: ledger.append([arrest()]), ALONE // 3)))
    assert ledger.head().size == 1 + ROUNDS * (2 * WRITERS * EACH + ALONE // 3 + PROGRAMS)
    ledger.close()
    version = server.sql("SHOW server_version")[0][0].split()[0]
    name = f"postgresql {version}, 1 commit each"
    report("append 1 event by 32 writers (postgresql)", median(shared), name, median(plain), least_ratio=5)
    report("the same, by 8 programs (postgresql)", median(apart), name, median(plain), least_ratio=5)
    report("append by 1 writer (postgresql)", median(alone), "fdatasync p50", median(disk))
    report(
        "append: p99 by 32 writers (postgresql)",
        median(waits),
        "fdatasync p99",
        median(slowest),
        least_ratio=0.2,
    )
    report(
        "the same, by 8 programs: p99", median(waits_apart), "fdatasync p99", median(slowest), least_ratio=0.2
    )


def main() -> None:
    """Measure the ledger on PostgreSQL."""
    if sys.argv[1:]:
        write_here(sys.argv[1])
        return
    with throw_away_server() as server, tempfile.TemporaryDirectory() as name:
        measure(server, Path(name))


if __name__ == "__main__":
    main()

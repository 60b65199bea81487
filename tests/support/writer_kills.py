"""Kills the writer process of a ledger again and again, while programs write through it.

    python writer_kills.py FOLDER KILLS [SEED]

In FOLDER lie a ledger for each batch of kills and `kills.json`, what came of them so far: run it again after
a stop, and it goes on there. In each batch three programs of three threads write without a pause; the process
is killed at moments that nobody foresees and started again, sometimes two at once, sometimes none a while.
Then the programs end, and every append that was acknowledged must stand once and whole, and nothing else.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ledgers import draw_salt, open_sqlite, require_chained

from becalm.terms import LedgerError

WRITER = Path(__file__).resolve().parent / "ledger_writer.py"
PROGRAMS, KILLS_PER_BATCH = 3, 25


def now() -> datetime:
    return datetime.now(UTC)


def serve(path: Path) -> int:
    """Fork a writer process; the parent gets its number."""
    process = os.fork()
    if process == 0:
        with suppress(LedgerError), open_sqlite(path, now=now, draw_salt=draw_salt).open_writer() as writer:
            writer.serve_forever()
        os._exit(0)
    return process


def kill(process: int) -> None:
    """End a process as the system would where memory is short."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


@contextmanager
def programs_that_write(path: Path, seed: int) -> Iterator[list[IO[bytes]]]:
    """Three programs that write until this ends; what each of them says goes into a file."""
    outputs = [path.with_name(f"said-{number}.txt").open("w+b") for number in range(PROGRAMS)]
    programs = [
        subprocess.Popen([sys.executable, WRITER, path, str(seed * 10 + number)], stdout=output)
        for number, output in enumerate(outputs)
    ]
    try:
        yield outputs
    finally:
        for program in programs:
            program.terminate()
        codes = [program.wait(120) for program in programs]
    assert codes == [0] * PROGRAMS, f"a program ended with an error: {codes}"


def run_batch(path: Path, seed: int, kill_count: int) -> dict[str, int]:
    """Kill so often; how many appends were acknowledged and how many entries stand."""
    draw = random.Random(seed)
    open_sqlite(path, now=now, draw_salt=draw_salt).close()
    with programs_that_write(path, seed) as outputs:
        while any(os.fstat(output.fileno()).st_size == 0 for output in outputs):
            time.sleep(0.02)  # until each of them writes
        for _ in range(kill_count):
            processes = [serve(path) for _ in range(draw.choice([1, 1, 1, 2]))]
            time.sleep(draw.uniform(0, 0.6))
            for process in processes:
                kill(process)
            time.sleep(draw.choice([0, 0, 0.1]))
    return {"kills": kill_count, **check(path, outputs)}


def check(path: Path, outputs: list[IO[bytes]]) -> dict[str, int]:
    """Every append that was acknowledged stands once and whole, and nothing else does."""
    people_by_seq: dict[int, list[str]] = {}
    for output in outputs:
        output.seek(0)
        for line in output.read().decode().splitlines():
            seq, *people = line.split()
            assert int(seq) not in people_by_seq, f"two were given entry {seq}"
            people_by_seq[int(seq)] = people
        output.close()
    ledger = open_sqlite(path, now=now, draw_salt=draw_salt)
    visits = {e.seq: e.event.subject for e in ledger.entries() if e.event.kind == "visit_made"}
    promised = {seq + n: person for seq, people in people_by_seq.items() for n, person in enumerate(people)}
    lost = {seq: person for seq, person in promised.items() if visits.get(seq) != person}
    assert not lost, f"lost: {dict(list(lost.items())[:5])}"
    doubled = {seq: person for seq, person in visits.items() if seq not in promised}
    assert not doubled, f"written and not acknowledged, or twice: {dict(list(doubled.items())[:5])}"
    assert ledger.head() == require_chained(ledger)
    assert ledger.audit() == ()
    through_process = len(ledger.stored_receipts())
    ledger.close()
    return {"appends": len(people_by_seq), "by_process": through_process, "entries": len(visits)}


def run(folder: Path, kill_count: int, seed: int = 1) -> dict[str, int]:
    """Kill so often in all, in batches; goes on where an earlier run was stopped."""
    progress_path = folder / "kills.json"
    totals: dict[str, Any] = {"batches": 0, "kills": 0, "appends": 0, "by_process": 0, "entries": 0}
    if progress_path.exists():
        totals = json.loads(progress_path.read_text())
    while totals["kills"] < kill_count:
        place = folder / f"batch-{totals['batches']}-{time.time_ns()}"
        place.mkdir(parents=True)
        batch_size = min(KILLS_PER_BATCH, kill_count - totals["kills"])
        result = run_batch(place / "ledger.sqlite", seed * 1_000 + totals["batches"], batch_size)
        totals = {name: totals[name] + result.get(name, 1) for name in totals}
        progress_path.write_text(json.dumps(totals))
    return totals


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["1"])[0]))) + "\n"
    )

"""Programs that write a ledger are killed at any moment: nothing acknowledged is lost, nothing is torn."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledgers import access, draw_salt, open_sqlite, require_chained

from becalm.app.events import FOLDS
from becalm.ledger import Entry, fold_entries

WRITER = Path(__file__).resolve().parents[1] / "support" / "ledger_writer.py"


def acknowledged(printed: bytes) -> dict[int, list[str]]:
    """The appends that were said to be on the disk; a line that was cut off says nothing."""
    whole = printed.decode().rpartition("\n")[0]
    return {int(line.split()[0]): line.split()[1:] for line in whole.splitlines()}


def kill_writers(path: Path, seed: int, *, most_seconds: float, writers: int) -> dict[int, list[str]]:
    """Let some programs write one ledger, kill them all at a moment that nobody foresees."""
    running = [
        subprocess.Popen(
            [sys.executable, WRITER, path, str(seed * 10 + n)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for n in range(writers)
    ]
    assert running[0].stdout is not None
    first = os.read(running[0].stdout.fileno(), 4096)  # it has started to write
    time.sleep(random.Random(seed).uniform(0, most_seconds))
    for program in running:
        program.send_signal(signal.SIGKILL)
    printed = [program.communicate()[0] for program in running]
    assert {program.returncode for program in running} == {-signal.SIGKILL}
    said: dict[int, list[str]] = {}
    for number, text in enumerate(printed):
        said |= acknowledged(first + text if number == 0 else text)
    return said


def require_whole(path: Path, said: dict[int, list[str]], since: int) -> int:
    """Every acknowledged append stands whole, none stands in part, and state tables are what they must be."""
    ledger = open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt)
    try:
        entries = {entry.seq: entry for entry in ledger.entries(after=since)}
        for seq, people in said.items():
            assert [entries[seq + n].event.subject for n in range(len(people))] == people
        require_no_torn_append(list(entries.values()))
        assert ledger.rebuild() == ()
        with_payload = [entry for entry in entries.values() if entry.commitment]
        for entry in with_payload[-2:]:
            person = entry.event.subject
            assert ledger.payload(entry.seq, access=access(person, entry.recorded_at)) == person.encode()
        return ledger.head().size
    finally:
        ledger.close()


def require_no_torn_append(entries: list[Entry]) -> None:
    """An append's events stand side by side, from its first on."""
    visits = [entry for entry in entries if entry.event.kind == "visit_made"]
    for before, entry in zip([None, *visits], visits, strict=False):
        append, _, number = entry.event.subject.rpartition("-")
        if number != "0":
            assert before is not None
            assert before.event.subject == f"{append}-{int(number) - 1}"
            assert before.seq == entry.seq - 1


def rounds(path: Path, count: int, *, most_seconds: float) -> tuple[int, int]:
    """How many entries were acknowledged and how many stand after so many rounds?"""
    size = promised = 0
    for seed in range(count):
        said = kill_writers(path, seed, most_seconds=most_seconds, writers=1 + seed % 2)
        promised += sum(map(len, said.values()))
        size = require_whole(path, said, size)
    ledger = open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt)
    assert ledger.head() == require_chained(ledger)
    for fold in FOLDS:
        assert ledger.state_rows(fold.table) == tuple(fold_entries(fold, ledger.entries()).values())
    ledger.close()
    return promised, size


def test_killed_writers_lose_and_tear_nothing(tmp_path: Path) -> None:
    promised, size = rounds(tmp_path / "ledger.sqlite", 20, most_seconds=0.1)
    assert 0 < promised <= size


@pytest.mark.exhaustive
def test_writers_killed_a_thousand_times_lose_and_tear_nothing(tmp_path: Path) -> None:
    promised = size = 0
    for batch in range(20):
        path = tmp_path / f"{batch}" / "ledger.sqlite"
        path.parent.mkdir()
        more, stands = rounds(path, 50, most_seconds=0.2)
        promised, size = promised + more, size + stands
    print(f"1,000 rounds: {promised} entries acknowledged, {size} stand, 0 lost, 0 torn")  # noqa: T201 - the figure

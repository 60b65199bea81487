"""The server is killed under those who write: nothing acknowledged is lost, nothing torn, nothing doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from ledgers import draw_salt, open_postgres, require_chained
from postgres import Server, throw_away_server

from becalm.app.events import FOLDS
from becalm.ledger import fold_entries

WRITER = Path(__file__).resolve().parents[1] / "support" / "ledger_writer.py"


@contextmanager
def programs_that_write(url: str, folder: Path, seed: int, many: int) -> Iterator[list[Path]]:
    """Some programs that write this ledger, and the files in which they say what was acknowledged."""
    said = [folder / f"{seed}-{number}" for number in range(many)]
    running = []
    for number, path in enumerate(said):
        with path.open("wb") as out:
            running.append(
                subprocess.Popen(
                    [sys.executable, WRITER, url, str(seed * 10 + number)],
                    stdout=out,
                    stderr=subprocess.DEVNULL,  # a read that the killing cut short is refused, and says so
                )
            )
    try:
        while not all(path.stat().st_size for path in said):
            assert all(program.poll() is None for program in running), said[0].read_text()
            time.sleep(0.01)
        yield said
    finally:
        for program in running:
            program.kill()
            program.wait()


def lines(path: Path) -> list[list[str]]:
    """What a program said, but for a line that was cut off."""
    return [line.split() for line in path.read_text().rpartition("\n")[0].splitlines()]


def kill_and_look(server: Server, url: str, folder: Path, seed: int) -> tuple[int, int]:
    """Kill the server once or twice under its writers; how many entries were acknowledged, how many stand?"""
    draw = random.Random(seed)
    with programs_that_write(url, folder, seed, many=2) as said:
        for _ in range(1 + seed % 2):  # every other time the writers go on with the server that came back
            time.sleep(draw.uniform(0, 0.3))
            server.kill()
            before = [len(lines(path)) for path in said]
            server.start()
        if seed % 2:
            until = time.monotonic() + 60
            while not all(len(lines(path)) > count for path, count in zip(said, before, strict=True)):
                assert time.monotonic() < until, "the writers did not go on"
                time.sleep(0.02)
    promised = {int(line[0]): line[1:] for path in said for line in lines(path)}
    return sum(map(len, promised.values())), require_whole(url, promised)


def require_whole(url: str, promised: dict[int, list[str]]) -> int:
    """Each acknowledged append stands where it was said to, each append whole and once."""
    ledger = open_postgres(url, draw_salt=draw_salt)
    try:
        entries = list(ledger.entries())
        people = [entry.event.subject for entry in entries if entry.event.kind == "visit_made"]
        assert len(set(people)) == len(people), "an append was written twice"
        for seq, wanted in promised.items():
            assert [entry.event.subject for entry in entries[seq - 1 : seq - 1 + len(wanted)]] == wanted
        for entry, following in pairwise(entries):
            name, _, number = following.event.subject.rpartition("-")
            if following.event.kind == "visit_made" and number != "0":
                assert entry.event.subject == f"{name}-{int(number) - 1}", "an append was torn"
        assert ledger.head() == require_chained(ledger)
        for fold in FOLDS:
            assert ledger.state_rows(fold.table) == tuple(fold_entries(fold, entries).values())
        return len(entries)
    finally:
        ledger.close()


def kill_often(folder: Path, rounds: int) -> tuple[int, int]:
    with throw_away_server() as server:
        promised = stands = 0
        for seed in range(rounds):
            url = server.fresh_ledger()
            more, stand = kill_and_look(server, url, folder, seed)
            promised, stands = promised + more, stands + stand
            server.drop(url)
        return promised, stands


def test_a_killed_server_loses_and_tears_nothing(tmp_path: Path) -> None:
    promised, stands = kill_often(tmp_path, 3)
    assert 0 < promised <= stands


@pytest.mark.exhaustive
def test_a_server_killed_a_hundred_times_loses_and_tears_nothing(tmp_path: Path) -> None:
    promised, stands = kill_often(tmp_path, 100)
    print(f"100 rounds: {promised} entries acknowledged, {stands} stand, 0 lost, 0 torn")  # noqa: T201 - the figure

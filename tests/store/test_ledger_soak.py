"""Appends, checkpoints, erasures, rebuilds, backups and verifications at once: nothing crashes or is lost."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledgers import draw_salt, open_sqlite, require_chained

from becalm.ledger.chain import HASH, SEQ

SUPPORT = Path(__file__).resolve().parents[1] / "support"
PROGRAMS = 3  # of eight threads each


def soak(folder: Path, seconds: int) -> tuple[int, Counter[str]]:
    """Run the programs; how many entries were acknowledged, and what was done how often."""
    path = folder / "ledger.sqlite"
    open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt).close()
    command = [sys.executable, str(SUPPORT / "ledger_soak.py"), str(path), str(seconds)]
    programs = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed in range(PROGRAMS)
    ]
    answers = [(*program.communicate(timeout=seconds + 300), program.returncode) for program in programs]
    assert [code for *_, code in answers] == [0] * PROGRAMS, [error[-2000:] for _, error, _ in answers]
    told = [json.loads(output) for output, *_ in answers]
    assert [each["faults"] for each in told] == [[]] * PROGRAMS
    ledger = open_sqlite(path, now=lambda: datetime.now(UTC), draw_salt=draw_salt)
    hash_by_seq = {row[SEQ]: row[HASH] for row in ledger.rows()}
    acknowledged = [tuple(pair) for each in told for pair in each["acknowledged"]]
    assert [pair for pair in acknowledged if hash_by_seq.get(pair[0]) != pair[1]] == []
    assert ledger.head() == require_chained(ledger)
    assert ledger.audit() == ()
    ledger.close()
    return len(acknowledged), sum((Counter(each["done"]) for each in told), Counter())


def test_everything_at_once_crashes_and_loses_nothing(tmp_path: Path) -> None:
    count, done = soak(tmp_path, 6)
    assert count > 50
    assert done.keys() >= {"append", "checkpoint", "erase", "rebuild", "verify"}


@pytest.mark.exhaustive
def test_ten_minutes_of_everything_at_once(tmp_path: Path) -> None:
    soak(tmp_path, 600)

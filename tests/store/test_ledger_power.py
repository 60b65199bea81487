"""The power fails: what the disk was never told to keep may be there in part, in any order, or as rubbish.

A model of it: at an acknowledgement the files are as they are. What is written afterwards reaches the disk
sector by sector or not at all, and a sector that was being written may hold anything.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers import NOON, SetClock, draw_salt, open_sqlite, plain, require_chained, visit

from becalm.ledger import EventToAppend

SECTOR_BYTES = 512


@dataclass(frozen=True)
class OnDisk:
    """The file of a ledger, its log and the memo of its head at one moment."""

    file: bytes
    log: bytes
    memo: bytes

    def put(self, path: Path) -> None:
        path.write_bytes(self.file)
        path.with_name(path.name + "-wal").write_bytes(self.log)
        path.with_suffix(".head").write_bytes(self.memo)


def on_disk(path: Path) -> OnDisk:
    log, memo = path.with_name(path.name + "-wal"), path.with_suffix(".head")
    return OnDisk(path.read_bytes(), log.read_bytes(), memo.read_bytes())


def cut(draw: random.Random, before: bytes, after: bytes) -> bytes:
    """What stands on a disk that was to go from one content to the other when the power failed."""
    kept_share, length = draw.random(), max(len(before), len(after))
    sectors = []
    for start in range(0, length, SECTOR_BYTES):
        old, new = (content[start : start + SECTOR_BYTES] for content in (before, after))
        chance = draw.random()
        if old == new or chance < kept_share:
            sectors.append(new or old)
        elif chance < 0.98:
            sectors.append(old or bytes(len(new)))
        else:
            sectors.append(old or draw.randbytes(len(new)))
    whole = b"".join(sectors)
    return whole[: draw.randint(len(before), length)] if draw.random() < 0.5 else whole


def survive(path: Path, disk: OnDisk, acknowledged: int, appends: list[int]) -> int:
    """Start again from this disk: all that was acknowledged stands, and every append whole or not at all."""
    disk.put(path)
    ledger = open_sqlite(path, now=SetClock(NOON + timedelta(hours=1)), draw_salt=draw_salt)
    head = ledger.head()
    assert head == require_chained(ledger)
    assert head.size >= acknowledged
    assert head.size in appends
    assert ledger.rebuild() == ()
    assert ledger.append(plain(visit("p0"))) != ()
    ledger.close()
    for left in path.parent.glob(path.stem + ".*"):
        left.unlink()
    return head.size


def cuts_in_appends(folder: Path, count: int) -> set[int]:
    """Cut the power while appends are written, so many times; how many entries stood afterwards."""
    draw, stood = random.Random(1), set()
    ledger = open_sqlite(folder / "ledger.sqlite", now=SetClock(), draw_salt=draw_salt)
    moments, sizes = [on_disk(folder / "ledger.sqlite")], [0]
    for _ in range(12):
        events = [EventToAppend(visit(), b"z" * draw.randint(1, 9000)) for _ in range(draw.randint(1, 20))]
        sizes.append(ledger.append(events)[-1].seq)
        moments.append(on_disk(folder / "ledger.sqlite"))
    ledger.close()
    (folder / "cut").mkdir()
    for _ in range(count):
        at = draw.randrange(len(moments) - 1)
        log = cut(draw, moments[at].log, moments[min(at + draw.randint(1, 3), 12)].log)
        disk = OnDisk(moments[at].file, log, moments[max(at - draw.randint(0, 1), 0)].memo)
        stood.add(survive(folder / "cut" / "ledger.sqlite", disk, sizes[at], sizes) - sizes[at])
    return stood


def cuts_in_checkpoints(folder: Path, count: int) -> None:
    """Cut the power while the log is carried over into the file."""
    draw = random.Random(2)
    path = folder / "ledger.sqlite"
    ledger = open_sqlite(path, now=SetClock(), draw_salt=draw_salt)
    ledger.append(plain(*[visit()] * 30))
    ledger._file.execute_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.append([EventToAppend(visit(), b"z" * 5000) for _ in range(40)])
    before = on_disk(path)
    ledger._file.execute_alone("PRAGMA wal_checkpoint(PASSIVE)")
    after = on_disk(path)
    ledger.close()
    assert before.log == after.log
    assert before.file != after.file
    (folder / "cut").mkdir()
    for _ in range(count):
        disk = OnDisk(cut(draw, before.file, after.file), before.log, before.memo)
        assert survive(folder / "cut" / "ledger.sqlite", disk, 70, [70]) == 70


def test_a_power_cut_takes_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    stood = cuts_in_appends(tmp_path, 60)
    assert min(stood) == 0
    assert max(stood) > 0


def test_a_power_cut_in_a_checkpoint_takes_nothing(tmp_path: Path) -> None:
    cuts_in_checkpoints(tmp_path, 20)


@pytest.mark.exhaustive
def test_five_hundred_power_cuts_take_nothing(tmp_path: Path) -> None:
    for name in ("appends", "checkpoints"):
        (tmp_path / name).mkdir()
    cuts_in_appends(tmp_path / "appends", 350)
    cuts_in_checkpoints(tmp_path / "checkpoints", 150)

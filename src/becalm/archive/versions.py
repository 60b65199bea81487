"""Which version of its month does a new file belong to: one of its own, or the one that is there?

A load mostly replaces the months that it brings. But an extract also touches months of which it holds
a few days only (its first and last, or a row that belongs elsewhere), and those must not push a whole
month aside: they are added to it. `docs/decisions/0003-archive.md` says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from becalm.archive.manifest import slot_of
from becalm.tables.archive import ArchiveFile

KEYS = {"incidents": ("incident_id", "occurred_on"), "stops": ("stop_id", "stopped_at")}
EDGE_DAYS = 3  # days at either end of a month that a whole re-issue may lack
DATED_SHARE = 0.95
FRAGMENT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Staged:
    """A Parquet file on its way in, and its entry in the manifest to be."""

    path: Path
    entry: ArchiveFile


@dataclass(frozen=True)
class Edition:
    """What one version of a table, source and month holds."""

    version: str
    as_of: date
    whole: bool
    inputs: frozenset[str]
    table: str
    paths: tuple[Path, ...]

    @cached_property
    def keys(self) -> pa.Table:
        """What tells its rows apart."""
        files = [pq.ParquetFile(path).read(columns=list(KEYS[self.table])) for path in self.paths]
        return pa.concat_tables([_keys_of(file, self.table) for file in files])

    @cached_property
    def days(self) -> tuple[date, date] | None:
        """From which to which day, where nearly all rows have one."""
        days = self.keys["day"]
        if len(days) == 0 or days.null_count > (1 - DATED_SHARE) * len(days):
            return None
        span = pc.min_max(days).as_py()
        return span["min"], span["max"]

    def joined_by(self, other: Edition) -> Edition:
        """Both together, under this one's name."""
        return Edition(
            self.version,
            max(self.as_of, other.as_of),
            self.whole or other.whole,
            self.inputs | other.inputs,
            self.table,
            (*self.paths, *other.paths),
        )


def settle_versions(
    staged: Sequence[Staged], current: Sequence[ArchiveFile], root: Path
) -> tuple[Staged, ...]:
    """The same files, each with the version that it belongs to, without rows that it has already."""
    held: dict[tuple[str, str, str], list[ArchiveFile]] = {}
    for file in current:
        held.setdefault(slot_of(file), []).append(file)
    slots: dict[tuple[str, str, str], dict[str, list[Staged]]] = {}
    for item in staged:
        slots.setdefault(slot_of(item.entry), {}).setdefault(_own_version(item.entry), []).append(item)
    settled: list[Staged] = []
    for slot, groups in slots.items():
        there = _edition_there(held.get(slot, []), root)
        for version, items in sorted(groups.items(), key=lambda group: _order(group[1])):
            new = _edition_of(version, items)
            home = _home(new, there)
            settled += [_without_held(item, there) if home != version else item for item in items]
            settled[-len(items) :] = [
                replace(s, entry=replace(s.entry, version=home)) for s in settled[-len(items) :]
            ]
            there = _next_there(new, there, home)
    return tuple(settled)


def _home(new: Edition, there: Edition | None) -> str:
    """The version that the new files belong to."""
    if there is None or new.table not in KEYS or new.inputs & there.inputs:
        return new.version
    newer, older = (new, there) if new.as_of >= there.as_of else (there, new)
    return there.version if not newer.whole and is_fragment(newer, older) else new.version


def is_fragment(newer: Edition, older: Edition) -> bool:
    """Does the newer edition hold only a part of the month, so that it must not replace the older?

    Where days are known: it lacks days at either end that the older one has. Where they are not: it
    has less than half as many rows, and most of them are not among the older ones.
    """
    if newer.days and older.days:
        late_start = (newer.days[0] - older.days[0]).days > EDGE_DAYS
        early_end = (older.days[1] - newer.days[1]).days > EDGE_DAYS
        return late_start or early_end
    if newer.keys.num_rows >= FRAGMENT_SHARE * older.keys.num_rows:
        return False
    return bool(2 * np.count_nonzero(_held_in(newer.keys, older.keys)) < newer.keys.num_rows)


def _next_there(new: Edition, there: Edition | None, home: str) -> Edition:
    if there is None:
        return new
    if home == there.version:
        return there.joined_by(new)
    return new if new.as_of >= there.as_of else there


def _without_held(item: Staged, there: Edition | None) -> Staged:
    """Drop the rows that the version has already."""
    if there is None:
        return item
    rows = pq.ParquetFile(item.path).read()
    again = _held_in(_keys_of(rows, there.table), there.keys)
    if not again.any():
        return item
    kept = rows.filter(pa.array(~again))
    pq.write_table(kept, item.path, compression="zstd")
    return replace(item, entry=replace(item.entry, rows=kept.num_rows))


def _held_in(rows: pa.Table, held: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows have the identity and the day of one that is held?"""
    known = set(zip(*held.to_pydict().values(), strict=True))
    asked = zip(*rows.to_pydict().values(), strict=True)
    return np.fromiter((key in known for key in asked), dtype=np.bool_, count=rows.num_rows)


def _keys_of(rows: pa.Table, table: str) -> pa.Table:
    name, when = KEYS[table]
    return pa.table({"id": rows[name].cast(pa.string()), "day": rows[when].cast(pa.date32())})


def _own_version(entry: ArchiveFile) -> str:
    return f"{entry.intake_id}/{entry.input_sha256}" if entry.whole else entry.intake_id


def _order(items: Sequence[Staged]) -> tuple[bool, date]:
    return not items[0].entry.whole, max(item.entry.as_of for item in items)


def _edition_of(version: str, items: Sequence[Staged]) -> Edition:
    entries = [item.entry for item in items]
    return Edition(
        version,
        max(entry.as_of for entry in entries),
        any(entry.whole for entry in entries),
        frozenset(entry.input_sha256 for entry in entries),
        entries[0].table,
        tuple(item.path for item in items),
    )


def _edition_there(files: Sequence[ArchiveFile], root: Path) -> Edition | None:
    if not files:
        return None
    edition = _edition_of(files[0].version, [Staged(root / file.path, file) for file in files])
    return edition if all(path.is_file() for path in edition.paths) else None  # damaged: reading says so

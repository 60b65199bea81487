"""The ways between hotspots and bases: over streets, by a table of the force's own, or as the crow flies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from becalm.archive.manifest import sha256_of
from becalm.patrol.core.nouns import Base, Mode, PatrolPlace, UnitShift
from becalm.patrol.core.policy import PolicyBook
from becalm.patrol.core.streets import street_table
from becalm.patrol.core.travel import (
    Stops,
    broken_triangles,
    close_triangles,
    crow_fly_table,
    out_of_reach,
    stops_of,
)
from becalm.patrol.core.travel_table import TravelTable
from becalm.patrol.files.travel_file import read_travel
from becalm.terms import Fault, PlanError
from becalm.workspace.config import Workspace
from becalm.workspace.patrol_files import STREETS
from becalm.workspace.streets import read_streets

TRAVEL_STEP_MINUTES = 0.05  # travel is rounded up to this, so that files are short and nobody is late


@dataclass(frozen=True, slots=True)
class TravelWanted:
    """Which files say how long ways take; `close` shortens what a given table has too long."""

    streets: Path | None = None
    table: Path | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Ways:
    """A table for each mode in use, where it came from, and what its reader must be told."""

    tables: Mapping[Mode, TravelTable]
    sources: Mapping[str, str]
    notes: tuple[str, ...]


def streets_file(workspace: Workspace, named: Path | None) -> Path | None:
    """The streets: the file that was named, else the workspace's own, if there is one."""
    if named is not None:
        return named
    return next((p for p in (workspace.path / name for name in STREETS) if p.is_file()), None)


def find_ways(
    workspace: Workspace,
    wanted: TravelWanted,
    places: Sequence[PatrolPlace],
    bases: Sequence[Base],
    shifts: Sequence[UnitShift],
    book: PolicyBook,
) -> Ways:
    """How many minutes is it from each stop to each other, by each mode in use?

    Raises
    ------
    PlanError
        with every hotspot that no unit of its area can reach and be back from within its shift, and why; or
        every pair of a given table that is longer than a way over another stop.
    """
    modes = sorted({s.mode for s in shifts})
    stops = stops_of(places, bases)
    streets = streets_file(workspace, wanted.streets)
    if wanted.table is not None:
        ways, lost = _given(wanted.table, stops, modes, book, close=wanted.close), tuple[Fault, ...]()
    elif streets is not None:
        ways, lost = _over_streets(workspace, streets, stops, modes, book)
    else:
        ways, lost = _by_crow(stops, modes, book), ()
    _require_reach(places, shifts, ways.tables, book, lost)
    return ways


def _by_crow(stops: Stops, modes: Sequence[Mode], book: PolicyBook) -> Ways:
    tables = {m: crow_fly_table(stops, m, book.paces[m], quantile=book.quantile) for m in modes}
    note = (
        f"Travel as the crow flies ({_speeds(modes, book)}, with its detour): rivers and railways are not "
        "seen. Give a street network with --streets."
    )
    return Ways(_tidy(tables), {"streets": "none: as the crow flies"}, (note,))


def _over_streets(
    workspace: Workspace, path: Path, stops: Stops, modes: Sequence[Mode], book: PolicyBook
) -> tuple[Ways, tuple[Fault, ...]]:
    network = read_streets(path, crs=workspace.city.crs)
    made = [street_table(network, stops, m, book.paces[m], quantile=book.quantile) for m in modes]
    note = f"Travel over {path.name} ({_speeds(modes, book)} where a street states no speed)."
    ways = Ways(_tidy({t.table.mode: t.table for t in made}), {"streets": sha256_of(path)}, (note,))
    return ways, tuple(fault for t in made for fault in t.out_of_reach)


def _given(path: Path, stops: Stops, modes: Sequence[Mode], book: PolicyBook, *, close: bool) -> Ways:
    tables = read_travel(path, tuple(stops), modes, quantile=book.quantile)
    broken = tuple(fault for table in tables.values() for fault in broken_triangles(table))
    if broken and not close:
        raise PlanError(
            f"{path.name}: ways are longer than ways over another stop; nothing was planned. "
            "Correct them, or shorten them all with --close-triangles.",
            broken,
        )
    told = tuple(f"Shortened: {fault.where}, {fault.what}." for fault in broken)
    return Ways(_tidy(tables), {"travel": sha256_of(path)}, (f"Travel by {path.name}, as given.", *told))


def _tidy(tables: Mapping[Mode, TravelTable]) -> dict[Mode, TravelTable]:
    """Closed and rounded up: sums of what is rounded up are never below it, so triangles hold."""
    tidy = {}
    for mode, table in tables.items():
        steps = np.ceil(close_triangles(table).minutes / TRAVEL_STEP_MINUTES - 1e-9)
        tidy[mode] = replace(table, minutes=np.round(steps * TRAVEL_STEP_MINUTES, 2))
    return tidy


def _speeds(modes: Sequence[Mode], book: PolicyBook) -> str:
    return ", ".join(f"{mode} {book.paces[mode].kph:g} km/h" for mode in modes)


def _require_reach(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    tables: Mapping[Mode, TravelTable],
    book: PolicyBook,
    lost: Sequence[Fault],
) -> None:
    """Refuse places that nobody can visit; where the streets say why, their reason stands."""
    faults = out_of_reach(
        places,
        shifts,
        tables,
        shortest_burst_minutes=min(book.planner.burst_minutes),
        settle_minutes=book.planner.settle_minutes,
    )
    if not faults:
        return
    why = {fault.where: fault for fault in lost}
    base = {s.area: s.base for s in shifts}
    area = {p.hotspot: p.area for p in places}
    told = dict.fromkeys(why.get(f.where) or why.get(base.get(area[f.where], "")) or f for f in faults)
    verb = "is" if len(faults) == 1 else "are"
    raise PlanError(
        f"{len(faults)} of {len(places)} hotspots {verb} out of reach; nothing was planned", tuple(told)
    )

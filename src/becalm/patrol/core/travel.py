"""How far apart, in minutes? The table by the crow, and the checks that every table passes.

How long it takes to get from place to place.

Travel minutes over streets: the fastest ways of each mode, with the speeds that the policy states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.routes.shortest_paths import shortest_ways
from becalm.patrol.core.places_and_shifts import Base, Mode, PatrolPlace, UnitShift
from becalm.patrol.core.policy import Pace
from becalm.tables import StreetNetwork
from becalm.terms import Fault, PlanError

Stops = Mapping[str, tuple[float, float]]
TOLERANCE_MINUTES = 0.05
SHOWN = 20
WALK_KPH = 4.8  # the last steps from the street are on foot, whatever the mode


def locate_stops(places: Sequence[PatrolPlace], bases: Sequence[Base]) -> dict[str, tuple[float, float]]:
    """Every place that units travel between, by name, in metres: hotspots first, then bases."""
    stops = {p.hotspot: (p.easting_m, p.northing_m) for p in places}
    for base in bases:
        if base.base in stops:
            raise PlanError(f"{base.base!r} names a base and a hotspot. Rename the base in the units file.")
        stops[base.base] = (base.easting_m, base.northing_m)
    return stops


def straight_line_table(stops: Stops, mode: Mode, pace: Pace, *, quantile: float) -> TravelTable:
    """Travel minutes along straight lines, lengthened by the mode's detour, at its cautious speed.

    minutes = fixed + p80_factor * detour * metres / (kph * 1000 / 60). The table says "crow-fly": rivers
    and railways are not seen.
    """
    points = np.array(list(stops.values()), dtype=np.float64).reshape(-1, 2)
    metres = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    minutes = pace.fixed_minutes + pace.p80_factor * pace.detour * metres / (pace.kph * 1000 / 60)
    np.fill_diagonal(minutes, 0.0)
    return TravelTable(mode, tuple(stops), minutes, quantile, "crow-fly")


def find_broken_triangles(table: TravelTable) -> tuple[Fault, ...]:
    """Where is a journey longer than one with a stop on the way, which no shortest way can be?

    Each fault names the pair, and the stop by which it is quicker.
    """
    shortest = shortest_minutes(table)
    with np.errstate(invalid="ignore"):
        broken = table.minutes > shortest + TOLERANCE_MINUTES
    return tuple(_broken(table, shortest, int(i), int(j)) for i, j in np.argwhere(broken)[:SHOWN])


def close_triangles(table: TravelTable) -> TravelTable:
    """The same table with every journey as short as the best way over other stops."""
    return TravelTable(table.mode, table.stops, shortest_minutes(table), table.quantile, table.source)


def shortest_minutes(table: TravelTable) -> Floats:
    """The shortest minutes from every stop to every stop over any number of others."""
    minutes = np.array(table.minutes, dtype=np.float64)
    np.fill_diagonal(minutes, 0.0)
    for k in range(len(minutes)):
        np.minimum(minutes, minutes[:, k, None] + minutes[None, k, :], out=minutes)
    return minutes


def find_unreachable_places(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    tables: Mapping[Mode, TravelTable],
    *,
    shortest_burst_minutes: float,
    settle_minutes: float = 0.0,
) -> tuple[Fault, ...]:
    """Which places can no unit of their area visit and be back from within its shift? Why not?"""
    kinds = {(s.area, s.base, s.mode): 0.0 for s in shifts}
    for s in shifts:
        key = (s.area, s.base, s.mode)
        kinds[key] = max(kinds[key], s.hours.minutes - s.meal_minutes)
    return tuple(
        fault
        for place in places
        for fault in _unreached(place, kinds, tables, shortest_burst_minutes + settle_minutes)
    )


def _unreached(
    place: PatrolPlace,
    kinds: Mapping[tuple[str, str, Mode], float],
    tables: Mapping[Mode, TravelTable],
    stay_minutes: float,
) -> list[Fault]:
    own = [(base, mode, room) for (area, base, mode), room in kinds.items() if area == place.area]
    if not own:
        what = f"no unit serves its area {place.area!r}"
        return [Fault(place.hotspot, what, "add a team for this area, or give the place to another area")]
    trips = [
        (_there_and_back(tables[mode], place.hotspot, base) + stay_minutes, room) for base, mode, room in own
    ]
    if any(trip <= room for trip, room in trips):
        return []
    best = min(trips)
    if not np.isfinite(best[0]):
        what = "no way leads from any base of its area there and back"
        return [Fault(place.hotspot, what, "raise snap_m, mend the streets, or take the place off the list")]
    what = f"there and back with a visit takes {best[0]:.0f} minutes; the shift leaves {best[1]:.0f}"
    return [Fault(place.hotspot, what, "serve it from a nearer base or by a faster mode")]


def _there_and_back(table: TravelTable, stop: str, base: str) -> float:
    i, j = table.stops.index(stop), table.stops.index(base)
    return float(table.minutes[i, j] + table.minutes[j, i])


def _broken(table: TravelTable, shortest: Floats, i: int, j: int) -> Fault:
    through = int(np.argmin(shortest[i] + shortest[:, j] + 1e9 * np.isin(np.arange(len(shortest)), (i, j))))
    a, b, via = table.stops[i], table.stops[j], table.stops[through]
    what = (
        f"{table.minutes[i, j]:.1f} minutes by {table.mode}, but {shortest[i, j]:.1f} over other stops "
        f"({via} on the way)"
    )
    return Fault(f"{a} to {b}", what, "correct the table, or let becalm close it")


@dataclass(frozen=True, slots=True)
class TravelTable:
    """Travel minutes from every stop to every stop by one mode, at a safe quantile.

    `stops` names hotspots and bases; `minutes[i, j]` is from stops[i] to stops[j], infinite where there is
    no way. `source` says whether streets or the crow were followed, or a table was given.
    """

    mode: Mode
    stops: tuple[str, ...]
    minutes: Floats
    quantile: float
    source: Literal["streets", "crow-fly", "given"]


@dataclass(frozen=True, slots=True)
class StreetTable:
    """The table, and each stop that no street leads to, with the reason."""

    table: TravelTable
    out_of_reach: tuple[Fault, ...]


def build_street_table(
    network: StreetNetwork, stops: Stops, mode: Mode, pace: Pace, *, quantile: float
) -> StreetTable:
    """How many minutes is it from each stop to each other over these streets, four times in five at most?

    minutes = fixed + p80_factor * (fastest way + the steps to and from the nearest junction, on foot
    speed or the mode's if slower, lengthened by its detour). Vehicles keep to one-way streets. A stop
    farther than `pace.snap_m` from every junction, or with no way there and back to most others, is
    infinitely far, and named.
    """
    if not stops:
        raise PlanError("There are no stops to travel between. Give hotspots and bases.")
    kept = network.for_vehicles if mode == "vehicle" else np.ones(len(network.start), dtype=bool)
    if not kept.any():
        raise PlanError(f"{network.source} has no street for the mode {mode}. Give another network.")
    cost = network.length_m[kept] / (_speed_kph(network.speed_kph[kept], pace) * 1000 / 60)
    points = np.array(list(stops.values()), dtype=np.float64)
    found = shortest_ways(network.junctions, network.start[kept], network.end[kept], cost, points)
    walk = pace.detour * found.distance / (min(pace.kph, WALK_KPH) * 1000 / 60)
    minutes = pace.fixed_minutes + pace.p80_factor * (found.costs + walk[:, None] + walk[None, :])
    far = found.distance > pace.snap_m
    minutes[far, :] = minutes[:, far] = np.inf
    np.fill_diagonal(minutes, 0.0)
    table = TravelTable(mode, tuple(stops), minutes, quantile, "streets")
    return StreetTable(table, _lost(table, found.distance, pace.snap_m, network.source))


def _speed_kph(stated: Floats, pace: Pace) -> Floats:
    if pace.street_speed_share == 0.0:
        return np.full(len(stated), pace.kph)
    return np.where(np.isfinite(stated), stated * pace.street_speed_share, pace.kph)


def _lost(table: TravelTable, distance: Floats, snap_m: float, source: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            stop,
            f"the nearest street of {source} for {table.mode} is {distance[i]:.0f} m away, over {snap_m:g} m",
            "give a network that covers it, raise snap_m in the policy, or take it off the list",
        )
        for i, stop in enumerate(table.stops)
        if distance[i] > snap_m
    )

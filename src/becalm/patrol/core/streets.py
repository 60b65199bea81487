"""Travel minutes over streets: the fastest ways of each mode, with the speeds that the policy states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.routes.shortest_paths import shortest_ways
from becalm.patrol.core.nouns import Mode
from becalm.patrol.core.policy import Pace
from becalm.patrol.core.travel import Stops
from becalm.patrol.core.travel_table import TravelTable
from becalm.tables.street_network import StreetNetwork
from becalm.terms import Fault, PlanError


@dataclass(frozen=True, slots=True)
class StreetTable:
    """The table, and each stop that no street leads to, with the reason."""

    table: TravelTable
    out_of_reach: tuple[Fault, ...]


def street_table(
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


WALK_KPH = 4.8  # the last steps from the street are on foot, whatever the mode


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

"""How far apart, in minutes? Tables over streets or straight lines, and the checks that each passes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.routes.shortest_paths import find_shortest_paths
from becalm.patrol.core.plan_inputs import Base, Mode, PatrolPlace, PatrolPolicy, TravelTable, UnitShift
from becalm.patrol.core.policy import Pace
from becalm.tables import StreetNetwork
from becalm.terms import Fault, PlanError

Stops = Mapping[str, tuple[float, float]]
TOLERANCE_MINUTES = 0.05
TRAVEL_STEP_MINUTES = 0.05  # travel is rounded up to this
FAULTS_SHOWN = 20
WALK_KPH = 4.8  # the last steps from the street are on foot, whatever the mode


@dataclass(frozen=True, slots=True)
class StreetTable:
    """The table, and each stop that no street leads to, with the reason."""

    table: TravelTable
    out_of_reach: tuple[Fault, ...]


def locate_stops(places: Sequence[PatrolPlace], bases: Sequence[Base]) -> dict[str, tuple[float, float]]:
    """Every place that units travel between, by name, in metres: hotspots first, then bases."""
    point_by_stop = {p.hotspot: (p.easting_m, p.northing_m) for p in places}
    for base in bases:
        if base.base in point_by_stop:
            raise PlanError(f"{base.base!r} names a base and a hotspot. Rename the base in the units file.")
        point_by_stop[base.base] = (base.easting_m, base.northing_m)
    return point_by_stop


def straight_line_table(stops: Stops, mode: Mode, pace: Pace, *, quantile: float) -> TravelTable:
    """Travel minutes along straight lines, lengthened by the mode's detour, at its cautious speed.

    minutes = fixed + p80_factor * detour * metres / (kph * 1000 / 60). The table says "crow-fly": rivers
    and railways are not seen.
    """
    stop_points = np.array(list(stops.values()), dtype=np.float64).reshape(-1, 2)
    line_m = np.hypot(*(stop_points[:, None, :] - stop_points[None, :, :]).transpose(2, 0, 1))
    travel_minutes = pace.fixed_minutes + pace.p80_factor * pace.detour * line_m / (pace.kph * 1000 / 60)
    np.fill_diagonal(travel_minutes, 0.0)
    return TravelTable(mode, tuple(stops), travel_minutes, quantile, "crow-fly")


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
    is_usable = network.for_vehicles if mode == "vehicle" else np.ones(len(network.start), dtype=bool)
    if not is_usable.any():
        raise PlanError(f"{network.source} has no street for the mode {mode}. Give another network.")
    speeds_kph = np.full(len(network.start), pace.kph)
    if pace.street_speed_share > 0.0:
        stated_kph = network.speed_kph * pace.street_speed_share
        speeds_kph = np.where(np.isfinite(stated_kph), stated_kph, pace.kph)
    street_minutes = network.length_m[is_usable] / (speeds_kph[is_usable] * 1000 / 60)
    stop_points = np.array(list(stops.values()), dtype=np.float64)
    street_paths = find_shortest_paths(
        network.junctions, network.start[is_usable], network.end[is_usable], street_minutes, stop_points
    )
    walk_minutes = pace.detour * street_paths.distance / (min(pace.kph, WALK_KPH) * 1000 / 60)
    way_minutes = street_paths.costs + walk_minutes[:, None] + walk_minutes[None, :]
    travel_minutes = pace.fixed_minutes + pace.p80_factor * way_minutes
    is_stop_far = street_paths.distance > pace.snap_m
    travel_minutes[is_stop_far, :] = travel_minutes[:, is_stop_far] = np.inf
    np.fill_diagonal(travel_minutes, 0.0)
    street_text = f"the nearest street of {network.source} for {mode} is"
    remedy_text = "give a network that covers it, raise snap_m in the policy, or take it off the list"
    faults = tuple(
        Fault(stop, f"{street_text} {metres:.0f} m away, over {pace.snap_m:g} m", remedy_text)
        for stop, metres in zip(stops, street_paths.distance, strict=True)
        if metres > pace.snap_m
    )
    return StreetTable(TravelTable(mode, tuple(stops), travel_minutes, quantile, "streets"), faults)


def find_broken_triangles(table: TravelTable) -> tuple[Fault, ...]:
    """Where is a journey longer than one with a stop on the way, which no shortest way can be?

    Each fault names the pair, and the stop by which it is quicker.
    """
    closed_minutes = shortest_minutes(table)
    with np.errstate(invalid="ignore"):
        is_broken = table.minutes > closed_minutes + TOLERANCE_MINUTES
    return tuple(
        _triangle_fault(table, closed_minutes, int(i), int(j))
        for i, j in np.argwhere(is_broken)[:FAULTS_SHOWN]
    )


def _triangle_fault(table: TravelTable, closed_minutes: Floats, i: int, j: int) -> Fault:
    is_end = np.isin(np.arange(len(closed_minutes)), (i, j))
    via_stop = table.stops[int(np.argmin(closed_minutes[i] + closed_minutes[:, j] + 1e9 * is_end))]
    fault_text = (
        f"{table.minutes[i, j]:.1f} minutes by {table.mode}, but {closed_minutes[i, j]:.1f} over other stops "
        f"({via_stop} on the way)"
    )
    pair_text = f"{table.stops[i]} to {table.stops[j]}"
    return Fault(pair_text, fault_text, "correct the table, or let becalm shorten it")


def close_triangles(table: TravelTable) -> TravelTable:
    """The same table with every journey as short as the best way over other stops."""
    return replace(table, minutes=shortest_minutes(table))


def shortest_minutes(table: TravelTable) -> Floats:
    """The shortest minutes from every stop to every stop over any number of others."""
    shortest_way_minutes = np.array(table.minutes, dtype=np.float64)
    np.fill_diagonal(shortest_way_minutes, 0.0)
    for k in range(len(shortest_way_minutes)):
        np.minimum(
            shortest_way_minutes,
            shortest_way_minutes[:, k, None] + shortest_way_minutes[None, k, :],
            out=shortest_way_minutes,
        )
    return shortest_way_minutes


def find_unreachable_places(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    tables: Mapping[Mode, TravelTable],
    *,
    shortest_burst_minutes: float,
    settle_minutes: float = 0.0,
) -> tuple[Fault, ...]:
    """Which places can no unit of their area visit and be back from within its shift? Why not?"""
    free_minutes: dict[tuple[str, str, Mode], float] = {}
    for s in shifts:
        shift_kind = (s.area, s.base, s.mode)
        free_minutes[shift_kind] = max(free_minutes.get(shift_kind, 0.0), s.hours.minutes - s.meal_minutes)
    stay_minutes = shortest_burst_minutes + settle_minutes
    return tuple(
        fault for place in places for fault in _reach_faults(place, free_minutes, tables, stay_minutes)
    )


def _reach_faults(
    place: PatrolPlace,
    free_minutes: Mapping[tuple[str, str, Mode], float],
    tables: Mapping[Mode, TravelTable],
    stay_minutes: float,
) -> list[Fault]:
    trip_and_shift_minutes = [
        (round_trip_minutes(tables[mode], place.hotspot, base) + stay_minutes, shift_minutes)
        for (area, base, mode), shift_minutes in free_minutes.items()
        if area == place.area
    ]
    if not trip_and_shift_minutes:
        fault_text = f"no unit serves its area {place.area!r}"
        return [
            Fault(place.hotspot, fault_text, "add a team for this area, or give the place to another area")
        ]
    if any(trip_minutes <= shift_minutes for trip_minutes, shift_minutes in trip_and_shift_minutes):
        return []
    trip_minutes, shift_minutes = min(trip_and_shift_minutes)
    if not np.isfinite(trip_minutes):
        fault_text = "it cannot be reached from any base of its area and back"
        return [
            Fault(
                place.hotspot, fault_text, "raise snap_m, correct the streets, or take the place off the list"
            )
        ]
    fault_text = (
        f"there and back with a visit takes {trip_minutes:.0f} minutes; the shift leaves {shift_minutes:.0f}"
    )
    return [Fault(place.hotspot, fault_text, "serve it from a nearer base or by a faster mode")]


def round_trip_minutes(table: TravelTable, stop: str, base: str) -> float:
    """How long is the way from a base to a stop and back, without the visit?"""
    i, j = table.stops.index(stop), table.stops.index(base)
    return float(table.minutes[i, j] + table.minutes[j, i])


def round_up_travel(tables: Iterable[TravelTable]) -> dict[Mode, TravelTable]:
    """Tables closed and rounded up, by mode: short in a file, and nobody is late by them."""
    table_by_mode = {}
    for table in tables:
        # Sums of what is rounded up are never below it, so triangles still hold afterwards.
        travel_steps = np.ceil(close_triangles(table).minutes / TRAVEL_STEP_MINUTES - 1e-9)
        table_by_mode[table.mode] = replace(table, minutes=np.round(travel_steps * TRAVEL_STEP_MINUTES, 2))
    return table_by_mode


def check_reach(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    tables: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    street_faults: Sequence[Fault],
) -> None:
    """Refuse places that nobody can visit; where the streets say why, their reason is given."""
    faults = find_unreachable_places(
        places,
        shifts,
        tables,
        shortest_burst_minutes=min(policy.burst_minutes),
        settle_minutes=policy.settle_minutes,
    )
    if not faults:
        return
    street_fault = {fault.where: fault for fault in street_faults}
    area_base = {shift.area: shift.base for shift in shifts}
    place_area = {place.hotspot: place.area for place in places}
    reach_reasons = dict.fromkeys(
        street_fault.get(fault.where) or street_fault.get(area_base.get(place_area[fault.where], "")) or fault
        for fault in faults
    )
    is_or_are = "is" if len(faults) == 1 else "are"
    raise PlanError(
        f"{len(faults)} of {len(places)} hotspots {is_or_are} out of reach; nothing was planned",
        tuple(reach_reasons),
    )

"""How many officers does each tour of each command unit need, and why?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import shapely

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class TourNeed:
    """Officers wanted on one tour, with the reason."""

    command_unit: str
    day: date
    tour: str
    officers: int
    reason: str


@dataclass(frozen=True, slots=True)
class AdminNeed:
    """Hours of administration wanted in a command unit on a day."""

    command_unit: str
    day: date
    hours: float


def fill_water(weights: Floats, total: int, *, floors: Ints, caps: Ints) -> Ints:
    """Whole shares of `total` in proportion to `weights`, none below its floor or above its cap.

    The level rises alike for all (water-filling); what is left over by rounding goes to the largest
    remainders. Where the floors need more than the total, they stand; where the caps allow less, the caps do.

    >>> floors, caps = np.array([1, 3, 0]), np.array([9, 9, 3])
    >>> fill_water(np.array([1.0, 1.0, 2.0]), 8, floors=floors, caps=caps).tolist()
    [2, 3, 3]
    """
    if total <= floors.sum():
        return floors.copy()
    if total >= caps.sum():
        return caps.copy()
    water_level = _find_level(weights, total, floors, caps)
    shares = np.clip(weights * water_level, floors, caps)
    whole_officers = np.floor(shares + 1e-9).astype(np.int64)
    order = np.argsort(-(shares - whole_officers), kind="stable")
    for index in np.tile(order, 2):
        if whole_officers.sum() < total and whole_officers[index] < caps[index]:
            whole_officers[index] += 1
    return whole_officers


def _find_level(weights: Floats, total: int, floors: Ints, caps: Ints) -> float:
    """The level of the water, by halving."""
    low, high = 0.0, 1.0
    while np.clip(weights * high, floors, caps).sum() < total and high < 1e12:
        high *= 2
    for _ in range(80):
        middle_level = (low + high) / 2
        low, high = (
            (middle_level, high)
            if np.clip(weights * middle_level, floors, caps).sum() < total
            else (low, middle_level)
        )
    return high


@dataclass(frozen=True, slots=True)
class Harm:
    """The harm of the hotspots by command unit, and its share in each hour of the week."""

    by_unit: Mapping[str, float]
    hour_profile: Floats  # [168], Monday 00:00 first
    notes: tuple[str, ...]


def sum_harm(places: Iterable[Any], unit_of_borough: Mapping[str, str], units: Sequence[str]) -> Harm:
    """Add up the harm of places (`harm`, `borough`, `profile`) by command unit and hour of the week."""
    harm_by_unit = dict.fromkeys(units, 0.0)
    hour_profile, unplaced_count, flat_count = np.zeros(168), 0, 0
    for place in places:
        unit = unit_of_borough.get(place.borough)
        unplaced_count += unit is None
        flat_count += place.profile is None
        if unit is not None:
            harm_by_unit[unit] += place.harm
            hour_profile += place.harm * np.array(place.profile or [1 / 168] * 168)
    notes = []
    if unplaced_count:
        notes.append(
            f"{unplaced_count} hotspots lie in no borough with a command unit and count for nothing."
        )
    if flat_count:
        notes.append(f"{flat_count} hotspots have no hours: their harm is spread evenly over the week.")
    if hour_profile.sum() == 0:
        notes.append("No hotspot counts: the tours are shared out evenly.")
        return Harm(dict.fromkeys(units, 1.0), np.ones(168), tuple(notes))
    return Harm(harm_by_unit, hour_profile, tuple(notes))


def work_out_need(
    harm_of_unit: Mapping[str, float],
    hour_profile: Floats,
    *,
    first_day: date,
    days: int,
    tours: Sequence[tuple[str, Sequence[int]]],
    total: int,
    floor: int,
    cap: int,
) -> tuple[TourNeed, ...]:
    """Officers for each tour: harm of the command unit times the share of the week's risk in its hours.

    `hour_profile` [168] is the risk by hour of the week from Monday 00:00; each tour names the hours that it
    covers, counted from the midnight of its day.
    """
    units = sorted(harm_of_unit)
    keys = [
        (u, first_day + timedelta(days=d), t, hours) for u in units for d in range(days) for t, hours in tours
    ]
    week_share = hour_profile / hour_profile.sum()
    hour_shares = np.array(
        [sum(week_share[(day.weekday() * 24 + hour) % 168] for hour in hours) for _, day, _, hours in keys]
    )
    weights = np.array([harm_of_unit[u] for u, *_ in keys]) * hour_shares
    shares = fill_water(weights, total, floors=np.full(len(keys), floor), caps=np.full(len(keys), cap))
    harm_total = sum(harm_of_unit.values())
    return tuple(
        TourNeed(
            unit,
            day,
            tour,
            int(officers),
            _reason(harm_of_unit[unit] / harm_total, share, int(officers), floor, cap),
        )
        for (unit, day, tour, _), share, officers in zip(keys, hour_shares, shares, strict=True)
    )


def _reason(harm_share: float, hour_share: float, officers: int, floor: int, cap: int) -> str:
    limit_text = (
        ", held at the least" if officers == floor else ", held at the most" if officers == cap else ""
    )
    return f"{harm_share:.1%} of the harm, {hour_share:.1%} of the week's risk{limit_text}"


TOUCHING_M = 5.0


def name_neighbours(shapes: Sequence[Any], units: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which command units share a border, given the shape of each borough and its command unit?"""
    shape_array = np.array(shapes, dtype=object)
    left, right = shapely.STRtree(shape_array).query(shape_array, predicate="dwithin", distance=TOUCHING_M)
    pairs = {
        (units[a], units[b])
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
        if units[a] != units[b]
    }
    return {unit: tuple(sorted(b for a, b in pairs if a == unit)) for unit in sorted(set(units))}


def name_lenders(tours: Iterable[Any], officers: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Into which other command units do officers of each one go in a roster that is in force?"""
    home_of_officer = {officer.staff_number: officer.command_unit for officer in officers}
    unit_pairs = {
        (home_of_officer.get(tour.staff_number, tour.command_unit), tour.command_unit) for tour in tours
    }
    return {
        unit: tuple(sorted(b for a, b in unit_pairs if a == unit and b != unit))
        for unit in {a for a, _ in unit_pairs}
    }

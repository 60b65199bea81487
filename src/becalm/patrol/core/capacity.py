"""How many bursts are possible, how many are wanted, and what gives? Asked before anything is planned."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.dosage import scale_dosage
from becalm.patrol.core.plan_inputs import Arm, Mode, PatrolPlace, PatrolPolicy, TravelTable, UnitShift
from becalm.terms import Fault, PlanError

METHOD = (
    "open minutes over the minutes of a burst and the way to it; low: places in any order, high: the nearest"
)
NEARLY = 0.97  # planned dosage is exact on average; a target above this share of what is possible is tight


@dataclass(frozen=True, slots=True)
class PossibleBursts:
    """Bursts a day that fit: as the policy weighs travel, with places in any order, and always the nearest.

    An arithmetic before planning, between two bounds; no sample, so no confidence level.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AreaCapacity:
    """One area: its units' minutes a day, the bursts that fit in them, and the bursts it is owed."""

    area: str
    places: int
    unit_shifts_per_day: float
    duty_minutes_per_day: float
    meal_minutes_per_day: float
    open_minutes_per_day: float  # open to bursts and the ways between them
    burst_minutes: float  # mean length of a burst
    hop_minutes: float  # mean way to the next one, with settling, in whole slots
    possible_per_day: PossibleBursts
    wanted_per_day: float
    remedies: tuple[str, ...] = ()  # what would close the gap; empty where there is none

    @property
    def share(self) -> float:
        """Which share of what is wanted is possible (above 1: there is room)?"""
        return self.possible_per_day.value / self.wanted_per_day if self.wanted_per_day else math.inf


@dataclass(frozen=True, slots=True)
class Capacity:
    """The arithmetic of a plan, area by area."""

    days: int
    areas: tuple[AreaCapacity, ...]
    uncovered: tuple[str, ...]  # hours of the week in which an area has nobody on duty

    @property
    def possible_per_day(self) -> PossibleBursts:
        """Bursts a day that fit, in all areas together."""
        by_area = [astuple(area.possible_per_day) for area in self.areas]
        return PossibleBursts(*(sum(bursts) for bursts in zip(*by_area, strict=True)))

    @property
    def wanted_per_day(self) -> float:
        """Bursts a day that the policy asks for, in all areas together."""
        return sum(a.wanted_per_day for a in self.areas)

    @property
    def short(self) -> tuple[AreaCapacity, ...]:
        """The areas that cannot give what they owe."""
        return tuple(a for a in self.areas if a.share < 1.0)


def assess_capacity(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    *,
    days: int,
    arms: Mapping[tuple[str, date], Arm] | None = None,
) -> Capacity:
    """How many bursts a day fit into the shifts of each area, against how many its places are owed?

    possible = sum over shifts of (share * (minutes - meal) - way out and home) / (burst + hop), with a hop
    in whole slots, and the next place drawn by what it is owed and by exp(-travel weight * minutes). It is an
    estimate before planning: low takes places in any order, high always the nearest. What a place is owed is
    taken on the average of its days' `arms`, where a trial has drawn some.
    """
    extra_share: dict[str, float] = defaultdict(float)
    for (hotspot, _), arm in (arms or {}).items():
        extra_share[hotspot] += (policy.dose_factor(arm) - 1.0) / days
    dosed_places = [p for place in places for p in scale_dosage([place], 1.0 + extra_share[place.hotspot])]
    areas = tuple(
        _assess_area(
            name,
            [place for place in dosed_places if place.area == name],
            [shift for shift in shifts if shift.area == name],
            travel,
            policy,
            days,
        )
        for name in sorted({place.area for place in places} | {shift.area for shift in shifts})
    )
    return Capacity(days, areas, _uncovered_hours(places, shifts))


def fit_dosage(
    places: Sequence[PatrolPlace], capacity: Capacity, *, when_short: str
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with a dosage that fits, and what gave.

    Where an area is short, all its places get the same share of what they are owed.

    Raises PlanError naming each short area with what would mend it, where the policy says to refuse.
    """
    if capacity.short and when_short == "refuse":
        faults = tuple(
            Fault(
                area.area,
                f"its {area.places} places are owed {area.wanted_per_day:.1f} bursts a day; about "
                f"{area.possible_per_day.value:.1f} fit into {area.unit_shifts_per_day:.1f} unit-shifts",
                "; or ".join(area.remedies),
            )
            for area in capacity.short
        )
        raise PlanError("More dosage is wanted than there are minutes; nothing was planned", faults)
    shares = {area.area: min(1.0, area.share * NEARLY) for area in capacity.short}
    fitted_places = (p for place in places for p in scale_dosage([place], shares.get(place.area, 1.0)))
    notes = tuple(
        f"{a.area}: {a.wanted_per_day:.1f} bursts a day wanted, about {a.possible_per_day.value:.1f} "
        f"possible; every target there is scaled to {shares[a.area]:.0%}."
        for a in capacity.short
    )
    return tuple(fitted_places), notes


def _assess_area(
    name: str,
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    days: int,
) -> AreaCapacity:
    visits = sum(place.dosage.visits_per_day for place in places)
    minutes = sum(place.dosage.minutes_per_day for place in places)
    burst_minutes = minutes / visits if visits else float(np.mean(policy.burst_minutes))
    shift_kinds = Counter((shift.base, shift.mode, _open_minutes(shift)) for shift in shifts if places)
    figures_by_kind = [
        count * np.array(_count_bursts(base, places, travel[mode], policy, open_minutes, burst_minutes))
        for (base, mode, open_minutes), count in shift_kinds.items()
    ]
    low, value, high, hop_minutes = (float(sum(figures[k] for figures in figures_by_kind)) for k in range(4))
    area = AreaCapacity(
        area=name,
        places=len(places),
        unit_shifts_per_day=len(shifts) / days,
        duty_minutes_per_day=sum(shift.hours.minutes for shift in shifts) / days,
        meal_minutes_per_day=sum(shift.meal_minutes for shift in shifts) / days,
        open_minutes_per_day=sum(map(_open_minutes, shifts)) / days,
        burst_minutes=burst_minutes,
        hop_minutes=hop_minutes / len(shifts) if figures_by_kind else 0.0,
        possible_per_day=PossibleBursts(value / days, low / days, high / days),
        wanted_per_day=visits,
    )
    return replace(area, remedies=_list_remedies(area))


def _open_minutes(shift: UnitShift) -> float:
    return shift.burst_share * (shift.hours.minutes - shift.meal_minutes)


def _count_bursts(
    base: str,
    places: Sequence[PatrolPlace],
    table: TravelTable,
    policy: PatrolPolicy,
    open_minutes: float,
    burst_minutes: float,
) -> tuple[float, float, float, float]:
    """Bursts of one shift with places in any order, by the policy and by the nearest; and the mean hop."""
    rows, home = [table.stops.index(place.hotspot) for place in places], table.stops.index(base)
    round_trip_minutes = table.minutes[home, rows] + table.minutes[rows, home]
    is_reached = np.isfinite(round_trip_minutes)
    if not is_reached.any():
        return 0.0, 0.0, 0.0, 0.0
    visit_weight = np.array([place.dosage.visits_per_day for place in places]) + 1e-12
    visit_weight = (visit_weight / visit_weight.sum())[is_reached]
    between_minutes = table.minutes[np.ix_(rows, rows)][np.ix_(is_reached, is_reached)]
    room_minutes = open_minutes - float(visit_weight @ round_trip_minutes[is_reached] / visit_weight.sum())
    hops = [
        _mean_hop_minutes(between_minutes, visit_weight, policy, rate)
        for rate in (0.0, policy.travel_weight, math.inf)
    ]
    low, value, high = (max(0.0, room_minutes / (burst_minutes + hop)) for hop in hops)
    return min(low, value), value, high, hops[1]


def _mean_hop_minutes(
    between_minutes: Floats, visit_weight: Floats, policy: PatrolPolicy, rate: float
) -> float:
    """The mean minutes of the way to another place and of settling there, in whole slots."""
    slot_minutes = policy.slot_minutes
    if len(visit_weight) == 1:
        return float(math.ceil(policy.settle_minutes / slot_minutes) * slot_minutes)
    away_minutes = np.where(np.eye(len(visit_weight), dtype=bool), np.inf, between_minutes)
    cost_minutes = np.ceil((away_minutes + policy.settle_minutes) / slot_minutes) * slot_minutes
    if math.isinf(rate):
        return float(visit_weight @ cost_minutes.min(axis=1) / visit_weight.sum())
    has_way = np.isfinite(away_minutes)
    if rate < 0:
        counted_minutes = np.minimum(np.where(has_way, away_minutes, 0.0), policy.far_minutes)
    else:
        # From the nearest on: exp(-rate * minutes) of far places alone would be 0 in doubles, row by row.
        nearest_minutes = away_minutes.min(axis=1, keepdims=True)
        counted_minutes = np.where(
            has_way, away_minutes - np.where(np.isfinite(nearest_minutes), nearest_minutes, 0.0), 0.0
        )
    attraction = np.where(has_way, visit_weight * np.exp(-rate * counted_minutes), 0.0)
    chance = attraction / np.maximum(attraction.sum(axis=1, keepdims=True), 1e-300)
    mean_minutes = (chance * np.where(np.isfinite(cost_minutes), cost_minutes, 0.0)).sum(axis=1)
    return float(visit_weight @ mean_minutes / visit_weight.sum())


def _list_remedies(area: AreaCapacity) -> tuple[str, ...]:
    if area.share >= 1.0:
        return ()
    possible, missing_share = area.possible_per_day.value, 1 - area.share
    if not possible:
        return ("a unit for this area, with a base from which its places can be reached",)
    per_shift = possible / area.unit_shifts_per_day
    missing_shifts = math.ceil((area.wanted_per_day - possible) / per_shift)
    remedies = [
        f"all its targets at {area.share:.0%}",
        f"{missing_shifts} more unit-shifts a day (each gives {per_shift:.1f} bursts)",
    ]
    shorter_minutes = area.burst_minutes - (area.burst_minutes + area.hop_minutes) * missing_share
    if shorter_minutes >= 5:
        remedies.append(f"bursts of {shorter_minutes:.0f} minutes instead of {area.burst_minutes:.0f}")
    return (*remedies, f"{math.ceil(area.places * missing_share)} of its {area.places} places fewer")


def _uncovered_hours(places: Sequence[PatrolPlace], shifts: Sequence[UnitShift]) -> tuple[str, ...]:
    """Areas that have hotspots and hours of the plan with nobody on duty, as a share of all its hours."""
    if not shifts:
        return ()
    first_start = min(shift.hours.start for shift in shifts)
    hour = timedelta(hours=1)
    hour_count = math.ceil((max(shift.hours.end for shift in shifts) - first_start) / hour)
    notes = []
    for area in sorted({place.area for place in places}):
        is_covered = np.zeros(hour_count)
        for span in (shift.hours for shift in shifts if shift.area == area):
            is_covered[
                math.floor((span.start - first_start) / hour) : math.ceil((span.end - first_start) / hour)
            ] = 1
        empty_share = 1.0 - is_covered.mean()
        if empty_share > 0.01:
            notes.append(
                f"{area}: nobody is on duty in {empty_share:.0%} of the hours; an observer learns which."
            )
    return tuple(notes)

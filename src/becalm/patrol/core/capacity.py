"""How many bursts are possible, how many are wanted, and what gives? Asked before anything is planned."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.dose import scale_dosage
from becalm.patrol.core.places_and_shifts import Arm, Mode, PatrolPlace, UnitShift
from becalm.patrol.core.policy import PatrolPolicy
from becalm.patrol.core.travel import TravelTable
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
    gives: tuple[str, ...]  # what would close the gap; empty where there is none

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
        parts = [a.possible_per_day for a in self.areas]
        return PossibleBursts(
            sum(p.value for p in parts), sum(p.low for p in parts), sum(p.high for p in parts)
        )

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
    places = _in_arms(places, arms or {}, days, policy)
    names = sorted({p.area for p in places} | {s.area for s in shifts})
    areas = tuple(
        _area(
            name,
            [p for p in places if p.area == name],
            [s for s in shifts if s.area == name],
            travel,
            policy,
            days,
        )
        for name in names
    )
    return Capacity(days, areas, _uncovered(places, shifts))


def fit_dosage(
    places: Sequence[PatrolPlace], capacity: Capacity, *, when_short: str
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with a dosage that fits, and what gave.

    Where an area is short, all its places get the same share of what they are owed.

    Raises
    ------
    PlanError
        naming each short area with what would mend it, where the policy says to refuse.
    """
    short = {a.area: a for a in capacity.short}
    if short and when_short == "refuse":
        faults = tuple(_short_fault(a) for a in short.values())
        raise PlanError("More dosage is wanted than there are minutes; nothing was planned", faults)
    fitted: list[PatrolPlace] = []
    for place in places:
        share = min(1.0, short[place.area].share * NEARLY) if place.area in short else 1.0
        fitted += scale_dosage([place], share)
    notes = tuple(
        f"{a.area}: {a.wanted_per_day:.1f} bursts a day wanted, about {a.possible_per_day.value:.1f} "
        f"possible; every target there is scaled to {min(1.0, a.share * NEARLY):.0%}."
        for a in short.values()
    )
    return tuple(fitted), notes


def _in_arms(
    places: Sequence[PatrolPlace], arms: Mapping[tuple[str, date], Arm], days: int, policy: PatrolPolicy
) -> Sequence[PatrolPlace]:
    drawn: dict[str, float] = defaultdict(float)
    for (hotspot, _), arm in arms.items():
        drawn[hotspot] += (policy.dose_factor(arm) - 1.0) / days
    return [p for place in places for p in scale_dosage([place], 1.0 + drawn[place.hotspot])]


def _area(
    name: str,
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    days: int,
) -> AreaCapacity:
    wanted = sum(p.dosage.visits_per_day for p in places)
    minutes = sum(p.dosage.minutes_per_day for p in places)
    burst = minutes / wanted if wanted else float(np.mean(policy.burst_minutes))
    duty = sum(s.hours.minutes for s in shifts)
    meals = sum(s.meal_minutes for s in shifts)
    kinds = Counter((s.base, s.mode, _open(s)) for s in shifts if places)
    fits = [
        (n * np.array(_bursts(base, places, travel[mode], policy, room, burst)))
        for (base, mode, room), n in kinds.items()
    ]
    low, value, high, hop = (float(sum(f[k] for f in fits)) for k in range(4))
    possible = PossibleBursts(value / days, low / days, high / days)
    made = AreaCapacity(
        area=name,
        places=len(places),
        unit_shifts_per_day=len(shifts) / days,
        duty_minutes_per_day=duty / days,
        meal_minutes_per_day=meals / days,
        open_minutes_per_day=sum(_open(s) for s in shifts) / days,
        burst_minutes=burst,
        hop_minutes=hop / len(shifts) if fits else 0.0,
        possible_per_day=possible,
        wanted_per_day=wanted,
        gives=(),
    )
    return _with_gives(made)


def _open(shift: UnitShift) -> float:
    return shift.burst_share * (shift.hours.minutes - shift.meal_minutes)


def _bursts(
    base: str,
    places: Sequence[PatrolPlace],
    table: TravelTable,
    policy: PatrolPolicy,
    open_minutes: float,
    burst: float,
) -> tuple[float, float, float, float]:
    """Bursts of one shift with places in any order, by the policy and by the nearest; and the mean hop."""
    row = {stop: i for i, stop in enumerate(table.stops)}
    at, home = [row[p.hotspot] for p in places], row[base]
    weight = np.array([p.dosage.visits_per_day for p in places]) + 1e-12
    weight /= weight.sum()
    between = table.minutes[np.ix_(at, at)]
    out_and_home = table.minutes[home, at] + table.minutes[at, home]
    reached = np.isfinite(out_and_home)
    if not reached.any():
        return 0.0, 0.0, 0.0, 0.0
    between, weight, ends = between[np.ix_(reached, reached)], weight[reached], out_and_home[reached]
    room = open_minutes - float(weight @ ends / weight.sum())
    hops = [_hop(between, weight, policy, rate) for rate in (0.0, policy.travel_weight, math.inf)]
    fits = [max(0.0, room / (burst + hop)) for hop in hops]
    return min(fits[:2]), fits[1], fits[2], hops[1]


def _hop(between: Floats, weight: Floats, policy: PatrolPolicy, rate: float) -> float:
    """The mean minutes of the way to another place and of settling there, in whole slots."""
    slot = policy.slot_minutes
    if len(weight) == 1:
        return float(math.ceil(policy.settle_minutes / slot) * slot)
    away = np.where(np.eye(len(weight), dtype=bool), np.inf, between)
    cost = np.ceil((away + policy.settle_minutes) / slot) * slot
    if math.isinf(rate):
        return float(weight @ cost.min(axis=1) / weight.sum())
    nearest = away.min(axis=1, keepdims=True)
    farther = np.where(np.isfinite(away), away - np.where(np.isfinite(nearest), nearest, 0.0), 0.0)
    if rate < 0:
        farther = np.minimum(np.where(np.isfinite(away), away, 0.0), policy.far_minutes)
    pull = np.where(np.isfinite(away), weight * np.exp(-rate * farther), 0.0)
    chance = pull / np.maximum(pull.sum(axis=1, keepdims=True), 1e-300)
    mean = (chance * np.where(np.isfinite(cost), cost, 0.0)).sum(axis=1)
    return float(weight @ mean / weight.sum())


def _with_gives(area: AreaCapacity) -> AreaCapacity:
    if area.share >= 1.0:
        return area
    possible, wanted = area.possible_per_day.value, area.wanted_per_day
    ways = [f"all its targets at {area.share:.0%}"]
    if possible:
        each = possible / area.unit_shifts_per_day
        ways.append(
            f"{math.ceil((wanted - possible) / each)} more unit-shifts a day (each gives {each:.1f} bursts)"
        )
        shorter = area.burst_minutes - (area.burst_minutes + area.hop_minutes) * (1 - area.share)
        if shorter >= 5:
            ways.append(f"bursts of {shorter:.0f} minutes instead of {area.burst_minutes:.0f}")
        ways.append(f"{math.ceil(area.places * (1 - area.share))} of its {area.places} places fewer")
    else:
        ways = ["a unit for this area, with a base from which its places can be reached"]
    return replace(area, gives=tuple(ways))


def _short_fault(area: AreaCapacity) -> Fault:
    what = (
        f"its {area.places} places are owed {area.wanted_per_day:.1f} bursts a day; about "
        f"{area.possible_per_day.value:.1f} fit into {area.unit_shifts_per_day:.1f} unit-shifts"
    )
    return Fault(area.area, what, "; or ".join(area.gives))


def _uncovered(places: Sequence[PatrolPlace], shifts: Sequence[UnitShift]) -> tuple[str, ...]:
    """Areas that have hotspots and hours of the plan with nobody on duty, as a share of all its hours."""
    if not shifts:
        return ()
    first = min(s.hours.start for s in shifts)
    last = max(s.hours.end for s in shifts)
    hours = math.ceil((last - first).total_seconds() / 3600)
    told = []
    for area in sorted({p.area for p in places}):
        held = np.zeros(hours + 1)
        for s in (s for s in shifts if s.area == area):
            a, b = ((at - first).total_seconds() / 3600 for at in (s.hours.start, s.hours.end))
            held[math.floor(a) : math.ceil(b)] = 1
        empty = 1.0 - held[:hours].mean()
        if empty > 0.01:
            told.append(f"{area}: nobody is on duty in {empty:.0%} of the hours; an observer learns which.")
    return tuple(told)

"""How many bursts are possible, how many are wanted, and what must be cut? Asked before planning."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.dose_places import scale_dosage
from becalm.patrol.core.plan_inputs import Arm, Mode, PatrolPlace, PatrolPolicy, TravelTable, UnitShift
from becalm.terms import Fault, PlanError

METHOD = (
    "open minutes over the minutes of a burst and the journey to it; "
    "low: places in any order, high: the nearest first"
)
NEARLY = 0.97  # planned dosage is exact on average; a target above this share of what is possible is tight
RAISED_SHARE = 0.9  # of what is possible: where targets are raised, some time to spare stays
MOST_VISITS_PER_DAY = 12.0  # one every two hours, to which targets are raised at most


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
    borrowed_per_day: float = 0.0  # tours of other areas that serve this one; they are among `unit_shifts`
    lent_per_day: float = 0.0  # its own tours that serve another area

    @property
    def share(self) -> float:
        """Which share of what is wanted is possible (above 1: there is room)?"""
        return self.possible_per_day.value / self.wanted_per_day if self.wanted_per_day else math.inf

    @property
    def kept_share(self) -> float:
        """Which share of its targets does it keep? The one number of a cut, wherever a cut is spoken of."""
        return 1.0 if self.share >= 1.0 else self.share * NEARLY


@dataclass(frozen=True, slots=True)
class Capacity:
    """The arithmetic of a plan, area by area."""

    days: int
    areas: tuple[AreaCapacity, ...]
    uncovered: tuple[str, ...]  # hours of the week in which an area has nobody on duty

    @property
    def possible_per_day(self) -> PossibleBursts:
        """Bursts a day that fit, in all areas together."""
        area_bursts = [astuple(area.possible_per_day) for area in self.areas]
        return PossibleBursts(*(sum(bursts) for bursts in zip(*area_bursts, strict=True)))

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
    extra_share_by_place: dict[str, float] = defaultdict(float)
    for (hotspot, _), arm in (arms or {}).items():
        extra_share_by_place[hotspot] += (policy.dose_factor(arm) - 1.0) / days
    dosed_places = [
        p for place in places for p in scale_dosage([place], 1.0 + extra_share_by_place[place.hotspot])
    ]
    area_capacities = tuple(
        _assess_area(
            area_name,
            [place for place in dosed_places if place.area == area_name],
            shifts,
            travel,
            policy,
            days,
        )
        for area_name in sorted(
            {place.area for place in places}
            | {name for s in shifts for name in (s.area, s.lent_from) if name}
        )
    )
    return Capacity(days, area_capacities, _uncovered_hours(places, shifts))


def fit_dosage(
    places: Sequence[PatrolPlace], capacity: Capacity, *, when_short: str
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with a dosage that fits, and what gave.

    Where an area is short, all its places get the same share of what they are owed.

    Raises PlanError naming each short area with what would fix it, where the policy says to refuse.
    """
    if capacity.short and when_short == "refuse":
        short_faults = tuple(
            Fault(
                area.area,
                f"its {area.places} places are owed {area.wanted_per_day:.1f} bursts a day; about "
                f"{area.possible_per_day.value:.1f} fit into {area.unit_shifts_per_day:.1f} unit-shifts",
                "; or ".join(area.remedies),
            )
            for area in capacity.short
        )
        raise PlanError("More dosage is wanted than there are minutes; nothing was planned", short_faults)
    share_by_area = {area.area: area.kept_share for area in capacity.short}
    fitted_places = (p for place in places for p in scale_dosage([place], share_by_area.get(place.area, 1.0)))
    scaling_notes = tuple(
        f"{a.area}: {a.wanted_per_day:.1f} bursts a day wanted, about {a.possible_per_day.value:.1f} "
        f"possible; every target there is scaled to {share_by_area[a.area]:.0%}."
        for a in capacity.short
    )
    return tuple(fitted_places), scaling_notes


def raise_dosage(
    places: Sequence[PatrolPlace], capacity: Capacity
) -> tuple[tuple[PatrolPlace, ...], tuple[str, ...]]:
    """The places with more visits where their units have time to spare, and what was raised.

    All targets of an area are raised by one factor, until its units use `RAISED_SHARE` of what is possible.
    No place is raised above a visit every two hours, which is what guidance after Koper asks.
    """
    factor_by_area = {
        area.area: _raise_factor(area, places) for area in capacity.areas if area.wanted_per_day
    }
    place_factors = [_limit_factor(place, factor_by_area.get(place.area, 1.0)) for place in places]
    raised_places = [
        scale_dosage([place], factor)[0] for place, factor in zip(places, place_factors, strict=True)
    ]
    raise_notes = []
    for area in capacity.areas:
        visits = sum(place.dosage.visits_per_day for place in raised_places if place.area == area.area)
        if visits > area.wanted_per_day * 1.005:
            raise_notes.append(
                f"{area.area}: its units have time to spare; targets are raised from "
                f"{area.wanted_per_day:.1f} to {visits:.1f} bursts a day."
            )
    return tuple(raised_places), tuple(raise_notes)


def _raise_factor(area: AreaCapacity, places: Sequence[PatrolPlace]) -> float:
    """By which factor do all targets of the area rise, where none passes the most that is asked?"""
    own_places = [place for place in places if place.area == area.area]
    most_visits = RAISED_SHARE * area.possible_per_day.value
    low, high = 1.0, max(1.0, MOST_VISITS_PER_DAY / min(p.dosage.visits_per_day or 1.0 for p in own_places))
    if area.wanted_per_day >= most_visits:
        return 1.0
    for _ in range(40):
        middle_factor = (low + high) / 2
        visits = sum(p.dosage.visits_per_day * _limit_factor(p, middle_factor) for p in own_places)
        low, high = (middle_factor, high) if visits <= most_visits else (low, middle_factor)
    return low


def _limit_factor(place: PatrolPlace, factor: float) -> float:
    visits_per_day = place.dosage.visits_per_day
    return max(1.0, min(factor, MOST_VISITS_PER_DAY / visits_per_day)) if visits_per_day else 1.0


def _assess_area(
    area_name: str,
    places: Sequence[PatrolPlace],
    all_shifts: Sequence[UnitShift],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    days: int,
) -> AreaCapacity:
    shifts = [shift for shift in all_shifts if shift.area == area_name]
    visits_per_day = sum(place.dosage.visits_per_day for place in places)
    minutes_per_day = sum(place.dosage.minutes_per_day for place in places)
    burst_minutes = (
        minutes_per_day / visits_per_day if visits_per_day else float(np.mean(policy.burst_minutes))
    )
    shift_count_by_kind = Counter(
        (shift.base, shift.mode, open_minutes_of(shift)) for shift in shifts if places
    )
    kind_figures = [
        count * np.array(count_tour_bursts(base, places, travel[mode], policy, open_minutes, burst_minutes))
        for (base, mode, open_minutes), count in shift_count_by_kind.items()
    ]
    low, middle, high, hop_minutes = (float(sum(figures[k] for figures in kind_figures)) for k in range(4))
    area_capacity = AreaCapacity(
        area=area_name,
        places=len(places),
        unit_shifts_per_day=len(shifts) / days,
        duty_minutes_per_day=sum(shift.hours.minutes for shift in shifts) / days,
        meal_minutes_per_day=sum(shift.meal_minutes for shift in shifts) / days,
        open_minutes_per_day=sum(map(open_minutes_of, shifts)) / days,
        burst_minutes=burst_minutes,
        hop_minutes=hop_minutes / len(shifts) if kind_figures else 0.0,
        possible_per_day=PossibleBursts(middle / days, low / days, high / days),
        wanted_per_day=visits_per_day,
        borrowed_per_day=sum(bool(shift.lent_from) for shift in shifts) / days,
        lent_per_day=sum(shift.lent_from == area_name for shift in all_shifts) / days,
    )
    return replace(area_capacity, remedies=_list_remedies(area_capacity))


def open_minutes_of(shift: UnitShift) -> float:
    """How many minutes of a tour are open to bursts and the ways between them?"""
    return shift.burst_share * (shift.hours.minutes - shift.meal_minutes)


def count_tour_bursts(
    base: str,
    places: Sequence[PatrolPlace],
    table: TravelTable,
    policy: PatrolPolicy,
    open_minutes: float,
    burst_minutes: float,
) -> tuple[float, float, float, float]:
    """Bursts of one tour with places in any order, by the policy and by the nearest; and the mean hop."""
    place_rows, home = [table.stops.index(place.hotspot) for place in places], table.stops.index(base)
    round_trip_minutes = table.minutes[home, place_rows] + table.minutes[place_rows, home]
    is_reachable = np.isfinite(round_trip_minutes)
    if not is_reachable.any():
        return 0.0, 0.0, 0.0, 0.0
    visit_shares = np.array([place.dosage.visits_per_day for place in places]) + 1e-12
    visit_shares = (visit_shares / visit_shares.sum())[is_reachable]
    between_minutes = table.minutes[np.ix_(place_rows, place_rows)][np.ix_(is_reachable, is_reachable)]
    free_minutes = open_minutes - float(visit_shares @ round_trip_minutes[is_reachable] / visit_shares.sum())
    travel_weights = (0.0, policy.travel_weight, math.inf)
    hop_minutes = [
        _mean_hop_minutes(between_minutes, visit_shares, policy, weight) for weight in travel_weights
    ]
    low_bursts, mean_bursts, high_bursts = (
        max(0.0, free_minutes / (burst_minutes + hop)) for hop in hop_minutes
    )
    return min(low_bursts, mean_bursts), mean_bursts, high_bursts, hop_minutes[1]


def _mean_hop_minutes(
    between_minutes: Floats, visit_share: Floats, policy: PatrolPolicy, travel_weight: float
) -> float:
    slot_minutes = policy.slot_minutes
    if len(visit_share) == 1:
        return float(math.ceil(policy.settle_minutes / slot_minutes) * slot_minutes)
    away_minutes = np.where(np.eye(len(visit_share), dtype=bool), np.inf, between_minutes)
    # Bursts start on any minute of a slot, wherever the one before ended.
    needed_minutes = away_minutes + policy.settle_minutes + slot_minutes - 1
    hop_minutes = np.ceil(needed_minutes / slot_minutes) * slot_minutes
    if math.isinf(travel_weight):
        return float(visit_share @ hop_minutes.min(axis=1) / visit_share.sum())
    has_way = np.isfinite(away_minutes)
    if travel_weight < 0:
        counted_minutes = np.minimum(np.where(has_way, away_minutes, 0.0), policy.far_minutes)
    else:
        # From the nearest on: exp(-rate * minutes) of far places alone would be 0 in doubles, row by row.
        nearest_minutes = away_minutes.min(axis=1, keepdims=True)
        counted_minutes = np.where(
            has_way, away_minutes - np.where(np.isfinite(nearest_minutes), nearest_minutes, 0.0), 0.0
        )
    next_weights = np.where(has_way, visit_share * np.exp(-travel_weight * counted_minutes), 0.0)
    next_chances = next_weights / np.maximum(next_weights.sum(axis=1, keepdims=True), 1e-300)
    hop_minutes_of_place = (next_chances * np.where(np.isfinite(hop_minutes), hop_minutes, 0.0)).sum(axis=1)
    return float(visit_share @ hop_minutes_of_place / visit_share.sum())


def _list_remedies(area: AreaCapacity) -> tuple[str, ...]:
    if area.share >= 1.0:
        return ()
    possible_per_day, missing_share = area.possible_per_day.value, 1 - area.share
    if not possible_per_day:
        return ("add a unit to this area, with a base that its places can be reached from",)
    bursts_per_shift = possible_per_day / area.unit_shifts_per_day
    missing_shifts = math.ceil((area.wanted_per_day - possible_per_day) / bursts_per_shift)
    remedy_texts = [
        f"all its targets at {area.kept_share:.0%}",
        f"{missing_shifts} more unit-shifts a day (each gives {bursts_per_shift:.1f} bursts)",
    ]
    shorter_burst_minutes = area.burst_minutes - (area.burst_minutes + area.hop_minutes) * missing_share
    if shorter_burst_minutes >= 5:
        remedy_texts.append(
            f"bursts of {shorter_burst_minutes:.0f} minutes instead of {area.burst_minutes:.0f}"
        )
    return (*remedy_texts, f"{math.ceil(area.places * missing_share)} of its {area.places} places fewer")


def _uncovered_hours(places: Sequence[PatrolPlace], shifts: Sequence[UnitShift]) -> tuple[str, ...]:
    """Areas that have hotspots and hours of the plan with nobody on duty, as a share of all its hours."""
    if not shifts:
        return ()
    first_start = min(shift.hours.start for shift in shifts)
    one_hour = timedelta(hours=1)
    hour_count = math.ceil((max(shift.hours.end for shift in shifts) - first_start) / one_hour)
    uncovered_notes = []
    for area in sorted({place.area for place in places}):
        is_covered = np.zeros(hour_count)
        for span in (shift.hours for shift in shifts if shift.area == area):
            is_covered[
                math.floor((span.start - first_start) / one_hour) : math.ceil(
                    (span.end - first_start) / one_hour
                )
            ] = 1
        uncovered_share = 1.0 - is_covered.mean()
        if uncovered_share > 0.01:
            uncovered_notes.append(
                f"{area}: nobody is on duty in {uncovered_share:.0%} of the hours; observers can tell which."
            )
    return tuple(uncovered_notes)

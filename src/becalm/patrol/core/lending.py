"""Tours that an area with time to spare lends to one that falls short, each with its reason.

An area without a hotspot lends what is asked. One with hotspots keeps half of each day's tours and a quarter
more bursts than it owes. Tours whose hours others cover go first, and which of them is left to chance, since
an empty hour that comes round would be known.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.patrol.core.capacity import (
    NEARLY,
    AreaCapacity,
    Capacity,
    count_tour_bursts,
    open_minutes_of,
)
from becalm.patrol.core.plan_inputs import Mode, PatrolPlace, PatrolPolicy, TravelTable, UnitShift

LENDER_SHARE = 1.5  # of what it owes: an area that can give less has nothing to lend
KEPT_SHARE = 1.25  # of what it owes: so much an area can still give after it has lent
TOLERATED_HOLE = timedelta(minutes=30)  # without anybody at home, where a tour is lent
WORTHWHILE = 0.5  # of the bursts of a tour at home in the area: a tour that would give less is not lent


@dataclass(frozen=True, slots=True)
class LentTours:
    """All tours, those that are lent under the area that they serve, and a sentence for each two areas."""

    shifts: tuple[UnitShift, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Lender:
    """What one area may still lend, day by day."""

    capacity: AreaCapacity
    tours_of_day: dict[date, list[UnitShift]]
    left_by_day: dict[date, int]

    @property
    def spare_text(self) -> str:
        """Why it can lend, in words."""
        area = self.capacity
        return (
            f"{area.area} has no hotspot"
            if not area.wanted_per_day
            else f"{area.area} could give {area.share:.0%} of its own"
        )


def lend_tours(
    places: Sequence[PatrolPlace],
    shifts: Sequence[UnitShift],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    capacity: Capacity,
    rng: np.random.Generator,
) -> LentTours:
    """Which tours serve another area than their own, since it falls short and theirs has time to spare?

    `capacity` is that of these places and tours, each in its own area. The shortest area borrows first, as
    much on each day, from the lender whose tours give most bursts there; tours of pairs stay.
    """
    lenders = [_open_lender(area, shifts) for area in capacity.areas if _has_spare(area)]
    lent_tours: dict[tuple[str, date], UnitShift] = {}
    for area in sorted(capacity.short, key=lambda area: area.share):
        own_places = [place for place in places if place.area == area.area]
        if own_places:
            lent_tours |= _borrow(area, own_places, lenders, travel, policy, rng)
    all_shifts = tuple(lent_tours.get((shift.unit, shift.day), shift) for shift in shifts)
    return LentTours(all_shifts, tuple(_describe(lent_tours.values(), capacity.days)))


def _has_spare(area: AreaCapacity) -> bool:
    return area.unit_shifts_per_day > 0 and area.share >= LENDER_SHARE


def _open_lender(area: AreaCapacity, shifts: Sequence[UnitShift]) -> _Lender:
    tours_of_day: dict[date, list[UnitShift]] = defaultdict(list)
    for shift in shifts:
        if shift.area == area.area:
            tours_of_day[shift.day].append(shift)
    spare_share = 1.0 - (KEPT_SHARE / area.share if area.wanted_per_day else 0.0)
    left_by_day = {
        day: min(int(len(tours) * spare_share), len(tours) // 2 if area.wanted_per_day else len(tours))
        for day, tours in tours_of_day.items()
    }
    return _Lender(area, dict(tours_of_day), left_by_day)


def _borrow(
    area: AreaCapacity,
    places: Sequence[PatrolPlace],
    lenders: Sequence[_Lender],
    travel: Mapping[Mode, TravelTable],
    policy: PatrolPolicy,
    rng: np.random.Generator,
) -> dict[tuple[str, date], UnitShift]:
    """The tours that this area borrows, by unit and day."""
    own_bursts = area.possible_per_day.value / area.unit_shifts_per_day if area.unit_shifts_per_day else 0.0
    missing_per_day = area.wanted_per_day / NEARLY - area.possible_per_day.value
    bursts_by_kind: dict[tuple[str, Mode, float], float] = {}

    def count_bursts(shift: UnitShift) -> float:
        shift_kind = (shift.base, shift.mode, open_minutes_of(shift))
        if shift_kind not in bursts_by_kind:
            bursts_by_kind[shift_kind] = count_tour_bursts(
                shift.base, places, travel[shift.mode], policy, shift_kind[2], area.burst_minutes
            )[1]
        return bursts_by_kind[shift_kind]

    borrowed: dict[tuple[str, date], UnitShift] = {}
    missing_bursts = 0.0
    for day in sorted({day for lender in lenders for day in lender.tours_of_day}):
        missing_bursts += missing_per_day
        while offer := _choose_offer(lenders, day, count_bursts, rng):
            lender, shift = offer
            burst_count = count_bursts(shift)
            if missing_bursts <= 0.5 * burst_count or burst_count <= WORTHWHILE * own_bursts:
                break
            lender.left_by_day[day] -= 1
            lender.tours_of_day[day].remove(shift)
            borrowed[shift.unit, day] = _lend(shift, area, lender)
            missing_bursts -= burst_count
    return borrowed


def _choose_offer(
    lenders: Sequence[_Lender],
    day: date,
    count_bursts: Callable[[UnitShift], float],
    rng: np.random.Generator,
) -> tuple[_Lender, UnitShift] | None:
    """What is lent next on a day: what leaves no hour empty at home, then what gives most, then by chance."""
    offers = [
        (_leaves_hole(lender, shift), -round(count_bursts(shift), 1), rng.random(), lender, shift)
        for lender in lenders
        if lender.left_by_day.get(day, 0) > 0
        for shift in lender.tours_of_day[day]
        if not shift.pair
    ]
    return min(offers, key=lambda offer: offer[:3])[3:] if offers else None


def _leaves_hole(lender: _Lender, shift: UnitShift) -> bool:
    """Would the lender's hotspots have nobody for a part of this tour?"""
    if not lender.capacity.wanted_per_day:
        return False
    days = (shift.day + timedelta(days=offset) for offset in (-1, 0, 1))
    other_tours = [
        tour.hours for day in days for tour in lender.tours_of_day.get(day, ()) if tour is not shift
    ]
    covered_until = shift.hours.start
    for hours in sorted(other_tours, key=lambda hours: hours.start):
        if hours.start <= covered_until + TOLERATED_HOLE:
            covered_until = max(covered_until, hours.end)
    return covered_until + TOLERATED_HOLE < shift.hours.end


def _lend(shift: UnitShift, area: AreaCapacity, lender: _Lender) -> UnitShift:
    reason = f"{area.area} could meet {area.kept_share:.0%} of its targets, and {lender.spare_text}"
    return replace(shift, area=area.area, lent_from=shift.area, lent_because=reason)


def _describe(lent_tours: Iterable[UnitShift], days: int) -> Iterator[str]:
    """One sentence for each lender and borrower."""
    counts: Counter[tuple[str, str, str]] = Counter(
        (shift.lent_from, shift.area, shift.lent_because) for shift in lent_tours
    )
    for (lender, borrower, reason), count in sorted(counts.items()):
        s = "" if count == 1 else "s"
        yield (
            f"Lent: {lender} lends {borrower} {count} tour{s} over the plan ({count / days:.1f} a day), "
            f"since {reason}."
        )

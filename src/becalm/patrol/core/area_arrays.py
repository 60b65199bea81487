"""The request as arrays, one area at a time: slots, places, ways and units, ready for the kernel.

Holds every area to its share of all burst minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.arrays import Bools, Bytes, Floats, Ints
from becalm.methods.routes.exact_exp import exact_exp, nearest_grid
from becalm.methods.routes.keyed_stream import sub_key, uniform_numbers
from becalm.methods.routes.sequential_routes import AllWays, Crowd
from becalm.patrol.core.places_and_shifts import Arm, Mode, PatrolPlace, Span, UnitShift
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import CELL_MINUTES
from becalm.patrol.core.policy import PatrolPolicy

FAR_SLOTS = 1_000_000  # a way that does not exist
AWAY_MINUTES = 30  # a unit that has left a place does not come back to it at once
BLOCK_MINUTES = 30  # the part of a shift that is not open to bursts is taken in blocks of at least this
Kind = tuple[Mode, str]  # how a unit goes, and its base


@dataclass(frozen=True)
class SlotGrid:
    """The slots of a plan: equal steps of UTC from the first civil midnight on."""

    origin: datetime
    count: int
    slot_minutes: int
    zone: ZoneInfo
    first_day: date

    def slot_of(self, instant: datetime, *, up: bool = False) -> int:
        """The slot that an instant lies in, or with `up` the first that does not begin before it."""
        seconds, step = int((instant - self.origin).total_seconds()), self.slot_minutes * 60
        return -(-seconds // step) if up else seconds // step

    def instant(self, slot: int, minute: int = 0) -> datetime:
        """When a slot begins, and some minutes later."""
        return self.origin + timedelta(minutes=slot * self.slot_minutes + minute)

    @cached_property
    def local(self) -> tuple[Ints, Ints]:
        """The hour of the local week (Monday 00:00 is 0) and the civil day since the first, by slot."""
        local = [self.instant(slot).astimezone(self.zone) for slot in range(self.count)]
        hours = [when.weekday() * 24 + when.hour for when in local]
        days = [(when.date() - self.first_day).days for when in local]
        return np.array(hours, dtype=np.int64), np.array(days, dtype=np.int64)

    @cached_property
    def cell(self) -> Ints:
        """The cell of 15 minutes in which each slot begins."""
        return np.arange(self.count, dtype=np.int64) * self.slot_minutes // CELL_MINUTES


def build_slot_grid(request: PlanInputs) -> SlotGrid:
    """Which slots does a plan need: from its first midnight until after its last shift?"""
    zone, step = ZoneInfo(request.zone), request.policy.slot_minutes
    origin = datetime.combine(request.first_day, time(), zone).astimezone(UTC)
    last = max(shift.hours.end for shift in request.shifts)
    count = int((last - origin).total_seconds() // 60 // step) + 4
    return SlotGrid(origin, count, step, zone, request.first_day)


@dataclass(frozen=True)
class AreaArrays:
    """One area: its places by name, its shifts in the order of drawing, and what the kernel needs of both."""

    area: str
    clock: SlotGrid
    policy: PatrolPolicy
    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]
    crowd: Crowd
    ways: AllWays
    closed: Bytes  # [n, T]
    scale: Floats  # [n, T] dosage of the trial's arm, 1 where there is none
    target_visits: Floats  # [n] over the whole plan
    target_minutes: Floats

    @cached_property
    def lengths(self) -> Ints:
        """Slots of each burst length."""
        return -(-np.array(self.policy.burst_minutes, dtype=np.int64) // self.policy.slot_minutes)


def build_areas(request: PlanInputs, key: bytes) -> tuple[AreaArrays, ...]:
    """Every area that has places and units; `key` draws the blocks that are not open to bursts."""
    clock = build_slot_grid(request)
    names = sorted({place.area for place in request.places})
    return tuple(build_area(request, name, clock, key) for name in names)


def build_area(request: PlanInputs, name: str, clock: SlotGrid, key: bytes) -> AreaArrays:
    """One area as arrays."""
    places = tuple(sorted((p for p in request.places if p.area == name), key=lambda p: p.hotspot))
    shifts = tuple(
        sorted((s for s in request.shifts if s.area == name), key=lambda s: (s.hours.start, s.unit, s.day))
    )
    kinds: list[Kind] = sorted({(shift.mode, shift.base) for shift in shifts})
    closed, scale = _closed(request, places, clock), _scale(request, places, clock)
    visits, minutes = _targets(request, places)
    return AreaArrays(
        area=name,
        clock=clock,
        policy=request.policy,
        places=places,
        shifts=shifts,
        crowd=_crowd(shifts, kinds, len(places), clock, request.policy, key),
        ways=_stack([_ways(request, places, kind) for kind in kinds]),
        closed=closed,
        scale=scale,
        target_visits=visits,
        target_minutes=minutes,
    )


def mark_span(row: Bytes, span: Span, clock: SlotGrid) -> None:
    """Close every slot that a span touches."""
    first, end = clock.slot_of(span.start), clock.slot_of(span.end, up=True)
    row[max(first, 0) : max(min(end, row.size), 0)] = 1


def arm_on(request: PlanInputs, place: PatrolPlace, day: date) -> Arm:
    """The arm of a place on a civil day: the trial's if it names one, else the place's own."""
    return request.arms.get((place.hotspot, day), place.arm)


def dose_factor_on(request: PlanInputs, place: PatrolPlace, day: date) -> float:
    """How much of what it is owed does a place get on a civil day, by its arm?"""
    return request.policy.dose_factor(arm_on(request, place, day))


def _closed(request: PlanInputs, places: tuple[PatrolPlace, ...], clock: SlotGrid) -> Bytes:
    closed = np.zeros((len(places), clock.count), dtype=np.uint8)
    closed |= (_scale(request, places, clock) == 0.0).astype(np.uint8)
    for row, place in zip(closed, places, strict=True):
        for span in place.blackouts:
            mark_span(row, span, clock)
    return closed


def _scale(request: PlanInputs, places: tuple[PatrolPlace, ...], clock: SlotGrid) -> Floats:
    day = clock.local[1]
    days = [request.first_day + timedelta(days=int(d)) for d in range(int(day.max()) + 1)]
    table = np.array([[dose_factor_on(request, place, d) for d in days] for place in places])
    return table.reshape(len(places), len(days))[:, day]


def _targets(request: PlanInputs, places: tuple[PatrolPlace, ...]) -> tuple[Floats, Floats]:
    days = [request.first_day + timedelta(days=d) for d in range(request.days)]
    visits, minutes = np.zeros(len(places)), np.zeros(len(places))
    for number, place in enumerate(places):
        whole = sum(dose_factor_on(request, place, day) for day in days)
        visits[number] = place.dosage.visits_per_day * whole
        minutes[number] = place.dosage.minutes_per_day * whole
    return visits, minutes


def _ways(request: PlanInputs, places: tuple[PatrolPlace, ...], kind: Kind) -> AllWays:
    """The ways of one mode from one base. A unit comes back to a place after its gap, or half an hour."""
    mode, base = kind
    table = request.travel[mode]
    at = [table.stops.index(stop) for stop in [*(p.hotspot for p in places), base]]
    minutes = np.ceil(np.round(table.minutes[np.ix_(at, at)], 6))
    n, step = len(places), request.policy.slot_minutes
    there, home = minutes[:, :n], minutes[:, n].copy()
    home[n] = 0.0
    needed, exists = there + request.policy.settle_minutes, np.isfinite(there)
    slots = np.where(exists, np.maximum(np.ceil(np.where(exists, needed, 0.0) / step), 1), FAR_SLOTS)
    away = np.array([max(place.gap_minutes, AWAY_MINUTES) for place in places])
    slots[np.arange(n), np.arange(n)] = np.ceil(away / step) + 1
    cost = nearest_grid(request.policy.travel_weight * counted_minutes(request.policy, there, exists))
    return AllWays(
        slots=slots.astype(np.int64),
        weight=np.where(exists, exact_exp(-cost), 0.0),
        minutes=np.where(exists, there, 0.0),
        slack=np.where(exists, slots * step - np.where(exists, needed, 0.0), 0.0).astype(np.int64),
        home=np.where(
            np.isfinite(home), -(-(np.where(np.isfinite(home), home, 0) + step - 1) // step), FAR_SLOTS
        ).astype(np.int64),
        home_minutes=np.where(np.isfinite(home), home, 0.0),
    )


def counted_minutes(policy: PatrolPolicy, minutes: Floats, exists: Bools) -> Floats:
    """The minutes of each way that `travel_weight` counts; a reward for far ones ends at `far_minutes`."""
    there = np.where(exists, minutes, 0.0)
    return np.minimum(there, policy.far_minutes) if policy.travel_weight < 0 else there


def _stack(ways: list[AllWays]) -> AllWays:
    return AllWays(*(np.stack(parts) for parts in zip(*ways, strict=True)))


def _crowd(
    shifts: tuple[UnitShift, ...],
    kinds: list[Kind],
    n: int,
    clock: SlotGrid,
    policy: PatrolPolicy,
    key: bytes,
) -> Crowd:
    walks = np.array([walk_row(shift, clock, n) for shift in shifts], dtype=np.int64).reshape(-1, 6)
    pairs = sorted({shift.pair for shift in shifts if shift.pair and policy.pairing})
    longest = int(walks[:, 0].max(initial=0)) + 2
    return Crowd(
        first=np.array([clock.slot_of(s.hours.start, up=True) for s in shifts], dtype=np.int64),
        walk=walks,
        way=np.array([kinds.index((s.mode, s.base)) for s in shifts], dtype=np.int64),
        pair=np.array([pairs.index(s.pair) + 1 if s.pair in pairs else 0 for s in shifts], dtype=np.int64),
        open=np.stack([_open(s, w, longest, clock, key) for s, w in zip(shifts, walks, strict=True)]),
    )


def walk_row(shift: UnitShift, clock: SlotGrid, home: int) -> tuple[int, int, int, int, int, int]:
    """A shift as the fields of a walk: slots, start at home, pause and its window."""
    first, end = clock.slot_of(shift.hours.start, up=True), clock.slot_of(shift.hours.end)
    if shift.meal_minutes == 0:
        return max(end - first, 0), home, 1, 0, 0, -1
    window = meal_window(shift)
    needed = -(-(shift.meal_minutes + clock.slot_minutes - 1) // clock.slot_minutes)
    pause_first = max(clock.slot_of(window.start, up=True) - first, 0)
    pause_last = clock.slot_of(window.end) - first - needed
    return max(end - first, 0), home, 0, needed, pause_first, pause_last


def meal_window(shift: UnitShift) -> Span:
    """Within which span does the meal lie: what was given, or the middle half of the shift?"""
    quarter = (shift.hours.end - shift.hours.start) / 4
    return shift.meal_window or Span(shift.hours.start + quarter, shift.hours.end - quarter)


def _open(shift: UnitShift, walk: Iterable[int], longest: int, clock: SlotGrid, key: bytes) -> Bytes:
    """Which slots of a shift are open to bursts: all but blocks drawn for other work."""
    slots = int(next(iter(walk)))
    row = np.zeros(longest, dtype=np.uint8)
    row[: slots + 2] = 1
    shut = int(np.ceil((1.0 - shift.burst_share) * slots))
    if shut <= 0:
        return row
    block = max(-(-BLOCK_MINUTES // clock.slot_minutes), 1)
    count = max(shut // block, 1)
    sizes = [shut // count + (number < shut % count) for number in range(count)]
    label = (shift.area, shift.day.isoformat(), shift.unit, shift.hours.start.isoformat(), "blocks")
    draws = uniform_numbers(sub_key(key, *label), count)
    starts = sorted(int(draw) % (slots - shut + 1) for draw in draws)
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        at = start + sum(sizes[:number])
        row[at : at + size] = 0
    return row


def select_walkers(crowd: Crowd, keep: Ints) -> Crowd:
    """Some of a crowd, in the order given."""
    c = crowd
    return Crowd(c.first[keep], c.walk[keep], c.way[keep], c.pair[keep], c.open[keep])


def select_shifts(area: AreaArrays, keep: Ints) -> AreaArrays:
    """The same area with some of its shifts, in their order."""
    return replace(
        area, shifts=tuple(area.shifts[int(u)] for u in keep), crowd=select_walkers(area.crowd, keep)
    )


def cap_areas(areas: tuple[AreaArrays, ...], share: float) -> tuple[AreaArrays, ...]:
    """The areas with targets lowered where one would get more than `share` of all minutes.

    An area above its share is held to share x the total of what all may then get; with too few areas for
    such a share (fewer than 1 / share), nothing can be held and nothing is changed.
    """
    minutes = {area.area: float(area.target_minutes.sum()) for area in areas}
    if share >= 1.0 or share * len(areas) <= 1.0:
        return areas
    held: dict[str, float] = {}
    while True:
        free = sum(m for name, m in minutes.items() if name not in held)
        total = free / (1.0 - share * len(held))
        over = [name for name, m in minutes.items() if name not in held and m > share * total * (1 + 1e-9)]
        if not over:
            break
        held |= dict.fromkeys(over, 1.0)
    return tuple(
        _scaled(area, share * total / minutes[area.area]) if area.area in held else area for area in areas
    )


def _scaled(area: AreaArrays, factor: float) -> AreaArrays:
    return replace(
        area, target_visits=area.target_visits * factor, target_minutes=area.target_minutes * factor
    )

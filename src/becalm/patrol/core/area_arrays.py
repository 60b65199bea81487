"""The inputs as arrays, one area at a time: slots, places, ways and units, ready for the kernel."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.arrays import Bytes, Floats, Ints
from becalm.methods.routes.bit_exact import derive_key, exact_exp, round_to_grid, uniform_numbers
from becalm.methods.routes.route_types import LinksByMode, Walkers
from becalm.patrol.core.plan_inputs import (
    HOURS_OF_WEEK,
    Mode,
    PatrolPlace,
    PatrolPolicy,
    PlanInputs,
    Span,
    UnitShift,
)
from becalm.patrol.core.plan_result import CELL_MINUTES

NO_WAY_SLOTS = 1_000_000  # of a way that does not exist: longer than any plan
RETURN_MINUTES = 10  # from the end of a burst to the next one of the same unit at the same place, at least
RETURN_WEIGHT = 0.7  # of coming back, against going to another place halfway down the list of ways
FLOOR_SHARE = 0.1  # of the mean hour: no hour is without any chance of a visit
BLOCK_MINUTES = 30  # the part of a shift that is not open to bursts is taken in blocks of at least this


@dataclass(frozen=True)
class SlotGrid:
    """The slots of a plan: equal steps of UTC from the first civil midnight on."""

    origin: datetime
    count: int
    slot_minutes: int
    zone: ZoneInfo
    first_day: date

    def slot_at(self, instant: datetime, *, up: bool = False) -> int:
        """The slot that an instant lies in, or with `up` the first that does not begin before it."""
        since_origin_s, slot_s = int((instant - self.origin).total_seconds()), self.slot_minutes * 60
        return -(-since_origin_s // slot_s) if up else since_origin_s // slot_s

    def instant_at(self, slot: int, minute: int = 0) -> datetime:
        """When a slot begins, and some minutes later."""
        return self.origin + timedelta(minutes=slot * self.slot_minutes + minute)

    @property
    def first_midnight(self) -> datetime:
        """When the plan's first day begins, from which cells are counted."""
        return datetime.combine(self.first_day, time(), self.zone).astimezone(UTC)

    @cached_property
    def local_cells(self) -> list[datetime]:
        """When each cell of 15 minutes begins, by the clocks of the city."""
        cell_count = self.count * self.slot_minutes // CELL_MINUTES + 1
        cell_starts = (self.origin + timedelta(minutes=k * CELL_MINUTES) for k in range(cell_count))
        return [start.astimezone(self.zone) for start in cell_starts]

    @cached_property
    def cell(self) -> Ints:
        """The cell in which each slot begins."""
        return np.arange(self.count, dtype=np.int64) * self.slot_minutes // CELL_MINUTES

    @cached_property
    def hour_of_cell(self) -> Ints:
        """The hour of the local week in which each cell begins; Monday 00:00 is 0."""
        return np.array([at.weekday() * 24 + at.hour for at in self.local_cells], dtype=np.int64)

    @cached_property
    def day_of_cell(self) -> Ints:
        """The civil day in which each cell begins; the first one is 0."""
        return np.array([(start.date() - self.first_day).days for start in self.local_cells], dtype=np.int64)


def build_slot_grid(inputs: PlanInputs) -> SlotGrid:
    """Which slots does a plan need: from its first midnight until after its last shift?"""
    zone, slot_minutes = ZoneInfo(inputs.zone), inputs.policy.slot_minutes
    first_midnight = datetime.combine(inputs.first_day, time(), zone).astimezone(UTC)
    last_shift_end = max(shift.hours.end for shift in inputs.shifts)
    # The kernel looks up to two slots past the end of a walk, and rounding adds one at either end.
    slot_count = int((last_shift_end - first_midnight).total_seconds() // 60 // slot_minutes) + 4
    return SlotGrid(first_midnight, slot_count, slot_minutes, zone, inputs.first_day)


@dataclass(frozen=True)
class AreaArrays:
    """One area: its places by name, its shifts in the order of drawing, and what the kernel needs of both."""

    area: str
    grid: SlotGrid
    policy: PatrolPolicy
    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]
    walkers: Walkers
    links: LinksByMode
    closed: tuple[tuple[int, int, int], ...]  # place, and the slots from .. until which it is closed
    dose_by_day: Floats  # [n, days] of the trial's arm, 1 where there is none
    target_visits: Floats  # [n] over the whole plan
    target_minutes: Floats

    @cached_property
    def length_slots(self) -> Ints:
        """Slots of each burst length."""
        return -(-np.array(self.policy.burst_minutes, dtype=np.int64) // self.policy.slot_minutes)


def build_areas(inputs: PlanInputs, key: bytes) -> tuple[AreaArrays, ...]:
    """Every area that has places and units; `key` draws the blocks that are not open to bursts."""
    grid = build_slot_grid(inputs)
    area_names = sorted({place.area for place in inputs.places})
    return tuple(build_area(inputs, area_name, grid, key) for area_name in area_names)


def build_area(inputs: PlanInputs, name: str, grid: SlotGrid, key: bytes) -> AreaArrays:
    """One area as arrays."""
    places = tuple(sorted((p for p in inputs.places if p.area == name), key=lambda p: p.hotspot))
    # Units are drawn one after another, each given those before it. The order comes from the shifts
    # themselves, never from the input: else a plan could not be drawn again from its own file.
    shifts = tuple(
        sorted((s for s in inputs.shifts if s.area == name), key=lambda s: (s.hours.start, s.unit, s.day))
    )
    travel_kinds = sorted({(shift.mode, shift.base) for shift in shifts})
    days = [inputs.first_day + timedelta(days=d) for d in range(int(grid.day_of_cell.max()) + 1)]
    dose_factors = np.array([[dose_factor_on(inputs, place, day) for day in days] for place in places])
    dose_factors = dose_factors.reshape(len(places), len(days))
    dose_days = np.array([total_dose_factor(inputs, place) for place in places])
    return AreaArrays(
        area=name,
        grid=grid,
        policy=inputs.policy,
        places=places,
        shifts=shifts,
        walkers=_build_walkers(shifts, travel_kinds, len(places), grid, inputs.policy, key),
        links=LinksByMode(
            *map(np.stack, zip(*(_build_links(inputs, places, *kind) for kind in travel_kinds), strict=True))
        ),
        closed=tuple(_closed_slots(places, grid, dose_factors)),
        dose_by_day=dose_factors,
        target_visits=np.array([place.dosage.visits_per_day for place in places]) * dose_days,
        target_minutes=np.array([place.dosage.minutes_per_day for place in places]) * dose_days,
    )


def dose_factor_on(inputs: PlanInputs, place: PatrolPlace, day: date) -> float:
    """How much of what it is owed does a place get on a civil day, by the trial's arm or its own?"""
    return inputs.policy.dose_factor(inputs.arms.get((place.hotspot, day), place.arm))


def total_dose_factor(inputs: PlanInputs, place: PatrolPlace) -> float:
    """How many whole days' dosage is a place owed over the plan?"""
    days = (inputs.first_day + timedelta(days=d) for d in range(inputs.days))
    return sum(dose_factor_on(inputs, place, day) for day in days)


def _closed_slots(
    places: tuple[PatrolPlace, ...], grid: SlotGrid, dose_by_day: Floats
) -> Iterator[tuple[int, int, int]]:
    """The slots of every day on which a place is off, and those that one of its blackouts touches."""
    for j, place in enumerate(places):
        for span in place.blackouts:
            yield j, max(grid.slot_at(span.start), 0), max(grid.slot_at(span.end, up=True), 0)
        for day in np.flatnonzero(dose_by_day[j] == 0.0):
            day_cells = np.flatnonzero(grid.day_of_cell == day)
            first_slot, end_slot = (
                minute // grid.slot_minutes
                for minute in (day_cells[0] * CELL_MINUTES, (day_cells[-1] + 1) * CELL_MINUTES)
            )
            yield j, int(first_slot), int(end_slot)


def _build_links(inputs: PlanInputs, places: tuple[PatrolPlace, ...], mode: Mode, base: str) -> LinksByMode:
    """The ways of one mode from one base; a unit may come back to the place that it has just left."""
    travel_table, policy, n = inputs.travel[mode], inputs.policy, len(places)
    stop_positions = [travel_table.stops.index(stop) for stop in [*(place.hotspot for place in places), base]]
    # Rounded before the ceiling: a sum of edges that is 5.0000000001 on one machine is 5 on all of them.
    way_minutes_whole = np.ceil(np.round(travel_table.minutes[np.ix_(stop_positions, stop_positions)], 6))
    way_minutes_whole[n, n] = 0.0
    is_reachable = np.isfinite(way_minutes_whole)
    way_minutes_whole = np.where(is_reachable, way_minutes_whole, 0.0)
    step, way_minutes, has_way, place_indices = (
        policy.slot_minutes,
        way_minutes_whole[:, :n],
        is_reachable[:, :n],
        np.arange(n),
    )
    # Bursts begin on any minute of their slots, wherever the one before ended: without the spare minutes, the
    # last minutes of a slot would be likelier than the first.
    spare_minutes = np.where(np.arange(n + 1) < n, step - 1, 0)[:, None]
    needed_minutes = way_minutes + policy.settle_minutes + spare_minutes
    needed_minutes[place_indices, place_indices] = max(RETURN_MINUTES, policy.settle_minutes) + step - 1
    # A reward for far places ends at `far_minutes`: without an end the farthest place would draw all units.
    weighed_minutes = np.minimum(way_minutes, policy.far_minutes) if policy.travel_weight < 0 else way_minutes
    link_nats = -round_to_grid(policy.travel_weight * weighed_minutes)
    median_nats = np.sort(link_nats[:n], axis=1)[:, n // 2] if n else 0
    link_nats[place_indices, place_indices] = median_nats + round_to_grid(np.log(RETURN_WEIGHT))
    home_slots = np.where(is_reachable[:, n], -(-(way_minutes_whole[:, n] + step - 1) // step), NO_WAY_SLOTS)
    return LinksByMode(
        slots=np.where(has_way, np.maximum(-(-needed_minutes // step), 1), NO_WAY_SLOTS).astype(np.int64),
        weight=np.where(has_way, exact_exp(link_nats), 0.0),
        minutes=way_minutes,
        home_slots=home_slots.astype(np.int64),
        home_minutes=way_minutes_whole[:, n],
    )


def _build_walkers(
    shifts: tuple[UnitShift, ...],
    travel_kinds: list[tuple[Mode, str]],
    home: int,
    grid: SlotGrid,
    policy: PatrolPolicy,
    key: bytes,
) -> Walkers:
    walk_rows = np.array([walk_row(shift, grid, home) for shift in shifts], dtype=np.int64).reshape(-1, 6)
    pair_names = sorted({shift.pair for shift in shifts if shift.pair and policy.pairing})
    row_slots = int(walk_rows[:, 0].max(initial=0)) + 2
    return Walkers(
        first_slot=np.array([grid.slot_at(s.hours.start, up=True) for s in shifts], dtype=np.int64),
        fields=walk_rows,
        mode=np.array([travel_kinds.index((s.mode, s.base)) for s in shifts], dtype=np.int64),
        pair=np.array(
            [pair_names.index(s.pair) + 1 if s.pair in pair_names else 0 for s in shifts], dtype=np.int64
        ),
        is_open=np.stack(
            [
                _open_slots(s, int(n), row_slots, grid, key)
                for s, n in zip(shifts, walk_rows[:, 0], strict=True)
            ]
        ),
    )


def walk_row(shift: UnitShift, grid: SlotGrid, home_row: int) -> tuple[int, int, int, int, int, int]:
    """A shift as the fields of a walk: slots, start at home, pause and its window."""
    first_slot, end_slot = grid.slot_at(shift.hours.start, up=True), grid.slot_at(shift.hours.end)
    if shift.meal_minutes == 0:
        return max(end_slot - first_slot, 0), home_row, 1, 0, 0, -1
    quarter_shift = (shift.hours.end - shift.hours.start) / 4
    meal_window = shift.meal_window or Span(
        shift.hours.start + quarter_shift, shift.hours.end - quarter_shift
    )
    # A meal may begin on any minute of its slot: without the spare minutes it would end within the next one.
    meal_slots = -(-(shift.meal_minutes + grid.slot_minutes - 1) // grid.slot_minutes)
    pause_first = max(grid.slot_at(meal_window.start, up=True) - first_slot, 0)
    pause_last = grid.slot_at(meal_window.end) - first_slot - meal_slots
    return max(end_slot - first_slot, 0), home_row, 0, meal_slots, pause_first, pause_last


def _open_slots(shift: UnitShift, slot_count: int, row_slots: int, grid: SlotGrid, key: bytes) -> Bytes:
    """Which slots of a shift are open to bursts: all but blocks drawn for other work."""
    is_slot_open = np.zeros(row_slots, dtype=np.uint8)
    is_slot_open[: slot_count + 2] = 1
    shut_slot_count = int(np.ceil((1.0 - shift.burst_share) * slot_count))
    if shut_slot_count <= 0:
        return is_slot_open
    block_count = max(shut_slot_count // max(-(-BLOCK_MINUTES // grid.slot_minutes), 1), 1)
    block_sizes = [block.size for block in np.array_split(np.arange(shut_slot_count), block_count)]
    # The blocks are drawn, as tours are: at a fixed hour of each shift they would be an hour without patrol.
    key_label = (shift.area, shift.day.isoformat(), shift.unit, shift.hours.start.isoformat(), "blocks")
    block_numbers = uniform_numbers(derive_key(key, *key_label), block_count)
    free_starts = sorted(int(draw) % (slot_count - shut_slot_count + 1) for draw in block_numbers)
    for block_index, (free_start, block_size) in enumerate(zip(free_starts, block_sizes, strict=True)):
        block_start = free_start + sum(block_sizes[:block_index])
        is_slot_open[block_start : block_start + block_size] = 0
    return is_slot_open


def select_walkers(walkers: Walkers, walker_rows: Ints) -> Walkers:
    """Some of the walkers, in the order given."""
    return Walkers._make(field[walker_rows] for field in walkers)


def select_shifts(area: AreaArrays, shift_rows: Ints) -> AreaArrays:
    """The same area with some of its shifts, in their order."""
    shifts = tuple(area.shifts[int(u)] for u in shift_rows)
    return replace(area, shifts=shifts, walkers=select_walkers(area.walkers, shift_rows))


def share_due_visits(area: AreaArrays, due_visits: Floats) -> Floats:
    """How many visits each unit means to give, so that all together give what is due: [U, n].

    By the place's profile in the hours in which a unit is on duty, whoever else is.
    """
    due_of_cell = profile_by_cell(area)
    walkers, grid = area.walkers, area.grid
    first_cells = walkers.first_slot * grid.slot_minutes // CELL_MINUTES
    end_cells = (walkers.first_slot + walkers.fields[:, 0]) * grid.slot_minutes // CELL_MINUTES
    # Running sums, in one order everywhere: NumPy's sums differ in the last bit from processor to processor.
    running_sums = np.concatenate([np.zeros((len(area.places), 1)), due_of_cell.cumsum(axis=1)], axis=1)
    own_share = (running_sums[:, end_cells] - running_sums[:, first_cells]).T
    share_sums = own_share.cumsum(axis=0)[-1]
    return np.asarray(
        own_share * np.where(share_sums > 0, due_visits / np.where(share_sums > 0, share_sums, 1.0), 0.0)
    )


def profile_by_cell(area: AreaArrays) -> Floats:
    """What a place is due in each cell of 15 minutes, in shares, [n, cells]: by profile, arm and closures."""
    grid, n = area.grid, len(area.places)
    hour_profiles = np.array([place.profile for place in area.places], dtype=np.float64).reshape(
        n, HOURS_OF_WEEK
    )
    hour_profiles = hour_profiles / np.maximum(hour_profiles.cumsum(axis=1)[:, -1:], 1e-12)
    # Without a floor an hour without past harm would never see a patrol, and whoever watches learns which.
    hour_profiles = (1.0 - FLOOR_SHARE) * hour_profiles + FLOOR_SHARE / HOURS_OF_WEEK
    day_of_cell = np.clip(grid.day_of_cell, 0, area.dose_by_day.shape[1] - 1)
    due_of_cell = hour_profiles[:, grid.hour_of_cell] * area.dose_by_day[:, day_of_cell]
    for place_index, first_slot, end_slot in area.closed:
        shift_cells = grid.cell[first_slot:end_slot]
        due_of_cell[place_index, shift_cells] = 0.0
    return np.asarray(due_of_cell)


def split_days(area: AreaArrays, most_shifts: int) -> tuple[AreaArrays, ...]:
    """The area cut at midnights into parts with about so many shifts, each with what is due in its days."""
    due_shares = share_due_visits(area, area.target_visits)
    day_of_shift = np.array([(shift.day - area.grid.first_day).days for shift in area.shifts], dtype=np.int64)
    part_count = max(1, round(len(area.shifts) / most_shifts))
    # The same number of days in each: a part with one more would weigh its days more than the others theirs.
    part_of_day = np.arange(day_of_shift.max() + 1) * part_count // (day_of_shift.max() + 1)
    rows_of_part = [np.flatnonzero(part_of_day[day_of_shift] == part) for part in range(part_count)]
    return tuple(_cut_area(area, rows, due_shares) for rows in rows_of_part if rows.size)


def _cut_area(area: AreaArrays, shift_rows: Ints, due_shares: Floats) -> AreaArrays:
    """An area with some shifts alone, on a grid from the first of them to the last."""
    cut_area, grid = select_shifts(area, shift_rows), area.grid
    end_slot = int((cut_area.walkers.first_slot + cut_area.walkers.fields[:, 0]).max()) + 4
    slots_of_day = 24 * 60 // grid.slot_minutes
    offset_slots = int(cut_area.walkers.first_slot.min()) // slots_of_day * slots_of_day
    due_visits = due_shares[shift_rows].sum(axis=0)
    due_share_of_place = np.divide(
        due_visits, area.target_visits, out=np.zeros_like(due_visits), where=area.target_visits > 0
    )
    return replace(
        cut_area,
        grid=replace(grid, origin=grid.instant_at(offset_slots), count=end_slot - offset_slots),
        walkers=cut_area.walkers._replace(first_slot=cut_area.walkers.first_slot - offset_slots),
        closed=tuple(
            (place_index, max(first - offset_slots, 0), min(end, end_slot) - offset_slots)
            for place_index, first, end in area.closed
            if first < end_slot and end > offset_slots
        ),
        target_visits=area.target_visits * due_share_of_place,
        target_minutes=area.target_minutes * due_share_of_place,
    )


def cap_areas(areas: tuple[AreaArrays, ...], share: float) -> tuple[AreaArrays, ...]:
    """The areas with targets lowered where one would get more than `share` of all minutes.

    An area above its share is held to share x the total of what all may then get; with too few areas for
    such a share (fewer than 1 / share), nothing can be held and nothing is changed.
    """
    minutes_by_area = {area.area: float(area.target_minutes.sum()) for area in areas}
    if share >= 1.0 or share * len(areas) <= 1.0:
        return areas
    capped_names: set[str] = set()
    while True:  # capping one lowers the total, by which another may come to lie above its share
        free_minutes = sum(m for name, m in minutes_by_area.items() if name not in capped_names)
        total_minutes = free_minutes / (1.0 - share * len(capped_names))
        most_minutes = share * total_minutes * (1 + 1e-9)
        new_names = {
            name for name, m in minutes_by_area.items() if name not in capped_names and m > most_minutes
        }
        if not new_names:
            break
        capped_names |= new_names
    dose_factors = [
        share * total_minutes / minutes_by_area[area.area] if area.area in capped_names else 1.0
        for area in areas
    ]
    return tuple(
        replace(area, target_visits=area.target_visits * f, target_minutes=area.target_minutes * f)
        for area, f in zip(areas, dose_factors, strict=True)
    )

"""When can no unit be at any place of an area, day after day, and which later or earlier starts would end it?

At the change of tours one unit is on its way home and the next on its way out. Where all change together that
time is empty every day, and whoever waits for it knows. Starts a quarter of an hour apart fill it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.plan_inputs import PlanInputs, UnitShift

STEP_MINUTES: Final = 5
STEPS: Final = 24 * 60 // STEP_MINUTES
DEAD_SHARE: Final = 0.1  # of the area's mean: a clock time with less is dead, as in the certificate
MOVE_STEPS: Final = 3  # starts are moved by quarters of an hour …
MOST_MOVES: Final = 5  # … by 75 minutes at most …
MOST_MOVED: Final = 4  # … and of so many units


@dataclass(frozen=True, slots=True)
class AreaDeadZone:
    """The longest dead time of an area's day, and the moves that shorten it most."""

    area: str
    starts_at: str  # of the city's clock
    minutes: int  # 0: there is none
    moves: tuple[tuple[str, int], ...]  # unit, and by how many minutes it starts later (below 0: earlier)
    minutes_left: int  # of the longest dead time, once these units have moved

    @property
    def sentence(self) -> str:
        """The dead zone and what would end it, in words."""
        if not self.minutes:
            return f"{self.area}: no time of the day is without a unit that can be at a place."
        zone_text = f"{self.area}: nobody can be at a place for {self.minutes} minutes from {self.starts_at}."
        if not self.moves:
            return f"{zone_text} No other start of these units ends it: longer tours or one more would."
        moves_text = ", ".join(
            f"{unit} {abs(minutes)} minutes {'later' if minutes > 0 else 'earlier'}"
            for unit, minutes in self.moves
        )
        end_text = (
            f", and {self.minutes_left} minutes are left" if self.minutes_left else ", and none is left"
        )
        return f"{zone_text} Let start: {moves_text}{end_text}."


def find_dead_zones(inputs: PlanInputs) -> tuple[AreaDeadZone, ...]:
    """The dead time of each area's day, by its tours and the ways from their bases."""
    shifts_by_area: dict[str, list[UnitShift]] = defaultdict(list)
    for shift in inputs.shifts:
        shifts_by_area[shift.area].append(shift)
    hotspots: dict[str, list[str]] = defaultdict(list)
    for place in inputs.places:
        hotspots[place.area].append(place.hotspot)
    return tuple(
        _find_zone(inputs, area, shifts_by_area[area], hotspots[area])
        for area in sorted(hotspots)
        if shifts_by_area[area]
    )


def _find_zone(
    inputs: PlanInputs, area: str, shifts: Sequence[UnitShift], hotspots: Sequence[str]
) -> AreaDeadZone:
    presence_by_unit = dict(_count_presence(inputs, shifts, hotspots))
    units_present = np.sum(list(presence_by_unit.values()), axis=0)
    first_step, dead_steps = find_longest_run(units_present)
    shift_by_unit = dict(_choose_moves(presence_by_unit, units_present))
    for unit, steps in shift_by_unit.items():
        units_present = units_present + np.roll(presence_by_unit[unit], steps) - presence_by_unit[unit]
    return AreaDeadZone(
        area,
        f"{first_step * STEP_MINUTES // 60:02d}:{first_step * STEP_MINUTES % 60:02d}",
        dead_steps * STEP_MINUTES,
        tuple((unit, steps * STEP_MINUTES) for unit, steps in shift_by_unit.items()),
        find_longest_run(units_present)[1] * STEP_MINUTES,
    )


def _count_presence(
    inputs: PlanInputs, shifts: Sequence[UnitShift], hotspots: Sequence[str]
) -> Iterator[tuple[str, Floats]]:
    """By unit: on how many days it can be at a place at each step of the city's clock. Meals do not count."""
    counts: dict[str, Floats] = defaultdict(lambda: np.zeros(STEPS))
    zone = ZoneInfo(inputs.zone)
    for shift in shifts:
        table = inputs.travel[shift.mode]
        home, rows = table.stops.index(shift.base), [table.stops.index(hotspot) for hotspot in hotspots]
        outward_minutes = float(table.minutes[home, rows].min()) + inputs.policy.settle_minutes
        return_minutes = float(table.minutes[rows, home].min())
        local_start = shift.hours.start.astimezone(zone)
        first_minute = local_start.hour * 60 + local_start.minute + outward_minutes
        last_minute = local_start.hour * 60 + local_start.minute + shift.hours.minutes - return_minutes
        presence_steps = np.arange(
            int(np.ceil(first_minute / STEP_MINUTES)), int(last_minute // STEP_MINUTES)
        )
        np.add.at(counts[shift.unit], presence_steps % STEPS, 1.0)
    yield from sorted(counts.items())


def find_longest_run(total: Floats) -> tuple[int, int]:
    """The first step and the length of the longest dead run, around midnight too.

    >>> find_longest_run(np.array([0.0, 5.0, 5.0, 0.0, 0.0, 5.0, 0.0]))
    (3, 2)
    """
    is_dead = total <= DEAD_SHARE * total.mean()
    if is_dead.all() or not is_dead.any():
        return 0, int(is_dead.sum())
    first_live = int(np.argmin(is_dead))
    best_start, best_length, length = 0, 0, 0
    for offset in range(len(total)):
        length = length + 1 if is_dead[(first_live + offset) % len(total)] else 0
        if length > best_length or (length == best_length and length and best_length == 0):
            best_start, best_length = (first_live + offset - length + 1) % len(total), length
    return best_start, best_length


def _choose_moves(presence: Mapping[str, Floats], total: Floats) -> Iterator[tuple[str, int]]:
    """Units and the steps by which they start later, one after the other, while dead time shrinks."""
    unmoved_presence = dict(presence)
    for _ in range(MOST_MOVED):
        dead_steps = _count_dead(total)
        if not dead_steps or not unmoved_presence:
            return
        choices = [
            (_count_dead(total + np.roll(counts, steps) - counts), abs(steps), unit, steps)
            for unit, counts in unmoved_presence.items()
            for steps in range(-MOST_MOVES * MOVE_STEPS, MOST_MOVES * MOVE_STEPS + 1, MOVE_STEPS)
            if steps
        ]
        fewest, _, unit, steps = min(choices)
        if fewest >= dead_steps:
            return
        total = total + np.roll(unmoved_presence[unit], steps) - unmoved_presence[unit]
        del unmoved_presence[unit]
        yield unit, steps


def _count_dead(total: Floats) -> int:
    return int((total <= DEAD_SHARE * total.mean()).sum())

"""What is true of the rehearsed city, with the patrols that were delivered: levels, places, effects."""

from datetime import date
from typing import Final

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.rehearse.laws import VisitLog, choose_hours, deterrence
from becalm.rehearse.world import CELL_M, COLUMN_SPAN, Course, World, find_outlets
from becalm.simulate.intensity import BURN_IN_DAYS, expected_by_area, expected_counts, treatable_offences
from becalm.simulate.settings import OFFENCES
from becalm.simulate.time_profiles import DAY_MINUTES, day_number, month_number, to_utc

RECENT_DAYS: Final = 28
MOMENTS: Final = 40  # of the day that are tried for each place and day of a trial
TRIAL_GROUPS: Final = ("robbery", "violence_with_injury")


def group_rows(group: str) -> Ints:
    """Which offences are counted in this group?"""
    return np.flatnonzero([o.group == group for o in OFFENCES])


def is_found_by_victims(group: str) -> bool:
    """Whether nothing of this group is found by police looking."""
    rows = group_rows(group)
    return len(rows) > 0 and all(OFFENCES[i].found_by == "victim" for i in rows)


def month_levels(world: World, course: Course) -> tuple[Floats, int]:
    """Expected number of each offence in each month, with the delivered patrols: (offences, months).

    Also the number of the first month. What patrols prevent is taken off by the mean chance of prevention
    over all events that could have happened in the month.
    """
    days = world.plan.intensity.days
    months = month_number(np.array([day_number(day) for day in days]))
    first_month = int(months[BURN_IN_DAYS])
    bins = np.where(np.arange(len(days)) < BURN_IN_DAYS, -1, months - first_month)
    count = int(bins.max()) + 1
    area = np.zeros(len(world.plan.places.kind), dtype=np.int64)
    levels = np.stack(
        [
            expected_by_area(world.plan.intensity, world.plan.places, i, bins, count, area, 1)[0]
            for i in range(len(OFFENCES))
        ]
    )
    return levels * _kept_shares(world, course, first_month, count), first_month


def _kept_shares(world: World, course: Course, first_month: int, count: int) -> Floats:
    """The share of each offence and month that patrols leave in the city: (offences, months)."""
    incidents = course.incidents
    last_row = world.pools[0].start if world.pools else len(incidents)
    month = np.clip(month_number(incidents.minute[:last_row] // DAY_MINUTES) - first_month, 0, count - 1)
    key = incidents.offence[:last_row].astype(np.int64) * count + month
    size = len(OFFENCES) * count
    potential = np.bincount(key, minlength=size)
    lost_count = np.bincount(key, course.prevention[:last_row] * (1 - world.scenario.patrol.displaced), size)
    return np.asarray(1 - (lost_count / np.maximum(potential, 1)).reshape(len(OFFENCES), count))


def top_cells(world: World, course: Course, day: date, count: int) -> set[int]:
    """The cells with the highest rate of street violence in the month that ends on this day."""
    end = (day - world.plan.intensity.days[0]).days
    bins = np.full(len(world.plan.intensity.days), -1)
    bins[max(0, end - 30) : end] = 0
    places = world.plan.places
    rate = np.zeros(len(places.kind))
    for offence in np.flatnonzero([o.street_violence for o in OFFENCES]):
        rate += expected_counts(world.plan.intensity, places, int(offence), bins, 1)[:, 0]
    cells, cell_index = np.unique(world.cell_of_address, return_inverse=True)
    rate_of_address = rate[places.address_place] * places.address_share
    by_cell = np.bincount(cell_index, rate_of_address, len(cells)) * (
        1 - _recent_prevention(world, course, day, cells)
    )
    order = np.lexsort((cells, -by_cell))
    return {int(cell) for cell in cells[order[:count]]}


def _recent_prevention(world: World, course: Course, day: date, cells: Ints) -> Floats:
    """The mean chance of prevention in each cell over the last four weeks."""
    days = course.incidents.minute // DAY_MINUTES
    end = day_number(day)
    is_recent = (days >= end - RECENT_DAYS) & (days < end) & treatable_offences()[course.incidents.offence]
    rows = np.flatnonzero(is_recent)
    index = np.searchsorted(cells, world.cells(course)[rows])
    lost_count = np.bincount(index, course.prevention[rows], len(cells))
    return np.asarray(lost_count / np.maximum(np.bincount(index, minlength=len(cells)), 1))


def expected_prevention(
    world: World, potential: Course, week: int, visits: VisitLog, past: VisitLog, *, watchful_share: float
) -> Floats:
    """The chance with which each event that could happen in this week would be prevented by these visits.

    `past` is what offenders have seen so far; `watchful_share` of them choose their hour by it.
    """
    law = world.scenario.patrol
    incidents = potential.incidents
    first_day, end_day = world.week_days(week)
    days = incidents.minute // DAY_MINUTES
    rows = np.flatnonzero(
        (days >= first_day)
        & (days < end_day)
        & potential.is_real
        & treatable_offences()[incidents.offence]
        & np.isin(world.cells(potential), np.unique(np.concatenate([visits.cell, past.cell])))
    )
    minute, cell = to_utc(incidents.minute[rows]), world.cells(potential)[rows]
    is_watchful = world.chance[rows, 3] < watchful_share
    if len(past) and is_watchful.any():
        minute[is_watchful] = choose_hours(
            past, cell[is_watchful], minute[is_watchful], half_life_minutes=law.half_life_minutes
        )
    deterrence_shares = deterrence(visits, cell, minute, half_life_minutes=law.half_life_minutes)
    return np.asarray(law.effect * deterrence_shares * (1 - law.displaced))


def trial_ratio(
    world: World, potential: Course, log: VisitLog, arm_of: dict[tuple[int, int], str]
) -> float | None:
    """The true ratio of street violence on place-days of the strongest arm to that of the weakest.

    `arm_of` holds the arm of each cell and day. Each place-day is tried at moments that the city's own
    street violence keeps on that weekday, so that the truth has hardly any chance in it.
    """
    minutes_of_weekday = _minutes_by_weekday(potential)
    rng = world.rng(0, 9)
    compared_arms = ("high", "off")
    pairs = [(cell, day, arm) for (cell, day), arm in sorted(arm_of.items()) if arm in compared_arms]
    law = world.scenario.patrol
    if not pairs:
        return None
    cells = np.repeat([cell for cell, _, _ in pairs], MOMENTS)
    clock = np.concatenate(
        [day * DAY_MINUTES + rng.choice(minutes_of_weekday[(day + 3) % 7], MOMENTS) for _, day, _ in pairs]
    )
    deterrence_shares = deterrence(log, cells, to_utc(clock), half_life_minutes=law.half_life_minutes)
    is_high = np.repeat([arm == "high" for _, _, arm in pairs], MOMENTS)
    weight = np.repeat(_cell_weights(world, potential, [cell for cell, _, _ in pairs]), MOMENTS)
    high, off = (
        1 - law.effect * float(np.average(deterrence_shares[mask], weights=weight[mask]))
        for mask in (is_high, ~is_high)
    )
    return high / off


def ring_ratio(
    world: World,
    potential: Course,
    prevention: Floats,
    arm_of: dict[tuple[int, int], str],
    *,
    reach_m: float,
) -> float | None:
    """The true ratio of street violence around places on days of the strongest arm to days of the weakest.

    Around a place are the city's own places within `reach_m` that lie in no place of the trial. A day counts
    as strong there where any place within reach is, as weak where all are. What is prevented at a place
    happens, by its chance, at one of the outlets of that place.
    """
    places, cells = world.plan.places, sorted({cell for cell, _ in arm_of})
    columns = np.floor(places.position / CELL_M).astype(np.int64)
    cell_of_place = columns[:, 0] * COLUMN_SPAN + columns[:, 1]
    centres = (np.array([divmod(cell, COLUMN_SPAN) for cell in cells]) + 0.5) * CELL_M
    away_m = np.hypot(*(places.position[:, None, axis] - centres[None, :, axis] for axis in (0, 1)))
    is_near = (away_m <= reach_m) & ~np.isin(cell_of_place, np.array(cells))[:, None]
    days = sorted({day for _, day in arm_of})
    arms = np.array([[arm_of.get((cell, day), "") for day in days] for cell in cells])
    is_high, is_off = np.equal(arms, "high"), np.equal(arms, "off")
    near = is_near.astype(np.float64)
    is_strong: Bools = np.asarray(near @ is_high > 0)
    has_near: Bools = np.asarray(is_near.any(axis=1))
    is_weak: Bools = np.asarray(near @ is_off >= near.sum(axis=1, keepdims=True)) & has_near[:, None]
    usual = _usual_by_place(world, potential)
    extra = _moved_by_place(world, potential, prevention, np.array(cells), days)
    strong, weak = (
        1 + (extra * mask).sum() / max((usual[:, None] * mask).sum(), 1e-9) for mask in (is_strong, is_weak)
    )
    return float(strong / weak) if is_strong.any() and is_weak.any() else None


def _usual_by_place(world: World, potential: Course) -> Floats:
    """How much street violence a place has on a usual day, over the whole drawn life."""
    incidents = potential.incidents
    rows = np.flatnonzero(treatable_offences()[incidents.offence] & potential.is_real)
    day_count = (world.plan.intensity.days[-1] - world.plan.intensity.days[0]).days + 1
    return np.bincount(incidents.place[rows], minlength=len(world.plan.places.kind)) / day_count


def _moved_by_place(
    world: World, potential: Course, prevention: Floats, cells: Ints, days: list[int]
) -> Floats:
    """The expected number of offences that patrols moved to each place on each of these days."""
    moved_counts = np.zeros((len(world.plan.places.kind), len(days)))
    law, incidents = world.scenario.patrol, potential.incidents
    rows = np.flatnonzero(prevention > 0)
    outlets = find_outlets(world, cells)
    own_cells, own_days = world.cells(potential)[rows], incidents.minute[rows] // DAY_MINUTES
    column_of_day = {day: column for column, day in enumerate(days)}
    for row, cell, day in zip(rows.tolist(), own_cells.tolist(), own_days.tolist(), strict=True):
        choices = outlets.get(cell)
        if choices is not None and len(choices) and day in column_of_day:
            chance = float(prevention[row]) * law.displaced
            moved_counts[choices, column_of_day[day]] += chance / len(choices)
    return moved_counts


def _cell_weights(world: World, potential: Course, cells: list[int]) -> Floats:
    """How many events of street violence each cell had in the whole drawn life, and one more."""
    is_violent = treatable_offences()[potential.incidents.offence] & potential.is_real
    own_cells = world.cells(potential)[is_violent]
    cell_codes, counts = np.unique(own_cells, return_counts=True)
    by_cell = dict(zip(cell_codes.tolist(), counts.tolist(), strict=True))
    return np.array([1.0 + by_cell.get(cell, 0) for cell in cells])


def _minutes_by_weekday(potential: Course) -> list[Ints]:
    """The minutes of the day of all street violence on each weekday, Monday first."""
    incidents = potential.incidents
    is_violent = treatable_offences()[incidents.offence] & potential.is_real
    minute = incidents.minute[is_violent]
    weekday = (minute // DAY_MINUTES + 3) % 7  # 1970-01-01 was a Thursday
    return [minute[weekday == day] % DAY_MINUTES for day in range(7)]


def month_of(text: str) -> int:
    """The number of a month that is written as 2020-04."""
    return (int(text[:4]) - 1970) * 12 + int(text[5:7]) - 1

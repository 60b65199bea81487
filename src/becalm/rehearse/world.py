"""The rehearsed city: everything that could happen in it, drawn once, and what the planted laws make of it.

The city's whole life is drawn before the year begins, with one row of chance for each event. Patrol and help
then take events out, move them, or change their hour: the same city can be lived with and without them.
"""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints, seed_generator
from becalm.rehearse.laws import VisitLog, choose_hours, deterrence
from becalm.rehearse.scenario import Scenario
from becalm.simulate.city import CityPlan, Incidents, SimulatedCity, draw_life, plan_city
from becalm.simulate.draw_events import pick_address
from becalm.simulate.intensity import build_treatment, treatable_offences
from becalm.simulate.settings import OFFENCES, Settings
from becalm.simulate.time_profiles import DAY_MINUTES, day_number, to_utc

CELL_M: Final = 150.0
COLUMN_SPAN: Final = 1_000_000  # cell code: column * COLUMN_SPAN + row
FOUND_POOL_SHARE: Final = 0.12  # of a week's events: what visits can bring to light at most
LESSER_OFFENCE: Final = {"Violence with injury": "Violence without injury",
                         "Robbery of personal property": "Theft from the person"}  # fmt: skip
REVISION_DAYS: Final = (14, 60)
NEVER: Final = 10**6  # a day that never comes
CHANCES: Final = 6  # of each event: prevented, moved, where to, watchful, revised, when


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the rehearsed city is, how many places its force lists, and how much history it has."""

    city: Settings
    place_count: int
    history_days: int
    person_count: int


TINY: Final = Settings(
    incidents=150_000, places=800, junctions=1_800, lsoas=120, wards=24, boroughs=8, command_units=3,
    area_km2=64.0,
)  # fmt: skip
SMALL: Final = Settings(
    incidents=100_000, places=2_000, junctions=4_500, lsoas=240, wards=32, boroughs=8, command_units=3,
    area_km2=160.0,
)  # fmt: skip
SCALES: Final = {
    "tiny": Scale(TINY, 20, 2 * 365, 300),
    "small": Scale(SMALL, 25, 3 * 365, 2_000),
    "full": Scale(Settings(), 250, 3 * 365, 20_000),
}
FIRST_MONDAY: Final = date(2020, 2, 10)  # so that eight weeks end with whole months on record
SETTINGS_DAYS: Final = 1461  # over which Settings states its number of incidents


@dataclass(frozen=True, slots=True)
class Course:
    """What has become of each event that could happen (parallel arrays).

    `prevention` is the chance with which the delivered patrols prevented it, whatever then happened.
    """

    incidents: Incidents
    is_real: Bools
    is_prevented: Bools
    prevention: Floats
    shown_offence: Ints  # as it was first written down
    revised_day: Ints  # the day on which the record was put right; 0 where it was right from the start


@dataclass(frozen=True, slots=True)
class World:
    """A city whose life is drawn, and its planted laws. `pools[w]` are the rows for what week w finds."""

    plan: CityPlan
    shocks: Floats
    scenario: Scenario
    scale: Scale
    weeks: int
    chance: Floats  # (events, CHANCES)
    cell_of_address: Ints
    pools: tuple[slice, ...]
    seed: int

    def week_days(self, week: int) -> tuple[int, int]:
        """The days (since 1970) that patrols of this week fill: Tuesday to Monday."""
        first_day = day_number(FIRST_MONDAY) + 7 * week + 1
        return first_day, first_day + 7

    def monday(self, week: int) -> date:
        """The Monday on which the week's work is done."""
        return FIRST_MONDAY + timedelta(weeks=week)

    def rng(self, week: int, purpose: int) -> np.random.Generator:
        """Chance of this week for this purpose."""
        return seed_generator(self.seed, week, purpose)

    def cells(self, course: Course) -> Ints:
        """The cell of each event."""
        return self.cell_of_address[course.incidents.address]


def make_world(scenario: Scenario, scale: Scale, *, weeks: int, seed: int) -> tuple[World, Course]:
    """Draw a city and all that could happen in it until the end of the year."""
    start = (FIRST_MONDAY - timedelta(days=scale.history_days)).replace(day=1)  # months are compared whole
    end = FIRST_MONDAY + timedelta(weeks=weeks + 1)
    days = (end - start).days
    settings = replace(
        scale.city,
        start=start,
        end=end,
        incidents=scale.city.incidents * days // SETTINGS_DAYS,
        lockdown=scenario.city.outside_shock,
    )
    plan_rng, life_rng, chance_rng, pool_rng = seed_generator(seed, 0).spawn(4)
    city = draw_life(plan_city(settings, plan_rng), life_rng)
    incidents, pools = _add_pools(city.incidents, weeks, pool_rng, per_day=len(city.incidents) / days)
    columns = np.floor(city.plan.places.address_position / CELL_M).astype(np.int64)
    world = World(
        plan=city.plan,
        shocks=city.shocks,
        scenario=scenario,
        scale=scale,
        weeks=weeks,
        chance=chance_rng.random((len(incidents), CHANCES)),
        cell_of_address=columns[:, 0] * COLUMN_SPAN + columns[:, 1],
        pools=pools,
        seed=seed,
    )
    return world, _first_course(world, incidents)


def _add_pools(
    incidents: Incidents, weeks: int, rng: np.random.Generator, *, per_day: float
) -> tuple[Incidents, tuple[slice, ...]]:
    """The same events, with rows at the end for what patrols may find in each week."""
    pool_size = int(FOUND_POOL_SHARE * 7 * per_day) + 1
    police_offences = [i for i, o in enumerate(OFFENCES) if o.found_by == "police"]
    models = np.flatnonzero(np.isin(incidents.offence, police_offences))
    rows = rng.choice(models, weeks * pool_size) if len(models) else np.zeros(0, dtype=np.int64)
    first = len(incidents)
    pools = tuple(slice(first + w * pool_size, first + (w + 1) * pool_size) for w in range(weeks))
    return append_rows(incidents, rows), pools


def append_rows(columns: Any, rows: Ints) -> Any:
    """The same parallel arrays with these rows once more at the end."""
    values = {f.name: getattr(columns, f.name) for f in fields(columns)}
    return replace(
        columns,
        **{
            name: np.concatenate([value, value[rows]])
            if isinstance(value, np.ndarray)
            else append_rows(value, rows)
            for name, value in values.items()
        },
    )


def _first_course(world: World, incidents: Incidents) -> Course:
    count = len(incidents)
    is_real = np.ones(count, dtype=bool)
    for pool in world.pools:
        is_real[pool] = False
    shown_offence, revised_day = incidents.offence.astype(np.int64), np.zeros(count, dtype=np.int64)
    words = [o.word for o in OFFENCES]
    is_revised = world.chance[:, 4] < world.scenario.records.revised_share
    low, high = REVISION_DAYS
    later = incidents.recorded_day + low + np.floor((high - low) * world.chance[:, 5]).astype(np.int64)
    for true_word, first_word in LESSER_OFFENCE.items():
        mask = is_revised & (incidents.offence == words.index(true_word))
        shown_offence[mask], revised_day[mask] = words.index(first_word), later[mask]
    nothing = np.zeros(count)
    return Course(incidents, is_real, nothing.astype(bool), nothing, shown_offence, revised_day)


def live_week(world: World, course: Course, week: int, visits: VisitLog, past: VisitLog) -> Course:
    """What happens in this week when these visits are delivered; `past` are those of the weeks before."""
    first_day, end_day = world.week_days(week)
    incidents = course.incidents
    days = incidents.minute // DAY_MINUTES
    rows = np.flatnonzero(
        (days >= first_day) & (days < end_day) & course.is_real & treatable_offences()[incidents.offence]
    )
    course = _choose_hours(world, course, rows, past)
    prevention = _prevention(world, course, rows, visits)
    course = _prevent(world, course, rows, prevention, visits)
    return _find_by_police(world, course, week, visits)


def _choose_hours(world: World, course: Course, rows: Ints, past: VisitLog) -> Course:
    """Watchful offenders move to the hour in which patrols have been rarest."""
    watchful = rows[world.chance[rows, 3] < world.scenario.patrol.watchful_share]
    if len(past) == 0 or len(watchful) == 0:
        return course
    incidents, half_life = course.incidents, world.scenario.patrol.half_life_minutes
    cells = world.cells(course)[watchful]
    utc = to_utc(incidents.minute[watchful])
    moved_by = choose_hours(past, cells, utc, half_life_minutes=half_life) - utc
    minute, from_minute, to_minute, recorded_day = (
        array.copy()
        for array in (incidents.minute, incidents.from_minute, incidents.to_minute, incidents.recorded_day)
    )
    for array in (minute, from_minute, to_minute):
        array[watchful] += moved_by
    recorded_day[watchful] = np.maximum(recorded_day[watchful], to_minute[watchful] // DAY_MINUTES)
    later_incidents = replace(
        incidents, minute=minute, from_minute=from_minute, to_minute=to_minute, recorded_day=recorded_day
    )
    return replace(course, incidents=later_incidents)


def _prevention(world: World, course: Course, rows: Ints, visits: VisitLog) -> Floats:
    """The chance with which each of these events is prevented by these visits."""
    law = world.scenario.patrol
    utc = to_utc(course.incidents.minute[rows])
    cells = world.cells(course)[rows]
    return law.effect * deterrence(visits, cells, utc, half_life_minutes=law.half_life_minutes)


def _prevent(world: World, course: Course, rows: Ints, prevention: Floats, visits: VisitLog) -> Course:
    """Take out what was prevented; some of it happens in the streets around, at places without patrol."""
    law, chance = world.scenario.patrol, world.chance[rows]
    is_hit = chance[:, 0] < prevention
    outlets = find_outlets(world, np.unique(visits.cell))
    has_moved = is_hit & (chance[:, 1] < law.displaced)
    place, address = course.incidents.place.copy(), course.incidents.address.copy()
    displaced = course.incidents.is_displaced.copy()
    rng = world.rng(int(rows[0]) if len(rows) else 0, 3)
    for row in rows[has_moved]:
        choices = outlets.get(int(world.cell_of_address[address[row]]), np.zeros(0, dtype=np.int64))
        if len(choices) == 0:
            has_moved[rows == row] = False
            continue
        place[row] = choices[int(world.chance[row, 2] * len(choices))]
        address[row] = pick_address(world.plan.places, place[row : row + 1].astype(np.int64), rng)[0]
        displaced[row] = True
    is_real, is_prevented = course.is_real.copy(), course.is_prevented.copy()
    chance_of_event = course.prevention.copy()
    is_prevented[rows[is_hit]] = True
    is_real[rows[is_hit & ~has_moved]] = False
    chance_of_event[rows] = prevention
    incidents = replace(course.incidents, place=place, address=address, is_displaced=displaced)
    return replace(
        course, incidents=incidents, is_real=is_real, is_prevented=is_prevented, prevention=chance_of_event
    )


def find_outlets(world: World, cells: Ints) -> dict[int, Ints]:
    """The places in no patrolled cell that lie within reach of the middle of each patrolled cell."""
    places = world.plan.places
    columns = np.floor(places.position / CELL_M).astype(np.int64)
    cell_of_place = columns[:, 0] * COLUMN_SPAN + columns[:, 1]
    index_of_cell = {int(cell): index for index, cell in enumerate(cells)}
    hotspot = np.array([index_of_cell.get(int(cell), -1) for cell in cell_of_place], dtype=np.int64)
    centres = np.array(
        [int(np.flatnonzero(hotspot == index)[0]) for index in range(len(cells)) if (hotspot == index).any()],
        dtype=np.int64,
    )
    if len(centres) == 0:
        return {}
    nothing = np.zeros((len(centres), 0), dtype=bool)
    treatment = build_treatment(places, hotspot, centres, nothing, world.scenario.patrol.reach_m)
    return {int(cell_of_place[centre]): treatment.outlets(i) for i, centre in enumerate(centres)}


def _find_by_police(world: World, course: Course, week: int, visits: VisitLog) -> Course:
    """What the visits of this week bring to light: drugs and weapons, where and when crews were there."""
    rate, pool = world.scenario.records.found_per_visit, world.pools[week]
    rng = world.rng(week, 1)
    found_per_visit = rng.poisson(rate, len(visits))
    visit_rows = np.repeat(np.arange(len(visits)), found_per_visit)[: pool.stop - pool.start]
    order = np.argsort(world.cell_of_address, kind="stable")
    sorted_cells = world.cell_of_address[order]
    first = np.searchsorted(sorted_cells, visits.cell[visit_rows], side="left")
    last = np.searchsorted(sorted_cells, visits.cell[visit_rows], side="right")
    has_address = last > first
    rows = (pool.start + np.arange(len(visit_rows)))[has_address]
    pick = first + np.floor(rng.random(len(visit_rows)) * (last - first)).astype(np.int64)
    address = course.incidents.address.copy()
    place, is_real = course.incidents.place.copy(), course.is_real.copy()
    address[rows] = order[pick[has_address]]
    place[rows] = world.plan.places.address_place[address[rows]]
    is_real[rows] = True
    arrays = {name: getattr(course.incidents, name).copy() for name in ("minute", "from_minute", "to_minute")}
    for array in arrays.values():
        array[rows] = visits.start[visit_rows][has_address]
    recorded_day = course.incidents.recorded_day.copy()
    recorded_day[rows] = arrays["minute"][rows] // DAY_MINUTES
    incidents = replace(course.incidents, place=place, address=address, recorded_day=recorded_day, **arrays)
    return replace(course, incidents=incidents, is_real=is_real)


def as_city(world: World, course: Course, is_shown: Bools, *, as_of: int) -> SimulatedCity:
    """The city as its records show it on this day: rows that are not shown count as never recorded."""
    incidents = course.incidents
    offence = np.where(course.revised_day > as_of, course.shown_offence, incidents.offence)
    return SimulatedCity(
        world.plan,
        replace(
            incidents,
            offence=offence.astype(np.int8),
            recorded_day=np.where(is_shown, incidents.recorded_day, NEVER),
        ),
        world.shocks,
    )

"""The schedule of some days: who is due, when in the day, by which crew; and again without a crew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.divert.core.visits import contact_chance, day_schedule
from becalm.divert.core.visits.doors import DoorSettings
from becalm.divert.core.visits.history import NO_WISHES, VisitHistory
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.core.visits.request import ScheduleRequest
from becalm.divert.core.visits.wishes import VisitWishes, visit_window
from becalm.ledger import Row
from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes import team_orienteering as routing
from becalm.terms import Fault

ASSUMED_DOORS = DoorSettings()  # the chances at a door are assumed: what was learned gave nothing (manual)
RESERVE_MINUTES = 60.0  # planned beyond a crew's hours: misses are short, and the last visits may wait
APPOINTMENT_SLACK_MINUTES = 10.0  # how late a crew may be by plan; at the door, late is not absent
WAVE_FACTOR, LEAST_WAVE_FACTOR = 0.8, 0.2
FIRST_SENTENCE = (
    "Say first: this is voluntary. It is no search, no interview and no check of papers, and saying no has "
    "no consequence."
)


@dataclass(frozen=True, slots=True)
class ScheduledVisit:
    """One visit of a schedule; `start` is in the city's time."""

    day: date
    crew: str
    start: time
    minutes: int
    person: str
    visit: int
    daypart: str
    appointment: str
    is_reserve: bool  # made if there is time: earlier visits may last longer than planned
    aids: tuple[str, ...] = ()  # what the crew brings: an interpreter, easy words


@dataclass(frozen=True, slots=True)
class CrewDay:
    """A crew's hours on one day, its base, and what it is on."""

    day: date
    crew: str
    base: str
    start: time
    hours: float
    use: str

    @property
    def start_minute(self) -> float:
        """Minutes since midnight."""
        return self.start.hour * 60.0 + self.start.minute

    @property
    def end_minute(self) -> float:
        """Minutes since midnight."""
        return self.start_minute + self.hours * 60.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Visits and crews of some days, how they were made, and what could not be placed."""

    first_day: date
    days: int
    zone: str
    seed: int
    work: int
    protocol: str
    travel: str
    crews: tuple[CrewDay, ...]
    visits: tuple[ScheduledVisit, ...]
    without: tuple[str, ...] = ()
    unplaced: tuple[str, ...] = ()  # appointments for which no crew has time, by number
    mode: str = "rehearsal"  # or live, where people log in

    def faults(self, person: str, crew: str, now: datetime) -> Iterator[Fault]:
        """Why may this crew not call on this person now?"""
        crew_days = [c for c in self.crews if c.crew == crew and c.day == now.date()]
        if not crew_days or crew in self.without:
            yield Fault("crew", f"{crew} is not on duty on {now.date()}", "name the crew of the schedule")
            return
        for crew_day in crew_days:
            if crew_day.use != "visits":
                problem = f"{crew} is on {crew_day.use} at that hour"
                yield Fault("crew", problem, "send a crew that is set aside for visits")
        assigned_crews = [v.crew for v in self.visits if v.person == person and v.day == now.date()]
        if crew not in assigned_crews:
            problem = (
                f"the visit is assigned to {assigned_crews[0]}"
                if assigned_crews
                else "no visit is planned today"
            )
            yield Fault("crew", problem, "only the assigned crew opens the pack, on the day")

    def hours_end(self, crew: str, day: date) -> datetime:
        """When the hours of a crew end, in UTC."""
        crew_day = next(c for c in self.crews if c.crew == crew and c.day == day)
        start = datetime.combine(day, crew_day.start, ZoneInfo(self.zone)).astimezone(UTC)
        return start + timedelta(hours=crew_day.hours)


@dataclass(frozen=True, slots=True)
class OpenPerson:
    """Somebody whom a crew may call on: where they live, what was done, what was agreed and asked for."""

    person: str
    point_m: tuple[float, float]
    history: VisitHistory
    wave: int
    appointment: Row | None
    wishes: VisitWishes = NO_WISHES


@dataclass(frozen=True, slots=True)
class ScheduleInputs:
    """People, crews, and the minutes between all their places."""

    people: tuple[OpenPerson, ...]
    crews: tuple[CrewDay, ...]
    row_by_stop: Mapping[str, int]  # of people and bases, in `travel`
    travel: Floats
    protocol: VisitProtocol
    zone: str


@dataclass(frozen=True, slots=True)
class DayProblem:
    """One day's problem, with whom its rows and columns stand for."""

    day: date
    people: tuple[OpenPerson, ...]
    crews: tuple[CrewDay, ...]
    dayparts: tuple[int, ...]
    problem: routing.OrienteeringProblem


def make_schedule(
    inputs: ScheduleInputs, request: ScheduleRequest, travel_note: str, rng: np.random.Generator
) -> Schedule:
    """Days one after the other: whoever is planned once is not planned again within these days.

    What comes of a visit is not known ahead, so a schedule of many days is a forecast: make it again daily.
    """
    visits: list[ScheduledVisit] = []
    unplaced: list[str] = []
    for offset in range(request.days):
        day = request.first_day + timedelta(days=offset)
        planned_people = {visit.person for visit in visits}
        open_day = build_day(inputs, day, leave_out=planned_people)
        if open_day is not None:
            routes = day_schedule.plan_day(open_day.problem, rng, rounds=request.work)
            visits += scheduled_visits(open_day, routes, inputs)
        placed_people = {visit.person for visit in visits}
        unplaced += [
            str(person.appointment["appointment"])
            for person in inputs.people
            if person.appointment is not None
            and person.appointment["day"] == day.isoformat()
            and person.person not in placed_people
        ]
    protocol = inputs.protocol
    return Schedule(
        first_day=request.first_day,
        days=request.days,
        zone=inputs.zone,
        seed=request.seed,
        work=request.work,
        protocol=f"{protocol.key}, version {protocol.version}",
        travel=travel_note,
        crews=inputs.crews,
        visits=tuple(visits),
        unplaced=tuple(unplaced),
    )


def share_out(
    inputs: ScheduleInputs, former: Schedule, without: Sequence[str], rng: np.random.Generator
) -> Schedule:
    """The same schedule when crews fall out: the others keep what they have, and take what they can."""
    visits: list[ScheduledVisit] = []
    for day in sorted({crew.day for crew in former.crews}):
        day_visits = [visit for visit in former.visits if visit.day == day]
        people_elsewhere = {visit.person for visit in former.visits if visit.day != day}
        open_day = build_day(inputs, day, leave_out=people_elsewhere)
        lost_crews = [n for n, crew in enumerate(open_day.crews) if crew.crew in without] if open_day else []
        if open_day is None or not lost_crews:
            visits += day_visits
            continue
        problem, routes = open_day.problem, load_routes(open_day, day_visits, inputs.protocol)
        for crew in lost_crews:
            problem, routes = day_schedule.without_crew(problem, routes, crew, rng)
        visits += scheduled_visits(replace(open_day, problem=problem), routes, inputs)
    return replace(former, visits=tuple(visits), without=(*former.without, *without))


def build_day(inputs: ScheduleInputs, day: date, *, leave_out: set[str]) -> DayProblem | None:
    """The visits that are due on a day and the crews set aside for them; None where there are none."""
    crews = tuple(crew for crew in inputs.crews if crew.day == day and crew.use == "visits")
    dayparts = inputs.protocol.dayparts_of(day)
    due_people = [
        (person, windows)
        for person in inputs.people
        if person.person not in leave_out
        and any(windows := visit_windows(person, inputs.protocol, day, dayparts, ZoneInfo(inputs.zone)))
    ]
    people = tuple(person for person, _ in due_people)
    if not crews or not people:
        return None
    chance = _expected_chances(people, inputs.protocol)[:, list(dayparts)]
    visits = _open_visits(inputs, people, crews, [windows for _, windows in due_people], chance)
    hours = day_schedule.CrewHours(
        np.array([inputs.row_by_stop[crew.base] for crew in crews], np.int64),
        np.array([crew.start_minute for crew in crews]),
        np.array([crew.end_minute + RESERVE_MINUTES for crew in crews]),
    )
    problem = day_schedule.build_problem(visits, hours, inputs.travel, inputs.protocol)
    return DayProblem(day, people, crews, dayparts, problem)


def _expected_chances(people: Sequence[OpenPerson], protocol: VisitProtocol) -> Floats:
    """The chance of contact of each person in each daypart; agreed times are kept more often."""
    mix = contact_chance.mix_households(ASSUMED_DOORS, protocol)
    misses, contacts = (
        np.array([person.history.count_contacts(protocol, is_met=is_met) for person in people])
        for is_met in (False, True)
    )
    is_agreed = np.array([person.appointment is not None for person in people])
    chance = contact_chance.expected_chances(mix, misses, contacts)
    return np.where(is_agreed[:, None], ASSUMED_DOORS.keep_chance, chance)


def visit_windows(
    person: OpenPerson, protocol: VisitProtocol, day: date, dayparts: tuple[int, ...], zone: ZoneInfo
) -> tuple[tuple[float, float] | None, ...]:
    """When may a visit begin in each of these dayparts of a day? None where it may not.

    An appointment stands for itself; else attempts, their spacing, untried dayparts and wishes decide.
    """
    windows = [
        visit_window(person.wishes, protocol.dayparts[n], day, protocol.talk_minutes) for n in dayparts
    ]
    if person.appointment is not None:
        return tuple(
            _appointment_window(person.appointment, protocol.dayparts[n].name, day, window, zone)
            for n, window in zip(dayparts, windows, strict=True)
        )
    history, visit = person.history, person.history.due_visit
    earliest_minute = _earliest_minute(history, protocol, day, zone)
    if visit > 2 or len(history.attempts(visit)) >= protocol.attempts or earliest_minute is None:
        return (None,) * len(dayparts)
    tries = np.array([history.count_tries(visit, protocol)])
    is_next = day_schedule.tried_least(tries, np.array(dayparts))[0]
    return tuple(
        (max(window[0], earliest_minute), window[1])
        if window and is_untried and earliest_minute <= window[1]
        else None
        for window, is_untried in zip(windows, is_next, strict=True)
    )


def _appointment_window(
    appointment: Row, daypart: str, day: date, window: tuple[float, float] | None, zone: ZoneInfo
) -> tuple[float, float] | None:
    """From the agreed minute on, as long as late is not absent; None on another day or against a wish."""
    if appointment["day"] != day.isoformat() or appointment["daypart"] != daypart or window is None:
        return None
    start_minute = _local_minute(datetime.fromisoformat(str(appointment["starts_at"])), zone)
    is_wished = window[0] <= start_minute <= window[1]
    return (start_minute, min(start_minute + APPOINTMENT_SLACK_MINUTES, window[1])) if is_wished else None


def _earliest_minute(
    history: VisitHistory, protocol: VisitProtocol, day: date, zone: ZoneInfo
) -> float | None:
    """From which minute of a day on may somebody be called on? None where not on that day."""
    if history.due_visit == 2 and history.contacts:
        days = (day - history.contacts[0].day).days
        if not protocol.second_after_days <= days <= protocol.second_until_days:
            return None
    if history.last_attempt is None:
        return 0.0
    free_at = (history.last_attempt.at + timedelta(hours=protocol.hours_between_attempts)).astimezone(zone)
    if free_at.date() == day:
        return _local_minute(free_at, zone) + 1.0  # the minute after, since seconds are cut off
    return 0.0 if free_at.date() < day else None


def _open_visits(
    inputs: ScheduleInputs,
    people: tuple[OpenPerson, ...],
    crews: tuple[CrewDay, ...],
    windows: Sequence[Sequence[tuple[float, float] | None]],
    chance: Floats,
) -> day_schedule.OpenVisits:
    bounds = np.array([[window or (0.0, -1.0) for window in row] for row in windows])
    crew_names = [crew.crew for crew in crews]
    first_wave = min(person.wave for person in people)
    weights, leads = np.ones(len(people)), np.full(len(people), -1, np.int64)
    for row, person in enumerate(people):
        contacts = person.history.contacts
        if person.appointment is not None:
            weights[row] = day_schedule.APPOINTMENT_WEIGHT
        elif person.history.due_visit == 2:
            weights[row] = day_schedule.SECOND_WEIGHT
        else:
            wave_factor = max(LEAST_WAVE_FACTOR, WAVE_FACTOR ** (person.wave - first_wave))
            weights[row] = day_schedule.FIRST_WEIGHT * wave_factor
        if contacts and contacts[0].crew in crew_names:
            leads[row] = crew_names.index(contacts[0].crew)
    return day_schedule.OpenVisits(
        stop=np.array([inputs.row_by_stop[person.person] for person in people], np.int64),
        chance=chance * np.array([[window is not None for window in row] for row in windows]),
        open=np.ascontiguousarray(bounds[:, :, 0]),
        close=np.ascontiguousarray(bounds[:, :, 1]),
        weight=weights,
        is_appointment=np.array([person.appointment is not None for person in people]),
        lead=leads,
        is_allowed=np.ones((len(people), len(crews)), np.bool_),
    )


def _local_minute(instant: datetime, zone: ZoneInfo) -> float:
    local_instant = instant.astimezone(zone)
    return local_instant.hour * 60.0 + local_instant.minute


def scheduled_visits(
    open_day: DayProblem, routes: routing.TeamRoutes, inputs: ScheduleInputs
) -> Iterator[ScheduledVisit]:
    """The visits of a day's routes, with names for rows."""
    problem = open_day.problem
    for planned_visit in day_schedule.planned_visits(routes):
        person, crew = open_day.people[planned_visit.visit], open_day.crews[planned_visit.crew]
        minutes = float(problem.minutes[planned_visit.visit, planned_visit.daypart])
        minutes_home = float(problem.travel[planned_visit.visit, problem.base[planned_visit.crew]])
        agreed = person.appointment
        start_minute = int(
            problem.open[planned_visit.visit, planned_visit.daypart] if agreed else planned_visit.begin_minute
        )
        yield ScheduledVisit(
            day=open_day.day,
            crew=crew.crew,
            start=time(start_minute // 60, start_minute % 60),
            minutes=inputs.protocol.talk_minutes,
            person=person.person,
            visit=person.history.due_visit,
            daypart=inputs.protocol.dayparts[open_day.dayparts[planned_visit.daypart]].name,
            appointment=str(person.appointment["appointment"]) if person.appointment else "",
            is_reserve=person.appointment is None
            and planned_visit.begin_minute + minutes + minutes_home > crew.end_minute,
            aids=person.wishes.aids,
        )


def load_routes(
    open_day: DayProblem, visits: Sequence[ScheduledVisit], protocol: VisitProtocol
) -> routing.TeamRoutes:
    """The routes that a schedule stands for; who is no longer due is left out."""
    routes = routing.empty_routes(open_day.problem)
    row_of_person = {person.person: row for row, person in enumerate(open_day.people)}
    column_of_name: dict[str, int] = {
        protocol.dayparts[part].name: column for column, part in enumerate(open_day.dayparts)
    }
    for number, crew in enumerate(open_day.crews):
        own_visits = sorted((v for v in visits if v.crew == crew.crew), key=lambda v: v.start)
        stops: list[tuple[int, int]] = [
            (row_of_person[v.person], column_of_name[v.daypart])
            for v in own_visits
            if v.person in row_of_person
        ]
        rows: Ints = np.array(stops, np.int64).reshape(-1, 2)
        routes.stop[number, : len(rows)], routes.window[number, : len(rows)] = rows[:, 0], rows[:, 1]
        routes.stop_count[number] = len(rows)
        routes.team[rows[:, 0]] = number
        routing.refresh_route(open_day.problem, routes, number)
    return routes

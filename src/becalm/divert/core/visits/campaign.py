"""A programme of some weeks in a drawn city: how many are met once and twice under a protocol?

Used to price a protocol before it is signed, and to judge the scheduler against what is possible at all.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from becalm.divert.core.visits import contact_chance, day_schedule
from becalm.divert.core.visits.doors import EARLY, LATE, DoorWorld
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes import team_orienteering as routing

FIRST_DAY = date(2020, 5, 4)  # a Monday
DAYS_BETWEEN = 2  # 48 hours, at the same time of day
RESERVE_MINUTES = 60.0  # planned beyond a crew's hours: misses are short, and the last visits may wait
NEVER = -99  # a day before all others
SHRINKAGE = 40.0  # attempts that the general mean counts for, where rates are learned


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSettings:
    """How the programme is run."""

    crews: int = 12
    days: int = 42
    rounds: int = 60  # of search on each day
    learns_rates: bool = False  # by area and daypart; else every daypart counts the same
    is_office_hours: bool = False  # as in 2020: early tours alone, first visits first, any daypart again
    is_unlimited: bool = False  # the ceiling: crews everywhere, and chances known


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignResult:
    """Shares of all who were selected, and what it took."""

    first_contact: float
    second_contact: float
    attempts_each: float
    vain_attempts_each: float
    letters: float
    same_lead: float  # of second contacts
    busy_minutes: float  # of a crew and day


@dataclass(slots=True)
class _Progress:
    """How far each of N people is; D dayparts. Changed day by day."""

    visit: Ints  # 0: the first is due, 1: the second, 2: both were made, 3: a letter was left
    attempts: Ints
    tries: Ints  # [N, D] in this visit
    last_day: Ints
    contact_day: Ints
    lead: Ints
    agreed_day: Ints
    agreed_part: Ints
    misses: Ints  # [N, D] of calls without an agreed time, over both visits
    contacts: Ints  # [N, D]
    free_minute: Ints  # of the last call: two days later nobody calls before
    attempt_total: int = 0
    same_leads: int = 0
    busy_minutes: float = 0.0
    knocks: Floats = field(default_factory=lambda: np.zeros(0))  # [areas, D, 2]: attempts and contacts
    offers: list[list[tuple[int, int]]] = field(default_factory=list)  # by area: days and dayparts


def run_campaign(
    world: DoorWorld, protocol: VisitProtocol, settings: CampaignSettings, rng: np.random.Generator
) -> CampaignResult:
    """How many are met once and twice, of all who were selected?"""
    people, parts = world.chance.shape
    state = _Progress(
        visit=np.zeros(people, np.int64),
        attempts=np.zeros(people, np.int64),
        tries=np.zeros((people, parts), np.int64),
        last_day=np.full(people, NEVER, np.int64),
        contact_day=np.full(people, NEVER, np.int64),
        lead=np.full(people, -1, np.int64),
        agreed_day=np.full(people, NEVER, np.int64),
        agreed_part=np.full(people, NEVER, np.int64),
        misses=np.zeros((people, parts), np.int64),
        contacts=np.zeros((people, parts), np.int64),
        free_minute=np.zeros(people, np.int64),
        knocks=np.zeros((world.settings.areas, parts, 2)),
        offers=offered_times(settings, world.settings.areas, protocol),
    )
    for day in range(settings.days):
        dayparts = np.array(protocol.dayparts_of(FIRST_DAY + timedelta(days=day)), np.int64)
        _end_windows(state, protocol, day)
        due, chance = _due(world, state, protocol, settings, dayparts, day)
        if settings.is_unlimited:
            for row, person in enumerate(due):
                best_daypart = dayparts[int(np.argmax(chance[row]))]
                _knock(world, state, protocol, rng, (int(person), int(best_daypart), day, -1))
        elif len(due):
            _send_crews(world, state, protocol, settings, (due, chance, dayparts, day), rng)
    contact_count = (state.contact_day >= 0).sum()
    second_visit_count = (state.visit == 2).sum()
    return CampaignResult(
        first_contact=float(contact_count / people),
        second_contact=float(second_visit_count / people),
        attempts_each=state.attempt_total / people,
        vain_attempts_each=(state.attempt_total - float(contact_count + second_visit_count)) / people,
        letters=float((state.visit == 3).sum() / people),
        same_lead=state.same_leads / max(int(second_visit_count), 1),
        busy_minutes=state.busy_minutes / (settings.crews * settings.days),
    )


def _end_windows(state: _Progress, protocol: VisitProtocol, day: int) -> None:
    """Close visits whose attempts are used up, and second visits that come too late."""
    is_over = (state.visit < 2) & (state.attempts >= protocol.attempts)
    is_over |= (state.visit == 1) & (day > state.contact_day + protocol.second_until_days)
    state.visit[is_over] = 3


def _due(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    settings: CampaignSettings,
    dayparts: Ints,
    day: int,
) -> tuple[Ints, Floats]:
    """Who may be visited today, and the expected chance in each daypart of the day (0: not then)."""
    has_appointment = state.agreed_day >= day
    is_rested = state.last_day <= day - rest_days(protocol)
    is_spaced = (state.visit == 0) | (day >= state.contact_day + protocol.second_after_days)
    is_open = (state.visit < 2) & is_rested & is_spaced & (~has_appointment | (state.agreed_day == day))
    due_rows = np.flatnonzero(is_open)
    is_today = state.agreed_day[due_rows] == day
    if settings.is_office_hours:
        early_end = EARLY + world.settings.crew_minutes
        is_office = np.array([protocol.dayparts[n].start_minute < early_end for n in dayparts])
        is_possible = np.broadcast_to(is_office, (len(due_rows), len(dayparts)))
    else:
        is_possible = day_schedule.tried_least(state.tries[due_rows], dayparts)
    is_agreed = state.agreed_part[due_rows][:, None] == dayparts[None, :]
    is_possible = np.where(is_today[:, None], is_agreed, is_possible)
    chance = _expected_chance(world, state, protocol, settings, (due_rows, dayparts)) * is_possible
    chance = np.where(is_today[:, None] & (chance > 0.0), world.settings.keep_chance, chance)
    is_wanted = chance.any(axis=1)
    return due_rows[is_wanted], chance[is_wanted]


def rest_days(protocol: VisitProtocol) -> int:
    """After how many days may somebody be called on again, at the same time of day or later?"""
    return max(DAYS_BETWEEN, protocol.hours_between_attempts // 24)


def _expected_chance(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    settings: CampaignSettings,
    today: tuple[Ints, Ints],
) -> Floats:
    due, dayparts = today
    if settings.is_unlimited:
        return world.chance[np.ix_(due, dayparts)] + 1e-6
    mean = world.settings.mean_chance
    if settings.is_office_hours:
        return np.full((len(due), len(dayparts)), mean)
    if settings.learns_rates:
        attempts, contacts = state.knocks[..., 0], state.knocks[..., 1]
        rates = (contacts + SHRINKAGE * mean) / (attempts + SHRINKAGE)
        return rates[np.ix_(world.area[due], dayparts)]
    mix = contact_chance.mix_households(world.settings, protocol)
    return contact_chance.expected_chances(mix, state.misses[due], state.contacts[due])[:, dayparts]


def _send_crews(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    settings: CampaignSettings,
    today: tuple[Ints, Floats, Ints, int],
    rng: np.random.Generator,
) -> None:
    """Plan the day, and walk the routes."""
    due, chance, dayparts, day = today
    crews = _crew_hours(world, settings, day)
    is_today = state.agreed_day[due] == day
    second_weight = 0.2 if settings.is_office_hours else day_schedule.SECOND_WEIGHT
    visit_weights = np.where(state.visit[due] == 1, second_weight, day_schedule.FIRST_WEIGHT)
    visit_weights = np.where(is_today, day_schedule.APPOINTMENT_WEIGHT, visit_weights)
    opens, closes = _windows(state, protocol, due, dayparts, day)
    problem = day_schedule.build_problem(
        day_schedule.OpenVisits(
            due,
            chance * (opens <= closes),
            opens,
            closes,
            visit_weights,
            is_today,
            np.where(state.visit[due] == 1, state.lead[due], -1),
            np.ones((len(due), settings.crews), np.bool_),
        ),
        crews,
        world.travel,
        protocol,
    )
    problem = problem._replace(team_close=problem.team_close + RESERVE_MINUTES)
    routes = day_schedule.plan_day(problem, rng, rounds=settings.rounds)
    for crew in range(settings.crews):
        _walk(world, state, protocol, problem, routes, (due, dayparts, day, crew), rng)


def _windows(
    state: _Progress, protocol: VisitProtocol, due: Ints, dayparts: Ints, day: int
) -> tuple[Floats, Floats]:
    """When a visit may begin in each daypart [V, W]: not before 48 hours are over, but at an agreed time."""
    starts = np.array([protocol.dayparts[n].start_minute for n in dayparts], float)
    ends = np.array([protocol.dayparts[n].end_minute for n in dayparts], float)
    is_second_day = (state.last_day[due] == day - rest_days(protocol)) & (state.agreed_day[due] != day)
    earliest = np.where(is_second_day, state.free_minute[due], 0)
    shape = (len(due), len(dayparts))
    return np.maximum(starts, earliest[:, None]), np.broadcast_to(ends - 1.0, shape).copy()


def crew_areas(settings: CampaignSettings, area_count: int, day: int) -> tuple[Ints, Bools]:
    """The area of each crew on a day, and whether it starts late: areas and hours in turn, by a rota.

    A crew keeps to a few areas of its own, so that its lead comes back, and a time can be offered on a day on
    which it is there anyway.
    """
    crew_numbers = np.arange(settings.crews)
    areas_each = -(-area_count // settings.crews)
    area_of_crew = (crew_numbers * area_count // settings.crews + day % areas_each) % area_count
    # Two days early, two days late: whoever was missed may be tried again after 48 hours, at other hours.
    is_late = (day // max(areas_each, 2) + crew_numbers) % 2 == 1
    return area_of_crew.astype(np.int64), is_late & (not settings.is_office_hours)


def offered_times(
    settings: CampaignSettings, area_count: int, protocol: VisitProtocol
) -> list[list[tuple[int, int]]]:
    """For each area, the days and dayparts in which a crew is there."""
    times: list[list[tuple[int, int]]] = [[] for _ in range(area_count)]
    for day in range(settings.days):
        for area, is_late in zip(*crew_areas(settings, area_count, day), strict=True):
            start = LATE if is_late else EARLY
            for part in protocol.dayparts_of(FIRST_DAY + timedelta(days=day)):
                overlap_minutes = min(protocol.dayparts[part].end_minute, start + 360) - max(
                    protocol.dayparts[part].start_minute, start
                )
                if overlap_minutes >= 2 * protocol.talk_minutes:
                    times[area].append((day, part))
    return times


def _crew_hours(world: DoorWorld, settings: CampaignSettings, day: int) -> day_schedule.CrewHours:
    area, is_late = crew_areas(settings, world.settings.areas, day)
    start = np.where(is_late, LATE, EARLY).astype(np.float64)
    return day_schedule.CrewHours(len(world.area) + area, start, start + world.settings.crew_minutes)


def _walk(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    problem: routing.OrienteeringProblem,
    routes: routing.TeamRoutes,
    today: tuple[Ints, Ints, int, int],
    rng: np.random.Generator,
) -> None:
    """Walk one route as it turns out: talks take longer than misses, and what no longer fits is left out."""
    due, dayparts, day, crew = today
    base, end_minute = problem.base[crew], problem.team_close[crew] - RESERVE_MINUTES
    stops = routes.stop[crew, : routes.stop_count[crew]]
    position, moment = base, problem.team_open[crew]
    for p, i in enumerate(stops):
        arrival = moment + problem.travel[position, i]
        window = int(routes.window[crew, p]) if problem.is_fixed[i] else _open_window(problem, i, arrival)
        if window < 0:
            continue
        start_minute = max(arrival, problem.open[i, window])
        is_late = start_minute > problem.close[i, window]
        is_late |= start_minute + protocol.miss_minutes + problem.travel[i, base] > end_minute
        if is_late or (
            not problem.is_fixed[i]
            and _is_in_the_way(problem, stops[p + 1 :], i, start_minute + problem.minutes[i, window])
        ):
            continue
        call = (int(due[i]), int(dayparts[window]), day, crew)
        state.free_minute[call[0]] = int(start_minute) + 1
        is_met = _knock(world, state, protocol, rng, call)
        stop_minutes = protocol.talk_minutes if is_met else protocol.miss_minutes
        state.busy_minutes += start_minute + stop_minutes - moment
        position, moment = i, start_minute + stop_minutes
    state.busy_minutes += problem.travel[position, base]


def _open_window(problem: routing.OrienteeringProblem, stop: int, arrival: float) -> int:
    """The daypart in which a crew may knock soonest, whichever was planned; -1 where none is left."""
    is_open = (problem.value[stop] > 0.0) & (problem.close[stop] >= arrival)
    return int(np.where(is_open, problem.open[stop], np.inf).argmin()) if is_open.any() else -1


def _is_in_the_way(
    problem: routing.OrienteeringProblem, later_stops: Ints, stop: int, end_minute: float
) -> bool:
    """Would this visit make the crew late for the next one that was agreed?"""
    agreed = later_stops[problem.is_fixed[later_stops]]
    if not len(agreed):
        return False
    latest_minute = problem.close[agreed[0]][problem.value[agreed[0]] > 0.0].max()
    return bool(end_minute + problem.travel[stop, agreed[0]] > latest_minute)


def _knock(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    rng: np.random.Generator,
    call: tuple[int, int, int, int],
) -> bool:
    """One attempt, and what follows: contact, a time agreed, a card that is rung back, or nothing.

    A call is a person, a daypart, a day and a crew.
    """
    person, part, day, crew = call
    has_appointment = state.agreed_day[person] == day and state.agreed_part[person] == part
    chance = world.settings.keep_chance if has_appointment else world.chance[person, part]
    is_met = bool(rng.random() < chance) and bool(world.is_at_address[person])
    state.attempt_total += 1
    state.last_day[person] = day
    state.attempts[person] += 1
    state.tries[person, part] += 1
    if not has_appointment:
        state.knocks[world.area[person], part] += (1.0, float(is_met))
        (state.contacts if is_met else state.misses)[person, part] += 1
    state.agreed_day[person] = NEVER
    if is_met:
        _meet(world, state, protocol, rng, person, day, crew)
    elif (
        protocol.is_card_left
        and world.is_at_address[person]
        and state.attempts[person] < protocol.attempts
        and rng.random() < world.settings.card_chance
    ):
        _agree(world, state, rng, person, day + DAYS_BETWEEN, 5)
    return is_met


def _meet(
    world: DoorWorld,
    state: _Progress,
    protocol: VisitProtocol,
    rng: np.random.Generator,
    person: int,
    day: int,
    crew: int,
) -> None:
    is_first = state.visit[person] == 0
    if not is_first:
        state.same_leads += int(crew == state.lead[person])
        state.visit[person] = 2
        return
    state.visit[person], state.contact_day[person], state.lead[person] = 1, day, crew
    state.attempts[person], state.tries[person] = 0, 0
    if protocol.is_second_agreed and rng.random() < world.settings.agree_chance:
        _agree(world, state, rng, person, day + protocol.second_after_days, 7)


def _agree(
    world: DoorWorld, state: _Progress, rng: np.random.Generator, person: int, first_day: int, days: int
) -> None:
    """The person chooses a day and daypart among those offered, rather one in which they are at home."""
    offers = [offer for offer in state.offers[world.area[person]] if first_day <= offer[0] < first_day + days]
    if not offers:
        return
    weights = np.array([world.chance[person, part] for _, part in offers])
    state.agreed_day[person], state.agreed_part[person] = offers[
        int(rng.choice(len(offers), p=weights / weights.sum()))
    ]

"""One day of visits: who is due in which part of the day, and which crew goes when.

Appointments come first, then second and first visits where a minute brings most; each in a daypart not tried
yet.
"""

from dataclasses import dataclass

import numpy as np

from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes import team_orienteering as routing

# A first visit is worth a little more than a second one, since a second can follow from it.
APPOINTMENT_WEIGHT, SECOND_WEIGHT, FIRST_WEIGHT = 3.0, 1.0, 1.15
NEIGHBOURS = 24
HEAT_SHARE = 0.7  # of the value of a first visit: the loss that the search takes with a chance of 1 in e
MINUTE_SHARE = 0.02  # of that value: what a minute to spare is worth, since another visit may fit into it
KEPT_WEIGHT = 3.0  # of a visit that a crew has already, while another crew's are shared out
ROUNDS = 1500  # of ruin and recreate: about a second for 24 crews and 1,000 open visits


@dataclass(frozen=True, slots=True)
class CrewHours:
    """R crews: the row of each one's base in the travel table, and its hours in minutes since midnight."""

    base: Ints
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True)
class OpenVisits:
    """V visits that are due on one day, and the W dayparts of that day.

    `stop` [V] is the row in the travel table. `chance` [V, W] is the expected chance of contact, 0 where the
    visit may not begin in that daypart. `open` and `close` [V, W] are minutes since midnight, both included.
    `lead` [V] is the crew whose lead came first, -1 for none. `is_allowed` [V, R] keeps crews away.
    """

    stop: Ints
    chance: Floats
    open: Floats
    close: Floats
    weight: Floats
    is_appointment: Bools
    lead: Ints
    is_allowed: Bools


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """Which visit, by which crew, in which daypart of the day, and when it begins."""

    visit: int
    crew: int
    daypart: int
    begin_minute: float


def build_problem(
    visits: OpenVisits, crews: CrewHours, travel: Floats, protocol: VisitProtocol
) -> routing.OrienteeringProblem:
    """The visits and crews of one day as stops and teams."""
    rows = np.concatenate([visits.stop, crews.base])
    travel_minutes = np.ascontiguousarray(travel[np.ix_(rows, rows)])
    count, crew_count = len(visits.stop), len(crews.base)
    allowed_factor = visits.is_allowed.astype(np.float64)
    has_lead = np.flatnonzero(visits.lead >= 0)
    allowed_factor[has_lead, visits.lead[has_lead]] *= protocol.same_lead_factor
    return routing.OrienteeringProblem(
        travel_minutes,
        np.arange(count, count + crew_count, dtype=np.int64),
        crews.start,
        crews.end,
        visits.open,
        visits.close,
        visits.chance * visits.weight[:, None],
        visits.chance * protocol.talk_minutes + (1.0 - visits.chance) * protocol.miss_minutes,
        allowed_factor,
        routing.nearest_stops(travel_minutes, count, NEIGHBOURS),
        visits.is_appointment,
    )


def plan_day(
    problem: routing.OrienteeringProblem,
    rng: np.random.Generator,
    *,
    rounds: int = ROUNDS,
    routes: routing.TeamRoutes | None = None,
) -> routing.TeamRoutes:
    """Routes for a day: appointments, then everything else by insertion, then ruin and recreate.

    `routes` are taken as they are where they are given, and only added to and improved.
    """
    teams = np.arange(len(problem.base), dtype=np.int64)
    routes = routing.empty_routes(problem) if routes is None else routes
    for stops in (np.flatnonzero(problem.is_fixed), np.flatnonzero(~problem.is_fixed)):
        if len(stops) and len(teams):
            routing.insert_stops(problem, routes, stops.astype(np.int64), teams, rng, 0.0)
    if not rounds or not routes.stop_count.any():
        return routes
    best_routes = routing.empty_routes(problem)
    first_value = _first_value(problem)
    heat, minute_price = HEAT_SHARE * first_value, MINUTE_SHARE * first_value
    routing.improve_routes(problem, routes, best_routes, rng, rounds, heat, minute_price)
    return best_routes


def _first_value(problem: routing.OrienteeringProblem) -> float:
    """What a usual first visit is worth: the mean of the least class of values that are there."""
    values = problem.value[problem.value > 0.0]
    return float(values[values <= 2.0 * values.min()].mean()) if len(values) else 1.0


def planned_visits(routes: routing.TeamRoutes) -> tuple[PlannedVisit, ...]:
    """The visits of all routes, by crew and time."""
    return tuple(
        PlannedVisit(int(routes.stop[r, p]), r, int(routes.window[r, p]), float(routes.start_minutes[r, p]))
        for r in range(len(routes.stop_count))
        for p in range(int(routes.stop_count[r]))
    )


def without_crew(
    problem: routing.OrienteeringProblem, routes: routing.TeamRoutes, crew: int, rng: np.random.Generator
) -> tuple[routing.OrienteeringProblem, routing.TeamRoutes]:
    """The same day when one crew falls out: its visits are shared out, and the others keep what they have.

    The crews keep their numbers; the one that is out has an empty route.
    """
    factor_without_crew = problem.factor.copy()
    factor_without_crew[:, crew] = 0.0
    problem_without_crew = problem._replace(factor=factor_without_crew)
    orphan_stops = routes.stop[crew, : routes.stop_count[crew]].copy()
    new_routes = routing.copy_routes(routes)
    new_routes.team[orphan_stops] = -1
    new_routes.stop_count[crew] = 0
    routing.refresh_route(problem_without_crew, new_routes, crew)
    # What was promised or is a second visit may push out a first visit, so the search follows, briefly. One
    # first visit for another is no gain: somebody who was told of a call would not be called on.
    kept_factor = factor_without_crew.copy()  # the times of a route do not depend on it
    for other_crew, stop_count in enumerate(new_routes.stop_count):
        kept_factor[routes.stop[other_crew, :stop_count], other_crew] *= KEPT_WEIGHT
    favouring = problem._replace(factor=kept_factor)
    return problem_without_crew, plan_day(favouring, rng, rounds=ROUNDS // 8, routes=new_routes)


def tried_least(tries: Ints, dayparts: Ints) -> Bools:
    """Which dayparts of a day may be tried next, for each person [V, W]?

    `tries` [V, D] counts the attempts of this visit in every daypart of the week. None is repeated before all
    have been tried.

    >>> tried_least(np.array([[1, 0, 0, 1]]), np.array([0, 1]))
    array([[False,  True]])
    """
    return np.asarray(tries[:, dayparts] == tries.min(axis=1, keepdims=True))

"""Which stops does each of several teams visit in a day, and when, so that the value of them all is greatest?

The team orienteering problem with time windows: not every stop can be visited, each has windows with a value
of their own, each team starts and ends at its base within its hours. First every stop is inserted where value
per minute is highest, until nothing fits; then stops near each other are taken out of some routes and put in
again, many times, and what is worse is taken with a chance that falls (ruin and recreate). Whether a stop
fits is known at once from how far each later stop may be delayed.

Compiled by numba on first use. The same generator gives the same routes.

Source: Vansteenwegen, Souffriau, Vanden Berghe and Van Oudheusden, Computers & Operations Research 36 (2009)
3281-3290 (insertion and shifts); Christiaens and Vanden Berghe, Transportation Science 54 (2020) 417-433
(removal of adjacent strings).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from becalm.methods.arrays import Bools, Floats, Ints

LONGEST_ROUTE = 48
NOISE = 0.15  # how much a score is varied when stops are put in again


class OrienteeringProblem(NamedTuple):
    """V stops with W windows each, R teams; minutes of the day throughout.

    `travel` [V + bases, V + bases] holds minutes between stops, bases last; `base` [R] are rows of it. A
    window [V, W] is when a visit may begin; `value` 0 forbids it. `minutes` [V, W] is how long it is expected
    to take. `factor` [V, R] multiplies the value for a team, 0 forbids it. `neighbours` [V, K] are the
    nearest stops. A stop that `is_fixed` is never taken out again.
    """

    travel: Floats
    base: Ints
    team_open: Floats
    team_close: Floats
    open: Floats
    close: Floats
    value: Floats
    minutes: Floats
    factor: Floats
    neighbours: Ints
    is_fixed: Bools


class TeamRoutes(NamedTuple):
    """The routes: stops and windows [R, L] of which the first `stop_count` [R] mean something.

    `start_minutes` [R, L] is when each visit begins, `slack` [R, L + 1] how long it may be delayed, the last
    the return; `team` [V] is who visits a stop, -1 for nobody.
    """

    stop: Ints
    window: Ints
    stop_count: Ints
    start_minutes: Floats
    slack: Floats
    team: Ints


def empty_routes(problem: OrienteeringProblem) -> TeamRoutes:
    """Routes on which nobody is visited yet."""
    teams, shape = len(problem.base), (len(problem.base), LONGEST_ROUTE)
    routes = TeamRoutes(
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(teams, np.int64),
        np.zeros(shape),
        np.zeros((teams, LONGEST_ROUTE + 1)),
        np.full(len(problem.value), -1, np.int64),
    )
    for r in range(teams):
        refresh_route(problem, routes, r)
    return routes


def copy_routes(routes: TeamRoutes) -> TeamRoutes:
    """The same routes, which can be changed apart."""
    return TeamRoutes(
        routes.stop.copy(),
        routes.window.copy(),
        routes.stop_count.copy(),
        routes.start_minutes.copy(),
        routes.slack.copy(),
        routes.team.copy(),
    )


def nearest_stops(travel: Floats, stop_count: int, count: int) -> Ints:
    """The nearest stops [V, K] of each, itself first."""
    stop_minutes = travel[:stop_count, :stop_count]
    neighbour_count = min(count, stop_count)
    if neighbour_count == stop_count:
        return np.argsort(stop_minutes, axis=1, kind="stable").astype(np.int64)
    nearest_columns = np.argpartition(stop_minutes, neighbour_count - 1, axis=1)[:, :neighbour_count]
    order = np.argsort(np.take_along_axis(stop_minutes, nearest_columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(nearest_columns, order, axis=1).astype(np.int64)


@njit(cache=True, nogil=True)
def refresh_route(problem: OrienteeringProblem, routes: TeamRoutes, r: int) -> None:
    """Work out again when each visit of a route begins, and how long it may be delayed."""
    n, position, moment = routes.stop_count[r], problem.base[r], problem.team_open[r]
    for p in range(n):
        i, w = routes.stop[r, p], routes.window[r, p]
        routes.start_minutes[r, p] = max(moment + problem.travel[position, i], problem.open[i, w])
        moment, position = routes.start_minutes[r, p] + problem.minutes[i, w], i
    routes.slack[r, n] = problem.team_close[r] - (moment + problem.travel[position, problem.base[r]])
    # From the return backwards: a visit may be late by what the next may be, and by the wait before the next
    # one opens, but never past its own window. One subtraction then answers whether an insertion fits.
    arrival_minute, later = moment + problem.travel[position, problem.base[r]], n
    later_minute = arrival_minute
    for p in range(n - 1, -1, -1):
        i, w = routes.stop[r, p], routes.window[r, p]
        next_stop = problem.base[r] if later == n else routes.stop[r, later]
        arrival_minute = routes.start_minutes[r, p] + problem.minutes[i, w] + problem.travel[i, next_stop]
        wait_minutes = later_minute - arrival_minute
        routes.slack[r, p] = min(
            problem.close[i, w] - routes.start_minutes[r, p], routes.slack[r, later] + wait_minutes
        )
        later, later_minute = p, routes.start_minutes[r, p]


@njit(cache=True, nogil=True)
def best_insertion(
    problem: OrienteeringProblem, routes: TeamRoutes, r: int, i: int
) -> tuple[float, int, int]:
    """Where in this route does the stop bring most per minute? Score (0: nowhere), place and window."""
    score, place, window = 0.0, 0, 0
    n = routes.stop_count[r]
    if problem.factor[i, r] <= 0.0 or n == LONGEST_ROUTE:
        return score, place, window
    for w in range(problem.value.shape[1]):
        visit_value = problem.value[i, w] * problem.factor[i, r]
        if visit_value <= 0.0 or problem.open[i, w] > problem.team_close[r]:
            continue
        for p in range(n + 1):
            detour_minutes = _detour(problem, routes, r, p, i, w)
            # A stop on the way costs nothing; the hundredth of a minute keeps its score finite.
            if detour_minutes >= 0.0 and visit_value / (detour_minutes + 0.01) > score:
                score, place, window = visit_value / (detour_minutes + 0.01), p, w
    return score, place, window


@njit(cache=True, nogil=True, inline="always")
def _detour(problem: OrienteeringProblem, routes: TeamRoutes, r: int, p: int, i: int, w: int) -> float:
    """How many minutes the stop takes at this place of the route; below 0 where it does not fit."""
    n = routes.stop_count[r]
    stop_before, departure_minute = problem.base[r], problem.team_open[r]
    if p > 0:
        stop_before = routes.stop[r, p - 1]
        departure_minute = (
            routes.start_minutes[r, p - 1] + problem.minutes[stop_before, routes.window[r, p - 1]]
        )
    start_minute = max(departure_minute + problem.travel[stop_before, i], problem.open[i, w])
    if start_minute > problem.close[i, w]:
        return -1.0
    next_stop = problem.base[r] if p == n else routes.stop[r, p]
    arrival_minute = start_minute + problem.minutes[i, w] + problem.travel[i, next_stop]
    planned_arrival = problem.team_close[r] - routes.slack[r, n] if p == n else routes.start_minutes[r, p]
    # The slack counts from the planned moment, so a stop that fits leaves every later visit in its window.
    if arrival_minute - planned_arrival > routes.slack[r, p] + 1e-9:
        return -1.0
    return float(arrival_minute - departure_minute - problem.travel[stop_before, next_stop])


@njit(cache=True, nogil=True)
def insert_stop(problem: OrienteeringProblem, routes: TeamRoutes, r: int, place: int, i: int, w: int) -> None:
    """Put a stop into a route."""
    for p in range(routes.stop_count[r], place, -1):
        routes.stop[r, p], routes.window[r, p] = routes.stop[r, p - 1], routes.window[r, p - 1]
    routes.stop[r, place], routes.window[r, place] = i, w
    routes.stop_count[r] += 1
    routes.team[i] = r
    refresh_route(problem, routes, r)


@njit(cache=True, nogil=True)
def insert_stops(
    problem: OrienteeringProblem,
    routes: TeamRoutes,
    stops: Ints,
    teams: Ints,
    rng: np.random.Generator,
    noise: float,
) -> None:
    """Put in as many of these stops as fit into the routes of these teams, best value per minute first."""
    scores = np.zeros((len(teams), len(stops)))
    insert_positions = np.zeros((len(teams), len(stops)), np.int64)
    windows = np.zeros((len(teams), len(stops)), np.int64)
    best_stops = np.zeros(len(teams), np.int64)
    for t in range(len(teams)):
        _score_stops(
            problem, routes, teams[t], stops, (scores[t], insert_positions[t], windows[t]), rng, noise
        )
        best_stops[t] = np.argmax(scores[t])
    while True:
        t = 0
        for u in range(1, len(teams)):
            if scores[u, best_stops[u]] > scores[t, best_stops[t]]:
                t = u
        k = best_stops[t]
        if scores[t, k] <= 0.0:
            return
        insert_stop(problem, routes, teams[t], insert_positions[t, k], stops[k], windows[t, k])
        _score_stops(
            problem, routes, teams[t], stops, (scores[t], insert_positions[t], windows[t]), rng, noise
        )
        # Only the route that changed is scored again: the insertions of the others stay what they were.
        for u in range(len(teams)):
            scores[u, k] = 0.0
            if u == t or best_stops[u] == k:
                best_stops[u] = np.argmax(scores[u])


@njit(cache=True, nogil=True)
def _score_stops(
    problem: OrienteeringProblem,
    routes: TeamRoutes,
    r: int,
    stops: Ints,
    answer: tuple[Floats, Ints, Ints],
    rng: np.random.Generator,
    noise: float,
) -> None:
    scores, places, windows = answer
    for k in range(len(stops)):
        scores[k] = 0.0
        if routes.team[stops[k]] < 0:
            scores[k], places[k], windows[k] = best_insertion(problem, routes, r, stops[k])
            if noise > 0.0 and scores[k] > 0.0:
                scores[k] *= 1.0 + noise * (rng.random() - 0.5)


@njit(cache=True, nogil=True)
def route_value(problem: OrienteeringProblem, routes: TeamRoutes, r: int, minute_price: float) -> float:
    """The value of one route, less the price of the minutes until its return."""
    total, n = 0.0, routes.stop_count[r]
    for p in range(n):
        i = routes.stop[r, p]
        total += problem.value[i, routes.window[r, p]] * problem.factor[i, r]
    spare_minutes = routes.slack[r, n] if n else problem.team_close[r] - problem.team_open[r]
    return float(total + minute_price * spare_minutes)


@njit(cache=True, nogil=True)
def total_value(problem: OrienteeringProblem, routes: TeamRoutes) -> float:
    """The value of all routes."""
    value_sum = 0.0
    for r in range(len(routes.stop_count)):
        value_sum += route_value(problem, routes, r, 0.0)
    return value_sum


@njit(cache=True, nogil=True)
def take_out(problem: OrienteeringProblem, routes: TeamRoutes, r: int, first: int, length: int) -> None:
    """Take the stops of a part of a route out again, but for those that are fixed."""
    slot_position = first
    n = routes.stop_count[r]
    for p in range(first, n):
        i = routes.stop[r, p]
        if p < first + length and not problem.is_fixed[i]:
            routes.team[i] = -1
        else:
            routes.stop[r, slot_position], routes.window[r, slot_position] = i, routes.window[r, p]
            slot_position += 1
    routes.stop_count[r] = slot_position
    refresh_route(problem, routes, r)


@njit(cache=True, nogil=True)
def _ruin(
    problem: OrienteeringProblem, routes: TeamRoutes, rng: np.random.Generator, saved: TeamRoutes
) -> Ints:
    """Take strings of stops near a drawn one out of some routes; which routes they were.

    What the routes were is copied into `saved`.
    """
    # Strings near one place, not stops at random: what is taken out together can be put back in another
    # order (J. Christiaens and G. Vanden Berghe, "Slack induction by string removals", 2020).
    seed = int(rng.integers(0, len(routes.team)))
    most_routes, longest = 1 + int(rng.integers(0, 4)), 1 + int(rng.integers(0, 8))
    teams, team_count = np.zeros(most_routes, np.int64), 0
    for i in problem.neighbours[seed]:
        r = routes.team[i]
        if r >= 0 and team_count < most_routes and not (teams[:team_count] == r).any():
            _copy_route(routes, saved, r)
            teams[team_count] = r
            team_count += 1
            position = 0
            while routes.stop[r, position] != i:
                position += 1
            first = max(0, position - int(rng.integers(0, longest)))
            take_out(problem, routes, r, first, min(longest, routes.stop_count[r] - first))
    return teams[:team_count]


@njit(cache=True, nogil=True)
def _stops_near(problem: OrienteeringProblem, routes: TeamRoutes, teams: Ints, saved: TeamRoutes) -> Ints:
    """The stops that nobody visits, among those near the ones that were taken out."""
    stops, is_in, count = np.zeros(len(routes.team), np.int64), np.zeros(len(routes.team), np.bool_), 0
    for r in teams:
        for i in saved.stop[r, : saved.stop_count[r]]:
            if routes.team[i] < 0:
                for j in problem.neighbours[i]:
                    if routes.team[j] < 0 and not is_in[j]:
                        is_in[j] = True
                        stops[count] = j
                        count += 1
    return stops[:count]


@njit(cache=True, nogil=True)
def _copy_route(source: TeamRoutes, target: TeamRoutes, r: int) -> None:
    """Copy one route; `team` is set by whoever calls."""
    n = source.stop_count[r]
    target.stop_count[r] = n
    for p in range(n):
        target.stop[r, p], target.window[r, p] = source.stop[r, p], source.window[r, p]
        target.start_minutes[r, p], target.slack[r, p] = source.start_minutes[r, p], source.slack[r, p]
    target.slack[r, n] = source.slack[r, n]


@njit(cache=True, nogil=True)
def _restore(routes: TeamRoutes, saved: TeamRoutes, teams: Ints) -> None:
    """Put these routes back as they were saved."""
    # All are cleared before any is copied: a stop may have moved from one of these routes to another.
    for r in teams:
        routes.team[routes.stop[r, : routes.stop_count[r]]] = -1
    for r in teams:
        _copy_route(saved, routes, r)
        routes.team[routes.stop[r, : routes.stop_count[r]]] = r


@njit(cache=True, nogil=True)
def _value_of(problem: OrienteeringProblem, routes: TeamRoutes, teams: Ints, minute_price: float) -> float:
    value_sum = 0.0
    for r in teams:
        value_sum += route_value(problem, routes, r, minute_price)
    return value_sum


@njit(cache=True, nogil=True)
def _copy_all(source: TeamRoutes, target: TeamRoutes) -> None:
    for r in range(len(source.stop_count)):
        _copy_route(source, target, r)
    target.team[:] = source.team


@njit(cache=True, nogil=True)
def improve_routes(
    problem: OrienteeringProblem,
    routes: TeamRoutes,
    best: TeamRoutes,
    rng: np.random.Generator,
    rounds: int,
    heat: float,
    minute_price: float,
) -> float:
    """Ruin and recreate so many times; the best routes are written to `best`, their value is the answer.

    `heat` is the loss that is taken with a chance of 1 in e at first; it falls to a hundredth. Both `routes`
    and `best` are changed.
    """
    _copy_all(routes, best)
    saved_routes = TeamRoutes(
        routes.stop.copy(), routes.window.copy(), routes.stop_count.copy(),
        routes.start_minutes.copy(), routes.slack.copy(), routes.team.copy(),
    )  # fmt: skip
    current_value = total_value(problem, routes)
    best_value = current_value
    for k in range(rounds):
        temperature = heat * 0.01 ** (k / rounds)
        teams = _ruin(problem, routes, rng, saved_routes)
        stops = _stops_near(problem, routes, teams, saved_routes)
        if len(stops):
            insert_stops(problem, routes, stops, teams, rng, NOISE)
        old_value = _value_of(problem, saved_routes, teams, minute_price)
        new_value = _value_of(problem, routes, teams, minute_price)
        # Simulated annealing: a loss L is taken with the chance exp(-L / temperature). Without it the search
        # ends in the first set of routes that no single ruin can better.
        if new_value < old_value + temperature * np.log(1.0 - rng.random()):
            _restore(routes, saved_routes, teams)
            continue
        # Minutes guide the search and are no part of the answer: the best is kept by value alone.
        current_value += _value_of(problem, routes, teams, 0.0) - _value_of(problem, saved_routes, teams, 0.0)
        if current_value > best_value + 1e-9:
            best_value = current_value
            _copy_all(routes, best)
    return best_value

"""Routes of visits: every one can be walked, none is better than another program proves possible."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.divert.core.visits import day_schedule
from becalm.divert.core.visits.campaign import CampaignSettings, run_campaign
from becalm.divert.core.visits.doors import DoorSettings, draw_doors
from becalm.divert.files.visits.read_protocol import read_protocol
from becalm.methods.routes import team_orienteering as routing

PROTOCOL = read_protocol()


def draw_problem(seed: int, visits: int, crews: int) -> routing.OrienteeringProblem:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 40, (visits + crews, 2))
    travel = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    opens = np.tile([540.0, 720.0], (visits, 1))
    chance = rng.uniform(0.2, 0.8, (visits, 2)) * (rng.random((visits, 2)) < 0.7)
    start = np.full(crews, 540.0)
    open_visits = day_schedule.OpenVisits(
        np.arange(visits), chance, opens, opens + 179.0, rng.choice([1.0, 3.0], visits),
        np.zeros(visits, bool), rng.integers(-1, crews, visits), rng.random((visits, crews)) < 0.8,
    )  # fmt: skip
    hours = day_schedule.CrewHours(visits + np.arange(crews), start, start + rng.uniform(60, 300))
    return day_schedule.build_problem(open_visits, hours, travel, PROTOCOL)


def walk(problem: routing.OrienteeringProblem, crew: int, stops: list[tuple[int, int]]) -> float | None:
    """The value of a route walked step by step, None where it cannot be: shares no code with the planner."""
    here, moment, value = int(problem.base[crew]), float(problem.team_open[crew]), 0.0
    for stop, window in stops:
        begin = max(moment + problem.travel[here, stop], problem.open[stop, window])
        worth = problem.value[stop, window] * problem.factor[stop, crew]
        if begin > problem.close[stop, window] + 1e-6 or worth <= 0:
            return None
        here, moment, value = stop, begin + problem.minutes[stop, window], value + worth
    is_home = moment + problem.travel[here, problem.base[crew]] <= problem.team_close[crew] + 1e-6
    return value if is_home else None


def routes_of(routes: routing.TeamRoutes, crew: int) -> list[tuple[int, int]]:
    count = routes.stop_count[crew]
    return list(zip(routes.stop[crew, :count].tolist(), routes.window[crew, :count].tolist(), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 5))
def test_every_route_can_be_walked_and_nobody_is_called_on_twice(seed: int, visits: int, crews: int) -> None:
    problem = draw_problem(seed, visits, crews)
    inserted = day_schedule.plan_day(problem, np.random.default_rng(seed), rounds=0)
    alone = routing.total_value(problem, inserted)
    routes = day_schedule.plan_day(problem, np.random.default_rng(seed), rounds=50)
    values = [walk(problem, crew, routes_of(routes, crew)) for crew in range(crews)]
    assert None not in values
    assert sum(v or 0.0 for v in values) == pytest.approx(routing.total_value(problem, routes))
    assert routing.total_value(problem, routes) >= alone - 1e-9
    stops = [stop for crew in range(crews) for stop, _ in routes_of(routes, crew)]
    assert len(stops) == len(set(stops))
    assert sorted(stops) == np.flatnonzero(routes.team >= 0).tolist()


@pytest.mark.parametrize("seed", range(6))
def test_small_days_are_planned_as_well_as_by_trying_everything(seed: int) -> None:
    problem = draw_problem(seed, visits=5, crews=1)
    options = [(stop, window) for stop in range(5) for window in (0, 1) if problem.value[stop, window] > 0]
    orders = [
        order
        for length in range(1, 6)
        for order in permutations(options, length)
        if len({stop for stop, _ in order}) == length
    ]
    best = max((walk(problem, 0, list(order)) or 0.0 for order in orders), default=0.0)
    routes = day_schedule.plan_day(problem, np.random.default_rng(1), rounds=400)
    assert routing.total_value(problem, routes) == pytest.approx(best)


def test_the_same_seed_gives_the_same_day_and_a_crew_that_is_out_calls_on_nobody() -> None:
    problem = draw_problem(3, visits=60, crews=4)
    routes, again = (day_schedule.plan_day(problem, np.random.default_rng(5), rounds=80) for _ in range(2))
    assert all((a == b).all() for a, b in zip(routes, again, strict=True))
    kept = [routes_of(routes, crew) for crew in range(4)]
    _, shared = day_schedule.without_crew(problem, routes, 2, np.random.default_rng(5))
    assert shared.stop_count[2] == 0
    assert [routes_of(routes, crew) for crew in range(4)] == kept, (
        "the routes that were given are not changed"
    )


def test_more_attempts_reach_more_people_and_no_crew_reaches_beyond_the_ceiling() -> None:
    from dataclasses import replace

    shares = []
    for attempts in (1, 5):
        protocol = replace(PROTOCOL, attempts=attempts)
        rng = np.random.default_rng(4)
        world = draw_doors(DoorSettings(people=150, areas=3), protocol, rng)
        settings_ = CampaignSettings(crews=3, rounds=0)
        shares.append(run_campaign(world, protocol, settings_, np.random.default_rng(1)))
    assert shares[0].first_contact < shares[1].first_contact <= 1.0
    assert shares[1].second_contact <= shares[1].first_contact
    at_address = float(world.is_at_address.mean())
    assert shares[1].first_contact <= at_address

"""Two visits to each of a thousand people: the table of the protocol, and a day beside VROOM and OR-Tools.

The world is that of `becalm.divert.core.visits.doors`: its settings are printed. Words on the command line
choose parts (table, ceiling, day, crew); a number is how many drawn cities stand behind each figure (20 in
full). Processor time, since the machine may be shared.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from statistics import mean
from typing import Any

import numpy as np
from _measure import report

from becalm.divert.core.visits import day_schedule
from becalm.divert.core.visits.campaign import CampaignResult, CampaignSettings, run_campaign
from becalm.divert.core.visits.doors import DoorSettings, draw_doors
from becalm.divert.core.visits.protocol import VisitProtocol
from becalm.divert.files.visits.read_protocol import read_protocol
from becalm.methods.routes import team_orienteering as routing

CHANCES = (0.30, 0.45, 0.60)
ROUNDS_SHORT, ROUNDS = 100, 60  # where crews are short, the search counts
FIRST_SEED = 5000  # cities that nothing was tried out on
# what is asked: first and second contact in % of all selected, by crews and attempts
ASKED = {
    (12, 5): {0.30: (76, 64), 0.45: (85, 79), 0.60: (89, 87)},
    (12, 8): {0.30: (85, 75), 0.45: (90, 86), 0.60: (91, 90)},
    (6, 5): {0.30: (65, 42), 0.45: (78, 59), 0.60: (86, 72)},
}


def run_cell(
    protocol: VisitProtocol, chance: float, crews: int, cities: int, **settings: Any
) -> list[CampaignResult]:
    """The same programme in so many drawn cities."""
    results = []
    for seed in range(FIRST_SEED, FIRST_SEED + cities):
        rng = np.random.default_rng(seed)
        world = draw_doors(DoorSettings(mean_chance=chance), protocol, rng)
        rounds = ROUNDS_SHORT if crews < 12 else ROUNDS
        campaign = CampaignSettings(crews=crews, **{"rounds": rounds, **settings})
        results.append(run_campaign(world, protocol, campaign, rng))
    return results


def percents(results: list[CampaignResult]) -> tuple[float, float]:
    """First and second contact in %."""
    return 100 * mean(r.first_contact for r in results), 100 * mean(r.second_contact for r in results)


def table(cities: int) -> None:
    """The three chances by four protocols, and the ceiling where crews are not short."""
    protocol = read_protocol()
    as_in_2020 = replace(protocol, attempts=3, is_second_agreed=False, is_card_left=False)
    for chance in CHANCES:
        office = percents(run_cell(as_in_2020, chance, 4, cities, is_office_hours=True))
        report(f"2020's way, chance {chance}: first", office[0], unit="%")
        report(f"2020's way, chance {chance}: second", office[1], unit="%")
        for (crews, attempts), asked in ASKED.items():
            used = replace(protocol, attempts=attempts)
            first, second = percents(run_cell(used, chance, crews, cities))
            name = f"{crews} crews, {attempts} attempts, chance {chance}"
            ceiling = percents(run_cell(used, chance, crews, cities, is_unlimited=True))
            report(f"{name}: first", first, "ceiling", ceiling[0], unit="%", least=asked[chance][0])
            report(f"{name}: second", second, "ceiling", ceiling[1], unit="%", least=asked[chance][1])


def learned(cities: int) -> None:
    """Rates learned by area and daypart, beside the plain rule."""
    protocol = read_protocol()
    for crews in (12, 6):
        plain = percents(run_cell(protocol, 0.45, crews, cities))
        rates = percents(run_cell(protocol, 0.45, crews, cities, learns_rates=True))
        report(f"learned rates, {crews} crews: first", rates[0], "plain rule", plain[0], unit="%")
        report(f"learned rates, {crews} crews: second", rates[1], "plain rule", plain[1], unit="%")


def one_day(seed: int, visits: int = 1000, crews: int = 24) -> routing.OrienteeringProblem:
    """A weekday with open visits, a quarter of whose dayparts were tried, and early and late crews."""
    rng = np.random.default_rng(seed)
    protocol = read_protocol()
    world = draw_doors(DoorSettings(people=visits), protocol, rng)
    parts = np.array([0, 1, 2])
    chance = world.chance[:, parts] * (rng.random((visits, 3)) >= 0.25)
    starts = np.where(np.arange(crews) % 2 == 0, 9.0, 14.0) * 60
    opens = np.array([float(protocol.dayparts[n].start_minute) for n in parts])
    closes = np.array([protocol.dayparts[n].end_minute - 1.0 for n in parts])
    base = visits + np.arange(crews) % world.settings.areas
    open_visits = day_schedule.OpenVisits(
        np.arange(visits), chance, np.tile(opens, (visits, 1)), np.tile(closes, (visits, 1)),
        np.ones(visits), np.zeros(visits, bool), np.full(visits, -1), np.ones((visits, crews), bool),
    )  # fmt: skip
    hours = day_schedule.CrewHours(base, starts, starts + 360.0)
    return day_schedule.build_problem(open_visits, hours, world.travel, protocol)


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, and the answer."""
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


def day(instances: int) -> None:
    """A day of 24 crews and 1,000 open visits beside insertion alone, VROOM and OR-Tools."""
    _warm_up()
    for seed in range(instances):
        problem = one_day(seed)
        inserted = day_schedule.plan_day(problem, np.random.default_rng(1), rounds=0)
        alone = routing.total_value(problem, inserted)
        spent, routes = cpu(lambda p=problem: day_schedule.plan_day(p, np.random.default_rng(1)))
        value = routing.total_value(problem, routes)
        report(f"day {seed}: processor time", spent, most=2.0)
        report(
            f"day {seed}: expected contacts", value, "insertion", alone, unit="contacts", least=1.03 * alone
        )
        for name, rival in (
            ("OR-Tools", by_ortools),
            ("VROOM, one daypart each", by_vroom),
            ("VROOM, every daypart", by_vroom_windows),
        ):
            try:
                rival_spent, rival_value = cpu(lambda p=problem, r=rival, s=spent: r(p, 10 * s))
            except ImportError as error:
                print(f"{name} is not installed: {error}", file=sys.stderr)
                continue
            report(
                f"day {seed}: expected contacts", value, name, rival_value, unit="contacts", least=rival_value
            )
            report(f"day {seed}: processor time", spent, name, rival_spent, most=rival_spent)


def crew(instances: int) -> None:
    """A crew falls out of such a day."""
    _warm_up()
    for seed in range(instances):
        problem = one_day(seed)
        routes = day_schedule.plan_day(problem, np.random.default_rng(1))
        spent, (reduced, shared) = cpu(
            lambda p=problem, r=routes: day_schedule.without_crew(p, r, 3, np.random.default_rng(1))
        )
        report(f"crew out, day {seed}: processor time", spent, most=0.5)
        kept = routing.total_value(problem, routes) - routing.route_value(problem, routes, 3, 0.0)
        value = routing.total_value(reduced, shared)
        report(
            f"crew out, day {seed}: contacts", value, "those of the others", kept, unit="contacts", least=kept
        )


def _warm_up() -> None:
    small = one_day(9, visits=60, crews=4)
    day_schedule.without_crew(
        small, day_schedule.plan_day(small, np.random.default_rng(1), rounds=9), 1, np.random.default_rng(1)
    )


def best_windows(problem: routing.OrienteeringProblem) -> Any:
    """The one daypart of each visit that a rival with single windows is told: the likeliest."""
    return problem.value.argmax(axis=1)


def by_ortools(problem: routing.OrienteeringProblem, limit_s: float) -> float:
    """OR-Tools routing with optional visits and guided local search, for so many processor seconds."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    visits, crews = len(problem.value), len(problem.base)
    window = best_windows(problem)
    ends = [int(b) for b in problem.base]
    manager = pywrapcp.RoutingIndexManager(len(problem.travel), crews, ends, ends)
    model = pywrapcp.RoutingModel(manager)
    service = np.zeros(len(problem.travel))
    service[:visits] = problem.minutes[np.arange(visits), window]
    steps = np.rint((problem.travel + service[:, None]) * 10).astype(int)
    transit = model.RegisterTransitMatrix(steps.tolist())
    model.SetArcCostEvaluatorOfAllVehicles(transit)
    model.AddDimension(transit, 14_000, 14_000, False, "time")
    dimension = model.GetDimensionOrDie("time")
    for i in range(visits):
        index, w = manager.NodeToIndex(i), window[i]
        dimension.CumulVar(index).SetRange(int(problem.open[i, w] * 10), int(problem.close[i, w] * 10))
        model.AddDisjunction([index], int(problem.value[i, w] * 10_000))
    for r in range(crews):
        for index in (model.Start(r), model.End(r)):
            dimension.CumulVar(index).SetRange(
                int(problem.team_open[r] * 10), int(problem.team_close[r] * 10)
            )
    search = pywrapcp.DefaultRoutingSearchParameters()
    search.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    search.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    start = time.process_time()  # its own limit goes by the clock, which says little on a shared machine
    model.AddSearchMonitor(model.solver().CustomLimit(lambda: time.process_time() - start > limit_s))
    search.time_limit.FromSeconds(600)
    solution = model.SolveWithParameters(search)
    if solution is None:
        return 0.0
    served = [
        i
        for i in range(visits)
        if solution.Value(model.NextVar(manager.NodeToIndex(i))) != manager.NodeToIndex(i)
    ]
    return float(sum(problem.value[i, window[i]] for i in served))


def by_vroom(problem: routing.OrienteeringProblem, limit_s: float) -> float:
    """VROOM with a priority for each visit, told the likeliest daypart alone."""
    window = best_windows(problem)
    return _vroom_value(problem, [[int(w)] for w in window], limit_s)


def by_vroom_windows(problem: routing.OrienteeringProblem, limit_s: float) -> float:
    """VROOM told every daypart in which a visit may be made; the priority is that of the likeliest."""
    return _vroom_value(problem, [np.flatnonzero(row > 0).tolist() for row in problem.value], limit_s)


def _vroom_value(problem: routing.OrienteeringProblem, windows: list[list[int]], limit_s: float) -> float:
    import vroom

    instance = vroom.Input()
    instance.set_durations_matrix("car", np.rint(problem.travel * 60).astype(np.uint32))
    for r, base in enumerate(problem.base):
        hours = (int(problem.team_open[r] * 60), int(problem.team_close[r] * 60))
        instance.add_vehicle(
            vroom.Vehicle(r, start=int(base), end=int(base), time_window=hours, profile="car")
        )
    for i, allowed in enumerate(windows):
        if not allowed:
            continue
        best = max(allowed, key=lambda w: problem.value[i, w])
        instance.add_job(
            vroom.Job(
                i, location=i, default_service=int(problem.minutes[i, best] * 60),
                priority=max(1, int(100 * problem.value[i, best])),
                time_windows=[(int(problem.open[i, w] * 60), int(problem.close[i, w] * 60)) for w in allowed],
            )
        )  # fmt: skip
    # its own limit goes by the clock: ten times as long as is asked, since the machine may be shared
    limit = timedelta(seconds=10 * limit_s)
    solution = instance.solve(exploration_level=5, nb_threads=1, timeout=limit)
    steps = solution.routes[solution.routes["type"] == "job"]
    total = 0.0
    for i, minute in zip(steps["id"], (steps["arrival"] + steps["waiting_time"]) / 60.0, strict=True):
        served = [w for w in windows[i] if problem.open[i, w] - 1 <= minute <= problem.close[i, w] + 1]
        total += float(max(problem.value[i, w] for w in served))
    return total


PARTS = {"table": table, "learned": learned, "day": day, "crew": crew}


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word in PARTS] or list(PARTS)
    number = next((int(word) for word in sys.argv[1:] if word.isdigit()), 20)
    print(asdict(DoorSettings()), file=sys.stderr)
    for word in words:
        PARTS[word](min(number, 3) if word in ("day", "crew") else number)

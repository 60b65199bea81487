"""Plans 14 days for 252 places in 12 even areas, and for one area of many: time, dosage, entropy, replanning.

One area of 250 places with 105 tours a day is what a real city's centre looks like; the word `sizes` on the
command line also measures what places and days cost there. Its figures are of a process of its own.

Times are wall clock with processor seconds beside them, and include fitting, drawing, writing, hashing and
judging; the kernel has been compiled before. Predictability against rivals is in `patrol_rivals.py`. So
many plans as asked (20) are drawn from one fitted law, each with a key of its own.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from _measure import report
from _patrol_city import city

from becalm.patrol.core.judge_plan import judge_plan
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import PatrolPlan, UnitRoute
from becalm.patrol.core.replan import ReplanMoment, find_shift, find_unit_state, replan_bursts
from becalm.patrol.files.write_plan import PlanDocument, plan_json, visits_csv

SEALED = {"commitment": "ab" * 32}
CONCENTRATED = ((250, 105, 14, 15.0, 700.0), (250, 105, 70, 60.0, 1000.0))
COSTS = tuple((places, 42, 14, 0.0, 0.0) for places in (25, 50, 100, 200)) + tuple(
    (100, 42, days, 0.0, 0.0) for days in (7, 14, 28, 56)
)
# The bars of the first planner by a tenth: what safety after a departure may cost.
MOST_DOSAGE_ERROR, MOST_TRAVEL = 1.1, 35.2  # percent
SIZES = {9: ("1,512 unit-shifts", 10.0, 0.06), 25: ("4,200 unit-shifts", 20.0, 0.03)}


def main(seeds: int) -> None:
    """Measure both sizes."""
    warm = city(shifts_a_day=2, areas=1)
    plan_bursts(warm, key=b"warm", bound=True)
    for shifts_a_day, (name, most_seconds, most_error) in SIZES.items():
        request = city(shifts_a_day=shifts_a_day)
        start, cpu = time.perf_counter(), time.process_time()
        plan = plan_bursts(request, key=key_of(0))
        digest, violations = judged(request, plan)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        report(
            f"plan {name} (cpu {cpu:.1f} s, {violations} violations, sha256 {digest[:8]})",
            seconds,
            most=most_seconds,
        )
        measure_plans(request, plan, name, seeds, most_error)
        measure_replans(request, plan, name)
    for places, shifts_a_day, days, *bounds in CONCENTRATED + (COSTS if "sizes" in sys.argv else ()):
        sizes = (str(places), str(shifts_a_day), str(days), *(str(bound) for bound in bounds))
        subprocess.run([sys.executable, __file__, "one-area", *sizes], check=True)


def measure_one_area(places: int, shifts_a_day: int, days: int, most: float, most_mb: float) -> None:
    """One area of so many places: fit, draw and bound, in this process."""
    plan_bursts(city(shifts_a_day=2, areas=1), key=b"warm", bound=True)
    request = city(shifts_a_day=shifts_a_day, areas=1, places_of_area=places, days=days)
    start, cpu = time.perf_counter(), time.process_time()
    plan = plan_bursts(request, key=key_of(0), bound=True)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    due = sum(row.target_visits for row in plan.dosage)
    error = sum(abs(row.expected_visits - row.target_visits) for row in plan.dosage) / due
    name = f"{places} places in one area, {shifts_a_day} tours a day, {days} days"
    report(f"plan {name} (cpu {cpu:.1f} s)", seconds, most=most or None, most_mb=most_mb or None)
    report(f"{name}: expected dosage error", 100 * error, unit="%", most=MOST_DOSAGE_ERROR)
    report(f"{name}: entropy ratio", plan.entropy_ratio, unit="", least=0.8)
    report(f"{name}: travel share", 100 * plan.travel_share, unit="%", most=MOST_TRAVEL)


def key_of(seed: int) -> bytes:
    """A key for a benchmark: any but a secret one."""
    return hashlib.sha256(f"benchmark {seed}".encode()).digest()


def judged(request: PlanInputs, plan: PatrolPlan) -> tuple[str, int]:
    """The hash of the visits as written, and how many violations the independent judge finds."""
    visits = visits_csv(request, plan.bursts)
    document = PlanDocument.of(
        plan, request, version="bench", crs="EPSG:27700", commitment=SEALED, sources={}
    )
    verdict = judge_plan(json.loads(plan_json(document, visits=visits)), visits.encode())
    return hashlib.sha256(visits.encode()).hexdigest(), len(verdict.violations)


def measure_plans(request: PlanInputs, first: PatrolPlan, name: str, seeds: int, most_error: float) -> None:
    """Dosage, entropy and travel over many keys."""
    plans = [
        plan_bursts(request, key=key_of(n), distribution=first.distribution, bound=n < 3)
        for n in range(seeds)
    ]
    due = np.array([row.target_visits for row in first.dosage])
    got = np.array([[row.visits for row in plan.dosage] for plan in plans])
    drift = np.abs(got.mean(axis=0) - due).sum() / due.sum()
    noise = got.std(axis=0).sum() / np.sqrt(max(seeds, 2)) / due.sum() * 0.8
    expected = sum(abs(row.expected_visits - row.target_visits) for row in first.dosage) / due.sum()
    error = np.abs(got - due).sum(axis=1) / due.sum()
    ratio = [plan.entropy_ratio for plan in plans if plan.bound_bits]
    report(f"{name}: expected dosage error by pilot draws", 100 * expected, unit="%", most=MOST_DOSAGE_ERROR)
    report(
        f"{name}: mean of {seeds} plans off target ({noise:.2%} by chance)",
        100 * drift,
        unit="%",
        most=MOST_DOSAGE_ERROR + 100 * noise,
    )
    report(
        f"{name}: realised error per hotspot (worst {error.max():.2%})",
        100 * error.mean(),
        unit="%",
        most=100 * most_error,
    )
    report(f"{name}: entropy ratio at realised dosage, mean", np.mean(ratio), unit="", least=0.88)
    travel_shares = [plan.travel_share for plan in plans]
    report(f"{name}: travel share", 100 * np.mean(travel_shares), unit="%", most=MOST_TRAVEL)
    report(f"{name}: bits a tour ({len(first.bursts):,} bursts)", first.bits / len(first.routes), unit="bits")


def measure_replans(request: PlanInputs, plan: PatrolPlan, name: str) -> None:
    """One unit and one area drawn again in mid-shift."""
    at = request.shifts[0].hours.start + timedelta(days=3, hours=2, minutes=7)
    tours = [route for route in plan.routes if is_on(request, route, at)]
    area = [route for route in tours if route.area == tours[0].area]
    now = ReplanMoment(plan.distribution, plan.routes, at, 1, key_of(0))
    for who, some, most in (("one unit", area[:1], 0.05), ("one area", area, 0.5)):
        work = replanner(request, now, some)
        work()
        times = sorted(timed(work) for _ in range(9))
        report(f"replan {who} of {name}", times[4], most=most)


def replanner(request: PlanInputs, now: ReplanMoment, some: list[UnitRoute]) -> Callable[[], object]:
    """Draw these tours again."""
    return lambda: replan_bursts(
        request, now, tuple(find_unit_state(request, route, now.at) for route in some)
    )


def is_on(request: PlanInputs, route: UnitRoute, at: object) -> bool:
    """Is this tour under way?"""
    hours = find_shift(request, route).hours
    return hours.start <= at < hours.end  # type: ignore[operator]  # an instant


def timed(work: Callable[[], object]) -> float:
    """Seconds of one go."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    if sys.argv[1:2] == ["one-area"]:
        measure_one_area(*(int(size) for size in sys.argv[2:5]), *(float(bound) for bound in sys.argv[5:7]))
    else:
        main(next((int(word) for word in sys.argv[1:] if word.isdigit()), 20))

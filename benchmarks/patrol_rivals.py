"""Who can be foretold? The planner beside what patrol software does today, on the same tours and dosage.

Each planner plans 70 days for one drawn city; an attacker watches 56 of them and foretells 14. Words on the
command line: `--seeds 20` cities, `--areas 3` of 21 places each, `--shifts 9` a day in each area (9 gives the
1,512 unit-shifts of 14 days and 12 areas, 25 gives 4,200), `--jobs 2` at once. Areas do not touch each other,
so that three of them stand for twelve at a quarter of the time. Each planner and city has a process of its
own, whose memory is told with the attack's.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from importlib.util import find_spec

import numpy as np
from _patrol_city import DAYS, FIRST_DAY, ZONE, city
from _patrol_rivals import Row, fixed_rota, most_overdue, vroom_routes
from rich.console import Console
from rich.table import Table

from becalm.patrol.core.attack import certify
from becalm.patrol.core.attack_moments import AttackSettings
from becalm.patrol.core.plan import fit_distribution, plan_bursts
from becalm.patrol.core.plan_inputs import PlanInputs, freest_inputs
from becalm.patrol.core.predictability import Certificate
from becalm.patrol.core.visit_log import VisitLog, build_visit_log

PERIODS = 5
Planner = Callable[[list[PlanInputs], np.random.Generator], list[Row]]
COLUMNS = (
    "auc_static",
    "auc_history",
    "gain",
    "skill",
    "strongest",
    "safest",
    "safest_relative",
    "least_return",
    "insider",
    "dead_min",
    "dosage_error",
    "travel",
    "seconds",
    "memory_mb",
)


def ours(periods: list[PlanInputs], rng: np.random.Generator) -> list[Row]:
    """Five plans of 14 days, one after the other, with one law and a key of their own."""
    key, rows = rng.bytes(32), []
    distribution = fit_distribution(periods[0])
    for number, request in enumerate(periods):
        own = hashlib.sha256(key + bytes([number])).digest()
        plan = plan_bursts(request, key=own, distribution=distribution)
        rows += [
            (b.unit, b.hotspot, int(b.span.start.timestamp()), int(b.span.end.timestamp()))
            for b in plan.bursts
        ]
    return rows


def whole(periods: list[PlanInputs]) -> PlanInputs:
    """All periods as one request."""
    from dataclasses import replace

    shifts = tuple(shift for request in periods for shift in request.shifts)
    return replace(periods[0], shifts=shifts, days=DAYS * len(periods))


PLANNERS: dict[str, Planner] = {
    "becalm": ours,
    "freest plan": lambda p, rng: ours([freest_inputs(request) for request in p], rng),
    "most overdue": lambda p, rng: most_overdue(whole(p), rng),
    "most overdue + noise": lambda p, rng: most_overdue(whole(p), rng, noise=0.7),
    "fixed rota +-20 min": lambda p, rng: fixed_rota(whole(p), rng),
    "VROOM routing": lambda p, rng: vroom_routes(whole(p), rng),
}


def main() -> None:
    """Plan, attack, and print one table of medians with the range of seeds."""
    asked = argparse.ArgumentParser()
    for name, usual in (("seeds", 2), ("first-seed", 1), ("areas", 3), ("shifts", 9), ("jobs", 1)):
        asked.add_argument(f"--{name}", type=int, default=usual)
    asked.add_argument("--only", default="")
    asked.add_argument("--alone", action="store_true", help="in this process, and print no table")
    options = asked.parse_args()
    names = [n for n in PLANNERS if options.only in n and ("VROOM" not in n or find_spec("vroom"))]
    if options.alone:
        print(json.dumps(alone(names[0], options)), flush=True)
        return
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    figures: dict[str, list[dict[str, float]]] = defaultdict(list)
    with ThreadPoolExecutor(options.jobs) as pool:
        work = [(name, seed) for seed in seeds for name in names]
        for (name, seed), row in zip(work, pool.map(lambda w: apart(*w, options), work), strict=True):
            figures[name].append(row)
            print(json.dumps({"planner": name, "seed": seed, **row}), flush=True)
    Console(width=170).print(as_table(figures, options))


def apart(name: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """One planner on one city, in a process of its own."""
    words = [f"--areas={options.areas}", f"--shifts={options.shifts}", f"--first-seed={seed}"]
    made = subprocess.run(  # this file, and words of this file
        [sys.executable, __file__, "--alone", f"--only={name}", *words],
        capture_output=True,
        text=True,
        check=True,
        # Threads that wait for a core in turn cost ten times the processor time where others work as well.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return dict(json.loads(made.stdout.splitlines()[-1]))


def alone(name: str, options: argparse.Namespace) -> dict[str, float]:
    """One planner on one city, with the memory that both took."""
    starts = [FIRST_DAY + timedelta(days=DAYS * k) for k in range(PERIODS)]
    periods = [
        city(shifts_a_day=options.shifts, seed=options.first_seed, areas=options.areas, first_day=day)
        for day in starts
    ]
    row = measure(PLANNERS[name], periods, options.first_seed)
    return {**row, "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def measure(planner: Planner, periods: list[PlanInputs], seed: int) -> dict[str, float]:
    """One planner on one city."""
    begun = time.perf_counter()
    rows = planner(periods, np.random.default_rng(seed))
    seconds = (time.perf_counter() - begun) / PERIODS
    log = as_log(rows, periods[0])
    found = certify(log, AttackSettings(), rngs=[np.random.default_rng([seed, 1])], seed=seed)
    told = {"dosage_error": dosage_error(log, periods), "travel": travel_share(rows, periods)}
    return {**figures_of(found), **told, "seconds": round(seconds, 2)}


def as_log(rows: list[Row], request: PlanInputs) -> VisitLog:
    """Visits as an attacker sees them; everybody knows which places lie in one area."""
    unit, hotspot, start, end = (np.array(column) for column in zip(*rows, strict=True))
    area = {place.hotspot: place.area for place in request.places}
    return build_visit_log(
        hotspot=hotspot,
        start_s=start.astype(np.int64),
        end_s=end.astype(np.int64),
        time_zone=ZONE,
        unit=unit,
        area=np.array([area[h] for h in hotspot.tolist()]),
    )


def figures_of(found: Certificate) -> dict[str, float]:
    """The figures of the table."""
    attack, floor, none = found.attack, found.floor, float("nan")
    assert attack is not None
    assert floor is not None
    relative = attack.safest_tenth_relative
    return {
        "strongest": round(attack.strongest.gain.value, 4),
        "safest_relative": round(relative.value, 3) if relative else none,
        "least_return": round(min(rate.ratio.value for rate in found.scan.returns), 3),
        "auc_static": round(attack.auc_static, 4),
        "auc_history": round(attack.auc_history, 4),
        "gain": round(attack.gain.value, 4),
        "gain_low": round(attack.gain.low, 4),
        "gain_high": round(attack.gain.high, 4),
        "skill": round(attack.log_loss_skill.value, 4),
        "safest": round(attack.safest_decile_ratio.value, 3) if attack.safest_decile_ratio else none,
        "insider": round(attack.insider_gain.value, 4) if attack.insider_gain else none,
        "dead_min": attack.longest_dead_zone.minutes,
        "floor_gain": round(floor.gain.value, 4),
        "floor_holds_0": float(floor.gain.low <= 0.0 <= floor.gain.high),
        "floor_safest": round(floor.safest_decile_ratio.value, 3) if floor.safest_decile_ratio else none,
        "visits": found.visits,
    }


def travel_share(rows: list[Row], periods: list[PlanInputs]) -> float:
    """The share of minutes on duty that goes into ways: base to place, place to place, and back."""
    asked = whole(periods)
    of_unit: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r[2]):
        of_unit[row[0]].append(row)
    minutes, on_duty = 0.0, 0.0
    at = {mode: {stop: i for i, stop in enumerate(table.stops)} for mode, table in asked.travel.items()}
    for shift in asked.shifts:
        begin, end = shift.hours.start.timestamp(), shift.hours.end.timestamp()
        own = [place for _, place, start, _ in of_unit[shift.unit] if begin - 1_200 <= start < end + 1_200]
        stops = [at[shift.mode][stop] for stop in (shift.base, *own, shift.base)] if own else []
        minutes += float(asked.travel[shift.mode].minutes[stops[:-1], stops[1:]].sum()) if stops else 0.0
        on_duty += shift.hours.minutes
    return round(minutes / on_duty, 4)


def dosage_error(log: VisitLog, periods: list[PlanInputs]) -> float:
    """Mean absolute error of 14-day visits of each place, weighted by its target."""
    begin = int((periods[0].first_day - date(1970, 1, 1)).days) * 86_400
    period = np.clip((log.start_s - begin) // (DAYS * 86_400), 0, len(periods) - 1)
    errors, targets = 0.0, 0.0
    index = {h: i for i, h in enumerate(log.hotspots)}
    for k in range(len(periods)):
        got = np.bincount(log.hotspot[period == k], minlength=len(log.hotspots))
        for place in periods[0].places:
            target = place.dosage.visits_per_day * DAYS
            errors += abs(float(got[index[place.hotspot]]) - target if place.hotspot in index else target)
            targets += target
    return round(errors / targets, 4)


def as_table(figures: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> Table:
    """Medians over seeds, with the least and the greatest, one column a planner."""
    title = f"{options.seeds} seeds, {options.areas} areas of 21 places, {options.shifts} tours a day each"
    table = Table("figure", *figures, title=title)
    for column in (*COLUMNS, "floor_gain"):
        table.add_row(column, *(spread([r[column] for r in rows]) for rows in figures.values()))
    holds = (f"{sum(r['floor_holds_0'] for r in rows):.0f} of {len(rows)}" for rows in figures.values())
    table.add_row("floor holds 0", *holds)
    return table


def spread(values: list[float]) -> str:
    """The median, and the range where there are several."""
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return "none"
    if len(known) == 1:
        return f"{known[0]:.3g}"
    return f"{np.median(known):.3g} ({min(known):.3g}..{max(known):.3g})"


if __name__ == "__main__":
    main()

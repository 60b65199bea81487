"""Rosters of a whole force: how soon, how near to the proven bound, and beside CP-SAT from the same start.

640 officers of 12 command units, 14 days, 3 tours, 22 % away, about 3,600 tours wanted; five seeds. Words on
the command line choose parts (lawful, bound, rival, lending, sick, load, what-if, judged, forecast, small,
public); a number is the share of the full size, and `seed=4` or `seed=0-39` runs those seeds (or public
instances) alone. Seconds are those of the processor: what else runs does not count.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import numpy as np
from _measure import report
from _staff_force import DAYS, PIVOT, RULES, ZONE, draw, draw_problem

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "property"))
from _public_rosters import solve_public
from roster_rival import solve_by_cp_sat
from small_force import draw_problem as draw_small

from becalm.staff.core import allocate as engine
from becalm.staff.core.force import with_roster
from becalm.staff.core.forecast import forecast_strength, learn_rates, mark_tours, strength_chances
from becalm.staff.core.roster_problem import RosterProblem, build_problem
from becalm.staff.core.scenarios import Change, apply_changes, describe_outlook, parse_changes
from becalm.staff.desk.short_notice import CHANGE_PRICE
from becalm.staff.desk.solver import open_engine

WORK = 10
RIVAL_FACTOR = 3.0  # times our processor time


def measure_cpu(work: Callable[[], object]) -> tuple[float, object]:
    """Processor seconds of one call, and its answer."""
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


def count_fillable(problem: RosterProblem, lines: engine.Lines) -> int:
    """Tours that are short although one lawful change of one officer would fill them."""
    longer = engine.descend(engine.at_home(problem), lines, np.random.default_rng(0))
    return max(0, count_short(problem, lines) - count_short(problem, longer))


def count_short(problem: RosterProblem, lines: engine.Lines) -> int:
    """Officers missing on all tours."""
    return int(np.maximum(0, problem.cells.need - lines.counts[..., 0])[..., 1:].sum())


def allocate(problem: RosterProblem, *, work: int) -> engine.Allocation:
    """One roster."""
    return engine.allocate_roster(problem, np.random.default_rng(0), work=work, open_engine=open_engine)


def seeds(size: float, *, first: int = 1, count: int = 5) -> range:
    """So many seeds, fewer of a smaller size; those that the command line names, where it names some."""
    for word in sys.argv[1:]:
        if word.startswith("seed="):
            begin, _, end = word.removeprefix("seed=").partition("-")
            return range(int(begin), int(end or begin) + 1)
    return range(first, first + max(1, round(count * size)))


def lawful(size: float) -> None:
    """A lawful roster at once."""
    _, _, problem = draw_problem(1)
    allocate(problem, work=0)
    for seed in seeds(size):
        _, _, problem = draw_problem(seed)
        cpu, roster = measure_cpu(lambda problem=problem: allocate(problem, work=0))
        assert isinstance(roster, engine.Allocation)
        report(f"lawful roster, seed {seed}", cpu, most=1.5)
        fillable = count_fillable(problem, roster.lines)
        report(f"tours short that could be filled, seed {seed}", fillable, unit="tours", most=0)


def bound(size: float) -> None:
    """A roster with a proven bound, and beside CP-SAT by command unit from the same start."""
    for seed in seeds(size):
        _, _, problem = draw_problem(seed)
        cpu, roster = measure_cpu(lambda problem=problem: allocate(problem, work=WORK))
        assert isinstance(roster, engine.Allocation)
        report(f"roster with a proven bound, seed {seed}", cpu, most=12.0, most_mb=500)
        report(f"cost above the bound, seed {seed}", 100 * roster.gap, unit="%", most=4.0)
        report(f"tours short, seed {seed}", count_short(problem, roster.lines), unit="tours")


def rival(size: float) -> None:
    """CP-SAT, each command unit by itself, from the lawful roster, with three times our processor time."""
    for seed in seeds(size):
        _, _, problem = draw_problem(seed)
        cpu, roster = measure_cpu(lambda problem=problem: allocate(problem, work=WORK))
        assert isinstance(roster, engine.Allocation)
        start = allocate(problem, work=0).lines
        homes = problem.people.units[:, 0]
        cost, proven, reached = 0.0, 0, 0
        for unit in range(len(problem.command_units)):
            officers = np.flatnonzero(homes == unit)
            answer = solve_by_cp_sat(
                problem,
                seconds=RIVAL_FACTOR * cpu * len(officers) / len(homes),
                officers=officers,
                units=np.array([unit]),
                hint=start.tours,
            )
            own = roster.lines.cell_prices[unit] + roster.lines.line_prices[officers].sum()
            cost += min(answer.cost, start.cell_prices[unit] + start.line_prices[officers].sum())
            proven += answer.is_proven
            reached += answer.is_proven and own <= answer.cost + 0.01
        ours = roster.lines.cost
        report(f"cost beside CP-SAT, seed {seed}", ours, "CP-SAT", cost, unit="points", least_ratio=1.0)
        report(
            f"units with a proven optimum that we miss, seed {seed}", proven - reached, unit="units", most=0
        )


def lending(size: float) -> None:
    """Neighbours may lend: the cost beside that without."""
    for seed in seeds(size):
        _, _, problem = draw_problem(seed)
        _, _, lent_problem = draw_problem(seed, lend=True)
        without = allocate(problem, work=WORK).lines.cost
        cpu, roster = measure_cpu(lambda problem=lent_problem: allocate(problem, work=WORK))
        assert isinstance(roster, engine.Allocation)
        report(
            f"cost with lending over that without, seed {seed}",
            roster.lines.cost / without,
            unit="",
            most=0.7,
        )
        report(f"roster with lending, seed {seed}", cpu)
        if roster.bound:
            report(f"cost with lending above its bound, seed {seed}", 100 * roster.gap, unit="%")


def sick(size: float) -> None:
    """20 officers are sick for two days, told at 05:30."""
    for seed in seeds(size):
        force, question, problem = draw_problem(seed)
        roster = allocate(problem, work=3)
        tours = [
            (problem.officers[row].staff_number, PIVOT + timedelta(days=column), tour)
            for row, column in np.argwhere(roster.lines.tours > 0).tolist()
            for tour in (RULES.tour_name(int(roster.lines.tours[row, column])),)
        ]
        in_force = with_roster(force, tours, RULES, first_day=PIVOT, days=DAYS)
        on_duty = np.flatnonzero((roster.lines.tours[:, 4:6] > 0).all(axis=1))
        rows = np.random.default_rng(seed).choice(on_duty, 20, replace=False)
        column = in_force.day_index(PIVOT) + 4
        is_away = in_force.is_away.copy()
        is_away[rows, 2 * column : 2 * column + 4] = True
        begun_tours = frozenset((row, column - 1, len(RULES.tours)) for row in rows.tolist())
        day = PIVOT + timedelta(days=4)
        question = replace(
            question, fixed_before=datetime.combine(day, clock_time()), change_price=CHANGE_PRICE, today=day
        )
        sick_force = replace(in_force, is_away=is_away, begun_tours=begun_tours)
        changed = build_problem(sick_force, RULES, question)
        start = engine.evaluate(changed, changed.remaining_lines, engine.home_places(changed))
        lost = count_short(changed, start) - count_short(problem, roster.lines)
        lacking = count_lacks(changed, start) - count_lacks(problem, roster.lines)
        cpu, again = measure_cpu(lambda p=changed: engine.allocate_again(p, np.random.default_rng(0)))
        assert isinstance(again, engine.Allocation)
        changes = int((again.lines.tours != changed.remaining_lines).sum())
        report(f"20 sick, seed {seed}", cpu, most=1.5)
        left = count_fillable(changed, again.lines)
        report(f"20 sick: tours left short that could be filled, seed {seed}", left, unit="tours", most=0)
        share = changes / max(1, lost)
        report(f"20 sick: changes for each tour left short, seed {seed}", share, unit="", most=1.4)
        share = changes / max(1, lacking)
        report(f"20 sick: the same, supervisors, drivers and tutors counted, seed {seed}", share, unit="")


def count_lacks(problem: RosterProblem, lines: engine.Lines) -> int:
    """Officers, skills and tutors that are missing on all tours."""
    cells, counts = problem.cells, lines.counts[:, :, 1:]
    skills = np.maximum(0, cells.need_skills[:, :, 1:] - counts[..., 3:])
    tutors = np.maximum(0, counts[..., 1] - counts[..., 2])
    return count_short(problem, lines) + int(skills.sum()) + int(tutors.sum())


def what_if(_size: float) -> None:
    """Each case of a what-if: a changed force, and the lawful roster that it would have at once."""
    force, question, _ = draw_problem(1)
    changes = parse_changes(("airport=20",), ("10%",), ("40@2020-05-09",), ("15@2020-05-11",))
    for change in (*((change,) for change in changes), changes):
        label = "all together" if len(change) > 1 else change[0].label

        def show(change: tuple[Change, ...] = change, label: str = label) -> object:
            rng = np.random.default_rng(1)
            changed = apply_changes(force, change, rng, first_day=PIVOT, days=DAYS)
            problem = build_problem(changed, RULES, question)
            lines = allocate(problem, work=0).lines
            hours = [kind.hours for kind in RULES.tours]
            return describe_outlook(label, problem, lines, tour_hours=hours, minutes_per_burst=25.0)

        cpu, _ = measure_cpu(show)
        report(f"what if: {label}", cpu, most=3.0)


def judged(size: float) -> None:
    """Random rosters before the judge, who shares no code with the engine."""
    from test_roster_properties import check_lawful

    drawn_seeds = seeds(size, first=10_000, count=1000)
    for seed in drawn_seeds:
        check_lawful(seed)
    report(f"violations in {len(drawn_seeds)} random rosters", 0, unit="violations", most=0)


def load(_size: float) -> None:
    """Reading 640 officers and 23 weeks."""
    from becalm.simulate.names import COMMAND_UNITS
    from becalm.simulate.write_city import write_csv
    from becalm.staff.files.read_staff import read_staff

    tables = draw(1).tables
    with tempfile.TemporaryDirectory() as name:
        for stem in ("officers", "roster", "availability"):
            write_csv(getattr(tables, stem), Path(name) / f"{stem}.csv")
        cpu, _ = measure_cpu(lambda: read_staff(Path(name), RULES, command_units=COMMAND_UNITS, zone=ZONE))
    report("read 640 officers and 23 weeks", cpu, most=3.0)


def forecast(size: float) -> None:
    """How often the strength lies between p10 and p90, over simulated forces and days of issue.

    On a small tour a whole number of officers often lies on an end of the interval, which then covers more.
    So both are shown: how often it lies within, and how often with its place drawn within the whole number
    (the randomised probability integral transform of Czado, Gneiting and Held 2009).
    """
    inside: dict[str, list[tuple[float, float]]] = {"a tour of a command unit": [], "a tour of the force": []}
    for seed in seeds(size, first=100, count=24):
        drawn = draw(seed)
        is_away = mark_tours(drawn.known_before(None), RULES)
        for weeks_back in (0, 2, 4):
            today = PIVOT - timedelta(weeks=weeks_back)
            force = drawn.known_before(today)
            spans = tuple(s for s in drawn.spans if s.recorded_at.date() < today)
            rates = learn_rates(force, spans, RULES, today=today, days=DAYS, zone=ZONE)
            rows = forecast_strength(force, spans, RULES, today=today, first_day=today, days=DAYS, zone=ZONE)
            units = np.array([officer.command_unit for officer in force.officers])
            for row in rows:
                column, tour = force.day_index(row.day), RULES.tour_number(row.tour)
                has_joined = np.array([(o.recruit_since or row.day) <= row.day for o in force.officers])
                is_there = (force.published[:, column] == tour) & ~is_away[:, column, tour - 1] & has_joined
                is_all = row.command_unit == "all"
                strength = int((is_there if is_all else is_there & (units == row.command_unit)).sum())
                chances = strength_chances(
                    row.available, row.published - row.available, rates,
                    unit=row.command_unit, lead=(row.day - today).days, tour=tour - 1,
                )  # fmt: skip
                kind = "a tour of the force" if is_all else "a tour of a command unit"
                inside[kind].append((row.p10 <= strength <= row.p90, share_inside(strength, chances)))
    for kind, shares in inside.items():
        whole, drawn_share = (100 * value for value in np.mean(np.array(shares, float), axis=0))
        report(f"80 % intervals of {kind} cover, place drawn", drawn_share, unit="%", least=77, most=83)
        bounds = {"least": 77.0, "most": 83.0} if kind == "a tour of the force" else {}
        report(f"80 % intervals of {kind} cover, whole officers", whole, unit="%", **bounds)


def share_inside(strength: int, chances: np.ndarray) -> float:
    """Which part of what a whole number stands for lies between the tenth and the ninetieth per cent?"""
    end = float(chances[: strength + 1].sum())
    begin = end - float(chances[strength])
    return max(0.0, min(end, 0.9) - max(begin, 0.1)) / max(float(chances[strength]), 1e-12)


def small(size: float) -> None:
    """Small rosters beside the optimum that CP-SAT proves."""
    missed, proven = 0, 0
    for seed in seeds(size, first=0, count=200):
        problem = draw_small(seed, officers=8, days=7)
        roster = allocate(problem, work=WORK)
        answer = solve_by_cp_sat(problem, seconds=60, hint=roster.lines.tours)
        proven += answer.is_proven
        missed += roster.lines.cost > answer.cost + 0.01
    report(f"of {proven} proven optima of 8 officers and 7 days missed", missed, unit="rosters", most=0)


def public(size: float) -> None:
    """Curtois and Qu, instances 1 to 8, up to 60 processor seconds each."""
    best_known = (607, 828, 1001, 1716, 1143, 1950, 1056, 1300)
    for number in seeds(size, count=len(best_known)):
        known = best_known[number - 1]
        cpu, answer = measure_cpu(lambda number=number: solve_public(number, seconds=60.0))
        assert isinstance(answer, tuple)
        cost, bound = answer
        above = 100 * (cost / known - 1)
        report(
            f"Curtois and Qu {number}: cost {cost:g}, best known {known}, bound {bound:.0f}, above",
            above,
            unit="%",
            most=0.0 if number <= 4 else 3.0,
        )
        report(f"Curtois and Qu {number}: processor time", cpu, most=60.0)


PARTS: dict[str, Callable[[float], None]] = {
    "lawful": lawful, "bound": bound, "rival": rival, "lending": lending, "sick": sick, "load": load,
    "what-if": what_if, "judged": judged,
    "forecast": forecast, "small": small, "public": public,
}  # fmt: skip

if __name__ == "__main__":
    words = sys.argv[1:]
    share = next((float(word) for word in words if word.replace(".", "").isdigit()), 1.0)
    for part in [word for word in words if word in PARTS] or list(PARTS):
        PARTS[part](share)

"""The public shift scheduling instances of T. Curtois and R. Qu (2014), read, solved and judged.

Their rules differ from ours (least and most shifts, least runs of work and rest, weekends, shifts by kind),
so the automaton of lines is made here; the engine is the product's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from becalm.staff.core import allocate as engine
from becalm.staff.core.column_generation import Master, choose_lines, enrich, raise_bound
from becalm.staff.core.force import Officer
from becalm.staff.core.line_kernels import Cells, Limits, LineRules, People
from becalm.staff.core.roster_problem import RosterProblem
from becalm.staff.desk.solver import open_engine

FOLDER = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data")) / "rosters"
SHIFT_MINUTES = 480


@dataclass(frozen=True)
class Member:
    """One member of staff and the limits that hold for them."""

    name: str
    most_by_kind: Mapping[str, int]
    most_shifts: int
    least_shifts: int
    longest_run: int
    least_run: int
    least_rest: int
    most_weekends: int


@dataclass(frozen=True)
class Instance:
    """One instance as its file has it."""

    days: int
    kinds: tuple[str, ...]
    forbidden_next: Mapping[str, tuple[str, ...]]
    staff: tuple[Member, ...]
    days_off: frozenset[tuple[int, int]]  # row of the member, day
    wanted: tuple[tuple[int, int, int, int], ...]  # row, day, kind, weight where it is not given
    unwanted: tuple[tuple[int, int, int, int], ...]
    cover: tuple[tuple[int, int, int, int, int], ...]  # day, kind, need, weight below, weight above


def read_instance(number: int) -> Instance:
    """Read one file."""
    sections: dict[str, list[list[str]]] = {}
    for line in (FOLDER / f"Instance{number}.txt").read_text("utf-8").splitlines():
        text = line.strip()
        if text.startswith("SECTION_"):
            rows = sections.setdefault(text.removeprefix("SECTION_"), [])
        elif text and not text.startswith("#"):
            rows.append(text.split(","))
    kinds = tuple(row[0] for row in sections["SHIFTS"])
    assert all(int(row[1]) == SHIFT_MINUTES for row in sections["SHIFTS"])
    staff = tuple(_member(row) for row in sections["STAFF"])
    rows_by_name = {member.name: row for row, member in enumerate(staff)}

    def requests(section: str) -> tuple[tuple[int, int, int, int], ...]:
        return tuple(
            (rows_by_name[name], int(day), kinds.index(kind) + 1, int(weight))
            for name, day, kind, weight in sections[section]
        )

    return Instance(
        int(sections["HORIZON"][0][0]),
        kinds,
        {row[0]: tuple(filter(None, row[2].split("|"))) for row in sections["SHIFTS"]},
        staff,
        frozenset((rows_by_name[row[0]], int(day)) for row in sections["DAYS_OFF"] for day in row[1:]),
        requests("SHIFT_ON_REQUESTS"),
        requests("SHIFT_OFF_REQUESTS"),
        tuple(
            (int(day), kinds.index(kind) + 1, int(need), int(below), int(above))
            for day, kind, need, below, above in sections["COVER"]
        ),
    )


def _member(row: list[str]) -> Member:
    most_by_kind = {name: int(count) for name, count in (entry.split("=") for entry in row[1].split("|"))}
    most, least, longest_run, least_run, least_rest, weekends = map(int, row[2:8])
    least_shifts = -(-least // SHIFT_MINUTES)
    return Member(
        row[0],
        most_by_kind,
        most // SHIFT_MINUTES,
        least_shifts,
        longest_run,
        least_run,
        least_rest,
        weekends,
    )


def build(instance: Instance) -> RosterProblem:
    """The arrays of the engine: one automaton for each set of limits, side by side."""
    count, days, kinds = len(instance.staff), instance.days, len(instance.kinds)
    rules, first_states, end_states = _automata(instance)
    price = np.zeros((count, days, kinds + 1))
    for row, day, kind, weight in instance.wanted:
        price[row, day, np.arange(kinds + 1) != kind] += weight
    for row, day, kind, weight in instance.unwanted:
        price[row, day, kind] += weight
    for row, day in instance.days_off:
        price[row, day, 1:] = np.inf
    for row, member in enumerate(instance.staff):
        for name, most in member.most_by_kind.items():
            if most == 0:
                price[row, :, instance.kinds.index(name) + 1] = np.inf
    need = np.zeros((1, days, kinds + 1), np.int64)
    for day, kind, wanted, _, _ in instance.cover:
        need[0, day, kind] = wanted
    below, above = instance.cover[0][3], instance.cover[0][4]
    people = People(
        np.zeros((count, days, 0), np.bool_), np.zeros(count, np.bool_), np.zeros(count, np.bool_),
        np.zeros((count, 1), np.int64), np.zeros((count, 1)), price,
    )  # fmt: skip
    cells = Cells(need, np.zeros((*need.shape, 0), np.int64), float(below), float(above), np.zeros(0), 0.0)
    officers = tuple(Officer(member.name, "member", "all") for member in instance.staff)
    return RosterProblem(
        officers, ("all",), date(2014, 1, 6), np.zeros((count, days), np.int64), np.isfinite(price), rules,
        _limits(instance, first_states, end_states), cells, people, (),
    )  # fmt: skip


def counted_kinds(instance: Instance) -> tuple[int, ...]:
    """The kind of shift whose number is counted: the one with the tightest limit that may bind.

    Other limits are left to the judge: a relaxation, so the bound stays one.
    """
    tightest = {
        name: min(
            (m.most_by_kind[name] for m in instance.staff if 0 < m.most_by_kind[name] < m.most_shifts),
            default=99,
        )
        for name in instance.kinds
    }
    name = min(tightest, key=lambda kind: tightest[kind])
    return (instance.kinds.index(name) + 1,) if tightest[name] < 99 else ()


def _limits(instance: Instance, first_states: np.ndarray, end_states: np.ndarray) -> Limits:
    count, days, kinds = len(instance.staff), instance.days, len(instance.kinds)
    counted = counted_kinds(instance)
    steps = np.zeros((2, days, kinds + 1, 3), np.int64)
    for kind in counted:
        steps[:, :, kind, 0] = 1
    saturdays, sundays = np.arange(days) % 7 == 5, np.arange(days) % 7 == 6
    steps[:, saturdays, 1:, 1] = 1
    steps[1, sundays, 1:, 1] = 1  # a Sunday counts where the Saturday was free
    steps[:, :, 1:, 2] = 1
    sizes = np.ones((count, 3), np.int64)
    price = np.zeros((count, 3, 1 + max(m.most_shifts for m in instance.staff)))
    for row, member in enumerate(instance.staff):
        limit = min((member.most_by_kind[instance.kinds[k - 1]] for k in counted), default=99)
        sizes[row] = (limit + 1 if 0 < limit < member.most_shifts else 1, member.most_weekends + 1,
                      member.most_shifts + 1)  # fmt: skip
        price[row, 2, : member.least_shifts] = np.inf
    most_by_day = np.repeat(np.array([[m.most_shifts] for m in instance.staff]), days, axis=1)
    return Limits(first_states, end_states, steps, sizes, most_by_day, price)


State = tuple[int, int, int, bool]  # last shift (0: no longer matters), run, days of rest, run began before


def _automata(instance: Instance) -> tuple[LineRules, np.ndarray, np.ndarray]:
    groups = sorted({(m.longest_run, m.least_run, m.least_rest) for m in instance.staff})
    next_rows: list[list[int]] = []
    last_tour: list[int] = []
    rest_kind: list[int] = []
    first_of_group: dict[tuple[int, int, int], tuple[int, int]] = {}
    for group in groups:
        base = len(next_rows)
        states: dict[State, int] = {(0, 0, 99, True): 0}
        queue: list[State] = [(0, 0, 99, True)]
        rows = []
        for state in queue:  # grows while it is walked
            row = []
            for option in range(len(instance.kinds) + 1):
                following = _advance(state, option, group)
                if following is not None and following not in states:
                    states[following] = len(queue)
                    queue.append(following)
                row.append(-1 if following is None else base + states[following])
            rows.append(row)
        next_rows += rows
        last_tour += [state[0] for state in queue]
        rest_kind += [0 if state[1] else 2 for state in queue]
        first_of_group[group] = (base, base + len(queue))
    keys = [(m.longest_run, m.least_run, m.least_rest) for m in instance.staff]
    may_end = np.zeros((len(keys), len(next_rows)), np.bool_)
    for row, key in enumerate(keys):
        may_end[row, slice(*first_of_group[key])] = True
    tours = len(instance.kinds) + 1
    may_follow = np.ones((2, instance.days, tours, tours), np.bool_)
    for name, forbidden in instance.forbidden_next.items():
        for other in forbidden:
            may_follow[0, :, instance.kinds.index(name) + 1, instance.kinds.index(other) + 1] = False
    rules = LineRules(np.array(next_rows), np.array(last_tour), np.array(rest_kind), may_follow)
    return rules, np.array([first_of_group[key][0] for key in keys]), may_end


def _advance(state: State, option: int, group: tuple[int, int, int]) -> State | None:
    """Rest before the first day has lasted for ever, and so has work, whichever the rule needs."""
    longest_run, least_run, least_rest = group
    _, run, rest, is_opening = state
    if option == 0:
        if run and run < least_run and not is_opening:
            return None
        rest = 1 if run else min(rest + 1, least_rest)
        return (0, 0, 99 if rest >= least_rest and not run and not is_opening else rest, False)
    if not run and rest < least_rest:
        return None
    if run + 1 > longest_run:
        return None
    return (option, run + 1, 0, is_opening and run + 1 < least_run)


def judge(instance: Instance, lines: np.ndarray) -> tuple[float, list[str]]:
    """The cost of a roster, and every rule that it breaks; by plain counting."""
    faults: list[str] = []
    for row, member in enumerate(instance.staff):
        faults += _faults(instance, member, row, lines[row])
    cost = sum(w for row, day, kind, w in instance.wanted if lines[row, day] != kind)
    cost += sum(w for row, day, kind, w in instance.unwanted if lines[row, day] == kind)
    for day, kind, need, below, above in instance.cover:
        there = int((lines[:, day] == kind).sum())
        cost += below * max(0, need - there) + above * max(0, there - need)
    return float(cost), faults


def _faults(instance: Instance, member: Member, row: int, line: np.ndarray) -> Iterator[str]:
    worked = line > 0
    if not member.least_shifts <= worked.sum() <= member.most_shifts:
        yield f"{member.name} has {worked.sum()} shifts"
    for number, name in enumerate(instance.kinds, start=1):
        if (line == number).sum() > member.most_by_kind[name]:
            yield f"{member.name} has too many shifts {name}"
    weekends = sum(worked[day : day + 2].any() for day in range(5, instance.days, 7))
    if weekends > member.most_weekends:
        yield f"{member.name} works {weekends} weekends"
    for day in range(1, instance.days):
        names = [instance.kinds[kind - 1] for kind in line[day - 1 : day + 1] if kind]
        if len(names) == 2 and names[1] in instance.forbidden_next[names[0]]:
            yield f"{member.name} has {names[1]} after {names[0]}"
    yield from (f"{member.name} works on day off {d}" for r, d in instance.days_off if r == row and line[d])
    yield from _run_faults(instance, member, worked)


def _run_faults(instance: Instance, member: Member, worked: np.ndarray) -> Iterator[str]:
    for begin, end, is_work in _runs(worked):
        if is_work and end - begin > member.longest_run:
            yield f"{member.name} works {end - begin} days in a row"
        least = member.least_run if is_work else member.least_rest
        if begin > 0 and end < instance.days and end - begin < least:
            yield f"{member.name} has a run of {end - begin} from day {begin}"


def _runs(worked: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    begin = 0
    for day in range(1, len(worked) + 1):
        if day == len(worked) or worked[day] != worked[begin]:
            yield begin, day, bool(worked[begin])
            begin = day


def solve_public(number: int, *, seconds: float) -> tuple[float, float]:
    """The cost and the bound after at most about so many processor seconds; refuses an unlawful roster."""
    instance = read_instance(number)
    problem, rng, start = build(instance), np.random.default_rng(number), time.process_time()
    lines = engine.descend(
        problem, engine.evaluate(problem, problem.published, engine.home_places(problem)), rng
    )
    master = Master(problem, np.array([0]), np.arange(len(instance.staff)), open_engine())
    best, lower = _best(instance, problem, lines, None), 0.0
    master.add_lines((row, lines.tours[row], lines.places[row]) for row in range(len(instance.staff)))
    lower = raise_bound(master, most_rounds=200)
    while time.process_time() - start < 0.5 * seconds and best[0] > lower + 0.5:
        enrich(master, rng, rounds=10)
        _bar_unlawful(master, instance)
        chosen = choose_lines(master, most_nodes=300)
        if chosen is not None:
            tours = np.array([line for line, _ in chosen])
            tried = engine.evaluate(problem, tours, engine.home_places(problem))
            best = _best(instance, problem, tried, best)
            lines = tried if tried.cost < lines.cost else lines
        for step in range(30):
            lines = engine.shake(problem, lines, rng, 60.0 * (1 - step / 30))
        best = _best(instance, problem, lines, best)
        master.add_lines((row, lines.tours[row], lines.places[row]) for row in range(len(instance.staff)))
    while time.process_time() - start < seconds and best[0] > lower + 0.5:
        lines = engine.shake(problem, lines, rng, float(rng.uniform(5, 60)))
        best = _best(instance, problem, lines, best)
    return best[0], lower


def _bar_unlawful(master: Master, instance: Instance) -> None:
    """Keep lines out of the choice that break a limit by kind which the lines do not count."""
    for number, (place, (tours, _)) in enumerate(master.columns):
        limits = instance.staff[place].most_by_kind
        if any(tours.count(k) > limits[name] for k, name in enumerate(instance.kinds, start=1)):
            master.engine.changeColBounds(master.first_column + number, 0.0, 0.0)


def _best(
    instance: Instance, problem: RosterProblem, lines: engine.Lines, best: tuple[float, object] | None
) -> tuple[float, object]:
    del problem
    cost, faults = judge(instance, lines.tours)
    if faults or (best is not None and best[0] <= cost):
        return best or (float("inf"), faults)
    return cost, replace(lines)

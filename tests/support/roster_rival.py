"""The same roster problem for CP-SAT: its proven optimum is what the engine is held against."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ortools.sat.python import cp_model

from becalm.staff.core.roster_problem import RosterProblem

SCALE = 1000  # points become whole numbers


@dataclass(frozen=True)
class RivalAnswer:
    """What CP-SAT found: its cost, its bound and whether that is the optimum."""

    cost: float
    bound: float
    is_proven: bool
    tours: np.ndarray


def solve_by_cp_sat(
    problem: RosterProblem,
    *,
    seconds: float,
    officers: np.ndarray | None = None,
    units: np.ndarray | None = None,
    hint: np.ndarray | None = None,
) -> RivalAnswer:
    """The best roster without lending after so many processor seconds.

    By flows through the automaton and slack variables.
    """
    officers = np.arange(len(problem.officers)) if officers is None else officers
    units = np.arange(len(problem.command_units)) if units is None else units
    model = cp_model.CpModel()
    works, cost = {}, []
    for officer in officers.tolist():
        _add_officer(model, problem, officer, works, cost)
    _add_cells(model, problem, officers, units, works, cost)
    model.minimize(sum(cost))
    if hint is not None:
        for (officer, day, option), variable in works.items():
            model.add_hint(variable, int(hint[officer, day] == option))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = 2  # the flows are tight as a linear programme: ten times as quick
    is_over = threading.Event()
    clock = threading.Thread(target=_stop_after, args=(solver, time.process_time() + seconds, is_over))
    clock.start()
    try:
        status = solver.solve(model)
    finally:
        is_over.set()
        clock.join()
    tours = np.zeros((len(problem.officers), problem.days), np.int64)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        for (officer, day, option), variable in works.items():
            if solver.value(variable):
                tours[officer, day] = option
        found_cost = solver.objective_value / SCALE
    else:
        found_cost = float("inf")
    return RivalAnswer(found_cost, solver.best_objective_bound / SCALE, status == cp_model.OPTIMAL, tours)


def _stop_after(solver: Any, end: float, is_over: threading.Event) -> None:
    """Stop the search once the process has used up its time; the clock on the wall says nothing here."""
    while not is_over.wait(0.02):
        if time.process_time() >= end:
            solver.stop_search()


def _add_officer(model: Any, problem: RosterProblem, officer: int, works: dict, cost: list) -> None:
    """One unit of flow from day to day through the states that the officer can be in."""
    limits, people = problem.limits, problem.people
    days, options = problem.days, problem.possible.shape[2]
    reached = {int(limits.first_state[officer]): [model.new_constant(1)]}
    arcs: dict[tuple[int, int], list] = {
        (day, option): [] for day in range(days) for option in range(options)
    }
    for day in range(days):
        following: dict[int, list] = {}
        for state, flows in reached.items():
            leaving = []
            for option, new_state in _ways(problem, officer, day, state):
                arc = model.new_bool_var("")
                leaving.append(arc)
                arcs[day, option].append(arc)
                following.setdefault(new_state, []).append(arc)
            model.add(sum(leaving) == sum(flows))
        reached = following
    for state, flows in reached.items():
        if not limits.may_end[officer, state]:
            model.add(sum(flows) == 0)
    for (day, option), chosen in arcs.items():
        works[officer, day, option] = variable = model.new_bool_var("")
        model.add(sum(chosen) == variable)
        if not np.isinf(people.line_price[officer, day, option]):
            cost.append(round(SCALE * people.line_price[officer, day, option]) * variable)
    _add_counters(model, problem, officer, works, cost)


def _ways(problem: RosterProblem, officer: int, day: int, state: int) -> Iterator[tuple[int, int]]:
    """Each tour that may be worked in this state, and the state after it."""
    rules = problem.rules
    kind, last = int(rules.rest_kind[state]), int(rules.last_tour[state])
    for option in range(problem.possible.shape[2]):
        new_state = int(rules.next_state[state, option])
        is_too_soon = option and kind < 2 and not rules.may_follow[kind, day, last, option]
        if (
            new_state >= 0
            and not is_too_soon
            and np.isfinite(problem.people.line_price[officer, day, option])
        ):
            yield option, new_state


def _add_counters(model: Any, problem: RosterProblem, officer: int, works: dict, cost: list) -> None:
    limits, days, options = problem.limits, problem.days, problem.possible.shape[2]
    for counter in (0, 2):
        size = int(limits.sizes[officer, counter])
        if size == 1:
            continue
        terms = [
            works[officer, day, option]
            for day in range(days)
            for option in range(options)
            if limits.steps[0, day, option, counter]
        ]
        values = [model.new_bool_var("") for _ in range(size)]
        model.add_exactly_one(values)
        model.add(sum(terms) == sum(n * value for n, value in enumerate(values)))
        cost += [round(SCALE * limits.price[officer, counter, n]) * value for n, value in enumerate(values)]
        if counter == 2:
            for day in range(days):
                so_far = [works[officer, d, o] for d in range(day + 1) for o in range(1, options)]
                model.add(sum(so_far) <= int(limits.most_by_day[officer, day]))


def _add_cells(
    model: Any, problem: RosterProblem, officers: Any, units: Any, works: dict, cost: list
) -> None:
    cells, people = problem.cells, problem.people
    home = people.units[:, 0]
    for unit in units.tolist():
        members = [int(officer) for officer in officers if home[officer] == unit]
        for day in range(problem.days):
            for option in range(1, problem.possible.shape[2]):
                here = {officer: works[officer, day, option] for officer in members}
                need = int(cells.need[unit, day, option])
                short, spare = (model.new_int_var(0, 1000, "") for _ in range(2))
                model.add(sum(here.values()) + short - spare == need)
                alone = model.new_int_var(0, 1000, "")
                tutoring = [
                    (int(people.is_tutor[o]) - int(people.is_recruit[o])) * variable
                    for o, variable in here.items()
                ]
                model.add(sum(tutoring) + alone >= 0)
                cost += [
                    round(SCALE * cells.short_price) * short,
                    round(SCALE * cells.spare_price) * spare,
                    round(SCALE * cells.recruit_price) * alone,
                ]
                for skill in range(cells.need_skills.shape[3]):
                    lacking = model.new_int_var(0, 1000, "")
                    skilled = [v for o, v in here.items() if people.has_skill[o, day, skill]]
                    model.add(sum(skilled) + lacking >= int(cells.need_skills[unit, day, option, skill]))
                    cost.append(round(SCALE * cells.skill_price[skill]) * lacking)

"""Lines chosen together by a linear programme, with a bound that proves how good a roster can be at all.

Each column is one lawful line of one officer; the master says how short each tour is. New columns come from
the dynamic programme at the master's duals (Dantzig and Wolfe 1960; Gilmore and Gomory 1961). At any duals,
what the tours are worth plus the cheapest line of each officer is a bound from below (Lasdon 1970): that is
the bound reported, so it holds however early the search ends. Columns carry no upper bound of 1: the row that
gives each officer one line says that already, and with it the duals, and so the bound, would be wrong.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.staff.core.line_kernels import price_columns, price_line
from becalm.staff.core.near_lines import list_near_lines
from becalm.staff.core.roster_problem import RosterProblem
from becalm.terms import load_extra

SMOOTHING = 0.3  # how far duals are kept at those of the best bound: fewer rounds than with none
MOST_ROUNDS = 60
GAP = 1e-4
INTEGER_GAP = 0.002
MOST_NEAR_LINES = 1_500  # of one command unit: more are not chosen among in a moment
SMALL_UNIT_DAYS, SMALL_UNIT_FACTOR = 100, 10  # officers times days: such a programme is quick with more
REPEATABLE_OPTIONS = (("threads", 1), ("random_seed", 0))
INTEGER_OPTIONS = (  # the programme is tight: what HiGHS spends on its root by default gains a percent
    ("mip_heuristic_effort", 0.0),
    ("mip_pscost_minreliable", 0),
    ("presolve", "off"),
    ("mip_heuristic_run_feasibility_jump", False),
    ("mip_heuristic_run_root_reduced_cost", False),
    ("mip_heuristic_run_rens", False),
)
INTERIOR_OPTIONS = (("solver", "ipm"), ("run_crossover", "off"))
NEW_COLUMN = -1e-6  # a reduced price below this is worth a column
Line = tuple[tuple[int, ...], tuple[int, ...]]  # the tour and the command unit (as rows) of each day


@dataclass
class Master:
    """The linear programme of some command units: rows for their tours and for their officers."""

    problem: RosterProblem
    units: Ints  # rows of the command units
    officers: Ints  # rows of the officers
    engine: Any  # HiGHS
    columns: list[tuple[int, Line]] = field(default_factory=list)  # the officer's place in `officers`
    lines_of_officer: list[set[Line]] = field(default_factory=list)
    first_column: int = 0
    rounds: int = 0
    best_duals: Floats | None = None  # of the rows, at the best bound

    def __post_init__(self) -> None:
        for option, value in REPEATABLE_OPTIONS:
            self.engine.setOptionValue(option, value)
        self.lines_of_officer = [set() for _ in self.officers]
        self._add_rows()
        self._add_shortages()

    @property
    def demands(self) -> Floats:
        """What each tour row asks for: [units, D, T, 2 + K], flattened."""
        cells = self.problem.cells
        need = cells.need[self.units][:, :, 1:, None]
        return np.concatenate([need, 0 * need, cells.need_skills[self.units][:, :, 1:]], axis=3).ravel() * 1.0

    def _add_rows(self) -> None:
        infinite = self.engine.inf
        lower_limits = np.append(self.demands, np.ones(len(self.officers)))
        upper_limits = np.full(len(lower_limits), infinite)
        row_kinds = 2 + len(self.problem.cells.skill_price)
        is_need = np.arange(len(self.demands)) % row_kinds == 0
        upper_limits[: len(is_need)][is_need] = lower_limits[: len(is_need)][is_need]
        upper_limits[len(is_need) :] = 1.0
        no_indices = np.zeros(0, np.int32)
        starts = np.zeros(len(lower_limits), np.int32)
        self.engine.addRows(len(lower_limits), lower_limits, upper_limits, 0, starts, no_indices, np.zeros(0))

    def _add_shortages(self) -> None:
        """Officers, tutors and skills that are missing, and officers who are to spare."""
        cells = self.problem.cells
        prices = np.array([cells.short_price, cells.recruit_price, *cells.skill_price])
        rows = np.arange(len(self.demands))
        spare_rows = rows[rows % len(prices) == 0]
        costs = np.append(
            np.tile(prices, len(rows) // len(prices)), np.full(len(spare_rows), cells.spare_price)
        )
        values = np.append(np.ones(len(rows)), -np.ones(len(spare_rows)))
        self._add_columns(
            costs, [(row,) for row in np.append(rows, spare_rows)], [(value,) for value in values]
        )
        self.first_column = len(costs)

    def _add_columns(self, costs: Iterable[float], rows: list[Any], values: list[Any]) -> None:
        starts = np.cumsum([0, *(len(entries) for entries in rows)])
        costs = np.asarray(list(costs), np.float64)
        self.engine.addCols(
            len(costs), costs, np.zeros(len(costs)), np.full(len(costs), self.engine.inf), int(starts[-1]),
            starts[:-1].astype(np.int32), np.concatenate(rows).astype(np.int32),
            np.concatenate(values).astype(np.float64),
        )  # fmt: skip

    def add_lines(self, lines: Iterable[tuple[int, Ints, Ints]]) -> int:
        """Add lines of officers (by place in `officers`) that are lawful and new; how many were there?"""
        costs, rows, values = [], [], []
        for place, line, where in lines:
            key = (tuple(line.tolist()), tuple(np.where(line > 0, where, -1).tolist()))
            price = self._price(place, line, where)
            if key in self.lines_of_officer[place] or price == np.inf:
                continue
            self.lines_of_officer[place].add(key)
            self.columns.append((place, key))
            entry_rows, entry_values = self._entries(place, line, where)
            costs.append(price)
            rows.append(entry_rows)
            values.append(entry_values)
        if costs:
            self._add_columns(costs, rows, values)
        return len(costs)

    def _price(self, place: int, line: Ints, where: Ints) -> float:
        problem, officer = self.problem, int(self.officers[place])
        people = problem.people
        line_price = price_line(people.line_price[officer], problem.rules, problem.limits, officer, line)
        price_of_unit = dict(zip(people.units[officer], people.lending_price[officer], strict=True))
        return float(line_price + sum(price_of_unit[unit] for unit in where[line > 0]))

    def _entries(self, place: int, line: Ints, where: Ints) -> tuple[Ints, Floats]:
        people, officer = self.problem.people, int(self.officers[place])
        _, days, tours, kinds = self._shape
        worked_days = np.flatnonzero(line > 0)
        unit_rows = np.searchsorted(self.units, where[worked_days])
        tutoring = float(people.is_tutor[officer]) - float(people.is_recruit[officer])
        gains = np.column_stack(
            [
                np.ones(len(worked_days)),
                np.full(len(worked_days), tutoring),
                people.has_skill[officer, worked_days],
            ]
        )
        first_rows = ((unit_rows * days + worked_days) * tours + line[worked_days] - 1) * kinds
        rows = (first_rows[:, None] + np.arange(kinds)).ravel()
        is_kept = gains.ravel() != 0
        return (
            np.append(rows[is_kept], len(self.demands) + place),
            np.append(gains.ravel()[is_kept], 1.0),
        )

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        need_skills = self.problem.cells.need_skills
        return len(self.units), need_skills.shape[1], need_skills.shape[2] - 1, 2 + need_skills.shape[3]

    def spread_duals(self, duals: Floats) -> Floats:
        """The duals of the tour rows as `price_columns` reads them: all command units, rest included."""
        units, days, tours, kinds = self._shape
        spread = np.zeros((len(self.problem.command_units), days, tours + 1, kinds))
        spread[self.units, :, 1:] = duals[: len(self.demands)].reshape(units, days, tours, kinds)
        return spread


def raise_bound(
    master: Master, *, most_rounds: int = MOST_ROUNDS, gap: float = GAP, is_interior: bool = False
) -> float:
    """Add columns until no line is worth one, and return the best bound from below that was proven.

    It ends early once the bound is within `gap` of the linear programme. `is_interior` solves it by an
    interior point: a whole command with lending has thousands of rows, and there that is three times as
    quick as the simplex, with duals from the middle of the best ones.
    """
    if is_interior:
        for option, value in INTERIOR_OPTIONS:
            master.engine.setOptionValue(option, value)
    problem, best_bound = master.problem, -np.inf
    best_duals: Floats | None = None
    lines = np.zeros((len(master.officers), problem.days), np.int64)
    places = np.zeros_like(lines)
    for master.rounds in range(1, most_rounds + 1):
        if is_interior:
            master.engine.clearSolver()
        master.engine.run()
        cost = master.engine.getInfo().objective_function_value
        exact_duals = np.array(master.engine.getSolution().row_dual)
        is_smooth = best_duals is not None
        duals = exact_duals if best_duals is None else SMOOTHING * best_duals + (1 - SMOOTHING) * exact_duals
        least_prices = price_columns(
            master.officers,
            master.spread_duals(duals),
            problem.people,
            problem.rules,
            problem.limits,
            lines,
            places,
        )
        bound = float(duals[: len(master.demands)] @ master.demands + least_prices.sum())
        if bound > best_bound:
            best_bound, best_duals, master.best_duals = bound, duals, duals
        is_worth = is_smooth | (least_prices - duals[len(master.demands) :] < NEW_COLUMN)
        new_count = master.add_lines(
            (place, lines[place], places[place]) for place in np.flatnonzero(is_worth).tolist()
        )
        if cost - best_bound <= gap * max(1.0, abs(cost)) or (new_count == 0 and not is_smooth):
            break
        if new_count == 0:
            best_duals = None  # the smoothed duals have nothing more to say: ask the exact ones
    return best_bound


def enrich(master: Master, rng: np.random.Generator, *, rounds: int) -> None:
    """Add lines that are best at duals near the best ones: what whole lines need and a mixture does not."""
    problem, duals = master.problem, master.best_duals
    if duals is None:
        return
    lines = np.zeros((len(master.officers), problem.days), np.int64)
    places = np.zeros_like(lines)
    for _ in range(rounds):
        noisy_duals = duals * rng.uniform(0.5, 1.5, len(duals)) + rng.normal(0.0, 3.0, len(duals))
        cell_duals = master.spread_duals(noisy_duals)
        price_columns(
            master.officers, cell_duals, problem.people, problem.rules, problem.limits, lines, places
        )
        master.add_lines((place, lines[place], places[place]) for place in range(len(lines)))


def add_near_lines(master: Master, slack: float) -> bool:
    """Add every line that a roster within `slack` of the bound can hold; False where they are too many."""
    problem, duals = master.problem, master.best_duals
    if duals is None:
        return False
    spread = master.spread_duals(duals)
    is_small = len(master.officers) * problem.days <= SMALL_UNIT_DAYS
    most_lines = MOST_NEAR_LINES * (SMALL_UNIT_FACTOR if is_small else 1)
    lines = np.zeros((most_lines, problem.days), np.int64)
    home = np.full(problem.days, master.units[0])
    near_lines: list[tuple[int, Ints, Ints]] = []
    for place, officer in enumerate(master.officers.tolist()):
        room = lines[: most_lines - len(near_lines)]
        count = list_near_lines(officer, spread, problem.people, problem.rules, problem.limits, slack, room)
        if count < 0:
            return False
        near_lines += [(place, line.copy(), home) for line in lines[:count]]
    master.add_lines(near_lines)
    return True


def most_used_lines(master: Master) -> list[Line]:
    """For each officer the line of which the last linear programme takes most."""
    values = np.array(master.engine.getSolution().col_value)[master.first_column :]
    best_value = np.full(len(master.officers), -1.0)
    best_line: list[Line] = [((), ())] * len(master.officers)
    # The last columns came after the last solution: they have no value yet.
    for (place, line), value in zip(master.columns, values, strict=False):
        if value > best_value[place]:
            best_value[place], best_line[place] = value, line
    return best_line


def choose_lines(master: Master, *, most_nodes: int, gap: float = INTEGER_GAP) -> list[Line] | None:
    """The best choice of one line for each officer among the master's columns; None where there is none.

    `gap` is the share of the cost by which it may miss that best choice.
    """
    highspy = load_extra("highspy", "staff", "A proven bound")
    engine = master.engine
    numbers = np.arange(master.first_column, master.first_column + len(master.columns), dtype=np.int32)
    engine.changeColsIntegrality(len(numbers), numbers, np.full(len(numbers), highspy.HighsVarType.kInteger))
    for option, value in INTEGER_OPTIONS:
        engine.setOptionValue(option, value)
    engine.setOptionValue("mip_max_nodes", most_nodes)
    engine.setOptionValue("mip_rel_gap", gap)
    engine.clearSolver()
    engine.run()
    values = np.array(engine.getSolution().col_value)[master.first_column :]
    engine.changeColsIntegrality(
        len(numbers), numbers, np.full(len(numbers), highspy.HighsVarType.kContinuous)
    )
    chosen_lines: list[Line | None] = [None] * len(master.officers)
    for (place, line), value in zip(master.columns, values, strict=True):
        if value > 0.5:
            chosen_lines[place] = line
    return None if any(line is None for line in chosen_lines) else [line for line in chosen_lines if line]

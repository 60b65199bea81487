"""Who works when and where: a lawful roster at once, a proven bound, then the best that the work allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.staff.core.column_generation import (
    Line,
    Master,
    add_near_lines,
    choose_lines,
    enrich,
    most_used_lines,
    raise_bound,
)
from becalm.staff.core.line_kernels import Roster, count_cells, improve_lines, price_cells, price_lines
from becalm.staff.core.roster_problem import RosterProblem
from becalm.terms import Progress, silent_progress

DESCENT_ROUNDS = 3
NOISE = 6.0  # points, at the first shake; it fades to nothing at the last
MOST_NODES, MOST_PROOF_NODES = 20, 5_000
MOST_CLOSED_DAYS = 300  # officers times days
NEAR_PARTS = (0.25, 0.5, 1.0)  # of the gap: how far from the best lines may be that are tried together
LENDING_ROUNDS, LENDING_GAP = 40, 0.02
ENRICH_ROUNDS, ENRICH_LINES = 4, 400  # a small command unit gets more rounds: its lines are few
LEAST_GAIN = 1e-9


@dataclass(frozen=True, slots=True)
class Lines:
    """What each officer works, where, who is on each tour then, and what it all costs."""

    tours: Ints  # [N, D]
    places: Ints  # [N, D]: rows of the command units
    counts: Ints  # [U, D, T + 1, 3 + K]
    cell_prices: Floats  # [U]
    line_prices: Floats  # [N]

    @property
    def cost(self) -> float:
        """All points together."""
        return float(self.cell_prices.sum() + self.line_prices.sum())


@dataclass(frozen=True, slots=True)
class Allocation:
    """The best roster, and how good any could be at the most."""

    lines: Lines
    bound: float  # no lawful roster costs less; 0 where none was proven
    bound_of_unit: Floats
    work: int
    is_stopped: bool  # by hand, before the work limit

    @property
    def gap(self) -> float:
        """How far the cost may be above the least, as a share of the bound."""
        return self.lines.cost / self.bound - 1 if self.bound > 0 else float("inf")


def allocate_roster(
    problem: RosterProblem,
    rng: np.random.Generator,
    *,
    work: int,
    open_engine: Callable[[], Any],
    progress: Progress = silent_progress,
) -> Allocation:
    """The roster of least cost that was found with so much work, and the bound that it was proven against.

    `work` 0 gives the lawful roster of the first descent without a bound; from 1 on the bound is proven and
    the lines are chosen together, and each further unit of work is a shake of the whole roster. The same
    seed and work give the same roster. `open_engine` gives a new HiGHS for each command unit.
    Interrupted, the best so far is returned.
    """
    start_lines = evaluate(problem, problem.remaining_lines, home_places(problem))
    lines = descend(at_home(problem), start_lines, rng)
    unit_count = len(problem.command_units)
    bounds, bound = np.zeros(unit_count), 0.0
    steps_taken = 0
    try:
        with progress("allocate", total=unit_count + work, unit="steps") as report_progress:
            pool: list[OfficerLine] = []
            if work:
                for unit in range(unit_count):
                    bounds[unit], lines, new_lines = solve_unit(
                        at_home(problem), lines, unit, rng, open_engine()
                    )
                    pool += new_lines
                    report_progress(1)
            if work and may_lend(problem):
                bounds = np.zeros(unit_count)  # who lends changes what each command unit could cost
                bound, lines = solve_with_lending(problem, lines, pool, rng, open_engine())
            else:
                bound = float(bounds.sum())
            lines = descend(problem, lines, rng)
            for step in range(work):
                lines = shake(problem, lines, rng, NOISE * (1 - step / work))
                steps_taken = step + 1
                report_progress(1)
    except KeyboardInterrupt:
        return Allocation(lines, bound, bounds, steps_taken, is_stopped=True)
    return Allocation(lines, bound, bounds, steps_taken, is_stopped=False)


TRIES = 14  # descents in other orders: they differ by a tenth of the changes, and take a second together


def allocate_again(
    problem: RosterProblem, rng: np.random.Generator, *, places: Ints | None = None
) -> Allocation:
    """A roster that is in force, made good again after absences: the best of several quick descents.

    Built with one price for every change, the cheapest is that with the fewest. `places` says where the
    tours in force are worked.
    """
    start_lines = evaluate(
        problem, problem.remaining_lines, home_places(problem) if places is None else places
    )
    best_lines = start_lines
    for _ in range(TRIES):
        tried_lines = descend(problem, start_lines, rng)
        if tried_lines.cost < best_lines.cost - LEAST_GAIN:
            best_lines = tried_lines
    return Allocation(best_lines, 0.0, np.zeros(len(problem.command_units)), TRIES, is_stopped=False)


def may_lend(problem: RosterProblem) -> bool:
    """Whether anybody may serve in another command unit."""
    return int(problem.people.units.shape[1]) > 1


def at_home(problem: RosterProblem) -> RosterProblem:
    """The same question where nobody may be lent."""
    people = problem.people
    home_people = people._replace(
        units=people.units[:, :1].copy(), lending_price=people.lending_price[:, :1].copy()
    )
    return replace(problem, people=home_people)


def home_places(problem: RosterProblem) -> Ints:
    """Everybody at home [N, D]."""
    return np.repeat(problem.people.units[:, :1], problem.days, axis=1)


def evaluate(problem: RosterProblem, tours: Ints, places: Ints) -> Lines:
    """What do these lines cost?"""
    counts = count_cells(tours, places, problem.people, problem.cells)
    return Lines(
        tours,
        places,
        counts,
        price_cells(counts, problem.cells),
        price_lines(tours, places, problem.people, problem.rules, problem.limits),
    )


def descend(
    problem: RosterProblem,
    lines: Lines,
    rng: np.random.Generator,
    *,
    who: Bools | None = None,
    noise: float = 0.0,
) -> Lines:
    """Give each officer (of `who`) the best line given all others, several times over."""
    roster = Roster(lines.tours.copy(), lines.places.copy(), lines.counts.copy())
    officers = np.flatnonzero(who) if who is not None else np.arange(len(lines.tours))
    shape = (len(officers), problem.days, problem.cells.need.shape[2])
    for round_number in range(DESCENT_ROUNDS):
        officer_order = rng.permutation(officers)
        is_noisy = noise > 0 and round_number == 0
        extra_prices = rng.normal(0.0, noise, shape) if is_noisy else np.zeros(shape)
        improve_lines(
            officer_order, extra_prices, roster, problem.people, problem.cells, problem.rules, problem.limits
        )
    return evaluate(problem, roster.lines, roster.places)


def shake(problem: RosterProblem, lines: Lines, rng: np.random.Generator, noise: float) -> Lines:
    """A large neighbourhood: some officers get noisy lines, then all descend; kept where it is better."""
    is_shaken = rng.random(len(lines.tours)) < max(
        rng.uniform(0.02, 0.2), rng.uniform(0, 4) / len(lines.tours)
    )
    tried_lines = descend(problem, lines, rng, who=is_shaken, noise=noise)
    tried_lines = descend(problem, tried_lines, rng)
    return tried_lines if tried_lines.cost < lines.cost - LEAST_GAIN else lines


OfficerLine = tuple[int, Ints, Ints]  # the officer's row, tours and command units


def solve_with_lending(
    problem: RosterProblem,
    lines: Lines,
    pool: Sequence[OfficerLine],
    rng: np.random.Generator,
    engine: Any,
) -> tuple[float, Lines]:
    """The bound of the whole command with lending, and a roster from the lines that it takes most of.

    One linear programme over all command units, begun with the lines (`pool`) that were made for each by
    itself. Whole lines are not chosen by branching here: those that it takes most of, improved officer by
    officer, are as good in a fraction of the time.
    """
    officers = np.arange(len(problem.officers))
    master = Master(problem, np.arange(len(problem.command_units)), officers, engine)
    for tours, places in ((lines.tours, lines.places), (problem.remaining_lines, home_places(problem))):
        master.add_lines((row, tours[row], places[row]) for row in officers.tolist())
    master.add_lines(pool)
    bound = raise_bound(master, most_rounds=LENDING_ROUNDS, gap=LENDING_GAP, is_interior=True)
    chosen_lines = most_used_lines(master)
    tours = np.array([line for line, _ in chosen_lines])
    where = np.array([places for _, places in chosen_lines])
    places = np.where(where < 0, problem.people.units[:, :1], where)
    new_lines = descend(problem, evaluate(problem, tours, places), rng)
    return bound, new_lines if new_lines.cost < lines.cost - LEAST_GAIN else lines


def solve_unit(
    problem: RosterProblem, lines: Lines, unit: int, rng: np.random.Generator, engine: Any
) -> tuple[float, Lines, list[OfficerLine]]:
    """The bound of a command unit by itself, the whole roster with the best lines, and all lines made for it.

    Lines that are worked elsewhere do not count here: the bound is that of a roster without lending.
    """
    officers = np.flatnonzero(problem.people.units[:, 0] == unit)
    master = Master(problem, np.array([unit]), officers, engine)
    for tours in (lines.tours, problem.remaining_lines):
        master.add_lines((place, tours[row], lines.places[row]) for place, row in enumerate(officers))
    bound = raise_bound(master)
    enrich(master, rng, rounds=ENRICH_ROUNDS + ENRICH_LINES // len(officers))
    line_pool = [
        (int(officers[place]), np.array(line), np.where(np.array(where) < 0, unit, np.array(where)))
        for place, (line, where) in master.columns
    ]
    new_lines = _place_lines(problem, lines, officers, choose_lines(master, most_nodes=MOST_NODES))
    return bound, _close_gap(problem, new_lines, master, bound), line_pool


def _close_gap(problem: RosterProblem, lines: Lines, master: Master, bound: float) -> Lines:
    """The best roster of a command unit, where all lines within the gap to its bound can be listed.

    Lines near the best are tried first: a better roster makes the gap, and so the list, smaller.
    """
    unit, officers = int(master.units[0]), master.officers
    if len(officers) * problem.days > MOST_CLOSED_DAYS:
        return lines  # there its lines near the best are too many, and the gap is small
    for part in NEAR_PARTS:
        gap = _unit_cost(lines, unit, officers) - bound
        if gap <= LEAST_GAIN or not add_near_lines(master, part * gap):
            break
        best_choice = choose_lines(master, most_nodes=MOST_PROOF_NODES, gap=0.0)
        lines = _place_lines(problem, lines, officers, best_choice)
        if _unit_cost(lines, unit, officers) - bound <= part * gap:
            break  # no line beyond the list can be in a better roster
    return lines


def _unit_cost(lines: Lines, unit: int, officers: Ints) -> float:
    """What the tours of a command unit and the lines of its officers cost."""
    return float(lines.cell_prices[unit] + lines.line_prices[officers].sum())


def _place_lines(
    problem: RosterProblem, lines: Lines, officers: Ints, unit_lines: Sequence[Line] | None
) -> Lines:
    """The roster with these lines for some officers, where that is better; else as it is."""
    if unit_lines is None:
        return lines
    tours, places = lines.tours.copy(), lines.places.copy()
    tours[officers] = [line for line, _ in unit_lines]
    where = np.array([where for _, where in unit_lines])
    places[officers] = np.where(where < 0, problem.people.units[officers, :1], where)
    new_lines = evaluate(problem, tours, places)
    return new_lines if new_lines.cost < lines.cost - LEAST_GAIN else lines

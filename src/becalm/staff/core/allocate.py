"""Who works when and where: a lawful roster at once, a proven bound, then the best that the work allows."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.staff.core.column_generation import Master, choose_lines, enrich, raise_bound
from becalm.staff.core.line_kernels import Roster, count_cells, improve_lines, price_cells, price_lines
from becalm.staff.core.roster_problem import RosterProblem
from becalm.terms import Progress, silent_progress

DESCENT_ROUNDS = 3
NOISE = 6.0  # points, at the first shake; it fades to nothing at the last
MOST_NODES = 20
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
    bounds = np.zeros(unit_count)
    steps_taken = 0
    try:
        with progress("allocate", total=unit_count + work, unit="steps") as report_progress:
            if work:
                for unit in range(unit_count):
                    bounds[unit], lines = solve_unit(at_home(problem), lines, unit, rng, open_engine())
                    report_progress(1)
            lines = descend(problem, lines, rng)
            for step in range(work):
                lines = shake(problem, lines, rng, NOISE * (1 - step / work))
                steps_taken = step + 1
                report_progress(1)
    except KeyboardInterrupt:
        return Allocation(lines, 0.0, bounds, steps_taken, is_stopped=True)
    if problem.people.units.shape[1] > 1:  # lending may cost less than what was proven without it
        bounds = np.zeros(unit_count)
    return Allocation(lines, float(bounds.sum()), bounds, steps_taken, is_stopped=False)


TRIES = 6


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
        order = rng.permutation(officers)
        is_noisy = noise > 0 and round_number == 0
        extra_prices = rng.normal(0.0, noise, shape) if is_noisy else np.zeros(shape)
        improve_lines(
            order, extra_prices, roster, problem.people, problem.cells, problem.rules, problem.limits
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


def solve_unit(
    problem: RosterProblem, lines: Lines, unit: int, rng: np.random.Generator, engine: Any
) -> tuple[float, Lines]:
    """The bound of a command unit by itself, and the whole roster with the best lines found for it.

    Lines that are worked elsewhere do not count here: the bound is that of a roster without lending.
    """
    officers = np.flatnonzero(problem.people.units[:, 0] == unit)
    master = Master(problem, np.array([unit]), officers, engine)
    for tours in (lines.tours, problem.remaining_lines):
        master.add_lines((place, tours[row], lines.places[row]) for place, row in enumerate(officers))
    bound = raise_bound(master)
    enrich(master, rng, rounds=ENRICH_ROUNDS + ENRICH_LINES // len(officers))
    unit_lines = choose_lines(master, most_nodes=MOST_NODES)
    if unit_lines is None:
        return bound, lines
    tours, places = lines.tours.copy(), lines.places.copy()
    tours[officers] = [line for line, _ in unit_lines]
    where = np.array([where for _, where in unit_lines])
    places[officers] = np.where(where < 0, problem.people.units[officers, :1], where)
    new_lines = evaluate(problem, tours, places)
    return bound, new_lines if new_lines.cost < lines.cost - LEAST_GAIN else lines

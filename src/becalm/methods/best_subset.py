"""The best subset of points: greatest total value under a size, a separation, and bounds for groups.

Without separation the bounds are those of a partition, and taking the best first is exact (J. Edmonds,
"Matroids and the greedy algorithm", Mathematical Programming 1 (1971) 127-136). With it, the problem is a
greatest-weight independent set with side constraints: a mixed-integer programme over the best points, with
one inequality for each clique of points that exclude each other, and for each group one variable that stands
for all points left out of the programme, worth as much as the best of them. Where that variable stays 0 the
answer is exact for all points; otherwise the programme's optimum bounds what any subset can reach.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.spatial import cKDTree

from becalm.methods.arrays import Bools, Floats, Ints

FIRST_POINTS, MOST_POINTS = 3, 2_500  # as many points as are chosen, times this; and at most so many
MOST_NODES = 2_000
INFEASIBLE = 2  # the solver's own number for it
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, slots=True)
class SubsetProblem:
    """Choose at most `count` points of greatest total `values` (none negative).

    Chosen points lie at least `separation` apart. `group[i]` is the group of point i, -1 for none;
    group g gives from `floors[g]` to `caps[g]` points. `forced` points are chosen, `barred` ones are not.
    """

    values: Floats
    x: Floats
    y: Floats
    count: int
    separation: float
    group: Ints
    floors: Ints
    caps: Ints
    forced: Bools
    barred: Bools

    @property
    def order(self) -> Ints:
        """The points that may be chosen, best first; equal ones in their order."""
        points_best_first = np.argsort(-self.values, kind="stable")
        return points_best_first[~self.barred[points_best_first]]


@dataclass(frozen=True, slots=True)
class Subset:
    """The chosen points, best first; their total; and what no other subset exceeds."""

    points: Ints
    value: float
    bound: float

    @property
    def exact(self) -> bool:
        """Whether no subset is better (but for rounding)."""
        return self.bound <= self.value * (1.0 + 1e-6) + 1e-9


def best_subset(problem: SubsetProblem) -> Subset | None:
    """Which points are chosen? None where no subset keeps the bounds (or, rarely, none was found)."""
    if problem.separation <= 0.0:
        chosen_points = greedy_subset(problem)
        return _build_subset(problem, chosen_points) if is_feasible(problem, chosen_points) else None
    size_limit = FIRST_POINTS * problem.count + 50
    while True:
        size_limit = min(size_limit, MOST_POINTS)
        candidates = _list_candidates(problem, size_limit)
        programme_solution = _solve_programme(problem, candidates)
        if programme_solution is None:
            return None
        chosen_points, bound, outsider_count = programme_solution
        # The bound used points that were left out: it may be too high, so more points are let in.
        if outsider_count < NEGLIGIBLE or size_limit == MOST_POINTS or len(candidates) == len(problem.order):
            break
        size_limit *= 3
    # The programme may stop early, and then plain greed can be the better of the two.
    greedy_choices = [
        greedy_subset(problem, preferred=first_points)
        for first_points in (chosen_points, np.zeros(0, np.int64))
    ]
    feasible_subsets = [
        _build_subset(problem, points, bound) for points in greedy_choices if is_feasible(problem, points)
    ]
    return max(feasible_subsets, key=lambda subset: subset.value, default=None)


def greedy_subset(problem: SubsetProblem, *, preferred: Ints | None = None) -> Ints:
    """Choose the forced points, those in `preferred`, the best up to each floor, then the best that fit."""
    choice, best_first = _GreedyChoice(problem), problem.order
    for point in np.flatnonzero(problem.forced).tolist():
        choice.add(point)
    if preferred is not None:
        choice.add_first(preferred, problem.count)
    for g in np.flatnonzero(problem.floors > 0):
        group_count = int(problem.caps[g] - choice.room[g])
        choice.add_first(best_first[problem.group[best_first] == g], int(problem.floors[g]) - group_count)
    choice.add_first(best_first, problem.count)
    chosen_points = np.array(choice.points, dtype=np.int64)
    return chosen_points[np.lexsort((chosen_points, -problem.values[chosen_points]))]


class _GreedyChoice:
    """Points as they are taken one by one, and which are still free."""

    def __init__(self, problem: SubsetProblem) -> None:
        self.problem = problem
        self.is_free = ~problem.barred
        self.room = problem.caps.copy()
        self.points: list[int] = []

    def add(self, point: int) -> None:
        """Take this point; all that are too near are no longer free."""
        problem = self.problem
        self.points.append(point)
        self.is_free[point] = False
        if problem.separation > 0.0:
            distances = np.hypot(problem.x - problem.x[point], problem.y - problem.y[point])
            self.is_free[distances < problem.separation] = False
        if problem.group[point] >= 0:
            self.room[problem.group[point]] -= 1

    def add_first(self, points: Ints, at_most: int) -> None:
        """Take the first of these points that are free, as many as there is room for."""
        for point in points.tolist():
            if at_most <= 0 or len(self.points) == self.problem.count:
                return
            group_number = self.problem.group[point]
            if self.is_free[point] and (group_number < 0 or self.room[group_number] > 0):
                self.add(point)
                at_most -= 1


def is_feasible(problem: SubsetProblem, chosen_points: Ints) -> bool:
    """Does this subset keep every bound?"""
    group_counts = _count_groups(problem, chosen_points)
    return bool(
        len(chosen_points) <= problem.count
        and len(np.unique(chosen_points)) == len(chosen_points)
        and problem.forced[chosen_points].sum() == problem.forced.sum()
        and not problem.barred[chosen_points].any()
        and (group_counts >= problem.floors).all()
        and (group_counts <= problem.caps).all()
        and not len(_near_pairs(problem, chosen_points))
    )


def most_in_group(problem: SubsetProblem, group: int, *, enough: int) -> int:
    """How many points can this group give at most, as far apart as they must be?

    Where taking one after the other already gives `enough`, the answer is that.
    """
    candidates = problem.order[problem.group[problem.order] == group]
    if problem.separation <= 0.0 or len(candidates) < 2:
        return len(candidates)
    group_problem = replace(problem, barred=problem.barred | (problem.group != group), count=enough)
    greedy_points = greedy_subset(
        replace(
            group_problem,
            floors=0 * group_problem.floors,
            forced=group_problem.forced & ~group_problem.barred,
        )
    )
    if len(greedy_points) >= enough or len(candidates) > MOST_POINTS:
        return len(greedy_points)
    cliques = _cover_cliques(problem, candidates)
    milp_solution = milp(
        -np.ones(len(candidates)),
        integrality=np.ones(len(candidates)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(_clique_rows(cliques, len(candidates)), -np.inf, 1)] if cliques else [],
        options={"node_limit": MOST_NODES},
    )
    return round(-milp_solution.fun) if milp_solution.x is not None else 0


def _build_subset(problem: SubsetProblem, chosen_points: Ints, bound: float | None = None) -> Subset:
    total_value = float(problem.values[chosen_points].sum())
    return Subset(chosen_points, total_value, total_value if bound is None else max(bound, total_value))


def _count_groups(problem: SubsetProblem, chosen_points: Ints) -> Ints:
    group_of_point = problem.group[chosen_points]
    return np.bincount(group_of_point[group_of_point >= 0], minlength=len(problem.floors))


def _near_pairs(problem: SubsetProblem, points: Ints) -> Ints:
    """The pairs (positions in `points`) that are nearer than the separation."""
    if problem.separation <= 0.0 or len(points) < 2:
        return np.zeros((0, 2), np.int64)
    x, y = problem.x[points], problem.y[points]
    near_pairs = cKDTree(np.column_stack([x, y])).query_pairs(problem.separation, output_type="ndarray")
    pair_distances = np.hypot(
        x[near_pairs[:, 0]] - x[near_pairs[:, 1]], y[near_pairs[:, 0]] - y[near_pairs[:, 1]]
    )
    return np.asarray(near_pairs[pair_distances < problem.separation], dtype=np.int64)


def _list_candidates(problem: SubsetProblem, best_count: int) -> Ints:
    """The best points of all, the best of each group with a floor, and all forced ones, best first."""
    best_first = problem.order
    is_candidate = np.zeros(len(problem.values), dtype=bool)
    is_candidate[best_first[:best_count]] = True
    is_candidate |= problem.forced
    for g in np.flatnonzero(problem.floors > 0):
        is_candidate[best_first[problem.group[best_first] == g][: max(40, 8 * int(problem.floors[g]))]] = True
    return best_first[is_candidate[best_first]]


def _solve_programme(problem: SubsetProblem, candidates: Ints) -> tuple[Ints, float, float] | None:
    """The best subset of these points, a bound for all points, and how many outsiders the bound used."""
    # What is left out of a group counts as its best point, taken in part: so no subset passes the bound.
    group_count, n = len(problem.floors), len(candidates)
    outside_points = np.setdiff1d(problem.order, candidates)
    outside_groups = problem.group[outside_points]
    outside_values = np.array(
        [problem.values[outside_points[outside_groups == g]].max(initial=0.0) for g in range(-1, group_count)]
    )
    outside_counts = np.array(
        [np.count_nonzero(outside_groups == g) for g in range(-1, group_count)], dtype=float
    )
    group_rows = np.zeros((group_count, n + group_count + 1))
    group_rows[np.arange(group_count), n + 1 + np.arange(group_count)] = 1.0
    grouped_points = np.flatnonzero(problem.group[candidates] >= 0)
    group_rows[problem.group[candidates][grouped_points], grouped_points] = 1.0
    linear_constraints = [LinearConstraint(np.ones((1, n + group_count + 1)), 0, problem.count)]
    if group_count:
        linear_constraints.append(
            LinearConstraint(group_rows, problem.floors, np.minimum(problem.caps, problem.count))
        )
    cliques = _cover_cliques(problem, candidates)
    if cliques:
        linear_constraints.append(LinearConstraint(_clique_rows(cliques, n + group_count + 1), -np.inf, 1))
    milp_solution = milp(
        -np.concatenate([problem.values[candidates], outside_values]),
        integrality=np.concatenate([np.ones(n), np.zeros(group_count + 1)]),
        bounds=Bounds(
            np.concatenate([problem.forced[candidates].astype(float), np.zeros(group_count + 1)]),
            np.concatenate([np.ones(n), np.minimum(outside_counts, problem.count)]),
        ),
        constraints=linear_constraints,
        options={"node_limit": MOST_NODES, "mip_rel_gap": 1e-7},
    )
    if milp_solution.status == INFEASIBLE:
        return None
    if milp_solution.x is None:
        return np.zeros(0, np.int64), float(problem.values[problem.order[: problem.count]].sum()), 1.0
    value_bound = -float(
        milp_solution.mip_dual_bound if milp_solution.mip_dual_bound is not None else milp_solution.fun
    )
    return candidates[milp_solution.x[:n] > 0.5], value_bound, float(milp_solution.x[n:].sum())


def _cover_cliques(problem: SubsetProblem, candidates: Ints) -> list[Ints]:
    """Sets of points of which only one can be chosen, until every near pair is in one of them."""
    # A clique row says "one of these", a pair row "one of these two": with cliques the relaxed programme is
    # almost whole already, with pairs it takes half of every point.
    near_pairs = _near_pairs(problem, candidates)
    is_near = np.zeros((len(candidates), len(candidates)), dtype=bool)
    is_near[near_pairs[:, 0], near_pairs[:, 1]] = is_near[near_pairs[:, 1], near_pairs[:, 0]] = True
    is_uncovered = is_near.copy()
    cliques: list[Ints] = []
    for i, j in near_pairs[np.lexsort((near_pairs.max(axis=1), near_pairs.min(axis=1)))].tolist():
        if not is_uncovered[i, j]:
            continue
        clique, is_common = [i, j], is_near[i] & is_near[j]
        while is_common.any():
            best_column = int(np.argmax((is_uncovered[clique][:, is_common]).sum(axis=0)))
            best_candidate = int(np.flatnonzero(is_common)[best_column])
            clique.append(best_candidate)
            is_common &= is_near[best_candidate]
        clique_index = np.array(clique)
        is_uncovered[np.ix_(clique_index, clique_index)] = False
        cliques.append(clique_index)
    return cliques


def _clique_rows(cliques: list[Ints], width: int) -> coo_array:
    """One row of ones for each clique."""
    clique_sizes = [len(clique) for clique in cliques]
    row_index = np.repeat(np.arange(len(cliques)), clique_sizes)
    return coo_array(
        (np.ones(len(row_index)), (row_index, np.concatenate(cliques))), shape=(len(cliques), width)
    )

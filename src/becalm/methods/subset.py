"""The best subset of points: greatest total value under a size, a separation, and bounds for groups.

Without separation the bounds are those of a partition, and taking the best first is exact (J. Edmonds,
"Matroids and the greedy algorithm", Mathematical Programming 1 (1971) 127-136). With it, the problem is a
greatest-weight independent set with side constraints: a mixed-integer programme over the best points, with
one inequality for each clique of points that exclude each other, and for each group one variable that stands
for all points left out of the programme, worth as much as the best of them. Where that variable stays 0 the
answer is exact for all points; otherwise the programme's optimum bounds what any subset can reach.
"""

from __future__ import annotations

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
        best = np.argsort(-self.values, kind="stable")
        return best[~self.barred[best]]


@dataclass(frozen=True, slots=True)
class Subset:
    """The chosen points, best first; their total; and what no other subset exceeds."""

    chosen: Ints
    value: float
    bound: float

    @property
    def exact(self) -> bool:
        """Whether no subset is better (but for rounding)."""
        return self.bound <= self.value * (1.0 + 1e-6) + 1e-9


def best_subset(problem: SubsetProblem) -> Subset | None:
    """Which points are chosen? None where no subset keeps the bounds (or, rarely, none was found)."""
    if problem.separation <= 0.0:
        chosen = greedy_subset(problem)
        return _subset(problem, chosen) if keeps(problem, chosen) else None
    points = FIRST_POINTS * problem.count + 50
    while True:
        points = min(points, MOST_POINTS)
        inside = _candidates(problem, points)
        solved = _programme(problem, inside)
        if solved is None:
            return None
        chosen, bound, outsiders = solved
        if outsiders < NEGLIGIBLE or points == MOST_POINTS or len(inside) == len(problem.order):
            break
        points *= 3
    topped = [greedy_subset(problem, first=first) for first in (chosen, np.zeros(0, np.int64))]
    sound = [_subset(problem, made, bound) for made in topped if keeps(problem, made)]
    return max(sound, key=lambda made: made.value, default=None)


def greedy_subset(problem: SubsetProblem, *, first: Ints | None = None) -> Ints:
    """Choose the forced points, those in `first`, the best up to each floor, then the best that fit."""
    taking, order = _Taking(problem), problem.order
    for point in np.flatnonzero(problem.forced).tolist():
        taking.take(point)
    if first is not None:
        taking.fill(first, problem.count)
    for g in np.flatnonzero(problem.floors > 0):
        held = int(problem.caps[g] - taking.left[g])
        taking.fill(order[problem.group[order] == g], int(problem.floors[g]) - held)
    taking.fill(order, problem.count)
    made = np.array(taking.chosen, dtype=np.int64)
    return made[np.lexsort((made, -problem.values[made]))]


class _Taking:
    """Points as they are taken one by one, and which are still free."""

    def __init__(self, problem: SubsetProblem) -> None:
        self.problem = problem
        self.free = ~problem.barred
        self.left = problem.caps.copy()
        self.chosen: list[int] = []

    def take(self, point: int) -> None:
        """Take this point; all that are too near are no longer free."""
        problem = self.problem
        self.chosen.append(point)
        self.free[point] = False
        if problem.separation > 0.0:
            apart = np.hypot(problem.x - problem.x[point], problem.y - problem.y[point])
            self.free[apart < problem.separation] = False
        if problem.group[point] >= 0:
            self.left[problem.group[point]] -= 1

    def fill(self, points: Ints, at_most: int) -> None:
        """Take the first of these points that are free, as many as there is room for."""
        for point in points.tolist():
            if at_most <= 0 or len(self.chosen) == self.problem.count:
                return
            group = self.problem.group[point]
            if self.free[point] and (group < 0 or self.left[group] > 0):
                self.take(point)
                at_most -= 1


def keeps(problem: SubsetProblem, chosen: Ints) -> bool:
    """Does this subset keep every bound?"""
    held = _held(problem, chosen)
    return bool(
        len(chosen) <= problem.count
        and len(np.unique(chosen)) == len(chosen)
        and problem.forced[chosen].sum() == problem.forced.sum()
        and not problem.barred[chosen].any()
        and (held >= problem.floors).all()
        and (held <= problem.caps).all()
        and not len(_near(problem, chosen))
    )


def most_in_group(problem: SubsetProblem, group: int, *, enough: int) -> int:
    """How many points can this group give at most, as far apart as they must be?

    Where taking one after the other already gives `enough`, the answer is that.
    """
    inside = problem.order[problem.group[problem.order] == group]
    if problem.separation <= 0.0 or len(inside) < 2:
        return len(inside)
    alone = replace(problem, barred=problem.barred | (problem.group != group), count=enough)
    quick = greedy_subset(replace(alone, floors=0 * alone.floors, forced=alone.forced & ~alone.barred))
    if len(quick) >= enough or len(inside) > MOST_POINTS:
        return len(quick)
    cliques = _cliques(problem, inside)
    found = milp(
        -np.ones(len(inside)),
        integrality=np.ones(len(inside)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(_rows(cliques, len(inside)), -np.inf, 1)] if cliques else [],
        options={"node_limit": MOST_NODES},
    )
    return round(-found.fun) if found.x is not None else 0


def _subset(problem: SubsetProblem, chosen: Ints, bound: float | None = None) -> Subset:
    value = float(problem.values[chosen].sum())
    return Subset(chosen, value, value if bound is None else max(bound, value))


def _held(problem: SubsetProblem, chosen: Ints) -> Ints:
    groups = problem.group[chosen]
    return np.bincount(groups[groups >= 0], minlength=len(problem.floors))


def _near(problem: SubsetProblem, points: Ints) -> Ints:
    """The pairs (positions in `points`) that are nearer than the separation."""
    if problem.separation <= 0.0 or len(points) < 2:
        return np.zeros((0, 2), np.int64)
    x, y = problem.x[points], problem.y[points]
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(problem.separation, output_type="ndarray")
    apart = np.hypot(x[pairs[:, 0]] - x[pairs[:, 1]], y[pairs[:, 0]] - y[pairs[:, 1]])
    return np.asarray(pairs[apart < problem.separation], dtype=np.int64)


def _candidates(problem: SubsetProblem, points: int) -> Ints:
    """The best points of all, the best of each group with a floor, and all forced ones, best first."""
    order = problem.order
    kept = np.zeros(len(problem.values), dtype=bool)
    kept[order[:points]] = True
    kept |= problem.forced
    for g in np.flatnonzero(problem.floors > 0):
        kept[order[problem.group[order] == g][: max(40, 8 * int(problem.floors[g]))]] = True
    return order[kept[order]]


def _programme(problem: SubsetProblem, inside: Ints) -> tuple[Ints, float, float] | None:
    """The best subset of these points, a bound for all points, and how many outsiders the bound used."""
    groups, n = len(problem.floors), len(inside)
    outside = np.setdiff1d(problem.order, inside)
    kinds = problem.group[outside]
    worth = np.array([problem.values[outside[kinds == g]].max(initial=0.0) for g in range(-1, groups)])
    room = np.array([np.count_nonzero(kinds == g) for g in range(-1, groups)], dtype=float)
    members = np.zeros((groups, n + groups + 1))
    members[np.arange(groups), n + 1 + np.arange(groups)] = 1.0
    grouped = np.flatnonzero(problem.group[inside] >= 0)
    members[problem.group[inside][grouped], grouped] = 1.0
    limits = [LinearConstraint(np.ones((1, n + groups + 1)), 0, problem.count)]
    if groups:
        limits.append(LinearConstraint(members, problem.floors, np.minimum(problem.caps, problem.count)))
    cliques = _cliques(problem, inside)
    if cliques:
        limits.append(LinearConstraint(_rows(cliques, n + groups + 1), -np.inf, 1))
    found = milp(
        -np.concatenate([problem.values[inside], worth]),
        integrality=np.concatenate([np.ones(n), np.zeros(groups + 1)]),
        bounds=Bounds(
            np.concatenate([problem.forced[inside].astype(float), np.zeros(groups + 1)]),
            np.concatenate([np.ones(n), np.minimum(room, problem.count)]),
        ),
        constraints=limits,
        options={"node_limit": MOST_NODES, "mip_rel_gap": 1e-7},
    )
    if found.status == INFEASIBLE:
        return None
    if found.x is None:
        return np.zeros(0, np.int64), float(problem.values[problem.order[: problem.count]].sum()), 1.0
    bound = -float(found.mip_dual_bound if found.mip_dual_bound is not None else found.fun)
    return inside[found.x[:n] > 0.5], bound, float(found.x[n:].sum())


def _cliques(problem: SubsetProblem, inside: Ints) -> list[Ints]:
    """Sets of points of which only one can be chosen, until every near pair is in one of them."""
    pairs = _near(problem, inside)
    near = np.zeros((len(inside), len(inside)), dtype=bool)
    near[pairs[:, 0], pairs[:, 1]] = near[pairs[:, 1], pairs[:, 0]] = True
    open_ = near.copy()
    cliques: list[Ints] = []
    for i, j in pairs[np.lexsort((pairs.max(axis=1), pairs.min(axis=1)))].tolist():
        if not open_[i, j]:
            continue
        clique, common = [i, j], near[i] & near[j]
        while common.any():
            added = int(np.argmax((open_[clique][:, common]).sum(axis=0)))
            point = int(np.flatnonzero(common)[added])
            clique.append(point)
            common &= near[point]
        members = np.array(clique)
        open_[np.ix_(members, members)] = False
        cliques.append(members)
    return cliques


def _rows(cliques: list[Ints], width: int) -> coo_array:
    """One row of ones for each clique."""
    lengths = [len(clique) for clique in cliques]
    rows = np.repeat(np.arange(len(cliques)), lengths)
    return coo_array((np.ones(len(rows)), (rows, np.concatenate(cliques))), shape=(len(cliques), width))

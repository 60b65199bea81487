"""The chosen list against every list that could have been chosen, on sets small enough to try them all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from becalm.methods.best_subset import SubsetProblem, best_subset, greedy_subset, is_feasible, most_in_group

FREE = 2**31


def drawn_problem(seed: int, *, size: int = 9) -> SubsetProblem:
    rng = np.random.default_rng(seed)
    floors = rng.integers(0, 3, 2)
    forced, barred = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    if seed % 3 == 0:
        forced[rng.integers(size)] = True
    if seed % 2 == 0:
        barred[rng.integers(size)] = True
        barred &= ~forced
    x, y = rng.random((2, size)) * 4
    return SubsetProblem(
        values=rng.gamma(1.0, 1.0, size),
        x=x,
        y=y,
        count=int(rng.integers(1, 6)),
        separation=float(rng.choice([0.0, 0.7, 1.5])),
        group=rng.integers(-1, 2, size),
        floors=floors,
        caps=np.maximum(floors, rng.choice([0, 1, 2, FREE], 2)),
        forced=forced,
        barred=barred,
    )


def best_by_trying(problem: SubsetProblem) -> float | None:
    tried = (
        np.array(subset, dtype=np.int64)
        for size in range(problem.count + 1)
        for subset in combinations(range(len(problem.values)), size)
    )
    return max((float(problem.values[s].sum()) for s in tried if is_feasible(problem, s)), default=None)


@pytest.mark.parametrize("block", range(5))
def test_no_list_under_the_rules_expects_more_than_the_chosen_one(block):
    for seed in range(60 * block, 60 * block + 60):
        problem = drawn_problem(seed)
        best, made = best_by_trying(problem), best_subset(problem)
        assert (best is None) == (made is None), seed
        if made is not None:
            assert made.value == pytest.approx(best), seed
            assert made.exact, seed


def test_an_area_gives_as_many_places_as_trying_says():
    for seed in range(60):
        problem = drawn_problem(seed)
        alone = [
            size
            for size in range(len(problem.values) + 1)
            for subset in combinations(np.flatnonzero((problem.group == 0) & ~problem.barred), size)
            if _apart(problem, np.array(subset, dtype=np.int64))
        ]
        assert most_in_group(problem, 0, enough=99) == max(alone)


def _apart(problem: SubsetProblem, points: np.ndarray) -> bool:
    x, y = problem.x[points], problem.y[points]
    apart = np.hypot(x[:, None] - x[None], y[:, None] - y[None])
    return bool((apart[np.triu_indices(len(points), 1)] >= problem.separation).all())


def test_a_city_is_solved_exactly_and_taking_the_best_first_is_not_enough():
    """36,100 cells, 250 places 1 km apart, floors and caps in ten strips: the best list beats greedy."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[:190, :190].reshape(2, -1)
    problem = SubsetProblem(
        values=rng.gamma(0.3, 1.0, row.size) + np.exp(-((row - 95) ** 2 + (column - 95) ** 2) / 2000.0) * 2,
        x=150.0 * column,
        y=150.0 * row,
        count=250,
        separation=1000.0,
        group=column // 19,
        floors=np.array([15] + [5] * 9),
        caps=np.full(10, 60),
        forced=np.zeros(row.size, dtype=bool),
        barred=np.zeros(row.size, dtype=bool),
    )
    made = best_subset(problem)
    assert made is not None
    assert is_feasible(problem, made.points)
    greedy = float(problem.values[greedy_subset(problem)].sum())
    assert greedy < made.value <= made.bound
    assert made.bound <= 1.001 * made.value

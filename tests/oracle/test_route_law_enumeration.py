"""The law over walks against every single walk of a small graph, written out one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import route_reference

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes import kernel as route_kernel
from becalm.methods.routes.distribution import Links, Walker

LENGTHS = np.array([1, 2], dtype=np.int64)
Step = tuple[str, int, int, int]  # visit, slot, place, number of length; or pause, slot, 0, 0
WALKS = [
    Walker(slots=9, node=2, pause_done=1, pause_slots=0, pause_first=0, pause_last=-1),
    Walker(slots=9, node=2, pause_done=0, pause_slots=2, pause_first=2, pause_last=5),
    Walker(slots=8, node=0, pause_done=0, pause_slots=3, pause_first=0, pause_last=4),
]


def small_ways(seed: int) -> Links:
    rng = np.random.default_rng(seed)
    slots = rng.integers(1, 3, (3, 2))
    weight = rng.uniform(0.3, 1.5, (3, 2))
    np.fill_diagonal(weight, 0.0)
    return Links(slots, weight, slots * 5.0, np.zeros((3, 2), np.int64), np.array([1, 2, 0]), np.zeros(3))


def small_visits(seed: int, slots: int) -> Floats:
    rng = np.random.default_rng(seed + 100)
    visit = rng.uniform(0.2, 2.0, (slots + 1, 2, 2))
    visit[rng.random(visit.shape) < 0.15] = 0.0
    return visit


def next_visits(
    walk: Walker, visit: Floats, ways: Links, t: int, i: int
) -> Iterator[tuple[float, int, int, int]]:
    """Every visit for which one may set off from node i in slot t, with its weight."""
    for j in range(2):
        start = t + int(ways.slots[i, j])
        for number, length in enumerate(LENGTHS):
            if start + length <= walk.slots and ways.weight[i, j] * visit[start, j, number] > 0:
                yield float(ways.weight[i, j] * visit[start, j, number]), start, j, number


def all_walks(
    walk: Walker, visit: Floats, ways: Links, state: tuple[int, int, int], waited: bool = False
) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """Every walk from a state on, with its weight: go home, pause, visit somewhere, or wait a slot."""
    t, i, m = state
    if m == 1 and not waited and t + ways.home_slots[i] <= walk.slots:
        yield 1.0, ()
    if m == 0 and walk.pause_first <= t <= walk.pause_last and t + walk.pause_slots <= walk.slots:
        for weight, rest in all_walks(walk, visit, ways, (t + walk.pause_slots, i, 1)):
            yield weight, (("pause", t, 0, 0), *rest)
    for step_weight, start, j, number in next_visits(walk, visit, ways, t, i):
        for weight, rest in all_walks(walk, visit, ways, (start + int(LENGTHS[number]), j, m)):
            yield step_weight * weight, (("visit", start, j, number), *rest)
    if t + 1 <= walk.slots:
        yield from all_walks(walk, visit, ways, (t + 1, i, m), waited=True)


def listed(walk: Walker, visit: Floats, ways: Links) -> dict[tuple[Step, ...], float]:
    weight_of_walk: dict[tuple[Step, ...], float] = {}
    for weight, steps in all_walks(walk, visit, ways, (0, walk.node, walk.pause_done)):
        assert steps not in weight_of_walk, "each walk is counted once"
        weight_of_walk[steps] = weight
    return weight_of_walk


@pytest.fixture(params=[(walk, seed) for walk in WALKS for seed in range(3)])
def case(request: pytest.FixtureRequest) -> tuple[Walker, Floats, Links]:
    walk, seed = request.param
    return walk, small_visits(seed, walk.slots), small_ways(seed)


def test_the_law_sums_the_weights_of_all_walks(case: tuple[Walker, Floats, Links]) -> None:
    walk, visit, ways = case
    value = route_reference.sum_backward(walk, visit, LENGTHS, ways)
    assert value.free_sums[walk.pause_done, 0, walk.node] == pytest.approx(
        sum(listed(*case).values()), rel=1e-12
    )


def test_marginals_and_entropy_are_those_of_the_list(case: tuple[Walker, Floats, Links]) -> None:
    walk, visit, ways = case
    weights = listed(*case)
    total = sum(weights.values())
    starts, lengths, entropy = np.zeros((walk.slots + 1, 2)), np.zeros((2, 2)), 0.0
    for steps, weight in weights.items():
        entropy -= weight / total * np.log(weight / total)
        for kind, slot, place, number in steps:
            if kind == "visit":
                starts[slot, place] += weight / total
                lengths[place, number] += weight / total
    marginals = route_reference.compute_marginals(walk, visit, LENGTHS, ways)
    value = route_reference.sum_backward(walk, visit, LENGTHS, ways)
    np.testing.assert_allclose(marginals.start_chance, starts, atol=1e-12)
    np.testing.assert_allclose(marginals.visits_by_length, lengths, atol=1e-12)
    assert marginals.last_node.sum() == pytest.approx(1.0)
    assert route_reference.compute_entropy(value, marginals, walk, ways) == pytest.approx(entropy, abs=1e-10)


def test_the_compiled_kernel_gives_the_bits_of_the_reference(case: tuple[Walker, Floats, Links]) -> None:
    walk, visit, ways = case
    value = route_kernel.sum_backward(walk, visit, LENGTHS, ways)
    for ours, theirs in zip(value, route_reference.sum_backward(walk, visit, LENGTHS, ways), strict=True):
        assert (ours == theirs).all()
    marginals = route_kernel.compute_marginals(walk, visit, LENGTHS, ways, value, True)
    for ours, theirs in zip(
        marginals, route_reference.compute_marginals(walk, visit, LENGTHS, ways), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert route_kernel.compute_entropy(value, marginals, walk, ways) == pytest.approx(
        route_reference.compute_entropy(value, marginals, walk, ways), abs=1e-9
    )


def drawn(
    case: tuple[Walker, Floats, Links], draws: Ints, apart: Ints
) -> tuple[tuple[Step, ...], float, bool]:
    walk, visit, ways = case
    value = route_kernel.sum_backward(walk, visit, LENGTHS, ways)
    visits, pause, log_p, well = route_kernel.draw_route(walk, visit, LENGTHS, ways, value, draws, apart)
    steps = [("visit", *(int(x) for x in row)) for row in visits]
    if pause >= 0:
        steps = sorted([*steps, ("pause", pause, 0, 0)], key=lambda step: step[1])
    return tuple(steps), log_p, well


def test_walks_are_drawn_as_often_as_their_weights_say() -> None:
    case = (WALKS[1], small_visits(1, 9), small_ways(1))
    weights = listed(*case)
    total, rng, times = sum(weights.values()), np.random.default_rng(7), 6_000
    walk_counts: dict[tuple[Step, ...], int] = {}
    for _ in range(times):
        draws = rng.integers(0, 2**64, 60, dtype=np.uint64)
        steps, log_p, well = drawn(case, draws, np.zeros(2, np.int64))
        assert well
        assert log_p == pytest.approx(np.log(weights[steps] / total), abs=1e-9)
        walk_counts[steps] = walk_counts.get(steps, 0) + 1
    common = [steps for steps, weight in weights.items() if weight / total * times > 10]
    expected = np.array([weights[steps] / total * times for steps in common])
    observed = np.array([walk_counts.get(steps, 0) for steps in common])
    assert len(common) > 20
    chi2 = float(((observed - expected) ** 2 / expected).sum())
    assert abs(chi2 - len(common)) < 5 * np.sqrt(2 * len(common))


def test_a_walk_keeps_its_own_visits_to_a_place_apart() -> None:
    case = (WALKS[0], small_visits(2, 9), small_ways(2))
    rng = np.random.default_rng(3)
    for _ in range(300):
        draws = rng.integers(0, 2**64, 60, dtype=np.uint64)
        steps, _, well = drawn(case, draws, np.array([4, 0]))
        own_visits = [(slot, slot + int(LENGTHS[number])) for _, slot, place, number in steps if place == 0]
        assert well
        assert all(later[0] - earlier[1] >= 4 for earlier, later in pairwise(own_visits))

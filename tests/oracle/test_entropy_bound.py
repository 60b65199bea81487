"""Walkers summed eight at a time are each by itself: the reference in NumPy and every single route say so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import route_reference
from patrol_requests import KEY, place, request, shift

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.route_sums import LANES, expect_visits
from becalm.methods.routes.route_types import Walker
from becalm.patrol.core import unpredictability_bound
from becalm.patrol.core.plan import plan_bursts

LENGTHS = np.array([1, 2], dtype=np.int64)
WALKS = [
    Walker(slots=9, node=2, pause_done=1, pause_slots=0, pause_first=0, pause_last=-1),
    Walker(slots=9, node=2, pause_done=0, pause_slots=2, pause_first=2, pause_last=5),
    Walker(slots=8, node=0, pause_done=0, pause_slots=3, pause_first=0, pause_last=4),
]


def small_case(walk: Walker, seed: int) -> tuple[Ints, Ints, Floats]:
    rng = np.random.default_rng(seed)
    visit_weight = rng.uniform(0.2, 2.0, (walk.slots + 1, 2, 2, LANES))
    visit_weight[rng.random(visit_weight.shape) < 0.15] = 0.0
    return rng.integers(1, 3, (3, 2)), np.array([1, 2, 0]), visit_weight


def weights_of_all(
    walk: Walker, slots: Ints, home: Ints, visit_weight: Floats, state: tuple[int, int, int], waited: bool
) -> Iterator[float]:
    """The weight of every route from a state on: go home, pause, visit somewhere, or wait a slot."""
    t, i, m = state
    if m == 1 and not waited and t + home[i] <= walk.slots:
        yield 1.0
    if m == 0 and walk.pause_first <= t <= walk.pause_last and t + walk.pause_slots <= walk.slots:
        yield from weights_of_all(walk, slots, home, visit_weight, (t + walk.pause_slots, i, 1), False)
    for j in range(2):
        start = t + int(slots[i, j])
        for number, length in enumerate(LENGTHS.tolist()):
            if start + length <= walk.slots and visit_weight[start, j, number] > 0:
                for rest in weights_of_all(walk, slots, home, visit_weight, (start + length, j, m), False):
                    yield float(visit_weight[start, j, number]) * rest
    if t + 1 <= walk.slots:
        yield from weights_of_all(walk, slots, home, visit_weight, (t + 1, i, m), True)


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("seed", range(3))
def test_eight_at_a_time_are_each_by_itself(walk: Walker, seed: int) -> None:
    slots, home, visit_weight = small_case(walk, seed)
    expected, log_z = expect_visits(walk, slots, home, visit_weight, LENGTHS)
    for k in range(LANES):
        z, reference = route_reference.sum_routes(walk, slots, home, visit_weight[..., k], LENGTHS)
        assert log_z[k] == pytest.approx(np.log(z))
        np.testing.assert_allclose(expected[..., k], reference, atol=1e-12)
    own = visit_weight[..., 0]
    total = sum(weights_of_all(walk, slots, home, own, (0, walk.node, walk.pause_done), False))
    assert np.exp(log_z[0]) == pytest.approx(total, rel=1e-12)


def test_places_taken_together_only_raise_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [place(f"p{n}", 700.0 * n) for n in range(8)]
    inputs = request(places, [shift(f"u{n}", hour=7 + n) for n in range(3)])
    own = plan_bursts(inputs, key=KEY, bound=True)
    monkeypatch.setattr(unpredictability_bound, "MOST_GROUPS", 3)
    grouped = plan_bursts(inputs, key=KEY, distribution=own.distribution, bound=True)
    assert own.bits <= own.bound_bits <= grouped.bound_bits < 1.2 * own.bound_bits

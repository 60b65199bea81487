"""What holds for floating boxes on any points: brute force, turning, weighing, doubling."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.methods.square_placement import Boxes, place_squares

seeds = st.integers(0, 2**32 - 1)
SIDE = 30.0


def drawn(seed: int, *, points: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of which no two share a coordinate, with weights that make no two boxes equal."""
    rng = np.random.default_rng(seed)
    return *(rng.random((2, points)) * 150), rng.random(points) + 0.1


def holds(boxes: Boxes, i: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, bottom = boxes.left_m[i], boxes.bottom_m[i]
    return (x >= left) & (x <= left + boxes.side_m) & (y >= bottom) & (y <= bottom + boxes.side_m)


def best_free(
    x: np.ndarray, y: np.ndarray, left_weight: np.ndarray, laid: list[tuple[float, float]]
) -> float:
    """The most that any square can catch that overlaps none laid: every corner that could matter is tried."""
    lefts = [*x, *(x - SIDE), *(a + s for a, _ in laid for s in (-SIDE, SIDE))]
    bottoms = [*y, *(y - SIDE), *(b + s for _, b in laid for s in (-SIDE, SIDE))]
    best = 0.0
    for left in lefts:
        for bottom in bottoms:
            if any(abs(left - a) < SIDE - 1e-9 and abs(bottom - b) < SIDE - 1e-9 for a, b in laid):
                continue
            inside = (x >= left) & (x <= left + SIDE) & (y >= bottom) & (y <= bottom + SIDE)
            best = max(best, float(left_weight[inside].sum()))
    return best


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_each_box_catches_what_brute_force_finds_to_be_the_most_that_is_left(seed):
    x, y, weights = drawn(seed, points=14)
    boxes = place_squares(x, y, weights, side_m=SIDE, count=6)
    left, laid = weights.copy(), []
    for i in range(len(boxes.caught_weight)):
        assert np.isclose(boxes.caught_weight[i], best_free(x, y, left, laid))
        inside = holds(boxes, i, x, y)
        assert np.isclose(boxes.caught_weight[i], left[inside].sum())
        left[inside] = 0.0
        laid.append((boxes.left_m[i], boxes.bottom_m[i]))


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_turning_the_city_by_a_right_angle_turns_the_first_box_with_it(seed):
    x, y, weights = drawn(seed)
    here = place_squares(x, y, weights, side_m=SIDE, count=1)
    there = place_squares(-y, x, weights, side_m=SIDE, count=1)
    assert np.isclose(here.caught_weight[0], there.caught_weight[0])
    assert np.array_equal(holds(here, 0, x, y), holds(there, 0, -y, x))
    assert np.isclose(there.bottom_m[0], here.left_m[0])
    assert np.isclose(there.left_m[0], -(here.bottom_m[0] + SIDE))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, factor=st.sampled_from([0.25, 2.0, 1024.0]))
def test_a_point_twice_is_a_point_of_double_weight_and_the_unit_of_weights_moves_no_box(seed, factor):
    x, y, weights = drawn(seed)
    once = place_squares(x, y, weights, side_m=SIDE, count=8)
    halved = (np.tile(values, 2) for values in (x, y, weights / 2.0))
    for boxes, unit in (
        (place_squares(*halved, side_m=SIDE, count=8), 1.0),
        (place_squares(x, y, factor * weights, side_m=SIDE, count=8), factor),
    ):
        assert np.allclose(boxes.left_m, once.left_m)
        assert np.allclose(boxes.bottom_m, once.bottom_m)
        assert np.allclose(boxes.caught_weight, unit * once.caught_weight)


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_what_the_first_box_holds_lies_in_its_middle(seed):
    x, y, weights = drawn(seed)
    boxes = place_squares(x, y, weights, side_m=SIDE, count=1)
    inside = holds(boxes, 0, x, y)
    for values, edge in ((x, boxes.left_m[0]), (y, boxes.bottom_m[0])):
        assert np.isclose(values[inside].min() - edge, edge + SIDE - values[inside].max(), atol=1e-6)

"""What holds for places of every shape, wherever and however they are laid."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.methods.place_set import Lattice, clip_tiles, cut_at_junctions
from becalm.methods.square_placement import place_squares

seeds = st.integers(0, 2**32 - 1)
turns = st.floats(-180, 180)
shapes = st.sampled_from(["square", "hexagon"])


@settings(max_examples=40, deadline=None)
@given(seed=seeds, shape=shapes, turn=turns, width=st.floats(20, 200))
def test_tiles_cut_a_region_into_parts_that_miss_nothing_and_share_nothing(seed, shape, turn, width):
    rng = np.random.default_rng(seed)
    region = shapely.convex_hull(shapely.multipoints(rng.random((12, 2)) * 600 + [530_000, 180_000]))
    lattice = Lattice(shape, width, turn)
    a, b, outlines = clip_tiles(lattice, region)
    assert np.isclose(shapely.area(outlines).sum(), region.area, rtol=1e-6)
    assert np.isclose(shapely.union_all(outlines, grid_size=1e-4).area, region.area, rtol=1e-5)
    points = rng.random((50, 2)) * 600 + [530_000, 180_000]
    at = dict(zip(zip(*lattice.tile_of(points[:, 0], points[:, 1]), strict=True), points, strict=True))
    tiles = dict(zip(zip(a, b, strict=True), outlines, strict=True))
    for tile, point in at.items():
        if region.buffer(-0.01).contains(shapely.Point(point)):
            assert tiles[tile].distance(shapely.Point(point)) < 1e-5


@settings(max_examples=40, deadline=None)
@given(seed=seeds, shape=shapes, turn=turns)
def test_turning_the_city_and_the_tiles_alike_changes_no_tile(seed, shape, turn):
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, 60)) * 3_000
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    straight = Lattice(shape, 100.0).tile_of(x, y)
    turned = Lattice(shape, 100.0, turn).tile_of(x * cosine - y * sine, x * sine + y * cosine)
    assert np.array_equal(straight, turned)


@settings(max_examples=60, deadline=None)
@given(
    points=st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 4)), min_size=1, max_size=14
    )
)
def test_boxes_never_overlap_and_the_first_catches_all_that_one_box_can(points):
    x, y, weights = (np.array(axis, dtype=np.float64) for axis in zip(*points, strict=True))
    boxes = place_squares(10 * x, 10 * y, weights, side_m=30.0, count=8)
    inside = [weights[(x >= a) & (x <= a + 3) & (y >= b) & (y <= b + 3)].sum() for a in x for b in y]
    assert boxes.caught_weight[0] == max(inside)
    assert (np.diff(boxes.caught_weight) <= 0).all()
    assert boxes.caught_weight.sum() <= weights.sum()
    for i in range(len(boxes.caught_weight)):
        for j in range(i):
            apart = (abs(boxes.left_m[i] - boxes.left_m[j]), abs(boxes.bottom_m[i] - boxes.bottom_m[j]))
            assert max(apart) >= 30.0


@settings(max_examples=40, deadline=None)
@given(seed=seeds, east=st.integers(-5_000, 5_000))
def test_boxes_follow_the_city_when_it_is_moved_or_told_in_another_order(seed, east):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 300, (2, 40)).astype(np.float64)
    weights, shuffled = rng.integers(1, 4, 40).astype(np.float64), rng.permutation(40)
    here = place_squares(x, y, weights, side_m=50.0, count=5)
    there = place_squares((x + east)[shuffled], y[shuffled], weights[shuffled], side_m=50.0, count=5)
    assert np.array_equal(here.left_m + east, there.left_m)
    assert np.array_equal(here.caught_weight, there.caught_weight)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, junction_m=st.floats(0, 80))
def test_no_street_is_lost_or_counted_twice_whatever_the_order_of_the_file(seed, junction_m):
    rng = np.random.default_rng(seed)
    nodes = np.unique(rng.integers(0, 20, (12, 2)) * 50.0, axis=0)
    pairs = {tuple(sorted(rng.choice(len(nodes), 2, replace=False))) for _ in range(14)}
    lines = np.array([shapely.LineString(nodes[list(pair)]) for pair in sorted(pairs)], dtype=object)
    made = cut_at_junctions(lines, junction_m=junction_m)
    again = cut_at_junctions(shapely.reverse(lines[rng.permutation(len(lines))]), junction_m=junction_m)
    assert (
        abs(shapely.length(made.shapes).sum() - shapely.length(lines).sum()) < 0.1 * len(made.shapes) + 0.01
    )
    assert np.array_equal(made.points, again.points)

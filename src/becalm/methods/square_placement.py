"""Squares of one size, sides along the axes, placed where they catch most, one after the other.

Of all squares that overlap none placed before, the one with the largest sum of weights comes next
(greedy). A best square can be moved until a point, or a square placed before, stops it on its left and
below, so only finitely many positions need trying; once found, it is moved back so that what it holds lies
in its middle, as far as the squares placed before let it. What a point could reach never grows as squares
are placed: a bound once found stays one, and most points are tried only a few times (lazy greedy: M. Minoux,
"Accelerated greedy algorithms for maximizing submodular set functions", 1978).
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numba import njit

from becalm.methods.arrays import Floats


@dataclass(frozen=True, slots=True)
class Boxes:
    """Squares of `side_m` in the order in which they were placed: left and lower edge, and weight caught."""

    side_m: float
    left_m: Floats
    bottom_m: Floats
    caught_weight: Floats


def place_squares(
    x_m: Floats, y_m: Floats, weights: Floats, *, side_m: float, count: int, least: float = 0.0
) -> Boxes:
    """Which squares, one after the other and never overlapping, catch most weight?

    Squares hold their edges; what lies on the edge of two belongs to the one laid first. Ends after
    `count` squares, or where the next would catch `least` or less. Equal squares: the first by the
    points' order from west to east, then south to north.
    """
    if not (np.isfinite(side_m) and side_m > 0):
        raise ValueError(f"A square with a side of {side_m} m is none.")
    west_first = np.lexsort((y_m, x_m))
    x, y, weight_left = x_m[west_first], y_m[west_first], weights[west_first].astype(np.float64)
    left_edges, low_edges = np.zeros(count), np.zeros(count)
    caught_weight: list[float] = []
    # Bounds never grow as squares are placed: the top of the queue is best once its bound is of this round.
    box_queue = [(-np.inf, i, -1) for i in range(len(x)) if weight_left[i] > 0]
    heapq.heapify(box_queue)
    while box_queue and len(caught_weight) < count:
        bound, i, bound_round = heapq.heappop(box_queue)
        placed_count = len(caught_weight)
        placed_corners = left_edges[:placed_count], low_edges[:placed_count]
        best_weight, left, bottom = _best_through(x, y, weight_left, *placed_corners, i, side_m)
        if best_weight <= least:
            continue
        if bound_round < placed_count and box_queue and -best_weight > box_queue[0][0]:
            heapq.heappush(box_queue, (-best_weight, i, placed_count))
            continue
        points_inside = _points_inside(x, y, weight_left, (left, bottom), side_m)
        left, bottom = _centre_box(*points_inside, *placed_corners, (left, bottom), side_m)
        left_edges[placed_count], low_edges[placed_count] = left, bottom
        caught_weight.append(best_weight)
        _remove_weight(x, y, weight_left, left, bottom, side_m)
        # The same point may bound another square yet: without this the next one on its edge would be lost.
        heapq.heappush(box_queue, (bound if np.isfinite(bound) else -best_weight, i, -1))
    placed_count = len(caught_weight)
    return Boxes(
        side_m, left_edges[:placed_count].copy(), low_edges[:placed_count].copy(), np.array(caught_weight)
    )


@njit(cache=True)
def _best_through(
    x: Floats, y: Floats, weights: Floats, lefts: Floats, bottoms: Floats, point: int, side: float
) -> tuple[float, float, float]:
    """The best free square that holds this point, with its left edge at it or at a square that stops it."""
    is_near = (np.abs(lefts - x[point]) <= 2.0 * side) & (np.abs(bottoms - y[point]) <= 2.0 * side)
    lefts, bottoms = lefts[is_near], bottoms[is_near]
    best_weight, best_left, best_bottom = -1.0, 0.0, 0.0
    for k in range(-1, 2 * len(lefts)):
        left_m = x[point] if k < 0 else _stopped_edge(lefts[k // 2], k, side)
        if left_m <= x[point] <= left_m + side:
            first, end = np.searchsorted(x, left_m), np.searchsorted(x, left_m + side, side="right")
            is_live = (weights[first:end] > 0.0) & (np.abs(y[first:end] - y[point]) <= side)
            heights, live_weights = y[first:end][is_live], weights[first:end][is_live]
            caught_weight, bottom = _best_on_edge(
                heights, live_weights, left_m, lefts, bottoms, y[point], side
            )
            if caught_weight > best_weight:
                best_weight, best_left, best_bottom = caught_weight, left_m, bottom
    return best_weight, best_left, best_bottom


@njit(cache=True)
def _best_on_edge(
    heights: Floats, weights: Floats, left: float, lefts: Floats, bottoms: Floats, y_point: float, side: float
) -> tuple[float, float]:
    """What the best free square with this left edge that holds the point catches, and its bottom."""
    best_weight, best_bottom = -1.0, 0.0
    for k in range(-len(heights), 2 * len(lefts)):
        bottom_m = heights[k + len(heights)] if k < 0 else _stopped_edge(bottoms[k // 2], k, side)
        if not bottom_m <= y_point <= bottom_m + side:
            continue
        if np.any((np.abs(lefts - left) < side) & (np.abs(bottoms - bottom_m) < side)):
            continue
        caught_weight = weights[(heights >= bottom_m) & (heights <= bottom_m + side)].sum()
        if caught_weight > best_weight:
            best_weight, best_bottom = caught_weight, bottom_m
    return best_weight, best_bottom


@njit(cache=True)
def _stopped_edge(edge: float, k: int, side: float) -> float:
    """The edge of a square stopped by one laid before: just after it, or just before it."""
    return edge + side if k % 2 == 0 else edge - side


@njit(cache=True)
def _centre_box(
    east: Floats, north: Floats, lefts: Floats, bottoms: Floats, corner: tuple[float, float], side: float
) -> tuple[float, float]:
    """The same square, moved so that what it holds lies in its middle, unless one laid before stops it."""
    left_m, bottom = corner
    left_m = _move_edge(left_m, east.min(), east.max(), lefts[np.abs(bottoms - bottom) < side], side)
    is_beside = np.abs(lefts - left_m) < side
    return left_m, _move_edge(bottom, north.min(), north.max(), bottoms[is_beside], side)


@njit(cache=True)
def _points_inside(
    x: Floats, y: Floats, weights: Floats, corner: tuple[float, float], side: float
) -> tuple[Floats, Floats]:
    """The points with weight left that the square holds."""
    left, bottom = corner
    first, end = np.searchsorted(x, left), np.searchsorted(x, left + side, side="right")
    is_inside = (weights[first:end] > 0.0) & (y[first:end] >= bottom) & (y[first:end] <= bottom + side)
    return x[first:end][is_inside], y[first:end][is_inside]


@njit(cache=True)
def _move_edge(
    edge: float, lowest_point: float, highest_point: float, other_edges: Floats, side: float
) -> float:
    """The edge moved so that least and most lie equally far inside, or to the nearest square on its way."""
    centred_edge = (lowest_point + highest_point - side) / 2.0
    for other_edge in other_edges:
        if other_edge <= edge and centred_edge < other_edge + side:
            centred_edge = min(other_edge + side, edge)
        elif other_edge > edge and centred_edge > other_edge - side:
            centred_edge = max(other_edge - side, edge)
    return centred_edge if centred_edge <= lowest_point and highest_point <= centred_edge + side else edge


@njit(cache=True)
def _remove_weight(x: Floats, y: Floats, weights: Floats, left: float, bottom: float, side: float) -> None:
    """What the square holds can be caught no more."""
    for j in range(np.searchsorted(x, left), np.searchsorted(x, left + side, side="right")):
        if bottom <= y[j] <= bottom + side:
            weights[j] = 0.0

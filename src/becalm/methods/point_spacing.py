"""How far apart are the fixed points to which a source moves its records, and what that does to counts.

A record that was moved to the nearest of points `s` apart came from somewhere in that point's cell; a
square cell of side s has a standard deviation of s / sqrt(12) in each direction.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints

AROUND = 4  # neighbours whose mean distance is a point's spacing: on a square grid exactly its step


@dataclass(frozen=True, slots=True)
class Spacing:
    """Of each distinct point: the distance to the nearest other, and the mean to the four nearest."""

    nearest_m: Floats
    around_m: Floats

    @property
    def spread_m(self) -> Floats:
        """The standard deviation in each direction of where a point's records came from."""
        return np.asarray(self.around_m / np.sqrt(12.0))


def point_spacing(x_m: Floats, y_m: Floats) -> Spacing:
    """How far is each of these distinct points from the others? At least two points are needed."""
    if len(x_m) < 2:
        raise ValueError(f"{len(x_m)} points have no spacing. Give at least two.")
    points = np.column_stack([x_m, y_m])
    distances_m, _ = cKDTree(points).query(points, k=min(AROUND, len(points) - 1) + 1)
    other_distances_m = distances_m[:, 1:]
    return Spacing(np.asarray(other_distances_m[:, 0]), np.asarray(other_distances_m.mean(axis=1)))


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value below which half of the weight lies."""
    rising_order = np.argsort(values, kind="stable")
    cumulative_weights = np.cumsum(weights[rising_order])
    return float(values[rising_order][np.searchsorted(cumulative_weights, cumulative_weights[-1] / 2.0)])


def sums_when_displaced(
    x_m: Floats,
    y_m: Floats,
    counts: Ints,
    worth: Floats,
    spread_m: Floats,
    *,
    locate: Callable[[Floats, Floats], Ints],
    size: int,
    rounds: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """The mean and variance of each place's sum when every single record is moved by its point's spread.

    Point i has `counts[i]` records worth `worth[i]` each; `locate` gives the place of a point, -1 for
    none. What is moved onto no place stays where it was.
    """
    point_of_record = np.repeat(np.arange(len(counts)), counts)
    home_place = locate(x_m, y_m)[point_of_record]
    sums_by_round = np.zeros((rounds, size))
    for round_sums in sums_by_round:
        x = x_m[point_of_record] + spread_m[point_of_record] * rng.standard_normal(len(point_of_record))
        y = y_m[point_of_record] + spread_m[point_of_record] * rng.standard_normal(len(point_of_record))
        place_of_record = locate(x, y)
        place_of_record = np.where(place_of_record >= 0, place_of_record, home_place)
        has_place = place_of_record >= 0
        round_sums += np.bincount(place_of_record[has_place], worth[point_of_record][has_place], size)
    return sums_by_round.mean(axis=0), sums_by_round.var(axis=0, ddof=1)

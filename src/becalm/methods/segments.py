"""Stretches of line between junctions, and the arms of the junctions themselves.

No length is lost or counted twice: what an arm takes from a stretch, the stretch no longer has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from becalm.methods.arrays import Bools, Floats, Shapes

DECIMALS = 2  # ends nearer than a centimetre are one
LEAST_M = 0.05  # shorter pieces are the noise of cutting
ARMS_OF_A_JUNCTION = 3


@dataclass(frozen=True, slots=True)
class Stretches:
    """Lines between junctions (`is_junction` False) and the arms of each junction as one shape (True)."""

    shapes: Shapes
    is_junction: Bools
    points: Floats  # the middle of each stretch, the place of each junction; shape (n, 2)


def between_junctions(lines: Shapes, *, junction_m: float = 0.0) -> Stretches:
    """Which stretches lie between junctions, each junction with `junction_m` of its arms apart?

    Lines join where their ends meet; where only two meet they become one stretch. Doubled lines (a
    street told in both directions) count once. Order of the input does not matter.
    """
    lines = np.asarray(shapely.normalize(shapely.set_precision(lines, 10.0**-DECIMALS)), dtype=object)
    lines = lines[shapely.length(lines) > LEAST_M]
    distinct = sorted({shapely.to_wkb(line): line for line in lines}.items())
    if not distinct:
        raise ValueError("There is not one line with a length.")
    merged = shapely.line_merge(shapely.multilinestrings([line for _, line in distinct]))
    parts = np.asarray(shapely.normalize(shapely.get_parts(merged)), dtype=object)
    parts = parts[np.argsort(shapely.to_wkb(parts))]
    if junction_m <= 0.0:
        return Stretches(parts, np.zeros(len(parts), dtype=bool), _middles(parts))
    return _with_junctions(parts, junction_m)


def _with_junctions(parts: Shapes, junction_m: float) -> Stretches:
    ends = np.stack([_at(parts, 0), _at(parts, -1)], axis=1)
    nodes, at, degree = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    at = at.reshape(-1, 2)
    crossing = degree >= ARMS_OF_A_JUNCTION
    arms: dict[int, list[BaseGeometry]] = {}
    left: list[BaseGeometry] = []
    for part, length, (first, last) in zip(parts, shapely.length(parts), at.tolist(), strict=True):
        share = length / 2.0 if crossing[first] and crossing[last] else length
        start = min(junction_m, share) if crossing[first] else 0.0
        end = length - min(junction_m, share) if crossing[last] else length
        if start > LEAST_M:
            arms.setdefault(first, []).append(substring(part, 0.0, start))
        if length - end > LEAST_M:
            arms.setdefault(last, []).append(substring(part, end, length))
        if end - start > LEAST_M:
            left.append(substring(part, start, end))
    numbers = sorted(arms)
    middles = _middles(np.array(left, dtype=object))
    shapes = [*left, *(shapely.multilinestrings(arms[n]) for n in numbers)]
    return Stretches(
        np.array(shapes, dtype=object),
        np.arange(len(shapes)) >= len(left),
        np.concatenate([middles.reshape(-1, 2), nodes[numbers].reshape(-1, 2)]),
    )


def _at(lines: Shapes, index: int) -> Floats:
    points = shapely.get_point(lines, index)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def _middles(lines: Shapes) -> Floats:
    points = np.asarray(shapely.line_interpolate_point(lines, 0.5, normalized=True), dtype=object)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])

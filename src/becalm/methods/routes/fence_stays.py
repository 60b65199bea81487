"""When was a moving point inside which fence? Stays from noisy fixes, with hysteresis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints

OUTSIDE = -1
CHUNK = 200_000  # points that are measured at a time


@dataclass(frozen=True, slots=True)
class Stays:
    """Stays of movers inside fences, as parallel arrays, by mover and start.

    `start_s` and `end_s` are the moments at which the fence's own edge was crossed, as well as fixes tell:
    half-way between the last fix on one side and the first on the other. `first` and `last` are the first
    and last fix of the stay.
    """

    mover: Ints
    fence: Ints
    start_s: Floats
    end_s: Floats
    first: Ints
    last: Ints


def signed_distances(
    points: Floats, centres: Floats, radii: Floats, outlines: NDArray[np.object_], buffer: float
) -> tuple[Ints, Floats]:
    """Which fence holds each point, and how far is it inside (below 0) or outside its edge?

    A fence is an outline, or where that is None a circle; it holds what is at most `buffer` outside its
    edge. Of several, the one that the point is deepest in. Points that no fence holds get -1 and inf.
    """
    fence, depth = np.full(len(points), OUTSIDE, dtype=np.int64), np.full(len(points), np.inf)
    if not len(centres):
        return fence, depth
    reach = _reach(centres, radii, outlines) + buffer
    tree = cKDTree(centres)
    most = max(len(near) for near in tree.query_ball_point(centres, 2 * reach))  # that can hold one point
    for begin in range(0, len(points), CHUNK):
        part = slice(begin, begin + CHUNK)
        away, near = tree.query(points[part], k=[*range(1, most + 1)], distance_upper_bound=reach)
        for rank in range(most):
            known = np.flatnonzero(near[:, rank] < len(centres))
            at, which = begin + known, near[known, rank]
            edge = _edge_distances(points[at], which, away[known, rank], radii, outlines)
            deeper = (edge <= buffer) & (edge < depth[at])
            fence[at[deeper]], depth[at[deeper]] = which[deeper], edge[deeper]
    return fence, depth


def find_stays(
    mover: Ints, at_s: Floats, fence: Ints, depth: Floats, *, fixes: int, silence_s: float
) -> Stays:
    """Stays from fixes in the order of mover and time.

    A mover enters a fence with `fixes` fixes in a row inside it, and leaves with as many in a row elsewhere;
    a silence of more than `silence_s` ends every stay at the last fix before it. Ends are then drawn in to
    where the fence's own edge (depth 0) was crossed, if it was.
    """
    if not len(mover):
        none = np.zeros(0, dtype=np.int64)
        return Stays(none, none, none.astype(float), none.astype(float), none, none)
    broken = np.ones(len(mover), dtype=bool)
    broken[1:] = (mover[1:] != mover[:-1]) | (np.diff(at_s) > silence_s)
    part = np.cumsum(broken)
    edge = broken.copy()
    edge[1:] |= fence[1:] != fence[:-1]
    begin = np.flatnonzero(edge)
    end = np.append(begin[1:], len(mover))
    runs = zip(part[begin].tolist(), fence[begin].tolist(), begin.tolist(), end.tolist(), strict=True)
    found = np.array(list(_walk(runs, fixes)), dtype=np.int64).reshape(-1, 3)
    if not len(found):
        return find_stays(mover[:0], at_s[:0], fence[:0], depth[:0], fixes=fixes, silence_s=silence_s)
    inner = np.array([_inner(fence, depth, *row) for row in found.tolist()], dtype=np.int64)
    return _timed(mover, at_s, part, found, inner)


def _reach(centres: Floats, radii: Floats, outlines: NDArray[np.object_]) -> float:
    """How far does any fence reach from its centre?"""
    corners = (
        float(np.hypot(*(shapely.get_coordinates(outline) - centre).T).max())
        for centre, outline in zip(centres, outlines, strict=True)
        if outline is not None
    )
    return max([float(radii.max()), *corners])


def _edge_distances(
    points: Floats, near: Ints, from_centre: Floats, radii: Floats, outlines: NDArray[np.object_]
) -> Floats:
    """How far is each point from the edge of its fence, below 0 inside?"""
    away = from_centre - radii[near]
    drawn = np.flatnonzero([outlines[f] is not None for f in range(len(outlines))])
    outlined = np.flatnonzero(np.isin(near, drawn))
    if len(outlined):
        shapes, marks = outlines[near[outlined]], shapely.points(points[outlined])
        apart = shapely.distance(marks, shapely.boundary(shapes))
        away[outlined] = np.where(shapely.intersects(shapes, marks), -apart, apart)
    return away


def _walk(runs: Iterator[tuple[int, int, int, int]], fixes: int) -> Iterator[tuple[int, int, int]]:
    """Fence, first and last fix of each stay, from the part, fence, begin and end of runs of fixes."""
    for _, part in groupby(runs, key=lambda run: run[0]):
        yield from _walk_part(part, fixes)


def _walk_part(runs: Iterator[tuple[int, int, int, int]], fixes: int) -> Iterator[tuple[int, int, int]]:
    inside, first, last, away = OUTSIDE, 0, 0, 0
    for _, fence, begin, end in runs:
        if inside != OUTSIDE:
            if fence == inside:
                last, away = end - 1, 0
                continue
            away += end - begin
            if away < fixes:
                continue
            yield inside, first, last
            inside, away = OUTSIDE, 0
        if fence != OUTSIDE and end - begin >= fixes:
            inside, first, last = fence, begin, end - 1
    if inside != OUTSIDE:
        yield inside, first, last


def _inner(fence: Ints, depth: Floats, held: int, first: int, last: int) -> tuple[int, int]:
    """The first and last fix within the fence's own edge; where there is none, of the buffer."""
    own = np.flatnonzero((fence[first : last + 1] == held) & (depth[first : last + 1] <= 0.0))
    return (first + int(own[0]), first + int(own[-1])) if len(own) else (first, last)


def _timed(mover: Ints, at_s: Floats, part: Ints, found: Ints, inner: Ints) -> Stays:
    first, last = inner.T
    before, after = np.maximum(first - 1, 0), np.minimum(last + 1, len(mover) - 1)
    before = np.where(part[before] == part[first], before, first)
    after = np.where(part[after] == part[last], after, last)
    return Stays(
        mover=mover[first],
        fence=found[:, 0],
        start_s=(at_s[before] + at_s[first]) / 2,
        end_s=(at_s[last] + at_s[after]) / 2,
        first=found[:, 1],
        last=found[:, 2],
    )

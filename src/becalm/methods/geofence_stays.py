"""When was a moving point inside which fence? Stays from noisy fixes, with hysteresis."""

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
    fence_of_point, depths = np.full(len(points), OUTSIDE, dtype=np.int64), np.full(len(points), np.inf)
    if not len(centres):
        return fence_of_point, depths
    reach_m = _largest_reach(centres, radii, outlines) + buffer
    centre_tree = cKDTree(centres)
    # No point can lie in more fences than have their centre within twice the reach of one of them.
    most_fences = max(
        len(candidates) for candidates in centre_tree.query_ball_point(centres, 2 * reach_m)
    )  # that can hold one point
    for first_point in range(0, len(points), CHUNK):
        point_slice = slice(first_point, first_point + CHUNK)
        distance, candidates = centre_tree.query(
            points[point_slice], k=[*range(1, most_fences + 1)], distance_upper_bound=reach_m
        )
        for rank_index in range(most_fences):
            has_candidate = np.flatnonzero(candidates[:, rank_index] < len(centres))
            point_index, fence_numbers = first_point + has_candidate, candidates[has_candidate, rank_index]
            edges_m = _edge_distances(
                points[point_index], fence_numbers, distance[has_candidate, rank_index], radii, outlines
            )
            is_deeper = (edges_m <= buffer) & (edges_m < depths[point_index])
            fence_of_point[point_index[is_deeper]], depths[point_index[is_deeper]] = (
                fence_numbers[is_deeper],
                edges_m[is_deeper],
            )
    return fence_of_point, depths


def find_stays(
    mover: Ints, at_s: Floats, fence: Ints, depth: Floats, *, fixes: int, silence_s: float
) -> Stays:
    """Stays from fixes in the order of mover and time.

    A mover enters a fence with `fixes` fixes in a row inside it, and leaves with as many in a row elsewhere;
    a silence of more than `silence_s` ends every stay at the last fix before it. Ends are then drawn in to
    where the fence's own edge (depth 0) was crossed, if it was.
    """
    if not len(mover):
        no_fixes = np.zeros(0, dtype=np.int64)
        return Stays(no_fixes, no_fixes, no_fixes.astype(float), no_fixes.astype(float), no_fixes, no_fixes)
    is_part_start = np.ones(len(mover), dtype=bool)
    is_part_start[1:] = (mover[1:] != mover[:-1]) | (np.diff(at_s) > silence_s)
    part_of_fix = np.cumsum(is_part_start)
    is_start = is_part_start.copy()
    is_start[1:] |= fence[1:] != fence[:-1]
    run_starts = np.flatnonzero(is_start)
    run_ends = np.append(run_starts[1:], len(mover))
    fix_runs = zip(
        part_of_fix[run_starts].tolist(),
        fence[run_starts].tolist(),
        run_starts.tolist(),
        run_ends.tolist(),
        strict=True,
    )
    stay_rows = np.array(list(_find_stay_fixes(fix_runs, fixes)), dtype=np.int64).reshape(-1, 3)
    if not len(stay_rows):
        return find_stays(mover[:0], at_s[:0], fence[:0], depth[:0], fixes=fixes, silence_s=silence_s)
    inner_fixes = np.array(
        [_find_inner_fixes(fence, depth, *stay_row) for stay_row in stay_rows.tolist()], dtype=np.int64
    )
    return _time_stays(mover, at_s, part_of_fix, stay_rows, inner_fixes)


def _largest_reach(centres: Floats, radii: Floats, outlines: NDArray[np.object_]) -> float:
    """How far does any fence reach from its centre?"""
    corner_distances = (
        float(np.hypot(*(shapely.get_coordinates(outline) - centre).T).max())
        for centre, outline in zip(centres, outlines, strict=True)
        if outline is not None
    )
    return max([float(radii.max()), *corner_distances])


def _edge_distances(
    points: Floats, fence: Ints, from_centre: Floats, radii: Floats, outlines: NDArray[np.object_]
) -> Floats:
    """How far is each point from the edge of its fence, below 0 inside?"""
    edge_distances = from_centre - radii[fence]
    outlined_fences = np.flatnonzero([outlines[f] is not None for f in range(len(outlines))])
    has_outline = np.flatnonzero(np.isin(fence, outlined_fences))
    if len(has_outline):
        fence_outlines, fence_points = outlines[fence[has_outline]], shapely.points(points[has_outline])
        outline_distances = shapely.distance(fence_points, shapely.boundary(fence_outlines))
        edge_distances[has_outline] = np.where(
            shapely.intersects(fence_outlines, fence_points), -outline_distances, outline_distances
        )
    return edge_distances


def _find_stay_fixes(runs: Iterator[tuple[int, int, int, int]], fixes: int) -> Iterator[tuple[int, int, int]]:
    """Fence, first and last fix of each stay, from the part, fence, begin and end of runs of fixes."""
    for _, part_runs in groupby(runs, key=lambda run: run[0]):
        yield from _find_part_stays(part_runs, fixes)


def _find_part_stays(runs: Iterator[tuple[int, int, int, int]], fixes: int) -> Iterator[tuple[int, int, int]]:
    current_fence, first_stay_fix, last_stay_fix, fixes_away = OUTSIDE, 0, 0, 0
    for _, fence, first_fix, fix_after in runs:
        if current_fence != OUTSIDE:
            if fence == current_fence:
                last_stay_fix, fixes_away = fix_after - 1, 0
                continue
            fixes_away += fix_after - first_fix
            if fixes_away < fixes:
                continue
            yield current_fence, first_stay_fix, last_stay_fix
            current_fence, fixes_away = OUTSIDE, 0
        if fence != OUTSIDE and fix_after - first_fix >= fixes:
            current_fence, first_stay_fix, last_stay_fix = fence, first_fix, fix_after - 1
    if current_fence != OUTSIDE:
        yield current_fence, first_stay_fix, last_stay_fix


def _find_inner_fixes(
    fence: Ints, depth: Floats, fence_number: int, first: int, last: int
) -> tuple[int, int]:
    """The first and last fix within the fence's own edge; where there is none, of the buffer."""
    own_fixes = np.flatnonzero((fence[first : last + 1] == fence_number) & (depth[first : last + 1] <= 0.0))
    return (first + int(own_fixes[0]), first + int(own_fixes[-1])) if len(own_fixes) else (first, last)


def _time_stays(mover: Ints, at_s: Floats, part: Ints, stays: Ints, inner_fixes: Ints) -> Stays:
    first_fix, last_fix = inner_fixes.T
    fixes_before, fixes_after = np.maximum(first_fix - 1, 0), np.minimum(last_fix + 1, len(mover) - 1)
    fixes_before = np.where(part[fixes_before] == part[first_fix], fixes_before, first_fix)
    fixes_after = np.where(part[fixes_after] == part[last_fix], fixes_after, last_fix)
    return Stays(
        mover=mover[first_fix],
        fence=stays[:, 0],
        start_s=(at_s[fixes_before] + at_s[first_fix]) / 2,
        end_s=(at_s[last_fix] + at_s[fixes_after]) / 2,
        first=stays[:, 1],
        last=stays[:, 2],
    )

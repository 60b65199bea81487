"""Shortest ways in a network: from many points to many points, snapped to the nearest junctions."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints

LEAST_COST = 1e-9  # a sparse matrix takes a 0 for no way at all


@dataclass(frozen=True, slots=True)
class PointCosts:
    """The junction that each point is joined to, how far off it is, and the costs between the points.

    `costs[i, j]` is the least cost from point i's junction to point j's, infinite where there is no way.
    """

    junction: Ints
    distance: Floats
    costs: Floats


def find_shortest_paths(
    junctions: Floats, start: Ints, end: Ints, cost: Floats, points: Floats, *, main_part: bool = True
) -> PointCosts:
    """What does the cheapest way between each two points cost, over directed links?

    `junctions` is (n, 2), a link leads from `start[k]` to `end[k]` and costs `cost[k]` (of parallel links
    the cheapest holds), `points` is (m, 2). With `main_part`, points are joined to junctions of the greatest
    strongly connected part alone, so that a dead end of one-way links does not strand them. One run of
    Dijkstra (1959) with a heap for each distinct junction: O(m E log n).
    """
    link_graph = _link_graph(len(junctions), start, end, cost)
    usable_junctions = np.arange(len(junctions))
    if main_part:
        part_numbers = connected_components(link_graph, directed=True, connection="strong")[1]
        usable_junctions = np.flatnonzero(part_numbers == np.bincount(part_numbers).argmax())
    distances, nearest_index = cKDTree(junctions[usable_junctions]).query(points)
    junction_index = usable_junctions[nearest_index]
    # One run of Dijkstra for each junction, not for each point: many points share the nearest one.
    source_junctions, source_index = np.unique(junction_index, return_inverse=True)
    source_costs = dijkstra(link_graph, directed=True, indices=source_junctions)[:, source_junctions]
    return PointCosts(
        junction_index, np.asarray(distances), np.asarray(source_costs[np.ix_(source_index, source_index)])
    )


def _link_graph(size: int, start: Ints, end: Ints, cost: Floats) -> csr_array:
    """Sparse matrices add up parallel links; the cheapest alone is kept."""
    link_order = np.lexsort((cost, end, start))
    start, end, cost = start[link_order], end[link_order], np.maximum(cost[link_order], LEAST_COST)
    is_cheapest = np.ones(len(start), dtype=bool)
    is_cheapest[1:] = (start[1:] != start[:-1]) | (end[1:] != end[:-1])
    return csr_array((cost[is_cheapest], (start[is_cheapest], end[is_cheapest])), shape=(size, size))

"""The streets: junctions on grids that turn from ward to ward, main roads between town centres, bridges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay, cKDTree

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate import names
from becalm.simulate.geography import MIDDLE_M, Land, crosses
from becalm.simulate.settings import Settings

MAIN_KPH: Final = 40.0
LOCAL_KPH: Final = 28.0
BRIDGES: Final = 14
KEPT_LINK_SHARE: Final = (
    0.80  # of the ways between neighbouring junctions that are not needed to hold the net together
)


@dataclass(frozen=True, slots=True)
class Streets:
    """Junctions and the segments between them (every segment may be travelled both ways)."""

    nodes: Floats  # (junctions, 2)
    start: Ints  # index of a junction for each segment
    end: Ints
    length_m: Floats
    speed_kph: Floats
    is_main: Bools
    street: Ints  # index of the street's name
    centres: Floats  # town centres, the greatest first
    centre_size: Floats  # 1 for the greatest

    @property
    def middles(self) -> Floats:
        """The middle of each segment."""
        return (self.nodes[self.start] + self.nodes[self.end]) / 2

    @property
    def travel_minutes(self) -> Floats:
        """How long each segment takes to drive."""
        return self.length_m / self.speed_kph * 0.06

    def names(self) -> tuple[str, ...]:
        """The street names that `street` points into."""
        return tuple(f"{a} {b}" for a in names.STREETS for b in names.STREET_KINDS)


def build_streets(land: Land, settings: Settings, rng: np.random.Generator) -> Streets:
    """Which streets does the city have?"""
    nodes = _scatter_junctions(land, settings.junctions, rng)
    pairs = _gabriel_pairs(nodes)
    length = _link_length(nodes, pairs)
    crosses_river = crosses(nodes[pairs[:, 0]], nodes[pairs[:, 1]], land.river)
    is_bridge = _choose_bridges(nodes, pairs, crosses_river, land)
    is_usable = (~crosses_river | is_bridge) & _is_inside(nodes, pairs, land)
    pairs, length = pairs[is_usable], length[is_usable]
    pairs, length = _thin_out(nodes, pairs, length, rng)
    nodes, pairs, is_kept = _keep_largest_part(nodes, pairs)
    length = length[is_kept]
    centres, size = _choose_centres(land, nodes, rng)
    is_main = _choose_main_roads(nodes, pairs, length, centres)
    return Streets(
        nodes=nodes,
        start=pairs[:, 0],
        end=pairs[:, 1],
        length_m=np.round(length, 1),
        speed_kph=np.where(is_main, MAIN_KPH, LOCAL_KPH),
        is_main=is_main,
        street=_name_segments(nodes, pairs),
        centres=centres,
        centre_size=size,
    )


def _scatter_junctions(land: Land, count: int, rng: np.random.Generator) -> Floats:
    """Corners of a grid in each ward, with its own direction, equally many to each small area."""
    home = land.seeds[: len(land.cells)]
    parts = []
    for ward in range(len(land.ward_names)):
        members = home[land.ward_of_lsoa == ward]
        parts.append(_ward_grid(land, ward, members, count / len(home), rng))
    return np.asarray(np.round(np.vstack(parts), 1), dtype=np.float64)


def _ward_grid(land: Land, ward: int, members: Floats, per_area: float, rng: np.random.Generator) -> Floats:
    spacing = np.sqrt(shapely.area(land.cells[land.ward_of_lsoa == ward]).sum() / (per_area * len(members)))
    middle = members.mean(axis=0)
    reach_m = np.hypot(*(members - middle).T).max() + 6 * spacing + 3 * np.sqrt(per_area) * spacing
    steps = np.arange(-reach_m, reach_m, spacing)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    angle = rng.uniform(0, np.pi / 2)
    along, across = grid.T
    rotated = [along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)]
    grid = np.column_stack(rotated) + middle + rng.normal(0, 0.10 * spacing, grid.shape)
    lsoa = land.lsoa_at(grid)
    return np.asarray(grid[(lsoa >= 0) & (land.ward_of_lsoa[lsoa] == ward)])


def _gabriel_pairs(nodes: Floats) -> Ints:
    """Pairs whose circle of half-way holds no third junction (the Gabriel graph)."""
    triangles = Delaunay(nodes).simplices.astype(np.int64)
    pairs = np.vstack([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    middle = nodes[pairs].mean(axis=1)
    nearest = cKDTree(nodes).query(middle)[0]
    return np.asarray(pairs[nearest >= _link_length(nodes, pairs) / 2 - 1e-6])


def _is_inside(nodes: Floats, pairs: Ints, land: Land) -> Bools:
    """Which ways stay in the city all along, some metres from its edge?"""
    city = shapely.coverage_union_all(land.cells).buffer(-3)
    shapely.prepare(city)
    return np.asarray(shapely.covers(city, shapely.linestrings(nodes[pairs])))


def _link_length(nodes: Floats, pairs: Ints) -> Floats:
    return np.asarray(np.hypot(*(nodes[pairs[:, 0]] - nodes[pairs[:, 1]]).T))


def _choose_bridges(nodes: Floats, pairs: Ints, crosses_river: Bools, land: Land) -> Bools:
    """The crossings nearest to evenly spread places along the river, closer together in the middle."""
    shares_along = np.sinh(np.linspace(-1.6, 1.6, BRIDGES)) / np.sinh(1.6) * 0.95
    x = MIDDLE_M[0] + shares_along * land.radius_m
    goal = np.column_stack([x, np.interp(x, land.river[:, 0], land.river[:, 1])])
    is_bridge = np.zeros(len(pairs), dtype=bool)
    if crosses_river.any():
        middle = nodes[pairs[crosses_river]].mean(axis=1)
        is_bridge[np.flatnonzero(crosses_river)[np.unique(cKDTree(middle).query(goal)[1])]] = True
    return is_bridge


def _link_matrix(nodes: Floats, pairs: Ints, weight: Floats) -> csr_array:
    return coo_array((weight, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes))).tocsr()


def _thin_out(nodes: Floats, pairs: Ints, length: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Leave out some ways, but none without which a part of the city could not be reached."""
    tree = minimum_spanning_tree(_link_matrix(nodes, pairs, length)).tocoo()
    is_needed = np.isin(
        pairs[:, 0] * len(nodes) + pairs[:, 1],
        tree.row.astype(np.int64) * len(nodes) + tree.col,
    )
    is_kept = is_needed | (rng.random(len(pairs)) < KEPT_LINK_SHARE)
    return pairs[is_kept], length[is_kept]


def _keep_largest_part(nodes: Floats, pairs: Ints) -> tuple[Floats, Ints, Bools]:
    component = connected_components(_link_matrix(nodes, pairs, np.ones(len(pairs))), directed=False)[1]
    is_inside = component == np.bincount(component).argmax()
    is_kept = is_inside[pairs[:, 0]]
    return nodes[is_inside], (np.cumsum(is_inside) - 1)[pairs[is_kept]], is_kept


def _choose_centres(land: Land, nodes: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Town centres on junctions: one in the middle, the rest apart from each other and smaller by rank."""
    count = max(3, round(len(land.borough_names) * 2))
    least_gap_m = 0.9 * land.radius_m / np.sqrt(count)
    reach = np.hypot(*(nodes - MIDDLE_M).T) / land.radius_m
    order = rng.permutation(len(nodes))
    centre_nodes = [int(np.argmin(reach))]
    for node in order[: 40 * count]:
        gap_m = np.hypot(*(nodes[centre_nodes] - nodes[node]).T).min()
        if len(centre_nodes) < count and gap_m > least_gap_m * (0.55 + 0.9 * reach[node]):
            centre_nodes.append(int(node))
    size = 1.0 / np.arange(1, len(centre_nodes) + 1) ** 0.75
    return nodes[centre_nodes], np.round(size, 4)


def _choose_main_roads(nodes: Floats, pairs: Ints, length: Floats, centres: Floats) -> Bools:
    """The shortest ways to the middle, then between neighbours, who share what is built already."""
    tree = cKDTree(nodes)
    stops = np.unique(tree.query(centres)[1])
    middle = tree.query(centres[0])[1]
    row = dijkstra(_link_matrix(nodes, pairs, length), False, middle, True)[1]
    keys = pairs.min(axis=1) * len(nodes) + pairs.max(axis=1)
    is_radial = _mark_routes(keys, (row,), (stops,), len(nodes))
    neighbours = cKDTree(nodes[stops]).query(nodes[stops], k=min(4, len(stops)))
    graph = _link_matrix(nodes, pairs, np.where(is_radial, 0.6 * length, length))
    reach = float(neighbours[0].max()) * 1.8
    rows = dijkstra(graph, directed=False, indices=stops, limit=reach, return_predecessors=True)[1]
    return is_radial | _mark_routes(keys, rows, stops[neighbours[1][:, 1:]], len(nodes))


def _mark_routes(keys: Ints, previous: Iterable[Ints], goals: Iterable[Ints], count: int) -> Bools:
    """Which segments lie on the ways to these goals? One row of predecessors for each set of goals."""
    used_keys = {
        _segment_key(a, b, count)
        for row, ends in zip(previous, goals, strict=True)
        for goal in ends
        for a, b in _trace_route(row, int(goal))
    }
    return np.isin(keys, np.array(sorted(used_keys), dtype=np.int64))


def _trace_route(previous: Ints, goal: int) -> list[tuple[int, int]]:
    steps = []
    while (predecessor := int(previous[goal])) >= 0:
        steps.append((goal, predecessor))
        goal = predecessor
    return steps


def _segment_key(a: int, b: int, count: int) -> int:
    return min(a, b) * count + max(a, b)


def _name_segments(nodes: Floats, pairs: Ints) -> Ints:
    """One name for the segments that lie on the same line through the same part of the city."""
    step = nodes[pairs[:, 1]] - nodes[pairs[:, 0]]
    angle = np.arctan2(step[:, 1], step[:, 0]) % np.pi
    middle = nodes[pairs].mean(axis=1) - MIDDLE_M
    across = np.round((middle[:, 1] * np.cos(angle) - middle[:, 0] * np.sin(angle)) / 220).astype(np.int64)
    bend = np.round(angle / 0.4).astype(np.int64)
    district = np.floor(middle / 3000).astype(np.int64)
    hash_code = across * 7919 + bend * 104729 + district[:, 0] * 1299709 + district[:, 1] * 15485863
    return np.asarray(np.abs(hash_code) % (len(names.STREETS) * len(names.STREET_KINDS)))

"""The streets: junctions on grids that turn from ward to ward, main roads between town centres, bridges."""

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
    junction_xy_m = _scatter_junctions(land, settings.junctions, rng)
    link_ends = _gabriel_pairs(junction_xy_m)
    link_length_m = _link_length(junction_xy_m, link_ends)
    crosses_river = crosses(junction_xy_m[link_ends[:, 0]], junction_xy_m[link_ends[:, 1]], land.river)
    is_bridge = _choose_bridges(junction_xy_m, link_ends, crosses_river, land)
    is_usable_link = (~crosses_river | is_bridge) & _is_inside(junction_xy_m, link_ends, land)
    link_ends, link_length_m = link_ends[is_usable_link], link_length_m[is_usable_link]
    link_ends, link_length_m = _thin_out(junction_xy_m, link_ends, link_length_m, rng)
    part_of_node = connected_components(
        _link_matrix(junction_xy_m, link_ends, np.ones(len(link_ends))), directed=False
    )[1]
    is_in_largest = part_of_node == np.bincount(part_of_node).argmax()
    is_kept_link = is_in_largest[link_ends[:, 0]]
    junction_xy_m, link_ends, is_kept_link = (
        junction_xy_m[is_in_largest],
        (np.cumsum(is_in_largest) - 1)[link_ends[is_kept_link]],
        is_kept_link,
    )
    link_length_m = link_length_m[is_kept_link]
    centre_points, centre_sizes = _choose_centres(land, junction_xy_m, rng)
    is_main_road = _choose_main_roads(junction_xy_m, link_ends, link_length_m, centre_points)
    return Streets(
        nodes=junction_xy_m,
        start=link_ends[:, 0],
        end=link_ends[:, 1],
        length_m=np.round(link_length_m, 1),
        speed_kph=np.where(is_main_road, MAIN_KPH, LOCAL_KPH),
        is_main=is_main_road,
        street=_name_segments(junction_xy_m, link_ends),
        centres=centre_points,
        centre_size=centre_sizes,
    )


def _scatter_junctions(land: Land, junction_count: int, rng: np.random.Generator) -> Floats:
    """Corners of a grid in each ward, with its own direction, equally many to each small area."""
    lsoa_points = land.seeds[: len(land.cells)]
    ward_grids = []
    for ward_index in range(len(land.ward_names)):
        ward_points = lsoa_points[land.ward_of_lsoa == ward_index]
        ward_grids.append(_ward_grid(land, ward_index, ward_points, junction_count / len(lsoa_points), rng))
    return np.asarray(np.round(np.vstack(ward_grids), 1), dtype=np.float64)


def _ward_grid(land: Land, ward: int, members: Floats, per_area: float, rng: np.random.Generator) -> Floats:
    spacing_m = np.sqrt(shapely.area(land.cells[land.ward_of_lsoa == ward]).sum() / (per_area * len(members)))
    ward_middle = members.mean(axis=0)
    reach_m = np.hypot(*(members - ward_middle).T).max() + 6 * spacing_m + 3 * np.sqrt(per_area) * spacing_m
    grid_steps_m = np.arange(-reach_m, reach_m, spacing_m)
    grid_points = np.stack(np.meshgrid(grid_steps_m, grid_steps_m), axis=-1).reshape(-1, 2)
    turn_radians = rng.uniform(0, np.pi / 2)
    along, grid_y = grid_points.T
    rotated_points = [
        along * np.cos(turn_radians) - grid_y * np.sin(turn_radians),
        along * np.sin(turn_radians) + grid_y * np.cos(turn_radians),
    ]
    grid_points = (
        np.column_stack(rotated_points) + ward_middle + rng.normal(0, 0.10 * spacing_m, grid_points.shape)
    )
    lsoa_of_point = land.lsoa_at(grid_points)
    return np.asarray(grid_points[(lsoa_of_point >= 0) & (land.ward_of_lsoa[lsoa_of_point] == ward)])


def _gabriel_pairs(junction_xy_m: Floats) -> Ints:
    """Pairs whose circle of half-way holds no third junction (the Gabriel graph)."""
    triangle_nodes = Delaunay(junction_xy_m).simplices.astype(np.int64)
    node_pairs = np.vstack([triangle_nodes[:, [0, 1]], triangle_nodes[:, [1, 2]], triangle_nodes[:, [0, 2]]])
    node_pairs = np.unique(np.sort(node_pairs, axis=1), axis=0)
    middle_points = junction_xy_m[node_pairs].mean(axis=1)
    nearest_m = cKDTree(junction_xy_m).query(middle_points)[0]
    return np.asarray(node_pairs[nearest_m >= _link_length(junction_xy_m, node_pairs) / 2 - 1e-6])


def _is_inside(nodes: Floats, pairs: Ints, land: Land) -> Bools:
    """Which ways stay in the city all along, some metres from its edge?"""
    city_shape = shapely.coverage_union_all(land.cells).buffer(-3)
    shapely.prepare(city_shape)
    return np.asarray(shapely.covers(city_shape, shapely.linestrings(nodes[pairs])))


def _link_length(nodes: Floats, pairs: Ints) -> Floats:
    return np.asarray(np.hypot(*(nodes[pairs[:, 0]] - nodes[pairs[:, 1]]).T))


def _choose_bridges(nodes: Floats, pairs: Ints, crosses_river: Bools, land: Land) -> Bools:
    """The crossings nearest to evenly spread places along the river, closer together in the middle."""
    shares_along = np.sinh(np.linspace(-1.6, 1.6, BRIDGES)) / np.sinh(1.6) * 0.95
    x = MIDDLE_M[0] + shares_along * land.radius_m
    goal_points = np.column_stack([x, np.interp(x, land.river[:, 0], land.river[:, 1])])
    is_bridge = np.zeros(len(pairs), dtype=bool)
    if crosses_river.any():
        middle_of_link = nodes[pairs[crosses_river]].mean(axis=1)
        is_bridge[np.flatnonzero(crosses_river)[np.unique(cKDTree(middle_of_link).query(goal_points)[1])]] = (
            True
        )
    return is_bridge


def _link_matrix(nodes: Floats, pairs: Ints, link_weights: Floats) -> csr_array:
    return coo_array((link_weights, (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes))).tocsr()


def _thin_out(nodes: Floats, pairs: Ints, length_m: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Leave out some ways, but none without which a part of the city could not be reached."""
    spanning_tree = minimum_spanning_tree(_link_matrix(nodes, pairs, length_m)).tocoo()
    is_tree_link = np.isin(
        pairs[:, 0] * len(nodes) + pairs[:, 1],
        spanning_tree.row.astype(np.int64) * len(nodes) + spanning_tree.col,
    )
    is_kept_link = is_tree_link | (rng.random(len(pairs)) < KEPT_LINK_SHARE)
    return pairs[is_kept_link], length_m[is_kept_link]


def _choose_centres(land: Land, nodes: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Town centres on junctions: one in the middle, the rest apart from each other and smaller by rank."""
    centre_count = max(3, round(len(land.borough_names) * 2))
    least_gap_m = 0.9 * land.radius_m / np.sqrt(centre_count)
    relative_distances = np.hypot(*(nodes - MIDDLE_M).T) / land.radius_m
    node_order = rng.permutation(len(nodes))
    centre_nodes = [int(np.argmin(relative_distances))]
    for node in node_order[: 40 * centre_count]:
        gap_m = np.hypot(*(nodes[centre_nodes] - nodes[node]).T).min()
        if len(centre_nodes) < centre_count and gap_m > least_gap_m * (0.55 + 0.9 * relative_distances[node]):
            centre_nodes.append(int(node))
    centre_sizes = 1.0 / np.arange(1, len(centre_nodes) + 1) ** 0.75
    return nodes[centre_nodes], np.round(centre_sizes, 4)


def _choose_main_roads(nodes: Floats, pairs: Ints, length_m: Floats, centre_points: Floats) -> Bools:
    """The shortest ways to the middle, then between neighbours, who share what is built already."""
    node_tree = cKDTree(nodes)
    centre_nodes = np.unique(node_tree.query(centre_points)[1])
    middle_node = node_tree.query(centre_points[0])[1]
    predecessor_of_node = dijkstra(_link_matrix(nodes, pairs, length_m), False, middle_node, True)[1]
    link_keys = pairs.min(axis=1) * len(nodes) + pairs.max(axis=1)
    is_radial_road = _mark_routes(link_keys, (predecessor_of_node,), (centre_nodes,), len(nodes))
    near_centres = cKDTree(nodes[centre_nodes]).query(nodes[centre_nodes], k=min(4, len(centre_nodes)))
    link_graph = _link_matrix(nodes, pairs, np.where(is_radial_road, 0.6 * length_m, length_m))
    reach_m = float(near_centres[0].max()) * 1.8
    nearest_routes = dijkstra(
        link_graph, directed=False, indices=centre_nodes, limit=reach_m, return_predecessors=True
    )[1]
    return is_radial_road | _mark_routes(
        link_keys, nearest_routes, centre_nodes[near_centres[1][:, 1:]], len(nodes)
    )


def _mark_routes(link_keys: Ints, previous: Iterable[Ints], goal_rows: Iterable[Ints], count: int) -> Bools:
    """Which segments lie on the ways to these goals? One row of predecessors for each set of goals."""
    used_keys = set()
    for predecessors, goal_nodes in zip(previous, goal_rows, strict=True):
        for goal_node in map(int, goal_nodes):
            route_node = goal_node
            while (predecessor := int(predecessors[route_node])) >= 0:
                used_keys.add(min(route_node, predecessor) * count + max(route_node, predecessor))
                route_node = predecessor
    return np.isin(link_keys, np.array(sorted(used_keys), dtype=np.int64))


def _name_segments(nodes: Floats, pairs: Ints) -> Ints:
    """One name for the segments that lie on the same line through the same part of the city."""
    segment_vector = nodes[pairs[:, 1]] - nodes[pairs[:, 0]]
    segment_angles = np.arctan2(segment_vector[:, 1], segment_vector[:, 0]) % np.pi
    segment_middles = nodes[pairs].mean(axis=1) - MIDDLE_M
    line_numbers = np.round(
        (segment_middles[:, 1] * np.cos(segment_angles) - segment_middles[:, 0] * np.sin(segment_angles))
        / 220
    ).astype(np.int64)
    angle_numbers = np.round(segment_angles / 0.4).astype(np.int64)
    district_of_segment = np.floor(segment_middles / 3000).astype(np.int64)
    name_hash = (
        line_numbers * 7919
        + angle_numbers * 104729
        + district_of_segment[:, 0] * 1299709
        + district_of_segment[:, 1] * 15485863
    )
    return np.asarray(np.abs(name_hash) % (len(names.STREETS) * len(names.STREET_KINDS)))

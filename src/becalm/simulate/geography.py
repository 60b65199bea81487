"""The land: an irregular city by a river, in small areas that nest in wards, boroughs and command units.

Small areas (called LSOAs after the real ones) are Voronoi cells, so a point belongs to the area of its
nearest seed, and neighbours share their borders exactly. Everything above them is a union of cells.
The city lies in the North Sea, where nobody lives: its coordinates are valid in EPSG:27700 and can be
mistaken for no real place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import Voronoi, cKDTree

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate import names
from becalm.simulate.settings import Settings

MIDDLE_M: Final = np.array([610_000.0, 420_000.0])
RIVER_PENALTY: Final = 6.0
RIVER_SHARE: Final = 0.004  # of the city's radius, from the middle of the river to its bank


@dataclass(frozen=True, slots=True)
class Land:
    """The areas of the city. `..._of_...` arrays give the index of the area above."""

    seeds: Floats  # (LSOAs, 2), then seeds outside the city that only shape its edge
    cells: NDArray[Any]  # shapely polygons of the LSOAs
    ward_of_lsoa: Ints
    borough_of_ward: Ints
    unit_of_borough: Ints
    ward_names: tuple[str, ...]
    borough_names: tuple[str, ...]
    unit_names: tuple[str, ...]
    lsoa_names: tuple[str, ...]
    river: Floats  # a line of points
    radius_m: float

    @property
    def lsoa_codes(self) -> tuple[str, ...]:
        """Codes that no real area has."""
        return tuple(f"X01{i + 1:06d}" for i in range(len(self.cells)))

    @property
    def ward_codes(self) -> tuple[str, ...]:
        """Codes that no real ward has."""
        return tuple(f"X05{i + 1:06d}" for i in range(len(self.ward_names)))

    @property
    def borough_codes(self) -> tuple[str, ...]:
        """Codes that no real borough has."""
        return tuple(f"X09{i + 1:06d}" for i in range(len(self.borough_names)))

    @property
    def borough_of_lsoa(self) -> Ints:
        """The borough of each LSOA."""
        return self.borough_of_ward[self.ward_of_lsoa]

    def lsoa_at(self, points: Floats) -> Ints:
        """Which LSOA holds each point? -1 outside the city."""
        seed_index = cKDTree(self.seeds).query(points)[1]
        return np.where(seed_index < len(self.cells), seed_index, -1)

    def water(self) -> NDArray[Any]:
        """The river as an area, from bank to bank."""
        return np.array([shapely.LineString(self.river).buffer(RIVER_SHARE * self.radius_m)], dtype=object)

    def boroughs(self) -> NDArray[Any]:
        """The borough polygons, which share their borders."""
        return _union_by_group(self.cells, self.borough_of_lsoa, len(self.borough_names))

    def wards(self) -> NDArray[Any]:
        """The ward polygons, which share their borders."""
        return _union_by_group(self.cells, self.ward_of_lsoa, len(self.ward_names))


def build_land(settings: Settings, rng: np.random.Generator) -> Land:
    """Which areas does the city have, and where?"""
    radius_m = float(np.sqrt(settings.area_km2 * 1e6 / np.pi))
    river_line = _draw_river(radius_m, rng)
    seed_points, inside_count = _scatter_seeds(settings.lsoas, radius_m, river_line, rng)
    lsoa_polygons, neighbour_pairs = _voronoi_cells(seed_points, inside_count)
    area_scale = float(np.sqrt(settings.area_km2 * 1e6 / shapely.area(lsoa_polygons).sum()))
    seed_points, river_line = seed_points * area_scale, river_line * area_scale
    lsoa_polygons = shapely.transform(lsoa_polygons, lambda xy: np.round(xy * area_scale + MIDDLE_M, 2))
    lsoa_seeds = seed_points[:inside_count]
    lsoa_graph = _neighbour_graph(lsoa_seeds, neighbour_pairs, river_line)
    ward_of_lsoa = _grow_groups(lsoa_seeds, lsoa_graph, settings.wards)
    ward_points = _group_means(lsoa_seeds, ward_of_lsoa, settings.wards)
    borough_of_ward = _grow_groups(
        ward_points, _group_graph(ward_points, lsoa_graph, ward_of_lsoa, lsoa_seeds), settings.boroughs
    )
    borough_points = _group_means(ward_points, borough_of_ward, settings.boroughs)
    borough_graph = _group_graph(borough_points, lsoa_graph, borough_of_ward[ward_of_lsoa], lsoa_seeds)
    unit_of_borough = _grow_groups(borough_points, borough_graph, settings.command_units)
    borough_names = tuple(names.numbered(names.BOROUGHS, i) for i in range(settings.boroughs))
    return Land(
        seeds=seed_points + MIDDLE_M,
        cells=lsoa_polygons,
        ward_of_lsoa=ward_of_lsoa,
        borough_of_ward=borough_of_ward,
        unit_of_borough=unit_of_borough,
        ward_names=_names_within(borough_of_ward, borough_names, lambda n: names.numbered(names.WARDS, n)),
        borough_names=borough_names,
        unit_names=tuple(names.numbered(names.COMMAND_UNITS, i) for i in range(settings.command_units)),
        lsoa_names=_names_within(
            borough_of_ward[ward_of_lsoa], borough_names, lambda n: f"{n // 5 + 1:03d}{'ABCDE'[n % 5]}"
        ),
        river=river_line + MIDDLE_M,
        radius_m=radius_m,
    )


def centrality(land: Land, points: Floats) -> Floats:
    """How central is each point: 1 in the middle of the city, falling to about 0.1 at its edge."""
    relative_distances = np.hypot(*(points - MIDDLE_M).T) / land.radius_m
    return np.asarray(0.1 + 0.9 * np.exp(-((relative_distances / 0.55) ** 2)))


def _draw_river(radius_m: float, rng: np.random.Generator) -> Floats:
    x = np.linspace(-1.6, 1.6, max(12, int(3.2 * radius_m / 450)))
    wave_phases = rng.uniform(0, 2 * np.pi, 2)
    y = 0.10 * np.sin(3.1 * x + wave_phases[0]) + 0.05 * np.sin(7.3 * x + wave_phases[1]) - 0.08 + 0.08 * x
    return np.column_stack([x, y]) * radius_m


def _outline_ratio(points: Floats, outline_waves: Floats) -> Floats:
    """Distance from the middle over the distance of the outline in that direction."""
    wave_numbers, wave_heights, wave_phases = outline_waves
    point_angle = np.arctan2(points[:, 1], points[:, 0])
    rim_radius = 1 + (wave_heights * np.cos(np.outer(point_angle, wave_numbers) + wave_phases)).sum(axis=1)
    return np.asarray(np.hypot(*points.T) / np.maximum(rim_radius, 0.5))


def _scatter_seeds(
    lsoa_count: int, radius_m: float, river_line: Floats, rng: np.random.Generator
) -> tuple[Floats, int]:
    """Seeds inside the city first, then those outside; denser in the middle, mirrored at the river."""
    # Number, height and phase of the waves that the outline makes about a circle
    wave_numbers = np.arange(2.0, 9.0)
    outline_waves = np.stack(
        [wave_numbers, rng.normal(0, 0.09, 7) / np.sqrt(wave_numbers - 1), rng.uniform(0, 2 * np.pi, 7)]
    )
    candidate_points = rng.uniform(-2, 2, (80 * lsoa_count, 2))
    centre_distances = np.hypot(*candidate_points.T)
    is_dense = rng.random(len(candidate_points)) < 0.22 + 0.78 * np.exp(-((centre_distances / 0.5) ** 2))
    candidate_points = candidate_points[is_dense & (_outline_ratio(candidate_points, outline_waves) < 1.4)]
    seed_points = candidate_points[: int(1.5 * lsoa_count)]
    for _ in range(4):
        seed_points = _group_means(
            candidate_points, cKDTree(seed_points).query(candidate_points)[1], len(seed_points), seed_points
        )
    seed_points = seed_points * radius_m
    river_step = np.gradient(river_line, axis=0)
    river_normals = np.column_stack([-river_step[:, 1], river_step[:, 0]]) / np.hypot(*river_step.T)[:, None]
    bank_m = 0.014 * radius_m
    is_far = cKDTree(river_line).query(seed_points)[0] > 2.2 * bank_m
    seed_points = np.vstack(
        [seed_points[is_far], river_line + bank_m * river_normals, river_line - bank_m * river_normals]
    )
    outline_ratio = _outline_ratio(seed_points / radius_m, outline_waves)
    ratio_order = np.argsort(outline_ratio, kind="stable")
    return seed_points[ratio_order], min(lsoa_count, int((outline_ratio < 1.1).sum()))


def _voronoi_cells(seeds: Floats, inside_count: int) -> tuple[NDArray[Any], Ints]:
    """The Voronoi cells of the first `inside_count` seeds, and the pairs of them that share a border."""
    voronoi_diagram = Voronoi(seeds)
    cell_polygons = [
        shapely.Polygon(voronoi_diagram.vertices[voronoi_diagram.regions[r]])
        for r in voronoi_diagram.point_region[:inside_count]
    ]
    neighbour_pairs = voronoi_diagram.ridge_points[(voronoi_diagram.ridge_points < inside_count).all(axis=1)]
    return np.array(cell_polygons, dtype=object), np.asarray(neighbour_pairs, dtype=np.int64)


def _neighbour_graph(points: Floats, pairs: Ints, river: Floats) -> csr_array:
    """Neighbouring areas with the distance between them; the river counts as a long way."""
    start_points, end_points = points[pairs[:, 0]], points[pairs[:, 1]]
    distance_m = np.hypot(*(end_points - start_points).T)
    distance_m = np.where(crosses(start_points, end_points, river), RIVER_PENALTY * distance_m, distance_m)
    return coo_array((distance_m, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points))).tocsr()


def crosses(starts: Floats, ends: Floats, line: Floats) -> Bools:
    """Does each straight way cross the line?"""
    line_shape = shapely.LineString(line)
    shapely.prepare(line_shape)
    return np.asarray(shapely.intersects(line_shape, shapely.linestrings(np.stack([starts, ends], axis=1))))


def _group_graph(points: Floats, fine_graph: csr_array, group_of_point: Ints, fine: Floats) -> csr_array:
    """The graph of groups: those that touch, with the distance between their middles.

    Groups whose areas only touch across the river are as far from each other as those areas are.
    """
    fine_edges = fine_graph.tocoo()
    from_index, to_index = fine_edges.row, fine_edges.col
    detour_factor = fine_edges.data / np.hypot(*(fine[from_index] - fine[to_index]).T)
    group_links = np.sort(np.column_stack([group_of_point[from_index], group_of_point[to_index]]), axis=1)
    is_between_groups = group_links[:, 0] != group_links[:, 1]
    group_links, pair_index = np.unique(group_links[is_between_groups], axis=0, return_inverse=True)
    least_detours = np.full(len(group_links), np.inf)
    np.minimum.at(least_detours, pair_index, detour_factor[is_between_groups])
    distance_m = least_detours * np.hypot(*(points[group_links[:, 0]] - points[group_links[:, 1]]).T)
    return coo_array(
        (distance_m, (group_links[:, 0], group_links[:, 1])), shape=(len(points), len(points))
    ).tocsr()


def _grow_groups(points: Floats, graph: csr_array, count: int) -> Ints:
    """Connected groups of areas, grown from evenly spread cores; each keeps at least its core."""
    target_points = points[np.linspace(0, len(points) - 1, count).round().astype(int)]
    for _ in range(25):
        target_points = _group_means(points, cKDTree(target_points).query(points)[1], count, target_points)
    used_indices: dict[int, None] = {}
    point_tree = cKDTree(points)
    for target_point in target_points:
        nearest_indices = np.atleast_1d(point_tree.query(target_point, k=min(len(points), 64))[1])
        free_index = next((int(i) for i in nearest_indices if int(i) not in used_indices), None)
        used_indices[
            free_index
            if free_index is not None
            else next(i for i in range(len(points)) if i not in used_indices)
        ] = None
    core_indices = np.array(list(used_indices), dtype=np.int64)
    _, _, core_index = dijkstra(
        graph, directed=False, indices=core_indices, min_only=True, return_predecessors=True
    )
    group_of_core = np.full(len(points), -1)
    group_of_core[core_indices] = np.arange(count)
    is_unreached_point = core_index < 0
    core_index[is_unreached_point] = core_indices[
        cKDTree(points[core_indices]).query(points[is_unreached_point])[1]
    ]
    return np.asarray(group_of_core[core_index])


def _group_means(points: Floats, group_of_point: Ints, count: int, empty: Floats | None = None) -> Floats:
    group_sizes = np.bincount(group_of_point, minlength=count)
    coordinate_sums = np.column_stack([np.bincount(group_of_point, points[:, k], count) for k in (0, 1)])
    mean_points = coordinate_sums / np.maximum(group_sizes, 1)[:, None]
    return mean_points if empty is None else np.where(group_sizes[:, None] > 0, mean_points, empty)


def _union_by_group(polygons: NDArray[Any], group: Ints, count: int) -> NDArray[Any]:
    return np.array([shapely.coverage_union_all(polygons[group == g]) for g in range(count)], dtype=object)


def _names_within(
    boroughs: Ints, borough_names: tuple[str, ...], name_of: Callable[[int], str]
) -> tuple[str, ...]:
    """A name for each area: that of its borough, and its own by how many areas of the borough came before."""
    earlier_counts = [int(np.count_nonzero(boroughs[:i] == borough)) for i, borough in enumerate(boroughs)]
    return tuple(
        f"{borough_names[borough]} {name_of(name_number)}"
        for borough, name_number in zip(boroughs, earlier_counts, strict=True)
    )

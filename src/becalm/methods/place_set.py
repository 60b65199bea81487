"""Places of any shape, and the tiles and stretches of line that make them.

Tiles have any size and turn and are aligned to the origin. Lines are cut into stretches between junctions
and the arms of the junctions themselves: no length is lost or counted twice, for what an arm takes from a
stretch, the stretch no longer has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from becalm.methods.arrays import Bools, Floats, Ints, Shapes
from becalm.methods.neighbourhood import ListedNeighbours, Smoother, build_smoother
from becalm.terms import PlaceKind

TILE_DECIMALS = 6  # a thousandth of a millimetre: neighbours share their corners exactly
LEAST_M2 = 1e-4  # pieces below a square centimetre are the noise of cutting


@dataclass(frozen=True, slots=True)
class Lattice:
    """Equal tiles, `width_m` across (between opposite sides), turned by `turn_deg` anticlockwise.

    Tile (column, row) of squares covers u in [column, column + 1) widths and v in [row, row + 1) widths,
    where (u, v) is the point turned back. Hexagon (q, r) has its middle at u = (q + r / 2) widths and
    v = r widths times sqrt(3) / 2, and a corner straight above it.
    """

    shape: Literal["square", "hexagon"]
    width_m: float
    turn_deg: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.width_m) and self.width_m > 0 and np.isfinite(self.turn_deg)):
            raise ValueError(f"A tile {self.width_m} m wide, turned by {self.turn_deg} degrees, is none.")

    def tile_of(self, x_m: Floats, y_m: Floats) -> tuple[Ints, Ints]:
        """Which tile holds each point?"""
        u, v = self._rotate(x_m, y_m, -1.0)
        u, v = u / self.width_m, v / self.width_m
        if self.shape == "square":
            return np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
        r = v / (np.sqrt(3.0) / 2.0)
        return _nearest_hexagon(u - r / 2.0, r)

    def outlines(self, a: Ints, b: Ints) -> Shapes:
        """The outline of each of these tiles."""
        if self.shape == "square":
            u, v = (a + 0.5) * self.width_m, (b + 0.5) * self.width_m
            angles, corner_radius_m = np.deg2rad(45.0 + 90.0 * np.arange(4)), self.width_m / np.sqrt(2.0)
        else:
            u, v = (a + b / 2.0) * self.width_m, b * self.width_m * np.sqrt(3.0) / 2.0
            angles, corner_radius_m = np.deg2rad(90.0 + 60.0 * np.arange(6)), self.width_m / np.sqrt(3.0)
        corners_u = u[:, None] + corner_radius_m * np.cos(angles)
        corners_v = v[:, None] + corner_radius_m * np.sin(angles)
        x, y = self._rotate(corners_u, corners_v, 1.0)
        tile_polygons = shapely.polygons(np.round(np.stack([x, y], axis=-1), TILE_DECIMALS))
        return np.asarray(tile_polygons, dtype=object)

    def tiles_covering(self, region: BaseGeometry) -> tuple[Ints, Ints]:
        """Every tile whose middle lies near enough to the region's frame to touch it."""
        west, south, east, north = region.bounds
        frame_corners = np.array([[west, south], [east, south], [west, north], [east, north]])
        u, v = self._rotate(frame_corners[:, 0], frame_corners[:, 1], -1.0)
        row_step_m = self.width_m * (1.0 if self.shape == "square" else np.sqrt(3.0) / 2.0)
        row_numbers = np.arange(np.floor(v.min() / row_step_m) - 1, np.ceil(v.max() / row_step_m) + 2)
        first_column, end_column = np.floor(u.min() / self.width_m) - 1, np.ceil(u.max() / self.width_m) + 2
        column_numbers = np.arange(first_column, end_column)
        b = np.repeat(row_numbers, len(column_numbers)).astype(np.int64)
        a = np.tile(column_numbers, len(row_numbers)).astype(np.int64)
        return (a, b) if self.shape == "square" else (a - np.floor_divide(b, 2), b)

    def _rotate(self, x: Floats, y: Floats, sign: float) -> tuple[Floats, Floats]:
        if self.turn_deg == 0.0:
            return x, y
        cosine, sine = np.cos(np.deg2rad(self.turn_deg)), sign * np.sin(np.deg2rad(self.turn_deg))
        return x * cosine - y * sine, x * sine + y * cosine


def clip_tiles(lattice: Lattice, region: BaseGeometry) -> tuple[Ints, Ints, Shapes]:
    """The tiles that have land inside the region, and that land: whole tiles and those on its edge, cut."""
    a, b = lattice.tiles_covering(region)
    tile_outlines = lattice.outlines(a, b)
    shapely.prepare(region)
    is_touching = shapely.intersects(region, tile_outlines)
    a, b, tile_outlines = a[is_touching], b[is_touching], tile_outlines[is_touching]
    is_crossing = ~shapely.contains_properly(region, tile_outlines)
    tile_outlines[is_crossing] = keep_areas(shapely.intersection(tile_outlines[is_crossing], region))
    is_kept = shapely.area(tile_outlines) > LEAST_M2
    return a[is_kept], b[is_kept], tile_outlines[is_kept]


def keep_areas(shapes: Shapes) -> Shapes:
    """Only the areas of these shapes: stray points and lines that cutting leaves are dropped."""
    mixed_index = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for i in mixed_index.tolist():
        shape_parts = shapely.get_parts(shapes[i])
        shapes[i] = shapely.union_all(shape_parts[shapely.get_dimensions(shape_parts) == 2])
    return shapes


def _nearest_hexagon(q: Floats, r: Floats) -> tuple[Ints, Ints]:
    """Round to the nearest middle in cube coordinates: the one that is furthest off follows the others."""
    s = -q - r
    rounded_axes = [np.rint(axis_values) for axis_values in (q, r, s)]
    rounding_errors = [abs(to - axis_values) for to, axis_values in zip(rounded_axes, (q, r, s), strict=True)]
    is_q_worst = (rounding_errors[0] > rounding_errors[1]) & (rounding_errors[0] > rounding_errors[2])
    is_r_worst = ~is_q_worst & (rounding_errors[1] > rounding_errors[2])
    rounded_q = np.where(is_q_worst, -rounded_axes[1] - rounded_axes[2], rounded_axes[0])
    rounded_r = np.where(is_r_worst, -rounded_axes[0] - rounded_axes[2], rounded_axes[1])
    return rounded_q.astype(np.int64), rounded_r.astype(np.int64)


LINE_DECIMALS = 2  # ends nearer than a centimetre are one
LEAST_M = 0.05  # shorter pieces are the noise of cutting
ARMS_OF_A_JUNCTION = 3


@dataclass(frozen=True, slots=True)
class Stretches:
    """Lines between junctions (`is_junction` False) and the arms of each junction as one shape (True)."""

    shapes: Shapes
    is_junction: Bools
    points: Floats  # the middle of each stretch, the place of each junction; shape (n, 2)


def cut_at_junctions(lines: Shapes, *, junction_m: float = 0.0) -> Stretches:
    """Which stretches lie between junctions, each junction with `junction_m` of its arms apart?

    Lines join where their ends meet; where only two meet they become one stretch. Doubled lines (a
    street told in both directions) count once. Order of the input does not matter.
    """
    lines = np.asarray(shapely.normalize(shapely.set_precision(lines, 10.0**-LINE_DECIMALS)), dtype=object)
    lines = lines[shapely.length(lines) > LEAST_M]
    distinct_lines = sorted({shapely.to_wkb(line): line for line in lines}.items())
    if not distinct_lines:
        raise ValueError("There is not one line with a length.")
    merged_lines = shapely.line_merge(shapely.multilinestrings([line for _, line in distinct_lines]))
    merged_parts = np.asarray(shapely.normalize(shapely.get_parts(merged_lines)), dtype=object)
    merged_parts = merged_parts[np.argsort(shapely.to_wkb(merged_parts))]
    if junction_m <= 0.0:
        return Stretches(merged_parts, np.zeros(len(merged_parts), dtype=bool), _find_middles(merged_parts))
    return _cut_junctions(merged_parts, junction_m)


def _cut_junctions(merged_parts: Shapes, junction_m: float) -> Stretches:
    end_points = np.stack([_points_at(merged_parts, 0), _points_at(merged_parts, -1)], axis=1)
    node_points, node_of_end, node_degrees = np.unique(
        end_points.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True
    )
    node_of_end = node_of_end.reshape(-1, 2)
    is_junction = node_degrees >= ARMS_OF_A_JUNCTION
    arms_by_node: dict[int, list[BaseGeometry]] = {}
    middle_parts: list[BaseGeometry] = []
    for line_part, length_m, (first_node, last_node) in zip(
        merged_parts, shapely.length(merged_parts), node_of_end.tolist(), strict=True
    ):
        arm_limit_m = length_m / 2.0 if is_junction[first_node] and is_junction[last_node] else length_m
        middle_start_m = min(junction_m, arm_limit_m) if is_junction[first_node] else 0.0
        middle_end_m = length_m - min(junction_m, arm_limit_m) if is_junction[last_node] else length_m
        if middle_start_m > LEAST_M:
            arms_by_node.setdefault(first_node, []).append(substring(line_part, 0.0, middle_start_m))
        if length_m - middle_end_m > LEAST_M:
            arms_by_node.setdefault(last_node, []).append(substring(line_part, middle_end_m, length_m))
        if middle_end_m - middle_start_m > LEAST_M:
            middle_parts.append(substring(line_part, middle_start_m, middle_end_m))
    node_numbers = sorted(arms_by_node)
    middle_points = _find_middles(np.array(middle_parts, dtype=object))
    stretch_shapes = [*middle_parts, *(shapely.multilinestrings(arms_by_node[n]) for n in node_numbers)]
    return Stretches(
        np.array(stretch_shapes, dtype=object),
        np.arange(len(stretch_shapes)) >= len(middle_parts),
        np.concatenate([middle_points.reshape(-1, 2), node_points[node_numbers].reshape(-1, 2)]),
    )


def _points_at(lines: Shapes, vertex_index: int) -> Floats:
    line_points = shapely.get_point(lines, vertex_index)
    return np.column_stack([shapely.get_x(line_points), shapely.get_y(line_points)])


def _find_middles(lines: Shapes) -> Floats:
    middle_points = np.asarray(shapely.line_interpolate_point(lines, 0.5, normalized=True), dtype=object)
    return np.column_stack([shapely.get_x(middle_points), shapely.get_y(middle_points)])


TOUCHING_M = 0.01  # outlines nearer than a centimetre touch


@dataclass(frozen=True, slots=True)
class PlaceSet:
    """Places in metres, numbered as they stand: `ids[i]` names the place with `outlines[i]`.

    Land has polygons and `amounts` in square metres; streets have lines and `amounts` in metres.
    `width_m` is how large a place nominally is. A point belongs to the polygon that holds it (on
    a shared edge: to the first), or to the nearest line within `snap_m` (of land: where none holds it).
    Only `listable` places can be chosen; the others stand for the ground between. Places of a `footprint`
    are those that hold a record.
    """

    kind: PlaceKind
    ids: tuple[str, ...]
    outlines: NDArray[np.object_]
    amounts: Floats
    width_m: float
    denominator: str
    snap_m: float = 0.0
    listable: Bools | None = None
    notes: tuple[str, ...] = ()
    is_footprint: bool = False
    centres_m: tuple[Floats, Floats] = field(init=False)
    _smoothers: dict[float, Smoother] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.outlines) == len(self.amounts):
            raise ValueError(f"{len(self.ids)} names, {len(self.outlines)} outlines and so many amounts")
        if not len(self.ids):
            raise ValueError("There is not one place.")
        object.__setattr__(self, "centres_m", _centres(self.outlines))

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.ids)

    @property
    def by_length(self) -> bool:
        """Whether amounts are metres of street, not square metres of land."""
        return self.kind == "segment"

    def select(self, is_kept: Bools) -> PlaceSet:
        """These places alone, in their order."""
        return replace(
            self,
            ids=tuple(compress(self.ids, is_kept)),
            outlines=self.outlines[is_kept],
            amounts=self.amounts[is_kept],
            listable=None if self.listable is None else self.listable[is_kept],
        )

    def locate(self, x_m: Floats, y_m: Floats) -> Ints:
        """The number of the place to which each point belongs, or -1 where it belongs to none."""
        # Records of one point stand together, and are located once: most sources round to few points.
        run_starts, run_lengths = _find_runs(x_m, y_m)
        distinct_points = np.asarray(shapely.points(x_m[run_starts], y_m[run_starts]), dtype=object)
        outline_tree = shapely.STRtree(self.outlines)
        if self.by_length:
            return np.repeat(self._nearest(outline_tree, distinct_points), run_lengths)
        point_index, match_place = outline_tree.query(distinct_points, predicate="intersects")
        place_of_point = _first_match(point_index, match_place, len(distinct_points), self.size)
        if self.snap_m > 0.0 and (place_of_point < 0).any():
            place_of_point[place_of_point < 0] = self._nearest(
                outline_tree, distinct_points[place_of_point < 0]
            )
        return np.repeat(place_of_point, run_lengths)

    def _nearest(self, outline_tree: shapely.STRtree, points: NDArray[np.object_]) -> Ints:
        point_index, match_place = outline_tree.query_nearest(
            points, max_distance=self.snap_m, all_matches=True
        )
        return _first_match(point_index, match_place, len(points), self.size)

    def smooth(self, values: Floats, sigma_m: float, *, without_own: bool = False) -> Floats:
        """What each place would hold if its density were the kernel-weighted mean around it."""
        if sigma_m not in self._smoothers:  # made when first asked for, and the same ever after
            self._smoothers[sigma_m] = build_smoother(self.amounts, *self.centres_m, sigma_m=sigma_m)
        return self._smoothers[sigma_m].smooth(values, without_own=without_own) * self.amounts

    def neighbours(self) -> ListedNeighbours:
        """Which places touch each other?"""
        outline_tree = shapely.STRtree(self.outlines)
        place_index, neighbour_index = outline_tree.query(
            self.outlines, predicate="dwithin", distance=TOUCHING_M
        )
        is_other = place_index != neighbour_index
        place_index, neighbour_index = place_index[is_other], neighbour_index[is_other]
        pair_order = np.lexsort((neighbour_index, place_index))
        list_starts = np.concatenate([[0], np.cumsum(np.bincount(place_index, minlength=self.size))])
        return ListedNeighbours(list_starts.astype(np.int64), neighbour_index[pair_order].astype(np.int64))


def _find_runs(x: Floats, y: Floats) -> tuple[Ints, Ints]:
    """Where each run of equal points starts, and how long it is."""
    if not len(x):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    later_starts = np.flatnonzero((x[1:] != x[:-1]) | (y[1:] != y[:-1])) + 1
    run_starts = np.concatenate([[0], later_starts])
    return run_starts, np.diff(np.append(run_starts, len(x)))


def _first_match(point_index: Ints, match_place: Ints, point_count: int, place_count: int) -> Ints:
    """The first of the places found for each point, -1 where there is none."""
    first_place_of_point = np.full(point_count, place_count, dtype=np.int64)
    np.minimum.at(first_place_of_point, point_index, match_place)
    return np.where(first_place_of_point < place_count, first_place_of_point, -1)


def _centres(outlines: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """The centroid of each piece of land, the point half way along each street."""
    middle_points = np.asarray(shapely.centroid(outlines), dtype=object)
    is_line = shapely.get_type_id(outlines) == shapely.GeometryType.LINESTRING
    middle_points[is_line] = shapely.line_interpolate_point(outlines[is_line], 0.5, normalized=True)
    return shapely.get_x(middle_points), shapely.get_y(middle_points)

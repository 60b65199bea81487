"""Shapes that cut the plane and lines into places: squares and hexagons that tile it, stretches of line.

Tiles have any size and turn and are aligned to the origin. Lines are cut into stretches between junctions
and the arms of the junctions themselves: no length is lost or counted twice, for what an arm takes from a
stretch, the stretch no longer has.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from becalm.methods.arrays import Bools, Floats, Ints, Shapes

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
            angles, radius = np.deg2rad(45.0 + 90.0 * np.arange(4)), self.width_m / np.sqrt(2.0)
        else:
            u, v = (a + b / 2.0) * self.width_m, b * self.width_m * np.sqrt(3.0) / 2.0
            angles, radius = np.deg2rad(90.0 + 60.0 * np.arange(6)), self.width_m / np.sqrt(3.0)
        corners_u = u[:, None] + radius * np.cos(angles)
        corners_v = v[:, None] + radius * np.sin(angles)
        x, y = self._rotate(corners_u, corners_v, 1.0)
        polygons = shapely.polygons(np.round(np.stack([x, y], axis=-1), TILE_DECIMALS))
        return np.asarray(polygons, dtype=object)

    def tiles_covering(self, region: BaseGeometry) -> tuple[Ints, Ints]:
        """Every tile whose middle lies near enough to the region's frame to touch it."""
        west, south, east, north = region.bounds
        corners = np.array([[west, south], [east, south], [west, north], [east, north]])
        u, v = self._rotate(corners[:, 0], corners[:, 1], -1.0)
        step = self.width_m * (1.0 if self.shape == "square" else np.sqrt(3.0) / 2.0)
        rows = np.arange(np.floor(v.min() / step) - 1, np.ceil(v.max() / step) + 2)
        first, last = np.floor(u.min() / self.width_m) - 1, np.ceil(u.max() / self.width_m) + 2
        columns = np.arange(first, last)
        b = np.repeat(rows, len(columns)).astype(np.int64)
        a = np.tile(columns, len(rows)).astype(np.int64)
        return (a, b) if self.shape == "square" else (a - np.floor_divide(b, 2), b)

    def _rotate(self, x: Floats, y: Floats, sign: float) -> tuple[Floats, Floats]:
        if self.turn_deg == 0.0:
            return x, y
        cosine, sine = np.cos(np.deg2rad(self.turn_deg)), sign * np.sin(np.deg2rad(self.turn_deg))
        return x * cosine - y * sine, x * sine + y * cosine


def clip_tiles(lattice: Lattice, region: BaseGeometry) -> tuple[Ints, Ints, Shapes]:
    """The tiles that have land inside the region, and that land: whole tiles and those on its edge, cut."""
    a, b = lattice.tiles_covering(region)
    outlines = lattice.outlines(a, b)
    shapely.prepare(region)
    is_touching = shapely.intersects(region, outlines)
    a, b, outlines = a[is_touching], b[is_touching], outlines[is_touching]
    is_crossing = ~shapely.contains_properly(region, outlines)
    outlines[is_crossing] = keep_areas(shapely.intersection(outlines[is_crossing], region))
    is_kept = shapely.area(outlines) > LEAST_M2
    return a[is_kept], b[is_kept], outlines[is_kept]


def keep_areas(shapes: Shapes) -> Shapes:
    """Only the areas of these shapes: stray points and lines that cutting leaves are dropped."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for i in mixed.tolist():
        parts = shapely.get_parts(shapes[i])
        shapes[i] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return shapes


def _nearest_hexagon(q: Floats, r: Floats) -> tuple[Ints, Ints]:
    """Round to the nearest middle in cube coordinates: the one that is furthest off follows the others."""
    s = -q - r
    rounded = [np.rint(values) for values in (q, r, s)]
    error = [abs(to - values) for to, values in zip(rounded, (q, r, s), strict=True)]
    q_worst = (error[0] > error[1]) & (error[0] > error[2])
    r_worst = ~q_worst & (error[1] > error[2])
    rounded_q = np.where(q_worst, -rounded[1] - rounded[2], rounded[0])
    rounded_r = np.where(r_worst, -rounded[0] - rounded[2], rounded[1])
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
    parts = np.asarray(shapely.normalize(shapely.get_parts(merged_lines)), dtype=object)
    parts = parts[np.argsort(shapely.to_wkb(parts))]
    if junction_m <= 0.0:
        return Stretches(parts, np.zeros(len(parts), dtype=bool), _middles(parts))
    return _cut_junctions(parts, junction_m)


def _cut_junctions(parts: Shapes, junction_m: float) -> Stretches:
    ends = np.stack([_points_at(parts, 0), _points_at(parts, -1)], axis=1)
    nodes, node_of_end, degree = np.unique(
        ends.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True
    )
    node_of_end = node_of_end.reshape(-1, 2)
    is_crossing = degree >= ARMS_OF_A_JUNCTION
    arms: dict[int, list[BaseGeometry]] = {}
    remaining: list[BaseGeometry] = []
    for part, length, (first, last) in zip(parts, shapely.length(parts), node_of_end.tolist(), strict=True):
        share = length / 2.0 if is_crossing[first] and is_crossing[last] else length
        start = min(junction_m, share) if is_crossing[first] else 0.0
        end = length - min(junction_m, share) if is_crossing[last] else length
        if start > LEAST_M:
            arms.setdefault(first, []).append(substring(part, 0.0, start))
        if length - end > LEAST_M:
            arms.setdefault(last, []).append(substring(part, end, length))
        if end - start > LEAST_M:
            remaining.append(substring(part, start, end))
    numbers = sorted(arms)
    middles = _middles(np.array(remaining, dtype=object))
    shapes = [*remaining, *(shapely.multilinestrings(arms[n]) for n in numbers)]
    return Stretches(
        np.array(shapes, dtype=object),
        np.arange(len(shapes)) >= len(remaining),
        np.concatenate([middles.reshape(-1, 2), nodes[numbers].reshape(-1, 2)]),
    )


def _points_at(lines: Shapes, index: int) -> Floats:
    points = shapely.get_point(lines, index)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def _middles(lines: Shapes) -> Floats:
    points = np.asarray(shapely.line_interpolate_point(lines, 0.5, normalized=True), dtype=object)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])

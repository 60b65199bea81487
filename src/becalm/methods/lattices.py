"""Squares and hexagons of any size and turn that tile the plane, aligned to its origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Floats, Ints, Shapes

DECIMALS = 6  # a thousandth of a millimetre: neighbours share their corners exactly
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
        u, v = self._turned(x_m, y_m, -1.0)
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
        x, y = self._turned(corners_u, corners_v, 1.0)
        made = shapely.polygons(np.round(np.stack([x, y], axis=-1), DECIMALS))
        return np.asarray(made, dtype=object)

    def covering(self, region: BaseGeometry) -> tuple[Ints, Ints]:
        """Every tile whose middle lies near enough to the region's frame to touch it."""
        west, south, east, north = region.bounds
        corners = np.array([[west, south], [east, south], [west, north], [east, north]])
        u, v = self._turned(corners[:, 0], corners[:, 1], -1.0)
        step = self.width_m * (1.0 if self.shape == "square" else np.sqrt(3.0) / 2.0)
        rows = np.arange(np.floor(v.min() / step) - 1, np.ceil(v.max() / step) + 2)
        first, last = np.floor(u.min() / self.width_m) - 1, np.ceil(u.max() / self.width_m) + 2
        columns = np.arange(first, last)
        b = np.repeat(rows, len(columns)).astype(np.int64)
        a = np.tile(columns, len(rows)).astype(np.int64)
        return (a, b) if self.shape == "square" else (a - np.floor_divide(b, 2), b)

    def _turned(self, x: Floats, y: Floats, way: float) -> tuple[Floats, Floats]:
        if self.turn_deg == 0.0:
            return x, y
        cosine, sine = np.cos(np.deg2rad(self.turn_deg)), way * np.sin(np.deg2rad(self.turn_deg))
        return x * cosine - y * sine, x * sine + y * cosine


def clip_tiles(lattice: Lattice, region: BaseGeometry) -> tuple[Ints, Ints, Shapes]:
    """The tiles that have land inside the region, and that land: whole tiles and those on its edge, cut."""
    a, b = lattice.covering(region)
    outlines = lattice.outlines(a, b)
    shapely.prepare(region)
    touching = shapely.intersects(region, outlines)
    a, b, outlines = a[touching], b[touching], outlines[touching]
    crossing = ~shapely.contains_properly(region, outlines)
    outlines[crossing] = land_of(shapely.intersection(outlines[crossing], region))
    kept = shapely.area(outlines) > LEAST_M2
    return a[kept], b[kept], outlines[kept]


def land_of(shapes: Shapes) -> Shapes:
    """Only the areas of these shapes: stray points and lines that cutting leaves are dropped."""
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for i in mixed.tolist():
        parts = shapely.get_parts(shapes[i])
        shapes[i] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return shapes


def _nearest_hexagon(q: Floats, r: Floats) -> tuple[Ints, Ints]:
    """Round to the nearest middle in cube coordinates: the one that is furthest off follows the others."""
    s = -q - r
    near = [np.rint(values) for values in (q, r, s)]
    off = [abs(to - values) for to, values in zip(near, (q, r, s), strict=True)]
    q_worst = (off[0] > off[1]) & (off[0] > off[2])
    r_worst = ~q_worst & (off[1] > off[2])
    rounded_q = np.where(q_worst, -near[1] - near[2], near[0])
    rounded_r = np.where(r_worst, -near[0] - near[2], near[1])
    return rounded_q.astype(np.int64), rounded_r.astype(np.int64)

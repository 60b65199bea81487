"""Square cells aligned to the origin of the coordinate system, with exact areas inside a region.

A cell (column, row) covers x in [column * cell_m, (column + 1) * cell_m) and y likewise.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.neighbourhood import RasterNeighbours, smooth_raster


@dataclass(frozen=True, slots=True)
class CellGrid:
    """A raster of cells; those with an area above 0 are the places, numbered row by row.

    `area_m2[j, i]` is the area inside the region of the cell in column `column_0 + i`, row `row_0 + j`.
    """

    cell_m: float
    column_0: int
    row_0: int
    area_m2: Floats

    @property
    def inside(self) -> Bools:
        """Which cells of the raster are places."""
        return self.area_m2 > 0.0

    @property
    def place_areas_m2(self) -> Floats:
        """The area of each place."""
        return np.asarray(self.area_m2[self.inside])

    @property
    def columns(self) -> Ints:
        """The column of each place."""
        return np.nonzero(self.inside)[1] + self.column_0

    @property
    def rows(self) -> Ints:
        """The row of each place."""
        return np.nonzero(self.inside)[0] + self.row_0

    @property
    def centres_m(self) -> tuple[Floats, Floats]:
        """The x and y of the centre of each place's whole cell."""
        half_cell_m = self.cell_m / 2.0
        return np.asarray(self.columns * self.cell_m + half_cell_m), np.asarray(
            self.rows * self.cell_m + half_cell_m
        )

    def numbers(self, columns: Ints, rows: Ints) -> Ints:
        """The number of the place that each (column, row) is, or -1 where it is none."""
        row_count, column_count = self.area_m2.shape
        i, j = columns - self.column_0, rows - self.row_0
        is_on_raster = (i >= 0) & (i < column_count) & (j >= 0) & (j < row_count)
        number_of_cell = np.where(self.inside.ravel(), np.cumsum(self.inside.ravel()) - 1, -1)
        return np.where(is_on_raster, number_of_cell[np.where(is_on_raster, j * column_count + i, 0)], -1)

    @property
    def size(self) -> int:
        """How many places there are."""
        return int(np.count_nonzero(self.inside))

    @property
    def amounts(self) -> Floats:
        """How much there is of each place: its area in square metres."""
        return self.place_areas_m2

    @property
    def width_m(self) -> float:
        """How wide a place is."""
        return self.cell_m

    def select(self, is_kept: Bools) -> "CellGrid":
        """These cells alone, on the same raster."""
        area_m2 = self.area_m2.copy()
        area_m2[self.inside] = np.where(is_kept, self.place_areas_m2, 0.0)
        return CellGrid(self.cell_m, self.column_0, self.row_0, area_m2)

    def smooth(self, values: Floats, sigma_m: float, *, without_own: bool = False) -> Floats:
        """What each place would hold if its density were the kernel-weighted mean around it."""
        sigma_cells = sigma_m / self.cell_m
        densities = smooth_raster(
            self.raster(values), self.area_m2, sigma=sigma_cells, without_own=without_own
        )
        return np.asarray(densities[self.inside] * self.place_areas_m2)

    def neighbours(self) -> RasterNeighbours:
        """Which places touch each other?"""
        return RasterNeighbours(self.inside)

    def raster(self, values: Floats) -> Floats:
        """Lay one value per place out on the raster, with 0 outside."""
        cell_values = np.zeros(self.area_m2.shape)
        cell_values[self.inside] = values
        return cell_values


def to_cells(x_m: Floats, y_m: Floats, cell_m: float) -> tuple[Ints, Ints]:
    """Which (column, row) holds each point?"""
    return np.floor(x_m / cell_m).astype(np.int64), np.floor(y_m / cell_m).astype(np.int64)


def build_grid(columns: Ints, rows: Ints, cell_m: float) -> CellGrid:
    """Make a grid of exactly these cells, each with its whole area."""
    if len(columns) == 0:
        raise ValueError("There is not one cell to make a grid of. Give at least one column and row.")
    first_column, first_row = int(columns.min()), int(rows.min())
    area_m2 = np.zeros((int(rows.max()) - first_row + 1, int(columns.max()) - first_column + 1))
    area_m2[rows - first_row, columns - first_column] = cell_m**2
    return CellGrid(cell_m, first_column, first_row, area_m2)


def clip_cells(region: BaseGeometry, cell_m: float) -> CellGrid:
    """Cut the plane into cells and keep the part of each that lies inside the region.

    The region is halved again and again along cell edges, so that only the few cells on its edge are
    ever cut, and those with a short piece of outline: 72,000 cells take a fraction of a second.
    Raises ValueError for a region without area or with a faulty outline.
    """
    if not region.is_valid:
        fault_text = shapely.is_valid_reason(region)
        raise ValueError(f"The region's outline is faulty ({fault_text}). Fix it first.")
    if region.is_empty or region.area <= 0.0:
        raise ValueError("The region has no area. Give a polygon.")
    west, south, east, north = region.bounds
    column_0, row_0 = int(np.floor(west / cell_m)), int(np.floor(south / cell_m))
    column_count = max(1, int(np.ceil(east / cell_m)) - column_0)
    row_count = max(1, int(np.ceil(north / cell_m)) - row_0)
    area_m2 = np.zeros((row_count, column_count))
    # A power of two, so that every halving falls on the edge of a cell.
    side_cells = 1 << int(max(column_count, row_count) - 1).bit_length()
    region_pieces = np.array([region], dtype=object)
    lefts, bottoms = np.array([0]), np.array([0])
    while side_cells >= 1 and len(region_pieces):
        # A square that lies inside as a whole is filled at once: only the edge is ever cut down to cells.
        is_whole = np.isclose(shapely.area(region_pieces), (side_cells * cell_m) ** 2, rtol=1e-12, atol=0.0)
        for column, row in zip(lefts[is_whole], bottoms[is_whole], strict=True):
            area_m2[row : row + side_cells, column : column + side_cells] = cell_m**2
        region_pieces, lefts, bottoms = region_pieces[~is_whole], lefts[~is_whole], bottoms[~is_whole]
        if side_cells == 1:
            area_m2[bottoms, lefts] = shapely.area(region_pieces)
            break
        side_cells //= 2
        region_pieces, lefts, bottoms = _cut_in_four(
            region_pieces, lefts, bottoms, side_cells, (column_0, row_0), cell_m
        )
    return CellGrid(cell_m, column_0, row_0, area_m2)


def _cut_in_four(
    pieces: NDArray[np.object_], lefts: Ints, bottoms: Ints, side: int, origin: tuple[int, int], cell_m: float
) -> tuple[NDArray[np.object_], Ints, Ints]:
    """Cut each piece into the four squares of half the side; empty ones are dropped."""
    lefts = np.concatenate([lefts, lefts + side, lefts, lefts + side])
    bottoms = np.concatenate([bottoms, bottoms, bottoms + side, bottoms + side])
    x, y = (lefts + origin[0]) * cell_m, (bottoms + origin[1]) * cell_m
    quarters = shapely.intersection(
        np.tile(pieces, 4), shapely.box(x, y, x + side * cell_m, y + side * cell_m)
    )
    has_area = shapely.area(quarters) > 0.0
    return quarters[has_area], lefts[has_area], bottoms[has_area]


def clip_squares(
    region: BaseGeometry | None, columns: Ints, rows: Ints, cell_m: float
) -> NDArray[np.object_]:
    """The outline of each of these few cells, cut to the region where there is one."""
    x, y = columns * cell_m, rows * cell_m
    cell_outlines = shapely.box(x, y, x + cell_m, y + cell_m)
    if region is None:
        return np.asarray(cell_outlines, dtype=object)
    # Cutting is slow and testing is fast: only squares that the outline crosses are cut.
    shapely.prepare(region)
    is_crossing = ~shapely.contains(region, cell_outlines)
    cell_outlines[is_crossing] = shapely.intersection(cell_outlines[is_crossing], region)
    return np.asarray(cell_outlines, dtype=object)

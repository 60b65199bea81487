"""Places held against brute force and against the h3 library's own words."""

from __future__ import annotations

import h3
import numpy as np
import pytest
import shapely
from pyproj import Transformer
from shaped import CRS

from becalm.find.core.build_places import h3_over, h3_under
from becalm.methods.grid import build_grid
from becalm.methods.neighbourhood import build_smoother
from becalm.methods.place_set import Lattice, PlaceSet


@pytest.fixture
def rng():
    return np.random.default_rng(12)


def places(outlines, kind="hexagon", snap_m=0.0):
    amounts = shapely.length(outlines) if kind == "segment" else shapely.area(outlines)
    names = tuple(str(i) for i in range(len(outlines)))
    return PlaceSet(kind, names, np.asarray(outlines, dtype=object), amounts, 100.0, "drawn", snap_m)


@pytest.mark.parametrize("turn", [0.0, 23.0])
@pytest.mark.parametrize("shape", ["square", "hexagon"])
def test_the_tile_of_a_point_is_the_one_whose_outline_holds_it(rng, shape, turn):
    lattice = Lattice(shape, 80.0, turn)
    x, y = rng.uniform(-900, 900, (2, 400))
    outlines = lattice.outlines(*lattice.tile_of(x, y))
    assert shapely.contains(outlines, shapely.points(x, y)).all()
    area = 6_400.0 * (1.0 if shape == "square" else np.sqrt(3.0) / 2.0)
    assert shapely.area(outlines) == pytest.approx(area, rel=1e-6)


def test_a_point_belongs_to_the_nearest_line_within_reach(rng):
    lines = [shapely.LineString(rng.random((2, 2)) * 500) for _ in range(30)]
    x, y = rng.random((2, 200)) * 500
    found = places(lines, "segment", snap_m=40.0).locate(x, y)
    for i in range(200):
        distances = shapely.distance(shapely.Point(x[i], y[i]), lines)
        assert found[i] == (distances.argmin() if distances.min() <= 40.0 else -1)


def test_neighbours_are_the_places_that_touch():
    hexagons = Lattice("hexagon", 50.0)
    q, r = (axis.ravel() for axis in np.meshgrid(np.arange(7), np.arange(7)))
    neighbours = places(hexagons.outlines(q, r)).neighbours()
    assert neighbours.numbers()[(q == 3) & (r == 3)].tolist() == [6]
    steps = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1)]
    wanted = [sum(0 <= a + i < 7 and 0 <= b + j < 7 for i, j in steps) for a, b in zip(q, r, strict=True)]
    assert neighbours.numbers().tolist() == wanted


@pytest.mark.parametrize("without_own", [False, True])
def test_smoothing_on_a_raster_is_the_sum_over_all_pairs(rng, without_own):
    x, y = rng.random((2, 500)) * 3_000
    values, amounts = rng.poisson(2.0, 500).astype(float), rng.uniform(50, 150, 500)
    made = build_smoother(amounts, x, y, sigma_m=300.0).smooth(values, without_own=without_own)
    squared = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    kernel = np.exp(-squared / (2 * 300.0**2))
    if without_own:
        np.fill_diagonal(kernel, 0.0)
    exact = (kernel @ values) / (kernel @ amounts)
    assert made == pytest.approx(exact, rel=0.06)
    assert np.corrcoef(made, exact)[0, 1] > 0.98


def test_square_places_smooth_as_the_grids_own_cells_do(rng):
    columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(30), np.arange(30)))
    grid = build_grid(columns, rows, 100.0)
    squares = places(Lattice("square", 100.0).outlines(grid.columns, grid.rows), "square")
    values = rng.poisson(1.0, grid.size).astype(float)
    for sigma_m in (150.0, 450.0):
        assert squares.smooth(values, sigma_m) == pytest.approx(grid.smooth(values, sigma_m), abs=0.2)


def test_h3_cells_are_the_librarys_own(rng):
    x, y = 530_000 + 2_000 * rng.random(300), 180_000 + 2_000 * rng.random(300)
    longitude, latitude = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    wanted = {h3.latlng_to_cell(a, b, 9) for a, b in zip(latitude, longitude, strict=True)}
    names, outlines = h3_under(x, y, 9, crs=CRS)
    assert set(names) == wanted
    found = places(outlines, "h3").locate(x, y)
    named = [h3.latlng_to_cell(a, b, 9) for a, b in zip(latitude, longitude, strict=True)]
    assert [names[i] for i in found] == named
    over, shapes = h3_over(shapely.box(530_000, 180_000, 532_000, 182_000), 9, crs=CRS)
    assert wanted <= set(over)
    assert shapely.union_all(shapes).buffer(0.01).contains(shapely.box(530_000, 180_000, 532_000, 182_000))

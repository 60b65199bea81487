"""The map of the city: what GDAL reads from its tiles, when it is made again, and that bytes repeat."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from pmtiles.reader import MmapSource, Reader, all_tiles
from pyogrio import read_dataframe
from pyproj import Transformer

from becalm.methods.map_projection import WGS84, project_shapes
from becalm.render.vector_tiles import AREA, EXTENT, MARGIN, MapLayer, encode_zoom, map_square
from becalm.terms import InputError
from becalm.workspace import map_tiles
from becalm.workspace.config import CityEntry, Config, Workspace

WEB_MERCATOR, CRS = "EPSG:3857", "EPSG:27700"
HIGHWAYS = ("primary", "residential", "trunk_link")


def write_streets(folder: Path, *, count: int = 60, seed: int = 1) -> list[shapely.LineString]:
    """A drawn street file in degrees; every third street is a main road."""
    rng = np.random.default_rng(seed)
    starts_m = rng.uniform((530_000, 180_000), (538_000, 186_000), (count, 2))
    lines_m = [
        shapely.LineString(start + np.cumsum(rng.normal(0, 180, (4, 2)), axis=0)) for start in starts_m
    ]
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"Street {number % 7}", "highway": HIGHWAYS[number % 3]},
            "geometry": json.loads(shapely.to_geojson(line)),
        }
        for number, line in enumerate(project_shapes(lines_m, CRS, WGS84))
    ]
    write_features(folder / "streets.geojson", features)
    return lines_m


def write_features(path: Path, features: list[dict[str, object]]) -> None:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")


def write_water(folder: Path) -> shapely.Polygon:
    """A lake with an island, wider than a tile of the last zoom."""
    lake = shapely.Point(534_000, 183_000).buffer(2_500) - shapely.Point(534_000, 183_000).buffer(400)
    (shape,) = project_shapes([lake], CRS, WGS84)
    geometry = json.loads(shapely.to_geojson(shape))
    write_features(folder / "water.geojson", [{"type": "Feature", "properties": {}, "geometry": geometry}])
    return lake


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with streets and a lake."""
    write_streets(tmp_path)
    write_water(tmp_path)
    city = CityEntry(key="t", name="T", crs=CRS, time_zone="Europe/London", boroughs=[])
    return Workspace(tmp_path, Config(city=city))


def make(workspace: Workspace) -> tuple[Path, list[str]]:
    said: list[str] = []
    path = map_tiles.make_map(workspace, said.append)
    assert path is not None
    return path, said


def test_gdal_reads_every_street_and_the_lake_at_the_last_zoom(workspace: Workspace, tmp_path: Path) -> None:
    path, _ = make(workspace)
    streets, water = (read_dataframe(path, layer=name) for name in ("streets", "water"))
    to_map = Transformer.from_crs(CRS, WEB_MERCATOR, always_xy=True)
    lines = [shapely.transform(line, to_map.transform, interleaved=False) for line in write_streets(tmp_path)]
    # What lies in the margin of a tile is in its neighbour too, so that lengths are compared without overlap.
    drawn = shapely.union_all(streets.geometry.to_numpy())
    unit_m = 40_075_017 / (2**14 * EXTENT)
    assert shapely.hausdorff_distance(drawn, shapely.union_all(lines)) <= 2 * unit_m
    assert {*streets.name} == {f"Street {number}" for number in range(7)}
    assert {*streets.kind} == {"main", "local"}
    lake = shapely.transform(write_water(tmp_path), to_map.transform, interleaved=False)
    drawn_lake = shapely.union_all(water.geometry.to_numpy())
    assert drawn_lake.symmetric_difference(lake).area <= 0.002 * lake.area


def test_local_streets_are_left_out_until_they_can_be_told_apart(workspace: Workspace) -> None:
    path, _ = make(workspace)
    with path.open("rb") as file:
        zooms = {zoom: data for (zoom, _, _), data in all_tiles(MmapSource(file))}
        assert [*sorted(zooms)] == [*map_tiles.ZOOMS]
    local_layer = MapLayer(
        "streets",
        map_square(np.array([shapely.LineString([(0.01, 51.5), (0.02, 51.5)])])),
        ["local"],
        ["A"],
        np.array([12]),
        np.array([14]),
    )
    assert not encode_zoom([local_layer], 11)
    (without_name,) = encode_zoom([local_layer], 12).values()
    assert b"local" in without_name
    assert b"\x0a\x01A" not in without_name
    assert any(b"\x0a\x01A" in tile for tile in encode_zoom([local_layer], 14).values())


def test_the_same_files_give_the_same_bytes_and_are_not_drawn_again(workspace: Workspace) -> None:
    path, said = make(workspace)
    first = path.read_bytes()
    assert said == ["Making the map from streets.geojson, water.geojson ..."]
    assert make(workspace) == (path, [])
    path.unlink()
    make(workspace)
    assert path.read_bytes() == first


@pytest.mark.parametrize("harm", ["streets changed", "cut short", "empty", "another file"])
def test_a_map_that_is_not_of_these_files_is_made_again(workspace: Workspace, harm: str) -> None:
    path, _ = make(workspace)
    whole = path.read_bytes()
    if harm == "streets changed":
        write_streets(workspace.path, seed=2)
    else:
        path.write_bytes({"cut short": whole[:200], "empty": b"", "another file": b"PK" * 200}[harm])
    _, said = make(workspace)
    assert said
    assert (path.read_bytes() == whole) == (harm != "streets changed")


def test_a_workspace_with_nothing_to_draw_has_no_map(workspace: Workspace) -> None:
    for name in ("streets.geojson", "water.geojson"):
        (workspace.path / name).unlink()
    assert map_tiles.make_map(workspace, print) is None


@pytest.mark.parametrize("text", ["{}", "no JSON", '{"features": [{"geometry": 3}]}'])
def test_water_that_cannot_be_read_is_refused_and_the_old_map_stays(workspace: Workspace, text: str) -> None:
    path, _ = make(workspace)
    whole = path.read_bytes()
    (workspace.path / "water.geojson").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"water\.geojson cannot be read as water .* or remove it"):
        make(workspace)
    assert path.read_bytes() == whole


def test_every_piece_stays_in_its_tile_and_its_margin(workspace: Workspace) -> None:
    path, _ = make(workspace)
    with path.open("rb") as file:
        header = Reader(MmapSource(file)).header()
    assert header["max_zoom"] == map_tiles.ZOOMS[-1]
    from becalm.render import vector_tiles

    rng = np.random.default_rng(5)
    long_line = shapely.LineString(rng.uniform((0.0, 51.0), (0.6, 51.6), (40, 2)))
    ring = shapely.Point(0.3, 51.3).buffer(0.2)
    for shape, type_number in ((long_line, vector_tiles.LINE), (ring, AREA)):
        layer = MapLayer("a", map_square(np.array([shape])), ["k"], [""], np.array([8]), np.array([8]))
        for zoom in (8, 12):
            pieces = vector_tiles._cut_layer(layer, zoom)
            assert pieces.type == type_number
            assert pieces.xy.min() >= -MARGIN - 1
            assert pieces.xy.max() <= EXTENT + MARGIN + 1

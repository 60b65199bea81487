"""The user's own boundary file, of any format and system, becomes the boroughs of the workspace."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from becalm.terms import City, InputError, WorkspaceError
from becalm.workspace import layers
from becalm.workspace.boundaries import copy_boundaries, load_boundaries
from becalm.workspace.config import CityEntry, Config
from becalm.workspace.new_workspace import make_folder

NAMES = ("Abbey", "Brook", "Castle")
ENTRY = CityEntry(
    key="toy",
    name="Toytown",
    crs="EPSG:27700",
    time_zone="Europe/London",
    extent_m=(530000, 180000, 540000, 190000),
    boroughs=tuple({"name": name} for name in NAMES),
)
CITY = ENTRY.city()
NAMELESS = City("toy", "Toytown", "EPSG:27700", "Europe/London", "GB-ENG")
SQUARES = [box(530000 + 1000 * i, 180000, 531000 + 1000 * i, 181000) for i in range(3)]


def frame(shapes: list[Any] = SQUARES, names: Any = NAMES, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"NAME": list(names), **columns}, geometry=shapes, crs="EPSG:27700")


def written(areas: gpd.GeoDataFrame, path: Path) -> Path:
    areas.to_file(path)
    return path


def loaded(path: Path, folder: Path, entry: CityEntry = ENTRY, **options: Any) -> Any:
    copy = copy_boundaries(path, entry.city(), **options)
    return load_boundaries(make_folder(folder, Config(city=entry), copy.text))


@pytest.mark.parametrize(
    ("suffix", "gdal"),
    [(".geojson", True), (".geojson", False), (".gpkg", True), (".shp", True), (".zip", True)],
)
@pytest.mark.parametrize("crs", ["EPSG:27700", "EPSG:4326", "EPSG:3857"])
def test_every_format_and_system_gives_the_same_shapes_in_metres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, gdal: bool, crs: str
) -> None:
    path = tmp_path / f"areas{'.shp' if suffix == '.zip' else suffix}"
    frame(code=["a", "b", "c"]).to_crs(crs).to_file(path)
    if suffix == ".zip":
        with zipfile.ZipFile(tmp_path / "areas.zip", "w") as archive:
            for part in tmp_path.glob("areas.*"):
                if part.suffix != ".zip":
                    archive.write(part, f"folder/{part.name}")
        path = tmp_path / "areas.zip"
    if not gdal:
        monkeypatch.setattr(layers, "find_spec", lambda _: None)
    found = loaded(path, tmp_path / "made")
    assert found.names == NAMES
    assert found.crs == "EPSG:27700"
    for got, drawn in zip(found.polygons, SQUARES, strict=True):
        assert got.symmetric_difference(drawn).area < 10  # edges within 2.5 mm


def test_the_attribute_that_holds_the_citys_names_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    areas = frame(names=["E1", "E2", "E3"], area_label=[" Abbey", "Brook ", "Castle"])
    assert copy_boundaries(written(areas, tmp_path / "a.gpkg"), CITY).attribute == "area_label"


def test_areas_beyond_the_city_are_left_out_and_named(tmp_path: Path) -> None:
    areas = frame([*SQUARES, box(0, 0, 9, 9)], [*NAMES, "Devon"])
    copy = copy_boundaries(written(areas, tmp_path / "a.gpkg"), CITY)
    assert copy.names == NAMES
    assert copy.notes == ("left out, not boroughs of Toytown: Devon",)


def test_a_borough_without_a_shape_is_named_with_what_may_be_meant(tmp_path: Path) -> None:
    areas = frame(names=["Abbey", "Brook", "Castle Hill"])
    copy = copy_boundaries(written(areas, tmp_path / "a.gpkg"), CITY)
    assert copy.names == ("Abbey", "Brook")
    assert "Castle: no shape of this name in the file (the file has 'Castle Hill'" in copy.notes[0]


def test_several_features_of_one_name_are_one_borough(tmp_path: Path) -> None:
    areas = frame([*SQUARES, box(530000, 182000, 530500, 183000)], [*NAMES, "Abbey"])
    found = loaded(written(areas, tmp_path / "a.gpkg"), tmp_path / "made")
    assert found.names == NAMES
    assert found.polygons[0].area == pytest.approx(1_500_000, rel=1e-6)
    assert found.outline.area == pytest.approx(3_500_000, rel=1e-6)


def test_a_city_that_names_no_boroughs_takes_the_one_attribute_that_tells_areas_apart(tmp_path: Path) -> None:
    areas = frame(kind=["district"] * 3, number=[1, 2, 3])
    assert copy_boundaries(written(areas, tmp_path / "a.gpkg"), NAMELESS).attribute == "NAME"


def test_attributes_that_leave_a_doubt_are_listed_and_one_can_be_named(tmp_path: Path) -> None:
    path = written(frame(code=["a", "b", "c"]), tmp_path / "a.gpkg")
    with pytest.raises(InputError, match=r"2 attributes.*`boundaries_name`") as caught:
        copy_boundaries(path, NAMELESS)
    assert [fault.remedy for fault in caught.value.faults] == [
        "`boundaries_name NAME`",
        "`boundaries_name code`",
    ]
    assert copy_boundaries(path, NAMELESS, attribute="code").names == ("a", "b", "c")
    with pytest.raises(InputError, match="no text attribute 'colour'"):
        copy_boundaries(path, NAMELESS, attribute="colour")


def test_a_file_of_another_city_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No attribute of a\.gpkg holds the names"):
        copy_boundaries(written(frame(names=["x", "y", "z"]), tmp_path / "a.gpkg"), CITY)
    far = frame([shapely.affinity.translate(s, -300_000, 50_000) for s in SQUARES])
    with pytest.raises(InputError, match="wholly outside Toytown"):
        copy_boundaries(written(far, tmp_path / "far.gpkg"), CITY)


BOW_TIE = Polygon([(530000, 180000), (531000, 181000), (531000, 180000), (530000, 181000)])
NOTCH = [(530500, 181000), (530501, 181001), (530501, 180999), (530499, 181000)]
NOTCHED = Polygon([(530000, 180000), (531000, 180000), (531000, 181000), *NOTCH, (530000, 181000)])


def test_a_small_self_crossing_is_mended_and_said_so(tmp_path: Path) -> None:
    assert not NOTCHED.is_valid
    copy = copy_boundaries(written(frame([NOTCHED, *SQUARES[1:]]), tmp_path / "a.gpkg"), CITY)
    assert "Abbey: the shape is not sound" in copy.notes[0]
    assert "repaired" in copy.notes[0]
    assert all(shapely.from_geojson(copy.text).geoms[i].is_valid for i in range(3))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (BOW_TIE, "repairing it would change its area"),
        (None, "has no shape"),
        (Polygon(), "has no shape"),
        (MultiPolygon(), "has no shape"),
        (Polygon([(530000, 180000), (531000, 180000), (530000, 180000)]), "has no area"),
        (LineString([(530000, 180000), (531000, 180000)]), "is a LineString, not an area"),
        (Point(530000, 180000), "is a Point, not an area"),
    ],
)
def test_a_shape_that_is_no_area_is_refused_by_name(tmp_path: Path, shape: Any, words: str) -> None:
    path = tmp_path / "a.geojson"
    areas = frame([SQUARES[0], shape, SQUARES[2]])
    path.write_text(areas.to_json(), "utf-8") if shape is not None else written(areas, path)
    with pytest.raises(InputError) as caught:
        copy_boundaries(path, CITY, crs="EPSG:27700")
    (fault,) = caught.value.faults
    assert "feature 2 (Brook)" in fault.where
    assert words in fault.what


def test_a_file_that_states_no_system_asks_for_it(tmp_path: Path) -> None:
    path = written(frame(), tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(InputError, match="`boundaries_crs`"):
        copy_boundaries(path, CITY)
    assert copy_boundaries(path, CITY, crs="EPSG:27700").names == NAMES
    with pytest.raises(InputError, match="'metres' is not a coordinate system"):
        copy_boundaries(path, CITY, crs="metres")


def test_metres_in_a_file_that_says_degrees_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    features = json.loads(frame().to_json())
    features.pop("crs", None)
    path.write_text(json.dumps(features))
    with pytest.raises(InputError, match=r"says it is in degrees.*`boundaries_crs`"):
        copy_boundaries(path, CITY)
    assert copy_boundaries(path, CITY, crs="EPSG:27700").names == NAMES


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.geojson", b""),
        ("a.geojson", b'{"type": "FeatureCollection", "features": []}'),
        ("a.geojson", b"not json"),
        ("a.gpkg", b"SQLite format 3\0"),
        ("a.shp", b"\0\0"),
        ("a.csv", b"name,x,y\nAbbey,1,2\n"),
    ],
)
def test_a_file_that_holds_no_boundaries_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=name):
        copy_boundaries(path, CITY)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no boundary file"):
        copy_boundaries(tmp_path / "nowhere.geojson", CITY)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="holds no boundary file"):
        copy_boundaries(tmp_path / "a.zip", CITY)


def test_a_workspace_without_boundaries_has_none_and_a_broken_copy_says_so(tmp_path: Path) -> None:
    made = make_folder(tmp_path / "made", Config(city=ENTRY), None)
    assert load_boundaries(made) is None
    made.boundaries_path.write_text("{}")
    with pytest.raises(WorkspaceError, match="becalm's own copy"):
        load_boundaries(made)


def test_shapes_with_heights_are_taken_flat(tmp_path: Path) -> None:
    high = frame([shapely.force_3d(shape, 12.0) for shape in SQUARES])
    found = loaded(written(high, tmp_path / "a.gpkg"), tmp_path / "made")
    assert not any(shapely.has_z(shape) for shape in found.polygons)


@pytest.mark.data
@pytest.mark.parametrize("name", ["london-boroughs.geojson", "london_boroughs_wards_lsoa2011_shp.zip"])
def test_the_real_boroughs_of_london_have_their_real_area(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    from becalm.workspace.config import read_city

    found = loaded(shared_data / "boundaries" / name, tmp_path / "made", read_city("london"))
    assert len(found.names) == 33
    assert found.outline.area / 1e6 == pytest.approx(1583, rel=0.01)
    west, south, east, north = found.outline.bounds
    assert np.allclose([west, south, east, north], [503568, 155850, 561957, 200933], atol=30)

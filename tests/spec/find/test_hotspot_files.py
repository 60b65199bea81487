"""The list as files: GeoJSON, GeoPackage and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from made_places import ROBBERY, drawn_places, true_rates

from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.place_facts import describe_places
from becalm.find.core.settings import FindSettings
from becalm.find.files.hotspots import hotspots_csv, hotspots_geojson, write_hotspots
from becalm.tables import HourCounts
from becalm.terms import RunRecord, UsageError

PROPERTIES = [
    "rank",
    "place_id",
    "area_m2",
    "expected",
    "p_top",
    "rank_low",
    "rank_high",
    "tie_group",
    "borough",
    "profile",
    "peak",
]
BOUNDARY = shapely.box(530_000, 180_000, 530_950, 180_950)


@pytest.fixture(scope="module")
def found():
    """Ten places in the middle of London, with a borough whose name is a formula, and a profile each."""
    rng = np.random.default_rng(5)
    counts = drawn_places(true_rates(10, rng), rng)
    object.__setattr__(counts, "columns", counts.columns + 5300)
    object.__setattr__(counts, "rows", counts.rows + 1800)
    options = {"crs": "EPSG:27700", "settings": FindSettings(count=10), "boundary": BOUNDARY}
    listed = find_hotspots(counts, ROBBERY, rng=rng, **options)
    cells = [(h.column, h.row) for h in listed.hotspots]
    columns, rows = np.array(cells).T
    hours = HourCounts(100.0, columns, rows, rng.poisson(0.2, (10, 168)), np.zeros(10, np.int64))
    return describe_places(listed, boroughs=dict.fromkeys(cells, "=SUM(A1)"), hours=hours)


@pytest.fixture
def run() -> RunRecord:
    return RunRecord(
        "find hotspots", "0", 1, datetime(2020, 6, 1, tzinfo=UTC), date(2020, 6, 1), {}, {"a": "b"}
    )


def test_the_geojson_is_in_degrees_with_exactly_the_agreed_properties(found, run):
    read = json.loads(hotspots_geojson(found, run=run, boundary=BOUNDARY))
    assert read["type"] == "FeatureCollection"
    assert read["run"]["seed"] == 1
    assert read["run"]["related"] == []
    for rank, feature in enumerate(read["features"], 1):
        assert list(feature["properties"]) == PROPERTIES
        assert feature["properties"]["rank"] == rank
        assert len(feature["properties"]["profile"]) == 168
        west, south, east, north = shapely.from_geojson(json.dumps(feature["geometry"])).bounds
        assert -0.2 < west < east < -0.1
        assert 51.4 < south < north < 51.6
        assert shapely.from_geojson(json.dumps(feature["geometry"])).exterior.is_ccw


def test_the_same_list_is_the_same_bytes(found, run, tmp_path):
    assert hotspots_geojson(found, run=run) == hotspots_geojson(found, run=run)
    for name in ("a.gpkg", "b.gpkg"):
        write_hotspots(tmp_path / name, found, run=run)
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_the_geopackage_opens_with_its_system_layer_types_and_clipped_areas(found, run, tmp_path):
    path = tmp_path / "list.gpkg"
    write_hotspots(path, found, run=run, boundary=BOUNDARY)
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["hotspots"]
    read = geopandas.read_file(path)
    assert read.crs.to_epsg() == 27700
    assert set(read.geom_type) == {"MultiPolygon"}
    assert read["rank"].tolist() == list(range(1, 11))
    assert read["p_top"].dtype == np.float64
    assert read.area.to_numpy() == pytest.approx(read["area_m2"].to_numpy(), abs=0.1)
    assert BOUNDARY.buffer(1e-6).covers(shapely.union_all(read.geometry.to_numpy()))
    assert len(json.loads(read["profile"][0])) == 168


def test_no_spreadsheet_runs_what_the_csv_says(found):
    rows = list(csv.DictReader(io.StringIO(hotspots_csv(found))))
    assert len(rows) == 10
    assert rows[0]["borough"] == "'=SUM(A1)"
    assert float(rows[0]["expected_low"]) <= float(rows[0]["expected"]) <= float(rows[0]["expected_high"])
    assert float(rows[0]["longitude"]) == pytest.approx(-0.12, abs=0.02)


def test_a_file_of_unknown_kind_or_in_no_folder_is_refused_and_nothing_is_left(found, run, tmp_path):
    with pytest.raises(UsageError, match=r"\.geojson, \.gpkg or \.csv"):
        write_hotspots(tmp_path / "list.shp", found, run=run)
    with pytest.raises(UsageError, match="does not exist"):
        write_hotspots(tmp_path / "none" / "list.csv", found, run=run)
    assert list(tmp_path.iterdir()) == []

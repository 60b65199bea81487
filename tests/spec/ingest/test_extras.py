"""Without an extra becalm still runs; a question that needs it names the one line to type."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import shapely

from becalm.formats.read_features import read_layer
from becalm.ledger.anchors import draw_qr_code
from becalm.terms import DependencyError, InputError, load_extra
from becalm.workspace.layers import read_layers

SQUARE = [[[0.0, 51.5], [0.1, 51.5], [0.1, 51.6], [0.0, 51.6], [0.0, 51.5]]]


@pytest.fixture
def boundaries(tmp_path: Path) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {"type": "Polygon", "coordinates": SQUARE},
        }
        for name in ("East", "West")
    ]
    path = tmp_path / "boundaries.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return path


def without(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)


def test_geojson_boundaries_are_the_same_without_gdal(
    boundaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (by_gdal,) = read_layers(boundaries)
    without(monkeypatch, "pyogrio")
    (by_json,) = read_layers(boundaries)
    assert by_json.values("name") == by_gdal.values("name") == ("East", "West")
    assert by_json.name == by_gdal.name
    assert by_json.crs == by_gdal.crs
    assert shapely.equals(by_json.shapes, by_gdal.shapes).all()


@pytest.mark.parametrize(
    "text", ["[]", "{}", "no JSON", '{"features": 3}', '{"features": [{"geometry": 1}]}']
)
def test_a_broken_geojson_is_refused_without_gdal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "broken.geojson").write_text(text, "utf-8")
    without(monkeypatch, "pyogrio")
    problems = "cannot be read as boundaries|holds a shape with missing or broken coordinates"
    with pytest.raises(InputError, match=rf"broken\.geojson ({problems})"):
        read_layers(tmp_path / "broken.geojson")


def test_other_formats_name_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "areas.gpkg").write_bytes(b"")
    without(monkeypatch, "pyogrio")
    with pytest.raises(DependencyError, match=r'pip install "becalm\[geo\]", or give it as GeoJSON'):
        read_layers(tmp_path / "areas.gpkg")
    with pytest.raises(DependencyError, match=r'pip install "becalm\[geo\]"'):
        read_layer(tmp_path / "areas.gpkg", "areas.gpkg", None)


WITHOUT_GEOPANDAS = """
import sys
sys.modules |= {"geopandas": None, "pyogrio": None}
import numpy as np, pandas as pd, becalm
from becalm.app.main import app
try:
    app(["init", sys.argv[2], "--city", "london", "--boundaries", sys.argv[1], "--boundaries-name", "name"])
except SystemExit as ended:
    print("init", ended.code or 0)
rng = np.random.default_rng(1)
days = pd.to_timedelta(rng.integers(0, 700, 900), unit="D")
points = pd.DataFrame({"date": pd.Timestamp("2024-01-01") + days})
points["easting_m"], points["northing_m"] = 530_000 + rng.normal(0, 500, (2, 900))
places = becalm.hotspots(points, crs="EPSG:27700", count=5, seed=1)
print(len(places), "Polygon" in places.to_geojson())
try:
    places.to_frame()
except becalm.terms.DependencyError as error:
    print(error)
"""


def test_a_first_look_needs_no_geopandas_and_a_geodataframe_names_the_line_to_type(
    tmp_path: Path, boundaries: Path
) -> None:
    text = boundaries.read_text("utf-8").replace("East", "Camden").replace("West", "Hackney")
    boundaries.write_text(text, "utf-8")
    command = [sys.executable, "-c", WITHOUT_GEOPANDAS, str(boundaries), str(tmp_path / "town")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-3:] == [
        "init 0",
        "5 True",
        "A GeoDataFrame needs geopandas, which is not installed. "
        'Run: pip install "becalm[geo]", or take the list as GeoJSON',
    ]


def test_a_qr_code_names_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "segno")
    with pytest.raises(DependencyError, match=r'pip install "becalm\[qr\]"'):
        draw_qr_code("a head", label="head")


def test_the_message_names_the_package_and_another_way_out() -> None:
    with pytest.raises(DependencyError) as caught:
        load_extra("no_such_package.part", "geo", "Reading a.gpkg", "give GeoJSON")
    assert str(caught.value) == (
        "Reading a.gpkg needs no_such_package, which is not installed. "
        'Run: pip install "becalm[geo]", or give GeoJSON'
    )

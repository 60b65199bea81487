"""Without an extra becalm still runs; a question that needs it names the one line to type."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from becalm.formats.features import read_layer
from becalm.ledger.anchors import draw_qr_code
from becalm.terms import DependencyError, InputError, load_extra
from becalm.workspace.shapes import read_layers

SQUARE = [[[0.0, 51.0], [0.1, 51.0], [0.1, 51.1], [0.0, 51.1], [0.0, 51.0]]]


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
    assert by_json.frame.crs == by_gdal.frame.crs
    assert by_json.frame.geometry.geom_equals(by_gdal.frame.geometry).all()


@pytest.mark.parametrize(
    "text", ["[]", "{}", "no JSON", '{"features": 3}', '{"features": [{"geometry": 1}]}']
)
def test_a_broken_geojson_is_refused_without_gdal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "broken.geojson").write_text(text, "utf-8")
    without(monkeypatch, "pyogrio")
    with pytest.raises(InputError, match=r"broken\.geojson cannot be read as boundaries"):
        read_layers(tmp_path / "broken.geojson")


def test_other_formats_name_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "areas.gpkg").write_bytes(b"")
    without(monkeypatch, "pyogrio")
    with pytest.raises(DependencyError, match=r'pip install "becalm\[geo\]", or give it as GeoJSON'):
        read_layers(tmp_path / "areas.gpkg")
    with pytest.raises(DependencyError, match=r'pip install "becalm\[geo\]"'):
        read_layer(tmp_path / "areas.gpkg", "areas.gpkg", None)


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

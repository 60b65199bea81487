"""`becalm find --place-kind`: places of every kind, from the command to the file."""

from __future__ import annotations

import json

import pyogrio
import pytest
import shapely
from shaped import areas_file
from street_archive import draw_archive
from typer.testing import CliRunner

from becalm.app.main import app

STREETS = [((529_900 + 150 * k, 179_900), (529_900 + 150 * k, 181_300)) for k in range(10)]
STREETS += [((529_900, 179_900 + 150 * k), (531_250, 179_900 + 150 * k)) for k in range(10)]
SQUARES = [
    shapely.box(530_000 + 300 * i, 180_000 + 300 * j, 530_300 + 300 * i, 180_300 + 300 * j)
    for i in range(4)
    for j in range(4)
]


def becalm(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A workspace with robberies at exact points, with streets and beats beside it."""
    folder = tmp_path_factory.mktemp("units")
    becalm("init", folder / "w")
    draw_archive(folder / "w", seed=8, hour_of=lambda _, rng: int(rng.integers(168)))
    areas_file(folder / "beats.gpkg", SQUARES, beat=[f"B{i:02d}" for i in range(16)])
    areas_file(folder / "lake.geojson", [shapely.box(530_000, 180_000, 530_600, 180_600)], n=[1])
    areas_file(folder / "streets.gpkg", [shapely.LineString(ends) for ends in STREETS], n=list(range(20)))
    return folder


def asked(place, *words):
    done = becalm(
        "find", "hotspots", "-w", place / "w", "-t", "robbery", "--count", 6, "--format", "json", *words
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "kind", "geometry"),
    [
        (("--turn-deg", 20), "square", "Polygon"),
        (("--place-kind", "hexagon"), "hexagon", "Polygon"),
        (("--place-kind", "h3", "--h3-resolution", 9), "h3", "Polygon"),
        (("--place-kind", "own", "--places", "beats.gpkg"), "own", "Polygon"),
        (("--place-kind", "segment", "--places", "streets.gpkg", "--snap-m", 80), "segment", "LineString"),
    ],
)
def test_each_kind_of_place_is_listed_with_its_own_geometry(place, words, kind, geometry):
    words = [place / word if str(word).endswith(".gpkg") else word for word in words]
    read = asked(place, *words, "--out", place / f"{kind}.gpkg")
    assert read["run"]["kind"] == kind
    assert read["run"]["parameters"]["unit"] == kind
    for feature in read["features"]:
        assert feature["properties"]["kind"] == kind
        assert geometry in feature["geometry"]["type"]
        assert feature["properties"]["borough"] in ("Camden", "Brent")
        assert len(feature["properties"]["profile"]) == 168
    layer = pyogrio.read_dataframe(place / f"{kind}.gpkg")
    assert set(layer.geometry.geom_type) == {f"Multi{geometry}"}
    assert layer["place_id"].tolist() == [f["properties"]["place_id"] for f in read["features"]]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ((), "cell"),
        (("--place-kind", "hexagon", "--turn-deg", 20), "hexagon"),
        (("--place-kind", "h3", "--h3-resolution", 9), "h3"),
        (("--place-kind", "own", "--places", "beats.gpkg"), "own"),
        (("--place-kind", "segment", "--places", "streets.gpkg", "--snap-m", 80), "segment"),
    ],
)
def test_clusters_and_outbreaks_are_told_of_the_places_that_are_listed(place, words, kind):
    words = [place / word if str(word).endswith(".gpkg") else word for word in words]
    common = ("-w", place / "w", "-t", "robbery", "--format", "json", *words)
    told = becalm("find", "clusters", *common, "--count", 6, "--adjust", "Holm")
    assert told.exit_code == 0, told.output
    clusters = json.loads(told.stdout)
    assert (clusters["kind"], clusters["adjustment"]) == (kind, "Holm")
    listed = [f["properties"]["place_id"] for f in asked(place, *words)["features"]]
    assert [c["place_id"] for c in clusters["clusters"]] == listed
    found = becalm("find", "outbreaks", *common, "--orders", 19, "--seed", 1)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["kind"] == kind


@pytest.mark.parametrize("question", ["clusters", "outbreaks"])
def test_floating_boxes_are_no_ground_for_a_test(place, question):
    done = becalm(
        "find", question, "-w", place / "w", "-t", "robbery", "--place-kind", "box", "--cell-m", 100
    )
    assert done.exit_code == 5
    assert "stands out by design" in done.output
    assert "--place-kind square --cell-m 100" in done.output


def test_near_repeats_pair_points_and_say_so():
    done = becalm("find", "near-repeats", "--help")
    assert "no --place-kind" in " ".join(done.output.split())


def test_a_list_of_streets_is_measured_in_kilometres_of_street(place):
    streets = ("--place-kind", "segment", "--places", place / "streets.gpkg", "--snap-m", 80)
    shown = becalm("find", "hotspots", "-w", place / "w", "-t", "robbery", "--count", 6, *streets)
    assert "street segments and junctions" in shown.output
    assert "km of street" in shown.output
    tested = becalm("find", "backtest", "-w", place / "w", "-t", "robbery", "--origins", 6, *streets)
    assert tested.exit_code == 0, tested.output
    assert "km of street" in tested.output


def test_no_place_lies_on_excluded_land(place):
    lake = shapely.box(530_000, 180_000, 530_600, 180_600)
    read = asked(place, "--exclude", place / "lake.geojson", "--out", place / "dry.gpkg")
    dry = pyogrio.read_dataframe(place / "dry.gpkg").geometry.to_crs(27700)
    assert dry.intersection(lake).area.max() < 1.0
    assert "excluded land" in read["run"]["denominator"]
    assert read["run"]["parameters"]["exclude"]["file"] == "lake.geojson"


def test_the_same_seed_gives_the_same_bytes(place):
    words = ("--place-kind", "hexagon", "--seed", 5)
    first, second = (asked(place, *words) for _ in range(2))
    assert first["features"] == second["features"]


def test_a_file_is_asked_for_where_the_unit_needs_one(place):
    done = becalm("find", "hotspots", "-w", place / "w", "--place-kind", "segment")
    assert done.exit_code != 0
    assert "--place-kind segment needs --places FILE" in done.output

"""Floating boxes and places split by hand, from the command to the file, the ledger and the next list."""

from __future__ import annotations

import csv
import io
import json

import geopandas
import pyogrio
import pytest
import shapely
from street_archive import draw_archive
from typer.testing import CliRunner

from becalm.app.main import app

BOX = ("--place-kind", "box", "--cell-m", 100)


def becalm(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Robberies at exact points, in a workspace that is only read."""
    folder = tmp_path_factory.mktemp("boxes") / "w"
    becalm("init", folder)
    draw_archive(folder, seed=8, hour_of=lambda _, rng: int(rng.integers(168)))
    return folder


@pytest.fixture
def workspace(tmp_path):
    """The same, to be written to."""
    folder = tmp_path / "w"
    becalm("init", folder)
    draw_archive(folder, seed=8, hour_of=None)
    return folder


def listed(workspace, *words):
    done = becalm("find", "hotspots", "-w", workspace, "-t", "robbery", "--format", "json", *words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_boxes_are_listed_with_their_outlines_and_with_what_of_their_catch_lasts(drawn, tmp_path):
    read = listed(drawn, "--count", 8, *BOX, "--out", tmp_path / "boxes.gpkg")
    assert read["run"]["kind"] == "box"
    assert read["run"]["parameters"]["unit"] == "box"
    assert any("part of what they hold is luck" in warning for warning in read["run"]["warnings"])
    layer = pyogrio.read_dataframe(tmp_path / "boxes.gpkg").to_crs(27700)
    assert layer["place_id"].tolist() == [f["properties"]["place_id"] for f in read["features"]]
    assert layer.area.to_numpy() == pytest.approx(100.0**2, rel=1e-3)
    own, other = shapely.STRtree(layer.geometry).query(layer.geometry, predicate="overlaps")
    shared = layer.geometry.to_numpy()
    assert all(shared[i].intersection(shared[j]).area < 1.0 for i, j in zip(own, other, strict=True))
    for feature in read["features"]:
        assert 0.0 < feature["properties"]["p_top"] <= 1.0
        assert len(feature["properties"]["profile"]) == 168


def test_the_same_seed_gives_the_same_boxes(drawn):
    first, second = (listed(drawn, "--count", 5, *BOX, "--seed", 3)["features"] for _ in range(2))
    assert first == second


def test_boxes_are_told_on_the_screen_and_tested(drawn):
    shown = becalm("find", "hotspots", "-w", drawn, "-t", "robbery", "--count", 5, *BOX)
    assert "5 boxes of 100 m" in shown.output
    assert "Placed on the months to" in shown.output
    tested = becalm(
        "find", "backtest", "-w", drawn, "-t", "robbery", "--count", 5, "--origins", 4, *BOX,
        "--format", "json",
    )  # fmt: skip
    assert tested.exit_code == 0, tested.output
    rows = {row["method"]: row for row in json.loads(tested.stdout)["rows"]}
    assert {"count_12", "blend", "ewma", "kde_150"} <= rows.keys()


@pytest.mark.parametrize("words", [("--cell-m", 40), ("--cell-m", 400), ("--cell-m", 100, "--turn-deg", 10)])
def test_boxes_of_another_size_or_turned_are_refused(drawn, words):
    done = becalm("find", "hotspots", "-w", drawn, "-t", "robbery", "--place-kind", "box", *words)
    assert done.exit_code != 0
    assert "Traceback" not in done.output


def test_a_split_is_kept_honoured_listed_recorded_and_undone(workspace):
    before = listed(workspace, "--count", 6)
    place = before["features"][0]["properties"]["place_id"]
    made = becalm("find", "split", place, "-w", workspace, "--halves", "north-south", "--reason", "A railway")
    assert made.exit_code == 0, made.output
    assert f"{place}.north, {place}.south" in made.output.replace("\n", " ")
    read = listed(workspace, "--count", 60)
    names = [f["properties"]["place_id"] for f in read["features"]]
    assert place not in names
    assert {f"{place}.north", f"{place}.south"} <= set(names)
    assert any(f"{place} is split by hand" in warning for warning in read["run"]["warnings"])
    assert read["run"]["incidents"] == before["run"]["incidents"]
    assert [s["place"] for s in read["run"]["parameters"]["splits"]] == [place]
    told = becalm("find", "splits", "-w", workspace, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(told.stdout))
    assert (row["place"], row["reason"]) == (place, "A railway")
    gone = becalm("find", "split", place, "-w", workspace, "--undo", "--reason", "It was a footpath")
    assert gone.exit_code == 0, gone.output
    assert not (workspace / "splits.geojson").exists()
    again = [f["properties"]["place_id"] for f in listed(workspace, "--count", 6)["features"]]
    assert again == [f["properties"]["place_id"] for f in before["features"]]
    events = becalm("record", "events", "-w", workspace, "--kind", "place_split", "--format", "json")
    assert events.exit_code == 0, events.output
    assert events.stdout.count("place_split") >= 2


def test_areas_drawn_by_hand_are_parts_and_other_sizes_of_squares_do_not_care(workspace, tmp_path):
    first = listed(workspace, "--count", 6)["features"][0]["properties"]["place_id"]
    column, row = (int(part) for part in first.removeprefix("150m_").split("_"))
    corner = shapely.box(column * 150, row * 150, column * 150 + 60, row * 150 + 60)
    drawn_parts = geopandas.GeoDataFrame({"name": ["station"]}, geometry=[corner], crs=27700)
    drawn_parts.to_file(tmp_path / "parts.gpkg")
    made = becalm(
        "find", "split", first, "-w", workspace, "--parts", tmp_path / "parts.gpkg",
        "--part-column", "name", "--reason", "The station forecourt",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    areas = {
        f["properties"]["place_id"]: f["properties"]["area_m2"]
        for f in listed(workspace, "--count", 100)["features"]
    }
    assert areas[f"{first}.station"] == pytest.approx(3_600, abs=1)
    assert areas[f"{first}.rest"] == pytest.approx(18_900, abs=1)
    assert listed(workspace, "--count", 6, "--cell-m", 200)["run"]["kind"] == "cell"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("150m_1_1", "--halves", "north-south", "--reason", "why not"), "No place that competes"),
        (("PLACE", "--reason", "why not"), "one of --halves, --line and --parts"),
        (("PLACE", "--halves", "north-south", "--reason", " "), "needs a reason"),
        (("PLACE", "--undo", "--reason", "why not"), "is not split"),
        (
            ("PLACE", "--halves", "north-south", "--place-kind", "box", "--reason", "why not"),
            "Boxes are placed again",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused_and_nothing_is_kept(drawn, words, said):
    place = listed(drawn, "--count", 3)["features"][0]["properties"]["place_id"]
    done = becalm("find", "split", *(place if word == "PLACE" else word for word in words), "-w", drawn)
    assert done.exit_code != 0
    assert said in " ".join(done.output.split())
    assert not (drawn / "splits.geojson").exists()

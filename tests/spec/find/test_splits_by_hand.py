"""Places split by hand: nothing lost, nothing counted twice, names that stay, faults told together."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
import shapely

from becalm.find.core.build_places import build_land_places
from becalm.find.core.place_splits import Split, apply_splits, cut_place, find_outline, halving_line
from becalm.find.files.splits import load_splits, read_drawn_parts, read_line, save_splits
from becalm.methods.place_set import PlaceSet
from becalm.terms import InputError, UsageError, WorkspaceError

CRS = "EPSG:27700"
WEST, SOUTH = 530_000.0, 180_000.0
SQUARES = [shapely.box(WEST + 150 * i, SOUTH, WEST + 150 * (i + 1), SOUTH + 150) for i in range(3)]


def three_squares() -> PlaceSet:
    return build_land_places("square", ("a", "b", "c"), np.array(SQUARES, dtype=object), 150.0, "land")


def split_of(place_id="b", **how) -> Split:
    return Split(place_id, by="A. Analyst", on=date(2020, 6, 1), reason="The railway parts it", **how)


def halves(places, place_id="b", way="north-south") -> Split:
    return split_of(place_id, line=halving_line(find_outline(places, place_id), way))


@pytest.fixture
def workspace(tmp_path):
    return SimpleNamespace(path=tmp_path, city=SimpleNamespace(crs=CRS))


def test_a_square_in_two_halves_has_its_parts_in_its_stead_and_its_land_once():
    places = three_squares()
    made = apply_splits(places, [halves(places)])
    assert made.places.ids == ("a", "b.north", "b.south", "c")
    assert made.places.amounts.tolist() == pytest.approx([22_500, 11_250, 11_250, 22_500])
    assert made.places.outlines[1].centroid.y > made.places.outlines[2].centroid.y
    assert made.notes == ("b is split by hand, by A. Analyst on 2020-06-01: The railway parts it.",)


def test_every_record_of_the_square_belongs_to_just_one_part_also_on_the_cut():
    places = three_squares()
    split = apply_splits(places, [halves(places)]).places
    rng = np.random.default_rng(1)
    x = WEST + 450 * rng.random(500)
    y = SOUTH + 150 * rng.random(500)
    y[:50] = SOUTH + 75.0
    whole, parts = places.locate(x, y), split.locate(x, y)
    assert (parts >= 0).all()
    assert np.array_equal(np.array([0, 1, 1, 2])[parts], whole)


def test_drawn_areas_take_their_land_in_turn_and_what_is_left_is_the_rest():
    places = three_squares()
    station = shapely.box(WEST + 150, SOUTH, WEST + 210, SOUTH + 60)
    arcade = shapely.box(WEST + 150, SOUTH, WEST + 300, SOUTH + 60)
    made = apply_splits(places, [split_of(parts=(("station", station), ("arcade", arcade)))])
    assert made.places.ids == ("a", "b.station", "b.arcade", "b.rest", "c")
    assert made.places.amounts[1:4].tolist() == pytest.approx([3_600, 5_400, 13_500])
    assert {outline.geom_type for outline in made.places.outlines} == {"Polygon"}  # no line where two touch


def test_a_part_can_be_split_again_and_keeps_its_name():
    places = three_squares()
    first = halves(places)
    once = apply_splits(places, [first]).places
    made = apply_splits(places, [first, halves(once, "b.north", "east-west")])
    assert made.places.ids == ("a", "b.north.east", "b.north.west", "b.south", "c")
    assert made.places.amounts.sum() == pytest.approx(3 * 22_500)


def test_a_split_of_a_place_that_is_not_here_changes_nothing():
    places = three_squares()
    made = apply_splits(places, [split_of("150m_1_1", line=shapely.LineString([(0, 0), (1, 1)]))])
    assert made.places is places
    assert made.splits == ()


def test_a_stretch_of_street_is_split_where_the_line_crosses_it():
    lines = np.array(
        [shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(100, 0), (200, 0)])], object
    )
    streets = PlaceSet("segment", ("s", "t"), lines, shapely.length(lines), 100.0, "street", snap_m=50.0)
    made = apply_splits(streets, [split_of("s", line=shapely.LineString([(30, -9), (30, 9)]))]).places
    assert made.ids == ("s.east", "s.west", "t")
    assert made.amounts.tolist() == pytest.approx([70, 30, 100])


def test_only_parts_of_places_that_can_be_listed_can_be_listed():
    places = replace(three_squares(), listable=np.array([False, True, False]))
    assert apply_splits(places, [halves(places)]).places.listable.tolist() == [False, True, True, False]


def test_lines_and_areas_that_divide_nothing_are_refused_all_together():
    places = three_squares()
    beside = shapely.LineString([(0, 0), (1, 1)])
    over = shapely.box(WEST - 10, SOUTH - 10, WEST + 900, SOUTH + 900)
    with pytest.raises(InputError) as told:
        apply_splits(places, [split_of("a", line=beside), split_of("c", parts=(("all", over),))])
    assert [fault.where for fault in told.value.faults] == ["a", "c"]
    with pytest.raises(UsageError, match="is called 'd'"):
        cut_place(places, split_of("d", line=beside))


def test_what_the_workspace_keeps_comes_back_as_it_was_within_a_centimetre(workspace):
    places = three_squares()
    drawn = (("station", shapely.box(WEST, SOUTH, WEST + 60, SOUTH + 60)), ("arcade", SQUARES[0].buffer(-10)))
    kept = (halves(places), split_of("a", parts=drawn))
    save_splits(workspace, kept)
    read = load_splits(workspace)
    assert [(s.place_id, s.by, s.on, s.reason) for s in read] == [
        (s.place_id, s.by, s.on, s.reason) for s in kept
    ]
    assert shapely.equals_exact(read[0].line, kept[0].line, 0.01)
    assert [name for name, _ in read[1].parts] == ["station", "arcade"]
    first = apply_splits(places, kept).places
    again = apply_splits(places, read).places
    assert first.ids == again.ids
    assert first.amounts == pytest.approx(again.amounts, abs=1.0)
    save_splits(workspace, ())
    assert load_splits(workspace) == ()


def test_all_faults_of_the_file_are_told_together(workspace):
    save_splits(
        workspace, (halves(three_squares()), halves(three_squares(), "a"), halves(three_squares(), "c"))
    )
    path = workspace.path / "splits.geojson"
    read = json.loads(path.read_text("utf-8"))
    one, two, three = (feature["properties"] for feature in read["features"])
    del one["by"]
    one["on"] = "31/04/2020"
    two["reason"] = ""
    three["colour"] = "red"
    read["features"][1]["geometry"] = None
    read["features"].append({"type": "Feature", "properties": {}, "geometry": None})
    path.write_text(json.dumps(read), "utf-8")
    with pytest.raises(WorkspaceError, match="no split was honoured") as told:
        load_splits(workspace)
    where = "; ".join(fault.where for fault in told.value.faults)
    for part in (
        "feature 1, by",
        "feature 1, on",
        "feature 2, reason",
        "feature 3, colour",
        "feature 4, place",
    ):
        assert part in where


def test_a_place_split_twice_or_in_parts_of_one_name_is_a_fault(workspace):
    line = halves(three_squares())
    part = ("half", SQUARES[0])
    save_splits(workspace, (line, line, split_of("a", parts=(part, part))))
    with pytest.raises(WorkspaceError) as told:
        load_splits(workspace)
    assert [(f.where, f.what) for f in told.value.faults] == [
        ("b", "is split twice"),
        ("a", "has two parts of one name"),
    ]


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"features": 3}', '{"format": "becalm splits 9", "features": []}']
)
def test_a_file_of_another_kind_is_refused(workspace, text):
    (workspace.path / "splits.geojson").write_text(text, "utf-8")
    with pytest.raises(WorkspaceError):
        load_splits(workspace)


def test_drawn_parts_need_names_of_their_own_and_sound_areas(tmp_path):
    bow = [[-0.1, 51.5], [-0.09, 51.51], [-0.09, 51.5], [-0.1, 51.51], [-0.1, 51.5]]
    square = [[-0.1, 51.5], [-0.09, 51.5], [-0.09, 51.51], [-0.1, 51.51], [-0.1, 51.5]]
    drawn = [("one", square), ("one", square), ("rest", square), ("bow", bow)]
    features = [
        {"type": "Feature", "properties": {"n": n}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for n, ring in drawn
    ]
    path = tmp_path / "parts.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    with pytest.raises(InputError) as told:
        read_drawn_parts(path, crs=CRS, name_column="n", file_crs=None)
    assert len(told.value.faults) == 3
    with pytest.raises(InputError, match="no column 'm'"):
        read_drawn_parts(path, crs=CRS, name_column="m", file_crs=None)
    with pytest.raises(InputError, match="not one line"):
        read_line(path, crs=CRS)

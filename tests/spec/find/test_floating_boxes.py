"""Boxes off the grid: where they lie, what lies between them, and how much of their catch is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from made_places import GROUPS, ROBBERY, months_from

from becalm.find.core.backtest import backtest
from becalm.find.core.build_places import build_tiles, exclude_land
from becalm.find.core.expected_counts import forecast_counts
from becalm.find.core.floating_boxes import BoxLand, BoxShrinkage, place_boxes, place_list_boxes
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.location_uncertainty import fit_place_size
from becalm.find.core.place_panel import build_panel
from becalm.find.core.request import PlaceOptions
from becalm.find.core.settings import FindSettings
from becalm.find.files.hotspots import list_object
from becalm.methods.forecast_scores import search_order
from becalm.methods.place_set import Lattice
from becalm.tables import PointCounts
from becalm.terms import QuestionError, UsageError

REGION = shapely.box(0, 0, 1500, 1500)
LIST = FindSettings(count=5, least_incidents=50)


def point_counts(x, y, month, *, group="robbery", months=30) -> PointCounts:
    order = np.lexsort((month, y, x))
    return PointCounts(
        easting_m=np.asarray(x, float)[order],
        northing_m=np.asarray(y, float)[order],
        months=months_from("2017-01", months),
        month_index=np.asarray(month, np.int64)[order],
        groups=GROUPS,
        group_index=np.full(len(x), GROUPS.index(group), np.int64),
        counts=np.ones(len(x), np.int64),
        without_location=0,
        location_quality=(("exact", len(x)),),
        source="drawn",
        as_of=date(2020, 6, 1),
    )


def clustered(seed: int, *, months: int = 30, noise: int = 300) -> PointCounts:
    """Six places with steady robberies, one of them where four squares of 150 m meet, and some anywhere."""
    rng = np.random.default_rng(seed)
    middles = np.vstack([[450, 450], rng.random((5, 2)) * 1300 + 100])
    at = rng.choice(6, 40 * months // 3, p=[0.35, 0.2, 0.15, 0.1, 0.1, 0.1])
    near = middles[at] + rng.normal(0, 15, (len(at), 2))
    points = np.vstack([near, rng.random((noise, 2)) * 1500])
    return point_counts(*points.T, rng.integers(months, size=len(points)), months=months)


def land_of(counts, *, side_m=100.0, region=REGION, excluded=None) -> BoxLand:
    squares = build_tiles(Lattice("square", 150.0), counts, ROBBERY, region)
    if excluded is not None:
        squares = exclude_land(squares, excluded)
    return BoxLand(side_m, squares, region, excluded)


def laid(counts, **asked):
    return place_boxes(
        land_of(counts, **asked), counts, ROBBERY, before_month=30, half_life=24.0, box_count=40
    )


def test_boxes_and_what_lies_between_them_are_all_the_land_once():
    places = laid(clustered(1))
    assert places.amounts.sum() == pytest.approx(REGION.area, rel=1e-9)
    assert shapely.union_all(places.outlines, grid_size=1e-4).area == pytest.approx(REGION.area, rel=1e-6)
    boxes = places.outlines[places.listable]
    assert len(boxes) == 40
    assert (shapely.area(boxes) <= 100.0**2 + 1e-6).all()
    assert len(set(places.ids)) == places.size


def test_every_incident_is_counted_once_also_those_on_an_edge():
    counts = clustered(2)
    panel = build_panel(counts, ROBBERY, places=laid(counts), settings=LIST)
    assert panel.outside == 0
    assert panel.target.totals.sum() == counts.counts.sum()


def test_a_cluster_where_four_squares_meet_is_one_box_and_no_square_holds_it():
    counts = clustered(3)
    places = laid(counts)
    assert places.outlines[0].contains(shapely.Point(450, 450))
    held = places.locate(counts.easting_m, counts.northing_m)
    squares = land_of(counts).squares
    meeting = np.flatnonzero(shapely.distance(squares.outlines, shapely.Point(450, 450)) == 0)
    of_squares = np.bincount(squares.locate(counts.easting_m, counts.northing_m))
    assert len(meeting) == 4
    assert (held == 0).sum() > 2 * of_squares[meeting].max()


def test_boxes_are_laid_on_the_months_before_alone():
    counts = clustered(4)
    moved = replace(
        counts,
        easting_m=np.where(counts.month_index >= 20, 1400.0, counts.easting_m),
        northing_m=np.where(counts.month_index >= 20, 1400.0, counts.northing_m),
    )
    here, there = (
        place_boxes(land_of(counts), c, ROBBERY, before_month=20, half_life=24.0, box_count=20)
        for c in (counts, moved)
    )
    assert here.ids == there.ids
    assert shapely.equals(here.outlines, there.outlines).all()


def test_a_box_holds_no_land_outside_the_boundary_nor_excluded_land():
    lake = shapely.box(400, 400, 450, 520)
    region = shapely.box(0, 0, 1500, 460)
    counts = clustered(5)
    places = laid(counts, region=region, excluded=lake)
    whole = shapely.union_all(places.outlines, grid_size=1e-4)
    assert whole.area == pytest.approx(region.difference(lake).area, rel=1e-6)
    assert shapely.intersection(whole, lake).area < 1.0


def test_only_boxes_are_listed_and_the_list_says_what_of_their_catch_lasts():
    counts = clustered(6)
    boxes = place_list_boxes(land_of(counts), counts, ROBBERY, LIST)
    found = find_hotspots(
        counts, ROBBERY, crs="EPSG:27700", places=boxes, settings=LIST, rng=np.random.default_rng(1)
    )
    assert found.kind == "box"
    assert all(h.place_id.startswith("box100m_") for h in found.hotspots)
    assert found.places == 40
    assert found.box_trial is not None
    assert found.box_trial.laid_to == "2018-06"
    assert (found.box_trial.first_month, found.box_trial.last_month) == ("2018-07", "2019-06")
    assert found.box_trial.later_share.low <= found.box_trial.later_share.value <= found.box_trial.held_share
    assert any("part of what they hold is luck" in warning for warning in found.warnings)
    told = list_object(None, found)["laying"]
    assert (told["laid_to"], told["count"]) == ("2018-06", found.box_trial.count)
    assert told["later_low"] <= told["later"] <= told["later_high"]
    assert told["kept"] == pytest.approx(min(told["later"] / told["promised"], 1.0), abs=1e-3)


def test_boxes_laid_on_chance_alone_are_believed_little_and_those_on_true_clusters_more():
    rng = np.random.default_rng(7)
    x, y = rng.random((2, 1500)) * 1500
    chance = point_counts(x, y, rng.integers(30, size=1500))
    kept = {}
    for name, counts in (("chance", chance), ("clusters", clustered(7, noise=30))):
        boxes = place_list_boxes(land_of(counts), counts, ROBBERY, LIST)
        kept[name] = boxes.shrinkage.lasting_share
        assert boxes.shrinkage.trial is not None
    assert kept["chance"] < 0.85
    assert kept["chance"] < kept["clusters"] <= 1.0


def test_what_boxes_lose_falls_on_the_ground_between_them():
    counts = clustered(8)
    panel = build_panel(counts, ROBBERY, places=laid(counts), settings=LIST)
    (forecast,) = forecast_counts(panel, LIST, [30])
    fair = BoxShrinkage(lasting_share=0.8).shrink(forecast, panel.places)
    boxes = panel.places.listable
    assert fair.expected_counts.sum() == pytest.approx(forecast.expected_counts.sum())
    assert np.allclose(fair.expected_counts[boxes], 0.8 * forecast.expected_counts[boxes])
    assert (fair.expected_counts[~boxes] >= forecast.expected_counts[~boxes]).all()


def test_a_history_too_short_to_watch_boxes_is_said():
    counts = clustered(9, months=6, noise=0)
    boxes = place_list_boxes(land_of(counts), counts, ROBBERY, LIST)
    found = find_hotspots(
        counts, ROBBERY, crs="EPSG:27700", places=boxes, settings=LIST, rng=np.random.default_rng(1)
    )
    assert found.box_trial is None
    assert any("too short to see how much of what boxes hold" in warning for warning in found.warnings)


def test_a_back_test_of_boxes_knows_nothing_of_the_months_it_predicts():
    counts = clustered(10)
    asked = {"settings": LIST, "origins": 6, "area_share": 0.05}
    tested = backtest(counts, ROBBERY, places=land_of(counts), rng=np.random.default_rng(1), **asked)
    squares = backtest(counts, ROBBERY, places=land_of(counts).squares, rng=np.random.default_rng(1), **asked)
    assert tested.kind == "box"
    assert tested.incidents == squares.incidents
    assert tested.months == squares.months
    rows, others = ({r.method: r for r in b.rows} for b in (tested, squares))
    assert rows.keys() == others.keys()
    assert rows["blend"].pai.value > others["blend"].pai.value
    anywhere = np.random.default_rng(0).random((2, len(counts.counts))) * 1500
    last = counts.month_index >= 28
    surprised = backtest(
        replace(
            counts,
            easting_m=np.where(last, anywhere[0], counts.easting_m),
            northing_m=np.where(last, anywhere[1], counts.northing_m),
        ),
        ROBBERY,
        places=land_of(counts),
        rng=np.random.default_rng(1),
        **{**asked, "origins": 2},
    )
    assert {r.method: r for r in surprised.rows}["blend"].pai.value < rows["blend"].pai.value / 2


def test_no_record_before_a_month_leaves_nothing_to_lay():
    counts = clustered(11)
    late = replace(counts, month_index=np.maximum(counts.month_index, 10))
    with pytest.raises(QuestionError, match="no box can be placed"):
        place_boxes(land_of(counts), late, ROBBERY, before_month=5, half_life=24.0, box_count=5)


@pytest.mark.parametrize("width_m", [40.0, 200.0])
def test_a_box_is_50_to_150_metres(width_m):
    with pytest.raises(UsageError, match="50 to 150 m"):
        fit_place_size(PlaceOptions(unit="box", cell_m=width_m), None)


def test_places_that_can_be_searched_come_first_whatever_the_others_score():
    order, ends = search_order(
        np.array([1.0, 9.0, 3.0, 3.0, 3.0]), searched_first=np.array([1, 0, 1, 1, 0], bool)
    )
    assert order.tolist() == [2, 3, 0, 1, 4]
    assert ends.tolist() == [1, 2, 3, 4]

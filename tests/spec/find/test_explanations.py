"""Why places stand out: small drawn cities whose clusters, repeats and outbreaks are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from made_places import ROBBERY, months_from, place_counts
from shaped import point_counts
from shapely import box

from becalm.find.core.build_places import build_own_places
from becalm.find.core.cluster_test import classify_histories, explain_clusters, list_place_numbers
from becalm.find.core.list_rules import Rules
from becalm.find.core.near_repeats import find_near_repeats
from becalm.find.core.outbreaks import find_outbreaks
from becalm.find.core.place_panel import build_panel
from becalm.find.core.request import ScanSettings
from becalm.find.core.settings import FindSettings
from becalm.methods.place_set import PlaceSet
from becalm.tables import EventPoints
from becalm.terms import QuestionError, UsageError

SETTINGS = FindSettings(count=5)
SIDE = 20


def city(hot_months: range, *, months: int = 24, months_hot_count: int = 4):
    """An even city, but for a block of 3 x 3 cells with more robberies in some months."""
    rng = np.random.default_rng(1)
    entries = [
        (int(c), int(r), t, "robbery", 1) for t in range(months) for c, r in rng.integers(0, SIDE, (40, 2))
    ]
    block = [(c, r) for c in (4, 5, 6) for r in (9, 10, 11)]
    entries += [(c, r, t, "robbery", months_hot_count) for t in hot_months for c, r in block]
    return place_counts(entries, months=months)


def told(counts, **how):
    panel = build_panel(counts, ROBBERY, settings=SETTINGS)
    listed = list_place_numbers(panel, Rules(count=SETTINGS.count), SETTINGS)
    return explain_clusters(panel, listed, target=("robbery",), source="drawn", as_of=date(2020, 6, 1), **how)


def test_a_block_that_always_carries_more_is_a_persistent_cluster():
    answer = told(city(range(24)))
    assert {c.history for c in answer.clusters} == {"persistent"}
    assert all(c.q < 0.05 and c.quadrant == "high-high" for c in answer.clusters)
    assert 9 <= answer.hot <= 25  # the block, and places that touch it


def test_a_block_that_was_quiet_before_is_emerging_and_one_gone_quiet_is_former():
    assert {c.history for c in told(city(range(16, 24))).clusters} == {"emerging"}
    former = told(city(range(13)))
    assert dict(former.histories)["former"] >= 9
    assert dict(former.histories)["persistent"] == 0


@pytest.mark.parametrize("adjustment", ["BH", "BY", "Holm"])
def test_every_adjustment_calls_fewer_clusters_than_none_would(adjustment):
    answer = told(city(range(0), months_hot_count=0), adjustment=adjustment)
    assert answer.adjustment == adjustment
    assert answer.hot == 0


def test_none_is_no_adjustment():
    with pytest.raises(UsageError, match="Choose BH, BY, Holm"):
        told(city(range(24)), adjustment="none")


def test_more_months_than_there_are_cannot_be_explained():
    with pytest.raises(UsageError, match="there are 24 months"):
        told(city(range(24)), months=36)


def test_histories_are_told_from_the_early_and_the_late_periods():
    hot = np.array([[1, 0, 1, 1, 0], [1, 0, 1, 0, 0], [1, 1, 0, 0, 0]], dtype=bool)
    assert classify_histories(hot) == ("persistent", "emerging", "former", "former", "never")


def points(rng, *, repeats: int, n: int = 400) -> EventPoints:
    """Incidents at random, some followed by another within 40 m and 3 days."""
    x, y, day = rng.uniform(0, 4000, n), rng.uniform(0, 4000, n), rng.integers(0, 360, n)
    first = rng.choice(n, repeats, replace=False)
    return EventPoints(
        easting_m=np.concatenate([x, x[first] + rng.uniform(-40, 40, repeats)]),
        northing_m=np.concatenate([y, y[first]]),
        day=np.concatenate([day, day[first] + rng.integers(0, 4, repeats)]),
        without_day=2,
        without_place=1,
        source="drawn",
        as_of=date(2020, 6, 1),
    )


def test_planted_repeats_are_told_and_their_number_is_about_right():
    rng = np.random.default_rng(2)
    answer = find_near_repeats(points(rng, repeats=60), target=("robbery",), orders=199, rng=rng)
    near = next(b for b in answer.bands if b.until_m == 100.0 and b.until_days == 7)
    assert near.observed - near.expected == pytest.approx(60, abs=8)
    assert near.p == pytest.approx(1 / 200)
    assert answer.left_out == 3


def test_without_repeats_none_are_told():
    rng = np.random.default_rng(3)
    answer = find_near_repeats(points(rng, repeats=0), target=("robbery",), orders=199, rng=rng)
    near = next(b for b in answer.bands if b.until_m == 100.0 and b.until_days == 7)
    assert near.p > 0.01


def test_bands_hold_every_pair_once():
    rng = np.random.default_rng(4)
    answer = find_near_repeats(points(rng, repeats=5), target=("robbery",), orders=19, rng=rng)
    assert sum(b.observed for b in answer.bands) == 405 * 404 // 2


def test_too_few_incidents_are_refused_with_their_number():
    rng = np.random.default_rng(5)
    few = points(rng, repeats=0, n=7)
    with pytest.raises(QuestionError, match="7 incidents of robbery have a place and a day, need 30"):
        find_near_repeats(few, target=("robbery",), rng=rng)


def test_records_on_a_few_points_are_warned_of():
    rng = np.random.default_rng(6)
    events = points(rng, repeats=0)
    on_points = replace(
        events, easting_m=np.round(events.easting_m, -3), northing_m=np.round(events.northing_m, -3)
    )
    answer = find_near_repeats(on_points, target=("robbery",), orders=19, rng=rng)
    assert "moved to points of a map" in answer.warnings[0]


def scan(panel):
    return find_outbreaks(
        panel,
        target=("robbery",),
        source="drawn",
        as_of=date(2020, 6, 1),
        settings=ScanSettings(radius_m=400.0, orders=99),
        rng=np.random.default_rng(1),
    )


def test_an_outbreak_is_found_where_and_when_it_was():
    panel = build_panel(city(range(7, 9)), ROBBERY, settings=SETTINGS)
    answer = scan(panel)
    best = answer.outbreaks[0]
    assert (best.first, best.last) == (panel.months[7], panel.months[8])
    assert np.hypot(best.easting_m - 550, best.northing_m - 1050) <= 150
    assert best.p == pytest.approx(0.01)


def test_a_place_that_always_carries_much_is_no_outbreak():
    panel = build_panel(city(range(24)), ROBBERY, settings=SETTINGS)
    answer = scan(panel)
    assert all(o.p > 0.05 for o in answer.outbreaks)


def week_of_trouble(length_days: int, *, on: int) -> tuple[EventPoints, PlaceSet]:
    """Two years of robberies on 40 beats of unequal size, with 12 more on one of them within a few days."""
    rng = np.random.default_rng(4)
    sides = np.concatenate([[0.0], np.cumsum(np.linspace(150, 450, 8))])
    beats = [box(a, b, c, d) for a, c in pairwise(sides) for b, d in pairwise(np.linspace(0, 1500, 6))]
    day = np.concatenate([rng.integers(0, 730, 400), on + rng.integers(0, length_days, 12)])
    x = np.concatenate([rng.random(400) * sides[-1], np.full(12, 200.0)])
    y = np.concatenate([rng.random(400) * 1500, np.full(12, 450.0)])
    start = (date(2018, 1, 1) - date(1970, 1, 1)).days
    names = [f"B{i}" for i in range(len(beats))]
    places = build_own_places(names, np.array(beats, dtype=object), None)
    return EventPoints(x, y, day + start, 0, 0, "drawn", date(2020, 6, 1)), places


@pytest.mark.parametrize(("step", "days", "longest"), [("week", 7, 2), ("day", 3, 7)])
def test_an_outbreak_of_days_is_found_in_days_on_beats_of_any_size(step, days, longest):
    events, places = week_of_trouble(days, on=400)
    month = [(date(1970, 1, 1) + timedelta(days=int(d))).strftime("%Y-%m") for d in events.day]
    months = {name: i for i, name in enumerate(months_from("2018-01", 24))}
    counts = point_counts(events.easting_m, events.northing_m, np.array([months[m] for m in month]))
    panel = build_panel(counts, ROBBERY, places=places, settings=SETTINGS)
    answer = find_outbreaks(
        panel,
        target=("robbery",),
        source="drawn",
        as_of=date(2020, 6, 1),
        settings=ScanSettings(radius_m=400.0, step=step, longest=longest, orders=99),
        events=events,
        rng=np.random.default_rng(1),
    )
    best, trouble = answer.outbreaks[0], date(2018, 1, 1) + timedelta(days=400)
    first, last = date.fromisoformat(best.first), date.fromisoformat(best.last)
    assert (answer.step, answer.kind) == (step, "own")
    assert first <= trouble + timedelta(days=days)
    assert last >= trouble
    assert (last - first).days + 1 <= longest * {"week": 7, "day": 1}[step]
    assert best.p == pytest.approx(0.01)
    assert best.radius_m >= 150  # to the edge of the beat, which is 150 by 300 m or larger


def test_beats_of_very_different_size_are_warned_of():
    counts = point_counts(*np.random.default_rng(2).random((2, 480)) * 900, np.arange(480) % 24)
    beats = [box(0, 0, 900, 700), *(box(90 * i, 700, 90 * i + 90, 900) for i in range(10))]
    places = build_own_places([f"B{i}" for i in range(11)], np.array(beats, dtype=object), None)
    panel = build_panel(counts, ROBBERY, places=places, settings=SETTINGS)
    listed = list_place_numbers(panel, Rules(count=5), SETTINGS)
    answer = explain_clusters(panel, listed, target=("robbery",), source="drawn", as_of=date(2020, 6, 1))
    assert answer.clusters[0].place_id == "B0"
    assert "1 of 11 places are more than 4 times as large" in answer.warnings[0]

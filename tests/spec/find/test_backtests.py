"""What a back-test says of methods whose worth is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_places import BORROWING, ROBBERY, drawn_places, place_counts, true_rates

from becalm.find.cli.backtest import verdict
from becalm.find.core.backtest import backtest
from becalm.find.core.method_skill import _count_season as season
from becalm.find.core.place_panel import build_panel
from becalm.find.core.settings import FindSettings
from becalm.methods.forecast_scores import search_curve, search_order
from becalm.terms import Estimate, QuestionError, UsageError

SMALL = FindSettings(count=20)


def outcome(counts, targets=ROBBERY, *, origins=6, area_share=0.05, seed=1):
    rng = np.random.default_rng(seed)
    return backtest(counts, targets, origins=origins, area_share=area_share, settings=SMALL, rng=rng)


@pytest.fixture(scope="module")
def steady():
    """Two years of a city whose rates never change."""
    rng = np.random.default_rng(3)
    return drawn_places(true_rates(40, rng, mean=0.1), rng, months=30)


def test_all_methods_are_there_and_counts_need_their_history(steady):
    names = [row.method for row in outcome(steady).rows]
    assert names[:7] == ["count_1", "count_3", "count_12", "kde_150", "kde_300", "ewma", "blend"]
    assert names[7:] == ["count_all", "kde_all_150", "kde_ewma_150", "season"]
    rng = np.random.default_rng(3)
    longer = drawn_places(true_rates(12, rng), rng, months=42)
    assert "count_36" in [row.method for row in outcome(longer, origins=6).rows]
    assert "count_36" not in [row.method for row in outcome(longer, origins=7).rows]


def test_a_list_of_all_places_is_said_to_tell_nothing():
    rng = np.random.default_rng(8)
    few = drawn_places(true_rates(4, rng, mean=2.0), rng, months=24)
    assert all(row.hit_rate == 1.0 for row in outcome(few).rows)
    assert any("The best 20 of 16 places are all of them" in said for said in outcome(few).warnings)
    more = drawn_places(true_rates(5, rng, mean=2.0), rng, months=24)
    assert not any("are all of them" in said for said in outcome(more).warnings)


def test_season_counts_this_time_of_year_in_all_years_before(steady):
    monthly = [(0, 0, t, "robbery", t + 1) for t in range(30)] + [(1, 0, t, "robbery", 1) for t in range(30)]
    panel = build_panel(place_counts(monthly, months=30), ROBBERY, settings=SMALL)
    of_month_30 = sum(t + 1 for t in (17, 18, 19, 5, 6, 7))
    assert season(panel, 30).tolist() == [of_month_30, 6.0]
    assert season(panel, 11).tolist() == [1.0, 1.0]
    assert season(panel, 10).tolist() == [0.0, 0.0]


def test_where_only_the_time_of_year_tells_season_is_best():
    """Each of twelve places has all its robberies in a month of its own."""
    yearly = [(t % 12, 0, t, "robbery", 30) for t in range(48)]
    panel = [(c, 0, t, "robbery", 1) for c in range(12) for t in range(0, 48, 5)]
    tested = outcome(place_counts(yearly + panel, months=48), origins=12, area_share=1 / 12)
    rows = {row.method: row for row in tested.rows}
    assert max(rows.values(), key=lambda row: row.pai.value).method == "season"


def test_where_rates_are_steady_longer_memory_is_better_and_the_blend_best(steady):
    rows = {row.method: row for row in outcome(steady, BORROWING, origins=12).rows}
    assert rows["count_1"].pai.value < rows["count_3"].pai.value < rows["count_12"].pai.value
    assert rows["blend"].difference_from_count_12.low > 0
    assert max(rows.values(), key=lambda row: row.log_score).method == "blend"


def test_the_reference_differs_from_itself_by_nothing(steady):
    row = next(row for row in outcome(steady).rows if row.method == "count_12")
    difference = row.difference_from_count_12
    assert (difference.low, difference.value, difference.high) == (0.0, 0.0, 0.0)


def test_a_place_where_all_of_it_happens_is_caught_by_all_methods():
    entries = [(5, 5, t, "robbery", 10) for t in range(24)] + [(8, 2, t, "robbery", 1) for t in range(24)]
    panel = [(c, r, 0, "violence", 1) for c in range(10) for r in range(10)]
    rows = {row.method: row for row in outcome(place_counts(entries + panel), area_share=0.01).rows}
    assert rows["count_12"].pai.value == pytest.approx(10 / 11 / 0.01)
    assert rows["count_12"].pei == pytest.approx(1.0)
    assert rows["count_12"].rri == pytest.approx(1.0)
    assert rows["blend"].pei == pytest.approx(1.0)
    assert rows["count_12"].hit_rate == pytest.approx(1.0)


def test_every_figure_lies_where_it_must(steady):
    for row in outcome(steady).rows:
        assert 0 <= row.hit_rate <= 1
        assert 0 <= row.pai.low <= row.pai.high <= 1 / 0.05
        assert 0 <= row.pei <= 1
        assert -1 <= row.gini <= 1
        assert row.log_score >= -0.01


def test_the_denominator_and_the_months_are_named(steady):
    done = outcome(steady)
    assert "footprint" in done.denominator
    assert (done.origins, done.months[0], done.months[-1]) == (6, "2020-01", "2020-06")


def test_ties_are_searched_in_random_order():
    order = search_order(np.array([1.0, 1.0, 1.0, 1.0]))
    curve = search_curve(order, np.array([4.0, 0.0, 0.0, 0.0]), np.ones(4))
    assert curve.event_share_at_places(1) == pytest.approx(0.25)
    assert curve.event_share_at_area(0.5) == pytest.approx(0.5)
    assert curve.gini == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"origins": 20}, QuestionError, "hold 30 months, need 32.*`origins 18`"),
        ({"origins": 1}, UsageError, "no interval"),
        ({"area_share": 0.0}, UsageError, "area share of 0.0"),
        ({"area_share": 1.5}, UsageError, "area share of 1.5"),
    ],
)
def test_what_cannot_be_tested_is_refused(steady, options, error, says):
    with pytest.raises(error, match=says):
        outcome(steady, **options)


def without_robbery_in(*quiet: int):
    entries = [(c, 0, t, "robbery", 3) for c in range(9) for t in range(24) if t not in quiet]
    panel = [(c, 0, t, "violence", 1) for c in range(12) for t in range(24)]
    return place_counts(entries + panel)


def test_a_month_without_the_target_is_left_out_and_named():
    done = outcome(without_robbery_in(22))
    assert done.origins == 5
    assert "2019-11" not in done.months
    assert done.warnings[0].startswith("No incident of the target is on record in 2019-11: left out")
    assert "5 months are too few" in done.warnings[1]
    assert outcome(without_robbery_in(17)).origins == 6  # the month before the first only tunes the log score


def test_where_all_but_one_month_are_empty_nothing_can_be_tested():
    with pytest.raises(QuestionError, match="2019-07, 2019-08"):
        outcome(without_robbery_in(18, 19, 20, 21, 22))


def test_what_was_expected_comes_in_every_class_of_places(steady):
    done = outcome(steady, BORROWING, origins=12)
    assert sum(group.places for group in done.calibration) == pytest.approx(done.places)
    expected, seen = np.array([(group.expected_count, group.observed_count) for group in done.calibration]).T
    assert expected == pytest.approx(np.full(10, expected.mean()), rel=0.1)
    assert seen == pytest.approx(expected, rel=0.2)
    assert seen.sum() == pytest.approx(done.incidents / 12)


def test_short_memories_promise_more_than_comes_and_the_blend_does_not(steady):
    rows = {row.method: row for row in outcome(steady, BORROWING, origins=12).rows}
    assert rows["count_1"].calibration < rows["count_12"].calibration < 0.9
    assert rows["blend"].calibration == pytest.approx(1.0, abs=0.07)


def test_a_search_catches_its_share_per_square_kilometre(steady):
    done = outcome(steady)
    row = done.rows[-1]
    month = done.incidents / done.origins
    assert row.ser == pytest.approx(row.pai.value * month / (done.area_m2 / 1e6), rel=0.1)


def test_few_incidents_look_concentrated_even_where_they_fall_evenly(steady):
    done = outcome(steady)
    assert 0.5 < done.gini_null < done.gini_best < 1.0
    for row in done.rows:
        assert row.gini_generalised >= row.gini or row.gini < 0


def test_few_months_call_no_method_better(steady):
    few, enough = outcome(steady, origins=5), outcome(steady, origins=6)
    assert "5 months are too few" in few.warnings[0]
    assert enough.warnings == ()
    gain = replace(enough.rows[-1], difference_from_count_12=Estimate(0.5, 0.2, 0.8, 0.95, "drawn"))
    assert (verdict(gain, few.origins), verdict(gain, enough.origins)) == ("too few months", "better")

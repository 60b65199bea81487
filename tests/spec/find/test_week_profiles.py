"""When in the week: a place's own hours where there are many, those of the whole where there are few."""

from __future__ import annotations

import numpy as np
import pytest

from becalm.methods.week_profile import (
    busiest_hours,
    shrinkage_weight,
    smooth_week,
    week_profile,
    week_profiles,
)

FRIDAY_22 = 4 * 24 + 22


def one_hour(hour: int, count: float) -> np.ndarray:
    week = np.zeros(168)
    week[hour] = count
    return week


def test_a_place_without_records_shows_the_week_of_the_whole():
    whole = smooth_week(one_hour(FRIDAY_22, 500.0))
    profile = week_profile(np.zeros(168), whole, 20.0)
    assert profile.sum() == pytest.approx(1.0)
    assert profile.argmax() == FRIDAY_22


def test_a_place_with_many_records_shows_its_own_week():
    whole = one_hour(FRIDAY_22, 500.0)
    profile = week_profile(one_hour(10, 5_000.0), whole, 20.0)
    assert profile.argmax() == 10
    assert profile[FRIDAY_22] < 0.01


def test_sunday_night_meets_monday_morning():
    smoothed = smooth_week(one_hour(0, 1.0))
    assert smoothed[167] == pytest.approx(smoothed[1])
    assert smoothed.sum() == pytest.approx(1.0)


def test_places_that_follow_the_whole_are_shrunk_hard_and_those_that_differ_are_not():
    rng = np.random.default_rng(4)
    shares = rng.dirichlet(np.ones(168))
    alike = rng.multinomial(40, shares, size=300).astype(float)
    own = np.array([rng.multinomial(40, rng.dirichlet(shares * 5)) for _ in range(300)], dtype=float)
    assert shrinkage_weight(alike, alike.sum(axis=0)) > 100
    assert shrinkage_weight(own, own.sum(axis=0)) == pytest.approx(5, rel=0.5)


def test_places_with_one_record_each_say_nothing_about_differing():
    rng = np.random.default_rng(4)
    single = rng.multinomial(1, np.full(168, 1 / 168), size=50).astype(float)
    assert shrinkage_weight(single, single.sum(axis=0)) > 1000


def test_a_quiet_place_shows_the_week_of_its_neighbourhood_where_neighbourhoods_differ():
    rng = np.random.default_rng(4)
    by_day, by_night = (
        np.roll(np.tile([*[3.0] * 12, *[1.0] * 12], 7), 8),
        np.tile([*[3.0] * 12, *[1.0] * 12], 7),
    )
    shapes = [by_day, by_night] * 3
    neighbourhood = np.repeat(np.arange(6), 30)
    counts = np.stack([rng.multinomial(20, shapes[n] / shapes[n].sum()) for n in neighbourhood]).astype(float)
    counts[0], counts[30] = 0.0, 0.0
    profiles = week_profiles(counts, neighbourhood)
    for quiet, own, other in ((0, by_day, by_night), (30, by_night, by_day)):
        assert np.corrcoef(profiles[quiet], own)[0, 1] > np.corrcoef(profiles[quiet], other)[0, 1] + 0.2


def test_where_neighbourhoods_do_not_differ_they_make_no_difference():
    rng = np.random.default_rng(4)
    shares = rng.dirichlet(np.ones(168) * 5)
    counts = rng.multinomial(30, shares, size=120).astype(float)
    alone, grouped = week_profiles(counts), week_profiles(counts, np.repeat(np.arange(6), 20))
    assert np.abs(alone - grouped).max() < 0.2 * alone.max()


def test_no_hours_at_all_make_no_profile():
    with pytest.raises(ValueError, match="no event with an hour"):
        week_profiles(np.zeros((3, 168)))


def test_the_busiest_hours_are_found_round_the_clock_and_surer_with_more_records():
    rng = np.random.default_rng(4)
    shape = np.ones(168)
    shape[[166, 167, 0, 1]] = 8.0
    few, many = (rng.multinomial(n, shape / shape.sum(), size=20).astype(float) for n in (10, 400))
    for counts in (few, many):
        peaks = busiest_hours(counts, week_profiles(counts), hours=4, level=0.8)
        assert set(peaks.start.tolist()) <= {165, 166, 167}
    wide, narrow = (busiest_hours(c, week_profiles(c), hours=4, level=0.8) for c in (few, many))
    assert (wide.high - wide.low).mean() > 2 * (narrow.high - narrow.low).mean()
    assert narrow.certainty.min() > 0.99
    assert wide.certainty.mean() < narrow.certainty.mean()


def test_the_interval_of_the_busiest_hours_is_that_of_a_share_of_so_many_events():
    counts = (
        np.random.default_rng(4).poisson(np.where(np.arange(168) // 4 == 5, 12.0, 2.0))[None, :].astype(float)
    )
    peaks = busiest_hours(counts, week_profiles(counts), hours=4, level=0.8)
    share, events = float(peaks.share[0]), counts.sum()
    half_width = 1.2816 * np.sqrt(share * (1 - share) / events)  # 80 % of a normal
    assert peaks.high[0] - share == pytest.approx(half_width, rel=0.1)
    assert share - peaks.low[0] == pytest.approx(half_width, rel=0.1)


def test_an_even_week_has_no_sure_peak():
    counts = np.random.default_rng(4).multinomial(30, np.full(168, 1 / 168), size=50).astype(float)
    peaks = busiest_hours(counts, week_profiles(counts), hours=4, level=0.8)
    assert peaks.certainty.mean() < 0.9

"""Places that began on different days: joined cohort by cohort, and refused where that cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from evaluation_worlds import build_protocol

from becalm.evaluate.core.cohorts import find_start_faults, find_start_times, list_times
from becalm.evaluate.core.estimate_effect import evaluate
from becalm.evaluate.core.protocol import Choices, Windows
from becalm.evaluate.core.study import StudyCounts, StudyPlaces
from becalm.evaluate.files.places import check_places
from becalm.methods.panel_effects import NEVER, cohort_effects, difference_in_differences
from becalm.terms import Period

EARLY, LATE = date(2020, 1, 1), date(2020, 3, 1)
PROTOCOL = build_protocol("difference", 60)


def build_counts(*, early: float, late: float, seed: int = 1) -> StudyCounts:
    """Sixty treated places, half from each day on, and 200 controls; every month all rise by 3 %."""
    rng = np.random.default_rng(seed)
    starts = (*[EARLY] * 30, *[LATE] * 30, *[None] * 200)
    is_treated = np.array([start is not None for start in starts])
    first_time = np.array([{EARLY: 12, LATE: 14, None: 99}[start] for start in starts])
    effects = np.repeat([early, late, 1.0], [30, 30, 200])
    is_after = np.arange(18) >= first_time[:, None]
    rates = 8.0 * np.exp(0.03 * np.arange(18)) * np.where(is_after, effects[:, None], 1.0)
    months = rng.poisson(rates).astype(float)
    places = StudyPlaces(
        names=tuple(map(str, range(260))),
        is_treated=is_treated,
        easting_m=np.arange(260) * 1_000.0,
        northing_m=np.zeros(260),
        covariates=np.zeros((260, 0)),
        starts=starts,
    )
    before, after = months[:, :12].sum(axis=1), months[:, 12:].sum(axis=1)
    return StudyCounts(
        places=places,
        before=before,
        after=after,
        group_counts=np.stack([before, after], axis=1)[None],
        group_weights=np.ones(1),
        chosen_on=None,
        matching=np.zeros((260, 0)),
        panel=months,
        panel_start=12,
        ring_before=before,
        ring_after=after,
        before_days=365,
        after_days=182,
    )


def test_cohorts_are_joined_and_each_is_shown():
    finding = evaluate(PROTOCOL, build_counts(early=0.6, late=0.9))
    ratios = {e.name: e.estimate for e in finding.estimates}
    assert ratios["places that began on 2020-01-01"].value == pytest.approx(0.6, abs=0.05)
    assert ratios["places that began on 2020-03-01"].value == pytest.approx(0.9, abs=0.06)
    joined = ratios["places, all starts joined"]
    assert joined.low < 0.6**0.6 * 0.9**0.4 < joined.high  # six months of one, four of the other
    assert {step.step for step in finding.steps} == set(range(-12, 4))


def test_nothing_planted_is_called_an_effect_as_often_as_it_says():
    called = 0
    for seed in range(200):
        joined, _ = cohort_effects(
            build_counts(early=1.0, late=1.0, seed=seed).panel,
            np.repeat([12, 14, NEVER], [30, 30, 200]),
        )
        called += joined.p_value < 0.05
    assert 2 <= called <= 20  # ten are due


def test_one_cohort_is_the_plain_difference():
    counts = build_counts(early=0.7, late=0.7)
    starts = np.repeat([12, NEVER], [60, 200])
    joined, by_start = cohort_effects(counts.panel, starts)
    plain = difference_in_differences(counts.before, counts.after, counts.places.is_treated)
    assert joined.value == pytest.approx(plain.value, abs=1e-12)
    assert joined.standard_error == pytest.approx(plain.standard_error, rel=1e-9)
    assert by_start[12].value == joined.value


def test_an_effect_that_grows_is_not_turned_round_as_two_way_effects_turn_it():
    """Without places that are never treated, two sets of effects would weigh some effects below zero."""
    times = np.arange(18)
    growth = np.where(times >= 12, 1.0 + 0.5 * (times - 11), 1.0), np.where(times >= 14, 3.0, 1.0)
    panel = np.concatenate([np.tile(100.0 * g, (5, 1)) for g in (*growth, np.ones(18))])
    panel += np.arange(15)[:, None]  # so that clusters differ at all
    joined, by_start = cohort_effects(panel, np.repeat([12, 14, NEVER], 5))
    assert joined.value > min(effect.value for effect in by_start.values()) > 0.0


def list_places(tmp_path, *rows):
    path = tmp_path / "places.csv"
    path.write_text("\n".join(["place,easting_m,northing_m,arm,start", *rows, ""]), encoding="utf-8")
    return check_places(path, covariates=())


def test_the_list_says_when_each_place_began(tmp_path):
    places, faults = list_places(tmp_path, "a,0,0,treated,2020-01-01", "b,9,9,control,")
    assert faults == ()
    assert places.starts == (EARLY, None)
    _, (fault,) = list_places(tmp_path, "a,0,0,treated,1 March", "b,9,9,control,")
    assert "start is '1 March', not a day" in fault.what


def start_faults(protocol, *starts):
    places = StudyPlaces(
        names=tuple(map(str, range(len(starts)))),
        is_treated=np.array([True] * (len(starts) - 1) + [False]),
        easting_m=np.zeros(len(starts)),
        northing_m=np.zeros(len(starts)),
        covariates=np.zeros((len(starts), 0)),
        starts=starts,
    )
    return [fault.what for fault in find_start_faults(protocol, places)]


def test_days_that_no_design_could_use_are_faults():
    middle = date(2020, 1, 15)
    assert start_faults(PROTOCOL, EARLY, LATE, None) == []
    assert "counts are by a month" in start_faults(PROTOCOL, EARLY, middle, None)[0]
    assert "the first is 2020-03-01" in start_faults(PROTOCOL, LATE, None)[0]
    assert "1 treated places have none" in start_faults(PROTOCOL, EARLY, None, None)[0]
    assert "1 controls have one" in start_faults(PROTOCOL, EARLY, LATE)[0]
    assert "only the design difference" in start_faults(build_protocol("displacement", 60), EARLY, None)[0]
    listed = replace(PROTOCOL, choices=Choices(designs=("displacement",)))
    assert "only the design difference" in start_faults(listed, EARLY, None)[0]
    gap = replace(PROTOCOL.windows, before=Period(date(2019, 1, 1), date(2019, 12, 1)))
    assert "does not reach to the start" in start_faults(replace(PROTOCOL, windows=gap), EARLY, None)[0]


def test_where_days_are_counted_starts_are_blocks_of_four_weeks_apart():
    windows = Windows(
        before=Period(date(2019, 1, 7), date(2020, 1, 6)), after=Period(date(2020, 1, 6), date(2020, 4, 1))
    )
    protocol = replace(PROTOCOL, windows=windows)
    assert list_times(protocol) == (date(2020, 1, 6), date(2020, 2, 3), date(2020, 3, 2))
    counts = build_counts(early=1.0, late=1.0)
    places = replace(counts.places, starts=(*[date(2020, 2, 3)] * 60, *[None] * 200))
    times = find_start_times(protocol, replace(counts, places=places))
    assert set(times.tolist()) == {13, NEVER}

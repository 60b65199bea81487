"""What an attacker may know, which moments are asked about, and what the figures mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import patrol_plans
import pytest
from sklearn.metrics import log_loss, roc_auc_score
from visit_logs import FIRST, chance_log

from becalm.methods.forecast_scores import area_under_curve, calibrate, curve_areas_resampled, log_losses
from becalm.patrol.core import attack_features
from becalm.patrol.core.attack import certify
from becalm.patrol.core.attack_moments import (
    AttackSettings,
    build_moments,
    count_starts_by_day,
    label_moments,
)
from becalm.patrol.core.leak_scans import scan_log
from becalm.patrol.core.plan_inputs import freest_inputs
from becalm.patrol.core.predictability import find_longest_dead_zone
from becalm.patrol.core.request import VisitColumns
from becalm.patrol.core.return_bound import bound_returns
from becalm.patrol.core.visit_log import VisitLog, log_of_bursts, midnights_s
from becalm.patrol.core.visit_rates import draw_independent_visits
from becalm.patrol.files.visit_log import read_visit_log
from becalm.terms import QuestionError

SETTINGS = AttackSettings(train_days=14, test_days=7)
LOG = chance_log(hotspots=6, days=21, per_day=5, seed=5)


def keep(log: VisitLog, is_kept: np.ndarray) -> VisitLog:
    arrays = {name: getattr(log, name)[is_kept] for name in ("hotspot", "unit", "start_s", "end_s")}
    return replace(log, **arrays)


def with_units(log: VisitLog) -> VisitLog:
    return replace(log, units=("u0", "u1"), unit=np.arange(log.size) % 2)


def test_nothing_an_attacker_is_told_looks_ahead() -> None:
    log = with_units(LOG)
    moments = build_moments(log, SETTINGS)
    t = 1500
    before = keep(log, log.start_s <= moments.at_s[t])
    kinds = ("static", "place", "area", "city", "insider")
    for features in (getattr(attack_features, f"{kind}_features") for kind in kinds):
        whole, cut = list(features(log, moments)), list(features(before, moments))
        for (name, one), (_, other) in zip(whole, cut, strict=True):
            np.testing.assert_allclose(one[:, t], other[:, t], rtol=1e-5, err_msg=name)


def test_a_moment_asks_for_starts_within_the_next_half_hour_and_not_for_visits_under_way() -> None:
    moments = build_moments(LOG, SETTINGS)
    starts, under_way = label_moments(LOG, moments, 1800)
    for h, t in ((0, 100), (3, 777), (5, 2000)):
        is_here = LOG.hotspot == h
        at = moments.at_s[t]
        assert starts[h, t] == ((LOG.start_s[is_here] > at) & (LOG.start_s[is_here] <= at + 1800)).any()
        assert under_way[h, t] == ((LOG.start_s[is_here] <= at) & (LOG.end_s[is_here] > at)).any()


def test_the_independent_visits_have_the_rates_of_the_log() -> None:
    moments = build_moments(LOG, SETTINGS)
    independent_log = draw_independent_visits(LOG, moments, np.random.default_rng(1))
    assert abs(independent_log.size - LOG.size) < 5 * np.sqrt(LOG.size)
    assert independent_log.hotspots == LOG.hotspots


def test_a_hotspot_that_no_independent_visit_is_drawn_for_is_still_watched() -> None:
    log = chance_log(hotspots=100, days=21, per_day=0.2, seed=5)
    few = replace(log, **{n: getattr(log, n)[:40] for n in ("hotspot", "unit", "start_s", "end_s")})
    independent_log = draw_independent_visits(few, build_moments(log, SETTINGS), np.random.default_rng(1))
    assert len(set(independent_log.hotspot)) < 100
    assert independent_log.hotspots == few.hotspots


@pytest.mark.parametrize(
    ("days", "hotspots", "per_day"),
    [((7, 2), 60, 3.0), ((9, 4), 2, 60.0)],
    ids=["many hotspots", "two hotspots"],
)
def test_a_log_of_a_few_days_is_attacked_with_what_it_shows(
    days: tuple[int, int], hotspots: int, per_day: float
) -> None:
    log = with_units(chance_log(hotspots=hotspots, days=sum(days), per_day=per_day, seed=3))
    settings = AttackSettings(train_days=days[0], test_days=days[1])
    certificate = certify(log, settings, rngs=[np.random.default_rng(1)], seed=1)
    assert certificate.attack is not None


def test_days_without_any_record_are_named_and_left_out() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    gap = (LOG.start_s >= midnights[5]) & (LOG.start_s < midnights[7])
    moments = build_moments(keep(LOG, ~gap), SETTINGS)
    assert any("2025-01-11, 2025-01-12" in note for note in moments.notes)
    assert not moments.live[:, (moments.day == 5) | (moments.day == 6)].any()


def test_the_rest_of_the_day_on_which_a_log_ends_is_left_out() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    until_six = keep(LOG, LOG.start_s < midnights[20] + 6 * 3600)  # the last tours end in the morning
    moments = build_moments(until_six, SETTINGS)
    assert any("begins or ends within a day" in note for note in moments.notes)
    is_before = (moments.at_s > until_six.start_s[0]) & (moments.at_s < until_six.start_s[-1])
    assert moments.live[:, is_before].all()
    assert not moments.live[:, moments.at_s > midnights[20] + 6 * 3600].any()


def test_what_can_hardly_happen_after_a_departure_has_no_ratio() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)[:-1]
    start_s = np.sort((midnights[:, None] + 19 * 3600 + np.arange(4) * 700).ravel())  # one hour a day
    log = replace(
        LOG, hotspot=np.arange(len(start_s)) % 2, start_s=start_s, end_s=start_s + 600, unit=start_s * 0 - 1
    )
    log = replace(log, hotspots=log.hotspots[:2], areas=log.areas[:2])
    returns = scan_log(log, build_moments(log, SETTINGS)).returns
    assert all(rate.ratio.high < 10.0 for rate in returns)  # 3688879454 where nothing is expected
    assert len(returns) < 8


def test_a_log_that_is_mostly_silent_is_refused() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    gap = (LOG.start_s >= midnights[14]) & (LOG.start_s < midnights[20])
    with pytest.raises(QuestionError, match="silent on 6 of the 7 test days"):
        build_moments(keep(LOG, ~gap), SETTINGS)


def test_what_a_log_with_gaps_still_holds_is_used_and_the_gaps_are_named() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    gap = (LOG.start_s >= midnights[15]) & (LOG.start_s < midnights[19])
    moments = build_moments(keep(LOG, ~gap), SETTINGS)
    assert any("left out" in note for note in moments.notes)
    assert not any(note.startswith("hotspot") for note in moments.notes)  # the days are named once
    assert moments.live[:, moments.is_test].any()


def test_a_hotspot_that_vanishes_is_named_and_its_silence_is_left_out() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    busiest = int(np.bincount(LOG.hotspot).argmax())
    is_missing = (LOG.hotspot == busiest) & (LOG.start_s >= midnights[14])
    moments = build_moments(keep(LOG, ~is_missing), SETTINGS)
    assert any(LOG.hotspots[busiest] in note and "gap" in note for note in moments.notes)
    assert not moments.live[busiest, moments.day >= 14].any()
    assert count_starts_by_day(LOG, moments)[busiest, 14:].sum() > 14


def test_a_night_of_23_hours_has_its_own_number_of_moments() -> None:
    log = replace(LOG, start_s=LOG.start_s + 75 * 86_400, end_s=LOG.end_s + 75 * 86_400)
    moments = build_moments(log, SETTINGS)  # 22 March to 12 April 2025: the clocks go forward on the 30th
    per_day = np.bincount(moments.day)
    assert set(per_day.tolist()) == {92, 96}
    assert moments.minute.max() == 1425


def test_tours_that_all_change_over_at_one_hour_leave_a_dead_zone() -> None:
    midnights = midnights_s(FIRST, 21, LOG.time_zone)
    log = chance_log(hotspots=30, days=21, per_day=6, seed=9)
    clock = log.start_s - midnights[np.searchsorted(midnights, log.start_s, "right") - 1]
    handover = (clock + (log.end_s - log.start_s) > 13.5 * 3600) & (clock < 14.25 * 3600)
    log, clock = keep(log, ~handover), clock[~handover]
    zone = find_longest_dead_zone(log, np.ones(log.size, dtype=np.bool_), clock)
    assert (zone.begins, zone.minutes) == ("13:30", 45)


def test_the_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    chance = np.round(rng.random(5000), 2)
    happened = rng.random(5000) < chance
    assert area_under_curve(chance, happened) == pytest.approx(roc_auc_score(happened, chance))
    clipped = np.clip(chance, 1e-6, 1 - 1e-6)
    assert log_losses(chance, happened).mean() == pytest.approx(log_loss(happened, clipped))


def test_a_resampled_area_is_that_of_the_repeated_rows() -> None:
    rng = np.random.default_rng(4)
    chance, block = rng.random(3000), rng.integers(0, 5, 3000)
    happened = rng.random(3000) < chance
    weights = np.array([[1.0, 1, 1, 1, 1], [0.0, 2, 1, 0, 2]])
    areas = curve_areas_resampled(chance, happened, block, weights)
    rows = np.concatenate([np.flatnonzero(block == b) for b in (1, 1, 2, 4, 4)])
    assert areas[0] == pytest.approx(area_under_curve(chance, happened), abs=2e-4)
    assert areas[1] == pytest.approx(area_under_curve(chance[rows], happened[rows]), abs=2e-4)


def test_calibration_groups_are_of_equal_size_and_hold_their_own_means() -> None:
    calibration = calibrate(np.arange(20) / 20, np.arange(20) >= 10, groups=10)
    assert np.bincount(calibration.group).tolist() == [2] * 10
    assert calibration.event_share.tolist() == [0.0] * 5 + [1.0] * 5
    assert calibration.chance[0] == pytest.approx(0.025)


def test_times_are_read_with_and_without_a_zone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "hotspot,start,end\n"
        "a,2025-07-01T10:00:00Z,2025-07-01T10:15:00Z\n"
        "a,2025-07-01 11:30,2025-07-01 11:45\n"
        "a,01/07/2025 12:30,01/07/2025 12:45:00\n"
        "a,2025-07-01T15:00:00.000+0200,2025-07-01T15:10:00+02:00\n",
        "utf-8",
    )
    read = read_visit_log(path, VisitColumns(), time_zone="Europe/London")
    assert ((read.log.start_s - read.log.start_s[0]) / 60).tolist() == [0, 30, 90, 180]
    assert any(
        "2 of 4 visits have no time zone: read as local time in Europe/London" in n for n in read.notes
    )


def test_the_freest_plan_keeps_units_and_targets_and_drops_the_rules_that_an_attacker_could_learn() -> None:
    inputs = patrol_plans.request()
    free = freest_inputs(inputs)
    assert free.shifts == inputs.shifts
    assert [place.dosage for place in free.places] == [place.dosage for place in inputs.places]
    assert {place.gap_weight for place in free.places} == {1.0}
    assert (free.policy.feedback, free.policy.travel_weight, free.owed_visits) == (0.0, 0.0, {})


def test_bursts_are_a_log_with_their_units_and_areas() -> None:
    log = log_of_bursts(patrol_plans.BURSTS, patrol_plans.request().places, time_zone="Europe/London")
    assert (log.size, log.units, log.areas) == (4, ("Team 1", "Team 2"), ("Old Town", "Old Town"))
    assert (log.end_s - log.start_s).tolist() == [900, 600, 1200, 900]


def test_two_units_can_be_back_at_once_but_for_the_minutes_in_which_the_one_that_left_settles() -> None:
    shares = bound_returns(patrol_plans.request(), patrol_plans.BURSTS[:1])
    assert shares[0] == pytest.approx(1 - 2 / 15 / 2)  # two minutes to settle, one unit of two
    assert shares[1:] == (1.0,) * 7

"""Designs that rest on chances, on an order or on a series: worlds whose truth is known, and brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from evaluation_worlds import build_protocol

from becalm.evaluate.core.anyway import Mobility, attribute_change
from becalm.evaluate.core.estimate_series import WaveCount, evaluate_offer, interrupt_series
from becalm.methods.dispersion import panel_dispersion
from becalm.methods.recentred_effect import recentred_effect
from becalm.methods.stratified_means import ArmSums, stratified_difference, stratified_log_ratio
from becalm.terms import Estimate


def test_starts_less_their_chances_give_the_planted_effect_whatever_places_are_like():
    rng, misses, values = np.random.default_rng(5), 0, []
    day = np.repeat(np.arange(60), 20)
    rates = np.tile(rng.gamma(1.0, 2.0, 20), 60)  # busy places …
    chance = np.minimum(0.1 * rates, 0.9)  # … are visited more often
    for _ in range(80):
        dose = rng.binomial(4, chance)
        counts = rng.poisson(np.maximum(rates + 2.0 - 0.25 * dose, 0.0))
        effect = recentred_effect(counts, dose, 4 * chance, day, expected=rates)
        misses += not effect.low <= -0.25 <= effect.high
        values.append(effect.value)
    assert np.mean(values) == pytest.approx(-0.25, abs=0.02)
    assert misses <= 11  # 4 are due; 12 or more happen once in a thousand
    plain_slope = np.cov(dose, counts)[0, 1] / np.var(dose)
    assert plain_slope > 0.5  # without the chances patrols would seem to raise what they lower


def test_too_few_days_with_surprises_say_nothing():
    with pytest.raises(ValueError, match="Only 2 clusters"):
        recentred_effect(np.ones(4), np.array([1.0, 0, 1, 0]), np.full(4, 0.5), np.array([0, 0, 1, 1]))


def sums_of(values: np.ndarray) -> tuple[float, float, float]:
    return float(len(values)), float(values.sum()), float((values**2).sum())


def test_the_variance_of_a_stratified_difference_is_that_of_listing_every_draw():
    members = np.array([0.0, 1.0, 1.0, 2.0, 5.0, 0.0])  # nothing is done to anyone
    differences, variances = [], []
    for chosen_rows in combinations(range(6), 3):
        is_first = np.isin(np.arange(6), chosen_rows)
        arms = [ArmSums(*(np.array([x]) for x in sums_of(members[rows]))) for rows in (is_first, ~is_first)]
        difference = stratified_difference(*arms)
        differences.append(difference.value)
        variances.append(difference.standard_error**2)
    assert np.mean(differences) == pytest.approx(0.0)
    assert np.mean(variances) == pytest.approx(np.var(differences))


def test_strata_of_different_levels_do_not_bias_the_ratio():
    early = ArmSums(np.array([100.0, 50.0]), np.array([100.0, 200.0]), np.array([200.0, 1000.0]))
    late = ArmSums(np.array([100.0, 50.0]), np.array([200.0, 400.0]), np.array([600.0, 3600.0]))
    assert np.exp(stratified_log_ratio(early, late).value) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no event at all"):
        stratified_log_ratio(early, ArmSums(late.members, np.zeros(2), np.zeros(2)))
    with pytest.raises(ValueError, match="two members or more"):
        stratified_difference(early, ArmSums(np.array([1.0, 50.0]), late.sums, late.squares))


def test_an_offer_is_judged_by_its_order_with_the_level_shared_by_its_outcomes():
    waves = [
        WaveCount(wave, arm, 200, outcome, 90, count, count + 20.0)
        for wave in ("1", "2")
        for arm, outcome, count in (
            *(("early", "suspect", 30.0), ("late", "suspect", 90.0)),
            *(("early", "victim", 40.0), ("late", "victim", 42.0)),
        )
    ]
    finding = evaluate_offer(build_protocol("offer", 20), waves)
    suspect, victim = finding.estimates[0], finding.estimates[2]
    assert suspect.estimate.value == pytest.approx(1 / 3)
    assert suspect.shows_effect
    assert not victim.shows_effect
    assert {e.estimate.level for e in finding.estimates} == {0.975}
    assert evaluate_offer(build_protocol("offer", 20), [waves[0]]).refusals


@pytest.mark.parametrize("effect", [1.0, 0.7])
def test_a_series_against_its_expected_level_holds_what_was_planted(effect):
    rng, misses, first = np.random.default_rng(11), 0, 36
    for _ in range(25):
        month = np.arange(42)
        wave = 1.0 + 0.2 * np.sin(2 * np.pi * month / 12)
        shock = np.where(month >= first, 0.6, 1.0)  # of everything, as in a lockdown
        treated = rng.poisson(120.0 * wave * shock * np.where(month >= first, effect, 1.0))
        control = rng.poisson(300.0 * wave * shock)
        answer = interrupt_series(treated, control, first, cycle=12.0, exposure=np.full(42, 30.0), level=0.95)
        misses += not answer.both.low <= np.log(effect) <= answer.both.high
    assert misses <= 5  # 1.25 are due


def test_dispersion_of_a_panel_is_what_it_was_drawn_with():
    rng = np.random.default_rng(2)
    means = rng.gamma(0.7, 1.0, (400, 1)) * rng.gamma(50.0, 0.02, 12)
    assert panel_dispersion(rng.poisson(means).astype(float)) == pytest.approx(1.0, abs=0.06)
    assert panel_dispersion(rng.poisson(rng.gamma(means / 2.0, 2.0)).astype(float)) == pytest.approx(
        3.0, abs=0.4
    )
    assert panel_dispersion(np.zeros((3, 4))) == 1.0


def test_what_is_left_beside_a_reason_is_a_range_that_widens_with_doubt():
    ratio = Estimate(0.4, 0.35, 0.45, 0.95, "m")
    alone, other, mobility, together = attribute_change(
        ratio, Estimate(0.7, 0.6, 0.8, 0.95, "m"), Mobility(0.5, 0.0, 1.0)
    )
    assert (alone.left_low, alone.left_high) == pytest.approx((-0.65, -0.55))
    assert (other.left_low, other.left_high) == pytest.approx((0.35 / 0.8 - 1, 0.45 / 0.6 - 1))
    assert (mobility.left_low, mobility.left_high) == pytest.approx((-0.65, -0.1))
    assert together.left_low == pytest.approx(-0.65)  # they may overlap wholly …
    assert together.left_high == pytest.approx(0.45 / (0.6 * 0.5) - 1)  # … or not at all

"""Forecasts are set right by their size, and long tails are no longer drawn to the middle."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from becalm.methods.calibrated_means import calibrate_means
from becalm.methods.gamma_poisson import GammaPosterior, Truncation, fit_prior, update_posterior
from becalm.methods.place_classes import mix_classes

EXPOSURE = 24.0
FAR = 100  # places with the highest expectation


def posteriors(
    rates: np.ndarray, seed: int, *, only_seen: bool = False
) -> tuple[GammaPosterior, GammaPosterior, np.ndarray]:
    """What is known of rates by one gamma, and by several classes, and the rates of the places known."""
    counts = np.random.default_rng(seed).poisson(rates * EXPOSURE).astype(float)
    if only_seen:
        rates, counts = rates[counts > 0], counts[counts > 0]
    truncation = Truncation(np.ones(len(rates), bool), EXPOSURE) if only_seen else None
    means = np.full(len(rates), counts.mean() / EXPOSURE)
    fit = fit_prior(means, counts, EXPOSURE, truncation=truncation)
    plain = update_posterior(fit, means, counts, EXPOSURE)
    return plain, mix_classes(plain, fit, means, counts, EXPOSURE, truncation=truncation), rates


def coverage(posterior: GammaPosterior, rates: np.ndarray) -> float:
    """How often the 80 % intervals of the places that are expected to have most hold their rates."""
    best = np.argsort(-posterior.mean)[:FAR]
    low, high = (
        stats.gamma.ppf(p, posterior.shape[best], scale=1 / posterior.rate[best]) for p in (0.1, 0.9)
    )
    return float(((low <= rates[best]) & (rates[best] <= high)).mean())


def tailed_rates(seed: int, tail: float = 2.5) -> np.ndarray:
    return 0.07 * (np.random.default_rng(seed).pareto(tail, 3_600) + 0.1)


@pytest.mark.parametrize("only_seen", [False, True])
def test_intervals_of_the_highest_rates_hold_where_tails_are_long(only_seen):
    held = [
        [coverage(p, rates) for p in (plain, mixed)]
        for seed in range(8)
        for plain, mixed, rates in [posteriors(tailed_rates(seed), seed, only_seen=only_seen)]
    ]
    one_gamma, classes = np.mean(held, axis=0)
    assert 0.75 <= classes <= 0.86
    assert classes > one_gamma


def test_where_one_gamma_is_right_the_classes_hardly_move_it():
    rates = np.random.default_rng(3).gamma(0.5, 0.14, 3_600)
    plain, mixed, rates = posteriors(rates, 4)
    best = np.argsort(-plain.mean)[:FAR]
    assert mixed.mean[best] == pytest.approx(plain.mean[best], rel=0.06)
    assert mixed.mean.sum() == pytest.approx(plain.mean.sum(), rel=0.02)


def test_more_incidents_never_mean_less_to_expect():
    counts = np.arange(40.0)
    rates = tailed_rates(5)
    drawn = np.random.default_rng(5).poisson(rates * EXPOSURE).astype(float)
    means = np.full(len(rates), drawn.mean() / EXPOSURE)
    fit = fit_prior(means, drawn, EXPOSURE)
    all_counts = np.concatenate([drawn, counts])
    all_means = np.full(len(all_counts), means[0])
    plain = update_posterior(fit, all_means, all_counts, EXPOSURE)
    mixed = mix_classes(plain, fit, all_means, all_counts, EXPOSURE)
    assert (np.diff(mixed.mean[-len(counts) :]) > 0).all()


def test_a_forecast_that_is_too_flat_is_bent_to_what_was_counted():
    draw = np.random.default_rng(6)
    means = np.exp(draw.normal(0.0, 0.5, 4_000))
    rates = means * np.exp(0.5 * np.log(means))
    counts = draw.poisson(rates * 5.0).astype(float)
    calibrated = calibrate_means(means, counts, 5.0)
    best = np.argsort(-means)[:FAR]
    assert means.sum() == pytest.approx(calibrated.sum())
    scaled = rates * means.sum() / rates.sum()
    assert calibrated[best].sum() == pytest.approx(scaled[best].sum(), rel=0.05)
    assert means[best].sum() < 0.7 * scaled[best].sum()


@pytest.mark.parametrize("counted", ["none", "few"])
def test_a_thin_record_bends_no_forecast(counted):
    means = np.exp(np.random.default_rng(7).normal(0.0, 0.5, 400))
    counts = np.zeros(400)
    if counted == "few":
        counts[:3] = 1.0
    assert calibrate_means(means, counts, 0.01) == pytest.approx(means, rel=0.15)


def test_equal_forecasts_stay_equal():
    counts = np.random.default_rng(8).poisson(2.0, 500).astype(float)
    assert calibrate_means(np.full(500, 0.3), counts, 7.0) == pytest.approx(np.full(500, 0.3))

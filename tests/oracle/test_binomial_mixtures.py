"""Counts whose chances vary, against SciPy, against their limits, and on forces whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from becalm.methods.binomial_mixtures import (
    beta_binomial,
    estimate_correlation,
    mid_quantiles,
    shrink_ratios,
)


@pytest.mark.parametrize(("size", "chance", "correlation"), [(12, 0.3, 0.1), (60, 0.05, 0.02), (5, 0.9, 0.4)])
def test_the_beta_binomial_is_that_of_scipy(size: int, chance: float, correlation: float) -> None:
    weight = (1 - correlation) / correlation
    expected = stats.betabinom.pmf(np.arange(size + 1), size, chance * weight, (1 - chance) * weight)
    assert beta_binomial(size, chance, correlation) == pytest.approx(expected, abs=1e-12)


def test_without_correlation_it_is_the_binomial() -> None:
    assert beta_binomial(20, 0.2, 0.0) == pytest.approx(stats.binom.pmf(np.arange(21), 20, 0.2), abs=1e-12)


def test_ratios_of_groups_that_differ_by_chance_alone_are_pulled_to_one() -> None:
    rng = np.random.default_rng(1)
    expected = np.full(200, 20.0)
    alike = shrink_ratios(rng.poisson(expected).astype(float), expected)
    truth = rng.gamma(10, 0.1, 200)
    different = shrink_ratios(rng.poisson(expected * truth).astype(float), expected)
    assert np.abs(alike.ratio - 1).max() < 0.2
    assert (
        np.mean((different.ratio - truth) ** 2) < 0.9 * 1 / 20
    )  # less than what the counts alone would miss


def test_a_correlation_is_found_where_there_is_one_and_not_where_there_is_none() -> None:
    rng = np.random.default_rng(2)
    sizes, chances = np.full(400, 200.0), np.full(400, 0.1)
    alone = rng.binomial(200, 0.1, 400).astype(float)
    waves = rng.binomial(200, rng.beta(0.1 * 49, 0.9 * 49, 400)).astype(float)
    assert estimate_correlation(alone, sizes, chances, independent=400) < 0.001
    assert estimate_correlation(waves, sizes, chances, independent=400) == pytest.approx(0.02, rel=0.25)


def test_intervals_between_mid_quantiles_cover_as_often_as_they_say_on_average() -> None:
    coverages = []
    for chance in np.linspace(0.05, 0.3, 60):
        chances = beta_binomial(120, float(chance), 0.0)
        low, high = mid_quantiles(chances, (0.1, 0.9))
        values = np.arange(121)
        coverages.append(chances[(values >= low) & (values <= high)].sum())
    assert np.mean(coverages) == pytest.approx(0.8, abs=0.02)


def test_a_quantile_lies_between_the_middles_of_two_values() -> None:
    chances = np.array([0.25, 0.5, 0.25])  # middles at 0.125, 0.5 and 0.875
    assert mid_quantiles(chances, (0.125, 0.3125, 0.5, 0.875, 0.99)) == (0.0, 0.5, 1.0, 2.0, 2.0)

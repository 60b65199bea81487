"""Mixtures of memories against sums that need no thought."""

from __future__ import annotations

import numpy as np
import pytest

from becalm.methods.faded_counts import fading_weights, half_age, kish_factor
from becalm.methods.gamma_poisson import GammaPrior, fit_prior

HALF_LIVES = (6.0, 24.0, 96.0)


def test_a_mixture_of_one_memory_fades_like_it():
    weights = fading_weights((6.0,), np.array([1.0]), np.array([5.0]), 13)
    assert weights[::-1][[0, 6, 12]] == pytest.approx([1.0, 0.5, 0.25])
    assert half_age((6.0,), np.array([1.0]), np.array([5.0])) == pytest.approx(6.0, abs=0.1)
    assert kish_factor(np.ones(8), np.ones(8)) == 1.0


def test_a_mixture_has_lost_half_of_its_weight_at_its_half_age():
    shares, totals = np.array([0.5, 0.3, 0.2]), np.array([20.0, 60.0, 90.0])
    weights = fading_weights(HALF_LIVES, shares, totals, 60)[::-1]
    age = half_age(HALF_LIVES, shares, totals)
    assert np.interp(age, np.arange(60), weights) == pytest.approx(0.5, abs=0.01)
    assert half_age((np.inf,), np.array([1.0]), np.array([9.0])) == np.inf


def test_a_prior_that_made_the_counts_is_found_again():
    rng = np.random.default_rng(4)
    means, truth = rng.gamma(0.5, 1.0, 40_000) + 1e-3, GammaPrior(2.0, 0.5)
    shape = truth.shape(means)
    counts = rng.poisson(rng.gamma(shape) / shape * means * 10.0).astype(float)
    found = fit_prior(means, counts, 10.0).best
    assert (found.strength, found.power) == pytest.approx((2.0, 0.5), rel=0.1)

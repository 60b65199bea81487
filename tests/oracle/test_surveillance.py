"""Farrington's bounds as another program gives them, and the ramp by numerical integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from becalm.methods.alarms import ramp as ramp_module
from becalm.methods.alarms.farrington import FarringtonSettings, farrington_bounds
from becalm.methods.alarms.ramp import climb_shapes, log_likelihood_ratios
from becalm.methods.alarms.sisters import RISING_CHANCE, group_scores

FLEXIBLE = FarringtonSettings(alpha=0.01)
NEWPORT = FarringtonSettings(alpha=0.1, bound="delta")


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    """Weekly counts and the upper bounds that R's surveillance 1.20.3 gives for their last 52 weeks."""
    return json.loads((Path(__file__).parent / "farrington_bounds.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "bound", "total"),
    [("agona_nbPlugin", "nb_plugin", 389.0), ("agona_delta", "delta", 388.2924273)],
)
def test_bounds_are_those_of_surveillance(known, name, bound, total):
    settings = FarringtonSettings(alpha=0.01, bound=bound)
    counts = np.array([known["agona"]], dtype=float)
    bounds = farrington_bounds(counts, np.arange(260, 312), settings)
    assert bounds.upper[0] == pytest.approx(known["bounds"][name], abs=1e-6)
    assert bounds.upper.sum() == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "settings", "total"),
    [
        (
            "newport_plain",
            FarringtonSettings(
                periods=1, outbreak_residual=1.0, left_out=3, trend_p=0.05, alpha=0.1, bound="delta"
            ),
            139.1310029,
        ),
        ("newport_periods", NEWPORT, 155.1674631),
    ],
)
def test_bounds_by_the_calendar_are_those_of_surveillance(known, name, settings, total):
    days = np.datetime64("2004-01-05") + 7 * np.arange(528)
    counts = np.array([known["newport"]], dtype=float)
    bounds = farrington_bounds(counts, np.arange(365, 417), settings, days=days)
    expected = np.array(known["bounds"][name], dtype=float)
    is_shown = ~np.isnan(expected)  # that program withholds bounds where the last weeks hold too few
    assert bounds.upper[0][is_shown] == pytest.approx(expected[is_shown], abs=1e-6)
    assert bounds.upper[0][is_shown].sum() == pytest.approx(total, abs=1e-6)


def test_the_alarms_of_agona_are_those_of_surveillance(known):
    counts = np.array([known["agona"]], dtype=float)
    upper = farrington_bounds(counts, np.arange(260, 312), FLEXIBLE).upper[0]
    assert (np.flatnonzero(counts[0, 260:] > upper) + 261).tolist() == [262, 263, 264]


def test_a_likelihood_ratio_is_that_of_numerical_integration_over_the_fallen_level():
    rng = np.random.default_rng(7)
    expected = np.full(24, 6.0)
    counts = rng.poisson(3.0, 24).astype(float)
    ratios = log_likelihood_ratios(counts[None], expected[None], np.zeros(1))[0, -1]
    log_rises, _ = climb_shapes()
    shape, mean = ramp_module.PRIOR_SHAPE, ramp_module.PRIOR_MEAN
    for back, climb in ((3, 5), (11, 2), (20, 8)):
        multiples = np.ones(24)
        multiples[24 - back - 1 :] = np.exp(log_rises[climb, : back + 1])

        def marginal(path: np.ndarray) -> float:
            def integrand(level: float) -> float:
                chance = stats.poisson.pmf(counts, level * expected * path).prod() * 1e30
                return float(chance * stats.gamma.pdf(level, shape, scale=mean / shape))

            return integrate.quad(integrand, 0.0, 3.0, limit=200, epsabs=0.0)[0]

        by_integration = np.log(marginal(multiples) / marginal(np.ones(24)))
        assert ratios[back * len(log_rises) + climb] == pytest.approx(by_integration, abs=1e-4)


def test_one_series_that_surely_rises_makes_a_group_of_one_its_ramp():
    rng = np.random.default_rng(8)
    counts, expected = rng.poisson(5.0, (1, 20)).astype(float), np.full((1, 20), 10.0)
    ratios = log_likelihood_ratios(counts, expected, np.zeros(1))
    mixed = np.log(1.0 - RISING_CHANCE + RISING_CHANCE * np.exp(ratios.astype(float)))
    mixed[np.isneginf(ratios)] = -np.inf
    by_hand = ramp_module.sum_evidence(mixed)
    assert group_scores(ratios, np.ones((1, 1), dtype=bool)) == pytest.approx(by_hand, abs=1e-4)

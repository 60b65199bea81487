"""Quasi-Poisson fits against statsmodels, and the coverage of the intervals that rest on them."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.multitest import multipletests

from becalm.methods.dispersion import fit_series, overdispersion, seasonal_design
from becalm.methods.multiplicity import adjust
from becalm.methods.rate_ratios import rate_ratios

MONTHS = np.arange(60)
SEASON = np.exp(0.15 * np.cos(2 * np.pi * MONTHS / 12) + 0.03 * MONTHS / 12)
DESIGN = seasonal_design(MONTHS, cycle=12)


def draw_counts(draw, mean, phi, size=None):
    if phi == 1:
        return draw.poisson(mean, size)
    return draw.negative_binomial(np.asarray(mean) / (phi - 1), 1 / phi, size)


@pytest.mark.parametrize("mean", [0.3, 3, 40, 70_000])
def test_every_series_is_fitted_as_statsmodels_fits_it_alone(mean):
    draw = np.random.default_rng(3)
    days = draw.integers(28, 32, 60)
    counts = draw_counts(draw, mean * SEASON * days / 30, 2.5, (6, 60))
    ours = fit_series(counts, DESIGN, exposure=days)
    for row, series in enumerate(counts):
        theirs = sm.GLM(series, DESIGN, family=sm.families.Poisson(), offset=np.log(days)).fit(
            tol=1e-12, scale="X2"
        )
        np.testing.assert_allclose(ours.mean[row], theirs.fittedvalues, rtol=1e-5)
        assert ours.pearson[row] / ours.degrees == pytest.approx(theirs.scale, rel=1e-4)


def test_a_series_of_nothing_has_a_dispersion_of_one():
    found = overdispersion(np.zeros((2, 60)), DESIGN)
    assert found.phi.tolist() == [1.0, 1.0]
    assert np.isfinite(found.interval_phi(0.95)).all()


def test_a_series_shorter_than_its_design_is_refused():
    with pytest.raises(ValueError, match="Give more times"):
        fit_series(np.ones(6), DESIGN[:6])


@pytest.mark.parametrize("phi", [1, 1.7, 5])
def test_the_dispersion_that_was_planted_is_found(phi):
    draw = np.random.default_rng(4)
    found = overdispersion(draw_counts(draw, 200 * SEASON, phi, (400, 60)), DESIGN)
    assert np.median(found.phi) == pytest.approx(phi, rel=0.12)


def test_a_thin_series_borrows_from_its_family_in_proportion_to_its_level():
    draw = np.random.default_rng(5)
    family = [draw_counts(draw, mean * SEASON, 1 + 0.01 * mean) for mean in (300,) * 10]
    found = overdispersion(np.array([*family, draw_counts(draw, 2 * SEASON, 1)]), DESIGN)
    assert found.phi[-1] < 1.8
    assert found.degrees[-1] < found.degrees[0]


def test_a_series_of_large_counts_speaks_for_itself_among_many_small_ones():
    draw = np.random.default_rng(9)
    wards = draw_counts(draw, 4 * SEASON, 1.5, (600, 60))  # each with a coefficient of variation of its own
    alone = overdispersion(wards.sum(axis=0, keepdims=True), DESIGN)
    among = overdispersion(np.vstack([wards.sum(axis=0, keepdims=True), wards]), DESIGN)
    assert among.phi[0] == pytest.approx(alone.phi[0], rel=0.02)


def coverage_of(mean, phi, *, series, seed, months=60):
    """How often the 95 % interval of a pair holds its true ratio, the dispersion being estimated."""
    draw = np.random.default_rng(seed)
    history = draw_counts(draw, mean * SEASON[:months], phi, (series, months))
    spread = overdispersion(history, DESIGN[:months]).interval_phi(0.95)
    new, old = draw_counts(draw, mean, phi, series), draw_counts(draw, 1.5 * mean, phi, series)
    found = rate_ratios(new, old, dispersion=spread)
    return float(((found.low <= 1 / 1.5) & (found.high >= 1 / 1.5)).mean())


@pytest.mark.parametrize(("mean", "phi"), [(20, 1), (20, 2), (200, 5), (100_000, 3)])
def test_intervals_with_an_estimated_dispersion_cover_as_they_say(mean, phi):
    assert 0.935 <= coverage_of(mean, phi, series=2_000, seed=6) <= 0.972


@pytest.mark.exhaustive
@pytest.mark.parametrize("months", [24, 60])
@pytest.mark.parametrize("phi", [1, 1.3, 2, 3, 5])
@pytest.mark.parametrize("mean", [0.2, 0.5, 1, 2, 5, 10, 20, 50, 200, 1_000, 10_000, 100_000])
def test_coverage_is_94_to_96_percent_wherever_whole_numbers_allow_it(mean, phi, months):
    """Counts of a few are too coarse for 95 % exactly: there the interval may only be too safe."""
    found = coverage_of(mean, phi, series=20_000, seed=int(1000 * mean + phi), months=months)
    assert found >= 0.938
    if mean >= 10 * phi:
        assert found <= 0.967


def test_q_values_are_those_of_statsmodels():
    p = np.random.default_rng(8).uniform(0, 1, 200) ** 3
    theirs = multipletests(p, method="fdr_bh")[1]
    np.testing.assert_allclose(adjust(p, "BH"), theirs, rtol=1e-12)
    gappy = np.insert(p, 7, np.nan)
    np.testing.assert_allclose(adjust(gappy, "BH")[[0, 8, -1]], theirs[[0, 7, -1]], rtol=1e-12)
    assert np.isnan(adjust(gappy, "BH")[7])


def test_p_values_that_differ_in_their_last_bits_alone_are_sorted_right():
    near = 0.3 + np.random.default_rng(9).permutation(500) * np.spacing(0.3)
    p = np.concatenate([near, [0.0, -0.0, 1.0, 5e-324], near[:50]])
    np.testing.assert_allclose(adjust(p, "BH"), multipletests(p, method="fdr_bh")[1], rtol=1e-15)
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjust(p, "BH")[order]) >= 0).all()

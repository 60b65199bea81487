"""Drift that was drawn is found again: of each series, and what series share."""

from __future__ import annotations

import numpy as np
import pytest

from becalm.methods.dispersion import seasonal_design
from becalm.methods.residual_drift import (
    DRIFT_POWER,
    draw_paths,
    fit_residual_drift,
    path_covariance,
    shrink_estimates,
)

YEAR = 52.18
WEEKS = 260


def residuals(rng: np.random.Generator, own: float, shared: float, series: int = 60) -> np.ndarray:
    """Noise of .1 a week around levels that drift alone and together (deviations in a year)."""
    paths = own * draw_paths(series, WEEKS, rng, cycle=YEAR)
    paths += shared * draw_paths(1, WEEKS, rng, cycle=YEAR)
    values = paths + rng.normal(0.0, 0.1, paths.shape)
    basis, _ = np.linalg.qr(seasonal_design(np.arange(WEEKS), cycle=YEAR))
    return np.asarray(values - (values @ basis) @ basis.T)


@pytest.mark.parametrize(("own", "shared"), [(0.15, 0.0), (0.0, 0.15), (0.1, 0.1), (0.0, 0.0)])
def test_the_drift_that_was_drawn_is_found(own, shared):
    rng = np.random.default_rng(8)
    design = seasonal_design(np.arange(WEEKS), cycle=YEAR)
    drifts = [
        fit_residual_drift(residuals(rng, own, shared), design, (np.zeros(60),), cycle=YEAR) for _ in range(6)
    ]
    found = np.mean([drift.variance.mean() for drift in drifts])
    assert found == pytest.approx(own**2 + shared**2, rel=0.2, abs=0.0015)
    found_shared = np.mean([drift.shared[0] for drift in drifts])
    assert found_shared == pytest.approx(shared**2, rel=0.35, abs=0.0015)


def test_a_path_drifts_by_its_power():
    paths = draw_paths(4000, 105, np.random.default_rng(3), cycle=52.0)
    for weeks in (13, 52, 104):
        moved = (paths[:, weeks] - paths[:, 0]).var()
        assert moved == pytest.approx((weeks / 52.0) ** DRIFT_POWER, rel=0.08)
    covariance = path_covariance(105, 52.0)
    assert covariance[104, 104] == pytest.approx(2.0**DRIFT_POWER)
    assert covariance[52, 104] == pytest.approx(0.5 * 2.0**DRIFT_POWER)


def test_estimates_of_one_family_are_drawn_together_by_what_they_do_not_know():
    same, variance = shrink_estimates(np.array([1.0, 1.2, 0.8]), np.full(3, 4.0))
    assert same == pytest.approx(np.full(3, 1.0))
    assert variance == pytest.approx(np.zeros(3))
    apart, _ = shrink_estimates(np.array([1.0, 50.0, -50.0]), np.full(3, 0.01))
    assert apart == pytest.approx([1.0, 50.0, -50.0], rel=1e-3)

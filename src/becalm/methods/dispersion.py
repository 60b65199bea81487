"""How much more series of counts vary than Poisson chance: many quasi-Poisson fits at once.

Each series y_t is fitted by log mu_t = log(exposure_t) + X_t beta with variance phi mu_t, by
iteratively reweighted least squares, all series in one batch. phi is Pearson's statistic over its
degrees of freedom, corrected for sparse counts by Fletcher, and then moderated: series of one family
share a coefficient of variation beyond Poisson, so that a series of small counts, whose own phi is
hardly known, is drawn towards the phi that the family would give it at its level.

Sources: McCullagh and Nelder, Generalized Linear Models, 2nd ed. (1989) sections 4.5 and 9.2;
Fletcher, Biometrika 99 (2012) 230-237, eq. 3; the moderation is that of Smyth, Statistical
Applications in Genetics and Molecular Biology 3 (2004) art. 3, with a weight that fades as counts grow.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from becalm.methods.arrays import Floats

PRIOR_DF: Final = 4.0  # weight of the family, in degrees of freedom, for a series of next to nothing
_STEPS: Final = 60
_LEAST_GAIN: Final = 1e-13
_RIDGE: Final = 1e-9
_LARGEST_LOG_MEAN: Final = 30.0
_SMALLEST_MEAN: Final = 1e-9


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """Fitted means (series x times), Pearson statistics and residual degrees of freedom."""

    mean: Floats
    coefficients: Floats
    pearson: Floats
    degrees: int


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Variance over mean of each series, and the degrees of freedom that it is known with."""

    phi: Floats
    degrees: Floats

    def interval_phi(self, level: float) -> Floats:
        """The phi to use in an interval: the part beyond Poisson pays for being estimated.

        That part is multiplied by (t quantile / normal quantile) squared; Poisson chance is known.
        Source: Korn and Graubard, Survey Methodology 24 (1998) 193-201 (there for all of phi).
        """
        upper_probability = 0.5 + level / 2.0
        quantile_ratio = stats.t.ppf(upper_probability, self.degrees) / stats.norm.ppf(upper_probability)
        return np.asarray(1.0 + (self.phi - 1.0) * quantile_ratio**2)


def seasonal_design(times: ArrayLike, *, cycle: float, harmonics: int = 2) -> Floats:
    """Columns for a level, a straight trend and `harmonics` sine waves of a cycle, one row per time.

    `times` and `cycle` are in the same unit, e.g. months and 12.
    """
    t = np.asarray(times, dtype=np.float64)
    centred_times = (t - t.mean()) / max(float(np.ptp(t)), 1.0)
    wave_columns = [
        wave(2.0 * np.pi * k * t / cycle) for k in range(1, harmonics + 1) for wave in (np.cos, np.sin)
    ]
    return np.column_stack([np.ones_like(t), centred_times, *wave_columns])


def fit_series(
    counts: ArrayLike, design: Floats, *, exposure: ArrayLike = 1.0, least_gain: float = _LEAST_GAIN
) -> SeriesFit:
    """Fit every series (a row of `counts`) on the same design by quasi-Poisson regression.

    It ends once no log-likelihood gains more than `least_gain` of itself.
    `exposure` is one number per time, e.g. the days of the month, or one per series and time. A series of
    zeros fits a mean of (almost) zero.

    Raises ValueError where there are no more times than columns of the design.
    """
    y = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    log_exposures = np.log(np.broadcast_to(np.asarray(exposure, dtype=np.float64), y.shape))
    residual_degrees = y.shape[1] - design.shape[1]
    if residual_degrees < 1:
        raise ValueError(f"{y.shape[1]} times cannot fit {design.shape[1]} coefficients. Give more times.")
    fitted_coefficients = _fit_coefficients(y, design, log_exposures, least_gain)
    fitted_means = np.maximum(
        np.exp(np.minimum(fitted_coefficients @ design.T + log_exposures, _LARGEST_LOG_MEAN)), _SMALLEST_MEAN
    )
    return SeriesFit(
        fitted_means,
        fitted_coefficients,
        ((y - fitted_means) ** 2 / fitted_means).sum(axis=1),
        residual_degrees,
    )


def overdispersion(counts: ArrayLike, design: Floats, *, exposure: ArrayLike = 1.0) -> Dispersion:
    """How much does each series vary beyond Poisson, and how well is that known?

    phi is never below 1: counts that seem calmer than chance are not trusted to be so.
    """
    y = np.atleast_2d(np.asarray(counts, dtype=np.float64))
    series_fit = fit_series(y, design, exposure=exposure)
    has_events = y.sum(axis=1) > 0
    sparseness = np.where(
        has_events, (y / series_fit.mean).mean(axis=1), 1.0
    )  # Fletcher's 1 + mean of (y - mu) / mu
    own_phi = series_fit.pearson / series_fit.degrees / sparseness
    degrees = np.full(len(y), float(series_fit.degrees))
    phi, degrees = moderate_phi(own_phi, series_fit.mean.mean(axis=1), series_fit.mean, degrees)
    return Dispersion(np.where(has_events, phi, 1.0), degrees)


def panel_dispersion(panel: Floats) -> float:
    """Variance over mean of counts of many places (rows) over times, around place by time; 1 at least.

    Each count is expected to be its place's mean times the time's common factor f. Squares are added up, and
    not divided one by one, since the mean of a place with few events follows them: the sum of all squared
    residuals has the expectation phi sum(rate) (F - sum(f^2) / F), F = sum(f). 1.0 where there is no event.
    """
    rates, totals = panel.mean(axis=1), panel.sum(axis=0)
    time_count = panel.shape[1]
    if not rates.any() or time_count < 2:
        return 1.0
    time_factors = totals / totals.mean()
    squared_error_sum = float(((panel - rates[:, None] * time_factors) ** 2).sum())
    return max(
        1.0, squared_error_sum / float(rates.sum() * (time_count - (time_factors**2).sum() / time_count))
    )


def moderate_phi(
    own_phi: Floats, mean_of_series: Floats, means: Floats, degrees: Floats
) -> tuple[Floats, Floats]:
    """Each series' own phi drawn towards what its family would give it, and its degrees of freedom.

    `means` (series x times) and `degrees` say how well each is known by itself. Never below 1.
    """
    effective_degrees = _effective_degrees(own_phi, means, degrees)
    family_phi = 1.0 + _median_excess(own_phi, mean_of_series, effective_degrees) * mean_of_series
    prior_weight = PRIOR_DF / (1.0 + mean_of_series)  # counts of ten and more speak for themselves
    phi = (prior_weight * family_phi + effective_degrees * own_phi) / (prior_weight + effective_degrees)
    return np.maximum(phi, 1.0), prior_weight + effective_degrees


def _fit_coefficients(y: Floats, design: Floats, offset: Floats, least_gain: float) -> Floats:
    """Newton's method on the Poisson likelihood of all series at once, with halved steps where it falls."""
    column_count = design.shape[1]
    coefficients = np.zeros((y.shape[0], column_count))
    coefficients[:, 0] = np.log((y.sum(axis=1) + 0.5) / np.exp(offset).sum(axis=1))
    column_products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    ridge_matrix = _RIDGE * np.eye(
        column_count
    )  # a series of zeros has no curvature, and would stop all the others
    step_sizes = np.ones((y.shape[0], 1))
    log_likelihoods = _likelihood(coefficients, y, design, offset)
    for _ in range(_STEPS):
        fitted_means = np.exp(np.minimum(coefficients @ design.T + offset, _LARGEST_LOG_MEAN))
        curvature_matrices = (fitted_means @ column_products).reshape(-1, column_count, column_count)
        curvature_matrices = curvature_matrices + ridge_matrix * (1.0 + curvature_matrices[:, :1, :1])
        newton_step = np.linalg.solve(curvature_matrices, ((y - fitted_means) @ design)[:, :, None])[:, :, 0]
        # A first step from far off would overflow exp; three on the log scale is a factor of twenty already.
        next_coefficients = coefficients + step_sizes * np.clip(newton_step, -3.0, 3.0)
        next_likelihood = _likelihood(next_coefficients, y, design, offset)
        is_better = next_likelihood >= log_likelihoods - 1e-9 * np.abs(log_likelihoods)
        coefficients = np.where(is_better[:, None], next_coefficients, coefficients)
        step_sizes = np.where(is_better[:, None], np.minimum(1.0, 2.0 * step_sizes), step_sizes / 2.0)
        likelihood_gains = np.abs(next_likelihood - log_likelihoods) / (1.0 + np.abs(log_likelihoods))
        log_likelihoods = np.where(is_better, next_likelihood, log_likelihoods)
        if likelihood_gains.max() < least_gain:
            break
    return coefficients


def _likelihood(beta: Floats, y: Floats, design: Floats, offset: Floats) -> Floats:
    log_means = np.minimum(beta @ design.T + offset, _LARGEST_LOG_MEAN)
    return np.asarray((y * log_means - np.exp(log_means)).sum(axis=1))


def _effective_degrees(phi: Floats, means: Floats, degrees: Floats) -> Floats:
    """Effective degrees of freedom: squared residuals of small counts have heavy tails.

    For a negative binomial count of mean mu and variance phi mu the excess kurtosis is
    6 (phi - 1) / mu + 1 / (phi mu), so that phi is as well known as from 2 df / (2 + kurtosis)
    normal residuals.
    """
    raised_phis = np.maximum(phi, 1.0)
    sparseness_of_means = (1.0 / means).mean(axis=1)
    kurtosis = (6.0 * (raised_phis - 1.0) + 1.0 / raised_phis) * sparseness_of_means
    return np.asarray(2.0 * degrees / (2.0 + kurtosis))


def _median_excess(phi: Floats, level: Floats, degrees: Floats) -> float:
    """The squared coefficient of variation beyond Poisson that the middle of the family has.

    The weighted median of (phi - 1) / mean; series that tell little about it weigh little.
    """
    excess_of_series = np.maximum(phi - 1.0, 0.0) / np.maximum(level, 1e-12)
    series_weights = degrees * np.minimum(level, 1.0)
    rising_order = np.argsort(excess_of_series)
    cumulative_weights = np.cumsum(series_weights[rising_order])
    return float(
        excess_of_series[rising_order][np.searchsorted(cumulative_weights, cumulative_weights[-1] / 2.0)]
    )

"""What each series would be since the step, had its former level gone on; and how much it varies.

A quasi-Poisson regression on the weeks before the step alone: level, trend and two waves of the year, all
series at once. The variance beyond Poisson is carried as a share of the squared mean, so that a fallen level
has the noise of its own mean.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.dispersion import fit_series, seasonal_design
from becalm.methods.residual_drift import shrink_estimates

WEEKS_IN_YEAR: Final = 365.25 / 7.0
LONGEST_HISTORY: Final = 260  # weeks: older ones say little about the level just before the step
TREND_WEEKS: Final = 104  # fewer than two years cannot tell a trend from the season
LARGEST_LOG_MEAN: Final = 20.0
LEAST_GAIN: Final = 1e-7  # of the log-likelihood by the last step: the next would move a mean by less than it
WAVES: Final = 4  # columns: sine and cosine of the year and of half a year


@dataclass(frozen=True, slots=True)
class Baseline:
    """Of each series: the mean of each week before the step, of each since, and its excess variance.

    `log_deviation` is the standard deviation of the logarithm of `expected`, by the coefficients alone.
    """

    fitted_counts: Floats
    expected: Floats
    excess: Floats
    log_deviation: Floats


def fit_baseline(history: Floats, weeks_since: int) -> Baseline:
    """What does the history (series x weeks, the newest last) give for so many weeks after it?"""
    history_weeks = history.shape[1]
    design = baseline_design(history_weeks, weeks_since)
    past_design, later_design = design[:history_weeks], design[history_weeks:]
    fit = fit_series(history, past_design, least_gain=LEAST_GAIN)
    excess_variances = _estimate_excess(history, fit.mean, fit.degrees)
    phi = 1.0 + excess_variances * fit.mean.mean(axis=1)
    information = np.einsum("st,ti,tj->sij", fit.mean / phi[:, None], past_design, past_design, optimize=True)
    ridge_matrix = 1e-6 * (1.0 + information[:, :1, :1]) * np.eye(design.shape[1])
    covariance = np.linalg.inv(information + ridge_matrix)
    coefficients = _share_waves(fit.coefficients, np.diagonal(covariance, axis1=1, axis2=2))
    expected = np.exp(np.minimum(coefficients @ later_design.T, LARGEST_LOG_MEAN))
    log_variance = ((later_design @ covariance) * later_design).sum(axis=2)
    return Baseline(fit.mean, expected, excess_variances, np.sqrt(np.maximum(log_variance, 0.0)))


def baseline_design(history_weeks: int, weeks_since: int) -> Floats:
    """The columns of the regression: level, trend where the history can tell it, two waves of the year."""
    # The trend is centred on the history and the last week before the step is week -1.
    weeks = np.arange(-history_weeks, weeks_since)
    design = seasonal_design(weeks, cycle=WEEKS_IN_YEAR)
    design[:, 1] = (weeks + (history_weeks + 1) / 2.0) / WEEKS_IN_YEAR
    return np.delete(design, 1, axis=1) if history_weeks < TREND_WEEKS else design


def _share_waves(coefficients: Floats, variances: Floats) -> Floats:
    """Coefficients with waves of the year shrunk to those of all series; level and trend are their own."""
    shared_coefficients = coefficients.copy()
    shared_coefficients[:, -WAVES:] = shrink_estimates(coefficients[:, -WAVES:], variances[:, -WAVES:])[0]
    return shared_coefficients


def _estimate_excess(counts: Floats, means: Floats, degrees: int) -> Floats:
    """The share of the squared mean by which the variance of each series exceeds its mean; never below 0.

    By moments: what is left of the squared residuals beside the means, over the squared means; shrunk to the
    family, since a series of small counts hardly knows its own.
    """
    leverage = counts.shape[1] / degrees  # residuals are smaller than errors by what was fitted
    square_sums = np.maximum((means**2).sum(axis=1), 1e-9)
    own_excess = (leverage * (counts - means) ** 2 - means).sum(axis=1) / square_sums
    excess_variances = 2.0 * (
        (means + np.maximum(own_excess, 0.0)[:, None] * means**2) ** 2 + means / 2.0
    ).sum(axis=1)
    return np.maximum(shrink_estimates(own_excess, excess_variances / square_sums**2)[0], 0.0)

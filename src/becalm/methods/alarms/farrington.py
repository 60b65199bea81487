"""Farrington's method, made flexible by Noufaily: is a count above what the same season of former years had?

For each time a quasi-Poisson regression is fitted to the former years: a straight trend and a factor of ten
periods of the year, one of them around the time in question; the newest half year is left out, and past
outbreaks are weighed down by their Anscombe residuals. The count is compared with a quantile of what the fit
predicts. It sees spikes above normal; a series that climbs back to normal is none, so it says nothing there.

Sources: Farrington, Andrews, Beale and Catchpole, Journal of the Royal Statistical Society A 159 (1996)
547-563; Noufaily et al., Statistics in Medicine 32 (2013) 1206-1222; Salmon, Schumacher and Höhle, Journal of
Statistical Software 70 (2016) 10, whose program gives the same bounds to 1e-6 (tests/oracle). That program
takes standard errors with the weights of the outbreaks alone in the place of the working ones; so does this.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numba import njit, prange
from scipy import stats

from becalm.methods.alarms.watched_counts import NO_SCORE, WatchedCounts
from becalm.methods.arrays import Floats, Ints, Times

YEAR_TIMES: Final = 52
MOST_FITS: Final = 25
LEAST_CHANGE: Final = 1e-8
LEAST_TREND_YEARS: Final = 3
Bound = Literal["nb_plugin", "delta"]


@dataclass(frozen=True, slots=True)
class FarringtonSettings:
    """How a bound is made; the defaults are those of Noufaily et al."""

    years: int = 4
    half_window: int = 3
    periods: int = 10
    outbreak_residual: float = 2.58
    left_out: int = 26
    trend_p: float = 1.0  # a trend is kept if its p-value is below
    alpha: float = 0.005
    bound: Bound = "nb_plugin"


@dataclass(frozen=True, slots=True)
class FarringtonBounds:
    """Of each series and time: what is predicted, and the bound above which it stands out; NaN where none."""

    predicted: Floats
    upper: Floats


def farrington(watched: WatchedCounts) -> Floats:
    """How far each count lies between what was predicted (0) and the bound (1), and beyond it.

    It needs at least a year and a few weeks of history; times without are given no score (0).
    """
    counts = watched.counts
    past_counts = np.empty((len(counts), 0)) if watched.history is None else watched.history
    year_count = min(4, (past_counts.shape[1] - 3) // YEAR_TIMES)
    if year_count < 1:
        return np.full(counts.shape, NO_SCORE)
    all_counts = np.concatenate([past_counts, counts], axis=1)
    times = np.arange(past_counts.shape[1], all_counts.shape[1])
    bounds = farrington_bounds(all_counts, times, FarringtonSettings(years=year_count))
    scores = (counts - bounds.predicted) / np.maximum(bounds.upper - bounds.predicted, 1e-9)
    return np.nan_to_num(scores, nan=NO_SCORE, posinf=NO_SCORE, neginf=NO_SCORE)


def farrington_bounds(
    counts: Floats, times: Ints, settings: FarringtonSettings, *, days: Times | None = None
) -> FarringtonBounds:
    """What was to be expected of each series (row) at these columns, from the years before each?

    Former years are found 52 columns apart, or by the calendar where the `days` of the columns are given: the
    column nearest to the same day. Missing counts (NaN) are left out. Raises ValueError where the history is
    too short for the first of `times`.
    """
    period_labels = np.array([label_periods(int(t), counts.shape[1], settings, days) for t in times])
    critical_t = _critical_values(counts.shape[1], settings.trend_p)
    predictions = np.full((3, len(counts), len(times)), np.nan)
    fit_numbers = np.array(
        [settings.periods, settings.years >= LEAST_TREND_YEARS, settings.outbreak_residual]
    )
    count_matrix = np.ascontiguousarray(counts, dtype=np.float64)
    _predict_all(count_matrix, times.astype(np.int64), period_labels, fit_numbers, critical_t, predictions)
    log_mean, standard_error, phi = predictions
    predicted_means = np.exp(log_mean)
    upper_bounds = _delta_bound(predicted_means, standard_error, phi, settings.alpha)
    if settings.bound == "nb_plugin":
        upper_bounds = _plug_in_bound(predicted_means, phi, settings.alpha)
    return FarringtonBounds(predicted_means, upper_bounds)


def label_periods(
    time: int, time_count: int, settings: FarringtonSettings, days: Times | None = None
) -> Ints:
    """The period of the year (0 to periods - 1, the last around `time`) of each past column; -1: unused."""
    reference_times = _reference_times(time, settings.years, days)
    window, period_count = settings.half_window, settings.periods
    if reference_times[-1] - window < 0:
        raise ValueError(f"Column {time} has no {settings.years} years before it. Give fewer years.")
    labels = np.full(time_count, -1, dtype=np.int64)
    labels[time - window : time + 1] = period_count - 1
    for newer, older in pairwise(reference_times):
        labels[older - window : older + window + 1] = period_count - 1
        if period_count > 1:
            times_between = np.arange(older + window + 1, newer - window)
            for period, columns in enumerate(np.array_split(times_between, period_count - 1)):
                labels[columns] = period
    labels[time - settings.left_out : time + 1] = -1  # what has begun must not be learned
    labels[time + 1 :] = -1
    return labels


def _reference_times(time: int, years: int, days: Times | None) -> list[int]:
    """The column itself and the like of it in each former year."""
    if days is None:
        return [time - YEAR_TIMES * year for year in range(years + 1)]
    day_numbers = days.astype("datetime64[D]").astype(np.int64)
    month = days[time].astype("datetime64[M]")
    day_of_month = (days[time].astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    months = [month - 12 * year for year in range(years + 1)]
    wanted_days = [m.astype("datetime64[D]").astype(np.int64) + day_of_month for m in months]
    return [int(np.argmin(np.abs(day_numbers - day))) for day in wanted_days]


def _critical_values(most_degrees: int, p: float) -> Floats:
    """The least |t| with a p-value below p, by degrees of freedom."""
    if p >= 1.0:
        return np.zeros(most_degrees + 1)
    return np.asarray(stats.t.ppf(1.0 - p / 2.0, np.maximum(np.arange(most_degrees + 1), 1)))


def _delta_bound(mean: Floats, standard_error: Floats, phi: Floats, alpha: float) -> Floats:
    """The bound on the scale of the power 2/3, on which counts are nearly symmetric."""
    tau = phi + (standard_error * mean) ** 2 / mean
    transformed_deviation = np.sqrt(4.0 / 9.0 * np.cbrt(mean) * tau)
    return np.asarray((np.cbrt(mean) ** 2 + stats.norm.ppf(1.0 - alpha) * transformed_deviation) ** 1.5)


def _plug_in_bound(mean: Floats, phi: Floats, alpha: float) -> Floats:
    """The quantile of a negative binomial count of this mean and variance over mean."""
    is_wide = phi > 1.0
    capped_phi = np.where(is_wide, phi, 2.0)
    negative_binomial_bound = stats.nbinom.ppf(1.0 - alpha, mean / (capped_phi - 1.0), 1.0 / capped_phi)
    return np.asarray(np.where(is_wide, negative_binomial_bound, stats.poisson.ppf(1.0 - alpha, mean)))


@njit(cache=True, nogil=True, parallel=True)
def _predict_all(counts, times, labels, numbers, critical_t, predictions):  # type: ignore[no-untyped-def]  # a kernel
    periods, may_trend, residual = int(numbers[0]), numbers[1] > 0.0, numbers[2]
    for s in prange(counts.shape[0]):
        for k in range(len(times)):
            is_used = (labels[k] >= 0) & ~np.isnan(counts[s])
            y, g = counts[s][is_used], labels[k][is_used]
            t = np.flatnonzero(is_used) - float(times[k])
            is_fitted, has_trend, prediction = _fit_twice(y, t, g, periods, True, residual)
            if is_fitted and has_trend:
                t_value = abs(prediction[3]) / prediction[4]
                is_kept = may_trend and t_value > critical_t[int(prediction[5])]
                if not is_kept or _bounded_exp(prediction[0]) > y.max():  # no horrible extrapolation
                    is_fitted, has_trend, prediction = _fit_twice(y, t, g, periods, False, residual)
            if is_fitted:
                for part in range(3):
                    predictions[part, s, k] = prediction[part]


@njit(cache=True, nogil=True)
def _bounded_exp(x):  # type: ignore[no-untyped-def]  # a kernel
    return np.exp(min(x, 700.0))


@njit(cache=True, nogil=True)
def _fit_twice(y, t, g, periods, use_trend, residual):  # type: ignore[no-untyped-def]  # a kernel
    """Fit, weigh outbreaks down, fit again; predict for time 0 in the last period.

    The prediction holds: log mean, its standard error, phi, slope, its standard error, degrees of freedom.
    """
    n = len(y)
    prediction = np.zeros(6)
    is_fitted, slope, log_levels, mu, working, sums = _fit(y, t, g, np.ones(n), periods, use_trend)
    if not is_fitted and use_trend:
        use_trend = False
        is_fitted, slope, log_levels, mu, working, sums = _fit(y, t, g, np.ones(n), periods, False)
    parameter_count = 0
    for p in range(periods):
        parameter_count += sums[p, 0] > 0.0
    parameter_count += 1 if use_trend else 0
    if not is_fitted or n <= parameter_count:
        return False, use_trend, prediction
    residual_degrees = n - parameter_count
    phi = max((working * ((y - mu) / mu) ** 2).sum() / residual_degrees, 1.0)
    residuals = _standard_residuals(y, t, g, mu, working, sums, phi)
    weights = np.where(residuals > residual, 1.0 / np.maximum(residuals, residual) ** 2, 1.0)
    # They sum to n again, so that weighing down does not make the fit look less or more certain.
    weights *= n / weights.sum()
    is_fitted, slope, log_levels, mu, working, sums = _fit(y, t, g, weights, periods, use_trend)
    if not is_fitted:
        return False, use_trend, prediction
    squared_relative_errors = ((y - mu) / mu) ** 2
    dispersion = (weights * squared_relative_errors).sum() / residual_degrees
    last_period = periods - 1
    log_mean_variance = 1.0 / sums[last_period, 0]
    if use_trend:
        log_mean_variance += (sums[last_period, 1] / sums[last_period, 0]) ** 2 / sums[periods, 0]
        prediction[4] = np.sqrt(dispersion / sums[periods, 0])
    prediction[0] = log_levels[last_period]
    prediction[1] = np.sqrt(dispersion * log_mean_variance)
    prediction[2] = max((working * squared_relative_errors).sum() / residual_degrees, 1.0)
    prediction[3] = slope
    prediction[5] = residual_degrees
    return True, use_trend, prediction


@njit(cache=True, nogil=True)
def _fit(y, t, g, weights, periods, use_trend):  # type: ignore[no-untyped-def]  # a kernel
    """Quasi-Poisson regression on a factor and a trend by reweighted least squares.

    `sums` holds of each period its weight and its weighted time, and in the last row what the trend keeps of
    its weight beside the factor: together they are the inverse of the information matrix.
    """
    mu = y + 0.1
    eta = np.log(mu)
    working_weights = weights * mu
    sums = np.zeros((periods + 1, 2))
    log_levels, slope = np.zeros(periods), 0.0
    deviance = _deviance(y, mu, weights)
    for _ in range(MOST_FITS):
        working_weights = weights * mu
        slope = _solve(working_weights, eta + (y - mu) / mu, t, g, use_trend, sums, log_levels)
        eta = log_levels[g] + slope * t
        mu = np.maximum(np.exp(np.minimum(eta, 700.0)), 2.220446049250313e-16)
        # The rule of R's glm, so that the bounds are those of its `surveillance` package.
        last_deviance, deviance = deviance, _deviance(y, mu, weights)
        if abs(deviance - last_deviance) / (abs(deviance) + 0.1) < LEAST_CHANGE:
            return (
                sums[periods - 1, 0] > 0.0,
                slope,
                log_levels,
                mu,
                working_weights,
                sums,
            )
    return False, slope, log_levels, mu, working_weights, sums


@njit(cache=True, nogil=True)
def _solve(working, z, t, g, use_trend, sums, log_levels):  # type: ignore[no-untyped-def]  # a kernel
    """Weighted least squares of z on the factor and the trend: fills sums and levels, returns the slope."""
    periods = len(log_levels)
    sums[:] = 0.0
    # Solved by hand: the levels drop out of the equations (Frisch and Waugh), which leaves one number, the
    # slope. A general solver would cost more than the rest of the fit.
    period_targets = np.zeros(periods)
    for i in range(len(z)):
        sums[g[i], 0] += working[i]
        sums[g[i], 1] += working[i] * t[i]
        period_targets[g[i]] += working[i] * z[i]
    slope = 0.0
    has_weight = sums[:periods, 0] > 0.0
    if use_trend:
        time_weight, time_target = (working * t * t).sum(), (working * t * z).sum()
        for p in np.flatnonzero(has_weight):
            time_weight -= sums[p, 1] ** 2 / sums[p, 0]
            time_target -= sums[p, 1] * period_targets[p] / sums[p, 0]
        slope = time_target / time_weight
        sums[periods, 0] = time_weight
    for p in np.flatnonzero(has_weight):
        log_levels[p] = (period_targets[p] - sums[p, 1] * slope) / sums[p, 0]
    return slope


@njit(cache=True, nogil=True)
def _deviance(y, mu, weights):  # type: ignore[no-untyped-def]  # a kernel
    deviance_sum = 0.0
    for i in range(len(y)):
        deviance_sum += (
            2.0 * weights[i] * ((y[i] * np.log(y[i] / mu[i]) if y[i] > 0.0 else 0.0) - (y[i] - mu[i]))
        )
    return deviance_sum


@njit(cache=True, nogil=True)
def _standard_residuals(y, t, g, mu, working, sums, phi):  # type: ignore[no-untyped-def]  # a kernel
    """Anscombe residuals in standard deviations, each with what its own count draws the fit towards it."""
    n, periods = len(y), len(sums) - 1
    residuals = np.empty(n)
    for i in range(n):
        leverage = 1.0 / sums[g[i], 0]
        if sums[periods, 0] > 0.0:  # a trend was fitted
            leverage += (t[i] - sums[g[i], 1] / sums[g[i], 0]) ** 2 / sums[periods, 0]
        leverage *= working[i]
        anscombe_residual = 1.5 * (y[i] ** (2.0 / 3.0) * mu[i] ** (-1.0 / 6.0) - np.sqrt(mu[i]))
        residuals[i] = anscombe_residual / np.sqrt(phi * max(1.0 - leverage, 1e-12))
    return residuals

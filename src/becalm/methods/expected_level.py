"""What would each series of counts be now, had nothing happened but noise and drift? Many series at once.

A count y_t has mean exposure_t exp(x_t b + L_t) and variance mean + v mean^2: a trend, yearly waves and
covariates b, a level L_t that drifts, and v, the squared coefficient of variation beyond Poisson. The
state (L, b) of every series is carried from time to time: each count updates it by the conjugate gamma
posterior of its mean, linear in the state. So each time is expected from those before it alone, all that is
uncertain (coefficients, drift, dispersion, counts) is in one variance, and a year of weeks costs 52 small
updates where a regression would be fitted 52 times.

Noise and drift are those of `level_model`, learned from the times before the first that is expected, and
learned again each year. A random walk stands for its drift: over a year both have the same variance. Where a
level is known to begin, its variance is widened, so that it finds the new level within a few
times.

Sources: West, Harrison and Migon, J. American Statistical Association 80 (1985) 73-83, for the updates;
Harvey and Fernandes, J. Business and Economic Statistics 7 (1989) 407-417, for counts around a drifting
level; the weight of an overdispersed count is that of quasi-likelihood (McCullagh and Nelder, 1989, ch. 9).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.dispersion import seasonal_design
from becalm.methods.level_model import fit_levels

WEEKS_IN_YEAR: Final = 365.25 / 7.0
LEVEL_DEVIATION: Final = 1.0  # priors on the log scale, as standard deviations: of the level at the start,
TREND_DEVIATION: Final = 0.05  # of the trend in a year,
WAVE_DEVIATION: Final = 0.3  # of each wave and of a covariate of 1,
STEP_DEVIATION: Final = 0.5  # and of a step: a half or twice is nothing unusual
LARGEST_VARIANCE: Final = 3.0  # beyond, a lognormal mean says nothing, and its exponential overflows


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """The count to be expected of each series (rows) at each time asked for (columns).

    `log_deviation` is how uncertain the logarithm of the mean is, by coefficients and drift. Around its mean
    a count has variance mean + `excess_variance[s]` mean^2, which is known with `degrees[s]` degrees of
    freedom.
    """

    mean: Floats
    log_deviation: Floats
    excess_variance: Floats
    degrees: Floats

    @property
    def phi(self) -> Floats:
        """Variance over mean of a count at each expected level, were that level known."""
        return np.asarray(1.0 + self.excess_variance[:, None] * self.mean)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Between which whole numbers does the count lie with this probability?

        Coefficients, drift, dispersion and count noise together, as a negative binomial count of their
        variance. What is beyond Poisson pays for being estimated by Student's t (Korn and Graubard, Survey
        Methodology 24 (1998) 193-201).
        """
        upper_probability = 0.5 + level / 2.0
        low, high = self.quantile(1.0 - upper_probability, level), self.quantile(upper_probability, level)
        return low, high

    def quantile(self, probability: float, level: float = 0.95) -> Floats:
        """The least count that is not exceeded with this probability; doubt as in an interval of `level`."""
        successes, chance = self._negative_binomial(level)
        return np.asarray(stats.nbinom.ppf(probability, successes, chance))

    def tail(self, counts: ArrayLike) -> Floats:
        """How likely is a count this high or higher, half of the chance of just this one (mid-p)?"""
        successes, chance = self._negative_binomial(0.95)
        at_or_above = stats.nbinom.sf(np.asarray(counts) - 1, successes, chance)
        return np.asarray(at_or_above - 0.5 * stats.nbinom.pmf(counts, successes, chance))

    def mean_interval(self, level: float) -> tuple[Floats, Floats]:
        """Between which numbers does the mean itself lie with this probability?"""
        log_reach = stats.norm.ppf(0.5 + level / 2.0) * self.log_deviation
        median_mean = self.mean * np.exp(-0.5 * self.log_deviation**2)
        return np.asarray(median_mean * np.exp(-log_reach)), np.asarray(median_mean * np.exp(log_reach))

    def total(self) -> "ExpectedCounts":
        """The same for all times of each series together: one column.

        The doubt about the level is common to all times, and the noise of each is its own.
        """
        mean_of_totals = np.maximum(self.mean.sum(axis=1), 1e-300)
        own_share = (self.mean**2).sum(axis=1) / mean_of_totals**2
        return ExpectedCounts(
            mean_of_totals[:, None],
            ((self.mean * self.log_deviation).sum(axis=1) / mean_of_totals)[:, None],
            self.excess_variance * own_share,
            self.degrees,
        )

    def _negative_binomial(self, level: float) -> tuple[Floats, Floats]:
        upper_probability = 0.5 + level / 2.0
        tail_widening = (
            stats.t.ppf(upper_probability, self.degrees) / stats.norm.ppf(upper_probability)
        ) ** 2
        mean_variance = np.expm1(np.minimum(self.log_deviation**2, LARGEST_VARIANCE))
        relative_variance = mean_variance + (self.excess_variance * tail_widening)[:, None] * (
            1.0 + mean_variance
        )
        successes = 1.0 / np.maximum(relative_variance, 1e-9)  # a Poisson count has infinitely many
        return successes, successes / (successes + self.mean)


@dataclass(frozen=True, slots=True)
class _Noise:
    """Excess variance of each series, how well it is known, and the variance of its drift in one time."""

    excess_variance: Floats
    degrees: Floats
    drift_variance: Floats


class _State:
    """Mean and covariance of level, trend, waves and covariates of every series, carried in time."""

    def __init__(self, log_mean: Floats, design: Floats) -> None:
        prior_deviations = np.full(design.shape[1], WAVE_DEVIATION)
        prior_deviations[:2] = LEVEL_DEVIATION, TREND_DEVIATION
        self.mean = np.zeros((len(log_mean), design.shape[1]))
        self.mean[:, 0] = log_mean
        self.covariance = np.tile(np.diag(prior_deviations**2), (len(log_mean), 1, 1))

    def drift(self, variance: Floats) -> None:
        """Let a time pass."""
        self.covariance[:, 0, 0] += variance

    def predict(self, row: Floats) -> tuple[Floats, Floats]:
        """The logarithm of the mean at this row of the design, and its variance."""
        return self.mean @ row, (self.covariance @ row) @ row

    def update(self, counts: Floats, exposure: float, row: Floats, excess_variance: Floats) -> None:
        """Learn from the counts of one time."""
        kalman_gain = self.covariance @ row
        log_mean, variance = self.mean @ row, kalman_gain @ row
        shape = 1.0 / np.expm1(np.minimum(variance, LARGEST_VARIANCE))
        rate = shape / (exposure * np.exp(log_mean + variance / 2.0))
        count_weight = 1.0 / (
            1.0 + excess_variance * shape / rate
        )  # that of a Poisson count of the same doubt
        new_shape, new_rate = shape + count_weight * counts, rate + count_weight
        prior_variance = special.polygamma(1, shape)
        log_mean_shift = special.digamma(new_shape) - np.log(new_rate) - special.digamma(shape) + np.log(rate)
        kept_share = special.polygamma(1, new_shape) / prior_variance
        self.mean += kalman_gain * (log_mean_shift / prior_variance)[:, None]
        scaled_gain = kalman_gain * ((1.0 - kept_share) / variance)[:, None]
        self.covariance -= scaled_gain[:, :, None] * kalman_gain[:, None, :]


def expect_each(
    counts: Ints | Floats,
    first: int,
    *,
    cycle: float = WEEKS_IN_YEAR,
    ahead: int = 1,
    begins: Bools | None = None,
    covariates: Floats | None = None,
    exposure: ArrayLike = 1.0,
    is_missing: Bools | None = None,
) -> ExpectedCounts:
    """What is each time from `first` on expected to hold, by the times up to `ahead` before it alone?

    `counts` are (series, times); the answer (series, times - first). `cycle` is how many times make a year.
    `begins[s, t]` marks where a level of series s is known to begin, `covariates` are (times, any number).
    `exposure` is one number per time; times that `is_missing` marks are no zeros: nothing is learned from
    them. The excess variance given back is the last one learned.

    Raises ValueError where less than a year lies before `first`.
    """
    series = _Series.prepare(
        counts,
        first,
        cycle,
        covariates=covariates,
        exposure=exposure,
        begins=begins,
        is_missing=is_missing,
    )
    start = first - ahead + 1  # how many times may be read for the first one
    noise, state = series.learn_noise(start), series.start_state(start)
    means, deviations = np.empty((2, len(series.counts), series.counts.shape[1] - first))
    for newest in range(series.counts.shape[1] - ahead):
        if newest >= start and (newest - start + 1) % round(cycle) == 0:
            noise = series.learn_noise(newest + 1)
        series.update(state, newest, noise)
        if newest + ahead >= first:
            t = newest + ahead
            unseen_steps = series.begins[:, newest + 1 : t + 1].sum(axis=1)
            unseen_variance = ahead * noise.drift_variance + unseen_steps * STEP_DEVIATION**2
            means[:, t - first], deviations[:, t - first] = series.predict(state, t, unseen_variance)
    return ExpectedCounts(means, deviations, noise.excess_variance, noise.degrees)


def expect_after(
    counts: Ints | Floats,
    first: int,
    *,
    cycle: float = WEEKS_IN_YEAR,
    begins: Bools | None = None,
    covariates: Floats | None = None,
    exposure: ArrayLike = 1.0,
    is_missing: Bools | None = None,
) -> ExpectedCounts:
    """What would the times from `first` on hold, by the times before it alone?

    As `expect_each`, but nothing from `first` on is ever read: the level drifts on from there unseen, and the
    doubt grows with it.
    """
    series = _Series.prepare(
        counts,
        first,
        cycle,
        covariates=covariates,
        exposure=exposure,
        begins=begins,
        is_missing=is_missing,
    )
    noise, state = series.learn_noise(first), series.start_state(first)
    for t in range(first):
        series.update(state, t, noise)
    later_times = range(first, series.counts.shape[1])
    predictions = [series.predict(state, t, (t - first + 1) * noise.drift_variance) for t in later_times]
    means, deviations = (np.stack(columns, axis=1) for columns in zip(*predictions, strict=True))
    return ExpectedCounts(means, deviations, noise.excess_variance, noise.degrees)


@dataclass(frozen=True, slots=True)
class _Series:
    """The counts of all series with their design, exposure and declared steps."""

    counts: Floats
    design: Floats
    exposure: Floats
    begins: Bools
    is_missing: Bools
    cycle: float

    @classmethod
    def prepare(
        cls,
        counts: Ints | Floats,
        first: int,
        cycle: float,
        *,
        covariates: Floats | None,
        exposure: ArrayLike,
        begins: Bools | None,
        is_missing: Bools | None,
    ) -> "_Series":
        """All as arrays of one shape; ValueError where there is less than a year before `first`."""
        y = np.atleast_2d(np.asarray(counts, dtype=np.float64))
        if not cycle <= first < y.shape[1]:
            raise ValueError(
                f"{first} of {y.shape[1]} times come before the first that is expected; a year has "
                f"{cycle:.0f}. Give at least a year before it, and the time itself."
            )
        years = np.arange(y.shape[1]) / cycle
        design = seasonal_design(years, cycle=1.0)
        design[:, 1] = years - years[first]  # the trend begins to matter only where its doubt is small
        if covariates is not None:
            design = np.column_stack([design, covariates])
        is_begin = np.zeros(y.shape, dtype=bool) if begins is None else begins
        exposures = np.broadcast_to(np.asarray(exposure, dtype=np.float64), y.shape[1])
        missing_times = np.zeros(y.shape[1], dtype=bool) if is_missing is None else is_missing
        return cls(y, design, exposures, is_begin, missing_times, cycle)

    def learn_noise(self, time_count: int) -> _Noise:
        """Noise and drift by the first so many times."""
        times = np.flatnonzero(~self.is_missing[:time_count])
        y = self.counts[:, times]
        level_model = fit_levels(
            y, times, exposure=self.exposure[times], cycle=self.cycle, begins=self.begins[:, times]
        )
        mean_count = np.maximum(y.mean(axis=1), 0.5 / time_count)
        return _Noise(
            (level_model.phi - 1.0) / mean_count, level_model.degrees, level_model.drift**2 / self.cycle
        )

    def start_state(self, time_count: int) -> _State:
        """What is known before the first time: about where the level lies."""
        times = np.flatnonzero(~self.is_missing[:time_count])
        event_count = self.counts[:, times].sum(axis=1) + 0.5
        return _State(np.log(event_count / self.exposure[times].sum()), self.design)

    def update(self, state: _State, t: int, noise: _Noise) -> None:
        """Let time t pass, and learn from it."""
        state.drift(noise.drift_variance + self.begins[:, t] * STEP_DEVIATION**2)
        if self.is_missing[t]:
            return
        state.update(self.counts[:, t], self.exposure[t], self.design[t], noise.excess_variance)

    def predict(self, state: _State, t: int, unseen_variance: Floats) -> tuple[Floats, Floats]:
        """The mean count at time t, and the standard deviation of its logarithm."""
        log_mean, variance = state.predict(self.design[t])
        variance = np.minimum(variance + unseen_variance, LARGEST_VARIANCE)
        return self.exposure[t] * np.exp(log_mean + variance / 2.0), np.sqrt(variance)

"""Counts around a level: noise between neighbouring times, drift of the level, and shifts of it, kept apart.

A count y_t of one time (a month, a week) has mean exposure_t exp(L_t + season_t) and variance phi times
that. The level L_t is one of a run of settled levels. Within one it drifts: over h years its variance grows
by s^2 h^1.3, so that a change this year makes one in the same direction next year a little more likely
(fractional Brownian motion with H = 0.65: Mandelbrot and Van Ness, SIAM Review 10 (1968) 422-437; 1.3 is
what series of London, Toronto and Chicago show over one to three years). Between two levels lies a shift:
declared by somebody, or found here. What straddles a shift is no evidence of noise or drift, nor is a level
that lasted less than a year.

Noise comes from differences of neighbouring times, which neither drift nor a shift elsewhere can swell (von
Neumann, Annals of Mathematical Statistics 12 (1941) 367-395). Drift comes from the same season one, two and
three years apart, as far as noise leaves something to explain; since one history knows little of it, series
lend it to each other, and all start from a drift of about 8 % a year, hardly held (a factor of e either
way). Nor need a series drift as it did: what was calm may begin to move. So the drift over a span to come is
that of the past times a log-normal factor (`DRIFT_CHANGE`). Shifts are found as differences of means before
and after that noise and drift would give once in a million times.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.dispersion import fit_series, moderate_phi, seasonal_design

DRIFT_RATES: Final = np.geomspace(0.004, 0.5, 20)  # s, per year: from next to none to half
DRIFT_POWER: Final = 1.3
USUAL_DRIFT, DRIFT_SPREAD, FAMILY_SPREAD = (
    0.07,
    1.0,
    0.5,
)  # prior: its middle; log scale; log scale in a family
DRIFT_CHANGE: Final = 0.15  # log scale: how far a series may drift otherwise than it did
FAMILY_SIZE: Final = 20  # of many related series no more count as independent
SHIFT_DEVIATIONS: Final = 5.0
SHIFT_YEARS: Final = (1 / 12, 1 / 6, 1 / 4, 1 / 2)  # stretches whose means are compared for a shift
LAG_WEIGHTS: Final = {1: 1.0, 2: 0.5, 3: 0.35}  # of a lag of so many years: longer ones overlap more
UNSETTLED: Final = -1
WAVE_YEARS: Final = ((4, 5), (2, 2), (1, 1))  # from so many years on, so many waves of the season are fitted
NOISE_YEARS, LEAST_NOISE_YEARS = 5, 2  # the newest, of what is settled: noise changes over the years
_LARGE_MEAN: Final = 10.0  # from here on the logarithm of a count is nearly normal


@dataclass(frozen=True, slots=True)
class LevelModel:
    """What is known of each series: noise, drift and the levels that it settled at.

    `phi` is variance over mean of counts at one level, known with `degrees` of freedom; `drift_chances[s, k]`
    the probability that series s drifts by DRIFT_RATES[k]; `level_number[s, t]` which of its levels a time
    belongs to, UNSETTLED where to none; `in_noise[s, t]` whether noise was learned from it; `log_level` the
    logarithm of the count without its season, over its fitted middle.
    """

    phi: Floats
    degrees: Floats
    drift_chances: Floats
    level_number: Ints
    in_noise: Bools
    log_level: Floats

    @property
    def drift(self) -> Floats:
        """The expected drift of each series in a year, as a standard deviation of its logarithm."""
        return np.asarray(np.sqrt(self.drift_chances @ DRIFT_RATES**2))

    def ratio_dispersion(self, new: ArrayLike, old: ArrayLike, *, drift_years: float, level: float) -> Floats:
        """By which factor must the variance of log(new / old) exceed Poisson's, for noise, drift and doubt?

        `drift_years` is that of `drift_span`. What is not Poisson pays for being estimated: noise by
        Student's t (Korn and Graubard, Survey Methodology 24 (1998) 193-201), drift by mixing over
        DRIFT_RATES.
        """
        upper_probability = 0.5 + level / 2.0
        normal_quantile = stats.norm.ppf(upper_probability)
        tail_widening = (stats.t.ppf(upper_probability, self.degrees) / normal_quantile) ** 2
        # A count of 0 has no logarithm; half an incident stands for it, as far as drift is concerned.
        poisson_variance = 1.0 / np.maximum(new, 0.5) + 1.0 / np.maximum(old, 0.5)
        noise_variance = (1.0 + (self.phi - 1.0) * tail_widening) * poisson_variance
        drift_and_noise_deviations = np.sqrt(noise_variance[:, None] + DRIFT_RATES**2 * drift_years)
        drift_chances = self.drift_chances @ _spread_rates(DRIFT_CHANGE)
        ratio_quantile = _mixture_quantile(drift_and_noise_deviations, drift_chances, upper_probability)
        return np.asarray(np.maximum((ratio_quantile / normal_quantile) ** 2 / poisson_variance, 1.0))


def drift_span(new_year: float, old_years: Floats) -> float:
    """How far, in years to the power of 1.3, has a level drifted from its mean at other times?

    >>> [round(drift_span(2020.0, np.array(years)), 3) for years in ([2019.0], [2019.0, 2018.0])]
    [1.0, 1.481]
    """
    spans_to_old = np.abs(new_year - old_years) ** DRIFT_POWER
    spans_between = np.abs(old_years[:, None] - old_years) ** DRIFT_POWER
    return float(spans_to_old.mean() - spans_between.mean() / 2.0)


def fit_levels(
    counts: Ints | Floats, times: Ints, *, exposure: Floats, cycle: float, begins: Bools | None = None
) -> LevelModel:
    """What are noise, drift and levels of each series (rows of `counts`)?

    `times[t]` numbers the columns, with holes where some are left out; `cycle` is how many times make a
    year. `exposure` is one number per time, e.g. days. `begins[s, t]` marks where a level of series s is
    known to begin. At least one year is needed. Up to two, nothing but a declared step is taken for a shift:
    no two levels could have lasted long enough.
    """
    y = np.asarray(counts, dtype=np.float64)
    harmonic_count = next(waves for years, waves in WAVE_YEARS if len(times) >= int(years * cycle))
    design = seasonal_design(times, cycle=cycle, harmonics=harmonic_count)
    season_cost = len(times) / (
        len(times) - 2.0 * harmonic_count
    )  # differences shrink by what the season was fitted to
    log_level, variance = _remove_season(y, design, np.broadcast_to(exposure, y.shape))
    is_begin = np.zeros(y.shape, dtype=bool) if begins is None else begins
    level_number = _find_levels(log_level, variance, is_begin, cycle, season_cost)
    has_shift = np.flatnonzero((level_number != 0).any(axis=1))
    if has_shift.size:  # a shift bends the fitted season: fit it again around the levels
        own_level = _level_means(log_level[has_shift], level_number[has_shift])
        log_level[has_shift], variance[has_shift] = _remove_season(
            y[has_shift], design, exposure * np.exp(own_level)
        )
        log_level[has_shift] += own_level
    neighbour_of, in_noise = _list_neighbours(times, level_number, cycle)
    squared_steps = (log_level[:, neighbour_of + 1] - log_level[:, neighbour_of]) ** 2
    squared_steps /= variance[:, neighbour_of + 1] + variance[:, neighbour_of]
    pair_count = in_noise.sum(axis=1)
    own_phi = season_cost * (squared_steps * in_noise).sum(axis=1) / np.maximum(pair_count, 1)
    phi, degrees = moderate_phi(
        own_phi, y.mean(axis=1), 1.0 / variance, 2.0 / 3.0 * np.maximum(pair_count, 1)
    )
    is_noise_time = np.zeros(y.shape, dtype=bool)
    is_noise_time[:, neighbour_of] |= in_noise
    is_noise_time[:, neighbour_of + 1] |= in_noise
    drift_likelihood = _drift_likelihood(log_level, variance * phi[:, None], times, level_number, cycle)
    return LevelModel(phi, degrees, _share_drift(drift_likelihood), level_number, is_noise_time, log_level)


def _remove_season(y: Floats, design: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """The logarithm of each count over its season and exposure, centred, and its variance were it Poisson."""
    season_fit = fit_series(y, design, exposure=exposure)
    deviations = np.where(
        y.mean(axis=1, keepdims=True) >= _LARGE_MEAN,
        np.log((y + 0.5) / (season_fit.mean + 0.5)),
        y / season_fit.mean - 1.0,
    )
    return deviations + season_fit.coefficients[:, 1:2] * design[:, 1], 1.0 / season_fit.mean


def _find_levels(
    log_level: Floats, variance: Floats, begins: Bools, cycle: float, season_cost: float
) -> Ints:
    """Number the levels of each series from 0; UNSETTLED where shifts follow each other within a year."""
    neighbour_squares = np.diff(log_level, axis=1) ** 2 / (variance[:, 1:] + variance[:, :-1])
    # The median is not moved by shifts; for small counts, which are 0 half of the time, it is of no use.
    robust_phis = np.where(
        variance.mean(axis=1) * _LARGE_MEAN <= 1.0,
        np.median(neighbour_squares, axis=1) / 0.455,
        neighbour_squares.mean(axis=1),
    )
    noise_variance = variance * np.maximum(robust_phis * season_cost, 1.0)[:, None]
    level_numbers = np.zeros(log_level.shape, dtype=np.int64)
    if log_level.shape[1] < int(2 * cycle):
        return np.asarray(level_numbers + np.cumsum(begins, axis=1))
    has_shift = (_shift_scores(log_level, noise_variance, cycle) > SHIFT_DEVIATIONS).any(axis=1)
    for s in np.flatnonzero(has_shift | begins.any(axis=1)):
        known_edges = [0, *np.flatnonzero(begins[s]).tolist(), log_level.shape[1]]
        edges = sorted(set(known_edges[1:-1]).union(
            edge
            for start, end in pairwise(known_edges)
            for edge in _split_at_shifts(log_level[s], noise_variance[s], start, end, cycle)
        ))  # fmt: skip
        level_numbers[s] = np.searchsorted(edges, np.arange(log_level.shape[1]), side="right")
        for start, end in pairwise(edges):
            if end - start < cycle:
                level_numbers[s, start:end] = UNSETTLED
    return level_numbers


def _split_at_shifts(
    log_level: Floats, noise_variance: Floats, start: int, end: int, cycle: float
) -> list[int]:
    """The times between start and end at which this series shifts, the largest shift first cut out."""
    # Each part is searched anew: means that reach over a shift would find it again beside itself.
    scores = _shift_scores(log_level[None, start:end], noise_variance[None, start:end], cycle)[0]
    if scores.max(initial=0.0) <= SHIFT_DEVIATIONS:
        return []
    shift_time = start + int(scores.argmax())
    half_spans = ((start, shift_time), (shift_time, end))
    return [
        shift_time,
        *(t for a, b in half_spans for t in _split_at_shifts(log_level, noise_variance, a, b, cycle)),
    ]


def _shift_scores(log_level: Floats, noise_variance: Floats, cycle: float) -> Floats:
    """By how many standard deviations of noise and usual drift do means before and after each time differ?"""
    series_count, time_count = log_level.shape
    scores = np.zeros(log_level.shape)
    level_sums, variance_sums = (
        np.concatenate([np.zeros((series_count, 1)), np.cumsum(values, axis=1)], axis=1)
        for values in (log_level, noise_variance)
    )
    for years in SHIFT_YEARS:
        n = max(1, round(years * cycle))
        t = np.arange(n, time_count - n + 1)
        level_jumps = (level_sums[:, t + n] - 2.0 * level_sums[:, t] + level_sums[:, t - n]) / n
        jump_variance = (variance_sums[:, t + n] - variance_sums[:, t - n]) / n**2
        z = np.abs(level_jumps) / np.sqrt(jump_variance + USUAL_DRIFT**2 * (n / cycle) ** 2)
        scores[:, t] = np.maximum(scores[:, t], z)
    return scores


def _level_means(log_level: Floats, level_number: Ints) -> Floats:
    """The mean of each time's level; where nothing is settled, the time's own value."""
    means = log_level.copy()
    for number in range(int(level_number.max()) + 1):
        is_level = level_number == number
        sums, sizes = (log_level * is_level).sum(axis=1), is_level.sum(axis=1)
        means = np.where(is_level, (sums / np.maximum(sizes, 1))[:, None], means)
    return means


def _list_neighbours(times: Ints, level_number: Ints, cycle: float) -> tuple[Ints, Bools]:
    """The times whose next one follows at once, and for each series which of these pairs tell noise.

    Those of the last five years; where fewer than two years are settled in them, the newest two years that
    are.
    """
    first_of_pair = np.flatnonzero(np.diff(times) == 1)
    is_settled = level_number[:, first_of_pair] == level_number[:, first_of_pair + 1]
    is_settled &= level_number[:, first_of_pair] != UNSETTLED
    is_recent = times[first_of_pair] >= times[-1] + 1 - NOISE_YEARS * cycle
    newer_pair_counts = np.cumsum(is_settled[:, ::-1], axis=1)[:, ::-1]
    return first_of_pair, is_settled & (is_recent | (newer_pair_counts <= LEAST_NOISE_YEARS * cycle))


def _drift_likelihood(
    log_level: Floats, noise_variance: Floats, times: Ints, level_number: Ints, cycle: float
) -> Floats:
    """The log-likelihood of each of DRIFT_RATES for each series, from changes over one, two and three years.

    The mean square of n overlapping changes over h years is taken for gamma: that of pure noise has 2/3 n
    degrees of freedom, that of pure drift 3/2 n / h, where n / h is in times per year.
    """
    likelihoods = np.zeros((len(log_level), len(DRIFT_RATES)))
    for years, lag_weight in LAG_WEIGHTS.items():
        _, later, earlier = np.intersect1d(times, times + round(years * cycle), return_indices=True)
        if not later.size:
            continue
        is_pair = (level_number[:, later] == level_number[:, earlier]) & (level_number[:, later] != UNSETTLED)
        pair_count = is_pair.sum(axis=1)
        has_pairs = np.maximum(pair_count, 1)
        mean_square = ((log_level[:, later] - log_level[:, earlier]) ** 2 * is_pair).sum(axis=1) / has_pairs
        pair_noise = ((noise_variance[:, later] + noise_variance[:, earlier]) * is_pair).sum(
            axis=1
        ) / has_pairs
        expected_squares = np.maximum(pair_noise, 1e-12)[:, None] + DRIFT_RATES**2 * years**DRIFT_POWER
        drift_share = 1.0 - pair_noise[:, None] / expected_squares
        drift_degrees = 1.5 * pair_count / (years * cycle) + 0.5
        half_degrees = 0.5 / (
            drift_share**2 / drift_degrees[:, None]
            + (1.0 - drift_share) ** 2 / (2.0 / 3.0 * has_pairs)[:, None]
        )
        half_degrees = np.minimum(half_degrees, 0.5 * has_pairs[:, None])
        # Changes below noise speak for no drift, and not for a wild one that happened to stand still.
        relative_squares = np.maximum(np.maximum(mean_square, pair_noise), 1e-12)[:, None] / expected_squares
        log_density = half_degrees * (np.log(half_degrees * relative_squares) - relative_squares)
        log_density -= special.gammaln(half_degrees)
        likelihoods += lag_weight * np.where(pair_count[:, None] > 0, log_density, 0.0)
    return likelihoods


def _share_drift(likelihood: Floats) -> Floats:
    """How likely is each drift of each series, given its own history and that of its family?"""
    rate_likeness, log_rates = _spread_rates(FAMILY_SPREAD), np.log(DRIFT_RATES)
    own_likelihoods = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    log_family = -0.5 * ((log_rates - np.log(USUAL_DRIFT)) / DRIFT_SPREAD) ** 2
    log_family += np.log(own_likelihoods @ rate_likeness.T).sum(axis=0) * min(
        1.0, FAMILY_SIZE / len(own_likelihoods)
    )
    family_chances = np.exp(log_family - log_family.max())
    rate_chances = (family_chances @ rate_likeness) * own_likelihoods
    return np.asarray(rate_chances / rate_chances.sum(axis=1, keepdims=True))


def _spread_rates(log_scale: float) -> Floats:
    """How likely is each of DRIFT_RATES (columns) where another one (row) held: normal on the log scale."""
    log_rates = np.log(DRIFT_RATES)
    likeness = np.exp(-0.5 * ((log_rates[:, None] - log_rates) / log_scale) ** 2)
    return np.asarray(likeness / likeness.sum(axis=1, keepdims=True))


def _mixture_quantile(deviations: Floats, chances: Floats, probability: float) -> Floats:
    """The quantile of a mixture of normals around 0, one mixture per row, by halving."""
    lowest_quantiles = np.zeros(len(deviations))
    highest_quantiles = deviations.max(axis=1) * stats.norm.ppf(probability)
    for _ in range(40):
        middle_quantiles = (lowest_quantiles + highest_quantiles) / 2.0
        is_below = (chances * special.ndtr(middle_quantiles[:, None] / deviations)).sum(axis=1) < probability
        lowest_quantiles, highest_quantiles = (
            np.where(is_below, middle_quantiles, lowest_quantiles),
            np.where(is_below, highest_quantiles, middle_quantiles),
        )
    return np.asarray(highest_quantiles)

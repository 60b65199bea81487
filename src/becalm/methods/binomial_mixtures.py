"""Counts of which each unit comes with a chance: groups that differ, days that differ, and their quantiles.

`shrink_ratios` pulls the ratio of each group towards 1 as far as its count is small: a gamma prior whose
shape comes from the scatter between groups by moments (C. N. Morris, "Parametric empirical Bayes inference",
Journal of the American Statistical Association 78 (1983) 47-55). `beta_binomial` lets the chance itself vary
with a correlation within a count. `mid_quantiles` reads quantiles off the mid-distribution function
(Y. Ma, M. G. Genton and E. Parzen, "Asymptotic properties of sample quantiles of discrete distributions",
Annals of the Institute of Statistical Mathematics 63 (2011) 227-243), so that an interval of a small count
covers as often as it says on average; whole quantiles would cover more often.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, gammaln

from becalm.methods.arrays import Floats, Ints

LEAST_CORRELATION = 1e-6  # below this a beta-binomial is a binomial
LARGEST_SHAPE = 1e6


@dataclass(frozen=True, slots=True)
class GroupRatios:
    """The ratio of each group to what was expected of it, and its relative standard deviation."""

    ratio: Floats
    relative_sd: Floats


def shrink_ratios(counts: Floats, expected: Floats) -> GroupRatios:
    """Each group's count over what is expected of it, pulled towards 1 by how little it tells.

    With shape k of the prior, the ratio is (count + k) / (expected + k). Where groups scatter no more than
    chance alone would make them, k is large and all ratios are 1.

    >>> even = shrink_ratios(np.array([50.0, 49.0]), np.array([50.0, 50.0]))
    >>> even.ratio.round(2).tolist()
    [1.0, 1.0]
    """
    squared_excess = float(np.sum((counts - expected) ** 2 - expected))
    relative_variance = max(squared_excess / max(float(np.sum(expected**2)), 1e-12), 1.0 / LARGEST_SHAPE)
    shape = 1.0 / relative_variance
    posterior_shape = counts + shape
    return GroupRatios(posterior_shape / (expected + shape), 1.0 / np.sqrt(posterior_shape))


def beta_binomial(size: int, chance: float, correlation: float) -> Floats:
    """The chances of 0 to `size` out of `size`, each with mean `chance`, correlated within the count.

    >>> beta_binomial(2, 0.5, 0.0).tolist()
    [0.25, 0.5, 0.25]
    """
    values = np.arange(size + 1)
    if size == 0 or chance <= 0.0:
        return np.asarray((values == 0) * 1.0)
    if chance >= 1.0:
        return np.asarray((values == size) * 1.0)
    log_binomials = gammaln(size + 1) - gammaln(values + 1) - gammaln(size - values + 1)
    if correlation < LEAST_CORRELATION:
        log_chances = log_binomials + values * np.log(chance) + (size - values) * np.log1p(-chance)
        return np.asarray(np.exp(log_chances).round(15))
    beta_strength = (1.0 - correlation) / correlation
    alpha, beta = chance * beta_strength, (1.0 - chance) * beta_strength
    chances = np.exp(log_binomials + betaln(values + alpha, size - values + beta) - betaln(alpha, beta))
    return np.asarray(chances / chances.sum())


def estimate_correlation(counts: Floats, sizes: Floats, chances: Floats, *, independent: float) -> float:
    """How far members of one count go together, from counts of `sizes` members with these `chances`.

    The mean square of the standardised counts is 1 + (size - 1) * correlation. `independent` is how many of
    the counts are worth as much as counts of their own: what so few may show by chance is left out, for a
    correlation that is never below 0 would else be above it on average where there is none.
    """
    binomial_variances = sizes * chances * (1.0 - chances)
    is_known = (binomial_variances > 0.0) & (sizes > 1.0)
    if not is_known.any():
        return 0.0
    squared_residuals = (counts[is_known] - sizes[is_known] * chances[is_known]) ** 2 / binomial_variances[
        is_known
    ]
    mean_excess = np.mean(squared_residuals) - 1.0 - np.sqrt(2.0 / max(1.0, independent))
    return float(max(0.0, mean_excess) / np.mean(sizes[is_known] - 1.0))


def mid_quantiles(chances: Floats, levels: Sequence[float], *, first_value: int = 0) -> tuple[float, ...]:
    """Quantiles of a whole number that is `first_value`, `first_value` + 1 … with these chances.

    >>> mid_quantiles(np.array([0.25, 0.5, 0.25]), (0.5,))
    (1.0,)
    """
    is_possible = chances > 0.0
    values: Ints = np.flatnonzero(is_possible) + first_value
    mid_probabilities = np.cumsum(chances)[is_possible] - chances[is_possible] / 2
    return tuple(float(value) for value in np.interp(levels, mid_probabilities, values))

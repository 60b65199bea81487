"""The ratio of two shares with a score interval: sound for groups of five as for groups of a thousand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from scipy.optimize import brentq
from scipy.stats import chi2, norm

from becalm.terms import Estimate

METHOD: Final = "score interval of a ratio of two shares (Koopman)"
LEAST_RATIO, MOST_RATIO = 1e-9, 1e9
GREATEST_STATISTIC: Final = 1e12  # stands for a ratio that cannot be; a root is sought between numbers


def wilson_interval(count: int, total: int, level: float) -> tuple[float, float]:
    """The share `count / total` with its score interval.

    >>> tuple(round(bound, 4) for bound in wilson_interval(10, 100, 0.95))
    (0.0552, 0.1744)

    Source: Wilson, "Probable inference", JASA 22 (1927).
    """
    z = float(norm.ppf((1 + level) / 2))
    middle_share = (count + z * z / 2) / (total + z * z)
    half_width = z / (total + z * z) * math.sqrt(count * (total - count) / total + z * z / 4)
    return max(0.0, middle_share - half_width), min(1.0, middle_share + half_width)


def share_ratio(count: int, total: int, other_count: int, other_total: int, level: float) -> Estimate | None:
    """The share `count / total` over `other_count / other_total` with its score interval; None without cases.

    The interval holds the ratios that a score test does not reject; where no member of the first group was
    counted it begins at 0, and where none of the other was it has no end.

    >>> estimate = share_ratio(36, 40, 16, 80, 0.95)
    >>> round(estimate.low, 2), round(estimate.high, 2)
    (2.94, 7.15)

    Source: Koopman, "Confidence intervals for the ratio of two binomial proportions", Biometrics 40 (1984),
    whose example this is.
    """
    if total < 1 or other_total < 1 or not count + other_count:
        return None
    score_limit = float(chi2.ppf(level, 1))
    ratio = math.inf if other_count == 0 else count * other_total / (total * other_count)

    def excess(log_ratio: float) -> float:
        return _score_statistic(count, total, other_count, other_total, math.exp(log_ratio)) - score_limit

    log_middle = math.log(min(max(ratio, LEAST_RATIO), MOST_RATIO))
    low_ratio = 0.0 if count == 0 else _cross(excess, math.log(LEAST_RATIO), log_middle)
    high_ratio = math.inf if other_count == 0 else _cross(excess, log_middle, math.log(MOST_RATIO))
    return Estimate(ratio, low_ratio, high_ratio, level, METHOD)


def _cross(excess: Callable[[float], float], low: float, high: float) -> float:
    """The ratio at which the statistic passes its limit, between these logarithms."""
    if excess(low) * excess(high) > 0:
        return math.exp(low if abs(excess(low)) < abs(excess(high)) else high)
    return math.exp(float(brentq(excess, low, high, xtol=1e-10)))


def _score_statistic(count: int, total: int, other_count: int, other_total: int, ratio: float) -> float:
    """How ill does this ratio fit, with the shares that fit best under it?"""
    both_totals = total + other_total
    b = ratio * (total + other_count) + count + other_total
    discriminant_root = math.sqrt(max(0.0, b * b - 4 * ratio * both_totals * (count + other_count)))
    fitted_other_share = min(
        1.0, 2 * (count + other_count) / (b + discriminant_root)
    )  # no difference of nearly equal numbers
    fitted_share = min(1.0, ratio * fitted_other_share)
    statistic = 0.0
    for n, x, p in ((total, count, fitted_share), (other_total, other_count, fitted_other_share)):
        expected = n * p
        binomial_variance = expected * (1 - p)
        if binomial_variance > 0:
            statistic += (x - expected) ** 2 / binomial_variance
        elif abs(x - expected) > 1e-6:
            return GREATEST_STATISTIC
    return min(statistic, GREATEST_STATISTIC)

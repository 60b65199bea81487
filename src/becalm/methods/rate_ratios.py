"""The ratio of two Poisson rates: exact conditional and mid-p intervals and p-values, for many pairs at once.

Given the sum of two independent Poisson counts, the first is binomial with share
p = r t1 / (r t1 + t0), where r is the ratio of the rates and t the exposures (Przyborowski and
Wilenski 1940). An interval for p is an interval for r. Writing I for the regularised incomplete
beta function and f for the probability of exactly the observed split, the lower limit solves

    I_p(new + 1, old) + w f(new; new + old, p) = (1 - level) / 2

with w = 1 for the exact interval (Clopper and Pearson 1934) and w = 1/2 for mid-p (Lancaster 1961);
the upper limit is the lower one of the swapped pair, inverted. Both sides are smooth in the counts,
so that counts divided by a dispersion factor (an effective sample size, Korn and Graubard 1998) are
allowed: mid-p then tends to exp(log r -/+ z sqrt(phi/new + phi/old)) as counts grow.

Sources: Przyborowski and Wilenski, Biometrika 31 (1940) 313-323; Clopper and Pearson, Biometrika 26
(1934) 404-413; Lancaster, JASA 56 (1961) 223-234; Korn and Graubard, Survey Methodology 24 (1998) 193-201.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from becalm.methods.arrays import Floats

Kind = Literal["exact", "mid-p"]

WEIGHTS: Final[dict[str, float]] = {"exact": 1.0, "mid-p": 0.5}
E_TEST_LARGEST: Final = 2_000
_STEPS: Final = 200
_TOLERANCE: Final = 1e-7  # of a step: the error that is left is of the order of its square


@dataclass(frozen=True, slots=True)
class RateRatios:
    """Ratios of rates with their intervals, one per pair; 0/0 is nan, n/0 is inf."""

    ratio: Floats
    low: Floats
    high: Floats


def rate_ratios(
    new: ArrayLike,
    old: ArrayLike,
    *,
    new_exposure: ArrayLike = 1.0,
    old_exposure: ArrayLike = 1.0,
    level: float = 0.95,
    kind: Kind = "mid-p",
    dispersion: ArrayLike = 1.0,
) -> RateRatios:
    """How does the rate behind `new` compare with that behind `old`, and how sure is that?

    Counts, exposures and `dispersion` (variance over mean, at least 1) broadcast against each other.
    Where both counts are 0 the interval is everything, 0 to inf.

    >>> r = rate_ratios(65, 100, kind="exact")
    >>> [round(float(x), 4) for x in (r.ratio, r.low, r.high)]
    [0.65, 0.4682, 0.8971]
    """
    _check_level(level)
    a, b, t1, t0, phi = _check_pairs(new, old, new_exposure, old_exposure, dispersion)
    exposure_ratio = t0 / t1
    tail_chance, point_weight = (1.0 - level) / 2.0, WEIGHTS[kind]
    low_odds = _lower_odds(a / phi, b / phi, tail_chance, point_weight)
    high_odds = _invert_odds(_lower_odds(b / phi, a / phi, tail_chance, point_weight))
    with np.errstate(divide="ignore", invalid="ignore"):
        return RateRatios(a / b * exposure_ratio, low_odds * exposure_ratio, high_odds * exposure_ratio)


def rate_p_values(
    new: ArrayLike,
    old: ArrayLike,
    *,
    new_exposure: ArrayLike = 1.0,
    old_exposure: ArrayLike = 1.0,
    kind: Kind = "mid-p",
    dispersion: ArrayLike = 1.0,
) -> Floats:
    """How surprising is this pair of counts if the two rates are equal (two-sided)?

    Twice the smaller tail, at most 1, so that p < 1 - level exactly where the interval of
    `rate_ratios` leaves out 1.

    >>> round(float(rate_p_values(2, 6, kind="exact")), 4)
    0.2891
    """
    a, b, t1, t0, phi = _check_pairs(new, old, new_exposure, old_exposure, dispersion)
    new_exposure_share = t1 / (t1 + t0)
    point_weight = WEIGHTS[kind]
    upper_chance = _upper_tail(a / phi, b / phi, new_exposure_share, 1.0 - new_exposure_share, point_weight)
    lower_chance = _upper_tail(b / phi, a / phi, 1.0 - new_exposure_share, new_exposure_share, point_weight)
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(upper_chance, lower_chance)))


def e_test_p_value(new: int, old: int, *, new_exposure: float = 1.0, old_exposure: float = 1.0) -> float:
    """How surprising is this pair if the two rates are equal, by the E-test (two-sided)?

    More powerful than the conditional test for small counts. Its cost grows with the counts: above
    2,000 in either, where the two agree to three digits, the score test takes over.

    >>> round(e_test_p_value(2, 6, new_exposure=100, old_exposure=100), 4)
    0.1749

    Source: Krishnamoorthy and Thomson, J. Statistical Planning and Inference 119 (2004) 23-35, eq. 3.3.
    """
    if max(new, old) > E_TEST_LARGEST:
        return _score_p_value(new, old, new_exposure / (new_exposure + old_exposure))
    return float(stats.poisson_means_test(new, new_exposure, old, old_exposure).pvalue)


def _score_p_value(new: int, old: int, new_share: float) -> float:
    event_count = new + old
    z = (new - event_count * new_share) / np.sqrt(event_count * new_share * (1.0 - new_share))
    return float(2.0 * stats.norm.sf(abs(z)))


def _check_pairs(
    new: ArrayLike, old: ArrayLike, t1: ArrayLike, t0: ArrayLike, phi: ArrayLike
) -> tuple[Floats, ...]:
    pair_arrays = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (new, old, t1, t0, phi)))
    if not all(np.isfinite(x).all() for x in pair_arrays):
        raise ValueError("Counts, exposures and dispersions must be finite. Leave out missing cells first.")
    if (pair_arrays[0] < 0).any() or (pair_arrays[1] < 0).any():
        raise ValueError("A count is below 0. Give counts, not differences.")
    if (pair_arrays[2] <= 0).any() or (pair_arrays[3] <= 0).any():
        raise ValueError("An exposure is not above 0. Give, for example, the number of days.")
    if (pair_arrays[4] < 1).any():
        raise ValueError("A dispersion is below 1. Use 1 for Poisson counts.")
    return tuple(pair_arrays)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"The level {level} is not between 0 and 1. Give 0.95 for 95 %.")


def _invert_odds(odds: Floats) -> Floats:
    with np.errstate(divide="ignore", over="ignore"):  # odds of next to nothing invert to infinity
        return np.asarray(1.0 / odds)


def _lower_odds(a: Floats, b: Floats, tail_chance: float, point_weight: float) -> Floats:
    """Lower limit of the odds p / (1 - p) of the first count, by a bracketed Newton search.

    The search runs over x = log(p / (1 - p)) and on the logarithm of the tail, which is nearly
    straight in x far out; a step that leaves the bracket is replaced by its middle.
    """
    lower_odds = np.zeros(a.shape)
    is_certain = (a > 0) & (b == 0)  # the split is certain: f = p^a and I_p(a + 1, 0) = 0
    if is_certain.any():
        log_chances = np.log(tail_chance / point_weight) / a[is_certain]
        lower_odds[is_certain] = np.exp(log_chances) / -np.expm1(log_chances)
    has_both = (a > 0) & (b > 0)
    if has_both.any():
        lower_odds[has_both] = np.exp(_find_log_odds(a[has_both], b[has_both], tail_chance, point_weight))
    return lower_odds


def _find_log_odds(a: Floats, b: Floats, tail: float, weight: float) -> Floats:
    log_binomials = _log_choose(a, b)
    x = _guess_log_odds(a, b, tail)
    low_end, high_end = np.full(a.shape, -np.inf), np.full(a.shape, np.inf)
    open_rows = np.arange(a.size)
    for _ in range(_STEPS):
        log_odds, k, m = x[open_rows], a[open_rows], b[open_rows]
        tail_value, tail_slope = _tail_and_slope(k, m, log_odds, log_binomials[open_rows], weight)
        low_end[open_rows] = np.where(tail_value < tail, log_odds, low_end[open_rows])
        high_end[open_rows] = np.where(tail_value < tail, high_end[open_rows], log_odds)
        # On the logarithm of the tail, nearly straight far out, where Newton on the tail itself overshoots.
        with np.errstate(divide="ignore", invalid="ignore"):
            next_odds = log_odds - (np.log(tail_value) - np.log(tail)) * tail_value / tail_slope
        next_odds = _keep_in_bracket(next_odds, low_end[open_rows], high_end[open_rows])
        x[open_rows] = next_odds
        open_rows = open_rows[np.abs(next_odds - log_odds) > _TOLERANCE * np.maximum(1.0, np.abs(log_odds))]
        if open_rows.size == 0:
            return x
    return x  # the bracket is then as narrow as numbers allow


def _keep_in_bracket(log_odds: Floats, low: Floats, high: Floats) -> Floats:
    """The step where it lies in the bracket, else a point that does."""
    is_bounded = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        middle_of_bracket = np.where(
            is_bounded, 0.5 * (low + high), np.where(np.isfinite(low), low + 1.0, high - 1.0)
        )
    is_in_bracket = np.isfinite(log_odds) & (log_odds >= low) & (log_odds <= high)
    return np.where(is_in_bracket, log_odds, middle_of_bracket)


def _guess_log_odds(a: Floats, b: Floats, tail: float) -> Floats:
    """Log odds less z standard errors, with half a count added where it tames small ones."""
    return np.asarray(np.log(a / (b + 0.5)) + special.ndtri(tail) * np.sqrt(1.0 / a + 1.0 / (b + 0.5)))


def _log_choose(a: Floats, b: Floats) -> Floats:
    """Logarithm of Gamma(a + b + 1) / (Gamma(a + 1) Gamma(b + 1)), stable for large counts."""
    return np.asarray(-special.betaln(a + 1.0, b + 1.0) - np.log(a + b + 1.0))


def _tail_and_slope(
    a: Floats, b: Floats, x: Floats, log_binomial: Floats, weight: float
) -> tuple[Floats, Floats]:
    """The weighted upper tail at log odds x, and its derivative by x."""
    log_p, log_q = -np.logaddexp(0.0, -x), -np.logaddexp(0.0, x)
    p, q = np.exp(log_p), np.exp(log_q)
    point_chances = np.exp(log_binomial + a * log_p + b * log_q)
    upper_tails = special.betainc(a + 1.0, b, p) + weight * point_chances
    tail_slopes = point_chances * (weight * a * q + (1.0 - weight) * b * p)  # dp/dx = p q
    return upper_tails, tail_slopes


def _upper_tail(a: Floats, b: Floats, p: Floats, q: Floats, point_weight: float) -> Floats:
    """Probability of more than `a` of the sum, and `point_weight` times that of exactly `a`."""
    point_chances = np.exp(_log_choose(a, b) + special.xlogy(a, p) + special.xlogy(b, q))
    chance_of_more = np.where(b > 0, special.betainc(a + 1.0, np.where(b > 0, b, 1.0), p), 0.0)
    return np.asarray(chance_of_more + point_weight * point_chances)

"""Did the treated places fall more than their controls, and did the events move next door?

Counts before and after, of treated places and their controls, and of the rings around both. On the scale
of differences the weighted displacement difference adds what the treated places changed beyond their
controls to what their rings changed beyond the controls' rings. On the scale of ratios the log relative
incidence rate ratio compares the treated with the control alone. Both take a variance over mean (phi)
for counts that vary more than Poisson chance, since Poisson variance alone makes intervals too narrow.

What lifts or lowers all places by the same factor (a season, a warm month) cancels in the ratio. In the
difference it does so only as far as treated and control had as many events for their area: the rest of it is
added to the variance, so that busier places may be set beside quieter ones.

Sources: Wheeler and Ratcliffe (2018), doi 10.1186/s40163-018-0085-5, eqs 1 to 4, and for area and time;
Wilson, Journal of Quantitative Criminology 38 (2022) 735-753, on the relative incidence rate ratio;
Bowers and Johnson, Journal of Quantitative Criminology 19 (2003) 275-301, on the displacement quotient;
Satterthwaite, Biometrics Bulletin 2 (1946) 110-114, on degrees of freedom of a sum of variances.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from becalm.methods.arrays import Floats
from becalm.methods.panel_effects import LogEffect

_SIGNS = np.array([1.0, -1.0, 1.0, -1.0])  # treated, control, ring of treated, ring of control


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimated difference or log ratio, with its normal interval."""

    value: float
    standard_error: float
    low: float
    high: float
    z: float
    p_value: float


def weighted_displacement_difference(
    counts: ArrayLike,
    *,
    area_weights: ArrayLike = 1.0,
    time_weights: ArrayLike = 1.0,
    harm_weights: ArrayLike | None = None,
    dispersion: ArrayLike = 1.0,
    shocks: "CommonShocks | None" = None,
    level: float = 0.95,
) -> Difference:
    """By how many events did treated places and their rings change beyond their controls?

    `counts` has the shape (4, 2) or (kinds, 4, 2): the treated places, their controls, the ring around the
    treated and the ring around the controls (zeros where there are no rings), each before and after. Each
    count is divided by the weight of its place (4 numbers) and of its time (2 numbers). With several kinds
    of event `harm_weights` (one each) are needed; kinds are taken as independent.
    `dispersion` is variance over mean: one number, or one per kind. `shocks` are those that all places share.

    Raises ValueError for another shape, negative counts, weights that are not above 0, or phi below 1.

    >>> d = weighted_displacement_difference([[207, 110], [308, 318], [178, 157], [150, 140]])
    >>> d.value, round(d.standard_error**2), round(d.z, 2)
    (-118.0, 1568, -2.98)
    """
    y = np.asarray(counts, dtype=np.float64)
    y = y[None] if y.ndim == 2 else y
    if y.ndim != 3 or y.shape[1:] != (4, 2):
        raise ValueError(f"Counts of the shape {np.shape(counts)} are not 4 kinds of place by before, after.")
    if harm_weights is None and len(y) > 1:
        raise ValueError(f"{len(y)} kinds of event cannot be added without a weight each. Give harm_weights.")
    harm_vector = np.ones(1) if harm_weights is None else np.asarray(harm_weights, dtype=np.float64)
    phi = np.broadcast_to(np.asarray(dispersion, dtype=np.float64), (len(y),))
    weights = np.broadcast_to(np.asarray(area_weights, dtype=np.float64), (4,))[:, None] * np.broadcast_to(
        np.asarray(time_weights, dtype=np.float64), (2,)
    )
    if (y < 0).any() or (weights <= 0).any() or (phi < 1).any() or harm_vector.shape != (len(y),):
        raise ValueError(
            "Counts are 0 or more, weights above 0, phi 1 or more, and one harm weight per kind."
        )
    rates = y / weights
    estimate = float(harm_vector @ ((rates[:, :, 1] - rates[:, :, 0]) @ _SIGNS))
    variance = float(harm_vector**2 @ (phi * (y / weights**2).sum(axis=(1, 2))))
    if shocks is None:
        return normal_difference(estimate, math.sqrt(variance), level)
    levels = harm_vector @ (rates * _SIGNS[:, None]).sum(axis=1)  # what a factor common to all would multiply
    by_shocks = float(levels**2 @ np.array([shocks.before, shocks.after]))
    degrees = (variance + by_shocks) ** 2 * shocks.degrees / by_shocks**2 if by_shocks else math.inf
    return normal_difference(estimate, math.sqrt(variance + by_shocks), level, degrees=degrees)


@dataclass(frozen=True, slots=True)
class CommonShocks:
    """The variance of the factor that all places share, of its mean before and after (a share of 1, squared).

    It was estimated with so many `degrees` of freedom (Satterthwaite's are made of them).
    """

    before: float
    after: float
    degrees: float


def log_rate_ratio(
    treated: ArrayLike, control: ArrayLike, *, dispersion: float = 1.0, level: float = 0.95
) -> Difference:
    """How did the treated places' count change, relative to the change of their controls, as a log ratio?

    `treated` and `control` are (before, after). Raises ValueError where a count is 0: the ratio has no
    interval then, and the difference must be used.
    """
    (treated_before, treated_after), (control_before, control_after) = (
        np.asarray(pair, dtype=np.float64) for pair in (treated, control)
    )
    four_counts = np.array([treated_before, treated_after, control_before, control_after])
    if (four_counts <= 0).any():
        raise ValueError("A ratio of counts needs four counts above 0. Use the difference instead.")
    log_ratio = float(np.log(treated_after * control_before / (treated_before * control_after)))
    return normal_difference(log_ratio, math.sqrt(dispersion * float((1.0 / four_counts).sum())), level)


def displacement_quotient(treated: ArrayLike, ring: ArrayLike, control: ArrayLike) -> float:
    """What share of the treated places' gain on the control did their ring lose (below 0) or share (above 0)?

    Each is (before, after). It has no standard error, and means nothing unless the treated places fell
    against the control: for comparison with older studies alone. nan where that fall is 0.

    >>> round(displacement_quotient([207, 110], [178, 157], [308, 318]), 3)
    0.258
    """
    (t0, t1), (d0, d1), (c0, c1) = (np.asarray(pair, dtype=np.float64) for pair in (treated, ring, control))
    ratio_fall = t1 / c1 - t0 / c0
    return float((d1 / c1 - d0 / c0) / ratio_fall) if ratio_fall else float("nan")


def normal_difference(
    value: float, standard_error: float, level: float, *, degrees: float = math.inf
) -> Difference:
    """An estimate with its normal interval and two-sided p-value; Student's where the error has `degrees`."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"A level of {level} is not between 0 and 1. Give 0.95 for 95 %.")
    half_width = float(stats.t.ppf(0.5 + level / 2.0, degrees)) * standard_error
    z = value / standard_error if standard_error else float("nan")
    p_value = float(2.0 * stats.t.sf(abs(z), degrees))
    return Difference(value, standard_error, value - half_width, value + half_width, z, p_value)


def effect_bounds(effect: Difference | LogEffect) -> Floats:
    """Value, low and high of a log ratio as ratios."""
    return np.asarray(np.exp([effect.value, effect.low, effect.high]))

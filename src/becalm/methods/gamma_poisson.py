"""The gamma-Poisson rule that weighs a place's own evidence against a forecast, and how sure it may be.

`fit_prior` is empirical Bayes by penalised likelihood of the negative binomial: C. N. Morris, "Parametric
empirical Bayes inference", Journal of the American Statistical Association 78 (1983) 47-55. It carries three
doubts that make plain empirical Bayes too sure. The forecast is itself an estimate: its variance is part of
the prior's. The prior's parameters are estimates: `update_posterior` integrates over a grid of them. And
places may be known by their own counts alone, so that no empty one is ever seen: their likelihood is that of
counts above 0 (zero truncation: A. C. Cameron and P. K. Trivedi,
"Regression Analysis of Count Data" (1998), section 4.3).

A posterior that takes events as independent and rates as steady is too sure. Later counts scatter more
than it says, for two reasons that differ in how the excess grows with the mean: events
come in bursts (variance in proportion to the mean), and rates move on (variance in proportion to its
square). `fit_scatter` finds both on counts held out, as the mean of their posterior under the negative
binomial whose variance has these two terms (Cameron and Trivedi, section 3.3).

`fit_mixture` finds the shares of several forecasts that make what happened most likely. Their
log-likelihood is concave, so it has one top. It is climbed by steps of Newton's method,
each of them a small quadratic programme that keeps shares from falling below 0: Y. Kim, P. Carbonetto,
M. Stephens and M. Anitescu, "A fast algorithm for maximum likelihood estimation of mixture proportions using
sequential quadratic programming", Journal of Computational and Graphical Statistics 29 (2020) 261-273. That
shares sum to 1 needs no bound: it holds at the top of the likelihood less their sum. The programme is
solved as non-negative least squares (C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", 1974).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numba import njit
from scipy.linalg import solve_triangular
from scipy.optimize import nnls
from scipy.special import gammaln

from becalm.methods.arrays import Bools, Floats, Ints

# What is believed of log strength, power and log scale before any count: means, deviations and bounds. They
# are wide; where counts are few they keep a prior from being taken as known as nothing speaks against it.
BELIEF_MEANS, BELIEF_DEVIATIONS = np.array([0.5, 0.25, 0.0]), np.array([2.5, 0.35, 1.5])
LOWEST, HIGHEST = np.array([-7.0, -0.8]), np.array([10.0, 1.5])
CLASSES = 64  # of forecasts and of counts: more groups of places change nothing of note
MOST_GRIDS = 8
COARSE = 0.35  # a grid of which one point holds so much is too coarse
LOCAL_STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)
BELIEF_STEPS = (np.arange(-4.0, 8.1, 1.0), np.arange(-0.4, 1.0, 0.4))  # of log strength and power
SCALE_START = -0.5
LEAST_WEIGHT = 2e-3


@dataclass(frozen=True, slots=True)
class GammaPrior:
    """The rate of a place with forecast m is gamma with mean scale * m and shape strength * mean ** power.

    With power 0 all places are equally uncertain in proportion; with power 1 the posterior mean
    is one fixed mixture of own evidence and forecast.
    """

    strength: float
    power: float
    scale: float = 1.0

    def shape(self, means: Floats, doubt: Floats | float = 0.0) -> Floats:
        """The prior's shape at each place whose forecast has the relative variance `doubt`."""
        known_shapes = np.clip(self.strength * (self.scale * means) ** self.power, 1e-6, 1e9)
        return np.asarray(1.0 / (1.0 / known_shapes + doubt))

    def multiply(self, strength: float, scale: float) -> GammaPrior:
        """The prior that is so many times as sure, around a mean so many times as high."""
        # The shape at a forecast shall not change with the scale, so the scale's power is taken out.
        return GammaPrior(self.strength * strength * scale**-self.power, self.power, self.scale * scale)


@dataclass(frozen=True, slots=True)
class Truncation:
    """Places that are known by their own counts alone (`is_selected`), over this whole exposure."""

    is_selected: Bools
    exposure: float


@dataclass(frozen=True, slots=True)
class PriorFit:
    """The prior in the middle of those that are likely, and all of those with the weight of each."""

    best: GammaPrior
    priors: tuple[GammaPrior, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GammaPosterior:
    """Each place's rate is gamma with this shape and rate."""

    shape: Floats
    rate: Floats

    @classmethod
    def with_mean(cls, mean: Floats, shape: Floats) -> GammaPosterior:
        """The gamma with this mean and shape."""
        return cls(shape, shape / mean)

    @property
    def mean(self) -> Floats:
        """The expected rate of each place."""
        return self.shape / self.rate


def weighted_sum(parts: Sequence[tuple[float, GammaPosterior]]) -> GammaPosterior:
    """The gamma with the mean and the variance of the sum of independent rates, each times its weight.

    Exact for one part and for parts of one scale; a close fit where no part is both heavy and hardly known.
    The scale of a sum of weight 0 alone is 1, and its mean next to nothing.
    """
    sum_mean = np.sum([weight * part.mean for weight, part in parts], axis=0)
    sum_variance = np.sum([weight**2 * part.shape / part.rate**2 for weight, part in parts], axis=0)
    sum_mean, sum_variance = np.maximum(sum_mean, 1e-12), np.maximum(sum_variance, 1e-24)
    return GammaPosterior(sum_mean**2 / sum_variance, sum_mean / sum_variance)


def fit_prior(
    means: Floats,
    counts: Floats,
    exposure: float,
    *,
    doubt: Floats | float = 0.0,
    truncation: Truncation | None = None,
) -> PriorFit:
    """Which priors make counts over this exposure likely, given the forecasts of places and their doubt?

    With a truncation the scale of the forecasts is fitted too: they were learned from places that had a
    count, and stand too high for all others. Places that are alike are grouped, which makes the fit fast.
    """
    group_of_place = number_groups(means, counts, truncation)
    place_groups = average_groups(
        group_of_place, means, counts, np.broadcast_to(doubt, means.shape), truncation
    )

    def gain(theta: Floats) -> float:
        belief_z = (theta - BELIEF_MEANS) / BELIEF_DEVIATIONS
        return _log_likelihood(theta, place_groups, exposure, truncation) - 0.5 * float(belief_z @ belief_z)

    # The likelihood may be a long bent ridge: looked at everywhere, then ever closer to where it is high.
    grid_thetas, grid_spacing = np.array(list(product(*BELIEF_STEPS))), np.array([1.0, 0.4])
    for _ in range(MOST_GRIDS):
        thetas = np.column_stack([grid_thetas, np.zeros(len(grid_thetas))])
        if truncation is not None:
            thetas[:, 2] = [_fit_scale(gain, theta) for theta in thetas]
        log_weights = np.array([gain(theta) for theta in thetas])
        grid_weights = np.exp(log_weights - log_weights.max())
        grid_weights /= grid_weights.sum()
        mean_theta = grid_weights @ grid_thetas
        if grid_weights.max() < COARSE:
            break
        theta_covariance = (grid_weights * (grid_thetas - mean_theta).T) @ (
            grid_thetas - mean_theta
        ) + np.diag((0.3 * grid_spacing) ** 2)
        variances, axes = np.linalg.eigh(theta_covariance)
        grid_offsets = np.array(list(product(LOCAL_STEPS, repeat=2)))
        grid_thetas = np.clip(mean_theta + grid_offsets * np.sqrt(variances) @ axes.T, LOWEST, HIGHEST)
        grid_spacing = 0.4 * grid_spacing
    is_kept = grid_weights >= LEAST_WEIGHT
    return PriorFit(
        _to_prior(grid_weights @ thetas),
        tuple(_to_prior(theta) for theta in thetas[is_kept]),
        tuple((grid_weights[is_kept] / grid_weights[is_kept].sum()).tolist()),
    )


def _fit_scale(gain: Callable[[Floats], float], theta: Floats) -> float:
    """The log scale that suits this strength and power best: the tops of ever smaller parabolas."""
    prior_scale = SCALE_START
    for step in (0.5, 0.2, 0.1):
        low, middle, high = (
            gain(np.array([theta[0], theta[1], prior_scale + s])) for s in (-step, 0.0, step)
        )
        curvature = low - 2.0 * middle + high
        scale_move = (
            0.5 * step * (low - high) / curvature if curvature < 0 else np.copysign(2.0 * step, high - low)
        )
        prior_scale = float(np.clip(prior_scale + np.clip(scale_move, -2.5, 2.5), -6.0, 1.0))
    return prior_scale


def _to_prior(theta: Floats) -> GammaPrior:
    log_strength, power, log_scale = theta.tolist()
    return GammaPrior(float(np.exp(log_strength)), power, float(np.exp(log_scale)))


def update_posterior(
    fit: PriorFit, means: Floats, counts: Floats, exposure: float, *, doubt: Floats | float = 0.0
) -> GammaPosterior:
    """What is known of each rate after these counts over this exposure, whichever of the priors holds?

    The gamma with the mean and the variance of the mixture of posteriors.
    """
    mixture_mean, variance = np.zeros(len(means)), np.zeros(len(means))
    weight_sum = 0.0
    for prior, weight in zip(fit.priors, fit.weights, strict=True):
        prior_shape = prior.shape(means, doubt)
        shape, rate = prior_shape + counts, prior_shape / (prior.scale * means) + exposure
        # Summed as one goes (Welford): the square of the mean taken from the mean square would cancel out.
        weight_sum += weight
        mean_step = shape / rate - mixture_mean
        mixture_mean += mean_step * weight / weight_sum
        variance += weight * (shape / rate**2 + mean_step * (shape / rate - mixture_mean))
    return GammaPosterior.with_mean(mixture_mean, mixture_mean**2 / variance)


def log_probability(shape: Floats, means: Floats, counts: Floats, exposure: float) -> Floats:
    """Of counts under the negative binomial, but for a term that hangs on the counts alone."""
    log_probability = -(shape + counts) * np.log1p(exposure * means / shape)
    has_count = counts > 0
    shape_seen, counts_seen = shape[has_count], counts[has_count]
    log_probability[has_count] += gammaln(shape_seen + counts_seen) - gammaln(shape_seen)
    log_probability[has_count] += counts_seen * np.log(exposure * means[has_count] / shape_seen)
    return np.asarray(log_probability)


def _log_likelihood(theta: Floats, groups: Floats, exposure: float, truncation: Truncation | None) -> float:
    """Of the negative binomial, given that there is a count where only a count makes a place known."""
    means, counts, doubt, is_selected, sizes = groups
    prior = _to_prior(theta)
    prior_shape = prior.shape(means, doubt)
    log_likelihood = log_probability(prior_shape, prior.scale * means, counts, exposure)
    if truncation is not None:
        empty_log = -prior_shape * np.log1p(truncation.exposure * prior.scale * means / prior_shape)
        log_likelihood -= is_selected * np.log(-np.expm1(np.minimum(empty_log, -1e-12)))
    return float(sizes @ log_likelihood)


def number_groups(means: Floats, counts: Floats, truncation: Truncation | None) -> Ints:
    """Which group of like places each place belongs to."""
    is_selected = np.zeros(len(means), bool) if truncation is None else truncation.is_selected
    # By the logarithm, since forecasts span decades: classes of equal width would lump most places together.
    logs, class_numbers = (np.log(means), np.log(np.maximum(counts, 1e-9))), []
    for log_values, is_used in zip(logs, (means > 0, counts > 0), strict=True):
        low, high = (log_values[is_used].min(), log_values[is_used].max()) if is_used.any() else (0.0, 0.0)
        class_width = max(float(high - low), 1e-9) / (CLASSES - 1)
        class_numbers.append(np.where(is_used, 1 + ((log_values - low) / class_width).astype(np.int64), 0))
    keys = (class_numbers[0] * (CLASSES + 1) + class_numbers[1]) * 2 + is_selected
    return np.asarray(np.unique(keys, return_inverse=True)[1])


def average_groups(
    group_of_place: Ints, means: Floats, counts: Floats, doubt: Floats, truncation: Truncation | None
) -> Floats:
    """Rows: the means, counts, doubt, whether selected, and number of places of each group of like places."""
    is_selected = np.zeros(len(means), bool) if truncation is None else truncation.is_selected
    group_sizes = np.bincount(group_of_place).astype(np.float64)
    group_logs, group_counts, group_doubt, group_selected = (
        np.bincount(group_of_place, values) / group_sizes
        for values in (np.log(means), counts, doubt, is_selected)
    )
    return np.stack([np.exp(group_logs), group_counts, group_doubt, group_selected, group_sizes])


BELIEVED_BURST, BELIEVED_DRIFT = 0.05, 0.1  # the means of what is believed where there is any
NO_BURST, NO_DRIFT = 0.5, 0.5  # the chances that there is none
BURSTS = 4.0 * np.linspace(0.0, 1.0, 14) ** 2  # above the variance of independent events
DRIFTS = 2.0 * np.linspace(0.0, 1.0, 16) ** 2


@dataclass(frozen=True, slots=True)
class Scatter:
    """Variance over mean of counts at a known rate, and squared coefficient of variation of the rates."""

    burst: float
    drift: float


def widen_posterior(posterior: GammaPosterior, evidence: Floats, scatter: Scatter) -> GammaPosterior:
    """The same means, made as unsure as the scatter says.

    `evidence` is the part of each place's shape that comes from its own counts: bursts make these worth
    less, and drift adds its squared variation to that of the rate.
    """
    # The prior's own part of the shape stays: bursts are in what was counted, not in what was believed.
    # Where the prior itself is in doubt, the whole is known less well than the counts alone would make it.
    evidence = np.minimum(evidence, posterior.shape)
    wider_shape = posterior.shape - evidence + evidence / scatter.burst
    wider_shape = 1.0 / (1.0 / wider_shape + scatter.drift)
    return GammaPosterior.with_mean(posterior.mean, wider_shape)


def fit_scatter(posterior: GammaPosterior, evidence: Floats, counts: Floats) -> Scatter:
    """Which burst and drift do the later counts speak for, on average over all that are possible?

    The total of the counts is taken as given: only how they are spread over places is judged. That there
    is none at all is believed as much beforehand as that there is some; small values more than large ones.
    """
    # The level is not judged: a year that was worse everywhere would else pass for drift of every place.
    level_means = np.maximum(posterior.mean * (counts.sum() / posterior.mean.sum()), 1e-12)
    has_count = counts > 0
    counts_seen, means_seen = counts[has_count], level_means[has_count]

    def log_likelihood(burst: float, drift: float) -> float:
        wide_shape = widen_posterior(posterior, evidence, Scatter(1.0 + burst, drift)).shape
        wider_shapes = 1.0 / (burst / level_means + 1.0 / wide_shape)
        shape_seen = wider_shapes[has_count]
        count_terms = (
            gammaln(shape_seen + counts_seen)
            - gammaln(shape_seen)
            + counts_seen * np.log(means_seen / (shape_seen + means_seen))
        )
        return float(count_terms.sum() - (wider_shapes * np.log1p(level_means / wider_shapes)).sum())

    bursts, drifts = BURSTS, DRIFTS
    for _ in range(2):  # everywhere first, then where it matters
        log_weights = np.array([[log_likelihood(burst, drift) for drift in drifts] for burst in bursts])
        log_weights += _log_belief(bursts, BELIEVED_BURST, NO_BURST)[:, None]
        log_weights += _log_belief(drifts, BELIEVED_DRIFT, NO_DRIFT)
        grid_weights = np.exp(log_weights - log_weights.max())
        grid_weights /= grid_weights.sum()
        (burst, bursts), (drift, drifts) = (
            _focus(bursts, grid_weights.sum(axis=1)),
            _focus(drifts, grid_weights.sum(axis=0)),
        )
    return Scatter(1.0 + burst, drift)


def _log_belief(values: Floats, usual: float, none: float) -> Floats:
    """The log of what each value is believed: the first, 0, with the chance `none`, others exponentially."""
    belief_densities = np.exp(-values[1:] / usual) / usual
    value_chances = np.concatenate([[none], (1.0 - none) * belief_densities * np.gradient(values[1:])])
    return np.asarray(np.log(value_chances))


def _focus(values: Floats, weights: Floats) -> tuple[float, Floats]:
    """The mean; and 0 with a grid of as far as three deviations (or the next point) around the mean."""
    weighted_mean = float(weights @ values)
    weighted_deviation = float(np.sqrt(weights @ (values - weighted_mean) ** 2))
    half_span = max(
        3.0 * weighted_deviation, float(np.gradient(values)[np.abs(values - weighted_mean).argmin()])
    )
    lowest_value = max(weighted_mean - half_span, 0.02 * (weighted_mean + half_span))
    return weighted_mean, np.concatenate(
        [[0.0], np.linspace(lowest_value, weighted_mean + half_span, len(values) - 1)]
    )


BLOCK = 512  # events that are worked on at once, so that all of them stay in the nearest cache
IMPOSSIBLE = 1e-140  # its square is still a number
NO_GAIN = 1e-14  # in log-likelihood per event: the rounding of the sum is larger
LEAST_GAIN = 1e-4  # of what the slope promises: L. Armijo, Pacific Journal of Mathematics 16 (1966) 1-3
SLIGHT = 1e-12  # keeps forecasts that are the same from making the programme singular
MOST_HALVINGS = 40


def fit_mixture(parts: Floats, counts: Floats, *, rounds: int = 100, tolerance: float = 1e-8) -> Floats:
    """Which non-negative shares, summing to 1, make the counts most likely?

    `parts[k, i]` is the probability that forecast k gave to where event i fell; `counts[i]` is how
    many fell there. An event that no forecast thought possible tells nothing and is left out. It stops
    where no share would move by `tolerance`, or after `rounds`; without a single count all shares are equal.
    """
    forecast_shares = np.full(len(parts), 1.0 / len(parts))
    is_possible = (counts > 0) & (parts.max(axis=0, initial=0.0) > IMPOSSIBLE)
    if not is_possible.any():
        return forecast_shares
    # Sorted by count, so that neighbours share one logarithm of their product (see `_log_sum`).
    event_order = np.flatnonzero(is_possible)[np.argsort(counts[is_possible], kind="stable")]
    event_parts = np.ascontiguousarray(parts[:, event_order], dtype=np.float64)
    event_weights = np.asarray(counts[event_order], dtype=np.float64)
    event_weights /= event_weights.sum()
    likelihood_point = _likelihood_slopes(event_parts, event_weights, forecast_shares)
    for _ in range(rounds):
        share_step = _best_step(forecast_shares, likelihood_point[1] - 1.0, likelihood_point[2])
        if np.abs(share_step).max() < tolerance or float((likelihood_point[1] - 1.0) @ share_step) < NO_GAIN:
            forecast_shares = forecast_shares + share_step
            break
        forecast_shares, likelihood_point = _search_line(
            event_parts, event_weights, forecast_shares, share_step, likelihood_point
        )
    return np.asarray(forecast_shares / forecast_shares.sum())


def _best_step(shares: Floats, slope: Floats, bend: Floats) -> Floats:
    """To the top of the parabola that touches the likelihood here, or to where shares would fall below 0."""
    regular_bend = bend + np.eye(len(shares)) * (SLIGHT * np.trace(bend))
    bend_root = np.linalg.cholesky(regular_bend).T
    best_shares, _ = nnls(bend_root, solve_triangular(bend_root, slope + regular_bend @ shares, trans="T"))
    return np.asarray(best_shares - shares)


def _search_line(
    event_parts: Floats, weights: Floats, shares: Floats, step: Floats, point: tuple[float, Floats, Floats]
) -> tuple[Floats, tuple[float, Floats, Floats]]:
    """Go the whole step, or half of it and so on until the likelihood rises as the slope promised."""
    start_value, promised_gain = point[0] - shares.sum(), float((point[1] - 1.0) @ step)
    next_shares, next_point = shares, point
    for halvings in range(MOST_HALVINGS):
        step_fraction = 0.5**halvings
        next_shares = shares + step_fraction * step
        next_point = _likelihood_slopes(event_parts, weights, next_shares)
        if (
            next_point[0] - next_shares.sum()
            >= start_value + LEAST_GAIN * step_fraction * promised_gain - NO_GAIN
        ):
            break
    return next_shares, next_point


@njit(cache=True, nogil=True)
def _likelihood_slopes(event_parts, weights, shares):  # type: ignore[no-untyped-def]  # a kernel
    """The log-likelihood, its slope, and minus its second derivatives."""
    part_count, event_count = event_parts.shape
    log_likelihood, slope, bend = 0.0, np.zeros(part_count), np.zeros((part_count, part_count))
    for first_event in range(0, event_count, BLOCK):
        block_parts, block_weights = (
            event_parts[:, first_event : first_event + BLOCK],
            weights[first_event : first_event + BLOCK],
        )
        mixed_chances = np.zeros(block_parts.shape[1])
        for k in range(part_count):
            for i in range(len(mixed_chances)):
                mixed_chances[i] += shares[k] * block_parts[k, i]
        log_sum = _log_sum(mixed_chances, block_weights)
        if log_sum == -np.inf:
            return log_sum, slope, bend
        log_likelihood += log_sum
        weight_ratio = block_weights / mixed_chances
        ratio_square = weight_ratio / mixed_chances
        for k in range(part_count):
            slope[k] += _sum_of_products(weight_ratio, block_parts[k])
            tilted_part = ratio_square * block_parts[k]
            for other_part in range(k + 1):
                bend[k, other_part] += _sum_of_products(tilted_part, block_parts[other_part])
    return log_likelihood, slope, bend + bend.T - np.diag(np.diag(bend))


# Here alone sums may be reordered, so that they run side by side: shares agree to the tolerance, not the bit.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sum_of_products(left_values, right_values):  # type: ignore[no-untyped-def]  # a kernel
    """The scalar product, in whatever order is fastest."""
    product_sum = 0.0
    for i in range(len(left_values)):
        product_sum += left_values[i] * right_values[i]
    return product_sum


@njit(cache=True, nogil=True)
def _log_sum(mixed_weights, weights):  # type: ignore[no-untyped-def]  # a kernel
    """The weighted sum of logarithms; neighbours of one weight are multiplied first, and share one."""
    log_total, product, common_weight = 0.0, 1.0, 0.0
    for i in range(len(mixed_weights)):
        if mixed_weights[i] < IMPOSSIBLE:
            return -np.inf
        if weights[i] != common_weight or product < IMPOSSIBLE:
            log_total += common_weight * np.log(product)
            product, common_weight = 1.0, weights[i]
        product *= mixed_weights[i]
    return log_total + common_weight * np.log(product)

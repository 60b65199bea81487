"""The gamma-Poisson rule that weighs a place's own evidence against a forecast, and how sure it may be.

`fit_prior` is empirical Bayes by maximum likelihood of the negative binomial: C. N. Morris, "Parametric
empirical Bayes inference", Journal of the American Statistical Association 78 (1983) 47-55.

A posterior that takes events as independent and rates as steady is too sure. Later counts scatter more
than it says, for two reasons that differ in how the excess grows with the mean: events
come in bursts (variance in proportion to the mean), and rates move on (variance in proportion to its
square). `fit_scatter` finds both on counts held out, by maximum likelihood of the negative binomial whose
variance has these two terms; it holds both special cases of A. C. Cameron and P. K. Trivedi, "Regression
Analysis of Count Data" (1998), section 3.3.

`maximise` is Newton's method with the damping of D. W. Marquardt, "An algorithm for least-squares estimation
of nonlinear parameters", SIAM Journal 11 (1963) 431-441.

`fit_mixture` finds the shares of several forecasts that make what happened most likely. Their
log-likelihood is concave, so it has one top. It is climbed by steps of Newton's method,
each of them a small quadratic programme that keeps shares from falling below 0: Y. Kim, P. Carbonetto,
M. Stephens and M. Anitescu, "A fast algorithm for maximum likelihood estimation of mixture proportions using
sequential quadratic programming", Journal of Computational and Graphical Statistics 29 (2020) 261-273. That
shares sum to 1 needs no bound: it holds at the top of the likelihood less their sum. The programme is
solved as non-negative least squares (C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", 1974).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.linalg import solve_triangular
from scipy.optimize import minimize, nnls
from scipy.special import digamma, gammaln

from becalm.methods.arrays import Floats

PRIOR_LOW = np.array([-7.0, -1.0])  # of log strength and power
PRIOR_HIGH = np.array([12.0, 2.0])


@dataclass(frozen=True, slots=True)
class GammaPrior:
    """The rate of a place with forecast m is gamma with mean m and shape strength * m ** power.

    With power 0 all places are equally uncertain in proportion; with power 1 the posterior mean
    is one fixed mixture of own evidence and forecast.
    """

    strength: float
    power: float

    def shape(self, means: Floats) -> Floats:
        """The prior's shape at each place."""
        return np.asarray(self.strength * means**self.power)


@dataclass(frozen=True, slots=True)
class GammaPosterior:
    """Each place's rate is gamma with this shape and rate."""

    shape: Floats
    rate: Floats

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


def fit_prior(means: Floats, counts: Floats, exposure: float) -> GammaPrior:
    """Which strength and power make counts over this exposure most likely, given their forecasts?

    Places without a count are grouped by forecast (200 classes), which changes nothing of note and
    makes the fit fast.
    """
    group_means, group_counts, sizes = _group_empty_places(means, counts)
    log_means = np.log(group_means)

    def objective(theta: Floats) -> tuple[float, Floats, Floats]:
        likelihood, slope, bend = _log_likelihood(
            theta[0] + theta[1] * log_means, group_means, group_counts, exposure
        )
        basis = np.array([np.ones_like(log_means), log_means])
        return float(sizes @ likelihood), basis @ (sizes * slope), (basis * (sizes * bend)) @ basis.T

    strength, power = maximise(objective, np.array([0.0, 0.3]), low=PRIOR_LOW, high=PRIOR_HIGH)
    return GammaPrior(float(np.exp(strength)), float(power))


def update_posterior(prior: GammaPrior, means: Floats, counts: Floats, exposure: float) -> GammaPosterior:
    """What is known of each rate after these counts over this exposure?"""
    prior_shape = prior.shape(means)
    return GammaPosterior(prior_shape + counts, prior_shape / means + exposure)


def _log_likelihood(
    log_shape: Floats, means: Floats, counts: Floats, exposure: float
) -> tuple[Floats, Floats, Floats]:
    """The negative binomial's log-likelihood, and its first and second derivative in the log of the shape."""
    shape = np.exp(log_shape)
    scaled_shape, has_count = shape + exposure * means, counts > 0
    shape_seen, counts_seen = shape[has_count], counts[has_count]
    log_likelihood = shape * (log_shape - np.log(scaled_shape)) - counts * np.log(scaled_shape)
    log_likelihood[has_count] += gammaln(shape_seen + counts_seen) - gammaln(shape_seen)
    slope = log_shape - np.log(scaled_shape) + 1.0 - (shape + counts) / scaled_shape
    slope[has_count] += digamma(shape_seen + counts_seen) - digamma(shape_seen)
    bend = 1.0 / shape - 1.0 / scaled_shape - (scaled_shape - shape - counts) / scaled_shape**2
    bend[has_count] += _trigamma(shape_seen + counts_seen) - _trigamma(shape_seen)
    return log_likelihood, shape * slope, shape * (shape * bend + slope)


# SciPy's polygamma goes through the Hurwitz zeta function, which is exact to the last digits but slow.
def _trigamma(x: Floats) -> Floats:
    """The second derivative of log gamma, to 1e-9, above 0: six steps up, then the asymptotic series."""
    term_sum = np.zeros_like(x)
    for step in range(6):
        term_sum += 1.0 / (x + step) ** 2
    inverse = 1.0 / (x + 6.0)
    square = inverse * inverse
    return (
        term_sum
        + inverse
        + square / 2.0
        + inverse * square * (1.0 / 6.0 - square * (1.0 / 30.0 - square / 42.0))
    )


def _group_empty_places(means: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    is_empty = counts == 0
    log_means = np.log(means[is_empty])
    if len(log_means) == 0:
        return means, counts, np.ones(len(means))
    # By the logarithm, since forecasts span decades: classes of equal width would lump most places together.
    class_edges = np.linspace(log_means.min(), log_means.max() + 1e-9, 201)
    class_of_place = np.digitize(log_means, class_edges) - 1
    class_sizes = np.bincount(class_of_place, minlength=200).astype(float)
    class_log_mean = np.bincount(class_of_place, log_means, minlength=200) / np.maximum(class_sizes, 1.0)
    has_places = class_sizes > 0
    return (
        np.concatenate([means[~is_empty], np.exp(class_log_mean[has_places])]),
        np.concatenate([counts[~is_empty], np.zeros(int(has_places.sum()))]),
        np.concatenate([np.ones(int((~is_empty).sum())), class_sizes[has_places]]),
    )


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
    wider_shape = posterior.shape - evidence + evidence / scatter.burst
    wider_shape = 1.0 / (1.0 / wider_shape + scatter.drift)
    return GammaPosterior(wider_shape, wider_shape / posterior.mean)


def fit_scatter(posterior: GammaPosterior, evidence: Floats, counts: Floats) -> Scatter:
    """Which burst and drift make the later counts most likely?

    The total of the counts is taken as given: only how they are spread over places is judged.
    """
    # The level is not judged: a year that was worse everywhere would else pass for drift of every place.
    level_means = posterior.mean * (counts.sum() / posterior.mean.sum())
    has_count = counts > 0
    counts_seen, means_seen = counts[has_count], level_means[has_count]

    def minus_log_likelihood(theta: Floats) -> float:
        scatter = Scatter(1.0 + theta[0], theta[1])
        shapes = 1.0 / (theta[0] / level_means + 1.0 / widen_posterior(posterior, evidence, scatter).shape)
        shape_seen = shapes[has_count]
        empty_terms = shapes * np.log1p(level_means / shapes)
        count_terms = (
            gammaln(shape_seen + counts_seen)
            - gammaln(shape_seen)
            + counts_seen * np.log(means_seen / (shape_seen + means_seen))
        )
        return float(empty_terms.sum() - count_terms.sum()) / float(counts_seen.sum())

    optimum = minimize(
        minus_log_likelihood, np.array([0.1, 0.05]), method="L-BFGS-B", bounds=[(0.0, 4.0), (0.0, 2.0)]
    )
    return Scatter(1.0 + float(optimum.x[0]), float(optimum.x[1]))


Objective = Callable[[Floats], tuple[float, Floats, Floats]]


def maximise(
    objective: Objective,
    start: Floats,
    *,
    low: Floats,
    high: Floats,
    rounds: int = 60,
    tolerance: float = 1e-7,
) -> Floats:
    """Where, between `low` and `high`, is the function highest, going uphill from `start`?

    `objective(theta)` gives the value, its gradient and its matrix of second derivatives. It stops where no
    parameter moves by `tolerance`.
    """
    theta, damping = start, 1e-3
    best_value, gradient, hessian = objective(theta)
    for _ in range(rounds):
        step = _damped_step(theta, gradient, hessian, damping, low, high)
        next_theta = np.clip(theta + step, low, high)
        if np.abs(next_theta - theta).max() < tolerance:
            break
        next_point = objective(next_theta)
        if next_point[0] > best_value:
            theta, damping = next_theta, damping / 8.0
            best_value, gradient, hessian = next_point
        else:
            damping = max(damping, 1e-6) * 8.0
    return theta


def _damped_step(
    theta: Floats, gradient: Floats, hessian: Floats, damping: float, low: Floats, high: Floats
) -> Floats:
    """Newton's step among the parameters that no bound holds back, shortened where the top is not round."""
    is_free = ~(((theta <= low) & (gradient < 0.0)) | ((theta >= high) & (gradient > 0.0)))
    step = np.zeros_like(theta)
    if is_free.any():
        eigenvalues, eigenvectors = np.linalg.eigh(-hessian[np.ix_(is_free, is_free)])
        # The size of a bend, whatever its sign: at a saddle Newton's own step would go downhill.
        curvatures = np.maximum(np.abs(eigenvalues), 1e-12) * (1.0 + damping)
        step[is_free] = eigenvectors @ ((eigenvectors.T @ gradient[is_free]) / curvatures)
    return step


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
        fraction = 0.5**halvings
        next_shares = shares + fraction * step
        next_point = _likelihood_slopes(event_parts, weights, next_shares)
        if next_point[0] - next_shares.sum() >= start_value + LEAST_GAIN * fraction * promised_gain - NO_GAIN:
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
        mixed_p = np.zeros(block_parts.shape[1])
        for k in range(part_count):
            for i in range(len(mixed_p)):
                mixed_p[i] += shares[k] * block_parts[k, i]
        log_sum = _log_sum(mixed_p, block_weights)
        if log_sum == -np.inf:
            return log_sum, slope, bend
        log_likelihood += log_sum
        ratio = block_weights / mixed_p
        ratio_square = ratio / mixed_p
        for k in range(part_count):
            slope[k] += _sum_of_products(ratio, block_parts[k])
            tilted = ratio_square * block_parts[k]
            for other_part in range(k + 1):
                bend[k, other_part] += _sum_of_products(tilted, block_parts[other_part])
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

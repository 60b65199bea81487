"""The gamma-Poisson rule that weighs a place's own evidence against a forecast, and how sure it may be.

`fit_prior` is empirical Bayes by maximum likelihood of the negative binomial: C. N. Morris, "Parametric
empirical Bayes inference", Journal of the American Statistical Association 78 (1983) 47-55.

A posterior that takes events as independent and rates as steady is too sure. Later counts scatter more
than it says, for two reasons that can be told apart by how the excess grows with the mean: events
come in bursts (variance in proportion to the mean), and rates move on (variance in proportion to its
square). `fit_scatter` finds both on counts held out, by maximum likelihood of the negative binomial whose
variance has these two terms; it holds both special cases of A. C. Cameron and P. K. Trivedi, "Regression
Analysis of Count Data" (1998), section 3.3.

`climb` is Newton's method with the damping of D. W. Marquardt, "An algorithm for least-squares estimation of
nonlinear parameters", SIAM Journal 11 (1963) 431-441.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
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
    mean = np.sum([weight * part.mean for weight, part in parts], axis=0)
    variance = np.sum([weight**2 * part.shape / part.rate**2 for weight, part in parts], axis=0)
    mean, variance = np.maximum(mean, 1e-12), np.maximum(variance, 1e-24)
    return GammaPosterior(mean**2 / variance, mean / variance)


def fit_prior(means: Floats, counts: Floats, exposure: float) -> GammaPrior:
    """Which strength and power make counts over this exposure most likely, given their forecasts?

    Places without a count are grouped by forecast (200 classes), which changes nothing of note and
    makes the fit fast.
    """
    forecasts, sums, weights = _grouped(means, counts)
    logs = np.log(forecasts)

    def rise(theta: Floats) -> tuple[float, Floats, Floats]:
        value, slope, bend = _log_likelihood(theta[0] + theta[1] * logs, forecasts, sums, exposure)
        basis = np.array([np.ones_like(logs), logs])
        return float(weights @ value), basis @ (weights * slope), (basis * (weights * bend)) @ basis.T

    strength, power = climb(rise, np.array([0.0, 0.3]), low=PRIOR_LOW, high=PRIOR_HIGH)
    return GammaPrior(float(np.exp(strength)), float(power))


def update(prior: GammaPrior, means: Floats, counts: Floats, exposure: float) -> GammaPosterior:
    """What is known of each rate after these counts over this exposure?"""
    shape = prior.shape(means)
    return GammaPosterior(shape + counts, shape / means + exposure)


def _log_likelihood(
    log_shape: Floats, means: Floats, counts: Floats, exposure: float
) -> tuple[Floats, Floats, Floats]:
    """The negative binomial's log-likelihood, and its first and second derivative in the log of the shape."""
    shape = np.exp(log_shape)
    far, seen = shape + exposure * means, counts > 0
    some, held = shape[seen], counts[seen]
    value = shape * (log_shape - np.log(far)) - counts * np.log(far)
    value[seen] += gammaln(some + held) - gammaln(some)
    first = log_shape - np.log(far) + 1.0 - (shape + counts) / far
    first[seen] += digamma(some + held) - digamma(some)
    second = 1.0 / shape - 1.0 / far - (far - shape - counts) / far**2
    second[seen] += _trigamma(some + held) - _trigamma(some)
    return value, shape * first, shape * (shape * second + first)


def _trigamma(x: Floats) -> Floats:
    """The second derivative of log gamma, to 1e-9, above 0: six steps up, then the asymptotic series."""
    out = np.zeros_like(x)
    for step in range(6):
        out += 1.0 / (x + step) ** 2
    far = 1.0 / (x + 6.0)
    square = far * far
    return out + far + square / 2.0 + far * square * (1.0 / 6.0 - square * (1.0 / 30.0 - square / 42.0))


def _grouped(means: Floats, counts: Floats) -> tuple[Floats, Floats, Floats]:
    empty = counts == 0
    logs = np.log(means[empty])
    if len(logs) == 0:
        return means, counts, np.ones(len(means))
    edges = np.linspace(logs.min(), logs.max() + 1e-9, 201)
    classes = np.digitize(logs, edges) - 1
    size = np.bincount(classes, minlength=200).astype(float)
    level = np.bincount(classes, logs, minlength=200) / np.maximum(size, 1.0)
    used = size > 0
    return (
        np.concatenate([means[~empty], np.exp(level[used])]),
        np.concatenate([counts[~empty], np.zeros(int(used.sum()))]),
        np.concatenate([np.ones(int((~empty).sum())), size[used]]),
    )


@dataclass(frozen=True, slots=True)
class Scatter:
    """Variance over mean of counts at a known rate, and squared coefficient of variation of the rates."""

    burst: float
    drift: float


def widen(posterior: GammaPosterior, evidence: Floats, scatter: Scatter) -> GammaPosterior:
    """The same means, made as unsure as the scatter says.

    `evidence` is the part of each place's shape that comes from its own counts: bursts make these worth
    less, and drift adds its squared variation to that of the rate.
    """
    shape = posterior.shape - evidence + evidence / scatter.burst
    shape = 1.0 / (1.0 / shape + scatter.drift)
    return GammaPosterior(shape, shape / posterior.mean)


def fit_scatter(posterior: GammaPosterior, evidence: Floats, counts: Floats) -> Scatter:
    """Which burst and drift make the later counts most likely?

    The total of the counts is taken as given: only how they are spread over places is judged.
    """
    means = posterior.mean * (counts.sum() / posterior.mean.sum())
    seen = counts > 0
    held, expected = counts[seen], means[seen]

    def minus_log_likelihood(theta: Floats) -> float:
        scatter = Scatter(1.0 + theta[0], theta[1])
        size = 1.0 / (theta[0] / means + 1.0 / widen(posterior, evidence, scatter).shape)
        some = size[seen]
        parts = size * np.log1p(means / size)
        extra = gammaln(some + held) - gammaln(some) + held * np.log(expected / (some + expected))
        return float(parts.sum() - extra.sum()) / float(held.sum())

    found = minimize(
        minus_log_likelihood, np.array([0.1, 0.05]), method="L-BFGS-B", bounds=[(0.0, 4.0), (0.0, 2.0)]
    )
    return Scatter(1.0 + float(found.x[0]), float(found.x[1]))


Rise = Callable[[Floats], tuple[float, Floats, Floats]]


def climb(
    rise: Rise, start: Floats, *, low: Floats, high: Floats, rounds: int = 60, tolerance: float = 1e-7
) -> Floats:
    """Where, between `low` and `high`, is the function highest, going uphill from `start`?

    `rise(theta)` gives the value, its gradient and its matrix of second derivatives. It stops where no
    parameter moves by `tolerance`.
    """
    theta, damping = start, 1e-3
    value, gradient, bends = rise(theta)
    for _ in range(rounds):
        step = _step(theta, gradient, bends, damping, low, high)
        there = np.clip(theta + step, low, high)
        if np.abs(there - theta).max() < tolerance:
            break
        reached = rise(there)
        if reached[0] > value:
            theta, damping = there, damping / 8.0
            value, gradient, bends = reached
        else:
            damping = max(damping, 1e-6) * 8.0
    return theta


def _step(
    theta: Floats, gradient: Floats, bends: Floats, damping: float, low: Floats, high: Floats
) -> Floats:
    """Newton's step among the parameters that no bound holds back, shortened where the top is not round."""
    free = ~(((theta <= low) & (gradient < 0.0)) | ((theta >= high) & (gradient > 0.0)))
    step = np.zeros_like(theta)
    if free.any():
        values, axes = np.linalg.eigh(-bends[np.ix_(free, free)])
        sizes = np.maximum(np.abs(values), 1e-12) * (1.0 + damping)
        step[free] = axes @ ((axes.T @ gradient[free]) / sizes)
    return step

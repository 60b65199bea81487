"""The gamma-Poisson rule that weighs a place's own evidence against a forecast from all else.

`fit_prior` is empirical Bayes by maximum likelihood of the negative binomial: C. N. Morris, "Parametric
empirical Bayes inference", Journal of the American Statistical Association 78 (1983) 47-55.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from becalm.methods.arrays import Floats
from becalm.methods.climb import climb

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

"""Shares of several forecasts, and the gamma-Poisson rule that weighs own evidence against them.

`fit_mixture` is the EM algorithm for a mixture of known distributions: A. P. Dempster, N. M. Laird
and D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of the Royal
Statistical Society B 39 (1977) 1-38, hastened after R. Varadhan and C. Roland, "Simple and globally
convergent methods for accelerating the convergence of any EM algorithm", Scandinavian Journal of
Statistics 35 (2008) 335-353. `fit_prior` is empirical Bayes by maximum likelihood of the negative
binomial: C. N. Morris, "Parametric empirical Bayes inference", Journal of the American
Statistical Association 78 (1983) 47-55.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from becalm.methods.climb import climb

Floats = NDArray[np.float64]
PRIOR_LOW = np.array([-7.0, -1.0])  # of log strength and power
PRIOR_HIGH = np.array([12.0, 2.0])


def fit_mixture(parts: Floats, counts: Floats, *, rounds: int = 500, tolerance: float = 1e-6) -> Floats:
    """Which non-negative shares, summing to 1, make the counts most likely?

    `parts[k, i]` is the probability that forecast k gave to where event i fell; `counts[i]` is how
    many fell there. No step lowers the likelihood; it stops when no share moves by `tolerance` in a round of
    EM, or after `rounds`. Without a single count all shares are equal. Rounds of EM are drawn out along the
    way that they go (Varadhan and Roland).
    """
    shares = np.full(len(parts), 1.0 / len(parts))
    if counts.sum() == 0:
        return shares
    by_event, weights = np.ascontiguousarray(parts.T), np.asarray(counts, dtype=np.float64)
    for _ in range(rounds // 3):
        first, reached = _em_round(by_event, weights, shares)
        second, _ = _em_round(by_event, weights, first)
        move, turn = first - shares, second - 2.0 * first + shares
        if np.abs(move).max() < tolerance:
            return np.asarray(second)
        shares = second
        length = np.sqrt((move @ move) / max(float(turn @ turn), 1e-300))
        if length > 1.0:
            far = np.maximum(first - move + 2.0 * length * move + length**2 * turn, 0.01 * second)
            drawn, higher = _em_round(by_event, weights, far / far.sum())
            shares = drawn if higher >= reached else second
    return shares


@njit(cache=True, nogil=True)
def _em_round(by_event, counts, shares):  # type: ignore[no-untyped-def]  # a kernel
    """The shares after one round of EM, and the log-likelihood before it."""
    many = by_event.shape[1]
    out, total, reached = np.zeros(many), 0.0, 0.0
    for i in range(by_event.shape[0]):
        mixed = 0.0
        for k in range(many):
            mixed += shares[k] * by_event[i, k]
        mixed = max(mixed, 1e-300)
        reached += counts[i] * np.log(mixed)
        for k in range(many):
            out[k] += counts[i] * shares[k] * by_event[i, k] / mixed
    for k in range(many):
        total += out[k]
    return out / total, reached


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

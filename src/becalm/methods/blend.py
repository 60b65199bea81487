"""Shares of several forecasts, and the gamma-Poisson rule that weighs own evidence against them.

`fit_mixture` is the EM algorithm for a mixture of known distributions: A. P. Dempster, N. M. Laird
and D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of the Royal
Statistical Society B 39 (1977) 1-38. `fit_prior` is empirical Bayes by maximum likelihood of the
negative binomial: C. N. Morris, "Parametric empirical Bayes inference", Journal of the American
Statistical Association 78 (1983) 47-55.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

Floats = NDArray[np.float64]


def fit_mixture(parts: Floats, counts: Floats, *, rounds: int = 500, tolerance: float = 1e-6) -> Floats:
    """Which non-negative shares, summing to 1, make the counts most likely?

    `parts[k, i]` is the probability that forecast k gave to where event i fell; `counts[i]` is how
    many fell there. Each round raises the likelihood; it stops when no share moves by `tolerance`.
    Without a single count all shares are equal. (einsum, because it needs no threads: for so few shares
    they only get in each other's way.)
    """
    shares = np.full(len(parts), 1.0 / len(parts))
    if counts.sum() == 0:
        return shares
    for _ in range(rounds):
        mixed = np.maximum(np.einsum("k,ki->i", shares, parts), 1e-300)
        update = shares * np.einsum("ki,i->k", parts, counts / mixed)
        update /= update.sum()
        moved = float(np.abs(update - shares).max())
        shares = update
        if moved < tolerance:
            break
    return shares


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
    events = float(sums.sum())  # the scale on which the optimiser's first step is neither huge nor tiny

    def minus_log_likelihood(theta: Floats) -> float:
        shape = np.exp(theta[0]) * forecasts ** theta[1]
        rate = shape / forecasts
        terms = gammaln(shape + sums) - gammaln(shape) + shape * np.log(rate / (rate + exposure))
        return -float(np.sum(weights * (terms - sums * np.log(rate + exposure)))) / events

    found = minimize(
        minus_log_likelihood,
        np.array([0.0, 0.3]),
        method="L-BFGS-B",
        bounds=[(-7.0, 12.0), (-1.0, 2.0)],
    )
    return GammaPrior(float(np.exp(found.x[0])), float(found.x[1]))


def update(prior: GammaPrior, means: Floats, counts: Floats, exposure: float) -> GammaPosterior:
    """What is known of each rate after these counts over this exposure?"""
    shape = prior.shape(means)
    return GammaPosterior(shape + counts, shape / means + exposure)


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

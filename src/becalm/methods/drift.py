"""How much less sure rates are than steady independent counts would make them, measured on counts held out.

A posterior that takes events as independent and rates as steady is too sure. Later counts scatter more
than it says, for two reasons that can be told apart by how the excess grows with the mean: events
come in bursts (variance in proportion to the mean), and rates move on (variance in proportion to its
square). Both are found by maximum likelihood of the negative binomial whose variance has these two
terms; it holds both special cases of A. C. Cameron and P. K. Trivedi, "Regression Analysis of Count
Data" (1998), section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from becalm.methods.arrays import Floats
from becalm.methods.blend import GammaPosterior


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

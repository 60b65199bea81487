"""Intervals for means and for paired differences of means, by resampling whole occasions.

B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 16.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the central `level` of its resampled means."""

    value: float
    low: float
    high: float


def resample(occasions: int, *, rounds: int, rng: np.random.Generator) -> Ints:
    """Draw occasions with replacement: the same draws must serve every method that is compared."""
    return rng.integers(0, occasions, (rounds, occasions))


def mean_interval(values: Floats, drawn: Ints, *, level: float) -> Interval:
    """The mean over occasions, and the interval that its resampled means fill.

    The percentile interval of few occasions is too short by a factor sqrt((n - 1) / n); the
    deviations are stretched by it.
    """
    mean, n = float(values.mean()), len(values)
    stretch = np.sqrt(n / (n - 1.0)) if n > 1 else 1.0
    deviations = (values[drawn].mean(axis=1) - mean) * stretch
    low, high = np.quantile(deviations, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(mean, min(mean + float(low), mean), max(mean + float(high), mean))


def paired_interval(values: Floats, reference: Floats, drawn: Ints, *, level: float) -> Interval:
    """The mean difference between two methods on the same occasions, with its interval."""
    return mean_interval(values - reference, drawn, level=level)

"""How concentrated counts are, beside what chance alone would show.

With fewer events than places even a perfectly even risk leaves most places empty, so every figure
comes with its null: the same number of events thrown evenly. The generalised Gini is that of
W. Bernasco and W. Steenbeek, "More places than crimes", Journal of Quantitative Criminology 33
(2017) 451-467.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from becalm.methods.arrays import Floats


@dataclass(frozen=True, slots=True)
class ShareOfPlaces:
    """Smallest shares of places that hold 25 % and 50 % of the events, and the Gini coefficients."""

    share_25: float
    share_50: float
    gini: float
    gini_generalised: float


def concentration(counts: Floats) -> ShareOfPlaces:
    """How concentrated are these counts (one per place, empty ones included)?"""
    falling = np.sort(counts)[::-1]
    return ShareOfPlaces(
        share_25=places_holding(falling, 0.25),
        share_50=places_holding(falling, 0.50),
        gini=gini(falling),
        gini_generalised=gini_generalised(falling),
    )


def places_holding(falling: Floats, share: float) -> float:
    """The share of places that it takes, fullest first, to hold this share of the events.

    Where a place is needed in part it counts in part, so that ties at the cut do not matter.
    """
    held, wanted = np.cumsum(falling), share * float(falling.sum())
    last = int(np.searchsorted(held, wanted))
    before = float(held[last - 1]) if last else 0.0
    return float((last + (wanted - before) / falling[last]) / len(falling))


def gini(falling: Floats) -> float:
    """The Gini coefficient: 0 where all counts are equal, near 1 where one place has everything."""
    n, total = len(falling), float(falling.sum())
    return float(2.0 * np.cumsum(falling).sum() / (n * total) - (n + 1.0) / n) if total else 0.0


def gini_generalised(falling: Floats) -> float:
    """The Gini against the most even spread that there can be: m events on n > m places fill m with one."""
    n, total = len(falling), float(falling.sum())
    if total >= n:
        return gini(falling)
    return float(n / total * (gini(falling) - 1.0) + 1.0)


def even_null(events: int, areas: Floats) -> tuple[float, float]:
    """The shares of places that hold 25 % and 50 % of `events` thrown evenly over the area.

    Exact in expectation: the mean number of places with each count is a sum of binomials, taken over
    100 classes of area (a hundredth of the largest). The counts of different places are nearly independent.
    """
    shares = areas / areas.sum()
    _, classes = np.unique(np.round(100.0 * shares / shares.max()), return_inverse=True)
    size = np.bincount(classes)
    level = np.bincount(classes, shares) / np.maximum(size, 1)
    most = int(binom.ppf(1.0 - 1e-9, events, min(float(level.max()), 1.0))) + 1
    expected = size @ binom.pmf(np.arange(most + 1)[None, :], events, np.clip(level, 0.0, 1.0)[:, None])
    return _null_share(expected, 0.25), _null_share(expected, 0.50)


def _null_share(expected: Floats, share: float) -> float:
    """From the expected number of places with 0, 1, 2, ... events to the share that holds `share` of all."""
    counts = np.arange(len(expected))[::-1]
    places, held = np.cumsum(expected[::-1]), np.cumsum(expected[::-1] * counts)
    wanted = share * held[-1]
    return float(np.interp(wanted, held[counts > 0], places[counts > 0]) / expected.sum())

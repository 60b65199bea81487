"""How concentrated counts are, beside what chance alone would show.

With fewer events than places even a perfectly even risk leaves most places empty, so every figure
comes with its null: the same number of events thrown evenly. The generalised Gini is that of
W. Bernasco and W. Steenbeek, "More places than crimes", Journal of Quantitative Criminology 33
(2017) 451-467.
"""

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
    falling_counts = np.sort(counts)[::-1]
    return ShareOfPlaces(
        share_25=place_share_holding(falling_counts, 0.25),
        share_50=place_share_holding(falling_counts, 0.50),
        gini=gini(falling_counts),
        gini_generalised=gini_generalised(falling_counts),
    )


def place_share_holding(falling_counts: Floats, share: float) -> float:
    """The share of places that it takes, fullest first, to hold this share of the events.

    Where a place is needed in part it counts in part, so that ties at the cut do not matter.
    """
    cumulative, target = np.cumsum(falling_counts), share * float(falling_counts.sum())
    last_place = int(np.searchsorted(cumulative, target))
    held_before = float(cumulative[last_place - 1]) if last_place else 0.0
    return float((last_place + (target - held_before) / falling_counts[last_place]) / len(falling_counts))


def gini(falling_counts: Floats) -> float:
    """The Gini coefficient: 0 where all counts are equal, near 1 where one place has everything."""
    n, total = len(falling_counts), float(falling_counts.sum())
    return float(2.0 * np.cumsum(falling_counts).sum() / (n * total) - (n + 1.0) / n) if total else 0.0


def gini_generalised(falling_counts: Floats) -> float:
    """The Gini against the most even spread that there can be: m events on n > m places fill m with one."""
    n, total = len(falling_counts), float(falling_counts.sum())
    if total >= n:
        return gini(falling_counts)
    return float(n / total * (gini(falling_counts) - 1.0) + 1.0)


def even_null(events: int, areas: Floats) -> tuple[float, float]:
    """The shares of places that hold 25 % and 50 % of `events` thrown evenly over the area.

    Exact in expectation: the mean number of places with each count is a sum of binomials, taken over
    100 classes of area (a hundredth of the largest). The counts of different places are nearly independent.
    """
    shares = areas / areas.sum()
    _, classes = np.unique(np.round(100.0 * shares / shares.max()), return_inverse=True)
    class_size = np.bincount(classes)
    class_share = np.bincount(classes, shares) / np.maximum(class_size, 1)
    largest_count = int(binom.ppf(1.0 - 1e-9, events, min(float(class_share.max()), 1.0))) + 1
    expected_places = class_size @ binom.pmf(
        np.arange(largest_count + 1)[None, :], events, np.clip(class_share, 0.0, 1.0)[:, None]
    )
    return _null_share(expected_places, 0.25), _null_share(expected_places, 0.50)


def _null_share(expected_places: Floats, share: float) -> float:
    """From the expected number of places with 0, 1, 2, ... events to the share that holds `share` of all."""
    counts = np.arange(len(expected_places))[::-1]
    places, cumulative = np.cumsum(expected_places[::-1]), np.cumsum(expected_places[::-1] * counts)
    target = share * cumulative[-1]
    return float(np.interp(target, cumulative[counts > 0], places[counts > 0]) / expected_places.sum())

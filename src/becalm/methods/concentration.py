"""How concentrated counts are, beside what chance alone would show.

With fewer events than places even a perfectly even risk leaves most places empty, so every figure
comes with its null: the same number of events spread at random. The generalised Gini is that of
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
    count_sums, target_count = np.cumsum(falling_counts), share * float(falling_counts.sum())
    full_places = int(np.searchsorted(count_sums, target_count))
    count_before = float(count_sums[full_places - 1]) if full_places else 0.0
    return float(
        (full_places + (target_count - count_before) / falling_counts[full_places]) / len(falling_counts)
    )


def gini(falling_counts: Floats) -> float:
    """The Gini coefficient: 0 where all counts are equal, near 1 where one place has everything."""
    n, total = len(falling_counts), float(falling_counts.sum())
    return float(2.0 * np.cumsum(falling_counts).sum() / (n * total) - (n + 1.0) / n) if total else 0.0


def gini_generalised(falling_counts: Floats) -> float:
    """The Gini against the most even spread that there can be: m events on n > m places fill m with one."""
    n, total_count = len(falling_counts), float(falling_counts.sum())
    if total_count >= n:
        return gini(falling_counts)
    return float(n / total_count * (gini(falling_counts) - 1.0) + 1.0)


def even_null(events: int, areas: Floats) -> tuple[float, float]:
    """The shares of places that hold 25 % and 50 % of `events` spread at random over the area.

    Exact in expectation: the mean number of places with each count is a sum of binomials, taken over
    100 classes of area (a hundredth of the largest). The counts of different places are nearly independent.
    """
    area_shares = areas / areas.sum()
    _, class_of_place = np.unique(np.round(100.0 * area_shares / area_shares.max()), return_inverse=True)
    places_per_class = np.bincount(class_of_place)
    share_of_class = np.bincount(class_of_place, area_shares) / np.maximum(places_per_class, 1)
    largest_count = int(binom.ppf(1.0 - 1e-9, events, min(float(share_of_class.max()), 1.0))) + 1
    expected_places = places_per_class @ binom.pmf(
        np.arange(largest_count + 1)[None, :], events, np.clip(share_of_class, 0.0, 1.0)[:, None]
    )
    return _null_share(expected_places, 0.25), _null_share(expected_places, 0.50)


def _null_share(expected_places: Floats, share: float) -> float:
    """From the expected number of places with 0, 1, 2, ... events to the share that holds `share` of all."""
    event_counts = np.arange(len(expected_places))[::-1]
    place_sums, event_sums = np.cumsum(expected_places[::-1]), np.cumsum(expected_places[::-1] * event_counts)
    target_count = share * event_sums[-1]
    return float(
        np.interp(target_count, event_sums[event_counts > 0], place_sums[event_counts > 0])
        / expected_places.sum()
    )

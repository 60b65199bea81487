"""What the listed places had month by month, and how the incidents lie over all places."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import poisson

from becalm.methods.arrays import Floats, Ints
from becalm.tables import PlaceCounts
from becalm.terms import HotspotList

TREND_MONTHS: Final = 24
CURVE_MONTHS: Final = 12
CURVE_POINTS: Final = 48
_SPAN: Final = 2**31  # of rows: column and row as one number

CurvePoints = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class PlaceHistory:
    """The target's incidents: by listed place and month, and over all places together.

    `counts_by_place` holds one count for each of `months`. A point of `curve` is a share of places, the
    fullest first, and the share of incidents in them; `random_curve` is the same if as many incidents were
    spread at random.
    """

    months: tuple[str, ...]
    counts_by_place: Mapping[str, tuple[int, ...]]
    curve: CurvePoints
    random_curve: CurvePoints


def build_place_history(counts: PlaceCounts, hotspots: HotspotList) -> PlaceHistory:
    """How has each listed place gone, and how concentrated are the last twelve months?

    `counts` are those of the list's target in the square cells of the list.
    """
    codes = counts.columns * _SPAN + counts.rows
    places = [h for h in hotspots.hotspots if h.shape is None]
    counts_by_place = {
        place.place_id: _by_month(counts, codes == place.column * _SPAN + place.row) for place in places
    }
    is_recent = counts.month_index >= len(counts.months) - CURVE_MONTHS
    _, place_index = np.unique(codes[is_recent], return_inverse=True)
    place_counts: Floats = np.bincount(place_index, counts.counts[is_recent]).astype(np.float64)
    place_total = max(hotspots.concentration.places, len(place_counts))
    return PlaceHistory(
        counts.months,
        counts_by_place,
        _concentration_curve(place_counts, place_total),
        _random_curve(float(place_counts.sum()), place_total),
    )


def _by_month(counts: PlaceCounts, is_here: np.ndarray) -> tuple[int, ...]:
    by_month = np.bincount(counts.month_index[is_here], counts.counts[is_here], minlength=len(counts.months))
    return tuple(int(count) for count in by_month)


def _concentration_curve(place_counts: Floats, place_total: int) -> CurvePoints:
    """At shares of places that double evenly: a few at the top say most."""
    if not place_counts.sum():
        return ()
    held_shares = np.cumsum(np.sort(place_counts)[::-1]) / place_counts.sum()
    ranks = np.unique(np.geomspace(1, place_total, CURVE_POINTS).round().astype(np.int64))
    return tuple(
        (rank / place_total, float(held_shares[min(rank, len(held_shares)) - 1])) for rank in ranks.tolist()
    )


def _random_curve(incident_count: float, place_total: int) -> CurvePoints:
    """Each place has a Poisson count with the same mean: the fullest first."""
    mean = incident_count / place_total
    if mean <= 0:
        return ()
    least: Ints = np.arange(int(poisson.isf(1e-6, mean)) + 1, -1, -1)
    place_shares = poisson.sf(least - 1, mean)
    incident_shares = poisson.sf(least - 2, mean)  # k P(k) = mean P(k - 1)
    return tuple((float(x), float(y)) for x, y in zip(place_shares, incident_shares, strict=True) if x > 0)

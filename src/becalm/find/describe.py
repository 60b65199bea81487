"""What is said about each listed place beside its rank: its borough and when in the week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from becalm.tables.tally import HourCounts
from becalm.terms.hotspot import HOURS_OF_WEEK, Hotspot, HotspotList

Floats = NDArray[np.float64]
SMOOTHING_HOURS = 1.5


def describe_places(
    found: HotspotList,
    *,
    boroughs: Mapping[tuple[int, int], str] | None = None,
    hours: HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    names = boroughs or {}
    profiles = _profiles(found, hours)

    def described(hotspot: Hotspot) -> Hotspot:
        cell = (hotspot.column, hotspot.row)
        return replace(hotspot, borough=names.get(cell), profile=profiles.get(cell))

    return replace(found, hotspots=tuple(described(h) for h in found.hotspots))


def week_profile(counts: Floats, whole: Floats, weight: float) -> Floats:
    """The share of the week in each of its 168 hours, given the place's counts and those of the whole.

    The whole's shares, smoothed round the clock, count as `weight` incidents: a place with few
    records shows the week of the whole, one with many shows its own.
    """
    shape = smooth_week(whole + 1.0 / HOURS_OF_WEEK)
    shares = (smooth_week(counts) + weight * shape / shape.sum()) / (counts.sum() + weight)
    return np.asarray(shares / shares.sum())


def smooth_week(counts: Floats) -> Floats:
    """Spread counts over neighbouring hours by a Gaussian of 1.5 hours; Sunday night meets Monday."""
    distance = np.minimum(np.arange(HOURS_OF_WEEK), HOURS_OF_WEEK - np.arange(HOURS_OF_WEEK))
    kernel = np.exp(-0.5 * (distance / SMOOTHING_HOURS) ** 2)
    spread = np.fft.rfft(kernel / kernel.sum()) * np.fft.rfft(counts)
    return np.maximum(np.fft.irfft(spread, HOURS_OF_WEEK), 0.0)


def shrinkage_weight(counts: Floats, whole: Floats) -> float:
    """How many incidents is the whole's week worth as a guess at a place's own?

    Method of moments for the Dirichlet-multinomial over six four-hour parts of the day: if places
    scatter about the whole no more than chance alone makes them, the answer is a very large weight.
    """
    parts = _parts_of_day(counts)
    totals = parts.sum(axis=1)
    parts, totals = parts[totals >= 2], totals[totals >= 2]
    shares = _parts_of_day(whole[None, :])[0]
    shares = shares / shares.sum()
    if len(parts) < 2:
        return 1e6
    expected = totals[:, None] * shares
    chi = float(((parts - expected) ** 2 / np.maximum(expected, 1e-12))[:, shares > 0].sum())
    freedom = len(parts) * (int((shares > 0).sum()) - 1)
    excess = chi / max(freedom, 1) - 1.0
    mean_size = float(totals.mean())
    return max(1.0, (mean_size - 1.0) / excess - 1.0) if excess > 1e-6 else 1e6


def _parts_of_day(counts: Floats) -> Floats:
    return np.asarray(counts.reshape(len(counts), 7, 6, 4).sum(axis=(1, 3)))


def _profiles(found: HotspotList, hours: HourCounts | None) -> dict[tuple[int, int], tuple[float, ...]]:
    if hours is None or not hours.counts.sum():
        return {}
    counts = hours.counts.astype(np.float64)
    whole = counts.sum(axis=0)
    weight = shrinkage_weight(counts, whole)
    cells = zip(hours.columns.tolist(), hours.rows.tolist(), strict=True)
    made = {
        cell: tuple(week_profile(row, whole, weight).tolist())
        for cell, row in zip(cells, counts, strict=True)
    }
    return {(h.column, h.row): made[h.column, h.row] for h in found.hotspots if (h.column, h.row) in made}

"""What is said about each listed place beside its rank: its borough and when in the week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from becalm.methods.week_profile import busiest_hours, week_profiles
from becalm.tables.tally import HourCounts
from becalm.terms import Estimate, Hotspot, HotspotList, PeakHours

Key = tuple[int, int]
PEAK_HOURS = 4
PEAK_METHOD = "beta of the place's own records and its neighbourhood's"


def describe_places(
    found: HotspotList,
    *,
    boroughs: Mapping[tuple[int, int], str] | None = None,
    hours: HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    names = boroughs or {}
    weeks = _weeks(found, hours, names)

    def described(hotspot: Hotspot) -> Hotspot:
        cell = (hotspot.column, hotspot.row)
        profile, peak = weeks.get(cell, (None, None))
        return replace(hotspot, borough=names.get(cell), profile=profile, peak=peak)

    listed = tuple(described(h) for h in found.hotspots)
    return replace(found, hotspots=listed, warnings=(*found.warnings, *_warn_of_windows(hours)))


def _weeks(
    found: HotspotList, hours: HourCounts | None, boroughs: Mapping[Key, str]
) -> dict[Key, tuple[tuple[float, ...], PeakHours]]:
    """The week of each listed place, shrunk to its borough's and that to the whole list's, and its peak."""
    if hours is None or not hours.counts.sum():
        return {}
    cells = list(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True))
    known = {name: i for i, name in enumerate(sorted({boroughs[c] for c in cells if c in boroughs}))}
    neighbourhood = np.array([known.get(boroughs.get(c, ""), -1) for c in cells], dtype=np.int64)
    counts = hours.counts.astype(np.float64)
    profiles = week_profiles(counts, neighbourhood)
    peaks = busiest_hours(counts, profiles, hours=PEAK_HOURS, level=found.level)
    made = {}
    for i, cell in enumerate(cells):
        values = (float(peaks.share[i]), float(peaks.low[i]), float(peaks.high[i]))
        share = Estimate(*values, level=found.level, method=PEAK_METHOD)
        peak = PeakHours(int(peaks.start[i]), PEAK_HOURS, share, float(peaks.sure[i]))
        made[cell] = (tuple(profiles[i].tolist()), peak)
    return made


def _warn_of_windows(hours: HourCounts | None) -> tuple[str, ...]:
    """How many records of the listed places have a window too long to say in which hour they fell?"""
    too_long = 0 if hours is None or hours.too_long is None else int(hours.too_long.sum())
    if not too_long:
        return ()
    return (
        f"{too_long:,} records of the listed places may have happened at any time of a window that is too "
        "long to say in which hour: they count, and are left out of the hours of the week.",
    )

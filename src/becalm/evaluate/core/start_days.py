"""The place-days of plans whose chances are known: starts, their expected number, and offences."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol as Shape

import numpy as np

from becalm.evaluate.core.count_study import DatedPoints, count_around
from becalm.evaluate.core.estimate_series import StartCounts
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyPlaces


class StartDay(Shape):
    """One place on one day: planned starts, and how many their chances expected."""

    @property
    def hotspot(self) -> str:
        """The place."""

    @property
    def day(self) -> date:
        """The civil day."""

    @property
    def starts(self) -> int:
        """Starts that were planned."""

    @property
    def expected_starts(self) -> float:
        """The sum of the chances of a start."""


def count_starts(
    protocol: Protocol,
    days: Sequence[StartDay],
    place_by_hotspot: Mapping[str, tuple[float, float]],
    points: DatedPoints,
    *,
    hours_per_start: float,
) -> StartCounts:
    """How many offences had each place-day of the plans within the window after?"""
    hotspots = sorted(place_by_hotspot)
    places = StudyPlaces(
        names=tuple(hotspots),
        is_treated=np.ones(len(hotspots), dtype=bool),
        easting_m=np.array([place_by_hotspot[name][0] for name in hotspots]),
        northing_m=np.array([place_by_hotspot[name][1] for name in hotspots]),
        covariates=np.zeros((len(hotspots), 0)),
    )
    totals = count_around(places, points, radius_m=protocol.places.radius_m, ring_m=0.0)
    by_place_and_day = np.tensordot(np.asarray(protocol.outcome.weights), totals.within, axes=1)
    first, before = points.spans[0].start, protocol.windows.before
    before_days = slice((before.start - first).days, (before.end - first).days)
    daily_before = by_place_and_day[:, before_days].mean(axis=1)
    after = protocol.windows.after
    used_days = [row for row in days if after.start <= row.day < after.end]
    row_by_hotspot = {name: row for row, name in enumerate(hotspots)}
    rows = np.array([row_by_hotspot[row.hotspot] for row in used_days], dtype=np.int64)
    day_numbers = np.array([(row.day - first).days for row in used_days], dtype=np.int64)
    return StartCounts(
        counts=by_place_and_day[rows, day_numbers],
        starts=np.array([float(row.starts) for row in used_days]),
        expected_starts=np.array([row.expected_starts for row in used_days]),
        day=day_numbers,
        before=daily_before[rows],
        hours_per_start=hours_per_start,
    )

"""The place-days of plans whose chances are known: starts, their expected number, and offences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol as Shape

import numpy as np

from becalm.evaluate.core.count_study import DatedPoints, count_around
from becalm.evaluate.core.estimate_series import StartCounts
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyPlaces
from becalm.methods.arrays import Ints
from becalm.terms import QuestionError


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


def list_places(place_by_hotspot: Mapping[str, tuple[float, float]]) -> StudyPlaces:
    """The hotspots of the plans, in the order of their names."""
    hotspots = sorted(place_by_hotspot)
    return StudyPlaces(
        names=tuple(hotspots),
        is_treated=np.ones(len(hotspots), dtype=bool),
        easting_m=np.array([place_by_hotspot[name][0] for name in hotspots]),
        northing_m=np.array([place_by_hotspot[name][1] for name in hotspots]),
        covariates=np.zeros((len(hotspots), 0)),
    )


def lay_starts(
    protocol: Protocol, days: Sequence[StartDay], places: StudyPlaces, *, hours_per_start: float
) -> tuple[StartCounts, Ints]:
    """The place-days of the plans within the window after, without counts, and each one's place.

    Raises QuestionError where the plans have no day in that window.
    """
    after = protocol.windows.after
    used_days = [row for row in days if after.start <= row.day < after.end]
    if not used_days:
        raise QuestionError(f"The plans have no day within {after}. Name plans of those days.")
    row_by_hotspot = {name: row for row, name in enumerate(places.names)}
    nothing = np.zeros(len(used_days))
    starts = StartCounts(
        counts=nothing,
        starts=np.array([float(row.starts) for row in used_days]),
        expected_starts=np.array([row.expected_starts for row in used_days]),
        day=np.array([(row.day - after.start).days for row in used_days], dtype=np.int64),
        before=nothing,
        hours_per_start=hours_per_start,
    )
    return starts, np.array([row_by_hotspot[row.hotspot] for row in used_days], dtype=np.int64)


def count_starts(
    protocol: Protocol,
    days: Sequence[StartDay],
    place_by_hotspot: Mapping[str, tuple[float, float]],
    points: DatedPoints,
    *,
    hours_per_start: float,
) -> StartCounts:
    """How many offences had each place-day of the plans within the window after?"""
    study_places = list_places(place_by_hotspot)
    starts, rows = lay_starts(protocol, days, study_places, hours_per_start=hours_per_start)
    totals = count_around(study_places, points, radius_m=protocol.places.radius_m, ring_m=0.0)
    by_place_and_day = np.tensordot(np.asarray(protocol.outcome.weights), totals.within, axes=1)
    first, before = points.spans[0].start, protocol.windows.before
    before_days = slice((before.start - first).days, (before.end - first).days)
    daily_before = by_place_and_day[:, before_days].mean(axis=1)
    day_columns = starts.day + (protocol.windows.after.start - first).days
    return replace(starts, counts=by_place_and_day[rows, day_columns], before=daily_before[rows])

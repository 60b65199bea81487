"""From records on the map to the counts of a study: of each place, and of the ring around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from ibis import Table
from scipy.spatial import cKDTree

from becalm.evaluate.core.protocol import PLAN_DESIGNS, Protocol
from becalm.evaluate.core.study import StudyCounts, StudyPlaces
from becalm.methods.arrays import Floats, Ints
from becalm.tables import count_points, list_event_points
from becalm.terms import Period

BLOCK_DAYS: Final = (
    28  # of a time of the panel, where days are counted: whole weeks, so that weekdays are alike
)
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DatedPoints:
    """Points with how many offences of which group lie on each in which span of time, as parallel arrays.

    `spans` are consecutive civil months or days, whichever the windows need.
    """

    easting_m: Floats
    northing_m: Floats
    span_index: Ints
    group_index: Ints
    counts: Ints
    spans: tuple[Period, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaceTotals:
    """Counts of shape (groups, places, spans): within each place, and in the ring around it."""

    within: Floats
    ring: Floats


def read_points(incidents: Table, protocol: Protocol) -> DatedPoints:
    """The records of the outcome's groups in all windows, by month where all windows are whole months.

    Raises QuestionError where days are needed and the records carry months alone.
    """
    windows, groups = protocol.windows_read, protocol.outcome.offence_groups
    whole_period = Period(min(w.start for w in windows), max(w.end for w in windows))
    if is_counted_by_month(protocol):
        return _read_months(incidents, whole_period, groups)
    return _read_days(incidents, whole_period, groups)


def is_counted_by_month(protocol: Protocol) -> bool:
    """Whether whole months do for every window; else days are counted."""
    is_of_plan = protocol.design in PLAN_DESIGNS
    return not is_of_plan and all(window.is_whole_months for window in protocol.windows_read)


def _read_months(incidents: Table, whole: Period, groups: Sequence[str]) -> DatedPoints:
    of_points = count_points(
        incidents.filter(incidents.offence_group.isin(list(groups))), months=whole.months
    )
    group_number = {group: number for number, group in enumerate(groups)}
    index_of_group = np.array([group_number[group] for group in of_points.groups], dtype=np.int64)
    first_month = whole.months.index(of_points.months[0]) if of_points.months else 0
    return DatedPoints(
        of_points.easting_m,
        of_points.northing_m,
        of_points.month_index + first_month,
        index_of_group[of_points.group_index] if len(index_of_group) else of_points.group_index,
        of_points.counts,
        _list_months(whole),
        tuple(groups),
    )


def _list_months(whole: Period) -> tuple[Period, ...]:
    starts = [date.fromisoformat(f"{month}-01") for month in whole.months]
    return tuple(Period(start, end) for start, end in zip(starts, (*starts[1:], whole.end), strict=True))


def _read_days(incidents: Table, whole: Period, groups: Sequence[str]) -> DatedPoints:
    parts = [list_event_points(incidents, groups=(group,), months=whole.months) for group in groups]
    day_number = np.concatenate([part.day for part in parts]) - (whole.start - EPOCH).days
    is_inside = (day_number >= 0) & (day_number < whole.days)
    group_index = np.repeat(np.arange(len(groups)), [len(part.day) for part in parts])
    return DatedPoints(
        np.concatenate([part.easting_m for part in parts])[is_inside],
        np.concatenate([part.northing_m for part in parts])[is_inside],
        day_number[is_inside],
        group_index[is_inside],
        np.ones(int(is_inside.sum()), dtype=np.int64),
        tuple(
            Period(whole.start + timedelta(days=day), whole.start + timedelta(days=day + 1))
            for day in range(whole.days)
        ),
        tuple(groups),
    )


def count_around(places: StudyPlaces, points: DatedPoints, *, radius_m: float, ring_m: float) -> PlaceTotals:
    """How many offences lie within `radius_m` of each place, and up to `ring_m` beyond?

    Each record counts once: for its nearest place, or for that place's ring where no place holds it.
    """
    shape = (len(points.groups), len(places.names), len(points.spans))
    if not len(points.counts):
        return PlaceTotals(np.zeros(shape), np.zeros(shape))
    place_tree = cKDTree(np.column_stack([places.easting_m, places.northing_m]))
    distance_m, nearest_place = place_tree.query(np.column_stack([points.easting_m, points.northing_m]))
    is_within = distance_m <= radius_m
    is_in_ring = ~is_within & (distance_m <= radius_m + ring_m)
    zone_totals = []
    for is_counted in (is_within, is_in_ring):
        zone_tally = np.zeros(shape)
        cells = (points.group_index[is_counted], nearest_place[is_counted], points.span_index[is_counted])
        np.add.at(zone_tally, cells, points.counts[is_counted])
        zone_totals.append(zone_tally)
    return PlaceTotals(*zone_totals)


def build_study(protocol: Protocol, places: StudyPlaces, points: DatedPoints) -> StudyCounts:
    """The counts of every window of the protocol, weighted as its outcome says."""
    totals = count_around(places, points, radius_m=protocol.places.radius_m, ring_m=protocol.places.ring_m)
    weights = np.asarray(protocol.outcome.weights)
    within, ring = (np.tensordot(weights, tally, axes=1) for tally in (totals.within, totals.ring))
    windows, chosen_on = protocol.windows, protocol.places.chosen_on
    sums = _Sums(points.spans)
    before_panel, after_panel = (
        sums.panel(within, windows.before, from_end=True),
        sums.panel(within, windows.after),
    )
    return StudyCounts(
        places=places,
        before=sums.total(within, windows.before),
        after=sums.total(within, windows.after),
        group_counts=np.stack(
            [sums.total(totals.within, w) for w in (windows.before, windows.after)], axis=-1
        ),
        group_weights=weights,
        chosen_on=sums.total(within, chosen_on) if chosen_on else None,
        matching=np.column_stack(
            [sums.total(within, w) for w in windows.matching] or [np.zeros((len(places.names), 0))]
        ),
        panel=np.column_stack([before_panel, after_panel]),
        panel_start=before_panel.shape[1],
        ring_before=sums.total(ring, windows.before),
        ring_after=sums.total(ring, windows.after),
        before_days=windows.before.days,
        after_days=windows.after.days,
        panel_days=np.concatenate(
            [sums.panel_days(windows.before, from_end=True), sums.panel_days(windows.after)]
        ),
    )


class _Sums:
    """Sums of counts by span over windows."""

    def __init__(self, spans: Sequence[Period]) -> None:
        self.first = spans[0].start
        self.is_by_day = len(spans) > 1 and spans[0].days == 1
        self.index_by_start: Mapping[date, int] = {span.start: number for number, span in enumerate(spans)}
        self.span_count = len(spans)
        self.span_days = np.array([span.days for span in spans], dtype=np.float64)

    def _ends(self, window: Period) -> slice:
        return slice(self.index_by_start[window.start], self.index_by_start.get(window.end, self.span_count))

    def total(self, counts: Floats, window: Period) -> Floats:
        """Of each place, over the window."""
        return np.asarray(counts[..., self._ends(window)].sum(axis=-1))

    def panel_days(self, window: Period, *, from_end: bool = False) -> Floats:
        """How many days each time of the window's panel has."""
        return self.panel(self.span_days, window, from_end=from_end)

    def panel(self, counts: Floats, window: Period, *, from_end: bool = False) -> Floats:
        """Of each place, by month, or by whole blocks of days that begin with the window (or end with it)."""
        window_counts = counts[..., self._ends(window)]
        if not self.is_by_day:
            return np.asarray(window_counts)
        block_count = window_counts.shape[-1] // BLOCK_DAYS
        used_days = block_count * BLOCK_DAYS
        kept_days = (
            window_counts[..., window_counts.shape[-1] - used_days :]
            if from_end
            else window_counts[..., :used_days]
        )
        return np.asarray(kept_days.reshape(*kept_days.shape[:-1], block_count, BLOCK_DAYS).sum(axis=-1))

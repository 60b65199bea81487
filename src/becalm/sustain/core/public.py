"""A watch as the public may see it: no small count, and nothing that would give one away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import LEARNING_TIMES
from becalm.sustain.core.levels import RECENT_WEEKS, Levels
from becalm.sustain.core.series import WEEK, Key
from becalm.sustain.core.watch import Watch, WatchedSeries
from becalm.terms import Period

NO_LEVELS: Final = Levels(None, None, None, None, None)
WITHHELD_NOTE: Final = "withheld: a small count, or one that would give a small count away"


@dataclass(frozen=True, slots=True)
class WatchFigure:
    """A count that the levels of series number `row` tell."""

    row: int
    key: Key
    windows: tuple[Period, ...]
    count: int


def list_watch_figures(watch: Watch, reference: Period) -> tuple[WatchFigure, ...]:
    """Every count that the levels of a watch tell.

    These are the counts of the newest weeks, of the first weeks since the step, and of the reference period.
    """
    return tuple(
        WatchFigure(
            row,
            series.key,
            tuple(_periods(watch, series, weeks)),
            round(float(series.counts[weeks].sum())),
        )
        for row, series in enumerate(watch.series)
        if not series.is_found_by_police
        for weeks in _windows(watch, series, reference)
    )


def _windows(watch: Watch, series: WatchedSeries, reference: Period) -> Iterator[Sequence[int]]:
    """The columns of its weeks from which the levels of a series are made."""
    mondays = watch.mondays[-len(series.counts) :]
    first = len(series.counts) - series.weeks_since
    known_columns = first + np.flatnonzero(~np.isnan(series.counts[first:]))
    in_reference = [
        column
        for column, monday in enumerate(mondays[:first])
        if reference.start <= monday and monday + WEEK <= reference.end
    ]
    for columns in (
        known_columns[-RECENT_WEEKS:].tolist(),
        known_columns[known_columns < first + LEARNING_TIMES].tolist(),
        in_reference,
    ):
        if columns:
            yield columns


def _periods(watch: Watch, series: WatchedSeries, columns: Sequence[int]) -> Iterator[Period]:
    """These weeks as runs of days."""
    mondays = watch.mondays[-len(series.counts) :]
    runs = np.split(np.asarray(columns), np.flatnonzero(np.diff(columns) > 1) + 1)
    for run in runs:
        yield Period(mondays[int(run[0])], mondays[int(run[-1])] + WEEK)


def publish_watch(watch: Watch, withheld_rows: frozenset[int]) -> Watch:
    """The watch without the levels of these series, and without scores and weekly counts of any."""
    return replace(
        watch,
        series=tuple(
            _withhold(series) if row in withheld_rows or series.is_found_by_police else _publish(series)
            for row, series in enumerate(watch.series)
        ),
        efforts=(),
    )


def _publish(series: WatchedSeries) -> WatchedSeries:
    # A score is worked out from weekly counts, which are smaller than those of eight weeks.
    return replace(series, score=float("nan"), counts=np.full_like(series.counts, np.nan))


def _withhold(series: WatchedSeries) -> WatchedSeries:
    return replace(
        _publish(series),
        state="withheld",
        levels=NO_LEVELS,
        notes=(WITHHELD_NOTE,),
        known_share=None,
        alarms=(),
    )

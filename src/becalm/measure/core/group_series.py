"""The counts that are compared: one series per group that occurs, and their total above them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from becalm.measure.core.baseline import Baseline
from becalm.measure.core.request import Align
from becalm.tables import CountTable, MonthlyTotals, TimeUnit
from becalm.terms import OffenceGroup, Period, QuestionError, month_start

TOTAL: Final = "total"


@dataclass(frozen=True, slots=True)
class Series:
    """`counts[g, t]` of `groups[g]` in the day or month that starts on `times[t]`; row 0 is the total."""

    groups: tuple[str, ...]
    labels: tuple[str, ...]
    found_by: tuple[str, ...]
    counts: NDArray[np.int64]
    times: tuple[date, ...]
    unit: TimeUnit

    def on(self, days: Sequence[date]) -> NDArray[np.int64]:
        """The count of each series on these days (for months: the months whose first day is among them)."""
        day_set = set(days)
        return np.asarray(self.counts[:, [t in day_set for t in self.times]].sum(axis=1))


def build_series(
    counts: CountTable, windows: Sequence[Period], *, groups: Mapping[str, OffenceGroup] | None = None
) -> Series:
    """Every group that occurs in any window, be it absent from the others, below their total."""
    is_compared_time = [any(w.start <= t < w.end for w in windows) for t in counts.times]
    kept_groups = np.flatnonzero(counts.counts[:, is_compared_time].sum(axis=1))
    group_keys = tuple(counts.groups[g] for g in kept_groups)
    finder_of_group = tuple(counts.found_by[g] for g in kept_groups)
    return Series(
        groups=(TOTAL, *group_keys),
        labels=("Total", *(group_label(group_key, groups or {}) for group_key in group_keys)),
        found_by=(finder_of_group[0] if len(set(finder_of_group)) == 1 else "mixed", *finder_of_group),
        counts=np.vstack([counts.counts[kept_groups].sum(axis=0, keepdims=True), counts.counts[kept_groups]]),
        times=counts.times,
        unit=counts.unit,
    )


def group_label(key: str, groups: Mapping[str, OffenceGroup]) -> str:
    """What people call this group."""
    return groups[key].label if key in groups else key


def days_covered(totals: MonthlyTotals, unit: TimeUnit) -> Period:
    """From the first to the last full day that the records of a source cover.

    Whole months where months are counted. Where days are, from the first day with a record to the
    last; the day on which the extract was made is not full yet.

    Raises QuestionError where records are later than the day as of which they are said to be.
    """
    first_month, last_month = (date.fromisoformat(f"{totals.months[i]}-01") for i in (0, -1))
    next_month = month_start(last_month.year, last_month.month + 1)
    last_day = totals.last_day[-1]
    if (last_day or last_month) > totals.as_of:
        raise QuestionError(
            f"{totals.source} holds records of {last_day or totals.months[-1]}, later than their as-of date "
            f"{totals.as_of}. Ingest the file again with the right `as_of`, or correct its dates."
        )
    if unit == "month" or last_day is None:
        return Period(first_month, next_month)
    return Period(totals.first_day[0] or first_month, min(last_day + timedelta(days=1), totals.as_of))


def days_counted(counts: CountTable) -> Period:
    """From the first to the last day of a table of counts."""
    last_time = counts.times[-1]
    end_day = (
        month_start(last_time.year, last_time.month + 1)
        if counts.unit == "month"
        else last_time + timedelta(days=1)
    )
    return Period(counts.times[0], end_day)


def check_coverage(
    counts: CountTable, covered: Period, period: Period, baselines: Sequence[Baseline], align: Align
) -> None:
    """Refuse windows that the records do not cover, and days asked of months."""
    named_windows = [("period", period), *(("baseline", w) for b in baselines for w in b.windows)]
    for window_name, window in named_windows:
        if counts.unit == "month" and not window.is_whole_months:
            raise QuestionError(
                f"The {window_name} {window} is not whole months, and {counts.source} records only the month "
                f"of each offence. Ask for whole months, for example `period {_middle_month(window)}`."
            )
        if not covered.holds(window):
            raise QuestionError(
                f"The {window_name} {window} is not covered: the records of {counts.source} run from "
                f"{covered}. Ask within those days, or ingest the missing months."
            )
    if counts.unit == "month" and align != "windows":
        raise QuestionError(
            f"{counts.source} records only the month of each offence, so that days cannot be matched by "
            f"{align}. Leave out `align`, and read the calendar warnings instead."
        )


def _middle_month(window: Period) -> str:
    """The month that the middle of the window lies in."""
    return f"{window.start + timedelta(days=window.days // 2):%Y-%m}"


def outside_total(
    recorded_groups: Sequence[str], groups: Mapping[str, OffenceGroup], *, requested: Sequence[str] = ()
) -> tuple[str, ...]:
    """Which of these offence groups are left out of every count?

    Those that are in no total, unless they were asked for by name or nothing else is there.
    """
    outside_keys = tuple(key for key in recorded_groups if key in groups and not groups[key].in_total)
    return () if requested or len(outside_keys) == len(recorded_groups) else outside_keys


def pick_groups(counts: CountTable, keys: Sequence[str]) -> CountTable:
    """The table of these groups alone."""
    group_positions = [counts.groups.index(group_key) for group_key in keys]
    found_by = tuple(counts.found_by[group_position] for group_position in group_positions)
    return replace(
        counts,
        groups=tuple(keys),
        keys=tuple(counts.keys[group_position] for group_position in group_positions),
        counts=counts.counts[group_positions],
        found_by=found_by,
    )

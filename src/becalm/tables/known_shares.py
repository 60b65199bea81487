"""How much of former periods was on record by the same time after their end as this one's now?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import ibis
import numpy as np
from ibis import Table

from becalm.methods.arrays import Ints
from becalm.tables import counts as counting
from becalm.terms import Period, month_start

SETTLED_DAYS: Final = 182  # after which hardly anything is still written down about a period
MOST_WINDOWS: Final = 12


@dataclass(frozen=True, slots=True)
class KnownCounts:
    """Records of former periods: `known_counts[g, k]` of `final_counts[g, k]` were written by the same age.

    `groups` stand in alphabetical order; `undated_count` records do not say when they were written.
    """

    groups: tuple[str, ...]
    windows: tuple[Period, ...]
    known_counts: Ints
    final_counts: Ints
    undated_count: int


def list_former_periods(period: Period, *, first_day: date, as_of: date) -> tuple[Period, ...]:
    """Former periods like this one, the newest first: as long, end to end, settled, and on record.

    Whole months go back by whole months, anything else by its days.
    """
    windows: list[Period] = []
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    is_whole_months = period.start.day == period.end.day == 1
    for back in range(1, 200):
        if is_whole_months:
            start, end = (
                month_start(day.year, day.month - back * months) for day in (period.start, period.end)
            )
        else:
            shift = timedelta(days=back * (period.end - period.start).days)
            start, end = period.start - shift, period.end - shift
        if start < first_day or len(windows) == MOST_WINDOWS:
            break
        if end + timedelta(days=SETTLED_DAYS) <= as_of:
            windows.append(Period(start, end))
    return tuple(windows)


def count_known(
    incidents: Table, *, by: counting.Groupings, windows: Sequence[Period], age_days: int
) -> KnownCounts:
    """How many records of each window were written within `age_days` of its end, and how many are there?

    `windows` do not overlap, and there is at least one.
    """
    first_day, last_day = min(w.start for w in windows), max(w.end for w in windows)
    rows = incidents.filter(
        (incidents.occurred_on >= ibis.literal(first_day)) & (incidents.occurred_on < ibis.literal(last_day))
    )
    cases = [
        (
            (rows.occurred_on >= ibis.literal(w.start)) & (rows.occurred_on < ibis.literal(w.end)),
            ibis.literal(k, "int64"),
        )
        for k, w in enumerate(windows)
    ]
    rows = rows.mutate(
        group=counting.join_groups(rows[name].fill_null(counting.UNKNOWN) for name in counting.names_of(by)),
        window=ibis.cases(*cases, else_=-1),
    )
    deadlines = [
        (rows.window == k, ibis.literal(w.end + timedelta(days=age_days))) for k, w in enumerate(windows)
    ]
    is_known = (rows.recorded_on < ibis.cases(*deadlines, else_=ibis.literal(first_day))).fill_null(False)
    sums = (
        rows.mutate(is_known=is_known.cast("int64"))
        .filter(rows.window >= 0)
        .group_by("group", "window")
        .agg(known=ibis._.is_known.sum(), final=ibis._.count(), dated=ibis._.recorded_on.count())
        .to_pyarrow()
        .to_pylist()
    )
    groups = tuple(sorted({row["group"] for row in sums}))
    known_counts, final_counts = np.zeros((2, len(groups), len(windows)), dtype=np.int64)
    for row in sums:
        g = groups.index(row["group"])
        known_counts[g, row["window"]], final_counts[g, row["window"]] = row["known"], row["final"]
    undated_count = sum(row["final"] - row["dated"] for row in sums)
    return KnownCounts(groups, tuple(windows), known_counts, final_counts, undated_count)

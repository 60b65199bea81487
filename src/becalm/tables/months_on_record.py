"""How far the records reach: which sources and months, as of when, how many, and the newest whole month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
from ibis import Table

from becalm.methods.arrays import Ints
from becalm.terms import Gap, Period, QuestionError

Row = dict[str, Any]  # a row of a query's answer
CONTENT_OF_A_STOP = (
    "stopped_at", "kind", "legislation", "object_of_search", "outcome", "easting_m", "northing_m",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonthlyTotals:
    """How many records one source has in each month from its first to its last.

    `first_day[m]` and `last_day[m]` are the first and last civil day with a record, None where no record of
    the month has a day, and `without_day[m]` counts those that have none. `area_counts[a, m]` are the
    records of `areas[a]`; `distinct[m]` is how many records differ (0 where that was not asked).
    """

    source: str
    months: tuple[str, ...]
    counts: Ints
    first_day: tuple[date | None, ...]
    last_day: tuple[date | None, ...]
    without_day: Ints
    as_of: date
    areas: tuple[str, ...] = ()
    area_counts: Ints | None = None
    distinct: Ints | None = None


@dataclass(frozen=True, slots=True)
class RecordScope:
    """What a table holds: its sources, its first and last month, its newest as-of date."""

    source: str
    first_month: str
    last_month: str
    as_of: date

    @property
    def months(self) -> tuple[str, ...]:
        """Every month from the first to the last."""
        return list_months(self.first_month, self.last_month)


def find_scope(rows: Table, record_name: str) -> RecordScope:
    """From which sources are these rows, which months do they span, and as of when are they?

    Raises QuestionError where there are no rows.
    """
    source_rows = (
        rows.group_by("source")
        .agg(first=rows.month.min(), last=rows.month.max(), as_of=rows.as_of.max())
        .to_pyarrow()
        .to_pylist()
    )
    if not source_rows:
        raise QuestionError(f"The archive holds no {record_name}. Load some with `becalm ingest PATH`.")
    return RecordScope(
        source=", ".join(sorted(source_row["source"] for source_row in source_rows)),
        first_month=min(source_row["first"] for source_row in source_rows),
        last_month=max(source_row["last"] for source_row in source_rows),
        as_of=max(source_row["as_of"] for source_row in source_rows),
    )


def list_months(first: str, last: str) -> tuple[str, ...]:
    """Every month from the first to the last, both included, written YYYY-MM.

    >>> list_months("2019-11", "2020-02")
    ('2019-11', '2019-12', '2020-01', '2020-02')
    """
    first_index, last_index = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return tuple(f"{index // 12:04d}-{index % 12 + 1:02d}" for index in range(first_index, last_index + 1))


def first_day_of(month: str) -> date:
    """The first day of a month written YYYY-MM."""
    return date(int(month[:4]), int(month[5:7]), 1)


def last_day_of(month: str) -> date:
    """The last day of a month written YYYY-MM."""
    return (first_day_of(month) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def total_incidents(incidents: Table) -> tuple[MonthlyTotals, ...]:
    """How many records has each source in each month and borough, and from which to which day? By source."""
    return _total_months(incidents, day=incidents.occurred_on, area=incidents.borough)


def total_published(published: Table) -> tuple[MonthlyTotals, ...]:
    """What do the counts of each source add up to in each month? All measures and areas together."""
    return _total_months(published, n=published["count"].fill_null(0), area=published.borough)


def total_stops(stops: Table) -> tuple[MonthlyTotals, ...]:
    """How many stops has each source in each month, from which to which day, and how many of them differ?"""
    return _total_months(stops, day=stops.stopped_at.date(), content=CONTENT_OF_A_STOP)


def total_outcomes(outcomes: Table) -> tuple[MonthlyTotals, ...]:
    """How many outcomes has each source in each month, and how many of them differ?"""
    return _total_months(outcomes, content=("incident_id", "outcome"))


def _total_months(
    rows: Table,
    *,
    n: ibis.Value | None = None,
    day: ibis.Value | None = None,
    area: ibis.Value | None = None,
    content: Sequence[str] = (),
) -> tuple[MonthlyTotals, ...]:
    """Add up months; `content` names the columns in which two records differ if they are not the same one."""
    content_texts = [rows[column_name].cast("string").fill_null("") for column_name in content]
    month_rows = (
        rows.mutate(
            n=ibis.literal(1, "int64") if n is None else n,
            day=ibis.null("date") if day is None else day,
            area=ibis.null("string") if area is None else area,
            content=ibis.literal("|").join(content_texts) if content else ibis.null("string"),
        )
        .group_by("source", "month", "area")
        .agg(
            n=ibis._.n.sum(),
            first=ibis._.day.min(),
            last=ibis._.day.max(),
            undated=ibis._.count() - ibis._.day.count(),
            as_of=ibis._.as_of.max(),
            distinct=ibis._.content.nunique(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    rows_by_source: dict[str, list[Row]] = {}
    for row in month_rows:
        rows_by_source.setdefault(row["source"], []).append(row)
    return tuple(_source_totals(source, rows_by_source[source]) for source in sorted(rows_by_source))


def _source_totals(source: str, month_rows: list[Row]) -> MonthlyTotals:
    month_span = list_months(min(row["month"] for row in month_rows), max(row["month"] for row in month_rows))
    area_names = tuple(sorted({row["area"] for row in month_rows if row["area"] is not None}))
    area_counts, sums = (
        np.zeros((len(area_names), len(month_span)), np.int64),
        np.zeros((3, len(month_span)), np.int64),
    )
    first_day_by_month: list[date | None] = [None] * len(month_span)
    last_day_by_month = list(first_day_by_month)
    for row in month_rows:
        m = month_span.index(row["month"])
        sums[:, m] += (row["n"], row["undated"], row["distinct"])
        if row["area"] is not None:
            area_counts[area_names.index(row["area"]), m] += row["n"]
        first_day_by_month[m] = min(filter(None, (first_day_by_month[m], row["first"])), default=None)
        last_day_by_month[m] = max(filter(None, (last_day_by_month[m], row["last"])), default=None)
    return MonthlyTotals(
        source=source,
        months=month_span,
        counts=sums[0],
        first_day=tuple(first_day_by_month),
        last_day=tuple(last_day_by_month),
        without_day=sums[1],
        as_of=max(row["as_of"] for row in month_rows),
        areas=area_names,
        area_counts=area_counts,
        distinct=sums[2],
    )


def find_newest_whole_month(totals: MonthlyTotals, gaps: Sequence[Gap] = ()) -> str:
    """Which is the newest month, written YYYY-MM, that the records hold from its first day to its last?

    Not one without records, nor one that had not ended when the records were made, nor one that is
    cut short or loaded in part. A month that is merely low may be real, and counts.

    Raises QuestionError where there is no such month.
    """
    broken_months = {gap.month for gap in gaps if gap.source == totals.source and gap.kind != "low"}
    for month, record_count in zip(reversed(totals.months), reversed(totals.counts.tolist()), strict=True):
        if record_count and totals.as_of > last_day_of(month) and month not in broken_months:
            return month
    raise QuestionError(
        f"No month of {totals.source} is whole ({totals.months[0]} to {totals.months[-1]}, "
        f"as of {totals.as_of}). Name the period with `period`."
    )


def find_last_whole_month(period: Period) -> str:
    """Which is the last month that ends within the period or before it?

    >>> find_last_whole_month(Period(date(2020, 4, 1), date(2020, 5, 13)))
    '2020-04'
    """
    return f"{period.end.replace(day=1) - timedelta(days=1):%Y-%m}"

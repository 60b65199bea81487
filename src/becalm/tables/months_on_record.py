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


@dataclass(frozen=True, slots=True)
class MonthlyTotals:
    """How many records one source has in each month from its first to its last.

    `first_day[m]` and `last_day[m]` are the first and last civil day with a record, None where no
    record of the month has a day, and `without_day[m]` counts those that have none.
    """

    source: str
    months: tuple[str, ...]
    counts: Ints
    first_day: tuple[date | None, ...]
    last_day: tuple[date | None, ...]
    without_day: Ints
    as_of: date


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
    """How many records has each source in each month, and from which to which day? By source."""
    return _total_months(incidents, n=ibis.literal(1, "int64"), day=incidents.occurred_on)


def total_published(published: Table) -> tuple[MonthlyTotals, ...]:
    """What do the counts of each source add up to in each month? All measures and areas together."""
    return _total_months(published, n=published["count"].fill_null(0), day=ibis.null("date"))


def _total_months(rows: Table, *, n: ibis.Value, day: ibis.Value) -> tuple[MonthlyTotals, ...]:
    month_rows = (
        rows.mutate(n=n, day=day)
        .group_by("source", "month")
        .agg(
            n=ibis._.n.sum(),
            first=ibis._.day.min(),
            last=ibis._.day.max(),
            undated=ibis._.count() - ibis._.day.count(),
            as_of=ibis._.as_of.max(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    rows_by_source: dict[str, dict[str, Row]] = {}
    for row in month_rows:
        rows_by_source.setdefault(row["source"], {})[row["month"]] = row
    return tuple(_source_totals(source, rows_by_source[source]) for source in sorted(rows_by_source))


def _source_totals(source: str, by_month: dict[str, Row]) -> MonthlyTotals:
    month_span = list_months(min(by_month), max(by_month))
    month_rows: list[Row] = [by_month.get(month, {}) for month in month_span]
    return MonthlyTotals(
        source=source,
        months=month_span,
        counts=np.array([month_row.get("n") or 0 for month_row in month_rows], dtype=np.int64),
        first_day=tuple(month_row.get("first") for month_row in month_rows),
        last_day=tuple(month_row.get("last") for month_row in month_rows),
        without_day=np.array([month_row.get("undated") or 0 for month_row in month_rows], dtype=np.int64),
        as_of=max(month_row["as_of"] for month_row in by_month.values()),
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

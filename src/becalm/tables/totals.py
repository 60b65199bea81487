"""How far the records reach: which sources, which months, as of when, and how many in each month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import numpy as np
from ibis import Table

from becalm.tables.tally import MonthlyTotals
from becalm.terms import QuestionError

Row = dict[str, Any]  # a row of a query's answer


@dataclass(frozen=True, slots=True)
class Scope:
    """What a table holds: its sources, its first and last month, its newest as-of date."""

    source: str
    first_month: str
    last_month: str
    as_of: date

    @property
    def months(self) -> tuple[str, ...]:
        """Every month from the first to the last."""
        return months_between(self.first_month, self.last_month)


def scope_of(rows: Table, what: str) -> Scope:
    """From which sources are these rows, which months do they span, and as of when are they?

    Raises
    ------
    QuestionError
        where there are no rows.
    """
    found = (
        rows.group_by("source")
        .agg(first=rows.month.min(), last=rows.month.max(), as_of=rows.as_of.max())
        .to_pyarrow()
        .to_pylist()
    )
    if not found:
        raise QuestionError(f"The archive holds no {what}. Load some with `becalm ingest PATH`.")
    return Scope(
        source=", ".join(sorted(row["source"] for row in found)),
        first_month=min(row["first"] for row in found),
        last_month=max(row["last"] for row in found),
        as_of=max(row["as_of"] for row in found),
    )


def months_between(first: str, last: str) -> tuple[str, ...]:
    """Every month from the first to the last, both included, written YYYY-MM.

    >>> months_between("2019-11", "2020-02")
    ('2019-11', '2019-12', '2020-01', '2020-02')
    """
    start, end = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return tuple(f"{index // 12:04d}-{index % 12 + 1:02d}" for index in range(start, end + 1))


def first_of(month: str) -> date:
    """The first day of a month written YYYY-MM."""
    return date(int(month[:4]), int(month[5:7]), 1)


def last_of(month: str) -> date:
    """The last day of a month written YYYY-MM."""
    return (first_of(month) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def monthly_totals(incidents: Table) -> tuple[MonthlyTotals, ...]:
    """How many records has each source in each month, and from which to which day? By source."""
    return _totals(incidents, n=ibis.literal(1, "int64"), day=incidents.occurred_on)


def published_totals(published: Table) -> tuple[MonthlyTotals, ...]:
    """What do the counts of each source add up to in each month? All measures and areas together."""
    return _totals(published, n=published["count"].fill_null(0), day=ibis.null("date"))


def _totals(rows: Table, *, n: ibis.Value, day: ibis.Value) -> tuple[MonthlyTotals, ...]:
    found = (
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
    by_source: dict[str, dict[str, Row]] = {}
    for row in found:
        by_source.setdefault(row["source"], {})[row["month"]] = row
    return tuple(_source_totals(source, by_source[source]) for source in sorted(by_source))


def _source_totals(source: str, by_month: dict[str, Row]) -> MonthlyTotals:
    months = months_between(min(by_month), max(by_month))
    found: list[Row] = [by_month.get(month, {}) for month in months]
    return MonthlyTotals(
        source=source,
        months=months,
        counts=np.array([row.get("n") or 0 for row in found], dtype=np.int64),
        first_day=tuple(row.get("first") for row in found),
        last_day=tuple(row.get("last") for row in found),
        without_day=np.array([row.get("undated") or 0 for row in found], dtype=np.int64),
        as_of=max(row["as_of"] for row in by_month.values()),
    )

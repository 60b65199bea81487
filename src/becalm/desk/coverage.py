"""What the records of a source do not cover."""

from __future__ import annotations

from datetime import date

from ibis import Table

from becalm.desk import Desk
from becalm.tables import (
    MonthlyTotals,
    Source,
    count_rejected_rows,
    find_cut_files,
    find_gaps,
    total_incidents,
    total_published,
)
from becalm.terms import Gap

_TOTALS = {"incidents": total_incidents, "published_counts": total_published}


def totals_in(records: Table, source: Source) -> MonthlyTotals:
    """How many of these records of one source are there in each month?"""
    (totals,) = _TOTALS[source.table](records)
    return totals


def totals_of(desk: Desk, source: Source, *, as_of: date | None = None) -> MonthlyTotals:
    """How many records has this source in each month?"""
    return totals_in(desk.archive.table(source.table, as_of=as_of, source=source.key), source)


def gaps_of(
    desk: Desk, source: Source, *, as_of: date | None = None, totals: MonthlyTotals | None = None
) -> tuple[Gap, ...]:
    """Which months of this source are missing, cut short, far too low or loaded in part?"""
    files = [f for f in desk.archive.files(source.table, as_of=as_of) if f.source == source.key]
    faults = desk.archive.table("row_faults", as_of=as_of)
    return find_gaps(
        (totals or totals_of(desk, source, as_of=as_of),),
        files=files,
        rejected_rows=count_rejected_rows(faults),
        cut_files=find_cut_files(faults),
    )

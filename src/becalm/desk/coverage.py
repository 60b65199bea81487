"""What the records of a source do not cover."""

from __future__ import annotations

from datetime import date

from ibis import Table

from becalm.desk import Desk
from becalm.tables.counts import monthly_totals, published_totals
from becalm.tables.coverage import cut_files, find_gaps, rejected_by_file
from becalm.tables.sources import Source
from becalm.tables.tally import MonthlyTotals
from becalm.terms import Gap

_TOTALS = {"incidents": monthly_totals, "published_counts": published_totals}


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
    counted = totals or totals_of(desk, source, as_of=as_of)
    return find_gaps((counted,), files=files, rejected=rejected_by_file(faults), cut=cut_files(faults))

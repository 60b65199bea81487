"""What a source does not cover: how many records each month has, and which months fall short."""

from datetime import date

from ibis import Table

from becalm import tables
from becalm.desk.context import Desk
from becalm.tables import MonthlyTotals, Source
from becalm.terms import Gap

TOTALLER_BY_TABLE = {
    "incidents": tables.total_incidents,
    "published_counts": tables.total_published,
    "stops": tables.total_stops,
    "outcomes": tables.total_outcomes,
}


def totals_in(records: Table, source: Source) -> MonthlyTotals:
    """How many of these records of one source are there in each month?"""
    (monthly_totals,) = TOTALLER_BY_TABLE[source.table](records)
    return monthly_totals


def totals_of(desk: Desk, source: Source, *, as_of: date | None = None) -> MonthlyTotals:
    """How many records has this source in each month?"""
    return totals_in(desk.archive.table(source.table, as_of=as_of, source=source.key), source)


def gaps_of(
    desk: Desk, source: Source, *, as_of: date | None = None, totals: MonthlyTotals | None = None
) -> tuple[Gap, ...]:
    """Which months of this source are missing, cut short, far too low or loaded in part?"""
    source_files = [f for f in desk.archive.files(source.table, as_of=as_of) if f.source == source.key]
    fault_rows = desk.archive.table("row_faults", as_of=as_of)
    totals = totals or totals_of(desk, source, as_of=as_of)
    rejected_rows, cut_files = tables.count_rejected_rows(fault_rows), tables.find_cut_files(fault_rows)
    return tables.find_gaps((totals,), files=source_files, rejected_rows=rejected_rows, cut_files=cut_files)

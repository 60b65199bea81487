"""The records as a question reads them: what a source does not cover, and an archive held still."""

from contextlib import AbstractContextManager
from datetime import date

from ibis import Table

from becalm import tables
from becalm.desk.context import Desk
from becalm.tables import Archive, ArchiveFile, Intake, MonthlyTotals, Pins, Source
from becalm.terms import Gap, ReplayError

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


class PinnedArchive:
    """An archive held still: exactly these files (path to SHA-256), whatever has arrived since."""

    def __init__(self, archive: Archive, pins: Pins) -> None:
        self._archive = archive
        self._pins = dict(sorted(pins.items()))

    def intake(self) -> AbstractContextManager[Intake]:
        """Refused: nothing may be added to records that are held still."""
        raise ReplayError("Records that a run holds still cannot be added to. Use `becalm ingest`.")

    def files(self, table: str | None = None, *, as_of: date | None = None) -> tuple[ArchiveFile, ...]:  # noqa: ARG002 - the pins already say as of when
        """The named files."""
        return tuple(f for f in self._archive.versions(table) if self._pins.get(f.path) == f.sha256)

    def versions(self, table: str | None = None) -> tuple[ArchiveFile, ...]:
        """The named files: there is one version of each."""
        return self.files(table)

    def table(
        self, name: str, *, as_of: date | None = None, source: str | None = None, only: Pins | None = None
    ) -> Table:
        """The rows of the named files; raises ReplayError where one of them is gone or altered."""
        del as_of  # the pins already say as of when
        return self._archive.table(name, source=source, only=only or self._pins)

    def has_input(self, input_sha256: str, recipe_sha256: str) -> bool:
        """Was this very input already loaded with this very recipe?"""
        return self._archive.has_input(input_sha256, recipe_sha256)

"""The series that every question of measure counts: which records, which groups, in which unit of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ibis import Table

from becalm import tables
from becalm.desk import Desk
from becalm.measure.core.group_series import outside_total
from becalm.measure.core.request import SeriesRequest
from becalm.terms import OffenceGroup, Period, UsageError, groups_by_key, suggest_group
from becalm.workspace.read_offence_tables import load_offences


@dataclass(frozen=True, slots=True)
class SeriesRecords:
    """The records of one source that series are counted from, without those that are in no total."""

    source: tables.Source
    rows: Table
    groups: Mapping[str, OffenceGroup]
    excluded_keys: tuple[str, ...]

    @property
    def counted_rows(self) -> Table:
        """The records without those of groups that are in no total."""
        return self.rows.filter(~self.rows.offence_group.fill_null("").isin(list(self.excluded_keys)))


def read_series(
    desk: Desk,
    request: SeriesRequest,
    *,
    as_of: date | None = None,
    only: Mapping[str, str] | None = None,
) -> SeriesRecords:
    """The records of the offence groups that were asked for, or of all that are in the total.

    `as_of` overrides that of the request; `only` pins the archive files (path to SHA-256).

    Raises UsageError where the source has no such group.
    """
    as_of = as_of or request.as_of
    source = tables.choose_source(desk.archive.files(as_of=as_of), request.source)
    rows = desk.archive.table(source.table, as_of=as_of, source=source.key, only=only)
    group_by_key = groups_by_key(load_offences(desk.workspace.offences_path).values(), source=source.key)
    group_counts = count_rows(
        desk, source, group_by_key, rows, by="offence_group", unit="month", counted_unit=request.counted
    )
    excluded_keys = outside_total(group_counts.groups, group_by_key, requested=request.offence_group)
    return SeriesRecords(
        source, filter_groups(rows, request.offence_group, group_counts), group_by_key, excluded_keys
    )


def count_series(
    desk: Desk,
    records: SeriesRecords,
    request: SeriesRequest,
    *,
    unit: tables.TimeUnit,
    period: Period | None = None,
) -> tables.CountTable:
    """How many of these records fell in each group in each day, week or month?"""
    return count_rows(
        desk,
        records.source,
        records.groups,
        records.rows,
        by=request.groupings,
        unit=unit,
        period=period,
        counted_unit=request.counted,
        exclude=records.excluded_keys,
    )


def finest_unit(records: SeriesRecords) -> tables.TimeUnit:
    """Weeks where the records carry days, else months."""
    return "week" if records.source.table == "incidents" and tables.has_days(records.rows) else "month"


def filter_groups(records: Table, keys: Sequence[str], counts: tables.CountTable) -> Table:
    """The records of the requested offence groups, or all."""
    for group_key in keys:
        if group_key not in counts.groups:
            raise UsageError(
                f"{counts.source} has no offence group {group_key!r}. "
                f"{suggest_group(group_key, counts.groups)} "
                "(Publishers may count others under `counted victims`.)"
            )
    return records.filter(records.offence_group.isin(list(keys))) if keys else records


def count_rows(
    desk: Desk,
    source: tables.Source,
    groups: Mapping[str, OffenceGroup],
    rows: Table,
    *,
    by: tables.Groupings,
    unit: tables.TimeUnit,
    counted_unit: str,
    period: Period | None = None,
    exclude: Sequence[str] = (),
) -> tables.CountTable:
    """Count incidents, or what a publisher counted; publishers know only months."""
    if source.table == "incidents":
        return tables.count_incidents(rows, by=by, unit=unit, period=period, exclude_groups=exclude)
    return tables.count_published(
        rows,
        by=by,
        source=source.key,
        period=period,
        exclude_groups=exclude,
        measure=counted_unit,
        command_units={b.name: b.command_unit for b in desk.workspace.city.boroughs},
        found_by={group_key: group.found_by for group_key, group in groups.items()},
    )

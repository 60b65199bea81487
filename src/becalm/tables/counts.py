"""The one place where things are counted, so that no two pages can disagree.

Each function keeps an Ibis expression until it is a count; what comes out are small arrays, the
same on every engine and in the same order. Places are counted in `cells`, months in `totals`;
import all of it from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from becalm.tables.cells import count_places, hour_profiles
from becalm.tables.tally import CountTable, Grouping, HourCounts, Ints, MonthlyTotals, PlaceCounts, Unit
from becalm.tables.totals import (
    Scope,
    first_of,
    last_of,
    monthly_totals,
    months_between,
    published_totals,
    scope_of,
)
from becalm.terms import Period, QuestionError

__all__ = [
    "CountTable",
    "Grouping",
    "HourCounts",
    "MonthlyTotals",
    "PlaceCounts",
    "Unit",
    "count_incidents",
    "count_places",
    "count_published",
    "hour_profiles",
    "monthly_totals",
    "months_between",
    "published_totals",
]

UNKNOWN = "unknown"
LARGEST_SHARE_WITHOUT_DAY = 0.05
WIDEST_FIRST = ("city", "borough", "ward", "neighbourhood")


def count_incidents(
    incidents: Table,
    *,
    by: Grouping,
    unit: Unit,
    period: Period | None = None,
    exclude_groups: Sequence[str] = (),
) -> CountTable:
    """How many incidents fell in each group in each day or month?

    Without `period`, every month (or day) from the first to the last on record. Records without a
    group are counted as "unknown".

    Raises
    ------
    QuestionError
        where there are no incidents at all; where days are asked of records that carry only a
        month; where months are asked of a period that does not hold whole months.
    """
    scope = scope_of(incidents, "incidents")
    times = _times(scope, unit, period)
    rows = _within_months(incidents, times)
    without_day = 0
    if unit == "day":
        without_day = _refuse_unknown_days(rows, scope)
        rows = rows.filter(rows.occurred_on.between(ibis.literal(times[0]), ibis.literal(times[-1])))
    rows = rows.mutate(
        group=rows[by].fill_null(UNKNOWN),
        time=(rows.month + "-01").cast("date") if unit == "month" else rows.occurred_on,
        n=ibis.literal(1, "int64"),
        finder=rows.found_by.fill_null(UNKNOWN),
    )
    return _tally(rows, by, unit, times, scope, exclude_groups, without_day)


def count_published(
    published: Table,
    *,
    by: Grouping,
    source: str,
    period: Period | None = None,
    exclude_groups: Sequence[str] = (),
    measure: str = "offences",
    area_kind: str | None = None,
    command_units: Mapping[str, str | None] | None = None,
    found_by: Mapping[str, str] | None = None,
) -> CountTable:
    """How many does this source's publisher count in each group in each month?

    One kind of area is counted, so that nothing is counted twice: wards for `by="ward"`, else the
    widest that the source has (city, borough, ward, neighbourhood), unless `area_kind` names one.
    A ward is named with its code, since names repeat. `command_units` maps a borough to its unit;
    `found_by` an offence group to who finds it.

    Raises
    ------
    QuestionError
        where the published counts do not hold this source, measure, kind of area or grouping.
    """
    rows = published.filter(published.source == source)
    rows = _one_of(rows, "measure", (measure,), source)
    rows = _one_of(rows, "area_kind", _area_kinds(by, area_kind), source)
    scope = scope_of(rows, f"published counts of {source}")
    times = _times(scope, "month", period)
    rows = _within_months(rows, times)
    rows = rows.mutate(
        group=_published_group(rows, by, command_units or {}),
        time=(rows.month + "-01").cast("date"),
        n=rows["count"].fill_null(0),
        finder=_looked_up(rows.offence_group, found_by or {}),
    )
    return _tally(rows, by, "month", times, scope, exclude_groups, without_day=0)


def _times(scope: Scope, unit: Unit, period: Period | None) -> tuple[date, ...]:
    if unit == "month":
        if period is not None and not period.is_whole_months:
            raise QuestionError(
                f"{period.start} to {period.end} does not hold whole months, so it cannot be counted "
                "by month. Give a period that starts and ends on the first of a month."
            )
        return tuple(first_of(month) for month in (period.months if period else scope.months))
    start = period.start if period else first_of(scope.first_month)
    days = period.days if period else (last_of(scope.last_month) - start).days + 1
    return tuple(start + timedelta(days=day) for day in range(days))


def _within_months(rows: Table, times: tuple[date, ...]) -> Table:
    return rows.filter(rows.month.between(f"{times[0]:%Y-%m}", f"{times[-1]:%Y-%m}"))


def _refuse_unknown_days(rows: Table, scope: Scope) -> int:
    found = rows.aggregate(n=rows.count(), dated=rows.occurred_on.count()).to_pyarrow().to_pylist()[0]
    without_day = int(found["n"] - found["dated"])
    if without_day > LARGEST_SHARE_WITHOUT_DAY * found["n"]:
        raise QuestionError(
            f"{without_day:,} of {found['n']:,} records of {scope.source} in this period carry a month "
            "but no day (data.police.uk never states the day), so days and weeks cannot be counted. "
            "Ask for whole months, or load an extract with dates."
        )
    return without_day


def _one_of(rows: Table, column: str, wanted: tuple[str, ...], source: str) -> Table:
    """Keep the first wanted value that the source has."""
    held = sorted(v for v in rows.select(column).distinct().to_pyarrow()[column].to_pylist() if v is not None)
    for value in wanted:
        if value in held:
            return rows.filter(rows[column] == value)
    if not held:
        raise QuestionError(
            f"The archive holds no published counts of {source}. Load some with `becalm ingest PATH`."
        )
    raise QuestionError(
        f"The published counts of {source} have no {column} {' or '.join(wanted)}; "
        f"they have {', '.join(held)}."
    )


def _area_kinds(by: Grouping, area_kind: str | None) -> tuple[str, ...]:
    if area_kind is not None:
        return (area_kind,)
    if by == "ward":
        return ("ward",)
    return WIDEST_FIRST[1:] if by in ("borough", "command_unit") else WIDEST_FIRST


def _published_group(rows: Table, by: Grouping, command_units: Mapping[str, str | None]) -> ibis.Value:
    if by in ("offence_group", "offence", "borough"):
        return rows[by].fill_null(UNKNOWN)
    if by == "ward":
        named = rows.area_name + " (" + rows.area_code + ")"
        return ibis.coalesce(named, rows.area_name, rows.area_code, UNKNOWN)
    if by == "command_unit":
        return _looked_up(rows.borough, {b: unit for b, unit in command_units.items() if unit is not None})
    raise QuestionError(
        f"Published counts do not state the {by}. Ask by offence_group, offence, borough, ward or "
        "command_unit, or load incidents."
    )


def _looked_up(column: ibis.Value, names: Mapping[str, str]) -> ibis.Value:
    if not names:
        return ibis.literal(UNKNOWN)
    return column.cases(*names.items(), else_=UNKNOWN)


def _tally(
    rows: Table,
    by: Grouping,
    unit: Unit,
    times: tuple[date, ...],
    scope: Scope,
    exclude_groups: Sequence[str],
    without_day: int,
) -> CountTable:
    """Add up the rows, which carry a group, a time, a number and a finder."""
    excluded: tuple[tuple[str, int], ...] = ()
    if exclude_groups:
        out = rows.offence_group.fill_null(UNKNOWN).isin(list(exclude_groups))
        left_out = rows.filter(out).group_by("offence_group").agg(n=ibis._.n.sum()).to_pyarrow().to_pylist()
        excluded = tuple(sorted((row["offence_group"] or UNKNOWN, int(row["n"])) for row in left_out))
        rows = rows.filter(~out)
    found = (
        rows.group_by("group", "time")
        .agg(n=ibis._.n.sum(), least=ibis._.finder.min(), most=ibis._.finder.max())
        .to_pyarrow()
    )
    groups = tuple(sorted(found["group"].unique().to_pylist()))
    return CountTable(
        by=by,
        unit=unit,
        groups=groups,
        times=times,
        counts=_spread(found, groups, times),
        found_by=_found_by(found, groups),
        source=scope.source,
        as_of=scope.as_of,
        excluded=excluded,
        without_day=without_day,
    )


def _spread(found: pa.Table, groups: tuple[str, ...], times: tuple[date, ...]) -> Ints:
    counts = np.zeros((len(groups), len(times)), dtype=np.int64)
    if found.num_rows:
        row = pc.index_in(found["group"], pa.array(groups)).to_numpy()
        column = pc.index_in(found["time"].cast(pa.date32()), pa.array(times, pa.date32())).to_numpy()
        counts[row, column] = found["n"].to_numpy()
    return counts


def _found_by(found: pa.Table, groups: tuple[str, ...]) -> tuple[str, ...]:
    least = found.group_by("group").aggregate([("least", "min"), ("most", "max")]).to_pylist()
    finders = {row["group"]: (row["least_min"], row["most_max"]) for row in least}
    return tuple(low if low == high else "mixed" for low, high in (finders[group] for group in groups))

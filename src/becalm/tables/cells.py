"""Counts by square cell of the metric grid: where and in which hour of the week."""

from __future__ import annotations

import math
from collections.abc import Sequence

import ibis
import numpy as np
import pyarrow as pa
from ibis import Table

from becalm.tables.hours import COLUMNS, HourPolicy, HourWeights, hours_of, weigh_hours
from becalm.tables.tally import FRESH_DAYS, HourCounts, Ints, PlaceCounts
from becalm.tables.totals import months_between, scope_of
from becalm.terms import UsageError

HOURS = 168
LEAST_M = 1e-3  # below it, the numbers of cells are beyond what an engine can count
FEW_CELLS = 2_000  # up to here the engine is asked for these cells only


def count_places(
    incidents: Table,
    *,
    cell_m: float,
    groups: Sequence[str] | None = None,
    months: Sequence[str] | None = None,
) -> PlaceCounts:
    """How many incidents of each group fell in each square cell in each month?

    Cells are aligned to the origin of the coordinate system: column = floor(easting / cell_m).
    Without `groups`, all of them; without `months`, all from the first to the last on record.

    Raises
    ------
    QuestionError
        where there are no incidents.
    UsageError
        where the cell has no size.
    """
    _refuse_no_size(cell_m)
    scope = scope_of(incidents, "incidents")
    rows = wanted(incidents, groups, months)
    placed = rows.filter(rows.easting_m.notnull() & rows.northing_m.notnull())
    cells = _with_cells(placed, cell_m)
    found = (
        cells.group_by("column", "row", "month", group=cells.offence_group.fill_null("unknown"))
        .agg(n=cells.count(), fresh=_freshness(cells).sum(), dated=_freshness(cells).count())
        .to_pyarrow()
    )
    quality = rows.group_by(quality=rows.location_quality.fill_null("none")).agg(
        n=rows.count(), placed=rows.easting_m.count()
    )
    tallies = quality.to_pyarrow().to_pylist()
    span = months_between(min(months), max(months)) if months else scope.months
    names = tuple(groups) if groups is not None else _names(found["group"])
    columns, row_numbers, month_index, group_index, n, order = _sorted(found, span, names)
    dated = bool(len(found)) and np.array_equal(_integers(found["dated"]), _integers(found["n"]))
    return PlaceCounts(
        cell_m=float(cell_m),
        columns=columns,
        rows=row_numbers,
        months=span,
        month_index=month_index,
        groups=names,
        group_index=group_index,
        counts=n,
        without_location=sum(t["n"] - t["placed"] for t in tallies),
        location_quality=tuple(sorted((t["quality"], t["placed"]) for t in tallies if t["placed"])),
        source=scope.source,
        as_of=scope.as_of,
        fresh=np.asarray(found["fresh"].to_numpy(), np.float64)[order] if dated else None,
    )


def hour_profiles(
    incidents: Table,
    *,
    cell_m: float,
    columns: Ints,
    rows: Ints,
    groups: Sequence[str] | None = None,
    months: Sequence[str] | None = None,
    policy: HourPolicy | None = None,
) -> HourCounts:
    """In which hours of the week did the incidents of these cells happen?

    Cell i is (columns[i], rows[i]); each cell should be named once. With a policy, records of a window are
    spread over its hours. Records without an hour are counted apart, so that a profile made of few of them
    can be told from a whole one.
    """
    _refuse_no_size(cell_m)
    cells = _with_cells(wanted(incidents, groups, months), cell_m)
    key = cells.column * 2**32 + cells.row
    asked = np.asarray(columns, np.int64) * 2**32 + np.asarray(rows, np.int64)
    if asked.size <= FEW_CELLS:
        cells = cells.filter(key.isin(asked.tolist())) if asked.size else cells.limit(0)
    timed = hours_of(cells, policy)
    found = (
        timed.group_by("column", "row", "hour", "since", "until")
        .agg(n=timed.count())
        .filter(ibis._.column.notnull())
        .order_by("column", "row", "hour", "since", "until")
        .to_pyarrow()
    )
    order = np.argsort(asked, kind="stable")
    keys = _integers(found["column"]) * 2**32 + _integers(found["row"])
    position = np.searchsorted(asked[order], keys)
    hit = np.zeros(keys.size, bool)
    inside = position < asked.size
    hit[inside] = asked[order][position[inside]] == keys[inside]
    row = np.full(keys.size, asked.size, np.int64)
    row[hit] = order[position[hit]]
    return hour_counts(
        weigh_hours(found, policy),
        row,
        cell_m=float(cell_m),
        columns=np.asarray(columns, np.int64),
        rows=np.asarray(rows, np.int64),
    )


def hour_counts(
    weights: HourWeights,
    place: Ints,
    *,
    cell_m: float,
    columns: Ints,
    rows: Ints,
) -> HourCounts:
    """The weights summed by place: row i of the table they come from belongs to place[i], n for none."""
    counts = np.zeros((len(columns) + 1, COLUMNS))
    np.add.at(counts, (place[weights.rows], weights.hours), weights.weights)
    apart = np.rint(counts[:-1, HOURS:]).astype(np.int64)
    return HourCounts(cell_m, columns, rows, counts[:-1, :HOURS], apart.sum(axis=1), apart[:, 1])


def _refuse_no_size(cell_m: float) -> None:
    if not (np.isfinite(cell_m) and cell_m >= LEAST_M):
        raise UsageError(f"A cell of {cell_m} m has no size. Give its side in metres, e.g. 150.")


def wanted(incidents: Table, groups: Sequence[str] | None, months: Sequence[str] | None) -> Table:
    """The records of these groups and months; None asks for all."""
    rows = incidents
    if groups is not None:
        rows = rows.filter(rows.offence_group.fill_null("unknown").isin(list(groups)))
    if months is not None:
        rows = rows.filter(rows.month.isin(list(months)))
    return rows


def _freshness(rows: Table) -> ibis.Value:
    """One half for every FRESH_DAYS from each record's day to the end of its month; null without days."""
    if "occurred_on" not in rows.columns:
        return rows.easting_m.nullif(rows.easting_m)  # a column of nulls
    end = rows.occurred_on.truncate("M") + ibis.interval(months=1)
    days = end.cast("date").delta(rows.occurred_on, unit="day").cast("float64")
    return ibis.literal(0.5) ** (days / FRESH_DAYS)


def _with_cells(rows: Table, cell_m: float) -> Table:
    return rows.mutate(
        column=(rows.easting_m / float(cell_m)).floor().cast("int64"),
        row=(rows.northing_m / float(cell_m)).floor().cast("int64"),
    )


def _sorted(found: pa.Table, months: tuple[str, ...], groups: tuple[str, ...]) -> tuple[Ints, ...]:
    month_index = positions(found["month"], months)
    group_index = positions(found["group"], groups)
    columns, rows, n = (_integers(found[name]) for name in ("column", "row", "n"))
    order = _order((columns, rows, month_index, group_index))
    return (*(array[order] for array in (columns, rows, month_index, group_index, n)), order)


def _order(keys: tuple[Ints, ...]) -> Ints:
    """How to sort by the first key, then the second and so on: one sort of packed numbers where they fit."""
    if not keys[0].size:
        return np.zeros(0, np.int64)
    lowest = [int(key.min()) for key in keys]
    spans = [int(key.max()) - low + 1 for key, low in zip(keys, lowest, strict=True)]
    if math.prod(spans) >= 2**63:
        return np.lexsort(keys[::-1])
    packed = np.zeros(keys[0].size, np.int64)
    for key, low, span in zip(keys, lowest, spans, strict=True):
        packed = packed * span + (key - low)
    return np.argsort(packed)


def positions(column: pa.ChunkedArray, names: tuple[str, ...]) -> Ints:
    """Where each value stands among the names."""
    encoded = column.combine_chunks().dictionary_encode()
    place = {name: index for index, name in enumerate(names)}
    table = np.array([place[value] for value in encoded.dictionary.to_pylist()], dtype=np.int64)
    return table[encoded.indices.to_numpy(zero_copy_only=False)] if len(encoded) else np.zeros(0, np.int64)


def _names(column: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(sorted(column.unique().to_pylist()))


def _integers(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy(), dtype=np.int64)

"""Counts by square cell of the metric grid, month and offence group, and the borough of each cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from ibis import Table

from becalm.tables.arrays import Floats, Ints
from becalm.tables.monthly_totals import find_scope, list_months
from becalm.terms import UsageError

LEAST_M = 1e-3  # below it, the numbers of cells are beyond what an engine can count
FRESH_DAYS = 14.0  # the half-life with which near repeats fade
MOVED_QUALITIES = ("snap", "block")  # location qualities of records that their source moved


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """Counts by square cell, month and offence group, as parallel arrays (one entry per non-empty triple).

    Cell (column, row) covers eastings [column * cell_m, (column + 1) * cell_m) from the origin of
    the coordinate system, northings likewise. Entries are ordered by column, row, month, group.
    `months` are consecutive; `groups` are those that were asked for, else those that occur.
    `without_location` counts the records of those months and groups that have no place, and
    `location_quality` how well the others are placed. `fresh` is the same count with each record weighed by
    one half for every FRESH_DAYS that it lies before the end of its month, and None where records carry no
    days.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    months: tuple[str, ...]
    month_index: Ints
    groups: tuple[str, ...]
    group_index: Ints
    counts: Ints
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date
    fresh: Floats | None = None

    @property
    def moved_share(self) -> float:
        """The share of the placed records that their source moved to a nearby point or block."""
        placed_count = sum(n for _, n in self.location_quality)
        return sum(n for quality, n in self.location_quality if quality in MOVED_QUALITIES) / max(
            placed_count, 1
        )


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

    Raises QuestionError where there are no incidents; UsageError where the cell has no size.
    """
    check_cell_size(cell_m)
    scope = find_scope(incidents, "incidents")
    rows = filter_records(incidents, groups, months)
    tallies = _tally_cells(add_cells(filter_placed(rows), cell_m))
    month_span = list_months(min(months), max(months)) if months else scope.months
    group_names = tuple(sorted(tallies["group"].unique().to_pylist()) if groups is None else groups)
    columns, row_numbers, n, dated = (to_integers(tallies[name]) for name in ("column", "row", "n", "dated"))
    month_index = index_values(tallies["month"], month_span)
    group_index = index_values(tallies["group"], group_names)
    sort_order = _sort_order((columns, row_numbers, month_index, group_index))
    has_days = bool(len(tallies)) and np.array_equal(dated, n)
    without_location, location_quality = count_location_quality(rows)
    return PlaceCounts(
        cell_m=float(cell_m),
        columns=columns[sort_order],
        rows=row_numbers[sort_order],
        months=month_span,
        month_index=month_index[sort_order],
        groups=group_names,
        group_index=group_index[sort_order],
        counts=n[sort_order],
        without_location=without_location,
        location_quality=location_quality,
        source=scope.source,
        as_of=scope.as_of,
        fresh=np.asarray(tallies["fresh"].to_numpy(), np.float64)[sort_order] if has_days else None,
    )


def _tally_cells(cell_rows: Table) -> pa.Table:
    group = cell_rows.offence_group.fill_null("unknown")
    freshness = _weigh_freshness(cell_rows)
    return (
        cell_rows.group_by("column", "row", "month", group=group)
        .agg(n=cell_rows.count(), fresh=freshness.sum(), dated=freshness.count())
        .to_pyarrow()
    )


def find_cell_boroughs(
    incidents: Table, *, cell_m: float, cells: Sequence[tuple[int, int]] | None
) -> Mapping[tuple[int, int], str]:
    """Which borough do most records of each (column, row) cell name? Ties go to the first by name.

    `cells` None asks for all.
    """
    if cells is not None and not cells:
        return {}
    rows = add_cells(incidents.filter(incidents.borough.notnull() & incidents.easting_m.notnull()), cell_m)
    if cells is not None:
        rows = rows.filter(cell_keys(rows.column, rows.row).isin([cell_keys(*cell) for cell in cells]))
    tallies = rows.group_by("column", "row", "borough").agg(n=rows.count())
    boroughs: dict[tuple[int, int], str] = {}
    for row in tallies.order_by(ibis.desc("n"), "borough").to_pyarrow().to_pylist():
        boroughs.setdefault((row["column"], row["row"]), row["borough"])
    return boroughs


def check_cell_size(cell_m: float) -> None:
    """Raises UsageError where the cell has no size."""
    if not (np.isfinite(cell_m) and cell_m >= LEAST_M):
        raise UsageError(f"A cell of {cell_m} m has no size. Give its side in metres, e.g. 150.")


def filter_records(incidents: Table, groups: Sequence[str] | None, months: Sequence[str] | None) -> Table:
    """The records of these groups and months; None asks for all."""
    rows = incidents
    if groups is not None:
        rows = rows.filter(rows.offence_group.fill_null("unknown").isin(list(groups)))
    if months is not None:
        rows = rows.filter(rows.month.isin(list(months)))
    return rows


def filter_placed(rows: Table) -> Table:
    """The records that have a place."""
    return rows.filter(rows.easting_m.notnull() & rows.northing_m.notnull())


def add_cells(rows: Table, cell_m: float) -> Table:
    """The rows with the `column` and `row` of their cell."""
    return rows.mutate(
        column=(rows.easting_m / float(cell_m)).floor().cast("int64"),
        row=(rows.northing_m / float(cell_m)).floor().cast("int64"),
    )


def cell_keys(column: Any, row: Any) -> Any:
    """One whole number for each cell, of numbers, of arrays or as an expression."""
    return column * 2**32 + row


def count_location_quality(rows: Table) -> tuple[int, tuple[tuple[str, int], ...]]:
    """How many records have no place, and how many of the others have each quality of location?"""
    tallies = (
        rows.group_by(quality=rows.location_quality.fill_null("none"))
        .agg(n=rows.count(), placed=rows.easting_m.count())
        .to_pyarrow()
        .to_pylist()
    )
    quality_counts = tuple(sorted((t["quality"], t["placed"]) for t in tallies if t["placed"]))
    return sum(t["n"] - t["placed"] for t in tallies), quality_counts


def index_values(column: pa.ChunkedArray, names: tuple[str, ...]) -> Ints:
    """Where each value stands among the names."""
    if not len(column):
        return np.zeros(0, np.int64)
    encoded_column = column.combine_chunks().dictionary_encode()
    name_index = {name: index for index, name in enumerate(names)}
    code_index = np.array(
        [name_index[value] for value in encoded_column.dictionary.to_pylist()], dtype=np.int64
    )
    return np.asarray(code_index[encoded_column.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)


def to_integers(column: pa.ChunkedArray) -> Ints:
    """The column as whole numbers of 64 bits."""
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _weigh_freshness(rows: Table) -> ibis.Value:
    """One half for every FRESH_DAYS from each record's day to the end of its month; null without days."""
    if "occurred_on" not in rows.columns:
        return rows.easting_m.nullif(rows.easting_m)  # a column of nulls
    month_end = rows.occurred_on.truncate("M") + ibis.interval(months=1)
    days_to_end = month_end.cast("date").delta(rows.occurred_on, unit="day").cast("float64")
    return ibis.literal(0.5) ** (days_to_end / FRESH_DAYS)


def _sort_order(keys: tuple[Ints, ...]) -> Ints:
    """How to sort by the first key, then the second and so on: one sort of packed numbers where they fit."""
    if not keys[0].size:
        return np.zeros(0, np.int64)
    lowest_values = [int(key.min()) for key in keys]
    value_ranges = [int(key.max()) - low + 1 for key, low in zip(keys, lowest_values, strict=True)]
    if math.prod(value_ranges) >= 2**63:
        return np.lexsort(keys[::-1])
    packed_key = np.zeros(keys[0].size, np.int64)
    for key, low, span in zip(keys, lowest_values, value_ranges, strict=True):
        packed_key = packed_key * span + (key - low)
    return np.argsort(packed_key)

"""Where records lie: counts by square cell of the metric grid and by single point, and which came when."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
from ibis import Table

from becalm.methods.arrays import Floats, Ints
from becalm.tables.months_on_record import find_scope, list_months
from becalm.terms import QuestionError, UsageError

LEAST_M = 1e-3  # below it, the numbers of cells are beyond what an engine can count
FRESH_DAYS = 14.0  # the half-life with which near repeats fade
MOVED_QUALITIES = ("snap", "block")  # location qualities of records that their source moved


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedCounts:
    """Counts by place, month and offence group, as parallel arrays (one entry per non-empty triple).

    `months` are consecutive; `groups` are those that were asked for, else those that occur.
    `without_location` counts the records of those months and groups that have no place, and
    `location_quality` how well the others are placed.
    """

    months: tuple[str, ...]
    month_index: Ints
    groups: tuple[str, ...]
    group_index: Ints
    counts: Ints
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceCounts(GroupedCounts):
    """Counts by square cell.

    Cell (column, row) covers eastings [column * cell_m, (column + 1) * cell_m) from the origin of
    the coordinate system, northings likewise. Entries are ordered by column, row, month, group.
    `fresh` is the same count with each record weighed by one half for every FRESH_DAYS that it lies before
    the end of its month, and None where records carry no days.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    fresh: Floats | None = None

    @property
    def moved_share(self) -> float:
        """The share of the placed records that their source moved to a nearby point or block."""
        placed_count = sum(n for _, n in self.location_quality)
        return sum(n for quality, n in self.location_quality if quality in MOVED_QUALITIES) / max(
            placed_count, 1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PointCounts(GroupedCounts):
    """Counts by distinct point, ordered by easting, northing, month, group: equal records, equal arrays."""

    easting_m: Floats
    northing_m: Floats


@dataclass(frozen=True, slots=True)
class PointsPerCell:
    """How finely the records are placed, seen on cells of `cell_m`.

    Only cells with at least `least_records` are looked at, since one record alone says nothing:
    their `records` lie on `points` distinct coordinates in `cells` cells, and `single` of these hold
    just one point. `points` are counted only where these are most of the cells, and None elsewhere: they
    are many, and nobody asks.
    """

    cell_m: float
    least_records: int
    records: int
    points: int | None
    cells: int
    single: int


@dataclass(frozen=True, slots=True)
class MovedPoints:
    """The distinct points of records that their source moved to a nearby point or block.

    `records[i]` lie on point i, `target[i]` of them of the target offences. `moved_share` is the share
    of all placed records that were moved at all.
    """

    easting_m: Floats
    northing_m: Floats
    records: Ints
    target: Ints
    moved_share: float


@dataclass(frozen=True, slots=True)
class EventPoints:
    """Where and on which day (days since 1970-01-01) each incident happened, oldest first.

    `without_day` and `without_place` are the incidents left out for want of one (of both: without_day).
    """

    easting_m: Floats
    northing_m: Floats
    day: Ints
    without_day: int
    without_place: int
    source: str
    as_of: date


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
    record_scope = find_scope(incidents, "incidents")
    asked_rows = filter_records(incidents, groups, months)
    cell_tallies = _tally_cells(add_cells(filter_placed(asked_rows), cell_m))
    month_span = list_months(min(months), max(months)) if months else record_scope.months
    group_names = tuple(sorted(cell_tallies["group"].unique().to_pylist()) if groups is None else groups)
    cell_columns, cell_rows, record_counts, dated_counts = (
        to_integers(cell_tallies[column_name]) for column_name in ("column", "row", "n", "dated")
    )
    month_index = index_values(cell_tallies["month"], month_span)
    group_index = index_values(cell_tallies["group"], group_names)
    sort_order = _sort_order((cell_columns, cell_rows, month_index, group_index))
    has_days = bool(len(cell_tallies)) and np.array_equal(dated_counts, record_counts)
    without_location, location_quality = count_location_quality(asked_rows)
    return PlaceCounts(
        cell_m=float(cell_m),
        columns=cell_columns[sort_order],
        rows=cell_rows[sort_order],
        months=month_span,
        month_index=month_index[sort_order],
        groups=group_names,
        group_index=group_index[sort_order],
        counts=record_counts[sort_order],
        without_location=without_location,
        location_quality=location_quality,
        source=record_scope.source,
        as_of=record_scope.as_of,
        fresh=np.asarray(cell_tallies["fresh"].to_numpy(), np.float64)[sort_order] if has_days else None,
    )


def _tally_cells(cell_rows: Table) -> pa.Table:
    group_column = cell_rows.offence_group.fill_null("unknown")
    freshness_column = _weigh_freshness(cell_rows)
    return (
        cell_rows.group_by("column", "row", "month", group=group_column)
        .agg(n=cell_rows.count(), fresh=freshness_column.sum(), dated=freshness_column.count())
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
    placed_rows = add_cells(
        incidents.filter(incidents.borough.notnull() & incidents.easting_m.notnull()), cell_m
    )
    if cells is not None:
        placed_rows = placed_rows.filter(
            cell_keys(placed_rows.column, placed_rows.row).isin([cell_keys(*cell) for cell in cells])
        )
    borough_rows = placed_rows.group_by("column", "row", "borough").agg(n=placed_rows.count())
    borough_by_cell: dict[tuple[int, int], str] = {}
    for tally_row in borough_rows.order_by(ibis.desc("n"), "borough").to_pyarrow().to_pylist():
        borough_by_cell.setdefault((tally_row["column"], tally_row["row"]), tally_row["borough"])
    return borough_by_cell


def count_points(incidents: Table, *, months: Sequence[str]) -> PointCounts:
    """How many incidents of each group lie on each distinct point in each month?

    Raises QuestionError where there are no incidents.
    """
    record_scope = find_scope(incidents, "incidents")
    month_rows = filter_records(incidents, None, months)
    placed_rows = filter_placed(month_rows)
    group_name = placed_rows.offence_group.fill_null("unknown")
    grouped_rows = placed_rows.group_by("easting_m", "northing_m", "month", group=group_name)
    point_rows = grouped_rows.agg(n=placed_rows.count()).to_pyarrow()
    month_span = list_months(min(months), max(months))
    group_names = tuple(sorted(point_rows["group"].unique().to_pylist()))
    x, y = (np.asarray(point_rows[name].to_numpy(), np.float64) for name in ("easting_m", "northing_m"))
    month_index, group_index = (
        index_values(point_rows["month"], month_span),
        index_values(point_rows["group"], group_names),
    )
    sort_order = np.lexsort((group_index, month_index, y, x))
    without_location, location_quality = count_location_quality(month_rows)
    return PointCounts(
        easting_m=x[sort_order],
        northing_m=y[sort_order],
        months=month_span,
        month_index=month_index[sort_order],
        groups=group_names,
        group_index=group_index[sort_order],
        counts=to_integers(point_rows["n"])[sort_order],
        without_location=without_location,
        location_quality=location_quality,
        source=record_scope.source,
        as_of=record_scope.as_of,
    )


def find_moved_points(incidents: Table, *, target: Sequence[str]) -> MovedPoints:
    """On which points do the records lie that were moved there, ordered by easting and northing?"""
    placed_rows = filter_placed(incidents)
    is_target = placed_rows.offence_group.fill_null("unknown").isin(list(target)).cast("int64")
    is_moved = placed_rows.location_quality.fill_null("none").isin(MOVED_QUALITIES).cast("int64")
    point_rows = (
        placed_rows.mutate(is_target=is_target, is_moved=is_moved)
        .group_by("easting_m", "northing_m")
        .agg(n=ibis._.count(), target=ibis._.is_target.sum(), moved=ibis._.is_moved.sum())
        .order_by("easting_m", "northing_m")
        .to_pyarrow()
    )
    record_counts, target_counts, moved_counts = (
        to_integers(point_rows[c]) for c in ("n", "target", "moved")
    )
    return MovedPoints(
        easting_m=np.asarray(point_rows["easting_m"].to_numpy(), np.float64),
        northing_m=np.asarray(point_rows["northing_m"].to_numpy(), np.float64),
        records=np.where(moved_counts > 0, record_counts, 0),
        target=np.where(moved_counts > 0, target_counts, 0),
        moved_share=float(moved_counts.sum() / max(record_counts.sum(), 1)),
    )


def count_points_per_cell(incidents: Table, *, cell_m: float, least_records: int = 5) -> PointsPerCell:
    """On how many distinct points do the records of each cell lie?

    Sources that move each record to the nearest of some fixed points leave cells with one point:
    a list of such cells ranks points of a map, not places.
    """
    placed_rows = add_cells(filter_placed(incidents), cell_m)
    x, y = placed_rows.easting_m, placed_rows.northing_m
    is_single = (ibis._.west == ibis._.east) & (ibis._.south == ibis._.north)
    cell_rows = (
        placed_rows.group_by("column", "row")
        .agg(records=placed_rows.count(), west=x.min(), east=x.max(), south=y.min(), north=y.max())
        .filter(ibis._.records >= least_records)
        .mutate(single=is_single.cast("int64"))
    )
    (cell_sums,) = (
        cell_rows.agg(records=cell_rows.records.sum(), cells=cell_rows.count(), single=cell_rows.single.sum())
        .to_pyarrow()
        .to_pylist()
    )
    record_count, cell_count, single_count = (
        int(cell_sums[name] or 0) for name in ("records", "cells", "single")
    )
    point_count = (
        _count_distinct_points(placed_rows, least_records) if 2 * single_count > cell_count else None
    )
    return PointsPerCell(float(cell_m), least_records, record_count, point_count, cell_count, single_count)


def _count_distinct_points(cell_rows: Table, least_records: int) -> int:
    """On how many coordinates lie the records of the cells that have enough of them?"""
    point_rows = cell_rows.group_by("easting_m", "northing_m", "column", "row").agg(n=cell_rows.count())
    cell_tallies = point_rows.group_by("column", "row").agg(
        points=point_rows.count(), records=point_rows.n.sum()
    )
    point_sum = cell_tallies.filter(cell_tallies.records >= least_records).points.sum()
    return int(point_sum.to_pyarrow().as_py() or 0)


def list_event_points(incidents: Table, *, groups: Sequence[str], months: Sequence[str]) -> EventPoints:
    """Where and when was each incident of these groups and months?

    Raises QuestionError where not one record has a day: a month alone cannot say which came first.
    """
    target_rows = incidents.filter(
        incidents.offence_group.isin(list(groups)) & incidents.month.isin(list(months))
    )
    record_scope = find_scope(incidents, "incidents")
    lacks_day = target_rows.occurred_on.isnull()
    lacks_place = target_rows.easting_m.isnull() | target_rows.northing_m.isnull()
    (row_sums,) = (
        target_rows.agg(
            n=target_rows.count(),
            without_day=lacks_day.cast("int64").sum(),
            without_place=(~lacks_day & lacks_place).cast("int64").sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    if row_sums["n"] and row_sums["without_day"] == row_sums["n"]:
        raise QuestionError(
            f"All {row_sums['n']:,} records of {', '.join(groups)} carry a month and no day, so none can be "
            "said to follow another. Ingest an extract of your own with dates; public data are by month."
        )
    placed_rows = target_rows.filter(~lacks_day & ~lacks_place).select(
        "easting_m", "northing_m", "occurred_on"
    )
    event_rows = placed_rows.order_by("occurred_on", "easting_m", "northing_m").to_pyarrow()
    return EventPoints(
        easting_m=np.asarray(event_rows["easting_m"].to_numpy(), dtype=np.float64),
        northing_m=np.asarray(event_rows["northing_m"].to_numpy(), dtype=np.float64),
        day=event_rows["occurred_on"].to_numpy().astype("datetime64[D]").astype(np.int64),
        without_day=int(row_sums["without_day"] or 0),
        without_place=int(row_sums["without_place"] or 0),
        source=record_scope.source,
        as_of=record_scope.as_of,
    )


def check_cell_size(cell_m: float) -> None:
    """Raises UsageError where the cell has no size."""
    if not (np.isfinite(cell_m) and cell_m >= LEAST_M):
        raise UsageError(f"A cell of {cell_m} m has no size. Give its side in metres, e.g. 150.")


def filter_records(incidents: Table, groups: Sequence[str] | None, months: Sequence[str] | None) -> Table:
    """The records of these groups and months; None asks for all."""
    kept_rows = incidents
    if groups is not None:
        kept_rows = kept_rows.filter(kept_rows.offence_group.fill_null("unknown").isin(list(groups)))
    if months is not None:
        kept_rows = kept_rows.filter(kept_rows.month.isin(list(months)))
    return kept_rows


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
    quality_tallies = (
        rows.group_by(quality=rows.location_quality.fill_null("none"))
        .agg(n=rows.count(), placed=rows.easting_m.count())
        .to_pyarrow()
        .to_pylist()
    )
    quality_counts = tuple(sorted((t["quality"], t["placed"]) for t in quality_tallies if t["placed"]))
    return sum(t["n"] - t["placed"] for t in quality_tallies), quality_counts


def index_values(column: pa.ChunkedArray, names: tuple[str, ...]) -> Ints:
    """Where each value stands among the names."""
    if not len(column):
        return np.zeros(0, np.int64)
    encoded_column = column.combine_chunks().dictionary_encode()
    index_by_name = {name: position for position, name in enumerate(names)}
    index_of_code = np.array(
        [index_by_name[cell_value] for cell_value in encoded_column.dictionary.to_pylist()], dtype=np.int64
    )
    return np.asarray(index_of_code[encoded_column.indices.to_numpy(zero_copy_only=False)], dtype=np.int64)


def to_integers(column: pa.ChunkedArray) -> Ints:
    """The column as whole numbers of 64 bits."""
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _weigh_freshness(rows: Table) -> ibis.Value:
    """One half for every FRESH_DAYS from each record's day to the end of its month; null without days."""
    if "occurred_on" not in rows.columns:
        return rows.easting_m.nullif(rows.easting_m)  # a column of nulls
    month_end = rows.occurred_on.truncate("M") + ibis.interval(months=1)
    days_to_month_end = month_end.cast("date").delta(rows.occurred_on, unit="day").cast("float64")
    return ibis.literal(0.5) ** (days_to_month_end / FRESH_DAYS)


def _sort_order(keys: tuple[Ints, ...]) -> Ints:
    """How to sort by the first key, then the second and so on: one sort of packed numbers where they fit."""
    if not keys[0].size:
        return np.zeros(0, np.int64)
    lowest_values = [int(key.min()) for key in keys]
    key_spans = [int(key.max()) - low + 1 for key, low in zip(keys, lowest_values, strict=True)]
    if math.prod(key_spans) >= 2**63:
        return np.lexsort(keys[::-1])
    packed_keys = np.zeros(keys[0].size, np.int64)
    for key, low, span in zip(keys, lowest_values, key_spans, strict=True):
        packed_keys = packed_keys * span + (key - low)
    return np.argsort(packed_keys)

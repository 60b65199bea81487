"""Single points: how many records on each, how finely they place the records, and which came when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
from ibis import Table

from becalm.tables.arrays import Floats, Ints
from becalm.tables.monthly_totals import find_scope, list_months
from becalm.tables.place_counts import (
    MOVED_QUALITIES,
    add_cells,
    count_location_quality,
    filter_placed,
    filter_records,
    index_values,
    to_integers,
)
from becalm.terms import QuestionError


@dataclass(frozen=True, slots=True)
class PointCounts:
    """Counts by distinct point, month and offence group, as parallel arrays (one entry per triple).

    Entries are ordered by easting, northing, month, group, so that equal records give equal arrays.
    The other fields are those of `PlaceCounts`.
    """

    easting_m: Floats
    northing_m: Floats
    months: tuple[str, ...]
    month_index: Ints
    groups: tuple[str, ...]
    group_index: Ints
    counts: Ints
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date


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

    `records[i]` lie on point i, `target[i]` of them of the sought offences. `moved_share` is the share
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


def count_points(incidents: Table, *, months: Sequence[str]) -> PointCounts:
    """How many incidents of each group lie on each distinct point in each month?

    Raises QuestionError where there are no incidents.
    """
    scope = find_scope(incidents, "incidents")
    rows = filter_records(incidents, None, months)
    placed_rows = filter_placed(rows)
    group = placed_rows.offence_group.fill_null("unknown")
    grouped_rows = placed_rows.group_by("easting_m", "northing_m", "month", group=group)
    tallies = grouped_rows.agg(n=placed_rows.count()).to_pyarrow()
    month_span = list_months(min(months), max(months))
    group_names = tuple(sorted(tallies["group"].unique().to_pylist()))
    x, y = (np.asarray(tallies[name].to_numpy(), np.float64) for name in ("easting_m", "northing_m"))
    month_index, group_index = (
        index_values(tallies["month"], month_span),
        index_values(tallies["group"], group_names),
    )
    sort_order = np.lexsort((group_index, month_index, y, x))
    without_location, location_quality = count_location_quality(rows)
    return PointCounts(
        easting_m=x[sort_order],
        northing_m=y[sort_order],
        months=month_span,
        month_index=month_index[sort_order],
        groups=group_names,
        group_index=group_index[sort_order],
        counts=to_integers(tallies["n"])[sort_order],
        without_location=without_location,
        location_quality=location_quality,
        source=scope.source,
        as_of=scope.as_of,
    )


def find_moved_points(incidents: Table, *, target: Sequence[str]) -> MovedPoints:
    """On which points do the records lie that were moved there, ordered by easting and northing?"""
    placed_rows = filter_placed(incidents)
    is_target = placed_rows.offence_group.fill_null("unknown").isin(list(target)).cast("int64")
    is_moved = placed_rows.location_quality.fill_null("none").isin(MOVED_QUALITIES).cast("int64")
    points = (
        placed_rows.mutate(is_target=is_target, is_moved=is_moved)
        .group_by("easting_m", "northing_m")
        .agg(n=ibis._.count(), target=ibis._.is_target.sum(), moved=ibis._.is_moved.sum())
        .order_by("easting_m", "northing_m")
        .to_pyarrow()
    )
    records, target_records, moved_records = (to_integers(points[c]) for c in ("n", "target", "moved"))
    return MovedPoints(
        easting_m=np.asarray(points["easting_m"].to_numpy(), np.float64),
        northing_m=np.asarray(points["northing_m"].to_numpy(), np.float64),
        records=np.where(moved_records > 0, records, 0),
        target=np.where(moved_records > 0, target_records, 0),
        moved_share=float(moved_records.sum() / max(records.sum(), 1)),
    )


def count_points_per_cell(incidents: Table, *, cell_m: float, least_records: int = 5) -> PointsPerCell:
    """On how many distinct points do the records of each cell lie?

    Sources that move each record to the nearest of some fixed points leave cells with one point:
    a list of such cells ranks points of a map, not places.
    """
    placed_rows = add_cells(filter_placed(incidents), cell_m)
    x, y = placed_rows.easting_m, placed_rows.northing_m
    is_single = (ibis._.west == ibis._.east) & (ibis._.south == ibis._.north)
    cells = (
        placed_rows.group_by("column", "row")
        .agg(records=placed_rows.count(), west=x.min(), east=x.max(), south=y.min(), north=y.max())
        .filter(ibis._.records >= least_records)
        .mutate(single=is_single.cast("int64"))
    )
    (sums,) = (
        cells.agg(records=cells.records.sum(), cells=cells.count(), single=cells.single.sum())
        .to_pyarrow()
        .to_pylist()
    )
    records, cell_count, single = (int(sums[name] or 0) for name in ("records", "cells", "single"))
    points = _count_distinct_points(placed_rows, least_records) if 2 * single > cell_count else None
    return PointsPerCell(float(cell_m), least_records, records, points, cell_count, single)


def _count_distinct_points(cell_rows: Table, least_records: int) -> int:
    """On how many coordinates lie the records of the cells that have enough of them?"""
    points = cell_rows.group_by("easting_m", "northing_m", "column", "row").agg(n=cell_rows.count())
    cells = points.group_by("column", "row").agg(points=points.count(), records=points.n.sum())
    point_total = cells.filter(cells.records >= least_records).points.sum()
    return int(point_total.to_pyarrow().as_py() or 0)


def list_event_points(incidents: Table, *, groups: Sequence[str], months: Sequence[str]) -> EventPoints:
    """Where and when was each incident of these groups and months?

    Raises QuestionError where not one record has a day: a month alone cannot say which came first.
    """
    rows = incidents.filter(incidents.offence_group.isin(list(groups)) & incidents.month.isin(list(months)))
    scope = find_scope(incidents, "incidents")
    lacks_day = rows.occurred_on.isnull()
    lacks_place = rows.easting_m.isnull() | rows.northing_m.isnull()
    (sums,) = (
        rows.agg(
            n=rows.count(),
            without_day=lacks_day.cast("int64").sum(),
            without_place=(~lacks_day & lacks_place).cast("int64").sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    if sums["n"] and sums["without_day"] == sums["n"]:
        raise QuestionError(
            f"All {sums['n']:,} records of {', '.join(groups)} carry a month and no day, so none can be "
            "said to follow another. Ingest an extract of your own with dates; public data are by month."
        )
    placed_rows = rows.filter(~lacks_day & ~lacks_place).select("easting_m", "northing_m", "occurred_on")
    points = placed_rows.order_by("occurred_on", "easting_m", "northing_m").to_pyarrow()
    return EventPoints(
        easting_m=np.asarray(points["easting_m"].to_numpy(), dtype=np.float64),
        northing_m=np.asarray(points["northing_m"].to_numpy(), dtype=np.float64),
        day=points["occurred_on"].to_numpy().astype("datetime64[D]").astype(np.int64),
        without_day=int(sums["without_day"] or 0),
        without_place=int(sums["without_place"] or 0),
        source=scope.source,
        as_of=scope.as_of,
    )

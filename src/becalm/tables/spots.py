"""What stands on a cell: how many distinct points its records share, and which borough they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import numpy as np
from ibis import Table

from becalm.tables.tally import MOVED, Floats, Ints


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


def moved_points(incidents: Table, *, target: Sequence[str]) -> MovedPoints:
    """On which points do the records lie that were moved there, ordered by easting and northing?"""
    placed = incidents.filter(incidents.easting_m.notnull() & incidents.northing_m.notnull())
    sought = placed.offence_group.fill_null("unknown").isin(list(target)).cast("int64")
    moved = placed.location_quality.fill_null("none").isin(MOVED).cast("int64")
    found = (
        placed.mutate(sought=sought, moved=moved)
        .group_by("easting_m", "northing_m")
        .agg(n=ibis._.count(), target=ibis._.sought.sum(), moved=ibis._.moved.sum())
        .order_by("easting_m", "northing_m")
        .to_pyarrow()
    )
    records, of_target, of_moved = (
        np.asarray(found[c].to_numpy(), np.int64) for c in ("n", "target", "moved")
    )
    return MovedPoints(
        easting_m=np.asarray(found["easting_m"].to_numpy(), np.float64),
        northing_m=np.asarray(found["northing_m"].to_numpy(), np.float64),
        records=np.where(of_moved > 0, records, 0),
        target=np.where(of_moved > 0, of_target, 0),
        moved_share=float(of_moved.sum() / max(records.sum(), 1)),
    )


def points_per_cell(incidents: Table, *, cell_m: float, least_records: int = 5) -> PointsPerCell:
    """On how many distinct points do the records of each cell lie?

    Sources that move each record to the nearest of some fixed points leave cells with one point:
    a list of such cells ranks points of a map, not places.
    """
    placed = incidents.filter(incidents.easting_m.notnull() & incidents.northing_m.notnull())
    x, y = placed.easting_m, placed.northing_m
    column, row = (x / float(cell_m)).floor(), (y / float(cell_m)).floor()
    one = (ibis._.west == ibis._.east) & (ibis._.south == ibis._.north)
    cells = (
        placed.group_by(column=column, row=row)
        .agg(records=placed.count(), west=x.min(), east=x.max(), south=y.min(), north=y.max())
        .filter(ibis._.records >= least_records)
        .mutate(one=one.cast("int64"))
    )
    (found,) = (
        cells.agg(records=cells.records.sum(), cells=cells.count(), single=cells.one.sum())
        .to_pyarrow()
        .to_pylist()
    )
    records, held, single = (int(found[name] or 0) for name in ("records", "cells", "single"))
    points = _distinct_points(placed, column, row, least_records) if 2 * single > held else None
    return PointsPerCell(float(cell_m), least_records, records, points, held, single)


def _distinct_points(placed: Table, column: ibis.Value, row: ibis.Value, least_records: int) -> int:
    """On how many coordinates lie the records of the cells that have enough of them?"""
    points = placed.group_by("easting_m", "northing_m", column=column, row=row).agg(n=placed.count())
    cells = points.group_by("column", "row").agg(points=points.count(), records=points.n.sum())
    total = cells.filter(cells.records >= least_records).points.sum()
    return int(total.to_pyarrow().as_py() or 0)


def boroughs_of_cells(
    incidents: Table, *, cell_m: float, cells: Sequence[tuple[int, int]] | None
) -> Mapping[tuple[int, int], str]:
    """Which borough do most records of each (column, row) cell name? Ties go to the first by name.

    `cells` None asks for all.
    """
    if cells is not None and not cells:
        return {}
    rows = incidents.filter(incidents.borough.notnull() & incidents.easting_m.notnull())
    rows = rows.mutate(
        column=(rows.easting_m / float(cell_m)).floor().cast("int64"),
        row=(rows.northing_m / float(cell_m)).floor().cast("int64"),
    )
    asked = rows
    if cells is not None:
        asked = rows.filter((rows.column * 2**32 + rows.row).isin([c * 2**32 + r for c, r in cells]))
    found = asked.group_by("column", "row", "borough").agg(n=asked.count())
    best = found.order_by(ibis.desc("n"), "borough").to_pyarrow().to_pylist()
    named: dict[tuple[int, int], str] = {}
    for entry in best:
        named.setdefault((entry["column"], entry["row"]), entry["borough"])
    return named

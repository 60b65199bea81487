"""What stands on a cell: how many distinct points its records share, and which borough they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import numpy as np
from ibis import Table
from numpy.typing import NDArray

MOVED = ("snap", "block")
"""Location qualities of records that their source moved."""


@dataclass(frozen=True, slots=True)
class PointsPerCell:
    """How finely the records are placed, seen on cells of `cell_m`.

    Only cells with at least `least_records` are looked at, since one record alone says nothing:
    their `records` lie on `points` distinct coordinates in `cells` cells, and `single` of these hold
    just one point.
    """

    cell_m: float
    least_records: int
    records: int
    points: int
    cells: int
    single: int


@dataclass(frozen=True, slots=True)
class MovedPoints:
    """The distinct points of records that their source moved to a nearby point or block.

    `records[i]` lie on point i, `target[i]` of them of the sought offences. `moved_share` is the share
    of all placed records that were moved at all.
    """

    easting_m: NDArray[np.float64]
    northing_m: NDArray[np.float64]
    records: NDArray[np.int64]
    target: NDArray[np.int64]
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
    points = placed.group_by("easting_m", "northing_m").agg(n=placed.count())
    cells = (
        points.group_by(
            column=(points.easting_m / float(cell_m)).floor(),
            row=(points.northing_m / float(cell_m)).floor(),
        )
        .agg(points=points.count(), records=points.n.sum())
        .mutate(one=lambda t: (t.points == 1).cast("int64"))
        .filter(lambda t: t.records >= least_records)
    )
    (found,) = (
        cells.agg(
            records=cells.records.sum(),
            points=cells.points.sum(),
            cells=cells.count(),
            single=cells.one.sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    numbers = {key: int(value or 0) for key, value in found.items()}
    return PointsPerCell(cell_m=float(cell_m), least_records=least_records, **numbers)


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

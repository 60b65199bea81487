"""What stands on a cell: how many distinct points its records share, and which borough they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
from ibis import Table


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
    incidents: Table, *, cell_m: float, cells: Sequence[tuple[int, int]]
) -> Mapping[tuple[int, int], str]:
    """Which borough do most records of each (column, row) cell name? Ties go to the first by name."""
    if not cells:
        return {}
    rows = incidents.filter(incidents.borough.notnull() & incidents.easting_m.notnull())
    rows = rows.mutate(
        column=(rows.easting_m / float(cell_m)).floor().cast("int64"),
        row=(rows.northing_m / float(cell_m)).floor().cast("int64"),
    )
    keys = [column * 2**32 + row for column, row in cells]
    asked = rows.filter((rows.column * 2**32 + rows.row).isin(keys))
    found = asked.group_by("column", "row", "borough").agg(n=asked.count())
    best = found.order_by(ibis.desc("n"), "borough").to_pyarrow().to_pylist()
    named: dict[tuple[int, int], str] = {}
    for entry in best:
        named.setdefault((entry["column"], entry["row"]), entry["borough"])
    return named

"""What stands on a cell: how many distinct points its records share, and which borough they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
from ibis import Table


@dataclass(frozen=True, slots=True)
class PointsPerCell:
    """How finely the records are placed, seen on cells of `cell_m`.

    `points` distinct coordinates lie on `cells` cells; `single` of these hold just one point, and
    `single_records` of all `records` lie on those.
    """

    cell_m: float
    records: int
    points: int
    cells: int
    single: int
    single_records: int


def points_per_cell(incidents: Table, *, cell_m: float, groups: Sequence[str] | None = None) -> PointsPerCell:
    """On how many distinct points do the records of each cell lie?

    Sources that move each record to the nearest of some fixed points leave cells with one point:
    a list of such cells ranks points of a map, not places.
    """
    rows = incidents if groups is None else incidents.filter(incidents.offence_group.isin(list(groups)))
    placed = rows.filter(rows.easting_m.notnull() & rows.northing_m.notnull())
    points = placed.group_by("easting_m", "northing_m").agg(n=placed.count())
    cells = (
        points.group_by(
            column=(points.easting_m / float(cell_m)).floor(),
            row=(points.northing_m / float(cell_m)).floor(),
        )
        .agg(points=points.count(), records=points.n.sum())
        .mutate(one=lambda t: (t.points == 1).cast("int64"))
    )
    (found,) = (
        cells.agg(
            records=cells.records.sum(),
            points=cells.points.sum(),
            cells=cells.count(),
            single=cells.one.sum(),
            single_records=(cells.one * cells.records).sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    return PointsPerCell(cell_m=float(cell_m), **{key: int(value or 0) for key, value in found.items()})


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

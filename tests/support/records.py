"""Small incidents tables drawn in a test, and archives that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import pyarrow as pa
from table_checks import check_table

from becalm.tables import Archive, TablePart, arrow_schema

AS_OF = date(2020, 6, 1)


def drawn(table: str) -> list[dict[str, Any]]:
    """Rows as drawn: a head line and one line for each row, cells between bars; an empty cell is null."""
    lines = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [dict(zip(lines[0], (cell or None for cell in line), strict=True)) for line in lines[1:]]


def incidents(rows: str | Iterable[Mapping[str, Any]], **fixed: Any) -> pa.Table:
    """Incidents of which only what matters is drawn; the rest is filled in."""
    drawn_rows = drawn(rows) if isinstance(rows, str) else rows
    full = [_incident(number, {**fixed, **row}) for number, row in enumerate(drawn_rows)]
    return check_table(pa.Table.from_pylist(full, schema=arrow_schema("incidents")), "incidents")


def _incident(number: int, given: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(given)
    day = row.pop("day", None)
    day = date.fromisoformat(day) if isinstance(day, str) else day
    if cell := row.pop("cell", None):  # column,row of a 100 m grid; the point is its middle
        column, line = (int(part) for part in str(cell).split(","))
        row |= {"easting_m": column * 100 + 50.0, "northing_m": line * 100 + 50.0}
    if row.get("hour_of_week") is not None:
        row["hour_of_week"] = int(row["hour_of_week"])
    placed = row.get("easting_m") is not None
    return {
        "incident_id": f"i{number}",
        "source": "drawn",
        "file": "drawn.csv",
        "found_by": "victim",
        "occurred_on": day,
        "occurred_from": datetime.combine(day, time(12), UTC) if day else None,
        "precision": "hour" if day else "month",
        "month": f"{day:%Y-%m}" if day else "2020-04",
        "as_of": AS_OF,
        "offence": "Robbery",
        "offence_group": "robbery",
        "weapon": "unknown",
        "location_quality": "exact" if placed else "none",
        **row,
    }


def published(rows: str, **fixed: Any) -> pa.Table:
    """Published counts of which only what matters is drawn."""
    full = [
        {
            "source": "drawn",
            "area_kind": "borough",
            "area_name": row.get("borough"),
            "month": "2020-04",
            "offence_group": "robbery",
            "measure": "offences",
            "as_of": AS_OF,
            **fixed,
            **row,
            "count": int(row["count"] or 0),
        }
        for row in drawn(rows)
    ]
    return check_table(
        pa.Table.from_pylist(full, schema=arrow_schema("published_counts")), "published_counts"
    )


def load(
    archive: Archive,
    *tables: pa.Table,
    as_of: date = AS_OF,
    name: str = "incidents",
    inputs: Sequence[str] = (),
    recipe: str = "recipe",
    whole: bool = False,
) -> str:
    """Load each table, as from an input file of its own, in one intake."""
    with archive.intake() as intake:
        for number, rows in enumerate(tables):
            given = inputs[number] if inputs else f"{as_of}-{number}-{rows.num_rows}"
            for part in split(rows, name, whole=whole):
                intake.add(
                    part,
                    as_of=as_of,
                    input_file=f"{given}.csv",
                    input_sha256=given,
                    recipe=recipe,
                    recipe_sha256=recipe,
                )
        return intake.commit()


def split(rows: pa.Table, name: str, *, whole: bool = False) -> list[TablePart]:
    """One part for each source and month."""
    slots = sorted(set(zip(rows["source"].to_pylist(), rows["month"].to_pylist(), strict=True)))
    parts = []
    for source, month in slots:
        mask = [
            s == source and m == month
            for s, m in zip(rows["source"].to_pylist(), rows["month"].to_pylist(), strict=True)
        ]
        parts.append(TablePart(name, source, month, rows.filter(pa.array(mask)), whole=whole))
    return parts

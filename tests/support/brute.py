"""Counting the slow and obvious way, to hold the engines against."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from becalm.tables import CountTable, HourCounts, PlaceCounts

Row = Mapping[str, Any]


def by_group_and_time(rows: Iterable[Row], by: str, unit: str) -> Counter[tuple[str, date]]:
    counted: Counter[tuple[str, date]] = Counter()
    for row in rows:
        day = row["occurred_on"]
        if unit == "month":
            day = date.fromisoformat(row["month"] + "-01")
        elif unit == "week" and day is not None:
            day = date.fromisocalendar(*day.isocalendar()[:2], 1)
        if day is not None:
            counted[", ".join(row[name] or "unknown" for name in by.split("+")), day] += 1
    return counted


def finders(rows: Iterable[Row], by: str) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row[by] or "unknown", set()).add(row["found_by"])
    return {group: next(iter(words)) if len(words) == 1 else "mixed" for group, words in found.items()}


def of_table(table: CountTable) -> Counter[tuple[str, date]]:
    return Counter(
        {
            (group, time): int(table.counts[g, t])
            for g, group in enumerate(table.groups)
            for t, time in enumerate(table.times)
            if table.counts[g, t]
        }
    )


def by_place(rows: Iterable[Row], cell_m: float) -> Counter[tuple[int, int, str, str]]:
    return Counter(
        (
            math.floor(row["easting_m"] / cell_m),
            math.floor(row["northing_m"] / cell_m),
            row["month"],
            row["offence_group"] or "unknown",
        )
        for row in rows
        if row["easting_m"] is not None
    )


def of_places(places: PlaceCounts) -> Counter[tuple[int, int, str, str]]:
    return Counter(
        {
            (int(c), int(r), places.months[m], places.groups[g]): int(n)
            for c, r, m, g, n in zip(
                places.columns,
                places.rows,
                places.month_index,
                places.group_index,
                places.counts,
                strict=True,
            )
        }
    )


def by_hour(
    rows: Iterable[Row], cell_m: float, cells: Sequence[tuple[int, int]]
) -> Counter[tuple[int, int, int]]:
    """Hour 168 stands for not known."""
    wanted = set(cells)
    counted: Counter[tuple[int, int, int]] = Counter()
    for row in rows:
        if row["easting_m"] is not None:
            cell = math.floor(row["easting_m"] / cell_m), math.floor(row["northing_m"] / cell_m)
            if cell in wanted:
                counted[*cell, 168 if row["hour_of_week"] is None else row["hour_of_week"]] += 1
    return counted


def of_hours(hours: HourCounts) -> Counter[tuple[int, int, int]]:
    counted: Counter[tuple[int, int, int]] = Counter()
    for i, cell in enumerate(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True)):
        for hour in range(168):
            counted[*cell, hour] += int(hours.counts[i, hour])
        counted[*cell, 168] += int(hours.without_hour[i])
    return +counted

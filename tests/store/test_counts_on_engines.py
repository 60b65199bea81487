"""Every count is the same on DuckDB, on Spark, and by hand."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from typing import Any, get_args

import brute
import numpy as np
import pyarrow as pa
import pytest
from records import incidents, load, published

from becalm.archive.parquet import ParquetArchive
from becalm.tables import (
    Grouping,
    count_incidents,
    count_matched,
    count_places,
    count_published,
    count_week_hours,
    total_incidents,
    total_published,
)
from becalm.terms import Period

CELL_M = 150.0
SOURCES = ("chicago", "police_uk/city-of-london")


def a_city(seed: int, n: int) -> pa.Table:
    """Incidents of every kind: some without group, place, hour or finder, in two sources."""
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number in range(n):
        day = date(2019, 11, 3) + timedelta(days=draw.randrange(150))
        placed = draw.random() < 0.9
        rows.append(
            {
                "incident_id": f"{number:05d}",
                "source": draw.choice(SOURCES),
                "day": day,
                "offence_group": draw.choice(["robbery", "burglary", "drugs", "Ärger", None]),
                "offence": draw.choice(["Robbery", "robbery", "Theft, other"]),
                "found_by": draw.choice(["victim", "victim", "police", "unknown"]),
                "weapon": draw.choice(["knife", "gun", "none"]),
                "victim_age_band": draw.choice(["0-17", "18-24", None]),
                "borough": draw.choice(["Camden", "Tower Hamlets", None]),
                "ward": draw.choice(["Abbey", None]),
                "command_unit": draw.choice(["Central North", "Central East"]),
                "hour_of_week": draw.choice([None, draw.randrange(168)]),
                "easting_m": draw.choice([-1, 1]) * draw.randrange(8) * 75.0 if placed else None,
                "northing_m": draw.uniform(-1000, 1000) if placed else None,
                "location_quality": draw.choice(["exact", "snap"]) if placed else "none",
            }
        )
    return incidents(rows)


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def city(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, open_engine: Any
) -> tuple[Any, list[dict[str, Any]]]:
    rows = a_city(7, 3_000)
    archive = ParquetArchive(tmp_path_factory.mktemp("city") / "archive", lambda: open_engine(request.param))
    load(archive, rows)
    return archive.table("incidents"), rows.to_pylist()


@pytest.mark.parametrize(
    ("city", "by"),
    [*(("duckdb", by) for by in get_args(Grouping)), ("spark", "offence_group"), ("spark", "borough")],
    indirect=["city"],
)
def test_incidents_by_month(city: Any, by: Grouping) -> None:
    table, rows = city
    counted = count_incidents(table, by=by, unit="month")
    assert brute.of_table(counted) == brute.by_group_and_time(rows, by, "month")
    assert dict(zip(counted.groups, counted.found_by, strict=True)) == brute.finders(rows, by)
    assert counted.groups == tuple(sorted(counted.groups))
    assert counted.times == tuple(date(2019 + (m > 12), (m - 1) % 12 + 1, 1) for m in range(11, 16))
    assert counted.source == "chicago, police_uk/city-of-london"
    assert counted.counts.dtype == np.int64


def test_incidents_by_day_in_a_period_without_some_groups(city: Any) -> None:
    table, rows = city
    period = Period(date(2019, 12, 5), date(2020, 2, 3))
    counted = count_incidents(
        table, by="offence", unit="day", period=period, exclude_groups=("drugs", "unknown")
    )
    inside = [row for row in rows if period.start <= row["occurred_on"] < period.end]
    kept = [row for row in inside if row["offence_group"] not in ("drugs", None)]
    assert brute.of_table(counted) == brute.by_group_and_time(kept, "offence", "day")
    assert len(counted.times) == period.days
    left = Counter(row["offence_group"] or "unknown" for row in inside)
    assert counted.excluded_counts == (("drugs", left["drugs"]), ("unknown", left["unknown"]))


@pytest.mark.parametrize("city", ["duckdb", "spark"], indirect=True)
def test_incidents_by_week_of_each_borough_and_group(city: Any) -> None:
    table, rows = city
    period = Period(date(2019, 12, 2), date(2020, 2, 3))
    counted = count_incidents(table, by=("borough", "offence_group"), unit="week", period=period)
    inside = [row for row in rows if period.start <= row["occurred_on"] < period.end]
    assert brute.of_table(counted) == brute.by_group_and_time(inside, "borough+offence_group", "week")
    assert counted.groups == tuple(map(", ".join, counted.keys))
    assert counted.keys == tuple(sorted(counted.keys))
    assert counted.times == tuple(period.start + timedelta(weeks=week) for week in range(9))


@pytest.mark.parametrize(
    ("city", "cell_m"), [("duckdb", CELL_M), ("duckdb", 75.0), ("spark", 33.3)], indirect=["city"]
)
def test_places(city: Any, cell_m: float) -> None:
    table, rows = city
    places = count_places(table, cell_m=cell_m)
    assert brute.of_places(places) == brute.by_place(rows, cell_m)
    assert places.without_location == sum(row["easting_m"] is None for row in rows)
    quality = Counter(row["location_quality"] for row in rows if row["easting_m"] is not None)
    assert dict(places.location_quality) == quality
    order = np.lexsort((places.group_index, places.month_index, places.rows, places.columns))
    assert (order == np.arange(order.size)).all()


def test_places_of_some_groups_in_some_months(city: Any) -> None:
    table, rows = city
    places = count_places(table, cell_m=CELL_M, groups=("robbery", "nobody"), months=("2019-12", "2020-02"))
    kept = [r for r in rows if r["offence_group"] == "robbery" and r["month"] in ("2019-12", "2020-02")]
    assert brute.of_places(places) == brute.by_place(kept, CELL_M)
    assert places.groups == ("robbery", "nobody")
    assert places.months == ("2019-12", "2020-01", "2020-02")


A_FEW, ALL, NONE = [(0, 0), (-1, 2), (99, 99)], [(c, r) for c in range(-8, 8) for r in range(-8, 8)], []


@pytest.mark.parametrize(
    ("city", "cells"),
    [("duckdb", A_FEW), ("duckdb", ALL), ("duckdb", NONE), ("spark", A_FEW), ("spark", ALL)],
    indirect=["city"],
)
def test_hours_of_the_week(city: Any, cells: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("becalm.tables.week_hours.FEW_CELLS", 100)
    table, rows = city
    columns, lines = np.array(cells, np.int64).reshape(-1, 2).T
    hours = count_week_hours(table, cell_m=CELL_M, columns=columns, rows=lines)
    assert brute.of_hours(hours) == brute.by_hour(rows, CELL_M, cells)


def test_monthly_totals(city: Any) -> None:
    table, rows = city
    totals = total_incidents(table)
    assert [t.source for t in totals] == list(SOURCES)
    for total in totals:
        mine = [row for row in rows if row["source"] == total.source]
        assert dict(zip(total.months, total.counts.tolist(), strict=True)) == Counter(
            r["month"] for r in mine
        )
        for month, first, last in zip(total.months, total.first_day, total.last_day, strict=True):
            days = [row["occurred_on"] for row in mine if row["month"] == month]
            assert (first, last) == (min(days), max(days))


PUBLISHED = """
    borough | area_kind | area_code | area_name | month   | offence | offence_group | count | measure
    Camden  | borough   | E1        | Camden    | 2020-03 | Robbery | robbery       | 5     | offences
    Camden  | borough   | E1        | Camden    | 2020-04 | Robbery | robbery       | 7     | offences
    Camden  | borough   | E1        | Camden    | 2020-04 | Drugs   | drug_offences | 2     | offences
    Camden  | borough   | E1        | Camden    | 2020-04 | Robbery | robbery       | 90    | victims
    Brent   | borough   | E2        | Brent     | 2020-04 | Robbery | robbery       | 1     | offences
            | borough   |           |           | 2020-04 | Robbery | robbery       | 4     | offences
    Camden  | ward      | W1        | Abbey     | 2020-04 | Robbery | robbery       | 3     | offences
    Brent   | ward      | W1        | Abbey     | 2020-04 | Robbery | robbery       | 1     | offences
    Brent   | ward      | W2        | Abbey     | 2020-04 | Robbery | robbery       | 8     | offences
    Brent   | ward      |           |           | 2020-04 | Robbery | robbery       | 2     | offences
    """
UNITS = {"Camden": "Central North", "Brent": "North West", "City of London": None}
FINDERS = {"robbery": "victim", "drug_offences": "police"}


@pytest.mark.parametrize(
    ("by", "april", "found_by"),
    [
        ("offence_group", {"drug_offences": 2, "robbery": 12}, ("police", "victim")),
        ("offence", {"Drugs": 2, "Robbery": 12}, ("police", "victim")),
        ("borough", {"Brent": 1, "Camden": 9, "unknown": 4}, ("victim", "mixed", "victim")),
        ("command_unit", {"Central North": 9, "North West": 1, "unknown": 4}, ("mixed", "victim", "victim")),
        ("ward", {"Abbey (W1)": 4, "Abbey (W2)": 8, "unknown": 2}, ("victim",) * 3),
    ],
)
def test_published_counts(
    archive: ParquetArchive, by: Grouping, april: dict[str, int], found_by: tuple[str, ...]
) -> None:
    load(archive, published(PUBLISHED), name="published_counts")
    counted = count_published(
        archive.table("published_counts"), by=by, source="drawn", command_units=UNITS, found_by=FINDERS
    )
    assert dict(zip(counted.groups, counted.counts[:, -1].tolist(), strict=True)) == april
    assert counted.found_by == found_by
    assert counted.as_of == date(2020, 6, 1)


def test_published_counts_without_a_group_say_how_many_that_was(archive: ParquetArchive) -> None:
    load(archive, published(PUBLISHED), name="published_counts")
    table = archive.table("published_counts")
    counted = count_published(
        table, by="offence_group", source="drawn", exclude_groups=("drug_offences", "fraud")
    )
    assert counted.groups == ("robbery",)
    assert counted.excluded_counts == (("drug_offences", 2),)
    assert total_published(table)[0].counts.tolist() == [5, 118]


def test_a_crime_with_several_outcomes_is_matched_once(archive: ParquetArchive) -> None:
    from becalm.tables import arrow_schema

    told = [
        ("i0", "2020-05", "Charged"),
        ("i0", "2020-04", "Under investigation"),
        ("i9", "2020-05", "Charged"),
    ]
    rows = [
        {
            "incident_id": i,
            "source": "drawn",
            "file": "f",
            "month": m,
            "outcome": o,
            "as_of": date(2020, 6, 1),
        }
        for i, m, o in told
    ]
    load(archive, pa.Table.from_pylist(rows, schema=arrow_schema("outcomes")), name="outcomes")
    load(archive, incidents("day | outcome\n2020-04-02 |\n2020-04-03 | Unknown\n2020-04-04 |"))
    assert count_matched(archive.table("outcomes"), archive.table("incidents")) == (1, 2)

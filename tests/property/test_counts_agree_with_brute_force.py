"""Whatever the records, counting by engine and by hand give the same."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import brute
import ibis
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from records import incidents

from becalm.tables import count_incidents, count_places, count_week_hours, total_incidents

MONTH = st.sampled_from(["2019-12", "2020-01", "2020-02", "2020-04"])
COORDINATE = st.floats(-1e6, 1e6, allow_nan=False, width=32) | st.integers(-30, 30).map(lambda i: i * 50.0)


@st.composite
def incident(draw: st.DrawFn) -> dict[str, Any]:
    month = draw(MONTH)
    day = draw(st.none() | st.integers(1, 28))
    east, north = draw(st.tuples(COORDINATE, COORDINATE) | st.just((None, None)))
    return {
        "month": month,
        "day": date(int(month[:4]), int(month[5:]), day) if day else None,
        "offence_group": draw(st.sampled_from(["robbery", "burglary", "éclair", None])),
        "found_by": draw(st.sampled_from(["victim", "police", "unknown"])),
        "hour_of_week": draw(st.none() | st.integers(0, 167)),
        "source": draw(st.sampled_from(["a", "b"])),
        "easting_m": east,
        "northing_m": north,
    }


RECORDS = st.lists(incident(), min_size=1, max_size=40)


def bound(rows: list[dict[str, Any]]) -> tuple[ibis.Table, list[dict[str, Any]]]:
    """The records in DuckDB, and as they are."""
    table = incidents(rows)
    return ibis.memtable(table), table.to_pylist()


@given(RECORDS)
def test_months(records: list[dict[str, Any]]) -> None:
    table, rows = bound(records)
    counted = count_incidents(table, by="offence_group", unit="month")
    assert brute.of_table(counted) == brute.by_group_and_time(rows, "offence_group", "month")
    assert dict(zip(counted.groups, counted.found_by, strict=True)) == brute.finders(rows, "offence_group")
    totals = {
        (t.source, m): int(n)
        for t in total_incidents(table)
        for m, n in zip(t.months, t.counts, strict=True)
        if n
    }
    assert totals == Counter((row["source"], row["month"]) for row in rows)


@given(RECORDS, st.sampled_from([50.0, 150.0, 33.3, 1.0]))
def test_places_and_their_hours(records: list[dict[str, Any]], cell_m: float) -> None:
    table, rows = bound(records)
    places = count_places(table, cell_m=cell_m)
    by_hand = brute.by_place(rows, cell_m)
    assert brute.of_places(places) == by_hand
    assert places.counts.sum() + places.without_location == len(rows)
    cells = sorted({(c, r) for c, r, _, _ in by_hand})
    if cells:
        columns, lines = np.array(cells, np.int64).T
        hours = count_week_hours(table, cell_m=cell_m, columns=columns, rows=lines)
        assert brute.of_hours(hours) == brute.by_hour(rows, cell_m, cells)

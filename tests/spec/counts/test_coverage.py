"""Which months do the records not cover?"""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from records import incidents

from becalm.tables import (
    REPEATED_ROW,
    ArchiveFile,
    MonthlyTotals,
    arrow_schema,
    count_rejected_rows,
    find_gaps,
    list_months,
    select_gaps,
    total_incidents,
    total_stops,
)
from becalm.terms import Gap


def series(counts: Mapping[str, int] | list[int], first: str = "2019-01") -> MonthlyTotals:
    """A source that knows no days."""
    if isinstance(counts, list):
        counts = dict(zip(list_months(first, "2030-12"), counts, strict=False))
    months = list_months(min(counts), max(counts))
    values = np.array([counts.get(month, 0) for month in months], np.int64)
    return MonthlyTotals(
        "police", months, values, (None,) * len(months), (None,) * len(months), values, date(2020, 6, 1)
    )


def told(*totals: MonthlyTotals) -> list[tuple[str, str]]:
    return [(gap.month, gap.kind) for gap in find_gaps(totals)]


def test_a_month_without_a_file_is_missing() -> None:
    assert told(series([500, 510, 0, 0, 490])) == [("2019-03", "missing"), ("2019-04", "missing")]


def test_a_quiet_month_of_a_rare_offence_is_not_missing() -> None:
    assert told(series([2, 1, 0, 3, 2, 0, 1])) == []


def test_a_single_month_far_below_both_sides_is_low_and_the_words_leave_it_open() -> None:
    (gap,) = find_gaps([series([900, 880, 910, 300, 905, 890, 915])])
    assert (gap.month, gap.kind) == ("2019-04", "low")
    assert "300" in gap.detail
    assert "may be real" in gap.detail


def test_a_fall_that_lasts_is_no_gap() -> None:
    assert told(series([851, 840, 860, 610, 236, 226, 260, 300])) == []


def test_months_that_are_low_together_are_each_named() -> None:
    (first, *others) = find_gaps([series([100, 310, 480, 600, 740, 1010, 990, 1005])])
    assert [gap.month for gap in (first, *others)] == [f"2019-0{m}" for m in range(1, 6)]
    assert first.kind == "low"
    assert others[-1].detail.startswith("one of 5 months in a row with 10% to 74% of the usual 1,005 records")


def test_a_low_run_between_two_usual_sides_is_named_even_where_it_is_steady() -> None:
    assert told(series([900, 880, 910, 450, 440, 460, 905, 890, 915])) == [
        ("2019-04", "low"),
        ("2019-05", "low"),
        ("2019-06", "low"),
    ]


def test_a_season_that_halves_by_and_by_is_no_low_run() -> None:
    yearly = [900, 880, 840, 760, 660, 600, 580, 620, 700, 780, 850, 890]
    assert told(series(yearly * 3)) == []


def with_boroughs(*counts: list[int]) -> MonthlyTotals:
    """A source with one row of counts for each borough."""
    area_counts = np.array(counts, np.int64)
    names = ("Barnet", "Camden", "Ealing")[: len(counts)]
    return replace(series(area_counts.sum(axis=0).tolist()), areas=names, area_counts=area_counts)


def test_an_area_that_is_absent_from_one_month_is_named() -> None:
    (gap,) = find_gaps([with_boroughs([90, 95, 0, 92, 91], [900, 910, 905, 890, 920])])
    assert (gap.month, gap.kind) == ("2019-03", "area_missing")
    assert gap.detail == "no records of Barnet; about 92 would be expected"


def test_an_area_whose_records_begin_later_or_are_few_is_not_absent() -> None:
    assert find_gaps([with_boroughs([0, 0, 95, 92, 91], [2, 0, 3, 1, 2], [900, 910, 905, 890, 920])]) == ()


def test_a_tiny_area_that_is_absent_changes_no_answer() -> None:
    assert find_gaps([with_boroughs([30, 35, 0, 32, 31], [90_000, 91_000, 90_500, 89_000, 92_000])]) == ()


def stops(*days_of_month: tuple[int, int], copies: int = 1) -> ibis.Table:
    """Ten stops an hour apart on each day of these months to a last one, each written `copies` times."""
    rows = [
        {
            "stop_id": f"{month}-{day}-{hour}-{copy}",
            "source": "police",
            "stopped_at": datetime(2018, month, day, hour, tzinfo=UTC),
            "month": f"2018-{month:02}",
            "kind": "Person search",
            "as_of": date(2019, 1, 1),
        }
        for month, last in days_of_month
        for day in range(1, last + 1)
        for hour in range(10)
        for copy in range(copies)
    ]
    return ibis.memtable(pa.Table.from_pylist(rows, schema=arrow_schema("stops")))


def test_stops_that_end_early_in_a_month_are_cut_short() -> None:
    gap, _ = find_gaps(total_stops(stops((5, 31), (6, 30), (7, 31), (8, 17))))
    assert (gap.month, gap.kind) == ("2018-08", "cut_short")
    assert gap.detail == "ends on 2018-08-17, with about 10 records a day"


def test_stops_that_all_stand_twice_are_doubled() -> None:
    gaps = find_gaps(total_stops(stops((5, 31), (6, 30), copies=2)))
    assert [(gap.month, gap.kind) for gap in gaps] == [("2018-05", "doubled"), ("2018-06", "doubled")]
    assert gaps[0].detail == "620 records, of which only 310 differ"
    assert find_gaps(total_stops(stops((5, 31), (6, 30)))) == ()


def test_a_fall_in_the_last_month_is_told_with_doubt_as_nothing_after_it_can_tell() -> None:
    (gap,) = find_gaps([series([851, 840, 860, 845, 236])])
    assert gap.kind == "low"
    assert "no other month can confirm it" in gap.detail


def test_an_extract_that_begins_within_a_month_shows_even_without_days() -> None:
    assert told(series([200, 880, 910, 900])) == [("2019-01", "low")]


def test_seasons_and_noise_are_no_gaps() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        season = 1 + 0.2 * np.sin(np.arange(48) / 6 * np.pi)
        counts = rng.negative_binomial(20, 20 / (20 + 300 * season))
        assert len(find_gaps([series(counts.tolist())])) <= 1


def days_of(first: str, last: str) -> list[date]:
    start = date.fromisoformat(first)
    return [start + timedelta(days=i) for i in range((date.fromisoformat(last) - start).days + 1)]


def daily(first: str, last: str, per_day: int) -> ibis.Table:
    return ibis.memtable(incidents([{"day": day} for day in days_of(first, last) for _ in range(per_day)]))


def test_records_that_begin_or_end_within_a_month_are_cut_short() -> None:
    gaps = find_gaps(total_incidents(daily("2020-02-10", "2020-04-12", 3)))
    assert [(gap.month, gap.kind) for gap in gaps if gap.kind == "cut_short"] == [
        ("2020-02", "cut_short"),
        ("2020-04", "cut_short"),
    ]
    assert "ends on 2020-04-12" in gaps[-1].detail or "ends on 2020-04-12" in gaps[-2].detail


def test_a_day_or_two_without_a_record_of_a_rare_offence_is_not_cut_short() -> None:
    assert find_gaps(total_incidents(daily("2020-03-03", "2020-04-28", 1))) == ()


def test_a_few_strays_before_the_records_begin_are_not_months_cut_short() -> None:
    strays = [{"day": date.fromisoformat(day)} for day in ("1966-06-09", "1970-01-01", "2019-11-02")]
    body = [{"day": day} for day in days_of("2020-01-01", "2020-03-31") for _ in range(40)]
    gaps = find_gaps(total_incidents(ibis.memtable(incidents([*strays, *body]))))
    assert [gap for gap in gaps if gap.kind == "cut_short"] == []


def archived(name: str, month: str, rows: int) -> ArchiveFile:
    return ArchiveFile(
        f"{name}-{month}",
        "incidents",
        "police",
        month,
        rows,
        "",
        date(2020, 6, 1),
        "000001",
        name,
        name,
        "r",
        "r",
    )


def test_months_of_a_file_with_many_rejected_rows_are_loaded_in_part() -> None:
    faults = ibis.memtable(
        [{"file": "a.csv", "row": row, "fate": "rejected", "reason": "no month"} for row in range(10)]
        + [{"file": "a.csv", "row": 3, "fate": "rejected", "reason": "no offence"}]
        + [{"file": "b.csv", "row": row, "fate": "repaired", "reason": "no place"} for row in range(90)]
        + [{"file": "b.csv", "row": row, "fate": "rejected", "reason": REPEATED_ROW} for row in range(90)]
    )
    rejected = count_rejected_rows(faults)
    assert rejected == {"a.csv": 10}
    files = [
        archived("a.csv", "2020-03", 40),
        archived("a.csv", "2020-04", 50),
        archived("b.csv", "2020-05", 90),
    ]
    gaps = find_gaps([], files=files, rejected_rows=rejected)
    assert [(gap.month, gap.kind) for gap in gaps] == [
        ("2020-03", "partial_load"),
        ("2020-04", "partial_load"),
    ]
    assert gaps[0].detail == "10 of 100 rows of a.csv were rejected"
    assert find_gaps([], files=files, rejected_rows={"a.csv": 1}) == ()


def test_only_gaps_of_the_months_and_sources_of_an_answer_are_shown_with_it() -> None:
    gaps = (Gap("a", "2020-03", "low", ""), Gap("a", "2020-04", "low", ""), Gap("b", "2020-04", "low", ""))
    assert select_gaps(gaps, ["2020-04"], ["a"]) == (gaps[1],)


@pytest.mark.data
def test_the_real_series_raise_no_false_alarm(shared_data: Path) -> None:
    wide = pq.read_table(shared_data / "london" / "mps_borough_2010-04_2020-05.parquet")
    months = [name for name in wide.column_names if name.isdigit()]
    mps = {f"{m[:4]}-{m[4:]}": sum(wide[m].to_pylist()) for m in months}
    points = pq.read_table(
        shared_data / "london" / "street_points_2018-02_2020-05.parquet", columns=["month"]
    )
    found = {"mps": mps, "points": Counter(points["month"].to_pylist())}
    assert {name: told(series(counts)) for name, counts in found.items()} == {"mps": [], "points": []}


@pytest.mark.data
def test_the_city_of_londons_real_fall_is_no_gap_once_the_next_month_is_known(shared_data: Path) -> None:
    counts: Counter[str] = Counter()
    with zipfile.ZipFile(shared_data / "raw" / "police_uk_city_of_london_2018-04_2020-05.zip") as archive:
        for name in archive.namelist():
            if name.endswith("-street.csv"):
                counts.update(csv.read_csv(io.BytesIO(archive.read(name)))["Month"].to_pylist())
    assert (counts["2019-04"], counts["2020-04"]) == (851, 236)
    assert told(series(counts)) == []
    (gap,) = find_gaps([series({month: n for month, n in counts.items() if month <= "2020-04"})])
    assert (gap.month, gap.kind) == ("2020-04", "low")
    assert "may be real" in gap.detail

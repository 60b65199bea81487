"""Which records are current: supersession, as-of dates, and extracts that meet within a month."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from records import incidents, load

from becalm.archive.parquet import ParquetArchive
from becalm.tables import TABLES, Archive, count_incidents
from becalm.terms import ArchiveError, QuestionError


def days(first: str, last: str, **fixed: Any) -> pa.Table:
    """One incident a day, from the first to the last day, whose identity is its day."""
    start, end = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    dates = [date.fromordinal(day) for day in range(start, end + 1)]
    return incidents([{"day": day, "incident_id": day.isoformat()} for day in dates], **fixed)


def month_only(month: str, n: int, *, prefix: str = "", **fixed: Any) -> pa.Table:
    return incidents([{"month": month, "incident_id": f"{prefix}{month}-{i}"} for i in range(n)], **fixed)


def per_month(archive: Archive, **asked: Any) -> dict[str, int]:
    found = archive.table("incidents", **asked)
    rows = found.group_by("month").agg(n=found.count()).to_pyarrow().to_pylist()
    return {row["month"]: row["n"] for row in sorted(rows, key=lambda row: row["month"])}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_a_table_of_an_empty_archive_has_its_declared_schema(archive: ParquetArchive, table: str) -> None:
    found = archive.table(table)
    assert found.schema() == TABLES[table]
    assert found.to_pyarrow().num_rows == 0


def test_what_is_read_is_what_was_kept(archive: ParquetArchive) -> None:
    kept = incidents(
        """
        day        | cell | hour_of_week | injury | borough        | weapon
        2020-04-02 | 3,4  | 84           |        | Tower Hamlets  | knife
        2020-04-03 |      |              |        | Île-de-l'Étang | unknown
        """,
        source="police_uk/ä ö%/x=1",
    )
    load(archive, kept)
    found = archive.table("incidents", source="police_uk/ä ö%/x=1")
    assert found.schema() == TABLES["incidents"]
    read = found.order_by("incident_id").to_pyarrow().cast(kept.schema)
    assert read.to_pylist() == kept.to_pylist()


def test_an_archive_that_holds_nothing_says_how_to_fill_it(duck: ParquetArchive) -> None:
    with pytest.raises(QuestionError, match="becalm ingest"):
        count_incidents(duck.table("incidents"), by="offence_group", unit="month")


def test_a_second_extract_for_other_months_adds_to_the_first(archive: ParquetArchive) -> None:
    load(archive, days("2020-01-01", "2020-06-30"), as_of=date(2020, 7, 1))
    load(archive, days("2020-07-01", "2020-12-31"), as_of=date(2021, 1, 1))
    found = per_month(archive)
    assert len(found) == 12
    assert sum(found.values()) == 366


def test_a_reissued_month_replaces_that_month_only_and_the_former_stays_readable(
    archive: ParquetArchive,
) -> None:
    load(archive, days("2020-03-01", "2020-05-31"), as_of=date(2020, 6, 1))
    again = pa.concat_tables(
        [days("2020-04-01", "2020-04-30"), incidents("day\n2020-04-10", incident_id="late")]
    )
    load(archive, again, as_of=date(2020, 8, 1))
    assert per_month(archive) == {"2020-03": 31, "2020-04": 31, "2020-05": 31}
    assert per_month(archive, as_of=date(2020, 7, 31)) == {"2020-03": 31, "2020-04": 30, "2020-05": 31}
    assert per_month(archive, as_of=date(2020, 5, 31)) == {}
    assert len(archive.versions("incidents")) == 4
    assert len(archive.files("incidents")) == 3


def test_of_two_editions_of_the_same_date_the_later_load_counts(duck: ParquetArchive) -> None:
    load(duck, month_only("2020-04", 10), inputs=["first"])
    load(duck, month_only("2020-04", 9), inputs=["second"])
    assert per_month(duck) == {"2020-04": 9}


def test_an_older_edition_that_is_loaded_late_does_not_push_the_newer_one_aside(duck: ParquetArchive) -> None:
    load(duck, month_only("2020-04", 10), as_of=date(2020, 8, 1))
    load(duck, month_only("2020-04", 12), as_of=date(2020, 6, 1))
    assert per_month(duck) == {"2020-04": 10}
    assert per_month(duck, as_of=date(2020, 7, 1)) == {"2020-04": 12}


def test_files_of_one_load_count_together_even_for_the_same_month(duck: ParquetArchive) -> None:
    north = month_only("2020-04", 10, prefix="north-")
    south = month_only("2020-04", 4, prefix="south-")
    load(duck, north, south, inputs=["north", "south"])
    assert per_month(duck) == {"2020-04": 14}


def test_the_same_bytes_under_two_names_count_once(duck: ParquetArchive) -> None:
    rows = month_only("2020-04", 10)
    with duck.intake() as intake:
        for name in ("a.csv", "copy of a.csv"):
            from records import split

            for part in split(rows, "incidents"):
                intake.add(
                    part,
                    as_of=date(2020, 6, 1),
                    input_file=name,
                    input_sha256="same",
                    recipe="r",
                    recipe_sha256="r",
                )
        intake.commit()
    assert per_month(duck) == {"2020-04": 10}


def test_of_two_whole_months_in_one_load_the_newer_edition_counts(duck: ParquetArchive) -> None:
    rows = {
        "old": (month_only("2020-04", 10), date(2020, 6, 1)),
        "new": (month_only("2020-04", 12), date(2020, 7, 1)),
    }
    from records import split

    with duck.intake() as intake:
        for name, (table, as_of) in rows.items():
            for part in split(table, "incidents", whole=True):
                intake.add(
                    part, as_of=as_of, input_file=name, input_sha256=name, recipe="r", recipe_sha256="r"
                )
        intake.commit()
    assert per_month(duck) == {"2020-04": 12}
    assert per_month(duck, as_of=date(2020, 6, 15)) == {"2020-04": 10}


def test_the_archive_knows_which_inputs_it_has_read_and_how(duck: ParquetArchive) -> None:
    load(duck, month_only("2020-04", 3), inputs=["file"], recipe="mapping 1")
    assert duck.has_input("file", "mapping 1")
    assert not duck.has_input("file", "mapping 2")
    assert not duck.has_input("other", "mapping 1")


def test_a_load_of_nothing_changes_nothing(duck: ParquetArchive, tmp_path: Path) -> None:
    load(duck, month_only("2020-04", 3))
    before = (tmp_path / "archive" / "manifest.json").read_bytes()
    with duck.intake() as intake:
        intake.commit()
    assert (tmp_path / "archive" / "manifest.json").read_bytes() == before


def test_the_first_days_of_a_month_in_an_older_extract_do_not_push_the_whole_month_aside(
    duck: ParquetArchive,
) -> None:
    load(duck, days("2020-04-01", "2020-05-31"), as_of=date(2020, 6, 1))
    load(duck, days("2020-05-29", "2020-06-30"), as_of=date(2020, 7, 1))
    assert per_month(duck) == {"2020-04": 30, "2020-05": 31, "2020-06": 30}


@pytest.mark.parametrize("newest_first", [False, True])
def test_two_extracts_that_meet_in_the_middle_of_a_month_make_that_month_together(
    duck: ParquetArchive, newest_first: bool
) -> None:
    loads = [
        (days("2020-05-01", "2020-06-14"), date(2020, 6, 15)),
        (days("2020-06-12", "2020-07-31"), date(2020, 8, 1)),
    ]
    for rows, as_of in reversed(loads) if newest_first else loads:
        load(duck, rows, as_of=as_of)
    assert per_month(duck) == {"2020-05": 31, "2020-06": 30, "2020-07": 31}


def test_one_misdated_row_without_a_day_does_not_push_a_month_aside(duck: ParquetArchive) -> None:
    load(duck, month_only("2020-03", 40), whole=True, as_of=date(2020, 6, 1))
    load(duck, month_only("2020-03", 1, prefix="stray-"), as_of=date(2020, 7, 1))
    assert per_month(duck) == {"2020-03": 41}
    assert per_month(duck, as_of=date(2020, 6, 1)) == {"2020-03": 40}


def test_the_same_input_read_by_a_corrected_mapping_replaces_what_it_brought_before(
    duck: ParquetArchive,
) -> None:
    load(duck, days("2020-04-01", "2020-04-30"), inputs=["extract"], recipe="mapping 1")
    load(duck, days("2020-04-10", "2020-04-12"), inputs=["extract"], recipe="mapping 2")
    assert per_month(duck) == {"2020-04": 3}


def test_a_smaller_reissue_of_the_same_records_replaces_them(duck: ParquetArchive) -> None:
    load(duck, month_only("2020-04", 40), as_of=date(2020, 6, 1))
    load(duck, month_only("2020-04", 15), as_of=date(2020, 7, 1))
    assert per_month(duck) == {"2020-04": 15}


def test_a_part_that_holds_rows_of_another_month_is_refused(duck: ParquetArchive) -> None:
    from becalm.tables import TablePart

    with pytest.raises(ArchiveError, match="2020-05"), duck.intake() as intake:
        intake.add(
            TablePart("incidents", "drawn", "2020-04", days("2020-05-01", "2020-05-02")),
            as_of=date(2020, 6, 1),
            input_file="f",
            input_sha256="f",
            recipe="r",
            recipe_sha256="r",
        )
    assert per_month(duck) == {}


def test_a_part_with_other_columns_is_refused_with_every_fault(duck: ParquetArchive) -> None:
    from becalm.tables import TablePart

    wrong = (
        days("2020-05-01", "2020-05-02").drop_columns(["ward", "lsoa"]).append_column("x", pa.array([1, 2]))
    )
    with pytest.raises(ArchiveError) as caught, duck.intake() as intake:
        intake.add(
            TablePart("incidents", "drawn", "2020-05", wrong),
            as_of=date(2020, 6, 1),
            input_file="f",
            input_sha256="f",
            recipe="r",
            recipe_sha256="r",
        )
    assert [fault.what.split("'")[1] for fault in caught.value.faults] == ["ward", "lsoa", "x"]

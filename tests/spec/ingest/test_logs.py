"""Logs of units as events: every row, or none and all that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from becalm.app.events import EVENT_KINDS
from becalm.record.files.log_file import Log, read_log
from becalm.terms import InputError, UsageError
from becalm.workspace.config import read_city

LONDON = read_city("london").city()
NOW = datetime(2020, 12, 1, tzinfo=UTC)
HEADER = "arrested_at,place_easting_m,place_northing_m,unit,activity,offence"
SOUND = "2020-02-03 22:15,530123.4,180456,VSU 1,hotspot patrol,robbery"
OWN_MAPPING = """
name = "own"
version = "1"
author = "a tester"
reviewed_on = 2020-01-01
origin = "made up"
kind = "arrest_made"
[occurred_at]
column = "When"
formats = ["%d/%m/%Y %H:%M"]
twice = "first"
[facts]
unit = "Team"
[constants]
activity = "dedicated activity"
"""


def read(folder: Path, *rows: str, header: str = HEADER, kind: str = "arrest_made", **more: Any) -> Log:
    path = folder / "log.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return read_log(path, kind, LONDON, kinds=EVENT_KINDS, now=NOW, **more)


def faults(folder: Path, *rows: str, **more: Any) -> list[str]:
    with pytest.raises(InputError) as refused:
        read(folder, *rows, **more)
    return [str(fault) for fault in refused.value.faults]


def test_a_row_becomes_the_facts_of_an_event(tmp_path: Path) -> None:
    (row,) = read(tmp_path, SOUND).rows
    assert (row.line, row.occurred_at) == (2, datetime(2020, 2, 3, 22, 15, tzinfo=UTC))
    assert row.facts == {
        "unit": "VSU 1",
        "activity": "hotspot patrol",
        "offence": "robbery",
        "place_easting_m": 530123,
        "place_northing_m": 180456,
    }


def test_every_broken_row_is_named_and_nothing_is_used(tmp_path: Path) -> None:
    told = faults(
        tmp_path,
        SOUND,
        "2020-02-31 22:15,530123,180456,VSU 1,patrol,robbery",
        "2020-02-03 22:15,here,180456,VSU 1,patrol,robbery",
        "2020-02-03 22:15,530123,,VSU 1,patrol,robbery",
        "2020-02-03 22:15,530123,180456,,patrol,robbery",
        "2021-02-03 22:15,530123,180456,VSU 1,patrol,robbery",
        "2020-02-03,530123,180456,VSU 1,patrol,robbery",
        "2020-02-03 22:15,530123,180456,VSU 1,patrol",
        '2020-02-03 22:15,530123,180456,VSU 1,"pat"rol,robbery',
    )
    assert [fault.split(",")[0].split("  ")[0] for fault in told] == [f"row {n}" for n in range(3, 11)]
    for fault, words in zip(
        told,
        (
            "not a time",
            "not a number",
            "not a number",
            "is empty",
            "future",
            "a day but no time",
            "fewer",
            "quot",
        ),
        strict=True,
    ):
        assert words in fault


@pytest.mark.parametrize(
    ("written", "hour_utc"),
    [
        ("2020-07-01 12:00", 11),
        ("2020-07-01T12:00Z", 12),
        ("2020-07-01 12:00+02:00", 10),
        ("2020-01-01 12:00", 12),
    ],
)
def test_a_time_without_an_offset_is_of_the_city(tmp_path: Path, written: str, hour_utc: int) -> None:
    (row,) = read(tmp_path, SOUND.replace("2020-02-03 22:15", written)).rows
    assert row.occurred_at.hour == hour_utc


def test_a_time_that_the_clocks_skipped_or_repeated_is_refused_with_the_way_out(tmp_path: Path) -> None:
    skipped, twice = faults(
        tmp_path,
        SOUND.replace("2020-02-03 22:15", "2020-03-29 01:30"),
        SOUND.replace("2020-02-03 22:15", "2020-10-25 01:30"),
    )
    assert "the clocks went forward" in skipped
    assert "2020-10-25T01:30:00+01:00 or 2020-10-25T01:30:00+00:00" in twice


def test_a_mapping_of_ones_own_names_columns_formats_and_the_rule_for_repeated_times(tmp_path: Path) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(OWN_MAPPING, "utf-8")
    (row,) = read(tmp_path, "25/10/2020 01:30,T4", header="When,Team", mapping=mapping).rows
    assert row.occurred_at == datetime(2020, 10, 25, 0, 30, tzinfo=UTC)
    assert row.facts == {"unit": "T4", "activity": "dedicated activity"}


def test_a_mapping_that_names_no_such_fact_or_lacks_one_is_refused(tmp_path: Path) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(OWN_MAPPING.replace('unit = "Team"', 'team = "Team"'), "utf-8")
    (fault,) = faults(tmp_path, "x", header="When,Team", mapping=mapping)
    assert "team are not facts of arrest_made" in fault


def test_columns_that_no_mapping_names_are_left_where_they_are(tmp_path: Path) -> None:
    log = read(tmp_path, f"{SOUND},A. Person,1990-01-01", header=f"{HEADER},name,born")
    assert log.ignored_columns == ("name", "born")
    assert "Person" not in str(log.rows)


def test_places_in_degrees_come_onto_the_grid_of_the_workspace(tmp_path: Path) -> None:
    header = "arrested_at,longitude,latitude,unit,activity,offence"
    log = read(tmp_path, "2020-02-03 22:15,-0.1276,51.5072,VSU 1,patrol,robbery", header=header)
    easting_m, northing_m = (log.rows[0].facts[f"place_{way}_m"] for way in ("easting", "northing"))
    assert (easting_m, northing_m) == (pytest.approx(530_043, abs=10), pytest.approx(180_358, abs=10))


def test_check_ins_of_a_patrol_are_bursts_that_end_after_they_start(tmp_path: Path) -> None:
    header = "unit,hotspot,start,end"
    (row,) = read(
        tmp_path, "VSU 1,H7,2020-07-01 12:00,2020-07-01 12:15", header=header, kind="burst_done"
    ).rows
    assert row.facts["starts_at"] == "2020-07-01T11:00:00Z"
    (fault,) = faults(
        tmp_path, "VSU 1,H7,2020-07-01 12:00,2020-07-01 11:15", header=header, kind="burst_done"
    )
    assert "ends before it starts" in fault


def test_a_missing_column_is_named_with_what_there_is(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, SOUND, header=HEADER.replace("unit", "team"))
    assert 'column "unit" not found' in fault
    assert "team" in fault


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "is empty"),
        (b"arrested_at,unit\n", "no rows"),
        (b"arrested_at;unit;activity\n1;2;3\n", "semicolons"),
        (b"unit,unit\n1,2\n", "names unit twice"),
        (HEADER.encode() + b"\n\xff\xfe,1,2\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_the_reason(tmp_path: Path, raw: bytes, told: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=told):
        read_log(path, "arrest_made", LONDON, kinds=EVENT_KINDS, now=NOW)


def test_a_file_in_utf_16_or_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-8-sig"):
        path = tmp_path / "log.csv"
        path.write_text(f"{HEADER}\r\n{SOUND}\r\n", encoding)
        assert len(read_log(path, "arrest_made", LONDON, kinds=EVENT_KINDS, now=NOW).rows) == 1


def test_a_kind_that_no_log_can_be_is_answered_with_those_that_can() -> None:
    from becalm.record.files.log_mapping import resolve_kind_name

    with pytest.raises(UsageError, match="arrest_made"):
        resolve_kind_name("arest_made", EVENT_KINDS)

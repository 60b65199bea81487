"""A proposal raises a doubt about everything that it might have taken wrong, and takes nothing in silence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extracts import context_of, input_file, rows_of
from xlsxwriter import Workbook

from becalm.formats.table_reader import read_sheet
from becalm.ingest.extract.reader import ExtractReader
from becalm.ingest.propose.guess_city import guess_city, nearest_time_zone
from becalm.ingest.propose.mapping import Proposal, propose
from becalm.ingest.reader import Reading
from becalm.terms import InputError
from becalm.workspace.config import CityEntry

SETTLED = re.compile(r"^doubts = \[.*?^\]\n", re.MULTILINE | re.DOTALL)


def write(folder: Path, name: str, heads: str, row: str, count: int = 60) -> Path:
    """A csv of rows in which {n} counts, {d} is a day from 1 to 28 and {h} an hour."""
    rows = (row.format(n=n, d=1 + n % 28, h=n % 24, last=n % 10) for n in range(count))
    path = folder / name
    path.write_text("\n".join([heads, *rows]) + "\n", "utf-8")
    return path


def proposal(path: Path, *, city: str = "london") -> Proposal:
    context = context_of(path.parent, city=city)
    sheet = read_sheet(input_file(path))
    return propose(sheet, name="m", author="a", tables=context.offences, locator=context.locator)


def entries(found: Proposal) -> dict[str, Any]:
    return tomllib.loads(found.text)


def read_settled(path: Path, found: Proposal, *, city: str = "london") -> Reading:
    (own := path.parent / "m.toml").write_text(SETTLED.sub("", found.text), "utf-8")
    context = replace(context_of(path.parent, city=city, mapping=own), allow_outside=True)
    return ExtractReader().read(input_file(path), context)


def doubts(found: Proposal, about: str) -> list[str]:
    return [doubt for doubt in found.doubts if about in doubt]


# --- files shaped as cities publish them --------------------------------------------------------------

PHILADELPHIA = (
    "objectid,year,date_,sex,age,wound,time,fatal,offender_injured,lat,lng",
    "{n},2019,2019-03-{d:02d},M,3{last},leg,{h:02d}:04:00,0,N,40.0{last},-75.1{last}",
)
NEW_YORK = (
    "INCIDENT_KEY,OCCUR_DATE,OCCUR_TIME,BORO,PERP_AGE_GROUP,VIC_AGE_GROUP,X_COORD_CD,Y_COORD_CD,"
    "Latitude,Longitude",
    "24{n:03d},3/{d}/19,{h}:38:00,QUEENS,25-44,<18,10047{n:02d},2130{n:02d},40.7{last},-73.9{last}",
)
HOUSTON = (
    "Incident,RMSOccurrenceDate,RMSOccurrenceHour,NIBRSDescription,OffenseCount,Beat,ZIPCode",
    "{n}20,2020-03-{d:02d},{h},Robbery,{last},10H{last},7700{last}",
)


def test_a_victim_is_not_injured_because_an_offender_was(tmp_path: Path) -> None:
    path = write(tmp_path, "shootings.csv", *PHILADELPHIA)
    found = proposal(path)
    assert entries(found)["injury"] == {"always": "true"}
    assert entries(found)["weapon"] == {"always": "gun"}
    assert doubts(found, "offender_injured")
    reading = read_settled(path, found)
    rows = rows_of(reading)
    assert len(rows) == 60
    assert {(row["injury"], row["weapon"], row["precision"]) for row in rows} == {(True, "gun", "minute")}


def test_date_and_time_in_two_columns_are_one_time(tmp_path: Path) -> None:
    found = entries(proposal(write(tmp_path, "shootings.csv", *NEW_YORK)))
    assert found["time"]["occurred_from"] == ["OCCUR_DATE", "OCCUR_TIME"]
    assert found["time"]["formats"] == ["%m/%d/%y %H:%M:%S"]


def test_the_victims_columns_are_taken_and_degrees_before_feet(tmp_path: Path) -> None:
    found = proposal(write(tmp_path, "shootings.csv", *NEW_YORK))
    assert entries(found)["victim_age"]["column"] == "VIC_AGE_GROUP"
    place = entries(found)["place"]
    assert (place["x"], place["y"], place["borough"]) == ("Longitude", "Latitude", "BORO")
    assert doubts(found, "PERP_AGE_GROUP")
    assert doubts(found, "X_COORD_CD")


def test_a_column_of_counts_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path, "houston.csv", *HOUSTON)
    found = proposal(path)
    assert entries(found)["table"] == "published_counts"
    assert doubts(found, "'OffenseCount' counts records: 60 rows stand for 270")


def test_a_number_of_a_complaint_is_no_count_and_windows_have_two_columns_each(tmp_path: Path) -> None:
    heads = "CMPLNT_NUM,CMPLNT_FR_DT,CMPLNT_FR_TM,CMPLNT_TO_DT,CMPLNT_TO_TM,RPT_DT,OFNS_DESC,County"
    day = "03/{d:02d}/2020"
    row = f"{{n}}20,{day},{{h:02d}}:30:00,{day},{{h:02d}}:45:00,{day},Robbery,7"
    found = entries(proposal(write(tmp_path, "nypd.csv", heads, row)))
    assert "table" not in found
    assert found["id"] == "CMPLNT_NUM"
    assert found["time"]["occurred_from"] == ["CMPLNT_FR_DT", "CMPLNT_FR_TM"]
    assert found["time"]["occurred_to"] == ["CMPLNT_TO_DT", "CMPLNT_TO_TM"]
    assert found["time"]["recorded_on"] == "RPT_DT"


def test_counts_too_small_to_be_told_are_still_counts(tmp_path: Path) -> None:
    rows = "\n".join(f"Camden,2020-{1 + n % 12:02d},Robbery,{'<5' if n < 6 else n}" for n in range(24))
    (path := tmp_path / "counts.csv").write_text(f"borough,month,offence,count\n{rows}\n", "utf-8")
    found = proposal(path)
    assert entries(found)["table"] == "published_counts"
    assert doubts(found, "some of 'count' are no numbers (<5)")
    reading = read_settled(path, found)
    assert (reading.loaded, reading.rejected) == (18, 6)
    assert sum(row["count"] for row in rows_of(reading)) == sum(range(6, 24))


def test_how_many_victims_a_record_has_is_no_count_of_records(tmp_path: Path) -> None:
    row = "C{n},2020-04-{d:02d},Robbery,{last}"
    found = proposal(write(tmp_path, "x.csv", "case_id,date,offence,number_of_victims", row))
    assert "table" not in entries(found)
    assert doubts(found, "number_of_victims")
    month_rows = write(tmp_path, "y.csv", "ward,month,offence,victim_count", "Abbey,2020-0{last},Robbery,{n}")
    assert entries(proposal(month_rows)).get("table") == "published_counts"


@pytest.mark.parametrize(
    ("heads", "row", "kept"),
    [
        ("id,date,offence,suspect_age,victim_age", "{n},2020-04-{d:02d},Robbery,2{last},3{last}", "25-34"),
        ("id,date,offence,arrestee_age,age", "{n},2020-04-{d:02d},Robbery,2{last},3{last}", "25-34"),
        ("id,date,offence,accused_injured", "{n},2020-04-{d:02d},Robbery,Y", None),
        ("id,date,offence,off_weapon", "{n},2020-04-{d:02d},Robbery,knife", None),
    ],
)
def test_what_is_said_of_offenders_is_never_a_victims(
    tmp_path: Path, heads: str, row: str, kept: str | None
) -> None:
    path = write(tmp_path, "x.csv", heads, row)
    found = proposal(path)
    assert doubts(found, "of offenders, not of victims")
    first = rows_of(read_settled(path, found))[0]
    assert (first["victim_age_band"], first["injury"], first["weapon"]) == (kept, None, "unknown")


def test_year_and_month_in_two_columns_and_counts_in_rows(tmp_path: Path) -> None:
    heads = "lsoa_code,lsoa_name,category,year,month,crime_count"
    path = write(tmp_path, "counts.csv", heads, "E0100{n:02d},North {n:03d}A,Robbery,2024,3,{n}")
    found = proposal(path)
    assert entries(found)["time"] == {"month": ["year", "month"], "formats": ["%Y %m"], "precision": "month"}
    reading = read_settled(path, found)
    rows = rows_of(reading)
    assert sum(row["count"] for row in rows) == sum(range(60))
    assert {(row["month"], row["area_kind"], row["measure"]) for row in rows} == {
        ("2024-03", "lsoa", "offences")
    }


def test_every_column_that_is_not_read_is_a_doubt(tmp_path: Path) -> None:
    row = "{n},2020-04-{d:02d} {h:02d}:10,Robbery,red,{h:02d}:10"
    found = proposal(write(tmp_path, "x.csv", "id,date,offence,colour,called_at", row))
    assert doubts(found, "colour (red)")
    assert doubts(found, "times that are not read: called_at")


# --- times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "formats"),
    [
        (("01/03/2020 12:05 AM", "13/03/2020 11:59 PM"), ["%d/%m/%Y %I:%M %p"]),
        (("01/03/2020 24:00", "13/03/2020 05:17"), ["%d/%m/%Y %H:%M"]),
        (("3/13/19 8:38:00", "3/1/19 08:38:00"), ["%m/%d/%y %H:%M:%S"]),
        (("13 March 2020", "1 April 2020"), ["%d %B %Y"]),
        (("Mar 13, 2020 05:17", "Apr 01, 2020 05:18"), ["%b %d, %Y %H:%M"]),
        (("43891.25", "43900.5"), ["excel serial"]),
        (("1583020800", "1583020900"), ["unix seconds"]),
        (("1583020800000", "1583020900000"), ["unix milliseconds"]),
        (("2020-04-01T10:11:00.000Z", "2020-04-13T10:12:00.000Z"), ["%Y-%m-%dT%H:%M:%S.%f%z"]),
        (("13.04.20", "01.04.20"), ["%d.%m.%y"]),
    ],
)
def test_the_ways_of_writing_a_time_are_seen(
    tmp_path: Path, texts: Sequence[str], formats: list[str]
) -> None:
    rows = "\n".join(f'{n},"{texts[n % len(texts)]}",Robbery' for n in range(40))
    (path := tmp_path / "x.csv").write_text(f"id,date,offence\n{rows}\n", "utf-8")
    found = proposal(path)
    assert entries(found)["time"]["formats"] == formats
    assert read_settled(path, found).loaded == 40


def test_midnight_at_the_end_of_a_day_is_the_next_day(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "id,date,offence", "{n},13/04/2020 24:00,Robbery", 30)
    rows = rows_of(read_settled(path, proposal(path)))
    assert {str(row["occurred_from"]) for row in rows} == {"2020-04-13 23:00:00+00:00"}


def test_one_mistyped_date_among_many_is_told_and_rejected_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "id,date,offence", "{n},13/04/2020 10:0{last},Robbery", 200)
    path.write_text(path.read_text() + "z,13/0x/2020 10:00,Robbery\n")
    found = proposal(path)
    assert doubts(found, "1 of the texts of 'date' are no such time")
    reading = read_settled(path, found)
    assert (reading.loaded, reading.rejected) == (200, 1)


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        ("01/01/1900 00:00", "is a placeholder for an unknown day"),
        ("13/04/2062 10:00", "is later than the as-of date 2026-01-31"),
        ("13/04/1066 10:00", "is not a time"),
    ],
)
def test_days_that_cannot_be_are_rejected(tmp_path: Path, date: str, reason: str) -> None:
    path = write(tmp_path, "x.csv", "id,date,offence", "{n},13/04/2020 10:0{last},Robbery", 100)
    path.write_text(path.read_text() + f"z,{date},Robbery\n")
    reading = read_settled(path, proposal(path))
    assert [fault.reason for fault in reading.faults] == [reason]
    assert reading.loaded == 100


def swapped(folder: Path) -> Path:
    """Dates of a spreadsheet that read day and month the wrong way round where it could."""
    with Workbook(path := folder / "x.xlsx") as workbook:
        sheet, style = workbook.add_worksheet(), workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, ["id", "date", "offence"])
        for row in range(1, 61):
            sheet.write_row(row, 0, [f"A{row}", "", "Robbery"])
            if row % 2:
                sheet.write_number(row, 1, 43_831 + 31 * (row % 12) + 0.25, style)  # days 1 to 12
            else:
                sheet.write_string(row, 1, f"{13 + row % 15}/3/2020 05:17")
    return path


def test_typed_days_up_to_the_12th_beside_texts_after_it_are_doubted_and_refused(tmp_path: Path) -> None:
    path = swapped(tmp_path)
    found = proposal(path)
    assert doubts(found, "swapped day and month")
    with pytest.raises(InputError, match="a spreadsheet swapped their day and month"):
        read_settled(path, found)


# --- places -------------------------------------------------------------------------------------------


def test_points_of_another_city_bring_a_city_file_to_begin_with(tmp_path: Path) -> None:
    found = proposal(write(tmp_path, "shootings.csv", *PHILADELPHIA))
    assert doubts(found, "the points lie near latitude 40.0")
    assert found.city_text is not None
    city = CityEntry(**tomllib.loads(found.city_text))
    assert (city.key, city.crs, city.time_zone) == ("m", "EPSG:32618", "America/New_York")
    assert city.extent_m is not None
    west, south, east, north = city.extent_m
    assert west < 487_000 < east  # the middle of the points in UTM zone 18
    assert south < 4_432_000 < north


@pytest.mark.parametrize(
    ("longitude", "latitude", "zone"),
    [
        (-1.55, 53.8, "Europe/London"),
        (151.2, -33.87, "Australia/Sydney"),
        (-87.6, 41.9, "America/Chicago"),
        (28.04, -26.2, "Africa/Johannesburg"),
    ],
)
def test_the_zone_of_a_city_is_that_of_the_nearest_known_one(
    longitude: float, latitude: float, zone: str
) -> None:
    assert nearest_time_zone(longitude, latitude) == zone


def test_a_guessed_city_is_named_after_the_file() -> None:
    text = guess_city(np.array([-1.6, -1.5]), np.array([53.7, 53.9]), key="leeds", source="x.csv")
    assert 'name = "Leeds"' in text

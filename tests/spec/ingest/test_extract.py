"""An extract through its mapping: what each row becomes."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from extracts import MAPPING, ROWS, read_path, read_text, rows_of
from workbooks import write_xlsx

from becalm.tables import INCIDENTS
from becalm.terms import InputError

HEAD = "ref,when,what,x,y,area\n"


def one(folder: Path, row: str, mapping: str = MAPPING) -> dict[str, object]:
    (found,) = rows_of(read_text(folder, HEAD + row + "\n", mapping))
    return found


def test_times_become_instants_days_and_hours_of_the_week(tmp_path: Path) -> None:
    summer = one(tmp_path, "A1,2020-04-05 00:10,Robbery,530000,180000,Camden")
    assert summer["occurred_from"] == datetime(2020, 4, 4, 23, 10, tzinfo=UTC)
    assert summer["occurred_to"] == summer["occurred_from"]
    assert summer["occurred_on"] == date(2020, 4, 5)
    assert summer["hour_of_week"] == 144  # Sunday 00:00
    assert (summer["month"], summer["precision"]) == ("2020-04", "minute")


def test_months_are_of_the_local_day(tmp_path: Path) -> None:
    row = one(tmp_path, "A1,2020-05-01 00:30,Robbery,,,")
    assert row["month"] == "2020-05"
    assert row["occurred_from"] == datetime(2020, 4, 30, 23, 30, tzinfo=UTC)


def test_the_day_of_the_file_itself_is_not_later_than_it(tmp_path: Path) -> None:
    last_day, next_day = (f"A1,{day} 10:00,Robbery,,,\n" for day in ("2026-01-31", "2026-02-01"))
    assert read_text(tmp_path, HEAD + last_day).faults == ()
    (fault,) = read_text(tmp_path, HEAD + next_day).faults
    assert fault.reason == "is later than the as-of date 2026-01-31"


def test_utc_times_are_moved_to_the_local_day(tmp_path: Path) -> None:
    row = one(tmp_path, "A1,2020-04-30 23:30,Robbery,,,", MAPPING.replace('"local"', '"UTC"'))
    assert (row["month"], row["occurred_on"]) == ("2020-05", date(2020, 5, 1))


def test_rows_carry_their_place_borough_and_command_unit(tmp_path: Path) -> None:
    first, second, third = rows_of(read_text(tmp_path))
    assert (first["easting_m"], first["northing_m"], first["location_quality"]) == (530000, 180000, "exact")
    assert (second["borough"], second["command_unit"]) == ("Camden", "Central North")
    assert (third["easting_m"], third["location_quality"], third["borough"]) == (None, "none", None)


def test_the_columns_are_exactly_the_declared_ones(tmp_path: Path) -> None:
    for part in read_text(tmp_path).parts:
        assert isinstance(part.rows, pa.Table)
        assert part.rows.schema == INCIDENTS.to_pyarrow()


def test_the_offence_group_says_who_found_it(tmp_path: Path) -> None:
    assert one(tmp_path, "A1,2020-04-05 00:10,Possession of drugs,,,")["found_by"] == "police"
    assert one(tmp_path, "A1,2020-04-05 00:10,ROBBERY ,,,")["found_by"] == "victim"


@pytest.mark.parametrize(
    ("row", "column", "reason", "remedy"),
    [
        ("A1,2020-04-05 00:10,Robery,,,", "what", "no group of the offence table", 'did you mean "Robbery"?'),
        ("A1,2020-04-05 00:10,,,,", "what", "has no offence", "leave the row out"),
        ("A1,31/04/2020,Robbery,,,", "when", "is not a time", "%Y-%m-%d %H:%M"),
        ("A1,2020-04-31 10:00,Robbery,,,", "when", "is not a time", "%Y-%m-%d %H:%M"),
        ("A1,,Robbery,,,", "when", "has no time", "leave the row out"),
        ("A1,9999-04-05 00:10,Robbery,,,", "when", "is not a time", "years 1900 to 2099"),
    ],
)
def test_a_row_that_cannot_be_counted_is_rejected_with_its_reason(
    tmp_path: Path, row: str, column: str, reason: str, remedy: str
) -> None:
    reading = read_text(tmp_path, HEAD + row + "\n")
    assert (reading.rows, reading.loaded, reading.rejected) == (1, 0, 1)
    (fault,) = reading.faults
    assert (fault.file, fault.row, fault.column, fault.fate) == ("force.csv", 2, column, "rejected")
    assert reason in fault.reason
    assert remedy in fault.remedy


@pytest.mark.parametrize("place", ["0,0", "abc,180000", "9999999,9999999", "530000,"])
def test_a_place_that_is_none_is_left_out_and_the_row_is_kept(tmp_path: Path, place: str) -> None:
    reading = read_text(tmp_path, f"{HEAD}A1,2020-04-05 00:10,Robbery,{place},Camden\n")
    (row,) = rows_of(reading)
    assert (row["location_quality"], row["easting_m"], row["borough"]) == ("none", None, "Camden")
    assert (reading.repaired, reading.rejected) == (1, 0)
    assert reading.faults[0].fate == "repaired"


def test_a_point_outside_the_city_is_loaded_with_a_note(tmp_path: Path) -> None:
    reading = read_text(tmp_path, f"{HEAD}A1,2020-04-05 00:10,Robbery,430000,433000,\n")
    assert rows_of(reading)[0]["location_quality"] == "exact"
    assert reading.notes == ("1 rows lie outside Greater London; they were loaded",)


def test_dates_and_numbers_of_a_workbook_keep_their_type(tmp_path: Path) -> None:
    cells = [
        ["ref", "when", "what", "x", "y", "area"],
        [7, datetime(2020, 4, 5, 0, 10), "Robbery", 530000.0, 180000, "Camden"],  # noqa: DTZ001 - local
    ]
    book = write_xlsx(tmp_path / "force.xlsx", {"empty": [], "crimes": cells, "notes": [["by hand"]]})
    reading = read_path(tmp_path, book)
    (row,) = rows_of(reading)
    assert (row["incident_id"], row["easting_m"], row["hour_of_week"]) == ("7", 530000, 144)
    assert "other sheets were not read: empty, notes" in reading.notes


def test_a_row_with_too_many_cells_is_rejected_with_its_row_number(tmp_path: Path) -> None:
    text = (
        HEAD
        + "A1,2020-04-05 00:10,Robbery,,,\nA2,2020-04-05 00:10,Robbery,,,,,\nA3,2020-13-05 00:10,Robbery,,,\n"
    )
    reading = read_text(tmp_path, text)
    assert (reading.rows, reading.loaded, reading.rejected) == (3, 1, 2)
    assert {f.row: f.reason for f in reading.faults} == {
        3: "has 8 cells where the header has 6",
        4: "is not a time",
    }


def test_row_numbers_count_empty_lines_and_empty_rows_are_no_records(tmp_path: Path) -> None:
    text = HEAD + "\nA1,2020-04-05 00:10,Robbery,,,\n,,,,,\n\nA2,no time,Robbery,,,\n,,,,,\n,,,,,\n\n"
    reading = read_text(tmp_path, text)
    assert (reading.rows, reading.loaded, reading.rejected) == (2, 1, 1)
    assert [f.row for f in reading.faults] == [6]
    assert "6 rows of empty cells were passed over" in reading.notes


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "force.csv.gz"
    path.write_bytes(gzip.compress((HEAD + 'A1,2020-04-05 00:10,Robbery,,,"' + "x" * (40 << 20)).encode()))
    with pytest.raises(InputError, match=r"has a row longer than|cannot be read as rows"):
        read_path(tmp_path, path)


def test_records_of_another_city_are_refused_with_one_word(tmp_path: Path) -> None:
    mapping = MAPPING.replace('source = "force"', 'source = "force"\ncity = "chicago"').replace(
        "27700", "4326"
    )
    with pytest.raises(InputError, match="becalm init DIR --city chicago"):
        read_text(tmp_path, HEAD + "A1,2020-04-05 00:10,Robbery,-87.65,41.88,\n", mapping)


def test_a_repeated_identifier_is_rejected_where_the_mapping_says_so(tmp_path: Path) -> None:
    text = ROWS + "A1,2020-04-02 23:30,Robbery,,,\n"
    reading = read_text(tmp_path, text)
    assert (reading.loaded, reading.rejected) == (3, 1)
    assert reading.faults[0].reason == "repeats the identifier of an earlier row"
    kept = rows_of(read_text(tmp_path, text, MAPPING.replace('"reject"', '"keep"')))
    assert [row["incident_id"] for row in kept] == ["A1", "A1-2", "A2", "A3"]


def test_whole_rows_that_repeat_are_rejected_where_there_is_no_identifier(tmp_path: Path) -> None:
    mapping = MAPPING.replace('id = "ref"\n', "")
    text = ROWS + "A1,2020-04-01 23:30,Robbery,530000,180000,Camden\n"
    reading = read_text(tmp_path, text, mapping)
    assert (reading.loaded, reading.rejected) == (3, 1)
    assert "the whole row repeats" in reading.faults[0].reason
    again = read_text(tmp_path, text, mapping)
    assert [r["incident_id"] for r in rows_of(again)] == [r["incident_id"] for r in rows_of(reading)]


def test_rows_without_identifier_get_one_from_their_content(tmp_path: Path) -> None:
    mapping = MAPPING.replace('id = "ref"\n', "").replace('"reject"', '"keep"')
    text = ROWS + "A1,2020-04-01 23:30,Robbery,530000,180000,Camden\n"
    ids = [str(row["incident_id"]) for row in rows_of(read_text(tmp_path, text, mapping))]
    assert len(set(ids)) == 4
    same_everywhere = "A1,2020-04-05 00:10,Robbery,530000,180000,Camden\nA2,2020-04-05 00:10,Robbery,,,\n"
    named = rows_of(read_text(tmp_path, HEAD + same_everywhere, mapping))
    assert [row["incident_id"] for row in named] == ["266c4cd2cf912529", "67144b47b6676cfa"]
    backwards = HEAD + "".join(reversed(text.splitlines(keepends=True)[1:]))
    assert {str(r["incident_id"]) for r in rows_of(read_text(tmp_path, backwards, mapping))} == set(ids)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_of_spreadsheets_are_read(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    path = tmp_path / "force.csv"
    path.write_bytes(ROWS.replace(",", delimiter).encode(encoding))
    assert rows_of(read_path(tmp_path, path)) == rows_of(read_text(tmp_path))


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    expected = rows_of(read_text(tmp_path))
    table = pyarrow.csv.read_csv(tmp_path / "force.csv")
    pq.write_table(table, tmp_path / "force.parquet")
    write_xlsx(tmp_path / "force.xlsx", {"crimes": [line.split(",") for line in ROWS.splitlines()]})
    (tmp_path / "force.csv.gz").write_bytes(gzip.compress(ROWS.encode()))
    for name in ("force.parquet", "force.xlsx", "force.csv.gz"):
        rows = rows_of(read_path(tmp_path, tmp_path / name))
        assert [{**r, "file": "force.csv"} for r in rows] == expected


def test_quoted_line_ends_stay_within_their_cell(tmp_path: Path) -> None:
    reading = read_text(
        tmp_path, HEAD + 'A1,2020-04-05 00:10,Robbery,,,"Cam\nden"\nA2,2020-04-05 00:10,Robbery,,,\n'
    )
    assert (reading.rows, reading.loaded) == (2, 2)


def test_formula_text_stays_text(tmp_path: Path) -> None:
    mapping = MAPPING.replace('borough = "area"', 'ward = "area"')
    row = one(tmp_path, 'A1,2020-04-05 00:10,Robbery,,,"=HYPERLINK(""http://x"")"', mapping)
    assert row["ward"] == '=HYPERLINK("http://x")'


WINDOW = MAPPING.replace('formats = ["%Y', 'occurred_to = "area"\nformats = ["%Y').replace(
    '\nborough = "area"', ""
)


@pytest.mark.parametrize(
    ("until", "precision", "hour"),
    [
        ("2020-04-05 10:00", "minute", 130),
        ("2020-04-05 10:01", "minute", 130),
        ("2020-04-05 10:02", "hour", 130),
        ("2020-04-05 11:00", "hour", 130),  # 60 minutes are an hour, 61 are not
        ("2020-04-05 11:01", "day", None),
        ("2020-04-05 18:00", "day", None),
        ("2020-04-06 08:00", "day", None),
    ],
)
def test_a_window_is_known_as_exactly_as_it_is_narrow(
    tmp_path: Path, until: str, precision: str, hour: int | None
) -> None:
    row = one(
        tmp_path, f"A1,2020-04-04 10:00,Robbery,,,{until}".replace("04-04 10:00", "04-05 10:00"), WINDOW
    )
    assert row["precision"] == precision
    assert row["hour_of_week"] == (None if hour is None else 6 * 24 + 10)
    assert row["occurred_on"] == date(2020, 4, 5)
    assert row["occurred_from"] == datetime(2020, 4, 5, 9, 0, tzinfo=UTC)


def test_a_window_that_ends_before_it_starts_is_rejected(tmp_path: Path) -> None:
    reading = read_text(tmp_path, HEAD + "A1,2020-04-05 10:00,Robbery,,,2020-04-05 09:00\n", WINDOW)
    assert reading.faults[0].reason == "ends before it starts"
    assert reading.faults[0].value == "2020-04-05 10:00 / 2020-04-05 09:00"


def test_heaped_times_keep_only_what_is_known(tmp_path: Path) -> None:
    mapping = MAPPING.replace(
        "[offence]", 'full_hour_is_hour = true\nmidnight_is_day = ["sexual_offences"]\n\n[offence]'
    )
    full = one(tmp_path, "A1,2020-04-05 10:00,Robbery,,,", mapping)
    assert (full["precision"], full["hour_of_week"]) == ("hour", 154)
    assert full["occurred_to"] == datetime(2020, 4, 5, 10, tzinfo=UTC)
    night = one(tmp_path, "A1,2020-04-05 00:00,Rape,,,", mapping)
    assert (night["precision"], night["hour_of_week"], night["occurred_on"]) == (
        "day",
        None,
        date(2020, 4, 5),
    )
    assert night["occurred_to"] == datetime(2020, 4, 5, 23, tzinfo=UTC)
    assert one(tmp_path, "A1,2020-04-05 00:00,Robbery,,,", mapping)["precision"] == "hour"


def test_an_hour_in_a_column_of_its_own_is_put_to_its_day(tmp_path: Path) -> None:
    mapping = (
        MAPPING.replace('occurred_from = "when"', 'occurred_from = "when"\nhour = "area"')
        .replace("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S%z")
        .replace('"local"', '"offset"')
        .replace('"minute"', '"hour"')
        .replace('\nborough = "area"', "")
    )
    row = one(tmp_path, "A1,2020/03/31 23:00:00+00,Robbery,,,22", mapping)
    assert row["occurred_from"] == datetime(2020, 4, 1, 21, tzinfo=UTC)
    assert (row["hour_of_week"], row["precision"], row["month"]) == (2 * 24 + 22, "hour", "2020-04")
    assert one(tmp_path, "A1,2020/03/31 23:00:00+00,Robbery,,,25", mapping)["precision"] == "day"


def test_a_time_that_the_clocks_left_out_is_moved_and_told(tmp_path: Path) -> None:
    reading = read_text(tmp_path, HEAD + "A1,2020-03-29 01:30,Robbery,,,\nA2,2019-10-27 01:30,Robbery,,,\n")
    gap, twice = rows_of(reading)
    assert gap["occurred_from"] == datetime(2020, 3, 29, 1, tzinfo=UTC)
    assert gap["hour_of_week"] == 6 * 24 + 2
    assert twice["occurred_from"] == datetime(2019, 10, 27, 0, 30, tzinfo=UTC)
    assert reading.repaired == 2
    assert {f.reason for f in reading.faults} == {
        "does not exist: the clocks went forward over it",
        "happened twice: the clocks went back",
    }


@pytest.mark.parametrize(
    ("written", "formats", "day"),
    [
        ("2020-04-06", "%Y-%m-%d", date(2020, 4, 6)),
        ("06/04/2020 23:59", "%d/%m/%Y %H:%M", date(2020, 4, 6)),
        ("2020-04-06T23:30:00+0000", "%Y-%m-%dT%H:%M:%S%z", date(2020, 4, 7)),
        ("sometime", "%Y-%m-%d", None),
    ],
)
def test_the_day_of_recording_is_a_local_day(
    tmp_path: Path, written: str, formats: str, day: date | None
) -> None:
    recorded = f'recorded_on = "area"\nrecorded_formats = ["{formats}"]\nprecision'
    mapping = MAPPING.replace("precision", recorded).replace('\nborough = "area"', "")
    assert one(tmp_path, f"A1,2020-04-05 00:10,Robbery,,,{written}", mapping)["recorded_on"] == day


def test_a_file_of_months_knows_no_day(tmp_path: Path) -> None:
    time = MAPPING[MAPPING.index("[time]") : MAPPING.index("[offence]")]
    mapping = MAPPING.replace(time, '[time]\nmonth = "when"\nprecision = "month"\n\n')
    row = one(tmp_path, "A1,2020-04,Robbery,,,", mapping)
    assert (row["month"], row["precision"]) == ("2020-04", "month")
    assert [row[c] for c in ("occurred_from", "occurred_to", "occurred_on", "hour_of_week")] == [None] * 4
    (fault,) = read_text(tmp_path, HEAD + "A1,2020-14,Robbery,,,\n", mapping).faults
    assert fault.reason == "is not a month"


WEAPON = (
    MAPPING.replace('\nborough = "area"', "")
    + """
[weapon]
column = "area"
values = { "KNIFE OR BLADE" = "knife" }
contains = [["gun", "gun"]]
"""
)


def test_words_about_weapons_are_looked_up(tmp_path: Path) -> None:
    text = HEAD + "".join(
        f"A{i},2020-04-05 00:10,Robbery,,,{w}\n"
        for i, w in enumerate(["knife or blade", "Handgun", "spoon", ""])
    )
    reading = read_text(tmp_path, text, WEAPON)
    assert [row["weapon"] for row in rows_of(reading)] == ["knife", "gun", "unknown", "unknown"]
    assert reading.notes[-1] == "weapon: the mapping says nothing about 'spoon'; taken as unknown"


def test_ages_become_bands(tmp_path: Path) -> None:
    mapping = MAPPING.replace('\nborough = "area"', "") + '\n[victim_age]\ncolumn = "area"\nkind = "years"\n'
    ages = ["0", "9", "10", "17", "24.0", "65", "104", "", "-3", "999"]
    text = HEAD + "".join(f"A{i},2020-04-05 00:10,Robbery,,,{a}\n" for i, a in enumerate(ages))
    reading = read_text(tmp_path, text, mapping)
    bands = [row["victim_age_band"] for row in rows_of(reading)]
    assert bands == ["0-9", "0-9", "10-17", "10-17", "18-24", "65+", "65+", None, None, None]
    assert reading.repaired == 2


def test_damaged_offence_codes_are_mended_and_told(tmp_path: Path) -> None:
    (tmp_path / "offences").mkdir()
    (tmp_path / "offences" / "codes.toml").write_text(
        'key = "codes"\nversion = "1"\nauthor = "a"\nreviewed_on = 2026-01-01\norigin = "o"\n'
        '[[groups]]\nkey = "weapons"\nlabel = "w"\nwords = ["5/1", "1/7", "7/1"]\n'
    )
    mapping = MAPPING.replace('table = "simulated_city"', 'table = "codes"\ncodes = true')
    text = HEAD + "".join(
        f"A{i},2020-04-05 00:10,{c},,,\n" for i, c in enumerate(["5/1", "44682", "05-Jan", "44743", "99/9"])
    )
    reading = read_text(tmp_path, text, mapping)
    assert [r["offence"] for r in rows_of(reading)] == ["5/1", "5/1", "5/1"]
    assert (reading.repaired, reading.rejected) == (2, 2)
    told = {f.value: (f.fate, f.reason) for f in reading.faults}
    assert told["44682"] == ("repaired", "a spreadsheet made a date of the code 5/1")
    assert told["44743"][0] == "rejected"
    assert "7/1 or 1/7" in told["44743"][1]
    assert "no group" in told["99/9"][1]


# --- refusals -----------------------------------------------------------------------------------------


def test_open_doubts_keep_a_mapping_from_use(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_text(
            tmp_path, mapping=MAPPING.replace("[time]", 'doubts = ["local or UTC?", "whose?"]\n\n[time]', 1)
        )
    assert "2 open doubts; nothing was loaded" in str(refused.value)
    assert "local or UTC?" in str(refused.value)


def test_missing_columns_are_named_together_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read_text(tmp_path, ROWS.replace("when", "whem").replace(",x,", ",ex,"))
    assert [f.where for f in refused.value.faults] == ["force.csv: column 'when'", "force.csv: column 'x'"]
    assert 'did you mean "whem"?' in str(refused.value)


def test_all_faults_of_a_mapping_come_together(tmp_path: Path) -> None:
    mapping = MAPPING.replace("quality", "qality").replace('precision = "minute"', 'precision = "second"')
    with pytest.raises(InputError) as refused:
        read_text(tmp_path, mapping=mapping)
    told = str(refused.value)
    assert "place.qality  is not a known entry" in told
    assert "time.precision" in told


def test_a_mapping_that_uses_a_column_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"column 'wen' is not among columns_exactly; did you mean \"when\""):
        read_text(tmp_path, mapping=MAPPING.replace('occurred_from = "when"', 'occurred_from = "wen"'))


def test_an_unknown_offence_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'simulated_town' is no offence table"):
        read_text(tmp_path, mapping=MAPPING.replace('table = "simulated_city"', 'table = "simulated_town"'))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEAD.encode(), "has a header and no rows"),
        (b"ref,when,what,x,y,area\nA1,\xff\xfe\x00,Robbery,,,\n", "is not UTF-8"),
        (b"ref,ref,what,x,y,area\n", "has the column 'ref' twice"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "force.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_path(tmp_path, path)


@pytest.mark.parametrize("name", ["force.parquet", "force.xlsx", "force.csv.gz"])
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    table = pyarrow.csv.read_csv(pa.py_buffer(ROWS.encode()))
    whole = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(table, whole)
    elif name.endswith("xlsx"):
        write_xlsx(whole, {"crimes": [line.split(",") for line in ROWS.splitlines()]})
    else:
        whole.write_bytes(gzip.compress((ROWS * 50).encode()))
    whole.write_bytes(whole.read_bytes()[:-60])
    with pytest.raises(InputError, match="was refused"):
        read_path(tmp_path, whole)

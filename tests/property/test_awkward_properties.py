"""What a file says does not depend on how it is written; and times are read as Python reads them."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
from extracts import input_file
from hypothesis import given
from hypothesis import strategies as st

from becalm.formats.cells import parse_times, second_copies
from becalm.formats.head_row import find_head
from becalm.formats.table_reader import columns_of, read_sheet

WORDS = st.text("abc xyz,;\t\"'", min_size=1, max_size=6).map(str.strip).filter(bool)
HEADS = st.lists(st.text("abcdefgh", min_size=2, max_size=5), min_size=2, max_size=5, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    heads = draw(HEADS)
    rows = draw(st.lists(st.lists(WORDS, min_size=len(heads), max_size=len(heads)), min_size=3, max_size=12))
    return heads, rows


@given(tables(), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_cells_are_the_same_whatever_parts_them(
    table: tuple[list[str], list[list[str]]], delimiter: str, end: str, has_mark: bool
) -> None:
    heads, rows = table
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([heads, *rows])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes((b"\xef\xbb\xbf" if has_mark else b"") + out.getvalue().encode())
        file = input_file(path)
        sheet = read_sheet(file)
        assert columns_of(file) == sheet.columns == tuple(heads)
        assert [list(row.values()) for row in sheet.data.to_pylist()] == rows


@given(HEADS, st.integers(0, 4), st.integers(4, 9))
def test_the_heads_are_found_below_titles_of_one_cell(heads: list[str], titles: int, rows: int) -> None:
    table = [*([f"title {n}"] for n in range(titles)), heads, *([["1"] * len(heads)] * rows * 2)]
    head = find_head(table, "x.csv")
    # two heads are no wider than twice a title: then the title is not told from them
    if len(heads) > 2 or not titles:
        assert (head.names, head.end, len(head.titles)) == (tuple(heads), titles + 1, titles)


@given(
    st.datetimes(*(np.datetime64(day, "us").item() for day in ("1971-01-01", "2068-01-01"))),
    st.sampled_from(["%d/%m/%Y %H:%M", "%m/%d/%y %I:%M %p"]),
)
def test_a_time_is_read_as_python_writes_it(moment: datetime, time_format: str) -> None:
    minute = moment.replace(second=0, microsecond=0)
    text = minute.strftime(time_format)
    expected = datetime.strptime(text, time_format)  # noqa: DTZ007  # a local time
    assert parse_times([text], [time_format])[0] == np.datetime64(expected, "s")


@given(st.dates(date(1971, 1, 1), date(2090, 1, 1)))
def test_24_00_is_the_next_midnight_and_serials_are_days(day: date) -> None:
    next_day = np.datetime64(str(day)) + 1
    assert parse_times([f"{day} 24:00"], ["%Y-%m-%d %H:%M"])[0] == next_day
    serial = (np.datetime64(str(day)) - np.datetime64("1899-12-30")).astype(int)
    assert parse_times([f"{serial}.5"], ["excel serial"])[0] == np.datetime64(str(day)) + np.timedelta64(
        12, "h"
    )


@given(st.lists(st.integers(0, 10**6), min_size=20, max_size=60, unique=True), st.randoms())
def test_second_copies_are_half_of_a_doubled_file_and_none_of_any_other(
    values: list[int], random: Random
) -> None:
    doubled = values + values
    random.shuffle(doubled)
    table = pa.table({"a": pa.array(map(str, doubled)), "b": pa.array(["x"] * len(doubled))})
    copies = second_copies(table)
    assert sorted(np.array(doubled)[~copies]) == sorted(values)
    once = pa.table({"a": pa.array(map(str, values)), "b": pa.array(["x"] * len(values))})
    assert not second_copies(once).any()

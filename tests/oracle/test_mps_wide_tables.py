"""The wide tables of the Metropolitan Police, read whole, add up to the published figures."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from becalm.formats.sheet import InputFile
from becalm.ingest.locate import Locator
from becalm.ingest.reader import ReadContext, Reading
from becalm.ingest.wide_table import WideTableReader
from becalm.workspace.config import read_city
from becalm.workspace.read_offence_tables import load_offences

pytestmark = pytest.mark.data


def read(path: Path) -> Reading:
    city = read_city("london").city()
    context = ReadContext(city, Locator(city), load_offences(None), Path())
    file = InputFile(path.name, path, hashlib.sha256(path.read_bytes()).hexdigest(), date(2026, 1, 31))
    reader = WideTableReader()
    assert reader.recognises(file, context)
    return reader.read(file, context)


def counts(reading: Reading, month: str) -> pa.Table:
    (rows,) = (part.rows for part in reading.parts if part.month == month)
    assert isinstance(rows, pa.Table)
    return rows


def total(rows: pa.Table, *, without: str = "", only: str = "") -> int:
    if without:
        rows = rows.filter(pc.not_equal(rows["offence_group"], without))
    if only:
        rows = rows.filter(pc.equal(rows["offence_group"], only))
    return int(pc.sum(rows["count"]).as_py())


def test_the_borough_table_gives_the_press_figures(shared_data: Path) -> None:
    reading = read(shared_data / "london" / "mps_borough_2010-04_2020-05.parquet")
    assert (reading.rows, reading.rejected, len(reading.parts)) == (1085 * 122, 0, 122)
    known = {"2019-04": 74885, "2020-04": 48670, "2019-05": 77321, "2020-05": 57217}
    assert {m: total(counts(reading, m), without="fraud") for m in known} == known
    assert [total(counts(reading, m), only="robbery") for m in ("2019-04", "2020-04")] == [3442, 1104]


def test_the_rows_of_no_borough_are_kept(shared_data: Path) -> None:
    reading = read(shared_data / "london" / "mps_borough_2010-04_2020-05.parquet")
    names = set(counts(reading, "2020-04")["area_name"].to_pylist())
    assert {"Unknown", "London Heathrow and London City Airports"} <= names


def test_wards_add_up_to_less_than_boroughs_and_say_so(shared_data: Path) -> None:
    reading = read(shared_data / "london" / "mps_ward_2010-04_2020-05.parquet")
    rows = counts(reading, "2019-04")
    assert total(rows) == 73119
    assert rows["area_kind"].unique().to_pylist() == ["ward"]
    assert "Aviation Security (SO18)" in rows["borough"].unique().to_pylist()
    assert any("less than boroughs" in note for note in reading.notes)
    assert any(note.startswith("27 pairs") for note in reading.notes)

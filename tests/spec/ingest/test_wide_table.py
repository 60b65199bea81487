"""Wide monthly tables: every cell a count, in every format, with its faults."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from extracts import context_of, input_file, named
from workbooks import write_xlsx

from becalm.ingest.reader import Reading
from becalm.ingest.wide_table import WideTableReader
from becalm.tables import PUBLISHED_COUNTS

BOROUGHS = """\
MajorText,MinorText,LookUp_BoroughName,201904,202004
Robbery,Robbery of Personal Property,Camden,120,40
Robbery,Robbery of Business Property,Camden,10,2
Fraud and Forgery,Fraud and Forgery,Camden,0,1
Burglary,Domestic Burglary,Unknown,3,4
Burglary,Domestic Burglary,London Heathrow and London City Airports,0,0
"""
WARDS = """\
WardName,WardCode,MajorText,MinorText,LookUp_BoroughName,201904,202004
Heathrow Villages,E05013570,Burglary,Domestic Burglary,Hillingdon,3,4
Heathrow Villages,E05013570,Burglary,Domestic Burglary,Aviation Security (SO18),1,0
"""


def read(folder: Path, text: str, name: str = "mps.csv") -> Reading:
    (folder / name).write_text(text)
    return WideTableReader().read(input_file(folder / name), context_of(folder))


def counts(reading: Reading) -> list[tuple[str, str, str, int]]:
    tables = [part.rows for part in reading.parts if isinstance(part.rows, pa.Table)]
    rows = pa.concat_tables(tables).to_pylist()
    return [(r["month"], r["area_name"], r["offence_group"], r["count"]) for r in rows]


def test_every_cell_becomes_the_count_of_its_month(tmp_path: Path) -> None:
    reading = read(tmp_path, BOROUGHS)
    assert (reading.rows, reading.loaded, reading.rejected) == (10, 10, 0)
    assert [(p.source, p.month) for p in reading.parts] == [
        ("mps_borough", "2019-04"),
        ("mps_borough", "2020-04"),
    ]
    found = counts(reading)
    assert ("2020-04", "Camden", "robbery", 40) in found
    assert ("2020-04", "Camden", "fraud", 1) in found
    assert ("2019-04", "Unknown", "burglary", 3) in found
    assert ("2019-04", "London Heathrow and London City Airports", "burglary", 0) in found
    for part in reading.parts:
        assert isinstance(part.rows, pa.Table)
        assert part.rows.schema == PUBLISHED_COUNTS.to_pyarrow()


def test_a_ward_under_two_boroughs_is_kept_twice_and_told(tmp_path: Path) -> None:
    reading = read(tmp_path, WARDS)
    assert {p.source for p in reading.parts} == {"mps_ward"}
    assert sum(c for *_, c in counts(reading)) == 8
    assert any("1 pairs of ward and offence" in n for n in reading.notes)
    (rows,) = {tuple(p.rows["borough"].to_pylist()) for p in reading.parts if isinstance(p.rows, pa.Table)}
    assert rows == ("Hillingdon", "Aviation Security (SO18)")


def test_every_format_gives_the_same_counts(tmp_path: Path) -> None:
    expected = counts(read(tmp_path, BOROUGHS))
    pq.write_table(pyarrow.csv.read_csv(tmp_path / "mps.csv"), tmp_path / "mps.parquet")
    lines = [line.split(",") for line in BOROUGHS.splitlines()]
    cells = [[int(c) if c.isdigit() else c for c in line] for line in lines]
    write_xlsx(tmp_path / "mps.xlsx", {"Borough": cells})
    reader, context = WideTableReader(), context_of(tmp_path)
    for name in ("mps.parquet", "mps.xlsx"):
        file = input_file(tmp_path / name)
        assert reader.recognises(file, context)
        assert counts(reader.read(file, context)) == expected


@pytest.mark.parametrize("cell", ["", "12.5", "-1", "n/a", "=1+1"])
def test_a_cell_that_is_no_count_is_rejected_alone(tmp_path: Path, cell: str) -> None:
    reading = read(tmp_path, BOROUGHS.replace("120,40", f"120,{cell}"))
    assert (reading.loaded, reading.rejected) == (9, 1)
    (fault,) = reading.faults
    assert (fault.row, fault.column, fault.value) == (2, "202004", cell)


def test_an_unknown_offence_loses_all_its_months_with_a_remedy(tmp_path: Path) -> None:
    reading = read(tmp_path, BOROUGHS.replace("Domestic Burglary,Unknown", "Domestic Burglery,Unknown"))
    assert (reading.loaded, reading.rejected) == (8, 2)
    (fault,) = reading.faults
    assert 'did you mean "Domestic Burglary"' in fault.remedy


def test_a_line_that_repeats_is_not_counted_twice(tmp_path: Path) -> None:
    reading = read(tmp_path, BOROUGHS + "Robbery,Robbery of Personal Property,Camden,1,1\n")
    assert (reading.loaded, reading.rejected) == (10, 2)
    assert "repeats" in reading.faults[0].reason


@pytest.mark.parametrize(
    "header",
    [
        "MajorText,MinorText,LookUp_BoroughName",
        "MajorText,MinorText,LookUp_BoroughName,201913",
        "MajorText,MinorText,LookUp_BoroughName,Note,201904",
        "MajorText,MinorText,201904",
    ],
)
def test_other_columns_are_not_recognised(tmp_path: Path, header: str) -> None:
    (tmp_path / "mps.csv").write_text(header + "\n")
    assert not WideTableReader().recognises(input_file(tmp_path / "mps.csv"), context_of(tmp_path))


def test_a_named_mapping_goes_before(tmp_path: Path) -> None:
    (tmp_path / "mps.csv").write_text(BOROUGHS)
    context = named(context_of(tmp_path), "toronto")
    assert not WideTableReader().recognises(input_file(tmp_path / "mps.csv"), context)

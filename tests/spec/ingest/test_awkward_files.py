"""The same records come out of every format and dialect as the same incidents, or are refused."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from extracts import MAPPING, input_file, read_path, rows_of
from old_workbooks import write_ods, write_xls
from police_files import station
from xlsxwriter import Workbook

from becalm.formats.table_reader import columns_of, read_sheet
from becalm.terms import InputError

RECORDS = [
    {
        "ref": f"A{n}",
        "when": f"2020-04-{1 + n % 28:02d} {n % 24:02d}:15",
        "what": ("Robbery of personal property", "Violence with injury")[n % 2],
        "x": 530_000.5 + n,
        "y": 180_000.25 + n,
        "area": "Camden",
    }
    for n in range(24)
]
COLUMNS = list(RECORDS[0])
WGS84 = MAPPING.replace("EPSG:27700", "EPSG:4326").replace(
    'x = "x"\ny = "y"', 'x = "geometry_x"\ny = "geometry_y"'
)
AS_GEOMETRY = WGS84.replace('"x", "y", "area"', '"area", "geometry"')
Write = Callable[[Path], Path]


def csv_text(delimiter: str = ",", heads: list[str] = COLUMNS, decimal: str = ".") -> str:
    lines = [delimiter.join(str(v).replace(".", decimal) for v in record.values()) for record in RECORDS]
    return "\n".join([delimiter.join(heads), *lines]) + "\n"


def written(name: str, content: str | bytes) -> Write:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def book(*heads: list[str], titles: tuple[str, ...] = ()) -> Write:
    """A workbook of these rows of heads below titles, after a sheet of notes."""

    def write(folder: Path) -> Path:
        path = folder / "crimes.xlsx"
        with Workbook(path) as workbook:
            workbook.add_worksheet("Notes").write(0, 0, "Read me")
            sheet = workbook.add_worksheet("Data")
            records = [list(record.values()) for record in RECORDS]
            for row, cells in enumerate([*([title] for title in titles), *heads, *records]):
                sheet.write_row(row, 0, cells)
        return path

    return write


def old_book(name: str) -> Write:
    """The records below a title, in a format of spreadsheets that nothing here writes but this suite."""

    def write(folder: Path) -> Path:
        rows = [["Crime extract"], COLUMNS, *(list(record.values()) for record in RECORDS)]
        sheets: dict[str, Any] = {"Notes": [["Read me"]], "Data": rows}
        return (write_ods if name.endswith("ods") else write_xls)(folder / name, sheets)

    return write


def features() -> gpd.GeoDataFrame:
    frame = pd.DataFrame(RECORDS)
    points = gpd.points_from_xy(frame.pop("x"), frame.pop("y"), crs="EPSG:27700")
    return gpd.GeoDataFrame(frame, geometry=points).to_crs("EPSG:4326")


def geojson(folder: Path) -> Path:
    path = folder / "crimes.geojson"
    path.write_text(features().to_json(), "utf-8")
    return path


def geopackage(folder: Path) -> Path:
    features().to_file(path := folder / "crimes.gpkg", driver="GPKG")
    return path


def zipped_shapefile(folder: Path) -> Path:
    features().to_file(folder / "crimes.shp")
    with zipfile.ZipFile(path := folder / "crimes.zip", "w") as archive:
        for part in folder.glob("crimes.*"):
            if part.suffix != ".zip":
                archive.write(part, part.name)
    return path


def geoparquet(folder: Path) -> Path:
    """Points as WKB, beside columns of kinds that no mapping can use."""
    frame = features()
    columns: dict[str, Any] = {name: pa.array(frame[name], pa.large_string()) for name in frame.columns[:-1]}
    columns["geometry"] = pa.array(shapely.to_wkb(frame.geometry.to_numpy()), pa.binary())
    columns["tags"] = pa.array([["a"]] * len(frame))
    columns["flags"] = pa.array([{"a": 1}] * len(frame))
    pq.write_table(pa.table(columns), path := folder / "crimes.parquet")
    return path


def well_known_text(folder: Path) -> Path:
    frame = features()
    texts = frame.geometry.to_wkt(rounding_precision=9)
    frame.drop(columns="geometry").assign(geometry=texts).to_csv(path := folder / "crimes.csv", index=False)
    return path


PLAIN = csv_text()
UPPER = [head.upper() + "  " for head in COLUMNS]
MERGED = (["ref", "when", "what", "place", "", ""], ["", "", "", "x", "y", "area"])
BROKEN_HEAD = PLAIN.replace("when", '"wh\nen"', 1)
WITH_NOTES = f"Crime extract\nRun on 1 May\n\n{PLAIN}Source: the force\n"
AWKWARD: dict[str, tuple[Write, str]] = {
    "tabs": (written("crimes.tsv", csv_text("\t")), MAPPING),
    "gzip": (written("crimes.csv.gz", gzip.compress(PLAIN.encode())), MAPPING),
    "xz": (written("crimes.csv.xz", lzma.compress(PLAIN.encode())), MAPPING),
    "bzip2": (written("crimes.csv.bz2", bz2.compress(PLAIN.encode())), MAPPING),
    "semicolons and decimal commas": (written("crimes.csv", csv_text(";", decimal=",")), MAPPING),
    "a byte order mark": (written("crimes.csv", b"\xef\xbb\xbf" + PLAIN.encode()), MAPPING),
    "a line break in the heads": (
        written("crimes.csv", BROKEN_HEAD),
        MAPPING.replace('"when"', '"wh en"'),
    ),
    "an index of pandas": (written("crimes.csv", pd.DataFrame(RECORDS).to_csv()), MAPPING),
    "a trailing comma everywhere": (written("crimes.csv", PLAIN.replace("\n", ",\n")), MAPPING),
    "a trailing comma in the rows": (written("crimes.csv", PLAIN.replace("Camden\n", "Camden,\n")), MAPPING),
    "titles above and notes below": (
        written("crimes.csv", WITH_NOTES),
        MAPPING,
    ),
    "heads of other case and spacing": (written("crimes.csv", csv_text(heads=UPPER)), MAPPING),
    "a list of JSON objects": (written("crimes.json", json.dumps(RECORDS)), MAPPING),
    "JSON lines": (written("crimes.jsonl", "\n".join(map(json.dumps, RECORDS))), MAPPING),
    "a workbook with titles": (book(COLUMNS, titles=("Crime extract", "Run on 1 May")), MAPPING),
    "a workbook with merged heads": (
        book(*MERGED),
        MAPPING.replace('"x"', '"place x"').replace('"y"', '"place y"').replace('"area"', '"place area"'),
    ),
    "a workbook of Excel 97": (old_book("crimes.xls"), MAPPING),
    "a spreadsheet of OpenDocument": (old_book("crimes.ods"), MAPPING),
    "UTF-16 with tabs": (written("crimes.csv", csv_text("\t").encode("utf-16")), MAPPING),
    "bars between cells": (written("crimes.txt", csv_text("|")), MAPPING),
    "cells with line breaks": (
        written("crimes.csv", PLAIN.replace("Camden", '"Camden\n"')),
        MAPPING,
    ),
    "line ends of Windows and blank lines": (
        written("crimes.csv", PLAIN.replace("\n", "\r\n\r\n")),
        MAPPING,
    ),
    "GeoJSON": (geojson, AS_GEOMETRY),
    "GeoPackage": (geopackage, AS_GEOMETRY),
    "a zipped shapefile": (zipped_shapefile, AS_GEOMETRY),
    "WKB in Parquet": (geoparquet, AS_GEOMETRY.replace('"geometry"]', '"geometry", "tags", "flags"]')),
    "WKT in csv": (well_known_text, AS_GEOMETRY),
}


def incidents(folder: Path, write: Write, mapping: str) -> list[tuple[Any, ...]]:
    folder.mkdir(exist_ok=True)
    reading = read_path(folder, write(folder), mapping)
    assert (reading.loaded, reading.rejected) == (len(RECORDS), 0)
    rows = sorted(rows_of(reading), key=lambda row: row["incident_id"])
    facts = [(r["incident_id"], r["occurred_from"], r["offence"], r["borough"]) for r in rows]
    return [*facts, *((round(r["easting_m"], 1), round(r["northing_m"], 1)) for r in rows)]


@pytest.mark.parametrize("name", AWKWARD)
def test_the_same_records_come_out_of_every_format_and_dialect(tmp_path: Path, name: str) -> None:
    write, mapping = AWKWARD[name]
    plain = incidents(tmp_path / "plain", written("crimes.csv", PLAIN), MAPPING)
    assert incidents(tmp_path / "awkward", write, mapping) == plain


@pytest.mark.parametrize("name", AWKWARD)
def test_the_columns_of_a_file_are_told_as_they_are_read(tmp_path: Path, name: str) -> None:
    file = input_file(AWKWARD[name][0](tmp_path))
    assert columns_of(file) == read_sheet(file).heads


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("an index of pandas", None, "columns without a head were left out: number 1"),
        ("titles above and notes below", None, "notes below the table were passed over: Source: the force"),
        ("semicolons and decimal commas", None, "decimal commas were read as points in x, y"),
        ("WKB in Parquet", None, "columns passed over: tags (list<"),
    ],
)
def test_what_is_left_out_is_said(tmp_path: Path, name: str, content: None, said: str) -> None:
    sheet = read_sheet(input_file(AWKWARD[name][0](tmp_path)))
    assert any(said in note for note in sheet.notes), sheet.notes


def test_a_shapefile_in_a_zip_is_one_file_to_load(tmp_path: Path) -> None:
    here = station(tmp_path)
    folder = tmp_path / "made"
    folder.mkdir()
    (here.desk.workspace.mappings_path).mkdir()
    (here.desk.workspace.mappings_path / "force.toml").write_text(AS_GEOMETRY, "utf-8")
    assert here.ingest(zipped_shapefile(folder)).files[0].loaded == len(RECORDS)


def test_the_sheet_and_the_row_of_heads_can_be_named(tmp_path: Path) -> None:
    path = book(["a", "b", "c", "d", "e", "f"], COLUMNS)(tmp_path)
    named = MAPPING.replace('id = "ref"', 'sheet = "Data"\nheader_row = 2\nid = "ref"')
    assert read_path(tmp_path, path, named).loaded == len(RECORDS)
    with pytest.raises(InputError, match="has no sheet 'Dta'; it has Notes, Data"):
        read_path(tmp_path, path, named.replace('"Data"', '"Dta"'))
    with pytest.raises(InputError, match="has no heads in row 90"):
        read_path(tmp_path, path, named.replace("header_row = 2", "header_row = 90"))


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("crimes.json", "{", "give a list of objects"),
        ("crimes.json", '"words"', "give a list of objects"),
        ("crimes.json", "{}", "give a list of objects"),
        ("crimes.csv", ",,,\n,,,\n", "write a line of names above"),
        ("crimes.gpkg", "no database", "export it again"),
        ("crimes.csv.xz", "not packed", "fetch it again"),
        ("crimes.csv", "a,a\n1,2\n", "rename one of them"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_remedy(
    tmp_path: Path, name: str, content: str, remedy: str
) -> None:
    with pytest.raises(InputError, match=remedy):
        read_sheet(input_file(written(name, content)(tmp_path)))


def test_rows_that_add_up_others_are_rejected(tmp_path: Path) -> None:
    reading = read_path(tmp_path, written("crimes.csv", PLAIN + "Total,,24,,,\n")(tmp_path), MAPPING)
    assert (reading.loaded, reading.rejected) == (24, 1)
    assert reading.faults[0].reason == "is a total of other rows"


def test_a_file_that_was_written_twice_counts_once(tmp_path: Path) -> None:
    keep = MAPPING.replace('repeats = "reject"', 'repeats = "keep"')
    twice = PLAIN + PLAIN.partition("\n")[2]
    reading = read_path(tmp_path, written("crimes.csv", twice)(tmp_path), keep)
    assert (reading.loaded, reading.rejected) == (24, 24)
    once_more = PLAIN + PLAIN.splitlines()[1] + "\n"
    assert read_path(tmp_path, written("crimes.csv", once_more)(tmp_path), keep).loaded == 25


@pytest.mark.parametrize("write_book", [write_xls, write_ods])
def test_instants_of_old_spreadsheets_are_instants(tmp_path: Path, write_book: Callable[..., Path]) -> None:
    times = [pd.Timestamp("2020-04-01").to_pydatetime(), pd.Timestamp("2020-04-02 05:17").to_pydatetime()]
    rows = [["ref", "when"], *([f"A{n}", when] for n, when in enumerate(times))]
    suffix = "xls" if write_book is write_xls else "ods"
    read = read_sheet(input_file(write_book(tmp_path / f"times.{suffix}", {"Data": rows}))).data["when"]
    assert read.to_pylist() == times


def test_numbers_with_commas_between_thousands_are_numbers(tmp_path: Path) -> None:
    text = 'area,count\nCamden,"1,234"\nHackney,"567"\nBarnet,"12,345"\n'
    sheet = read_sheet(input_file(written("counts.csv", text)(tmp_path)))
    assert sheet.data["count"].to_pylist() == ["1234", "567", "12345"]


def test_typed_days_and_instants_are_one_kind_of_cell(tmp_path: Path) -> None:
    with Workbook(path := tmp_path / "times.xlsx") as workbook:
        sheet, style = workbook.add_worksheet(), workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        sheet.write_row(0, 0, ["ref", "when"])
        for row, when in enumerate((pd.Timestamp("2020-04-01"), pd.Timestamp("2020-04-02 05:17")), 1):
            sheet.write(row, 0, f"A{row}")
            sheet.write_datetime(row, 1, when.to_pydatetime(), style)
    times = read_sheet(input_file(path)).data["when"]
    assert str(times.type) == "timestamp[us]"
    assert [str(time) for time in times.to_pylist()] == ["2020-04-01 00:00:00", "2020-04-02 05:17:00"]

"""The one suite that every installed reader passes. A new reader adds its sample file here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from extracts import context_of, input_file
from police_files import STREET, street_row

from becalm.formats.sheet import InputFile
from becalm.ingest.read_files import load_readers
from becalm.ingest.reader import ReadContext, Reader, Reading
from becalm.tables import TABLES
from becalm.terms import InputError
from becalm.workspace.config import shipped_cities

EXTRACT = (
    "crime_ref,recorded_on,occurred_from,occurred_to,offence,found_by,weapon,injury,victim_age_band,outcome,"
    "easting,northing,borough,ward,lsoa,command_unit"
)


@dataclass(frozen=True)
class Sample:
    """A file of a reader's kind: its name, header, good lines, and lines of which each must be rejected."""

    name: str
    header: str
    good: tuple[str, ...]
    bad: tuple[str, ...]
    rows_per_line: int = 1


SAMPLES = {
    "police_uk": Sample(
        "2020-04-city-of-london-street.csv",
        STREET,
        (street_row("a1"), street_row("a2", crime_type="Drugs"), street_row("")),
        (street_row("b1", crime_type="Robery"), street_row("b2", month="2020-99")),
    ),
    "wide_table": Sample(
        "mps.csv",
        "majortext,minortext,boroughname,201904,202004",
        ("ROBBERY,ROBBERY OF PERSONAL PROPERTY,Camden,120,40", "BURGLARY,DOMESTIC BURGLARY,Unknown,0,3"),
        ("ROBBERY,PLUNDER,Camden,1,2", "ROBBERY,ROBBERY OF BUSINESS PROPERTY,Camden,none,-1"),
        rows_per_line=2,
    ),
    "extract": Sample(
        "extract.csv",
        EXTRACT,
        (
            "C1,2020-04-02,2020-04-01 23:30,2020-04-01 23:30,Rape,victim,none,N,18-24,,530000,180000,,,,",
            "C2,2020-05-02,2020-05-01 00:30,2020-05-01 09:30,Arson,victim,,,,,,,,,,",
        ),
        (
            "C3,2020-04-02,1 April,,Rape,victim,,,,,,,,,,",
            "C4,2020-04-02,2020-04-01 23:30,,Piracy,victim,,,,,,,,,,",
        ),
    ),
}


@pytest.fixture(params=load_readers(), ids=lambda reader: reader.key)
def reader(request: pytest.FixtureRequest) -> Reader:
    assert request.param.key in SAMPLES, f"add a sample of {request.param.key} to this suite"
    return request.param


def written(folder: Path, sample: Sample, *, bad: bool = True) -> InputFile:
    lines = (sample.header, *sample.good, *(sample.bad if bad else ()))
    path = folder / sample.name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return input_file(path)


def tables(reading: Reading, context: ReadContext) -> dict[tuple[str, str, str], pa.Table]:
    found = {}
    for part in reading.parts:
        rows = part.rows if isinstance(part.rows, pa.Table) else pq.read_table(context.staging / part.rows)
        found[part.table, part.source, part.month] = rows
    assert len(found) == len(reading.parts), "one part for each table, source and month"
    return found


def test_every_row_is_loaded_or_rejected_with_its_reason(reader: Reader, tmp_path: Path) -> None:
    sample, context = SAMPLES[reader.key], context_of(tmp_path)
    reading = reader.read(written(tmp_path, sample), context)
    assert reading.loaded == len(sample.good) * sample.rows_per_line
    assert reading.rejected == len(sample.bad) * sample.rows_per_line
    assert reading.rows == reading.loaded + reading.rejected
    assert sum(rows.num_rows for rows in tables(reading, context).values()) == reading.loaded
    first_bad = len(sample.good) + 2
    rejected = [f for f in reading.faults if f.fate == "rejected"]
    assert {f.row for f in rejected} == {first_bad, first_bad + 1}
    for fault in rejected:
        assert fault.file == sample.name
        assert fault.column
        assert fault.reason
        assert fault.remedy


def test_rows_have_exactly_the_declared_columns(reader: Reader, tmp_path: Path) -> None:
    context = context_of(tmp_path)
    reading = reader.read(written(tmp_path, SAMPLES[reader.key]), context)
    for (table, source, month), rows in tables(reading, context).items():
        assert rows.schema.remove_metadata() == TABLES[table].to_pyarrow()
        if "source" in rows.schema.names:
            assert set(rows["source"].to_pylist()) == {source}
        assert set(rows["month"].to_pylist()) == {month}


def test_the_same_file_is_read_the_same_way_twice(reader: Reader, tmp_path: Path) -> None:
    context = context_of(tmp_path)
    file = written(tmp_path, SAMPLES[reader.key])
    first = reader.read(file, context)
    kept = {key: rows.to_pylist() for key, rows in tables(first, context).items()}
    second = reader.read(file, context)
    assert {key: rows.to_pylist() for key, rows in tables(second, context).items()} == kept
    assert (first.recipe, first.recipe_sha256, first.faults) == (
        second.recipe,
        second.recipe_sha256,
        second.faults,
    )


def test_the_recipe_is_known_before_the_file_is_read(reader: Reader, tmp_path: Path) -> None:
    context = context_of(tmp_path)
    file = written(tmp_path, SAMPLES[reader.key])
    reading = reader.read(file, context)
    assert reader.recipe(file, context) == (reading.recipe, reading.recipe_sha256)


def test_a_reader_recognises_its_own_files_and_no_others(reader: Reader, tmp_path: Path) -> None:
    context = context_of(tmp_path)
    for key, sample in SAMPLES.items():
        assert reader.recognises(written(tmp_path, sample), context) == (key == reader.key)


def test_a_missing_column_is_not_overlooked(reader: Reader, tmp_path: Path) -> None:
    sample, context = SAMPLES[reader.key], context_of(tmp_path)
    wanting = Sample(sample.name, sample.header.rpartition(",")[0].rpartition(",")[0], (), ())
    file = written(tmp_path, wanting)
    if reader.recognises(file, context):
        with pytest.raises(InputError):
            reader.read(file, context)


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\x03", b"PK\x03\x04 no zip", b"hello\n"])
def test_what_is_no_table_is_refused_and_leaves_nothing(
    reader: Reader, tmp_path: Path, content: bytes
) -> None:
    context = context_of(tmp_path)
    path = tmp_path / SAMPLES[reader.key].name
    path.write_bytes(content)
    with pytest.raises(InputError):
        reader.read(input_file(path), context)
    assert list(context.staging.iterdir()) == []


def test_the_city_is_a_shipped_one_or_none(reader: Reader, tmp_path: Path) -> None:
    key = reader.city_key(written(tmp_path, SAMPLES[reader.key]), context_of(tmp_path))
    assert key is None or key in shipped_cities()

"""Small extracts and their mappings, read as `becalm ingest` reads them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from becalm.formats.sheet import InputFile
from becalm.ingest.extract.reader import ExtractReader
from becalm.ingest.locate import Locator
from becalm.ingest.reader import ReadContext, Reading
from becalm.workspace.config import read_city
from becalm.workspace.read_offence_tables import load_offences

MAPPING = """
name = "force"
version = "1"
author = "the analyst"
source = "force"
columns_exactly = ["ref", "when", "what", "x", "y", "area"]
id = "ref"
repeats = "reject"

[time]
occurred_from = "when"
formats = ["%Y-%m-%d %H:%M"]
zone = "local"
precision = "minute"

[offence]
table = "simulated_city"
columns = ["what"]

[place]
x = "x"
y = "y"
crs = "EPSG:27700"
quality = "exact"
borough = "area"
"""

ROWS = """\
ref,when,what,x,y,area
A1,2020-04-01 23:30,Robbery,530000,180000,Camden
A2,2020-04-05 00:10,Violence with injury,531000,181000,camden
A3,2020-01-06 09:00,Burglary,,,
"""


def input_file(path: Path) -> InputFile:
    return InputFile(path.name, path, hashlib.sha256(path.read_bytes()).hexdigest(), date(2026, 1, 31))


def context_of(folder: Path, *, city: str = "london", mapping: Path | None = None) -> ReadContext:
    """What a reader is given in a workspace of this city that lies in this folder."""
    found = read_city(city).city()
    staging = folder / "staging"
    staging.mkdir(exist_ok=True)
    offences = load_offences(folder / "offences")
    return ReadContext(found, Locator(found), offences, staging, mapping, folder / "mappings")


def read_text(folder: Path, text: str = ROWS, mapping: str = MAPPING, *, city: str = "london") -> Reading:
    """Read a csv written here through a mapping written here."""
    path = folder / "force.csv"
    path.write_text(text, "utf-8")
    return read_path(folder, path, mapping, city=city)


def read_path(folder: Path, path: Path, mapping: str = MAPPING, *, city: str = "london") -> Reading:
    own = folder / "force.toml"
    own.write_text(mapping, "utf-8")
    return ExtractReader().read(input_file(path), context_of(folder, city=city, mapping=own))


def rows_of(reading: Reading) -> list[dict[str, Any]]:
    """All loaded rows, in the order of their identifiers."""
    tables = [part.rows for part in reading.parts if isinstance(part.rows, pa.Table)]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    return sorted(rows, key=lambda row: str(row.get("incident_id")))


def named(context: ReadContext, mapping: str) -> ReadContext:
    """The same, with a mapping named by the user."""
    return replace(context, mapping=Path(mapping))

"""Logs of units and forces as events: every row, or none and all that is wrong with the file.

A row is a line; a field holds no line break. Only the columns that the mapping names are taken; the others
are listed and left where they are, so that nothing about a person comes in by the way.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.ledger.event import Fact
from becalm.ledger.event_kinds import EventKinds
from becalm.record.files.log_mapping import PLACED, ChosenMapping, choose_mapping
from becalm.record.files.log_places import grid_of
from becalm.record.files.log_rows import LogRow, RowReader
from becalm.terms import City, Fault, InputError

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was read whole and found sound."""

    file: str
    sha256: str
    chosen: ChosenMapping
    rows: tuple[LogRow, ...]
    columns_left: tuple[str, ...]  # that were not taken
    outside: int  # rows whose place lies beyond the city


def file_sha256(path: Path) -> str:
    """The hash of the file's bytes."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def read_log(
    path: Path,
    kind: str,
    city: City,
    *,
    kinds: EventKinds,
    now: datetime,
    mapping: Path | None = None,
    own: Path | None = None,
) -> Log:
    """What events does this log hold?

    Raises
    ------
    InputError
        with every fault of every row; nothing of the file is used then.
    """
    raw = _bytes(path)
    lines = _lines(path.name, raw)
    header = _header(path.name, lines)
    chosen = choose_mapping(kind, header, kinds=kinds, file=path.name, named=mapping, own=own)
    reader = RowReader(chosen, grid_of(chosen.mapping.place, city), ZoneInfo(city.time_zone), now)
    rows, faults = _read_rows(lines[1:], header, reader)
    if faults:
        broken = len({fault.where.split(",")[0] for fault in faults})
        raise InputError(
            f"{path.name}: {broken} of {len(lines) - 1} rows are broken; nothing was imported", tuple(faults)
        )
    taken = {*chosen.mapping.columns, *chosen.mapping.optional.values()}
    return Log(
        file=path.name,
        sha256=hashlib.sha256(raw).hexdigest(),
        chosen=chosen,
        rows=tuple(rows),
        columns_left=tuple(name for name in header if name not in taken),
        outside=sum(not _inside(row.facts, city) for row in rows),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Name a csv file.") from error


def _lines(file: str, raw: bytes) -> list[tuple[int, str]]:
    """Every line that is not empty with its number, where all of them are text."""
    encoding = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        bad = [n for n, line in enumerate(raw.split(b"\n"), start=1) if not _is_utf8(line)] or [1]
        faults = tuple(Fault(f"row {n}", "is not UTF-8 text", "save the file as UTF-8") for n in bad)
        raise InputError(f"{file}: {len(bad)} rows are not text; nothing was imported", faults) from error
    numbered = enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1)
    lines = [(number, line) for number, line in numbered if line.strip(" ,;\t")]
    if not lines:
        raise _refused(file, "the file", "is empty", "export it again")
    return lines


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _header(file: str, lines: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    first = lines[0][1]
    header = tuple(name.strip() for name in _fields(first) or ())
    for sign, name in DELIMITERS.items():
        if len(header) < 2 and sign in first:
            raise _refused(file, "line 1", f"is separated by {name}, not by commas", "export it with commas")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise _refused(
            file, "line 1", f"names {', '.join(twice)} twice", "give each column a name of its own"
        )
    if len(lines) == 1:
        raise _refused(file, "the file", "has a line of names and no rows", "export it again")
    return header


def _fields(line: str) -> list[str] | None:
    """The fields of one line, None where a quotation mark is out of place."""
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return None


def _read_rows(
    lines: Sequence[tuple[int, str]], header: Sequence[str], reader: RowReader
) -> tuple[list[LogRow], list[Fault]]:
    rows: list[LogRow] = []
    faults: list[Fault] = []
    for number, line in lines:
        fields = _fields(line)
        if fields is None or len(fields) != len(header):
            faults.append(_broken(number, fields, len(header)))
            continue
        row, wrong = reader.read(number, dict(zip(header, (f.strip() for f in fields), strict=True)))
        faults.extend(wrong)
        if not wrong and row is not None:
            rows.append(row)
    return rows, faults


def _broken(number: int, fields: list[str] | None, expected: int) -> Fault:
    if fields is None:
        return Fault(f"row {number}", "has a quotation mark out of place", "close it, or leave it out")
    more = "more" if len(fields) > expected else "fewer"
    return Fault(
        f"row {number}",
        f"has {more} fields than line 1 ({len(fields)} instead of {expected})",
        "it was cut, or a comma is out of place",
    )


def _inside(facts: Mapping[str, Fact], city: City) -> bool:
    x, y = (facts.get(name) for name in PLACED)
    if city.extent_m is None or not isinstance(x, int) or not isinstance(y, int):
        return True
    west, south, east, north = city.extent_m
    return west <= x <= east and south <= y <= north


def _refused(file: str, where: str, what: str, remedy: str) -> InputError:
    return InputError(f"{file} was refused; nothing was imported", (Fault(where, what, remedy),))

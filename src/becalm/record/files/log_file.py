"""Logs of units and forces as events: every row, or none and all that is wrong with the file.

A row is a line; a field holds no line break. Only the columns that the mapping names are taken; the others
are listed and left where they are, so that nothing about a person comes in by the way.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.ledger import EventKinds, Fact, FactField
from becalm.ledger.event_kinds import FACT_TYPES, fits
from becalm.record.files import log_cells
from becalm.record.files.log_mapping import PLACE_FACTS, LogMapping, choose_mapping
from becalm.terms import City, Fault, InputError

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
FLAGS = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row: its line as an editor shows it, when it happened, and the facts of its event."""

    line: int
    occurred_at: datetime
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was read whole and is sound."""

    file: str
    sha256: str
    mapping: LogMapping
    rows: tuple[LogRow, ...]
    ignored_columns: tuple[str, ...]  # that the mapping does not name
    outside: int  # rows whose place lies beyond the city


def hash_file(path: Path) -> str:
    """The hash of the file's bytes."""
    return hashlib.sha256(_read_bytes(path)).hexdigest()


def read_log(
    path: Path,
    kind: str,
    city: City,
    *,
    kinds: EventKinds,
    now: datetime,
    mapping: Path | None = None,
    own_mappings: Path | None = None,
) -> Log:
    """What events does this log hold?

    Raises InputError with every fault of every row; nothing of the file is used then.
    """
    file_bytes = _read_bytes(path)
    numbered_lines = _split_lines(path.name, file_bytes)
    column_names = _read_header(path.name, numbered_lines)
    log_mapping = choose_mapping(
        kind, column_names, kinds=kinds, file=path.name, mapping=mapping, own_mappings=own_mappings
    )
    log_recipe = log_mapping.recipe
    row_reader = RowReader(
        log_mapping, log_cells.build_projection(log_recipe.place, city), ZoneInfo(city.time_zone), now
    )
    log_rows, faults = _read_rows(numbered_lines[1:], column_names, row_reader)
    if faults:
        broken_count = len({fault.where.split(",")[0] for fault in faults})
        raise InputError(
            f"{path.name}: {broken_count} of {len(numbered_lines) - 1} rows are broken; nothing was imported",
            tuple(faults),
        )
    mapped_columns = {*log_recipe.columns, *log_recipe.optional.values()}
    return Log(
        file=path.name,
        sha256=hashlib.sha256(file_bytes).hexdigest(),
        mapping=log_mapping,
        rows=tuple(log_rows),
        ignored_columns=tuple(
            column_name for column_name in column_names if column_name not in mapped_columns
        ),
        outside=sum(not _is_inside(log_row.facts, city) for log_row in log_rows),
    )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Name a csv file.") from error


def _split_lines(file: str, file_bytes: bytes) -> list[tuple[int, str]]:
    """Every line that is not empty with its number, where all of them are text."""
    text_encoding = "utf-16" if file_bytes[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        file_text = file_bytes.decode(text_encoding)
    except UnicodeDecodeError as error:
        # What "surrogateescape" keeps of a byte that is no text.
        marked_lines = file_bytes.decode("utf-8", "surrogateescape").split("\n")
        find_mark = re.compile("[\udc80-\udcff]").search
        bad_numbers = [n for n, line in enumerate(marked_lines, start=1) if find_mark(line)] or [1]
        faults = tuple(Fault(f"row {n}", "is not UTF-8 text", "save the file as UTF-8") for n in bad_numbers)
        raise InputError(
            f"{file}: {len(bad_numbers)} rows are not text; nothing was imported", faults
        ) from error
    numbered_lines = enumerate(file_text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1)
    filled_lines = [(line_number, line) for line_number, line in numbered_lines if line.strip(" ,;\t")]
    if not filled_lines:
        raise _file_error(file, "the file", "is empty", "export it again")
    return filled_lines


def _read_header(file: str, numbered_lines: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    first_line = numbered_lines[0][1]
    column_names = tuple(word.strip() for word in _split_fields(first_line) or ())
    for delimiter, word in DELIMITERS.items():
        if len(column_names) < 2 and delimiter in first_line:
            raise _file_error(
                file, "line 1", f"is separated by {word}, not by commas", "export it with commas"
            )
    repeated_names = sorted({word for word in column_names if word and column_names.count(word) > 1})
    if repeated_names:
        problem_text = f"names {', '.join(repeated_names)} twice"
        raise _file_error(file, "line 1", problem_text, "give each column a name of its own")
    if len(numbered_lines) == 1:
        raise _file_error(file, "the file", "has a header and no rows", "export it again")
    return column_names


def _split_fields(line: str) -> list[str] | None:
    """The fields of one line, None where a quotation mark is out of place."""
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return None


def _read_rows(
    numbered_lines: Sequence[tuple[int, str]], header: Sequence[str], reader: RowReader
) -> tuple[list[LogRow], list[Fault]]:
    log_rows: list[LogRow] = []
    faults: list[Fault] = []
    for line_number, line in numbered_lines:
        field_texts = _split_fields(line)
        if field_texts is None or len(field_texts) != len(header):
            faults.append(_line_fault(line_number, field_texts, len(header)))
            continue
        cell_by_column = dict(zip(header, (cell_text.strip() for cell_text in field_texts), strict=True))
        row_or_faults = reader.read_row(line_number, cell_by_column)
        if isinstance(row_or_faults, LogRow):
            log_rows.append(row_or_faults)
        else:
            faults.extend(row_or_faults)
    return log_rows, faults


def _line_fault(line_number: int, field_texts: list[str] | None, column_count: int) -> Fault:
    if field_texts is None:
        return Fault(f"row {line_number}", "has a quotation mark out of place", "close it, or leave it out")
    more_or_fewer = "more" if len(field_texts) > column_count else "fewer"
    return Fault(
        f"row {line_number}",
        f"has {more_or_fewer} fields than line 1 ({len(field_texts)} instead of {column_count})",
        "the line was cut off, or a comma is out of place",
    )


def _is_inside(facts: Mapping[str, Fact], city: City) -> bool:
    x, y = (facts.get(fact_name) for fact_name in PLACE_FACTS)
    if city.extent_m is None or not isinstance(x, int) or not isinstance(y, int):
        return True
    west_m, south_m, east_m, north_m = city.extent_m
    return west_m <= x <= east_m and south_m <= y <= north_m


def _file_error(file: str, where: str, problem: str, remedy: str) -> InputError:
    return InputError(f"{file} was refused; nothing was imported", (Fault(where, problem, remedy),))


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows by one mapping, in one city, at one time."""

    mapping: LogMapping
    projection: log_cells.GridProjection | None
    zone: ZoneInfo
    now: datetime

    def read_row(self, line_number: int, cells: Mapping[str, str]) -> LogRow | list[Fault]:
        """The row, or all its faults. `cells` are its fields by the names of their columns."""
        facts: dict[str, Fact] = {}
        faults: list[Fault] = []
        time_part = self.mapping.recipe.occurred_at
        occurred_at = log_cells.parse_instant(cells[time_part.column], time_part, self.zone, now=self.now)
        if not isinstance(occurred_at, datetime):
            faults.append(_cell_fault(line_number, time_part.column, cells[time_part.column], occurred_at))
        self._read_facts(line_number, cells, facts, faults)
        self._read_place(line_number, cells, facts, faults)
        start_text, end_text = facts.get("starts_at"), facts.get("ends_at")
        if (
            not faults
            and isinstance(start_text, str)
            and isinstance(end_text, str)
            and datetime.fromisoformat(end_text) <= datetime.fromisoformat(start_text)
        ):
            faults.append(Fault(f"row {line_number}", "ends before it starts", "correct one of its times"))
        if faults or not isinstance(occurred_at, datetime):
            return faults
        return LogRow(line_number, occurred_at, facts)

    def _read_facts(
        self, line_number: int, cells: Mapping[str, str], facts: dict[str, Fact], faults: list[Fault]
    ) -> None:
        recipe, field_by_name = self.mapping.recipe, self.mapping.kind.field_by_name
        column_by_fact = {**recipe.facts, **recipe.optional}
        fact_cells = [
            *(("", name, cell_text) for name, cell_text in recipe.constants.items()),
            *((column, name, cells.get(column, "")) for name, column in column_by_fact.items()),
        ]
        for column, name, cell_text in fact_cells:
            if not cell_text and not field_by_name[name].is_needed:
                continue
            fact_value = self._read_value(field_by_name[name], cell_text)
            if not isinstance(fact_value, tuple):
                facts[name] = fact_value
            elif column != recipe.occurred_at.column:  # whose fault is named already
                faults.append(_cell_fault(line_number, column, cell_text, fact_value))

    def _read_value(self, field: FactField, text: str) -> str | int | bool | log_cells.Problem:
        if not text:
            return "is empty", f"fill it: {field.meaning}"
        if field.type == "instant":
            parsed_instant = log_cells.parse_instant(
                text, self.mapping.recipe.occurred_at, self.zone, now=self.now
            )
            return (
                f"{parsed_instant:%Y-%m-%dT%H:%M:%SZ}"
                if isinstance(parsed_instant, datetime)
                else parsed_instant
            )
        if field.type == "whole":
            return log_cells.parse_whole_number(text)
        flag_or_text: str | bool | None = FLAGS.get(text.casefold()) if field.type == "flag" else text
        if flag_or_text is None or not fits(flag_or_text, field.type):
            return "does not fit", f"give {FACT_TYPES[field.type].description}"
        return flag_or_text

    def _read_place(
        self, line_number: int, cells: Mapping[str, str], facts: dict[str, Fact], faults: list[Fault]
    ) -> None:
        place_part = self.mapping.recipe.place
        if place_part is None or self.projection is None or not (cells[place_part.x] or cells[place_part.y]):
            return
        point_m = self.projection.project(cells[place_part.x], cells[place_part.y])
        if isinstance(point_m, log_cells.PlaceProblem):
            place_columns = {"x": (place_part.x,), "y": (place_part.y,)}.get(
                point_m.coordinate, (place_part.x, place_part.y)
            )
            cells_text = ", ".join(cells[column] for column in place_columns)
            faults.append(_cell_fault(line_number, ", ".join(place_columns), cells_text, point_m.problem))
        else:
            facts.update(zip(PLACE_FACTS, point_m, strict=True))


def _cell_fault(line_number: int, column: str, cell_text: str, problem: log_cells.Problem) -> Fault:
    cell_label = f'{column} "{cell_text:.60}"' if cell_text else column
    return Fault(f"row {line_number}, {cell_label}", *problem)

"""Any csv of visits as a log: a hotspot, a start and an end in each row, under whatever names.

Commas, semicolons, tabs or bars stand between the fields; capitals in the header do not matter. Times are
ISO 8601, or day/month/year with a clock time. One that carries Z or an offset is taken as written; one
without is clock time of the zone that the caller names, and the notes say how many there were.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from becalm.formats.cells import local_to_utc, parse_times
from becalm.methods.arrays import Bools, Times
from becalm.patrol.core.request import VisitColumns
from becalm.patrol.core.visit_log import VisitLog, build_visit_log
from becalm.terms import Fault, InputError

ZONED = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
DAYS = ("%Y-%m-%dT", "%Y-%m-%d ", "%d/%m/%Y ")
CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
FORMATS = tuple(day + clock for day in DAYS for clock in CLOCKS)
LONGEST_HOURS = 12
SHOWN_FAULTS = 50
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
TIME_REMEDY = "write it as 2026-04-03T18:05, with Z or an offset unless it is local time"


@dataclass(frozen=True, slots=True)
class VisitFile:
    """A log as read, and what a reader of its certificate should know about how it was read."""

    log: VisitLog
    notes: tuple[str, ...]


def read_visit_log(path: Path, columns: VisitColumns, *, time_zone: str) -> VisitFile:
    """Read a csv of visits.

    Raises InputError naming every row that is no visit; nothing is used of a file with such rows.
    """
    delimiter, column_cells, line_numbers = _read_cells(path, columns)
    starts, start_has_zone = _read_instants(column_cells[columns.start_column], time_zone)
    ends, end_has_zone = _read_instants(column_cells[columns.end_column], time_zone)
    faults = _find_faults(column_cells, line_numbers, columns, starts, ends)
    if faults:
        raise InputError(_fault_heading(path, faults), tuple(fault for _, fault in faults[:SHOWN_FAULTS]))
    log = build_visit_log(
        hotspot=column_cells[columns.hotspot_column],
        start_s=starts.astype(np.int64),
        end_s=ends.astype(np.int64),
        time_zone=time_zone,
        unit=column_cells.get(columns.unit_column),
        area=column_cells.get(columns.area_column),
    )
    unzoned_count = int((~(start_has_zone & end_has_zone)).sum())
    delimiter_notes = () if delimiter == "," else (f"the fields are separated by {DELIMITERS[delimiter]}",)
    return VisitFile(log, (*delimiter_notes, *_reading_notes(log, unzoned_count, time_zone)))


def _read_cells(path: Path, columns: VisitColumns) -> tuple[str, dict[str, NDArray[np.str_]], list[int]]:
    """What parts the fields, the wanted columns as trimmed text, and the line of each row."""
    delimiter, header, rows = _read_rows(path, columns)
    if not any(header):
        raise _refusal(path, "file", "is empty", "give a csv with a header and a row for each visit")
    needed_columns = (columns.hotspot_column, columns.start_column, columns.end_column)
    position_by_column = {
        name: _find_column(header, name)
        for name in (*needed_columns, columns.unit_column, columns.area_column)
    }
    index_by_column = {
        name: position for name, position in position_by_column.items() if position is not None
    }
    missing_names = [name for name in needed_columns if name not in index_by_column]
    if missing_names:
        raise InputError(
            f"{path.name} has no {', '.join(missing_names)} column; nothing was used",
            tuple(
                Fault("column", f'"{name}" not found', _remedy(name, columns, header))
                for name in missing_names
            ),
        )
    cut_lines = [line for line, row in rows if len(row) != len(header)]
    if cut_lines:
        rows_text = f"{len(cut_lines):,} {'row has' if len(cut_lines) == 1 else 'rows have'}"
        raise InputError(
            f"{path.name}: {rows_text} more or fewer fields than the header; nothing was used",
            tuple(
                Fault(f"line {n}", "is cut or has a stray comma", "correct it")
                for n in cut_lines[:SHOWN_FAULTS]
            ),
        )
    if not rows:
        raise _refusal(path, "file", "holds no visits", "give a log with a row for each visit")
    cells_by_column = {
        name: np.array([row[position].strip() for _, row in rows])
        for name, position in index_by_column.items()
    }
    return delimiter, cells_by_column, [line for line, _ in rows]


def _read_rows(path: Path, columns: VisitColumns) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    """What parts the fields, the header, and every row that is not blank with its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            delimiter = _choose_delimiter(stream.readline(), columns)
            stream.seek(0)
            csv_rows = csv.reader(stream, delimiter=delimiter)
            column_names = [name.strip() for name in next(csv_rows, [])]
            return (
                delimiter,
                column_names,
                [(csv_rows.line_num, row) for row in csv_rows if any(c.strip() for c in row)],
            )
    except UnicodeDecodeError as error:
        raise _refusal(path, "file", "is not text in UTF-8", "save it as CSV UTF-8") from error
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refusal(path, "file", f"{path} is not a file", "correct the path") from error
    except (OSError, csv.Error) as error:
        raise _refusal(path, "file", f"cannot be read ({error})", "give a csv in UTF-8") from error


def _choose_delimiter(first_line: str, columns: VisitColumns) -> str:
    """The one that finds most of the needed columns in the header; a comma where none does better."""

    def count_columns(delimiter: str) -> int:
        column_names = [name.strip() for name in next(csv.reader([first_line], delimiter=delimiter), [])]
        return sum(
            _find_column(column_names, n) is not None
            for n in (columns.hotspot_column, columns.start_column, columns.end_column)
        )

    return max(DELIMITERS, key=count_columns)


def _find_column(header: Sequence[str], name: str) -> int | None:
    """Where a column stands: under this very name, or the only one that differs in capitals alone."""
    if name in header:
        return header.index(name)
    similar_positions = [i for i, column in enumerate(header) if column.casefold() == name.casefold()]
    return similar_positions[0] if len(similar_positions) == 1 else None


def _read_instants(texts: NDArray[np.str_], time_zone: str) -> tuple[Times, Bools]:
    """When is each? NaT where it is no time; and which ones carry a zone."""
    has_zone = np.array([ZONED.search(text) is not None and ":" in text for text in texts.tolist()])
    instant_of_text = np.full(len(texts), np.datetime64("NaT", "s"))
    if has_zone.any():
        instant_of_text[has_zone] = parse_times(
            texts[has_zone].tolist(), [f + "%z" for f in FORMATS], offset=True
        )
    if not has_zone.all():
        instant_of_text[~has_zone] = local_to_utc(parse_times(texts[~has_zone].tolist(), FORMATS), time_zone)[
            0
        ]
    return instant_of_text, has_zone


def _find_faults(
    cells: dict[str, NDArray[np.str_]],
    lines: Sequence[int],
    columns: VisitColumns,
    starts: Times,
    ends: Times,
) -> list[tuple[int, Fault]]:
    """Every row that is no visit, with its line, and why; in the order of the file."""
    stay_minutes = (ends - starts).astype("m8[s]").astype(np.float64) / 60
    hotspot, start, end = columns.hotspot_column, columns.start_column, columns.end_column
    is_timed = ~np.isnat(starts) & ~np.isnat(ends)
    row_checks = (
        (cells[hotspot] == "", hotspot, "has no hotspot", "name it, or take the row out"),
        (np.isnat(starts), start, "is not a time", TIME_REMEDY),
        (np.isnat(ends), end, "is not a time", TIME_REMEDY),
        (is_timed & (stay_minutes < 0), end, "is before the start", "correct the row"),
        (
            is_timed & (stay_minutes > LONGEST_HOURS * 60),
            end,
            f"is over {LONGEST_HOURS} h later",
            "correct it",
        ),
    )
    row_faults = [
        (lines[row], Fault(f"line {lines[row]}", f'{column} "{cells[column][row]}" {problem}', remedy))
        for is_bad, column, problem, remedy in row_checks
        for row in np.flatnonzero(is_bad).tolist()
    ]
    return sorted(row_faults, key=lambda fault: fault[0])


def _fault_heading(path: Path, faults: Sequence[tuple[int, Fault]]) -> str:
    row_count = len({line for line, _ in faults})
    rows_text = "row is not a visit" if row_count == 1 else "rows are not visits"
    heading_text = f"{path.name}: {row_count:,} {rows_text}; nothing was used"
    return heading_text + (f". The first {SHOWN_FAULTS} faults" if len(faults) > SHOWN_FAULTS else "")


def _reading_notes(log: VisitLog, unzoned_count: int, time_zone: str) -> tuple[str, ...]:
    reading_notes = []
    if unzoned_count:
        verb_text = "visit has" if log.size == 1 else "visits have"
        reading_notes.append(
            f"{unzoned_count:,} of {log.size:,} {verb_text} no time zone: read as local time in {time_zone}"
        )
    distinct_count = np.unique(np.stack([log.hotspot, log.start_s, log.end_s, log.unit]), axis=1).shape[1]
    if repeated_count := log.size - distinct_count:
        twice_text = "visit is" if repeated_count == 1 else "visits are"
        reading_notes.append(f"{repeated_count:,} {twice_text} in the file twice: all were kept")
    if not log.units:
        reading_notes.append("the log names no units: the insider's view cannot be tested")
    return tuple(reading_notes)


def _remedy(name: str, columns: VisitColumns, header: Sequence[str]) -> str:
    field_names = ("hotspot_column", "start_column", "end_column")
    field_name = next(field_name for field_name in field_names if getattr(columns, field_name) == name)
    return f"the columns are {', '.join(header)[:200]}: say which it is by `{field_name}`"


def _refusal(path: Path, where: str, problem: str, remedy: str) -> InputError:
    return InputError(f"{path.name or path} was refused; nothing was used", (Fault(where, problem, remedy),))

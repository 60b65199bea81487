"""Any csv of visits as a log: a hotspot, a start and an end in each row, under whatever names.

Commas, semicolons, tabs or bars stand between the fields; capitals in the header do not matter. Times are
ISO 8601, or day/month/year with a clock time. One that carries Z or an offset is taken as written; one
without is clock time of the zone that the caller names, and the notes say how many there were.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from becalm.formats.instants import local_to_utc, parse_times
from becalm.methods.arrays import Bools, Times
from becalm.patrol.core.visit_log import VisitLog, build_visit_log
from becalm.terms import Fault, InputError

ZONED = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
DAYS = ("%Y-%m-%dT", "%Y-%m-%d ", "%d/%m/%Y ")
CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
FORMATS = tuple(day + clock for day in DAYS for clock in CLOCKS)
LONGEST_HOURS = 12
SHOWN_FAULTS = 50
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
WORDS = "give it as 2026-04-03T18:05, with Z or an offset where it is not clock time"


@dataclass(frozen=True, slots=True)
class VisitColumns:
    """How the columns of a log are called. `unit` and `area` are used where the file has them."""

    hotspot: str = "hotspot"
    start: str = "start"
    end: str = "end"
    unit: str = "unit"
    area: str = "area"


@dataclass(frozen=True, slots=True)
class VisitFile:
    """A log as read, and what a reader of its certificate should know about how it was read."""

    log: VisitLog
    notes: tuple[str, ...]


def read_visit_log(path: Path, columns: VisitColumns, *, time_zone: str) -> VisitFile:
    """Read a csv of visits.

    Raises
    ------
    InputError
        naming every row that is no visit; nothing is used of a file with such rows.
    """
    delimiter, cells, lines = _cells(path, columns)
    starts, start_zoned = _instants(cells[columns.start], time_zone)
    ends, end_zoned = _instants(cells[columns.end], time_zone)
    faults = _faults(cells, lines, columns, starts, ends)
    if faults:
        raise InputError(_count_of(path, faults), tuple(fault for _, fault in faults[:SHOWN_FAULTS]))
    log = build_visit_log(
        hotspot=cells[columns.hotspot],
        start_s=starts.astype(np.int64),
        end_s=ends.astype(np.int64),
        time_zone=time_zone,
        unit=cells.get(columns.unit),
        area=cells.get(columns.area),
    )
    plain = int((~(start_zoned & end_zoned)).sum())
    apart = () if delimiter == "," else (f"the fields are taken apart at {DELIMITERS[delimiter]}",)
    return VisitFile(log, (*apart, *_notes(log, plain, time_zone)))


def _cells(path: Path, columns: VisitColumns) -> tuple[str, dict[str, NDArray[np.str_]], list[int]]:
    """What parts the fields, the wanted columns as trimmed text, and the line of each row."""
    delimiter, header, found = _rows(path, columns)
    if not any(header):
        raise _refused(path, "file", "is empty", "give a csv with a header and a row for each visit")
    needed = (columns.hotspot, columns.start, columns.end)
    at = {
        name: k for name in (*needed, columns.unit, columns.area) if (k := _column(header, name)) is not None
    }
    missing = [name for name in needed if name not in at]
    if missing:
        raise InputError(
            f"{path.name} has no {', '.join(missing)} column; nothing was used",
            tuple(Fault("column", f'"{name}" not found', _remedy(name, columns, header)) for name in missing),
        )
    short = [line for line, row in found if len(row) != len(header)]
    if short:
        rows = "row has" if len(short) == 1 else "rows have"
        raise InputError(
            f"{path.name}: {len(short):,} {rows} more or fewer fields than the header; nothing was used",
            tuple(Fault(f"line {n}", "is cut or has a stray comma", "mend it") for n in short[:SHOWN_FAULTS]),
        )
    if not found:
        raise _refused(path, "file", "holds no visits", "give a log with a row for each visit")
    cells = {name: np.array([row[k].strip() for _, row in found]) for name, k in at.items()}
    return delimiter, cells, [line for line, _ in found]


def _rows(path: Path, columns: VisitColumns) -> tuple[str, list[str], list[tuple[int, list[str]]]]:
    """What parts the fields, the header, and every row that is not blank with its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            delimiter = _delimiter(stream.readline(), columns)
            stream.seek(0)
            rows = csv.reader(stream, delimiter=delimiter)
            header = [name.strip() for name in next(rows, [])]
            return delimiter, header, [(rows.line_num, row) for row in rows if any(c.strip() for c in row)]
    except UnicodeDecodeError as error:
        raise _refused(path, "file", "is not text in UTF-8", "save it as CSV UTF-8") from error
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _refused(path, "file", f"{path} is no file", "correct the path") from error
    except (OSError, csv.Error) as error:
        raise _refused(path, "file", f"cannot be read ({error})", "give a csv in UTF-8") from error


def _delimiter(first_line: str, columns: VisitColumns) -> str:
    """The one that finds most of the needed columns in the header; a comma where none does better."""

    def found(delimiter: str) -> int:
        header = [name.strip() for name in next(csv.reader([first_line], delimiter=delimiter), [])]
        return sum(_column(header, n) is not None for n in (columns.hotspot, columns.start, columns.end))

    return max(DELIMITERS, key=found)


def _column(header: Sequence[str], name: str) -> int | None:
    """Where a column stands: under this very name, or the only one that differs in capitals alone."""
    if name in header:
        return header.index(name)
    alike = [k for k, held in enumerate(header) if held.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _instants(texts: NDArray[np.str_], time_zone: str) -> tuple[Times, Bools]:
    """When is each? NaT where it is no time; and which ones carry a zone."""
    zoned = np.array([ZONED.search(text) is not None and ":" in text for text in texts.tolist()])
    out = np.full(len(texts), np.datetime64("NaT", "s"))
    if zoned.any():
        out[zoned] = parse_times(texts[zoned].tolist(), [f + "%z" for f in FORMATS], offset=True)
    if not zoned.all():
        out[~zoned] = local_to_utc(parse_times(texts[~zoned].tolist(), FORMATS), time_zone)[0]
    return out, zoned


def _faults(
    cells: dict[str, NDArray[np.str_]],
    lines: Sequence[int],
    columns: VisitColumns,
    starts: Times,
    ends: Times,
) -> list[tuple[int, Fault]]:
    """Every row that is no visit, with its line, and why; in the order of the file."""
    minutes = (ends - starts).astype("m8[s]").astype(np.float64) / 60
    told = ~np.isnat(starts) & ~np.isnat(ends)
    checks = (
        (cells[columns.hotspot] == "", columns.hotspot, "names no hotspot", "name it, or take the row out"),
        (np.isnat(starts), columns.start, "is no time", WORDS),
        (np.isnat(ends), columns.end, "is no time", WORDS),
        (told & (minutes < 0), columns.end, "is before the start", "mend the row"),
        (told & (minutes > LONGEST_HOURS * 60), columns.end, f"is over {LONGEST_HOURS} h later", "mend it"),
    )
    found = [
        (lines[row], Fault(f"line {lines[row]}", f'{column} "{cells[column][row]}" {what}', remedy))
        for bad, column, what, remedy in checks
        for row in np.flatnonzero(bad).tolist()
    ]
    return sorted(found, key=lambda fault: fault[0])


def _count_of(path: Path, faults: Sequence[tuple[int, Fault]]) -> str:
    rows = len({line for line, _ in faults})
    head = (
        f"{path.name}: {rows:,} {'row is no visit' if rows == 1 else 'rows are no visits'}; nothing was used"
    )
    return head + (f". The first {SHOWN_FAULTS} faults" if len(faults) > SHOWN_FAULTS else "")


def _notes(log: VisitLog, plain: int, time_zone: str) -> tuple[str, ...]:
    notes = []
    if plain:
        carry = "visit carries" if log.size == 1 else "visits carry"
        notes.append(f"{plain:,} of {log.size:,} {carry} no zone: taken as clock time in {time_zone}")
    repeats = np.unique(np.stack([log.hotspot, log.start_s, log.end_s, log.unit]), axis=1).shape[1]
    if twice := log.size - repeats:
        notes.append(
            f"{twice:,} {'visit stands' if twice == 1 else 'visits stand'} in the file twice: all were kept"
        )
    if not log.units:
        notes.append("the log names no units: an insider's view cannot be tried")
    return tuple(notes)


def _remedy(name: str, columns: VisitColumns, header: Sequence[str]) -> str:
    part = next(p for p in ("hotspot", "start", "end") if getattr(columns, p) == name)
    return f"the columns are {', '.join(header)[:200]}: say which it is by --{part}-column"


def _refused(path: Path, where: str, what: str, remedy: str) -> InputError:
    return InputError(f"{path.name or path} was refused; nothing was used", (Fault(where, what, remedy),))

"""Any csv of visits as a log: a hotspot, a start and an end in each row, under whatever names.

Times are ISO 8601, or day/month/year with a clock time. One that carries Z or an offset is taken as written;
one without is clock time of the zone that the caller names, and the notes say how many there were.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from becalm.ingest.times import read_texts, utc_of
from becalm.tables.visits import VisitLog, visit_log
from becalm.terms.errors import Fault, InputError

Times = NDArray[np.datetime64]
Flags = NDArray[np.bool_]
ZONED = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
DAYS = ("%Y-%m-%dT", "%Y-%m-%d ", "%d/%m/%Y ")
CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
FORMATS = tuple(day + clock for day in DAYS for clock in CLOCKS)
LONGEST_HOURS = 12
SHOWN_FAULTS = 50
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
    cells, lines = _cells(path, columns)
    starts, start_zoned = _instants(cells[columns.start], time_zone)
    ends, end_zoned = _instants(cells[columns.end], time_zone)
    faults = _faults(cells, lines, columns, starts, ends)
    if faults:
        raise InputError(
            f"{path.name}: {len(faults)} {'row is' if len(faults) == 1 else 'rows are'} no visits; "
            "nothing was used",
            tuple(faults[:SHOWN_FAULTS]),
        )
    log = visit_log(
        hotspot=cells[columns.hotspot],
        start_s=starts.astype(np.int64),
        end_s=ends.astype(np.int64),
        time_zone=time_zone,
        unit=cells.get(columns.unit),
        area=cells.get(columns.area),
    )
    plain = int((~(start_zoned & end_zoned)).sum())
    return VisitFile(log, _notes(log, plain, time_zone))


def _cells(path: Path, columns: VisitColumns) -> tuple[dict[str, NDArray[np.str_]], list[int]]:
    """The wanted columns as trimmed text, and the line of each row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            header = [name.strip() for name in next(rows, [])]
            found = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, "file", f"cannot be read ({error})", "give a csv in UTF-8") from error
    needed = (columns.hotspot, columns.start, columns.end)
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path.name} has no {', '.join(missing)} column; nothing was used",
            tuple(Fault("column", f'"{name}" not found', _remedy(name, columns, header)) for name in missing),
        )
    short = [line for line, row in found if len(row) != len(header)]
    if short:
        raise InputError(
            f"{path.name}: {len(short)} rows have more or fewer fields than the header; nothing was used",
            tuple(Fault(f"line {n}", "is cut or has a stray comma", "mend it") for n in short[:SHOWN_FAULTS]),
        )
    if not found:
        raise _refused(path, "file", "holds no visits", "give a log with a row for each visit")
    wanted = [name for name in (*needed, columns.unit, columns.area) if name in header]
    cells = {name: np.array([row[header.index(name)].strip() for _, row in found]) for name in wanted}
    return cells, [line for line, _ in found]


def _instants(texts: NDArray[np.str_], time_zone: str) -> tuple[Times, Flags]:
    """When is each? NaT where it is no time; and which ones carry a zone."""
    zoned = np.array([ZONED.search(text) is not None and ":" in text for text in texts.tolist()])
    out = np.full(len(texts), np.datetime64("NaT", "s"))
    if zoned.any():
        out[zoned] = read_texts(texts[zoned].tolist(), [f + "%z" for f in FORMATS], offset=True)
    if not zoned.all():
        out[~zoned] = utc_of(read_texts(texts[~zoned].tolist(), FORMATS), time_zone)[0]
    return out, zoned


def _faults(
    cells: dict[str, NDArray[np.str_]],
    lines: Sequence[int],
    columns: VisitColumns,
    starts: Times,
    ends: Times,
) -> list[Fault]:
    """Every row that is no visit, and why."""
    minutes = (ends - starts).astype("m8[s]").astype(np.float64) / 60
    told = ~np.isnat(starts) & ~np.isnat(ends)
    checks = (
        (cells[columns.hotspot] == "", columns.hotspot, "names no hotspot", "name it, or take the row out"),
        (np.isnat(starts), columns.start, "is no time", WORDS),
        (np.isnat(ends), columns.end, "is no time", WORDS),
        (told & (minutes < 0), columns.end, "is before the start", "mend the row"),
        (told & (minutes > LONGEST_HOURS * 60), columns.end, f"is over {LONGEST_HOURS} h later", "mend it"),
    )
    return [
        Fault(f"line {lines[row]}", f'{column} "{cells[column][row]}" {what}', remedy)
        for bad, column, what, remedy in checks
        for row in np.flatnonzero(bad).tolist()
    ]


def _notes(log: VisitLog, plain: int, time_zone: str) -> tuple[str, ...]:
    notes = []
    if plain:
        notes.append(f"{plain:,} of {log.size:,} visits carry no zone: taken as clock time in {time_zone}")
    repeats = np.unique(np.stack([log.hotspot, log.start_s, log.end_s, log.unit]), axis=1).shape[1]
    if repeats < log.size:
        notes.append(f"{log.size - repeats:,} visits stand in the file twice: all were kept")
    if not log.units:
        notes.append("the log names no units: an insider's view cannot be tried")
    return tuple(notes)


def _remedy(name: str, columns: VisitColumns, header: Sequence[str]) -> str:
    part = next(p for p in ("hotspot", "start", "end") if getattr(columns, p) == name)
    return f"the columns are {', '.join(header)[:200]}: say which it is by --{part}-column"


def _refused(path: Path, where: str, what: str, remedy: str) -> InputError:
    return InputError(f"{path.name} was refused; nothing was used", (Fault(where, what, remedy),))

"""Travel minutes from a CSV of a force's own: from, to, minutes, and mode where they differ by mode."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from becalm.patrol.core.plan_inputs import Mode, TravelTable
from becalm.terms import Fault, InputError
from becalm.workspace.recipes import suggest

NEEDED_COLUMNS = ("from", "to", "minutes")
MODES: tuple[str, ...] = get_args(Mode)
MOST_FAULTS = 20


def read_travel(
    path: Path, stops: Sequence[str], modes: Sequence[Mode], *, quantile: float
) -> dict[Mode, TravelTable]:
    """The travel minutes between these stops by these modes; a row without a mode holds for all of them.

    Pairs that the file does not name have no way between them, and stand as infinite; stops that the plan
    does not know are passed over. The minutes must be those of a cautious day, at `quantile`.

    Raises InputError with everything that is wrong with the file: a stop that it lacks, minutes that are
    no number of 0 or more, a pair that is given twice with different minutes.
    """
    way_rows, faults = _rows(path)
    table_of_mode = {mode: np.full((len(stops), len(stops)), np.inf) for mode in modes}
    stop_index = {stop: i for i, stop in enumerate(stops)}
    for where, from_stop, to_stop, minutes, mode in way_rows:
        if from_stop not in stop_index or to_stop not in stop_index:
            continue
        for table in (table_of_mode[m] for m in modes if mode in ("", m)):
            earlier = table[stop_index[from_stop], stop_index[to_stop]]
            if math.isfinite(earlier) and earlier != minutes:
                problem = (
                    f"{from_stop} to {to_stop} takes {minutes:g} minutes, but {earlier:g} in an earlier row"
                )
                faults.append(Fault(where, problem, "keep one of the two"))
            table[stop_index[from_stop], stop_index[to_stop]] = minutes
    if not faults:
        named_stops = {stop for _, from_stop, to_stop, _, _ in way_rows for stop in (from_stop, to_stop)}
        faults += [
            Fault(path.name, f"has no row for the stop {s!r}", "add it")
            for s in stops
            if s not in named_stops
        ]
    if faults:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(faults)} {fault_noun}", tuple(faults[:MOST_FAULTS]))
    for table in table_of_mode.values():
        np.fill_diagonal(table, 0.0)
    return {mode: TravelTable(mode, tuple(stops), table_of_mode[mode], quantile, "given") for mode in modes}


Row = tuple[str, str, str, float, str]


def _rows(path: Path) -> tuple[list[Row], list[Fault]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            faults = list(_column_faults(path, reader.fieldnames or ()))
            if faults:
                return [], faults
            way_rows: list[Row] = []
            for row_number, row in enumerate(reader, start=2):
                where = f"{path.name}, row {row_number}"
                faults += _row_faults(where, row)
                way_rows.append(
                    (where, row["from"], row["to"], _minutes(row["minutes"]), row.get("mode") or "")
                )
            return way_rows, faults
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}. Name a readable CSV file in UTF-8.") from error


def _column_faults(path: Path, names: Sequence[str]) -> Iterator[Fault]:
    for name in NEEDED_COLUMNS:
        if name not in names:
            yield Fault(path.name, f"has no column {name!r}", f"{suggest(name, names)}name the column so")


def _row_faults(where: str, row: dict[str, str]) -> Iterator[Fault]:
    if not _minutes(row["minutes"]) >= 0:
        yield Fault(where, f"{row['minutes']!r} is no number of minutes", "give 0 or more")
    if row.get("mode") and row["mode"] not in MODES:
        yield Fault(
            where, f"{row['mode']!r} is no mode", f"write one of {', '.join(MODES)}, or leave it empty"
        )


def _minutes(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan

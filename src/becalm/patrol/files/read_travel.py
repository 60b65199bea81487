"""Travel minutes from a CSV of a force's own: from, to, minutes, and mode where they differ by mode."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.plan_inputs import Mode, TravelTable
from becalm.terms import Fault

NEEDED_COLUMNS = ("from", "to", "minutes")
MODES: tuple[str, ...] = get_args(Mode)


def read_travel(
    path: Path, stops: Sequence[str], modes: Sequence[Mode], *, quantile: float
) -> dict[Mode, TravelTable]:
    """The travel minutes between these stops by these modes; a row without a mode holds for all of them.

    Pairs that the file does not name have no way between them, and stand as infinite; stops that the plan
    does not know are passed over. The minutes must be those of a cautious day, at `quantile`.

    Raises InputError with everything that is wrong with the file: a stop that it lacks, minutes that are
    no number of 0 or more, a pair that is given twice with different minutes.
    """
    faults: list[Fault] = []
    checked_ways = [
        _read_way(where, row, faults) for where, row in read_csv_rows(path, NEEDED_COLUMNS, faults)
    ]
    table_by_mode = {mode: np.full((len(stops), len(stops)), np.inf) for mode in modes}
    index_by_stop = {stop: i for i, stop in enumerate(stops)}
    for where, from_stop, to_stop, minutes, mode in checked_ways:
        if from_stop not in index_by_stop or to_stop not in index_by_stop:
            continue
        for table in (table_by_mode[m] for m in modes if mode in ("", m)):
            earlier_minutes = table[index_by_stop[from_stop], index_by_stop[to_stop]]
            if math.isfinite(earlier_minutes) and earlier_minutes != minutes:
                problem = (
                    f"{from_stop} to {to_stop} takes {minutes:g} minutes, but "
                    f"{earlier_minutes:g} in an earlier row"
                )
                faults.append(Fault(where, problem, "keep one of the two"))
            table[index_by_stop[from_stop], index_by_stop[to_stop]] = minutes
    if not faults:
        named_stops = {stop for _, from_stop, to_stop, _, _ in checked_ways for stop in (from_stop, to_stop)}
        faults += [
            Fault(path.name, f"has no row for the stop {s!r}", "add it")
            for s in stops
            if s not in named_stops
        ]
    check_faultless(path.name, faults)
    for table in table_by_mode.values():
        np.fill_diagonal(table, 0.0)
    return {mode: TravelTable(mode, tuple(stops), table_by_mode[mode], quantile, "given") for mode in modes}


def _read_way(where: str, row: dict[str, str], faults: list[Fault]) -> tuple[str, str, str, float, str]:
    """A row as where it stands, from, to, minutes and mode; what is wrong with it joins `faults`."""
    try:
        way_minutes = float(row["minutes"])
    except ValueError:
        way_minutes = math.nan
    if not way_minutes >= 0:
        faults.append(Fault(where, f"{row['minutes']!r} is not a number of minutes", "give 0 or more"))
    way_mode = row.get("mode") or ""
    if way_mode and way_mode not in MODES:
        mode_remedy = f"write one of {', '.join(MODES)}, or leave it empty"
        faults.append(Fault(where, f"{way_mode!r} is not a mode of travel", mode_remedy))
    return where, row["from"], row["to"], way_minutes, way_mode

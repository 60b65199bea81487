"""The arms of a trial from the CSV that `becalm patrol trial` writes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import cast

from becalm.patrol.core.nouns import Arm
from becalm.terms import Fault, InputError

ARMS = ("off", "low", "high")
SHOWN = 20


def read_arms(path: Path) -> dict[tuple[str, date], Arm]:
    """The arm of each place on each day. Raises InputError with every fault of the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            lost = [n for n in ("hotspot", "day", "arm") if n not in (reader.fieldnames or ())]
            faults = [Fault(path.name, f"has no column {name!r}", "add it") for name in lost]
            rows = [] if lost else list(enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}. Name a readable CSV file in UTF-8.") from error
    arms: dict[tuple[str, date], Arm] = {}
    for number, row in rows:
        found = list(_faults(row, f"{path.name}, row {number}", arms))
        faults += found
        if not found:
            arms[row["hotspot"], date.fromisoformat(row["day"])] = cast("Arm", row["arm"])
    if faults:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(faults)} {noun}", tuple(faults[:SHOWN]))
    return arms


def _faults(row: Mapping[str, str], where: str, known: Mapping[tuple[str, date], Arm]) -> Iterator[Fault]:
    if row["arm"] not in ARMS:
        yield Fault(where, f"{row['arm']!r} is no arm", f"write one of {', '.join(ARMS)}")
    try:
        day = date.fromisoformat(row["day"])
    except (TypeError, ValueError):
        yield Fault(where, f"{row['day']!r} is no day", "write it as 2026-03-02")
        return
    if (row["hotspot"], day) in known:
        yield Fault(where, f"{row['hotspot']} has an arm on {day} already", "keep one of the two")

"""Protected characteristics and counts of residents from csv or a workbook."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from becalm.divert.core.disparity import CHARACTERISTICS
from becalm.formats.mapped_rows import read_rows
from becalm.terms import Fault, InputError

NEEDED_COLUMNS: Final = ("person_number",)
RESIDENT_COLUMNS: Final = ("characteristic", "group", "residents")


def read_characteristics(path: Path) -> dict[str, dict[str, str]]:
    """The characteristics of each person, by the number that the force knows the person by.

    Raises InputError where a column is none of the characteristics, or a person stands there twice.
    """
    rows = read_rows(path, NEEDED_COLUMNS)
    allowed_columns = {*NEEDED_COLUMNS, *CHARACTERISTICS} - {"age_band"}
    faults = [
        Fault(path.name, f"the column {name!r} is not allowed", "take it out of the file")
        for name in rows.columns
        if name not in allowed_columns
    ]
    by_number: dict[str, dict[str, str]] = {}
    for row in range(len(rows)):
        number = rows.text("person_number", row)
        if number in by_number or not number:
            rows.refuse(row, f"person_number {number!r} is missing or there twice", "keep one row for each")
        names = (name for name in CHARACTERISTICS if name in rows.columns)
        by_number[number] = {name: text for name in names if (text := rows.text(name, row))}
    if faults or rows.faults:
        raise InputError(f"{path.name} cannot be used; nothing was taken in", (*faults, *rows.faults)[:20])
    return by_number


def read_residents(path: Path) -> dict[str, str]:
    """How many residents each group has, under `characteristic=group`.

    Raises InputError where a number is none.
    """
    rows = read_rows(path, RESIDENT_COLUMNS)
    residents = {}
    for row in range(len(rows)):
        count = rows.parse("residents", row, int, "whole number")
        if isinstance(count, int):
            residents[f"{rows.text('characteristic', row)}={rows.text('group', row)}"] = str(count)
    if rows.faults:
        raise InputError(f"{path.name} cannot be used; nothing was taken in", tuple(rows.faults[:20]))
    return residents

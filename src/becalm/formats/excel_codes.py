"""Offence codes that a spreadsheet took for dates, and what they must have been.

Typed into a cell, "5/1" becomes a date. Saved, it is a serial number (44682 is 2022-05-01, where the month
comes first; 44566 is 2022-01-05, where the day does), or "05-Jan", or "2022-05-01". "8/61", with no
sixty-first day, becomes August 1961. Every reading that gives a code of the offence table is a candidate:
one candidate is repaired; of several, none is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from becalm.terms import plain_word

EPOCH: Final = date(1899, 12, 30)  # serial 1 is 1900-01-01 for every date after February 1900
SERIALS: Final = range(366, 73051)  # 1901 to 2099
SERIAL: Final = re.compile(r"^\d{3,5}(\.0+)?$")
DATE_FORMATS: Final = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%b-%y",
    "%d-%b-%Y",
)
DAY_MONTH_FORMATS: Final = ("%d-%b", "%b-%d", "%d %b", "%b %d", "%d %B", "%B %d")
MONTH_YEAR_FORMATS: Final = ("%b-%y", "%b %y", "%B-%y", "%b-%Y", "%B %Y")


@dataclass(frozen=True, slots=True)
class CodeRepair:
    """What a damaged code must have been; `code` is None where that is not certain."""

    code: str | None
    reason: str


def suggest_code(cell: str, known: Container[str]) -> CodeRepair | None:
    """What code was this cell before a spreadsheet took it for a date? None where nothing is wrong.

    `known` holds the codes of the offence table as `plain_word` writes them.

    >>> suggest_code("44682", {"5/1"}).code
    '5/1'
    >>> suggest_code("5/1", {"5/1"}) is None
    True
    """
    if plain_word(cell) in known:
        return None
    candidates = list(dict.fromkeys(code for code in _readings(cell) if plain_word(code) in known))
    if len(candidates) == 1:
        return CodeRepair(candidates[0], f"a spreadsheet made a date of the code {candidates[0]}")
    if candidates:
        several = " or ".join(candidates)
        return CodeRepair(None, f"a spreadsheet made a date of a code, which may have been {several}")
    return None


def _readings(cell: str) -> Iterator[str]:
    """Every code that may have stood there, in both orders of day and month."""
    for day in _dates(cell.strip()):
        yield f"{day.month}/{day.day}"
        yield f"{day.day}/{day.month}"
        if day.day == 1:  # no such day: taken for a month of a year
            yield f"{day.month}/{day:%y}"
            yield f"{day.month}/{day.year}"


def _dates(cell: str) -> Iterator[date]:
    if SERIAL.match(cell):
        serial = int(float(cell))
        if serial in SERIALS:
            yield EPOCH + timedelta(days=serial)
        return
    for wanted in (*DATE_FORMATS, *MONTH_YEAR_FORMATS):
        yield from _parsed(cell, wanted)
    for wanted in DAY_MONTH_FORMATS:
        yield from _parsed(f"2000 {cell}", f"%Y {wanted}")


def _parsed(cell: str, wanted: str) -> Iterator[date]:
    try:
        yield datetime.strptime(cell, wanted).date()  # noqa: DTZ007  # a day without a clock
    except ValueError:
        return

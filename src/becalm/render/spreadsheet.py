"""Cells that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> object:
    """Write a text that a spreadsheet would run as a formula so that it stays a text.

    Numbers stay as they are, also those that are written as text.

    >>> harmless("=1+1"), harmless("-0.12"), harmless("Barnet"), harmless(-3)
    ("'=1+1", '-0.12', 'Barnet', -3)
    """
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS) and not _is_number(value):
        return f"'{value}"
    return value


def csv_text(headings: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    r"""A table as CSV, its lines ended by a line feed, each cell harmless to a spreadsheet.

    >>> csv_text(("place", "change"), [("=A1", -3)])
    "place,change\n'=A1,-3\n"
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(list(headings))
    table.writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Cells that a spreadsheet shows and never runs."""

from __future__ import annotations

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


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Cells that a spreadsheet shows and never runs."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

FIXED_DAY: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook knows no zones; the day is never shown
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
    csv_buffer = io.StringIO()
    csv_writer = csv.writer(csv_buffer, lineterminator="\n")
    csv_writer.writerow(list(headings))
    csv_writer.writerows([harmless(cell) for cell in row] for row in rows)
    return csv_buffer.getvalue()


def workbook(headings: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A table as an xlsx workbook of one sheet, its head frozen; the same bytes for the same table."""
    return workbook_of_sheets({"becalm": (headings, rows)})


def workbook_of_sheets(sheets: Mapping[str, tuple[Sequence[str], Iterable[Iterable[object]]]]) -> bytes:
    """Tables as an xlsx workbook, a sheet each by name; the same bytes for the same tables."""
    import xlsxwriter  # loaded only where a workbook is asked for

    workbook_buffer = io.BytesIO()
    workbook_settings = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(workbook_buffer, workbook_settings) as book:
        book.set_properties({"created": FIXED_DAY})
        bold_format = book.add_format({"bold": True})
        for name, (headings, rows) in sheets.items():
            worksheet = book.add_worksheet(name)
            worksheet.write_row(0, 0, headings, bold_format)
            worksheet.freeze_panes(1, 0)
            for row_number, row in enumerate(rows, start=1):
                worksheet.write_row(row_number, 0, [_workbook_cell(cell) for cell in row])
            worksheet.autofit()
    return workbook_buffer.getvalue()


def _workbook_cell(value: object) -> object:
    """A number or nothing as such (no sheet knows nan or infinity); else its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, int | float | bool) else str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Workbooks (xlsx, xlsm, xls, ods): one sheet as a table, below its titles.

A column keeps its type where all cells agree, else it becomes text as a spreadsheet would show it; a formula
gives its result. Cells of days and of instants are both instants: a midnight is not another kind of cell.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import python_calamine

from becalm.formats.head_row import HeadRow, cell_text, find_head
from becalm.formats.sheet import Layout, Sheet, file_refusal
from becalm.formats.text_file import drop_blank_rows

BOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")


def read_book(path: Path, file_name: str, layout: Layout) -> Sheet:
    """The table of a workbook: on the sheet that `layout` names, else on the first that holds one."""
    sheet_rows, head, other_sheets = read_book_head(path, file_name, layout)
    line_of_row = np.arange(head.end + 1, len(sheet_rows) + 1)
    cells_of_column = list(zip(*sheet_rows[head.end :], strict=True)) or [()] * len(head.names)
    array_by_column = {
        name: _column(column) for name, column in zip(head.names, cells_of_column, strict=False) if name
    }
    book_notes = (
        *((f"other sheets were not read: {', '.join(other_sheets)}",) if other_sheets else ()),
        *head.notes,
    )
    return drop_blank_rows(Sheet(file_name, pa.table(array_by_column), lambda: line_of_row, (), book_notes))


def read_book_head(
    path: Path, file_name: str, layout: Layout
) -> tuple[list[list[Any]], HeadRow, tuple[str, ...]]:
    """All rows of the sheet, its heads, and the names of the sheets that are not read."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheet_names = list(book.sheet_names)
        if layout.sheet is not None and layout.sheet not in sheet_names:
            problem_text = f"has no sheet {layout.sheet!r}; it has {', '.join(sheet_names)}"
            raise file_refusal(file_name, problem_text, "correct sheet in the mapping")
        wanted_names = sheet_names if layout.sheet is None else [layout.sheet]
        rows_by_sheet = {
            name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in wanted_names
        }
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        book_problem = f"cannot be read as a workbook ({error})"
        raise file_refusal(file_name, book_problem, "save it as xlsx or csv") from error
    filled_sheets = {
        name: sheet_rows for name, sheet_rows in rows_by_sheet.items() if any(map(any, sheet_rows))
    }
    if not filled_sheets:
        raise file_refusal(file_name, "is empty", "nothing can be read from a workbook without cells")
    # a cover sheet of titles holds one cell in a row, a table more
    table_sheet_names = [
        name
        for name, sheet_rows in filled_sheets.items()
        if any(sum(cell != "" for cell in row) > 1 for row in sheet_rows)
    ]
    sheet_name = next(iter([*table_sheet_names, *filled_sheets]))
    sheet_rows = filled_sheets[sheet_name]
    return (
        sheet_rows,
        find_head(sheet_rows, file_name, layout.header_row),
        tuple(n for n in sheet_names if n != sheet_name),
    )


def _column(column_cells: tuple[Any, ...]) -> pa.Array:
    filled_cells = [None if cell == "" else cell for cell in column_cells]
    cell_types = {type(cell) for cell in filled_cells if cell is not None}
    if cell_types and cell_types <= {date, datetime}:
        return pa.array(
            [None if cell is None else _instant(cell) for cell in filled_cells], pa.timestamp("us")
        )
    if cell_types <= {time, timedelta}:
        return pa.array([None if cell is None else _clock_text(cell) for cell in filled_cells], pa.string())
    if len(cell_types) == 1 or cell_types == {int, float}:
        return pa.array(filled_cells)
    return pa.array(
        [None if cell is None else cell_text(_instant(cell)) for cell in filled_cells], pa.string()
    )


def _instant(cell: Any) -> Any:
    """A day is the instant of its midnight; any other cell is left as it is."""
    is_day = isinstance(cell, date) and not isinstance(cell, datetime)
    return datetime(cell.year, cell.month, cell.day) if is_day else cell  # noqa: DTZ001  # as the sheet has it


def _clock_text(cell: time | timedelta) -> str:
    """A clock time as HH:MM:SS; a duration of hours is how some spreadsheets keep one."""
    if isinstance(cell, timedelta):
        hours, seconds = divmod(int(cell.total_seconds()), 3600)
        return f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
    return cell.isoformat("seconds")

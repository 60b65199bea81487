"""A file of rows, whatever its format: csv (also gzipped), parquet or a workbook becomes one sheet.

Cells of a csv are text. Parquet keeps its types. A column of a workbook keeps its type where all cells
agree, else it becomes text as Excel would show it; formula results are values, formula *text* is text.
Row numbers are those that an editor shows: the header is 1.
"""

from __future__ import annotations

import itertools
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from becalm.formats.delimited_text import check_twins, read_header, read_rows
from becalm.formats.sheet import InputFile, Sheet, file_refusal
from becalm.terms import InputError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".gz")
BOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")


def columns_of(file: InputFile) -> tuple[str, ...]:
    """The column names of a file, read cheaply; empty where it is no table at all."""
    try:
        return _columns(file.path, file.sha256, file.name)
    except InputError:
        return ()


@lru_cache(maxsize=64)
def _columns(path: Path, sha256: str, file_name: str) -> tuple[str, ...]:
    del sha256  # only part of the key: every reader asks for the same header in turn
    file_suffix = path.suffix.lower()
    if file_suffix == ".parquet":
        return tuple(_open_parquet(path, file_name).schema_arrow.names)
    if file_suffix in BOOK_SUFFIXES:
        return tuple(map(cell_text, _book_rows(path, file_name)[0][0]))
    if file_suffix in TEXT_SUFFIXES:
        return read_header(path, file_name).columns
    return ()


def read_sheet(file: InputFile) -> Sheet:
    """Read a file's rows; raises InputError where it cannot be read as a table at all."""
    file_suffix = file.path.suffix.lower()
    if file_suffix == ".parquet":
        row_table = _open_parquet(file.path, file.name).read()
        return Sheet(file.name, row_table, lambda: np.arange(2, row_table.num_rows + 2))
    if file_suffix in BOOK_SUFFIXES:
        return _read_book(file.path, file.name)
    if file_suffix in TEXT_SUFFIXES:
        return read_rows(file.path, file.name)
    raise file_refusal(file.name, f"has the ending {file_suffix!r}", "give csv, csv.gz, parquet or xlsx")


def _open_parquet(path: Path, file_name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        parquet_problem = f"is not a whole Parquet file ({error})"
        raise file_refusal(file_name, parquet_problem, "fetch or write it again") from error


def _book_rows(path: Path, file_name: str) -> tuple[list[list[Any]], tuple[str, ...]]:
    """The rows of the first sheet that has any, and the names of the sheets that were passed over."""
    import python_calamine

    try:
        open_workbook = python_calamine.CalamineWorkbook.from_path(path)
        sheet_names = list(open_workbook.sheet_names)
        for sheet_name in sheet_names:
            sheet_rows = open_workbook.get_sheet_by_name(sheet_name).to_python(skip_empty_area=False)
            sheet_rows = list(itertools.dropwhile(_is_blank, sheet_rows))
            if sheet_rows:
                return sheet_rows, tuple(other_name for other_name in sheet_names if other_name != sheet_name)
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        book_problem = f"cannot be read as a workbook ({error})"
        raise file_refusal(file_name, book_problem, "save it as xlsx or csv") from error
    raise file_refusal(file_name, "is empty", "nothing can be read from a workbook without cells")


def _is_blank(row_cells: list[Any]) -> bool:
    return all(cell == "" for cell in row_cells)


def _read_book(path: Path, file_name: str) -> Sheet:
    sheet_rows, other_sheet_names = _book_rows(path, file_name)
    column_names = tuple(map(cell_text, sheet_rows[0]))
    while column_names and not column_names[-1]:
        column_names = column_names[:-1]
    check_twins(column_names, file_name)
    row_by_line = {line_no: row for line_no, row in enumerate(sheet_rows[1:], 2) if not _is_blank(row)}
    cells = zip(*row_by_line.values(), strict=True) if row_by_line else ([] for _ in column_names)
    arrays = {column: _book_column(list(values)) for column, values in zip(column_names, cells, strict=False)}
    notes = (f"other sheets were not read: {', '.join(other_sheet_names)}",) if other_sheet_names else ()
    return Sheet(file_name, pa.table(arrays), lambda: np.array(list(row_by_line), dtype=np.int64), (), notes)


def _book_column(column_cells: list[Any]) -> pa.Array:
    filled_cells = [None if cell_value == "" else cell_value for cell_value in column_cells]
    cell_types = {type(cell) for cell in filled_cells if cell is not None}
    if len(cell_types) == 1 or cell_types == {int, float}:
        return pa.array(filled_cells)
    return pa.array([None if cell is None else cell_text(cell) for cell in filled_cells], pa.string())


def cell_text(cell: object) -> str:
    """A cell as text; whole numbers carry no ".0"."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()

"""A file of rows, whatever its format: csv (also gzipped), parquet or xlsx becomes one table of cells.

Cells of a csv are text. Parquet keeps its types. A column of a workbook keeps its type where all cells
agree, else it becomes text as Excel would show it; formula results are values, formula *text* is text.
Row numbers are those that an editor shows: the header is 1.
"""

from __future__ import annotations

import codecs
import csv
import functools
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from becalm.formats.input_file import InputFile
from becalm.methods.arrays import Ints
from becalm.terms import Fault, InputError, RowFault

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".gz")
BOOK_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods")
HEADER_BYTES = 1 << 16  # every file is asked for its header: read no more than one needs
CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 1 << 24  # no row may be longer
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a file. `lines[i]` is the row number of data row i; `broken` rows could not be split."""

    name: str
    data: pa.Table
    lines: Ints
    broken: tuple[RowFault, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names as the file writes them."""
        return tuple(self.data.column_names)


def columns_of(file: InputFile) -> tuple[str, ...]:
    """The column names of a file, read cheaply; empty where it is no table at all."""
    try:
        return _columns(str(file.path), file.sha256, file.name)
    except InputError:
        return ()


@lru_cache(maxsize=64)
def _columns(path: str, sha256: str, name: str) -> tuple[str, ...]:
    del sha256  # only part of the key: every reader asks for the same header in turn
    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        return tuple(_parquet(path, name).schema_arrow.names)
    if suffix in BOOK_SUFFIXES:
        return tuple(_header(_book_rows(path, name)[0][0]))
    if suffix in TEXT_SUFFIXES:
        return _text_header(path, name)[0]
    return ()


def read_sheet(file: InputFile) -> Sheet:
    """Read a file's rows; raises InputError where it cannot be read as a table at all."""
    path, name = str(file.path), file.name
    suffix = file.path.suffix.lower()
    if suffix == ".parquet":
        data = _parquet(path, name).read()
        return Sheet(name, data, np.arange(2, data.num_rows + 2))
    if suffix in BOOK_SUFFIXES:
        return _read_book(path, name)
    if suffix in TEXT_SUFFIXES:
        return _read_text(path, name)
    raise refused(name, f"has the ending {suffix!r}", "give csv, csv.gz, parquet or xlsx")


def refused(name: str, what: str, remedy: str) -> InputError:
    """The error that refuses a whole file."""
    return InputError(f"{name} was refused", (Fault(name, what, remedy),))


def _parquet(path: str, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise refused(name, f"is not a whole Parquet file ({error})", "fetch or write it again") from error


# --- text ---------------------------------------------------------------------------------------------


def _open_text(path: str) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.lower().endswith(".gz") else Path(path).open("rb")


def _text_header(path: str, name: str) -> tuple[tuple[str, ...], str, str]:
    """Column names, delimiter and encoding, judged by the first line alone."""
    try:
        with _open_text(path) as stream:
            start = stream.read(HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise refused(name, f"cannot be read ({error})", "it may be cut short: fetch it again") from error
    encoding = "utf-16" if start.startswith(UTF16_MARKS) else "utf-8-sig"
    text = start[: len(start) // 2 * 2].decode(encoding, errors="replace")
    if not text.strip():
        raise refused(name, "is empty", "fetch it again; nothing can be read from it")
    line = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=line.count)
    delimiter = delimiter if delimiter in line else ","
    cells = next(csv.reader(io.StringIO(line), delimiter=delimiter))
    return tuple(c.strip() for c in cells), delimiter, encoding.removesuffix("-sig")


def _read_text(path: str, name: str) -> Sheet:
    columns, delimiter, encoding = _text_header(path, name)
    _no_twins(columns, name)
    _require_text(path, name, encoding)
    odd: list[Any] = []
    data = _parse(path, name, columns, delimiter, encoding, odd, exact=False)
    lines = np.arange(2, data.num_rows + 2)
    if odd:  # read once more, slowly, for the row numbers
        odd.clear()
        data = _parse(path, name, columns, delimiter, encoding, odd, exact=True)
        lines = np.setdiff1d(np.arange(2, data.num_rows + len(odd) + 2), [row.number for row in odd])
    broken = tuple(_broken_row(name, row) for row in odd)
    return _without_blank_rows(Sheet(name, data, lines, broken))


def _require_text(path: str, name: str, encoding: str) -> None:
    """Refuse bytes that are no text, with the line they stand on."""
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        with _open_text(path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                line += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        what = f"is not {encoding.upper()} text: {error.object[error.start : error.end]!r} in line {line}"
        raise refused(name, what, "save it as UTF-8 (Excel: CSV UTF-8) and try again") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable_text(name, error) from error


def _without_blank_rows(sheet: Sheet) -> Sheet:
    """Empty lines, and rows of empty cells as spreadsheets leave them at the end, are no records."""
    data = sheet.data
    if any(column.null_count == 0 for column in data.columns):
        return sheet
    filled = functools.reduce(pc.or_, (pc.is_valid(column) for column in data.columns))
    kept = filled.to_numpy().astype(bool)
    if kept.all():
        return sheet
    notes = (f"{int((~kept).sum()):,} rows of empty cells were passed over",)
    return Sheet(sheet.name, data.filter(pa.array(kept)), sheet.lines[kept], sheet.broken, notes)


def _parse(
    path: str,
    name: str,
    columns: tuple[str, ...],
    delimiter: str,
    encoding: str,
    odd: list[Any],
    *,
    exact: bool,
) -> pa.Table:
    """The rows that split into as many cells as the header has; the others go to `odd`."""

    def set_aside(row: Any) -> str:
        odd.append(row)
        return "skip"

    try:
        with _open_text(path) as stream:
            return pyarrow.csv.read_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=not exact,
                    block_size=BLOCK_BYTES,
                    encoding=encoding,
                    column_names=columns,
                    skip_rows=1,
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=set_aside,
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={c: pa.string() for c in columns},
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                    null_values=[""],
                ),
            )
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise _unreadable_text(name, error) from error


def _broken_row(name: str, row: Any) -> RowFault:
    return RowFault(
        file=name,
        row=row.number or 0,
        column="",
        value=str(row.text)[:200],
        fate="rejected",
        reason=f"has {row.actual_columns} cells where the header has {row.expected_columns}",
        remedy="put quotation marks around a cell that holds the delimiter, or complete the line",
    )


def _unreadable_text(name: str, error: Exception) -> InputError:
    told = str(error)
    if "straddling" in told or "block" in told:
        return refused(
            name,
            f"has a row longer than {BLOCK_BYTES:,} bytes",
            "no crime record is; look for a lone quotation mark",
        )
    return refused(name, f"cannot be read as rows ({told[:200]})", "fetch it again, or open and save it anew")


def _no_twins(columns: tuple[str, ...], name: str) -> None:
    twins = sorted({c for c in columns if columns.count(c) > 1})
    if twins:
        raise refused(name, f"has the column {twins[0]!r} twice", "rename one of them")


# --- workbooks ----------------------------------------------------------------------------------------


def _book_rows(path: str, name: str) -> tuple[list[list[Any]], tuple[str, ...]]:
    """The rows of the first sheet that has any, and the names of the sheets that were passed over."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = list(book.sheet_names)
        for sheet in names:
            rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
            rows = list(itertools.dropwhile(lambda row: not any(c != "" for c in row), rows))
            if rows:
                return rows, tuple(n for n in names if n != sheet)
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise refused(name, f"cannot be read as a workbook ({error})", "save it as xlsx or csv") from error
    raise refused(name, "is empty", "nothing can be read from a workbook without cells")


def _header(row: list[Any]) -> Iterator[str]:
    return (cell_text(cell) for cell in row)


def _read_book(path: str, name: str) -> Sheet:
    rows, others = _book_rows(path, name)
    columns = tuple(_header(rows[0]))
    while columns and not columns[-1]:
        columns = columns[:-1]
    _no_twins(columns, name)
    body = [row for row in rows[1:] if any(c != "" for c in row)]
    lines = np.array([i for i, row in enumerate(rows[1:], 2) if any(c != "" for c in row)], dtype=np.int64)
    cells = zip(*body, strict=True) if body else ([] for _ in columns)
    data = {column: _book_column(list(values)) for column, values in zip(columns, cells, strict=False)}
    notes = (f"other sheets were not read: {', '.join(others)}",) if others else ()
    return Sheet(name, pa.table(data), lines, (), notes)


def _book_column(values: list[Any]) -> pa.Array:
    cells = [None if v == "" else v for v in values]
    kinds = {type(v) for v in cells if v is not None}
    if len(kinds) == 1 or kinds == {int, float}:
        return pa.array(cells)
    return pa.array([None if v is None else cell_text(v) for v in cells], pa.string())


def cell_text(cell: object) -> str:
    """A cell as text; whole numbers carry no ".0"."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()

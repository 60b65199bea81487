"""A file of rows, whatever its format: csv (also gzipped), parquet or a workbook becomes one sheet.

Cells of a csv are text. Parquet keeps its types. A column of a workbook keeps its type where all cells
agree, else it becomes text as Excel would show it; formula results are values, formula *text* is text.
Row numbers are those that an editor shows: the header is 1.
"""

import codecs
import csv
import functools
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from becalm.formats.sheet import InputFile, Sheet, file_refusal
from becalm.methods.arrays import Ints
from becalm.tables import CUT_OFF_ROW
from becalm.terms import Fault, InputError, RowFault

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


TEXT, WORDS = pa.string(), pa.dictionary(pa.int32(), pa.string())  # few distinct words are kept once each
CHUNK_BYTES = 1 << 20
HEADER_BYTES = 1 << 16  # every file is asked for its header: read no more than one needs
BLOCK_BYTES = 1 << 24  # no row may be longer
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF16_ENDS = (b"\n\0", b"\0\n", b"\r\0", b"\0\r")
DELIMITERS = ",;\t|"
FEWER_FIELDS, MORE_FIELDS = "fewer fields", "more fields"


@dataclass(frozen=True, slots=True)
class TextHeader:
    """The first line that is not empty: the names of the columns, and how the file is written."""

    columns: tuple[str, ...]
    delimiter: str
    encoding: str
    line: int


def read_header(path: Path, name: str) -> TextHeader:
    """Column names, delimiter and encoding, judged by the first line alone."""
    try:
        with _open(path) as byte_stream:
            start_bytes = byte_stream.read(HEADER_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise file_refusal(
            name, f"cannot be read ({error})", "it may be cut short: fetch it again"
        ) from error
    text_encoding = "utf-16" if start_bytes.startswith(UTF16_MARKS) else "utf-8-sig"
    start_text = start_bytes[: len(start_bytes) // 2 * 2].decode(text_encoding, errors="replace")
    if not start_text.strip():
        raise file_refusal(name, "is empty", "fetch it again; nothing can be read from it")
    header_line = start_text.lstrip("\r\n").splitlines()[0]
    delimiter = max(DELIMITERS, key=header_line.count)
    delimiter = delimiter if delimiter in header_line else ","
    names = tuple(cell.strip() for cell in next(csv.reader(io.StringIO(header_line), delimiter=delimiter)))
    blank_line_count = len(start_text[: len(start_text) - len(start_text.lstrip("\r\n"))].splitlines())
    return TextHeader(names, delimiter, text_encoding.removesuffix("-sig"), blank_line_count + 1)


def check_twins(columns: Sequence[str], name: str) -> None:
    """Refuse a file with two columns of one name: nobody can say which is meant."""
    repeated_names = sorted({column_name for column_name in columns if columns.count(column_name) > 1})
    if repeated_names:
        raise file_refusal(name, f"has the column {repeated_names[0]!r} twice", "rename one of them")


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


# --- rows that may run over several lines -------------------------------------------------------------


def read_rows(path: Path, name: str) -> Sheet:
    """An extract: every column as text, and every row that does not split set aside."""
    header = read_header(path, name)
    check_twins(header.columns, name)
    _check_encoding(path, name, header.encoding)
    parse_rows = functools.partial(_parse, path, header, dict.fromkeys(header.columns, TEXT), multiline=True)
    first_line, odd_rows = header.line + 1, list[Any]()
    try:
        row_table = parse_rows(use_threads=True, odd_rows=odd_rows)
        line_of_row = np.arange(first_line, first_line + row_table.num_rows)
        if odd_rows:  # only a reader without threads knows the numbers of rows
            odd_rows.clear()
            row_table = parse_rows(use_threads=False, odd_rows=odd_rows)
            line_of_row = np.arange(first_line, first_line + row_table.num_rows + len(odd_rows))
            line_of_row = np.setdiff1d(line_of_row, [odd_row.number for odd_row in odd_rows])
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise _text_refusal(name, error) from error
    broken_row_faults = tuple(_odd_row_fault(name, odd_row) for odd_row in odd_rows)
    return _drop_blank_rows(Sheet(name, row_table, lambda: line_of_row, broken_row_faults))


def _parse(
    path: Path,
    text_header: TextHeader,
    column_types: Mapping[str, pa.DataType],
    *,
    multiline: bool,
    use_threads: bool,
    odd_rows: list[Any] | None = None,
) -> pa.Table:
    """The typed columns. Rows that do not split go to `odd_rows`, or raise where there is no such list."""

    def set_aside(row: Any) -> str:
        assert odd_rows is not None
        odd_rows.append(row)
        return "skip"

    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=use_threads,
            block_size=BLOCK_BYTES,
            encoding=text_header.encoding,
            column_names=text_header.columns,
            skip_rows=text_header.line,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=text_header.delimiter,
            newlines_in_values=multiline,
            ignore_empty_lines=not multiline,
            invalid_row_handler=None if odd_rows is None else set_aside,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict(column_types),
            include_columns=list(column_types),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _check_encoding(path: Path, file_name: str, encoding: str) -> None:
    """Refuse bytes that are no text, with the line they stand on."""
    text_decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        with _open(path) as byte_stream:
            while byte_chunk := byte_stream.read(CHUNK_BYTES):
                line += text_decoder.decode(byte_chunk).count("\n")
            text_decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        problem = f"is not {encoding.upper()} text: {error.object[error.start : error.end]!r} in line {line}"
        raise file_refusal(file_name, problem, "save it as UTF-8 (Excel: CSV UTF-8) and try again") from error
    except (OSError, EOFError, zlib.error) as error:
        raise _text_refusal(file_name, error) from error


def _drop_blank_rows(sheet: Sheet) -> Sheet:
    """Empty lines, and rows of empty cells as spreadsheets leave them at the end, are no records."""
    row_table = sheet.data
    if any(column.null_count == 0 for column in row_table.columns):
        return sheet
    has_cells = functools.reduce(pc.or_, (pc.is_valid(column) for column in row_table.columns))
    is_kept_row = has_cells.to_numpy().astype(bool)
    if is_kept_row.all():
        return sheet
    notes = (f"{int((~is_kept_row).sum()):,} rows of empty cells were passed over",)
    kept_rows = row_table.filter(pa.array(is_kept_row))
    return replace(sheet, data=kept_rows, number_lines=lambda: sheet.lines[is_kept_row], notes=notes)


def _odd_row_fault(file_name: str, odd_row: Any) -> RowFault:
    return RowFault(
        file=file_name,
        row=odd_row.number or 0,
        column="",
        value=str(odd_row.text)[:200],
        fate="rejected",
        reason=f"has {odd_row.actual_columns} cells where the header has {odd_row.expected_columns}",
        remedy="put quotation marks around a cell that holds the delimiter, or complete the line",
    )


def _text_refusal(file_name: str, error: Exception) -> InputError:
    error_text = str(error)
    if "straddling" in error_text or "block" in error_text:
        row_problem = f"has a row longer than {BLOCK_BYTES:,} bytes"
        return file_refusal(file_name, row_problem, "no crime record is; look for a lone quotation mark")
    text_remedy = "fetch it again, or open and save it again"
    return file_refusal(file_name, f"cannot be read as rows ({error_text[:200]})", text_remedy)


# --- rows that are lines ------------------------------------------------------------------------------


def read_lines(file: InputFile, column_types: Mapping[str, pa.DataType]) -> Sheet:
    """A published file: these columns of it, which its header must have (see `read_header`)."""
    text_header = read_header(file.path, file.name)
    encoding_notes = ("written in UTF-16: read as such",) if text_header.encoding == "utf-16" else ()
    try:
        sheet = _split_file(file, text_header, column_types)
    except UnicodeError as error:
        encoding_fault = Fault("file", f"is broken UTF-16 text ({error})", "save it as UTF-8")
        raise InputError(f"{file.name} was refused; nothing was loaded", (encoding_fault,)) from error
    if not sheet.data.num_rows and not sheet.broken_rows:
        encoding_notes = (*encoding_notes, "a header and no rows")
    if not _ends_with_newline(file.path, text_header.encoding):
        encoding_notes = (*encoding_notes, "the last line has no end: the file may have been cut short")
        sheet = replace(sheet, broken_rows=_mark_cut_off(sheet))
    return replace(sheet, notes=encoding_notes)


def line_texts(file: InputFile, lines: Sequence[int]) -> dict[int, str]:
    """The text of these lines, by number."""
    wanted_lines = set(lines)
    encoding = read_header(file.path, file.name).encoding
    return {number: text for number, text in _numbered_lines(file.path, encoding) if number in wanted_lines}


def _split_file(file: InputFile, header: TextHeader, column_types: Mapping[str, pa.DataType]) -> Sheet:
    try:
        parsed_rows = _parse(file.path, header, column_types, multiline=False, use_threads=False)
    except pa.ArrowInvalid:
        return _split_line_by_line(file, header, column_types)
    row_table = parsed_rows.unify_dictionaries().combine_chunks()
    return Sheet(file.name, row_table, lambda: _number_rows(file.path, header, row_table.num_rows))


def _number_rows(path: Path, header: TextHeader, row_count: int) -> Ints:
    """The number of each row's line. They are counted one by one only where some lines are empty."""
    with path.open("rb", buffering=0) as stream:
        breaks = sum(chunk.count(b"\n") for chunk in iter(functools.partial(stream.read, CHUNK_BYTES), b""))
    has_final_newline = _ends_with_newline(path, header.encoding)
    if breaks + (not has_final_newline) == header.line + row_count:
        return np.arange(header.line + 1, header.line + 1 + row_count)
    line_numbers = [line_number for line_number, _ in _numbered_lines(path, header.encoding)]
    return np.array(line_numbers[1 : row_count + 1], dtype=np.int64)


def _split_line_by_line(
    file: InputFile, header: TextHeader, column_types: Mapping[str, pa.DataType]
) -> Sheet:
    column_positions = [header.columns.index(column_name) for column_name in column_types]
    row_cells, line_of_row, broken_rows = list[list[str | None]](), list[int](), list[RowFault]()
    numbered_lines = _numbered_lines(file.path, header.encoding)
    next(numbered_lines)  # the header
    for line_number, line_text in numbered_lines:
        line_cells = next(csv.reader([line_text], delimiter=header.delimiter), [])
        if line_fault := _line_fault(file.name, line_number, line_text, len(line_cells), len(header.columns)):
            broken_rows.append(line_fault)
            continue
        row_cells.append([line_cells[column_position] or None for column_position in column_positions])
        line_of_row.append(line_number)
    column_cells = list(zip(*row_cells, strict=True)) or [()] * len(column_positions)
    column_arrays = (pa.array(list(line_cells), type=TEXT) for line_cells in column_cells)
    data = {
        column_name: column_array.dictionary_encode() if column_type == WORDS else column_array
        for column_array, (column_name, column_type) in zip(column_arrays, column_types.items(), strict=True)
    }
    return Sheet(file.name, pa.table(data), lambda: np.array(line_of_row, dtype=np.int64), tuple(broken_rows))


def _line_fault(file_name: str, line: int, text: str, cell_count: int, column_count: int) -> RowFault | None:
    if "\udc80" <= max(text) <= "\udcff":  # how "surrogateescape" keeps a byte that is no text
        reason, fault_remedy = "the line is not UTF-8 text", "save the file as UTF-8 and load it again"
    elif cell_count != column_count:
        reason = f"the row has {FEWER_FIELDS if cell_count < column_count else MORE_FIELDS} than the header"
        fault_remedy = "it was cut, or a comma or quotation mark is out of place"
        fault_remedy = f"{cell_count} instead of {column_count}: {fault_remedy}"
    else:
        return None
    return RowFault(
        file_name, line, "", text.encode("utf-8", "replace").decode()[:200], "rejected", reason, fault_remedy
    )


def _mark_cut_off(sheet: Sheet) -> tuple[RowFault, ...]:
    """The broken rows; a last line without an end that is also too short shows that the file was cut."""
    if not sheet.broken_rows:
        return ()
    *earlier_faults, last_fault = sheet.broken_rows
    if FEWER_FIELDS not in last_fault.reason or last_fault.row < max(sheet.lines, default=0):
        return sheet.broken_rows
    cut_off_remedy = "fetch or export the whole file again"
    return (*earlier_faults, replace(last_fault, reason=CUT_OFF_ROW, remedy=cut_off_remedy))


def _numbered_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Every line that is not empty, with its number; the first of them is the header."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    with path.open(encoding=encoding, errors="surrogateescape") as text_stream:
        for line_number, line_text in enumerate(text_stream, start=1):
            if line_text := line_text.rstrip("\n"):
                yield line_number, line_text


def _ends_with_newline(path: Path, encoding: str) -> bool:
    with path.open("rb") as byte_stream:
        byte_stream.seek(-2, 2)
        last_bytes = byte_stream.read()
    return last_bytes in UTF16_ENDS if encoding == "utf-16" else last_bytes[-1:] in (b"\r", b"\n")

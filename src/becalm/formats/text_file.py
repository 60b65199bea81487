"""Text files of rows: csv and tsv, plain or compressed, whatever they separate their cells with.

Row numbers are those that an editor shows. A cell may hold line breaks, in the heads as well.
"""

import bz2
import codecs
import csv
import functools
import gzip
import io
import itertools
import lzma
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from becalm.formats.head_row import ROWS_JUDGED, find_head
from becalm.formats.sheet import InputFile, Sheet, file_refusal
from becalm.methods.arrays import Ints
from becalm.tables import CUT_OFF_ROW
from becalm.terms import Fault, InputError, RowFault

TEXT, WORDS = pa.string(), pa.dictionary(pa.int32(), pa.string())  # few distinct words are kept once each
CHUNK_BYTES = 1 << 20
HEADER_BYTES = 1 << 16  # every file is asked for its header: read no more than one needs
BLOCK_BYTES = 1 << 24  # no row may be longer
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
UTF16_ENDS = (b"\n\0", b"\0\n", b"\r\0", b"\0\r")
DELIMITERS = ",;\t|"
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)
DECIMAL_COMMA, THOUSANDS = r"^[-+]?\d+(,\d+)?$", r"^[-+]?\d{1,3}(,\d{3})*$"
CELLS_TRIED = 1000
FEWER_FIELDS, MORE_FIELDS = "fewer fields", "more fields"


@dataclass(frozen=True, slots=True)
class TextHeader:
    """The heads of the columns ("" where there is none), and how the file is written.

    `line` is the last line of the heads.
    """

    columns: tuple[str, ...]
    delimiter: str
    encoding: str
    line: int
    notes: tuple[str, ...] = ()

    @property
    def cell_names(self) -> list[str]:
        """A name for every cell of a row, made up where it has no head."""
        return [name or f"\0{position}" for position, name in enumerate(self.columns)]


def read_header(path: Path, name: str, header_row: int | None = None) -> TextHeader:
    """Column names, delimiter and encoding, judged by the first rows; `header_row` is that of the heads."""
    try:
        with open_bytes(path) as byte_stream:
            start_bytes = byte_stream.read(HEADER_BYTES)
    except UNREADABLE as error:
        remedy = "it may be cut short: fetch it again"
        raise file_refusal(name, f"cannot be read ({error})", remedy) from error
    text_encoding = "utf-16" if start_bytes.startswith(UTF16_MARKS) else "utf-8-sig"
    start_text = start_bytes[: len(start_bytes) // 2 * 2].decode(text_encoding, errors="replace")
    if not start_text.strip():
        raise file_refusal(name, "is empty", "fetch it again; nothing can be read from it")
    is_cut = len(start_bytes) == HEADER_BYTES
    delimiter, rows, last_lines = _split_start(start_text, is_cut=is_cut)
    head_row = find_head(rows, name, header_row)
    names, body = head_row.names, rows[head_row.end :]
    # some programs end every row with a delimiter, but not the heads
    row_width = len(body[0]) if body else 0
    if row_width > len(names) and not any("".join(row[len(names) :]).strip() for row in body):
        names += ("",) * (row_width - len(names))
    head_row = replace(head_row, names=names)
    head_line_number = last_lines[head_row.end - 1]
    return TextHeader(names, delimiter, text_encoding.removesuffix("-sig"), head_line_number, head_row.notes)


def _split_start(start_text: str, *, is_cut: bool) -> tuple[str, list[list[str]], list[int]]:
    """The delimiter, the cells of the first rows, and the number of each row's last line.

    The delimiter is the one that the first line holds most of, if the rows below it have as many cells;
    else (below a title) the one by which the usual row has most.
    """
    first_line = start_text.lstrip("\r\n").splitlines()[0]
    delimiter_candidates = []
    for delimiter in sorted(DELIMITERS, key=first_line.count, reverse=True):
        rows, last_lines = [], []
        csv_reader = csv.reader(io.StringIO(start_text, newline=""), delimiter=delimiter)
        for row in itertools.islice(csv_reader, ROWS_JUDGED):
            rows.append(row)
            last_lines.append(csv_reader.line_num)
        if is_cut and len(rows) > 2 and len(rows) < ROWS_JUDGED:
            del rows[-1], last_lines[-1]  # the last row may lack its end
        row_widths = [len(row) for row in rows if row]
        if row_widths[0] > 1 and 2 * row_widths.count(row_widths[0]) >= len(row_widths):
            return delimiter, rows, last_lines
        delimiter_candidates.append((sorted(row_widths)[len(row_widths) // 2], delimiter, rows, last_lines))
    _, delimiter, rows, last_lines = max(delimiter_candidates, key=lambda candidate: candidate[0])
    return delimiter, rows, last_lines


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked if it is compressed."""
    opener_by_suffix: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    return cast("IO[bytes]", opener_by_suffix.get(path.suffix.lower(), Path.open)(path, "rb"))


# --- rows that may run over several lines -------------------------------------------------------------


def read_rows(path: Path, name: str, header_row: int | None = None) -> Sheet:
    """An extract: every column as text, and every row that does not split set aside."""
    header = read_header(path, name, header_row)
    _check_encoding(path, name, header.encoding)
    type_by_column = dict.fromkeys(filter(None, header.columns), TEXT)
    parse_rows = functools.partial(_parse, path, header, type_by_column, multiline=True)
    first_line, odd_rows = header.line + 1, list[Any]()
    try:
        row_table = parse_rows(use_threads=True, odd_rows=odd_rows)
        line_of_row = np.arange(first_line, first_line + row_table.num_rows)
        if odd_rows:  # only a reader without threads knows the numbers of rows
            odd_rows.clear()
            row_table = parse_rows(use_threads=False, odd_rows=odd_rows)
            line_of_row = np.arange(first_line, first_line + row_table.num_rows + len(odd_rows))
            line_of_row = np.setdiff1d(line_of_row, [odd_row.number for odd_row in odd_rows])
    except (pa.ArrowException, *UNREADABLE) as error:
        raise _text_refusal(name, error) from error
    last_line = int(line_of_row[-1]) if len(line_of_row) else 0
    footer_rows = [
        odd_row for odd_row in odd_rows if odd_row.actual_columns == 1 and odd_row.number > last_line
    ]
    broken_row_faults = tuple(
        _odd_row_fault(name, odd_row) for odd_row in odd_rows if odd_row not in footer_rows
    )
    row_table, comma_notes = _read_commas(row_table, header.delimiter)
    all_notes = (*header.notes, *footer_notes([str(row.text) for row in footer_rows]), *comma_notes)
    return drop_blank_rows(Sheet(name, row_table, lambda: line_of_row, broken_row_faults, all_notes))


def footer_notes(footers: Sequence[str]) -> tuple[str, ...]:
    """What to say of notes below the table."""
    return (f"notes below the table were passed over: {'; '.join(footers)[:120]}",) if footers else ()


def _read_commas(row_table: pa.Table, delimiter: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Numbers with decimal commas ("51,5") or commas between thousands ("1,234"), as numbers are read."""
    decimal_columns, thousands_columns = list[str](), list[str]()
    for position, column_name in enumerate(row_table.column_names):
        column_cells = row_table[column_name]
        if not pc.any(pc.match_substring(column_cells.slice(0, CELLS_TRIED), ",")).as_py():
            continue
        has_thousands = pc.all(pc.match_substring_regex(column_cells, THOUSANDS)).as_py() and delimiter != ";"
        if not has_thousands and not pc.all(pc.match_substring_regex(column_cells, DECIMAL_COMMA)).as_py():
            continue
        (thousands_columns if has_thousands else decimal_columns).append(column_name)
        plain_cells = pc.replace_substring(column_cells, ",", "" if has_thousands else ".")
        row_table = row_table.set_column(position, column_name, plain_cells)
    repair_notes = (
        f"{repair} in {', '.join(columns)}"
        for repair, columns in (
            ("decimal commas were read as points", decimal_columns),
            ("commas between thousands were left out", thousands_columns),
        )
        if columns
    )
    return row_table, tuple(repair_notes)


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

    # Arrow unpacks gzip and bzip2 by itself, faster
    csv_source = open_bytes(path) if path.suffix.lower() == ".xz" else path
    return pyarrow.csv.read_csv(
        csv_source,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=use_threads,
            block_size=BLOCK_BYTES,
            encoding=text_header.encoding,
            column_names=text_header.cell_names,
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
        with open_bytes(path) as byte_stream:
            while byte_chunk := byte_stream.read(CHUNK_BYTES):
                line += text_decoder.decode(byte_chunk).count("\n")
            text_decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
        problem = f"is not {encoding.upper()} text: {error.object[error.start : error.end]!r} in line {line}"
        raise file_refusal(file_name, problem, "save it as UTF-8 (Excel: CSV UTF-8) and try again") from error
    except UNREADABLE as error:
        raise _text_refusal(file_name, error) from error


def drop_blank_rows(sheet: Sheet) -> Sheet:
    """Leave out rows that are no records: empty ones, and notes of one cell below the table."""
    row_table = sheet.data
    last_cells = [column[-1].is_valid for column in row_table.columns] if row_table.num_rows else []
    if sum(last_cells) > 1 and any(column.null_count == 0 for column in row_table.columns):
        return sheet
    validity_of_column = (column.is_valid().to_numpy().astype(int) for column in row_table.columns)
    filled_counts = functools.reduce(np.add, validity_of_column, np.zeros(row_table.num_rows, dtype=int))
    last_record_row = max(np.flatnonzero(filled_counts > 1), default=len(filled_counts))
    is_footer = (
        (np.arange(len(filled_counts)) > last_record_row) & (filled_counts == 1) & (len(last_cells) > 2)
    )
    is_kept_row = (filled_counts > 0) & ~is_footer
    if is_kept_row.all():
        return sheet
    blank_count = int((filled_counts == 0).sum())
    blank_notes = (f"{blank_count:,} rows of empty cells were passed over",) if blank_count else ()
    footer_cells = (row.values() for row in row_table.filter(pa.array(is_footer)).to_pylist())
    footer_texts = [str(next(cell for cell in cells if cell is not None)) for cells in footer_cells]
    kept_rows, notes = row_table.filter(pa.array(is_kept_row)), (*blank_notes, *footer_notes(footer_texts))
    kept_lines = sheet.lines[is_kept_row]
    return replace(sheet, data=kept_rows, number_lines=lambda: kept_lines, notes=(*sheet.notes, *notes))


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
        return file_refusal(
            file_name, row_problem, "no crime record is so long: look for a lone quotation mark"
        )
    text_remedy = "fetch it again, or open and save it again"
    return file_refusal(file_name, f"cannot be read as rows ({error_text[:200]})", text_remedy)


# --- rows that are lines ------------------------------------------------------------------------------


def read_lines(file: InputFile, column_types: Mapping[str, pa.DataType]) -> Sheet:
    """A published file: these columns of it, which its header must have (see `read_header`)."""
    text_header = read_header(file.path, file.name)
    encoding_notes = text_header.notes
    if text_header.encoding == "utf-16":
        encoding_notes = ("written in UTF-16: read as such", *encoding_notes)
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
        row_table = _parse(file.path, header, column_types, multiline=False, use_threads=False)
    except pa.ArrowInvalid:
        return _split_line_by_line(file, header, column_types)
    row_table = row_table.unify_dictionaries().combine_chunks()
    return Sheet(file.name, row_table, lambda: _number_rows(file.path, header, row_table.num_rows))


def _number_rows(path: Path, header: TextHeader, row_count: int) -> Ints:
    """The number of each row's line. They are counted one by one only where some lines are empty."""
    with path.open("rb", buffering=0) as stream:
        newline_count = sum(
            chunk.count(b"\n") for chunk in iter(functools.partial(stream.read, CHUNK_BYTES), b"")
        )
    has_final_newline = _ends_with_newline(path, header.encoding)
    if newline_count + (not has_final_newline) == header.line + row_count:
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
    array_by_column = {
        column_name: column_array.dictionary_encode() if column_type == WORDS else column_array
        for column_array, (column_name, column_type) in zip(column_arrays, column_types.items(), strict=True)
    }
    return Sheet(
        file.name,
        pa.table(array_by_column),
        lambda: np.array(line_of_row, dtype=np.int64),
        tuple(broken_rows),
    )


def _line_fault(file_name: str, line: int, text: str, cell_count: int, column_count: int) -> RowFault | None:
    if "\udc80" <= max(text) <= "\udcff":  # how "surrogateescape" keeps a byte that is no text
        reason_text, fault_remedy = "the line is not UTF-8 text", "save the file as UTF-8 and load it again"
    elif cell_count != column_count:
        reason_text = (
            f"the row has {FEWER_FIELDS if cell_count < column_count else MORE_FIELDS} than the header"
        )
        fault_remedy = "it was cut, or a comma or quotation mark is out of place"
        fault_remedy = f"{cell_count} instead of {column_count}: {fault_remedy}"
    else:
        return None
    return RowFault(
        file_name,
        line,
        "",
        text.encode("utf-8", "replace").decode()[:200],
        "rejected",
        reason_text,
        fault_remedy,
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

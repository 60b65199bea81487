"""Reading a csv fast when it is sound, and line by line when it is not.

The fast way is Arrow's reader. Where it stumbles (a row that was cut, a lone quotation mark, bytes that are
not UTF-8) the file is read again one line at a time, so that every bad line is named and the others load.
A field never holds a line break in this kind of file: a row is a line.
"""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from becalm.formats.input_file import InputFile
from becalm.tables import CUT_OFF_ROW
from becalm.terms import Fault, InputError, RowFault

BLOCK_BYTES = 4 << 20
HEAD_BYTES = 1 << 16
FEWER, MORE = "fewer fields", "more fields"
HEADER_ALONE = "a header and no rows"
WORDS = pa.dictionary(pa.int32(), pa.string())  # few distinct values: kept once each
TEXT = pa.string()
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The wanted columns of a csv, and the lines that could not be read as rows.

    `line_of[i]` would be the line of row i as an editor shows it; `lines_of` finds it only when asked.
    """

    path: Path
    columns: pa.Table
    broken: tuple[RowFault, ...]
    notes: tuple[str, ...]
    line_numbers: tuple[int, ...] | None  # known where the file was read line by line

    def lines_of(self, rows: Sequence[int]) -> dict[int, tuple[int, str]]:
        """The line number and the line of each of these rows, as an editor shows them."""
        wanted = set(rows)
        if not wanted:
            return {}
        if self.line_numbers is not None:
            by_line = {self.line_numbers[row]: row for row in wanted}
            numbered = ((number, line) for number, line in _lines(self.path) if number in by_line)
            return {by_line[number]: (number, line) for number, line in numbered}
        data_lines = enumerate(_lines(self.path), start=-1)  # the header is row -1
        return {row: found for row, found in data_lines if row in wanted}


def csv_header(path: Path) -> tuple[str, ...]:
    """The column names of a csv, or an empty tuple where the file holds no text. Never raises on content."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return ()
    text = head.decode(_UTF16.get(head[:2], "utf-8-sig"), errors="replace")
    return _fields(text.splitlines()[0]) if text.strip("\ufeff \r\n") else ()


def read_csv_table(
    file: InputFile, wanted: Mapping[str, pa.DataType], *, kind: str, staging: Path
) -> CsvTable:
    """Read the wanted columns.

    Raises InputError where the file is empty, is not separated by commas or lacks a column.
    """
    path, notes = _as_utf8(file, staging)
    _check_header(file, path, tuple(wanted), kind)
    broken: tuple[RowFault, ...] = ()
    numbers: tuple[int, ...] | None = None
    try:
        table = _read_fast(path, wanted)
    except pa.ArrowInvalid:
        table, broken, numbers = _read_carefully(file, path, wanted)
    if not table.num_rows and not broken:
        notes = (*notes, HEADER_ALONE)
    if not _ends_with_newline(path):
        broken = _cut_off(broken, path)
        notes = (*notes, "the last line has no end: the file may have been cut short")
    return CsvTable(path, table, broken, notes, numbers)


def _cut_off(broken: tuple[RowFault, ...], path: Path) -> tuple[RowFault, ...]:
    """The same faults; a last line without an end that is also too short shows that the file was cut."""
    if not broken or FEWER not in broken[-1].reason:
        return broken
    last = max(number for number, _ in _lines(path))
    if broken[-1].row != last:
        return broken
    return (
        *broken[:-1],
        replace(broken[-1], reason=CUT_OFF_ROW, remedy="fetch or export the whole file again"),
    )


def _read_fast(path: Path, wanted: Mapping[str, pa.DataType]) -> pa.Table:
    table = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(wanted),
            include_columns=list(wanted),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    return table.unify_dictionaries().combine_chunks()


def _read_carefully(
    file: InputFile, path: Path, wanted: Mapping[str, pa.DataType]
) -> tuple[pa.Table, tuple[RowFault, ...], tuple[int, ...]]:
    lines = _lines(path)
    header = _fields(next(lines)[1])
    places = [header.index(name) for name in wanted]
    rows: list[list[str | None]] = []
    numbers: list[int] = []
    broken: list[RowFault] = []
    for number, line in lines:
        fields = _fields(line)
        if fault := _broken_line(file.name, number, line, len(fields), len(header)):
            broken.append(fault)
            continue
        rows.append([fields[place] or None for place in places])
        numbers.append(number)
    columns = list(zip(*rows, strict=True)) or [()] * len(places)
    arrays = [pa.array(list(c), type=TEXT) for c in columns]
    arrays = [
        a.dictionary_encode() if t == WORDS else a for a, t in zip(arrays, wanted.values(), strict=True)
    ]
    return pa.table(dict(zip(wanted, arrays, strict=True))), tuple(broken), tuple(numbers)


def _broken_line(name: str, number: int, line: str, fields: int, expected: int) -> RowFault | None:
    shown = line.encode("utf-8", "replace").decode()[:200]
    if "\udc80" <= max(line) <= "\udcff":
        return RowFault(
            name,
            number,
            "",
            shown,
            "rejected",
            "the line is not UTF-8 text",
            "save the file as UTF-8 and load it again",
        )
    if fields != expected:
        reason = f"the row has {FEWER if fields < expected else MORE} than the header"
        remedy = f"{fields} instead of {expected}: it was cut, or a comma or quotation mark is out of place"
        return RowFault(name, number, "", shown, "rejected", reason, remedy)
    return None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line that is not empty, with its number; the header is line 1."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as stream:
        for number, line in enumerate(stream, start=1):
            if text := line.rstrip("\n"):
                yield number, text


def _fields(line: str) -> tuple[str, ...]:
    return tuple(next(csv.reader([line]), ()))


def _as_utf8(file: InputFile, staging: Path) -> tuple[Path, tuple[str, ...]]:
    """The file itself, or a copy of a UTF-16 file as UTF-8."""
    with file.path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head.strip():
        raise _refused(file, "file", "is empty", "fetch or export it again")
    if head[:2] not in _UTF16:
        if b"\0" in head:
            raise _refused(file, "file", "holds zero bytes: it is not text", "export it as a csv in UTF-8")
        return file.path, ()
    target = staging / f"{file.sha256}.utf8.csv"
    try:
        with (
            file.path.open(encoding="utf-16", newline="") as source,
            target.open("w", encoding="utf-8", newline="") as sink,
        ):
            while text := source.read(1 << 20):
                sink.write(text)
    except UnicodeError as error:
        raise _refused(file, "file", f"is broken UTF-16 text ({error})", "save it as UTF-8") from error
    return target, ("written in UTF-16: read as such",)


def _check_header(file: InputFile, path: Path, wanted: Sequence[str], kind: str) -> None:
    header = csv_header(path)
    missing = [name for name in wanted if name not in header]
    if not missing:
        return
    for delimiter, name in _OTHER_DELIMITERS.items():
        if len(header) < len(wanted) and ",".join(header).count(delimiter) >= len(wanted) - 1:
            raise _refused(file, "line 1", f"is separated by {name}, not by commas", "export it with commas")
    faults = tuple(Fault("column", f'"{name}" not found', _nearest(name, header, wanted)) for name in missing)
    raise InputError(f"{file.name} is not a {kind} file as published; nothing was loaded", faults)


def _nearest(name: str, header: Sequence[str], wanted: Sequence[str]) -> str:
    spare = {h.casefold(): h for h in header if h not in wanted}
    near = difflib.get_close_matches(name.casefold(), spare, n=1, cutoff=0.6)
    if near:
        return f'the nearest column is "{spare[near[0]]}": rename it to "{name}"'
    return f"the columns are {', '.join(header)[:300]}; fetch the file again, or load it through a mapping"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) in b"\r\n"


def _refused(file: InputFile, where: str, what: str, remedy: str) -> InputError:
    return InputError(f"{file.name} was refused; nothing was loaded", (Fault(where, what, remedy),))

"""A file that is to be read, the table of cells that it comes to, and what becomes of each of its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from becalm.formats.cells import second_copies
from becalm.methods.arrays import Bools, Ints
from becalm.tables import REPEATED_ROW
from becalm.terms import Fault, InputError, RowFault, RowOutcome


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be read: a file on disk, or a member of an archive unpacked beside it.

    `name` is what the user is shown, e.g. "raw.zip: 2020-04/2020-04-city-of-london-street.csv".
    """

    name: str
    path: Path
    sha256: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table lies in its file, as far as somebody said: on which sheet, below which row of heads."""

    sheet: str | None = None
    header_row: int | None = None  # counted from 1


BY_ITSELF = Layout()
"""Nobody said: the first sheet that holds a table, and the heads where they are found."""


@dataclass(frozen=True)
class Sheet:
    """The rows of a file; `broken_rows` could not be split. Lines are numbered where faults are told.

    `crs` is the coordinate system that the file states for its points; `file_columns` are the heads that it
    writes, where they are not the columns that are read (a geometry is read as two).
    """

    name: str
    data: pa.Table
    number_lines: Callable[[], Ints]
    broken_rows: tuple[RowFault, ...] = ()
    notes: tuple[str, ...] = ()
    crs: str | None = None
    file_columns: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> Ints:
        """The row number of each data row, as an editor shows it."""
        return self.number_lines()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are read."""
        return tuple(self.data.column_names)

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of the columns as the file writes them."""
        return self.file_columns or self.columns


def file_refusal(name: str, problem: str, remedy: str) -> InputError:
    """The error that refuses a whole file."""
    return InputError(f"{name} was refused", (Fault(name, problem, remedy),))


PerRow = str | Callable[[int], str | None]
"""A text, or the text for each row by its place in the sheet."""


class RowOutcomes:
    """Collects the faults of a sheet's rows. A row may have several; it is rejected once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.faults: list[RowFault] = list(sheet.broken_rows)
        self.is_rejected: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)
        self._is_repaired: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)

    @property
    def is_kept(self) -> Bools:
        """Which rows are to be loaded?"""
        return ~self.is_rejected

    @property
    def row_count(self) -> int:
        """How many rows the file has, broken ones among them."""
        return len(self.is_rejected) + len(self._sheet.broken_rows)

    @property
    def loaded_count(self) -> int:
        """How many rows are to be loaded?"""
        return int(self.is_kept.sum())

    @property
    def repaired_count(self) -> int:
        """How many of the loaded rows were repaired?"""
        return int((self._is_repaired & self.is_kept).sum())

    def reject(
        self, is_faulty: Bools, column: str, reason: PerRow, remedy: PerRow, *, value: PerRow | None = None
    ) -> None:
        """Reject these rows. `value` is what the source says there, else the cells of `column`."""
        self._record(is_faulty, column, "rejected", reason, remedy, value)
        self.is_rejected |= is_faulty

    def reject_copies(self, column: str) -> None:
        """Reject the second copy of each row, where the whole file was written twice."""
        remedy = "none needed: every row stands in the file twice"
        self.reject_remaining(second_copies(self._sheet.data), column, REPEATED_ROW, remedy)

    def reject_remaining(self, is_faulty: Bools, column: str, reason: PerRow, remedy: PerRow) -> None:
        """Reject those of these rows that nothing has rejected yet: each is told once."""
        self.reject(is_faulty & self.is_kept, column, reason, remedy)

    def repair(
        self,
        is_faulty: Bools,
        column: str,
        reason: PerRow,
        remedy: PerRow,
        *,
        value: PerRow | None = None,
        also_rejected: bool = False,
    ) -> None:
        """Keep these rows, and note what was repaired; of rejected rows only with `also_rejected`."""
        is_faulty = is_faulty if also_rejected else is_faulty & self.is_kept
        self._record(is_faulty, column, "repaired", reason, remedy, value)
        self._is_repaired |= is_faulty

    def reject_cells(self, is_faulty: Bools, columns: Sequence[str], reason: str, remedy: str) -> None:
        """Write down single cells (rows by `columns`) that are rejected while their rows are kept."""
        for row, position in np.argwhere(is_faulty).tolist():
            refused_cell = self._sheet.data[columns[position]][row].as_py()
            self._add(
                row,
                columns[position],
                "" if refused_cell is None else str(refused_cell),
                "rejected",
                reason,
                remedy,
            )

    def _record(
        self,
        is_faulty: Bools,
        column: str,
        outcome: RowOutcome,
        reason_text: PerRow,
        remedy: PerRow,
        value: PerRow | None,
    ) -> None:
        faulty_row_indices = np.flatnonzero(is_faulty)
        faulty_cells = (
            self._cells(column, faulty_row_indices) if value is None and len(faulty_row_indices) else None
        )
        for faulty_position, row in enumerate(faulty_row_indices.tolist()):
            cell_text = _text(value, row) if faulty_cells is None else faulty_cells[faulty_position]
            self._add(row, column, cell_text, outcome, _text(reason_text, row), _text(remedy, row))

    def _cells(self, column: str, row_indices: Ints) -> list[str]:
        """What the named column, or several joined by " / ", says in these rows."""
        column_names = [name for name in column.split(" / ") if name in self._sheet.data.column_names]
        cells_of_column = [self._sheet.data[name].take(row_indices).to_pylist() for name in column_names]
        texts_of_column = [["" if cell is None else str(cell) for cell in cells] for cells in cells_of_column]
        return [" / ".join(cells) for cells in zip(*texts_of_column, strict=True)] or [""] * len(row_indices)

    def _add(self, row: int, column: str, value: str, outcome: RowOutcome, reason: str, remedy: str) -> None:
        line_number = int(self._sheet.lines[row])
        self.faults.append(
            RowFault(self._sheet.name, line_number, column, value[:200], outcome, reason, remedy)
        )


def _text(text_or_texts: PerRow | None, row_index: int) -> str:
    return (text_or_texts(row_index) if callable(text_or_texts) else text_or_texts) or ""

"""What becomes of each row of a file: loaded, repaired and loaded, or rejected with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from becalm.formats.sheet import Sheet
from becalm.methods.arrays import Bools, Ints
from becalm.terms import RowFault, RowOutcome

PerRow = str | Callable[[int], str | None]
"""A text, or the text for each row by its place in the sheet."""


class RowOutcomes:
    """Collects the faults of a sheet's rows. A row may have several; it is rejected once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.faults: list[RowFault] = list(sheet.broken)
        self.is_rejected: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)
        self._is_repaired: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)

    @property
    def is_kept(self) -> Bools:
        """Which rows are to be loaded?"""
        return ~self.is_rejected

    @property
    def row_count(self) -> int:
        """How many rows the file has, broken ones among them."""
        return len(self.is_rejected) + len(self._sheet.broken)

    @property
    def loaded_count(self) -> int:
        """How many rows are to be loaded?"""
        return int(self.is_kept.sum())

    @property
    def repaired_count(self) -> int:
        """How many of the loaded rows were repaired?"""
        return int((self._is_repaired & self.is_kept).sum())

    def reject(
        self,
        is_faulty: Bools,
        column: str,
        reason: PerRow,
        remedy: PerRow,
        *,
        value: PerRow | None = None,
    ) -> None:
        """Reject these rows. `value` is what the source says there, else the cells of `column`."""
        self._record(is_faulty, column, "rejected", reason, remedy, value)
        self.is_rejected |= is_faulty

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
        """Keep these rows, and write down what was mended; of rejected rows only with `also_rejected`."""
        is_faulty = is_faulty if also_rejected else is_faulty & self.is_kept
        self._record(is_faulty, column, "repaired", reason, remedy, value)
        self._is_repaired |= is_faulty

    def reject_cells(self, is_faulty: Bools, columns: Sequence[str], reason: str, remedy: str) -> None:
        """Write down single cells (rows by `columns`) that are rejected while their rows are kept."""
        for row, place in np.argwhere(is_faulty).tolist():
            cell = self._sheet.data[columns[place]][row].as_py()
            self._add(row, columns[place], "" if cell is None else str(cell), "rejected", reason, remedy)

    def _record(
        self,
        is_faulty: Bools,
        column: str,
        outcome: RowOutcome,
        reason: PerRow,
        remedy: PerRow,
        value: PerRow | None,
    ) -> None:
        rows = np.flatnonzero(is_faulty)
        cells = self._cells(column, rows) if value is None and len(rows) else None
        for place, row in enumerate(rows.tolist()):
            shown = _text(value, row) if cells is None else cells[place]
            self._add(row, column, shown, outcome, _text(reason, row), _text(remedy, row))

    def _cells(self, column: str, rows: Ints) -> list[str]:
        """What the named column, or several joined by " / ", says in these rows."""
        names = [name for name in column.split(" / ") if name in self._sheet.data.column_names]
        columns = [self._sheet.data[name].take(rows).to_pylist() for name in names]
        texts = [["" if cell is None else str(cell) for cell in cells] for cells in columns]
        return [" / ".join(cells) for cells in zip(*texts, strict=True)] or [""] * len(rows)

    def _add(self, row: int, column: str, value: str, outcome: RowOutcome, reason: str, remedy: str) -> None:
        line = int(self._sheet.lines[row])
        self.faults.append(RowFault(self._sheet.name, line, column, value[:200], outcome, reason, remedy))


def _text(text: PerRow | None, row: int) -> str:
    return (text(row) if callable(text) else text) or ""

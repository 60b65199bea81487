"""What becomes of each row of a file: loaded, repaired and loaded, or rejected with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from becalm.formats.sheets import Sheet
from becalm.methods.arrays import Bools
from becalm.terms import RowFault, RowOutcome


class Fates:
    """Collects the faults of a sheet's rows. A row may have several; it is rejected once."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self.faults: list[RowFault] = list(sheet.broken)
        self.rejected: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)
        self._repaired: Bools = np.zeros(sheet.data.num_rows, dtype=np.bool_)

    @property
    def kept(self) -> Bools:
        """Which rows are to be loaded?"""
        return ~self.rejected

    @property
    def rows(self) -> int:
        """How many rows the file has, broken ones among them."""
        return len(self.rejected) + len(self._sheet.broken)

    @property
    def loaded(self) -> int:
        """How many rows are to be loaded?"""
        return int(self.kept.sum())

    @property
    def repaired(self) -> int:
        """How many of the loaded rows were repaired?"""
        return int((self._repaired & self.kept).sum())

    def reject(self, which: Bools, column: str, reason: str | Callable[[int], str], remedy: Any) -> None:
        """Reject these rows. Reason and remedy are texts, or are asked by row."""
        self._note(which, column, "rejected", reason, remedy)
        self.rejected |= which

    def repair(self, which: Bools, column: str, reason: str | Callable[[int], str], remedy: Any) -> None:
        """Keep these rows, and write down what was mended."""
        which = which & self.kept
        self._note(which, column, "repaired", reason, remedy)
        self._repaired |= which

    def _note(self, which: Bools, column: str, fate: RowOutcome, reason: Any, remedy: Any) -> None:
        spots = np.flatnonzero(which)
        if not len(spots):
            return
        names = [name for name in column.split(" / ") if name in self._sheet.data.column_names]
        cells = [self._sheet.data[name].take(spots).to_pylist() for name in names]
        for place, spot in enumerate(spots.tolist()):
            value = " / ".join("" if c[place] is None else str(c[place]) for c in cells)
            self.faults.append(
                RowFault(
                    file=self._sheet.name,
                    row=int(self._sheet.lines[spot]),
                    column=column,
                    value=value[:200],
                    fate=fate,
                    reason=reason(spot) if callable(reason) else reason,
                    remedy=remedy(spot) if callable(remedy) else remedy,
                )
            )

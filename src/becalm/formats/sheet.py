"""A file that is to be read, and the table of cells that it comes to, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from becalm.methods.arrays import Ints
from becalm.terms import Fault, InputError, RowFault


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be read: a file on disk, or a member of an archive unpacked beside it.

    `name` is what the user is shown, e.g. "raw.zip: 2020-04/2020-04-city-of-london-street.csv".
    """

    name: str
    path: Path
    sha256: str
    as_of: date


@dataclass(frozen=True)
class Sheet:
    """The rows of a file; `broken` rows could not be split. Lines are numbered where faults are told."""

    name: str
    data: pa.Table
    number_lines: Callable[[], Ints]
    broken: tuple[RowFault, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def lines(self) -> Ints:
        """The row number of each data row, as an editor shows it."""
        return self.number_lines()

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names as the file writes them."""
        return tuple(self.data.column_names)


def file_refusal(name: str, what: str, remedy: str) -> InputError:
    """The error that refuses a whole file."""
    return InputError(f"{name} was refused", (Fault(name, what, remedy),))

"""Checks that several readers share: what is wrong with which rows, said once per row."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from becalm.methods.arrays import Bools
from becalm.terms import RowFault, RowOutcome

Rows = NDArray[np.intp]
MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows that share one fault. `value_of` gives what the source wrote in a row."""

    rows: Rows
    column: str
    value_of: Callable[[int], str | None]
    fate: RowOutcome
    reason: str
    remedy: str | Callable[[str], str]  # may depend on the value


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of few distinct values: `values[codes[i]]` is what row i says, code -1 nothing."""

    codes: NDArray[np.intp]
    values: tuple[str, ...]

    def value(self, row: int) -> str | None:
        """What does this row say?"""
        code = self.codes[row]
        return None if code < 0 else self.values[code]

    def where(self, test: Callable[[str], bool], *, empty: bool) -> Bools:
        """Which rows pass this test of their value? `empty` is the answer for rows that say nothing."""
        answers = np.array([*map(test, self.values), empty], dtype=np.bool_)
        return answers[self.codes]

    def mapped(self, rename: Callable[[str], str | None]) -> pa.DictionaryArray:
        """The column with every distinct value renamed (None becomes null)."""
        new = [rename(v) for v in self.values]
        names = sorted({n for n in new if n is not None})
        place = {n: i for i, n in enumerate(names)}
        table = np.array([*(place.get(n, -1) if n is not None else -1 for n in new), -1], dtype=np.int32)
        return words(table[self.codes], names)


def coded(column: pa.ChunkedArray) -> Coded:
    """Take a dictionary column apart."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):  # an empty column combines to no chunk
        array = pa.array([], type=array.type)
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.intp)
    return Coded(codes, tuple(array.dictionary.to_pylist()))


def words(codes: NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    """Put a column together from codes (-1 for null) and distinct values."""
    indices = pa.array(codes, type=pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, type=pa.string()))


def constant(value: str, rows: int) -> pa.DictionaryArray:
    """A column that says the same in every row."""
    return words(np.zeros(rows, dtype=np.int32), [value])


def rows_with_fate(findings: Sequence[Finding], fate: RowOutcome) -> Rows:
    """Which rows have at least one finding of this fate?"""
    found = [f.rows for f in findings if f.fate == fate]
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)


def row_faults(
    file: str, findings: Sequence[Finding], line_of: Callable[[Sequence[int]], dict[int, int]]
) -> list[RowFault]:
    """Every finding as the rows' faults, with the lines as an editor shows them."""
    lines = line_of(sorted({int(row) for f in findings for row in f.rows}))
    return [fault for f in findings for fault in _faults_of(file, f, lines)]


def _faults_of(file: str, finding: Finding, lines: dict[int, int]) -> list[RowFault]:
    remedies: dict[str, str] = {}  # thousands of rows may say the same
    faults = []
    for row in map(int, finding.rows):
        value = finding.value_of(row) or ""
        if value not in remedies:
            remedies[value] = finding.remedy if isinstance(finding.remedy, str) else finding.remedy(value)
        fault = RowFault(
            file, lines[row], finding.column, value[:200], finding.fate, finding.reason, remedies[value]
        )
        faults.append(fault)
    return faults


def month_findings(months: Coded, *, column: str, stated: str | None) -> tuple[Finding, ...]:
    """Which rows have no month, or another month than the file's name states?

    A stray row of another month must not take that month's place in the archive, so it is rejected. A file
    none of whose rows are of the month it is named after is taken at its rows' word (see `misnamed`).
    """
    bad = np.flatnonzero(~months.where(lambda m: MONTH.fullmatch(m) is not None, empty=False))
    findings = [
        Finding(
            bad,
            column,
            months.value,
            "rejected",
            "the month is not a month",
            "write it as YYYY-MM, e.g. 2020-04",
        )
    ]
    if stated in months.values:
        stray = np.flatnonzero(
            months.where(lambda m: m != stated and MONTH.fullmatch(m) is not None, empty=False)
        )
        remedy = "put it into a file of its own month, or take the month out of this file's name"
        reason = f"the row is of another month than the file's name ({stated})"
        findings.append(Finding(stray, column, months.value, "rejected", reason, remedy))
    return tuple(f for f in findings if f.rows.size)


def misnamed(months: Coded, *, stated: str | None) -> tuple[str, ...]:
    """A note where the file's name states a month that none of its rows have."""
    others = sorted(m for m in months.values if MONTH.fullmatch(m))
    if stated is None or stated in months.values or not others:
        return ()
    return (f"the name says {stated}, the rows say {', '.join(others[:3])}: the rows were believed",)

"""Rows that were rejected or repaired: which, and how many for each reason."""

from dataclasses import dataclass

from ibis import Table

from becalm.terms import RowFault

REPEATED_ROW = "the whole row repeats an earlier one"
"""Why a row is rejected that loses nothing: the earlier one was loaded."""

CUT_OFF_ROW = "the file ends in the middle of this row"
"""Why the last row is rejected of a file of which nobody knows how much is missing."""


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How many rows met this fate for this reason, in how many files."""

    fate: str
    reason: str
    rows: int
    files: int


def filter_faults(
    faults: Table, *, file: str | None = None, reason: str | None = None, fate: str | None = None
) -> Table:
    """The faults whose file and reason contain these words (without regard to case)."""
    for column_name, words_sought in (("file", file), ("reason", reason)):
        if words_sought:
            faults = faults.filter(faults[column_name].lower().contains(words_sought.lower()))
    return faults.filter(faults.fate == fate) if fate else faults


def count_faults(faults: Table) -> tuple[FaultCount, ...]:
    """How many rows for each reason? The most frequent first."""
    reason_counts = faults.group_by(["fate", "reason"]).agg(rows=faults.count(), files=faults.file.nunique())
    fault_counts = [
        FaultCount(count_row["fate"], count_row["reason"], int(count_row["rows"]), int(count_row["files"]))
        for count_row in reason_counts.to_pyarrow().to_pylist()
    ]
    return tuple(sorted(fault_counts, key=lambda count: (-count.rows, count.fate, count.reason)))


def list_faults(faults: Table, *, limit: int | None = None) -> tuple[RowFault, ...]:
    """The faults in the order of their files and rows."""
    ordered_rows = faults.order_by(["file", "row", "column", "reason"]).drop("intake_id")
    return tuple(RowFault(**fault_row) for fault_row in ordered_rows.limit(limit).to_pyarrow().to_pylist())

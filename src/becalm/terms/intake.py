"""What came in, what did not and why, and which months the records do not cover."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

RowOutcome = Literal["rejected", "repaired"]
GapKind = Literal["missing", "cut_short", "low", "partial_load", "area_missing", "doubled"]


@dataclass(frozen=True, slots=True)
class RowFault:
    """One row that was rejected, or loaded after a repair that is written down.

    `row` counts data rows and physical lines as an editor shows them: the header is line 1.
    """

    file: str
    row: int
    column: str
    value: str
    fate: RowOutcome
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class FileIntake:
    """What became of one file: every row is loaded, repaired and loaded, or rejected."""

    file: str
    source: str
    table: str
    mapping: str
    months: tuple[str, ...]
    rows: int
    loaded: int
    repaired: int
    rejected: int
    as_of: date
    status: Literal["loaded", "already loaded", "supersedes"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A month of a source that is missing, cut short, doubled, too low, or without some of its areas.

    `month` is written YYYY-MM. `detail` says what was seen and what would be expected.
    """

    source: str
    month: str
    kind: GapKind
    detail: str

    def __str__(self) -> str:
        return f"{self.source} {self.month}: {self.detail}"

"""What the records do not cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GapKind = Literal["missing", "cut_short", "low", "partial_load"]


@dataclass(frozen=True, slots=True)
class Gap:
    """A month of a source that is missing, cut short or far below its neighbours.

    `month` is written YYYY-MM. `detail` says what was seen and what would be expected.
    """

    source: str
    month: str
    kind: GapKind
    detail: str

    def __str__(self) -> str:
        return f"{self.source} {self.month}: {self.detail}"

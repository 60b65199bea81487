"""Months without records in a compared window: nothing can be said of a change there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from becalm.measure.core.comparison import ComparisonRow, Contrast
from becalm.terms import Gap, Period


def missing_months(gaps: Iterable[Gap]) -> frozenset[str]:
    """The months that the source has no records of, though it should."""
    return frozenset(gap.month for gap in gaps if gap.kind == "missing")


def holes_in(windows: Iterable[Period], missing: Iterable[str]) -> tuple[str, ...]:
    """Which months of these windows have no records?"""
    return tuple(sorted({month for window in windows for month in window.months} & set(missing)))


def withhold_changes(contrast: Contrast, holes: Sequence[str]) -> Contrast:
    """The contrast with its counts alone: a month that was not loaded must not pass for a fall."""
    total, *rows = (_withheld(row, holes) for row in (contrast.total, *contrast.rows))
    return replace(contrast, total=total, rows=tuple(rows), missing_months=tuple(holes))


def _withheld(row: ComparisonRow, holes: Sequence[str]) -> ComparisonRow:
    kept = tuple(note for note in row.notes if not note.startswith("no "))
    return replace(
        row,
        change_percent=None,
        ratio=None,
        low=0.0,
        high=math.inf,
        p_value=None,
        q_value=None,
        method="none: months are missing",
        notes=(f"no comparison: there are no records of {', '.join(holes)}", *kept),
    )

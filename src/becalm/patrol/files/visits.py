"""Delivered visits as CSV: unit, hotspot, start, end, and how they were known. No position is written."""

from __future__ import annotations

from collections.abc import Sequence

from becalm.patrol.core.delivered import DeliveredVisit
from becalm.patrol.files.inputs import instant
from becalm.render.spreadsheet import csv_text

COLUMNS = (
    "unit",
    "hotspot",
    "start",
    "end",
    "minutes",
    "officers",
    "officer_minutes",
    "source",
    "accuracy_m",
)


def delivered_csv(visits: Sequence[DeliveredVisit]) -> str:
    """One row a visit, by start; `becalm patrol certificate` reads it as any visit log."""
    rows = []
    for v in visits:
        times = (instant(v.span.start), instant(v.span.end), f"{v.span.minutes:.1f}")
        accuracy = "" if v.accuracy_m is None else f"{v.accuracy_m:.1f}"
        rows.append((v.unit, v.hotspot, *times, v.officers, f"{v.officer_minutes:.1f}", v.source, accuracy))
    return csv_text(COLUMNS, rows)

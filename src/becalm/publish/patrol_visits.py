"""Delivered visits as CSV: unit, hotspot, start, end, and how they were known. No position is written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from becalm.patrol.delivered import DeliveredVisit
from becalm.publish.patrol_inputs import instant
from becalm.publish.spreadsheet import harmless

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
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for v in visits:
        times = (instant(v.span.start), instant(v.span.end), f"{v.span.minutes:.1f}")
        accuracy = "" if v.accuracy_m is None else f"{v.accuracy_m:.1f}"
        names = (harmless(v.unit), harmless(v.hotspot))
        rows.writerow([*names, *times, v.officers, f"{v.officer_minutes:.1f}", v.source, accuracy])
    return out.getvalue()

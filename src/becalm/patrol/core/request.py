"""What patrol may be asked with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VisitColumns:
    """How the columns of a log are called. Those of units and areas are used where the file has them."""

    hotspot_column: str = "hotspot"
    start_column: str = "start"
    end_column: str = "end"
    unit_column: str = "unit"
    area_column: str = "area"

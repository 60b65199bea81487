"""The one place where things are counted, so that no two pages can disagree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["day", "month"]
Grouping = Literal["offence_group", "offence", "weapon", "victim_age_band", "borough", "ward", "command_unit"]


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts of each group in each day or month.

    `counts[g, t]` is the number in group `groups[g]` during the day or month that starts on
    `times[t]`; times are consecutive and hold zeros where nothing happened. `found_by[g]` is
    "victim", "police", "unknown" or "mixed".
    """

    by: Grouping
    unit: Unit
    groups: tuple[str, ...]
    times: tuple[date, ...]
    counts: NDArray[np.int64]
    found_by: tuple[str, ...]
    source: str
    as_of: date

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.groups), len(self.times)):
            raise ValueError(
                f"counts are {self.counts.shape}, not {len(self.groups)} groups x {len(self.times)} times"
            )


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """Counts by square cell, month and offence group, as parallel arrays (one entry per non-empty triple).

    Cell (column, row) covers eastings [column * cell_m, (column + 1) * cell_m) from the origin of
    the coordinate system, northings likewise.
    """

    cell_m: float
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]
    months: tuple[str, ...]
    month_index: NDArray[np.int64]
    groups: tuple[str, ...]
    group_index: NDArray[np.int64]
    counts: NDArray[np.int64]
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date

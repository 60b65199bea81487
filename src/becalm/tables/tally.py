"""What counting gives: small frozen arrays that say what they count, from where and as of when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# A table knows no method, so the names of arrays stand here again (see methods/arrays.py).
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FRESH_DAYS = 14.0  # the half-life with which near repeats fade
MOVED = ("snap", "block")  # location qualities of records that their source moved
Unit = Literal["day", "month"]
Grouping = Literal["offence_group", "offence", "weapon", "victim_age_band", "borough", "ward", "command_unit"]


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts of each group in each day or month.

    `counts[g, t]` is the number in group `groups[g]` during the day or month that starts on
    `times[t]`; times are consecutive and hold zeros where nothing happened. `found_by[g]` is
    "victim", "police", "unknown" or "mixed". Groups stand in alphabetical order; what has no
    group is counted as "unknown". `excluded` names the offence groups that were left out on
    request and how many records of each fell in these times; `without_day` is the number of
    records of these months that could not be given to a day (always 0 for months).
    """

    by: Grouping
    unit: Unit
    groups: tuple[str, ...]
    times: tuple[date, ...]
    counts: Ints
    found_by: tuple[str, ...]
    source: str
    as_of: date
    excluded: tuple[tuple[str, int], ...] = ()
    without_day: int = 0

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.groups), len(self.times)):
            raise ValueError(
                f"counts are {self.counts.shape}, not {len(self.groups)} groups x {len(self.times)} times"
            )


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """Counts by square cell, month and offence group, as parallel arrays (one entry per non-empty triple).

    Cell (column, row) covers eastings [column * cell_m, (column + 1) * cell_m) from the origin of
    the coordinate system, northings likewise. Entries are ordered by column, row, month, group.
    `months` are consecutive; `groups` are those that were asked for, else those that occur.
    `without_location` counts the records of those months and groups that have no place, and
    `location_quality` how well the others are placed. `fresh` is the same count with each record weighed by
    one half for every FRESH_DAYS that it lies before the end of its month, and None where records carry no
    days.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    months: tuple[str, ...]
    month_index: Ints
    groups: tuple[str, ...]
    group_index: Ints
    counts: Ints
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date
    fresh: Floats | None = None

    @property
    def moved_share(self) -> float:
        """The share of the placed records that their source moved to a nearby point or block."""
        placed = sum(n for _, n in self.location_quality)
        return sum(n for quality, n in self.location_quality if quality in MOVED) / max(placed, 1)


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Counts of given cells by hour of the week, 0 for Monday 00:00 to 167 for Sunday 23:00, city time.

    `counts[i, h]` belongs to cell (columns[i], rows[i]): whole records where the hour is known, shares of
    records whose window holds it. `without_hour[i]` counts its records that are in no hour; of them
    `too_long[i]` have a window too long to say.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    counts: Floats
    without_hour: Ints
    too_long: Ints | None = None


@dataclass(frozen=True, slots=True)
class MonthlyTotals:
    """How many records one source has in each month from its first to its last.

    `first_day[m]` and `last_day[m]` are the first and last civil day with a record, None where no
    record of the month has a day, and `without_day[m]` counts those that have none.
    """

    source: str
    months: tuple[str, ...]
    counts: Ints
    first_day: tuple[date | None, ...]
    last_day: tuple[date | None, ...]
    without_day: Ints
    as_of: date

"""The city's clock: local minutes, their UTC instants, and the hour that is missing in spring.

Summer time runs from the last Sunday of March, 01:00 UTC, to the last Sunday of October, 01:00 UTC.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.methods.arrays import Ints

EPOCH: Final = date(1970, 1, 1)
DAY_MINUTES: Final = 1440


def last_sunday(year: int, month: int) -> date:
    """The last Sunday of a month that has 31 days."""
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def skip_missing_hour(minutes: Ints) -> Ints:
    """Move local times that no clock showed (01:00 to 02:00 as summer time begins) on by an hour."""
    moved = minutes.copy()
    for year in _years(minutes):
        gap = day_number(last_sunday(year, 3)) * DAY_MINUTES + 60
        moved[(minutes >= gap) & (minutes < gap + 60)] += 60
    return moved


def to_utc(minutes: Ints) -> Ints:
    """Local minutes as UTC minutes; of the hour that comes twice in autumn the first is meant."""
    summer = np.zeros(len(minutes), dtype=bool)
    for year in _years(minutes):
        start = day_number(last_sunday(year, 3)) * DAY_MINUTES + 120
        end = day_number(last_sunday(year, 10)) * DAY_MINUTES + 120
        summer |= (minutes >= start) & (minutes < end)
    return np.asarray(minutes - 60 * summer)


def month_number(days: Ints) -> Ints:
    """Months since 1970-01 of these days."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_name(month: int) -> str:
    """A month number as YYYY-MM."""
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"


def _years(minutes: Ints) -> range:
    if len(minutes) == 0:
        return range(0)
    first, last = (EPOCH + timedelta(days=int(m) // DAY_MINUTES) for m in (minutes.min(), minutes.max()))
    return range(first.year, last.year + 1)

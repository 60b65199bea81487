"""The calendar's own arithmetic: Easter, and how many of each weekday a stretch of days holds."""

from datetime import date

import numpy as np

from becalm.methods.arrays import Ints


def easter_sunday(year: int) -> date:
    """On which day is Easter Sunday of the Gregorian calendar?

    >>> easter_sunday(2019), easter_sunday(2020)
    (datetime.date(2019, 4, 21), datetime.date(2020, 4, 12))

    Source: the "anonymous" algorithm as given by Meeus, Astronomical Algorithms (1991), chapter 8.
    """
    golden, century, year_of_century = year % 19, year // 100, year % 100
    moon_correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - moon_correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (year_of_century // 4) - epact - year_of_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def weekday_counts(start: date, end: date) -> Ints:
    """How many Mondays, Tuesdays ... Sundays lie from `start` up to, but without, `end`?

    >>> weekday_counts(date(2019, 3, 1), date(2019, 4, 1)).tolist()
    [4, 4, 4, 4, 5, 5, 5]
    """
    days = (end - start).days
    if days < 0:
        raise ValueError(f"The end {end} lies before the start {start}. Swap them.")
    weeks, rest = divmod(days, 7)
    counts = np.full(7, weeks, dtype=np.int64)
    counts[(start.weekday() + np.arange(rest)) % 7] += 1
    return counts

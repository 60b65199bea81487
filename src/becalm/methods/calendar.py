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
    golden_number, century_number, year_of_century = year % 19, year // 100, year % 100
    moon_correction = (century_number - (century_number + 8) // 25 + 1) // 3
    epact = (19 * golden_number + century_number - century_number // 4 - moon_correction + 15) % 30
    weekday = (32 + 2 * (century_number % 4) + 2 * (year_of_century // 4) - epact - year_of_century % 4) % 7
    late_correction = (golden_number + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late_correction + 114, 31)
    return date(year, month, day + 1)


def weekday_counts(start: date, end: date) -> Ints:
    """How many Mondays, Tuesdays ... Sundays lie from `start` up to, but without, `end`?

    >>> weekday_counts(date(2019, 3, 1), date(2019, 4, 1)).tolist()
    [4, 4, 4, 4, 5, 5, 5]
    """
    day_count = (end - start).days
    if day_count < 0:
        raise ValueError(f"The end {end} lies before the start {start}. Swap them.")
    week_count, spare_day_count = divmod(day_count, 7)
    days_of_weekday = np.full(7, week_count, dtype=np.int64)
    days_of_weekday[(start.weekday() + np.arange(spare_day_count)) % 7] += 1
    return days_of_weekday

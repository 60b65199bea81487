"""All people as the rule sees them: their events, and the day on which each comes of age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from becalm.divert.core.crime_events import EPOCH, CrimeEvents
from becalm.divert.core.rule import Rule
from becalm.divert.core.score import AGE_UNKNOWN
from becalm.methods.arrays import Ints


@dataclass(frozen=True, slots=True)
class Population:
    """Events and majority days; a record that was joined to another has no events of its own."""

    events: CrimeEvents
    adult_day: Ints
    people_count: int

    @staticmethod
    def day(day: date) -> int:
        """A civil day as days since 1970."""
        return (day - EPOCH).days


def population_of(events: CrimeEvents, born_day: Ints, main: Ints, rule: Rule) -> Population:
    """The people with these birth days (since 1970, the least number where unknown) and events."""
    is_known = born_day > -(2**31)
    born = np.datetime64("1970-01-01") + np.where(is_known, born_day, 0)
    months = born.astype("datetime64[M]")
    day_of_month = (born - months).astype(np.int64)
    # The 29th of February comes of age on the 1st of March: the day is added to the month's first.
    adult_day = ((months + 12 * rule.adult_age).astype("datetime64[D]") + day_of_month).astype(np.int64)
    is_main = main == np.arange(len(main))
    return Population(events, np.where(is_known & is_main, adult_day, AGE_UNKNOWN), int(is_main.sum()))


def years_between(birth: date, day: date) -> int:
    """How old is somebody on this day?

    >>> years_between(date(2004, 2, 29), date(2022, 2, 28))
    17
    """
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))

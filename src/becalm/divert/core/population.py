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


def population_of(
    events: CrimeEvents, born_day: Ints, main: Ints, rule: Rule, *, child_as_of_day: int | None = None
) -> Population:
    """The people with these birth days (since 1970, the least number where unknown) and events.

    With `child_as_of_day`, nobody but those who are children on that day is of the right age, from the least
    age of the route for children on; nobody at all where there is no such route.
    """
    is_main = main == np.arange(len(main))
    is_right = (born_day > -(2**31)) & is_main
    right_day = _birthdays(born_day, rule.adult_age)
    if child_as_of_day is not None:
        is_right &= (right_day > child_as_of_day) & (rule.child_age > 0)
        right_day = _birthdays(born_day, rule.child_age)
    return Population(events, np.where(is_right, right_day, AGE_UNKNOWN), int(is_main.sum()))


def _birthdays(born_day: Ints, age_years: int) -> Ints:
    """The day since 1970 on which each reaches this age."""
    born = np.datetime64("1970-01-01") + np.where(born_day > -(2**31), born_day, 0)
    months = born.astype("datetime64[M]")
    day_of_month = (born - months).astype(np.int64)
    # The 29th of February comes of age on the 1st of March: the day is added to the month's first.
    days: Ints = ((months + 12 * age_years).astype("datetime64[D]") + day_of_month).astype(np.int64)
    return days


def years_between(birth: date, day: date) -> int:
    """How old is somebody on this day?

    >>> years_between(date(2004, 2, 29), date(2022, 2, 28))
    17
    """
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))

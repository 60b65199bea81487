"""Like with like: which days of a baseline are compared with which days of the period."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from becalm.measure.core.request import Align
from becalm.methods.calendar import easter_sunday, weekday_counts
from becalm.terms import Period

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class MatchedDays:
    """Days of the period, the days of each baseline window they are compared with, and those left over."""

    new: tuple[date, ...]
    old: tuple[tuple[date, ...], ...]
    unmatched: tuple[date, ...] = ()


def match_calendar(
    period: Period, windows: Sequence[Period], *, align: Align, holidays: Mapping[date, str]
) -> MatchedDays:
    """Which day of each baseline window is the like of each day of the period?

    "windows": all days of both, as asked. "weekdays": the n-th Monday meets the n-th Monday, and so
    on. "holidays": the same, but a named holiday (Good Friday, Easter Sunday, a bank holiday) meets
    only its namesake. A day without a partner in every window is left out of both sides.

    >>> march = [Period(date(y, 3, 1), date(y, 4, 1)) for y in (2020, 2019)]
    >>> [str(d) for d in match_calendar(march[0], march[1:], align="weekdays", holidays={}).unmatched]
    ['2019-03-29', '2019-03-30', '2020-03-30', '2020-03-31']
    """
    if align == "windows":
        return MatchedDays(list_days(period), tuple(list_days(w) for w in windows))
    name_by_day = holidays if align == "holidays" else {}
    old_by_new_days = [_pair_days(list_days(period), list_days(window), name_by_day) for window in windows]
    new_days = tuple(
        day for day in list_days(period) if all(day in old_by_new for old_by_new in old_by_new_days)
    )
    old_days_of_window = tuple(tuple(old_by_new[day] for day in new_days) for old_by_new in old_by_new_days)
    matched_days = {*new_days, *(day for old_days in old_days_of_window for day in old_days)}
    unmatched_days = {day for stretch in (period, *windows) for day in list_days(stretch)} - matched_days
    return MatchedDays(new_days, old_days_of_window, tuple(sorted(unmatched_days)))


def calendar_differences(
    period: Period, window: Period, *, holidays: Mapping[date, str], weekdays: bool = True
) -> tuple[str, ...]:
    """In which weekdays (if wanted) and holidays does the period differ from this window?"""
    weekday_surplus = weekday_counts(period.start, period.end) - weekday_counts(window.start, window.end)
    difference_texts = []
    if weekdays and period.days == window.days and weekday_surplus.any():
        more_days, deficit = (
            ", ".join(DAYS[i] for i in np.flatnonzero(days))
            for days in (weekday_surplus > 0, weekday_surplus < 0)
        )
        difference_texts.append(f"{period} has more {more_days} and fewer {deficit} than {window}")
    for window_a, window_b in ((period, window), (window, period)):
        unshared_holidays = _unshared_holidays(window_a, window_b, holidays)
        difference_texts += (
            [f"{window_a} has {', '.join(unshared_holidays)}, which {window_b} lacks"]
            if unshared_holidays
            else []
        )
    return tuple(difference_texts)


def add_easter(holidays: Mapping[date, str], windows: Iterable[Period]) -> Mapping[date, str]:
    """The holidays and Easter Sunday, which few calendars list because no law needs to."""
    year_set = {day.year for window in windows for day in (window.start, window.last_day)}
    easter_by_day = {easter_sunday(year): "Easter Sunday" for year in range(min(year_set), max(year_set) + 1)}
    return {**easter_by_day, **holidays}


def list_days(period: Period) -> tuple[date, ...]:
    """Every day of the period."""
    return tuple(period.start + timedelta(days=n) for n in range(period.days))


def _pair_days(new: Sequence[date], old: Sequence[date], names: Mapping[date, str]) -> dict[date, date]:
    """The n-th day of each kind meets the n-th day of the same kind."""
    old_days_by_kind: dict[str | int, list[date]] = defaultdict(list)
    for day in old:
        old_days_by_kind[names.get(day, day.weekday())].append(day)
    old_by_new = {}
    for day in new:
        free_old_days = old_days_by_kind[names.get(day, day.weekday())]
        if free_old_days:
            old_by_new[day] = free_old_days.pop(0)
    return old_by_new


def _unshared_holidays(own_window: Period, other_window: Period, holidays: Mapping[date, str]) -> list[str]:
    """The holidays of one window that the other lacks, each with its day."""
    other_names = [name for day, name in holidays.items() if other_window.start <= day < other_window.end]
    unshared_names = []
    for day, name in sorted(holidays.items()):
        if not own_window.start <= day < own_window.end:
            continue
        if name in other_names:
            other_names.remove(name)
        else:
            unshared_names.append(f"{name} ({day.day} {day:%b})")
    return unshared_names

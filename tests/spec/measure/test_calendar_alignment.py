"""Like days with like days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from dateutil.easter import easter

from becalm.measure import ComparisonContext, compare_baselines, match_calendar
from becalm.measure.core.baseline import Baseline
from becalm.measure.core.match_days import add_easter, calendar_differences
from becalm.measure.core.request import CompareSettings
from becalm.methods.calendar import easter_sunday, weekday_counts
from becalm.tables import CountTable, count_incidents, list_public_holidays
from becalm.terms import Period, QuestionError, WorkspaceError

ENGLAND = list_public_holidays("GB-ENG", range(2018, 2023))


def month(year: int, number: int) -> Period:
    return Period(date(year, number, 1), date(year + number // 12, number % 12 + 1, 1))


def test_easter_moves_by_more_than_a_week():
    assert (easter_sunday(2019), easter_sunday(2020)) == (date(2019, 4, 21), date(2020, 4, 12))
    years = range(1583, 4100)
    assert [*map(easter_sunday, years)] == [*map(easter, years)]  # as dateutil has it
    assert (easter_sunday(1961), easter_sunday(2000), easter_sunday(2038)) == (
        date(1961, 4, 2),
        date(2000, 4, 23),
        date(2038, 4, 25),
    )


def test_the_early_may_holiday_of_2020_was_a_friday():
    assert ENGLAND[date(2019, 5, 6)] == ENGLAND[date(2020, 5, 8)] == "May Day"
    assert date(2020, 5, 8).strftime("%A") == "Friday"
    assert date(2020, 5, 4) not in ENGLAND


def test_the_year_2022_had_two_extra_holidays_and_one_that_moved():
    assert {date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19)} <= set(ENGLAND)


def test_a_calendar_that_is_not_known_is_refused_with_an_example():
    with pytest.raises(WorkspaceError, match='such as "GB-ENG"'):
        list_public_holidays("GB-XXX", [2020])
    assert list_public_holidays("", [2020]) == {}


def test_march_2019_has_five_friday_nights_and_march_2020_four():
    assert weekday_counts(date(2019, 3, 1), date(2019, 4, 1)).tolist() == [4, 4, 4, 4, 5, 5, 5]
    assert weekday_counts(date(2020, 3, 1), date(2020, 4, 1)).tolist() == [5, 5, 4, 4, 4, 4, 5]
    assert weekday_counts(date(2019, 5, 1), date(2019, 6, 1)).tolist() == [4, 4, 5, 5, 5, 4, 4]
    assert weekday_counts(date(2020, 5, 1), date(2020, 6, 1)).tolist() == [4, 4, 4, 4, 5, 5, 5]


def test_differences_of_the_calendar_are_said():
    notes = calendar_differences(
        month(2020, 3), month(2019, 3), holidays=add_easter(ENGLAND, [month(2020, 3)])
    )
    assert notes == (
        "2020-03-01 to 2020-03-31 has more Mon, Tue and fewer Fri, Sat than 2019-03-01 to 2019-03-31",
    )
    window, same = Period(date(2020, 4, 13), date(2020, 4, 20)), Period(date(2019, 4, 15), date(2019, 4, 22))
    notes = calendar_differences(window, same, holidays=add_easter(ENGLAND, [window, same]))
    assert notes == (
        "2020-04-13 to 2020-04-19 has Easter Monday (13 Apr), which 2019-04-15 to 2019-04-21 lacks",
        "2019-04-15 to 2019-04-21 has Good Friday (19 Apr), Easter Sunday (21 Apr), "
        "which 2020-04-13 to 2020-04-19 lacks",
    )


def test_a_holiday_on_the_day_after_a_window_is_none_of_its_days():
    week, next_week = (
        Period(date(2020, 4, 5), date(2020, 4, 12)),
        Period(date(2020, 4, 12), date(2020, 4, 19)),
    )
    former = Period(date(2019, 4, 7), date(2019, 4, 14))
    fairs = {date(2020, 4, 12): "Fair", date(2019, 4, 14): "Fair"}  # each just past the end of a window
    assert calendar_differences(week, former, holidays=fairs) == ()
    lacks = ("2020-04-12 to 2020-04-18 has Fair (12 Apr), which 2019-04-07 to 2019-04-13 lacks",)
    assert calendar_differences(next_week, former, holidays=fairs) == lacks


def test_every_day_of_whole_weeks_meets_the_same_weekday():
    weeks = Period(date(2020, 4, 6), date(2020, 5, 18))
    former = Period(date(2019, 4, 8), date(2019, 5, 20))
    matched = match_calendar(weeks, [former], align="weekdays", holidays={})
    assert matched.unmatched == ()
    assert [new - old for new, old in zip(matched.new, matched.old[0], strict=True)] == [
        timedelta(days=364)
    ] * 42


def test_a_holiday_meets_only_its_namesake():
    windows = (Period(date(2020, 4, 6), date(2020, 5, 18)), Period(date(2019, 4, 8), date(2019, 5, 20)))
    matched = match_calendar(windows[0], windows[1:], align="holidays", holidays=add_easter(ENGLAND, windows))
    pairs = dict(zip(matched.new, matched.old[0], strict=True))
    assert pairs[date(2020, 4, 12)] == date(2019, 4, 21)  # Easter Sunday
    assert pairs[date(2020, 5, 8)] == date(2019, 5, 6)  # the early May holiday
    assert date(2019, 5, 10) in pairs.values()  # the Friday of 2019 that was no holiday meets another
    mondays = [day for day in matched.unmatched if day.weekday() == 0]
    assert len(mondays) == 1  # 2020 lost its May Monday holiday, so that one Monday has no partner
    assert all(n.weekday() == o.weekday() for n, o in pairs.items() if n not in ENGLAND)


def test_days_without_a_partner_are_left_out_of_both_sides_and_named():
    first = date(2019, 1, 1)
    times = tuple(first + timedelta(days=n) for n in range(730))
    counts = CountTable(
        "offence_group", "day", ("robbery",), times, np.ones((1, 730), int), ("victim",), "drawn", first
    )
    found = compare_baselines(
        counts,
        period=month(2020, 3),
        baselines=(Baseline("2019-03", (month(2019, 3),), "same months"),),
        settings=CompareSettings(align="weekdays"),
    )
    assert (found.total.old, found.total.new) == (29, 29)
    said = next(w for w in found.warnings if w.startswith("Days without a match"))
    assert said.endswith("Fri 2019-03-29, Sat 2019-03-30, Mon 2020-03-30, Tue 2020-03-31.")


def test_days_that_have_no_partner_at_all_are_refused():
    first = date(2019, 1, 1)
    times = tuple(first + timedelta(days=n) for n in range(730))
    counts = CountTable(
        "offence_group", "day", ("robbery",), times, np.ones((1, 730), int), ("victim",), "drawn", first
    )
    with pytest.raises(QuestionError, match="No day of 2020-04-12"):
        compare_baselines(
            counts,
            period=Period(date(2020, 4, 12), date(2020, 4, 13)),
            baselines=(Baseline("2019", (Period(date(2019, 4, 14), date(2019, 4, 15)),), ""),),
            settings=CompareSettings(align="holidays"),
        )


def weekends(incidents):
    """Six weeks of 2015 against 2014, by whole weeks: how many each?"""
    counts = count_incidents(incidents, by="offence_group", unit="day")
    found = compare_baselines(
        counts,
        period=Period(date(2015, 11, 20), date(2016, 1, 1)),
        baselines=(Baseline("2014", (Period(date(2014, 11, 21), date(2015, 1, 2)),), "whole weeks"),),
        context=ComparisonContext(covered=Period(date(2014, 1, 1), date(2016, 1, 1))),
    )
    return (found.total.old, found.total.new)


def test_six_weeks_meet_six_weeks_of_the_same_weekdays(spec):
    spec(
        incidents="""
        day        | offence_group | times
        2014-11-20 | robbery       | 9
        2014-11-21 | robbery       | 2
        2015-01-01 | robbery       | 3
        2015-11-19 | robbery       | 9
        2015-11-20 | robbery       | 1
        2015-12-31 | robbery       | 1
        """,
        question=weekends,
        answer=(5, 2),
    )

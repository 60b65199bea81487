"""Periods and baselines as people write them."""

from __future__ import annotations

from datetime import date

import pytest

from becalm.measure.core.baseline import choose_baselines, parse_baseline, usual_baselines
from becalm.terms import Period, UsageError, needs_days, parse_period

LAST = date(2020, 5, 31)


def read(text: str, last: date = LAST) -> tuple[str, str]:
    period = parse_period(text, last_day=last).period
    return str(period.start), str(period.last_day)


def base(text: str, period: str = "2020-04", last: date = LAST) -> list[tuple[str, str]]:
    baseline = parse_baseline(text, written_period=parse_period(period, last_day=last), last_day=last)
    return [(str(window.start), str(window.last_day)) for window in baseline.windows]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020-04", "2020-04-01", "2020-04-30"),
        ("2020-04..2020-05", "2020-04-01", "2020-05-31"),
        ("2019-12..2020-01", "2019-12-01", "2020-01-31"),
        ("2020", "2020-01-01", "2020-12-31"),
        ("2020-W14..2020-W19", "2020-03-30", "2020-05-10"),
        ("2020-W53", "2020-12-28", "2021-01-03"),
        ("2020-04-01..2020-05-12", "2020-04-01", "2020-05-12"),
        ("2020-02-29", "2020-02-29", "2020-02-29"),
        (" 2020-04 .. 2020-05 ", "2020-04-01", "2020-05-31"),
    ],
)
def test_both_ends_that_are_written_are_counted(text, first, last):
    assert read(text) == (first, last)


@pytest.mark.parametrize("text", ["last 6 weeks", "the last six weeks", "The Last Six Weeks", "last 42 days"])
def test_the_last_six_weeks_end_with_the_last_day_on_record_not_with_today(text):
    assert read(text, date(2015, 12, 31)) == ("2015-11-20", "2015-12-31")


def test_the_last_months_are_whole_ones():
    assert read("last 2 months", date(2020, 5, 31)) == ("2020-04-01", "2020-05-31")
    assert read("last 2 months", date(2020, 5, 30)) == ("2020-03-01", "2020-04-30")
    assert read("last month", date(2020, 1, 31)) == ("2020-01-01", "2020-01-31")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2020-4", "Did you mean '2020-04'"),
        ("202004", "Did you mean '2020-04'"),
        ("04/2020", "Did you mean '2020-04'"),
        ("April 2020", "Did you mean '2020-04'"),
        ("2020W14", "Did you mean '2020-W14'"),
        ("12/05/2020", "Did you mean '2020-05-12'"),
        ("2020/5/1..2020-05-12", "Did you mean '2020-05-01'"),
        ("2020-05..2020-04", "Did you mean '2020-04..2020-05'"),
        ("2020-04..2020-W19", "mixes months with weeks"),
        ("2020-13", "months run from 2020-01 to 2020-12"),
        ("2019-W53", "weeks W01 to W52"),
        ("2020-04-31", "2020-04 ends on 2020-04-30"),
        ("2019-02-29", "2019-02 ends on 2019-02-28"),
        ("last few weeks", 'Write, for example, "last 6 weeks"'),
        ("last 0 weeks", 'Write, for example, "last 6 weeks"'),
        ("yesterday", '"last 6 weeks"'),
        ("", "Write 2020-04"),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_corrected_form(text, hint):
    with pytest.raises(UsageError) as error:
        parse_period(text, last_day=LAST)
    assert hint in str(error.value)


def test_weeks_and_days_need_records_with_days_and_months_do_not():
    assert [needs_days(t) for t in ("2020-W14", "2020-04-01..2020-04-02", "last 6 weeks", "last 3 days")] == [
        True
    ] * 4
    assert [needs_days(t) for t in ("2020-04", "2020", "last 2 months", "mean of 3 years")] == [False] * 4


def test_months_meet_the_same_months():
    assert base("2019") == [("2019-04-01", "2019-04-30")]
    assert base("2019", "2020-02") == [("2019-02-01", "2019-02-28")]
    assert base("2018", "2019-12..2020-01") == [("2018-12-01", "2019-01-31")]


def test_iso_weeks_meet_the_same_week_numbers():
    assert base("2019", "2020-W14..2020-W19") == [("2019-04-01", "2019-05-12")]
    assert base("2015", "2020-W53", date(2021, 1, 31)) == [("2015-12-28", "2016-01-03")]
    assert base("2019", "2020-W53", date(2021, 1, 31)) == [
        ("2019-12-23", "2019-12-29")
    ]  # 2019 has no week 53


def test_days_meet_the_nearest_days_of_the_same_weekdays():
    assert base("2014", "last 6 weeks", date(2015, 12, 31)) == [("2014-11-21", "2015-01-01")]
    assert base("2019", "2020-04-01..2020-05-12") == [("2019-04-03", "2019-05-14")]
    assert base("2019", "2020-02-29") == [("2019-03-02", "2019-03-02")]


def test_a_baseline_may_be_the_mean_of_several_years():
    three = [("2019-04-01", "2019-04-30"), ("2018-04-01", "2018-04-30"), ("2017-04-01", "2017-04-30")]
    assert base("mean of 3 years") == base("mean-3") == base("mean of three years") == three


def test_a_baseline_may_be_the_year_before_or_any_other_period():
    assert base("year before") == base("the year before") == [("2019-04-01", "2019-04-30")]
    assert base("2020-01") == [("2020-01-01", "2020-01-31")]
    assert base("2018", "2019") == [("2018-01-01", "2018-12-31")]


def test_a_baseline_that_shares_days_with_the_period_is_refused():
    with pytest.raises(UsageError, match="shares days"):
        base("2020-03..2020-05")
    with pytest.raises(UsageError, match="shares days"):
        base("2020")


@pytest.mark.parametrize("text", ["mean of 1 years", "mean of many years", "2019-4", "whenever"])
def test_a_baseline_that_cannot_be_read_is_answered_with_the_forms(text):
    with pytest.raises(UsageError, match=r"mean of 3 years"):
        base(text)


def test_one_baseline_brings_the_year_before_it_and_a_mean_beside_it():
    asked = parse_period("2020-04", last_day=LAST)
    first = parse_baseline("2019", written_period=asked, last_day=LAST)
    assert [b.label for b in usual_baselines(asked, first)] == ["2019-04", "2018-04", "mean of 3 years"]


def test_baselines_that_the_records_do_not_cover_are_not_brought():
    asked = parse_period("2020-04", last_day=LAST)
    short = Period(date(2018, 4, 1), date(2020, 6, 1))
    assert [b.label for b in choose_baselines([], written_period=asked, covered=short)] == [
        "2019-04",
        "2018-04",
    ]


def test_several_baselines_are_taken_as_they_are_asked_for():
    asked = parse_period("2020-04", last_day=LAST)
    covered = Period(date(2010, 4, 1), date(2020, 6, 1))
    chosen = choose_baselines(["2018", "mean-2"], written_period=asked, covered=covered)
    assert [b.label for b in chosen] == ["2018-04", "mean of 2 years"]

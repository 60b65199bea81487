"""What was each series expected to hold, by the times before it alone?"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from becalm.measure.core.expected import ExpectedReport, expect_period
from becalm.measure.core.panel import ExpectedContext
from becalm.measure.core.request import SeriesRequest
from becalm.tables import CountTable
from becalm.terms import Gap, Period, QuestionError, Step, UsageError

FIRST = date(2016, 1, 4)
WEEKS = 208
KEYS = (("Brent", "burglary"), ("Brent", "robbery"), ("Camden", "burglary"), ("Camden", "robbery"))


def counts(*, pairs: bool = False, weeks: int = WEEKS) -> CountTable:
    """Four series of about 40 a week, or one."""
    values = np.random.default_rng(3).poisson(40.0, (4 if pairs else 1, weeks))
    times = tuple(FIRST + timedelta(weeks=week) for week in range(weeks))
    keys = KEYS if pairs else (("robbery",),)
    return CountTable(
        by=("borough", "offence_group") if pairs else "offence_group",
        unit="week",
        groups=tuple(map(", ".join, keys)),
        times=times,
        counts=values,
        found_by=("victim",) * len(keys),
        source="drawn",
        as_of=times[-1] + timedelta(weeks=1),
        keys=keys,
    )


def changed(table: CountTable, series: int, weeks: slice, share: float) -> CountTable:
    """The same counts, times a share in some weeks of one series."""
    values: NDArray[np.int64] = table.counts.copy()
    values[series, weeks] = np.round(values[series, weeks] * share)
    return CountTable(
        table.by,
        table.unit,
        table.groups,
        table.times,
        values,
        table.found_by,
        "drawn",
        table.as_of,
        keys=table.keys,
    )


def weeks(first: int, end: int) -> Period:
    return Period(FIRST + timedelta(weeks=first), FIRST + timedelta(weeks=end))


def ask(table: CountTable, period: Period, **known: object) -> ExpectedReport:
    return expect_period(table, period=period, context=ExpectedContext(**known))  # type: ignore[arg-type]  # drawn


def test_a_level_that_stands_still_is_expected_to_stand() -> None:
    total, robbery = ask(counts(), weeks(200, 208)).series
    assert (total.group, robbery.group) == ("total", "robbery")
    assert robbery.expected.value == pytest.approx(320, rel=0.05)
    assert robbery.expected.low < robbery.count < robbery.expected.high
    assert robbery.q_value > 0.05
    assert robbery.placebo_count == 3 * 104
    assert robbery.placebo_held_share == pytest.approx(0.95, abs=0.04)


def test_a_fall_to_half_stands_out_and_the_weeks_of_it_are_not_learned_from() -> None:
    fallen = changed(counts(), 0, slice(200, 208), 0.5)
    robbery = ask(fallen, weeks(200, 208)).series[1]
    as_it_was = ask(counts(), weeks(200, 208)).series[1]
    assert robbery.expected == as_it_was.expected
    assert robbery.q_value < 0.001
    assert robbery.ratio.value == pytest.approx(0.5 * as_it_was.ratio.value, abs=0.02)


def test_offences_stand_out_only_in_boroughs_that_do_and_the_row_says_how() -> None:
    answer = ask(changed(counts(pairs=True), 1, slice(200, 208), 0.4), weeks(200, 208))
    groups = [series.group for series in answer.series]
    assert groups == ["total", "Brent", "Camden", *map(", ".join, KEYS)]
    q_by_group = {series.group: series.q_value for series in answer.series}
    assert q_by_group["Brent, robbery"] < 0.001
    assert q_by_group["Camden, robbery"] == 1.0
    assert "Benjamini and Bogomolov" in answer.adjustment


def test_a_declared_step_is_found_and_its_quarter_is_not_judged() -> None:
    fallen = changed(counts(), 0, slice(170, 208), 0.5)
    step = Step(FIRST + timedelta(weeks=170), "lockdown", "lockdown")
    silent, declared = (ask(fallen, weeks(200, 208), steps=steps).series[1] for steps in ((), (step,)))
    assert declared.expected.value == pytest.approx(160, rel=0.06)
    assert declared.placebo_count < silent.placebo_count
    assert declared.placebo_held_share > silent.placebo_held_share


def test_a_missing_month_is_skipped_and_not_taken_for_zero() -> None:
    without_may = changed(counts(), 0, slice(173, 178), 0.0)
    gaps = [Gap("drawn", month, "missing", "no records") for month in ("2019-05",)]
    skipped = ask(without_may, weeks(200, 208), gaps=gaps).series[1]
    assert skipped.expected.value == pytest.approx(
        ask(counts(), weeks(200, 208)).series[1].expected.value, rel=0.03
    )
    assert skipped.placebo_count < 3 * 104


def test_strays_of_long_ago_are_not_history() -> None:
    early = changed(changed(counts(), 0, slice(0, 90), 0.0), 0, slice(3, 4), 0.05)
    answer = ask(early, weeks(200, 208))
    assert answer.history.start == FIRST + timedelta(weeks=90)
    assert answer.series[1].expected.value == pytest.approx(320, rel=0.1)


def test_less_than_a_year_before_the_period_is_refused() -> None:
    with pytest.raises(QuestionError, match=r"Only 40 weeks .* a year of them is needed"):
        ask(counts(weeks=60), weeks(40, 48))


def test_a_period_that_cuts_a_week_or_runs_beyond_the_records_is_refused() -> None:
    cut = Period(FIRST + timedelta(weeks=200), FIRST + timedelta(weeks=204, days=3))
    for period in (cut, weeks(205, 210)):
        with pytest.raises(QuestionError, match="not covered in whole weeks"):
            ask(counts(), period)


@pytest.mark.parametrize("text", ["borough,crime", "borough,borough", ""])
def test_a_grouping_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="borough"):
        SeriesRequest(by=text)


def test_a_year_with_a_hole_in_it_before_the_period_is_refused() -> None:
    hole = changed(counts(weeks=60), 0, slice(10, 20), 0.0)
    gaps = tuple(Gap("drawn", month, "missing", "no records") for month in ("2016-04", "2016-05"))
    with pytest.raises(QuestionError, match=r"Only 4\d weeks .* a year of them is needed"):
        expect_period(hole, period=weeks(54, 58), context=ExpectedContext(gaps=gaps))

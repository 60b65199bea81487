"""What months led up to the period, each beside its like in the baseline year?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from becalm.measure.core.run_up import RunUpMonth, build_run_up
from becalm.tables import CountTable
from becalm.terms import Period, QuestionError


def months(first: date, *counts: int, unit: str = "month") -> CountTable:
    """Two groups whose sum is given, from this month on."""
    times = tuple(
        date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1)
        for n in range(len(counts))
    )
    values = np.array([[1] * len(counts), [count - 1 for count in counts]])
    return CountTable(
        "offence_group", unit, ("a", "b"), times, values, ("victim",) * 2, "drawn", date(2020, 6, 8)
    )


APRIL_AND_MAY = Period(date(2020, 4, 1), date(2020, 6, 1))
YEAR_BEFORE = Period(date(2019, 4, 1), date(2019, 6, 1))


def test_thirteen_months_up_to_the_period_stand_beside_those_of_a_year_before() -> None:
    counts = months(date(2018, 4, 1), *range(100, 126))  # up to May 2020
    run_up = build_run_up(counts, period=APRIL_AND_MAY, baseline=YEAR_BEFORE, left_out=("fraud",))
    assert len(run_up.months) == 13
    assert run_up.months[0] == RunUpMonth(date(2019, 5, 1), date(2018, 5, 1), 113, 101, is_compared=False)
    assert run_up.months[-2:] == (
        RunUpMonth(date(2020, 4, 1), date(2019, 4, 1), 124, 112, is_compared=True),
        RunUpMonth(date(2020, 5, 1), date(2019, 5, 1), 125, 113, is_compared=True),
    )
    assert (run_up.source, run_up.as_of, run_up.left_out) == ("drawn", date(2020, 6, 8), ("fraud",))


def test_a_long_period_has_half_a_year_before_it_and_one_across_new_year_its_own_shift() -> None:
    counts = months(date(2017, 1, 1), *range(100, 141))  # up to May 2020
    nine_months = Period(date(2019, 9, 1), date(2020, 6, 1))
    run_up = build_run_up(counts, period=nine_months, baseline=Period(date(2017, 12, 1), date(2018, 9, 1)))
    assert len(run_up.months) == 15
    assert [month.is_compared for month in run_up.months] == [False] * 6 + [True] * 9
    assert (run_up.months[6].start, run_up.months[6].old_start) == (date(2019, 9, 1), date(2017, 12, 1))


def test_months_that_neither_side_holds_are_not_shown_and_those_of_one_side_are() -> None:
    run_up = build_run_up(months(date(2019, 3, 1), 7, 8, 9), period=APRIL_AND_MAY, baseline=YEAR_BEFORE)
    assert [(m.start, m.new, m.old) for m in run_up.months] == [
        (date(2019, 5, 1), 9, None),
        *((date(2019, 6 + n, 1), None, None) for n in range(7)),
        *((date(2020, 1 + n, 1), None, old) for n, old in enumerate((None, None, 7, 8, 9))),
    ]
    nothing = build_run_up(months(date(2010, 1, 1), 5), period=APRIL_AND_MAY, baseline=YEAR_BEFORE)
    assert nothing.months == ()


def test_counts_of_days_make_no_run_up() -> None:
    with pytest.raises(QuestionError, match="drawn from months"):
        build_run_up(months(date(2019, 3, 1), 7, unit="day"), period=APRIL_AND_MAY, baseline=YEAR_BEFORE)

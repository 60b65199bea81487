"""A plan begins soon after the last day that its list knows, or says why it does not."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from becalm.patrol.core.policy import RecordRule
from becalm.patrol.core.record_age import check_record_age, describe_record_age, find_last_start
from becalm.patrol.files.read_policy import load_policy
from becalm.terms import PlanError

RULE = RecordRule(60, {"police_uk": 120, "police_uk/essex": 90})
LAST_DAY = date(2020, 6, 30)


@pytest.mark.parametrize(
    ("source", "days"),
    [("mps", 60), ("police_uk", 120), ("police_uk/kent", 120), ("police_uk/essex", 90), ("police", 60)],
)
def test_a_source_has_its_own_figure_else_that_of_its_family_else_that_of_all(source: str, days: int) -> None:
    assert find_last_start(LAST_DAY, source, RULE) == LAST_DAY + timedelta(days=days)


def test_a_plan_may_begin_on_the_last_day_that_is_allowed_and_not_on_the_next() -> None:
    last_start = date(2020, 8, 29)
    assert check_record_age(last_start, LAST_DAY, "mps", RULE, "") == ()
    with pytest.raises(PlanError, match=r"up to 2020-06-30, and .* 60 days later, on 2020-08-29") as refusal:
        check_record_age(last_start + timedelta(days=1), LAST_DAY, "mps", RULE, "  ")
    assert "This one would begin on 2020-08-30" in str(refusal.value)
    assert "`old_records_reason`" in str(refusal.value)


def test_a_reason_is_shown_in_the_plan() -> None:
    (note,) = check_record_age(date(2020, 12, 1), LAST_DAY, "mps", RULE, " an exercise ")
    assert note == "Planned from records that ended 154 days before the first day, because: an exercise."


@given(st.integers(-400, 400), st.integers(0, 366))
def test_a_plan_is_refused_exactly_where_the_records_are_older_than_allowed(after: int, most: int) -> None:
    first_day = LAST_DAY + timedelta(days=after)
    assert bool(describe_record_age(first_day, LAST_DAY, "mps", RecordRule(most))) == (after > most)


def test_the_shipped_policy_allows_sixty_days_and_says_where_more() -> None:
    rule = load_policy().records
    assert rule.find_max_age_days("any force") == 60
    assert rule.find_max_age_days("police_uk/west-yorkshire") == 120
    assert rule.find_max_age_days("simulated_city") == 92

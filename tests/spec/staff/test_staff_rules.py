"""What the rules of a roster mean: notice, runs, rest, needs, and files that are refused."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import numpy as np
import pytest
from small_force import RULES

from becalm.staff.core.line_rules import LineState, RunLimits, rest_hours_matrix, state_after
from becalm.staff.core.need import fill_water
from becalm.staff.core.notice import classify_change
from becalm.staff.files.read_rules import SHIPPED, read_rules
from becalm.terms import InputError

LIMITS = RunLimits(longest_run=6, longest_night_run=4)
IS_NIGHT = [False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "duty_day", "is_holiday", "notice_class"),
    [
        ("rest", "early", date(2020, 5, 16), False, "rest day, short notice"),  # 14 whole days between
        ("rest", "early", date(2020, 5, 17), False, "rest day, day in lieu"),  # 15
        ("early", "late", date(2020, 5, 17), False, "start moved"),
        ("early", "rest", date(2020, 5, 17), False, "tour dropped"),
        ("early", "late", date(2020, 5, 8), True, "public holiday, short notice"),
        ("early", "early", date(2020, 5, 8), True, "none"),
    ],
)
def test_neither_the_day_of_telling_nor_the_day_of_duty_counts(old, new, duty_day, is_holiday, notice_class):
    notice = classify_change(
        old, new, informed_on=date(2020, 5, 1), duty_day=duty_day, is_holiday=is_holiday, rules=RULES
    )
    assert notice.notice_class == notice_class


def test_the_past_says_how_many_days_and_nights_have_run():
    assert state_after([1, 1, 3, 3], LIMITS, IS_NIGHT) == LineState(tour=3, run=4, nights=2)
    assert state_after([3, 0], LIMITS, IS_NIGHT) == LineState(tour=3, rest_days=1)
    assert state_after([3, 0, 0], LIMITS, IS_NIGHT) == LineState()


def test_rest_is_counted_in_real_hours_also_where_the_clock_jumps():
    night_then_early = [
        hours
        for kind, day, earlier, later, hours in rest_hours_matrix(
            [(time(6), 8.0), (time(22), 8.0)],
            first_day=date(2020, 3, 28),
            days=2,
            zone="Europe/London",
            latest_start_minutes=0,
        )
        if (kind, earlier, later) == (1, 2, 1)
    ]
    assert night_then_early == [24.0, 23.0]  # on Sunday 29 March the clocks went forward


def test_needs_follow_their_weights_between_floors_and_caps():
    weights = np.array([1.0, 1.0, 2.0])
    floors, caps = np.zeros(3, np.int64), np.full(3, 9)
    assert fill_water(weights, 8, floors=floors, caps=caps).tolist() == [2, 2, 4]
    assert fill_water(weights, 8, floors=np.array([0, 0, 0]), caps=np.array([9, 9, 2])).tolist() == [3, 3, 2]
    assert fill_water(weights, 2, floors=np.array([2, 2, 2]), caps=caps).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("old_text", "new_text", "fault"),
    [
        ('source = "local choice"', 'source = ""', "source"),
        ("value = 11", "value = -1", "value"),
        ('rule = "weekly_hours"', 'rule = "weekly_hour"', "weekly_hour"),
        ("hours = 8.0", "hours = 25.0", "25 hours"),
        ("short = 100", "short = -100", "prices.short"),
        ('tour = "late"', 'tour = "early"', "early"),
    ],
)
def test_a_rule_file_with_a_fault_is_refused_by_its_place(tmp_path: Path, old_text, new_text, fault):
    text = SHIPPED.read_text("utf-8")
    assert old_text in text
    path = tmp_path / "rules.toml"
    path.write_text(text.replace(old_text, new_text, 1), "utf-8")
    with pytest.raises(InputError) as refusal:
        read_rules(path)
    assert fault in str(refusal.value)
    assert "rules.toml" in str(refusal.value)

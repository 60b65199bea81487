"""What has begun stays, freed officers leave a lack, and a fortnight's rest may stand for a week's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from small_force import FIRST_DAY, RULES, ZONE, draw_force, draw_question

from becalm.staff.core.crews import Crew
from becalm.staff.core.donors import explain_donors, measure_donor_lack
from becalm.staff.core.force import Force, Officer, Span, find_begun_tours, may_work
from becalm.staff.core.judge import Evidence, WorkedTour, judge_roster
from becalm.staff.core.moves import Move
from becalm.staff.core.notice import Notice
from becalm.staff.core.replans import PatrolTour, Replan, list_replans
from becalm.staff.core.roster_problem import build_problem
from becalm.staff.desk.short_notice import CHANGE_PRICE

DAY = timedelta(days=1)
OFFICER = Officer("T001", "constable", "Ash")
MIDNIGHT = datetime.combine(FIRST_DAY + DAY, time())  # after the night tour of the first day has begun


def worked(day: date, tour: str = "early") -> WorkedTour:
    kind = RULES.tours[RULES.tour_number(tour) - 1]
    start = datetime.combine(day, kind.start, ZoneInfo(ZONE))
    return WorkedTour("T001", start, kind.hours, day, tour, "Ash", "Ash early 1", "visits")


def broken_rules(tours: tuple[WorkedTour, ...], spans: tuple[Span, ...] = (), rules=RULES) -> set[str]:
    evidence = Evidence(tours, (), (OFFICER,), spans, rules, FIRST_DAY, ZONE, FIRST_DAY)
    return {violation.rule for violation in judge_roster(evidence).violations}


def absence(recorded_at: datetime, *, since: datetime = MIDNIGHT) -> Span:
    return Span("T001", since, since + 2 * DAY, "sick", recorded_at.replace(tzinfo=ZoneInfo(ZONE)))


@pytest.mark.parametrize(
    ("hours_after_midnight", "is_begun"),
    [(5.5, True), (-1.5, True), (-9.0, False)],  # at 05:30, at 22:30 on the tour, at 15:00 before it
)
def test_a_night_that_had_begun_when_sickness_was_told_is_not_taken_away(
    hours_after_midnight: float, is_begun: bool
) -> None:
    span = absence(MIDNIGHT + timedelta(hours=hours_after_midnight))
    begun_tours = find_begun_tours((OFFICER,), (span,), RULES, first_day=FIRST_DAY, zone=ZONE)
    assert begun_tours == (frozenset({(0, 0, 3)}) if is_begun else frozenset())
    assert broken_rules((worked(FIRST_DAY, "night"),), (span,)) == (set() if is_begun else {"available"})
    assert "available" in broken_rules((worked(FIRST_DAY + DAY),), (span,))
    force = Force((OFFICER,), FIRST_DAY, np.full((1, 3), 3, np.int8), *away_from_midnight(), begun_tours)
    assert may_work(force, RULES, first_day=FIRST_DAY, days=2)[0, :, 3].tolist() == [is_begun, False]


def away_from_midnight() -> tuple[np.ndarray, np.ndarray]:
    return np.array([[0, 0, 1, 1, 1, 1]], np.bool_), np.zeros((1, 6), np.bool_)


def test_leave_that_was_planned_takes_the_night_before_it_whatever_is_told_later() -> None:
    leave = absence(datetime.combine(FIRST_DAY - 28 * DAY, time(9)))
    sickness = absence(MIDNIGHT + timedelta(hours=5))
    begun_tours = find_begun_tours((OFFICER,), (leave, sickness), RULES, first_day=FIRST_DAY, zone=ZONE)
    assert begun_tours == frozenset()
    assert broken_rules((worked(FIRST_DAY, "night"),), (leave, sickness)) == {"available"}


def test_tours_that_have_begun_stay_and_nobody_else_is_sent_on_them() -> None:
    force = draw_force(1, officers=20, days=7)
    question = draw_question(1, force, days=7)
    free = build_problem(force, RULES, question)
    at_three = datetime.combine(FIRST_DAY, time(15))
    fixed = build_problem(force, RULES, replace(question, fixed_before=at_three))
    tours = free.remaining_lines[:, 0]
    assert {1, 2, 0} <= set(tours.tolist())
    for row, tour in enumerate(tours.tolist()):
        begun, night = fixed.possible[row, 0, 1:3].tolist(), fixed.possible[row, 0, 3]
        assert begun == [tour == 1, tour == 2]
        assert night == (free.possible[row, 0, 3] and tour not in (1, 2))
    assert np.array_equal(fixed.possible[:, 1:], free.possible[:, 1:])


def test_48_hours_in_a_fortnight_stand_for_a_weekly_rest_where_the_rules_say_so() -> None:
    days = [FIRST_DAY + n * DAY for n in (0, 1, *range(5, 13))]  # three days of rest, then eight of work
    tours = tuple(worked(day) for day in days)
    assert "weekly_rest_hours" not in broken_rules(tours)
    strict_rules = replace(
        RULES, rules=tuple(rule for rule in RULES.rules if rule.rule != "fortnight_rest_hours")
    )
    assert "weekly_rest_hours" in broken_rules(tours, rules=strict_rules)
    no_rest = tuple(worked(FIRST_DAY + n * DAY) for n in range(14))
    assert "weekly_rest_hours" in broken_rules(no_rest)


def test_a_move_of_a_freed_officer_says_what_the_donor_then_lacks() -> None:
    others = tuple(Officer(f"T00{n}", "constable", "Ash") for n in (2, 3))
    crew = Crew("Ash early 1", "Ash", FIRST_DAY, "early", time(6), 8.0, "patrol", False, (OFFICER, *others))
    since = datetime.combine(FIRST_DAY - 3 * DAY, time())
    freed_spans = tuple(
        Span(o.staff_number, since, since + 9 * DAY, "freed", since.replace(tzinfo=ZoneInfo(ZONE)),
             "airport", FIRST_DAY + 6 * DAY)
        for o in (OFFICER, others[0])
    )  # fmt: skip
    lacks = measure_donor_lack([crew], freed_spans)
    assert [(lack.donor, lack.officers, lack.hours) for lack in lacks] == [("airport", 2, 16.0)]
    moves = [
        Move(number, FIRST_DAY, "rest", "early", "Ash", Notice("rest day, short notice", 0, ""), "needed")
        for number in ("T001", "T003")
    ]
    first, second = explain_donors(moves, freed_spans, lacks)
    assert first.why == (
        f"needed; freed from airport, which lacks 16 hours that day; recalled on {FIRST_DAY + 6 * DAY}"
    )
    assert second.why == "needed"


def test_patrol_draws_again_what_is_gone_new_or_changed_and_nothing_before() -> None:
    early, late = PatrolTour(time(6), "vehicle"), PatrolTour(time(14), "foot")
    yesterday, today = FIRST_DAY, FIRST_DAY + DAY
    old = {(yesterday, "A 1"): early, (today, "A 1"): early, (today, "A 2"): early, (today, "B 1"): late}
    new = {(today, "A 1"): early, (today, "B 1"): replace(late, mode="vehicle"), (today, "B 2"): late}
    begins, later = datetime.combine(today, time(6)), datetime.combine(today, time(14))
    assert list_replans(old, new, from_day=today) == (
        Replan("gone", "A 2", begins),
        Replan("changed", "B 1", later),
        Replan("new", "B 2", later),
    )
    assert list_replans(old, old, from_day=yesterday) == ()


def test_at_short_notice_a_missing_driver_is_worth_one_change_and_a_missing_officer_three() -> None:
    force = draw_force(1, officers=20, days=7)
    question = replace(draw_question(1, force, days=7), change_price=CHANGE_PRICE)
    cells = build_problem(force, RULES, question).cells
    assert (cells.skill_price > CHANGE_PRICE).all()
    assert (cells.skill_price < 2 * CHANGE_PRICE).all()
    assert cells.short_price > 3 * CHANGE_PRICE
    assert cells.recruit_price <= 2 * CHANGE_PRICE < cells.short_price

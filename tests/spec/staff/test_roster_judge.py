"""Every rule of a roster: broken alone, it is named and nothing else; to the hour beside it all is lawful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from small_force import FIRST_DAY, PAST_DAYS, RULES, ZONE

from becalm.staff.core.force import Officer, Span, State
from becalm.staff.core.judge import RULE_NAMES, Evidence, RuleWaiver, WorkedTour, judge_roster
from becalm.staff.core.rule_book import RuleBook

DAY = timedelta(days=1)
STARTS = {"early": 6, "late": 14, "night": 22}
Finding = tuple[str, str, int, str]  # the rule, the officer, the day, and how far


def tour(day: int, name: str, who: str = "A", *, start: float | None = None, hours: float = 8.0, **more: str):
    """One tour, on a desk where nothing else is said."""
    on = FIRST_DAY + day * DAY
    begin = datetime.combine(on, time(), ZoneInfo(ZONE)) + timedelta(
        hours=STARTS[name] if start is None else start
    )
    facts = {"unit": "", "use": "admin", **more}
    return WorkedTour(who, begin, hours, on, name, "Ash", **facts)


def crew(*numbers: str, day: int = 0):
    return tuple(tour(day, "early", who, unit="car", use="patrol") for who in numbers)


def away(first_hour: float, last_hour: float, *, recorded: int = 0, state: State = "away") -> Span:
    midnight = datetime.combine(FIRST_DAY, time())
    told = datetime(2020, 1, 1, recorded, tzinfo=ZoneInfo(ZONE))
    return Span(
        "A", midnight + timedelta(hours=first_hour), midnight + timedelta(hours=last_hour), state, told
    )


def rules(**values: float) -> RuleBook:
    entries = tuple(replace(rule, value=values.get(rule.rule, rule.value)) for rule in RULES.rules)
    return replace(RULES, rules=entries)


def evidence(
    *tours: WorkedTour, past: Sequence[WorkedTour] = (), spans: Sequence[Span] = (), **more
) -> Evidence:
    officers = (
        Officer("A", more.pop("rank", "constable"), "Ash", earlier_hours=0.0, **more.pop("a", {})),
        *(Officer(number, "constable", "Ash", earlier_hours=0.0) for number in "BCD"),
        Officer("T", "sergeant", "Ash", is_tutor=True, earlier_hours=0.0),
        Officer("R", "constable", "Ash", recruit_since=FIRST_DAY - 26 * 7 * DAY + DAY, earlier_hours=0.0),
        Officer("S", "constable", "Ash", recruit_since=FIRST_DAY, is_tutor=True, earlier_hours=0.0),
        Officer("O", "constable", "Ash", recruit_since=FIRST_DAY - 26 * 7 * DAY, earlier_hours=0.0),
    )
    past_first_day = FIRST_DAY - PAST_DAYS * DAY
    known = {"rules": RULES, **more}
    return Evidence(
        tours, tuple(past), officers, tuple(spans), known["rules"], FIRST_DAY, ZONE, past_first_day
    )


def days(first: int, last: int, name: str = "early") -> tuple[WorkedTour, ...]:
    return tuple(tour(day, name) for day in range(first, last + 1))


LONG_WEEK = (*days(0, 5), tour(6, "night", hours=9.0))
NO_RUNS = rules(weekly_rest_hours=48, longest_run_days=20)
ONE_WEEK = rules(reference_weeks=1, longest_run_days=20)
FAULTS: dict[str, tuple[Evidence, list[Finding]]] = {
    "nobody knows the officer": (
        evidence(tour(0, "early", "X")),
        [("known_officer", "X", 0, "is not in the list of officers")],
    ),
    "a rank without a roster": (
        evidence(tour(0, "early"), rank="inspector"),
        [("rostered_rank", "A", 0, "a inspector has no roster by these rules")],
    ),
    "two tours on a day": (
        evidence(tour(0, "early", start=0, hours=4), tour(0, "late", start=15)),
        [("one_tour_a_day", "A", 0, "has 2 tours")],
    ),
    "away in the afternoon": (
        evidence(tour(0, "early"), spans=[away(12, 24)]),
        [("available", "A", 0, "is not available")],
    ),
    "away from the midnight within a night": (
        evidence(tour(0, "night"), spans=[away(24, 36)]),
        [("available", "A", 0, "is not available")],
    ),
    "away by the latest word": (
        evidence(
            tour(0, "early"), spans=[away(0, 24, recorded=2), away(0, 24, recorded=1, state="available")]
        ),
        [("available", "A", 0, "is not available")],
    ),
    "a barred tour": (
        evidence(tour(0, "early"), tour(2, "late"), a={"barred_tours": ("late", "night")}),
        [("barred_tours", "A", 2, "late is barred by an adjustment")],
    ),
    "an hour short of rest": (
        evidence(tour(0, "late"), tour(1, "early", start=8)),
        [("daily_rest_hours", "A", 1, "10 hours of rest")],
    ),
    "an hour short after the past": (
        evidence(tour(0, "early", start=8), past=[tour(-1, "late")]),
        [("daily_rest_hours", "A", 0, "10 hours of rest")],
    ),
    "an hour more than seven days": (
        evidence(*LONG_WEEK, rules=NO_RUNS),
        [("weekly_rest_hours", "A", 6, "no rest of 48 hours for 7 days")],
    ),
    "seven days in a row": (evidence(*days(0, 6)), [("longest_run_days", "A", 6, "day 7 in a row")]),
    "seven days with those of the past": (
        evidence(*days(0, 3), past=days(-3, -1)),
        [("longest_run_days", "A", 3, "day 7 in a row")],
    ),
    "five nights in a row": (
        evidence(*days(0, 4, "night")),
        [("longest_night_run", "A", 4, "day 5 in a row")],
    ),
    "an hour more in a week": (
        evidence(*days(0, 4), tour(6, "early", hours=9.0), rules=ONE_WEEK),
        [("weekly_hours", "A", 6, "49.0 hours a week")],
    ),
    "an hour more of a night worker": (
        evidence(*days(0, 4), tour(6, "night", hours=9.0), rules=ONE_WEEK, a={"has_opted_out": True}),
        [("night_hours", "A", 6, "8.2 hours a day as a night worker")],
    ),
    "a crew of one": (evidence(*crew("B")), [("minimum_crew", "B", 0, "car has 1 officers")]),
    "a recruit without a tutor": (
        evidence(*crew("B", "R")),
        [("recruits_per_tutor", "R", 0, "car has a recruit and no tutor")],
    ),
    "two recruits, of whom one would be a tutor": (
        evidence(*crew("T", "R", "S")),
        [("recruits_per_tutor", "R", 0, "car has a recruit and no tutor")],
    ),
    "patrol and visits on a day": (
        evidence(*crew("A", "B"), tour(0, "late", start=25, use="visits")),
        [
            ("one_tour_a_day", "A", 0, "has 2 tours"),
            ("patrol_and_visits", "A", 0, "serves in two uses on one day"),
        ],
    ),
}
LAWFUL: dict[str, Evidence] = {
    "eleven hours of rest": evidence(tour(0, "late"), tour(1, "early", start=9)),
    "exactly seven days": evidence(*LONG_WEEK[:-1], tour(6, "night"), rules=NO_RUNS),
    "a rest just long enough begins another week": evidence(
        *days(0, 5), tour(8, "early", start=-10), *days(9, 10), rules=NO_RUNS
    ),
    "six days in a row": evidence(*days(0, 5), *days(7, 9), past=days(-3, -2)),
    "four nights in a row": evidence(*days(0, 3, "night"), tour(5, "late")),
    "the hours of a week": evidence(*days(0, 5), tour(7, "early"), rules=ONE_WEEK),
    "the hours of a night worker": evidence(*days(0, 4), tour(6, "night"), rules=ONE_WEEK),
    "long hours, and opted out": evidence(*days(0, 6), rules=ONE_WEEK, a={"has_opted_out": True}),
    "away until noon and after midnight": evidence(tour(0, "late"), spans=[away(0, 12), away(24, 48)]),
    "back by the latest word": evidence(
        tour(0, "early"), spans=[away(0, 24, recorded=2, state="available"), away(0, 24, recorded=1)]
    ),
    "a recruit with a tutor": evidence(*crew("T", "R")),
    "no recruit any more": evidence(*crew("B", "O")),
    "a pair in a car, and another day": evidence(*crew("B", "C"), *crew("B", "D", day=1)),
    "patrol one day and visits the next": evidence(*crew("A", "B"), tour(1, "early", use="visits")),
}


def findings(given: Evidence) -> list[Finding]:
    return [
        (v.rule, v.staff_number, (v.day - FIRST_DAY).days, v.problem) for v in judge_roster(given).violations
    ]


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_rule_is_named_and_nothing_else(name: str) -> None:
    given, expected = FAULTS[name]
    assert findings(given) == expected


@pytest.mark.parametrize("name", LAWFUL)
def test_a_lawful_neighbour_stays_clean(name: str) -> None:
    assert findings(LAWFUL[name]) == []


def test_every_rule_is_broken_somewhere_and_counted() -> None:
    assert {rule for _, expected in FAULTS.values() for rule, *_ in expected} == set(RULE_NAMES)
    checked = judge_roster(LAWFUL["a pair in a car, and another day"]).checked_count
    assert (checked["known_officer"], checked["available"], checked["minimum_crew"]) == (3, 4, 2)


def test_who_has_too_little_history_is_not_judged_by_hours() -> None:
    given = evidence(tour(0, "early"))
    unknown = replace(given, officers=(replace(given.officers[0], earlier_hours=None), *given.officers[1:]))
    assert judge_roster(unknown).unjudged == ()  # 119 days are 17 weeks
    assert judge_roster(replace(unknown, past_first_day=FIRST_DAY - 105 * DAY)).unjudged == ()
    assert judge_roster(replace(unknown, past_first_day=FIRST_DAY - 104 * DAY)).unjudged == ("A",)
    assert judge_roster(replace(given, past_first_day=FIRST_DAY - 104 * DAY)).unjudged == ()


@pytest.mark.parametrize(("rule", "is_set_aside"), [("daily_rest_hours", True), ("minimum_crew", False)])
def test_only_a_rule_that_may_be_set_aside_is(rule: str, is_set_aside: bool) -> None:
    short_rest = evidence(tour(0, "late"), tour(1, "early", start=8), *crew("B"))
    late = datetime.combine(FIRST_DAY, time(), ZoneInfo(ZONE))
    waivers = (RuleWaiver("A", rule, FIRST_DAY + DAY, late), RuleWaiver("B", rule, FIRST_DAY, late))
    judgement = judge_roster(replace(short_rest, waivers=waivers))
    assert [v.rule for v in judgement.set_aside] == ["daily_rest_hours"] * is_set_aside
    assert len(judgement.violations) == 2 - is_set_aside


def test_rest_that_makes_up_for_a_rule_ends_to_the_minute() -> None:
    given = evidence(tour(0, "late"), tour(1, "early", start=8), tour(2, "early"))
    ends = given.tours[2].start
    for rest_until, expected in ((ends, []), (ends + timedelta(minutes=1), ["compensatory_rest"])):
        waiver = RuleWaiver("A", "daily_rest_hours", FIRST_DAY + DAY, rest_until)
        assert [v.rule for v in judge_roster(replace(given, waivers=(waiver,))).violations] == expected


def test_earlier_hours_stand_in_for_days_that_no_record_reaches() -> None:
    eight_hours = rules(reference_weeks=1, weekly_hours=8)
    given = replace(evidence(tour(0, "early"), rules=eight_hours), past_first_day=FIRST_DAY)
    assert findings(given) == []
    an_hour_a_day = (replace(given.officers[0], earlier_hours=112.0), *given.officers[1:])
    expected = [("weekly_hours", "A", 0, "14.0 hours a week")]
    assert findings(replace(given, officers=an_hour_a_day)) == expected

"""Strength to come, what-if, freed hours, burdens, administration, wishes and derogations, by drawn cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from small_force import FIRST_DAY, RULES, ZONE, draw_force, draw_question, evidence_of

from becalm.staff.core.administration import plan_administration
from becalm.staff.core.allocate import allocate_roster
from becalm.staff.core.crews import form_crews
from becalm.staff.core.fairness import DayChange, count_rest_days, measure_burdens, measure_spreads
from becalm.staff.core.force import Force, Officer, Span
from becalm.staff.core.forecast import forecast_strength
from becalm.staff.core.judge import RuleWaiver, WorkedTour, judge_roster
from becalm.staff.core.moves import Move, order_to_ask
from becalm.staff.core.need import AdminNeed
from becalm.staff.core.notice import Notice
from becalm.staff.core.released import DemandWeek, measure_release
from becalm.staff.core.roster_problem import Wishes, build_problem
from becalm.staff.core.scenarios import apply_changes, parse_changes
from becalm.staff.core.wishes import answer_wishes, check_pins, settle_swaps
from becalm.staff.desk.solver import open_engine
from becalm.terms import QuestionError, RosterError, UsageError

DAY = timedelta(days=1)


def steady_force(count: int = 20, *, away_rows: int = 0, past_days: int = 60) -> Force:
    """Everybody on early tours every day; the first rows are away from the first planned day on."""
    officers = tuple(Officer(f"T{n + 1:03d}", "constable", f"Unit {n % 2}") for n in range(count))
    width = past_days + 14
    is_away = np.zeros((count, 2 * width), np.bool_)
    is_away[:away_rows, 2 * past_days :] = True
    published = np.ones((count, width), np.int8)
    return Force(officers, FIRST_DAY - past_days * DAY, published, is_away, np.zeros_like(is_away))


def strength_of(force: Force, spans: tuple[Span, ...] = (), **options: object):
    return forecast_strength(
        force, spans, RULES, today=FIRST_DAY, first_day=FIRST_DAY, days=3, zone=ZONE, **options
    )


def test_where_nobody_was_ever_away_unforeseen_the_forecast_is_what_is_known() -> None:
    early = [row for row in strength_of(steady_force(away_rows=4)) if row.tour == "early"]
    assert {(row.p10, row.p50, row.p90) for row in early if row.command_unit == "all"} == {(16.0,) * 3}
    assert {row.available for row in early if row.command_unit == "Unit 0"} == {8}


def test_absences_that_nobody_foresaw_lower_the_strength_by_their_share() -> None:
    force = steady_force(100)
    is_away, spans = force.is_away.copy(), []
    for day in range(60):  # ten others each day, told on the day itself: one in ten
        rows = [(day * 10 + n) % 100 for n in range(10)]
        is_away[rows, 2 * day : 2 * day + 2] = True
        since = datetime.combine(force.first_day + day * DAY, time())
        told_at = (since + timedelta(hours=5)).replace(tzinfo=ZoneInfo(ZONE))
        spans += [Span(f"T{row + 1:03d}", since, since + DAY, "away", told_at) for row in rows]
    rows = strength_of(replace(force, is_away=is_away), tuple(spans))
    whole = next(row for row in rows if row.command_unit == "all" and row.tour == "early")
    assert (whole.available, whole.p50) == (100, pytest.approx(90, abs=1))
    assert 84 < whole.p10 < whole.p50 < whole.p90 < 96


def test_an_event_takes_its_officers_and_a_recruit_counts_from_the_first_day() -> None:
    force = steady_force()
    rows = strength_of(force, event_officers={FIRST_DAY: 6})
    by_day = {row.day: row.p50 for row in rows if row.command_unit == "all" and row.tour == "early"}
    assert (by_day[FIRST_DAY], by_day[FIRST_DAY + DAY]) == (18.0, 20.0)  # a third of the event's six
    recruit = replace(force.officers[0], recruit_since=FIRST_DAY + DAY)
    rows = strength_of(replace(force, officers=(recruit, *force.officers[1:])))
    early = [row for row in rows if row.command_unit == "all" and row.tour == "early"]
    assert [row.available for row in early] == [19, 20, 20]


def test_too_short_a_past_is_refused_with_what_is_missing() -> None:
    with pytest.raises(QuestionError, match="goes back 10 days"):
        strength_of(steady_force(past_days=10))


def test_every_change_that_cannot_be_read_is_named_at_once() -> None:
    with pytest.raises(UsageError) as refusal:
        parse_changes(("airport", "=3"), ("110%",), ("40",), ("15@2020-13-01",))
    assert [fault.where for fault in refusal.value.faults] == [
        "free",
        "free",
        "isolating",
        "event",
        "recruits",
    ]


def test_changes_alter_the_force_by_as_many_as_they_say() -> None:
    force = steady_force(40)
    free, isolating, event, recruits = parse_changes(
        ("airport=5",), ("10%",), (f"6@{FIRST_DAY}",), (f"3@{FIRST_DAY + DAY}",)
    )

    def changed(change) -> Force:
        return apply_changes(force, (change,), np.random.default_rng(1), first_day=FIRST_DAY, days=3)

    column = force.day_index(FIRST_DAY)
    assert len(changed(free).officers) == 45
    assert changed(isolating).is_away[:, 2 * column : 2 * column + 6].all(axis=1).sum() == 4
    assert changed(event).is_away[:, 2 * column].sum() == 6
    assert changed(event).is_away[:, 2 * column + 2].sum() == 0
    joined = changed(recruits)
    assert joined.is_away[40:, 2 * column].all()
    assert not joined.is_away[40:, 2 * column + 2].any()


def test_only_hours_whose_interval_lies_above_nothing_are_sure() -> None:
    weeks = [DemandWeek("events", True, str(n), h) for n, h in enumerate((100.0, 104.0, 96.0))]
    weeks += [DemandWeek("events", False, str(n), h) for n, h in enumerate((60.0, 63.0, 57.0))]
    weeks += [
        DemandWeek("airport", b, "1", h)
        for b, h in ((True, 50.0), (True, 90.0), (False, 60.0), (False, 70.0))
    ]
    airport, events, everything = measure_release(weeks)
    assert (events.released.value, events.is_sure) == (40.0, True)
    assert (airport.released.value, airport.is_sure) == (5.0, False)
    assert everything.released.value == 45.0
    assert everything.released.low < 45.0 < everything.released.high


def worked(number: str, day: date, tour: str = "early", hours: float = 8.0) -> WorkedTour:
    start = {"early": 6, "late": 14, "night": 22}[tour]
    at = datetime.combine(day, time(start), ZoneInfo(ZONE))
    return WorkedTour(number, at, hours, day, tour, "Ash", f"{number} {day}", "visits")


def test_burdens_count_nights_weekends_and_rest_days_that_stay_cancelled() -> None:
    officers = (Officer("T001", "constable", "Ash"), Officer("T002", "inspector", "Ash"))
    saturday = date(2020, 5, 9)
    tours = (
        worked("T001", saturday, "night"),
        worked("T001", saturday + DAY),
        worked("T001", date(2020, 1, 4)),
    )
    changes = (
        DayChange("T001", saturday, "rest", "night", "rest day, short notice"),
        DayChange("T001", saturday + DAY, "rest", "early", "rest day, short notice"),
        DayChange("T001", saturday + DAY, "early", "rest", "tour dropped"),
    )
    force = Force((officers[0],), date(2020, 5, 4), np.full((1, 7), 1, np.int8), *np.zeros((2, 1, 14), bool))
    force.is_away[0, 4:6] = True  # one early tour of the week is missed
    (burden,) = measure_burdens(officers, tours, changes, RULES, last_day=saturday + DAY, force=force)
    # The roster covers one week: 8 hours away count as worked beside the 16, of 40.
    assert (burden.hours_away, burden.hours_contracted, burden.hours_balance) == (8.0, 40.0, -16.0)
    assert (burden.nights, burden.weekend_days, burden.hours) == (1, 2, 16.0)  # January is too long ago
    assert (burden.rest_days_cancelled, burden.days_owed) == (1, 1)
    assert count_rest_days(changes, saturday, saturday)[1] == {"T001": 1}
    assert {spread.measure for spread in measure_spreads((burden,))} == {
        "nights", "weekend_days", "rest_days_cancelled", "days_owed", "hours_balance"
    }  # fmt: skip


def test_administration_is_done_first_by_those_who_may_do_nothing_else() -> None:
    force = steady_force(4)
    is_admin = force.is_admin.copy()
    is_admin[0] = True
    needs = (AdminNeed("Unit 0", FIRST_DAY, 12.0), AdminNeed("Unit 1", FIRST_DAY, 4.0))
    plan = plan_administration(
        replace(force, is_admin=is_admin), needs, (), RULES, first_day=FIRST_DAY, days=1
    )
    unit_0, unit_1 = plan.days
    assert (unit_0.admin_only_hours, unit_0.hours_left, unit_1.hours_left) == (8.0, 4.0, 4.0)
    assert plan.freed_tours == 1.0
    assert [len(crew.officers) for crew in plan.crews] == [1]


def swap_case():
    """Officers on tours that may and may not be changed for each other."""
    force = draw_force(11, officers=12, days=7, away_share=0.05)
    question = draw_question(11, force, days=7)
    return build_problem(force, RULES, question)


def test_a_swap_is_granted_only_if_both_stay_within_the_rules() -> None:
    problem = swap_case()
    outcomes = {}
    for first in range(12):
        for second in range(first + 1, 12):
            for column in range(7):
                swap = (
                    problem.officers[first].staff_number,
                    problem.officers[second].staff_number,
                    FIRST_DAY + column * DAY,
                )
                wishes, refusals = settle_swaps(problem, Wishes(swaps=(swap,)), RULES)
                outcomes[swap] = refusals.get(0, "granted")
                if not refusals:
                    check_pins(problem, wishes, RULES)
    assert "granted" in outcomes.values()
    assert any("could not work it within the rules" in text for text in outcomes.values())
    assert "both have the same tour already" in outcomes.values()


def test_pins_that_no_lawful_line_keeps_are_refused_by_name() -> None:
    problem = swap_case()
    number = problem.officers[0].staff_number
    pins = {(number, FIRST_DAY + n * DAY): tour for n, tour in enumerate(("night", "early"))}
    with pytest.raises(RosterError, match=number):
        check_pins(problem, Wishes(pins=pins), RULES)


def test_every_wish_gets_an_answer_and_partners_serve_together() -> None:
    problem = swap_case()
    roster = allocate_roster(problem, np.random.default_rng(1), work=0, open_engine=open_engine)
    crews = [c for c in form_crews(problem, roster.lines, RULES) if c.use == "patrol" and len(c.officers) > 1]
    tour_crews = [c for c in crews if (c.day, c.tour) == (crews[0].day, crews[0].tour)]
    pair = (tour_crews[0].officers[0], tour_crews[-1].officers[-1])
    names = tuple(officer.staff_number for officer in pair)
    wishes = Wishes(partners=((*names, crews[0].day),), days_off=frozenset({(names[0], crews[0].day)}))
    together = form_crews(problem, roster.lines, RULES, wishes.partners)
    off, crew = answer_wishes(problem, roster.lines, together, wishes, {}, RULES)
    assert (off.kind, off.is_granted) == ("off", False)
    assert (crew.kind, crew.is_granted) == ("crew", True)


def test_a_supervisor_is_named_for_each_crew_of_a_tour_that_has_one() -> None:
    problem = swap_case()
    roster = allocate_roster(problem, np.random.default_rng(1), work=0, open_engine=open_engine)
    crews = form_crews(problem, roster.lines, RULES)
    for crew in crews:
        sergeants = {
            o.staff_number
            for other in crews
            if (other.day, other.tour, other.command_unit) == (crew.day, crew.tour, crew.command_unit)
            for o in other.officers
            if o.rank == "sergeant"
        }
        assert crew.supervisor in sergeants if sergeants else crew.supervisor == ""


def test_a_derogation_sets_a_rule_aside_and_owes_rest() -> None:
    force = draw_force(3, officers=6, days=7)
    problem = build_problem(force, RULES, draw_question(3, force, days=7))
    roster = allocate_roster(problem, np.random.default_rng(1), work=0, open_engine=open_engine)
    evidence = replace(evidence_of(force, problem, roster.lines), spans=())
    number = force.officers[0].staff_number
    short_rest = (worked(number, FIRST_DAY, "late"), worked(number, FIRST_DAY + DAY, "early"))
    evidence = replace(evidence, tours=short_rest, past_tours=())
    assert [v.rule for v in judge_roster(evidence).violations] == ["daily_rest_hours"]
    rest_until = datetime.combine(FIRST_DAY + 3 * DAY, time(6), ZoneInfo(ZONE))
    waiver = RuleWaiver(number, "daily_rest_hours", FIRST_DAY + DAY, rest_until)
    judgement = judge_roster(replace(evidence, waivers=(waiver,)))
    assert (judgement.violations, len(judgement.set_aside)) == ((), 1)
    early_again = (*short_rest, worked(number, FIRST_DAY + 2 * DAY, "late"))
    judgement = judge_roster(replace(evidence, tours=early_again, waivers=(waiver,)))
    assert [v.rule for v in judgement.violations] == ["compensatory_rest"]


def test_who_lost_fewest_rest_days_is_asked_first() -> None:
    def move(number: str, notice_class) -> Move:
        return Move(number, FIRST_DAY, "rest", "early", "Ash", Notice(notice_class, 0, ""), "needed")

    moves = (
        move("T001", "rest day, short notice"),
        move("T002", "rest day, short notice"),
        move("T003", "start moved"),
    )
    ordered = order_to_ask(moves, {"T001": 2})
    assert [m.staff_number for m in ordered] == ["T003", "T002", "T001"]
    assert "2 rest days cancelled so far" in ordered[-1].why

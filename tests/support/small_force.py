"""Small forces that are drawn from a seed, as the engine and its rivals take them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.staff.core.allocate import Lines
from becalm.staff.core.crews import form_crews
from becalm.staff.core.force import Force, Officer, Span
from becalm.staff.core.judge import Evidence, WorkedTour, list_past_tours
from becalm.staff.core.need import TourNeed
from becalm.staff.core.roster_problem import RosterProblem, RosterQuestion, build_problem
from becalm.staff.core.rule_book import RuleBook
from becalm.staff.files.read_rules import read_rules

FIRST_DAY = date(2020, 5, 4)
PATTERN = (1, 1, 2, 2, 3, 3, 0, 0, 0, 0)
PAST_DAYS = 119
RULES: RuleBook = read_rules()
ZONE = "Europe/London"


def draw_force(seed: int, *, officers: int, days: int, units: int = 1, away_share: float = 0.2) -> Force:
    """Officers on the usual pattern, some of them away, with skills, tutors and recruits."""
    rng = np.random.default_rng(seed)
    width = PAST_DAYS + days + 10
    phase = rng.integers(0, len(PATTERN), officers)
    published = np.array(PATTERN)[(np.arange(width)[None, :] + phase[:, None]) % len(PATTERN)].astype(np.int8)
    is_away = np.zeros((officers, 2 * width), np.bool_)
    for row in range(officers):
        day = int(rng.geometric(away_share / 3))
        while day < width:
            end = day + int(rng.integers(1, 8))
            is_away[row, 2 * day + int(rng.integers(2)) : 2 * end] = True
            day = end + int(rng.geometric(away_share / 3))
    people = tuple(
        Officer(
            staff_number=f"T{row + 1:03d}",
            rank="sergeant" if rng.random() < 0.2 else "constable",
            command_unit=f"Unit {row * units // officers + 1}",
            skills={"driver": None} if rng.random() < 0.5 else {},
            is_tutor=bool(rng.random() < 0.4),
            recruit_since=FIRST_DAY - timedelta(weeks=5) if rng.random() < 0.15 else None,
            barred_tours=("night",) if rng.random() < 0.1 else (),
            unwelcome_tours=("early",) if rng.random() < 0.2 else (),
            earlier_hours=500.0,
        )
        for row in range(officers)
    )
    return Force(people, FIRST_DAY - timedelta(days=PAST_DAYS), published, is_away, np.zeros_like(is_away))


def draw_question(seed: int, force: Force, *, days: int, share: float = 0.18) -> RosterQuestion:
    """Needs of about this share of a command unit's officers on each tour."""
    rng = np.random.default_rng(seed + 1)
    units = sorted({officer.command_unit for officer in force.officers})
    sizes = {unit: sum(officer.command_unit == unit for officer in force.officers) for unit in units}
    needs = tuple(
        TourNeed(
            unit, FIRST_DAY + timedelta(days=day), kind.tour, int(rng.binomial(sizes[unit], share)), "drawn"
        )
        for unit in units
        for day in range(days)
        for kind in RULES.tours
    )
    return RosterQuestion(FIRST_DAY, days, FIRST_DAY - timedelta(days=1), "Europe/London", needs)


def draw_problem(seed: int, *, officers: int = 8, days: int = 7, units: int = 1) -> RosterProblem:
    """A small problem of its own for each seed."""
    force = draw_force(seed, officers=officers, days=days, units=units)
    return build_problem(force, RULES, draw_question(seed, force, days=days))


def spans_of(force: Force) -> tuple[Span, ...]:
    """The half-days away, as spans."""
    begin = datetime.combine(force.first_day, time())
    return tuple(
        Span(
            officer.staff_number,
            begin + timedelta(hours=12 * int(half)),
            begin + timedelta(hours=12 * (int(half) + 1)),
            "away",
            datetime(2019, 1, 1, tzinfo=ZoneInfo(ZONE)),
        )
        for row, officer in enumerate(force.officers)
        for half in np.flatnonzero(force.is_away[row])
    )


def evidence_of(force: Force, problem: RosterProblem, lines: Lines, rules: RuleBook = RULES) -> Evidence:
    """The crews of these lines as the judge takes them."""
    tours = tuple(
        WorkedTour(
            officer.staff_number,
            datetime.combine(crew.day, crew.start, ZoneInfo(ZONE)),
            crew.hours,
            crew.day,
            crew.tour,
            crew.command_unit,
            crew.unit,
            crew.use,
        )
        for crew in form_crews(problem, lines, rules)
        for officer in crew.officers
    )
    spans = spans_of(force)
    past = list_past_tours(
        force.officers,
        force.published.tolist(),
        spans,
        rules,
        first_day=force.first_day,
        until=FIRST_DAY,
        zone=ZONE,
    )
    past_first_day = FIRST_DAY - timedelta(days=PAST_DAYS)
    return Evidence(tours, past, force.officers, spans, rules, FIRST_DAY, ZONE, past_first_day)

"""Whatever the force: the judge, who shares no code with the engine, finds its rosters lawful."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import numpy as np
import pytest
from small_force import FIRST_DAY, RULES, draw_force, draw_question, evidence_of

from becalm.staff.core.allocate import allocate_roster, evaluate
from becalm.staff.core.force import Span
from becalm.staff.core.judge import RULE_NAMES, Evidence, judge_roster
from becalm.staff.core.roster_problem import build_problem
from becalm.staff.desk.solver import open_engine


def check_lawful(seed: int) -> None:
    rng = np.random.default_rng(seed)
    officers, days, units = int(rng.integers(4, 40)), int(rng.integers(3, 15)), int(rng.integers(1, 4))
    force = draw_force(
        seed, officers=officers, days=days, units=units, away_share=float(rng.uniform(0.05, 0.5))
    )
    problem = build_problem(
        force, RULES, draw_question(seed, force, days=days, share=float(rng.uniform(0.05, 0.4)))
    )
    roster = allocate_roster(problem, rng, work=int(rng.integers(0, 3)), open_engine=open_engine)
    judgement = judge_roster(evidence_of(force, problem, roster.lines))
    assert judgement.violations == ()
    assert roster.bound <= roster.lines.cost + 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_a_roster_breaks_no_rule(seed: int) -> None:
    check_lawful(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1000))
def test_1000_rosters_break_no_rule(seed: int) -> None:
    check_lawful(seed + 10_000)


@pytest.mark.parametrize("work", [0, 3])
def test_the_same_seed_and_work_give_the_same_roster(work: int) -> None:
    force = draw_force(5, officers=30, days=14, units=2)
    problem = build_problem(force, RULES, draw_question(5, force, days=14))
    first, second = (
        allocate_roster(problem, np.random.default_rng(7), work=work, open_engine=open_engine)
        for _ in range(2)
    )
    assert np.array_equal(first.lines.tours, second.lines.tours)


@pytest.fixture(scope="module")
def lawful() -> Evidence:
    """The lawful roster of 30 officers, to plant faults in."""
    force = draw_force(3, officers=30, days=14)
    problem = build_problem(force, RULES, draw_question(3, force, days=14))
    lines = evaluate(problem, problem.remaining_lines, np.repeat(problem.people.units[:, :1], 14, axis=1))
    evidence = evidence_of(force, problem, lines)
    assert judge_roster(evidence).violations == ()
    return evidence


def planted_faults(evidence: Evidence) -> dict[str, Evidence]:
    """The same evidence with one fault for each rule."""
    first = evidence.tours[0]
    owner = next(officer for officer in evidence.officers if officer.staff_number == first.staff_number)
    others = tuple(officer for officer in evidence.officers if officer is not owner)
    run = tuple(
        replace(first, day=FIRST_DAY + timedelta(days=n), start=first.start + timedelta(days=n), unit=f"x{n}")
        for n in range(14)
    )
    nights = tuple(replace(t, tour="night", start=t.start.replace(hour=22), use="admin") for t in run)
    midnight = datetime.combine(first.day, time())
    away = Span(
        first.staff_number, midnight, midnight + timedelta(days=2), "away", evidence.spans[0].recorded_at
    )
    late = replace(first, start=first.start + timedelta(hours=14), unit="late one")
    early = replace(first, day=first.day + timedelta(days=1), start=first.start + timedelta(days=1))
    double = replace(first, start=first.start + timedelta(hours=12))
    alone = (replace(first, unit="alone", use="patrol"),)
    recruit = replace(owner, recruit_since=FIRST_DAY - timedelta(days=9), is_tutor=False)

    def owned_by(**changes: object) -> Evidence:
        return replace(evidence, officers=(replace(owner, **changes), *others))  # type: ignore[arg-type]

    return {
        "known_officer": replace(evidence, tours=(replace(first, staff_number="X9"), *evidence.tours)),
        "rostered_rank": owned_by(rank="inspector"),
        "one_tour_a_day": replace(evidence, tours=(double, *evidence.tours)),
        "available": replace(evidence, spans=(*evidence.spans, away)),
        "barred_tours": owned_by(barred_tours=(first.tour,)),
        "daily_rest_hours": replace(evidence, tours=(late, early)),
        "weekly_rest_hours": replace(evidence, tours=nights, spans=()),
        "longest_run_days": replace(evidence, tours=run, spans=()),
        "longest_night_run": replace(evidence, tours=nights, spans=()),
        "weekly_hours": replace(evidence, rules=with_value("weekly_hours", 10)),
        "night_hours": replace(evidence, rules=with_value("night_hours", 1)),
        "minimum_crew": replace(evidence, tours=alone),
        "recruits_per_tutor": replace(evidence, officers=(recruit, *others), tours=alone),
        "patrol_and_visits": replace(evidence, tours=(*alone, replace(first, use="visits"))),
    }


def with_value(rule: str, value: float):
    rules = tuple(replace(entry, value=value) if entry.rule == rule else entry for entry in RULES.rules)
    return replace(RULES, rules=rules)


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_planted_fault_of_each_rule_is_found(rule: str, lawful: Evidence) -> None:
    assert rule in {violation.rule for violation in judge_roster(planted_faults(lawful)[rule]).violations}


@pytest.mark.parametrize("seed", [1, 2])
def test_lending_costs_no_more_and_no_less_than_its_bound(seed: int) -> None:
    force = draw_force(seed, officers=45, days=7, units=3, away_share=0.35)
    question = draw_question(seed, force, days=7, share=0.2)
    units = sorted({officer.command_unit for officer in force.officers})
    neighbours = {unit: tuple(name for name in units if name != unit) for unit in units}
    lent_question = replace(question, neighbours=neighbours)
    home_roster, lent_roster = (
        allocate_roster(
            build_problem(force, RULES, asked_question),
            np.random.default_rng(seed),
            work=3,
            open_engine=open_engine,
        )
        for asked_question in (question, lent_question)
    )
    assert 0 < lent_roster.bound <= lent_roster.lines.cost + 1e-6
    assert lent_roster.bound <= home_roster.bound + 1e-6
    assert lent_roster.lines.cost <= home_roster.lines.cost + 1e-6
    problem = build_problem(force, RULES, lent_question)
    assert judge_roster(evidence_of(force, problem, lent_roster.lines)).violations == ()

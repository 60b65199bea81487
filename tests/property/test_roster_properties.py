"""Whatever the force: the judge, who shares no code with the engine, finds its rosters lawful."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_force import RULES, draw_force, draw_question, evidence_of

from becalm.staff.core.allocate import allocate_roster
from becalm.staff.core.judge import judge_roster
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

"""Rosters against brute force, against CP-SAT, and against their own bound."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from roster_rival import solve_by_cp_sat
from small_force import draw_problem

from becalm.staff.core.allocate import allocate_roster
from becalm.staff.core.line_kernels import find_best_line, price_line
from becalm.staff.core.near_lines import list_near_lines
from becalm.staff.desk.solver import open_engine


@pytest.mark.parametrize("seed", range(4))
def test_the_best_line_is_the_best_of_all_lines(seed: int) -> None:
    problem = draw_problem(seed, officers=6, days=6)
    rng = np.random.default_rng(seed)
    for officer in range(6):
        prices = np.where(problem.possible[officer], rng.normal(0.0, 10.0, (6, 4)).round(2), np.inf)
        line = np.zeros(6, np.int64)
        best = find_best_line(prices, problem.rules, problem.limits, officer, line)
        every_line = (np.array(options) for options in product(range(4), repeat=6))
        least = min(
            price_line(prices, problem.rules, problem.limits, officer, candidate) for candidate in every_line
        )
        assert best == pytest.approx(least)
        assert price_line(prices, problem.rules, problem.limits, officer, line) == pytest.approx(best)


@pytest.mark.parametrize("slack", [0.0, 4.0, 30.0])
def test_the_lines_near_the_best_are_all_that_are_near_it(slack: float) -> None:
    problem = draw_problem(2, officers=6, days=6)
    duals = np.zeros((*problem.cells.need.shape, 2 + problem.cells.need_skills.shape[3]))
    duals[..., 0] = np.random.default_rng(5).uniform(0.0, 12.0, duals.shape[:3]).round(2)
    for officer in range(6):
        prices = problem.people.line_price[officer] - duals[0, :, :, 0]
        prices[:, 0] = problem.people.line_price[officer, :, 0]
        price_of_line = {
            options: price_line(prices, problem.rules, problem.limits, officer, np.array(options))
            for options in product(range(4), repeat=6)
        }
        most = min(price_of_line.values()) + slack
        near = {options for options, price in price_of_line.items() if price <= most + 1e-7}
        found = np.zeros((4**6, 6), np.int64)
        words = (officer, duals, problem.people, problem.rules, problem.limits, slack)
        count = list_near_lines(*words, found)
        assert {tuple(line) for line in found[:count].tolist()} == near
        assert list_near_lines(*words, found[: len(near) - 1]) == -1


def check_against_cp_sat(seed: int, *, officers: int, days: int, seconds: float) -> None:
    problem = draw_problem(seed, officers=officers, days=days)
    roster = allocate_roster(problem, np.random.default_rng(seed), work=10, open_engine=open_engine)
    rival = solve_by_cp_sat(problem, seconds=seconds, hint=roster.lines.tours)
    assert roster.bound <= rival.cost + 0.01
    if rival.is_proven:
        assert roster.lines.cost == pytest.approx(rival.cost, abs=0.01)
    else:
        assert roster.lines.cost <= rival.cost + 0.01


@pytest.mark.parametrize("seed", range(12))
def test_a_small_roster_costs_what_cp_sat_proves_to_be_least(seed: int) -> None:
    check_against_cp_sat(seed, officers=5, days=5, seconds=10)


@pytest.mark.parametrize("seed", [58, 109])
def test_a_roster_far_above_its_linear_bound_is_still_the_best(seed: int) -> None:
    check_against_cp_sat(seed, officers=8, days=7, seconds=60)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(200))
def test_200_rosters_of_8_officers_and_7_days_cost_what_cp_sat_proves(seed: int) -> None:
    check_against_cp_sat(seed, officers=8, days=7, seconds=120)

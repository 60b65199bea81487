"""The judge finds nothing wrong with the planner's plans, of whatever request."""

from __future__ import annotations

import json

import pytest
from random_patrols import plan_files, random_request

from becalm.patrol.core.judge_plan import judge_plan
from becalm.terms import PlanError


def judged(seed: int) -> tuple[int, int]:
    """How many bursts were judged, and whether the request was refused instead."""
    try:
        plan, visits = plan_files(random_request(seed), key=seed.to_bytes(32, "big"))
    except PlanError:  # say, a tour that begins before the unit's last one has ended
        return 0, 1
    verdict = judge_plan(json.loads(plan), visits.encode())
    assert verdict.violations == (), f"request {seed}"
    return verdict.visits, 0


def test_thirty_random_requests_are_planned_without_a_violation() -> None:
    verdicts = [judged(seed) for seed in range(30)]
    assert sum(visits for visits, _ in verdicts) > 300
    assert sum(refused for _, refused in verdicts) <= 15


@pytest.mark.exhaustive
@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_requests_are_planned_without_a_violation(block: int) -> None:
    verdicts = [judged(seed) for seed in range(1000 + block * 100, 1100 + block * 100)]
    assert sum(visits for visits, _ in verdicts) > 1000
    assert sum(refused for _, refused in verdicts) <= 50

"""Requests on which a fit once ran away: the law stays one that numbers can hold."""

from __future__ import annotations

import math

import pytest
from random_patrols import random_request

from becalm.patrol.core.plan import plan_bursts


@pytest.mark.parametrize("seed", [1410])
def test_a_law_never_weighs_more_than_numbers_can_hold(seed: int) -> None:
    plan = plan_bursts(random_request(seed), key=seed.to_bytes(32, "big"), bound=True)
    assert all(math.isfinite(route.bits) and math.isfinite(route.surprise_bits) for route in plan.routes)
    assert 0.0 < plan.bits <= plan.bound_bits * 1.001
    assert sum(row.visits for row in plan.dosage) < 3 * sum(row.target_visits for row in plan.dosage) + 10

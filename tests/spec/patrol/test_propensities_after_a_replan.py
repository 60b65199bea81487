"""After a tour was drawn again, the chances of a start are those of the law that held from then on."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from patrol_requests import KEY, place, request, shift

from becalm.patrol.core.plan import fit_distribution, plan_bursts
from becalm.patrol.core.plan_result import UnitRoute
from becalm.patrol.core.replan import (
    ReplanMoment,
    ReplanStep,
    UnitState,
    find_unit_state,
    replan_bursts,
    update_propensities,
)

INPUTS = request(
    [place("near", 400.0, visits=3.0), place("far", 900.0, visits=3.0)], [shift("a"), shift("b", hour=9)]
)
DISTRIBUTION = fit_distribution(INPUTS)
PLAN = plan_bursts(INPUTS, key=KEY, distribution=DISTRIBUTION)
AT = INPUTS.shifts[0].hours.start + timedelta(hours=3)
CELL = int((AT - PLAN.propensities.first_cell) / timedelta(minutes=15))


def route_of(unit: str) -> UnitRoute:
    return next(route for route in PLAN.routes if route.unit == unit)


def after(key: bytes, *states: UnitState) -> np.ndarray:
    step = ReplanStep(ReplanMoment(DISTRIBUTION, PLAN.routes, AT, 1, key), states)
    return update_propensities(INPUTS, DISTRIBUTION, KEY, PLAN.propensities, [step]).start_chances


def test_before_the_moment_nothing_changes_and_after_it_something_does() -> None:
    new, old = after(KEY, find_unit_state(INPUTS, route_of("a"), AT)), PLAN.propensities.start_chances
    assert new[:, :CELL] == pytest.approx(old[:, :CELL], abs=1e-12)
    assert np.abs(new[:, CELL + 2 :] - old[:, CELL + 2 :]).max() > 1e-6
    assert ((new >= 0) & (new <= 1)).all()


def test_with_everybody_gone_home_nobody_starts() -> None:
    units_off_duty = [UnitState(unit, AT, "station", on_duty=False) for unit in ("a", "b")]
    assert after(KEY, *units_off_duty)[:, CELL + 1 :] == pytest.approx(0.0, abs=1e-12)


def test_without_a_replan_they_are_those_of_the_first_draw() -> None:
    same = update_propensities(INPUTS, DISTRIBUTION, KEY, PLAN.propensities, [])
    assert same.start_chances.tolist() == PLAN.propensities.start_chances.tolist()


def test_they_are_the_share_of_replans_that_start_a_burst_in_a_cell() -> None:
    states = (
        find_unit_state(INPUTS, route_of("a"), AT),
        UnitState("b", AT, "station", on_duty=False),
    )
    last = max([AT, states[0].free_from]) + timedelta(minutes=15)
    cells = int((last - PLAN.propensities.first_cell) / timedelta(minutes=15)) + 1
    propensities, start_shares = after(KEY, *states), np.zeros_like(PLAN.propensities.start_chances)
    for number in range(400):
        now = ReplanMoment(DISTRIBUTION, PLAN.routes, AT, number + 1, KEY)
        for route in replan_bursts(INPUTS, now, states):
            for burst in route.bursts:
                minutes = (burst.span.start - PLAN.propensities.first_cell) / timedelta(minutes=1)
                row = PLAN.propensities.hotspots.index(burst.hotspot)
                start_shares[row, int(minutes // 15)] += 1 / 400
    assert propensities[:, cells:].sum() == pytest.approx(start_shares[:, cells:].sum(), rel=0.1)
    assert np.abs(start_shares - propensities)[:, cells:].max() < 5 * np.sqrt(0.25 / 400)

"""Whatever is asked, a plan keeps the rules, and does not hang on the order of the input."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patrol_requests import KEY, broken_rules, place, request, shift

from becalm.patrol.core import fit_distribution
from becalm.patrol.core.chances import estimate_chances
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import PatrolPolicy, PlanInputs, Span
from becalm.patrol.core.replan import ReplanMoment, find_unit_state, replan_bursts
from becalm.terms import PlanError

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarse fit is enough here: the rules do not hang on it."""
    monkeypatch.setattr(fit_distribution, "ROUNDS", 3)
    monkeypatch.setattr(fit_distribution, "PILOT_TOURS", 20)


@st.composite
def requests(draw: st.DrawFn) -> PlanInputs:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    places = []
    for number in range(draw(st.integers(1, 6))):
        name, at = f"p{number}", float(rng.integers(0, 4_000))
        gap = (int(rng.choice([0, 20, 30, 45])), float(rng.choice([0.0, 0.5, 1.0])))
        shut = shift("x").hours.start + timedelta(minutes=int(rng.integers(0, 400)))
        blackouts = (Span(shut, shut + timedelta(minutes=77)),) if rng.random() < 0.4 else ()
        arm = str(rng.choice(["", "", "off", "low", "high"]))
        places.append(
            place(
                name,
                at,
                visits=float(rng.uniform(0.2, 5)),
                gap_minutes=gap[0],
                gap_weight=gap[1],
                blackouts=blackouts,
                arm=arm,
            )
        )
    shifts = []
    for number in range(draw(st.integers(1, 5))):
        start = shift("x", hour=int(rng.integers(5, 15)), hours=float(rng.choice([5.0, 8.0, 9.5])))
        delay = timedelta(minutes=int(rng.integers(0, 60)))
        hours = Span(start.hours.start + delay, start.hours.end + delay)
        more = {"pair": "both" if number < 2 else "", "burst_share": float(rng.choice([1.0, 0.7]))}
        meal = int(rng.choice([0, 30, 45]))
        shifts.append(replace(start, unit=f"u{number}", hours=hours, meal_minutes=meal, **more))  # type: ignore[arg-type]
    slot = int(rng.choice([1, 5, 10]))
    policy = PatrolPolicy(
        slot_minutes=slot,
        travel_weight=float(rng.choice([-0.1, 0.05])),
        feedback=0.1,
        pairing=bool(rng.integers(0, 2)),
    )
    return request(places, shifts, policy=policy)


@QUICK
@given(inputs=requests())
def test_a_plan_breaks_no_rule_or_says_why_there_is_none(inputs: PlanInputs) -> None:
    try:
        plan = plan_bursts(inputs, key=KEY)
    except PlanError as error:
        reasons = error.faults
        plan = None
    if plan is None:
        assert reasons
        return
    assert broken_rules(inputs, plan) == []
    assert len(plan.routes) == len(inputs.shifts)
    chances = estimate_chances(inputs, plan.distribution, draws=2)
    assert (np.isfinite(chances.start) & (chances.start >= 0) & (chances.presence >= 0)).all()
    # What nobody could give has no chance, and what was given had one.
    assert (chances.start.sum() > 0) == (chances.presence.sum() > 0)


@QUICK
@given(inputs=requests(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(inputs: PlanInputs, order: object) -> None:
    places, shifts = list(inputs.places), list(inputs.shifts)
    order.shuffle(places)  # type: ignore[attr-defined]  # Hypothesis' own Random
    order.shuffle(shifts)  # type: ignore[attr-defined]  # as above
    other = replace(inputs, places=tuple(places), shifts=tuple(shifts))
    try:
        plan = plan_bursts(inputs, key=KEY)
    except PlanError:
        with pytest.raises(PlanError):
            plan_bursts(other, key=KEY)
        return
    other_plan = plan_bursts(other, key=KEY)
    assert other_plan.bursts == plan.bursts
    assert other_plan.distribution == plan.distribution


@QUICK
@given(inputs=requests(), minute=st.integers(0, 500))
def test_a_replan_breaks_no_rule_and_leaves_what_has_begun(inputs: PlanInputs, minute: int) -> None:
    try:
        plan = plan_bursts(inputs, key=KEY)
    except PlanError:
        return
    at = min(s.hours.start for s in inputs.shifts) + timedelta(minutes=minute)
    on = [
        r
        for r, s in zip(plan.routes, sorted_shifts(inputs), strict=True)
        if s.hours.start <= at < s.hours.end
    ]
    if not on:
        return
    now = ReplanMoment(plan.distribution, plan.routes, at, 1, KEY)
    new = replan_bursts(inputs, now, tuple(find_unit_state(inputs, route, at) for route in on))
    names = {route.unit for route in new}
    assert names == {route.unit for route in on}
    routes = (*(r for r in plan.routes if r.unit not in names), *new)
    bursts = tuple(b for route in routes for b in route.bursts)
    assert broken_rules(inputs, replace(plan, routes=routes, bursts=bursts)) == []
    begun = {b for b in plan.bursts if b.span.start <= at}
    assert {b for b in bursts if b.span.start <= at} == begun


def sorted_shifts(inputs: PlanInputs) -> list:
    return sorted(inputs.shifts, key=lambda s: (s.hours.start, s.unit, s.day))

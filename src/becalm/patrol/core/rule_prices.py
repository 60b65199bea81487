"""What does each rule of the policy cost in bits, and in predictability?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import PatrolPlan

Change = Callable[[PlanInputs], PlanInputs]
HARD_GAP_MINUTES = 45


@dataclass(frozen=True, slots=True)
class Price:
    """A plan under one change of the rules, all else equal."""

    rule: str
    bits_per_tour: float
    entropy_ratio: float  # against the least predictable plan with the dosage that this one gives
    travel_share: float
    dosage_error: float  # of drawn visits, weighted by their targets
    shortfall_visits: float  # that this change makes impossible
    gain: float | None  # what an attacker gains by the past, if somebody measured it


def build_price_list(
    inputs: PlanInputs, *, key: bytes, area: str, attack: Callable[[PlanInputs], float] | None = None
) -> tuple[Price, ...]:
    """What would a plan of one area be like under other rules: the policy as it is, then one change each?

    Every line fits a distribution of its own and draws one plan from it. `attack`, if given, measures what an
    attacker gains by the past under these rules.
    """
    prices = []
    for rule, change in CHANGES:
        changed_inputs = change(restrict_to_area(inputs, area))
        plan = plan_bursts(changed_inputs, key=key, bound=True)
        prices.append(
            Price(
                rule=rule,
                bits_per_tour=plan.bits / len(plan.routes),
                entropy_ratio=plan.entropy_ratio,
                travel_share=plan.travel_share,
                dosage_error=compute_dosage_error(plan),
                shortfall_visits=sum(s.target_visits - s.expected_visits for s in plan.shortfalls),
                gain=attack(changed_inputs) if attack else None,
            )
        )
    return tuple(prices)


def restrict_to_area(inputs: PlanInputs, area: str) -> PlanInputs:
    """The same inputs for one area alone."""
    return replace(
        inputs,
        places=tuple(place for place in inputs.places if place.area == area),
        shifts=tuple(shift for shift in inputs.shifts if shift.area == area),
        policy=replace(inputs.policy, area_share_cap=1.0),
    )


def compute_dosage_error(plan: PatrolPlan) -> float:
    """How far are the drawn visits from their targets, weighted by the targets?"""
    targets = sum(row.target_visits for row in plan.dosage)
    return sum(abs(row.visits - row.target_visits) for row in plan.dosage) / targets if targets else 0.0


def _change_policy(**settings: Any) -> Change:
    return lambda inputs: replace(inputs, policy=replace(inputs.policy, **settings))


def _change_gap(minutes: int | None, weight: float) -> Change:
    """Another gap at every place; None keeps its length."""

    def change(inputs: PlanInputs) -> PlanInputs:
        places = tuple(
            replace(p, gap_minutes=p.gap_minutes if minutes is None else minutes, gap_weight=weight)
            for p in inputs.places
        )
        return replace(inputs, places=places)

    return change


def _keep_middle_length(inputs: PlanInputs) -> PlanInputs:
    middle = sorted(inputs.policy.burst_minutes)[len(inputs.policy.burst_minutes) // 2]
    return _change_policy(burst_minutes=(middle,))(inputs)


CHANGES: tuple[tuple[str, Change], ...] = (
    ("the policy as it is", _change_policy()),
    ("no gap", _change_gap(None, 1.0)),
    (f"a hard gap of {HARD_GAP_MINUTES} minutes", _change_gap(HARD_GAP_MINUTES, 0.0)),
    ("no pull of visits owed", _change_policy(feedback=0.0)),
    ("a near-quota: visits owed pull with 0.5", _change_policy(feedback=0.5)),
    ("travel for nothing: near and far alike", _change_policy(travel_weight=0.0)),
    ("near moves dearer by 0.12 nats a minute", _change_policy(travel_weight=-0.12)),
    ("travel at 0.03 nats a minute", _change_policy(travel_weight=0.03)),
    ("travel at 0.06 nats a minute", _change_policy(travel_weight=0.06)),
    ("travel at 0.12 nats a minute", _change_policy(travel_weight=0.12)),
    ("one burst length", _keep_middle_length),
)

"""What does each rule of the policy cost in bits, and in predictability?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

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
    request: PlanInputs, *, key: bytes, area: str, attack: Callable[[PlanInputs], float] | None = None
) -> tuple[Price, ...]:
    """What would a plan of one area be like under other rules: the policy as it is, then one change each?

    Every line fits a law of its own and draws one plan from it. `attack`, if given, measures what an
    attacker gains by the past under a request's rules.
    """
    own = restrict_to_area(request, area)
    return tuple(_price(name, change(own), key, attack) for name, change in CHANGES)


def restrict_to_area(request: PlanInputs, area: str) -> PlanInputs:
    """The same request for one area alone."""
    return replace(
        request,
        places=tuple(place for place in request.places if place.area == area),
        shifts=tuple(shift for shift in request.shifts if shift.area == area),
        policy=replace(request.policy, area_share_cap=1.0),
    )


def _price(name: str, asked: PlanInputs, key: bytes, attack: Callable[[PlanInputs], float] | None) -> Price:
    plan = plan_bursts(asked, key=key, bound=True)
    return Price(
        rule=name,
        bits_per_tour=plan.bits / len(plan.routes),
        entropy_ratio=plan.entropy_ratio,
        travel_share=plan.travel_share,
        dosage_error=compute_dosage_error(plan),
        shortfall_visits=sum(short.target_visits - short.expected_visits for short in plan.shortfalls),
        gain=attack(asked) if attack else None,
    )


def compute_dosage_error(plan: PatrolPlan) -> float:
    """How far are the drawn visits from their targets, weighted by the targets?"""
    due = sum(row.target_visits for row in plan.dosage)
    return sum(abs(row.visits - row.target_visits) for row in plan.dosage) / due if due else 0.0


def _as_it_is(request: PlanInputs) -> PlanInputs:
    return request


def _gap(minutes: int | None, weight: float) -> Change:
    """Another gap at every place; None keeps its length."""

    def change(request: PlanInputs) -> PlanInputs:
        places = tuple(
            replace(p, gap_minutes=p.gap_minutes if minutes is None else minutes, gap_weight=weight)
            for p in request.places
        )
        return replace(request, places=places)

    return change


def _feedback(strength: float) -> Change:
    return lambda request: replace(request, policy=replace(request.policy, feedback=strength))


def _travel(weight: float) -> Change:
    return lambda request: replace(request, policy=replace(request.policy, travel_weight=weight))


def _one_length(request: PlanInputs) -> PlanInputs:
    middle = sorted(request.policy.burst_minutes)[len(request.policy.burst_minutes) // 2]
    return replace(request, policy=replace(request.policy, burst_minutes=(middle,)))


CHANGES: tuple[tuple[str, Change], ...] = (
    ("the policy as it is", _as_it_is),
    ("no gap", _gap(None, 1.0)),
    (f"a hard gap of {HARD_GAP_MINUTES} minutes", _gap(HARD_GAP_MINUTES, 0.0)),
    ("no pull of visits owed", _feedback(0.0)),
    ("a near-quota: visits owed pull with 0.5", _feedback(0.5)),
    ("travel for nothing: near and far alike", _travel(0.0)),
    ("near moves dearer by 0.12 nats a minute", _travel(-0.12)),
    ("travel at 0.03 nats a minute", _travel(0.03)),
    ("travel at 0.06 nats a minute", _travel(0.06)),
    ("travel at 0.12 nats a minute", _travel(0.12)),
    ("one burst length", _one_length),
)

"""What each rule of a list costs: the expected incidents that the list misses because of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from becalm.find.core.rules import Rules
from becalm.methods.subset import SubsetProblem, best_subset
from becalm.terms import PlaceDecision, RuleKind, RulePrice

Loosened = tuple[RuleKind, str, str, Rules | None, Rules | None]
"""Kind, rule and unit in words, the rules with this one relaxed by one unit, and those without it."""


def price_rules(
    expected: float, rules: Rules, build_problem: Callable[[Rules], SubsetProblem], *, step_m: float
) -> Iterator[RulePrice]:
    """How much more would be expected of the list if each rule in turn were relaxed or gone?

    All other rules stay, so the prices of two rules do not add up where one can stand in for the other.
    """

    def gain(loosened: Rules | None) -> float | None:
        best = best_subset(build_problem(loosened)) if loosened is not None else None
        return None if best is None else max(best.value - expected, 0.0)

    for kind, rule, unit, relaxed, removed in _loosened(rules, step_m):
        without = gain(removed)
        by_one = 0.0 if without == 0.0 else gain(relaxed)
        yield RulePrice(kind, rule, unit, by_one, without)


def _loosened(rules: Rules, step_m: float) -> Iterator[Loosened]:
    yield "count", f"{rules.count} places", "one place more", replace(rules, count=rules.count + 1), None
    if rules.separation_m > 0.0:
        nearer = replace(rules, separation_m=max(rules.separation_m - step_m, 0.0))
        free = replace(rules, separation_m=0.0)
        yield "separation", f"{rules.separation_m:g} m apart", f"{step_m:g} m less", nearer, free
    for area, floor in sorted(rules.floors.items()):
        if floor > 0:
            less = rules.with_floor(area, floor - 1)
            yield "floor", f"at least {floor} in {area}", "one fewer", less, rules.with_floor(area, None)
    for area, cap in sorted(rules.caps.items()):
        more = rules.with_cap(area, cap + 1)
        yield "cap", f"at most {cap} in {area}", "one more", more, rules.with_cap(area, None)
    for decision in rules.decisions:
        kind: RuleKind = "include" if decision.include else "leave_out"
        free = rules.without(decision.place_id)
        yield kind, name_rule(decision), "the decision", free, free


def name_rule(decision: PlaceDecision) -> str:
    """What a decision is called as a rule with a price."""
    return f"{decision.verb} {decision.place_id}"

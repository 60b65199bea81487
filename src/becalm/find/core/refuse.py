"""Rules that no list can keep are refused, naming which one and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from becalm.find.core.rules import Rules
from becalm.methods.subset import SubsetProblem, most_in_group
from becalm.terms import Fault, QuestionError


def check_feasible(problem: SubsetProblem, rules: Rules, named: Mapping[str, int]) -> None:
    """Raise QuestionError with every rule that cannot be kept on this ground, or return."""
    faults = [*_too_many(problem, rules), *_too_near(problem, rules, named), *_area_faults(problem, rules)]
    if faults:
        raise QuestionError("No list can keep these rules", tuple(faults))


def _too_many(problem: SubsetProblem, rules: Rules) -> Iterator[Fault]:
    forced = np.flatnonzero(problem.forced)
    held = _held(problem)
    owed = int(np.maximum(problem.floors - held, 0).sum())
    over = len(forced) + owed - problem.count
    if over > 0:
        yield Fault(
            "count",
            f"{len(forced)} places must be included and floors ask for {owed} more: {over} too many for a "
            f"list of {problem.count}",
            "list more places with --count, or withdraw a decision",
        )
    for area, inside, cap in zip(rules.areas, held.tolist(), problem.caps.tolist(), strict=True):
        if inside > cap:
            yield Fault(
                area,
                f"{inside} of its places must be included, {inside - cap} more than its cap of {cap}",
                "raise the cap or withdraw a decision",
            )


def _too_near(problem: SubsetProblem, rules: Rules, named: Mapping[str, int]) -> Iterator[Fault]:
    included = [d.place_id for d in rules.decisions if d.include and d.place_id in named]
    for i, one in enumerate(included):
        for other in included[i + 1 :]:
            a, b = named[one], named[other]
            apart = float(np.hypot(problem.x[a] - problem.x[b], problem.y[a] - problem.y[b]))
            if apart < problem.separation:
                yield Fault(
                    f"{one} and {other}",
                    f"must both be included and lie {apart:.0f} m apart, {problem.separation - apart:.0f} m "
                    f"less than the separation of {problem.separation:g} m",
                    "withdraw one decision, or ask for a smaller separation",
                )


def _area_faults(problem: SubsetProblem, rules: Rules) -> Iterator[Fault]:
    for g, area in enumerate(rules.areas):
        floor = int(problem.floors[g])
        if not floor:
            continue
        places = int(np.count_nonzero((problem.group == g) & ~problem.barred))
        if places < floor:
            yield Fault(
                area,
                f"has {_places(places)}, {floor - places} fewer than its floor of {floor}",
                "lower the floor",
            )
        elif problem.separation > 0.0 and (most := most_in_group(problem, g, enough=floor)) < floor:
            yield Fault(
                area,
                f"holds at most {_places(most)} {problem.separation:g} m apart, {floor - most} fewer "
                f"than its floor of {floor}",
                "lower the floor, or ask for a smaller separation",
            )


def _held(problem: SubsetProblem) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    groups = problem.group[problem.forced]
    return np.bincount(groups[groups >= 0], minlength=len(problem.floors))


def _places(number: int) -> str:
    return "1 place" if number == 1 else f"{number} places"

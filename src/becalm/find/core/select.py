"""Choosing places from what is expected of them, under the rules of the list and by the finder."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from becalm.find.core.place_facts import compute_hours_share, find_place_numbers, index_areas
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import NamedFinder, spread_by_finder
from becalm.find.core.rules import Rules, name_rule, price_rules
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.place_set import PlaceSet
from becalm.methods.subset import SubsetProblem, best_subset, most_in_group
from becalm.terms import Fault, QuestionError, RulePrice, Selection, UsageError, WeighedDecision

NO_CAP = 2**31
EXACT = "exact: no list under these rules expects more"


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """The numbers of the listed places, best first, and how they were chosen."""

    listed: Ints
    selection: Selection


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a list is chosen from: what is expected of each place, where it lies, and in which area.

    `areas[i]` is an index into `names` or -1 where the area of place i is not known. `named` gives the
    number of each place that a decision names, where there is such a place. `step_m` is how wide
    a place is, and by how much a separation is relaxed to price it. Only `listable` places are chosen.
    """

    expected: Floats
    x_m: Floats
    y_m: Floats
    areas: Ints
    names: tuple[str, ...]
    named: Mapping[str, int]
    step_m: float
    listable: Bools | None = None


def choose_places(candidates: Candidates, rules: Rules, *, priced: bool = True) -> PlaceChoice:
    """Which places expect most together, under these rules, and what does each rule cost?

    Exact: the best first where nothing must be kept apart, a mixed-integer programme otherwise. Where that
    gets too large the list says within how much of the best it lies. A decision about a place that
    is not on this ground changes nothing and is told apart. Equal places keep their order.

    Raises
    ------
    UsageError
        where a rule names an area that is not known.
    QuestionError
        where no list keeps the rules: which ones, and by how much.
    """
    _refuse_unknown_areas(candidates, rules)
    problem = build_problem(candidates, rules)
    check_feasible(problem, rules, candidates.named)
    best = best_subset(problem)
    if best is None:
        raise QuestionError(
            "No list was found that keeps these rules together",
            (Fault("rules", "floors, decisions and separation clash", "lower a floor or the separation"),),
        )
    here = replace(rules, decisions=tuple(d for d in rules.decisions if d.place_id in candidates.named))
    priced_by = price_rules(
        best.value, here, lambda r: build_problem(candidates, r), step_m=candidates.step_m
    )
    prices = tuple(priced_by) if priced else ()
    gap = (best.bound - best.value) / max(best.bound, 1e-12)
    return PlaceChoice(
        best.chosen,
        Selection(
            expected=best.value,
            bound=best.bound,
            exact=best.exact,
            how=EXACT if best.exact else f"within {gap:.2%} of the best that these rules could allow",
            prices=prices,
            decisions=here.decisions,
            unmatched=tuple(d for d in rules.decisions if d.place_id not in candidates.named),
            hours=rules.hours,
            author=rules.author,
            written_on=rules.written_on,
            weighed=tuple(_weighed(candidates, rules, prices)),
        ),
    )


def _weighed(candidates: Candidates, rules: Rules, prices: Sequence[RulePrice]) -> Iterator[WeighedDecision]:
    """Each decision about a place of this ground, with its place's rank without it and with its price."""
    can = True if candidates.listable is None else candidates.listable
    missed = {price.rule: price.removed for price in prices}
    for decision in rules.decisions:
        number = candidates.named.get(decision.place_id)
        if number is not None:
            above = int(np.count_nonzero((candidates.expected > candidates.expected[number]) & can))
            yield WeighedDecision(decision, above + 1, missed.get(name_rule(decision)))


def build_problem(candidates: Candidates, rules: Rules) -> SubsetProblem:
    """The rules as bounds on numbered places."""
    forced = np.zeros(len(candidates.expected), dtype=bool)
    barred = forced.copy() if candidates.listable is None else ~candidates.listable
    for decision in rules.decisions:
        if decision.place_id in candidates.named:
            (forced if decision.include else barred)[candidates.named[decision.place_id]] = True
    ruled = {name: g for g, name in enumerate(rules.areas)}
    lookup = np.array([*(ruled.get(name, -1) for name in candidates.names), -1], dtype=np.int64)
    return SubsetProblem(
        values=candidates.expected,
        x=candidates.x_m,
        y=candidates.y_m,
        count=rules.count,
        separation=rules.separation_m,
        group=lookup[candidates.areas],
        floors=np.array([rules.floors.get(name, 0) for name in rules.areas], dtype=np.int64),
        caps=np.array([rules.caps.get(name, NO_CAP) for name in rules.areas], dtype=np.int64),
        forced=forced,
        barred=barred,
    )


def _refuse_unknown_areas(candidates: Candidates, rules: Rules) -> None:
    unknown = [name for name in rules.areas if name not in candidates.names]
    if not unknown:
        return
    if not candidates.names:
        raise UsageError(
            f"The places have no areas, so no floor or cap can hold for {', '.join(unknown)}. "
            "Ingest records that name their borough, or leave floors and caps out."
        )
    faults = []
    for name in unknown:
        near = difflib.get_close_matches(name, candidates.names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(candidates.names)}"
        faults.append(Fault(name, "is no area of these records", hint))
    raise UsageError("A floor or cap names an area that is not known", tuple(faults))


def select_separated(
    scores: Floats, x_m: Floats, y_m: Floats, *, count: int, separation_m: float = 0.0
) -> Ints:
    """Which places does taking the best first give, with centres at least `separation_m` apart?

    Greedy: the best place, then the best that is far enough from all chosen; quick, and not always
    the list that expects most (`choose_places`). Equal scores keep the order of the places, so the
    same input gives the same list. May return fewer than `count`.
    """
    order = np.argsort(-scores, kind="stable")
    if separation_m <= 0.0:
        return order[:count]
    free = np.ones(len(scores), dtype=bool)
    chosen: list[int] = []
    for place in order.tolist():
        if free[place]:
            chosen.append(place)
            free &= np.hypot(x_m - x_m[place], y_m - y_m[place]) >= separation_m
            if len(chosen) == count:
                break
    return np.array(chosen, dtype=np.int64)


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


@dataclass(frozen=True, slots=True)
class PlaceChooser:
    """Under which rules, and by which finder, places are chosen."""

    panel: PlacePanel
    rules: Rules
    finder: NamedFinder | None
    rng: np.random.Generator

    def choose(
        self, expected: Floats, origin: int, *, priced: bool = True
    ) -> tuple[PlaceChoice, Floats | float]:
        """The listed places just before month `origin`, and the share of each one's week they are for.

        `expected` is what is to be had most of together: incidents, or their harm.
        """
        places, rules = self.panel.places, self.rules
        wanted = spread_by_finder(
            self.finder, self.panel, origin, expected, how_many=rules.count, rng=self.rng
        )
        share = compute_hours_share(rules.facts, places, rules.hours) if rules.hours else 1.0
        areas, names = index_areas(rules.facts, places) if rules.areas else (np.full(places.size, -1), ())
        x, y = places.centres_m
        candidates = Candidates(
            expected=wanted * share,
            x_m=x,
            y_m=y,
            areas=areas,
            names=names,
            named=find_place_numbers(places, [decision.place_id for decision in rules.decisions]),
            step_m=places.width_m,
            listable=places.listable if isinstance(places, PlaceSet) else None,
        )
        return choose_places(candidates, rules, priced=priced), share

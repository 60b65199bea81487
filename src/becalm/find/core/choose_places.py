"""Choosing places from what is expected of them, under the rules of the list and by the finder."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np

from becalm.find.core.list_rules import Rules, name_rule, price_rules
from becalm.find.core.place_facts import compute_hours_share, find_place_numbers, index_areas
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import NamedFinder, spread_by_finder
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.best_subset import SubsetProblem, best_subset, most_in_group
from becalm.methods.place_set import PlaceSet
from becalm.terms import Fault, QuestionError, RulePrice, Selection, UsageError, WeighedDecision

NO_CAP = 2**31
EXACT = "exact: no list under these rules expects more"


@dataclass(frozen=True, slots=True)
class PlaceChoice:
    """The numbers of the listed places, best first, and how they were chosen."""

    listed_index: Ints
    selection: Selection


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a list is chosen from: what is expected of each place, where it lies, and in which area.

    `area_index[i]` is an index into `area_names` or -1 where the area of place i is not known. `number_by_id`
    gives the number of each place that a decision names, where there is such a place. `width_m` is how wide
    a place is, and by how much a separation is relaxed to price it. Only `listable` places are chosen.
    """

    expected_values: Floats
    x_m: Floats
    y_m: Floats
    area_index: Ints
    area_names: tuple[str, ...]
    number_by_id: Mapping[str, int]
    width_m: float
    listable: Bools | None = None


@dataclass(frozen=True, slots=True)
class PlaceChooser:
    """Under which rules, and by which finder, places are chosen."""

    panel: PlacePanel
    rules: Rules
    finder: NamedFinder | None
    rng: np.random.Generator

    def choose(
        self, expected_values: Floats, origin: int, *, with_prices: bool = True
    ) -> tuple[PlaceChoice, Floats | float]:
        """The listed places just before month `origin`, and the share of each one's week they are for.

        `expected_values` are what is to be had most of together: incidents, or their harm.
        """
        places, rules = self.panel.places, self.rules
        value_of_place = spread_by_finder(
            self.finder, self.panel, origin, expected_values, how_many=rules.count, rng=self.rng
        )
        hours_share = compute_hours_share(rules.facts, places, rules.hours) if rules.hours else 1.0
        area_index_and_names = (
            index_areas(rules.facts, places) if rules.areas else (np.full(places.size, -1), ())
        )
        x, y = places.centres_m
        candidates = Candidates(
            expected_values=value_of_place * hours_share,
            x_m=x,
            y_m=y,
            area_index=area_index_and_names[0],
            area_names=area_index_and_names[1],
            number_by_id=find_place_numbers(places, [decision.place_id for decision in rules.decisions]),
            width_m=places.width_m,
            listable=places.listable if isinstance(places, PlaceSet) else None,
        )
        return choose_places(candidates, rules, with_prices=with_prices), hours_share

    def choose_index(self, expected_values: Floats, origin: int) -> Ints:
        """The numbers of the listed places alone, without a price for each rule."""
        return self.choose(expected_values, origin, with_prices=False)[0].listed_index


def choose_places(candidates: Candidates, rules: Rules, *, with_prices: bool = True) -> PlaceChoice:
    """Which places expect most together, under these rules, and what does each rule cost?

    Exact: the best first where nothing must be kept apart, a mixed-integer programme otherwise. Where that
    gets too large the list says within how much of the best it lies. A decision about a place that
    does not compete changes nothing and is reported separately. Equal places keep their order.

    Raises UsageError where a rule names an area that is not known; QuestionError where no list keeps the
    rules: which ones, and by how much.
    """
    _check_areas(candidates, rules)
    subset_problem = build_problem(candidates, rules)
    check_feasible(subset_problem, rules, candidates.number_by_id)
    best_choice = best_subset(subset_problem)
    if best_choice is None:
        raise QuestionError(
            "No list was found that keeps these rules together",
            (Fault("rules", "floors, decisions and separation clash", "lower a floor or the separation"),),
        )
    matched_decisions = tuple(d for d in rules.decisions if d.place_id in candidates.number_by_id)
    rule_prices: tuple[RulePrice, ...] = ()
    if with_prices:
        applied_rules = replace(rules, decisions=matched_decisions)
        build_subset_problem = partial(build_problem, candidates)
        rule_prices = tuple(
            price_rules(best_choice.value, applied_rules, build_subset_problem, step_m=candidates.width_m)
        )
    bound_gap_share = (best_choice.bound - best_choice.value) / max(best_choice.bound, 1e-12)
    return PlaceChoice(
        best_choice.points,
        Selection(
            expected_total=best_choice.value,
            bound=best_choice.bound,
            exact=best_choice.exact,
            how=EXACT
            if best_choice.exact
            else f"within {bound_gap_share:.2%} of the best that these rules could allow",
            prices=rule_prices,
            decisions=matched_decisions,
            unmatched=tuple(d for d in rules.decisions if d.place_id not in candidates.number_by_id),
            hours=rules.hours,
            author=rules.author,
            written_on=rules.written_on,
            weighed_decisions=tuple(_weigh_decisions(candidates, rules, rule_prices)),
        ),
    )


def select_separated(
    scores: Floats, x_m: Floats, y_m: Floats, *, count: int, separation_m: float = 0.0
) -> Ints:
    """Which places does taking the best first give, with centres at least `separation_m` apart?

    Greedy: the best place, then the best that is far enough from all chosen; quick, and not always
    the list that expects most (`choose_places`). Equal scores keep the order of the places, so the
    same input gives the same list. May return fewer than `count`.
    """
    places_best_first = np.argsort(-scores, kind="stable")
    if separation_m <= 0.0:
        return places_best_first[:count]
    is_free = np.ones(len(scores), dtype=bool)
    place_numbers: list[int] = []
    for place_number in places_best_first.tolist():
        if is_free[place_number]:
            place_numbers.append(place_number)
            is_free &= np.hypot(x_m - x_m[place_number], y_m - y_m[place_number]) >= separation_m
            if len(place_numbers) == count:
                break
    return np.array(place_numbers, dtype=np.int64)


def build_problem(candidates: Candidates, rules: Rules) -> SubsetProblem:
    """The rules as bounds on numbered places."""
    is_forced = np.zeros(len(candidates.expected_values), dtype=bool)
    is_barred = is_forced.copy() if candidates.listable is None else ~candidates.listable
    for decision in rules.decisions:
        if decision.place_id in candidates.number_by_id:
            decision_mask = is_forced if decision.include else is_barred
            decision_mask[candidates.number_by_id[decision.place_id]] = True
    group_number_by_area = {area_name: group_number for group_number, area_name in enumerate(rules.areas)}
    # The last entry is for places without an area: their index is -1.
    group_numbers = [*(group_number_by_area.get(area_name, -1) for area_name in candidates.area_names), -1]
    return SubsetProblem(
        values=candidates.expected_values,
        x=candidates.x_m,
        y=candidates.y_m,
        count=rules.count,
        separation=rules.separation_m,
        group=np.array(group_numbers, dtype=np.int64)[candidates.area_index],
        floors=np.array([rules.floors.get(area_name, 0) for area_name in rules.areas], dtype=np.int64),
        caps=np.array([rules.caps.get(area_name, NO_CAP) for area_name in rules.areas], dtype=np.int64),
        forced=is_forced,
        barred=is_barred,
    )


def _weigh_decisions(
    candidates: Candidates, rules: Rules, prices: Sequence[RulePrice]
) -> Iterator[WeighedDecision]:
    """Each decision about a place that competes, with its rank without the decision and with its price."""
    is_listable = True if candidates.listable is None else candidates.listable
    price_by_rule = {price.rule: price.removal_gain for price in prices}
    for decision in rules.decisions:
        place_number = candidates.number_by_id.get(decision.place_id)
        if place_number is not None:
            better_count = np.count_nonzero(
                (candidates.expected_values > candidates.expected_values[place_number]) & is_listable
            )
            yield WeighedDecision(decision, int(better_count) + 1, price_by_rule.get(name_rule(decision)))


def _check_areas(candidates: Candidates, rules: Rules) -> None:
    unknown_areas = [area_name for area_name in rules.areas if area_name not in candidates.area_names]
    if not unknown_areas:
        return
    if not candidates.area_names:
        raise UsageError(
            f"The places have no areas, so no floor or cap can hold for {', '.join(unknown_areas)}. "
            "Ingest records that name their borough, or leave floors and caps out."
        )
    area_faults = []
    for area_name in unknown_areas:
        similar_names = difflib.get_close_matches(area_name, candidates.area_names, n=1)
        hint_text = (
            f"did you mean {similar_names[0]!r}?"
            if similar_names
            else f"choose among {', '.join(candidates.area_names)}"
        )
        area_faults.append(Fault(area_name, "is no area of these records", hint_text))
    raise UsageError("A floor or cap names an area that is not known", tuple(area_faults))


def check_feasible(problem: SubsetProblem, rules: Rules, number_by_id: Mapping[str, int]) -> None:
    """Raise QuestionError with every rule that these places cannot keep, and by how much."""
    faults = [
        *_find_count_faults(problem, rules),
        *_find_separation_faults(problem, rules, number_by_id),
        *_find_floor_faults(problem, rules),
    ]
    if faults:
        raise QuestionError("No list can keep these rules", tuple(faults))


def _find_count_faults(problem: SubsetProblem, rules: Rules) -> Iterator[Fault]:
    included_count = int(np.count_nonzero(problem.forced))
    included_group_numbers = problem.group[problem.forced]
    area_counts = np.bincount(
        included_group_numbers[included_group_numbers >= 0], minlength=len(problem.floors)
    )
    missing_count = int(np.maximum(problem.floors - area_counts, 0).sum())
    excess_count = included_count + missing_count - problem.count
    if excess_count > 0:
        yield Fault(
            "count",
            f"{included_count} places must be included and floors ask for {missing_count} more: "
            f"{excess_count} too many for a list of {problem.count}",
            "list more places with `count`, or withdraw a decision",
        )
    for area, area_count, cap in zip(rules.areas, area_counts.tolist(), problem.caps.tolist(), strict=True):
        if area_count > cap:
            yield Fault(
                area,
                f"{area_count} of its places must be included, {area_count - cap} more than its cap of {cap}",
                "raise the cap or withdraw a decision",
            )


def _find_separation_faults(
    problem: SubsetProblem, rules: Rules, number_by_id: Mapping[str, int]
) -> Iterator[Fault]:
    included_ids = [d.place_id for d in rules.decisions if d.include and d.place_id in number_by_id]
    for first_id, second_id in combinations(included_ids, 2):
        i, j = number_by_id[first_id], number_by_id[second_id]
        distance_m = float(np.hypot(problem.x[i] - problem.x[j], problem.y[i] - problem.y[j]))
        if distance_m < problem.separation:
            yield Fault(
                f"{first_id} and {second_id}",
                f"must both be included and lie {distance_m:.0f} m apart, "
                f"{problem.separation - distance_m:.0f} m less than the separation of "
                f"{problem.separation:g} m",
                "withdraw one decision, or ask for a smaller separation",
            )


def _find_floor_faults(problem: SubsetProblem, rules: Rules) -> Iterator[Fault]:
    for group_number, (area, floor) in enumerate(zip(rules.areas, problem.floors.tolist(), strict=True)):
        place_count = int(np.count_nonzero((problem.group == group_number) & ~problem.barred))
        if place_count < floor:
            yield Fault(
                area,
                f"has {_format_places(place_count)}, {floor - place_count} fewer than its floor of {floor}",
                "lower the floor",
            )
        elif floor and problem.separation > 0.0:
            possible_count = most_in_group(problem, group_number, enough=floor)
            if possible_count < floor:
                yield Fault(
                    area,
                    f"holds at most {_format_places(possible_count)} {problem.separation:g} m apart, "
                    f"{floor - possible_count} fewer than its floor of {floor}",
                    "lower the floor, or ask for a smaller separation",
                )


def _format_places(place_count: int) -> str:
    return "1 place" if place_count == 1 else f"{place_count} places"

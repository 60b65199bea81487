"""The rules of a list: how many places, how far apart, how many where, which by decision, and when."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

from becalm.find.core.harm_model import HarmWeighting
from becalm.find.core.place_facts import PlaceFacts
from becalm.find.core.settings import FindSettings
from becalm.methods.best_subset import SubsetProblem, best_subset
from becalm.terms import DayHours, Fault, PlaceDecision, RuleKind, RulePrice, UsageError
from becalm.terms.list_rules import WEEKDAYS

NO_BOUNDS: Mapping[str, int] = MappingProxyType({})
DAY, NIGHT = DayHours(7, 19), DayHours(19, 7)
"""Two lists of twelve hours each."""
NAMED_HOURS = {"day": DAY, "night": NIGHT}
HOURS = re.compile(r"\d{1,2}-\d{1,2}")
HOURS_HELP = "Write day (07-19), night (19-07), 22-04, or with weekdays: Fri 18-24, or Fri,Sat night."


@dataclass(frozen=True, slots=True)
class Rules:
    """What a list must keep. An empty one only asks for 250 places.

    At most `count` places are listed, their centres at least `separation_m` apart; `floors` and `caps` are
    the least and the greatest number of places in each area. `decisions` say which places must or must
    not be on it. With `hours` only incidents of those hours are expected of a place. With `harm` places are
    ranked by the harm expected of them, or shown with it. Areas and hours of places are read from `facts`.
    """

    count: int = 250
    separation_m: float = 0.0
    floors: Mapping[str, int] = field(default_factory=lambda: NO_BOUNDS)
    caps: Mapping[str, int] = field(default_factory=lambda: NO_BOUNDS)
    decisions: tuple[PlaceDecision, ...] = ()
    hours: DayHours | None = None
    author: str = ""
    written_on: date | None = None
    harm: HarmWeighting | None = field(default=None, repr=False)
    facts: PlaceFacts | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        rule_faults = tuple(_find_faults(self))
        if rule_faults:
            raise UsageError("These rules cannot be kept by any list", rule_faults)

    @property
    def by_harm(self) -> bool:
        """Whether places are ranked by harm."""
        return self.harm is not None and self.harm.is_ranking

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas that a rule names."""
        return tuple(sorted({*self.floors, *self.caps}))

    def apply_to(self, settings: FindSettings) -> FindSettings:
        """The settings with the count and the separation of these rules."""
        return replace(settings, count=self.count, separation_m=self.separation_m)

    def without_decision(self, place_id: str) -> Rules:
        """The same rules without the decision about this place."""
        return replace(self, decisions=tuple(d for d in self.decisions if d.place_id != place_id))

    def with_floor(self, area: str, least: int | None) -> Rules:
        """The same rules with this floor (None: without it)."""
        return replace(self, floors=_set_bound(self.floors, area, least or None))

    def with_cap(self, area: str, most: int | None) -> Rules:
        """The same rules with this cap (None: without it)."""
        return replace(self, caps=_set_bound(self.caps, area, most))


def check_one_answer(
    file: str, rules: Rules, *, count: int, separation_m: float, hours: DayHours | None
) -> None:
    """Refuse a file of rules and a request that say different things, each other than the default."""
    default_settings = FindSettings()
    for option_name, request_value, file_value, default_value in (
        ("count", count, rules.count, default_settings.count),
        ("separation_m", separation_m, rules.separation_m, default_settings.separation_m),
        ("when", hours, rules.hours, None),
    ):
        if request_value not in (default_value, file_value) and file_value != default_value:
            raise UsageError(
                f"{file} says {file_value} and `{option_name}` says {request_value}. Leave it out, or "
                "correct the file."
            )


def read_hours(text: str) -> DayHours:
    """The hours that `day`, `night`, `22-04`, `Fri 18-24` or `Mon-Thu night` stand for.

    >>> read_hours("night").of_day[:3], str(read_hours("22-04")), str(read_hours("fri, Saturday 22-04"))
    ((19, 20, 21), '22-04', 'Fri,Sat 22-04')
    >>> read_hours("Sun 23-01").of_week
    (0, 167)
    """
    hours_words = text.replace(",", " ").split()
    is_hours_last = bool(hours_words) and (
        hours_words[-1].casefold() in NAMED_HOURS or HOURS.fullmatch(hours_words[-1])
    )
    hours_text = hours_words.pop().casefold() if is_hours_last else ""
    if not (hours_words or hours_text):
        raise UsageError(f"{text!r} names no hours. {HOURS_HELP}")
    weekdays = tuple(dict.fromkeys(day for word in hours_words for day in _read_days(word, text)))
    if hours_text in NAMED_HOURS:
        return replace(NAMED_HOURS[hours_text], weekdays=weekdays)
    start_text, _, end_text = (hours_text or "0-24").partition("-")
    try:
        return DayHours(int(start_text), int(end_text), weekdays)
    except ValueError as error:
        raise UsageError(f"{text!r} names no hours: {error}") from error


def _read_days(days_text: str, text: str) -> Iterator[int]:
    """The weekdays of `Fri` or of `Mon-Thu`, which may run over the end of the week."""
    day_range_ends = []
    for name in days_text.split("-"):
        similar_day_indices = [
            i for i, day in enumerate(WEEKDAYS) if day.casefold().startswith(name.casefold())
        ]
        if len(name) < 3 or not similar_day_indices:
            raise UsageError(f"{text!r} names no hours: {name!r} is not a weekday. {HOURS_HELP}")
        day_range_ends += similar_day_indices
    for days_after in range((day_range_ends[-1] - day_range_ends[0]) % len(WEEKDAYS) + 1):
        yield (day_range_ends[0] + days_after) % len(WEEKDAYS)


def _set_bound(bounds: Mapping[str, int], area: str, new_bound: int | None) -> Mapping[str, int]:
    bounds_elsewhere = {
        area_name: area_bound for area_name, area_bound in bounds.items() if area_name != area
    }
    return MappingProxyType(bounds_elsewhere if new_bound is None else {**bounds_elsewhere, area: new_bound})


def _find_faults(rules: Rules) -> Iterator[Fault]:
    if rules.count < 1:
        yield Fault("count", f"a list of {rules.count} places is empty", "ask for at least 1")
    if not (math.isfinite(rules.separation_m) and rules.separation_m >= 0.0):
        yield Fault("separation_m", f"{rules.separation_m} m is not possible", "give 0 or more")
    for area in rules.areas:
        floor, cap = rules.floors.get(area, 0), rules.caps.get(area)
        if floor < 0 or (cap is not None and cap < 0):
            yield Fault(
                area, f"a floor of {floor} and a cap of {cap} are no numbers of places", "give 0 or more"
            )
        elif cap is not None and floor > cap:
            yield Fault(
                area,
                f"its floor of {floor} is {floor - cap} above its cap of {cap}",
                "lower one or raise the other",
            )
    floor_total = sum(rules.floors.values())
    if floor_total > rules.count:
        yield Fault(
            "floors",
            f"they add up to {floor_total}, {floor_total - rules.count} more than the {rules.count} places "
            "of the list",
            "lower a floor, or list more places with `count`",
        )
    yield from _find_clashes(rules.decisions)


def _find_clashes(decisions: tuple[PlaceDecision, ...]) -> Iterator[Fault]:
    decision_by_place: dict[str, PlaceDecision] = {}
    for decision in decisions:
        earlier_decision = decision_by_place.setdefault(decision.place_id, decision)
        if earlier_decision.include != decision.include:
            include, leave_out = (
                (earlier_decision, decision) if earlier_decision.include else (decision, earlier_decision)
            )
            yield Fault(
                decision.place_id,
                f"must be on the list ({_say_reason(include)}) and off it ({_say_reason(leave_out)})",
                "withdraw one of the two decisions",
            )


def _say_reason(decision: PlaceDecision) -> str:
    source_text = f"entry {decision.entry} of the ledger" if decision.entry else "the file of rules"
    return f"{source_text}: {decision.reason}"


LooserRules = tuple[RuleKind, str, str, Rules | None, Rules | None]
"""Kind, rule and unit in words, the rules with this one relaxed by one unit, and those without it."""


def price_rules(
    expected_value: float, rules: Rules, build_problem: Callable[[Rules], SubsetProblem], *, step_m: float
) -> Iterator[RulePrice]:
    """How much more would be expected of the list if each rule in turn were relaxed or gone?

    All other rules stay, so the prices of two rules do not add up where one can stand in for the other.
    """

    def gain(looser_rules: Rules | None) -> float | None:
        best_choice = best_subset(build_problem(looser_rules)) if looser_rules is not None else None
        return None if best_choice is None else max(best_choice.value - expected_value, 0.0)

    for kind, rule_text, unit_text, relaxed_rules, rules_without in _loosen_each(rules, step_m):
        gain_without = gain(rules_without)
        # A rule that costs nothing at all costs nothing by one unit: one solution less to look for.
        gain_relaxed = 0.0 if gain_without == 0.0 else gain(relaxed_rules)
        yield RulePrice(kind, rule_text, unit_text, gain_relaxed, gain_without)


def _loosen_each(rules: Rules, step_m: float) -> Iterator[LooserRules]:
    yield "count", f"{rules.count} places", "one place more", replace(rules, count=rules.count + 1), None
    if rules.separation_m > 0.0:
        rules_nearer = replace(rules, separation_m=max(rules.separation_m - step_m, 0.0))
        rules_unseparated = replace(rules, separation_m=0.0)
        yield (
            "separation",
            f"{rules.separation_m:g} m apart",
            f"{step_m:g} m less",
            rules_nearer,
            rules_unseparated,
        )
    for area, floor in sorted(rules.floors.items()):
        if floor > 0:
            rules_lower_floor = rules.with_floor(area, floor - 1)
            yield (
                "floor",
                f"at least {floor} in {area}",
                "one fewer",
                rules_lower_floor,
                rules.with_floor(area, None),
            )
    for area, cap in sorted(rules.caps.items()):
        rules_higher_cap = rules.with_cap(area, cap + 1)
        yield "cap", f"at most {cap} in {area}", "one more", rules_higher_cap, rules.with_cap(area, None)
    for decision in rules.decisions:
        kind: RuleKind = "include" if decision.include else "leave_out"
        rules_undecided = rules.without_decision(decision.place_id)
        yield kind, name_rule(decision), "the decision", rules_undecided, rules_undecided


def name_rule(decision: PlaceDecision) -> str:
    """What a decision is called as a rule with a price."""
    return f"{decision.verb} {decision.place_id}"

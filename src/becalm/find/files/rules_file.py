"""The rules of a list: read from TOML (reviewed data with an author and a date), and written for others."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field

from becalm.find.core.list_rules import Rules, read_hours
from becalm.terms import InputError, PlaceDecision, Selection, WeighedDecision
from becalm.workspace.reviewed_toml import Strict, check_recipe

LEAST_MISSED = 0.005  # incidents: below it, two decimals show nothing


class DecisionEntry(Strict):
    """One [[include]] or [[leave_out]] entry."""

    place: str = Field(min_length=1)
    reason: str = Field(min_length=3)


class AreaEntry(Strict):
    """One [areas.NAME] table."""

    floor: int = Field(default=0, ge=0)
    cap: int | None = Field(default=None, ge=0)


class RulesFile(Strict):
    """A file of rules."""

    author: str = Field(min_length=1)
    date: date
    count: int | None = Field(default=None, ge=1)
    separation_m: float | None = Field(default=None, ge=0)
    when: str | None = None
    areas: dict[str, AreaEntry] = Field(default_factory=dict)
    include: tuple[DecisionEntry, ...] = ()
    leave_out: tuple[DecisionEntry, ...] = ()


def read_rules(path: Path, *, count: int, separation_m: float) -> Rules:
    """The rules in this file; `count` and `separation_m` hold where it names none.

    Raises InputError with every fault of the file; UsageError where its rules contradict each other.
    """
    rule_file, faults = check_recipe(path, RulesFile)
    if rule_file is None:
        raise InputError(f"{path}: the rules cannot be used", faults)

    def decision(entry: DecisionEntry, include: bool) -> PlaceDecision:
        return PlaceDecision(entry.place, include, entry.reason, by=rule_file.author, on=rule_file.date)

    return Rules(
        count=count if rule_file.count is None else rule_file.count,
        separation_m=separation_m if rule_file.separation_m is None else rule_file.separation_m,
        floors={area_name: area.floor for area_name, area in rule_file.areas.items() if area.floor},
        caps={area_name: area.cap for area_name, area in rule_file.areas.items() if area.cap is not None},
        decisions=(
            *(decision(entry, True) for entry in rule_file.include),
            *(decision(entry, False) for entry in rule_file.leave_out),
        ),
        hours=None if rule_file.when is None else read_hours(rule_file.when),
        author=rule_file.author,
        written_on=rule_file.date,
    )


def rules_object(selection: Selection) -> dict[str, Any]:
    """Under which rules the places were chosen, how exactly, and what each rule costs."""
    return {
        "unit": f"{selection.unit} in 30 days",
        "expected": round(selection.expected_total, 4),
        "bound": round(selection.bound, 4),
        "exact": selection.exact,
        "hours": str(selection.hours) if selection.hours else None,
        "author": selection.author,
        "written_on": str(selection.written_on) if selection.written_on else None,
        "prices": [
            {
                "kind": price.kind,
                "rule": price.rule,
                "unit": price.unit,
                "relaxed": _round_price(price.relaxation_gain),
                "removed": _round_price(price.removal_gain),
            }
            for price in selection.prices
        ],
        "overrides": [
            {
                **_decision_object(w.decision),
                "rank_without": w.rank,
                "expected_missed": _round_price(w.missed_incidents),
            }
            for w in selection.weighed_decisions
        ],
        "overrides_without_place": [_decision_object(d) for d in selection.unmatched],
    }


def decision_in_words(decision: PlaceDecision) -> str:
    """What was decided about a place, by whom, when and why."""
    source_text = f"entry {decision.entry} of the ledger" if decision.entry else "file of rules"
    author_text = f"{decision.by or 'not named'}, {decision.on or 'no date'}, {source_text}"
    until_text = f", until {decision.until}" if decision.until else ""
    return f"{decision.verb} {decision.place_id} ({author_text}{until_text}): {decision.reason}"


def weighed_decision_in_words(weighed_decision: WeighedDecision, places: int, unit: str = "incidents") -> str:
    """The same, with the rank that the place has among so many, and what the decision costs."""
    decision_text = decision_in_words(weighed_decision.decision)
    decision_sentence = decision_text if decision_text.endswith((".", "!", "?")) else f"{decision_text}."
    rank_text = f"By the records alone it ranks {weighed_decision.rank:,} of {places:,} places"
    return f"{decision_sentence} {rank_text}; {price_of_decision(weighed_decision, unit)}"


def price_of_decision(weighed_decision: WeighedDecision, unit: str = "incidents") -> str:
    """What the decision costs, as the end of a sentence."""
    if weighed_decision.missed_incidents is None:
        return "what the decision costs cannot be said."
    if weighed_decision.missed_incidents < LEAST_MISSED:
        return "the decision costs nothing."
    return (
        f"the list misses {weighed_decision.missed_incidents:.2f} expected {unit} in 30 days because of the "
        "decision."
    )


def override_lines(selection: Selection | None, places: int) -> Iterator[str]:
    """Every decision about a place that applied, or that found no place, as a line of its own."""
    if selection is None:
        return
    yield from (
        f"override: {weighed_decision_in_words(w, places, selection.unit)}"
        for w in selection.weighed_decisions
    )
    yield from (f"warning: {unmatched_line}" for unmatched_line in unmatched_lines(selection))


def unmatched_lines(selection: Selection | None) -> list[str]:
    """Every decision that found no place, as a line of its own."""
    return [
        f"override without effect, no such place competes here: {decision_in_words(d)}"
        for d in (selection.unmatched if selection else ())
    ]


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A decision as a table shows it; without rank and price where no such place competes."""

    decision: PlaceDecision
    rank: int | None
    missed_incidents: float | None


def override_rows(selection: Selection | None) -> tuple[OverrideRow, ...]:
    """Every decision that stands in the ledger: those that apply, then those that found no place."""
    if selection is None:
        return ()
    return (
        *(OverrideRow(w.decision, w.rank, w.missed_incidents) for w in selection.weighed_decisions),
        *(OverrideRow(d, None, None) for d in selection.unmatched),
    )


def _decision_object(d: PlaceDecision) -> dict[str, Any]:
    return {
        "place_id": d.place_id,
        "decision": "include" if d.include else "leave_out",
        "reason": d.reason,
        "by": d.by,
        "on": str(d.on) if d.on else None,
        "until": str(d.until) if d.until else None,
        "entry": d.entry,
    }


def _round_price(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""The rules of a list, their prices and the decisions about places, for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from becalm.terms import PlaceDecision, Selection, WeighedDecision

LEAST_MISSED = 0.005  # incidents: below it, two decimals show nothing


def rules_object(selection: Selection) -> dict[str, Any]:
    """Under which rules the places were chosen, how exactly, and what each rule costs."""
    return {
        "unit": f"{selection.unit} in 30 days",
        "expected": round(selection.expected, 4),
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
                "relaxed": _rounded(price.relaxed),
                "removed": _rounded(price.removed),
            }
            for price in selection.prices
        ],
        "overrides": _weighed(selection.weighed),
        "overrides_without_place": [_decision(d) for d in selection.unmatched],
    }


def decision_in_words(decision: PlaceDecision) -> str:
    """What was decided about a place, by whom, when and why."""
    where = f"entry {decision.entry} of the ledger" if decision.entry else "file of rules"
    who = f"{decision.by or 'not named'}, {decision.on or 'no date'}, {where}"
    until = f", until {decision.until}" if decision.until else ""
    return f"{decision.verb} {decision.place_id} ({who}{until}): {decision.reason}"


def weighed_in_words(weighed: WeighedDecision, places: int, unit: str = "incidents") -> str:
    """The same, with the rank that the place has among so many, and what the decision costs."""
    reason = decision_in_words(weighed.decision)
    full = reason if reason.endswith((".", "!", "?")) else f"{reason}."
    rank = f"By the records alone it ranks {weighed.rank:,} of {places:,} places"
    return f"{full} {rank}; {missed_in_words(weighed, unit)}"


def missed_in_words(weighed: WeighedDecision, unit: str = "incidents") -> str:
    """What the decision costs, as the end of a sentence."""
    if weighed.missed is None:
        return "what the decision costs cannot be said."
    if weighed.missed < LEAST_MISSED:
        return "the decision costs nothing."
    return f"the list misses {weighed.missed:.2f} expected {unit} in 30 days because of the decision."


def override_lines(selection: Selection | None, places: int) -> Iterator[str]:
    """Every decision about a place that applied, or that found no place, as a line of its own."""
    if selection is None:
        return
    yield from (f"override: {weighed_in_words(w, places, selection.unit)}" for w in selection.weighed)
    yield from (f"warning: {line}" for line in lines_without_place(selection))


def lines_without_place(selection: Selection | None) -> list[str]:
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
    missed: float | None


def override_rows(selection: Selection | None) -> tuple[OverrideRow, ...]:
    """Every decision that stands in the ledger: those that apply, then those that found no place."""
    if selection is None:
        return ()
    return (
        *(OverrideRow(w.decision, w.rank, w.missed) for w in selection.weighed),
        *(OverrideRow(d, None, None) for d in selection.unmatched),
    )


def _weighed(weighed: Sequence[WeighedDecision]) -> list[dict[str, Any]]:
    return [
        {**_decision(w.decision), "rank_without": w.rank, "expected_missed": _rounded(w.missed)}
        for w in weighed
    ]


def _decision(d: PlaceDecision) -> dict[str, Any]:
    return {
        "place_id": d.place_id,
        "decision": "include" if d.include else "leave_out",
        "reason": d.reason,
        "by": d.by,
        "on": str(d.on) if d.on else None,
        "until": str(d.until) if d.until else None,
        "entry": d.entry,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""The rules of a list, their prices and the decisions about places, for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from becalm.terms.selection import PlaceDecision, Selection


def rules_object(selection: Selection) -> dict[str, Any]:
    """Under which rules the places were chosen, how exactly, and what each rule costs."""
    return {
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
        "overrides": _decisions(selection.decisions),
        "overrides_without_place": _decisions(selection.unmatched),
    }


def _decisions(decisions: Sequence[PlaceDecision]) -> list[dict[str, Any]]:
    return [
        {
            "place_id": d.place_id,
            "decision": "include" if d.include else "leave_out",
            "reason": d.reason,
            "by": d.by,
            "on": str(d.on) if d.on else None,
            "until": str(d.until) if d.until else None,
            "entry": d.entry,
        }
        for d in decisions
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

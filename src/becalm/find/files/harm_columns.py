"""What a list says of harm, for other programs."""

from __future__ import annotations

from typing import Any

from becalm.terms import HarmBasis, Hotspot

HARM_COLUMNS = ("harm", "harm_low", "harm_high", "harm_rank", "count_rank", "harm_events")


def harm_object(basis: HarmBasis) -> dict[str, Any]:
    """On which weights and groups the harm of a list rests."""
    weights = basis.weights
    return {
        "unit": weights.harm_unit,
        "weights": weights.key,
        "version": weights.version,
        "index": weights.index,
        "edition": weights.edition,
        "meaning": weights.unit,
        "author": weights.author,
        "reviewed_on": weights.reviewed_on.isoformat(),
        "origin": weights.origin,
        "shared_with_other_rank": basis.shared,
        "events": round(basis.events, 2),
        "groups": [
            {
                "group": g.group,
                "weight": round(g.weight, 4),
                "evidence": g.evidence,
                "records": g.records,
                "incident_share": round(g.incident_share, 5),
                "harm_share": round(g.harm_share, 5),
                "doubt_share": round(g.doubt_share, 5),
                "scored": g.scored,
            }
            for g in basis.groups
        ],
    }


def harm_properties(h: Hotspot) -> dict[str, Any]:
    """A place's harm, its ranks and what each group adds; nothing where no harm was asked for."""
    if h.harm is None:
        return {}
    harm = h.harm
    values = (harm.expected.value, harm.expected.low, harm.expected.high)
    told = (*(round(v, 4) for v in values), harm.harm_rank, harm.count_rank, round(harm.events, 2))
    parts = [
        {"group": p.group, "expected": round(p.incidents, 4), "harm": round(p.harm, 4)} for p in harm.parts
    ]
    return {**dict(zip(HARM_COLUMNS, told, strict=True)), "harm_parts": parts}


def harm_cells(h: Hotspot) -> tuple[Any, ...]:
    """The same as cells of a table, without the groups."""
    told = harm_properties(h)
    return tuple(told[column] for column in HARM_COLUMNS) if told else ()

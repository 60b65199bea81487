"""What a judge says of a plan: every rule that it breaks, and where."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = {
    "form": "plan.json lacks something, or a row of visits.csv cannot be read",
    "visits_hash": "visits.csv is not the one that plan.json was written with",
    "inputs_hash": "the inputs in plan.json were altered",
    "commitment": "the plan names no commitment that was made before it was drawn",
    "unit": "a burst of a unit that has no tour then",
    "hotspot": "a burst at a place that the plan does not know",
    "shift": "a burst that is not wholly within its tour",
    "start": "too little time from the base to the first burst",
    "end": "too little time from the last burst back to the base",
    "travel": "too little time between two bursts",
    "overlap": "two bursts of one unit at once",
    "meal": "a meal that is missing, too short, outside its window or within a burst",
    "length": "a burst of a length that the policy does not allow",
    "together": "two units at one place at once that are no pair",
    "blackout": "a burst while its place is closed",
    "arm": "a burst at a place that the trial drew as off that day",
    "area": "a burst outside the unit's area",
    "dosage": "a place with more or fewer bursts than plan.json says that it was drawn",
    "share": "more burst minutes than the share of the tour that is open to bursts",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that is broken: its kind (one of KINDS), by whom, where, when (UTC), and by how much."""

    kind: str
    unit: str
    hotspot: str
    at: str
    what: str


@dataclass(frozen=True, slots=True)
class PlanVerdict:
    """Every rule that a plan breaks; sound where there are none."""

    violations: tuple[Violation, ...]
    visits: int
    unit_shifts: int

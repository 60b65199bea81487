"""The rule: a gate and points, all whole numbers, in a file that two people approved."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Decision = Literal["approved", "declined", "deferred", "removed"]
STATUSES: Final = ("named", "interviewed", "upheld", "out_of_court", "charged", "convicted")
FORMAL: Final = ("upheld", "out_of_court", "charged", "convicted")  # what the gate asks for once


@dataclass(frozen=True, slots=True)
class Gate:
    """What all must hold before any points are added."""

    crimes: int
    dates: int
    recent_days: int
    charged: int


@dataclass(frozen=True, slots=True)
class Points:
    """How much an event weighs: harm band times recency times status."""

    most_events: int
    recency: tuple[tuple[int, int], ...]  # days old at most, points
    by_status: Mapping[str, int]

    def for_age(self, age_days: int) -> int:
        """The points of an event of this age; 0 for one that is older than all."""
        return next((points for most_days, points in self.recency if 0 <= age_days <= most_days), 0)


@dataclass(frozen=True, slots=True)
class OffenceHarm:
    """One class of offence that qualifies, with its harm by the weights in force and by the others."""

    offence: str
    label: str
    days: float
    other_days: float


@dataclass(frozen=True, slots=True)
class Reason:
    """A code that a decision may give."""

    code: str
    decision: Decision
    meaning: str


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days each record is kept after its clock starts."""

    declined_days: int
    exit_days: int
    expiry_days: int
    hard_stop_days: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A version of the published rule."""

    key: str
    version: int
    title: str
    author: str
    approvers: tuple[str, ...]
    approved_on: date
    valid_from: date
    source: str
    window_days: int
    limit: int
    adult_age: int
    overlap_victim_points: int
    gate: Gate
    points: Points
    band_edges: tuple[float, ...]
    weights: str
    other_weights: str
    offences: tuple[OffenceHarm, ...]
    reasons: tuple[Reason, ...]
    retention: Retention
    sha256: str  # of the file
    child_age: int = 0  # the least age of the route for children; 0 where it is off
    child_approvers: tuple[str, ...] = ()

    def bands(self, *, by_other_weights: bool = False) -> dict[str, int]:
        """The harm band, 1 to 5, of each offence that qualifies."""
        return {
            harm.offence: 1
            + bisect_right(self.band_edges, harm.other_days if by_other_weights else harm.days)
            for harm in self.offences
        }

    def codes(self, decision: str) -> tuple[str, ...]:
        """The reason codes that this decision may give."""
        return tuple(reason.code for reason in self.reasons if reason.decision == decision)

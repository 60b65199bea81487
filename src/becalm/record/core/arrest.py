"""What counts as an arrest from dedicated activity, and the figure that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

WhyNot = Literal["other activity", "unknown activity", "other unit", "not within a burst", "withdrawn"]


@dataclass(frozen=True, slots=True)
class ArrestDefinition:
    """The published rule by which an arrest counts as one "from dedicated activity".

    Words are compared without regard to case, spaces, hyphens and underscores. An arrest counts if its
    activity is one of `activities`, its unit is of one of `unit_kinds` (any unit where none is named)
    and, where `within_burst`, it was made while and where a burst took place.
    """

    key: str
    version: str
    title: str
    author: str
    reviewed_on: date
    evidence: str
    sha256: str  # of the file that holds the rule
    activities: tuple[str, ...]
    other_activities: tuple[str, ...] = ()  # known, and not counted
    unit_kinds: tuple[str, ...] = ()  # "VSU" is the kind of "VSU 3"
    within_burst: bool = False
    around_minutes: int = 0  # before and after the burst
    around_m: int = 0  # beyond the hotspot's radius


@dataclass(frozen=True, slots=True)
class Arrest:
    """An arrest as the ledger has it now: its first entry, the latest that corrects it, and the facts."""

    seq: int
    latest: int  # the same as `seq` where nothing was corrected
    occurred_at: datetime
    unit: str
    activity: str
    offence: str
    easting_m: int | None
    northing_m: int | None
    imported_from: str  # SHA-256 of the log; empty where it was recorded by hand
    withdrawn: bool = False

    @property
    def corrected(self) -> bool:
        """Was it put right by a later entry?"""
        return self.latest != self.seq


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An arrest of the period that does not count, and why."""

    arrest: Arrest
    reason: WhyNot


@dataclass(frozen=True, slots=True)
class ArrestFigure:
    """How many arrests came from dedicated activity, by which definition, and what it was counted from."""

    definition: ArrestDefinition
    since: datetime
    until: datetime
    counted: tuple[Arrest, ...]
    left_out: tuple[LeftOut, ...]
    outside: int  # arrests in the ledger that were made before or after the period
    alike: int  # counted ones that equal another in time, place, unit, activity and offence

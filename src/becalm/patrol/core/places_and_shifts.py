"""The nouns of patrol: a place and the dosage it is owed, a unit and its shift, a burst, a span of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from becalm.terms import PlanError

HOURS_OF_WEEK = 168
Mode = Literal["foot", "cycle", "vehicle"]
Arm = Literal["", "off", "low", "high"]


@dataclass(frozen=True, slots=True)
class Span:
    """Two instants in UTC; `start` included, `end` excluded."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.utcoffset() is None or self.end.utcoffset() is None or self.end <= self.start:
            raise PlanError(
                f"A span from {self.start} to {self.end} is none. Give two instants, the later one last."
            )
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def minutes(self) -> float:
        """How long is it?"""
        return (self.end - self.start) / timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Dosage:
    """What a place is owed by the policy: visits and minutes a day, on average over the plan."""

    visits_per_day: float
    minutes_per_day: float
    low_share: float = 0.8  # realised dosage within this band of the target over 14 days is as planned
    high_share: float = 1.2


@dataclass(frozen=True, slots=True)
class PatrolPlace:
    """A hotspot as a patrol planner sees it."""

    hotspot: str
    area: str
    easting_m: float
    northing_m: float
    radius_m: float
    harm: float  # expected harm of a month, in the weights of the workspace; only its share matters
    dosage: Dosage
    profile: tuple[float, ...]  # shares of the week's harm in its 168 local hours, Monday 00:00 first
    gap_minutes: int = 30  # another visit within this time of the last one is weighted down …
    gap_weight: float = 0.5  # … by this factor; 0 is a hard gap, which leaks
    blackouts: tuple[Span, ...] = ()
    arm: Arm = ""
    name: str = ""  # as people know it


@dataclass(frozen=True, slots=True)
class Base:
    """Where units start and end."""

    base: str
    easting_m: float
    northing_m: float


@dataclass(frozen=True, slots=True)
class UnitShift:
    """One unit on one tour."""

    unit: str
    area: str
    day: date  # the civil day on which the tour starts, in the city's zone
    hours: Span
    base: str
    crew: int
    mode: Mode
    meal_minutes: int = 45  # 0: no meal
    meal_window: Span | None = None  # the meal lies wholly within; None: the middle half of the shift
    burst_share: float = 1.0  # of the shift that is open to bursts
    pair: str = ""  # units of one pair may be at one place together


@dataclass(frozen=True, slots=True)
class Burst:
    """One short visit."""

    unit: str
    hotspot: str
    span: Span

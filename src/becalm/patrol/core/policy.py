"""The policy of patrol as reviewed data: how much, in which places, by which evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.patrol.core.places_and_shifts import Arm, Mode

DoseBy = Literal["rank", "certainty", "harm"]


@dataclass(frozen=True, slots=True)
class PatrolPolicy:
    """The rules of the planner: reviewed data with their evidence, not code."""

    slot_minutes: int = 5
    burst_minutes: tuple[int, ...] = (10, 15, 20)
    settle_minutes: int = 2  # between arriving and starting
    travel_weight: float = 0.0  # in nats per minute of travel; below 0 the next place is rather a far one
    far_minutes: int = 15  # with a travel_weight below 0, a way of more minutes counts as one of these
    feedback: float = 0.02  # in nats per visit owed
    pairing: bool = False
    area_share_cap: float = 1.0  # of all burst minutes that one area may get
    low_factor: float = 0.5  # of what a place is owed, on days in a trial's arm "low"
    high_factor: float = 1.5  # and in its arm "high"

    def dose_factor(self, arm: Arm) -> float:
        """How much of what a place is owed does it get in this arm of a trial?

        >>> PatrolPolicy().dose_factor("low")
        0.5
        """
        return {"": 1.0, "off": 0.0, "low": self.low_factor, "high": self.high_factor}[arm]


@dataclass(frozen=True, slots=True)
class DoseBand:
    """What places up to here on the list are owed.

    `upto` is the share of the list that the band ends at (by rank), or the least probability of
    belonging to the true top (by certainty); by harm there are no bands.
    """

    upto: float
    visits_per_day: float


@dataclass(frozen=True, slots=True)
class DoseRule:
    """How many visits a place is owed, and how long and how far apart they are."""

    by: DoseBy
    bands: tuple[DoseBand, ...]
    visits_per_day: float  # by harm: of a place with the list's mean harm
    harm_power: float  # by harm: 1 is in proportion to harm, 0 the same for all
    least_visits_per_day: float
    most_visits_per_day: float
    mean_visit_minutes: float
    low_share: float
    high_share: float
    gap_minutes: int
    gap_weight: float
    when_short: Literal["refuse", "scale"]


@dataclass(frozen=True, slots=True)
class Meal:
    """Tours of at least `from_hours` have a meal of so many minutes."""

    from_hours: float
    minutes: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one mode is: over streets, over a straight line, and on a slow day."""

    kph: float  # where a street states no speed of its own
    detour: float  # way over straight line
    p80_factor: float  # the time that four journeys in five keep to, over the usual time
    fixed_minutes: float  # of each journey: to set off and to park
    snap_m: float  # a place farther than this from every street is out of reach
    street_speed_share: float = 0.0  # of the speed that a street states; 0: streets state nothing for it


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """When does a trace of positions count as a visit?"""

    buffer_m: float
    fixes: int  # in a row, to enter and to leave
    least_minutes: float
    merged_gap_minutes: float
    worst_accuracy_m: float
    silence_minutes: float  # with no fix for longer than this, nobody knows where the officer was
    match_minutes: float  # a visit this near to a planned one is that one


@dataclass(frozen=True, slots=True)
class ArmRule:
    """How days and places are drawn into arms."""

    arms: tuple[Literal["off", "low", "high"], ...]
    terciles: int
    longest_run: int
    neighbour_m: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One study in our own words: what was given, and what came of it."""

    study: str
    design: str
    dose: str
    result: str
    reading: str  # how much of it was read: the abstract, the whole


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """One reviewed policy: dosage, planner, meals, speeds, delivery, trial, and what they rest on."""

    key: str
    title: str
    author: str
    reviewed_on: date
    note: str
    dose: DoseRule
    planner: PatrolPolicy
    meals: tuple[Meal, ...]
    paces: Mapping[Mode, Pace]
    quantile: float
    hours: tuple[float, ...]  # 24 weights: the day's profile where records carry no hours
    weekdays: tuple[float, ...]  # 7 weights, Monday first
    delivered: DeliveryRule
    arms: ArmRule
    evidence: tuple[Evidence, ...]


def meal_minutes(meals: tuple[Meal, ...], hours: float) -> int:
    """How long is the meal of a tour of so many hours?

    >>> meal_minutes((Meal(5, 30), Meal(8, 45), Meal(10, 60)), 9.0)
    45
    """
    return max((m.minutes for m in meals if hours >= m.from_hours), default=0)


def policy_week(book: PolicyBook) -> tuple[float, ...]:
    """The policy's own share of the week in each of its 168 hours, for records without hours."""
    hour_weights = [day * hour for day in book.weekdays for hour in book.hours]
    return tuple(value / sum(hour_weights) for value in hour_weights)

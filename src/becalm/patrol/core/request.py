"""What the planner is asked, and what it answers: the shapes on which desk, judge and attacker stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from becalm.methods.arrays import Floats
from becalm.patrol.core.nouns import Arm, Base, Burst, Mode, PatrolPlace, PatrolPolicy, Span, UnitShift
from becalm.patrol.core.travel_table import TravelTable

HOURS_OF_WEEK = 168
CELL_MINUTES = 15
GRID = 1024  # a whole number k of the law means k/1024 nat


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """All that a plan depends on, except its key.

    `travel` holds one table for each mode in use; its stops name every hotspot and base of those units.
    `arms` names the trial's arm of a place on a civil day, over the place's own; `owed` are visits carried
    over from the period before (below 0: given too often); `earlier` are bursts that stand already and
    that this plan must keep clear of.
    """

    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]
    bases: tuple[Base, ...]
    travel: Mapping[Mode, TravelTable]
    policy: PatrolPolicy
    first_day: date
    days: int
    zone: str  # of the civil days and the profiles, e.g. "Europe/London"
    arms: Mapping[tuple[str, date], Arm] = field(default_factory=dict)
    owed: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[Burst, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteLaw:
    """The law that plans are drawn from, in whole numbers of 1/1024 nat, so that a plan can be drawn again.

    The weight of a route is the product of exp(hours[place][hour of week] + lengths[place][burst length])
    over its visits and exp(-travel weight x minutes) over its ways. All else is in the request.
    """

    hotspots: tuple[str, ...]  # sorted
    hours: tuple[tuple[int, ...], ...]  # by place, 168 each, Monday 00:00 local time first
    lengths: tuple[tuple[int, ...], ...]  # by place, one for each burst length of the policy
    due: tuple[int, ...]  # by place: thousandths of visits that the whole plan means to give
    gives_visits: tuple[int, ...] = ()  # by place: thousandths of visits on average, by pilot draws
    gives_minutes: tuple[int, ...] = ()  # and of minutes

    def as_json(self) -> dict[str, Any]:
        """The law as plain lists of whole numbers, for plan.json."""
        return {
            "grid": GRID,
            "hotspots": list(self.hotspots),
            "hours": [list(row) for row in self.hours],
            "lengths": [list(row) for row in self.lengths],
            "due": list(self.due),
            "gives_visits": list(self.gives_visits),
            "gives_minutes": list(self.gives_minutes),
        }

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> RouteLaw:
        """The law that plan.json holds."""
        return RouteLaw(
            hotspots=tuple(document["hotspots"]),
            hours=tuple(tuple(row) for row in document["hours"]),
            lengths=tuple(tuple(row) for row in document["lengths"]),
            due=tuple(document["due"]),
            gives_visits=tuple(document.get("gives_visits", ())),
            gives_minutes=tuple(document.get("gives_minutes", ())),
        )


@dataclass(frozen=True, slots=True)
class UnitRoute:
    """One unit's tour as planned: its bursts in order, its meal, and how freely it was drawn."""

    unit: str
    area: str
    day: date
    bursts: tuple[Burst, ...]
    meal: Span | None
    travel_minutes: float
    bits: float  # entropy of its law, given the units drawn before it
    surprise_bits: float  # -log2 of the probability of the very route that was drawn
    replan: int = 0


@dataclass(frozen=True, slots=True)
class PlaceDosage:
    """What a place was to get over the whole plan, what the law gives on average, and what was drawn."""

    hotspot: str
    target_visits: float
    expected_visits: float
    visits: int
    target_minutes: float
    expected_minutes: float
    minutes: int
    sd_visits: float  # of the drawn visits about the expected ones


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A target that this plan cannot be expected to meet: by how much, why, and what would mend it."""

    hotspot: str
    target_visits: float
    expected_visits: float
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Propensities:
    """The chance that a burst starts, by place and cell of 15 minutes, as the law gave it when it was drawn.

    `start[p, c]` is 1 - prod over units of (1 - the unit's own chance, given the units drawn before it).
    """

    hotspots: tuple[str, ...]  # sorted
    first_cell: datetime
    start: Floats
    cell_minutes: int = CELL_MINUTES


@dataclass(frozen=True, slots=True)
class PatrolPlan:
    """Bursts for every unit, the law they were drawn from, and how unpredictable they are."""

    bursts: tuple[Burst, ...]  # by start, hotspot and unit
    routes: tuple[UnitRoute, ...]  # by area, start and unit: the order of drawing
    law: RouteLaw
    dosage: tuple[PlaceDosage, ...]  # by hotspot, sorted
    propensities: Propensities
    shortfalls: tuple[Shortfall, ...]
    bits: float  # of the whole plan: the sum of the units' conditional entropies
    bound_bits: float  # the most that any law could have at this expected dosage; 0 where not asked for
    travel_share: float  # of the minutes on duty

    @property
    def entropy_ratio(self) -> float:
        """How near is the plan to the least predictable one with the same dosage (1: none is better)?"""
        return self.bits / self.bound_bits if self.bound_bits else float("nan")

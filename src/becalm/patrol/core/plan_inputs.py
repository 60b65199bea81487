"""What a plan is made of: places, shifts, bases, the ways between them, the planner's rules, the days."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from becalm.methods.arrays import Floats
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
                f"A span from {self.start} to {self.end} is empty. Give two instants, the later one last."
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
    gap_weight: float = 1.0  # … by this factor; 1 is no gap, and any other tells when nobody comes
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
    lent_from: str = ""  # the unit's own area, where it serves another one on this tour …
    lent_because: str = ""  # … and why


@dataclass(frozen=True, slots=True)
class Burst:
    """One short visit."""

    unit: str
    hotspot: str
    span: Span


@dataclass(frozen=True, slots=True)
class TravelTable:
    """Travel minutes from every stop to every stop by one mode, at a safe quantile.

    `stops` names hotspots and bases; `minutes[i, j]` is from stops[i] to stops[j], infinite where there is
    no way. `source` says whether streets or the crow were followed, or a table was given.
    """

    mode: Mode
    stops: tuple[str, ...]
    minutes: Floats
    quantile: float
    source: Literal["streets", "crow-fly", "given"]


@dataclass(frozen=True, slots=True)
class PatrolPolicy:
    """The rules of the planner: reviewed data with their evidence, not code."""

    slot_minutes: int = 1
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
class PlanInputs:
    """All that a plan depends on, except its key.

    `travel` holds one table for each mode in use; its stops name every hotspot and base of those units.
    `arms` names the trial's arm of a place on a civil day, over the place's own; `owed_visits` are carried
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
    owed_visits: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[Burst, ...] = ()


def freest_inputs(inputs: PlanInputs) -> PlanInputs:
    """The same units and places under the fewest rules: what an attacker gains on a plan of these is physics.

    Dosage in expectation only: no gap, no feedback, near and far places alike.
    """
    free_policy = replace(inputs.policy, feedback=0.0, travel_weight=0.0)
    free_places = tuple(replace(place, gap_weight=1.0) for place in inputs.places)
    return replace(inputs, policy=free_policy, places=free_places, owed_visits={}, earlier=())

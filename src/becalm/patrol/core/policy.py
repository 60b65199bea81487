"""The policy of patrol as reviewed data: how much, in which places, by which evidence.

The bounds of its entries are checked where they come in: by `files/read_policy.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from becalm.patrol.core.place_cards import PlaceTask
from becalm.patrol.core.plan_inputs import Mode, PatrolPolicy

DoseBy = Literal["rank", "certainty", "harm"]
WhenIdle = Literal["keep", "lend", "raise"]  # what units with time to spare do; "raise" lends first


@dataclass(frozen=True, slots=True)
class DoseBand:
    """What places up to here on the list are owed.

    `upto` is the share of the list that the band ends at (by rank), or the least probability of
    belonging to the true top (by certainty); by harm there are no bands.
    """

    upto: Annotated[float, Field(ge=0, le=1)]
    visits_per_day: Annotated[float, Field(ge=0, le=200)]


@dataclass(frozen=True, slots=True)
class DoseRule:
    """How many visits a place is owed, and how long and how far apart they are."""

    by: DoseBy = "rank"
    bands: tuple[DoseBand, ...] = ()
    visits_per_day: Annotated[float, Field(gt=0, le=200)] = 3.0  # by harm: of a place with the mean harm
    harm_power: Annotated[float, Field(ge=0, le=2)] = 0.5  # by harm: 1 is in proportion to it, 0 all alike
    least_visits_per_day: Annotated[float, Field(ge=0)] = 0.0
    most_visits_per_day: Annotated[float, Field(gt=0)] = 96.0
    mean_visit_minutes: Annotated[float, Field(gt=0, le=120)] = 15.0
    low_share: Annotated[float, Field(ge=0, le=1)] = 0.8
    high_share: Annotated[float, Field(ge=1)] = 1.2
    gap_minutes: Annotated[int, Field(ge=0)] = 30
    gap_weight: Annotated[float, Field(ge=0, le=1)] = 1.0
    when_short: Literal["refuse", "scale"] = "scale"
    when_idle: WhenIdle = "lend"


@dataclass(frozen=True, slots=True)
class Meal:
    """Tours of at least `from_hours` have a meal of that many minutes."""

    from_hours: Annotated[float, Field(ge=0, le=24)]
    minutes: Annotated[int, Field(ge=0, le=180)]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one mode is: over streets, over a straight line, and on a slow day."""

    kph: Annotated[float, Field(gt=0, le=130)]  # where a street states no speed of its own
    detour: Annotated[float, Field(ge=1, le=5)]  # way over straight line
    p80_factor: Annotated[float, Field(ge=1, le=5)]  # the time four journeys in five keep to, over the usual
    fixed_minutes: Annotated[float, Field(ge=0, le=30)] = 0.0  # of each journey: to set off and to park
    snap_m: Annotated[float, Field(gt=0)] = 400.0  # a place farther from every street is out of reach
    # Of the speed that a street states; 0: streets state nothing for it.
    street_speed_share: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryRule:
    """When does a trace of positions count as a visit?"""

    buffer_m: Annotated[float, Field(ge=0, le=100)] = 25.0
    fixes: Annotated[int, Field(ge=1, le=10)] = 2  # in a row, to enter and to leave
    least_minutes: Annotated[float, Field(ge=0)] = 3.0
    merged_gap_minutes: Annotated[float, Field(ge=0)] = 3.0
    worst_accuracy_m: Annotated[float, Field(gt=0)] = 100.0
    silence_minutes: Annotated[float, Field(gt=0)] = 3.0  # without a fix: nobody knows where the officer was
    match_minutes: Annotated[float, Field(ge=0)] = 20.0  # a visit this near to a planned one is that one


@dataclass(frozen=True, slots=True)
class ArmRule:
    """How days and places are drawn into arms."""

    arms: tuple[Literal["off", "low", "high"], ...]
    terciles: int
    longest_run: int
    neighbour_m: float


@dataclass(frozen=True, slots=True)
class SealRule:
    """How long may a seed stay sealed, and how often may one person re-plan a shift?"""

    most_reveal_days: Annotated[int, Field(ge=0, le=366)] = 90  # after the last planned day
    most_replans_per_shift: Annotated[int, Field(ge=0, le=20)] = 2  # more need a second person


@dataclass(frozen=True, slots=True)
class RecordRule:
    """How long after the last covered day may a plan begin? Old records say little about where to go."""

    max_record_age_days: Annotated[int, Field(ge=0, le=3660)] = 60
    max_record_age_days_by_source: Mapping[str, Annotated[int, Field(ge=0, le=3660)]] = field(
        default_factory=dict[str, int]
    )

    def find_max_age_days(self, source: str) -> int:
        """The figure of this source, else of its family (what stands before the slash), else of all.

        >>> RecordRule(60, {"police_uk": 120}).find_max_age_days("police_uk/essex")
        120
        """
        own_figures = self.max_record_age_days_by_source
        return own_figures.get(source, own_figures.get(source.partition("/")[0], self.max_record_age_days))


@dataclass(frozen=True, slots=True)
class Evidence:
    """One study in our own words: what was given, and what came of it."""

    study: str
    design: str
    dose: str
    result: str
    reading: Annotated[str, Field(alias="read")]  # how much of it was read: the abstract, the whole


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
    seals: SealRule = SealRule()
    records: RecordRule = field(default_factory=RecordRule)
    task: PlaceTask = field(default_factory=PlaceTask)


def meal_minutes(meals: tuple[Meal, ...], hours: float) -> int:
    """How long is the meal of a tour of so many hours?

    >>> meal_minutes((Meal(5, 30), Meal(8, 45), Meal(10, 60)), 9.0)
    45
    """
    return max((m.minutes for m in meals if hours >= m.from_hours), default=0)


def policy_week(book: PolicyBook) -> tuple[float, ...]:
    """The policy's own share of the week in each of its 168 hours, for records without hours."""
    hour_weights = [day_weight * hour_weight for day_weight in book.weekdays for hour_weight in book.hours]
    return tuple(weight / sum(hour_weights) for weight in hour_weights)

"""The rules that a list of places keeps, what each of them costs, and who overrode what."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

RuleKind = Literal["count", "separation", "floor", "cap", "include", "leave_out"]

HOURS_OF_DAY = 24
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class DayHours:
    """Hours of every day, or of some weekdays, in the city's clock time; `end` is excluded.

    22 to 4 runs past midnight into the next day. `weekdays` counts from 0 for Monday; none means every day.
    """

    start: int
    end: int
    weekdays: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.start < HOURS_OF_DAY and 0 <= self.end <= HOURS_OF_DAY):
            raise ValueError(f"{self.start} to {self.end} are no hours of a day. Give 0 to 24.")
        if self.start == self.end % HOURS_OF_DAY and not self.weekdays:
            raise ValueError(
                f"{self.start} to {self.end} is no part of a day. Leave the hours out for all of it."
            )

    @property
    def of_day(self) -> tuple[int, ...]:
        """The hours, 0 for midnight to 1."""
        hour_count = (self.end - self.start) % HOURS_OF_DAY or HOURS_OF_DAY
        return tuple((self.start + hour) % HOURS_OF_DAY for hour in range(hour_count))

    @property
    def of_week(self) -> tuple[int, ...]:
        """The hours of the week, 0 for Monday 00:00 to 1:00."""
        first_hours = [day * HOURS_OF_DAY + self.start for day in self.weekdays or range(len(WEEKDAYS))]
        week_hours = {first + hour for first in first_hours for hour in range(len(self.of_day))}
        return tuple(sorted(hour % (HOURS_OF_DAY * len(WEEKDAYS)) for hour in week_hours))

    def __str__(self) -> str:
        day_names = ",".join(WEEKDAYS[day][:3] for day in self.weekdays)
        return f"{day_names} {self.start:02d}-{self.end:02d}".strip()


@dataclass(frozen=True, slots=True)
class PlaceDecision:
    """A human's decision that a place must, or must not, be on the list.

    `entry` is its number in the ledger; None where it stands in a file of rules or was given by a program.
    `place_id` names the place of one size of cell, e.g. 150m_3533_1200.
    """

    place_id: str
    include: bool
    reason: str
    by: str = ""
    on: date | None = None
    entry: int | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError(f"The decision about {self.place_id} has no reason.")

    @property
    def verb(self) -> str:
        """What was decided, in words."""
        return "include" if self.include else "leave out"


@dataclass(frozen=True, slots=True)
class RulePrice:
    """What one rule costs in expected incidents in 30 days that the list then misses.

    `relaxation_gain` is the gain if the rule gave way by one `unit`, `removal_gain` the gain without it; None
    where that cannot be (a count cannot be removed).
    """

    kind: RuleKind
    rule: str
    unit: str
    relaxation_gain: float | None
    removal_gain: float | None


@dataclass(frozen=True, slots=True)
class WeighedDecision:
    """A decision beside what the records alone would have said of its place.

    `rank` is the place's rank by what is expected of it, among all places that compete; `missed_incidents` is
    how many expected incidents in 30 days the list misses because of the decision, all other rules kept (None
    where that was not asked for).
    """

    decision: PlaceDecision
    rank: int
    missed_incidents: float | None


@dataclass(frozen=True, slots=True)
class Selection:
    """How the listed places were chosen: under which rules, how exactly, at what price.

    `expected_total` is the sum over the list; no list under these rules can expect more than `bound`, and
    `exact` says that none expects more than this one. `decisions` are all that applied, `weighed_decisions`
    the same with what each of them changes, `unmatched` those that name no place of this ground. `author` and
    `written_on` are those of the file of rules.
    """

    expected_total: float
    bound: float
    exact: bool
    how: str
    prices: tuple[RulePrice, ...] = ()
    decisions: tuple[PlaceDecision, ...] = ()
    unmatched: tuple[PlaceDecision, ...] = ()
    weighed_decisions: tuple[WeighedDecision, ...] = ()
    hours: DayHours | None = None
    author: str = ""
    written_on: date | None = None
    unit: str = "incidents"  # of everything expected or missed here, in 30 days; else e.g. "harm (css 2020)"

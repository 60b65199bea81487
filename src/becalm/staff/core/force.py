"""Who there is: officers with their skills, the published roster, and who is away when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Ints
from becalm.staff.core.rule_book import RuleBook

State = Literal[
    "available", "rest", "leave", "sick", "court", "training", "restricted", "self-isolating", "abstracted",
    "freed", "lent out", "lent in", "recruit", "away",
]  # fmt: skip
STREET_STATES = frozenset({"available", "freed", "lent in", "recruit"})
ADMIN_STATES = frozenset({"restricted", "self-isolating"})
HALF_DAY = timedelta(hours=12)
UNPUBLISHED = -1


@dataclass(frozen=True, slots=True)
class Officer:
    """One officer, by staff number."""

    staff_number: str
    rank: str
    command_unit: str
    contracted_hours: float = 40.0  # a week
    skills: Mapping[str, date | None] = field(default_factory=dict)  # with the day on which each expires
    is_tutor: bool = False
    recruit_since: date | None = None
    barred_tours: tuple[str, ...] = ()  # protected adjustments: tours that the officer is not to work
    unwelcome_tours: tuple[str, ...] = ()  # preferences
    has_opted_out: bool = False  # of the average of hours a week
    earlier_hours: float | None = None  # worked in the 16 weeks before the published roster begins

    def has_skill(self, skill: str, day: date) -> bool:
        """Whether the officer has this skill and it has not expired on this day."""
        return skill in self.skills and (self.skills[skill] is None or day < (self.skills[skill] or day))


@dataclass(frozen=True, slots=True)
class Span:
    """A state of one officer over half-days; `until` is excluded."""

    staff_number: str
    since: datetime  # local midnight or noon, without a zone
    until: datetime
    state: State
    recorded_at: datetime  # aware
    donor: str = ""  # where a freed officer comes from
    recall_on: date | None = None

    @property
    def may_patrol(self) -> bool:
        """Whether the officer can serve on the street."""
        return self.state in STREET_STATES


@dataclass(frozen=True, slots=True)
class Force:
    """Officers with their published tours: [N, H] numbers of tours, 0 rest, -1 where nothing is published."""

    officers: tuple[Officer, ...]
    first_day: date
    published: NDArray[np.int8]
    is_away: Bools  # [N, 2 H], by half-day
    is_admin: Bools  # [N, 2 H]: may do administration only

    @property
    def days(self) -> int:
        """How many days the published roster covers."""
        return int(self.published.shape[1])

    @property
    def row_of_officer(self) -> dict[str, int]:
        """The row of each staff number."""
        return {officer.staff_number: row for row, officer in enumerate(self.officers)}

    def day_index(self, day: date) -> int:
        """Which column is this day?"""
        return (day - self.first_day).days


def count_expiring(officers: Sequence[Officer], last_day: date) -> int:
    """How many skills end by this day?"""
    expiries = [expiry for officer in officers for expiry in officer.skills.values()]
    return sum(expiry is not None and expiry <= last_day for expiry in expiries)


def select_officers(force: Force, ranks: Sequence[str]) -> Force:
    """Only the officers of these ranks."""
    rows = [row for row, officer in enumerate(force.officers) if officer.rank in ranks]
    return replace(
        force,
        officers=tuple(force.officers[row] for row in rows),
        published=force.published[rows],
        is_away=force.is_away[rows],
        is_admin=force.is_admin[rows],
    )


def with_roster(
    force: Force, tours: Sequence[tuple[str, date, str]], rules: RuleBook, *, first_day: date, days: int
) -> Force:
    """The force with another roster for some days: staff number, day and tour of all that is worked."""
    column, row_of_officer = force.day_index(first_day), force.row_of_officer
    published = force.published.copy()
    published[:, column : column + days] = 0
    for number, day, tour in tours:
        if number in row_of_officer:
            published[row_of_officer[number], force.day_index(day)] = rules.tour_number(tour)
    return replace(force, published=published)


def mark_spans(
    officers: Sequence[Officer],
    spans: Sequence[Span],
    *,
    first_day: date,
    days: int,
    known_at: datetime | None = None,
) -> tuple[Bools, Bools]:
    """Who is away from the street, and who may do administration only, by half-day? The latest wins."""
    is_away = np.zeros((len(officers), 2 * days), np.bool_)
    is_admin = np.zeros_like(is_away)
    row_of_officer = {officer.staff_number: row for row, officer in enumerate(officers)}
    start = datetime.combine(first_day, time())
    for span in sorted(spans, key=lambda span: span.recorded_at):
        if known_at is not None and span.recorded_at > known_at:
            continue
        row = row_of_officer.get(span.staff_number)
        if row is None:
            continue
        first_half_day = max(0, (span.since - start) // HALF_DAY)
        end = max(0, (span.until - start) // HALF_DAY)
        is_away[row, first_half_day:end] = not span.may_patrol
        is_admin[row, first_half_day:end] = span.state in ADMIN_STATES
    return is_away, is_admin


def tour_halves(rules: RuleBook) -> Ints:
    """Which half-days does each tour touch, from the morning of its day: first and last + 1 [T, 2]?"""
    halves = []
    for kind in rules.tours:
        start_hour = kind.start.hour + kind.start.minute / 60
        halves.append((int(start_hour // 12), int(-(-(start_hour + kind.hours) // 12))))
    return np.array(halves, np.int64)


def may_work(force: Force, rules: RuleBook, *, first_day: date, days: int, with_bars: bool = True) -> Bools:
    """May each officer work each tour on each of these days [N, D, T + 1]? Rest is always possible.

    Without `with_bars`, protected adjustments are left aside: what was published in spite of them was worked.
    """
    column = force.day_index(first_day)
    possible = np.ones((len(force.officers), days, len(rules.tours) + 1), np.bool_)
    padded = np.pad(force.is_away, ((0, 0), (0, 4)), mode="edge")
    for number, (begin, end) in enumerate(tour_halves(rules), start=1):
        for day in range(days):
            first_half = 2 * (column + day)
            possible[:, day, number] = ~padded[:, first_half + begin : first_half + end].any(axis=1)
    for row, officer in enumerate(force.officers if with_bars else ()):
        for tour in officer.barred_tours:
            possible[row, :, rules.tour_number(tour)] = False
    return possible

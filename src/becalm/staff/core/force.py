"""Who there is: officers with their skills, the published roster, and who is away when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

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
    begun_tours: frozenset[tuple[int, int, int]] = (
        frozenset()
    )  # row, column and number, see `find_begun_tours`

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
    new_rows = {row: new_row for new_row, row in enumerate(rows)}
    return replace(
        force,
        officers=tuple(force.officers[row] for row in rows),
        published=force.published[rows],
        is_away=force.is_away[rows],
        is_admin=force.is_admin[rows],
        begun_tours=frozenset(
            (new_rows[row], column, number) for row, column, number in force.begun_tours if row in new_rows
        ),
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


def find_begun_tours(
    officers: Sequence[Officer], spans: Sequence[Span], rules: RuleBook, *, first_day: date, zone: str
) -> frozenset[tuple[int, int, int]]:
    """Tours that had begun when it became known that the officer would be away before their end.

    Who reports sick at 05:30 from midnight on has worked most of the night: that tour is not taken away. Each
    is the row of the officer, the column of its day from `first_day` on, and its number. Whether the officer
    is on it is for the roster to say.
    """
    row_of_officer = {officer.staff_number: row for row, officer in enumerate(officers)}
    spans_of_officer: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: span.recorded_at):
        spans_of_officer.setdefault(span.staff_number, []).append(span)
    begun_tours = set()
    for span in spans:
        row = row_of_officer.get(span.staff_number)
        if row is None or span.may_patrol:
            continue
        for number, kind in enumerate(rules.tours, start=1):
            for day in (span.since.date() - timedelta(days=1), span.since.date()):
                start = datetime.combine(day, kind.start)
                if not _came_within(span, start, kind.hours, zone):
                    continue
                foreseen_spans = [
                    own_span
                    for own_span in spans_of_officer[span.staff_number]
                    if not _came_within(own_span, start, kind.hours, zone)
                ]
                if not _is_touched(foreseen_spans, start, kind.hours):
                    begun_tours.add((row, (day - first_day).days, number))
    return frozenset(begun_tours)


def _came_within(span: Span, start: datetime, hours: float, zone: str) -> bool:
    """Whether this absence begins within a tour, and was recorded only after the tour had begun."""
    is_within = not span.may_patrol and start < span.since < start + timedelta(hours=hours)
    return is_within and span.recorded_at > start.replace(tzinfo=ZoneInfo(zone))


def _is_touched(spans: Sequence[Span], start: datetime, hours: float) -> bool:
    """Whether an officer is away in any half-day of a tour; `spans` in the order of their recording."""
    half_day = start.replace(hour=start.hour // 12 * 12, minute=0)
    while half_day < start + timedelta(hours=hours):
        covering_spans = [span for span in spans if span.since <= half_day < span.until]
        if covering_spans and not covering_spans[-1].may_patrol:
            return True
        half_day += HALF_DAY
    return False


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
    is_possible = np.ones((len(force.officers), days, len(rules.tours) + 1), np.bool_)
    padded_absence = np.pad(force.is_away, ((0, 0), (0, 4)), mode="edge")
    for number, (begin, end) in enumerate(tour_halves(rules), start=1):
        for day in range(days):
            first_half = 2 * (column + day)
            is_possible[:, day, number] = ~padded_absence[:, first_half + begin : first_half + end].any(
                axis=1
            )
    for row, begun_column, number in force.begun_tours:
        day = begun_column - column
        if 0 <= day < days and force.published[row, begun_column] == number:
            is_possible[row, day, number] = True
    for row, officer in enumerate(force.officers if with_bars else ()):
        for tour in officer.barred_tours:
            is_possible[row, :, rules.tour_number(tour)] = False
    return is_possible

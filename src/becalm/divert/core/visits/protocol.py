"""How often, when and how far apart a crew may knock: the protocol, which its owner signs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from becalm.terms import Fault

MOST_ATTEMPTS = 8
MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Daypart:
    """A part of the day on weekdays or at weekends; its end is excluded."""

    name: str
    is_weekend: bool
    start: time
    end: time

    @property
    def start_minute(self) -> int:
        """Minutes since midnight."""
        return self.start.hour * 60 + self.start.minute

    @property
    def end_minute(self) -> int:
        """Minutes since midnight."""
        return self.end.hour * 60 + self.end.minute

    def holds(self, moment: datetime) -> bool:
        """Whether a moment of the city's own time lies in it."""
        return is_weekend(moment.date()) == self.is_weekend and self.start <= moment.time() < self.end


@dataclass(frozen=True, slots=True)
class VisitProtocol:
    """The rules of two visits, as data with author, version and date."""

    key: str
    version: int
    title: str
    author: str
    reviewed_on: date
    attempts: int  # for each visit
    hours_between_attempts: int
    second_after_days: int  # after the first contact
    second_until_days: int
    talk_minutes: int
    miss_minutes: int
    is_second_agreed: bool  # a time for the second visit is agreed at the first
    is_card_left: bool  # a card with a number to ring, after each miss
    same_lead_factor: float  # what a visit is worth more to the crew whose lead came first
    rest_days: int  # after the letter that follows the last attempt
    dayparts: tuple[Daypart, ...]

    def dayparts_of(self, day: date) -> tuple[int, ...]:
        """The numbers of the dayparts of a day."""
        return tuple(n for n, part in enumerate(self.dayparts) if part.is_weekend == is_weekend(day))

    def daypart_at(self, moment: datetime) -> Daypart | None:
        """The daypart of a moment in the city's own time; None outside the hours of visits."""
        return next((part for part in self.dayparts if part.holds(moment)), None)


def is_weekend(day: date) -> bool:
    """Whether the day is a Saturday or a Sunday."""
    return day.weekday() >= 5


def protocol_faults(protocol: VisitProtocol, file_name: str) -> Iterator[Fault]:
    """What no protocol may say, however it is signed."""
    bounds = (
        ("attempts", protocol.attempts, 1, MOST_ATTEMPTS),
        ("hours_between_attempts", protocol.hours_between_attempts, 48, 24 * 28),
        ("second_after_days", protocol.second_after_days, 7, 28),
        ("second_until_days", protocol.second_until_days, protocol.second_after_days, 56),
        ("talk_minutes", protocol.talk_minutes, 5, 120),
        ("miss_minutes", protocol.miss_minutes, 1, 30),
        ("same_lead_factor", protocol.same_lead_factor, 1, 10),
        ("rest_days", protocol.rest_days, 28, 365),
    )
    for name, value, low, high in bounds:
        if not low <= value <= high:
            yield Fault(f"{file_name}: {name}", f"is {value:g}", f"give {low:g} to {high:g}")
    if not protocol.dayparts:
        yield Fault(f"{file_name}: dayparts", "there are none", "name at least one")
    names = [part.name for part in protocol.dayparts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f"{file_name}: dayparts", f"{name!r} is there twice", "give each a name of its own")
    for part in protocol.dayparts:
        if not time(9) <= part.start < part.end <= time(20):
            yield Fault(
                f"{file_name}: {part.name}",
                f"runs from {part.start:%H:%M} to {part.end:%H:%M}",
                "visits are made between 09:00 and 20:00, and each part ends after it starts",
            )
    yield from _overlaps(protocol.dayparts, file_name)


def _overlaps(dayparts: tuple[Daypart, ...], file_name: str) -> Iterator[Fault]:
    for number, part in enumerate(dayparts):
        for later_part in dayparts[number + 1 :]:
            if (
                part.is_weekend == later_part.is_weekend
                and part.start < later_part.end
                and later_part.start < part.end
            ):
                yield Fault(
                    f"{file_name}: {part.name}",
                    f"overlaps {later_part.name}",
                    "let one end where the later_part begins",
                )

"""What somebody asked for: times to be left alone, an interpreter, easy words, company, another place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from becalm.divert.core.visits.protocol import Daypart, VisitProtocol, is_weekend
from becalm.terms import Fault

WEEKDAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAYS_BY_WORDS = {
    "weekdays": frozenset(range(5)),
    "weekends": frozenset((5, 6)),
    "every day": frozenset(range(7)),
    **{name: frozenset((number,)) for number, name in enumerate(WEEKDAY_NAMES)},
}
EXAMPLES = "`tuesday`, `weekdays 17:00-20:00`, `2020-05-10 to 2020-05-14` or a part of the day"
_TEXT = re.compile(r"(?P<days>.+?)(?: +(?P<start>\d\d:\d\d) *- *(?P<end>\d\d:\d\d))?")
_DAYS = re.compile(r"(?P<first>\d{4}-\d\d-\d\d)(?: to (?P<last>\d{4}-\d\d-\d\d))?")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class UnavailableTime:
    """Days and hours in which nobody calls: weekdays (0 is Monday) or dates, and minutes of the day."""

    weekdays: frozenset[int] = frozenset(range(7))
    first_day: date | None = None
    last_day: date | None = None
    start_minute: int = 0
    end_minute: int = _DAY_MINUTES

    def is_on(self, day: date) -> bool:
        """Whether any hour of this day is meant."""
        has_begun = self.first_day is None or self.first_day <= day
        return (
            has_begun and (self.last_day is None or day <= self.last_day) and day.weekday() in self.weekdays
        )


@dataclass(frozen=True, slots=True)
class VisitWishes:
    """Everything that somebody asked for; the latest words stand."""

    unavailable: tuple[UnavailableTime, ...] = ()
    unavailable_texts: tuple[str, ...] = ()
    interpreter: str = ""  # the language, or yes
    is_easy_read: bool = False
    present: str = ""  # who may be present
    place: str = ""  # where to meet instead of at home
    place_point_m: tuple[float, float] | None = None

    def is_free(self, moment: datetime) -> bool:
        """Whether the person may be called on at this moment of the city's own time."""
        minute = moment.hour * 60 + moment.minute
        return not any(
            span.is_on(moment.date()) and span.start_minute <= minute < span.end_minute
            for span in self.unavailable
        )

    @property
    def aids(self) -> tuple[str, ...]:
        """What a crew brings, in words that say nothing about the person."""
        return (
            *(("interpreter",) if self.interpreter else ()),
            *(("easy read",) if self.is_easy_read else ()),
        )


def parse_unavailable(text: str, protocol: VisitProtocol) -> UnavailableTime | Fault:
    """The time that these words mean, or what is wrong with them.

    >>> from becalm.divert.files.visits.read_protocol import read_protocol
    >>> parse_unavailable("Tuesdays 09:00-12:00", read_protocol()).start_minute
    540
    """
    words = " ".join(text.casefold().split())
    for part in protocol.dayparts:
        if words.removesuffix("s") == part.name.casefold().removesuffix("s"):
            weekdays = WEEKDAYS_BY_WORDS["weekends" if part.is_weekend else "weekdays"]
            return UnavailableTime(weekdays, None, None, part.start_minute, part.end_minute)
    match = _TEXT.fullmatch(words)
    try:
        return _days(match["days"], _hours(match["start"], match["end"])) if match else _days("", (0, 0))
    except (ValueError, KeyError):
        return Fault("unavailable", f"{text!r} is no time", f"write {EXAMPLES}")


def _hours(start: str | None, end: str | None) -> tuple[int, int]:
    if start is None or end is None:
        return 0, _DAY_MINUTES
    minutes = [clock.hour * 60 + clock.minute for clock in map(time.fromisoformat, (start, end))]
    if minutes[0] >= minutes[1]:
        raise ValueError("ends before it starts")
    return minutes[0], minutes[1]


def _days(words: str, hours: tuple[int, int]) -> UnavailableTime:
    dates = _DAYS.fullmatch(words)
    if dates is None:
        name = words if words in WEEKDAYS_BY_WORDS else words.removesuffix("s")
        return UnavailableTime(WEEKDAYS_BY_WORDS[name], None, None, *hours)
    first_day = date.fromisoformat(dates["first"])
    last_day = date.fromisoformat(dates["last"] or dates["first"])
    if last_day < first_day:
        raise ValueError("ends before it starts")
    return UnavailableTime(frozenset(range(7)), first_day, last_day, *hours)


def wish_faults(
    texts: tuple[str, ...], place: str, place_at: str, protocol: VisitProtocol
) -> Iterator[Fault]:
    """What is wrong with wishes as they are given."""
    for text in texts:
        span = parse_unavailable(text, protocol)
        if isinstance(span, Fault):
            yield span
    if bool(place) != bool(place_at):
        yield Fault("place_at", "does not fit `place`", "give both: crews are sent to it")
    if place_at and parse_point(place_at) is None:
        yield Fault("place_at", f"{place_at!r} is no place", "write easting,northing: 530120,181000")


def parse_point(text: str) -> tuple[float, float] | None:
    """Easting and northing in metres from `530120,181000`; None where it is neither.

    >>> parse_point("530120, 181000")
    (530120.0, 181000.0)
    """
    try:
        easting, northing = (float(number) for number in text.split(","))
    except ValueError:
        return None
    return (easting, northing) if 0 <= easting < 1e7 and 0 <= northing < 1e7 else None


def read_wishes(
    details: Mapping[str, object], person_details: Mapping[str, str], protocol: VisitProtocol
) -> VisitWishes:
    """The wishes in force: those that were recorded, with what the force's own file says of the person."""
    texts = details.get("unavailable")
    unavailable_texts = tuple(map(str, texts)) if isinstance(texts, list) else ()
    spans = [parse_unavailable(text, protocol) for text in unavailable_texts]
    names = unwished_dayparts(person_details.get("contact_wishes", ""), protocol)
    spans += [parse_unavailable(name, protocol) for name in names]
    interpreter = str(details.get("interpreter") or person_details.get("interpreter") or "")
    easy_read = details.get("easy_read") or person_details.get("easy_read", "")
    return VisitWishes(
        unavailable=tuple(span for span in spans if isinstance(span, UnavailableTime)),
        unavailable_texts=(*unavailable_texts, *names),
        interpreter="" if interpreter in ("no", "False") else interpreter,
        is_easy_read=easy_read not in ("", "no", False),
        present=str(details.get("present") or ""),
        place=str(details.get("place") or ""),
        place_point_m=parse_point(str(details.get("place_at") or "")),
    )


def unwished_dayparts(wishes: str, protocol: VisitProtocol) -> tuple[str, ...]:
    """The dayparts that somebody asked to be left alone in, from words such as "no mornings".

    >>> from becalm.divert.files.visits.read_protocol import read_protocol
    >>> unwished_dayparts("no mornings; no weekends", read_protocol())
    ('weekday morning', 'weekend day', 'weekend evening')
    """
    words = {
        word.removesuffix("s")
        for part in wishes.casefold().replace(",", ";").split(";")
        if part.strip().startswith("no ")
        for word in part.split()[1:]
    }
    return tuple(part.name for part in protocol.dayparts if words & set(part.name.casefold().split()))


def visit_window(
    wishes: VisitWishes, part: Daypart, day: date, talk_minutes: int
) -> tuple[float, float] | None:
    """The first and last minute at which a visit may begin in this part of a day; None where there is none.

    A talk ends before a time that the person asked to be left alone in. Where that leaves two spans, the
    longer one stands.
    """
    if is_weekend(day) != part.is_weekend:
        return None
    free_spans = [(part.start_minute, part.end_minute)]
    for unavailable in wishes.unavailable:
        if unavailable.is_on(day):
            low, high = unavailable.start_minute, unavailable.end_minute
            free_spans = [
                piece
                for start, end in free_spans
                for piece in ((start, min(end, low)), (max(start, high), end))
                if piece[0] < piece[1]
            ]
    windows = [
        (float(start), float(end - 1 if end == part.end_minute else end - talk_minutes))
        for start, end in free_spans
        if end == part.end_minute or end - talk_minutes >= start
    ]
    return max(windows, key=lambda window: window[1] - window[0], default=None)

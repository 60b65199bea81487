"""Calendars for phones (iCalendar, RFC 5545 and 5546): the same events give the same bytes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from icalendar import Calendar, Event


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One event. `name` says which event it is whatever its time, so that a later one replaces it.

    A higher `sequence` replaces what a phone shows. `properties` are those of RFC 5545 by name.
    """

    name: str
    start: datetime
    end: datetime
    sequence: int = 0
    properties: Mapping[str, object] = field(default_factory=dict)


def calendar_text(events: Iterable[CalendarEvent], *, job: str, method: str, stamped_on: date) -> str:
    """A calendar with one method: PUBLISH, or CANCEL for events that are no more.

    `stamped_on` stands for the clock: the same events give the same bytes.
    """
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", f"-//becalm//{job}//EN")
    calendar.add("CALSCALE", "GREGORIAN")
    calendar.add("METHOD", method)
    for event in events:
        calendar.add_component(_component(event, stamped_on))
    return str(calendar.to_ical(), "utf-8")


def _component(event: CalendarEvent, stamped_on: date) -> Event:
    component = Event()
    base_properties = {
        "UID": f"{hashlib.sha256(event.name.encode()).hexdigest()[:32]}@becalm",
        "DTSTAMP": datetime(stamped_on.year, stamped_on.month, stamped_on.day, tzinfo=UTC),
        "DTSTART": event.start,
        "DTEND": event.end,
        "SEQUENCE": event.sequence,
    }
    for property_name, value in {**base_properties, **event.properties}.items():
        component.add(property_name, value)
    return component

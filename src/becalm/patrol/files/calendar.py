"""Tours and bursts as a calendar that phones read (iCalendar, RFC 5545)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pyproj import Transformer

from becalm.patrol.core.nouns import Burst, PatrolPlace, Span
from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.units import Tour

PRODUCT = "-//becalm//patrol//EN"
LINE_OCTETS = 75


def unit_calendar(plan: PlanDocument, tours: Sequence[Tour], *, shown: int | None) -> str:
    """The calendar of one unit: its tours, and the first `shown` bursts of the first one (all where None).

    The same bytes for the same plan: events are stamped with the first day of the plan, not with a clock.
    """
    first = plan.request.first_day
    stamp = _utc(datetime(first.year, first.month, first.day, tzinfo=UTC))
    move = Transformer.from_crs(plan.crs, "EPSG:4326", always_xy=True)
    places = {place.hotspot: place for place in plan.request.places}
    events: list[str] = []
    for number, tour in enumerate(tours):
        events += _tour(tour, stamp)
        told = tour.bursts if shown is None else tour.bursts[:shown] if number == 0 else ()
        for burst in told:
            events += _burst(burst, places[burst.hotspot], stamp, move)
        if shown is None and tour.meal:
            events += _event(f"meal {tour.shift.unit}", tour.meal, stamp, [("SUMMARY", "Meal")])
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN", *events]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _tour(tour: Tour, stamp: str) -> list[str]:
    shift = tour.shift
    held = [("SUMMARY", f"{shift.unit}: tour"), ("LOCATION", shift.base), ("TRANSP", "TRANSPARENT")]
    return _event(f"tour {shift.unit}", shift.hours, stamp, held)


def _burst(burst: Burst, place: PatrolPlace, stamp: str, move: Transformer) -> list[str]:
    longitude, latitude = move.transform(place.easting_m, place.northing_m)
    name = place.name or place.hotspot
    return _event(
        f"burst {burst.unit} {burst.hotspot}",
        burst.span,
        stamp,
        [
            ("SUMMARY", f"Patrol {name}, {burst.span.minutes:.0f} min"),
            ("LOCATION", f"{name} ({place.hotspot})" if place.name else name),
            ("GEO", f"{latitude:.6f};{longitude:.6f}"),
        ],
    )


def _event(name: str, span: Span, stamp: str, held: Iterable[tuple[str, str]]) -> list[str]:
    mark = hashlib.sha256(f"{name} {_utc(span.start)}".encode()).hexdigest()[:32]
    lines = [f"{key}:{value if key == 'GEO' else _escaped(value)}" for key, value in held]
    times = [f"DTSTAMP:{stamp}", f"DTSTART:{_utc(span.start)}", f"DTEND:{_utc(span.end)}"]
    return ["BEGIN:VEVENT", f"UID:{mark}@becalm", *times, *lines, "END:VEVENT"]


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escaped(text: str) -> str:
    """Text as RFC 5545, section 3.3.11, wants it."""
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")


def _folded(line: str) -> str:
    """A line of at most 75 octets, and what goes on after it begins with a space (section 3.1)."""
    parts, held = [], b""
    for letter in line:
        octets = letter.encode()
        if len(held) + len(octets) > LINE_OCTETS:
            parts.append(held.decode())
            held = b" "
        held += octets
    return "\r\n".join([*parts, held.decode()]) + "\r\n"

"""What a unit takes along: sheets of its next bursts, and a calendar for its phone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

from pyproj import Transformer

from becalm.patrol.core.places_and_shifts import Burst, PatrolPlace, Span, UnitShift
from becalm.patrol.files.plan import PlanDocument
from becalm.render import number_format as words
from becalm.render.shell import self_contained


@dataclass(frozen=True, slots=True)
class Tour:
    """One tour of one unit as planned, its bursts in the order of time."""

    shift: UnitShift
    bursts: tuple[Burst, ...]
    meal: Span | None


def tours_of(plan: PlanDocument) -> dict[str, tuple[Tour, ...]]:
    """Every unit's tours in the order of time, units by name."""
    routes = {(route.unit, route.day): route for route in plan.routes}
    tours: dict[str, list[Tour]] = {}
    for shift in sorted(plan.request.shifts, key=lambda s: (s.unit, s.hours.start)):
        route = routes.get((shift.unit, shift.day))
        bursts = tuple(sorted(route.bursts, key=lambda b: b.span.start)) if route else ()
        tours.setdefault(shift.unit, []).append(Tour(shift, bursts, route.meal if route else None))
    return {unit: tuple(own) for unit, own in tours.items()}


def tours_from(tours: tuple[Tour, ...], day: date) -> tuple[Tour, ...]:
    """The tours that start on this day or later."""
    return tuple(tour for tour in tours if tour.shift.day >= day)


def file_names(units: tuple[str, ...]) -> dict[str, str]:
    """A name of a file for each unit: letters, digits and dashes, no two alike.

    >>> file_names(("West End 1", "West-End 1", "Löwe"))
    {'West End 1': 'west-end-1', 'West-End 1': 'west-end-1-2', 'Löwe': 'l-we'}
    """
    taken: dict[str, int] = {}
    names = {}
    for unit in units:
        plain = re.sub(r"[^a-z0-9]+", "-", unit.lower()).strip("-") or "unit"
        taken[plain] = taken.get(plain, 0) + 1
        names[unit] = plain if taken[plain] == 1 else f"{plain}-{taken[plain]}"
    return names


@dataclass(frozen=True, slots=True)
class Stop:
    """One burst as the sheet shows it; times are the city's."""

    start: str
    end: str
    name: str
    hotspot: str
    position: str
    radius_m: str


def stops_of(plan: PlanDocument, bursts: Iterable[Burst]) -> tuple[Stop, ...]:
    """These bursts with the names and positions that people need."""
    places = {place.hotspot: place for place in plan.request.places}
    move = _to_wgs84(plan.crs)
    stops = []
    for burst in bursts:
        place = places[burst.hotspot]
        longitude, latitude = move.transform(place.easting_m, place.northing_m)
        stops.append(
            Stop(
                start=clock_of(burst.span.start, plan),
                end=clock_of(burst.span.end, plan),
                name=place.name or place.hotspot,
                hotspot=place.hotspot,
                position=f"{latitude:.5f}, {longitude:.5f}",
                radius_m=f"{place.radius_m:.0f}",
            )
        )
    return tuple(stops)


@cache
def _to_wgs84(crs: str) -> Transformer:
    """Making one takes far longer than using it."""
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def clock_of(at: datetime, plan: PlanDocument) -> str:
    """The city's time of day."""
    return f"{at.astimezone(ZoneInfo(plan.request.zone)):%H:%M}"


def told_when(at: datetime, plan: PlanDocument) -> str:
    """The city's day and time."""
    return f"{at.astimezone(ZoneInfo(plan.request.zone)):%Y-%m-%d %H:%M}"


NEXT = 2  # bursts that a unit is told at a time


@dataclass(frozen=True, slots=True)
class Sheet:
    """One tour of one unit as the sheet shows it."""

    unit: str
    day_in_words: str
    tour_in_words: str
    base: str
    mode: str
    crew: int
    meal: str
    stops: tuple[Stop, ...]
    sealed: bool


def unit_sheets(plan: PlanDocument, tours: Iterable[Tour], *, sealed: bool = False) -> str:
    """The sheets of these tours as one page: the first two bursts of each, or all where `sealed`."""
    sheets = [sheet_of(plan, tour, sealed=sealed) for tour in tours]
    units = sorted({sheet.unit for sheet in sheets})
    mark = str(plan.commitment.get("commitment"))[:12]
    return self_contained(
        "patrol_sheet.html",
        sheets=sheets,
        title=units[0] if len(units) == 1 else "Patrol sheets",
        subtitle="Whole routes: auditor only" if sealed else "Next bursts",
        version=plan.version,
        colophon=f"Times are those of {plan.request.zone}. Plan {mark}.",
    )


def sheet_of(plan: PlanDocument, tour: Tour, *, sealed: bool = False) -> Sheet:
    """One tour as the sheet shows it."""
    shift = tour.shift
    shown = tour.bursts if sealed else tour.bursts[:NEXT]
    hours = (clock_of(at, plan) for at in (shift.hours.start, shift.hours.end))
    return Sheet(
        unit=shift.unit,
        day_in_words=f"{shift.day:%A} {words.day(shift.day)}",
        tour_in_words=" to ".join(hours),
        base=shift.base,
        mode={"foot": "on foot", "cycle": "by cycle", "vehicle": "by vehicle"}[shift.mode],
        crew=shift.crew,
        meal=" to ".join(clock_of(at, plan) for at in (tour.meal.start, tour.meal.end))
        if tour.meal and sealed
        else "",
        stops=stops_of(plan, shown),
        sealed=sealed,
    )


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

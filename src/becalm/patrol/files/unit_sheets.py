"""What a unit takes along: sheets of its next bursts, and a calendar for its phone."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from pyproj import Transformer

from becalm.patrol.core.plan_inputs import Burst, Span, UnitShift
from becalm.patrol.files.write_plan import PlanDocument
from becalm.render import number_format as words
from becalm.render.pages import self_contained

PRODUCT: Final = "-//becalm//patrol//EN"
NEXT: Final = 2  # bursts that a unit is told at a time


@dataclass(frozen=True, slots=True)
class Tour:
    """One tour of one unit as planned, its bursts in the order of time."""

    shift: UnitShift
    bursts: tuple[Burst, ...]
    meal: Span | None


def tours_of(plan: PlanDocument) -> dict[str, tuple[Tour, ...]]:
    """Every unit's tours in the order of time, units by name."""
    route_by_tour = {(route.unit, route.day): route for route in plan.routes}
    tours_by_unit: dict[str, list[Tour]] = {}
    for shift in sorted(plan.inputs.shifts, key=lambda s: (s.unit, s.hours.start)):
        route = route_by_tour.get((shift.unit, shift.day))
        tour_bursts = tuple(sorted(route.bursts, key=lambda b: b.span.start)) if route else ()
        tours_by_unit.setdefault(shift.unit, []).append(
            Tour(shift, tour_bursts, route.meal if route else None)
        )
    return {unit: tuple(unit_tours) for unit, unit_tours in tours_by_unit.items()}


def tours_from(tours: tuple[Tour, ...], day: date) -> tuple[Tour, ...]:
    """The tours that start on this day or later."""
    return tuple(tour for tour in tours if tour.shift.day >= day)


def sheet_file_names(units: tuple[str, ...]) -> dict[str, str]:
    """A name of a file for each unit: letters, digits and dashes, no two alike.

    >>> sheet_file_names(("West End 1", "West-End 1", "Löwe"))
    {'West End 1': 'west-end-1', 'West-End 1': 'west-end-1-2', 'Löwe': 'l-we'}
    """
    count_by_stem: dict[str, int] = {}
    name_by_unit = {}
    for unit in units:
        file_name = re.sub(r"[^a-z0-9]+", "-", unit.lower()).strip("-") or "unit"
        count_by_stem[file_name] = count_by_stem.get(file_name, 0) + 1
        name_by_unit[unit] = (
            file_name if count_by_stem[file_name] == 1 else f"{file_name}-{count_by_stem[file_name]}"
        )
    return name_by_unit


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
    place_by_hotspot = {visited_place.hotspot: visited_place for visited_place in plan.inputs.places}
    to_wgs84 = _to_wgs84(plan.crs)
    stops = []
    for burst in bursts:
        visited_place = place_by_hotspot[burst.hotspot]
        longitude, latitude = to_wgs84.transform(visited_place.easting_m, visited_place.northing_m)
        stops.append(
            Stop(
                start=local_clock(burst.span.start, plan),
                end=local_clock(burst.span.end, plan),
                name=visited_place.name or visited_place.hotspot,
                hotspot=visited_place.hotspot,
                position=f"{latitude:.5f}, {longitude:.5f}",
                radius_m=f"{visited_place.radius_m:.0f}",
            )
        )
    return tuple(stops)


@cache
def _to_wgs84(crs: str) -> Transformer:
    """Making one takes far longer than using it."""
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def local_clock(at: datetime, plan: PlanDocument) -> str:
    """The city's time of day."""
    return f"{at.astimezone(ZoneInfo(plan.inputs.zone)):%H:%M}"


def local_time_text(at: datetime, plan: PlanDocument) -> str:
    """The city's day and time."""
    return f"{at.astimezone(ZoneInfo(plan.inputs.zone)):%Y-%m-%d %H:%M}"


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
    is_sealed: bool


def unit_sheets(plan: PlanDocument, tours: Iterable[Tour], *, is_sealed: bool = False) -> str:
    """The sheets of these tours as one page: the first two bursts of each, or all where `sealed`."""
    built_sheets = [build_sheet(plan, tour, is_sealed=is_sealed) for tour in tours]
    unit_names = sorted({sheet.unit for sheet in built_sheets})
    plan_mark = str(plan.commitment.get("commitment"))[:12]
    return self_contained(
        "patrol_sheet.html",
        sheets=built_sheets,
        title=unit_names[0] if len(unit_names) == 1 else "Patrol sheets",
        subtitle="Whole routes: auditor only" if is_sealed else "Next bursts",
        version=plan.version,
        colophon=f"Times are those of {plan.inputs.zone}. Plan {plan_mark}.",
    )


def build_sheet(plan: PlanDocument, tour: Tour, *, is_sealed: bool = False) -> Sheet:
    """One tour as the sheet shows it."""
    tour_shift = tour.shift
    shown_bursts = tour.bursts if is_sealed else tour.bursts[:NEXT]
    clock_texts = (local_clock(at, plan) for at in (tour_shift.hours.start, tour_shift.hours.end))
    return Sheet(
        unit=tour_shift.unit,
        day_in_words=f"{tour_shift.day:%A} {words.day(tour_shift.day)}",
        tour_in_words=" to ".join(clock_texts),
        base=tour_shift.base,
        mode={"foot": "on foot", "cycle": "by cycle", "vehicle": "by vehicle"}[tour_shift.mode],
        crew=tour_shift.crew,
        meal=" to ".join(local_clock(at, plan) for at in (tour.meal.start, tour.meal.end))
        if tour.meal and is_sealed
        else "",
        stops=stops_of(plan, shown_bursts),
        is_sealed=is_sealed,
    )


def unit_calendar(plan: PlanDocument, tours: Sequence[Tour], *, burst_limit: int | None) -> str:
    """The calendar of one unit: its tours, and the first `shown` bursts of the first one (all where None)."""
    first_day = plan.inputs.first_day
    # Stamped with the first day of the plan, not with a clock: the same plan gives the same bytes.
    made_at = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("CALSCALE", "GREGORIAN")
    for number, tour in enumerate(tours):
        tour_shift = tour.shift
        calendar.add_component(
            _event(
                f"tour {tour_shift.unit}",
                tour_shift.hours,
                made_at,
                {"SUMMARY": f"{tour_shift.unit}: tour", "LOCATION": tour_shift.base, "TRANSP": "TRANSPARENT"},
            )
        )
        shown_bursts = (
            tour.bursts if burst_limit is None else tour.bursts[:burst_limit] if number == 0 else ()
        )
        for event in _burst_events(plan, shown_bursts, made_at):
            calendar.add_component(event)
        if burst_limit is None and tour.meal:
            calendar.add_component(_event(f"meal {tour_shift.unit}", tour.meal, made_at, {"SUMMARY": "Meal"}))
    return str(calendar.to_ical(), "utf-8")


def _burst_events(plan: PlanDocument, bursts: Sequence[Burst], stamp: datetime) -> Iterator[Event]:
    place_by_hotspot = {visited_place.hotspot: visited_place for visited_place in plan.inputs.places}
    for burst in bursts:
        visited_place = place_by_hotspot[burst.hotspot]
        longitude, latitude = _to_wgs84(plan.crs).transform(visited_place.easting_m, visited_place.northing_m)
        place_name = visited_place.name or visited_place.hotspot
        event_properties = {
            "SUMMARY": f"Patrol {place_name}, {burst.span.minutes:.0f} min",
            "LOCATION": f"{place_name} ({visited_place.hotspot})" if visited_place.name else place_name,
            "GEO": (round(latitude, 6), round(longitude, 6)),
        }
        yield _event(f"burst {burst.unit} {burst.hotspot}", burst.span, stamp, event_properties)


def _event(name: str, span: Span, stamp: datetime, properties: Mapping[str, object]) -> Event:
    calendar_event = Event()
    event_id = hashlib.sha256(f"{name} {span.start:%Y%m%dT%H%M%SZ}".encode()).hexdigest()[:32]
    time_properties = {
        "UID": f"{event_id}@becalm",
        "DTSTAMP": stamp,
        "DTSTART": span.start,
        "DTEND": span.end,
    }
    for property_name, value in {**time_properties, **properties}.items():
        calendar_event.add(property_name, value)
    return calendar_event

"""Calendars of units for their phones (iCalendar, RFC 5545 and 5546).

A burst is known by its unit, its tour and its number in the tour, whatever its time. So a tour that was drawn
again replaces what the phone shows (a higher SEQUENCE), and bursts that are no more are cancelled in a
calendar of their own (METHOD:CANCEL), since one calendar has one method.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from becalm.patrol.core.plan_inputs import Burst, Span
from becalm.patrol.files.unit_sheets import NEXT, SheetNotes, Tour, to_wgs84_of
from becalm.patrol.files.write_plan import PlanDocument
from becalm.render.calendars import CalendarEvent, calendar_text


def unit_calendar(
    plan: PlanDocument,
    tours: Sequence[Tour],
    *,
    burst_limit: int | None,
    notes: SheetNotes | None = None,
) -> str:
    """The calendar of one unit: its tours, and the first bursts and the meal of the first one.

    Of so many bursts; where `burst_limit` is None, all bursts and meals of all tours.
    """
    return _calendar_text(plan, _unit_events(plan, tours, burst_limit, notes or SheetNotes()), "PUBLISH")


def _unit_events(
    plan: PlanDocument, tours: Sequence[Tour], burst_limit: int | None, notes: SheetNotes
) -> Iterator[CalendarEvent]:
    for number, tour in enumerate(tours):
        tour_properties = {
            "SUMMARY": f"{tour.shift.unit}: tour",
            "LOCATION": tour.shift.base,
            "TRANSP": "TRANSPARENT",
        }
        yield _event(tour, _tour_name(tour), tour.shift.hours, tour_properties)
        is_told = burst_limit is None or number == 0
        yield from _burst_events(plan, tour, tour.bursts[:burst_limit] if is_told else (), notes)
        if is_told and tour.meal:
            yield _event(tour, f"meal of {_tour_name(tour)}", tour.meal, {"SUMMARY": "Meal"})


def cancelled_calendar(plan: PlanDocument, tours: Iterable[Tour]) -> str:
    """The bursts that a re-plan left no room for, cancelled; "" where there are none."""
    events = [
        _event(
            tour,
            _burst_name(tour, number),
            tour.shift.hours,
            {"SUMMARY": f"{tour.shift.unit}: called off", "STATUS": "CANCELLED"},
        )
        for tour in tours
        for number in range(len(tour.bursts), NEXT if tour.replan else 0)
    ]
    return _calendar_text(plan, events, "CANCEL") if events else ""


def _calendar_text(plan: PlanDocument, events: Iterable[CalendarEvent], method: str) -> str:
    # Stamped with the first day of the plan, not with a clock: the same plan gives the same bytes.
    return calendar_text(events, job="patrol", method=method, stamped_on=plan.inputs.first_day)


def _tour_name(tour: Tour) -> str:
    return f"tour {tour.shift.unit} {tour.shift.hours.start:%Y%m%dT%H%M%SZ}"


def _burst_name(tour: Tour, number: int) -> str:
    return f"burst {number + 1} of {_tour_name(tour)}"


def _burst_events(
    plan: PlanDocument, tour: Tour, bursts: Sequence[Burst], notes: SheetNotes
) -> Iterator[CalendarEvent]:
    place_of_hotspot = {visited_place.hotspot: visited_place for visited_place in plan.inputs.places}
    for number, burst in enumerate(bursts):
        visited_place = place_of_hotspot[burst.hotspot]
        longitude, latitude = to_wgs84_of(plan.crs).transform(
            visited_place.easting_m, visited_place.northing_m
        )
        place_name = visited_place.name or visited_place.hotspot
        task_text = notes.task_at(burst.hotspot).text
        event_properties = {
            "SUMMARY": f"Patrol {place_name}, {burst.span.minutes:.0f} min",
            "LOCATION": f"{place_name} ({visited_place.hotspot})" if visited_place.name else place_name,
            "GEO": (round(latitude, 6), round(longitude, 6)),
            **({"DESCRIPTION": task_text} if task_text else {}),
        }
        yield _event(tour, _burst_name(tour, number), burst.span, event_properties)


def _event(tour: Tour, name: str, span: Span, properties: Mapping[str, object]) -> CalendarEvent:
    return CalendarEvent(name, span.start, span.end, tour.replan, properties)

"""What a unit takes along: a sheet of its next bursts, each with its place, why it matters, what to do."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from pyproj import Transformer

from becalm.patrol.core.place_cards import PlaceCard, PlaceTask, find_task
from becalm.patrol.core.plan_inputs import Burst, PatrolPlace, Span, UnitShift
from becalm.patrol.files.place_map import draw_place_map
from becalm.patrol.files.unit_tours import (
    TOURS_FOLDER,
    Stop,
    TimedStop,
    UnitTour,
    UnitTours,
    tour_file_name,
)
from becalm.patrol.files.write_plan import PlanDocument
from becalm.render import number_format as words
from becalm.render.pages import self_contained

NEXT: Final = 2  # bursts that a unit is told at a time


@dataclass(frozen=True, slots=True)
class Tour:
    """One tour of one unit as planned, its bursts in the order of time."""

    shift: UnitShift
    bursts: tuple[Burst, ...]
    meal: Span | None
    replan: int = 0  # the last re-plan that drew it; 0 for the first draw


def tours_of(plan: PlanDocument) -> dict[str, tuple[Tour, ...]]:
    """Every unit's tours in the order of time, units by name."""
    route_by_tour = {(route.unit, route.day): route for route in plan.routes}
    tours_by_unit: dict[str, list[Tour]] = {}
    for shift in sorted(plan.inputs.shifts, key=lambda s: (s.unit, s.hours.start)):
        route = route_by_tour.get((shift.unit, shift.day))
        tour_bursts = tuple(sorted(route.bursts, key=lambda b: b.span.start)) if route else ()
        tours_by_unit.setdefault(shift.unit, []).append(
            Tour(shift, tour_bursts, route.meal if route else None, route.replan if route else 0)
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
class SheetNotes:
    """What sheets say beside the plan: cards and tasks by place, and the task of all others."""

    cards: Mapping[str, PlaceCard] = field(default_factory=dict)
    tasks: Mapping[str, PlaceTask] = field(default_factory=dict)
    usual_task: PlaceTask = field(default_factory=PlaceTask)

    def task_at(self, hotspot: str) -> PlaceTask:
        """What to do at this place, and whom to call."""
        return find_task(self.tasks, hotspot, self.usual_task)


def stops_of(
    plan: PlanDocument,
    bursts: Iterable[Burst],
    notes: SheetNotes | None = None,
    *,
    origin_of_burst: Mapping[Burst, tuple[float, float]] | None = None,
) -> tuple[Stop, ...]:
    """These bursts with the names and positions that people need, and what the notes say of their places.

    `origin_of_burst` is where the unit comes from, in metres; where it is given, maps are drawn.
    """
    notes = notes or SheetNotes()
    place_by_hotspot = {visited_place.hotspot: visited_place for visited_place in plan.inputs.places}
    to_wgs84 = to_wgs84_of(plan.crs)
    stops = []
    for burst in bursts:
        visited_place = place_by_hotspot[burst.hotspot]
        longitude, latitude = to_wgs84.transform(visited_place.easting_m, visited_place.northing_m)
        task, card = notes.task_at(burst.hotspot), notes.cards.get(burst.hotspot)
        stops.append(
            Stop(
                start=local_clock(burst.span.start, plan),
                end=local_clock(burst.span.end, plan),
                name=visited_place.name or visited_place.hotspot,
                hotspot=visited_place.hotspot,
                position=f"{latitude:.5f}, {longitude:.5f}",
                radius_m=f"{visited_place.radius_m:.0f}",
                why=card.why if card else "",
                task=task.text,
                call=task.call,
                map=_map_of(burst, visited_place, card, (origin_of_burst or {}).get(burst)),
            )
        )
    return tuple(stops)


def _map_of(
    burst: Burst, place: PatrolPlace, card: PlaceCard | None, origin_m: tuple[float, float] | None
) -> str:
    """A map of the place with the way that the unit comes; none where no streets are known."""
    if not card or not card.streets or origin_m is None:
        return ""
    map_key = hashlib.sha256(f"{burst.unit} {burst.hotspot} {burst.span.start}".encode()).hexdigest()
    return draw_place_map(
        card.streets,
        key=f"map-{map_key[:12]}",
        name=place.name or place.hotspot,
        radius_m=place.radius_m,
        approach_m=(origin_m[0] - place.easting_m, origin_m[1] - place.northing_m),
    )


@cache
def to_wgs84_of(crs: str) -> Transformer:
    """Making one takes far longer than using it."""
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def local_clock(at: datetime, plan: PlanDocument) -> str:
    """The city's time of day, with the name of its offset within half a day of a change of clocks."""
    zone = ZoneInfo(plan.inputs.zone)
    before, after = ((at + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (-12, 12))
    # In the night of 25 hours, 01:55 to 01:10 is no misprint: 01:55 BST to 01:10 GMT.
    return f"{at.astimezone(zone):{'%H:%M' if before == after else '%H:%M %Z'}}"


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
    other_units: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    lending: str = ""  # from where to where, where the tour is lent


def unit_sheets(
    plan: PlanDocument, tours: Iterable[Tour], *, is_sealed: bool = False, notes: SheetNotes | None = None
) -> str:
    """The sheets of these tours as one page: the first two bursts of each, or all where `sealed`."""
    built_sheets = [build_sheet(plan, tour, is_sealed=is_sealed, notes=notes) for tour in tours]
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


def build_sheet(
    plan: PlanDocument, tour: Tour, *, is_sealed: bool = False, notes: SheetNotes | None = None
) -> Sheet:
    """One tour as the sheet shows it: of two bursts with maps, of all of them in one line each."""
    tour_shift = tour.shift
    shown_bursts = tour.bursts if is_sealed else tour.bursts[:NEXT]
    stops = stops_of(plan, shown_bursts, notes, origin_of_burst={} if is_sealed else origins_of(plan, tour))
    clock_texts = (local_clock(at, plan) for at in (tour_shift.hours.start, tour_shift.hours.end))
    return Sheet(
        unit=tour_shift.unit,
        day_in_words=f"{tour_shift.day:%A} {words.day(tour_shift.day)}",
        tour_in_words=" to ".join(clock_texts),
        base=tour_shift.base,
        mode={"foot": "on foot", "cycle": "by cycle", "vehicle": "by vehicle"}[tour_shift.mode],
        crew=tour_shift.crew,
        meal=" to ".join(local_clock(at, plan) for at in (tour.meal.start, tour.meal.end))
        if tour.meal
        else "",
        stops=stops,
        is_sealed=is_sealed,
        other_units=find_other_units(plan, tour_shift),
        calls=tuple(dict.fromkeys(stop.call for stop in stops if stop.call)),
        lending=f"Lent by {tour_shift.lent_from} to {tour_shift.area} on this tour."
        if tour_shift.lent_from
        else "",
    )


def origins_of(plan: PlanDocument, tour: Tour) -> dict[Burst, tuple[float, float]]:
    """Where the unit is before each burst of its tour: at the last place, at first at its base."""
    position_m = {place.hotspot: (place.easting_m, place.northing_m) for place in plan.inputs.places}
    position_m |= {base.base: (base.easting_m, base.northing_m) for base in plan.inputs.bases}
    stop_names = (tour.shift.base, *(burst.hotspot for burst in tour.bursts[:-1]))
    return {burst: position_m[stop] for burst, stop in zip(tour.bursts, stop_names, strict=False)}


def find_other_units(plan: PlanDocument, shift: UnitShift) -> tuple[str, ...]:
    """The other units of the area that are on duty during this tour. Never where they are."""
    area_shifts = (area_shift for area_shift in plan.inputs.shifts if area_shift.area == shift.area)
    overlapping_units = (
        area_shift.unit
        for area_shift in area_shifts
        if area_shift.hours.start < shift.hours.end and shift.hours.start < area_shift.hours.end
    )
    return tuple(sorted(set(overlapping_units) - {shift.unit}))


def tour_files(plan: PlanDocument, notes: SheetNotes | None = None) -> dict[str, str]:
    """The file of every unit by its name in a plan's folder."""
    return {
        f"{TOURS_FOLDER}/{tour_file_name(unit)}": build_unit_tours(plan, unit, tours, notes).model_dump_json()
        + "\n"
        for unit, tours in tours_of(plan).items()
    }


def build_unit_tours(
    plan: PlanDocument, unit: str, tours: Iterable[Tour], notes: SheetNotes | None = None
) -> UnitTours:
    """The tours of a unit as its file holds them."""
    return UnitTours(
        unit=unit,
        zone=plan.inputs.zone,
        commitment=str(plan.commitment.get("commitment") or ""),
        replans=len(plan.commitment.get("replans") or ()),
        tours=tuple(
            UnitTour(
                day=tour.shift.day,
                starts_at=tour.shift.hours.start,
                ends_at=tour.shift.hours.end,
                ends_in_words=local_time_text(tour.shift.hours.end, plan),
                base=tour.shift.base,
                stops=tuple(
                    TimedStop(starts_at=burst.span.start, ends_at=burst.span.end, stop=stop)
                    for burst, stop in zip(tour.bursts, stops_of(plan, tour.bursts, notes), strict=True)
                ),
            )
            for tour in tours
        ),
    )

"""A unit's shift, as a phone takes it along: every burst of one tour, with why, what to do and a map."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.formats.durable_files import sha256_of_text
from becalm.patrol.desk.next_bursts import check_newest
from becalm.patrol.files.place_cards import read_cards
from becalm.patrol.files.place_map import draw_place_map
from becalm.patrol.files.unit_tours import (
    TOURS_FOLDER,
    TimedStop,
    UnitTour,
    UnitTours,
    read_unit_tours,
    tour_file_name,
)
from becalm.terms import InputError, PlanError

BEFORE_SHIFT: Final = timedelta(hours=14)  # a shift may be taken along so long before it begins


@dataclass(frozen=True, slots=True)
class ShiftBurst:
    """One burst of a shift, with the small map of its place (SVG; empty where no streets are known)."""

    timed_stop: TimedStop
    map: str


@dataclass(frozen=True, slots=True)
class UnitShiftPack:
    """One tour of one unit, whole: for the phone of its crew until it ends, and for nobody else."""

    unit: str
    tour: UnitTour
    bursts: tuple[ShiftBurst, ...]
    zone: str
    commitment: str


def list_plan_folders(desk: Desk) -> tuple[Path, ...]:
    """The folders of plans in this workspace, the one that was written last first."""
    folders = [path.parent for path in (desk.workspace.path / "patrol").glob("*/plan.json")]
    return tuple(sorted(folders, key=lambda folder: (folder / "plan.json").stat().st_mtime_ns, reverse=True))


def list_shift_units(desk: Desk) -> tuple[str, ...]:
    """The units with a tour under way, or one that begins within 14 hours."""
    now, units = desk.now(), set()
    for unit_tours in _read_all_tours(desk):
        if any(_is_near(tour, now) for tour in unit_tours.tours):
            units.add(unit_tours.unit)
    return tuple(sorted(units))


def _read_all_tours(desk: Desk) -> Iterator[UnitTours]:
    for folder in list_plan_folders(desk)[:3]:
        for path in sorted((folder / TOURS_FOLDER).glob("*.json")):
            yield _read_tours(path, path.stat().st_mtime_ns)


_tours_by_file: dict[tuple[Path, int], UnitTours] = {}


def _read_tours(path: Path, changed_ns: int) -> UnitTours:
    """A unit's file, read once for each writing: hundreds of phones ask at a change of shift."""
    tours = _tours_by_file.get((path, changed_ns))
    if tours is None:
        if len(_tours_by_file) > 2_000:
            _tours_by_file.clear()
        tours = _tours_by_file[path, changed_ns] = UnitTours.model_validate_json(path.read_bytes())
    return tours


def _is_near(tour: UnitTour, now: datetime) -> bool:
    return tour.starts_at - BEFORE_SHIFT <= now < tour.ends_at


def read_shift(desk: Desk, unit: str, day: date) -> UnitShiftPack:
    """The shift that this unit begins on this day, by the newest plan.

    Raises PlanError where the unit has none that is under way or near, where the day is another, or where the
    plan is out of date.
    """
    now = desk.now()
    for folder in list_plan_folders(desk):
        unit_tours = _find_tours(folder, unit)
        near_tours = [tour for tour in unit_tours.tours if _is_near(tour, now)] if unit_tours else []
        if unit_tours is None or not near_tours:
            continue
        tour = next((tour for tour in near_tours if tour.day == day), None)
        if tour is None:
            raise PlanError(
                f"The shift of {unit} is that of {near_tours[0].day}, not of {day}. Start the shift again on "
                "its day; look at the date of this phone."
            )
        check_newest(desk, unit_tours.commitment, unit_tours.replans)
        return UnitShiftPack(unit, tour, _draw_bursts(folder, tour), unit_tours.zone, unit_tours.commitment)
    local_day = now.astimezone(ZoneInfo(desk.workspace.city.time_zone)).date()
    raise PlanError(
        f"{unit} has no shift on {day} that is under way or near ({local_day} today). Ask your sergeant "
        "which unit you are on."
    )


def _find_tours(folder: Path, unit: str) -> UnitTours | None:
    path = folder / TOURS_FOLDER / tour_file_name(unit)
    if not path.is_file():
        return None
    try:
        return _read_tours(path, path.stat().st_mtime_ns)
    except (OSError, ValueError):
        return read_unit_tours(folder, unit)  # which says what is the matter


def _draw_bursts(folder: Path, tour: UnitTour) -> tuple[ShiftBurst, ...]:
    try:
        card_of_place = read_cards(folder)
    except InputError:
        card_of_place = {}  # a shift without maps is better than none
    bursts = []
    for timed_stop in tour.stops:
        stop, card = timed_stop.stop, card_of_place.get(timed_stop.stop.hotspot)
        key = sha256_of_text(f"{stop.hotspot} {timed_stop.starts_at}")[:12]
        map_svg = (
            str(
                draw_place_map(
                    card.streets,
                    key=f"m{key}",
                    name=stop.name,
                    radius_m=float(stop.radius_m),
                    approach_m=None,
                )
            )
            if card and card.streets
            else ""
        )
        bursts.append(ShiftBurst(timed_stop, map_svg))
    return tuple(bursts)


def has_burst(desk: Desk, unit: str, hotspot: str, at: datetime) -> bool:
    """Does the newest plan that knows the unit send it to this place on the tour of that moment?"""
    tours = [
        tour
        for unit_tours in (_find_tours(folder, unit) for folder in list_plan_folders(desk))
        if unit_tours is not None
        for tour in unit_tours.tours
        if tour.starts_at - BEFORE_SHIFT <= at <= tour.ends_at + BEFORE_SHIFT
    ]
    return any(timed_stop.stop.hotspot == hotspot for tour in tours for timed_stop in tour.stops)

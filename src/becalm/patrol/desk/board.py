"""A sergeant's board: what the units of one area do within the next hour, and nothing further ahead."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from becalm.desk import Desk
from becalm.patrol.core.instants import read_instant
from becalm.patrol.core.request import BoardRequest
from becalm.patrol.desk.blackouts import load_blackouts
from becalm.patrol.desk.next_bursts import check_newest
from becalm.patrol.desk.place_cards import load_notes
from becalm.patrol.files.board_page import Board, BoardRow
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.unit_sheets import local_clock, local_time_text, stops_of, tours_of
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import PlanError, UsageError, suggest_word


@dataclass(frozen=True, slots=True)
class _Hour:
    """What a board shows: one area, from a moment on."""

    area: str
    at: datetime
    until: datetime


def list_areas(folder: Path) -> tuple[str, ...]:
    """The areas of the plan in this folder, by name. Raises PlanError where it cannot be read."""
    try:
        shifts = json.loads((folder / "plan.json").read_bytes())["shifts"]
        return tuple(sorted({str(shift["area"]) for shift in shifts}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanError(f"The plan in {folder.name} cannot be read ({error}). Make it again.") from error


def show_board(desk: Desk, request: BoardRequest) -> Board:
    """What does each unit of this area do within the next hour? Bursts under way are shown too.

    Raises UsageError where the plan has no such area, PlanError where nobody is on duty or the plan is out of
    date.
    """
    path, zone = Path(request.plan), desk.workspace.city.time_zone
    at = desk.now() if request.at is None else read_instant(request.at, zone)
    plan = read_plan(path)
    check_newest(desk, str(plan.commitment.get("commitment") or ""), len(plan.commitment["replans"]))
    areas = sorted({shift.area for shift in plan.inputs.shifts})
    if request.area not in areas:
        raise UsageError(
            f"There is no area {request.area!r} in this plan. {suggest_word(request.area, areas)}"
        )
    hour = _Hour(request.area, at, at + timedelta(minutes=request.minutes))
    on_duty = sorted(
        shift.unit
        for shift in plan.inputs.shifts
        if shift.area == hour.area and shift.hours.start < hour.until and shift.hours.end > at
    )
    if not on_duty:
        raise PlanError(
            f"No unit of {hour.area} is on duty from {local_time_text(at, plan)} on. "
            "Name another time (`at`)."
        )
    notes = load_notes(desk, path if path.is_dir() else path.parent)
    bursts = sorted(
        (burst for tours in tours_of(plan).values() for tour in tours for burst in tour.bursts),
        key=lambda burst: (burst.span.start, burst.unit),
    )
    area_of_place = {place.hotspot: place.area for place in plan.inputs.places}
    shown_bursts = [
        burst
        for burst in bursts
        if area_of_place[burst.hotspot] == hour.area and burst.span.end > at and burst.span.start < hour.until
    ]
    stops = stops_of(plan, shown_bursts, notes)
    rows = tuple(BoardRow(burst.unit, stop) for burst, stop in zip(shown_bursts, stops, strict=True))
    resting_units = tuple(unit for unit in on_duty if unit not in {row.unit for row in rows})
    changes = (*_changes(plan, hour), *_closed_places(desk, plan, hour))
    return Board(hour.area, at, hour.until, rows, resting_units, changes, plan)


def _closed_places(desk: Desk, plan: PlanDocument, hour: _Hour) -> Iterator[str]:
    """What is closed within the hour, also if the plan does not know it yet."""
    places = [place for place in plan.inputs.places if place.area == hour.area]
    for blackout in load_blackouts(desk).blackouts:
        names = [place.name or place.hotspot for place in places if blackout.covers(place)]
        if names and blackout.span.start < hour.until and blackout.span.end > hour.at:
            text = f"all of {hour.area}" if blackout.area else names[0]
            yield f"Closed until {local_clock(blackout.span.end, plan)}: {text} ({blackout.reason})."


def _changes(plan: PlanDocument, hour: _Hour) -> tuple[str, ...]:
    """The re-plans of the last half day: whose tours, and why."""
    change_texts = []
    near_duration = timedelta(hours=12)
    area_of_unit = {
        shift.unit: shift.area
        for shift in plan.inputs.shifts
        if shift.hours.start < hour.until and shift.hours.end > hour.at - near_duration  # a tour may be lent
    }
    for note in plan.commitment["replans"]:
        replanned_at = datetime.fromisoformat(note["at"])
        units = [state["unit"] for state in note["states"]]
        is_here = hour.area in {area_of_unit.get(unit) for unit in units}
        if is_here and hour.at - near_duration <= replanned_at <= hour.until:
            off_text = ", ".join(state["unit"] for state in note["states"] if not state["on_duty"])
            off_duty_text = f"; off duty: {off_text}" if off_text else ""
            change_texts.append(
                f"Re-plan {note['index']} of {', '.join(units)}: {note['reason']}{off_duty_text}."
            )
    return tuple(change_texts)

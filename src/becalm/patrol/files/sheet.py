"""The sheet that a unit takes along: its next two bursts, large enough to read while walking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from becalm.patrol.files.plan import PlanDocument
from becalm.patrol.files.stops import Stop, clock_of, stops_of
from becalm.patrol.files.units import Tour
from becalm.render import number_format as words
from becalm.render.shell import self_contained

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

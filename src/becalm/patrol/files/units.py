"""A plan unit by unit: its tours in their order, with their bursts and meals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from becalm.patrol.core.nouns import Burst, Span, UnitShift
from becalm.patrol.files.plan import PlanDocument


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

"""The chance of a start in every quarter of an hour, after some tours were drawn anew.

Each unit has its own part in the chance that nobody starts in a cell: under the law of its first draw until
its tour was drawn anew, and under the law of that draw from then on. The first law also holds for the bursts
that stood when the tour was drawn anew; a cell in which both laws had a share has the chance of either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats
from becalm.methods.routes.sequential_routes import Pull
from becalm.patrol.core.areas import Area, area_of, clock_of, with_shifts
from becalm.patrol.core.draw import draw_area, draws_of, due_of, ground_of, pull_of, rows_of
from becalm.patrol.core.nouns import Burst
from becalm.patrol.core.replan import Now, UnitState, kept_bursts, parts_of, route_at
from becalm.patrol.core.request import CELL_MINUTES, PlanRequest, Propensities, RouteLaw, UnitRoute

Tour = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Redrawn:
    """One re-plan: what stood before it, and where the units were whose tours it drew anew."""

    now: Now
    states: tuple[UnitState, ...]


def propensities_after(
    request: PlanRequest, law: RouteLaw, key: bytes, first: Propensities, redrawn: Iterable[Redrawn]
) -> Propensities:
    """The chance of a start by place and cell, under the laws that held in the end.

    `first` are the propensities of the first draw; those of areas without a re-plan stay as they are.
    """
    parts: dict[str, _Part] = {}
    own: dict[Tour, Floats] = {}
    absent: dict[str, Floats] = {}
    for step in redrawn:
        fresh = {area.area: _again(area, law, step.now, stood) for area, stood in _parts(request, step)}
        for state in step.states:
            route = route_at(request, step.now, state)
            name, tour = route.area, (route.unit, route.day)
            if name not in parts:
                parts[name] = _first(request, name, law, key)
            part = parts[name]
            held = own.get(tour)
            held = part.absent_of(route) if held is None else held
            new = _after(request, step, state, (part, held, fresh.get(name)))
            if name not in absent:
                absent[name] = part.absent(len(part.area.shifts))
            absent[name] = absent[name] + (new - held)
            own[tour] = new
    start = first.start.copy()
    for name, log_chance in absent.items():
        rows = [first.hotspots.index(place.hotspot) for place in parts[name].area.places]
        start[rows] = -np.expm1(np.minimum(log_chance, 0.0))
    return replace(first, start=start)


@dataclass(frozen=True)
class _Part:
    """One area as it was drawn: drawing its first tours again tells what each of them adds."""

    area: Area
    law: RouteLaw
    stood: tuple[Burst, ...]
    pull: Pull
    draws: NDArray[np.uint64]

    def absent(self, count: int) -> Floats:
        """The logarithm of the chance that none of the first tours starts: [n, cells]."""
        hours, lengths, _ = rows_of(self.law, self.area)
        if count == 0:
            return np.zeros((len(self.area.places), int(self.area.clock.cell[-1]) + 1))
        ground = ground_of(self.area, hours, lengths, self.stood)
        pull = self.pull._replace(due=self.pull.due[:count], owed=self.pull.owed.copy())
        few = with_shifts(self.area, np.arange(count))
        return np.asarray(draw_area(few, ground, pull, self.draws[:count], whole=False).absent)

    def absent_of(self, route: UnitRoute) -> Floats:
        """What one tour adds to it, given those drawn before; nothing where it was not drawn."""
        tours = [(shift.unit, shift.day) for shift in self.area.shifts]
        if (route.unit, route.day) not in tours:
            return self.absent(0)
        u = tours.index((route.unit, route.day))
        return self.absent(u + 1) - self.absent(u)


def _first(request: PlanRequest, name: str, law: RouteLaw, key: bytes) -> _Part:
    area = area_of(request, name, clock_of(request), key)
    hours, lengths, due = rows_of(law, area)
    ground = ground_of(area, hours, lengths, request.earlier)
    owed = np.array([request.owed.get(place.hotspot, 0.0) for place in area.places])
    pull = pull_of(due_of(area, ground, due), owed, request.policy.feedback)
    return _Part(area, law, request.earlier, pull, draws_of(area, key))


def _parts(request: PlanRequest, step: Redrawn) -> tuple[tuple[Area, tuple[Burst, ...]], ...]:
    return tuple(part for part in parts_of(request, step.now, step.states) if part[0].shifts)


def _again(area: Area, law: RouteLaw, now: Now, stood: tuple[Burst, ...]) -> _Part:
    n = len(area.places)
    nothing = pull_of(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0)
    return _Part(area, law, stood, nothing, draws_of(area, now.key, now.replan))


def _after(
    request: PlanRequest, step: Redrawn, state: UnitState, drawn: tuple[_Part, Floats, _Part | None]
) -> Floats:
    """What a tour adds after it was drawn anew: the old law up to the last burst that stood, then the new."""
    part, held, fresh = drawn
    route = route_at(request, step.now, state)
    kept = [burst.span.start for burst in kept_bursts(request, route, step.now.at)] if state.on_duty else []
    until = _cell(part.area, max([step.now.at, *kept]))
    new = np.where(np.arange(held.shape[1]) <= until, held, 0.0)
    if fresh is not None:
        more, first = fresh.absent_of(route), _cell(part.area, fresh.area.clock.origin)
        cells = np.arange(more.shape[1]) + first
        inside = (cells >= 0) & (cells < new.shape[1])
        new[:, cells[inside]] += more[:, inside]
    return np.asarray(new)


def _cell(area: Area, moment: datetime) -> int:
    return (moment - area.clock.origin) // timedelta(minutes=CELL_MINUTES)

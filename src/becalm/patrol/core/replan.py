"""Somebody is sick, called away or making an arrest: draws the rest of a tour anew from where units are.

The chance of a start in every quarter of an hour, after some tours were drawn anew.

Each unit has its own part in the chance that nobody starts in a cell: under the law of its first draw until
its tour was drawn anew, and under the law of that draw from then on. The first law also holds for the bursts
that stood when the tour was drawn anew; a cell in which both laws had a share has the chance of either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats
from becalm.methods.routes.sequential_routes import Crowd, Pull
from becalm.patrol.core.area_arrays import AreaArrays, SlotGrid, build_area, build_slot_grid, select_shifts
from becalm.patrol.core.draw import (
    build_feedback,
    build_lattice,
    draw_area_tours,
    draw_tour_numbers,
    select_weights,
    share_due_visits,
)
from becalm.patrol.core.places_and_shifts import Burst, UnitShift
from becalm.patrol.core.plan import build_routes
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import CELL_MINUTES, Propensities, RouteDistribution, UnitRoute
from becalm.terms import PlanError

Tour = tuple[str, date]


@dataclass(frozen=True, slots=True)
class UnitState:
    """Where a unit is from when on, or that it is off duty for the rest of its tour."""

    unit: str
    free_from: datetime  # it may set off from `stop` then
    stop: str  # a hotspot or its base
    meal_done: bool = False
    on_duty: bool = True


@dataclass(frozen=True)
class ReplanMoment:
    """What stands when a tour is drawn anew: the law and key, everybody's tours, the moment, its number."""

    distribution: RouteDistribution
    routes: tuple[UnitRoute, ...]
    at: datetime
    replan: int  # 1 for the first replan of a plan, then 2 …; part of every sub-key
    key: bytes


def find_unit_state(request: PlanInputs, route: UnitRoute, at: datetime) -> UnitState:
    """Where is a unit at a moment, if it kept to its tour? A burst under way, or the way to it, is kept."""
    kept = fixed_bursts(request, route, at)
    shift = find_shift(request, route)
    free, stop = max(at, shift.hours.start), shift.base
    if kept:
        free, stop = max(at, kept[-1].span.end), kept[-1].hotspot
    eaten = route.meal is None or route.meal.start <= at
    if route.meal is not None and eaten:
        free = max(free, route.meal.end)
    return UnitState(route.unit, free, stop, meal_done=eaten)


def fixed_bursts(request: PlanInputs, route: UnitRoute, at: datetime) -> tuple[Burst, ...]:
    """The bursts that have begun at a moment, or to which the unit must have set off by then."""
    shift = find_shift(request, route)
    table, kept, stop = request.travel[shift.mode], [], shift.base
    for burst in route.bursts:
        way = float(table.minutes[table.stops.index(stop), table.stops.index(burst.hotspot)])
        if burst.span.start - timedelta(minutes=way + request.policy.settle_minutes) > at:
            break
        kept.append(burst)
        stop = burst.hotspot
    return tuple(kept)


def find_shift(request: PlanInputs, route: UnitRoute) -> UnitShift:
    """The shift to which a tour belongs."""
    own = [s for s in request.shifts if s.unit == route.unit and s.day == route.day]
    inside = [s for s in own if all(s.hours.start <= b.span.start < s.hours.end for b in route.bursts)]
    if not inside:
        raise PlanError(f"Unit {route.unit} has no shift on {route.day}. Replan a tour of this plan.")
    return inside[0]


def replan_bursts(
    request: PlanInputs, now: ReplanMoment, states: tuple[UnitState, ...]
) -> tuple[UnitRoute, ...]:
    """The tours of these units with all that lies ahead drawn anew, each given what stands by then.

    Tours of other units stay as they are, and are kept clear of. Visits owed do not pull here; what was
    lost is owed in the next period. Bursts of a tour that have begun, or to which its unit is on the way,
    stay unless it is off duty. Raises PlanError, with every reason, where a state cannot be.
    """
    routes = {state.unit: find_route(request, now, state) for state in states}
    done = {unit: _kept(request, route, now.at, states) for unit, route in routes.items()}
    parts = build_replan_areas(request, now, states)
    fresh = [route for part, standing in parts for route in _drawn(part, now, standing)]
    new = {route.unit: route for route in fresh}
    return tuple(_joined(routes[u], done[u], new.get(u), now.replan) for u in sorted(routes))


def build_replan_areas(
    request: PlanInputs, now: ReplanMoment, states: tuple[UnitState, ...]
) -> tuple[tuple[AreaArrays, tuple[Burst, ...]], ...]:
    """What is drawn anew: each area with these units alone, each where it is, and the bursts that stand."""
    routes = {state.unit: find_route(request, now, state) for state in states}
    concerned = {id(route) for route in routes.values()}
    standing = [b for route in now.routes for b in route.bursts if id(route) not in concerned]
    standing += request.earlier
    standing += [b for route in routes.values() for b in _kept(request, route, now.at, states)]
    found = []
    for area in sorted({route.area for route in routes.values()}):
        here = [s for s in states if routes[s.unit].area == area and s.on_duty]
        if here:
            part = _area_from(request, now, area, {s.unit: (s, routes[s.unit]) for s in here})
            found.append((part, tuple(standing)))
    return tuple(found)


def find_route(request: PlanInputs, now: ReplanMoment, state: UnitState) -> UnitRoute:
    """The tour that a unit is on at the moment."""
    for route in now.routes:
        if route.unit == state.unit:
            hours = find_shift(request, route).hours
            if hours.start - timedelta(hours=1) <= now.at < hours.end:
                return route
    raise PlanError(
        f"Unit {state.unit} is not on tour at {now.at:%Y-%m-%d %H:%M} UTC. Name a unit that is on duty then."
    )


def _kept(
    request: PlanInputs, route: UnitRoute, at: datetime, states: Iterable[UnitState]
) -> tuple[Burst, ...]:
    state = next(s for s in states if s.unit == route.unit)
    kept = fixed_bursts(request, route, at)
    if state.on_duty and state.free_from >= max((b.span.end for b in kept), default=state.free_from):
        return kept
    return tuple(b for b in kept if b.span.start <= at)


def _area_from(
    request: PlanInputs, now: ReplanMoment, name: str, units: dict[str, tuple[UnitState, UnitRoute]]
) -> AreaArrays:
    """The area with these units only, each beginning where it is."""
    shifts = tuple(find_shift(request, route) for _, route in units.values())
    first = min(state.free_from for state, _ in units.values())
    step = timedelta(minutes=request.policy.slot_minutes)
    origin = (first - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    count = int((max(s.hours.end for s in shifts) - origin) / step) + 4
    clock = SlotGrid(origin, count, request.policy.slot_minutes, ZoneInfo(request.zone), request.first_day)
    area = build_area(replace(request, shifts=shifts), name, clock, now.key)
    stops = [place.hotspot for place in area.places]
    crowd, rows = area.crowd, [units[shift.unit][0] for shift in area.shifts]
    unknown = [s for s in rows if s.stop not in stops and s.stop not in {x.base for x in shifts}]
    if unknown:
        told = ", ".join(f"{s.unit} at {s.stop!r}" for s in unknown)
        raise PlanError(
            f"Units stand where no way begins: {told}. Name a hotspot of area {name}, or the base."
        )
    moved = [_moved(crowd, u, state, area, stops) for u, state in enumerate(rows)]
    keep = np.array([u for u, (_, walk, _) in enumerate(moved) if walk[0] > 0], dtype=np.int64)
    new = Crowd(
        first=np.array([m[0] for m in moved], dtype=np.int64),
        walk=np.array([m[1] for m in moved], dtype=np.int64).reshape(-1, 6),
        way=crowd.way,
        pair=crowd.pair,
        open=np.stack([m[2] for m in moved]),
    )
    return select_shifts(replace(area, crowd=new), keep)


def _moved(
    crowd: Crowd, u: int, state: UnitState, area: AreaArrays, stops: list[str]
) -> tuple[int, list[int], np.ndarray]:
    """A walk that begins now and here: its first slot, its fields, and what of it is open to bursts."""
    slots, home, paused, needed, pause_first, pause_last = (int(x) for x in crowd.walk[u])
    first = max(area.clock.slot_of(state.free_from, up=True), int(crowd.first[u]))
    gone = first - int(crowd.first[u])
    slots, pause_first, pause_last = slots - gone, max(pause_first - gone, 0), pause_last - gone
    node = stops.index(state.stop) if state.stop in stops else home
    if state.meal_done:
        paused = 1
    elif not paused and pause_last < pause_first:
        pause_first, pause_last = 0, slots - needed  # its window has passed: as soon as may be
        paused = int(pause_last < 0)
    is_open = np.zeros_like(crowd.open[u])
    is_open[: is_open.size - gone] = crowd.open[u, gone:]
    return first, [slots, node, paused, needed, pause_first, pause_last], is_open


def _drawn(area: AreaArrays, now: ReplanMoment, standing: tuple[Burst, ...]) -> tuple[UnitRoute, ...]:
    if not area.shifts:
        return ()
    hours, lengths, _ = select_weights(now.distribution, area)
    n = len(area.places)
    nothing = build_feedback(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0)
    ground = build_lattice(area, hours, lengths, standing)
    drawn = draw_area_tours(area, ground, nothing, draw_tour_numbers(area, now.key, now.replan))
    return build_routes(area, drawn, now.replan)


def _joined(old: UnitRoute, done: tuple[Burst, ...], new: UnitRoute | None, replan: int) -> UnitRoute:
    if new is None:
        return replace(old, bursts=done, replan=replan, bits=0.0, surprise_bits=0.0)
    return replace(new, bursts=(*done, *new.bursts), meal=new.meal or old.meal)


@dataclass(frozen=True, slots=True)
class ReplanStep:
    """One re-plan: what stood before it, and where the units were whose tours it drew anew."""

    now: ReplanMoment
    states: tuple[UnitState, ...]


def update_propensities(
    request: PlanInputs,
    distribution: RouteDistribution,
    key: bytes,
    first: Propensities,
    redrawn: Iterable[ReplanStep],
) -> Propensities:
    """The chance of a start by place and cell, under the laws that held in the end.

    `first` are the propensities of the first draw; those of areas without a re-plan stay as they are.
    """
    parts: dict[str, _Part] = {}
    own: dict[Tour, Floats] = {}
    absent: dict[str, Floats] = {}
    for step in redrawn:
        fresh = {
            area.area: _again(area, distribution, step.now, stood) for area, stood in _parts(request, step)
        }
        for state in step.states:
            route = find_route(request, step.now, state)
            name, tour = route.area, (route.unit, route.day)
            if name not in parts:
                parts[name] = _first(request, name, distribution, key)
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

    area: AreaArrays
    distribution: RouteDistribution
    stood: tuple[Burst, ...]
    pull: Pull
    draws: NDArray[np.uint64]

    def absent(self, count: int) -> Floats:
        """The logarithm of the chance that none of the first tours starts: [n, cells]."""
        hours, lengths, _ = select_weights(self.distribution, self.area)
        if count == 0:
            return np.zeros((len(self.area.places), int(self.area.clock.cell[-1]) + 1))
        ground = build_lattice(self.area, hours, lengths, self.stood)
        pull = self.pull._replace(due=self.pull.due[:count], owed=self.pull.owed.copy())
        few = select_shifts(self.area, np.arange(count))
        return np.asarray(draw_area_tours(few, ground, pull, self.draws[:count], whole=False).absent)

    def absent_of(self, route: UnitRoute) -> Floats:
        """What one tour adds to it, given those drawn before; nothing where it was not drawn."""
        tours = [(shift.unit, shift.day) for shift in self.area.shifts]
        if (route.unit, route.day) not in tours:
            return self.absent(0)
        u = tours.index((route.unit, route.day))
        return self.absent(u + 1) - self.absent(u)


def _first(request: PlanInputs, name: str, distribution: RouteDistribution, key: bytes) -> _Part:
    area = build_area(request, name, build_slot_grid(request), key)
    hours, lengths, due = select_weights(distribution, area)
    ground = build_lattice(area, hours, lengths, request.earlier)
    owed = np.array([request.owed.get(place.hotspot, 0.0) for place in area.places])
    pull = build_feedback(share_due_visits(area, ground, due), owed, request.policy.feedback)
    return _Part(area, distribution, request.earlier, pull, draw_tour_numbers(area, key))


def _parts(request: PlanInputs, step: ReplanStep) -> tuple[tuple[AreaArrays, tuple[Burst, ...]], ...]:
    return tuple(part for part in build_replan_areas(request, step.now, step.states) if part[0].shifts)


def _again(
    area: AreaArrays, distribution: RouteDistribution, now: ReplanMoment, stood: tuple[Burst, ...]
) -> _Part:
    n = len(area.places)
    nothing = build_feedback(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0)
    return _Part(area, distribution, stood, nothing, draw_tour_numbers(area, now.key, now.replan))


def _after(
    request: PlanInputs, step: ReplanStep, state: UnitState, drawn: tuple[_Part, Floats, _Part | None]
) -> Floats:
    """What a tour adds after it was drawn anew: the old law up to the last burst that stood, then the new."""
    part, held, fresh = drawn
    route = find_route(request, step.now, state)
    kept = [burst.span.start for burst in fixed_bursts(request, route, step.now.at)] if state.on_duty else []
    until = _cell(part.area, max([step.now.at, *kept]))
    new = np.where(np.arange(held.shape[1]) <= until, held, 0.0)
    if fresh is not None:
        more, first = fresh.absent_of(route), _cell(part.area, fresh.area.clock.origin)
        cells = np.arange(more.shape[1]) + first
        inside = (cells >= 0) & (cells < new.shape[1])
        new[:, cells[inside]] += more[:, inside]
    return np.asarray(new)


def _cell(area: AreaArrays, moment: datetime) -> int:
    return (moment - area.clock.origin) // timedelta(minutes=CELL_MINUTES)

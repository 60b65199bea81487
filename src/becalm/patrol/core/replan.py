"""Somebody is sick, called away or making an arrest: draws the rest of a tour anew from where units are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.routes.sequential_routes import Crowd
from becalm.patrol.core.areas import Area, Clock, area_of, with_shifts
from becalm.patrol.core.draw import draw_area, draws_of, ground_of, pull_of, rows_of
from becalm.patrol.core.nouns import Burst, UnitShift
from becalm.patrol.core.plan import routes_of
from becalm.patrol.core.request import PlanRequest, RouteLaw, UnitRoute
from becalm.terms import PlanError


@dataclass(frozen=True, slots=True)
class UnitState:
    """Where a unit is from when on, or that it is off duty for the rest of its tour."""

    unit: str
    free_from: datetime  # it may set off from `stop` then
    stop: str  # a hotspot or its base
    meal_done: bool = False
    on_duty: bool = True


@dataclass(frozen=True)
class Now:
    """What stands when a tour is drawn anew: the law and key, everybody's tours, the moment, its number."""

    law: RouteLaw
    routes: tuple[UnitRoute, ...]
    at: datetime
    replan: int  # 1 for the first replan of a plan, then 2 …; part of every sub-key
    key: bytes


def state_of(request: PlanRequest, route: UnitRoute, at: datetime) -> UnitState:
    """Where is a unit at a moment, if it kept to its tour? A burst under way, or the way to it, is kept."""
    kept = kept_bursts(request, route, at)
    shift = shift_of(request, route)
    free, stop = max(at, shift.hours.start), shift.base
    if kept:
        free, stop = max(at, kept[-1].span.end), kept[-1].hotspot
    eaten = route.meal is None or route.meal.start <= at
    if route.meal is not None and eaten:
        free = max(free, route.meal.end)
    return UnitState(route.unit, free, stop, meal_done=eaten)


def kept_bursts(request: PlanRequest, route: UnitRoute, at: datetime) -> tuple[Burst, ...]:
    """The bursts that have begun at a moment, or to which the unit must have set off by then."""
    shift = shift_of(request, route)
    table, kept, stop = request.travel[shift.mode], [], shift.base
    for burst in route.bursts:
        way = float(table.minutes[table.stops.index(stop), table.stops.index(burst.hotspot)])
        if burst.span.start - timedelta(minutes=way + request.policy.settle_minutes) > at:
            break
        kept.append(burst)
        stop = burst.hotspot
    return tuple(kept)


def shift_of(request: PlanRequest, route: UnitRoute) -> UnitShift:
    """The shift to which a tour belongs."""
    own = [s for s in request.shifts if s.unit == route.unit and s.day == route.day]
    inside = [s for s in own if all(s.hours.start <= b.span.start < s.hours.end for b in route.bursts)]
    if not inside:
        raise PlanError(f"Unit {route.unit} has no shift on {route.day}. Replan a tour of this plan.")
    return inside[0]


def replan_bursts(request: PlanRequest, now: Now, states: tuple[UnitState, ...]) -> tuple[UnitRoute, ...]:
    """The tours of these units with all that lies ahead drawn anew, each given what stands by then.

    Tours of other units stay as they are, and are kept clear of. Visits owed do not pull here; what was
    lost is owed in the next period. Bursts of a tour that have begun, or to which its unit is on the way,
    stay unless it is off duty. Raises PlanError, with every reason, where a state cannot be.
    """
    routes = {state.unit: route_at(request, now, state) for state in states}
    done = {unit: _kept(request, route, now.at, states) for unit, route in routes.items()}
    parts = parts_of(request, now, states)
    fresh = [route for part, standing in parts for route in _drawn(part, now, standing)]
    new = {route.unit: route for route in fresh}
    return tuple(_joined(routes[u], done[u], new.get(u), now.replan) for u in sorted(routes))


def parts_of(
    request: PlanRequest, now: Now, states: tuple[UnitState, ...]
) -> tuple[tuple[Area, tuple[Burst, ...]], ...]:
    """What is drawn anew: each area with these units alone, each where it is, and the bursts that stand."""
    routes = {state.unit: route_at(request, now, state) for state in states}
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


def route_at(request: PlanRequest, now: Now, state: UnitState) -> UnitRoute:
    """The tour that a unit is on at the moment."""
    for route in now.routes:
        if route.unit == state.unit:
            hours = shift_of(request, route).hours
            if hours.start - timedelta(hours=1) <= now.at < hours.end:
                return route
    raise PlanError(
        f"Unit {state.unit} is not on tour at {now.at:%Y-%m-%d %H:%M} UTC. Name a unit that is on duty then."
    )


def _kept(
    request: PlanRequest, route: UnitRoute, at: datetime, states: Iterable[UnitState]
) -> tuple[Burst, ...]:
    state = next(s for s in states if s.unit == route.unit)
    kept = kept_bursts(request, route, at)
    if state.on_duty and state.free_from >= max((b.span.end for b in kept), default=state.free_from):
        return kept
    return tuple(b for b in kept if b.span.start <= at)


def _area_from(
    request: PlanRequest, now: Now, name: str, units: dict[str, tuple[UnitState, UnitRoute]]
) -> Area:
    """The area with these units only, each beginning where it is."""
    shifts = tuple(shift_of(request, route) for _, route in units.values())
    first = min(state.free_from for state, _ in units.values())
    step = timedelta(minutes=request.policy.slot_minutes)
    origin = (first - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    count = int((max(s.hours.end for s in shifts) - origin) / step) + 4
    clock = Clock(origin, count, request.policy.slot_minutes, ZoneInfo(request.zone), request.first_day)
    area = area_of(replace(request, shifts=shifts), name, clock, now.key)
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
    return with_shifts(replace(area, crowd=new), keep)


def _moved(
    crowd: Crowd, u: int, state: UnitState, area: Area, stops: list[str]
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


def _drawn(area: Area, now: Now, standing: tuple[Burst, ...]) -> tuple[UnitRoute, ...]:
    if not area.shifts:
        return ()
    hours, lengths, _ = rows_of(now.law, area)
    n = len(area.places)
    nothing = pull_of(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0)
    ground = ground_of(area, hours, lengths, standing)
    drawn = draw_area(area, ground, nothing, draws_of(area, now.key, now.replan))
    return routes_of(area, drawn, now.replan)


def _joined(old: UnitRoute, done: tuple[Burst, ...], new: UnitRoute | None, replan: int) -> UnitRoute:
    if new is None:
        return replace(old, bursts=done, replan=replan, bits=0.0, surprise_bits=0.0)
    return replace(new, bursts=(*done, *new.bursts), meal=new.meal or old.meal)

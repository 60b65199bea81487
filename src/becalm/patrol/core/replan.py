"""Somebody is sick, called away or making an arrest: draws the rest of a tour again from where units are."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.patrol.core.area_arrays import AreaArrays, SlotGrid, build_area, select_shifts
from becalm.patrol.core.blackouts import Closure, close_places
from becalm.patrol.core.draw_tours import prepare_redraw
from becalm.patrol.core.plan import build_routes
from becalm.patrol.core.plan_inputs import Burst, PlanInputs, Span, UnitShift
from becalm.patrol.core.plan_result import GRID, RouteDistribution, UnitRoute
from becalm.terms import PlanError

LOOK_AHEAD = timedelta(hours=14)
URGENT_FACTOR = 10.0  # by which an urgent place weighs more than it would


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
    """When tours are drawn again, and from what: distribution, key, all tours, the re-plan's number."""

    distribution: RouteDistribution
    routes: tuple[UnitRoute, ...]
    at: datetime
    replan: int  # 1 for the first replan of a plan, then 2 …; part of every sub-key
    key: bytes
    urgent: str = ""  # a hotspot that is to be visited more than usual from now on
    closures: tuple[Closure, ...] = ()  # what was closed since the plan was made


def find_unit_state(inputs: PlanInputs, route: UnitRoute, at: datetime) -> UnitState:
    """Where is a unit at a moment, if it kept to its tour? A burst under way, or the way to it, is kept."""
    begun_bursts = fixed_bursts(inputs, route, at)
    shift = find_shift(inputs, route)
    free_from, stop = max(at, shift.hours.start), shift.base
    if begun_bursts:
        free_from, stop = max(at, begun_bursts[-1].span.end), begun_bursts[-1].hotspot
    is_meal_done = route.meal is None or route.meal.start <= at
    if route.meal is not None and is_meal_done:
        free_from = max(free_from, route.meal.end)
    return UnitState(route.unit, free_from, stop, meal_done=is_meal_done)


def fixed_bursts(inputs: PlanInputs, route: UnitRoute, at: datetime) -> tuple[Burst, ...]:
    """The bursts that have begun at a moment, or to which the unit must have set off by then."""
    shift = find_shift(inputs, route)
    table, begun_bursts, last_stop = inputs.travel[shift.mode], [], shift.base
    for burst in route.bursts:
        way_minutes = float(table.minutes[table.stops.index(last_stop), table.stops.index(burst.hotspot)])
        if burst.span.start - timedelta(minutes=way_minutes + inputs.policy.settle_minutes) > at:
            break
        begun_bursts.append(burst)
        last_stop = burst.hotspot
    return tuple(begun_bursts)


def find_shift(inputs: PlanInputs, route: UnitRoute) -> UnitShift:
    """The shift to which a tour belongs."""
    for shift in inputs.shifts:
        if (shift.unit, shift.day) == (route.unit, route.day) and all(
            shift.hours.start <= burst.span.start < shift.hours.end for burst in route.bursts
        ):
            return shift
    raise PlanError(f"Unit {route.unit} has no shift on {route.day}. Re-plan a tour of this plan.")


def replan_bursts(
    inputs: PlanInputs, moment: ReplanMoment, states: tuple[UnitState, ...]
) -> tuple[UnitRoute, ...]:
    """The tours of these units with all that lies ahead drawn again, each given what is planned by then.

    Tours of other units stay as they are, and are kept clear of. Visits owed have no feedback here; what was
    lost is owed in the next period. Bursts of a tour that have begun, or to which its unit is on the way,
    stay unless it is off duty. Raises PlanError, with every reason, where a state cannot be.
    """
    new_route_by_unit: dict[str, UnitRoute] = {}
    for area, other_bursts in build_replan_areas(inputs, moment, states):
        if area.shifts:
            redrawn_tours = prepare_redraw(
                weigh_urgent(moment.distribution, moment.urgent),
                area,
                other_bursts,
                moment.key,
                moment.replan,
            ).draw()
            new_route_by_unit |= {
                route.unit: route for route in build_routes(area, redrawn_tours, moment.replan)
            }
    return tuple(
        _join_route(inputs, moment, state, new_route_by_unit.get(state.unit))
        for state in sorted(states, key=lambda state: state.unit)
    )


def weigh_urgent(distribution: RouteDistribution, urgent: str) -> RouteDistribution:
    """The distribution of a re-plan: that of the plan, with an urgent place weighing more at all hours."""
    if not urgent:
        return distribution
    extra_weight = round(np.log(URGENT_FACTOR) * GRID)
    hour_weights = tuple(
        tuple(weight + extra_weight for weight in row) if hotspot == urgent else row
        for hotspot, row in zip(distribution.hotspots, distribution.hour_weights, strict=True)
    )
    return replace(distribution, hour_weights=hour_weights)


def check_urgent(inputs: PlanInputs, urgent: str, states: tuple[UnitState, ...], at: datetime) -> None:
    """Refuse an urgent place that no unit can visit and be home from before its tour ends."""
    shortest_minutes = min(inputs.policy.burst_minutes) + inputs.policy.settle_minutes
    for shift in inputs.shifts:
        state = next((state for state in states if state.unit == shift.unit), None)
        if state is None or not shift.hours.end > at or not shift.hours.start <= state.free_from:
            continue
        table = inputs.travel[shift.mode]
        begin, place, home = (table.stops.index(stop) for stop in (state.stop, urgent, shift.base))
        needed_minutes = float(table.minutes[begin, place] + table.minutes[place, home]) + shortest_minutes
        if (shift.hours.end - state.free_from).total_seconds() / 60 >= needed_minutes:
            return
    raise PlanError(
        f"No unit on duty can be at {urgent} and home again before its tour ends. Name a unit of another "
        "area, or plan it for the next days."
    )


def build_replan_areas(
    inputs: PlanInputs, moment: ReplanMoment, states: tuple[UnitState, ...]
) -> tuple[tuple[AreaArrays, tuple[Burst, ...]], ...]:
    """What is drawn again: each area with these units alone, each where it is, and all bursts that stay."""
    route_by_unit = {state.unit: find_route(inputs, moment, state) for state in states}
    redrawn_ids = {id(route) for route in route_by_unit.values()}
    fixed_bursts_of_plan = [
        b for route in moment.routes for b in route.bursts if id(route) not in redrawn_ids
    ]
    fixed_bursts_of_plan += inputs.earlier
    fixed_bursts_of_plan += [b for state in states for b in _bursts_that_stay(inputs, moment, state)]
    redraw_areas = []
    for name in sorted({route.area for route in route_by_unit.values()}):
        states_and_routes = {
            s.unit: (s, route_by_unit[s.unit])
            for s in states
            if route_by_unit[s.unit].area == name and s.on_duty
        }
        if states_and_routes:
            redraw_areas.append(
                (_build_area_from(inputs, moment, name, states_and_routes), tuple(fixed_bursts_of_plan))
            )
    return tuple(redraw_areas)


def find_route(inputs: PlanInputs, moment: ReplanMoment, state: UnitState) -> UnitRoute:
    """The tour that a unit is on at the moment."""
    for route in sorted(moment.routes, key=lambda route: route.day):
        if route.unit == state.unit and is_ahead(find_shift(inputs, route).hours, moment.at):
            return route
    raise PlanError(
        f"Unit {state.unit} is not on tour at {moment.at:%Y-%m-%d %H:%M} UTC. "
        "Name a unit that is on duty then."
    )


def is_ahead(hours: Span, at: datetime) -> bool:
    """Is a tour under way, or does it begin within some hours? Somebody may be sick before it begins."""
    return hours.start - LOOK_AHEAD <= at < hours.end


def _bursts_that_stay(inputs: PlanInputs, moment: ReplanMoment, state: UnitState) -> tuple[Burst, ...]:
    """A unit that stops its tour, or is free too early for it, has not set off to the next burst."""
    bursts = fixed_bursts(inputs, find_route(inputs, moment, state), moment.at)
    if state.on_duty and state.free_from >= max((b.span.end for b in bursts), default=state.free_from):
        return bursts
    return tuple(burst for burst in bursts if burst.span.start <= moment.at)


def _join_route(
    inputs: PlanInputs, moment: ReplanMoment, state: UnitState, new_route: UnitRoute | None
) -> UnitRoute:
    old_route, kept_bursts = find_route(inputs, moment, state), _bursts_that_stay(inputs, moment, state)
    if new_route is None:
        return replace(old_route, bursts=kept_bursts, replan=moment.replan, bits=0.0, surprise_bits=0.0)
    return replace(new_route, bursts=(*kept_bursts, *new_route.bursts), meal=new_route.meal or old_route.meal)


def _build_area_from(
    inputs: PlanInputs, moment: ReplanMoment, name: str, units: dict[str, tuple[UnitState, UnitRoute]]
) -> AreaArrays:
    """The area with these units only, each beginning where it is."""
    shifts = tuple(find_shift(inputs, route) for _, route in units.values())
    first_free = min(state.free_from for state, _ in units.values())
    slot_duration = timedelta(minutes=inputs.policy.slot_minutes)
    # Slots from a little before the moment, not from midnight: bursts under way must be seen as they are.
    grid_start = (first_free - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    slot_count = int((max(shift.hours.end for shift in shifts) - grid_start) / slot_duration) + 4
    grid = SlotGrid(
        grid_start, slot_count, inputs.policy.slot_minutes, ZoneInfo(inputs.zone), inputs.first_day
    )
    places = close_places(inputs.places, moment.closures)
    area = build_area(replace(inputs, places=places, shifts=shifts), name, grid, moment.key)
    hotspot_names = [place.hotspot for place in area.places]
    unit_states = [units[shift.unit][0] for shift in area.shifts]
    lost_states = [
        s for s in unit_states if s.stop not in {*hotspot_names, *(shift.base for shift in shifts)}
    ]
    if lost_states:
        places_text = ", ".join(f"{s.unit} at {s.stop!r}" for s in lost_states)
        raise PlanError(
            f"Stops without travel times: {places_text}. Name a hotspot of area {name}, or the base."
        )
    remaining_walks = (_rest_of_walk(area, u, state, hotspot_names) for u, state in enumerate(unit_states))
    first_slots, walk_fields, open_slots = zip(*remaining_walks, strict=True)
    walkers = area.walkers._replace(
        first_slot=np.array(first_slots, dtype=np.int64),
        fields=np.array(walk_fields, dtype=np.int64).reshape(-1, 6),
        is_open=np.stack(open_slots),
    )
    return select_shifts(replace(area, walkers=walkers), np.flatnonzero(walkers.fields[:, 0] > 0))


def _rest_of_walk(
    area: AreaArrays, u: int, state: UnitState, hotspots: list[str]
) -> tuple[int, list[int], np.ndarray]:
    """A walk that begins now and here: its first slot, its fields, and what of it is open to bursts."""
    walkers = area.walkers
    slots, home, has_paused, meal_slots, pause_first, pause_last = (int(field) for field in walkers.fields[u])
    first_slot = max(area.grid.slot_at(state.free_from, up=True), int(walkers.first_slot[u]))
    gone_slots = first_slot - int(walkers.first_slot[u])
    slots, pause_last = slots - gone_slots, pause_last - gone_slots
    pause_first = max(pause_first - gone_slots, 0)
    if state.meal_done:
        has_paused = 1
    elif not has_paused and pause_last < pause_first:
        pause_first, pause_last = 0, slots - meal_slots  # its window has passed: as soon as may be
        has_paused = int(pause_last < 0)
    is_open = np.zeros_like(walkers.is_open[u])
    is_open[: is_open.size - gone_slots] = walkers.is_open[u, gone_slots:]
    start_row = hotspots.index(state.stop) if state.stop in hotspots else home
    return first_slot, [slots, start_row, has_paused, meal_slots, pause_first, pause_last], is_open


@dataclass(frozen=True, slots=True)
class ReplanStep:
    """One re-plan: the moment, and where the units were whose tours it drew again."""

    moment: ReplanMoment
    states: tuple[UnitState, ...]

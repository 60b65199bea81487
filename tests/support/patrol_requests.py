"""Small requests for the planner, drawn by hand or at random, and the rules that every plan keeps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations, pairwise
from zoneinfo import ZoneInfo

import numpy as np

from becalm.patrol.core import plan_inputs
from becalm.patrol.core.plan_result import PatrolPlan, UnitRoute

KEY = bytes(range(32))
DAY = date(2025, 6, 2)
ZONE = ZoneInfo("Europe/London")
FLAT = (1.0 / 168,) * 168


def place(
    name: str, at_m: float, *, visits: float = 2.0, area: str = "north", **more: object
) -> plan_inputs.PatrolPlace:
    facts = {"hotspot": name, "area": area, "easting_m": at_m, "northing_m": 0.0, "radius_m": 100.0}
    dosage = plan_inputs.Dosage(visits, 15.0 * visits)
    fields = {**facts, "harm": 1.0, "dosage": dosage, "profile": FLAT, **more}
    return plan_inputs.PatrolPlace(**fields)  # type: ignore[arg-type]  # a place drawn for a test


def shift(
    unit: str, *, hour: int = 8, hours: float = 8.0, day: date = DAY, **more: object
) -> plan_inputs.UnitShift:
    start = datetime.combine(day, time(hour), ZONE).astimezone(UTC)
    defaults = {"area": "north", "base": "station", "crew": 2, "mode": "vehicle", "meal_minutes": 45}
    fields = {"hours": plan_inputs.Span(start, start + timedelta(hours=hours)), **defaults, **more}
    return plan_inputs.UnitShift(unit=unit, day=day, **fields)  # type: ignore[arg-type]  # a shift drawn for a test


def request(
    places: list[plan_inputs.PatrolPlace],
    shifts: list[plan_inputs.UnitShift],
    *,
    days: int = 1,
    **more: object,
) -> plan_inputs.PlanInputs:
    """A request whose ways run along one street at 400 metres a minute; feet take five times as long."""
    base = plan_inputs.Base("station", 0.0, 0.0)
    policy = more.pop("policy", plan_inputs.PatrolPolicy())
    settings = {"first_day": shifts[0].day if shifts else DAY, "days": days, "zone": ZONE.key, **more}
    travel = {mode: street(places, base, slowness) for mode, slowness in (("vehicle", 1.0), ("foot", 5.0))}
    return plan_inputs.PlanInputs(tuple(places), tuple(shifts), (base,), travel, policy, **settings)  # type: ignore[arg-type]


def street(
    places: list[plan_inputs.PatrolPlace], base: plan_inputs.Base, slowness: float
) -> plan_inputs.TravelTable:
    at = np.array([*(p.easting_m for p in places), base.easting_m])
    minutes = np.abs(at[:, None] - at[None, :]) / 400.0 * slowness
    mode: plan_inputs.Mode = "vehicle" if slowness == 1.0 else "foot"
    return plan_inputs.TravelTable(mode, (*(p.hotspot for p in places), base.base), minutes, 0.8, "crow-fly")


def broken_rules(inputs: plan_inputs.PlanInputs, plan: PatrolPlan) -> list[str]:
    """Every hard rule that a plan breaks, in words; written without a look at the planner."""
    broken = [fault for route in plan.routes for fault in _tour_faults(inputs, route)]
    broken += list(_meetings(inputs, plan))
    for burst in plan.bursts:
        spot = next(p for p in inputs.places if p.hotspot == burst.hotspot)
        if any(overlap(burst.span, span) for span in spot.blackouts):
            broken.append(f"{burst} overlaps a blackout")
        for instant in (burst.span.start, burst.span.end - timedelta(seconds=1)):
            day = instant.astimezone(ZoneInfo(inputs.zone)).date()
            if inputs.arms.get((spot.hotspot, day), spot.arm) == "off":
                broken.append(f"{burst} at a place that is off")
    return broken


def overlap(one: plan_inputs.Span, other: plan_inputs.Span) -> bool:
    return one.start < other.end and other.start < one.end


@dataclass(frozen=True)
class Stay:
    """Where a unit is, from when to when."""

    stop: str
    start: datetime
    end: datetime


def _tour_faults(inputs: plan_inputs.PlanInputs, route: UnitRoute) -> Iterator[str]:
    shift_of_route = next(s for s in inputs.shifts if s.unit == route.unit and s.day == route.day)
    table, settle = inputs.travel[shift_of_route.mode], inputs.policy.settle_minutes
    stays = [Stay(shift_of_route.base, shift_of_route.hours.start, shift_of_route.hours.start)]
    stays += [Stay(b.hotspot, b.span.start, b.span.end) for b in route.bursts]
    for one, other in pairwise(stays):
        way = float(table.minutes[table.stops.index(one.stop), table.stops.index(other.stop)])
        meal = (
            route.meal and overlap(plan_inputs.Span(one.end, other.start), route.meal)
            if other.start > one.end
            else None
        )
        needed = timedelta(minutes=way + settle + (shift_of_route.meal_minutes if meal else 0))
        if other.start - one.end < needed - timedelta(seconds=1):
            yield f"{route.unit} has no time from {one} to {other}"
    back = float(table.minutes[table.stops.index(stays[-1].stop), table.stops.index(shift_of_route.base)])
    end = max(stays[-1].end, route.meal.end) if route.meal else stays[-1].end
    if end + timedelta(minutes=back) > shift_of_route.hours.end + timedelta(seconds=1):
        yield f"{route.unit} is late at its base"
    yield from _meal_faults(shift_of_route, route)
    for burst in route.bursts:
        if burst.span.minutes not in inputs.policy.burst_minutes:
            yield f"{burst} is of no length that the policy knows"


def _meal_faults(shift_of_route: plan_inputs.UnitShift, route: UnitRoute) -> Iterator[str]:
    if not shift_of_route.meal_minutes:
        return
    quarter = (shift_of_route.hours.end - shift_of_route.hours.start) / 4
    window = shift_of_route.meal_window or plan_inputs.Span(
        shift_of_route.hours.start + quarter, shift_of_route.hours.end - quarter
    )
    if route.meal is None or route.meal.minutes != shift_of_route.meal_minutes:
        yield f"{route.unit} has no meal"
    elif route.meal.start < window.start or route.meal.end > window.end:
        yield f"{route.unit} eats outside its window"
    elif any(overlap(burst.span, route.meal) for burst in route.bursts):
        yield f"{route.unit} eats on a burst"


def _meetings(inputs: plan_inputs.PlanInputs, plan: PatrolPlan) -> Iterator[str]:
    pairs = {s.unit: s.pair for s in inputs.shifts}
    for spot in inputs.places:
        bursts_here = [b for b in plan.bursts if b.hotspot == spot.hotspot]
        hard = timedelta(minutes=spot.gap_minutes if spot.gap_weight == 0.0 else 0)
        for one, other in combinations(bursts_here, 2):
            mates = inputs.policy.pairing and pairs[one.unit] and pairs[one.unit] == pairs[other.unit]
            if one.unit != other.unit and overlap(one.span, other.span) and not mates:
                yield f"{one} meets {other}"
            if hard and other.span.start - one.span.end < hard and one.span.start - other.span.end < hard:
                yield f"{one} and {other} are within the hard gap"

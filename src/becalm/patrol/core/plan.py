"""When does which unit go to which hotspot, so that dosage is right and nobody can guess?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import numpy as np

from becalm.methods.routes.sequential_routes import Drawn
from becalm.patrol.core.area_arrays import AreaArrays, build_areas, cap_areas
from becalm.patrol.core.draw import (
    build_feedback,
    build_lattice,
    draw_area_tours,
    draw_tour_numbers,
    select_weights,
    share_due_visits,
)
from becalm.patrol.core.feasibility import check_feasible, find_shortfalls
from becalm.patrol.core.fit import PILOT_KEY, AreaDistribution, bound_bits, fit_area_distribution
from becalm.patrol.core.places_and_shifts import Burst, Span
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import PatrolPlan, PlaceDosage, Propensities, RouteDistribution, UnitRoute
from becalm.terms import PlanError

WORKERS = 2
Given = TypeVar("Given")
Made = TypeVar("Made")


def plan_bursts(
    request: PlanInputs, *, key: bytes, distribution: RouteDistribution | None = None, bound: bool = False
) -> PatrolPlan:
    """When does which unit go where? With `law`, drawn again from a law that was fitted before.

    With `bound`, the plan also says how free one with its dosage could be at most; that takes as long again.

    The same request, key and law give the same bursts, byte for byte, on every machine; without `law`
    it is fitted first (`fit_distribution`), which needs no key.

    Raises PlanError, with every reason, where a place cannot be reached, a shift holds no meal, or more
    is wanted than units can give; nothing is planned then. Targets that can be met in part are met in
    part and listed as shortfalls.
    """
    found = distribution or fit_distribution(request)
    check_feasible(request)
    areas = build_areas(request, key)
    drawn = _in_parallel(lambda area: _draw(request, area, found, key), areas)
    plan = _plan(request, found, drawn)
    if not bound:
        return plan
    bits = _in_parallel(lambda part: bound_bits(part.area, part.drawn, found), drawn)
    return replace(plan, bound_bits=sum(bits))


def fit_distribution(request: PlanInputs) -> RouteDistribution:
    """Which law meets the dosage on average and is otherwise as free as can be?"""
    check_feasible(request)
    areas = cap_areas(build_areas(request, PILOT_KEY), request.policy.area_share_cap)
    distributions = _in_parallel(lambda area: fit_area_distribution(area, request.earlier), areas)
    rows = sorted(
        row
        for area, distribution in zip(areas, distributions, strict=True)
        for row in _law_rows(area, distribution)
    )
    names, hours, lengths, due, visits, minutes = zip(*rows, strict=True) if rows else ((),) * 6
    return RouteDistribution(names, hours, lengths, due, visits, minutes)


Row = tuple[str, tuple[int, ...], tuple[int, ...], int, int, int]


def _law_rows(area: AreaArrays, distribution: AreaDistribution) -> Iterable[Row]:
    for j, place in enumerate(area.places):
        yield (
            place.hotspot,
            tuple(int(k) for k in distribution.hours[j]),
            tuple(int(k) for k in distribution.lengths[j]),
            int(distribution.due[j]),
            round(1000 * float(distribution.expected_visits[j])),
            round(1000 * float(distribution.expected_minutes[j])),
        )


def _in_parallel(work: Callable[[Given], Made], areas: tuple[Given, ...]) -> tuple[Made, ...]:
    """The kernels let go of the interpreter, so that threads work on areas side by side."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return tuple(pool.map(work, areas))


@dataclass(frozen=True)
class AreaDraw:
    """One area with what was drawn in it."""

    area: AreaArrays
    drawn: Drawn
    owed_at_start: tuple[float, ...]


def _draw(request: PlanInputs, area: AreaArrays, distribution: RouteDistribution, key: bytes) -> AreaDraw:
    hours, lengths, due = select_weights(distribution, area)
    ground = build_lattice(area, hours, lengths, request.earlier)
    owed = np.array([request.owed.get(place.hotspot, 0.0) for place in area.places])
    pull = build_feedback(share_due_visits(area, ground, due), owed, request.policy.feedback)
    return AreaDraw(area, draw_area_tours(area, ground, pull, draw_tour_numbers(area, key)), tuple(owed))


def _plan(request: PlanInputs, distribution: RouteDistribution, parts: tuple[AreaDraw, ...]) -> PatrolPlan:
    routes = tuple(route for part in parts for route in build_routes(part.area, part.drawn))
    bursts = sorted(
        (burst for route in routes for burst in route.bursts), key=lambda b: (b.span.start, b.hotspot, b.unit)
    )
    dosage = _dosage(request, distribution, parts)
    on_duty = sum(shift.hours.minutes for shift in request.shifts)
    return PatrolPlan(
        bursts=tuple(bursts),
        routes=routes,
        distribution=distribution,
        dosage=dosage,
        propensities=_propensities(parts),
        shortfalls=find_shortfalls(request, dosage, distribution),
        bits=sum(route.bits for route in routes),
        bound_bits=0.0,
        travel_share=sum(route.travel_minutes for route in routes) / on_duty if on_duty else 0.0,
    )


def build_routes(area: AreaArrays, drawn: Drawn, replan: int = 0) -> tuple[UnitRoute, ...]:
    """The tours of an area as people read them, in the order of drawing."""
    visits: list[list[Burst]] = [[] for _ in area.shifts]
    for u, slot, place, number, minute in drawn.visits.tolist():
        start = area.clock.instant(slot, minute)
        span = Span(start, start + timedelta(minutes=area.policy.burst_minutes[number]))
        visits[u].append(Burst(area.shifts[u].unit, area.places[place].hotspot, span))
    nats = float(np.log(2.0))
    return tuple(
        UnitRoute(
            unit=shift.unit,
            area=shift.area,
            day=shift.day,
            bursts=tuple(visits[u]),
            meal=_meal(area, drawn, u),
            travel_minutes=float(drawn.minutes[u]),
            bits=float(drawn.entropy[u]) / nats,
            surprise_bits=float(drawn.surprise[u]) / nats,
            replan=replan,
        )
        for u, shift in enumerate(area.shifts)
    )


def _meal(area: AreaArrays, drawn: Drawn, u: int) -> Span | None:
    slot, minute = (int(x) for x in drawn.pause[u])
    if slot < 0:
        return None
    start = area.clock.instant(slot, minute)
    return Span(start, start + timedelta(minutes=area.shifts[u].meal_minutes))


def _dosage(
    request: PlanInputs, distribution: RouteDistribution, parts: tuple[AreaDraw, ...]
) -> tuple[PlaceDosage, ...]:
    rows = {hotspot: number for number, hotspot in enumerate(distribution.hotspots)}
    lengths = np.array(request.policy.burst_minutes)
    found = []
    for part in parts:
        visits, noise = part.drawn.visits, _noise(part.drawn)
        for j, place in enumerate(part.area.places):
            here, row = visits[:, 2] == j, rows[place.hotspot]
            found.append(
                PlaceDosage(
                    hotspot=place.hotspot,
                    target_visits=float(part.area.target_visits[j]),
                    expected_visits=distribution.expected_millivisits[row] / 1000.0,
                    visits=int(here.sum()),
                    target_minutes=float(part.area.target_minutes[j]),
                    expected_minutes=distribution.expected_milliminutes[row] / 1000.0,
                    minutes=int(lengths[visits[here, 3]].sum()),
                    sd_visits=_sd(distribution.due[row] / 1000.0, noise, request.policy.feedback),
                )
            )
    return tuple(sorted(found, key=lambda d: d.hotspot))


def _noise(drawn: Drawn) -> float:
    """The variance of visits about what was expected of each tour, over their mean (1: Poisson)."""
    count, n = drawn.expected.shape
    seen = np.bincount(drawn.visits[:, 0] * n + drawn.visits[:, 2], minlength=count * n).reshape(count, n)
    whole = float(drawn.expected.sum())
    return float(((seen - drawn.expected) ** 2).sum()) / whole if whole > 0 else 1.0


def _sd(due: float, noise: float, feedback: float) -> float:
    """How far visits scatter about what is due, when visits owed pull with `feedback` (to first order)."""
    held = 2.0 * feedback * due
    return float(np.sqrt(noise * due * (-np.expm1(-held) / held if held > 0 else 1.0)))


def _propensities(parts: tuple[AreaDraw, ...]) -> Propensities:
    names = [place.hotspot for part in parts for place in part.area.places]
    if not parts:
        raise PlanError("There is no hotspot to plan for. Give at least one.")
    order = sorted(range(len(names)), key=names.__getitem__)
    absent = np.concatenate([part.drawn.absent for part in parts])[order]
    origin = parts[0].area.clock.origin
    return Propensities(tuple(names[k] for k in order), origin, -np.expm1(absent))

"""When does which unit go to which hotspot, so that dosage is right and nobody can guess?"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np

from becalm.methods.routes.route_types import RouteDraws
from becalm.patrol.core import plan_result
from becalm.patrol.core.area_arrays import AreaArrays, build_areas, cap_areas, share_due_visits
from becalm.patrol.core.draw_tours import TourDraw, count_visits, no_cells, prepare_draw
from becalm.patrol.core.feasibility import check_feasible, find_shortfalls
from becalm.patrol.core.fit_distribution import PILOT_KEY, fit_area_distribution
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, Burst, PlanInputs, Span
from becalm.patrol.core.unpredictability_bound import bound_bits
from becalm.terms.progress import Advance, ignore_progress

WORKERS = 2
Item = TypeVar("Item")
Result = TypeVar("Result")
AreaTours = tuple[AreaArrays, RouteDraws]
Change = Callable[[PlanInputs], PlanInputs]
HARD_GAP_MINUTES = 45
EXACT_CHOICES = 2_000_000  # of an area; above, the entropy is that of the choices as they came


def plan_bursts(
    inputs: PlanInputs,
    *,
    key: bytes,
    distribution: plan_result.RouteDistribution | None = None,
    bound: bool = False,
    advance: Advance = ignore_progress,
) -> plan_result.PatrolPlan:
    """When does which unit go where? With `distribution`, drawn again from one that was fitted before.

    With `bound`, the plan also says how free one with its dosage could be at most; that takes as long again.
    `advance` is called with 1 for each area that is fitted, drawn or bounded.

    The same inputs, key and distribution give the same bursts, byte for byte, on every machine; without
    `distribution` it is fitted first (`fit_distribution`), which needs no key.

    Raises PlanError, with every reason, where a place cannot be reached, a shift holds no meal, or more
    is wanted than units can give; nothing is planned then. Targets that can be met in part are met in
    part and listed as shortfalls.
    """
    check_feasible(inputs)
    route_distribution = distribution or fit_distribution(inputs, advance=advance)
    areas = build_areas(inputs, key)
    tours = _map_in_threads(
        lambda area: _draw_tours(prepare_draw(inputs, route_distribution, area, key)), areas, advance
    )
    drawn_areas = tuple(zip(areas, tours, strict=True))
    routes = tuple(route for area, area_tours in drawn_areas for route in build_routes(area, area_tours))
    all_bursts = (burst for route in routes for burst in route.bursts)
    dosage = _tally_dosage(inputs, route_distribution, drawn_areas)
    area_bounds = (
        _map_in_threads(lambda pair: bound_bits(*pair, route_distribution), drawn_areas, advance)
        if bound
        else ()
    )
    on_duty_minutes = sum(shift.hours.minutes for shift in inputs.shifts)
    return plan_result.PatrolPlan(
        bursts=tuple(sorted(all_bursts, key=lambda b: (b.span.start, b.hotspot, b.unit))),
        routes=routes,
        distribution=route_distribution,
        dosage=dosage,
        shortfalls=find_shortfalls(inputs, dosage, route_distribution),
        bits=sum(route.bits for route in routes),
        bound_bits=sum(area_bounds, 0.0),
        travel_share=sum(route.travel_minutes for route in routes) / on_duty_minutes,
    )


def _draw_tours(tour_draw: TourDraw) -> RouteDraws:
    """The tours of an area; in a small one with what is exactly expected of each, given those before it."""
    tours, area = tour_draw.draw(), tour_draw.area
    choice_count = len(area.places) ** 2 * int(area.walkers.fields[:, 0].sum())
    if choice_count > EXACT_CHOICES:
        return tours
    cells = no_cells(area, int(area.grid.cell[-1]) + 1)
    exact_nats = [before.expect(u, cells) for u, before in tour_draw.replay(tours)]
    hour_of_cell = area.grid.hour_of_cell[: cells.start.shape[1]]
    by_hour = np.array(
        [np.bincount(hour_of_cell, starts, HOURS_OF_WEEK) for starts in cells.start], dtype=np.float64
    )
    return tours._replace(entropy=np.array(exact_nats), expected_by_hour=by_hour)


def fit_distribution(
    inputs: PlanInputs, *, advance: Advance = ignore_progress
) -> plan_result.RouteDistribution:
    """Which distribution meets the dosage on average and is otherwise as free as can be?"""
    check_feasible(inputs)
    areas = cap_areas(build_areas(inputs, PILOT_KEY), inputs.policy.area_share_cap)
    area_fits = _map_in_threads(lambda area: fit_area_distribution(area, inputs.earlier), areas, advance)
    return plan_result.join_distributions(area_fits)


def _map_in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], advance: Advance
) -> tuple[Result, ...]:
    def work_and_advance(item: Item) -> Result:
        work_result = work(item)
        advance(1)
        return work_result

    # The kernels let go of the interpreter, so that threads work on areas side by side. Each area has
    # streams of its own, so that the plan does not hang on which of them is ready first.
    with ThreadPoolExecutor(WORKERS) as pool:
        return tuple(pool.map(work_and_advance, items))


def build_routes(area: AreaArrays, tours: RouteDraws, replan: int = 0) -> tuple[plan_result.UnitRoute, ...]:
    """The tours of an area as people read them, in the order of drawing."""
    bursts_of_unit: list[list[Burst]] = [[] for _ in area.shifts]
    for u, slot, place_index, length_index, start_minute in tours.visits.tolist():
        burst_span = _span_from(area, slot, start_minute, area.policy.burst_minutes[length_index])
        bursts_of_unit[u].append(Burst(area.shifts[u].unit, area.places[place_index].hotspot, burst_span))
    nats_per_bit = float(np.log(2.0))
    return tuple(
        plan_result.UnitRoute(
            unit=shift.unit,
            area=shift.area,
            day=shift.day,
            bursts=tuple(bursts_of_unit[u]),
            meal=_span_from(area, slot, minute, shift.meal_minutes) if slot >= 0 else None,
            travel_minutes=float(tours.travel_minutes[u]),
            bits=float(tours.entropy[u]) / nats_per_bit,
            surprise_bits=float(tours.surprise[u]) / nats_per_bit,
            replan=replan,
        )
        for u, (shift, (slot, minute)) in enumerate(zip(area.shifts, tours.pause.tolist(), strict=True))
    )


def _span_from(area: AreaArrays, slot: int, minute: int, minutes: int) -> Span:
    start_instant = area.grid.instant_at(slot, minute)
    return Span(start_instant, start_instant + timedelta(minutes=minutes))


def _tally_dosage(
    inputs: PlanInputs, distribution: plan_result.RouteDistribution, drawn_areas: Sequence[AreaTours]
) -> tuple[plan_result.PlaceDosage, ...]:
    row_by_hotspot = {hotspot: place_row for place_row, hotspot in enumerate(distribution.hotspots)}
    burst_minutes = np.array(inputs.policy.burst_minutes)
    place_dosages = []
    for area, tours in drawn_areas:
        # The variance of visits about what each tour meant to give, over their mean (1: Poisson).
        due = [distribution.due_millivisits[row_by_hotspot[place.hotspot]] / 1000.0 for place in area.places]
        meant_visits = share_due_visits(area, np.array(due))
        squared_error_sum = float(((count_visits(tours) - meant_visits) ** 2).sum())
        dispersion = squared_error_sum / float(meant_visits.sum()) if meant_visits.any() else 1.0
        for j, place in enumerate(area.places):
            is_at_place, place_row = tours.visits[:, 2] == j, row_by_hotspot[place.hotspot]
            due_visits = distribution.due_millivisits[place_row] / 1000.0
            place_dosages.append(
                plan_result.PlaceDosage(
                    hotspot=place.hotspot,
                    target_visits=float(area.target_visits[j]),
                    expected_visits=distribution.expected_millivisits[place_row] / 1000.0,
                    visits=int(is_at_place.sum()),
                    target_minutes=float(area.target_minutes[j]),
                    expected_minutes=distribution.expected_milliminutes[place_row] / 1000.0,
                    minutes=int(burst_minutes[tours.visits[is_at_place, 3]].sum()),
                    sd_visits=_sd_visits(due_visits, dispersion, inputs.policy.feedback),
                )
            )
    return tuple(sorted(place_dosages, key=lambda place: place.hotspot))


def _sd_visits(due_visits: float, dispersion: float, feedback: float) -> float:
    # Feedback draws the count back to what is due, as a spring does: to first order, the variance is that of
    # an Ornstein-Uhlenbeck path of this stiffness, and without feedback that of a random walk.
    pull_strength = 2.0 * feedback * due_visits
    damping_factor = -np.expm1(-pull_strength) / pull_strength if pull_strength > 0 else 1.0
    return float(np.sqrt(dispersion * due_visits * damping_factor))


@dataclass(frozen=True, slots=True)
class Price:
    """A plan under one change of the rules, all else equal."""

    rule: str
    bits_per_tour: float
    entropy_ratio: float  # against the least predictable plan with the dosage that this one gives
    travel_share: float
    dosage_error: float  # of drawn visits, weighted by their targets
    shortfall_visits: float  # that this change makes impossible
    gain: float | None  # what an attacker gains by the past, if somebody measured it


def build_price_list(
    inputs: PlanInputs, *, key: bytes, area: str, attack: Callable[[PlanInputs], float] | None = None
) -> tuple[Price, ...]:
    """What would a plan of one area be like under other rules: the policy as it is, then one change each?

    Every line fits a distribution of its own and draws one plan from it. `attack`, if given, measures what an
    attacker gains by the past under these rules.
    """
    rule_prices = []
    for rule, change in CHANGES:
        changed_inputs = change(restrict_to_area(inputs, area))
        plan = plan_bursts(changed_inputs, key=key, bound=True)
        rule_prices.append(
            Price(
                rule=rule,
                bits_per_tour=plan.bits / len(plan.routes),
                entropy_ratio=plan.entropy_ratio or float("nan"),
                travel_share=plan.travel_share,
                dosage_error=compute_dosage_error(plan),
                shortfall_visits=sum(s.target_visits - s.expected_visits for s in plan.shortfalls),
                gain=attack(changed_inputs) if attack else None,
            )
        )
    return tuple(rule_prices)


def restrict_to_area(inputs: PlanInputs, area: str) -> PlanInputs:
    """The same inputs for one area alone."""
    return replace(
        inputs,
        places=tuple(place for place in inputs.places if place.area == area),
        shifts=tuple(shift for shift in inputs.shifts if shift.area == area),
        policy=replace(inputs.policy, area_share_cap=1.0),
    )


def compute_dosage_error(plan: plan_result.PatrolPlan) -> float:
    """How far are the drawn visits from their targets, weighted by the targets?"""
    target_visit_total = sum(row.target_visits for row in plan.dosage)
    return (
        sum(abs(row.visits - row.target_visits) for row in plan.dosage) / target_visit_total
        if target_visit_total
        else 0.0
    )


def _change_policy(**settings: Any) -> Change:
    return lambda inputs: replace(inputs, policy=replace(inputs.policy, **settings))


def _change_gap(minutes: int | None, weight: float) -> Change:
    """Another gap at every place; None keeps its length."""

    def change(inputs: PlanInputs) -> PlanInputs:
        places = tuple(
            replace(p, gap_minutes=p.gap_minutes if minutes is None else minutes, gap_weight=weight)
            for p in inputs.places
        )
        return replace(inputs, places=places)

    return change


def _keep_middle_length(inputs: PlanInputs) -> PlanInputs:
    rising_lengths = sorted(inputs.policy.burst_minutes)
    return _change_policy(burst_minutes=(rising_lengths[len(rising_lengths) // 2],))(inputs)


CHANGES: tuple[tuple[str, Change], ...] = (
    ("the policy as it is", _change_policy()),
    ("no gap", _change_gap(None, 1.0)),
    ("a soft gap: half as likely within 30 minutes", _change_gap(30, 0.5)),
    (f"a hard gap of {HARD_GAP_MINUTES} minutes", _change_gap(HARD_GAP_MINUTES, 0.0)),
    ("no catch-up of visits owed", _change_policy(feedback=0.0)),
    ("almost a quota: catch-up of visits owed at 0.5", _change_policy(feedback=0.5)),
    ("travel does not count: near and far alike", _change_policy(travel_weight=0.0)),
    ("near moves penalised by 0.12 nats a minute", _change_policy(travel_weight=-0.12)),
    ("travel at 0.03 nats a minute", _change_policy(travel_weight=0.03)),
    ("travel at 0.06 nats a minute", _change_policy(travel_weight=0.06)),
    ("travel at 0.12 nats a minute", _change_policy(travel_weight=0.12)),
    ("one burst length", _keep_middle_length),
)

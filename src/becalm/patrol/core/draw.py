"""Draws the tours of one area from the law and a key, unit by unit."""

from __future__ import annotations

from math import fsum

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.exact_exp import exact_exp, nearest_grid
from becalm.methods.routes.keyed_stream import sub_key, uniform_numbers
from becalm.methods.routes.sequential_expectation import expect_crowd
from becalm.methods.routes.sequential_kernel import draw_crowd, mark_visit
from becalm.methods.routes.sequential_routes import FEEDBACK_LIMIT, Drawn, Ground, Pull
from becalm.patrol.core.area_arrays import AreaArrays, select_walkers
from becalm.patrol.core.places_and_shifts import HOURS_OF_WEEK, Burst, UnitShift
from becalm.patrol.core.plan_result import GRID, RouteDistribution
from becalm.terms import PlanError


def select_weights(distribution: RouteDistribution, area: AreaArrays) -> tuple[Ints, Ints, Floats]:
    """The rows of a law that belong to an area: by hour, by length, and the visits due."""
    rows = {hotspot: number for number, hotspot in enumerate(distribution.hotspots)}
    missing = [place.hotspot for place in area.places if place.hotspot not in rows]
    if missing:
        raise PlanError(
            f"The law knows nothing of {', '.join(missing)}. It belongs to another request; fit it anew."
        )
    at = [rows[place.hotspot] for place in area.places]
    hours = np.array([distribution.hours[k] for k in at], dtype=np.int64)
    lengths = np.array([distribution.lengths[k] for k in at], dtype=np.int64)
    return hours, lengths, np.array([distribution.due[k] for k in at]) / 1000.0


def build_lattice(area: AreaArrays, hours: Ints, lengths: Ints, earlier: tuple[Burst, ...]) -> Ground:
    """The places of an area under a law in whole numbers, with earlier bursts marked."""
    clock, places = area.clock, area.places
    scaled = nearest_grid(np.log(np.where(area.scale > 0, area.scale, 1.0)))
    hard = np.array([place.gap_weight == 0.0 for place in places])
    step = clock.slot_minutes
    gap = -(-np.array([place.gap_minutes for place in places], dtype=np.int64) // step)
    gap_cost = nearest_grid([np.log(place.gap_weight or 1.0) for place in places])
    spare = 1 if step > 1 else 0
    ground = Ground(
        weight=exact_exp(hours[:, clock.local[0]] + scaled),
        length_weight=exact_exp(lengths),
        lengths=area.lengths,
        closed=area.closed,
        taken=np.zeros(area.closed.shape, dtype=np.int64),
        near=np.zeros(area.closed.shape, dtype=np.uint8),
        near_weight=np.where(hard, 0.0, exact_exp(gap_cost)),
        gap=np.where(hard & (gap > 0), gap + spare, gap),
        apart=np.where(hard & (gap > 0), gap + spare, 0),
        hour=clock.local[0],
        cell=clock.cell,
        slot_minutes=step,
        length_minutes=np.array(area.policy.burst_minutes, dtype=np.int64),
    )
    mark_earlier(ground, area, earlier)
    return ground


def mark_earlier(ground: Ground, area: AreaArrays, earlier: tuple[Burst, ...]) -> None:
    """Keep everybody clear of bursts that stand already."""
    numbers = {place.hotspot: number for number, place in enumerate(area.places)}
    for burst in earlier:
        number = numbers.get(burst.hotspot)
        if number is not None:
            first = area.clock.slot_of(burst.span.start)
            end = area.clock.slot_of(burst.span.end, up=True)
            if end + int(ground.gap[number]) >= 0 and first < area.clock.count:
                mark_visit(ground, number, first, end, 0)


def draw_tour_numbers(area: AreaArrays, key: bytes, replan: int = 0) -> NDArray[np.uint64]:
    """The numbers that each unit's tour is drawn with: a stream of its own for area, day, unit and replan."""
    count = numbers_per_tour(area)
    rows = [uniform_numbers(_unit_key(area, shift, key, replan), count) for shift in area.shifts]
    return np.stack(rows) if rows else np.zeros((0, count), dtype=np.uint64)


def numbers_per_tour(area: AreaArrays) -> int:
    """How many numbers may a tour use: one a slot, and for each visit two more, of its length and minute."""
    return 2 * int(area.crowd.open.shape[1]) + 8


def _unit_key(area: AreaArrays, shift: UnitShift, key: bytes, replan: int) -> bytes:
    start = shift.hours.start.isoformat()  # a unit may have two tours on one day
    return sub_key(key, "tour", area.area, shift.day.isoformat(), shift.unit, start, replan)


def group_equal_walks(area: AreaArrays) -> tuple[Ints, Ints]:
    """Units of one kind have one law: one unit of each kind, and the kind of every unit.

    A kind is a start in the week, a length, a way to go, a meal, and what is closed or scaled meanwhile.
    """
    crowd, seen, kind = area.crowd, {}, np.zeros(len(area.shifts), dtype=np.int64)
    varies = bool((area.closed != 0).any() or (area.scale != area.scale[:, :1]).any())
    hour = area.clock.local[0]
    examples: list[int] = []
    for u in range(len(area.shifts)):
        first, end = int(crowd.first[u]), int(crowd.first[u] + crowd.walk[u, 0] + 2)
        mark = (
            crowd.walk[u].tobytes(),
            int(crowd.way[u]),
            crowd.open[u].tobytes(),
            hour[first:end].tobytes(),
        )
        more = (area.closed[:, first:end].tobytes(), area.scale[:, first:end].tobytes()) if varies else ()
        if (*mark, *more) not in seen:
            seen[(*mark, *more)] = len(examples)
            examples.append(u)
        kind[u] = seen[(*mark, *more)]
    return np.array(examples, dtype=np.int64), kind


def share_due_visits(area: AreaArrays, ground: Ground, due_visits: Floats) -> Floats:
    """How many visits each unit means to give, so that all together give what is due: [U, n].

    Each kind of unit gives in proportion to what the law expects of it by itself. Sums are exact
    (`math.fsum`), so that they are the same everywhere.
    """
    examples, kind = group_equal_walks(area)
    few = select_walkers(area.crowd, examples)
    each = expect_crowd(ground, few, area.ways, np.ones(examples.size), HOURS_OF_WEEK)[2][kind]
    whole = np.array([fsum(column) for column in each.T])
    return np.asarray(each * np.where(whole > 0, due_visits / np.where(whole > 0, whole, 1.0), 0.0))


def draw_area_tours(
    area: AreaArrays, ground: Ground, pull: Pull, draws: NDArray[np.uint64], *, whole: bool = True
) -> Drawn:
    """Draw all tours of an area, with their entropies if `whole`. Uses up `ground` and `pull`."""
    cells = int(area.clock.cell[-1]) + 1
    sizes = np.array([cells, HOURS_OF_WEEK], dtype=np.int64)
    drawn, count = draw_crowd(ground, area.crowd, area.ways, pull, draws, sizes, whole)
    return Drawn(drawn.visits[:count], *drawn[1:])


def build_feedback(due: Floats, owed: Floats, nats_per_visit: float) -> Pull:
    """How strongly visits owed pull."""
    table = exact_exp(np.arange(-FEEDBACK_LIMIT, FEEDBACK_LIMIT + 1))
    return Pull(due, owed.copy(), nats_per_visit * GRID, table)

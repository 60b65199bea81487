"""Draws the tours of one area from its distribution and a key, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.bit_exact import derive_key, exact_exp, round_to_grid, uniform_numbers
from becalm.methods.routes.distribution import FEEDBACK_LIMIT, Feedback, RouteDraws, RouteLattice
from becalm.methods.routes.expected_visits import expect_visits
from becalm.methods.routes.sequential_kernel import draw_routes, mark_visit
from becalm.patrol.core.area_arrays import AreaArrays, select_shifts, select_walkers
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, Burst, PlanInputs
from becalm.patrol.core.plan_result import GRID, RouteDistribution
from becalm.terms import PlanError

DrawNumbers = NDArray[np.uint64]


@dataclass(frozen=True)
class TourDraw:
    """All that the tours of one area are drawn from."""

    area: AreaArrays
    hour_weights: Ints  # [n, 168]
    length_weights: Ints  # [n, lengths]
    earlier_bursts: tuple[Burst, ...]  # to keep clear of
    feedback: Feedback
    numbers: DrawNumbers  # [U, numbers a tour]

    def draw(self, count: int | None = None, *, with_entropy: bool = True) -> RouteDraws:
        """Draw the tours of all units, or of the first `count` alone."""
        area = self.area if count is None else select_shifts(self.area, np.arange(count))
        lattice = build_lattice(self.area, self.hour_weights, self.length_weights, self.earlier_bursts)
        # Drawing uses up what is owed: of a copy, or the next draw of the same tours would be another one.
        due_visits, owed_visits = self.feedback.due_visits[:count], self.feedback.owed_visits.copy()
        feedback = self.feedback._replace(due_visits=due_visits, owed_visits=owed_visits)
        sizes = np.array([int(area.grid.cell[-1]) + 1, HOURS_OF_WEEK], dtype=np.int64)
        tours, visits = draw_routes(
            lattice, area.walkers, area.links, feedback, self.numbers[:count], sizes, with_entropy
        )
        return RouteDraws(tours.visits[:visits], *tours[1:])


def prepare_draw(
    inputs: PlanInputs, distribution: RouteDistribution, area: AreaArrays, key: bytes
) -> TourDraw:
    """The first draw of an area's tours, in which visits owed have their feedback."""
    hour_weights, length_weights, due_visits = select_weights(distribution, area)
    lattice = build_lattice(area, hour_weights, length_weights, inputs.earlier)
    due = share_due_visits(area, lattice, due_visits)
    owed = np.array([inputs.owed_visits.get(place.hotspot, 0.0) for place in area.places])
    table = exact_exp(np.arange(-FEEDBACK_LIMIT, FEEDBACK_LIMIT + 1))
    feedback = Feedback(due, owed, inputs.policy.feedback * GRID, table)
    numbers = draw_tour_numbers(area, key)
    return TourDraw(area, hour_weights, length_weights, inputs.earlier, feedback, numbers)


def prepare_redraw(
    distribution: RouteDistribution, area: AreaArrays, bursts: tuple[Burst, ...], key: bytes, replan: int
) -> TourDraw:
    """A draw of the rest of some tours, clear of these bursts; visits owed wait for the next period."""
    hour_weights, length_weights, _ = select_weights(distribution, area)
    numbers = draw_tour_numbers(area, key, replan)
    return TourDraw(area, hour_weights, length_weights, bursts, no_feedback(area), numbers)


def no_feedback(area: AreaArrays) -> Feedback:
    """Visits owed count for nothing."""
    n = len(area.places)
    return Feedback(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0, np.ones(2 * FEEDBACK_LIMIT + 1))


def select_weights(distribution: RouteDistribution, area: AreaArrays) -> tuple[Ints, Ints, Floats]:
    """The rows of a distribution that belong to an area: by hour, by length, and the visits due."""
    row_of_place = {hotspot: row for row, hotspot in enumerate(distribution.hotspots)}
    missing = [place.hotspot for place in area.places if place.hotspot not in row_of_place]
    if missing:
        raise PlanError(
            f"The law knows nothing of {', '.join(missing)}. It belongs to another request; fit it anew."
        )
    rows = [row_of_place[place.hotspot] for place in area.places]
    hour_weights = np.array(distribution.hour_weights, dtype=np.int64)[rows]
    length_weights = np.array(distribution.length_weights, dtype=np.int64)[rows]
    return hour_weights, length_weights, np.array(distribution.due_millivisits)[rows] / 1000.0


def build_lattice(
    area: AreaArrays, hour_weights: Ints, length_weights: Ints, earlier_bursts: tuple[Burst, ...]
) -> RouteLattice:
    """The places of an area under weights in whole numbers, with earlier bursts marked."""
    grid, places = area.grid, area.places
    # Weights are sums of whole numbers of 1/1024 nat until the very end, and `exact_exp` is made of exact
    # steps alone: with a library's exp the last bit, and now and then a burst, would hang on the processor.
    dose_nats = round_to_grid(np.log(np.where(area.dose_factor > 0, area.dose_factor, 1.0)))
    gap_nats = round_to_grid([np.log(place.gap_weight or 1.0) for place in places])
    gap = -(-np.array([place.gap_minutes for place in places], dtype=np.int64) // grid.slot_minutes)
    has_hard_gap = np.array([place.gap_weight == 0.0 for place in places])
    # Bursts begin on any minute of a slot: a hard gap needs a slot more, or it could be short by minutes.
    hard_gap = np.where(has_hard_gap & (gap > 0), gap + (grid.slot_minutes > 1), 0)
    lattice = RouteLattice(
        weight=exact_exp(hour_weights[:, grid.hour_of_week] + dose_nats),
        length_weight=exact_exp(length_weights),
        lengths=area.length_slots,
        closed=area.closed,
        occupant=np.zeros(area.closed.shape, dtype=np.int64),
        is_near=np.zeros(area.closed.shape, dtype=np.uint8),
        near_weight=np.where(has_hard_gap, 0.0, exact_exp(gap_nats)),
        gap=np.maximum(gap, hard_gap),
        own_gap=hard_gap,
        hour=grid.hour_of_week,
        cell=grid.cell,
        slot_minutes=grid.slot_minutes,
    )
    place_numbers = {place.hotspot: number for number, place in enumerate(places)}
    for burst in earlier_bursts:
        number = place_numbers.get(burst.hotspot)
        if number is not None:
            first, end = grid.slot_at(burst.span.start), grid.slot_at(burst.span.end, up=True)
            if end + int(lattice.gap[number]) >= 0 and first < grid.count:
                mark_visit(lattice, number, first, end, 0)
    return lattice


def draw_tour_numbers(area: AreaArrays, key: bytes, replan: int = 0) -> DrawNumbers:
    """The numbers that each unit's tour is drawn with: a stream of its own for area, day, unit and replan."""
    # A stream for each tour: with one for all, a unit that falls sick would change every tour after its own.
    # The start is in the label, for a unit may have two tours on one day.
    numbers = np.zeros((len(area.shifts), numbers_per_tour(area)), dtype=np.uint64)
    for row, shift in zip(numbers, area.shifts, strict=True):
        label = (area.area, shift.day.isoformat(), shift.unit, shift.hours.start.isoformat(), replan)
        row[:] = uniform_numbers(derive_key(key, "tour", *label), row.size)
    return numbers


def numbers_per_tour(area: AreaArrays) -> int:
    """How many numbers may a tour use: one a slot, and for each visit two more, of its length and minute."""
    return 2 * int(area.walkers.is_open.shape[1]) + 8


def group_equal_walks(area: AreaArrays) -> tuple[Ints, Ints]:
    """Units of one kind have one distribution: one unit of each kind, and the kind of every unit.

    A kind is a start in the week, a length, a way to go, a meal, and what is closed or scaled meanwhile.
    """
    walkers, factor = area.walkers, area.dose_factor
    varies = bool((area.closed != 0).any() or (factor != factor[:, :1]).any())
    kind_of_walk: dict[tuple[object, ...], int] = {}
    examples: list[int] = []
    kinds = np.zeros(len(area.shifts), dtype=np.int64)
    for u in range(len(area.shifts)):
        slots = slice(int(walkers.first_slot[u]), int(walkers.first_slot[u] + walkers.fields[u, 0] + 2))
        columns = [walkers.fields[u], walkers.is_open[u], area.grid.hour_of_week[slots]]
        columns += [area.closed[:, slots], factor[:, slots]] if varies else []
        walk = (int(walkers.mode[u]), *(column.tobytes() for column in columns))
        if walk not in kind_of_walk:
            kind_of_walk[walk] = len(examples)
            examples.append(u)
        kinds[u] = kind_of_walk[walk]
    return np.array(examples, dtype=np.int64), kinds


def share_due_visits(area: AreaArrays, lattice: RouteLattice, due_visits: Floats) -> Floats:
    """How many visits each unit means to give, so that all together give what is due: [U, n].

    Each kind of unit gives in proportion to what the distribution expects of it by itself.
    """
    examples, kinds = group_equal_walks(area)
    walkers = select_walkers(area.walkers, examples)
    expected = expect_visits(lattice, walkers, area.links, np.ones(examples.size), HOURS_OF_WEEK)[2][kinds]
    # Exact sums (`fsum`): NumPy's order of adding, and so the last bit, differs from processor to processor.
    total = np.array([fsum(column) for column in expected.T])
    return np.asarray(expected * np.where(total > 0, due_visits / np.where(total > 0, total, 1.0), 0.0))


def count_visits(tours: RouteDraws) -> Ints:
    """How many visits did each unit give each place? [U, n]."""
    units, n = tours.expected_visits.shape
    cell = tours.visits[:, 0] * n + tours.visits[:, 2]
    return np.bincount(cell, minlength=units * n).reshape(units, n).astype(np.int64)

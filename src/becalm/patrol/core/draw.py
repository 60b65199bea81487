"""Draws the tours of one area from its distribution and a key, unit by unit."""

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
        result_sizes = np.array([int(area.grid.cell[-1]) + 1, HOURS_OF_WEEK], dtype=np.int64)
        tours, visit_count = draw_routes(
            lattice, area.walkers, area.links, feedback, self.numbers[:count], result_sizes, with_entropy
        )
        return RouteDraws(tours.visits[:visit_count], *tours[1:])


def prepare_draw(
    inputs: PlanInputs, distribution: RouteDistribution, area: AreaArrays, key: bytes
) -> TourDraw:
    """The first draw of an area's tours, in which visits owed have their feedback."""
    hour_weights, length_weights, due_visits = select_weights(distribution, area)
    lattice = build_lattice(area, hour_weights, length_weights, inputs.earlier)
    due_visits_of_unit = share_due_visits(area, lattice, due_visits)
    owed_visits_of_place = np.array([inputs.owed_visits.get(place.hotspot, 0.0) for place in area.places])
    exp_table = exact_exp(np.arange(-FEEDBACK_LIMIT, FEEDBACK_LIMIT + 1))
    feedback = Feedback(due_visits_of_unit, owed_visits_of_place, inputs.policy.feedback * GRID, exp_table)
    tour_numbers = draw_tour_numbers(area, key)
    return TourDraw(area, hour_weights, length_weights, inputs.earlier, feedback, tour_numbers)


def prepare_redraw(
    distribution: RouteDistribution, area: AreaArrays, bursts: tuple[Burst, ...], key: bytes, replan: int
) -> TourDraw:
    """A draw of the rest of some tours, clear of these bursts; visits owed wait for the next period."""
    hour_weights, length_weights, _ = select_weights(distribution, area)
    tour_numbers = draw_tour_numbers(area, key, replan)
    return TourDraw(area, hour_weights, length_weights, bursts, no_feedback(area), tour_numbers)


def no_feedback(area: AreaArrays) -> Feedback:
    """Visits owed count for nothing."""
    n = len(area.places)
    return Feedback(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0, np.ones(2 * FEEDBACK_LIMIT + 1))


def select_weights(distribution: RouteDistribution, area: AreaArrays) -> tuple[Ints, Ints, Floats]:
    """The rows of a distribution that belong to an area: by hour, by length, and the visits due."""
    row_of_place = {hotspot: row for row, hotspot in enumerate(distribution.hotspots)}
    unknown_names = [place.hotspot for place in area.places if place.hotspot not in row_of_place]
    if unknown_names:
        raise PlanError(
            f"The law has no entry for {', '.join(unknown_names)}. It belongs to another request; "
            "fit it again."
        )
    place_rows = [row_of_place[place.hotspot] for place in area.places]
    hour_weights = np.array(distribution.hour_weights, dtype=np.int64)[place_rows]
    length_weights = np.array(distribution.length_weights, dtype=np.int64)[place_rows]
    return hour_weights, length_weights, np.array(distribution.due_millivisits)[place_rows] / 1000.0


def build_lattice(
    area: AreaArrays, hour_weights: Ints, length_weights: Ints, earlier_bursts: tuple[Burst, ...]
) -> RouteLattice:
    """The places of an area under weights in whole numbers, with earlier bursts marked."""
    grid, places = area.grid, area.places
    # Weights are sums of whole numbers of 1/1024 nat until the very end, and `exact_exp` is made of exact
    # steps alone: with a library's exp the last bit, and now and then a burst, would hang on the processor.
    dose_nats = round_to_grid(np.log(np.where(area.dose_factor > 0, area.dose_factor, 1.0)))
    gap_nats = round_to_grid([np.log(place.gap_weight or 1.0) for place in places])
    gap_slots = -(-np.array([place.gap_minutes for place in places], dtype=np.int64) // grid.slot_minutes)
    has_hard_gap = np.array([place.gap_weight == 0.0 for place in places])
    # Bursts begin on any minute of a slot: a hard gap needs a slot more, or it could be short by minutes.
    hard_gap_slots = np.where(has_hard_gap & (gap_slots > 0), gap_slots + (grid.slot_minutes > 1), 0)
    lattice = RouteLattice(
        weight=exact_exp(hour_weights[:, grid.hour_of_week] + dose_nats),
        length_weight=exact_exp(length_weights),
        lengths=area.length_slots,
        closed=area.closed,
        occupant=np.zeros(area.closed.shape, dtype=np.int64),
        is_near=np.zeros(area.closed.shape, dtype=np.uint8),
        near_weight=np.where(has_hard_gap, 0.0, exact_exp(gap_nats)),
        gap=np.maximum(gap_slots, hard_gap_slots),
        own_gap=hard_gap_slots,
        hour=grid.hour_of_week,
        cell=grid.cell,
        slot_minutes=grid.slot_minutes,
    )
    index_of_hotspot = {place.hotspot: place_index for place_index, place in enumerate(places)}
    for burst in earlier_bursts:
        place_index = index_of_hotspot.get(burst.hotspot)
        if place_index is not None:
            first_slot, end_slot = grid.slot_at(burst.span.start), grid.slot_at(burst.span.end, up=True)
            if end_slot + int(lattice.gap[place_index]) >= 0 and first_slot < grid.count:
                mark_visit(lattice, place_index, first_slot, end_slot, 0)
    return lattice


def draw_tour_numbers(area: AreaArrays, key: bytes, replan: int = 0) -> DrawNumbers:
    """The numbers that each unit's tour is drawn with: a stream of its own for area, day, unit and replan."""
    # A stream for each tour: with one for all, a unit that falls sick would change every tour after its own.
    # The start is in the label, for a unit may have two tours on one day.
    tour_numbers = np.zeros((len(area.shifts), numbers_per_tour(area)), dtype=np.uint64)
    for numbers_of_tour, shift in zip(tour_numbers, area.shifts, strict=True):
        key_label = (area.area, shift.day.isoformat(), shift.unit, shift.hours.start.isoformat(), replan)
        numbers_of_tour[:] = uniform_numbers(derive_key(key, "tour", *key_label), numbers_of_tour.size)
    return tour_numbers


def numbers_per_tour(area: AreaArrays) -> int:
    """How many numbers may a tour use: one a slot, and for each visit two more, of its length and minute."""
    return 2 * int(area.walkers.is_open.shape[1]) + 8


def group_equal_walks(area: AreaArrays) -> tuple[Ints, Ints]:
    """Units of one kind have one distribution: one unit of each kind, and the kind of every unit.

    A kind is a start in the week, a length, a way to go, a meal, and what is closed or scaled meanwhile.
    """
    walkers, dose_factor = area.walkers, area.dose_factor
    has_varying_slots = bool((area.closed != 0).any() or (dose_factor != dose_factor[:, :1]).any())
    kind_of_walk: dict[tuple[object, ...], int] = {}
    example_units: list[int] = []
    kind_of_unit = np.zeros(len(area.shifts), dtype=np.int64)
    for u in range(len(area.shifts)):
        slot_slice = slice(int(walkers.first_slot[u]), int(walkers.first_slot[u] + walkers.fields[u, 0] + 2))
        walk_arrays = [walkers.fields[u], walkers.is_open[u], area.grid.hour_of_week[slot_slice]]
        walk_arrays += [area.closed[:, slot_slice], dose_factor[:, slot_slice]] if has_varying_slots else []
        walk_key = (int(walkers.mode[u]), *(walk_array.tobytes() for walk_array in walk_arrays))
        if walk_key not in kind_of_walk:
            kind_of_walk[walk_key] = len(example_units)
            example_units.append(u)
        kind_of_unit[u] = kind_of_walk[walk_key]
    return np.array(example_units, dtype=np.int64), kind_of_unit


def share_due_visits(area: AreaArrays, lattice: RouteLattice, due_visits: Floats) -> Floats:
    """How many visits each unit means to give, so that all together give what is due: [U, n].

    Each kind of unit gives in proportion to what the distribution expects of it by itself.
    """
    examples, kinds = group_equal_walks(area)
    walkers = select_walkers(area.walkers, examples)
    expected = expect_visits(lattice, walkers, area.links, np.ones(examples.size), HOURS_OF_WEEK)[2][kinds]
    # Exact sums (`fsum`): NumPy's order of adding, and so the last bit, differs from processor to processor.
    sums = np.array([fsum(place_column) for place_column in expected.T])
    return np.asarray(expected * np.where(sums > 0, due_visits / np.where(sums > 0, sums, 1.0), 0.0))


def count_visits(tours: RouteDraws) -> Ints:
    """How many visits did each unit give each place? [U, n]."""
    unit_count, n = tours.expected_visits.shape
    cell_of_visit = tours.visits[:, 0] * n + tours.visits[:, 2]
    return np.bincount(cell_of_visit, minlength=unit_count * n).reshape(unit_count, n).astype(np.int64)

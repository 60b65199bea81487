"""Draws the tours of one area from its distribution and a key, unit by unit."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes import draw_walkers
from becalm.methods.routes.bit_exact import derive_key, exact_exp, expand_numbers, round_to_grid
from becalm.methods.routes.route_types import FEEDBACK_LIMIT, CellChances, Feedback, RouteDraws, RouteLattice
from becalm.patrol.core.area_arrays import AreaArrays, share_due_visits
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, Burst, PlanInputs
from becalm.patrol.core.plan_result import CELL_MINUTES, GRID, RouteDistribution
from becalm.terms import PlanError

DrawNumbers = NDArray[np.uint64]


@dataclass(frozen=True)
class TourDraw:
    """All that the tours of one area are drawn from."""

    area: AreaArrays
    lattice: RouteLattice  # with what is closed or stands already
    feedback: Feedback
    numbers: DrawNumbers  # [U, numbers a tour]

    def copy(self) -> "TourDraw":
        """The same draw with arrays of its own: drawing marks the lattice and uses up what is owed."""
        lattice = self.lattice._replace(
            free_slots=self.lattice.free_slots.copy(),
            occupant=self.lattice.occupant.copy(),
            is_near=self.lattice.is_near.copy(),
        )
        feedback = self.feedback._replace(owed_visits=self.feedback.owed_visits.copy())
        return TourDraw(self.area, lattice, feedback, self.numbers)

    def draw(self, chances: CellChances | None = None, *, with_entropy: bool = True) -> RouteDraws:
        """Draw the tours of all units; chances by place and cell are added to `chances`."""
        area_draw, area, cells = self.copy(), self.area, chances or no_cells(self.area)
        tours, visit_count = draw_walkers.draw_routes(
            area_draw.lattice,
            area.walkers,
            area.links,
            area_draw.feedback,
            area_draw.numbers,
            cells,
            with_entropy,
        )
        tours = tours._replace(visits=tours.visits[:visit_count])
        no_nats = np.zeros(len(area.shifts))
        return tours if with_entropy else tours._replace(entropy=no_nats, surprise=no_nats)

    def replay(self, tours: RouteDraws) -> Iterator[tuple[int, "TourDraw"]]:
        """Each tour by its number, with the draw as it stood before that tour was drawn."""
        area_draw, area = self.copy(), self.area
        shift_edges = np.searchsorted(tours.visits[:, 0], np.arange(1, len(area.shifts)))
        for u, visits in enumerate(np.split(tours.visits, shift_edges)):
            yield u, area_draw
            for _, slot, place_index, length_index, _ in visits:
                end_slot = slot + area.length_slots[length_index]
                draw_walkers.mark_visit(area_draw.lattice, place_index, slot, end_slot, area.walkers.pair[u])
            area_draw.feedback.owed_visits[:] += area_draw.feedback.due_visits[u]
            np.subtract.at(area_draw.feedback.owed_visits, visits[:, 2], 1.0)

    def expect(self, u: int, chances: CellChances) -> float:
        """Add the exact chances of one tour, given all that is marked; its entropy in nats."""
        area = self.area
        links, factors = (
            draw_walkers.select_links(area.links, int(area.walkers.mode[u])),
            draw_walkers.feedback_factors(self.feedback),
        )
        return draw_walkers.expect_route(self.lattice, area.walkers, u, links, factors, chances)


def no_cells(area: AreaArrays, cell_count: int = 0) -> CellChances:
    """Chances of so many cells of 15 minutes, all still 0."""
    cell_shape = (len(area.places), cell_count)
    end_cells = np.full(len(area.shifts), cell_count, dtype=np.int64)
    sums, marks = (
        (np.zeros(cell_shape), np.zeros(cell_shape)),
        (np.zeros(cell_shape, np.uint8), np.zeros(cell_shape, np.uint8)),
    )
    return CellChances(*sums, *marks, end_cells, CELL_MINUTES)


def prepare_draw(
    inputs: PlanInputs, distribution: RouteDistribution, area: AreaArrays, key: bytes
) -> TourDraw:
    """The first draw of an area's tours, in which visits owed have their feedback."""
    hour_weights, length_weights, due_visits = select_weights(distribution, area)
    due_visits_of_unit = share_due_visits(area, due_visits)
    owed_visits_of_place = np.array([inputs.owed_visits.get(place.hotspot, 0.0) for place in area.places])
    exp_table = exact_exp(np.arange(-FEEDBACK_LIMIT, FEEDBACK_LIMIT + 1))
    feedback = Feedback(due_visits_of_unit, owed_visits_of_place, inputs.policy.feedback * GRID, exp_table)
    tour_numbers = draw_tour_numbers(area, key)
    lattice = build_lattice(area, hour_weights, length_weights, inputs.earlier)
    return TourDraw(area, lattice, feedback, tour_numbers)


def prepare_redraw(
    distribution: RouteDistribution, area: AreaArrays, bursts: tuple[Burst, ...], key: bytes, replan: int
) -> TourDraw:
    """A draw of the rest of some tours, clear of these bursts; visits owed wait for the next period."""
    hour_weights, length_weights, _ = select_weights(distribution, area)
    tour_numbers = draw_tour_numbers(area, key, replan)
    lattice = build_lattice(area, hour_weights, length_weights, bursts)
    return TourDraw(area, lattice, no_feedback(area), tour_numbers)


def no_feedback(area: AreaArrays) -> Feedback:
    """Visits owed count for nothing."""
    n = len(area.places)
    return Feedback(np.zeros((len(area.shifts), n)), np.zeros(n), 0.0, np.ones(2 * FEEDBACK_LIMIT + 1))


def select_weights(distribution: RouteDistribution, area: AreaArrays) -> tuple[Ints, Ints, Floats]:
    """The rows of a distribution that belong to an area: by hour, by length, and the visits due."""
    row_by_hotspot = {hotspot: row for row, hotspot in enumerate(distribution.hotspots)}
    unknown_names = [place.hotspot for place in area.places if place.hotspot not in row_by_hotspot]
    if unknown_names:
        raise PlanError(
            f"The law has no entry for {', '.join(unknown_names)}. It belongs to another request; "
            "fit it again."
        )
    place_rows = [row_by_hotspot[place.hotspot] for place in area.places]
    hour_weights = np.array(distribution.hour_weights, dtype=np.int64)[place_rows]
    length_weights = np.array(distribution.length_weights, dtype=np.int64)[place_rows]
    return hour_weights, length_weights, np.array(distribution.due_millivisits)[place_rows] / 1000.0


def build_lattice(
    area: AreaArrays, hour_weights: Ints, length_weights: Ints, earlier_bursts: tuple[Burst, ...]
) -> RouteLattice:
    """The places of an area under weights in whole numbers, with closures and earlier bursts marked."""
    grid, places, lengths, n = area.grid, area.places, area.length_slots, len(area.places)
    soft_gaps, hard_gaps = _gap_slots(area)
    # Rooms beyond the last slot: the kernel looks ahead from where a visit may start.
    slot_count, longest = grid.count + int(lengths.max()) + 2, int(lengths.max())
    row_of_slot, weight_rows = _weight_rows(area, hour_weights, slot_count)
    length_weight, fitting_weight, length_shares = _weigh_lengths(area, length_weights)
    length_entropy = -(length_shares * np.log(np.where(length_shares > 0, length_shares, 1.0))).sum(axis=2)
    has_pairs, has_gaps = bool(area.walkers.pair.any()), bool(soft_gaps.any())
    slots_on_grid = np.minimum(np.arange(slot_count), grid.count - 1)
    route_lattice = RouteLattice(
        # One layout always: the kernel would be compiled anew for each.
        weight=np.ascontiguousarray(weight_rows),
        row=row_of_slot,
        hour=grid.hour_of_cell[slots_on_grid * grid.slot_minutes // CELL_MINUTES],
        bins=HOURS_OF_WEEK,
        lengths=lengths,
        length_minutes=np.array(area.policy.burst_minutes, dtype=np.int64),
        length_weight=length_weight,
        fitting_weight=np.ascontiguousarray(fitting_weight),
        length_entropy=length_entropy,
        free_slots=np.full((slot_count, n), longest + 1, dtype=np.uint8),
        occupant=np.zeros((slot_count, n) if has_pairs else (1, 1), dtype=np.int64),
        is_near=np.zeros((slot_count, n) if has_gaps else (1, 1), dtype=np.uint8),
        near_weight=exact_exp(round_to_grid([np.log(place.gap_weight or 1.0) for place in places])),
        gap=soft_gaps,
        hard_gap=hard_gaps,
        slot_minutes=grid.slot_minutes,
        first_minute=(grid.origin - grid.first_midnight) // timedelta(minutes=1),
    )
    no_gaps = route_lattice._replace(gap=np.zeros(n, dtype=np.int64), hard_gap=np.zeros(n, dtype=np.int64))
    for closed_index, first_slot, end_slot in area.closed:
        spare_slots = 1 if grid.slot_minutes > 1 else 0  # `mark_visit` adds them, and a closure needs none
        draw_walkers.mark_visit(no_gaps, closed_index, first_slot, end_slot - spare_slots, 0)
    index_by_hotspot = {place.hotspot: place_index for place_index, place in enumerate(places)}
    for burst in earlier_bursts:
        place_index = index_by_hotspot.get(burst.hotspot)
        if place_index is not None:
            first_slot, end_slot = grid.slot_at(burst.span.start), grid.slot_at(burst.span.end, up=True)
            draw_walkers.mark_visit(route_lattice, place_index, first_slot, end_slot, 0)
    return route_lattice


def _gap_slots(area: AreaArrays) -> tuple[Ints, Ints]:
    """The slots of each place's soft gap, and of its hard one; 0 where it has none."""
    slot_minutes, weights = area.grid.slot_minutes, np.array([place.gap_weight for place in area.places])
    gap_slots = -(-np.array([place.gap_minutes for place in area.places], dtype=np.int64) // slot_minutes)
    # Bursts begin on any minute of a slot: a hard gap needs a slot more, or it could be short by minutes.
    hard_slots = np.where((weights == 0.0) & (gap_slots > 0), gap_slots + (slot_minutes > 1), 0)
    return np.where((weights > 0.0) & (weights < 1.0), gap_slots, 0), hard_slots


def _weigh_lengths(area: AreaArrays, length_weights: Ints) -> tuple[Floats, Floats, Floats]:
    """Weights of lengths, [n, lengths]; of all that fit so many slots, [n, slots]; and shares in those."""
    slot_counts = np.arange(int(area.length_slots.max()) + 1)
    length_factors = exact_exp(length_weights)
    length_factors = length_factors / length_factors.cumsum(axis=1)[:, -1:]
    fitting_weights = length_factors[:, None, :] * (slot_counts[:, None] >= area.length_slots)
    fitting_sums = fitting_weights.cumsum(axis=2)[:, :, -1]
    return (
        length_factors,
        fitting_sums,
        np.asarray(fitting_weights / np.where(fitting_sums > 0, fitting_sums, 1.0)[:, :, None]),
    )


def expected_minutes_by_room(area: AreaArrays, length_weights: Ints) -> Floats:
    """How long is a visit on average, by the slots that it may last? [n, slots]."""
    return np.asarray(
        _weigh_lengths(area, length_weights)[2] @ np.array(area.policy.burst_minutes, dtype=np.float64)
    )


def _weight_rows(area: AreaArrays, hour_weights: Ints, slot_count: int) -> tuple[Ints, Floats]:
    """The row of weights of each slot, and the rows: one for each hour of the week and arms of a day."""
    # Weights are sums of whole numbers of 1/1024 nat until the very end, and `exact_exp` is made of exact
    # steps alone: with a library's exp the last bit, and now and then a burst, would hang on the processor.
    dose_nats = round_to_grid(np.log(np.where(area.dose_by_day > 0, area.dose_by_day, 1.0)))
    dose_rows, dose_of_day = np.unique(dose_nats.T, axis=0, return_inverse=True)
    weight_nats = hour_weights.T[None, :, :] + dose_rows[:, None, :]
    grid, slots = area.grid, np.minimum(np.arange(slot_count), area.grid.count - 1)
    cell_of_slot = slots * grid.slot_minutes // CELL_MINUTES
    day_of_slot = np.clip(grid.day_of_cell[cell_of_slot], 0, len(dose_of_day) - 1)
    row_of_slot = dose_of_day.reshape(-1)[day_of_slot] * HOURS_OF_WEEK + grid.hour_of_cell[cell_of_slot]
    return row_of_slot.astype(np.int64), exact_exp(weight_nats.reshape(-1, len(area.places)))


def draw_tour_numbers(area: AreaArrays, key: bytes, replan: int = 0) -> DrawNumbers:
    """The numbers that each unit's tour is drawn with: a stream of its own for area, day, unit and replan."""
    # A stream for each tour: with one for all, a unit that falls sick would change every tour after its own.
    # The start is in the label, for a unit may have two tours on one day.
    tour_numbers = np.zeros((len(area.shifts), numbers_per_tour(area)), dtype=np.uint64)
    for numbers_of_tour, shift in zip(tour_numbers, area.shifts, strict=True):
        key_label = (area.area, shift.day.isoformat(), shift.unit, shift.hours.start.isoformat(), replan)
        numbers_of_tour[:] = expand_numbers(derive_key(key, "tour", *key_label), numbers_of_tour.size)
    return tour_numbers


def numbers_per_tour(area: AreaArrays) -> int:
    """How many numbers may a tour use: two a slot, and for each visit two more, of its length and minute."""
    return 3 * int(area.walkers.is_open.shape[1]) + 8


def count_visits(tours: RouteDraws) -> Ints:
    """How many visits did each unit give each place? [U, n]."""
    unit_count, n = tours.expected_visits.shape
    cell_of_visit = tours.visits[:, 0] * n + tours.visits[:, 2]
    return np.bincount(cell_of_visit, minlength=unit_count * n).reshape(unit_count, n).astype(np.int64)

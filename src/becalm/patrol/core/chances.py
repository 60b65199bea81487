"""How likely was a start, and somebody's presence, in every quarter of an hour at every place?

The chance of a place is that of the sealed law, whatever the key: the mean over draws with fresh public keys
of the chances at each choice that could give the place its first start in the cell (`CellChances`), with the
standard error of that mean. It is exact where a cell belongs to a single tour that hangs on no other one. The
chance of one unit is the one that it had given the units that were drawn before it: exact in areas of few
places, and elsewhere the mean over draws of this tour alone.

After a re-plan the chances are those that held: a tour that was drawn again counts by its first law up to the
last burst that it kept, and from then on by that of the new draw, from where the unit stood then.

Source: Rao, Bulletin of the Calcutta Mathematical Society 37 (1945) 81-91, and Blackwell, Annals of
Mathematical Statistics 18 (1947) 105-110, on means of conditional expectations.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes import draw_walkers as kernel
from becalm.methods.routes.bit_exact import public_numbers
from becalm.methods.routes.route_types import CellChances
from becalm.patrol.core import draw_tours, replan
from becalm.patrol.core.area_arrays import AreaArrays, SlotGrid, build_area, build_slot_grid
from becalm.patrol.core.draw_tours import TourDraw, no_cells, prepare_draw, prepare_redraw
from becalm.patrol.core.fit_distribution import WORKERS, map_in_threads
from becalm.patrol.core.plan import build_routes
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import CELL_MINUTES, RouteDistribution, UnitRoute
from becalm.patrol.core.replan import ReplanStep
from becalm.terms import UsageError
from becalm.terms.progress import Advance, ignore_progress

DRAWS = 300
TOUR_DRAWS = 256  # of one tour, where its chances are not exact
EXACT_PLACES = 40  # of an area; an exact chance takes work with their square


@dataclass(frozen=True, slots=True, eq=False)
class Chances:
    """Chances by place and cell, [places, cells], with standard errors; `draws` is 0 where they are exact."""

    hotspots: tuple[str, ...]  # sorted
    first_cell: datetime
    start: Floats
    start_se: Floats
    presence: Floats
    presence_se: Floats
    draws: Ints
    cell_minutes: int = CELL_MINUTES

    @property
    def bias(self) -> float:
        """By how much is the mean of started / chance above 1, as the chances are estimated?"""
        is_possible = self.start > 0
        relative_se = self.start_se[is_possible] / self.start[is_possible]
        return float((relative_se**2).mean()) if relative_se.size else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class UnitChances:
    """The chances of a start of one unit on one tour, given the units drawn before it: [places, cells]."""

    unit: str
    day: date
    hotspots: tuple[str, ...]
    first_cell: datetime
    start: Floats
    has_started: Bools


def estimate_chances(
    inputs: PlanInputs,
    distribution: RouteDistribution,
    *,
    steps: Sequence[ReplanStep] = (),
    draws: int = DRAWS,
    advance: Advance = ignore_progress,
) -> Chances:
    """How likely is a start, and somebody's presence, under this law and these re-plans?

    `advance` is called with 1 for each draw of each area. No key is needed, and none is told.
    """
    if draws < 2:
        raise UsageError(f"`draws` is {draws}. Give at least 2: one draw has no standard error.")
    grid = build_slot_grid(inputs)
    area_names = sorted({place.area for place in inputs.places})
    areas = [build_area(inputs, name, grid, _public_key(0)) for name in area_names]
    area_chances = [_estimate_area(inputs, distribution, area, steps, draws, advance) for area in areas]
    hotspot_names = [place.hotspot for area in areas for place in area.places]
    name_order = np.array(sorted(range(len(hotspot_names)), key=hotspot_names.__getitem__))
    joined_columns = [np.concatenate(column)[name_order] for column in zip(*area_chances, strict=True)]
    return Chances(tuple(hotspot_names[k] for k in name_order), grid.origin, *joined_columns)


def _public_key(number: int) -> bytes:
    return f"becalm chances {number}: public, never used for a plan".encode()


def _estimate_area(
    inputs: PlanInputs,
    distribution: RouteDistribution,
    area: AreaArrays,
    steps: Sequence[ReplanStep],
    draws: int,
    advance: Advance,
) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """Means and standard errors of starts and of presence by place and cell, and the draws behind them."""
    prepared_draw = prepare_draw(inputs, distribution, area, _public_key(0))
    area_steps = [step for step in steps if area.area in _areas_of(inputs, step)]
    cell_count, end_cells = int(area.grid.cell[-1]) + 1, find_end_cells(inputs, area_steps, area.grid)
    has_blocks = any(shift.burst_share < 1.0 for shift in area.shifts)

    def draw_share(worker: int) -> Floats:
        chance_sums = np.zeros((4, len(area.places), cell_count))
        for number in range(worker + 1, draws + 1, WORKERS):
            key = _public_key(number)
            drawn_area = build_area(inputs, area.area, area.grid, key) if has_blocks else area
            tour_draw = replace(
                prepared_draw, area=drawn_area, numbers=draw_tours.draw_tour_numbers(area, key)
            )
            cells = no_cells(area, cell_count)
            cells.end_cell[:] = [end_cells.get((s.unit, s.hours.start), [cell_count])[0] for s in area.shifts]
            tours = tour_draw.draw(cells, with_entropy=False)
            if area_steps:
                drawn_routes = build_routes(drawn_area, tours)
                _draw_replans(inputs, distribution, drawn_routes, area_steps, end_cells, key, cells)
            for row, chances in enumerate((cells.start, cells.presence)):
                chance_sums[row] += chances
                chance_sums[row + 2] += chances**2
            advance(1)
        return chance_sums

    worker_sums = np.stack(map_in_threads(draw_share, range(WORKERS)))
    start, presence, start_squares, presence_squares = worker_sums.sum(axis=0) / draws
    start_se, presence_se = (
        np.sqrt(np.maximum(squares - mean**2, 0.0) / (draws - 1))
        for mean, squares in ((start, start_squares), (presence, presence_squares))
    )
    draw_counts = np.full(start.shape, draws, dtype=np.int64)
    if not area_steps:
        for cells, is_exact in _exact_cells(prepared_draw, cell_count):
            start[:, is_exact], presence[:, is_exact] = cells.start[:, is_exact], cells.presence[:, is_exact]
            start_se[:, is_exact] = presence_se[:, is_exact] = 0.0
            draw_counts[:, is_exact] = 0
    return start, start_se, presence, presence_se, draw_counts


def _areas_of(inputs: PlanInputs, step: ReplanStep) -> set[str]:
    return {replan.find_route(inputs, step.moment, state).area for state in step.states}


def find_end_cells(
    inputs: PlanInputs, steps: Sequence[ReplanStep], grid: SlotGrid
) -> dict[tuple[str, datetime], list[int]]:
    """Up to which cell did each law of a tour hold that was drawn again? By unit and start, law by law."""
    end_cells: dict[tuple[str, datetime], list[int]] = {}
    for step in steps:
        for state in step.states:
            route = replan.find_route(inputs, step.moment, state)
            # What had begun, or to which the unit was on the way, was kept: the first law held for it.
            kept_bursts = replan.fixed_bursts(inputs, route, step.moment.at) if state.on_duty else ()
            last_instant = max([step.moment.at, *(burst.span.start for burst in kept_bursts)])
            end_cell = (last_instant - grid.first_midnight) // timedelta(minutes=CELL_MINUTES) + 1
            tour_key = (state.unit, replan.find_shift(inputs, route).hours.start)
            end_cells.setdefault(tour_key, []).append(end_cell)
    return end_cells


def _draw_replans(
    inputs: PlanInputs,
    distribution: RouteDistribution,
    drawn_routes: Sequence[UnitRoute],
    steps: Sequence[ReplanStep],
    end_cells: dict[tuple[str, datetime], list[int]],
    key: bytes,
    cells: CellChances,
) -> None:
    """Draw the re-plans of an area over other tours than those of the plan, from where their units stood."""
    routes, area = {(route.unit, route.day): route for route in drawn_routes}, drawn_routes[0].area
    law_by_tour: Counter[tuple[str, datetime]] = Counter()
    for step in steps:
        replan_moment = replace(step.moment, routes=tuple(routes.values()), key=key)
        unit_states = tuple(s for s in step.states if replan.find_route(inputs, step.moment, s).area == area)
        for redraw_area, bursts in replan.build_replan_areas(inputs, replan_moment, unit_states):
            urgent_distribution = replan.weigh_urgent(distribution, replan_moment.urgent)
            rest_draw = prepare_redraw(urgent_distribution, redraw_area, bursts, key, replan_moment.replan)
            tours_redrawn = [(s.unit, s.hours.start) for s in redraw_area.shifts]
            law_by_tour.update(tours_redrawn)
            # Past the last re-plan of a tour its law holds to the end.
            end_of_tour = [
                (*end_cells[tour], cells.start.shape[1])[law_by_tour[tour]] for tour in tours_redrawn
            ]
            redrawn_tours = rest_draw.draw(
                cells._replace(end_cell=np.array(end_of_tour, dtype=np.int64)), with_entropy=False
            )
            for route in build_routes(redraw_area, redrawn_tours, replan_moment.replan):
                kept_bursts = tuple(
                    b for b in routes[route.unit, route.day].bursts if b.span.start <= replan_moment.at
                )
                routes[route.unit, route.day] = replace(route, bursts=(*kept_bursts, *route.bursts))


def _exact_cells(tour_draw: TourDraw, cell_count: int) -> Iterator[tuple[CellChances, Bools]]:
    """Chances of tours that hang on no other one, and the cells that belong to such a tour alone."""
    area, feedback = tour_draw.area, tour_draw.feedback
    first_slots, slot_counts = area.walkers.first_slot, area.walkers.fields[:, 0]
    margin_slots = int((tour_draw.lattice.gap + tour_draw.lattice.hard_gap).max(initial=0)) + CELL_MINUTES
    for u, shift in enumerate(area.shifts):
        is_over = first_slots[:u] + slot_counts[:u] + margin_slots <= first_slots[u]
        if (u and feedback.strength > 0.0) or not is_over.all() or shift.burst_share < 1.0:
            continue
        cell_chances = no_cells(area, cell_count)
        tour_draw.expect(u, cell_chances)
        tours_in_cell = np.zeros(cell_count, dtype=np.int64)
        for first_slot, slot_count in zip(first_slots, slot_counts, strict=True):
            tours_in_cell[area.grid.cell[first_slot] : area.grid.cell[first_slot + slot_count] + 1] += 1
        own_cells = np.arange(cell_count)
        is_own = own_cells >= area.grid.cell[first_slots[u]]
        is_own &= own_cells <= area.grid.cell[first_slots[u] + slot_counts[u]]
        yield cell_chances, np.asarray(is_own & (tours_in_cell == 1))


def list_unit_chances(
    inputs: PlanInputs,
    distribution: RouteDistribution,
    key: bytes,
    routes: Sequence[UnitRoute],
    *,
    steps: Sequence[ReplanStep] = (),
    advance: Advance = ignore_progress,
) -> Iterator[UnitChances]:
    """How likely was each start of each unit, given the units drawn before it? Tour by tour, area by area.

    `routes` are those of the plan as it stands, after its re-plans. `advance` is called with 1 for each tour.
    """
    grid = build_slot_grid(inputs)
    for name in sorted({place.area for place in inputs.places}):
        area = build_area(inputs, name, grid, key)
        area_steps = [step for step in steps if name in _areas_of(inputs, step)]
        end_cells = find_end_cells(inputs, area_steps, grid)
        chances_of_draws = [list_tour_chances(prepare_draw(inputs, distribution, area, key), advance)]
        for step in area_steps:
            for redraw_area, bursts in replan.build_replan_areas(inputs, step.moment, step.states):
                if redraw_area.area == name:
                    replan_moment = step.moment
                    rest_draw = prepare_redraw(
                        replan.weigh_urgent(distribution, replan_moment.urgent),
                        redraw_area,
                        bursts,
                        replan_moment.key,
                        replan_moment.replan,
                    )
                    chances_of_draws.append(list_tour_chances(rest_draw))
        area_routes = [route for route in routes if route.area == name]
        for shift, route in zip(area.shifts, area_routes, strict=True):
            tour_key = (shift.unit, shift.hours.start)
            tour_laws = [law[tour_key] for law in chances_of_draws if tour_key in law]
            yield _join_laws(area, tour_laws, end_cells.get(tour_key, []), route)


def list_tour_chances(
    tour_draw: TourDraw, advance: Advance = ignore_progress
) -> dict[tuple[str, datetime], tuple[int, NDArray[np.float32]]]:
    """The chances of a start of each tour: the first cell, and [places, cells] from there on."""
    route_draws = tour_draw.draw()  # as the plan did: with entropy, which draws by other steps than without

    def share_tours(worker: int) -> dict[tuple[str, datetime], tuple[int, NDArray[np.float32]]]:
        chances_by_tour = {}
        for u, draw_before in tour_draw.replay(route_draws):
            if u % WORKERS == worker:
                shift = draw_before.area.shifts[u]
                chances_by_tour[shift.unit, shift.hours.start] = _expect_tour(draw_before, u)
                advance(1)
        return chances_by_tour

    first_share, *other_shares = map_in_threads(share_tours, range(WORKERS))
    for share in other_shares:
        first_share |= share
    return first_share


def _expect_tour(tour_draw: TourDraw, u: int) -> tuple[int, NDArray[np.float32]]:
    """The chances of one tour, given what is marked: exact, or the mean over draws of it alone."""
    area, lattice, walkers = tour_draw.area, tour_draw.lattice, tour_draw.area.walkers
    first_minute = lattice.first_minute + walkers.first_slot[u] * lattice.slot_minutes
    first_cell, tour_minutes = (
        int(first_minute // CELL_MINUTES),
        int(walkers.fields[u, 0]) * lattice.slot_minutes,
    )
    cell_chances = no_cells(area, tour_minutes // CELL_MINUTES + 2)
    cell_chances.end_cell[:] = cell_chances.start.shape[1]
    shifted_lattice = lattice._replace(first_minute=lattice.first_minute - first_cell * CELL_MINUTES)
    if len(area.places) <= EXACT_PLACES:
        replace(tour_draw, lattice=shifted_lattice).expect(u, cell_chances)
        return first_cell, cell_chances.start.astype(np.float32)
    links = kernel.select_links(area.links, int(walkers.mode[u]))
    feedback_factors = kernel.feedback_factors(tour_draw.feedback)
    numbers_per_tour = draw_tours.numbers_per_tour(area)
    tour_numbers = public_numbers(f"tour {u} of area {area.area}", TOUR_DRAWS * numbers_per_tour).reshape(
        TOUR_DRAWS, numbers_per_tour
    )
    kernel.sample_route(shifted_lattice, walkers, u, links, feedback_factors, tour_numbers, cell_chances)
    return first_cell, (cell_chances.start / TOUR_DRAWS).astype(np.float32)


def _join_laws(
    area: AreaArrays,
    laws: Sequence[tuple[int, NDArray[np.float32]]],
    end_cells: Sequence[int],
    route: UnitRoute,
) -> UnitChances:
    """The chances of a tour under the law that held in each cell, and where it started in the end."""
    first_cell, cell_count = laws[0][0], laws[0][1].shape[1]
    start_chances = np.zeros((len(area.places), cell_count))
    for k, (law_first_cell, chances) in enumerate(laws):
        cell_numbers = law_first_cell + np.arange(chances.shape[1])
        is_held = (cell_numbers >= first_cell) & (cell_numbers < first_cell + cell_count)
        if k < len(end_cells):
            is_held &= cell_numbers < end_cells[k]
        start_chances[:, cell_numbers[is_held] - first_cell] += chances[:, is_held]
    if len(laws) <= len(end_cells):  # gone home: no law from then on
        start_chances[:, max(end_cells[len(laws) - 1] - first_cell, 0) :] = 0.0
    has_started = np.zeros(start_chances.shape, dtype=bool)
    row_by_hotspot = {place.hotspot: row for row, place in enumerate(area.places)}
    for burst in route.bursts:
        cell_number = (burst.span.start - area.grid.first_midnight) // timedelta(minutes=CELL_MINUTES)
        has_started[row_by_hotspot[burst.hotspot], cell_number - first_cell] = True
    first_instant = area.grid.first_midnight + first_cell * timedelta(minutes=CELL_MINUTES)
    hotspots = tuple(place.hotspot for place in area.places)
    return UnitChances(route.unit, route.day, hotspots, first_instant, start_chances, has_started)

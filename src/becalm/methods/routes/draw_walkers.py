"""Many walkers on one lattice, drawn one after the other, each given those drawn before it; compiled.

A walker may not be where another one stands, is drawn less to places within the gap of a visit, where they
have one, and a little more to places that have had less than was due.

What is expected of a choice is added up before it is made: the mean of that sum over many draws is what the
distribution expects, and varies far less than what was drawn. Where no entropy is asked for, waiting is
drawn by thinning (Lewis and Shedler, Naval Research Logistics 26 (1979) 403-413): slots are picked with a
chance that no choice exceeds, and only there the choices are weighed, as if picked slots were all there were.

Compiled by numba on first use, which takes some seconds; what it makes is kept beside this file or, where
that cannot be written, in the user's cache. Rows are added up element by element: an expression of whole
arrays takes a second to compile. No step may be reordered or fused (`fastmath` is off): a route
could then not be drawn again from its key on another machine.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes import route_types
from becalm.methods.routes.route_types import CellChances, Links, RouteDraws, RouteLattice, Walkers

TO_UNIT = 2.0**-53  # 53 bits are all that a double holds: more would round up to 1 now and then


@njit(cache=True, nogil=True)
def draw_routes(
    lattice: RouteLattice,
    walkers: Walkers,
    links_by_mode: route_types.LinksByMode,
    feedback: route_types.Feedback,
    draws: NDArray[np.uint64],
    chances: CellChances,
    with_entropy: bool,
) -> tuple[RouteDraws, int]:
    """Draw every walker in turn, given those before it. Changes the lattice, `owed_visits` and `chances`.

    `draws` [U, D] are uniform on 64 bits. The second answer is the number of visits; rows of `visits` beyond
    it mean nothing. Without `with_entropy`, entropy and surprise are left out.
    """
    n, count = lattice.fitting_weight.shape[0], walkers.first_slot.shape[0]
    entropy_count = count if with_entropy else 0
    most_visits = walkers.is_open.shape[1] // (lattice.lengths.min() + 1) + 1
    routes = RouteDraws(
        np.zeros((count * most_visits, 5), np.int64),
        np.full((count, 2), -1, np.int64),
        np.zeros((count, n)),
        np.zeros((n, lattice.fitting_weight.shape[1])),
        np.zeros((n, lattice.bins)),
        np.zeros(entropy_count),
        np.zeros(entropy_count),
        np.zeros(count),
    )
    visit_count = 0
    for u in range(count):
        first_visit, factors = visit_count, feedback_factors(feedback)
        links = select_links(links_by_mode, walkers.mode[u])
        visit_count = _draw_route(
            lattice, walkers, (u, links, factors), draws[u], routes, visit_count, chances
        )
        for j in range(n):
            feedback.owed_visits[j] += feedback.due_visits[u, j]
        for k in range(first_visit, visit_count):
            feedback.owed_visits[routes.visits[k, 2]] -= 1.0
    return routes, visit_count


@njit(cache=True, nogil=True)
def select_links(links_by_mode: route_types.LinksByMode, mode: int) -> Links:
    """The links of one mode and home."""
    return Links(
        links_by_mode.slots[mode],
        links_by_mode.weight[mode],
        links_by_mode.minutes[mode],
        links_by_mode.home_slots[mode],
        links_by_mode.home_minutes[mode],
    )


@njit(cache=True, nogil=True)
def select_walker(walkers: Walkers, u: int) -> route_types.Walker:
    """One walker of them all."""
    w = walkers.fields[u]
    return route_types.Walker(w[0], w[1], w[2], w[3], w[4], w[5])


@njit(cache=True, nogil=True)
def feedback_factors(feedback: route_types.Feedback) -> Floats:
    """What each place is weighed by for the visits that it is owed."""
    factors, limit = np.ones(feedback.owed_visits.shape[0]), route_types.FEEDBACK_LIMIT
    if feedback.strength > 0.0:
        for j in range(factors.shape[0]):
            # A step of a table, not exp of a double: libraries differ in the last bit of exp.
            table_step = int(np.rint(feedback.strength * feedback.owed_visits[j]))
            factors[j] = feedback.table[min(max(table_step, -limit), limit) + limit]
    return factors


@njit(cache=True, nogil=True)
def _draw_route(
    lattice: RouteLattice,
    walkers: Walkers,
    route: tuple[int, Links, Floats],
    draws: NDArray[np.uint64],
    routes: RouteDraws,
    visit_count: int,
    chances: CellChances,
) -> int:
    """Draw the route of a walker (number, links, factors) and write it down; the visits up to then."""
    u, links, factors = route
    walker, n, first_slot = select_walker(walkers, u), factors.shape[0], walkers.first_slot[u]
    own_free, weights, rooms = count_own_free_slots(walkers, u), np.zeros(n), np.zeros(n, np.int64)
    t, i, m, k, minute, is_thinned = 0, walker.node, walker.pause_done, 0, 0, routes.entropy.shape[0] == 0
    pick_chance = _bound_chance(lattice, links, factors, first_slot, walker.slots) if is_thinned else 1.0
    while t < walker.slots:
        pause_p = pause_chance(walker, t, m)
        if pause_p > 0.0:
            _count_outcomes(routes, u, pause_p, (draws[k] >> 11) * TO_UNIT < pause_p)
            if (draws[k] >> 11) * TO_UNIT < pause_p:
                minute = _draw_minute(draws[k + 1], minute, lattice.slot_minutes)
                routes.pause[u, 0], routes.pause[u, 1] = first_slot + t, minute
                t, m, k = t + walker.pause_slots, 1, k + 2
                continue
            k += 1
        elif is_thinned:
            picked_slot = t + int(np.log((draws[k] >> 11) * TO_UNIT + TO_UNIT) / np.log(1.0 - pick_chance))
            last_slot = walker.pause_first if m == 0 else walker.slots
            k, minute, t = k + 1, 0 if picked_slot > t else minute, min(picked_slot, last_slot)
            if t == last_slot:
                continue
        total = weigh_visits(lattice, walkers, (u, links, factors), (t, i, m), own_free, (weights, rooms))
        scale = 1.0 / ((1.0 + total) * (pick_chance if is_thinned and pause_p == 0.0 else 1.0))
        place = _choose(weights, total, (draws[k] >> 11) * TO_UNIT / scale)
        if total > 0.0:
            slots = links.slots[i] + first_slot + t
            _count_choice(lattice, routes, u, (place, total, scale), slots, weights, rooms)
            _add_cell_chances(lattice, slots, weights, rooms, scale, chances, chances.end_cell[u])
        t, k, minute = t + 1, k + 1, 0
        if place >= 0:
            at = first_slot + t + links.slots[i, place] - 1
            visit = _draw_visit(lattice, routes, u, at, place, rooms[place], draws[k : k + 2])
            end = at + lattice.lengths[visit[3]]
            mark_visit(lattice, place, at, end, walkers.pair[u])
            _mark_cells(lattice, visit, chances, chances.end_cell[u])
            _write_visit(routes, visit_count, visit)
            routes.travel_minutes[u] += links.minutes[i, place]
            visit_count, t, i, k, minute = visit_count + 1, end - first_slot, place, k + 2, visit[4]
    routes.travel_minutes[u] += links.home_minutes[i]
    return visit_count


@njit(cache=True, nogil=True)
def count_own_free_slots(walkers: Walkers, u: int) -> Ints:
    """From each of its slots on, how many slots in a row are open to visits of walker u?"""
    free_slots, free_run_slots = np.zeros(walkers.is_open.shape[1], np.int64), 0
    for s in range(free_slots.shape[0] - 1, -1, -1):
        free_run_slots = free_run_slots + 1 if walkers.is_open[u, s] else 0
        free_slots[s] = free_run_slots
    return free_slots


@njit(cache=True, nogil=True)
def pause_chance(walker: route_types.Walker, t: int, m: int) -> float:
    """The chance that a pause begins in a free slot; 1 in the last one of its window."""
    if m == 1 or t < walker.pause_first:
        return 0.0
    return 1.0 / (1.0 + route_types.FREE_SHARE * max(walker.pause_last - t, 0))


@njit(cache=True, nogil=True)
def weigh_visits(
    lattice: RouteLattice,
    walkers: Walkers,
    route: tuple[int, Links, Floats],
    state: tuple[int, int, int],
    own_free: Ints,
    choice: tuple[Floats, Ints],
) -> float:
    """Weigh the visits that a walker may set off to: writes weights and rooms into `choice`, gives the sum.

    `route` is its number, its links and the factors of all places; `state` is its own slot, its node, and 1
    if it needs no pause any more. A room is how many slots a visit may last: the walker must be at home in
    time, there for its pause, and the place free and open meanwhile.
    """
    (u, links, factors), (t, i, m), (weights, rooms), total = route, state, choice, 0.0
    walker, at, pair = select_walker(walkers, u), walkers.first_slot[u] + t, walkers.pair[u]
    # Taken out of the loop by hand: the compiler cannot know that what is written below is not read here.
    slots, link_weight, home_slots, row = links.slots[i], links.weight[i], links.home_slots, lattice.row
    free_slots, fitting_weight, weight = lattice.free_slots, lattice.fitting_weight, lattice.weight
    longest, has_gaps = fitting_weight.shape[1] - 1, lattice.is_near.shape[0] > 1
    spare_slots = 1 if lattice.slot_minutes > 1 else 0  # a visit starts on any minute of its slot
    last_slot = walker.slots - t - (walker.pause_slots if m == 0 else 0)
    last_of_pause = walker.pause_last - t if m == 0 else last_slot
    for j in range(weights.shape[0]):
        arrival_slots = slots[j]
        room_slots = min(last_slot - home_slots[j], last_of_pause) - arrival_slots
        if room_slots > 0:
            free_count = int(free_slots[at + arrival_slots, j])
            if pair > 0 and free_count <= longest:
                free_count = _count_free_for_pair(
                    lattice.occupant, at + arrival_slots, j, pair, longest + spare_slots
                )
            room_slots = min(room_slots, min(free_count, own_free[t + arrival_slots]) - spare_slots, longest)
        weights[j], rooms[j] = 0.0, room_slots
        if room_slots > 0:
            weights[j] = (
                link_weight[j]
                * factors[j]
                * weight[row[at + arrival_slots], j]
                * fitting_weight[j, room_slots]
            )
            if has_gaps and lattice.is_near[at + arrival_slots, j]:
                weights[j] *= lattice.near_weight[j]
            total += weights[j]
    return total


@njit(cache=True, nogil=True)
def _count_free_for_pair(occupant: Ints, slot: int, place: int, pair: int, most: int) -> int:
    free_count = 0
    while free_count < most and (
        occupant[slot + free_count, place] == 0 or occupant[slot + free_count, place] == pair
    ):
        free_count += 1
    return free_count


@njit(cache=True, nogil=True)
def _bound_chance(
    lattice: RouteLattice, links: Links, factors: Floats, first_slot: int, slot_count: int
) -> float:
    """A chance that no chance to set off exceeds in these slots."""
    # For thinning: one draw jumps to the next slot in which setting off may happen at all; what this bound
    # lets through too often is taken back where the place is chosen. Slot by slot gives that law, but slower.
    n, most_weight, last_row = factors.shape[0], 0.0, -1
    link_weights = np.zeros(n)
    for i in range(n + 1):
        for j in range(n):
            link_weights[j] = max(link_weights[j], links.weight[i, j])
    for s in range(slot_count):
        weight_row = lattice.row[first_slot + s]
        if weight_row != last_row:
            last_row, weight_sum = weight_row, 0.0
            for j in range(n):
                weight_sum += link_weights[j] * factors[j] * lattice.weight[weight_row, j]
            most_weight = max(most_weight, weight_sum)
    return max(most_weight, 1e-9) / (1.0 + most_weight)


@njit(cache=True, nogil=True)
def _choose(weights: Floats, total: float, remaining_weight: float) -> int:
    """The place where the sum of weights passes what remains; -1 where it never does: to wait."""
    chosen_place = -1
    if remaining_weight < total:
        for j in range(weights.shape[0]):
            if weights[j] > 0.0:
                # Rounding may leave a rest above 0 after the last choice: then the last one is meant.
                chosen_place = j
                remaining_weight -= weights[j]
                if remaining_weight < 0.0:
                    break
    return chosen_place


@njit(cache=True, nogil=True)
def _count_outcomes(routes: RouteDraws, u: int, chance: float, is_taken: bool) -> None:
    """Add what choosing yes or no gives in entropy, and in surprise."""
    if chance < 1.0 and routes.entropy.shape[0] > 0:
        routes.entropy[u] += _binary_entropy(chance)
        routes.surprise[u] -= np.log(chance if is_taken else 1.0 - chance)


@njit(cache=True, nogil=True)
def _count_choice(
    lattice: RouteLattice,
    routes: RouteDraws,
    u: int,
    choice: tuple[int, float, float],
    slots: Ints,
    weights: Floats,
    rooms: Ints,
) -> None:
    """Add what is expected of a choice: visits by hour and room, entropy; and the surprise of its outcome."""
    place, total, scale = choice
    for j in range(weights.shape[0]):
        if weights[j] > 0.0:
            choice_chance = weights[j] * scale
            routes.expected_visits[u, j] += choice_chance
            routes.expected_by_hour[j, lattice.hour[slots[j]]] += choice_chance
            routes.visits_by_room[j, rooms[j]] += choice_chance
    if routes.entropy.shape[0] > 0:
        choice_nats = np.log(1.0 + total)
        routes.surprise[u] += choice_nats - (np.log(weights[place]) if place >= 0 else 0.0)
        for j in range(weights.shape[0]):
            if weights[j] > 0.0:
                choice_nats -= weights[j] * scale * (np.log(weights[j]) - lattice.length_entropy[j, rooms[j]])
        routes.entropy[u] += choice_nats


@njit(cache=True, nogil=True)
def _draw_visit(
    lattice: RouteLattice,
    routes: RouteDraws,
    u: int,
    at: int,
    place: int,
    room: int,
    draws: NDArray[np.uint64],
) -> tuple[int, int, int, int, int]:
    """A visit as a row of `visits`: its length is drawn, and the minute on which it starts."""
    length_index, remaining_weight = -1, (draws[0] >> 11) * TO_UNIT * lattice.fitting_weight[place, room]
    for k in range(lattice.lengths.shape[0]):
        if lattice.lengths[k] <= room and (length_index < 0 or remaining_weight >= 0.0):
            length_index = k
            remaining_weight -= lattice.length_weight[place, k]
    length_weight = lattice.length_weight[place, length_index] / lattice.fitting_weight[place, room]
    if routes.entropy.shape[0] > 0:
        routes.surprise[u] -= np.log(length_weight)
    return u, at, place, length_index, _draw_minute(draws[1], 0, lattice.slot_minutes)


@njit(cache=True, nogil=True)
def _write_visit(routes: RouteDraws, visit_index: int, visit: tuple[int, int, int, int, int]) -> None:
    for field in range(len(visit)):
        routes.visits[visit_index, field] = visit[field]


@njit(cache=True, nogil=True)
def _draw_minute(draw: int, first_minute: int, slot_minutes: int) -> int:
    """A minute of the slot, uniform from the first one on."""
    # The bias of the remainder, below 2^-40, no sample shows.
    return first_minute + int((draw >> 11) % (slot_minutes - first_minute))


@njit(cache=True, nogil=True)
def mark_visit(lattice: RouteLattice, place: int, slot: int, end: int, pair: int) -> None:
    """Keep others off a place in slots `slot` .. `end` - 1 and its hard gap; weigh down its soft one."""
    slot_count, most_slots = lattice.free_slots.shape[0], lattice.fitting_weight.shape[1]
    hard_gap, gap = lattice.hard_gap[place], lattice.gap[place]
    begin_slot = min(max(slot - hard_gap, 0), slot_count)
    spare_slots = 1 if lattice.slot_minutes > 1 else 0
    end_slot = max(min(end + spare_slots + hard_gap, slot_count), begin_slot)
    lattice.free_slots[begin_slot:end_slot, place] = 0
    for s in range(max(begin_slot - most_slots, 0), begin_slot if end_slot > begin_slot else 0):
        lattice.free_slots[s, place] = min(lattice.free_slots[s, place], begin_slot - s)
    if lattice.occupant.shape[0] > 1:
        lattice.occupant[begin_slot:end_slot, place] = pair if pair > 0 and hard_gap == 0 else -1
    if lattice.is_near.shape[0] > 1 and gap > 0:
        lattice.is_near[max(slot - gap, 0) : max(min(end + gap, slot_count), 0), place] = 1


@njit(cache=True, nogil=True)
def _add_cell_chances(
    lattice: RouteLattice,
    slots: Ints,
    weights: Floats,
    rooms: Ints,
    scale: float,
    chances: CellChances,
    end_cell: int,
) -> None:
    """Add chances `scale` x `weights` where nobody drawn before starts in the cell, or is there."""
    for j in range(weights.shape[0] if end_cell > 0 else 0):
        for minute in range(lattice.slot_minutes if weights[j] > 0.0 else 0):
            minute_chance = weights[j] * scale / lattice.slot_minutes
            start_minute = lattice.first_minute + slots[j] * lattice.slot_minutes + minute
            cell_index = start_minute // chances.minutes
            if cell_index < end_cell and not chances.has_start[j, cell_index]:
                chances.start[j, cell_index] += minute_chance
            for k in range(lattice.lengths.shape[0]):
                if lattice.lengths[k] <= rooms[j]:
                    last_cell = (start_minute + lattice.length_minutes[k] - 1) // chances.minutes
                    length_share = lattice.length_weight[j, k] / lattice.fitting_weight[j, rooms[j]]
                    for c in range(cell_index, min(last_cell + 1, end_cell)):
                        # A product, not a branch: nobody there counts whole, somebody not at all.
                        chances.presence[j, c] += (
                            minute_chance * length_share * (1 - chances.has_presence[j, c])
                        )


@njit(cache=True, nogil=True)
def _mark_cells(
    lattice: RouteLattice, visit: tuple[int, int, int, int, int], chances: CellChances, end_cell: int
) -> None:
    start_minute = lattice.first_minute + visit[1] * lattice.slot_minutes + visit[4]
    cell_index = start_minute // chances.minutes
    if cell_index < end_cell:
        chances.has_start[visit[2], cell_index] = 1
    last_minute = start_minute + lattice.length_minutes[visit[3]] - 1
    chances.has_presence[visit[2], cell_index : min(last_minute // chances.minutes + 1, end_cell)] = 1


@njit(cache=True, nogil=True)
def sample_route(
    lattice: RouteLattice,
    walkers: Walkers,
    u: int,
    links: Links,
    factors: Floats,
    draws: NDArray[np.uint64],
    chances: CellChances,
) -> None:
    """Add the chances by cell of walker u, drawn once for each row of `draws`, given all that is marked."""
    n, most_visits = factors.shape[0], walkers.is_open.shape[1]
    begin_slot = max(walkers.first_slot[u] - lattice.fitting_weight.shape[1], 0)
    end = min(
        walkers.first_slot[u] + walkers.fields[u, 0] + lattice.fitting_weight.shape[1], lattice.row.shape[0]
    )
    free_slots, occupant = lattice.free_slots[begin_slot:end].copy(), lattice.occupant[begin_slot:end].copy()
    is_near = lattice.is_near[begin_slot:end].copy()
    routes = RouteDraws(
        np.zeros((most_visits, 5), np.int64),
        np.zeros((u + 1, 2), np.int64),
        np.zeros((u + 1, n)),
        np.zeros((n, lattice.fitting_weight.shape[1])),
        np.zeros((n, lattice.bins)),
        np.zeros(0),
        np.zeros(0),
        np.zeros(u + 1),
    )
    for k in range(draws.shape[0]):
        _draw_route(lattice, walkers, (u, links, factors), draws[k], routes, 0, chances)
        chances.has_start[:] = 0
        chances.has_presence[:] = 0
        lattice.free_slots[begin_slot:end], lattice.occupant[begin_slot:end] = free_slots, occupant
        lattice.is_near[begin_slot:end] = is_near


@njit(cache=True, nogil=True)
def expect_route(
    lattice: RouteLattice, walkers: Walkers, u: int, links: Links, factors: Floats, chances: CellChances
) -> float:
    """What is expected of walker u, given all that is marked: adds its chances by cell, gives its entropy.

    The chance to be free in a slot at a node is carried forward from choice to choice, so that the answer is
    exact; a draw takes a hundredth of the time.
    """
    walker, n, first_slot, entropy = select_walker(walkers, u), factors.shape[0], walkers.first_slot[u], 0.0
    own_free, weights, rooms = count_own_free_slots(walkers, u), np.zeros(n), np.zeros(n, np.int64)
    free_mass = np.zeros((walker.slots + walker.pause_slots + 2, 2, n + 1))
    free_mass[0, walker.pause_done, walker.node] = 1.0
    for t in range(walker.slots):
        for m in range(walker.pause_done, 2):
            chance_of_pause = pause_chance(walker, t, m)
            for i in range(n + 1):
                state_chance = free_mass[t, m, i]
                if state_chance == 0.0:
                    continue
                if chance_of_pause > 0.0:
                    free_mass[t + walker.pause_slots, 1, i] += state_chance * chance_of_pause
                    entropy += state_chance * _binary_entropy(chance_of_pause)
                    state_chance *= 1.0 - chance_of_pause
                walk_state = (t, i, m)
                weight_total = weigh_visits(
                    lattice, walkers, (u, links, factors), walk_state, own_free, (weights, rooms)
                )
                free_mass[t + 1, m, i] += state_chance / (1.0 + weight_total)
                if weight_total > 0.0 and state_chance > 0.0:
                    scale = state_chance / (1.0 + weight_total)
                    way_slots = links.slots[i] + t
                    entropy += _spread_choice(lattice, way_slots, weights, rooms, scale, free_mass[:, m])
                    entropy += state_chance * np.log(1.0 + weight_total)
                    _add_cell_chances(
                        lattice, way_slots + first_slot, weights, rooms, scale, chances, chances.end_cell[u]
                    )
    return entropy


@njit(cache=True, nogil=True)
def _binary_entropy(chance: float) -> float:
    if chance >= 1.0:
        return 0.0
    return float(-chance * np.log(chance) - (1.0 - chance) * np.log(1.0 - chance))


@njit(cache=True, nogil=True)
def _spread_choice(
    lattice: RouteLattice, slots: Ints, weights: Floats, rooms: Ints, scale: float, free_mass: Floats
) -> float:
    """Carry the chances `scale` x `weights` of a choice to where its visits end; what it adds in entropy."""
    choice_nats = 0.0
    for j in range(weights.shape[0]):
        if weights[j] > 0.0:
            choice_chance = weights[j] * scale
            choice_nats -= choice_chance * (np.log(weights[j]) - lattice.length_entropy[j, rooms[j]])
            for k in range(lattice.lengths.shape[0]):
                if lattice.lengths[k] <= rooms[j]:
                    length_chance = lattice.length_weight[j, k] / lattice.fitting_weight[j, rooms[j]]
                    free_mass[slots[j] + lattice.lengths[k], j] += choice_chance * length_chance
    return choice_nats

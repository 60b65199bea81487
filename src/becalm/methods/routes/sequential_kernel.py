"""Many walkers on one lattice, drawn one after the other, each given those drawn before it; compiled.

A walker may not be where another one stands, is drawn less to places that were or will be visited within
their gap, and a little more to places that have had less than was due. The distribution of each walker
is that of `kernel` with visit weights changed accordingly, so that its marginals and its entropy, given the
walkers before it, are exact; the entropy of all together is their sum (the chain rule). The one exception is
a place with `own_gap` > 0: choices that break a walker's own rule are struck out while it is drawn.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Bytes, Floats, Ints
from becalm.methods.routes.distribution import (
    FEEDBACK_LIMIT,
    BackwardSums,
    Feedback,
    Links,
    LinksByMode,
    RouteDraws,
    RouteLattice,
    Walker,
    Walkers,
)
from becalm.methods.routes.kernel import compute_entropy, compute_marginals, draw_route, sum_backward

MOST_TRIES = 16  # a dead end is rare, and as good as certain to be one after so many


@njit(cache=True, nogil=True)
def select_links(links_by_mode: LinksByMode, mode: int) -> Links:
    """The links of one mode and home."""
    return Links(
        links_by_mode.slots[mode],
        links_by_mode.weight[mode],
        links_by_mode.minutes[mode],
        links_by_mode.slack[mode],
        links_by_mode.home_slots[mode],
        links_by_mode.home_minutes[mode],
    )


@njit(cache=True, nogil=True)
def select_walker(walkers: Walkers, u: int) -> Walker:
    """One walker of them all."""
    w = walkers.fields[u]
    return Walker(w[0], w[1], w[2], w[3], w[4], w[5])


@njit(cache=True, nogil=True)
def weigh_visits(lattice: RouteLattice, walkers: Walkers, u: int, factors: Floats) -> Floats:
    """The weight of every visit that walker u may make: [slots + 1, n, lengths].

    A visit needs its slots free, and one more where a slot has several minutes, since it starts at any
    of them.
    """
    slot_count, first_slot = walkers.fields[u, 0], walkers.first_slot[u]
    is_free = _free_slots(
        lattice.closed, lattice.occupant, walkers.is_open[u], first_slot, slot_count + 2, walkers.pair[u]
    )
    n, lengths = lattice.weight.shape[0], lattice.lengths
    spare_slots = 1 if lattice.slot_minutes > 1 else 0
    visit_weight = np.zeros((slot_count + 1, n, lengths.shape[0]))
    is_near, start_weights, length_weights = lattice.is_near, lattice.weight, lattice.length_weight
    for j in range(n):
        open_run = 0
        # Backwards, so that one pass tells how long the place stays open from each slot on.
        for s in range(slot_count + 1, -1, -1):
            open_run = open_run + 1 if is_free[j, s] else 0
            if s > slot_count or open_run == 0:
                continue
            start_weight = start_weights[j, first_slot + s] * factors[j]
            for length_index in range(lengths.shape[0]):
                if open_run >= lengths[length_index] + spare_slots:
                    length_weight = start_weight * length_weights[j, length_index]
                    last_slot = first_slot + s + lengths[length_index] - 1 + spare_slots
                    if is_near[j, first_slot + s] or is_near[j, last_slot]:
                        length_weight *= lattice.near_weight[j]
                    visit_weight[s, j, length_index] = length_weight
    return visit_weight


@njit(cache=True, nogil=True)
def _free_slots(
    closed: Bytes, occupant_by_slot: Ints, is_open: Bytes, first_slot: int, slot_count: int, pair: int
) -> Bools:
    """Where and when a walker of this pair may be, in slots of its own."""
    is_free = np.zeros((closed.shape[0], slot_count), np.bool_)
    for j in range(closed.shape[0]):
        for s in range(slot_count):
            occupant = occupant_by_slot[j, first_slot + s]
            is_mate = occupant > 0 and occupant == pair
            is_free[j, s] = is_open[s] == 1 and closed[j, first_slot + s] == 0 and (occupant == 0 or is_mate)
    return is_free


@njit(cache=True, nogil=True)
def mark_visit(lattice: RouteLattice, place: int, slot: int, end: int, pair: int) -> None:
    """Keep others off a place in slots `slot` .. `end` - 1, and weigh the place down within its gap."""
    slot_count = lattice.occupant.shape[1]
    spare_slots = 1 if lattice.slot_minutes > 1 else 0
    lattice.occupant[place, max(slot, 0) : max(min(end + spare_slots, slot_count), 0)] = (
        pair if pair > 0 else -1
    )
    gap_slots = lattice.gap[place]
    if gap_slots > 0:
        lattice.is_near[place, max(slot - gap_slots, 0) : max(min(end + gap_slots, slot_count), 0)] = 1


@njit(cache=True, nogil=True)
def add_expected_starts(
    lattice: RouteLattice, first_slot: int, starts: Floats, repeats: float, by_hour: Floats, by_place: Floats
) -> None:
    """Add what one walker gives: by place and bin, as often as it occurs, and by place alone."""
    for s in range(starts.shape[0]):
        for j in range(starts.shape[1]):
            if starts[s, j] > 0.0:
                by_hour[j, lattice.hour[first_slot + s]] += starts[s, j] * repeats
                by_place[j] += starts[s, j]


@njit(cache=True, nogil=True)
def draw_routes(
    lattice: RouteLattice,
    walkers: Walkers,
    links_by_mode: LinksByMode,
    feedback: Feedback,
    draws: NDArray[np.uint64],
    sizes: Ints,
    with_entropy: bool,
) -> tuple[RouteDraws, int]:
    """Draw every walker in turn, given those before it. Changes `occupant`, `is_near`, `owed_visits`.

    `draws` [U, D] are uniform on 64 bits; `sizes` are the numbers of cells and bins.
    The second answer is the number of visits; rows of `visits` beyond it mean nothing.
    Without `with_entropy`, entropies stay 0.
    """
    n, walker_count = lattice.weight.shape[0], walkers.first_slot.shape[0]
    routes = _empty_draws(walker_count, n, lattice.lengths.shape[0], sizes, walkers.is_open.shape[1])
    visit_count = 0
    for u in range(walker_count):
        walker, links = select_walker(walkers, u), select_links(links_by_mode, walkers.mode[u])
        visit_weight = weigh_visits(lattice, walkers, u, _feedback_factors(feedback))
        sums = sum_backward(walker, visit_weight, lattice.lengths, links)
        if sums.free_sums[walker.pause_done, 0, walker.node] <= 0.0:
            routes.status[u] = 1
            continue
        marginals = compute_marginals(walker, visit_weight, lattice.lengths, links, sums, with_entropy)
        if with_entropy:
            routes.entropy[u] = compute_entropy(sums, marginals, walker, links)
        routes.visits_by_length[:] += marginals.visits_by_length
        first_slot, start_chances = walkers.first_slot[u], marginals.start_chance
        add_expected_starts(
            lattice, first_slot, start_chances, 1.0, routes.expected_by_hour, routes.expected_visits[u]
        )
        _add_no_start_chance(lattice, first_slot, start_chances, routes.log_no_start)
        visits, pause_slot, log_p, is_complete = _draw_complete_route(
            lattice, walker, visit_weight, links, sums, draws[u]
        )
        if not is_complete:
            routes.status[u] = 2
        routes.surprise[u] = -log_p
        route = visits, pause_slot, draws[u]
        visit_count = _write_route(lattice, walkers, u, route, links, routes, visit_count)
        feedback.owed_visits[:] += feedback.due_visits[u]
        for k in range(visits.shape[0]):
            feedback.owed_visits[visits[k, 1]] -= 1.0
    return routes, visit_count


@njit(cache=True, nogil=True)
def _draw_complete_route(
    lattice: RouteLattice,
    walker: Walker,
    visit_weight: Floats,
    links: Links,
    sums: BackwardSums,
    draws: NDArray[np.uint64],
) -> tuple[Ints, int, float, bool]:
    """Draw a route, again where choices that were struck out led to a dead end; without visits in the end."""
    visits, pause_slot, log_p, is_complete = draw_route(
        walker, visit_weight, lattice.lengths, links, sums, draws, lattice.own_gap
    )
    attempt_count = 1
    while not is_complete and attempt_count < MOST_TRIES:
        # The same numbers in another order: a walker has its own row of the stream, and no more.
        turned_draws = np.roll(draws, attempt_count * 7)
        visits, pause_slot, log_p, is_complete = draw_route(
            walker, visit_weight, lattice.lengths, links, sums, turned_draws, lattice.own_gap
        )
        attempt_count += 1
    if not is_complete:
        visits, pause_slot = visits[:0], walker.pause_first if walker.pause_done == 0 else -1
    return visits, pause_slot, log_p, is_complete


@njit(cache=True, nogil=True)
def _empty_draws(count: int, n: int, lengths: int, sizes: Ints, longest: int) -> RouteDraws:
    return RouteDraws(
        np.zeros((count * (longest // 2 + 1), 5), np.int64),
        np.full((count, 2), -1, np.int64),
        np.zeros((count, n)),
        np.zeros((n, lengths)),
        np.zeros((n, sizes[0])),
        np.zeros((n, sizes[1])),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count, np.int64),
    )


@njit(cache=True, nogil=True)
def _feedback_factors(feedback: Feedback) -> Floats:
    factors = np.ones(feedback.owed_visits.shape[0])
    if feedback.strength > 0.0:
        for j in range(factors.shape[0]):
            # A step of a table, not exp of a double: libraries differ in the last bit of exp.
            table_step = int(np.rint(feedback.strength * feedback.owed_visits[j]))
            factors[j] = feedback.table[
                min(max(table_step, -FEEDBACK_LIMIT), FEEDBACK_LIMIT) + FEEDBACK_LIMIT
            ]
    return factors


@njit(cache=True, nogil=True)
def _add_no_start_chance(
    lattice: RouteLattice, first_slot: int, starts: Floats, log_no_start: Floats
) -> None:
    n = starts.shape[1]
    cell_number, start_chance = lattice.cell[first_slot], np.zeros(n)
    for s in range(starts.shape[0] + 1):
        is_over = s == starts.shape[0]
        if is_over or lattice.cell[first_slot + s] != cell_number:
            for j in range(n):
                # Rounding can carry a sure visit past 1, and the logarithm of 0 would poison every later sum.
                log_no_start[j, cell_number] += np.log1p(-min(start_chance[j], 1.0 - 1e-15))
                start_chance[j] = 0.0
            cell_number = lattice.cell[first_slot + s]
        if not is_over:
            start_chance += starts[s]


@njit(cache=True, nogil=True)
def _write_route(
    lattice: RouteLattice,
    walkers: Walkers,
    u: int,
    route: tuple[Ints, int, NDArray[np.uint64]],
    links: Links,
    routes: RouteDraws,
    visit_count: int,
) -> int:
    """Write down the visits of walker u with the minute of each start, and mark them on the lattice."""
    visits, pause_slot, draws = route
    slot_length, first_slot = lattice.slot_minutes, walkers.first_slot[u]
    node_number, free_slot, minute, draw_index = walkers.fields[u, 1], 0, 0, draws.shape[0] - 1
    has_paused = pause_slot < 0
    for k in range(visits.shape[0] + 1):
        if not has_paused and (k == visits.shape[0] or visits[k, 0] > pause_slot):
            minute = _draw_minute(
                draws[draw_index],
                minute - (pause_slot - free_slot) * lattice.slot_minutes,
                lattice.slot_minutes,
            )
            draw_index -= 1
            routes.pause[u, 0], routes.pause[u, 1] = first_slot + pause_slot, minute
            free_slot, minute, has_paused = pause_slot + walkers.fields[u, 3], 0, True
        if k == visits.shape[0]:
            break
        slot, place_number, length_index = visits[k]
        # Minutes are drawn after slots, each not before the one before allows: slots alone set the odds.
        slack_min = (slot - free_slot - links.slots[node_number, place_number]) * slot_length + links.slack[
            node_number, place_number
        ]
        minute = _draw_minute(draws[draw_index], minute - slack_min, slot_length)
        draw_index -= 1
        end_slot = slot + lattice.lengths[length_index]
        routes.visits[visit_count] = np.array([u, first_slot + slot, place_number, length_index, minute])
        routes.travel_minutes[u] += links.minutes[node_number, place_number]
        mark_visit(lattice, place_number, first_slot + slot, first_slot + end_slot, walkers.pair[u])
        visit_count, node_number, free_slot = visit_count + 1, place_number, end_slot
    routes.travel_minutes[u] += links.home_minutes[node_number]
    return visit_count


@njit(cache=True, nogil=True)
def _draw_minute(draw: int, earliest: int, slot_minutes: int) -> int:
    """A minute of the slot, uniform from the earliest one on."""
    first_minute = max(earliest, 0)
    return first_minute + int(
        (draw >> 11) % (slot_minutes - first_minute)
    )  # its bias, below 2^-40, no sample shows

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
    slots, first = walkers.fields[u, 0], walkers.first_slot[u]
    free = _free_slots(
        lattice.closed, lattice.occupant, walkers.is_open[u], first, slots + 2, walkers.pair[u]
    )
    n, lengths = lattice.weight.shape[0], lattice.lengths
    spare = 1 if lattice.slot_minutes > 1 else 0
    visit_weight = np.zeros((slots + 1, n, lengths.shape[0]))
    is_near, weight, by_length = lattice.is_near, lattice.weight, lattice.length_weight
    for j in range(n):
        open_run = 0
        # Backwards, so that one pass tells how long the place stays open from each slot on.
        for s in range(slots + 1, -1, -1):
            open_run = open_run + 1 if free[j, s] else 0
            if s > slots or open_run == 0:
                continue
            base = weight[j, first + s] * factors[j]
            for length_index in range(lengths.shape[0]):
                if open_run >= lengths[length_index] + spare:
                    weight_here = base * by_length[j, length_index]
                    end = first + s + lengths[length_index] - 1 + spare
                    if is_near[j, first + s] or is_near[j, end]:
                        weight_here *= lattice.near_weight[j]
                    visit_weight[s, j, length_index] = weight_here
    return visit_weight


@njit(cache=True, nogil=True)
def _free_slots(
    closed: Bytes, occupant_by_slot: Ints, is_open: Bytes, first: int, count: int, pair: int
) -> Bools:
    """Where and when a walker of this pair may be, in slots of its own."""
    free = np.zeros((closed.shape[0], count), np.bool_)
    for j in range(closed.shape[0]):
        for s in range(count):
            occupant = occupant_by_slot[j, first + s]
            is_mate = occupant > 0 and occupant == pair
            free[j, s] = is_open[s] == 1 and closed[j, first + s] == 0 and (occupant == 0 or is_mate)
    return free


@njit(cache=True, nogil=True)
def mark_visit(lattice: RouteLattice, place: int, slot: int, end: int, pair: int) -> None:
    """Keep others off a place in slots `slot` .. `end` - 1, and weigh the place down within its gap."""
    last = lattice.occupant.shape[1]
    spare = 1 if lattice.slot_minutes > 1 else 0
    lattice.occupant[place, max(slot, 0) : max(min(end + spare, last), 0)] = pair if pair > 0 else -1
    gap = lattice.gap[place]
    if gap > 0:
        lattice.is_near[place, max(slot - gap, 0) : max(min(end + gap, last), 0)] = 1


@njit(cache=True, nogil=True)
def add_expected_starts(
    lattice: RouteLattice, first: int, starts: Floats, repeats: float, by_hour: Floats, by_place: Floats
) -> None:
    """Add what one walker gives: by place and bin, as often as it occurs, and by place alone."""
    for s in range(starts.shape[0]):
        for j in range(starts.shape[1]):
            if starts[s, j] > 0.0:
                by_hour[j, lattice.hour[first + s]] += starts[s, j] * repeats
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
        first, starts = walkers.first_slot[u], marginals.start_chance
        add_expected_starts(lattice, first, starts, 1.0, routes.expected_by_hour, routes.expected_visits[u])
        _add_no_start_chance(lattice, first, starts, routes.log_no_start)
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
    attempts = 1
    while not is_complete and attempts < MOST_TRIES:
        # The same numbers in another order: a walker has its own row of the stream, and no more.
        turned_draws = np.roll(draws, attempts * 7)
        visits, pause_slot, log_p, is_complete = draw_route(
            walker, visit_weight, lattice.lengths, links, sums, turned_draws, lattice.own_gap
        )
        attempts += 1
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
            step = int(np.rint(feedback.strength * feedback.owed_visits[j]))
            factors[j] = feedback.table[min(max(step, -FEEDBACK_LIMIT), FEEDBACK_LIMIT) + FEEDBACK_LIMIT]
    return factors


@njit(cache=True, nogil=True)
def _add_no_start_chance(lattice: RouteLattice, first: int, starts: Floats, log_no_start: Floats) -> None:
    n = starts.shape[1]
    cell, chance = lattice.cell[first], np.zeros(n)
    for s in range(starts.shape[0] + 1):
        is_over = s == starts.shape[0]
        if is_over or lattice.cell[first + s] != cell:
            for j in range(n):
                # Rounding can carry a sure visit past 1, and the logarithm of 0 would poison every later sum.
                log_no_start[j, cell] += np.log1p(-min(chance[j], 1.0 - 1e-15))
                chance[j] = 0.0
            cell = lattice.cell[first + s]
        if not is_over:
            chance += starts[s]


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
    visits, pause, draws = route
    step, first = lattice.slot_minutes, walkers.first_slot[u]
    node, free_from, minute, spare = walkers.fields[u, 1], 0, 0, draws.shape[0] - 1
    has_paused = pause < 0
    for k in range(visits.shape[0] + 1):
        if not has_paused and (k == visits.shape[0] or visits[k, 0] > pause):
            minute = _minute(
                draws[spare], minute - (pause - free_from) * lattice.slot_minutes, lattice.slot_minutes
            )
            spare -= 1
            routes.pause[u, 0], routes.pause[u, 1] = first + pause, minute
            free_from, minute, has_paused = pause + walkers.fields[u, 3], 0, True
        if k == visits.shape[0]:
            break
        slot, place, length_index = visits[k]
        # Minutes are drawn after slots, each not before the one before allows: slots alone set the odds.
        slack = (slot - free_from - links.slots[node, place]) * step + links.slack[node, place]
        minute = _minute(draws[spare], minute - slack, step)
        spare -= 1
        end = slot + lattice.lengths[length_index]
        routes.visits[visit_count] = np.array([u, first + slot, place, length_index, minute])
        routes.travel_minutes[u] += links.minutes[node, place]
        mark_visit(lattice, place, first + slot, first + end, walkers.pair[u])
        visit_count, node, free_from = visit_count + 1, place, end
    routes.travel_minutes[u] += links.home_minutes[node]
    return visit_count


@njit(cache=True, nogil=True)
def _minute(draw: int, earliest: int, slot_minutes: int) -> int:
    """A minute of the slot, uniform from the earliest one on."""
    low = max(earliest, 0)
    return low + int((draw >> 11) % (slot_minutes - low))  # its bias, below 2^-40, no sample shows

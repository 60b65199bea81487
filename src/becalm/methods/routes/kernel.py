"""The distribution of one walker's routes, compiled: sums, marginals, and one route drawn from it.

Compiled by numba on first use, which takes some seconds; what it makes is kept beside this file or, where
that cannot be written, in the user's cache. Sums run in the order of the reference, so that both give the
same bits; no step may be reordered or fused (`fastmath` is off): a route could then not be drawn again from
its key on another machine.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes.distribution import BackwardSums, Links, Marginals, Walker

TO_UNIT = 2.0**-53  # 53 bits are all that a double holds: more would round up to 1 now and then
HOME, PAUSE, WAIT = -1, -2, -3


@njit(cache=True, nogil=True)
def sum_backward(walker: Walker, visit_weight: Floats, lengths: Ints, links: Links) -> BackwardSums:
    """What is the weight of all that can follow, from every node and slot?"""
    n, last_slot = visit_weight.shape[1], walker.slots
    free_sums, wait_sums = np.zeros((2, last_slot + 1, n + 1)), np.zeros((2, last_slot + 2, n + 1))
    visit_sums = np.zeros((2, last_slot + 1, n))
    # Transposed once: the inner loop then runs over neighbours in memory.
    link_slots, link_weights = links.slots.T.copy(), links.weight.T.copy()
    for t in range(last_slot, -1, -1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                continue
            _sum_visits(t, m, visit_weight, lengths, free_sums, visit_sums)
            onward_sums = (
                free_sums[1, t + walker.pause_slots].copy() if may_pause(walker, t, m) else np.zeros(n + 1)
            )
            _add_onward_sums(onward_sums, link_slots, link_weights, t, visit_sums[m])
            for i in range(n + 1):
                wait_sums[m, t, i] = onward_sums[i] + wait_sums[m, t + 1, i]
                free_sums[m, t, i] = wait_sums[m, t, i] + (
                    1.0 if m == 1 and t + links.home_slots[i] <= last_slot else 0.0
                )
    return BackwardSums(free_sums, wait_sums, visit_sums)


@njit(cache=True, nogil=True)
def is_idle(walker: Walker, t: int, m: int) -> bool:
    """Too late for the pause that is still due, or too early for it to be over."""
    return walker.pause_done == 0 and (
        t > walker.pause_last if m == 0 else t < walker.pause_first + walker.pause_slots
    )


@njit(cache=True, nogil=True)
def may_pause(walker: Walker, t: int, m: int) -> bool:
    """The pause is still due, and may begin in this slot."""
    return m == 0 and walker.pause_first <= t <= walker.pause_last and t + walker.pause_slots <= walker.slots


@njit(cache=True, nogil=True)
def _add_onward_sums(
    node_sums: Floats, link_slots: Ints, link_weights: Floats, t: int, visit_sums: Floats
) -> None:
    """Add to each node's total the weights of its links in slot t to a visit; both are [place, node]."""
    last_slot = visit_sums.shape[0] - 1
    for j in range(link_slots.shape[0]):  # nodes inside, so that their sums run side by side
        for i in range(link_slots.shape[1]):
            arrival_slot = t + link_slots[j, i]
            if arrival_slot <= last_slot:
                node_sums[i] += link_weights[j, i] * visit_sums[arrival_slot, j]


@njit(cache=True, nogil=True)
def _sum_visits(
    t: int, m: int, visit_weight: Floats, lengths: Ints, free_sums: Floats, visit_sums: Floats
) -> None:
    for j in range(visit_weight.shape[1]):
        visit_sum = 0.0
        for length_index in range(lengths.shape[0]):
            end_slot = t + lengths[length_index]
            if end_slot < free_sums.shape[1]:
                visit_sum += visit_weight[t, j, length_index] * free_sums[m, end_slot, j]
        visit_sums[m, t, j] = visit_sum


@njit(cache=True, nogil=True)
def compute_marginals(
    walker: Walker, visit_weight: Floats, lengths: Ints, links: Links, sums: BackwardSums, with_flow: bool
) -> Marginals:
    """How often is each place visited in each slot, and each link taken?

    `sums` are those of the same walker, above 0 at its start. Without `with_flow`, `link_flow` and
    `log_weight` stay 0.
    """
    n, last_slot = visit_weight.shape[1], walker.slots
    free_mass, wait_mass = np.zeros((2, last_slot + 1, n + 1)), np.zeros((2, n + 1))
    visit_mass = np.zeros((2, last_slot + 1, n))
    marginals = Marginals(
        np.zeros((last_slot + 1, n)),
        np.zeros((n, lengths.shape[0])),
        np.zeros((n + 1, n)),
        np.zeros(n + 1),
        np.zeros(1),
    )
    # The backward sums divide here, once, so that all that follows are probabilities already.
    free_mass[walker.pause_done, 0, walker.node] = 1.0 / sums.free_sums[walker.pause_done, 0, walker.node]
    for t in range(last_slot + 1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                continue
            _spread_visits(t, m, visit_weight, lengths, free_mass, visit_mass, (sums, marginals, with_flow))
            wait_mass[m] += free_mass[m, t]
            if may_pause(walker, t, m):
                free_mass[1, t + walker.pause_slots] += wait_mass[m]
            _count_last(t, m, last_slot, free_mass, links, marginals.last_node)
            _spread_links(t, m, wait_mass, links, visit_mass)
            if with_flow:
                _count_links(t, m, wait_mass, links, sums.visit_sums, marginals.link_flow)
    # The weight of a link is common to all slots: it is multiplied in at the end, not for every slot.
    marginals.link_flow[:] *= links.weight
    return marginals


@njit(cache=True, nogil=True)
def _count_last(t: int, m: int, last_slot: int, free_mass: Floats, links: Links, last_node: Floats) -> None:
    for i in range(last_node.shape[0]):
        if m == 1 and t + links.home_slots[i] <= last_slot:
            last_node[i] += free_mass[m, t, i]


@njit(cache=True, nogil=True)
def _spread_visits(
    t: int,
    m: int,
    visit_weight: Floats,
    lengths: Ints,
    free_mass: Floats,
    visit_mass: Floats,
    ends: tuple[BackwardSums, Marginals, bool],
) -> None:
    sums, marginals, with_flow = ends
    for j in range(visit_weight.shape[1]):
        visit_mass_here = visit_mass[m, t, j]
        if visit_mass_here == 0.0:
            continue
        marginals.start_chance[t, j] += visit_mass_here * sums.visit_sums[m, t, j]
        for length_index in range(lengths.shape[0]):
            end_slot = t + lengths[length_index]
            if end_slot < free_mass.shape[1]:
                stay_mass = visit_mass_here * visit_weight[t, j, length_index]
                free_mass[m, end_slot, j] += stay_mass
                stay_chance = stay_mass * sums.free_sums[m, end_slot, j]
                marginals.visits_by_length[j, length_index] += stay_chance
                if with_flow and stay_chance > 0.0:
                    marginals.log_weight[0] += stay_chance * np.log(visit_weight[t, j, length_index])


@njit(cache=True, nogil=True)
def _spread_links(t: int, m: int, wait_mass: Floats, links: Links, visit_mass: Floats) -> None:
    last_slot = visit_mass.shape[1] - 1
    for i in range(wait_mass.shape[1]):
        node_mass = wait_mass[m, i]
        if node_mass == 0.0:
            continue
        for j in range(visit_mass.shape[2]):
            arrival_slot = t + links.slots[i, j]
            if arrival_slot <= last_slot:
                visit_mass[m, arrival_slot, j] += links.weight[i, j] * node_mass


@njit(cache=True, nogil=True)
def _count_links(
    t: int, m: int, wait_mass: Floats, links: Links, visit_sums: Floats, link_flow: Floats
) -> None:
    last_slot = visit_sums.shape[1] - 1
    for i in range(wait_mass.shape[1]):
        for j in range(visit_sums.shape[2]):
            arrival_slot = t + links.slots[i, j]
            if arrival_slot <= last_slot:
                link_flow[i, j] += wait_mass[m, i] * visit_sums[m, arrival_slot, j]


@njit(cache=True, nogil=True)
def compute_entropy(sums: BackwardSums, marginals: Marginals, walker: Walker, links: Links) -> float:
    """How uncertain is the route, in nats: log Z less the expected logarithm of its weight."""
    mean_log_weight = marginals.log_weight[0]
    for i in range(links.weight.shape[0]):
        for j in range(links.weight.shape[1]):
            if marginals.link_flow[i, j] > 0.0:
                mean_log_weight += marginals.link_flow[i, j] * np.log(links.weight[i, j])
    return float(np.log(sums.free_sums[walker.pause_done, 0, walker.node]) - mean_log_weight)


@njit(cache=True, nogil=True)
def draw_route(
    walker: Walker,
    visit_weight: Floats,
    lengths: Ints,
    links: Links,
    sums: BackwardSums,
    draws: NDArray[np.uint64],
    own_gap: Ints,
) -> tuple[Ints, int, float, bool]:
    """Draw one route: its visits, the slot of its pause (or -1), the logarithm of its probability, its end.

    Visits are rows of slot, place and number of the length. `own_gap[j]` are the slots that must lie between
    the end of a visit to place j and its next one there (0: no rule): choices that break it
    are struck out, and the others share what is left. The last answer is False if that led to a dead end.
    """
    visits, visit_count, pause_slot = np.zeros((walker.slots + 1, 3), np.int64), 0, -1
    t, i, m, has_waited, draw_index, log_p = 0, walker.node, walker.pause_done, False, 0, 0.0
    last_ends = np.full(visit_weight.shape[1], -1_000_000, np.int64)  # so long ago that no gap reaches back
    is_struck = np.zeros(visit_weight.shape[1], np.bool_)
    while True:
        weight_total = sums.wait_sums[m, t, i] if has_waited else sums.free_sums[m, t, i]
        # What is struck out is taken off the total: to draw again until a choice is allowed might never end.
        weight_total -= _strike_out(t, i, m, links, sums, (last_ends, own_gap, is_struck))
        if weight_total <= 0.0:
            return visits[:visit_count], pause_slot, log_p, False
        move, move_weight = _next_move(
            walker,
            links,
            sums,
            (t, i, m, has_waited),
            (draws[draw_index] >> 11) * TO_UNIT * weight_total,
            is_struck,
        )
        draw_index += 1
        if move_weight == 0.0:
            return visits[:visit_count], pause_slot, log_p, False
        log_p += np.log(move_weight / weight_total)
        if move == HOME:
            return visits[:visit_count], pause_slot, log_p, True
        if move == PAUSE:
            pause_slot, t, m, has_waited = t, t + walker.pause_slots, 1, False
        elif move == WAIT:
            t, has_waited = t + 1, True
        else:
            t, i, has_waited = t + links.slots[i, move], move, False
            length_index, length_chance = _next_length(
                t, i, m, visit_weight, lengths, sums, draws[draw_index]
            )
            draw_index += 1
            log_p += np.log(length_chance)
            visits[visit_count, 0], visits[visit_count, 1], visits[visit_count, 2] = t, i, length_index
            visit_count, t = visit_count + 1, t + lengths[length_index]
            last_ends[i] = t


@njit(cache=True, nogil=True)
def _strike_out(
    t: int, i: int, m: int, links: Links, sums: BackwardSums, rule: tuple[Ints, Ints, Bools]
) -> float:
    """Mark the places to which this walker may not yet return, and sum the weight that is struck out."""
    last_end, own_gap, is_struck = rule
    struck_weight = 0.0
    for j in range(last_end.shape[0]):
        arrival_slot = t + links.slots[i, j]
        is_struck[j] = own_gap[j] > 0 and arrival_slot < last_end[j] + own_gap[j]
        if is_struck[j] and arrival_slot < sums.visit_sums.shape[1]:
            struck_weight += links.weight[i, j] * sums.visit_sums[m, arrival_slot, j]
    return struck_weight


@njit(cache=True, nogil=True)
def _next_move(
    walker: Walker,
    links: Links,
    sums: BackwardSums,
    state: tuple[int, int, int, bool],
    remaining_weight: float,
    is_struck: Bools,
) -> tuple[int, float]:
    """Where the sum of weights passes `remaining_weight`: home, pause, a place or wait; with its weight."""
    t, i, m, has_waited = state
    move, move_weight = WAIT, 0.0
    if not has_waited and m == 1 and t + links.home_slots[i] <= walker.slots:
        move, move_weight = HOME, 1.0
        remaining_weight -= 1.0
    if (
        remaining_weight >= 0.0
        and may_pause(walker, t, m)
        and sums.free_sums[1, t + walker.pause_slots, i] > 0.0
    ):
        move, move_weight = PAUSE, sums.free_sums[1, t + walker.pause_slots, i]
        remaining_weight -= move_weight
    if remaining_weight < 0.0:
        return move, move_weight
    for j in range(is_struck.shape[0]):
        arrival_slot = t + links.slots[i, j]
        onward_sum = (
            0.0
            if arrival_slot > walker.slots or is_struck[j]
            else links.weight[i, j] * sums.visit_sums[m, arrival_slot, j]
        )
        if onward_sum > 0.0:
            move, move_weight = j, onward_sum
            remaining_weight -= onward_sum
            if remaining_weight < 0.0:
                return move, move_weight
    onward_sum = sums.wait_sums[m, t + 1, i]
    # Rounding may leave a rest above 0 after the last choice: then the last possible one is meant.
    return (WAIT, onward_sum) if onward_sum > 0.0 else (move, move_weight)


@njit(cache=True, nogil=True)
def _next_length(
    t: int, j: int, m: int, visit_weight: Floats, lengths: Ints, sums: BackwardSums, draw: int
) -> tuple[int, float]:
    """The number of the length drawn for a visit to place j in slot t, and its probability."""
    weight_total = sums.visit_sums[m, t, j]
    weight_to_pass = (draw >> 11) * TO_UNIT * weight_total
    chosen_length, length_weight = 0, 0.0
    for length_index in range(lengths.shape[0]):
        end_slot = t + lengths[length_index]
        if end_slot < sums.free_sums.shape[1]:
            onward_weight = visit_weight[t, j, length_index] * sums.free_sums[m, end_slot, j]
            if onward_weight > 0.0:
                chosen_length, length_weight = length_index, onward_weight
                weight_to_pass -= onward_weight
                if weight_to_pass < 0.0:
                    break
    return chosen_length, length_weight / weight_total

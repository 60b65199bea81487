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
    n, last = visit_weight.shape[1], walker.slots
    free_sums, wait_sums = np.zeros((2, last + 1, n + 1)), np.zeros((2, last + 2, n + 1))
    visit_sums = np.zeros((2, last + 1, n))
    # Transposed once: the inner loop then runs over neighbours in memory.
    link_slots, weight = links.slots.T.copy(), links.weight.T.copy()
    for t in range(last, -1, -1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                continue
            _sum_visits(t, m, visit_weight, lengths, free_sums, visit_sums)
            total = (
                free_sums[1, t + walker.pause_slots].copy() if may_pause(walker, t, m) else np.zeros(n + 1)
            )
            _add_onward_sums(total, link_slots, weight, t, visit_sums[m])
            for i in range(n + 1):
                wait_sums[m, t, i] = total[i] + wait_sums[m, t + 1, i]
                free_sums[m, t, i] = wait_sums[m, t, i] + (
                    1.0 if m == 1 and t + links.home_slots[i] <= last else 0.0
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
def _add_onward_sums(total: Floats, link_slots: Ints, weight: Floats, t: int, visit_sums: Floats) -> None:
    """Add to each node's total the weights of its links in slot t to a visit; both are [place, node]."""
    last = visit_sums.shape[0] - 1
    for j in range(link_slots.shape[0]):  # nodes inside, so that their sums run side by side
        for i in range(link_slots.shape[1]):
            arrival = t + link_slots[j, i]
            if arrival <= last:
                total[i] += weight[j, i] * visit_sums[arrival, j]


@njit(cache=True, nogil=True)
def _sum_visits(
    t: int, m: int, visit_weight: Floats, lengths: Ints, free_sums: Floats, visit_sums: Floats
) -> None:
    for j in range(visit_weight.shape[1]):
        total = 0.0
        for length_index in range(lengths.shape[0]):
            end = t + lengths[length_index]
            if end < free_sums.shape[1]:
                total += visit_weight[t, j, length_index] * free_sums[m, end, j]
        visit_sums[m, t, j] = total


@njit(cache=True, nogil=True)
def compute_marginals(
    walker: Walker, visit_weight: Floats, lengths: Ints, links: Links, sums: BackwardSums, with_flow: bool
) -> Marginals:
    """How often is each place visited in each slot, and each link taken?

    `sums` are those of the same walker, above 0 at its start. Without `with_flow`, `link_flow` and
    `log_weight` stay 0.
    """
    n, last = visit_weight.shape[1], walker.slots
    free_mass, wait_mass = np.zeros((2, last + 1, n + 1)), np.zeros((2, n + 1))
    visit_mass = np.zeros((2, last + 1, n))
    marginals = Marginals(
        np.zeros((last + 1, n)),
        np.zeros((n, lengths.shape[0])),
        np.zeros((n + 1, n)),
        np.zeros(n + 1),
        np.zeros(1),
    )
    # The backward sums divide here, once, so that all that follows are probabilities already.
    free_mass[walker.pause_done, 0, walker.node] = 1.0 / sums.free_sums[walker.pause_done, 0, walker.node]
    for t in range(last + 1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                continue
            _spread_visits(t, m, visit_weight, lengths, free_mass, visit_mass, (sums, marginals, with_flow))
            wait_mass[m] += free_mass[m, t]
            if may_pause(walker, t, m):
                free_mass[1, t + walker.pause_slots] += wait_mass[m]
            _count_last(t, m, last, free_mass, links, marginals.last_node)
            _spread_links(t, m, wait_mass, links, visit_mass)
            if with_flow:
                _count_links(t, m, wait_mass, links, sums.visit_sums, marginals.link_flow)
    # The weight of a link is common to all slots: it is multiplied in at the end, not for every slot.
    marginals.link_flow[:] *= links.weight
    return marginals


@njit(cache=True, nogil=True)
def _count_last(t: int, m: int, last: int, free_mass: Floats, links: Links, last_node: Floats) -> None:
    for i in range(last_node.shape[0]):
        if m == 1 and t + links.home_slots[i] <= last:
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
        mass = visit_mass[m, t, j]
        if mass == 0.0:
            continue
        marginals.start_chance[t, j] += mass * sums.visit_sums[m, t, j]
        for length_index in range(lengths.shape[0]):
            end = t + lengths[length_index]
            if end < free_mass.shape[1]:
                mass_step = mass * visit_weight[t, j, length_index]
                free_mass[m, end, j] += mass_step
                chance = mass_step * sums.free_sums[m, end, j]
                marginals.visits_by_length[j, length_index] += chance
                if with_flow and chance > 0.0:
                    marginals.log_weight[0] += chance * np.log(visit_weight[t, j, length_index])


@njit(cache=True, nogil=True)
def _spread_links(t: int, m: int, wait_mass: Floats, links: Links, visit_mass: Floats) -> None:
    last = visit_mass.shape[1] - 1
    for i in range(wait_mass.shape[1]):
        mass = wait_mass[m, i]
        if mass == 0.0:
            continue
        for j in range(visit_mass.shape[2]):
            arrival = t + links.slots[i, j]
            if arrival <= last:
                visit_mass[m, arrival, j] += links.weight[i, j] * mass


@njit(cache=True, nogil=True)
def _count_links(
    t: int, m: int, wait_mass: Floats, links: Links, visit_sums: Floats, link_flow: Floats
) -> None:
    last = visit_sums.shape[1] - 1
    for i in range(wait_mass.shape[1]):
        for j in range(visit_sums.shape[2]):
            arrival = t + links.slots[i, j]
            if arrival <= last:
                link_flow[i, j] += wait_mass[m, i] * visit_sums[m, arrival, j]


@njit(cache=True, nogil=True)
def compute_entropy(sums: BackwardSums, marginals: Marginals, walker: Walker, links: Links) -> float:
    """How uncertain is the route, in nats: log Z less the expected logarithm of its weight."""
    log_weight = marginals.log_weight[0]
    for i in range(links.weight.shape[0]):
        for j in range(links.weight.shape[1]):
            if marginals.link_flow[i, j] > 0.0:
                log_weight += marginals.link_flow[i, j] * np.log(links.weight[i, j])
    return float(np.log(sums.free_sums[walker.pause_done, 0, walker.node]) - log_weight)


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
    visits, count, pause = np.zeros((walker.slots + 1, 3), np.int64), 0, -1
    t, i, m, has_waited, next_draw, log_p = 0, walker.node, walker.pause_done, False, 0, 0.0
    last_end = np.full(visit_weight.shape[1], -1_000_000, np.int64)  # so long ago that no gap reaches back
    is_struck = np.zeros(visit_weight.shape[1], np.bool_)
    while True:
        total = sums.wait_sums[m, t, i] if has_waited else sums.free_sums[m, t, i]
        # What is struck out is taken off the total: to draw again until a choice is allowed might never end.
        total -= _strike_out(t, i, m, links, sums, (last_end, own_gap, is_struck))
        if total <= 0.0:
            return visits[:count], pause, log_p, False
        move, weight = _next_move(
            walker, links, sums, (t, i, m, has_waited), (draws[next_draw] >> 11) * TO_UNIT * total, is_struck
        )
        next_draw += 1
        if weight == 0.0:
            return visits[:count], pause, log_p, False
        log_p += np.log(weight / total)
        if move == HOME:
            return visits[:count], pause, log_p, True
        if move == PAUSE:
            pause, t, m, has_waited = t, t + walker.pause_slots, 1, False
        elif move == WAIT:
            t, has_waited = t + 1, True
        else:
            t, i, has_waited = t + links.slots[i, move], move, False
            length_index, chance = _next_length(t, i, m, visit_weight, lengths, sums, draws[next_draw])
            next_draw += 1
            log_p += np.log(chance)
            visits[count, 0], visits[count, 1], visits[count, 2] = t, i, length_index
            count, t = count + 1, t + lengths[length_index]
            last_end[i] = t


@njit(cache=True, nogil=True)
def _strike_out(
    t: int, i: int, m: int, links: Links, sums: BackwardSums, rule: tuple[Ints, Ints, Bools]
) -> float:
    """Mark the places to which this walker may not yet return, and sum the weight that is struck out."""
    last_end, own_gap, is_struck = rule
    struck_weight = 0.0
    for j in range(last_end.shape[0]):
        arrival = t + links.slots[i, j]
        is_struck[j] = own_gap[j] > 0 and arrival < last_end[j] + own_gap[j]
        if is_struck[j] and arrival < sums.visit_sums.shape[1]:
            struck_weight += links.weight[i, j] * sums.visit_sums[m, arrival, j]
    return struck_weight


@njit(cache=True, nogil=True)
def _next_move(
    walker: Walker,
    links: Links,
    sums: BackwardSums,
    state: tuple[int, int, int, bool],
    rest: float,
    is_struck: Bools,
) -> tuple[int, float]:
    """Where the running sum of weights passes `rest`: home, pause, a place or waiting; with its weight."""
    t, i, m, has_waited = state
    move, weight = WAIT, 0.0
    if not has_waited and m == 1 and t + links.home_slots[i] <= walker.slots:
        move, weight = HOME, 1.0
        rest -= 1.0
    if rest >= 0.0 and may_pause(walker, t, m) and sums.free_sums[1, t + walker.pause_slots, i] > 0.0:
        move, weight = PAUSE, sums.free_sums[1, t + walker.pause_slots, i]
        rest -= weight
    if rest < 0.0:
        return move, weight
    for j in range(is_struck.shape[0]):
        arrival = t + links.slots[i, j]
        onward = (
            0.0
            if arrival > walker.slots or is_struck[j]
            else links.weight[i, j] * sums.visit_sums[m, arrival, j]
        )
        if onward > 0.0:
            move, weight = j, onward
            rest -= onward
            if rest < 0.0:
                return move, weight
    onward = sums.wait_sums[m, t + 1, i]
    # Rounding may leave a rest above 0 after the last choice: then the last possible one is meant.
    return (WAIT, onward) if onward > 0.0 else (move, weight)


@njit(cache=True, nogil=True)
def _next_length(
    t: int, j: int, m: int, visit_weight: Floats, lengths: Ints, sums: BackwardSums, draw: int
) -> tuple[int, float]:
    """The number of the length drawn for a visit to place j in slot t, and its probability."""
    total = sums.visit_sums[m, t, j]
    rest = (draw >> 11) * TO_UNIT * total
    chosen_length, weight = 0, 0.0
    for length_index in range(lengths.shape[0]):
        end = t + lengths[length_index]
        if end < sums.free_sums.shape[1]:
            onward = visit_weight[t, j, length_index] * sums.free_sums[m, end, j]
            if onward > 0.0:
                chosen_length, weight = length_index, onward
                rest -= onward
                if rest < 0.0:
                    break
    return chosen_length, weight / total

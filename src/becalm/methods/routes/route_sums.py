"""Sums over all routes of walkers that set out alike, eight at a time; compiled.

Among all distributions of routes with the same expected visits, the one of largest entropy gives each route a
probability in proportion to the product of the weights of its visits. Its entropy is log Z(theta) - theta x
target at the best theta, and no smaller at any other: a bound on the entropy of every distribution. Write m
for the state of the pause (1: done), and

    visit[m, s, j] = sum over l of weight[s, j, l] free[m, s + length_l, j]
    wait[m, t, i]  = pause + sum over j of visit[m, t + slots[i, j], j] + wait[m, t + 1, i]
    free[m, t, i]  = wait[m, t, i] + 1 if m = 1 and home is reached in time

where pause = free[1, t + pause slots, i] if m = 0 and a pause may begin at t. `free` is the sum of the
weights of all that can follow a visit or a pause, `wait` of what can follow a slot of waiting.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Baum et al., Annals of Mathematical Statistics 41 (1970)
164-171 (forward-backward); Cover and Thomas, "Elements of Information Theory" (2006), theorem 12.1.1.
"""

import numpy as np
from numba import njit

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.route_types import Walker

LANES = 8  # walkers at a time: two vectors of four doubles


@njit(cache=True, nogil=True)
def expect_visits(
    walker: Walker, slots: Ints, home_slots: Ints, visit_weight: Floats, lengths: Ints
) -> tuple[Floats, Floats]:
    """Expected visits by slot, node and length of eight walkers, [slots + 1, n, lengths, 8], and each log Z.

    `slots` [n + 1, n] and `home_slots` [n + 1] are those of their links, `visit_weight` has the shape of the
    answer. A walker without any route has a log Z of minus infinity, and no visits.
    """
    free_sums = _sum_backward(walker, slots, home_slots, visit_weight, lengths)
    n, last_slot, shape = visit_weight.shape[1], walker.slots, visit_weight.shape
    free_mass, wait_mass = np.zeros((2, last_slot + 1, n + 1, LANES)), np.zeros((2, n + 1, LANES))
    visit_mass, expected = np.zeros((2, last_slot + 1, n, LANES)), np.zeros(shape)
    log_z = np.full(LANES, -np.inf)
    for k in range(LANES):
        z = free_sums[walker.pause_done, 0, walker.node, k]
        if z > 0.0:
            log_z[k], free_mass[walker.pause_done, 0, walker.node, k] = np.log(z), 1.0 / z
    for t in range(last_slot + 1):
        for m in range(walker.pause_done, 2):
            if _is_idle(walker, t, m):
                continue
            _spread_stays(
                t, lengths, visit_weight[t], visit_mass[m, t], free_mass[m], free_sums[m], expected[t]
            )
            _add_lanes(wait_mass[m], free_mass[m, t])
            if _may_pause(walker, t, m):
                _add_lanes(free_mass[1, t + walker.pause_slots], wait_mass[m])
            _spread_links(t, wait_mass[m], slots, visit_mass[m])
    return expected, log_z


@njit(cache=True, nogil=True)
def _spread_stays(
    t: int,
    lengths: Ints,
    visit_weight: Floats,
    visit_mass: Floats,
    free_mass: Floats,
    free_sums: Floats,
    expected: Floats,
) -> None:
    """From where visits begin to where they end; counted by node and length."""
    for length_index in range(lengths.shape[0]):
        end_slot = t + lengths[length_index]
        if end_slot < free_mass.shape[0]:
            for j in range(visit_mass.shape[0]):
                for k in range(LANES):
                    stay_mass = visit_mass[j, k] * visit_weight[j, length_index, k]
                    free_mass[end_slot, j, k] += stay_mass
                    expected[j, length_index, k] += stay_mass * free_sums[end_slot, j, k]


@njit(cache=True, nogil=True)
def _add_lanes(sums: Floats, terms: Floats) -> None:
    # By element: an expression of whole arrays takes a second to compile.
    for i in range(sums.shape[0]):
        for k in range(LANES):
            sums[i, k] += terms[i, k]


@njit(cache=True, nogil=True)
def _add_stays(t: int, lengths: Ints, visit_weight: Floats, free_sums: Floats, visit_sums: Floats) -> None:
    for length_index in range(lengths.shape[0]):
        end_slot = t + lengths[length_index]
        if end_slot < free_sums.shape[0]:
            for j in range(visit_sums.shape[0]):
                for k in range(LANES):
                    visit_sums[j, k] += visit_weight[j, length_index, k] * free_sums[end_slot, j, k]


@njit(cache=True, nogil=True)
def _is_idle(walker: Walker, t: int, m: int) -> bool:
    """Too late for the pause that is still due, or too early for it to be over."""
    return walker.pause_done == 0 and (
        t > walker.pause_last if m == 0 else t < walker.pause_first + walker.pause_slots
    )


@njit(cache=True, nogil=True)
def _may_pause(walker: Walker, t: int, m: int) -> bool:
    return m == 0 and walker.pause_first <= t <= walker.pause_last and t + walker.pause_slots <= walker.slots


@njit(cache=True, nogil=True)
def _sum_backward(
    walker: Walker, slots: Ints, home_slots: Ints, visit_weight: Floats, lengths: Ints
) -> Floats:
    n, last_slot = visit_weight.shape[1], walker.slots
    free_sums, wait_sums = np.zeros((2, last_slot + 1, n + 1, LANES)), np.zeros((2, n + 1, LANES))
    visit_sums = np.zeros((2, last_slot + 1, n, LANES))
    for t in range(last_slot, -1, -1):
        for m in range(walker.pause_done, 2):
            if _is_idle(walker, t, m):
                wait_sums[m, :, :] = 0.0  # what waited in a later slot is no way on from here
                continue
            _add_stays(t, lengths, visit_weight[t], free_sums[m], visit_sums[m, t])
            if _may_pause(walker, t, m):
                _add_lanes(wait_sums[m], free_sums[1, t + walker.pause_slots])
            for i in range(n + 1):
                _add_onward_sums(t, slots[i], visit_sums[m], wait_sums[m, i])
                onward_sum = 1.0 if m == 1 and t + home_slots[i] <= last_slot else 0.0
                for k in range(LANES):
                    free_sums[m, t, i, k] = wait_sums[m, i, k] + onward_sum
    return free_sums


@njit(cache=True, nogil=True)
def _add_onward_sums(t: int, slots: Ints, visit_sums: Floats, total: Floats) -> None:
    for j in range(slots.shape[0]):
        arrival_slot = t + slots[j]
        if arrival_slot < visit_sums.shape[0]:
            for k in range(LANES):
                total[k] += visit_sums[arrival_slot, j, k]


@njit(cache=True, nogil=True)
def _spread_links(t: int, wait_mass: Floats, slots: Ints, visit_mass: Floats) -> None:
    for i in range(slots.shape[0]):
        for j in range(slots.shape[1]):
            arrival_slot = t + slots[i, j]
            if arrival_slot < visit_mass.shape[0]:
                for k in range(LANES):
                    visit_mass[arrival_slot, j, k] += wait_mass[i, k]

"""The distribution of routes in plain NumPy, with which the compiled kernels agree to the bit."""

from __future__ import annotations

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.distribution import BackwardSums, Links, Marginals, Walker


def sum_backward(walker: Walker, visit_weight: Floats, lengths: Ints, links: Links) -> BackwardSums:
    """What is the weight of all that can follow, from every node and slot (backward, in NumPy)?

    `visit_weight[s, j, l]` weighs a visit to place j that starts in slot s and lasts `lengths[l]` slots.
    """
    n, slots = visit_weight.shape[1], walker.slots
    free_sums, wait_sums = np.zeros((2, slots + 1, n + 1)), np.zeros((2, slots + 2, n + 1))
    visit_sums = np.zeros((2, slots + 1, n))
    for t in range(slots, -1, -1):
        for m in range(walker.pause_done, 2):
            if walker.pause_done == 0 and (
                t > walker.pause_last if m == 0 else t < walker.pause_first + walker.pause_slots
            ):
                continue  # too late for the pause that is still due, or too early for it to be over
            for number, length in enumerate(lengths):
                if t + length <= slots:
                    visit_sums[m, t] += visit_weight[t, :, number] * free_sums[m, t + length, :n]
            if m == 0 and walker.pause_first <= t <= walker.pause_last and t + walker.pause_slots <= slots:
                wait_sums[m, t] += free_sums[1, t + walker.pause_slots]
            for j in range(n):
                arrival = t + links.slots[:, j]
                reached = arrival <= slots
                wait_sums[m, t, reached] += links.weight[reached, j] * visit_sums[m, arrival[reached], j]
            wait_sums[m, t] += wait_sums[m, t + 1]
            free_sums[m, t] = wait_sums[m, t] + (m == 1) * (t + links.home_slots <= slots)
    return BackwardSums(free_sums, wait_sums, visit_sums)


def compute_marginals(walker: Walker, visit_weight: Floats, lengths: Ints, links: Links) -> Marginals:
    """How often does the law visit each place in each slot, and go each way (forward, in NumPy)?"""
    sums = sum_backward(walker, visit_weight, lengths, links)
    n, slots = visit_weight.shape[1], walker.slots
    free_mass, wait_mass = np.zeros((2, slots + 1, n + 1)), np.zeros((2, slots + 1, n + 1))
    visit_mass = np.zeros((2, slots + 1, n))
    result = Marginals(
        np.zeros((slots + 1, n)),
        np.zeros((n, len(lengths))),
        np.zeros((n + 1, n)),
        np.zeros(n + 1),
        np.zeros(1),
    )
    free_mass[walker.pause_done, 0, walker.node] = 1.0 / sums.free_sums[walker.pause_done, 0, walker.node]
    for t in range(slots + 1):
        for m in range(walker.pause_done, 2):
            result.start_chance[t] += visit_mass[m, t] * sums.visit_sums[m, t]
            for number, length in enumerate(lengths):
                if t + length <= slots:
                    mass = visit_mass[m, t] * visit_weight[t, :, number]
                    free_mass[m, t + length, :n] += mass
                    chance = mass * sums.free_sums[m, t + length, :n]
                    result.visits_by_length[:, number] += chance
                    result.log_weight[0] += _expected_log(chance, visit_weight[t, :, number])
            result.last_node[:] += free_mass[m, t] * ((m == 1) * (t + links.home_slots <= slots))
            wait_mass[m, t] = free_mass[m, t] + (wait_mass[m, t - 1] if t else 0.0)
            if m == 0 and walker.pause_first <= t <= walker.pause_last and t + walker.pause_slots <= slots:
                free_mass[1, t + walker.pause_slots] += wait_mass[m, t]
            _spread_over_links(t, m, wait_mass[m, t], links, visit_mass, sums.visit_sums, result.link_flow)
    return result


def _spread_over_links(
    t: int, m: int, wait_mass: Floats, links: Links, visit_mass: Floats, sums: Floats, link_flow: Floats
) -> None:
    """Spread what waits at each node in slot t over the ways that lead on."""
    for i, j in np.ndindex(links.slots.shape):
        arrival = t + links.slots[i, j]
        if arrival < visit_mass.shape[1]:
            visit_mass[m, arrival, j] += links.weight[i, j] * wait_mass[i]
            link_flow[i, j] += links.weight[i, j] * wait_mass[i] * sums[m, arrival, j]


def _expected_log(chance: Floats, weight: Floats) -> float:
    some = chance > 0
    return float(chance[some] @ np.log(weight[some]))


def compute_entropy(sums: BackwardSums, marginals: Marginals, walker: Walker, links: Links) -> float:
    """How uncertain is the walk, in nats: log Z less the expected logarithm of its weight."""
    log_weight = float(marginals.log_weight[0]) + _expected_log(
        marginals.link_flow.ravel(), links.weight.ravel()
    )
    return float(np.log(sums.free_sums[walker.pause_done, 0, walker.node])) - log_weight

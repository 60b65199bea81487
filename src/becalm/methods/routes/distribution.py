"""A Gibbs law over walks on a time-expanded graph: its value, its marginals, and the reference in NumPy.

A walker is on the way for some slots. It starts at a node, makes visits of one of several lengths at
places, pauses once within a window, and ends at its home in time. The weight of a walk is the product of
the weights of its visits (by start slot, place and length) and of its ways; the law gives each walk a
probability in proportion to its weight, which is the law of largest entropy among all that have its
expected visits and ways. Write m for the state of the pause (1: done), n for the home node, and

    begin[m, s, j] = sum over l of visit[s, j, l] free[m, s + length_l, j]
    wait[m, t, i]  = pause + sum over j of way[i, j] begin[m, t + slots[i, j], j] + wait[m, t + 1, i]
    free[m, t, i]  = wait[m, t, i] + 1 if m = 1 and home is reached in time

where pause = free[1, t + pause slots, i] if m = 0 and a pause may begin at t. `free` is the sum of the
weights of all ways to go on after a visit or a pause, `wait` after having waited. All sums run in a
fixed order with plain additions and products, so that a compiled kernel gives the same bits.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Baum et al., Annals of Mathematical Statistics 41
(1970) 164-171 (forward-backward); Akamatsu, Transportation Research B 30 (1996) 369-386 (laws of routes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from becalm.methods.arrays import Floats, Ints


class Ways(NamedTuple):
    """Between nodes: the places 0 .. n - 1 and the home n."""

    slots: Ints  # [n + 1, n], at least 1; a way that does not exist has more slots than any walk
    weight: Floats  # [n + 1, n]
    minutes: Floats  # [n + 1, n]
    slack: Ints  # [n + 1, n], whole minutes by which `slots` exceed what the way needs
    home: Ints  # [n + 1], slots to the home node
    home_minutes: Floats  # [n + 1]


class Walk(NamedTuple):
    """One walker: its time, its start and its pause; slots are counted from its own first one."""

    slots: int
    node: int  # where it starts
    paused: int  # 1: it needs no pause any more
    pause_slots: int
    pause_first: int  # a pause begins in one of the slots pause_first .. pause_last
    pause_last: int


class Value(NamedTuple):
    """Sums of weights over all ways to go on; `free[paused, 0, node]` is that of all walks."""

    free: Floats  # [2, slots + 1, n + 1]
    wait: Floats  # [2, slots + 2, n + 1]
    begin: Floats  # [2, slots + 1, n]


class Marginals(NamedTuple):
    """What the law expects of one walker."""

    starts: Floats  # [slots + 1, n]: probability that a visit starts
    lengths: Floats  # [n, lengths]: expected visits by length
    flow: Floats  # [n + 1, n]: expected number of ways
    last: Floats  # [n + 1]: probability that this is the node from which it goes home
    energy: Floats  # [1]: expected logarithm of the weights of its visits


def value_of(walk: Walk, visit: Floats, lengths: Ints, ways: Ways) -> Value:
    """What is the weight of all ways to go on, from every node and slot (backward, in NumPy)?

    `visit[s, j, l]` is the weight of a visit to place j that starts in slot s and lasts `lengths[l]` slots.
    """
    n, slots = visit.shape[1], walk.slots
    free, wait = np.zeros((2, slots + 1, n + 1)), np.zeros((2, slots + 2, n + 1))
    begin = np.zeros((2, slots + 1, n))
    for t in range(slots, -1, -1):
        for m in range(walk.paused, 2):
            if walk.paused == 0 and (
                t > walk.pause_last if m == 0 else t < walk.pause_first + walk.pause_slots
            ):
                continue  # too late for the pause that is still due, or too early for it to be over
            for number, length in enumerate(lengths):
                if t + length <= slots:
                    begin[m, t] += visit[t, :, number] * free[m, t + length, :n]
            if m == 0 and walk.pause_first <= t <= walk.pause_last and t + walk.pause_slots <= slots:
                wait[m, t] += free[1, t + walk.pause_slots]
            for j in range(n):
                at = t + ways.slots[:, j]
                reached = at <= slots
                wait[m, t, reached] += ways.weight[reached, j] * begin[m, at[reached], j]
            wait[m, t] += wait[m, t + 1]
            free[m, t] = wait[m, t] + (m == 1) * (t + ways.home <= slots)
    return Value(free, wait, begin)


def marginals_of(walk: Walk, visit: Floats, lengths: Ints, ways: Ways) -> Marginals:
    """How often does the law visit each place in each slot, and go each way (forward, in NumPy)?"""
    value = value_of(walk, visit, lengths, ways)
    n, slots = visit.shape[1], walk.slots
    free, wait = np.zeros((2, slots + 1, n + 1)), np.zeros((2, slots + 1, n + 1))
    begin = np.zeros((2, slots + 1, n))
    result = Marginals(
        np.zeros((slots + 1, n)),
        np.zeros((n, len(lengths))),
        np.zeros((n + 1, n)),
        np.zeros(n + 1),
        np.zeros(1),
    )
    free[walk.paused, 0, walk.node] = 1.0 / value.free[walk.paused, 0, walk.node]
    for t in range(slots + 1):
        for m in range(walk.paused, 2):
            result.starts[t] += begin[m, t] * value.begin[m, t]
            for number, length in enumerate(lengths):
                if t + length <= slots:
                    step = begin[m, t] * visit[t, :, number]
                    free[m, t + length, :n] += step
                    chance = step * value.free[m, t + length, :n]
                    result.lengths[:, number] += chance
                    result.energy[0] += _times_log(chance, visit[t, :, number])
            result.last[:] += free[m, t] * ((m == 1) * (t + ways.home <= slots))
            wait[m, t] = free[m, t] + (wait[m, t - 1] if t else 0.0)
            if m == 0 and walk.pause_first <= t <= walk.pause_last and t + walk.pause_slots <= slots:
                free[1, t + walk.pause_slots] += wait[m, t]
            _go(t, m, wait[m, t], ways, begin, value.begin, result.flow)
    return result


def _go(t: int, m: int, wait: Floats, ways: Ways, begin: Floats, value: Floats, flow: Floats) -> None:
    """Spread what waits at each node in slot t over the ways that lead on."""
    for i, j in np.ndindex(ways.slots.shape):
        at = t + ways.slots[i, j]
        if at < begin.shape[1]:
            begin[m, at, j] += ways.weight[i, j] * wait[i]
            flow[i, j] += ways.weight[i, j] * wait[i] * value[m, at, j]


def _times_log(chance: Floats, weight: Floats) -> float:
    some = chance > 0
    return float(chance[some] @ np.log(weight[some]))


def entropy_of(value: Value, marginals: Marginals, walk: Walk, ways: Ways) -> float:
    """How uncertain is the walk, in nats: log Z less the expected logarithm of its weight."""
    energy = float(marginals.energy[0]) + _times_log(marginals.flow.ravel(), ways.weight.ravel())
    return float(np.log(value.free[walk.paused, 0, walk.node])) - energy

"""The law over walks of `route_law`, compiled: value, marginals, and one walk drawn from it.

Compiled by numba on first use, which takes some seconds; what it makes is kept beside this file or, where
that cannot be written, in the user's cache. Sums run in the order of the reference, so that both give the
same bits; no step is allowed to be reordered or fused (`fastmath` is off).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes.distribution import Marginals, Value, Walk, Ways

TO_UNIT = 2.0**-53
HOME, PAUSE, WAIT = -1, -2, -3


@njit(cache=True, nogil=True)
def value_of(walk: Walk, visit: Floats, lengths: Ints, ways: Ways) -> Value:
    """What is the weight of all ways to go on, from every node and slot?"""
    n, last = visit.shape[1], walk.slots
    free, wait = np.zeros((2, last + 1, n + 1)), np.zeros((2, last + 2, n + 1))
    begin = np.zeros((2, last + 1, n))
    slots, weight = ways.slots.T.copy(), ways.weight.T.copy()
    for t in range(last, -1, -1):
        for m in range(walk.paused, 2):
            if is_idle(walk, t, m):
                continue
            _begin_at(t, m, visit, lengths, free, begin)
            total = free[1, t + walk.pause_slots].copy() if may_pause(walk, t, m) else np.zeros(n + 1)
            _add_onward(total, slots, weight, t, begin[m])
            for i in range(n + 1):
                wait[m, t, i] = total[i] + wait[m, t + 1, i]
                free[m, t, i] = wait[m, t, i] + (1.0 if m == 1 and t + ways.home[i] <= last else 0.0)
    return Value(free, wait, begin)


@njit(cache=True, nogil=True)
def is_idle(walk: Walk, t: int, m: int) -> bool:
    """Too late for the pause that is still due, or too early for it to be over."""
    return walk.paused == 0 and (t > walk.pause_last if m == 0 else t < walk.pause_first + walk.pause_slots)


@njit(cache=True, nogil=True)
def may_pause(walk: Walk, t: int, m: int) -> bool:
    """The pause is still due, and may begin in this slot."""
    return m == 0 and walk.pause_first <= t <= walk.pause_last and t + walk.pause_slots <= walk.slots


@njit(cache=True, nogil=True)
def _add_onward(total: Floats, slots: Ints, weight: Floats, t: int, begin: Floats) -> None:
    """Add to each node's total the weights of its ways in slot t to a visit; both ways are [place, node]."""
    last = begin.shape[0] - 1
    for j in range(slots.shape[0]):  # nodes inside, so that their sums run side by side
        for i in range(slots.shape[1]):
            at = t + slots[j, i]
            if at <= last:
                total[i] += weight[j, i] * begin[at, j]


@njit(cache=True, nogil=True)
def _begin_at(t: int, m: int, visit: Floats, lengths: Ints, free: Floats, begin: Floats) -> None:
    for j in range(visit.shape[1]):
        total = 0.0
        for number in range(lengths.shape[0]):
            end = t + lengths[number]
            if end < free.shape[1]:
                total += visit[t, j, number] * free[m, end, j]
        begin[m, t, j] = total


@njit(cache=True, nogil=True)
def marginals_of(
    walk: Walk, visit: Floats, lengths: Ints, ways: Ways, value: Value, whole: bool
) -> Marginals:
    """How often does the law visit each place in each slot, and go each way?

    `value` is that of the same law, above 0 for the walk. Without `whole`, `flow` and `energy` stay 0.
    """
    n, last = visit.shape[1], walk.slots
    free, wait = np.zeros((2, last + 1, n + 1)), np.zeros((2, n + 1))
    begin = np.zeros((2, last + 1, n))
    out = Marginals(
        np.zeros((last + 1, n)),
        np.zeros((n, lengths.shape[0])),
        np.zeros((n + 1, n)),
        np.zeros(n + 1),
        np.zeros(1),
    )
    free[walk.paused, 0, walk.node] = 1.0 / value.free[walk.paused, 0, walk.node]
    for t in range(last + 1):
        for m in range(walk.paused, 2):
            if is_idle(walk, t, m):
                continue
            _spread_visits(t, m, visit, lengths, free, begin, (value, out, whole))
            wait[m] += free[m, t]
            if may_pause(walk, t, m):
                free[1, t + walk.pause_slots] += wait[m]
            _count_last(t, m, last, free, ways, out.last)
            _spread_ways(t, m, wait, ways, begin)
            if whole:
                _count_ways(t, m, wait, ways, value.begin, out.flow)
    out.flow[:] *= ways.weight
    return out


@njit(cache=True, nogil=True)
def _count_last(t: int, m: int, last: int, free: Floats, ways: Ways, out: Floats) -> None:
    for i in range(out.shape[0]):
        if m == 1 and t + ways.home[i] <= last:
            out[i] += free[m, t, i]


@njit(cache=True, nogil=True)
def _spread_visits(
    t: int,
    m: int,
    visit: Floats,
    lengths: Ints,
    free: Floats,
    begin: Floats,
    ends: tuple[Value, Marginals, bool],
) -> None:
    value, out, whole = ends
    for j in range(visit.shape[1]):
        here = begin[m, t, j]
        if here == 0.0:
            continue
        out.starts[t, j] += here * value.begin[m, t, j]
        for number in range(lengths.shape[0]):
            end = t + lengths[number]
            if end < free.shape[1]:
                step = here * visit[t, j, number]
                free[m, end, j] += step
                chance = step * value.free[m, end, j]
                out.lengths[j, number] += chance
                if whole and chance > 0.0:
                    out.energy[0] += chance * np.log(visit[t, j, number])


@njit(cache=True, nogil=True)
def _spread_ways(t: int, m: int, wait: Floats, ways: Ways, begin: Floats) -> None:
    last = begin.shape[1] - 1
    for i in range(wait.shape[1]):
        here = wait[m, i]
        if here == 0.0:
            continue
        for j in range(begin.shape[2]):
            at = t + ways.slots[i, j]
            if at <= last:
                begin[m, at, j] += ways.weight[i, j] * here


@njit(cache=True, nogil=True)
def _count_ways(t: int, m: int, wait: Floats, ways: Ways, value: Floats, flow: Floats) -> None:
    last = value.shape[1] - 1
    for i in range(wait.shape[1]):
        for j in range(value.shape[2]):
            at = t + ways.slots[i, j]
            if at <= last:
                flow[i, j] += wait[m, i] * value[m, at, j]


@njit(cache=True, nogil=True)
def entropy_of(value: Value, marginals: Marginals, walk: Walk, ways: Ways) -> float:
    """How uncertain is the walk, in nats: log Z less the expected logarithm of its weight."""
    energy = marginals.energy[0]
    for i in range(ways.weight.shape[0]):
        for j in range(ways.weight.shape[1]):
            if marginals.flow[i, j] > 0.0:
                energy += marginals.flow[i, j] * np.log(ways.weight[i, j])
    return float(np.log(value.free[walk.paused, 0, walk.node]) - energy)


@njit(cache=True, nogil=True)
def draw_walk(
    walk: Walk, visit: Floats, lengths: Ints, ways: Ways, value: Value, draws: Ints, apart: Ints
) -> tuple[Ints, int, float, bool]:
    """Draw one walk: its visits, the slot of its pause (or -1), the logarithm of its probability, its end.

    Visits are rows of slot, place and number of the length. `apart[j]` are the slots that must lie between
    the end of a visit of this walk to place j and its next one there (0: no rule): choices that break it
    are struck out, and the others share what is left. The last answer is False if that led to a dead end.
    """
    visits, count, pause = np.zeros((walk.slots + 1, 3), np.int64), 0, -1
    t, i, m, waited, used, log_p = 0, walk.node, walk.paused, False, 0, 0.0
    left = np.full(visit.shape[1], -1_000_000, np.int64)
    struck = np.zeros(visit.shape[1], np.bool_)
    while True:
        total = value.wait[m, t, i] if waited else value.free[m, t, i]
        total -= _strike(t, i, m, ways, value, (left, apart, struck))
        if total <= 0.0:
            return visits[:count], pause, log_p, False
        move, weight = _next_move(
            walk, ways, value, (t, i, m, waited), (draws[used] >> 11) * TO_UNIT * total, struck
        )
        used += 1
        if weight == 0.0:
            return visits[:count], pause, log_p, False
        log_p += np.log(weight / total)
        if move == HOME:
            return visits[:count], pause, log_p, True
        if move == PAUSE:
            pause, t, m, waited = t, t + walk.pause_slots, 1, False
        elif move == WAIT:
            t, waited = t + 1, True
        else:
            t, i, waited = t + ways.slots[i, move], move, False
            number, chance = _next_length(t, i, m, visit, lengths, value, draws[used])
            used += 1
            log_p += np.log(chance)
            visits[count, 0], visits[count, 1], visits[count, 2] = t, i, number
            count, t = count + 1, t + lengths[number]
            left[i] = t


@njit(cache=True, nogil=True)
def _strike(t: int, i: int, m: int, ways: Ways, value: Value, rule: tuple[Ints, Ints, Bools]) -> float:
    """Mark the places to which this walk may not yet return, and sum the weight that is struck out."""
    left, apart, struck = rule
    lost = 0.0
    for j in range(left.shape[0]):
        at = t + ways.slots[i, j]
        struck[j] = apart[j] > 0 and at < left[j] + apart[j]
        if struck[j] and at < value.begin.shape[1]:
            lost += ways.weight[i, j] * value.begin[m, at, j]
    return lost


@njit(cache=True, nogil=True)
def _next_move(
    walk: Walk,
    ways: Ways,
    value: Value,
    state: tuple[int, int, int, bool],
    rest: float,
    struck: Bools,
) -> tuple[int, float]:
    """Where the running sum of weights passes `rest`: home, pause, a place or waiting; with its weight."""
    t, i, m, waited = state
    move, weight = WAIT, 0.0
    if not waited and m == 1 and t + ways.home[i] <= walk.slots:
        move, weight = HOME, 1.0
        rest -= 1.0
    if rest >= 0.0 and may_pause(walk, t, m) and value.free[1, t + walk.pause_slots, i] > 0.0:
        move, weight = PAUSE, value.free[1, t + walk.pause_slots, i]
        rest -= weight
    if rest < 0.0:
        return move, weight
    for j in range(struck.shape[0]):
        at = t + ways.slots[i, j]
        here = 0.0 if at > walk.slots or struck[j] else ways.weight[i, j] * value.begin[m, at, j]
        if here > 0.0:
            move, weight = j, here
            rest -= here
            if rest < 0.0:
                return move, weight
    here = value.wait[m, t + 1, i]
    return (WAIT, here) if here > 0.0 else (move, weight)


@njit(cache=True, nogil=True)
def _next_length(
    t: int, j: int, m: int, visit: Floats, lengths: Ints, value: Value, draw: int
) -> tuple[int, float]:
    """The number of the length drawn for a visit to place j in slot t, and its probability."""
    total = value.begin[m, t, j]
    rest = (draw >> 11) * TO_UNIT * total
    chosen, weight = 0, 0.0
    for number in range(lengths.shape[0]):
        end = t + lengths[number]
        if end < value.free.shape[1]:
            here = visit[t, j, number] * value.free[m, end, j]
            if here > 0.0:
                chosen, weight = number, here
                rest -= here
                if rest < 0.0:
                    break
    return chosen, weight / total

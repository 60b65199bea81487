"""What walkers give on average, each for itself, eight of a kind at a time; compiled.

Walkers that set out in the same way (the same slots, home, pause and ways, but other visit weights) share
every look-up of a way. Each one's sums run in the order of `route_kernel`, so that both give the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes.distribution import Walk, Ways
from becalm.methods.routes.kernel import is_idle, marginals_of, may_pause, value_of
from becalm.methods.routes.sequential_kernel import add_starts, visit_weights, walk_of, ways_of
from becalm.methods.routes.sequential_routes import AllWays, Crowd, Ground

MANY = 8  # walkers at a time: two vectors of four doubles
WORTH_IT = 4  # fewer walkers than this are quicker one by one


@njit(cache=True, nogil=True)
def expect_crowd(
    ground: Ground, crowd: Crowd, all_ways: AllWays, times: Floats, bins: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """What walkers give on average, each for itself: by place and bin, by length, each, and log Z each.

    `times` says how often a walker of this kind occurs.
    """
    n, count, kinds = ground.weight.shape[0], crowd.first.shape[0], ground.lengths.shape[0]
    hours, lengths = np.zeros((n, bins)), np.zeros((n, kinds))
    each, log_z = np.zeros((count, n)), np.full(count, -np.inf)
    starts = np.zeros((count, crowd.walk[:, 0].max() + 1 if count else 1, n))
    by_length, done = np.zeros((count, n, kinds)), np.zeros(count, np.bool_)
    for u in range(count):
        if not done[u]:
            group = _alike(crowd, u, done)
            if group.shape[0] >= WORTH_IT:
                _expect_group(ground, crowd, all_ways, group, (starts, by_length, log_z))
            else:
                for v in group:
                    _expect_one(ground, crowd, all_ways, v, (starts, by_length, log_z))
    for u in range(count):  # in the order of the walkers, whatever group they were in
        lengths += by_length[u] * times[u]
        add_starts(ground, crowd.first[u], starts[u, : crowd.walk[u, 0] + 1], times[u], hours, each[u])
    return hours, lengths, each, log_z


@njit(cache=True, nogil=True)
def _alike(crowd: Crowd, u: int, done: Bools) -> Ints:
    """Walker u and the next ones that set out in the same way, marked as done."""
    group, size = np.zeros(MANY, np.int64), 0
    for v in range(u, crowd.first.shape[0]):
        if size == MANY:
            break
        if not done[v] and crowd.way[v] == crowd.way[u] and (crowd.walk[v] == crowd.walk[u]).all():
            group[size], done[v] = v, True
            size += 1
    return group[:size]


@njit(cache=True, nogil=True)
def _expect_one(
    ground: Ground, crowd: Crowd, all_ways: AllWays, u: int, out: tuple[Floats, Floats, Floats]
) -> None:
    starts, by_length, log_z = out
    walk, ways = walk_of(crowd, u), ways_of(all_ways, crowd.way[u])
    visit = visit_weights(ground, crowd, u, np.ones(ground.weight.shape[0]))
    value = value_of(walk, visit, ground.lengths, ways)
    if value.free[walk.paused, 0, walk.node] <= 0.0:
        return
    log_z[u] = np.log(value.free[walk.paused, 0, walk.node])
    found = marginals_of(walk, visit, ground.lengths, ways, value, False)
    starts[u, : walk.slots + 1], by_length[u] = found.starts, found.lengths


@njit(cache=True, nogil=True)
def _expect_group(
    ground: Ground, crowd: Crowd, all_ways: AllWays, group: Ints, out: tuple[Floats, Floats, Floats]
) -> None:
    starts, by_length, log_z = out
    walk, ways = walk_of(crowd, group[0]), ways_of(all_ways, crowd.way[group[0]])
    n, kinds = ground.weight.shape[0], ground.lengths.shape[0]
    visit, alone = np.zeros((walk.slots + 1, n, kinds, MANY)), np.ones(n)
    for k in range(group.shape[0]):
        visit[:, :, :, k] = visit_weights(ground, crowd, group[k], alone)
    free, begin = _values_of(walk, visit, ground.lengths, ways)
    found, lengths = _marginals_of(walk, visit, ground.lengths, ways, free, begin)
    for k in range(group.shape[0]):
        z = free[walk.paused, 0, walk.node, k]
        if z <= 0.0:
            continue
        log_z[group[k]] = np.log(z)
        starts[group[k], : walk.slots + 1] = found[:, :, k]
        by_length[group[k]] = lengths[:, :, k]


@njit(cache=True, nogil=True)
def _values_of(walk: Walk, visit: Floats, lengths: Ints, ways: Ways) -> tuple[Floats, Floats]:
    """The weights of all ways to go on: once free at a node, and with a visit that begins."""
    n, last = visit.shape[1], walk.slots
    free, wait = np.zeros((2, last + 1, n + 1, MANY)), np.zeros((2, n + 1, MANY))
    begin, total = np.zeros((2, last + 1, n, MANY)), np.zeros(MANY)
    nothing = np.zeros((n + 1, MANY))
    for t in range(last, -1, -1):
        for m in range(walk.paused, 2):
            if is_idle(walk, t, m):
                wait[m] = 0.0
                continue
            _begin_at(t, m, visit, lengths, free, begin)
            waiting = free[1, t + walk.pause_slots] if may_pause(walk, t, m) else nothing
            for i in range(n + 1):
                total[:] = waiting[i]
                _add_onward(t, ways.slots[i], ways.weight[i], begin[m], total)
                wait[m, i] += total
                free[m, t, i] = wait[m, i] + (1.0 if m == 1 and t + ways.home[i] <= last else 0.0)
    return free, begin


@njit(cache=True, nogil=True)
def _add_onward(t: int, slots: Ints, weight: Floats, begin: Floats, total: Floats) -> None:
    """Add to a node's totals the weights of its ways in slot t to a visit."""
    last = begin.shape[0] - 1
    for j in range(slots.shape[0]):
        at = t + slots[j]
        if at <= last:
            here = weight[j]
            for k in range(MANY):
                total[k] += here * begin[at, j, k]


@njit(cache=True, nogil=True)
def _begin_at(t: int, m: int, visit: Floats, lengths: Ints, free: Floats, begin: Floats) -> None:
    for number in range(lengths.shape[0]):
        end = t + lengths[number]
        if end < free.shape[1]:
            for j in range(visit.shape[1]):
                for k in range(MANY):
                    begin[m, t, j, k] += visit[t, j, number, k] * free[m, end, j, k]


@njit(cache=True, nogil=True)
def _marginals_of(
    walk: Walk, visit: Floats, lengths: Ints, ways: Ways, value_free: Floats, value_begin: Floats
) -> tuple[Floats, Floats]:
    """How often is each place visited in each slot, and for how long?"""
    n, last = visit.shape[1], walk.slots
    free, wait = np.zeros((2, last + 1, n + 1, MANY)), np.zeros((2, n + 1, MANY))
    begin = np.zeros((2, last + 1, n, MANY))
    starts, by_length = np.zeros((last + 1, n, MANY)), np.zeros((n, lengths.shape[0], MANY))
    for k in range(MANY):
        z = value_free[walk.paused, 0, walk.node, k]
        free[walk.paused, 0, walk.node, k] = 1.0 / z if z > 0.0 else 0.0
    for t in range(last + 1):
        for m in range(walk.paused, 2):
            if is_idle(walk, t, m):
                continue
            starts[t] += begin[m, t] * value_begin[m, t]
            for number in range(lengths.shape[0]):
                end = t + lengths[number]
                if end <= last:
                    _stay(
                        begin[m, t],
                        visit[t, :, number],
                        free[m, end],
                        value_free[m, end],
                        by_length[:, number],
                    )
            wait[m] += free[m, t]
            if may_pause(walk, t, m):
                free[1, t + walk.pause_slots] += wait[m]
            _spread_ways(t, wait[m], ways, begin[m])
    return starts, by_length


@njit(cache=True, nogil=True)
def _stay(begin: Floats, visit: Floats, free: Floats, value_free: Floats, by_length: Floats) -> None:
    """From the begin of visits of one length to their end; counted by place."""
    for j in range(visit.shape[0]):
        for k in range(MANY):
            step = begin[j, k] * visit[j, k]
            free[j, k] += step
            by_length[j, k] += step * value_free[j, k]


@njit(cache=True, nogil=True)
def _spread_ways(t: int, wait: Floats, ways: Ways, begin: Floats) -> None:
    last = begin.shape[0] - 1
    for i in range(wait.shape[0]):
        for j in range(begin.shape[1]):
            at = t + ways.slots[i, j]
            if at <= last:
                weight = ways.weight[i, j]
                for k in range(MANY):
                    begin[at, j, k] += weight * wait[i, k]

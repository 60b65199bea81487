"""Many walkers on one ground, drawn one after the other, each given those drawn before it; compiled.

A walker may not be where another one stands, is drawn less to places that were or will be visited within
their gap, and a little more to places that have had less than was due. The law of each walker is that of
`route_law` with visit weights changed accordingly, so that its marginals and its entropy, given the walkers
before it, are exact; the entropy of the crowd is their sum (the chain rule). The one exception is a place
with `apart` > 0: there choices of a walker that break its own rule are struck out while it is drawn.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Bytes, Floats, Ints
from becalm.methods.routes.distribution import Walk, Ways
from becalm.methods.routes.kernel import draw_walk, entropy_of, marginals_of, value_of
from becalm.methods.routes.sequential_routes import FEEDBACK_LIMIT, AllWays, Crowd, Drawn, Ground, Pull

MOST_TRIES = 16


@njit(cache=True, nogil=True)
def ways_of(all_ways: AllWays, number: int) -> Ways:
    """The ways of one mode and home."""
    return Ways(
        all_ways.slots[number],
        all_ways.weight[number],
        all_ways.minutes[number],
        all_ways.slack[number],
        all_ways.home[number],
        all_ways.home_minutes[number],
    )


@njit(cache=True, nogil=True)
def walk_of(crowd: Crowd, u: int) -> Walk:
    """One walker of the crowd."""
    w = crowd.walk[u]
    return Walk(w[0], w[1], w[2], w[3], w[4], w[5])


@njit(cache=True, nogil=True)
def visit_weights(ground: Ground, crowd: Crowd, u: int, pull: Floats) -> Floats:
    """The weight of every visit that walker u may make: [slots + 1, n, lengths].

    A visit needs its slots free, and one more where a slot has several minutes, since it starts at any
    of them.
    """
    slots, first = crowd.walk[u, 0], crowd.first[u]
    free = _free_slots(ground.closed, ground.taken, crowd.open[u], first, slots + 2, crowd.pair[u])
    n, lengths = ground.weight.shape[0], ground.lengths
    spare = 1 if ground.slot_minutes > 1 else 0
    visit = np.zeros((slots + 1, n, lengths.shape[0]))
    near, weight, by_length = ground.near, ground.weight, ground.length_weight
    for j in range(n):
        run = 0
        for s in range(slots + 1, -1, -1):
            run = run + 1 if free[j, s] else 0
            if s > slots or run == 0:
                continue
            base = weight[j, first + s] * pull[j]
            for number in range(lengths.shape[0]):
                if run >= lengths[number] + spare:
                    here = base * by_length[j, number]
                    end = first + s + lengths[number] - 1 + spare
                    if near[j, first + s] or near[j, end]:
                        here *= ground.near_weight[j]
                    visit[s, j, number] = here
    return visit


@njit(cache=True, nogil=True)
def _free_slots(closed: Bytes, taken: Ints, is_open: Bytes, first: int, count: int, pair: int) -> Bools:
    """Where and when a walker of this pair may be, in slots of its own."""
    free = np.zeros((closed.shape[0], count), np.bool_)
    for j in range(closed.shape[0]):
        for s in range(count):
            here = taken[j, first + s]
            mate = here > 0 and here == pair
            free[j, s] = is_open[s] == 1 and closed[j, first + s] == 0 and (here == 0 or mate)
    return free


@njit(cache=True, nogil=True)
def mark_visit(ground: Ground, place: int, slot: int, end: int, pair: int) -> None:
    """Keep others off a place in slots `slot` .. `end` - 1, and weigh the place down within its gap."""
    last = ground.taken.shape[1]
    spare = 1 if ground.slot_minutes > 1 else 0
    ground.taken[place, max(slot, 0) : max(min(end + spare, last), 0)] = pair if pair > 0 else -1
    gap = ground.gap[place]
    if gap > 0:
        ground.near[place, max(slot - gap, 0) : max(min(end + gap, last), 0)] = 1


@njit(cache=True, nogil=True)
def add_starts(ground: Ground, first: int, starts: Floats, times: float, hours: Floats, each: Floats) -> None:
    """Add what one walker gives: by place and bin, as often as it occurs, and by place alone."""
    for s in range(starts.shape[0]):
        for j in range(starts.shape[1]):
            if starts[s, j] > 0.0:
                hours[j, ground.hour[first + s]] += starts[s, j] * times
                each[j] += starts[s, j]


@njit(cache=True, nogil=True)
def draw_crowd(
    ground: Ground,
    crowd: Crowd,
    all_ways: AllWays,
    pull: Pull,
    draws: NDArray[np.uint64],
    sizes: Ints,
    whole: bool,
) -> tuple[Drawn, int]:
    """Draw every walker in turn, given those before it. Changes `ground.taken`, `ground.near`, `pull.owed`.

    `draws` [U, D] are uniform on 64 bits; `sizes` are the numbers of cells and bins.
    The second answer is the number of visits; rows of `visits` beyond it mean nothing.
    Without `whole`, entropies stay 0.
    """
    n, count = ground.weight.shape[0], crowd.first.shape[0]
    out = _nothing_drawn(count, n, ground.lengths.shape[0], sizes, crowd.open.shape[1])
    total = 0
    for u in range(count):
        walk, ways = walk_of(crowd, u), ways_of(all_ways, crowd.way[u])
        visit = visit_weights(ground, crowd, u, _pull_now(pull))
        value = value_of(walk, visit, ground.lengths, ways)
        if value.free[walk.paused, 0, walk.node] <= 0.0:
            out.status[u] = 1
            continue
        found = marginals_of(walk, visit, ground.lengths, ways, value, whole)
        if whole:
            out.entropy[u] = entropy_of(value, found, walk, ways)
        out.lengths[:] += found.lengths
        add_starts(ground, crowd.first[u], found.starts, 1.0, out.hours, out.expected[u])
        _add_absent(ground, crowd.first[u], found.starts, out.absent)
        visits, paused, log_p, well = draw_walk(
            walk, visit, ground.lengths, ways, value, draws[u], ground.apart
        )
        tries = 1
        while not well and tries < MOST_TRIES:  # only where choices were struck out
            turned = np.roll(draws[u], tries * 7)
            visits, paused, log_p, well = draw_walk(
                walk, visit, ground.lengths, ways, value, turned, ground.apart
            )
            tries += 1
        if not well:
            visits, paused, out.status[u] = visits[:0], walk.pause_first if walk.paused == 0 else -1, 2
        out.surprise[u] = -log_p
        total = _keep(ground, crowd, u, (visits, paused, draws[u]), ways, out, total)
        pull.owed[:] += pull.due[u]
        for k in range(visits.shape[0]):
            pull.owed[visits[k, 1]] -= 1.0
    return out, total


@njit(cache=True, nogil=True)
def _nothing_drawn(count: int, n: int, lengths: int, sizes: Ints, longest: int) -> Drawn:
    return Drawn(
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
def _pull_now(pull: Pull) -> Floats:
    factor = np.ones(pull.owed.shape[0])
    if pull.strength > 0.0:
        for j in range(factor.shape[0]):
            step = int(np.rint(pull.strength * pull.owed[j]))
            factor[j] = pull.table[min(max(step, -FEEDBACK_LIMIT), FEEDBACK_LIMIT) + FEEDBACK_LIMIT]
    return factor


@njit(cache=True, nogil=True)
def _add_absent(ground: Ground, first: int, starts: Floats, absent: Floats) -> None:
    n = starts.shape[1]
    cell, chance = ground.cell[first], np.zeros(n)
    for s in range(starts.shape[0] + 1):
        over = s == starts.shape[0]
        if over or ground.cell[first + s] != cell:
            for j in range(n):
                absent[j, cell] += np.log1p(-min(chance[j], 1.0 - 1e-15))
                chance[j] = 0.0
            cell = ground.cell[first + s]
        if not over:
            chance += starts[s]


@njit(cache=True, nogil=True)
def _keep(
    ground: Ground,
    crowd: Crowd,
    u: int,
    walk: tuple[Ints, int, NDArray[np.uint64]],
    ways: Ways,
    out: Drawn,
    total: int,
) -> int:
    """Write down the visits of walker u with the minute of each start, and mark them on the ground."""
    visits, pause, draws = walk
    node, free, late, spare = crowd.walk[u, 1], 0, 0, draws.shape[0] - 1
    paused = pause < 0
    for k in range(visits.shape[0] + 1):
        if not paused and (k == visits.shape[0] or visits[k, 0] > pause):
            late = _minute(draws[spare], late - (pause - free) * ground.slot_minutes, ground.slot_minutes)
            spare -= 1
            out.pause[u, 0], out.pause[u, 1] = crowd.first[u] + pause, late
            free, late, paused = pause + crowd.walk[u, 3], 0, True
        if k == visits.shape[0]:
            break
        slot, place, number = visits[k]
        slack = (slot - free - ways.slots[node, place]) * ground.slot_minutes + ways.slack[node, place]
        late = _minute(draws[spare], late - slack, ground.slot_minutes)
        spare -= 1
        end = slot + ground.lengths[number]
        out.visits[total] = np.array([u, crowd.first[u] + slot, place, number, late])
        out.minutes[u] += ways.minutes[node, place]
        mark_visit(ground, place, crowd.first[u] + slot, crowd.first[u] + end, crowd.pair[u])
        total, node, free = total + 1, place, end
    out.minutes[u] += ways.home_minutes[node]
    return total


@njit(cache=True, nogil=True)
def _minute(draw: int, earliest: int, slot_minutes: int) -> int:
    """A minute of the slot, uniform from the earliest one on."""
    low = max(earliest, 0)
    return low + int((draw >> 11) % (slot_minutes - low))

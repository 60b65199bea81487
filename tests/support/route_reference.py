"""Routes in plain Python and NumPy, with which the compiled kernels agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.route_types import FREE_SHARE, Links, RouteLattice, Walker

Step = tuple[str, int, int, int]  # visit, slot, place, number of length; or pause, slot, 0, 0


def list_choices(
    walker: Walker, lattice: RouteLattice, links: Links, first_slot: int, state: tuple[int, int, int]
) -> list[tuple[float, int, int, int]]:
    """Every visit for which a walker may set off: its weight, slot (of the lattice), place and length."""
    (t, i, m), choices = state, []
    for j in range(lattice.length_weight.shape[0]):
        slot = t + int(links.slots[i, j])
        latest = walker.slots - int(links.home_slots[j])
        if m == 0:
            latest = min(latest - walker.pause_slots, walker.pause_last)
        for number, length in enumerate(lattice.lengths.tolist()):
            if slot + length <= latest and lattice.free_slots[first_slot + slot, j] >= length:
                weight = lattice.weight[lattice.row[first_slot + slot], j] * lattice.length_weight[j, number]
                choices.append((float(links.weight[i, j] * weight), first_slot + slot, j, number))
    return choices


def list_routes(
    walker: Walker,
    lattice: RouteLattice,
    links: Links,
    first_slot: int,
    state: tuple[int, int, int] | None = None,
) -> Iterator[tuple[float, tuple[Step, ...]]]:
    """Every route of one walker on a lattice with nobody else, with its probability, one by one."""
    t, i, m = state or (0, walker.node, walker.pause_done)
    if t >= walker.slots:
        yield 1.0, ()
        return
    go_on = 1.0
    if m == 0 and t >= walker.pause_first:
        pause = 1.0 / (1.0 + FREE_SHARE * max(walker.pause_last - t, 0))
        for chance, rest in list_routes(walker, lattice, links, first_slot, (t + walker.pause_slots, i, 1)):
            yield pause * chance, (("pause", first_slot + t, 0, 0), *rest)
        go_on -= pause
    if go_on <= 0.0:
        return
    choices = list_choices(walker, lattice, links, first_slot, (t, i, m))
    total = 1.0 + sum(weight for weight, *_ in choices)
    for chance, rest in list_routes(walker, lattice, links, first_slot, (t + 1, i, m)):
        yield go_on / total * chance, rest
    for weight, slot, j, number in choices:
        end = slot - first_slot + int(lattice.lengths[number])
        for chance, rest in list_routes(walker, lattice, links, first_slot, (end, j, m)):
            yield go_on * weight / total * chance, (("visit", slot, j, number), *rest)


def sum_routes(
    walker: Walker, slots: Ints, home_slots: Ints, visit_weight: Floats, lengths: Ints
) -> tuple[float, Floats]:
    """The sum of the weights of all routes, and expected visits by slot, node and length (in NumPy).

    `visit_weight[s, j, l]` weighs a visit to place j that starts in slot s and lasts `lengths[l]` slots.
    """
    n, last = visit_weight.shape[1], walker.slots
    free, wait = np.zeros((2, last + 1, n + 1)), np.zeros((2, last + 2, n + 1))
    visit = np.zeros((2, last + 1, n))
    for t in range(last, -1, -1):
        for m in range(walker.pause_done, 2):
            if _is_idle(walker, t, m):
                continue
            for number, length in enumerate(lengths):
                if t + length <= last:
                    visit[m, t] += visit_weight[t, :, number] * free[m, t + length, :n]
            if _may_pause(walker, t, m):
                wait[m, t] += free[1, t + walker.pause_slots]
            arrivals = [(i, j, t + slots[i, j]) for i, j in np.ndindex(slots.shape)]
            for i, j, arrival in arrivals:
                wait[m, t, i] += visit[m, arrival, j] if arrival <= last else 0.0
            wait[m, t] += wait[m, t + 1]
            free[m, t] = wait[m, t] + (m == 1) * (t + home_slots <= last)
    return _spread_mass(walker, slots, visit_weight, lengths, free)


def _is_idle(walker: Walker, t: int, m: int) -> bool:
    return walker.pause_done == 0 and (
        t > walker.pause_last if m == 0 else t < walker.pause_first + walker.pause_slots
    )


def _may_pause(walker: Walker, t: int, m: int) -> bool:
    return m == 0 and walker.pause_first <= t <= walker.pause_last and t + walker.pause_slots <= walker.slots


def _spread_mass(
    walker: Walker, slots: Ints, visit_weight: Floats, lengths: Ints, free: Floats
) -> tuple[float, Floats]:
    n, last = visit_weight.shape[1], walker.slots
    mass, wait = np.zeros((2, last + 1, n + 1)), np.zeros((2, n + 1))
    visit_mass, expected = np.zeros((2, last + 1, n)), np.zeros(visit_weight.shape)
    z = float(free[walker.pause_done, 0, walker.node])
    mass[walker.pause_done, 0, walker.node] = 1.0 / z if z > 0 else 0.0
    for t in range(last + 1):
        for m in range(walker.pause_done, 2):
            for number, length in enumerate(lengths):
                if t + length <= last:
                    stay = visit_mass[m, t] * visit_weight[t, :, number]
                    mass[m, t + length, :n] += stay
                    expected[t, :, number] += stay * free[m, t + length, :n]
            wait[m] += mass[m, t]
            if _may_pause(walker, t, m):
                mass[1, t + walker.pause_slots] += wait[m]
            for i, j in np.ndindex(slots.shape):
                if t + slots[i, j] <= last:
                    visit_mass[m, t + slots[i, j], j] += wait[m, i]
    return z, expected

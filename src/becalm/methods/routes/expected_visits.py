"""What walkers give on average, each for itself, eight of a kind at a time; compiled.

Walkers that set out in the same way (the same slots, home, pause and links, but other visit weights) share
every look-up of a link. Each one's sums run in the order of `kernel`, so that both give the same bits.
"""

import numpy as np
from numba import njit

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.routes.distribution import Links, LinksByMode, RouteLattice, Walker, Walkers
from becalm.methods.routes.kernel import compute_marginals, is_idle, may_pause, sum_backward
from becalm.methods.routes.sequential_kernel import (
    add_expected_starts,
    select_links,
    select_walker,
    weigh_visits,
)

GROUP_SIZE = 8  # walkers at a time: two vectors of four doubles
LEAST_GROUP = 4  # fewer walkers than this are quicker one by one


@njit(cache=True, nogil=True)
def expect_visits(
    lattice: RouteLattice, walkers: Walkers, links_by_mode: LinksByMode, repeats: Floats, bins: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """What walkers give on average, each for itself: by place and bin, by length, each, and log Z each.

    `repeats` says how often a walker of this kind occurs.
    """
    n, walker_count, length_count = (
        lattice.weight.shape[0],
        walkers.first_slot.shape[0],
        lattice.lengths.shape[0],
    )
    bin_visits, length_visits = np.zeros((n, bins)), np.zeros((n, length_count))
    own_visits, log_z = np.zeros((walker_count, n)), np.full(walker_count, -np.inf)
    start_chances = np.zeros((walker_count, walkers.fields[:, 0].max() + 1 if walker_count else 1, n))
    own_lengths, is_done = np.zeros((walker_count, n, length_count)), np.zeros(walker_count, np.bool_)
    for u in range(walker_count):
        if not is_done[u]:
            group = _group_alike(walkers, u, is_done)
            if group.shape[0] >= LEAST_GROUP:
                _expect_group(lattice, walkers, links_by_mode, group, (start_chances, own_lengths, log_z))
            else:
                for v in group:
                    _expect_one(lattice, walkers, links_by_mode, v, (start_chances, own_lengths, log_z))
    for u in range(walker_count):  # in the order of the walkers, whatever group they were in
        length_visits += own_lengths[u] * repeats[u]
        add_expected_starts(
            lattice,
            walkers.first_slot[u],
            start_chances[u, : walkers.fields[u, 0] + 1],
            repeats[u],
            bin_visits,
            own_visits[u],
        )
    return bin_visits, length_visits, own_visits, log_z


@njit(cache=True, nogil=True)
def _group_alike(walkers: Walkers, u: int, is_done: Bools) -> Ints:
    """Walker u and the next ones that set out in the same way, marked as done."""
    group_members, group_size = np.zeros(GROUP_SIZE, np.int64), 0
    for v in range(u, walkers.first_slot.shape[0]):
        if group_size == GROUP_SIZE:
            break
        if (
            not is_done[v]
            and walkers.mode[v] == walkers.mode[u]
            and (walkers.fields[v] == walkers.fields[u]).all()
        ):
            group_members[group_size], is_done[v] = v, True
            group_size += 1
    return group_members[:group_size]


@njit(cache=True, nogil=True)
def _expect_one(
    lattice: RouteLattice,
    walkers: Walkers,
    links_by_mode: LinksByMode,
    u: int,
    totals: tuple[Floats, Floats, Floats],
) -> None:
    start_chances, own_lengths, log_z = totals
    walker, links = select_walker(walkers, u), select_links(links_by_mode, walkers.mode[u])
    visit_weight = weigh_visits(lattice, walkers, u, np.ones(lattice.weight.shape[0]))
    sums = sum_backward(walker, visit_weight, lattice.lengths, links)
    if sums.free_sums[walker.pause_done, 0, walker.node] <= 0.0:
        return
    log_z[u] = np.log(sums.free_sums[walker.pause_done, 0, walker.node])
    marginals = compute_marginals(walker, visit_weight, lattice.lengths, links, sums, False)
    start_chances[u, : walker.slots + 1], own_lengths[u] = marginals.start_chance, marginals.visits_by_length


@njit(cache=True, nogil=True)
def _expect_group(
    lattice: RouteLattice,
    walkers: Walkers,
    links_by_mode: LinksByMode,
    group: Ints,
    totals: tuple[Floats, Floats, Floats],
) -> None:
    start_chances, walker_lengths, log_z = totals
    walker, links = select_walker(walkers, group[0]), select_links(links_by_mode, walkers.mode[group[0]])
    n, length_count = lattice.weight.shape[0], lattice.lengths.shape[0]
    visit_weight, neutral_factors = np.zeros((walker.slots + 1, n, length_count, GROUP_SIZE)), np.ones(n)
    for k in range(group.shape[0]):
        visit_weight[:, :, :, k] = weigh_visits(lattice, walkers, group[k], neutral_factors)
    sums = _sum_backward(walker, visit_weight, lattice.lengths, links)
    starts_by_slot, visits_by_length = _compute_marginals(walker, visit_weight, lattice.lengths, links, sums)
    free_sums = sums[0]
    for k in range(group.shape[0]):
        z = free_sums[walker.pause_done, 0, walker.node, k]
        if z <= 0.0:
            continue
        log_z[group[k]] = np.log(z)
        start_chances[group[k], : walker.slots + 1] = starts_by_slot[:, :, k]
        walker_lengths[group[k]] = visits_by_length[:, :, k]


@njit(cache=True, nogil=True)
def _sum_backward(walker: Walker, visit_weight: Floats, lengths: Ints, links: Links) -> tuple[Floats, Floats]:
    """The weights of all that can follow: once free at a node, and with a visit that begins."""
    n, last_slot = visit_weight.shape[1], walker.slots
    free_sums, wait_sums = np.zeros((2, last_slot + 1, n + 1, GROUP_SIZE)), np.zeros((2, n + 1, GROUP_SIZE))
    visit_sums, onward_sums = np.zeros((2, last_slot + 1, n, GROUP_SIZE)), np.zeros(GROUP_SIZE)
    zero_sums = np.zeros((n + 1, GROUP_SIZE))
    for t in range(last_slot, -1, -1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                wait_sums[m] = 0.0  # what waited in a later slot is no way on from here
                continue
            _sum_visits(t, m, visit_weight, lengths, free_sums, visit_sums)
            pause_sums = free_sums[1, t + walker.pause_slots] if may_pause(walker, t, m) else zero_sums
            for i in range(n + 1):
                onward_sums[:] = pause_sums[i]
                _add_onward_sums(t, links.slots[i], links.weight[i], visit_sums[m], onward_sums)
                wait_sums[m, i] += onward_sums
                free_sums[m, t, i] = wait_sums[m, i] + (
                    1.0 if m == 1 and t + links.home_slots[i] <= last_slot else 0.0
                )
    return free_sums, visit_sums


@njit(cache=True, nogil=True)
def _add_onward_sums(t: int, slots: Ints, link_weights: Floats, visit_sums: Floats, total: Floats) -> None:
    """Add to a node's totals the weights of its links in slot t to a visit."""
    last_slot = visit_sums.shape[0] - 1
    for j in range(slots.shape[0]):
        arrival_slot = t + slots[j]
        if arrival_slot <= last_slot:
            link_weight = link_weights[j]
            for k in range(GROUP_SIZE):
                total[k] += link_weight * visit_sums[arrival_slot, j, k]


@njit(cache=True, nogil=True)
def _sum_visits(
    t: int, m: int, visit_weight: Floats, lengths: Ints, free_sums: Floats, visit_sums: Floats
) -> None:
    for length_index in range(lengths.shape[0]):
        end_slot = t + lengths[length_index]
        if end_slot < free_sums.shape[1]:
            for j in range(visit_weight.shape[1]):
                for k in range(GROUP_SIZE):
                    visit_sums[m, t, j, k] += (
                        visit_weight[t, j, length_index, k] * free_sums[m, end_slot, j, k]
                    )


@njit(cache=True, nogil=True)
def _compute_marginals(
    walker: Walker, visit_weight: Floats, lengths: Ints, links: Links, sums: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    free_sums, visit_sums = sums
    n, last_slot = visit_weight.shape[1], walker.slots
    free_mass, wait_mass = np.zeros((2, last_slot + 1, n + 1, GROUP_SIZE)), np.zeros((2, n + 1, GROUP_SIZE))
    visit_mass = np.zeros((2, last_slot + 1, n, GROUP_SIZE))
    # Lanes that no walker fills have visit weights of 0: what they give is 0, without a test in any loop.
    start_chances, length_visits = (
        np.zeros((last_slot + 1, n, GROUP_SIZE)),
        np.zeros((n, lengths.shape[0], GROUP_SIZE)),
    )
    for k in range(GROUP_SIZE):
        z = free_sums[walker.pause_done, 0, walker.node, k]
        free_mass[walker.pause_done, 0, walker.node, k] = 1.0 / z if z > 0.0 else 0.0
    for t in range(last_slot + 1):
        for m in range(walker.pause_done, 2):
            if is_idle(walker, t, m):
                continue
            start_chances[t] += visit_mass[m, t] * visit_sums[m, t]
            for length_index in range(lengths.shape[0]):
                end_slot = t + lengths[length_index]
                if end_slot <= last_slot:
                    _spread_stays(
                        visit_mass[m, t],
                        visit_weight[t, :, length_index],
                        free_mass[m, end_slot],
                        free_sums[m, end_slot],
                        length_visits[:, length_index],
                    )
            wait_mass[m] += free_mass[m, t]
            if may_pause(walker, t, m):
                free_mass[1, t + walker.pause_slots] += wait_mass[m]
            _spread_links(t, wait_mass[m], links, visit_mass[m])
    return start_chances, length_visits


@njit(cache=True, nogil=True)
def _spread_stays(
    visit_mass: Floats, visit_weight: Floats, free_mass: Floats, free_sums: Floats, visits_by_length: Floats
) -> None:
    """From the begin of visits of one length to their end; counted by place."""
    for j in range(visit_weight.shape[0]):
        for k in range(GROUP_SIZE):
            stay_mass = visit_mass[j, k] * visit_weight[j, k]
            free_mass[j, k] += stay_mass
            visits_by_length[j, k] += stay_mass * free_sums[j, k]


@njit(cache=True, nogil=True)
def _spread_links(t: int, wait_mass: Floats, links: Links, visit_mass: Floats) -> None:
    last_slot = visit_mass.shape[0] - 1
    for i in range(wait_mass.shape[0]):
        for j in range(visit_mass.shape[1]):
            arrival_slot = t + links.slots[i, j]
            if arrival_slot <= last_slot:
                link_weight = links.weight[i, j]
                for k in range(GROUP_SIZE):
                    visit_mass[arrival_slot, j, k] += link_weight * wait_mass[i, k]

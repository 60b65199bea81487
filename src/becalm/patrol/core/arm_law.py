"""The law by which the arms of a trial are drawn, compiled: one draw from random numbers.

Arms are dealt out within each block, each block in an order of arms and of members of its own; then arms are
exchanged within blocks until no run is too long. An analysis needs a thousand draws of it, so it is compiled;
a slow one in plain Python, which the tests keep, gives the same arms from the same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Ints
from becalm.methods.routes.bit_exact import derive_key, uniform_numbers
from becalm.patrol.core.policy import ArmRule

Arms = NDArray[np.int8]
ClusterDay = tuple[int, int]  # the numbers of a cluster and of a day
ARMS_LABEL: Final = "trial arms"
BATCH: Final = 256  # numbers that are taken from one key of the stream
LEAST_TRIES: Final = 20_000  # exchanges that shorten runs, before the rule is called impossible
TRIES_PER_DAY: Final = 8  # or so many for each day of a cluster, where there are many


@dataclass(frozen=True, slots=True)
class ArmLaw:
    """What a draw of arms is made from, as arrays.

    `block` (clusters x days) numbers the block of each cluster's days. `members` lists cluster-days
    (cluster * days + day) block by block, each from its `block_start` on.
    """

    block: Ints
    members: Ints
    block_start: Ints
    arm_count: int
    longest_run: int

    @property
    def most_tries(self) -> int:
        """How many exchanges are tried."""
        return max(LEAST_TRIES, TRIES_PER_DAY * self.block.size)

    @property
    def most_numbers(self) -> int:
        """How many random numbers one draw takes at most."""
        return self.block.size + (len(self.block_start) - 1) * self.arm_count + 3 * self.most_tries

    def deal(self, random_numbers: NDArray[np.uint64]) -> Arms | None:
        """The arms (clusters x days, numbers of the rule's arms); None where runs stay too long."""
        arms, has_short_runs = _deal_arms(
            self.block,
            self.members,
            self.block_start,
            self.arm_count,
            self.longest_run,
            self.most_tries,
            random_numbers,
        )
        return arms if has_short_runs else None


def learn_arm_law(block_by_day: Mapping[ClusterDay, str], rule: ArmRule, *, days: int) -> ArmLaw:
    """The law of a draw within these blocks, of every cluster and day in order."""
    number_by_block = {
        block_numbers: n for n, block_numbers in enumerate(dict.fromkeys(block_by_day.values()))
    }
    block_numbers = np.array([number_by_block[name] for name in block_by_day.values()], dtype=np.int64)
    return ArmLaw(
        block=block_numbers.reshape(-1, days),
        members=np.argsort(block_numbers, kind="stable"),
        block_start=np.concatenate([[0], np.cumsum(np.bincount(block_numbers))]),
        arm_count=len(rule.arms),
        longest_run=rule.longest_run,
    )


def keyed_numbers(key: bytes, count: int) -> NDArray[np.uint64]:
    """The numbers of a draw that a key decides, batch by batch."""
    batches = [uniform_numbers(derive_key(key, index), BATCH) for index in range(-(-count // BATCH))]
    return np.concatenate(batches)[:count]


@njit(cache=True, nogil=True)
def _deal_arms(
    block: Ints,
    members: Ints,
    block_start: Ints,
    arm_count: int,
    longest_run: int,
    most_tries: int,
    numbers: NDArray[np.uint64],
) -> tuple[Arms, bool]:
    cluster_count, days = block.shape
    arm_numbers = np.zeros(cluster_count * days, dtype=np.int8)
    shuffled_members = members.copy()
    used_count = 0
    for b in range(len(block_start) - 1):
        first, end = block_start[b], block_start[b + 1]
        remaining, order = np.arange(arm_count), np.zeros(arm_count, dtype=np.int64)
        for n in range(arm_count):
            picked_offset = np.int64(numbers[used_count] % np.uint64(arm_count - n))
            used_count += 1
            order[n] = remaining[picked_offset]
            remaining[picked_offset : arm_count - n - 1] = remaining[picked_offset + 1 : arm_count - n].copy()
        for i in range(end - first - 1, 0, -1):
            j = np.int64(numbers[used_count] % np.uint64(i + 1))
            used_count += 1
            swapped_member = shuffled_members[first + i]
            shuffled_members[first + i] = shuffled_members[first + j]
            shuffled_members[first + j] = swapped_member
        for n in range(end - first):
            arm_numbers[shuffled_members[first + n]] = order[n % arm_count]
    arms_by_cluster_day = arm_numbers.reshape(block.shape)
    spare_numbers = numbers[used_count:]
    has_short_runs = _shorten_runs(
        arms_by_cluster_day, block, members, block_start, longest_run, most_tries, spare_numbers
    )
    return arms_by_cluster_day, has_short_runs


@njit(cache=True, nogil=True)
def _shorten_runs(
    arms: Arms,
    block: Ints,
    members: Ints,
    block_start: Ints,
    longest_run: int,
    most_tries: int,
    numbers: NDArray[np.uint64],
) -> bool:
    """Exchange arms within blocks, in place, until no run is too long; whether that came about."""
    cluster_count, days = arms.shape
    excess_days = np.array([_excess_days(arms[c], longest_run) for c in range(cluster_count)])
    for attempt in range(most_tries):
        used_count = 3 * attempt
        cluster_rows = np.flatnonzero(excess_days)
        if len(cluster_rows) == 0:
            return True
        c = cluster_rows[np.int64(numbers[used_count] % np.uint64(len(cluster_rows)))]
        d = np.int64(numbers[used_count + 1] % np.uint64(days))
        first, end = block_start[block[c, d]], block_start[block[c, d] + 1]
        partner_cluster = members[first + np.int64(numbers[used_count + 2] % np.uint64(end - first))]
        pc, pd = partner_cluster // days, partner_cluster % days
        arms[c, d], arms[pc, pd] = arms[pc, pd], arms[c, d]
        new, new_partner = _excess_days(arms[c], longest_run), _excess_days(arms[pc], longest_run)
        is_same = c == pc
        if new + (0 if is_same else new_partner) > excess_days[c] + (0 if is_same else excess_days[pc]):
            arms[c, d], arms[pc, pd] = arms[pc, pd], arms[c, d]
        else:
            excess_days[c], excess_days[pc] = new, new_partner
    return False


@njit(cache=True, nogil=True)
def _excess_days(arms: Arms, longest_run: int) -> int:
    excess_days, run_days = 0, 1
    for d in range(1, len(arms)):
        run_days = run_days + 1 if arms[d] == arms[d - 1] else 1
        if run_days > longest_run:
            excess_days += 1
    return excess_days

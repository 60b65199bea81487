"""The draw of a trial's arms in plain Python, step by step: what the compiled one is held to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from becalm.methods.routes.bit_exact import derive_key, uniform_numbers
from becalm.patrol.core.arm_law import ARMS_LABEL, BATCH
from becalm.patrol.core.plan_inputs import Arm
from becalm.patrol.core.policy import ArmRule

ClusterDay = tuple[int, int]
TRIES = 20_000


def reference_arms(
    block_by_day: dict[ClusterDay, str], rule: ArmRule, *, days: int, key: bytes
) -> dict[ClusterDay, Arm]:
    """The arm of every cluster and day."""
    numbers = _endless_numbers(derive_key(key, ARMS_LABEL))
    arm_by_day = _deal_arms(block_by_day, rule, numbers)
    _shorten_runs(arm_by_day, block_by_day, rule, numbers, days)
    return arm_by_day


def _endless_numbers(key: bytes) -> Iterator[int]:
    batch_index = 0
    while True:
        yield from (int(number) for number in uniform_numbers(derive_key(key, batch_index), BATCH))
        batch_index += 1


def _group_by_block(blocks: dict[ClusterDay, str]) -> dict[str, list[ClusterDay]]:
    block_days: dict[str, list[ClusterDay]] = defaultdict(list)
    for cluster_day, block in blocks.items():
        block_days[block].append(cluster_day)
    return block_days


def _deal_arms(blocks: dict[ClusterDay, str], rule: ArmRule, numbers: Iterator[int]) -> dict[ClusterDay, Arm]:
    """Deal the arms out within each block, each block in an order of arms and of members of its own."""
    arm_by_day: dict[ClusterDay, Arm] = {}
    for members in _group_by_block(blocks).values():
        # The order of arms is drawn too: what is left over after equal shares falls to any of them alike.
        remaining_arms, arm_order = list(rule.arms), list[Arm]()
        while remaining_arms:
            arm_order.append(remaining_arms.pop(next(numbers) % len(remaining_arms)))
        for i in range(len(members) - 1, 0, -1):  # Fisher and Yates: every order has the same chance
            j = next(numbers) % (i + 1)
            members[i], members[j] = members[j], members[i]
        arm_by_day |= {cluster_day: arm_order[n % len(arm_order)] for n, cluster_day in enumerate(members)}
    return dict(sorted(arm_by_day.items()))


def _shorten_runs(
    arms: dict[ClusterDay, Arm],
    blocks: dict[ClusterDay, str],
    rule: ArmRule,
    numbers: Iterator[int],
    days: int,
) -> None:
    """Exchange arms within blocks until no run is too long; an exchange may not lengthen another one."""
    cluster_days_of_block = _group_by_block(blocks)
    excess_by_cluster = {c: _excess_days(arms, c, days, rule) for c in {c for c, _ in blocks}}
    for _ in range(TRIES):
        clusters_to_mend = sorted(c for c, excess_days in excess_by_cluster.items() if excess_days)
        if not clusters_to_mend:
            return
        cluster_day = (clusters_to_mend[next(numbers) % len(clusters_to_mend)], next(numbers) % days)
        partner_days = cluster_days_of_block[blocks[cluster_day]]
        partner_day = partner_days[next(numbers) % len(partner_days)]
        arms[cluster_day], arms[partner_day] = arms[partner_day], arms[cluster_day]
        new_excess = {c: _excess_days(arms, c, days, rule) for c in {cluster_day[0], partner_day[0]}}
        if sum(new_excess.values()) > sum(excess_by_cluster[c] for c in new_excess):
            arms[cluster_day], arms[partner_day] = arms[partner_day], arms[cluster_day]
        else:
            excess_by_cluster.update(new_excess)
    raise AssertionError("no short runs")


def _excess_days(arms: dict[ClusterDay, Arm], cluster: int, days: int, rule: ArmRule) -> int:
    excess_days, run_days = 0, 1
    for d in range(1, days):
        run_days = run_days + 1 if arms[cluster, d] == arms[cluster, d - 1] else 1
        excess_days += run_days > rule.longest_run
    return excess_days

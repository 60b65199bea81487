"""Counts that oversight sees: cells under ten are withheld, and no other cell gives one of them away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from becalm.divert.core.disparity import DisparityRow
from becalm.divert.core.visits.funnel import Funnel, FunnelGroup

LEAST_SHOWN: Final = 10
OVERSIGHT: Final = "oversight"  # the role that sees counts alone


def withheld_groups(count_by_group: Mapping[str, int]) -> frozenset[str]:
    """Which cells of a row with a known total are withheld?

    Cells from 1 to 9; and then the smallest others, until at least two are withheld that hold ten or more
    together: else the total less what is shown would tell.

    >>> sorted(withheld_groups({"a": 3, "b": 40, "c": 12, "d": 0}))
    ['a', 'c']
    """
    hidden_groups = {group for group, count in count_by_group.items() if 0 < count < LEAST_SHOWN}
    larger_cells = sorted((count, group) for group, count in count_by_group.items() if count >= LEAST_SHOWN)
    for _, group in larger_cells:
        if not hidden_groups or (
            len(hidden_groups) > 1 and sum(count_by_group[name] for name in hidden_groups) >= LEAST_SHOWN
        ):
            break
        hidden_groups.add(group)
    return frozenset(hidden_groups)


def withhold_from_disparity(rows: Sequence[DisparityRow]) -> tuple[DisparityRow, ...]:
    """The same rows; where a count or a total is withheld, none of the row's numbers stands."""
    blocks: dict[tuple[str, str, str], list[DisparityRow]] = defaultdict(list)
    for row in rows:
        blocks[row.characteristic, row.stage, row.denominator].append(row)
    hidden_groups = {
        key: withheld_groups({row.group: row.count or 0 for row in block})
        | withheld_groups({row.group: row.total or 0 for row in block})
        for key, block in blocks.items()
    }
    return tuple(
        replace(row, count=None, total=None, other_count=None, other_total=None, ratio=None)
        if row.group in hidden_groups[row.characteristic, row.stage, row.denominator]
        else row
        for row in rows
    )


def withhold_from_funnel(funnel: Funnel) -> Funnel:
    """The same funnel; a stage that few reached is withheld, and so are cells of groups.

    Where one stage is withheld, so is how long it took.
    """
    few = {s.stage for s in funnel.stages if s.count is not None and 0 < s.count < LEAST_SHOWN}
    stages = tuple(replace(s, count=None, share=None) if s.stage in few else s for s in funnel.stages)
    counts_by_stage: dict[str, dict[str, int]] = defaultdict(dict)
    for group in funnel.groups:
        for stage, count in group.counts.items():
            counts_by_stage[stage][group.group] = count or 0
    hidden_groups = {stage: withheld_groups(counts) for stage, counts in counts_by_stage.items()}
    return replace(
        funnel,
        stages=stages,
        not_at_address=_without_small(funnel.not_at_address),
        attempts=_without_small(funnel.attempts),
        by_stage_days={name: days for name, days in funnel.by_stage_days.items() if name not in few},
        groups=tuple(_withhold_from_group(group, hidden_groups) for group in funnel.groups),
    )


def _withhold_from_group(group: FunnelGroup, hidden_groups: Mapping[str, frozenset[str]]) -> FunnelGroup:
    hidden_stages = {stage for stage, groups in hidden_groups.items() if group.group in groups}
    return replace(
        group,
        counts={stage: None if stage in hidden_stages else count for stage, count in group.counts.items()},
        shares={stage: None if stage in hidden_stages else share for stage, share in group.shares.items()},
    )


def _without_small(count: int | None) -> int | None:
    return None if count is not None and 0 < count < LEAST_SHOWN else count

"""Oversight sees counts, but no cell under ten, and none that the others give away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from becalm.divert.core.disparity import compare_groups, count_groups
from becalm.divert.core.small_counts import withheld_groups, withhold_from_disparity, withhold_from_funnel
from becalm.divert.core.visits.funnel import STAGES, Funnel, FunnelGroup, FunnelStage


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(0, 60), max_size=8))
def test_no_small_cell_is_shown_nor_follows_from_the_total(counts: dict[str, int]) -> None:
    withheld = withheld_groups(counts)
    assert {group for group, count in counts.items() if 0 < count < 10} <= withheld
    assert all(counts[group] for group in withheld)
    remainder = sum(counts[group] for group in withheld)  # what the total less the shown cells tells
    has_more = any(count >= 10 for group, count in counts.items() if group not in withheld)
    assert not withheld or not has_more or (len(withheld) > 1 and remainder >= 10)


def test_nothing_is_withheld_where_no_cell_is_small() -> None:
    assert withheld_groups({"a": 10, "b": 400, "c": 0}) == frozenset()


def funnel() -> Funnel:
    counts = dict(zip(STAGES, (100, 60, 40, 20, 15, 12, 9, 4, 0), strict=True))
    stages = tuple(FunnelStage(stage, count, None, None) for stage, count in counts.items())
    north = {stage: 8 if stage == "selected" else count // 2 for stage, count in counts.items()}
    south = {stage: counts[stage] - north[stage] for stage in STAGES}
    groups = tuple(
        FunnelGroup(name, cells, dict.fromkeys(STAGES)) for name, cells in (("n", north), ("s", south))
    )
    return Funnel(date(2020, 6, 1), "p", stages, 3, 250, {"started": 12.0, "offered": 5.0}, groups)


def test_a_funnel_keeps_large_stages_and_withholds_small_ones_and_their_days() -> None:
    shown = withhold_from_funnel(funnel())
    counts = {stage.stage: stage.count for stage in shown.stages}
    assert (counts["selected"], counts["interested"], counts["completed"]) == (100, 12, 0)
    assert (counts["referred"], counts["started"], shown.not_at_address, shown.attempts) == (
        None,
        None,
        None,
        250,
    )
    assert dict(shown.by_stage_days) == {"offered": 5.0}
    north, south = shown.groups
    assert (north.counts["selected"], south.counts["selected"]) == (None, None)
    assert north.counts["approved"] == 30
    assert withhold_from_funnel(replace(shown)) == shown


def test_a_row_on_differences_is_withheld_as_a_whole() -> None:
    people = {f"a{n}": "A" for n in range(4)} | {f"b{n}": "B" for n in range(30)}
    people |= {f"c{n}": "C" for n in range(50)}
    stages, suspects = {"selected": list(people)}, {"recorded suspects": list(people)}
    rows = compare_groups(count_groups("sex", people, stages, suspects, {}))
    shown = {row.group: row for row in withhold_from_disparity(rows)}
    assert (shown["A"].count, shown["A"].ratio, shown["B"].count, shown["C"].count) == (None, None, None, 50)
    assert all(row.is_reached for row in shown.values())

"""Places ranked by harm: each group has a score of its own, and weights say how much each incident counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from made_places import drawn_places, place_counts, true_rates

from becalm.find.core.harm_model import HarmWeighting
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.list_rules import Rules
from becalm.find.core.plugin import NamedFinder, count_12
from becalm.find.core.settings import FindSettings, Targets
from becalm.terms import GroupWeight, GroupWeights, PlaceDecision, QuestionError, UsageError

BOTH = Targets(("robbery", "violence"), (), ("drugs",))
SMALL = FindSettings(count=12)


def weights(robbery: float = 800.0, violence: float = 10.0, **more: float) -> GroupWeights:
    given = {"robbery": robbery, "violence": violence, **more}
    groups = tuple(GroupWeight(group, weight, "drawn") for group, weight in given.items())
    return GroupWeights("drawn", "1", "css", "2020", "days", "A. Analyst", date(2026, 1, 31), "drawn", groups)


def listed(counts, *, harm=None, targets=BOTH, settings=SMALL, rules=None, **options):
    rng = np.random.default_rng(1)
    rules = replace(rules or Rules(count=settings.count, separation_m=settings.separation_m), harm=harm)
    return find_hotspots(
        counts, targets, crs="EPSG:27700", settings=settings, rules=rules, rng=rng, **options
    )


@pytest.fixture(scope="module")
def counts():
    """Robbery in the west, three times as much violence in the east."""
    rng = np.random.default_rng(2)
    entries = []
    for column in range(20):
        for group, rate in (
            ("robbery", 0.8 if column < 6 else 0.02),
            ("violence", 2.4 if column >= 14 else 0.1),
        ):
            for t, row in zip(*np.nonzero(rng.poisson(rate, (24, 8))), strict=True):
                entries.append((column, int(row), int(t), group, 1))
    return place_counts(entries)


def test_a_list_by_count_takes_what_is_most_and_one_by_harm_what_is_worst(counts):
    by_count, by_harm = listed(counts), listed(counts, harm=HarmWeighting(weights()))
    assert {h.column >= 14 for h in by_count.hotspots} == {True}
    assert {h.column < 6 for h in by_harm.hotspots} == {True}
    assert (by_count.rank, by_harm.rank) == ("count", "harm")
    assert by_count.harm is None
    assert by_harm.harm.shared == 0


def test_each_place_shows_both_ranks_and_what_its_harm_is_made_of(counts):
    found = listed(counts, harm=HarmWeighting(weights()))
    first = found.hotspots[0]
    assert first.harm.harm_rank == 1
    assert first.harm.count_rank > 40
    assert first.harm.leading.group == "robbery"
    assert sum(part.harm for part in first.harm.parts) == pytest.approx(first.harm.expected_harm.value)
    by_group = {part.group: part for part in first.harm.parts}
    assert by_group["robbery"].harm == pytest.approx(800 * by_group["robbery"].incidents)
    assert first.expected_count.value == pytest.approx(sum(p.incidents for p in first.harm.parts), rel=0.35)
    assert sum(g.harm_share for g in found.harm.groups) == pytest.approx(1.0)


def test_harm_shown_beside_a_list_by_count_changes_nothing_of_it(counts):
    plain, shown = listed(counts), listed(counts, harm=HarmWeighting(weights(), is_ranking=False))
    assert [replace(h, harm=None) for h in shown.hotspots] == list(plain.hotspots)
    assert shown.rank == "count"
    assert all(h.harm.count_rank == h.rank for h in shown.hotspots)


def test_one_group_of_weight_one_gives_the_list_by_count():
    rng = np.random.default_rng(5)
    counts = drawn_places(true_rates(15, rng), rng)
    targets = Targets(("robbery",), ("violence",), ())
    by_count = listed(counts, targets=targets)
    by_harm = listed(counts, targets=targets, harm=HarmWeighting(weights(robbery=1.0)))
    assert [h.place_id for h in by_harm.hotspots] == [h.place_id for h in by_count.hotspots]
    assert [h.harm.expected_harm.value for h in by_harm.hotspots] == pytest.approx(
        [h.expected_count.value for h in by_count.hotspots]
    )
    assert [h.p_top for h in by_harm.hotspots] == pytest.approx([h.p_top for h in by_count.hotspots], abs=0.1)


def test_the_unit_of_weight_does_not_change_the_order(counts):
    one = listed(counts, harm=HarmWeighting(weights()))
    other = listed(counts, harm=HarmWeighting(weights(robbery=80.0, violence=1.0)))
    assert [h.place_id for h in one.hotspots] == [h.place_id for h in other.hotspots]
    assert one.hotspots[0].harm.expected_harm.value == pytest.approx(
        10 * other.hotspots[0].harm.expected_harm.value
    )
    assert one.mean_p_top == pytest.approx(other.mean_p_top)


def test_prices_and_overrides_of_a_list_by_harm_are_in_units_of_harm(counts):
    forced = PlaceDecision("100m_19_0", include=True, reason="the ground is full on Saturday")
    rules = Rules(count=12, decisions=(forced,))
    found = listed(counts, harm=HarmWeighting(weights()), rules=rules)
    assert found.selection.unit == "harm (css 2020)"
    price = next(p for p in found.selection.prices if p.kind == "include")
    assert price.removal_gain > 100
    assert found.selection.expected_total == pytest.approx(
        sum(h.harm.expected_harm.value for h in found.hotspots)
    )


def test_few_rare_events_are_warned_of():
    rng = np.random.default_rng(3)
    counts = drawn_places(true_rates(15, rng, mean=1.0), rng)
    entries = [(int(rng.integers(15)), int(rng.integers(15)), int(t), "homicide", 1) for t in range(24)]
    groups = (*counts.groups, "homicide")
    rare = place_counts(entries, groups=groups)
    arrays = ("columns", "rows", "month_index", "group_index", "counts")
    both = replace(
        counts, groups=groups, **{n: np.concatenate([getattr(counts, n), getattr(rare, n)]) for n in arrays}
    )
    targets = Targets(("robbery", "violence", "homicide"), (), ())
    found = listed(both, targets=targets, harm=HarmWeighting(weights(violence=190.0, homicide=80_000.0)))
    told = {g.group: g for g in found.harm.groups}
    assert not told["homicide"].scored
    assert told["robbery"].scored
    assert any("24 records are too few for a score of their own" in w for w in found.warnings)
    assert any("driven by few rare events: homicide is" in w for w in found.warnings)


def test_a_group_without_a_weight_is_refused_by_name(counts):
    only = replace(weights(), weights=weights().weights[:1])
    with pytest.raises(QuestionError, match="no weight for violence"):
        listed(counts, harm=HarmWeighting(only))


def test_a_finder_that_counts_incidents_cannot_rank_harm(counts):
    finder = NamedFinder("count_12", count_12)
    with pytest.raises(UsageError, match="predicts incidents, not harm"):
        listed(counts, harm=HarmWeighting(weights()), finder=finder)
    assert listed(counts, harm=HarmWeighting(weights(), is_ranking=False), finder=finder).finder == "count_12"

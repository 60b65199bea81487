"""The challenger is asked like any finder, and wins only where its whole interval does."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from made_places import BORROWING, drawn_places, place_counts, true_rates

from becalm.find.core.backtest import backtest
from becalm.find.core.challenger import challenger, is_better_than_blend, judge_challenger
from becalm.find.core.place_panel import build_panel
from becalm.find.core.plugin import NamedFinder, cut_past
from becalm.find.core.settings import FindSettings
from becalm.terms import DependencyError, Estimate

SMALL = FindSettings(count=20)


@pytest.fixture(scope="module")
def tested():
    rng = np.random.default_rng(3)
    counts = drawn_places(true_rates(20, rng, mean=0.2), rng, months=24)
    finder = NamedFinder("challenger", challenger)
    rng = np.random.default_rng(1)
    return backtest(counts, BORROWING, origins=6, area_share=0.05, settings=SMALL, finder=finder, rng=rng)


def test_it_stands_last_in_the_table_with_its_gain_over_the_blend(tested):
    rows = {row.method: row for row in tested.rows}
    assert tested.rows[-1].method == "challenger"
    assert tested.finder_gain.value == pytest.approx(rows["challenger"].pai.value - rows["blend"].pai.value)
    assert rows["challenger"].pai.value > rows["count_1"].pai.value


def test_it_wins_only_where_its_whole_interval_does(tested):
    def with_gain(low: float):
        return replace(tested, finder_gain=Estimate(0.5, low, 0.9, 0.95, "drawn"))

    assert is_better_than_blend(with_gain(0.1))
    assert judge_challenger(with_gain(0.1))[0] == "challenger"
    name, said = judge_challenger(with_gain(-0.1))
    assert name == "blend"
    assert "does not beat the blend for sure, PAI +0.50 (-0.10 to +0.90)" in said[0]
    assert not is_better_than_blend(with_gain(-0.1))
    assert not is_better_than_blend(replace(with_gain(0.1), months=tested.months[:5]))
    assert not is_better_than_blend(replace(tested, finder_gain=None))


def without_lightgbm(monkeypatch):
    """As where the extra is not installed: an import of it fails."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    without_lightgbm(monkeypatch)
    rng = np.random.default_rng(3)
    counts = drawn_places(true_rates(10, rng, mean=0.5), rng, months=16)
    past = cut_past(build_panel(counts, BORROWING, settings=SMALL), 16)
    with pytest.raises(DependencyError, match=r'pip install "becalm\[challenger\]"'):
        challenger(past, how_many=20, rng=rng)


def test_it_wins_out_of_time_where_a_place_falls_silent_once_it_was_busy():
    """After a busy month a place is empty for two: more past means less to come, which no blend says."""
    rng = np.random.default_rng(7)
    entries = [(c, r, 0, "theft", 1) for c in range(30) for r in range(30)]
    turn = rng.integers(0, 3, (30, 30))
    for month in range(36):
        busy = rng.poisson(np.where((turn + month) % 3 == 0, 0.6, 0.0))
        entries += [
            (int(c), int(r), month, "robbery", int(busy[r, c])) for r, c in zip(*busy.nonzero(), strict=True)
        ]
    counts = place_counts(entries, months=36, groups=("drugs", "robbery", "violence", "theft"))
    finder = NamedFinder("challenger", challenger)
    tested = backtest(
        counts,
        BORROWING,
        origins=6,
        area_share=0.1,
        settings=SMALL,
        finder=finder,
        rng=np.random.default_rng(1),
    )
    assert tested.finder_gain.low > 0
    name, said = judge_challenger(tested)
    assert name == "challenger"
    assert "The challenger chose these places: it beats the blend, PAI +" in said[0]


def test_it_is_not_used_where_the_blend_is_as_good(tested):
    assert tested.finder_gain.low < 0
    assert judge_challenger(tested)[0] == "blend"

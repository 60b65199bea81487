"""The challenger is asked like any finder, and wins only where its whole interval does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_places import BORROWING, drawn_places, true_rates

from becalm.find.backtest import backtest
from becalm.find.challenger import beats_the_blend, challenger, verdict_on
from becalm.find.plugin import NamedFinder
from becalm.find.settings import FindSettings
from becalm.terms.estimate import Estimate

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

    assert beats_the_blend(with_gain(0.1))
    assert verdict_on(with_gain(0.1))[0] == "challenger"
    name, said = verdict_on(with_gain(-0.1))
    assert name == "blend"
    assert "does not beat the blend for sure, PAI +0.50 (-0.10 to +0.90)" in said[0]
    assert not beats_the_blend(with_gain(-0.1))
    assert not beats_the_blend(replace(with_gain(0.1), months=tested.months[:5]))
    assert not beats_the_blend(replace(tested, finder_gain=None))

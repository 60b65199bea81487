"""A rebound that is planted into drawn weeks is found, soonest by the one who knows the level."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from becalm.methods.alarms.bocpd import bocpd
from becalm.methods.alarms.ramp import ramp
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.backtest import Backtest, PlantedRebound, backtest_alarms
from becalm.sustain.core.run_watch import history_world
from becalm.sustain.core.series import WeeklySeries
from becalm.sustain.core.thresholds import Budget
from becalm.terms import QuestionError

RAMP = (NamedAlarm("ramp", ramp),)
REBOUND = PlantedRebound(0.5, 8, 1.0)


def drawn(weeks: int) -> WeeklySeries:
    """Eight series of 40 a week of which nothing changes."""
    counts = np.random.default_rng(6).poisson(40.0, (8, weeks)).astype(float)
    mondays = tuple(date(2015, 1, 5) + timedelta(weeks=week) for week in range(weeks))
    keys = tuple((f"area {number}", "robbery") for number in range(8))
    return WeeklySeries(
        keys, mondays, counts, ("victim",) * 8, np.ones_like(counts), np.zeros(counts.shape, dtype=bool)
    )


def backtest(weeks: int, alarms: tuple[NamedAlarm, ...] = RAMP) -> Backtest:
    history = drawn(weeks)
    world = history_world(history, fall=0.5)
    return backtest_alarms(history.counts, world, alarms, REBOUND, Budget(1.0, 0.0), runs=2, seed=3)


def test_the_ramp_finds_it_within_weeks_and_seldom_raises_a_false_alarm():
    result = backtest(190)
    row_by_method = {row.method: row for row in result.rows}
    assert set(row_by_method) == {"ramp", "year on year", "XmR chart", "clairvoyant"}
    ramp_row = row_by_method["ramp"]
    assert (ramp_row.series, ramp_row.found_share) == (8, 1.0)
    assert 2 <= ramp_row.median_weeks <= 10
    assert ramp_row.false_per_year <= 3.0
    assert row_by_method["clairvoyant"].median_weeks <= ramp_row.median_weeks + 1
    assert row_by_method["XmR chart"].false_per_year > ramp_row.false_per_year


def test_who_knows_the_level_is_judged_on_the_scale_of_the_ramp_whatever_stands_first():
    rows = backtest(190, (NamedAlarm("bocpd", bocpd), *RAMP)).rows
    (clairvoyant,) = [row for row in rows if row.method == "clairvoyant"]
    assert clairvoyant.false_per_year <= 3.0
    assert clairvoyant.median_weeks >= 2.0


def test_a_history_without_room_for_a_start_is_refused():
    with pytest.raises(QuestionError, match="needs 164"):
        backtest(150)

"""A series that wanders needs more to be heard, and does not cost the calm ones theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from becalm.methods.alarms.ramp import ramp
from becalm.methods.residual_drift import ResidualDrift
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.delays import Placebo
from becalm.sustain.core.null_worlds import NullWorld, SharedNoise
from becalm.sustain.core.thresholds import Budget, SimulatedThresholds, simulate_thresholds, threshold_values

RAMP = (NamedAlarm("ramp", ramp),)
CALM = np.full(6, 1e-6)


def world(variance: np.ndarray, shared: float = 0.0) -> NullWorld:
    """Six series of 60 a week, of which the level of each drifts so far in a year."""
    return NullWorld(
        before=np.full((6, 130), 60.0),
        after=np.full((6, 60), 60.0),
        excess=np.full(6, 1e-3),
        share=np.full(6, 0.6),
        areas=np.arange(6.0),
        offences=np.arange(6.0),
        shared=SharedNoise(0.0, 0.0, 0.0),
        drift=ResidualDrift(variance, np.full(6, 1e-12), (shared, 0.0, 0.0), 0.3),
    )


def simulate(drawn: NullWorld, budget: float = 0.3) -> SimulatedThresholds:
    rng = np.random.default_rng(4)
    return simulate_thresholds(drawn, RAMP, (), Budget(budget, 0.0), rng, most_series=9_000)


def test_the_restless_need_more_and_the_calm_pay_nothing():
    calm = threshold_values(simulate(world(CALM)).by_kind["ramp"])
    mixed = threshold_values(simulate(world(np.where(np.arange(6) < 3, 0.2**2, CALM))).by_kind["ramp"])
    assert mixed[:3].min() > 1.5 * calm.max()
    assert mixed[3:] == pytest.approx(calm[3:], rel=0.15)


def test_what_all_wander_in_common_makes_false_alarms_come_together():
    alone = simulate(world(np.full(6, 0.15**2)), budget=1.0)
    together = simulate(world(np.full(6, 0.15**2), shared=0.15**2), budget=1.0)
    assert alone.clumping < 1.3
    assert together.clumping > 1.6


def test_an_interval_allows_for_alarms_that_come_together():
    single, clumped = (Placebo(6.0, 3.0, clumping).per_year() for clumping in (1.0, 3.0))
    assert (single.value, clumped.value) == (2.0, 2.0)
    assert clumped.low < single.low < 2.0 < single.high < clumped.high
    assert Placebo(0.0, 3.0, 3.0).per_year().low == 0.0
    assert Placebo(0.0, 0.0).per_year() is None


def test_how_restless_a_series_is_is_told_in_deviations_of_a_week():
    still, moving = world(CALM), world(np.full(6, 0.1**2))
    assert moving.restlessness == pytest.approx(0.1 * np.sqrt(36.0 / 1.036))
    assert (replace(moving, share=np.full(6, 0.3)).restlessness < moving.restlessness).all()
    assert (still.restlessness < 0.01).all()

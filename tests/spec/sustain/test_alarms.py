"""Every alarm keeps the rules, and one that breaks them is refused with what is wrong."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from becalm.methods.alarms.ramp import ramp
from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.sustain.core.alarms import NamedAlarm, check_alarm
from becalm.terms import UsageError

SHIPPED = ("bocpd", "cusum", "ewma", "farrington", "ramp", "sisters", "split")
FOR_REBOUNDS = tuple(name for name in SHIPPED if name not in ("farrington", "sisters"))


def shipped(name: str) -> NamedAlarm:
    return NamedAlarm(name, getattr(import_module(f"becalm.methods.alarms.{name}"), name))


def weeks(level: float, *, climbs: bool, seed: int = 3) -> WatchedCounts:
    """Forty series that fell to half; those that climb begin in week 20 and are back in week 27."""
    rng = np.random.default_rng(seed)
    rise = 1.0 + climbs * np.clip((np.arange(52) - 19) / 8.0, 0.0, 1.0)
    counts = rng.poisson(0.5 * level * rise, (40, 52)).astype(float)
    return WatchedCounts(counts, np.full((40, 52), level), np.zeros(40), None, np.eye(40, dtype=bool))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_alarm_keeps_the_rules(name):
    check_alarm(shipped(name))


@pytest.mark.parametrize("name", [*FOR_REBOUNDS, "sisters"])
def test_an_alarm_stands_higher_after_a_rebound_than_ever_without(name):
    alarm = shipped(name).score
    quiet = alarm(weeks(20.0, climbs=False))[:, LEARNING_TIMES:].max(axis=1)
    risen = alarm(weeks(20.0, climbs=True))[:, -20:].max(axis=1)
    assert np.median(risen) > quiet.max()


def looks_ahead(watched: WatchedCounts) -> np.ndarray:
    return np.cumsum(watched.filled_counts[:, ::-1], axis=1)[:, ::-1]


def shows_the_mean_of_all(watched: WatchedCounts) -> np.ndarray:
    return watched.filled_counts - watched.filled_counts.mean(axis=1, keepdims=True)


def writes(watched: WatchedCounts) -> np.ndarray:
    watched.counts[:] = 0.0
    return watched.counts


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (looks_ahead, "changes with later weeks"),
        (shows_the_mean_of_all, "changes with later weeks"),
        (writes, "fails: ValueError"),
        (lambda watched: watched.counts, "no numbers"),  # a missing week is NaN
        (lambda watched: watched.filled_counts[:, :3], "gives scores of shape"),
        (lambda watched: watched.filled_counts + np.random.default_rng().normal(), "say the same again"),
    ],
)
def test_an_alarm_that_breaks_a_rule_is_refused(score, said):
    with pytest.raises(UsageError) as refusal:
        check_alarm(NamedAlarm("mine", score))
    assert said in str(refusal.value)


def test_a_missing_week_is_skipped_and_not_taken_for_zero():
    watched = weeks(20.0, climbs=False)
    missing, zero = watched.counts.copy(), watched.counts.copy()
    missing[:, 30:33], zero[:, 30:33] = np.nan, 0.0
    plain = ramp(watched)[:, 40]
    skipped = ramp(WatchedCounts(missing, watched.expected, watched.excess))[:, 40]
    as_zero = ramp(WatchedCounts(zero, watched.expected, watched.excess))[:, 40]
    assert np.abs(skipped - plain).mean() < 0.3 * np.abs(as_zero - plain).mean()

"""The test of the test: visits that come independently, at the rates that the log itself shows."""

from __future__ import annotations

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.attack_features import smooth_circle
from becalm.patrol.core.attack_moments import SLOTS, STEP_S, Moments
from becalm.patrol.core.visits import VisitLog, visit_log

HOURS = 168


def independent_visits(log: VisitLog, moments: Moments, rng: np.random.Generator) -> VisitLog:
    """A log of the same rates by hotspot, hour of the week and quarter-hour of the day, and nothing else.

    Starts are a Poisson process; lengths are drawn from the log's own. Silent days stay silent.
    """
    starts = rng.poisson(timetable(log, moments))
    hotspot, cell = np.nonzero(starts)
    times = starts[hotspot, cell]
    hotspot, cell = np.repeat(hotspot, times), np.repeat(cell, times)
    begin = moments.at_s[cell] + rng.integers(0, STEP_S, len(cell))
    length = rng.choice(log.end_s - log.start_s, len(cell))
    return visit_log(
        hotspot=np.array(log.hotspots)[hotspot],
        start_s=begin,
        end_s=begin + length,
        time_zone=log.time_zone,
        area=np.array(log.areas)[hotspot],
    )


def timetable(log: VisitLog, moments: Moments) -> Floats:
    """Expected starts of each hotspot in each quarter-hour: [P, T]."""
    hotspots = len(log.hotspots)
    within = (log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])
    cell = np.searchsorted(moments.at_s, log.start_s[within], "right") - 1
    where = log.hotspot[within] * HOURS + moments.hour[cell]
    counts = np.bincount(where, minlength=hotspots * HOURS).reshape(hotspots, HOURS)
    live = moments.live
    exposure = np.stack([np.bincount(moments.hour[o], minlength=HOURS) for o in live])
    rate = smooth_circle(counts.astype(np.float64), 1.0)
    rate /= np.maximum(smooth_circle(exposure.astype(np.float64), 1.0), 1e-9)
    expected = rate[:, moments.hour] * live
    slot = moments.minute // 15
    seen = np.bincount(slot[cell], minlength=SLOTS)
    foreseen = np.bincount(slot, expected.sum(axis=0), SLOTS)
    return np.asarray(expected * (seen / np.maximum(foreseen, 1e-9))[slot])

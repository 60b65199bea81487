"""Minutes from noisy traces against the simulated truth."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from patrols import T0, place, policy

from becalm.patrol.core.delivery import Traces, visits_from_traces

PLACES = [place(f"h{i}", east=400.0 * (i % 8), north=400.0 * (i // 8)) for i in range(48)]
MIDDLES = np.array([(p.easting_m, p.northing_m) for p in PLACES])


def true_walk(rng: np.random.Generator, *, metres_per_second: float, hours: float) -> np.ndarray:
    """Where an officer is, second by second: from hotspot to hotspot, standing about in each."""
    legs, at = [], MIDDLES[0]
    while sum(map(len, legs)) < hours * 3600:
        goal = MIDDLES[rng.integers(len(MIDDLES))] + rng.uniform(-40, 40, 2)
        steps = max(2, int(np.hypot(*(goal - at)) / metres_per_second))
        legs.append(np.linspace(at, goal, steps))
        stay = int(rng.choice([600, 900, 1200]))
        legs.append(goal + np.clip(np.cumsum(rng.normal(0, 0.5, (stay, 2)), axis=0), -40, 40))
        at = legs[-1][-1]
    return np.vstack(legs)


def true_minutes(walked: np.ndarray) -> dict[str, float]:
    """Minutes within each hotspot's own circle, in stays of three minutes and more."""
    lengths: dict[str, float] = defaultdict(float)
    for p in PLACES:
        inside = np.hypot(walked[:, 0] - p.easting_m, walked[:, 1] - p.northing_m) <= p.radius_m
        edges = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
        for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            if end - first >= 180:
                lengths[p.hotspot] += (end - first) / 60
    return dict(lengths)


def fixes(rng: np.random.Generator, walked: np.ndarray, officer: int, *, persistence: float) -> Traces:
    """A fix every ten seconds with ten metres of noise, part of which stays from fix to fix."""
    at = np.arange(int(rng.integers(10)), len(walked), 10)
    innovations = rng.normal(0, 10, (len(at), 2))
    noise = innovations.copy()
    for i in range(1, len(noise)):
        noise[i] = persistence * noise[i - 1] + np.sqrt(1 - persistence**2) * innovations[i]
    positions = walked[at] + noise
    whole = np.full(len(at), officer)
    names = tuple(f"U{i}" for i in range(officer + 1))
    return Traces(
        whole, whole, names, T0 + at.astype(float), positions[:, 0], positions[:, 1], np.full(len(at), 10.0)
    )


@pytest.mark.parametrize("persistence", [0.0, 0.9], ids=["fresh noise", "noise that drifts"])
@pytest.mark.parametrize("speed", [1.3, 6.0], ids=["on foot", "by car"])
def test_minutes_at_a_hotspot_are_within_45_seconds_of_the_truth(speed: float, persistence: float) -> None:
    rng = np.random.default_rng(5)
    errors = []
    for officer in range(12):
        walked = true_walk(rng, metres_per_second=speed, hours=8)
        traces = fixes(rng, walked, officer, persistence=persistence)
        measured: dict[str, float] = defaultdict(float)
        for visit in visits_from_traces(traces, PLACES, policy().delivered).visits:
            measured[visit.hotspot] += visit.span.minutes
        truth = true_minutes(walked)
        errors += [60 * abs(measured[h] - truth.get(h, 0.0)) for h in set(truth) | set(measured)]
    assert len(errors) > 60
    assert np.mean(errors) <= 45

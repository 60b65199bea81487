"""Worlds in which nothing rises: the force's own series, drawn again and again at their fallen level.

Each drawn series has its own level, season, trend and noise, and the weeks that all share. A baseline is
fitted to its drawn history as to the true one, so that what is not known about it is in the scores, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.methods.arrays import Floats
from becalm.methods.residual_drift import ResidualDrift, draw_paths, fit_residual_drift
from becalm.sustain.core.baseline import WEEKS_IN_YEAR, Baseline, baseline_design, fit_baseline

WATCHED_WEEKS: Final = 52  # after the first, from which the level is learned
SERIES_AT_ONCE: Final = 1536
LEAST_SHARE, MOST_SHARE, USUAL_SHARE = 0.3, 1.0, 0.6
LEAST_EXCESS: Final = 1e-4


@dataclass(frozen=True, slots=True)
class SharedNoise:
    """The variance of weekly shocks (log scale): of all series, of one area, and of one offence."""

    force: float
    areas: float
    offences: float


@dataclass(frozen=True, slots=True)
class NullWorld:
    """Series to draw new ones of: means before the step and, unfallen, after; noise; how far they fell.

    `areas[s]` and `offences[s]` number the area and the offence of each series; `drift` is how its level
    wanders, alone and with those of the force, of its area and of its offence.
    """

    before: Floats
    after: Floats
    excess: Floats
    share: Floats
    areas: Floats
    offences: Floats
    shared: SharedNoise
    drift: ResidualDrift

    @property
    def size(self) -> int:
        """The number of series."""
        return len(self.before)

    @property
    def restlessness(self) -> Floats:
        """How far each level wanders in a year, in deviations of the count of one week."""
        mean = self.share * self.after.mean(axis=1)
        return np.asarray(np.sqrt(self.drift.variance * mean / (1.0 + self.excess * mean)))


def learn_world(
    history: Floats, baseline: Baseline, areas: Floats, offences: Floats, *, share: Floats | None = None
) -> NullWorld:
    """The world that these weeks before the step come from; `share` is how far each series fell."""
    watched_weeks = LEARNING_TIMES + WATCHED_WEEKS
    expected_after = fit_baseline(history, watched_weeks).expected
    residuals = history - baseline.fitted_counts
    relative_residuals = residuals / np.maximum(baseline.fitted_counts, 1e-9)
    drift = fit_residual_drift(
        relative_residuals,
        baseline_design(history.shape[1], 0),
        (np.zeros(len(history)), areas, offences),
        cycle=WEEKS_IN_YEAR,
    )
    fallen_share = np.full(len(history), USUAL_SHARE) if share is None else share
    return NullWorld(
        baseline.fitted_counts,
        expected_after,
        np.maximum(baseline.excess - drift.variance * drift.in_residuals, LEAST_EXCESS),
        np.clip(fallen_share, LEAST_SHARE, MOST_SHARE),
        areas,
        offences,
        _shared_noise(residuals, baseline.fitted_counts, areas, offences, drift),
        drift,
    )


def draw_worlds(
    world: NullWorld, count: int, rng: np.random.Generator, *, rise: Floats | None = None
) -> Iterator[tuple[int, WatchedCounts]]:
    """So many drawings of the whole world, some at a time, each as it would be watched.

    `rise` multiplies the level of each week since the step, where a rebound is planted. The number of
    drawings is handed out beside the counts, whose rows are drawing by drawing.
    """
    at_once = max(1, SERIES_AT_ONCE // world.size)
    for first in range(0, count, at_once):
        drawn_count = min(at_once, count - first)
        counts = np.concatenate([_draw(world, rng, rise) for _ in range(drawn_count)])
        yield drawn_count, watch_counts(counts, world.before.shape[1])


def watch_counts(counts: Floats, history_weeks: int) -> WatchedCounts:
    """These series, whose step comes after so many weeks, as an alarm sees them."""
    history, since = counts[:, :history_weeks], counts[:, history_weeks:]
    baseline = fit_baseline(history, since.shape[1])
    return WatchedCounts(since, baseline.expected, baseline.excess, history)


def _draw(world: NullWorld, rng: np.random.Generator, rise: Floats | None) -> Floats:
    later_means = world.share[:, None] * world.after * (1.0 if rise is None else rise)
    means = np.concatenate([world.before, later_means], axis=1)
    weeks, shared = means.shape[1], world.shared
    log_shock: Floats = rng.normal(0.0, np.sqrt(shared.force), (1, weeks))
    for numbers, variance in ((world.areas, shared.areas), (world.offences, shared.offences)):
        kinds, index = np.unique(numbers, return_inverse=True)
        log_shock = log_shock + rng.normal(0.0, np.sqrt(variance), (len(kinds), weeks))[index]
    shared_variance = shared.force + shared.areas + shared.offences
    own_excess = np.maximum(world.excess - shared_variance, 1e-6)[:, None]
    means = means * np.exp(log_shock - shared_variance / 2.0 + _wander(world, rng))
    drawn_means = means * rng.gamma(1.0 / own_excess, own_excess, means.shape)
    return np.asarray(rng.poisson(drawn_means), dtype=np.float64)


def _wander(world: NullWorld, rng: np.random.Generator) -> Floats:
    """How each level wanders (log scale; 0 at the step). How far it does is in doubt, so it is drawn."""
    drift, before = world.drift, world.before.shape[1]
    weeks = before + world.after.shape[1]
    drift_doubts = np.maximum(drift.doubt, 1e-12)
    drawn_variance = rng.gamma(drift.variance**2 / drift_doubts, drift_doubts / drift.variance)
    own_paths = draw_paths(world.size, weeks, rng, cycle=WEEKS_IN_YEAR)
    path = own_paths * np.sqrt(drift.own_variance(drawn_variance))[:, None]
    for numbers, variance in zip(
        (np.zeros(world.size), world.areas, world.offences), drift.shared, strict=True
    ):
        groups, index = np.unique(numbers, return_inverse=True)
        path += draw_paths(len(groups), weeks, rng, cycle=WEEKS_IN_YEAR)[index] * np.sqrt(variance)
    return np.asarray(path - path[:, [before - 1]])


def _shared_noise(
    residuals: Floats, means: Floats, areas: Floats, offences: Floats, drift: ResidualDrift
) -> SharedNoise:
    """By moments: the covariance of the series of a group, over the product of their means, without drift."""
    force_covariance = _covariance(residuals, means, np.zeros(len(means)))
    within_areas, within_offences = (
        _covariance(residuals, means, n) - force_covariance for n in (areas, offences)
    )
    noise_by_sharing = (force_covariance, within_areas, within_offences)
    drifts = (drift.in_residuals * variance for variance in drift.shared)
    return SharedNoise(
        *(max(part - drifted, 0.0) for part, drifted in zip(noise_by_sharing, drifts, strict=True))
    )


def _covariance(residuals: Floats, means: Floats, numbers: Floats) -> float:
    product, square = 0.0, 0.0
    for number in np.unique(numbers):
        is_member = numbers == number
        if is_member.sum() > 1:
            r, m = residuals[is_member], means[is_member]
            product += float((r.sum(axis=0) ** 2 - (r**2).sum(axis=0)).sum())
            square += float((m.sum(axis=0) ** 2 - (m**2).sum(axis=0)).sum())
    return max(product / square, 0.0) if square > 0.0 else 0.0

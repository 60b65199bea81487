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
from becalm.methods.level_model import DRIFT_POWER, fit_levels
from becalm.sustain.core.baseline import WEEKS_IN_YEAR, Baseline, fit_baseline

WATCHED_WEEKS: Final = 52  # after the first, from which the level is learned
SERIES_AT_ONCE: Final = 1536
LEAST_SHARE, MOST_SHARE, USUAL_SHARE = 0.3, 1.0, 0.6


@dataclass(frozen=True, slots=True)
class SharedNoise:
    """The variance of weekly shocks (log scale): of all series, of one area, and of one offence."""

    force: float
    areas: float
    offences: float


@dataclass(frozen=True, slots=True)
class NullWorld:
    """Series to draw new ones of: means before the step and, unfallen, after; noise; how far they fell.

    `areas[s]` and `offences[s]` number the area and the offence of each series; `drift[s]` is the standard
    deviation by which its level (log scale) wanders in a year.
    """

    before: Floats
    after: Floats
    excess: Floats
    share: Floats
    areas: Floats
    offences: Floats
    shared: SharedNoise
    drift: Floats

    @property
    def size(self) -> int:
        """The number of series."""
        return len(self.before)


def learn_world(
    history: Floats, baseline: Baseline, areas: Floats, offences: Floats, *, share: Floats | None = None
) -> NullWorld:
    """The world that these weeks before the step come from; `share` is how far each series fell."""
    watched = LEARNING_TIMES + WATCHED_WEEKS
    after = fit_baseline(history, watched).expected
    residuals = history - baseline.fitted_counts
    fallen_share = np.full(len(history), USUAL_SHARE) if share is None else share
    return NullWorld(
        baseline.fitted_counts,
        after,
        baseline.excess,
        np.clip(fallen_share, LEAST_SHARE, MOST_SHARE),
        areas,
        offences,
        _shared_noise(residuals, baseline.fitted_counts, areas, offences),
        learn_drift(history),
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
    later = world.share[:, None] * world.after * (1.0 if rise is None else rise)
    means = np.concatenate([world.before, later], axis=1)
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


def learn_drift(history: Floats) -> Floats:
    """By how much does each level wander in a year (log scale), by the model of levels?"""
    week_count = history.shape[1]
    model = fit_levels(history, np.arange(week_count), exposure=np.ones(week_count), cycle=WEEKS_IN_YEAR)
    return np.asarray(model.drift)


def _wander(world: NullWorld, rng: np.random.Generator) -> Floats:
    """How each level wanders, on the log scale: fractional Brownian motion that is 0 at the step."""
    before, weeks = world.before.shape[1], world.before.shape[1] + world.after.shape[1]
    steps = _fractional_noise(world.size, weeks, rng)
    path = np.cumsum(steps, axis=1) * (world.drift / WEEKS_IN_YEAR ** (DRIFT_POWER / 2.0))[:, None]
    return np.asarray(path - path[:, [before - 1]])


def _fractional_noise(rows: int, length: int, rng: np.random.Generator) -> Floats:
    """Increments of fractional Brownian motion whose variance grows by the power DRIFT_POWER, of variance 1.

    By circulant embedding (Davies and Harte, Biometrika 74 (1987) 95-101), which is exact.
    """
    lags = np.arange(length + 1, dtype=np.float64)
    covariance = 0.5 * (
        (lags + 1.0) ** DRIFT_POWER - 2.0 * lags**DRIFT_POWER + np.abs(lags - 1.0) ** DRIFT_POWER
    )
    circle = np.concatenate([covariance, covariance[-2:0:-1]])
    weights = np.sqrt(np.maximum(np.fft.fft(circle).real, 0.0) / len(circle))
    normal = rng.normal(size=(2, rows, len(circle)))
    return np.asarray(np.fft.fft(weights * (normal[0] + 1j * normal[1]), axis=1).real[:, :length])


def _shared_noise(residuals: Floats, means: Floats, areas: Floats, offences: Floats) -> SharedNoise:
    """By moments: the covariance of the series of a group, over the product of their means."""
    force = _covariance(residuals, means, np.zeros(len(means)))
    within_areas, within_offences = (
        max(_covariance(residuals, means, n) - force, 0.0) for n in (areas, offences)
    )
    return SharedNoise(force, within_areas, within_offences)


def _covariance(residuals: Floats, means: Floats, numbers: Floats) -> float:
    product, square = 0.0, 0.0
    for number in np.unique(numbers):
        is_member = numbers == number
        if is_member.sum() > 1:
            r, m = residuals[is_member], means[is_member]
            product += float((r.sum(axis=0) ** 2 - (r**2).sum(axis=0)).sum())
            square += float((m.sum(axis=0) ** 2 - (m**2).sum(axis=0)).sum())
    return max(product / square, 0.0) if square > 0.0 else 0.0

"""BOCPD: how probable is it that the level of today lies well above that of the first times?

Bayesian online change point detection (Adams and MacKay, arXiv 0710.3742, 2007) for counts: at any time a
new level may begin with chance NEW_LEVEL_CHANCE, levels are gamma variables, and the probability of each
length of the present run is carried from time to time. The score is the log odds that the present level
exceeds RISE times the level of the first times since the step.
"""

import math
from typing import Final

import numpy as np
from numba import njit, prange

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts, learn_level
from becalm.methods.arrays import Floats

NEW_LEVEL_CHANCE: Final = 1.0 / 52.0
PRIOR_SHAPE, PRIOR_MEAN = 3.0, 0.7
RISE: Final = 1.15
LONGEST_RUN: Final = 104  # longer runs are all alike
LARGEST_LOG_ODDS: Final = 60.0


def bocpd(watched: WatchedCounts) -> Floats:
    """The log odds of a level above RISE times that of the first times, at each time."""
    counts, expected = watched.filled_counts, watched.filled_expected
    first_level = learn_level(counts, expected)
    scores = np.zeros(counts.shape)
    _fill_scores(counts, expected, watched.excess, first_level, scores)
    scores[:, :LEARNING_TIMES] = -LARGEST_LOG_ODDS
    return scores


@njit(cache=True, nogil=True)
def _chance_above(threshold, shape, rate):  # type: ignore[no-untyped-def]  # a kernel
    """P(gamma variable > threshold), by the cube root (Wilson and Hilferty 1931)."""
    cube_root = (threshold * rate / shape) ** (1.0 / 3.0)
    cube_root_variance = 1.0 / (9.0 * shape)
    return 0.5 * math.erfc((cube_root - (1.0 - cube_root_variance)) / math.sqrt(2.0 * cube_root_variance))


@njit(cache=True, nogil=True)
def _log_predictive(y, e, shape, rate):  # type: ignore[no-untyped-def]  # a kernel
    """Log probability of a count under a gamma mixture of Poissons, but for what all runs share."""
    return (
        math.lgamma(shape + y)
        - math.lgamma(shape)
        + shape * math.log(rate / (rate + e))
        + y * math.log(1.0 / (rate + e))
    )


@njit(cache=True, nogil=True, parallel=True)
def _fill_scores(counts, expected, excess, first_level, scores):  # type: ignore[no-untyped-def]  # a kernel
    series_count, time_count = counts.shape
    for s in prange(series_count):
        chances = np.zeros(LONGEST_RUN + 1)  # of each length of the present run
        shapes = np.full(LONGEST_RUN + 1, PRIOR_SHAPE)
        rates = np.full(LONGEST_RUN + 1, PRIOR_SHAPE / PRIOR_MEAN)
        weights = np.empty(LONGEST_RUN + 1)
        chances[0] = 1.0
        run_count, total, total_expected, seen_count = 1, 0.0, 0.0, 0
        for t in range(time_count):
            y, e = counts[s, t], expected[s, t]
            if e > 0.0:
                total, total_expected, seen_count = total + y, total_expected + e, seen_count + 1
                phi = 1.0 + excess[s] * total / seen_count
                y, e = y / phi, e / phi
                highest = -np.inf
                for r in range(run_count):
                    weights[r] = math.log(chances[r] + 1e-300) + _log_predictive(y, e, shapes[r], rates[r])
                    highest = max(highest, weights[r])
                evidence = 0.0
                for r in range(run_count):
                    weights[r] = math.exp(weights[r] - highest)
                    evidence += weights[r]
                # Every run grows by one; the two longest are joined, and a new one may begin.
                for r in range(min(run_count, LONGEST_RUN), 0, -1):
                    grown_weight = weights[r - 1] + (
                        weights[r] if r == LONGEST_RUN and run_count > LONGEST_RUN else 0.0
                    )
                    chances[r] = grown_weight / evidence * (1.0 - NEW_LEVEL_CHANCE)
                    shapes[r], rates[r] = shapes[r - 1] + y, rates[r - 1] + e
                chances[0] = NEW_LEVEL_CHANCE
                shapes[0], rates[0] = PRIOR_SHAPE, PRIOR_SHAPE / PRIOR_MEAN
                run_count = min(run_count + 1, LONGEST_RUN + 1)
            chance, seen_chance = 0.0, 0.0
            # a level that has not been seen yet says nothing
            for r in range(1, run_count):
                seen_chance += chances[r]
                chance += chances[r] * _chance_above(RISE * first_level[s], shapes[r], rates[r])
            chance = chance / seen_chance if seen_chance > 0.0 else 0.5
            log_odds = math.log(chance + 1e-300) - math.log(1.0 - chance + 1e-300)
            scores[s, t] = min(max(log_odds, -LARGEST_LOG_ODDS), LARGEST_LOG_ODDS)

"""The ramp: how strongly do counts speak for a climb, whenever it began, however long and large it is?

The level since the step is not known; it is a gamma variable, learned as it goes. For every onset of the last
ONSETS times, every duration and every size, the likelihood ratio of a climb over no climb is taken with the
level integrated out, and all are added up, large climbs with more weight (a Shiryaev-Roberts sum: Shiryaev,
Theory of Probability and its Applications 8 (1963) 22-46; mixtures: Pollak, Annals of Statistics 15 (1987)
749-779). The score is the logarithm of the sum. Counts and expectations are divided by variance over mean, as
quasi-likelihood has it.
"""

import math
from typing import Final

import numpy as np
from numba import njit, prange

from becalm.methods.alarms.watched_counts import WatchedCounts
from becalm.methods.arrays import Floats, Singles

ONSETS: Final = 30
DURATIONS: Final = (1, 4, 8, 12)
SIZES: Final = (1.25, 1.5, 2.0)
SIZE_WEIGHTS: Final = (0.05, 0.35, 0.6)  # a small climb is found by a large one's evidence nearly as well
PRIOR_SHAPE, PRIOR_MEAN = 5.0, 0.6  # of the level since the step, as a share of the level before
SHAPE_COUNT: Final = len(DURATIONS) * len(SIZES)


def ramp(watched: WatchedCounts) -> Floats:
    """The logarithm of the summed likelihood ratios of all climbs, for each series and time."""
    log_ratios = log_likelihood_ratios(watched.filled_counts, watched.filled_expected, watched.excess)
    return sum_evidence(log_ratios)


def log_likelihood_ratios(counts: Floats, expected: Floats, excess: Floats) -> Singles:
    """Of each climb (last axis: onset by shape) for each series and time; -inf where it has not begun."""
    log_rises, rises = climb_shapes()
    log_ratios = np.empty((*counts.shape, ONSETS * SHAPE_COUNT), dtype=np.float32)
    _fill_ratios(counts, expected, excess, log_rises, rises, log_ratios)
    return log_ratios


def climb_shapes() -> tuple[Floats, Floats]:
    """The multiple of the level at each age, of each shape (row): its logarithm, and less 1.

    A climb of duration 4 and size 2 stands at 1.25, 1.5, 1.75 and then at 2.
    """
    ages = np.arange(ONSETS) + 1.0
    level_multiples = np.array(
        [1.0 + (size - 1.0) * np.minimum(ages / d, 1.0) for d in DURATIONS for size in SIZES]
    )
    return np.log(level_multiples), level_multiples - 1.0


def sum_evidence(log_ratios: Singles | Floats) -> Floats:
    """The logarithm of the weighted sum over all climbs (last axis), so that it cannot overflow."""
    log_sums = np.empty(log_ratios.shape[:-1])
    log_weights = np.tile(np.log(SIZE_WEIGHTS), log_ratios.shape[-1] // len(SIZES))
    _log_sums(log_ratios.reshape(-1, log_ratios.shape[-1]), log_weights, log_sums.reshape(-1))
    return log_sums


@njit(cache=True, nogil=True, parallel=True)
def _fill_ratios(counts, expected, excess, log_rises, rises, ratios):  # type: ignore[no-untyped-def]  # a kernel
    series_count, time_count = counts.shape
    shape_count, onset_count = log_rises.shape
    for s in prange(series_count):
        # Sums over the climb so far, by onset (a ring: the oldest onset is overwritten) and shape.
        climb_counts = np.zeros((onset_count, shape_count))
        climb_expected = np.zeros((onset_count, shape_count))
        total, total_expected, seen_count = 0.0, 0.0, 0
        for t in range(time_count):
            y, e = counts[s, t], expected[s, t]
            total += y
            total_expected += e
            seen_count += e > 0.0
            level_estimate = (PRIOR_SHAPE + total) / (PRIOR_SHAPE / PRIOR_MEAN + total_expected)
            # The noise of a fallen level is that of its own mean, not of the mean before the step.
            phi = 1.0 + excess[s] * level_estimate * total_expected / max(seen_count, 1)
            shape = PRIOR_SHAPE + total / phi
            gamma_rate = PRIOR_SHAPE / PRIOR_MEAN + total_expected / phi
            climb_counts[t % onset_count] = 0.0
            climb_expected[t % onset_count] = 0.0
            for back in range(onset_count):
                row = (t - back) % onset_count
                if back > t:
                    for k in range(shape_count):
                        ratios[s, t, back * shape_count + k] = -np.inf
                    continue
                for k in range(shape_count):
                    climb_counts[row, k] += y * log_rises[k, back]
                    climb_expected[row, k] += e * rises[k, back]
                    climb_evidence = climb_counts[row, k] / phi
                    climb_cost = shape * math.log1p(climb_expected[row, k] / phi / gamma_rate)
                    ratios[s, t, back * shape_count + k] = climb_evidence - climb_cost


@njit(cache=True, nogil=True, parallel=True)
def _log_sums(log_ratios, log_weights, sums):  # type: ignore[no-untyped-def]  # a kernel
    for row in prange(log_ratios.shape[0]):
        highest_log_ratio = -np.inf
        for k in range(log_ratios.shape[1]):
            highest_log_ratio = max(highest_log_ratio, log_ratios[row, k] + log_weights[k])
        exponential_sum = 0.0
        for k in range(log_ratios.shape[1]):
            log_gap = log_ratios[row, k] + log_weights[k] - highest_log_ratio
            if log_gap > -30.0:  # what is smaller changes nothing
                exponential_sum += math.exp(log_gap)
        sums[row] = highest_log_ratio + math.log(exponential_sum)

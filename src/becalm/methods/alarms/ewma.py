"""EWMA: a fading mean of how far each count lies above the level of the first times since the step.

Roberts, Technometrics 1 (1959) 239-250, on residuals in standard deviations; the memory keeps three quarters
from one time to the next. Simple and quick, but as good as its level alone: eight times of small counts make
a poor one.
"""

from typing import Final

import numpy as np

from becalm.methods.alarms import watched_counts
from becalm.methods.arrays import Floats

NEWEST_WEIGHT: Final = 0.25


def ewma(watched: watched_counts.WatchedCounts) -> Floats:
    """The fading mean at each time; a missing time leaves it as it is.

    It begins once the level is learned: until then every score is 0.
    """
    residuals = watched_counts.standard_residuals(watched)
    is_known = watched.filled_expected > 0.0
    scores = np.full(residuals.shape, watched_counts.NO_SCORE)
    fading_mean = np.zeros(len(residuals))
    for time in range(watched_counts.LEARNING_TIMES, residuals.shape[1]):
        next_fading_mean = (1.0 - NEWEST_WEIGHT) * fading_mean + NEWEST_WEIGHT * residuals[:, time]
        fading_mean = np.where(is_known[:, time], next_fading_mean, fading_mean)
        scores[:, time] = fading_mean
    return scores

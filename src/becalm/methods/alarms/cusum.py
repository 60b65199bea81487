"""CUSUM: the likelihood ratio of half as much again over the level of the first times, summed while positive.

Page, Biometrika 41 (1954) 100-115, with the likelihood ratio of counts (Lucas, Technometrics 27 (1985)
129-144), divided by variance over mean. The level is taken from the first times since the step as if it
were known, which is what makes it slow where those are few events.
"""

import math
from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, NO_SCORE, WatchedCounts, learn_level
from becalm.methods.arrays import Floats

SOUGHT_RISE: Final = 1.5


def cusum(watched: WatchedCounts) -> Floats:
    """The sum at each time; it begins once the level is learned, and never falls below 0."""
    counts, expected = watched.filled_counts, watched.filled_expected
    expected_means = learn_level(counts, expected)[:, None] * expected
    phi = 1.0 + watched.excess[:, None] * expected_means
    score_steps = (counts * math.log(SOUGHT_RISE) - (SOUGHT_RISE - 1.0) * expected_means) / phi
    scores = np.full(counts.shape, NO_SCORE)
    running_sum = np.zeros(len(counts))
    for time in range(LEARNING_TIMES, counts.shape[1]):
        running_sum = np.maximum(running_sum + score_steps[:, time], 0.0)
        scores[:, time] = running_sum
    return scores

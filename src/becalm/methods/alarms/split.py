"""The split: does the mean of the last few times lie above the mean of all before, since the step?

Means are compared as square roots, whose variance hardly depends on the level (Anscombe, Biometrika 35 (1948)
246-254), over every split at most MOST_RECENT times back; the score is the largest difference in standard
deviations. This is what an offline search for one change point measures, asked again at each time.
"""

from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, NO_SCORE, WatchedCounts
from becalm.methods.arrays import Floats

MOST_RECENT: Final = 20
LEAST_BEFORE: Final = 4  # times before the split: fewer are no level


def split(watched: WatchedCounts) -> Floats:
    """The largest standardised difference of a recent mean over the mean before it, at each time."""
    counts, expected = watched.filled_counts, watched.filled_expected
    counts_to, expected_to = (np.pad(np.cumsum(a, axis=1), ((0, 0), (1, 0))) for a in (counts, expected))
    scores = np.full(counts.shape, NO_SCORE)
    for time in range(LEARNING_TIMES, counts.shape[1]):
        split_times = np.arange(max(LEAST_BEFORE, time + 1 - MOST_RECENT), time + 1)
        old_counts, old_expected = counts_to[:, split_times], expected_to[:, split_times]
        new_counts = counts_to[:, [time + 1]] - old_counts
        new_expected = expected_to[:, [time + 1]] - old_expected
        is_known = (old_expected > 0.0) & (new_expected > 0.0)
        old_exposure, new_exposure = (np.where(is_known, e, 1.0) for e in (old_expected, new_expected))
        root_rate_differences = np.sqrt((new_counts + 0.375) / new_exposure) - np.sqrt(
            (old_counts + 0.375) / old_exposure
        )
        known_times = np.maximum((expected[:, : time + 1] > 0.0).sum(axis=1), 1)
        phi = 1.0 + watched.excess * counts_to[:, time + 1] / known_times
        difference_deviations = 0.5 * np.sqrt(phi[:, None] * (1.0 / new_exposure + 1.0 / old_exposure))
        scores[:, time] = np.where(is_known, root_rate_differences / difference_deviations, NO_SCORE).max(
            axis=1
        )
    return scores

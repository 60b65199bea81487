"""What alarms are compared with: the ratio to last year, the control chart, and one that knows the truth.

None of these may be chosen as an alarm. The ratio to last year is what most reports use; the XmR chart is a
familiar picture that raises hundreds of false alarms a year over many series; the clairvoyant is the bound
that no alarm can beat, since it is told the level that the others must learn.
"""

from typing import Final

import numpy as np

from becalm.methods.alarms.ramp import DURATIONS, ONSETS, SIZES, climb_shapes, sum_evidence
from becalm.methods.alarms.watched_counts import LEARNING_TIMES, NO_SCORE, WatchedCounts
from becalm.methods.arrays import Floats

YEAR_TIMES: Final = 52
RATIO_TIMES: Final = 6
CHART_TIMES: Final = 12
MOVING_RANGE_FACTOR: Final = 2.66  # three standard deviations, by the mean moving range


def year_on_year(watched: WatchedCounts) -> Floats:
    """How far the ratio of the last six times to a year before exceeds that of the first, in deviations.

    Where there is no year of history every score is 0.
    """
    counts = watched.filled_counts
    if watched.history is None or watched.history.shape[1] < YEAR_TIMES:
        return np.full(counts.shape, NO_SCORE)
    two_year_counts = np.concatenate([watched.history[:, -YEAR_TIMES:], counts], axis=1)
    cumulative_counts = np.pad(np.cumsum(two_year_counts, axis=1), ((0, 0), (1, 0)))
    scores = np.full(counts.shape, NO_SCORE)
    new_learning_sums = (
        cumulative_counts[:, YEAR_TIMES + LEARNING_TIMES] - cumulative_counts[:, YEAR_TIMES] + 0.5
    )
    old_learning_sums = cumulative_counts[:, LEARNING_TIMES] + 0.5
    for time in range(LEARNING_TIMES, counts.shape[1]):
        new_sums = (
            cumulative_counts[:, YEAR_TIMES + time + 1]
            - cumulative_counts[:, YEAR_TIMES + time + 1 - RATIO_TIMES]
            + 0.5
        )
        old_sums = cumulative_counts[:, time + 1] - cumulative_counts[:, time + 1 - RATIO_TIMES] + 0.5
        log_ratio_variance = (
            1.0 / new_sums + 1.0 / old_sums + 1.0 / new_learning_sums + 1.0 / old_learning_sums
        )
        scores[:, time] = np.log(new_sums / old_sums * old_learning_sums / new_learning_sums) / np.sqrt(
            log_ratio_variance
        )
    return scores


def xmr(watched: WatchedCounts) -> Floats:
    """How far each count lies above the mean of the first twelve times; 1 is the upper limit of the chart.

    Source: Wheeler, Understanding Variation, 2nd ed. (2000).
    """
    counts = watched.filled_counts
    chart_counts = counts[:, :CHART_TIMES]
    moving_range = np.abs(np.diff(chart_counts, axis=1)).mean(axis=1, keepdims=True)
    scores = (counts - chart_counts.mean(axis=1, keepdims=True)) / np.maximum(
        MOVING_RANGE_FACTOR * moving_range, 0.5
    )
    scores[:, :CHART_TIMES] = NO_SCORE
    return np.asarray(scores)


def clairvoyant(watched: WatchedCounts, mean: Floats) -> Floats:
    """The ramp of one who knows the mean of each series at each time but for the climb that is looked for."""
    counts = watched.filled_counts
    true_mean = np.where(watched.filled_expected > 0.0, mean, 0.0)
    log_rises, rises = climb_shapes()
    phi = 1.0 + watched.excess[:, None] * true_mean
    gains, losses = counts / phi, true_mean / phi
    log_ratios = np.full((*counts.shape, ONSETS * len(DURATIONS) * len(SIZES)), -np.inf)
    for onset in range(counts.shape[1]):
        end_time = min(onset + ONSETS, counts.shape[1])
        rise_ages = np.arange(end_time - onset)
        for shape in range(len(log_rises)):
            score_steps = (
                gains[:, onset:end_time] * log_rises[shape, rise_ages]
                - losses[:, onset:end_time] * rises[shape, rise_ages]
            )
            columns = rise_ages * len(log_rises) + shape
            log_ratios[:, onset + rise_ages, columns] = np.cumsum(score_steps, axis=1)
    return sum_evidence(log_ratios)

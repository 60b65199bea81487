"""What an alarm is given, and the shape that every alarm has.

An alarm is one function: counts since a step, and what the level before the step would have given, in; one
score per row and time out. The score of a time may use that time and earlier ones only.
"""

from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np

from becalm.methods.arrays import Bools, Floats

LEARNING_TIMES: Final = 8  # the level since the step is learned from these before anything is raised
NO_SCORE: Final = 0.0


@dataclass(frozen=True, slots=True)
class WatchedCounts:
    """Counts of each series (row) at each time since the step (column), and what was to be expected.

    `expected` is the count at the level from before the step, times the share that is known by now. A time
    that is missing is NaN in `counts`: it is skipped, not zero. `excess` is the part of the variance beyond
    Poisson: a count of mean m has variance m (1 + excess m). `history` are the counts before the step, oldest
    first; `members[g, s]` whether series s belongs to group g, for alarms that watch groups.
    """

    counts: Floats
    expected: Floats
    excess: Floats
    history: Floats | None = None
    members: Bools | None = None

    @property
    def filled_counts(self) -> Floats:
        """The counts, with 0 where a time is missing."""
        return np.nan_to_num(self.counts, nan=0.0)

    @property
    def filled_expected(self) -> Floats:
        """What was expected, with 0 where a time is missing, so that it tells nothing."""
        return np.where(np.isnan(self.counts), 0.0, self.expected)

    def until(self, time_count: int) -> "WatchedCounts":
        """What was known after so many times."""
        return replace(self, counts=self.counts[:, :time_count], expected=self.expected[:, :time_count])


class Alarm(Protocol):
    """Says at each time how strongly counts speak for a rise. Must not look ahead."""

    def __call__(self, watched: WatchedCounts) -> Floats:
        """One finite score per series (or per group, for an alarm of groups) and time; higher is stronger.

        The same counts give the same scores. Nothing may be written into the arrays.
        """
        ...


def learn_level(counts: Floats, expected: Floats) -> Floats:
    """Each series' level in the first times since the step, as a share of what was expected.

    Half an event is added to either side, so that a level of nothing is not taken for certain.
    """
    learning_times = slice(0, LEARNING_TIMES)
    return np.asarray(
        (counts[:, learning_times].sum(axis=1) + 0.5) / (expected[:, learning_times].sum(axis=1) + 0.5)
    )


def standard_residuals(watched: WatchedCounts) -> Floats:
    """How far each count lies from its level of the first times, in standard deviations; 0 where missing."""
    expected_count = watched.filled_expected
    level_means = learn_level(watched.filled_counts, expected_count)[:, None] * expected_count
    count_deviations = np.sqrt(np.maximum(level_means * (1.0 + watched.excess[:, None] * level_means), 1e-12))
    return np.where(expected_count > 0.0, (watched.filled_counts - level_means) / count_deviations, 0.0)

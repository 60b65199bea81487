"""The visits of a log as the tests for single causes look at them, beside what the timetable expects."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.patrol.core.attack_moments import STEP_S, MomentGrid
from becalm.patrol.core.visit_log import VisitLog
from becalm.patrol.core.visit_rates import expected_on_other_days

MINUTE, DAY = 60, 86_400


@dataclass(frozen=True, eq=False)
class ScannedVisits:
    """The visits within the grid, by place and start, with the timetable's expectation [P, T]."""

    log: VisitLog
    moments: MomentGrid

    @cached_property
    def order(self) -> Ints:
        """Rows of the log within the grid, by place and then by start."""
        covered_rows = np.flatnonzero(self.moments.covers(self.log))
        return covered_rows[np.lexsort((self.log.start_s[covered_rows], self.log.hotspot[covered_rows]))]

    @cached_property
    def place(self) -> Ints:
        """The place of each visit, in that order."""
        return self.log.hotspot[self.order]

    @cached_property
    def start_s(self) -> Ints:
        """When each visit starts, in seconds since 1970."""
        return self.log.start_s[self.order]

    @cached_property
    def length_s(self) -> Ints:
        """How long each visit lasts, in seconds."""
        return self.log.end_s[self.order] - self.start_s

    @cached_property
    def clock_s(self) -> Ints:
        """Civil days since the first one, in seconds by the clock."""
        moment_of_visit = self.moments.moment_at(self.start_s)
        clock_of_visit_s = (
            self.moments.minute[moment_of_visit] * MINUTE + self.start_s - self.moments.at_s[moment_of_visit]
        )
        return np.asarray(self.moments.day[moment_of_visit] * DAY + clock_of_visit_s)

    @cached_property
    def expected(self) -> Floats:
        """Starts that the timetable expects, by place and quarter-hour: [P, T]."""
        return expected_on_other_days(self.log, self.moments)

    @cached_property
    def counts(self) -> Floats:
        """Starts of each place in each quarter-hour: [P, T]."""
        count_shape = self.expected.shape
        visit_cells = self.place * count_shape[1] + self.moments.moment_at(self.start_s)
        return (
            np.bincount(visit_cells, minlength=count_shape[0] * count_shape[1])
            .reshape(count_shape)
            .astype(np.float64)
        )

    @cached_property
    def _running(self) -> Floats:
        return np.pad(np.cumsum(self.expected, axis=1), ((0, 0), (1, 0)))

    def expect(self, place: Ints, begin_s: Ints, end_s: Ints) -> Floats:
        """Expected starts at each place from `begin_s` to `end_s`; none beyond the grid."""

        def until(instant_s: Ints) -> Floats:
            exact_positions = np.clip((instant_s - self.moments.at_s[0]) / STEP_S, 0, self.expected.shape[1])
            step_indices = np.minimum(exact_positions.astype(np.int64), self.expected.shape[1] - 1)
            return np.asarray(
                self._running[place, step_indices]
                + (exact_positions - step_indices) * self.expected[place, step_indices]
            )

        return np.asarray(until(np.maximum(end_s, begin_s)) - until(begin_s))

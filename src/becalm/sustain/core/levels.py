"""Where does each series stand: now, just after the step, in the reference period, and where it would be?

All levels are weekly counts at the season of the newest weeks. A count of some weeks has the noise of its own
mean; its interval is that of a quasi-Poisson count (Garwood, Biometrika 28 (1936) 437-442, with variance over
mean). The share of the fall that is lost is (now - fallen) / (reference - fallen), its interval by the delta
method.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.terms import Estimate

RECENT_WEEKS: Final = 8
LEVEL: Final = 0.95
COUNT_METHOD = "quasi-Poisson count"
FIT_METHOD = "regression on the weeks before the step"
DELTA_METHOD = "delta method"
LEAST_FALL: Final = 2.0  # standard errors: below, nothing has fallen that could be lost


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one series; None where there is nothing to tell it from."""

    weekly_mean: Estimate | None
    expected: Estimate | None
    fallen: Estimate | None
    reference: Estimate | None
    lost_share: Estimate | None


@dataclass(frozen=True, slots=True)
class PastWeeks:
    """The weeks before the step: counts, their fitted means, and which belong to the reference period."""

    counts: Floats
    fitted_counts: Floats
    in_reference: Bools


@dataclass(frozen=True, slots=True)
class _Share:
    """A count as a share of what was expected of its weeks, with its standard error."""

    count: float
    expected: float
    phi: float

    @property
    def value(self) -> float:
        return self.count / self.expected

    @property
    def error(self) -> float:
        return float(np.sqrt(self.phi * max(self.count, 0.5))) / self.expected

    def at(self, weekly_expected: float) -> Estimate:
        """The level that is this share of a weekly mean, with its interval."""
        tail_chance = (1.0 - LEVEL) / 2.0
        interval_scale = self.phi * weekly_expected / self.expected
        low_count = (
            interval_scale * float(stats.gamma.ppf(tail_chance, self.count / self.phi))
            if self.count > 0
            else 0.0
        )
        high_count = interval_scale * float(stats.gamma.ppf(1.0 - tail_chance, self.count / self.phi + 1.0))
        value = self.value * weekly_expected
        return Estimate(value, min(low_count, value), max(high_count, value), LEVEL, COUNT_METHOD)


def measure_levels(watched: WatchedCounts, log_deviation: Floats, past: PastWeeks, row: int) -> Levels:
    """The levels of the series in this row."""
    known_weeks = np.flatnonzero(watched.filled_expected[row] > 0.0)
    if not known_weeks.size:
        return Levels(None, None, None, None, None)
    recent_weeks = known_weeks[-RECENT_WEEKS:]
    weekly_expected = float(watched.expected[row, recent_weeks].mean())
    excess = float(watched.excess[row])
    share_now = _share_of(watched, row, recent_weeks)
    share_after_fall = _share_of(watched, row, known_weeks[known_weeks < LEARNING_TIMES])
    log_reach = float(log_deviation[row, recent_weeks].mean()) * float(stats.norm.ppf(0.5 + LEVEL / 2.0))
    expected = Estimate(
        weekly_expected,
        weekly_expected * float(np.exp(-log_reach)),
        weekly_expected * float(np.exp(log_reach)),
        LEVEL,
        FIT_METHOD,
    )
    reference_share = _reference_share(past, row, excess)
    return Levels(
        share_now.at(weekly_expected) if share_now else None,
        expected,
        share_after_fall.at(weekly_expected) if share_after_fall else None,
        reference_share.at(weekly_expected) if reference_share else None,
        _lost_share(share_now, share_after_fall, reference_share),
    )


def _share_of(watched: WatchedCounts, row: int, weeks: Ints) -> _Share | None:
    """The count of these weeks of the series; None where they hold nothing that is known."""
    expected_count = float(watched.filled_expected[row, weeks].sum())
    if expected_count <= 0.0:
        return None
    count = float(watched.filled_counts[row, weeks].sum())
    return _Share(count, expected_count, 1.0 + float(watched.excess[row]) * count / len(weeks))


def _reference_share(past: PastWeeks, row: int, excess: float) -> _Share | None:
    weeks = past.in_reference
    expected_count = float(past.fitted_counts[row, weeks].sum())
    if expected_count <= 0.0:
        return None
    count = float(past.counts[row, weeks].sum())
    return _Share(count, expected_count, 1.0 + excess * count / int(weeks.sum()))


def _lost_share(now: _Share | None, fallen: _Share | None, reference: _Share | None) -> Estimate | None:
    """How much of the fall is gone; None where the series did not clearly fall."""
    if now is None or fallen is None or reference is None:
        return None
    fall = reference.value - fallen.value
    if fall <= LEAST_FALL * float(np.hypot(reference.error, fallen.error)):
        return None
    lost_share = (now.value - fallen.value) / fall
    by_now, by_fallen, by_reference = 1.0 / fall, (lost_share - 1.0) / fall, -lost_share / fall
    error = float(
        np.sqrt(
            (by_now * now.error) ** 2
            + (by_fallen * fallen.error) ** 2
            + (by_reference * reference.error) ** 2
        )
    )
    normal_reach = float(stats.norm.ppf(0.5 + LEVEL / 2.0)) * error
    return Estimate(lost_share, lost_share - normal_reach, lost_share + normal_reach, LEVEL, DELTA_METHOD)

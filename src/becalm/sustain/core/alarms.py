"""The alarms that can be chosen, and what is asked of every one before it may watch anything.

An alarm is a plug-in of the entry-point group `becalm.alarms`: one function of `WatchedCounts`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import Alarm, WatchedCounts
from becalm.methods.arrays import Floats, seed_generator
from becalm.terms import Fault, UsageError

DEFAULT_ALARM, GROUP_ALARM = "ramp", "sisters"
CHECKED_SERIES, CHECKED_WEEKS, CHECKED_HISTORY = 6, 40, 156


@dataclass(frozen=True, slots=True)
class NamedAlarm:
    """An alarm and the name under which it is installed."""

    name: str
    score: Alarm

    @property
    def watches_groups(self) -> bool:
        """Whether it gives one score per group, not per series."""
        return bool(getattr(self.score, "watches_groups", False))


LOOK_AHEAD: Final = (
    "the score of a week changes with later weeks",
    "use each week and earlier ones only",
)


def check_alarm(alarm: NamedAlarm) -> None:
    """Refuse an alarm that does not keep the rules: raises UsageError with everything that is wrong."""
    watched = _drawn_weeks()
    try:
        scores = alarm.score(watched)
    except Exception as error:
        fault = Fault(
            alarm.name, f"fails: {type(error).__name__}: {error}", "correct it, or choose another alarm"
        )
        raise UsageError(f"The alarm {alarm.name!r} cannot be used", (fault,)) from error
    series_count = (
        len(watched.members) if alarm.watches_groups and watched.members is not None else CHECKED_SERIES
    )
    faults = []
    if np.shape(scores) != (series_count, CHECKED_WEEKS):
        shape_fault = f"gives scores of shape {np.shape(scores)}, not {(series_count, CHECKED_WEEKS)}"
        faults.append(Fault(alarm.name, shape_fault, "give one score per series and week"))
    elif not np.isfinite(scores).all():
        faults.append(
            Fault(alarm.name, "gives scores that are no numbers", "give a finite score to every week")
        )
    elif not np.array_equal(alarm.score(watched), scores):
        faults.append(Fault(alarm.name, "does not say the same again", "draw nothing at random"))
    elif _looks_ahead(alarm, watched, scores):
        faults.append(Fault(alarm.name, *LOOK_AHEAD))
    if faults:
        raise UsageError(f"The alarm {alarm.name!r} breaks the rules of alarms", tuple(faults))


def _looks_ahead(alarm: NamedAlarm, watched: WatchedCounts, scores: Floats) -> bool:
    """Whether a score differs once later weeks are cut off, or hold something else."""
    for week in (9, 17, 30, CHECKED_WEEKS - 1):
        is_later = np.arange(CHECKED_WEEKS) >= week
        changed_weeks = WatchedCounts(
            np.where(is_later, 7.0 * watched.counts + 30.0, watched.counts),
            np.where(is_later, 0.5 * watched.expected, watched.expected),
            watched.excess,
            watched.history,
            watched.members,
        )
        for altered_weeks in (watched.until(week), changed_weeks):
            if not np.allclose(alarm.score(altered_weeks)[:, :week], scores[:, :week], rtol=1e-6, atol=1e-6):
                return True
    return False


def _drawn_weeks() -> WatchedCounts:
    """A few drawn series, some of which climb, with a missing week, held against writing."""
    rng = seed_generator(16)
    series_levels = np.array([0.5, 2.0, 5.0, 10.0, 20.0, 45.0])[:, None]
    history = rng.poisson(series_levels, (CHECKED_SERIES, CHECKED_HISTORY)).astype(np.float64)
    climb_shares = (
        np.clip((np.arange(CHECKED_WEEKS) - 16) / 8.0, 0.0, 1.0) * (np.arange(CHECKED_SERIES) % 2)[:, None]
    )
    counts = rng.poisson(series_levels * (0.5 + 0.5 * climb_shares)).astype(np.float64)
    counts[:, 12] = np.nan
    watched = WatchedCounts(
        counts,
        np.repeat(series_levels, CHECKED_WEEKS, axis=1),
        np.full(CHECKED_SERIES, 0.01),
        history,
        np.array([[True, True, True, False, False, False], [False, False, True, True, True, True]]),
    )
    for array in (watched.counts, watched.expected, watched.excess, watched.history, watched.members):
        if array is not None:
            array.setflags(write=False)
    return watched

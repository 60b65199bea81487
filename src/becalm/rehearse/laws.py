"""The planted laws of the rehearsed city: what patrol does to an offence, and what a watcher learns.

A visit deters while it lasts; afterwards what is left of it halves every `half_life_minutes`. Nothing here is
an estimate: these are the assumptions of the rehearsal, and every report prints them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats, Ints

DAY_MINUTES: Final = 1440
FORGOTTEN_HALF_LIVES: Final = 10.0
WATCHED_DAYS: Final = 28
SHIFT_HOURS: Final = (0, -1, 1, -2, 2, -3, 3)
_CELL_SPAN: Final = np.int64(2**27)  # minutes to the year 2225: cells never mix, and 64 bits hold the product


@dataclass(frozen=True, slots=True)
class VisitLog:
    """Delivered visits in order of cell and start (parallel arrays); minutes are UTC since 1970."""

    cell: Ints
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.cell)


def sort_visits(cell: Ints, start: Ints, end: Ints) -> VisitLog:
    """The log of these visits."""
    order = np.lexsort((end, start, cell))
    return VisitLog(cell[order], start[order], end[order])


def join_logs(first: VisitLog, second: VisitLog) -> VisitLog:
    """Both logs as one."""
    pairs = ((first.cell, second.cell), (first.start, second.start), (first.end, second.end))
    return sort_visits(*(np.concatenate(pair) for pair in pairs))


def deterrence(visits: VisitLog, cell: Ints, minute: Ints, *, half_life_minutes: float) -> Floats:
    """How much of a visit's deterrence is left at each cell and minute: 1 during a visit, 0 long after.

    Only the last visit that began before counts: deterrence does not add up.

    >>> log = sort_visits(np.array([7]), np.array([100]), np.array([115]))
    >>> deterrence(log, np.array([7, 7, 7, 8]), np.array([99, 110, 145, 110]), half_life_minutes=30).tolist()
    [0.0, 1.0, 0.5, 0.0]
    """
    if len(visits) == 0 or len(cell) == 0:
        return np.zeros(len(cell))
    keys = visits.cell * _CELL_SPAN + visits.start
    last_visit = np.searchsorted(keys, cell * _CELL_SPAN + minute, side="right") - 1
    has_visit = (last_visit >= 0) & (visits.cell[last_visit] == cell)
    half_lives = np.maximum(minute - visits.end[last_visit], 0) / half_life_minutes
    left = np.where(half_lives < FORGOTTEN_HALF_LIVES, 0.5**half_lives, 0.0)
    return np.asarray(np.where(has_visit, left, 0.0))


def choose_hours(visits: VisitLog, cell: Ints, minute: Ints, *, half_life_minutes: float) -> Ints:
    """When would somebody act who has watched this cell for four weeks? The minutes, moved by whole hours.

    The watcher may wait or hurry by up to three hours, and takes the hour at which the same hours of the 28
    days before had the least deterrence; among equal ones the nearest. Who saw no pattern stays.
    """
    days_back = np.arange(1, WATCHED_DAYS + 1) * DAY_MINUTES
    mean_left = np.zeros((len(SHIFT_HOURS), len(cell)))
    for row, hours in enumerate(SHIFT_HOURS):
        moments = (minute + 60 * hours)[:, None] - days_back[None, :]
        cells = np.repeat(cell, WATCHED_DAYS)
        left = deterrence(visits, cells, moments.ravel(), half_life_minutes=half_life_minutes)
        mean_left[row] = left.reshape(len(cell), WATCHED_DAYS).mean(axis=1)
    best_row = np.argmin(np.round(mean_left, 9), axis=0)  # the first of equal ones: the nearest hour
    return np.asarray(minute + 60 * np.array(SHIFT_HOURS)[best_row])

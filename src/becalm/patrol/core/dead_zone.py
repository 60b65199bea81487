"""When may an offender rely on the clock alone? The stretch of the day in which visits all but cease."""

from __future__ import annotations

import numpy as np

from becalm.methods.arrays import Bools, Ints
from becalm.patrol.core.certificate import DeadZone
from becalm.patrol.core.visits import VisitLog

STEP_MINUTES = 5
STEPS = 24 * 60 // STEP_MINUTES
DEAD_SHARE = 0.1


def longest_dead_zone(log: VisitLog, counted: Bools, clock_s: Ints) -> DeadZone:
    """In which area do visits under way stay below a tenth of their daily mean for longest, by the clock?

    `clock_s[i]` is the clock's second of the day at which visit i starts, and `counted` says which visits
    count. The day is a circle of steps of 5 minutes. Such a zone is what tours leave behind that all change
    over at one hour.
    """
    areas, of_hotspot = np.unique(np.array(log.areas), return_inverse=True)
    zones = []
    for a, area in enumerate(areas):
        mine = (of_hotspot[log.hotspot] == a) & counted
        under_way = _under_way(clock_s[mine], clock_s[mine] + (log.end_s - log.start_s)[mine])
        begin, steps = _longest_run(under_way <= DEAD_SHARE * under_way.mean())
        zones.append((steps, str(area), begin))
    steps, area, begin = max(zones, key=lambda zone: (zone[0], zone[1]))
    minute = begin * STEP_MINUTES
    return DeadZone(area, f"{minute // 60:02d}:{minute % 60:02d}", steps * STEP_MINUTES)


def _under_way(begin_s: Ints, end_s: Ints) -> Ints:
    """How many visits touch each step of the day?"""
    first = begin_s // (60 * STEP_MINUTES)
    last = np.maximum(first, (end_s - 1) // (60 * STEP_MINUTES))
    lengths = np.minimum(last - first + 1, STEPS)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.bincount((np.repeat(first, lengths) + within) % STEPS, minlength=STEPS).astype(np.int64)


def _longest_run(dead: Bools) -> tuple[int, int]:
    """Where the longest run on the circle begins, and how many steps it has."""
    if dead.all() or not dead.any():
        return 0, int(dead.sum())
    shift = int(np.argmin(dead))  # a step that is not dead comes first
    turned = np.concatenate([np.roll(dead, -shift), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(turned, prepend=0)).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    longest = int(np.argmax(lengths))
    return int(edges[longest, 0] + shift) % len(dead), int(lengths[longest])

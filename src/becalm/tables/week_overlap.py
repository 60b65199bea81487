"""How much of each span of time falls in each hour of the week, by a local clock that may be changed.

Spreading an event evenly over the span in which it happened is called aoristic: J. H. Ratcliffe and
M. J. McCullagh, in International Journal of Geographical Information Science 12 (1998) 751-764.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.tables.tally import Floats, Ints

HOUR_S, DAY_S, HOURS_OF_WEEK = 3600, 86_400, 168
MONDAY_S = 4 * DAY_S  # 1970-01-05, a Monday, in seconds since 1970-01-01


@dataclass(frozen=True, slots=True)
class LocalClock:
    """From each instant on (seconds since 1970 in UTC, rising), how many seconds the local clock is ahead."""

    since_s: Ints
    ahead_s: Ints

    def at(self, instants_s: Ints) -> Ints:
        """The number of the entry that holds at each instant."""
        return np.maximum(np.searchsorted(self.since_s, instants_s, side="right") - 1, 0)


@dataclass(frozen=True, slots=True)
class HourShares:
    """`shares[i]` of span `spans[i]` falls in hour of the week `hours[i]`; those of one span sum to 1."""

    spans: Ints
    hours: Ints
    shares: Floats


def local_clock(zone: str, first_s: int, last_s: int) -> LocalClock:
    """How the clock of this zone runs from the first to the last instant, found day by day, to the second."""
    known = ZoneInfo(zone)

    def ahead(at_s: int) -> int:
        offset = datetime.fromtimestamp(at_s, UTC).astimezone(known).utcoffset() or timedelta(0)
        return int(offset.total_seconds())

    since, offsets = [first_s], [ahead(first_s)]
    for day in range(first_s, last_s + DAY_S, DAY_S):
        low, high = day, day + DAY_S
        if ahead(high) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if ahead(middle) == offsets[-1] else (low, middle)
        since.append(high)
        offsets.append(ahead(high))
    return LocalClock(np.array(since, dtype=np.int64), np.array(offsets, dtype=np.int64))


def week_overlap(start_s: Ints, end_s: Ints, clock: LocalClock) -> HourShares:
    """Which share of each span [start, end) falls in each hour of the local week?

    Instants are seconds since 1970 in UTC; a span without length falls wholly in the hour of its instant. An
    hour that the clock shows twice is the same hour of the week both times, one that it skips gets nothing.
    """
    spans = np.arange(len(start_s), dtype=np.int64)
    start, end = np.asarray(start_s, np.int64), np.asarray(end_s, np.int64)
    piece_of, low, high = _same_offset(spans, start, end, clock)
    ahead = clock.ahead_s[clock.at(low)]
    low, high = low + ahead - MONDAY_S, high + ahead - MONDAY_S
    first = low // HOUR_S
    reach = np.maximum((high - 1) // HOUR_S - first, 0)
    found = np.repeat(np.arange(len(low)), reach + 1)
    step = np.arange(len(found)) - np.repeat(np.cumsum(reach + 1) - (reach + 1), reach + 1)
    hour = first[found] + step
    held = np.minimum(high[found], (hour + 1) * HOUR_S) - np.maximum(low[found], hour * HOUR_S)
    length = (end - start)[piece_of[found]]
    shares = np.where(length > 0, held / np.maximum(length, 1), 1.0)
    return HourShares(piece_of[found], hour % HOURS_OF_WEEK, np.asarray(shares, dtype=np.float64))


def _same_offset(spans: Ints, start: Ints, end: Ints, clock: LocalClock) -> tuple[Ints, Ints, Ints]:
    """The spans cut where the clock is changed: each piece's span, start and end."""
    for change in clock.since_s[1:].tolist():
        over = (start < change) & (end > change)
        if over.any():
            spans = np.concatenate([spans, spans[over]])
            start = np.concatenate([start, np.full(int(over.sum()), change, dtype=np.int64)])
            end = np.concatenate([np.where(over, change, end), end[over]])
    return spans, start, end

"""In which hours of the week records fall: those that name an hour, and windows spread over theirs.

A record that says when it began and ended is spread evenly over that window, each hour of the city's own
clock getting the exact share that lies in it. A window longer than the policy allows says nothing of the
hour: it is left out of profiles and counted. Months are another matter: a record belongs whole to the month
in which it began, so that monthly counts are whole numbers, equal on every page and to the source's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import numpy as np
import pyarrow as pa
from ibis import Table

from becalm.tables.tally import Floats, Ints
from becalm.tables.week_overlap import HOUR_S, HOURS_OF_WEEK, local_clock, week_overlap

UNKNOWN, TOO_LONG, WINDOW = HOURS_OF_WEEK, HOURS_OF_WEEK + 1, HOURS_OF_WEEK + 2
COLUMNS = HOURS_OF_WEEK + 2  # the hours, those of unknown hour, and those whose window is too long
LONGEST_WINDOW_H = 12.0


@dataclass(frozen=True, slots=True)
class HourPolicy:
    """In which zone the week is told, and how long a window may be to be spread over its hours."""

    zone: str
    longest_window_h: float = LONGEST_WINDOW_H


@dataclass(frozen=True, slots=True)
class HourWeights:
    """Row `rows[i]` of a table of counts puts `weights[i]` records into column `hours[i]` (see COLUMNS)."""

    rows: Ints
    hours: Ints
    weights: Floats


def hours_of(rows: Table, policy: HourPolicy | None) -> Table:
    """The rows with their `hour`: 0 to 167, or UNKNOWN, TOO_LONG, WINDOW.

    Windows also have `since` and `until` in seconds. Without a policy their hour is unknown.
    """
    unknown = ibis.literal(UNKNOWN, "int64")
    nothing = ibis.literal(0, "int64")
    exact = rows.hour_of_week.cast("int64")
    if policy is None or not {"occurred_from", "occurred_to"} <= set(rows.columns):
        return rows.mutate(hour=exact.fill_null(unknown), since=nothing, until=nothing)
    since, until = (rows[name].epoch_seconds().cast("int64") for name in ("occurred_from", "occurred_to"))
    spread = exact.isnull() & (until > since).fill_null(False)
    short = (until - since) <= int(policy.longest_window_h * HOUR_S)
    window = spread & short.fill_null(False)
    kind = ibis.cases((window, WINDOW), (spread, TOO_LONG), else_=UNKNOWN).cast("int64")
    return rows.mutate(
        hour=exact.fill_null(kind),
        since=window.ifelse(since, nothing),
        until=window.ifelse(until, nothing),
    )


def weigh_hours(found: pa.Table, policy: HourPolicy | None) -> HourWeights:
    """Into which hours do the `n` records of each row go? The weights of a row sum to n."""
    hour, n = (np.asarray(found[name].to_numpy(), np.int64) for name in ("hour", "n"))
    since, until = (np.asarray(found[name].to_numpy(), np.int64) for name in ("since", "until"))
    exact = np.flatnonzero(hour != WINDOW)
    windows = np.flatnonzero(hour == WINDOW)
    if policy is None or not len(windows):
        return HourWeights(exact, hour[exact], n[exact].astype(np.float64))
    clock = local_clock(policy.zone, int(since[windows].min()), int(until[windows].max()))
    spread = week_overlap(since[windows], until[windows], clock)
    at = windows[spread.spans]
    return HourWeights(
        np.concatenate([exact, at]),
        np.concatenate([hour[exact], spread.hours]),
        np.concatenate([n[exact].astype(np.float64), n[at] * spread.shares]),
    )

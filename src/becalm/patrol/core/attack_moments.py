"""The moments at which an attacker guesses: every 15 minutes at every hotspot, where anything can be told.

Left out are moments when a visit is under way, hours of the day in which nobody ever visits anywhere, and
days of a hotspot, or of the whole log, about which the log is silent. What is left out is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Bools, Ints
from becalm.patrol.core.certificate import AttackSettings
from becalm.patrol.core.visit_log import VisitLog, find_civil_days, midnights_s
from becalm.terms import QuestionError

STEP_S = 900
SLOTS = 96
SILENT_VISITS = 14.0  # so many visits missing in a row: by chance once in a million
MOST_EMPTY_SHARE = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class MomentGrid:
    """The grid of T moments for P hotspots, in civil days of the log's zone; train days come first.

    `minute` is the clock's minute of the day, `hour` the hour of the week (Monday 00:00 is 0); `live` [P, T]
    says where the log is not silent.
    """

    first_day: date
    train_days: int
    test_days: int
    at_s: Ints
    day: Ints
    minute: Ints
    hour: Ints
    midnight_s: Ints
    live: Bools
    notes: tuple[str, ...]

    @property
    def open(self) -> Bools:
        """Where can the log tell whether a visit starts in the next half-hour? [P, T]."""
        told = self.live.copy()
        told[:, :-1] &= self.live[:, 1:]
        told[:, :-2] &= self.live[:, 2:]
        told[:, -2:] = False
        return told

    @property
    def memory_days(self) -> int:
        """From how many days before a day is its timetable learned? Half the train days, in whole weeks."""
        half = self.train_days // 2
        return max(half // 7 * 7, half if half < 7 else 7)

    @property
    def weekday(self) -> int:
        """The weekday of the first day; Monday is 0."""
        return self.first_day.weekday()

    @property
    def is_train(self) -> Bools:
        """Which of the T moments are learned from? The first train days are only remembered."""
        return (self.day >= self.memory_days) & (self.day < self.train_days)

    @property
    def is_test(self) -> Bools:
        """Which of the T moments lie in the days that are foretold?"""
        return self.day >= self.train_days


def build_moments(log: VisitLog, settings: AttackSettings) -> MomentGrid:
    """Which moments of the log's last days are to be learned from, and which foretold?

    Raises
    ------
    QuestionError
        where the log is shorter than train and test days, or silent for more than a quarter of either.
    """
    first, last = find_civil_days(log)
    held, needed = (last - first).days + 1, settings.train_days + settings.test_days
    if held < needed:
        raise QuestionError(
            f"The log covers {held} {'day' if held == 1 else 'days'}, {first} to {last}; "
            f"{settings.train_days} to train on and {settings.test_days} to test on are {needed}. "
            "Give a longer log, or fewer days by --train-days and --test-days."
        )
    begin = last - timedelta(days=needed - 1)
    midnights = midnights_s(begin, needed, log.time_zone)
    per_day = np.round(np.diff(midnights) / STEP_S).astype(np.int64)
    day = np.repeat(np.arange(needed), per_day)
    since = np.concatenate([np.arange(n) for n in per_day]) * STEP_S
    minute = _clock_minutes(since, per_day, day)
    laid = MomentGrid(
        first_day=begin,
        train_days=settings.train_days,
        test_days=settings.test_days,
        at_s=midnights[day] + since,
        day=day,
        minute=minute,
        hour=(begin.weekday() + day) % 7 * 24 + minute // 60,
        midnight_s=midnights,
        live=np.ones((len(log.hotspots), len(day)), dtype=np.bool_),
        notes=(),
    )
    return _close_silent(_close_hours(_close_days(laid, log), log), log)


def label_moments(log: VisitLog, moments: MomentGrid, window_s: int) -> tuple[Bools, Bools]:
    """Where does a visit start within the window, and where is one under way? Both [P, T]."""
    shape = moments.live.shape
    starts, under_way = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    for h, (start, end) in enumerate(split_by_hotspot(log)):
        known = np.searchsorted(start, moments.at_s, "right")
        starts[h] = np.searchsorted(start, moments.at_s + window_s, "right") > known
        ends = np.concatenate([[0], np.maximum.accumulate(end)]) if len(end) else np.zeros(1)
        under_way[h] = ends[known] > moments.at_s
    return starts, under_way


def split_by_hotspot(log: VisitLog) -> list[tuple[Ints, Ints]]:
    """Starts and ends of each hotspot's visits, in order."""
    order = np.argsort(log.hotspot, kind="stable")
    cuts = np.searchsorted(log.hotspot[order], np.arange(1, len(log.hotspots)))
    return list(zip(np.split(log.start_s[order], cuts), np.split(log.end_s[order], cuts), strict=True))


def count_starts_by_day(log: VisitLog, moments: MomentGrid) -> Ints:
    """How many visits of each hotspot start on each day? [P, D]."""
    days = len(moments.midnight_s) - 1
    day = np.searchsorted(moments.midnight_s, log.start_s, "right") - 1
    within = (day >= 0) & (day < days)
    counts = np.bincount(log.hotspot[within] * days + day[within], minlength=len(log.hotspots) * days)
    return counts.reshape(len(log.hotspots), days).astype(np.int64)


def _clock_minutes(since_s: Ints, per_day: Ints, day: Ints) -> Ints:
    """The clock's minute: on a day of 23 or 25 hours, the time from the nearer midnight is taken."""
    minutes = since_s // 60
    ahead = (per_day[day] - SLOTS) * 15
    shifted = np.where(minutes >= 120, minutes - ahead, minutes)
    return np.clip(shifted, 0, 1439)


def _close_days(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    """Leave out days on which the log holds nothing at all."""
    empty = count_starts_by_day(log, moments).sum(axis=0) == 0
    for name, part in (
        ("train", empty[: moments.train_days]),
        ("test", empty[moments.train_days :]),
    ):
        if part.mean() > MOST_EMPTY_SHARE:
            raise QuestionError(
                f"The log is silent on {int(part.sum())} of the {len(part)} {name} days "
                f"({_dates(moments, np.flatnonzero(empty))}): nothing can be told from it. "
                "Give a log without such gaps, or choose its sound days by --train-days and --test-days."
            )
    if not empty.any():
        return moments
    note = f"no visit at all on {_dates(moments, np.flatnonzero(empty))}: taken for a gap, and left out"
    return replace(moments, live=moments.live & ~empty[moments.day], notes=(*moments.notes, note))


def _close_hours(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    """Leave out hours of the day in which nobody ever visits anywhere."""
    at = np.searchsorted(moments.at_s, log.start_s, "right") - 1
    within = (log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])
    visits = np.bincount(moments.minute[at[within]] // 60, minlength=24)
    never = visits == 0
    if not never.any():
        return moments
    hours = ", ".join(f"{h:02d}" for h in np.flatnonzero(never))
    note = f"nobody ever visits in the hours {hours}: left out of the attack, counted as a dead zone"
    return replace(moments, live=moments.live & ~never[moments.minute // 60], notes=(*moments.notes, note))


def _close_silent(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    """Leave out stretches of days in which a hotspot's visits stop as no chance would have it."""
    counts = count_starts_by_day(log, moments)
    live, notes = moments.live.copy(), list(moments.notes)
    for h, daily in enumerate(counts):
        for begin, end in _silences(daily):
            live[h, (moments.day >= begin) & (moments.day < end)] = False
            days = _dates(moments, np.arange(begin, end))
            notes.append(f"hotspot {log.hotspots[h]}: no visit on {days}: taken for a gap, and left out")
    return replace(moments, live=live, notes=tuple(notes))


def _silences(daily: Ints) -> list[tuple[int, int]]:
    """Runs of days without a visit in which about 14 or more would have been expected."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], daily == 0, [0]])))
    runs = edges.reshape(-1, 2)
    return [
        (int(begin), int(end))
        for begin, end in runs
        if daily.sum() * (end - begin) / max(len(daily) - (end - begin), 1) >= SILENT_VISITS
    ]


def _dates(moments: MomentGrid, days: Ints) -> str:
    """Dates in words; many of them as a count."""
    named = [str(moments.first_day + timedelta(days=int(d))) for d in days]
    if len(named) > 2 and len(named) == int(days[-1] - days[0]) + 1:
        return f"{named[0]} to {named[-1]} ({len(named)} days)"
    shown = ", ".join(named[:7])
    return shown if len(named) <= 7 else f"{shown} and {len(named) - 7} more days"

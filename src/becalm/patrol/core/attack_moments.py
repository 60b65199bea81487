"""The moments at which an attacker guesses: every 15 minutes at every hotspot, where the log allows it.

Left out are moments when a visit is under way, hours of the day in which nobody ever visits anywhere, and
days of a hotspot, or of the whole log, about which the log is silent. What is left out is named.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Bools, Ints
from becalm.patrol.core.visit_log import VisitLog, find_civil_days, midnights_s
from becalm.terms import QuestionError, UsageError

STEP_S = 900
SLOTS = 96
LEAST_SILENT_HOURS = 2  # before the first or after the last visit of a log that are left out and named
SILENT_VISITS = 14.0  # so many visits missing in a row: by chance once in a million
LEAST_TRAIN_DAYS, LEAST_TEST_DAYS = 7, 2  # with visits


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """How the attack is run: what it learns from, what it predicts, and how often it is repeated.

    `rows` is how many moments are drawn for training where there are more; neighbouring moments share most
    of their half-hour, so that little is lost.
    """

    train_days: int = 56
    test_days: int = 14
    seeds: int = 1
    window_minutes: int = 30
    rows: int = 300_000
    level: float = 0.95
    rounds: int = 500

    def __post_init__(self) -> None:
        for setting, least in (
            ("train_days", LEAST_TRAIN_DAYS),
            ("test_days", LEAST_TEST_DAYS),
            ("seeds", 1),
        ):
            if getattr(self, setting) < least:
                raise UsageError(f"`{setting}` is {getattr(self, setting)}. Give at least {least}.")


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
        is_open = self.live.copy()
        is_open[:, :-1] &= self.live[:, 1:]
        is_open[:, :-2] &= self.live[:, 2:]
        is_open[:, -2:] = False
        return is_open

    @property
    def memory_days(self) -> int:
        """From how many days before a day is its timetable learned? Half the train days, in whole weeks."""
        half_train_days = self.train_days // 2
        return max(half_train_days // 7 * 7, half_train_days if half_train_days < 7 else 7)

    @property
    def is_train(self) -> Bools:
        """Which of the T moments are learned from? The first train days are only remembered."""
        return (self.day >= self.memory_days) & (self.day < self.train_days)

    @property
    def is_test(self) -> Bools:
        """Which of the T moments lie in the days that are predicted?"""
        return self.day >= self.train_days

    def covers(self, log: VisitLog) -> Bools:
        """Which visits start within these days?"""
        return np.asarray((log.start_s >= self.at_s[0]) & (log.start_s < self.midnight_s[-1]))

    def moment_at(self, instant_s: Ints) -> Ints:
        """The moment that each instant follows, -1 before the first."""
        return np.searchsorted(self.at_s, instant_s, "right") - 1


def build_moments(log: VisitLog, settings: AttackSettings) -> MomentGrid:
    """Which moments of the log's last days are to be learned from, and which predicted?

    Days without a visit are left out, and named. Raises QuestionError where the log is shorter than train and
    test days, or silent on so many of them that nothing can be learned or tried.
    """
    log_start, log_end = find_civil_days(log)
    log_days, needed_days = (log_end - log_start).days + 1, settings.train_days + settings.test_days
    if log_days < needed_days:
        raise QuestionError(
            f"The log covers {log_days} {'day' if log_days == 1 else 'days'}, {log_start} to {log_end}; "
            f"{settings.train_days} to train on and {settings.test_days} to test on are {needed_days}. "
            "Give a longer log, or fewer days by `train_days` and `test_days`."
        )
    first_day = log_end - timedelta(days=needed_days - 1)
    day_start_s = midnights_s(first_day, needed_days, log.time_zone)
    day_moments = np.round(np.diff(day_start_s) / STEP_S).astype(np.int64)
    day_of_moment = np.repeat(np.arange(needed_days), day_moments)
    elapsed_s = np.concatenate([np.arange(n) for n in day_moments]) * STEP_S
    # On a day of 23 or 25 hours the clock's minute counts from the nearer midnight: rates by the clock would
    # else be an hour out from the change on.
    clock_minute_of_moment = np.where(
        elapsed_s >= 7200, elapsed_s // 60 - (day_moments[day_of_moment] - SLOTS) * 15, elapsed_s // 60
    )
    clock_minute_of_moment = np.clip(clock_minute_of_moment, 0, 1439)
    moment_grid = MomentGrid(
        first_day=first_day,
        train_days=settings.train_days,
        test_days=settings.test_days,
        at_s=day_start_s[day_of_moment] + elapsed_s,
        day=day_of_moment,
        minute=clock_minute_of_moment,
        hour=(first_day.weekday() + day_of_moment) % 7 * 24 + clock_minute_of_moment // 60,
        midnight_s=day_start_s,
        live=np.ones((len(log.hotspots), len(day_of_moment)), dtype=np.bool_),
        notes=(),
    )
    return _close_silences(_close_ends(_close_hours(_close_days(moment_grid, log), log), log), log)


def label_moments(log: VisitLog, moments: MomentGrid, window_s: int) -> tuple[Bools, Bools]:
    """Where does a visit start within the window, and where is one under way? Both [P, T]."""
    has_start, is_under_way = np.zeros_like(moments.live), np.zeros_like(moments.live)
    for h, (start_s, end_s) in enumerate(split_by_hotspot(log)):
        past_start_counts = np.searchsorted(start_s, moments.at_s, "right")
        has_start[h] = np.searchsorted(start_s, moments.at_s + window_s, "right") > past_start_counts
        latest_end_s = np.concatenate([[0], np.maximum.accumulate(end_s)])
        is_under_way[h] = latest_end_s[past_start_counts] > moments.at_s
    return has_start, is_under_way


def split_by_hotspot(log: VisitLog) -> list[tuple[Ints, Ints]]:
    """Starts and ends of each hotspot's visits, in order."""
    visit_order = np.argsort(log.hotspot, kind="stable")
    hotspot_edges = np.searchsorted(log.hotspot[visit_order], np.arange(1, len(log.hotspots)))
    return list(
        zip(
            np.split(log.start_s[visit_order], hotspot_edges),
            np.split(log.end_s[visit_order], hotspot_edges),
            strict=True,
        )
    )


def count_starts_by_day(log: VisitLog, moments: MomentGrid) -> Ints:
    """How many visits of each hotspot start on each day? [P, D]."""
    day_count = len(moments.midnight_s) - 1
    day_of_visit = np.searchsorted(moments.midnight_s, log.start_s, "right") - 1
    is_covered = (day_of_visit >= 0) & (day_of_visit < day_count)
    flat_counts = np.bincount(
        log.hotspot[is_covered] * day_count + day_of_visit[is_covered],
        minlength=len(log.hotspots) * day_count,
    )
    return flat_counts.reshape(len(log.hotspots), day_count).astype(np.int64)


def _close_ends(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    """Leave out what comes before the log's first visit and after its last: nobody wrote it down."""
    # Tours of the last night end on the morning after. The rest of that day would count as without visits.
    is_outside = (moments.at_s <= log.start_s[0] - STEP_S) | (moments.at_s >= log.start_s[-1])
    silent_hours = int((is_outside & moments.live.any(axis=0)).sum()) * STEP_S // 3600
    gap_note = (
        f"the log begins or ends within a day: {silent_hours} hours before its first visit or after its "
        "last are left out"
    )
    return _close(moments, ~is_outside, gap_note) if silent_hours >= LEAST_SILENT_HOURS else moments


def _close_days(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    is_day_empty = count_starts_by_day(log, moments).sum(axis=0) == 0
    dates_text = _name_dates(moments, np.flatnonzero(is_day_empty))
    for part_name, least_days, is_empty in (
        ("train", LEAST_TRAIN_DAYS, is_day_empty[: moments.train_days]),
        ("test", LEAST_TEST_DAYS, is_day_empty[moments.train_days :]),
    ):
        if (~is_empty).sum() < least_days:
            raise QuestionError(
                f"The log is silent on {int(is_empty.sum())} of the {len(is_empty)} {part_name} days "
                f"({dates_text}), and {least_days} with visits are needed. "
                "Give a log without such gaps, or choose complete days with `train_days` and `test_days`."
            )
    gap_note = f"no visit at all on {dates_text}: treated as a gap and left out"
    return _close(moments, ~is_day_empty[moments.day], gap_note) if is_day_empty.any() else moments


def _close_hours(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    visit_moment = moments.moment_at(log.start_s[moments.covers(log)])
    is_hour_empty = np.bincount(moments.minute[visit_moment] // 60, minlength=24) == 0
    hours_text = ", ".join(f"{hour:02d}" for hour in np.flatnonzero(is_hour_empty))
    gap_note = f"nobody ever visits in the hours {hours_text}: left out of the attack, counted as a dead zone"
    return _close(moments, ~is_hour_empty[moments.minute // 60], gap_note) if is_hour_empty.any() else moments


def _close_silences(moments: MomentGrid, log: VisitLog) -> MomentGrid:
    """Leave out stretches of days in which a hotspot's visits stop as no chance would have it."""
    # Days on which the whole log is silent have been left out, and named, already.
    days = np.unique(moments.day[moments.live.any(axis=0)])
    for h, daily in enumerate(count_starts_by_day(log, moments)[:, days]):
        silent_runs = np.flatnonzero(np.diff(np.concatenate([[0], daily == 0, [0]]))).reshape(-1, 2)
        for first, end in silent_runs.tolist():
            # The mean of the other days, over this run: so many visits would have been expected in it.
            if daily.sum() * (end - first) / max(len(daily) - (end - first), 1) >= SILENT_VISITS:
                is_live = np.ones_like(moments.live)
                is_live[h, np.isin(moments.day, days[first:end])] = False
                date_text = _name_dates(moments, days[first:end])
                gap_note = (
                    f"hotspot {log.hotspots[h]}: no visit on {date_text}: treated as a gap and left out"
                )
                moments = _close(moments, is_live, gap_note)
    return moments


def _close(moments: MomentGrid, is_live: Bools, gap_note: str) -> MomentGrid:
    return replace(moments, live=moments.live & is_live, notes=(*moments.notes, gap_note))


def _name_dates(moments: MomentGrid, day_indices: Ints) -> str:
    """Dates in words; many of them as a count."""
    date_names = [str(moments.first_day + timedelta(days=int(day_index))) for day_index in day_indices]
    if len(date_names) > 2 and len(date_names) == int(day_indices[-1] - day_indices[0]) + 1:
        return f"{date_names[0]} to {date_names[-1]} ({len(date_names)} days)"
    shown_dates = ", ".join(date_names[:7])
    return shown_dates if len(date_names) <= 7 else f"{shown_dates} and {len(date_names) - 7} more days"

"""How often visits start at each place, by hour of the week: what a timetable alone would predict."""

from dataclasses import replace
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats
from becalm.patrol.core.attack_moments import SLOTS, STEP_S, MomentGrid
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK
from becalm.patrol.core.visit_log import VisitLog

SMOOTHING_HOURS: Final = 1.5
PRIOR: Final = 16.0  # quarter-hours that the week of all hotspots counts for
LIGHT_PRIOR: Final = 2.0  # the same where a rate is only summed over many moments


def recent_rates(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats, Floats]:
    """Starts per quarter-hour on each day at each hour, predicted from the `memory_days` before it.

    By hotspot and hour of the week [P, D, 24], by hotspot and hour of the day [P, D, 24], and by hour of the
    week over all hotspots [D, 24].
    """
    # A day is never part of its own rate, in training as in the test: otherwise what the past adds would be
    # judged against a timetable of another kind.
    start_counts, live_counts = _hourly_counts(log, moments)
    day_count, first_weekday = start_counts.shape[1], moments.first_day.weekday()
    week_rate, day_rate = np.zeros_like(start_counts), np.zeros_like(start_counts)
    rate_by_day_hour = np.zeros((day_count, 24))
    for day in range(1, day_count):
        memory_slice = slice(max(day - moments.memory_days, 0), day)
        week_tables = (
            _fold_week(hourly_counts[:, memory_slice], memory_slice.start + first_weekday)
            for hourly_counts in (start_counts, live_counts)
        )
        week_starts, week_live = (smooth_circle(week, SMOOTHING_HOURS) for week in week_tables)
        week_live = week_live + 1e-9
        today_slice = slice((day + first_weekday) % 7 * 24, (day + first_weekday) % 7 * 24 + 24)
        city_rate = week_starts.sum(axis=0) / week_live.sum(axis=0)
        rate_of_place = week_starts.sum(axis=1) / week_live.sum(axis=1)
        # A hotspot with few visits leans on the week of all hotspots: its own hours are mostly chance.
        prior_rate = np.outer(rate_of_place, city_rate[today_slice] / max(city_rate.mean(), 1e-12))
        week_rate[:, day] = (week_starts[:, today_slice] + PRIOR * prior_rate) / (
            week_live[:, today_slice] + PRIOR
        )
        day_rate[:, day] = _fold_day(week_starts) / _fold_day(week_live)
        rate_by_day_hour[day] = city_rate[today_slice]
    return week_rate, day_rate, rate_by_day_hour


def _hourly_counts(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats]:
    """Starts, and quarter-hours about which the log speaks, by hotspot, day and hour: [P, D, 24]."""
    count_shape = (len(log.hotspots), len(moments.midnight_s) - 1, 24)
    hour_index = moments.day * 24 + moments.minute // 60
    is_covered = moments.covers(log)
    cell_of_visit = (
        log.hotspot[is_covered] * (count_shape[1] * 24)
        + hour_index[moments.moment_at(log.start_s[is_covered])]
    )
    start_counts = (
        np.bincount(cell_of_visit, minlength=int(np.prod(count_shape)))
        .reshape(count_shape)
        .astype(np.float64)
    )
    live_counts = np.stack([np.bincount(hour_index, live, count_shape[1] * 24) for live in moments.live])
    return start_counts, live_counts.reshape(count_shape).astype(np.float64)


def _fold_week(hourly_counts: Floats, first_weekday: int) -> Floats:
    """Days of hours [P, D, 24], the first of them on this weekday, as hours of the week [P, 168]."""
    weekday_of_day = (first_weekday + np.arange(hourly_counts.shape[1])) % 7
    return np.concatenate([hourly_counts[:, weekday_of_day == w].sum(axis=1) for w in range(7)], axis=1)


def _fold_day(weekly_counts: Floats) -> Floats:
    return np.asarray(weekly_counts.reshape(-1, 7, 24).sum(axis=1))


def expected_on_other_days(log: VisitLog, moments: MomentGrid) -> Floats:
    """Expected starts of each hotspot in each quarter-hour, from the log's other days alone: [P, T].

    Hours of the week are not smoothed. Sums of such rates are true on average, however steep a profile is; a
    single one is noisy, and no prediction.
    """
    start_counts, live_counts = _hourly_counts(log, moments)
    day_count, first_weekday = start_counts.shape[1], moments.first_day.weekday()
    week_starts, week_live = (_fold_week(counts, first_weekday) for counts in (start_counts, live_counts))
    rate_by_day = np.zeros_like(start_counts)
    for day in range(day_count):
        day_hours = slice((day + first_weekday) % 7 * 24, (day + first_weekday) % 7 * 24 + 24)
        # A visit must not raise the rate that its own day is held against: a lull would be seen after it.
        other_starts, other_live = (
            week_starts[:, day_hours] - start_counts[:, day],
            week_live[:, day_hours] - live_counts[:, day],
        )
        place_starts = week_starts.sum(axis=1) - start_counts[:, day].sum(axis=1)
        place_live = week_live.sum(axis=1) - live_counts[:, day].sum(axis=1)
        city_rate = other_starts.sum(axis=0) / np.maximum(other_live.sum(axis=0), 1e-9)
        city_mean = place_starts.sum() / max(place_live.sum(), 1e-9)
        prior_rate = np.outer(place_starts / np.maximum(place_live, 1e-9), city_rate / max(city_mean, 1e-12))
        rate_by_day[:, day] = (other_starts + LIGHT_PRIOR * prior_rate) / (other_live + LIGHT_PRIOR)
    return _with_slot_rhythm(log, moments, rate_by_day[:, moments.day, moments.hour % 24] * moments.live)


def smooth_circle(counts: Floats, width: float) -> Floats:
    """Spread counts over their neighbours by a Gaussian of `width` steps; the last one meets the first."""
    n = counts.shape[-1]
    distance_steps = np.minimum(np.arange(n), n - np.arange(n))
    kernel_weights = np.exp(-0.5 * (distance_steps / width) ** 2)
    smooth_spectrum = np.fft.rfft(counts) * np.fft.rfft(kernel_weights / kernel_weights.sum())
    return np.maximum(np.fft.irfft(smooth_spectrum, n), 0.0)


def draw_independent_visits(log: VisitLog, moments: MomentGrid, rng: np.random.Generator) -> VisitLog:
    """A log of the same rates by hotspot, hour of the week and quarter-hour of the day, and nothing else.

    Starts are a Poisson process; lengths are drawn from the log's own. Silent days stay silent.
    """
    start_counts = rng.poisson(expected_starts(log, moments))
    hotspot_rows, moment_rows = np.nonzero(start_counts)
    cell_counts = start_counts[hotspot_rows, moment_rows]
    hotspot_rows, moment_rows = np.repeat(hotspot_rows, cell_counts), np.repeat(moment_rows, cell_counts)
    start_s = moments.at_s[moment_rows] + rng.integers(0, STEP_S, len(moment_rows))
    end_s = start_s + rng.choice(log.end_s - log.start_s, len(moment_rows))
    visit_order = np.lexsort((hotspot_rows, end_s, start_s))
    # All hotspots of the log: one to which no visit was drawn is watched all the same.
    return replace(
        log,
        units=(),
        hotspot=hotspot_rows[visit_order],
        unit=np.full(len(visit_order), -1),
        start_s=start_s[visit_order],
        end_s=end_s[visit_order],
    )


def expected_starts(log: VisitLog, moments: MomentGrid) -> Floats:
    """Expected starts of each hotspot in each quarter-hour: [P, T]."""
    cell_shape = (len(log.hotspots), HOURS_OF_WEEK)
    is_covered = moments.covers(log)
    visit_moment = moments.moment_at(log.start_s[is_covered])
    visit_cell = log.hotspot[is_covered] * HOURS_OF_WEEK + moments.hour[visit_moment]
    start_counts = np.bincount(visit_cell, minlength=cell_shape[0] * cell_shape[1]).reshape(cell_shape)
    live_counts = np.stack(
        [np.bincount(moments.hour[is_live], minlength=HOURS_OF_WEEK) for is_live in moments.live]
    )
    start_rate = smooth_circle(start_counts.astype(np.float64), 1.0)
    start_rate /= np.maximum(smooth_circle(live_counts.astype(np.float64), 1.0), 1e-9)
    return _with_slot_rhythm(log, moments, start_rate[:, moments.hour] * moments.live)


def _with_slot_rhythm(log: VisitLog, moments: MomentGrid, expected_counts: Floats) -> Floats:
    """The same expectations with the log's own rhythm by quarter-hour of the day."""
    visit_moment = moments.moment_at(log.start_s[moments.covers(log)])
    # Shifts begin and end on quarter-hours, which rates by the hour smear: the floor would lack their rhythm.
    day_slot = moments.minute // 15
    slot_starts = np.bincount(day_slot[visit_moment], minlength=SLOTS)
    expected_of_slot = np.bincount(day_slot, expected_counts.sum(axis=0), SLOTS)
    return np.asarray(expected_counts * (slot_starts / np.maximum(expected_of_slot, 1e-9))[day_slot])

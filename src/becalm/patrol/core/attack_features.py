"""What an attacker knows: the timetable alone, or every visit so far as well.

Features are arrays [P, T], a row a hotspot and a column a moment; NaN where the log does not reach back far
enough. Nothing looks past the moment it belongs to, and rates of train days come from other weeks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints, Singles
from becalm.patrol.core.attack_moments import MomentGrid, split_by_hotspot
from becalm.patrol.core.visit_log import VisitLog

Feature = tuple[str, Singles]
SMOOTHING_HOURS = 1.5
PRIOR = 16.0  # quarter-hours that the week of all hotspots counts for
NEIGHBOURS = 4
MINUTE, HOUR, DAY = 60, 3_600, 86_400
FREE_S = 45 * MINUTE  # after a visit a unit counts as on its way for so long


def static_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Place, slot of the day, day of the week, and smoothed rates of place and hour over the days before."""
    row_of_ones = np.ones((1, len(moments.at_s)), dtype=np.float32)
    column_of_ones = np.ones((len(log.hotspots), 1), dtype=np.float32)
    yield "area", _single(_area_codes(log))[:, None] * row_of_ones
    yield "minute", column_of_ones * _single(moments.minute)[None, :]
    yield "weekday", column_of_ones * _single(moments.hour // 24)[None, :]
    hour = moments.hour % 24
    week_rate, day_rate, rate_of_all = recent_rates(log, moments)
    yield "rate_of_place", _single(day_rate.mean(axis=2)[:, moments.day])
    yield "rate_of_week", _single(week_rate[:, moments.day, hour])
    yield "rate_of_day", _single(day_rate[:, moments.day, hour])
    yield "rate_of_all", column_of_ones * _single(rate_of_all[moments.day, hour])[None, :]


def history_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Times since visits here and nearby, the last intervals, and counts up to now."""
    visits = split_by_hotspot(log)
    yield from _place_history(visits, moments, log.start_s[0])
    since_start = np.stack([_minutes_since(start_s, moments.at_s) for start_s, _ in visits])
    for k, neighbours in enumerate(find_neighbours(log, moments).T):
        yield f"since_at_neighbour_{k + 1}", since_start[neighbours]
    yield from _area_history(log, moments)


def insider_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Where the units are, which are free, and where they usually go from there."""
    moves = _count_moves(log, moments.midnight_s[moments.memory_days]) + 0.02
    next_chance = moves / moves.sum(axis=1, keepdims=True)
    busy, free = _count_busy_and_free(log, moments)
    yield "drawn_by_the_free", _single((free @ next_chance).T)
    yield "drawn_by_the_busy", _single((busy @ next_chance).T)
    areas = _area_codes(log)
    for name, counts in (("free", free), ("busy", busy)):
        sums = np.stack([counts[:, areas == area].sum(axis=1) for area in range(areas.max() + 1)])
        yield f"{name}_in_area", _single(sums[areas])


def find_neighbours(log: VisitLog, moments: MomentGrid) -> Ints:
    """The hotspots nearest to each: by units' moves where units are known, else by what is visited next."""
    # Learned from the days that are only remembered: picked on the days that are learned from, chance
    # likeness would be taken for knowledge, and an attack on pure chance would show a gain.
    until_s = moments.midnight_s[moments.memory_days]
    strengths = _count_moves(log, until_s) if log.units else _following_excess(log, until_s)
    strengths = strengths + strengths.T
    np.fill_diagonal(strengths, -np.inf)
    return np.argsort(-strengths, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(strengths) - 1)]


def _place_history(
    visits: list[tuple[Ints, Ints]], moments: MomentGrid, log_start_s: int
) -> Iterator[Feature]:
    starts, at_s = [start_s for start_s, _ in visits], moments.at_s
    yield "since_start", np.stack([_minutes_since(start_s, at_s) for start_s in starts])
    yield "since_end", np.stack([_minutes_since(np.sort(end_s), at_s) for _, end_s in visits])
    for k in (1, 2, 3):
        yield f"interval_{k}", np.stack([_interval_minutes(start_s, at_s, k) for start_s in starts])
    windows = {"today": moments.midnight_s[moments.day], "8_hours": at_s - 8 * HOUR, "24_hours": at_s - DAY}
    windows |= {"7_days": at_s - 7 * DAY, "14_days": at_s - 14 * DAY}
    for name, begin_s in windows.items():
        counts = _count_starts(starts, begin_s, at_s)
        yield f"count_{name}", counts + _nan_unless(begin_s >= log_start_s - DAY)
    for days in (1, 2, 7):
        then_s = at_s - days * DAY
        counts = _count_starts(starts, then_s, then_s + 30 * MINUTE)
        yield f"same_time_{days}", counts + _nan_unless(then_s >= log_start_s)


def _area_history(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Starts of late in the area, and visits under way there."""
    area_of_hotspot, at_s = _area_codes(log), moments.at_s
    visits_of_area = [area_of_hotspot[log.hotspot] == area for area in range(area_of_hotspot.max() + 1)]
    starts = [log.start_s[own] for own in visits_of_area]
    ends = [np.sort(log.end_s[own]) for own in visits_of_area]
    for minutes in (15, 30, 60, 180):
        yield f"area_{minutes}", _count_starts(starts, at_s - minutes * MINUTE, at_s)[area_of_hotspot]
    under_way = [
        np.searchsorted(start_s, at_s, "right") - np.searchsorted(end_s, at_s, "right")
        for start_s, end_s in zip(starts, ends, strict=True)
    ]
    yield "area_under_way", _single(np.stack(under_way))[area_of_hotspot]
    yield "area_today", _count_starts(starts, moments.midnight_s[moments.day], at_s)[area_of_hotspot]


def _nan_unless(is_known: Bools) -> Singles:
    # Where the log does not reach back so far, 0 would be a count: it would teach that the log's first days
    # are quiet.
    return _single(np.where(is_known, 0.0, np.nan))


def _minutes_since(instants_s: Ints, at_s: Ints) -> Singles:
    """Minutes since the last instant up to now."""
    if not len(instants_s):
        return np.full(len(at_s), np.nan, dtype=np.float32)
    last = np.searchsorted(instants_s, at_s, "right") - 1
    return _single(np.where(last >= 0, (at_s - instants_s[np.maximum(last, 0)]) / MINUTE, np.nan))


def _interval_minutes(start_s: Ints, at_s: Ints, k: int) -> Singles:
    """Minutes between the k-th and the (k + 1)-th last start."""
    if len(start_s) <= k:
        return np.full(len(at_s), np.nan, dtype=np.float32)
    last = np.searchsorted(start_s, at_s, "right") - k
    intervals = np.diff(start_s) / MINUTE
    return _single(np.where(last >= 1, intervals[np.clip(last - 1, 0, len(intervals) - 1)], np.nan))


def _count_starts(starts: list[Ints], begin_s: Ints, end_s: Ints) -> Singles:
    """Starts of each row after `begin_s` and up to `end_s`."""
    return _single(
        np.stack([np.searchsorted(s, end_s, "right") - np.searchsorted(s, begin_s, "right") for s in starts])
    )


def recent_rates(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats, Floats]:
    """Starts per quarter-hour on each day at each hour, foretold from the `memory_days` before it.

    By hotspot and hour of the week [P, D, 24], by hotspot and hour of the day [P, D, 24], and by hour of the
    week over all hotspots [D, 24].
    """
    # A day is never part of its own rate, in training as in the test: otherwise what the past adds would be
    # judged against a timetable of another kind.
    counts, exposure = _hourly_counts(log, moments)
    days, first_weekday = counts.shape[1], moments.first_day.weekday()
    week_rate, day_rate = np.zeros_like(counts), np.zeros_like(counts)
    rate_of_all = np.zeros((days, 24))
    for day in range(1, days):
        memory = slice(max(day - moments.memory_days, 0), day)
        weeks = (_fold_week(hourly[:, memory], memory.start + first_weekday) for hourly in (counts, exposure))
        week_starts, week_exposure = (smooth_circle(week, SMOOTHING_HOURS) for week in weeks)
        week_exposure = week_exposure + 1e-9
        today_hours = slice((day + first_weekday) % 7 * 24, (day + first_weekday) % 7 * 24 + 24)
        whole_rate = week_starts.sum(axis=0) / week_exposure.sum(axis=0)
        place_rate = week_starts.sum(axis=1) / week_exposure.sum(axis=1)
        # A hotspot with few visits leans on the week of all hotspots: its own hours are mostly chance.
        prior_rate = np.outer(place_rate, whole_rate[today_hours] / max(whole_rate.mean(), 1e-12))
        week_rate[:, day] = (week_starts[:, today_hours] + PRIOR * prior_rate) / (
            week_exposure[:, today_hours] + PRIOR
        )
        day_rate[:, day] = _fold_day(week_starts) / _fold_day(week_exposure)
        rate_of_all[day] = whole_rate[today_hours]
    return week_rate, day_rate, rate_of_all


def _hourly_counts(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats]:
    """Starts, and quarter-hours about which the log speaks, by hotspot, day and hour: [P, D, 24]."""
    shape = (len(log.hotspots), len(moments.midnight_s) - 1, 24)
    cell = moments.day * 24 + moments.minute // 60
    is_within = moments.covers(log)
    cell_of_visit = log.hotspot[is_within] * (shape[1] * 24) + cell[moments.moment_at(log.start_s[is_within])]
    counts = np.bincount(cell_of_visit, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    exposure = np.stack([np.bincount(cell, live, shape[1] * 24) for live in moments.live])
    return counts, exposure.reshape(shape).astype(np.float64)


def _fold_week(hourly: Floats, first_weekday: int) -> Floats:
    """Days of hours [P, D, 24], the first of them on this weekday, as hours of the week [P, 168]."""
    weekday = (first_weekday + np.arange(hourly.shape[1])) % 7
    return np.concatenate([hourly[:, weekday == w].sum(axis=1) for w in range(7)], axis=1)


def _fold_day(weekly: Floats) -> Floats:
    return np.asarray(weekly.reshape(-1, 7, 24).sum(axis=1))


def _area_codes(log: VisitLog) -> Ints:
    return np.unique(np.array(log.areas), return_inverse=True)[1].astype(np.int64)


def smooth_circle(counts: Floats, width: float) -> Floats:
    """Spread counts over their neighbours by a Gaussian of `width` steps; the last one meets the first."""
    n = counts.shape[-1]
    distance = np.minimum(np.arange(n), n - np.arange(n))
    kernel = np.exp(-0.5 * (distance / width) ** 2)
    spectrum = np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum())
    return np.maximum(np.fft.irfft(spectrum, n), 0.0)


def _count_moves(log: VisitLog, until_s: int) -> Floats:
    """How often units went from each hotspot to each other one within 90 minutes, before `until_s`."""
    n = len(log.hotspots)
    order = np.lexsort((log.start_s, log.unit))
    unit, hotspot = log.unit[order], log.hotspot[order]
    next_start_s = np.append(log.start_s[order][1:], 0)
    is_move = (np.append(unit[1:], -1) == unit) & (unit >= 0) & (next_start_s < until_s)
    is_move &= next_start_s <= log.end_s[order] + 90 * MINUTE
    pair = hotspot[:-1] * n + hotspot[1:]
    return np.bincount(pair[is_move[:-1]], minlength=n * n).reshape(n, n).astype(np.float64)


def _following_excess(log: VisitLog, until_s: int) -> Floats:
    """How far starts within an hour after a start elsewhere exceed chance, in standard errors."""
    n = len(log.hotspots)
    is_used = log.start_s < until_s
    start_s, hotspot = log.start_s[is_used], log.hotspot[is_used]
    totals = np.bincount(hotspot, minlength=n).astype(np.float64)
    counts = np.zeros((n, n))
    for h in range(n):
        own_start_s = start_s[hotspot == h]
        last, first = (np.searchsorted(own_start_s, at_s, "right") for at_s in (start_s + HOUR, start_s))
        counts[:, h] = np.bincount(hotspot, last - first, n)
    chance_counts = np.outer(totals, totals) * counts.sum() / max(totals.sum() ** 2, 1.0)
    return np.asarray((counts - chance_counts) / np.sqrt(np.maximum(chance_counts, 1.0)))


def _count_busy_and_free(log: VisitLog, moments: MomentGrid) -> tuple[Singles, Singles]:
    """Units at each hotspot, and units that left it last and have not arrived anywhere since: both [T, P]."""
    order = np.lexsort((log.start_s, log.unit))
    order = order[log.unit[order] >= 0]
    unit, start_s, end_s = log.unit[order], log.start_s[order], log.end_s[order]
    has_next = np.append(unit[1:] == unit[:-1], False)
    next_start_s = np.where(has_next, np.append(start_s[1:], 0), np.iinfo(np.int64).max)
    free_until_s = np.minimum(next_start_s, end_s + FREE_S)

    def count_spans(begin_s: Ints, until_s: Ints) -> Singles:
        """How many spans [begin, until) hold each moment, by hotspot."""
        count_changes = np.zeros((len(moments.at_s) + 1, len(log.hotspots)), dtype=np.float32)
        np.add.at(count_changes, (np.searchsorted(moments.at_s, begin_s), log.hotspot[order]), 1.0)
        np.add.at(count_changes, (np.searchsorted(moments.at_s, until_s), log.hotspot[order]), -1.0)
        return np.asarray(np.cumsum(count_changes, axis=0)[:-1])

    busy = count_spans(start_s, np.minimum(end_s, next_start_s))
    return busy, count_spans(np.minimum(end_s, free_until_s), free_until_s)


def _single(values: NDArray[np.generic]) -> Singles:
    return np.asarray(values, dtype=np.float32)

"""What an attacker knows: the timetable alone, or every visit so far as well.

Features are arrays [P, T], a row a hotspot and a column a moment; NaN where the log does not reach back far
enough. Nothing looks past the moment it belongs to, and rates of train days come from other weeks.
"""

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
    hour_of_day = moments.hour % 24
    week_rate, day_rate, rate_of_all = recent_rates(log, moments)
    yield "rate_of_place", _single(day_rate.mean(axis=2)[:, moments.day])
    yield "rate_of_week", _single(week_rate[:, moments.day, hour_of_day])
    yield "rate_of_day", _single(day_rate[:, moments.day, hour_of_day])
    yield "rate_of_all", column_of_ones * _single(rate_of_all[moments.day, hour_of_day])[None, :]


def history_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Times since visits here and nearby, the last intervals, and counts up to now."""
    visit_times = split_by_hotspot(log)
    yield from _place_history(visit_times, moments, log.start_s[0])
    minutes_since_start = np.stack([_minutes_since(start_s, moments.at_s) for start_s, _ in visit_times])
    for k, neighbour_indices in enumerate(find_neighbours(log, moments).T):
        yield f"since_at_neighbour_{k + 1}", minutes_since_start[neighbour_indices]
    yield from _area_history(log, moments)


def insider_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Where the units are, which are free, and where they usually go from there."""
    move_counts = _count_moves(log, moments.midnight_s[moments.memory_days]) + 0.02
    move_chances = move_counts / move_counts.sum(axis=1, keepdims=True)
    busy_count, free_count = _count_busy_and_free(log, moments)
    yield "drawn_by_the_free", _single((free_count @ move_chances).T)
    yield "drawn_by_the_busy", _single((busy_count @ move_chances).T)
    areas = _area_codes(log)
    for unit_state, unit_counts in (("free", free_count), ("busy", busy_count)):
        sums = np.stack([unit_counts[:, areas == area].sum(axis=1) for area in range(areas.max() + 1)])
        yield f"{unit_state}_in_area", _single(sums[areas])


def find_neighbours(log: VisitLog, moments: MomentGrid) -> Ints:
    """The hotspots nearest to each: by units' moves where units are known, else by what is visited next."""
    # Learned from the days that are only remembered: picked on the days that are learned from, chance
    # likeness would be taken for knowledge, and an attack on pure chance would show a gain.
    memory_end_s = moments.midnight_s[moments.memory_days]
    link_strengths = _count_moves(log, memory_end_s) if log.units else _following_excess(log, memory_end_s)
    link_strengths = link_strengths + link_strengths.T
    np.fill_diagonal(link_strengths, -np.inf)
    return np.argsort(-link_strengths, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(link_strengths) - 1)]


def _place_history(
    visit_times: list[tuple[Ints, Ints]], moments: MomentGrid, log_start_s: int
) -> Iterator[Feature]:
    place_starts, at_s = [start_s for start_s, _ in visit_times], moments.at_s
    yield "since_start", np.stack([_minutes_since(start_s, at_s) for start_s in place_starts])
    yield "since_end", np.stack([_minutes_since(np.sort(end_s), at_s) for _, end_s in visit_times])
    for k in (1, 2, 3):
        yield f"interval_{k}", np.stack([_interval_minutes(start_s, at_s, k) for start_s in place_starts])
    windows = {"today": moments.midnight_s[moments.day], "8_hours": at_s - 8 * HOUR, "24_hours": at_s - DAY}
    windows |= {"7_days": at_s - 7 * DAY, "14_days": at_s - 14 * DAY}
    for window_name, begin_s in windows.items():
        start_counts = _count_starts(place_starts, begin_s, at_s)
        yield f"count_{window_name}", start_counts + _nan_unless(begin_s >= log_start_s - DAY)
    for days_back in (1, 2, 7):
        same_time_s = at_s - days_back * DAY
        start_counts = _count_starts(place_starts, same_time_s, same_time_s + 30 * MINUTE)
        yield f"same_time_{days_back}", start_counts + _nan_unless(same_time_s >= log_start_s)


def _area_history(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    area_of_hotspot, at_s = _area_codes(log), moments.at_s
    area_masks = [area_of_hotspot[log.hotspot] == area for area in range(area_of_hotspot.max() + 1)]
    area_starts = [log.start_s[is_own] for is_own in area_masks]
    area_ends = [np.sort(log.end_s[is_own]) for is_own in area_masks]
    for window_minutes in (15, 30, 60, 180):
        yield (
            f"area_{window_minutes}",
            _count_starts(area_starts, at_s - window_minutes * MINUTE, at_s)[area_of_hotspot],
        )
    under_way_counts = [
        np.searchsorted(start_s, at_s, "right") - np.searchsorted(end_s, at_s, "right")
        for start_s, end_s in zip(area_starts, area_ends, strict=True)
    ]
    yield "area_under_way", _single(np.stack(under_way_counts))[area_of_hotspot]
    yield "area_today", _count_starts(area_starts, moments.midnight_s[moments.day], at_s)[area_of_hotspot]


def _nan_unless(is_known: Bools) -> Singles:
    # Where the log does not reach back so far, 0 would be a count: it would teach that the log's first days
    # are quiet.
    return _single(np.where(is_known, 0.0, np.nan))


def _minutes_since(instants_s: Ints, at_s: Ints) -> Singles:
    if not len(instants_s):
        return np.full(len(at_s), np.nan, dtype=np.float32)
    last_index = np.searchsorted(instants_s, at_s, "right") - 1
    return _single(np.where(last_index >= 0, (at_s - instants_s[np.maximum(last_index, 0)]) / MINUTE, np.nan))


def _interval_minutes(start_s: Ints, at_s: Ints, k: int) -> Singles:
    """Minutes between the k-th and the (k + 1)-th last start."""
    if len(start_s) <= k:
        return np.full(len(at_s), np.nan, dtype=np.float32)
    rank = np.searchsorted(start_s, at_s, "right") - k
    intervals = np.diff(start_s) / MINUTE
    return _single(np.where(rank >= 1, intervals[np.clip(rank - 1, 0, len(intervals) - 1)], np.nan))


def _count_starts(start_rows: list[Ints], begin_s: Ints, end_s: Ints) -> Singles:
    """Starts of each row after `begin_s` and up to `end_s`."""
    return _single(
        np.stack(
            [np.searchsorted(s, end_s, "right") - np.searchsorted(s, begin_s, "right") for s in start_rows]
        )
    )


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
    rate_of_all = np.zeros((day_count, 24))
    for day in range(1, day_count):
        memory = slice(max(day - moments.memory_days, 0), day)
        weeks = (
            _fold_week(hourly_counts[:, memory], memory.start + first_weekday)
            for hourly_counts in (start_counts, live_counts)
        )
        week_starts, week_live = (smooth_circle(week, SMOOTHING_HOURS) for week in weeks)
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
        rate_of_all[day] = city_rate[today_slice]
    return week_rate, day_rate, rate_of_all


def _hourly_counts(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats]:
    """Starts, and quarter-hours about which the log speaks, by hotspot, day and hour: [P, D, 24]."""
    shape = (len(log.hotspots), len(moments.midnight_s) - 1, 24)
    hour_index = moments.day * 24 + moments.minute // 60
    is_covered = moments.covers(log)
    cell_of_visit = (
        log.hotspot[is_covered] * (shape[1] * 24) + hour_index[moments.moment_at(log.start_s[is_covered])]
    )
    start_counts = np.bincount(cell_of_visit, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    live_counts = np.stack([np.bincount(hour_index, live, shape[1] * 24) for live in moments.live])
    return start_counts, live_counts.reshape(shape).astype(np.float64)


def _fold_week(hourly_counts: Floats, first_weekday: int) -> Floats:
    """Days of hours [P, D, 24], the first of them on this weekday, as hours of the week [P, 168]."""
    weekday_of_day = (first_weekday + np.arange(hourly_counts.shape[1])) % 7
    return np.concatenate([hourly_counts[:, weekday_of_day == w].sum(axis=1) for w in range(7)], axis=1)


def _fold_day(weekly_counts: Floats) -> Floats:
    return np.asarray(weekly_counts.reshape(-1, 7, 24).sum(axis=1))


def _area_codes(log: VisitLog) -> Ints:
    return np.unique(np.array(log.areas), return_inverse=True)[1].astype(np.int64)


def smooth_circle(counts: Floats, width: float) -> Floats:
    """Spread counts over their neighbours by a Gaussian of `width` steps; the last one meets the first."""
    n = counts.shape[-1]
    distance_steps = np.minimum(np.arange(n), n - np.arange(n))
    kernel = np.exp(-0.5 * (distance_steps / width) ** 2)
    smooth_spectrum = np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum())
    return np.maximum(np.fft.irfft(smooth_spectrum, n), 0.0)


def _count_moves(log: VisitLog, until_s: int) -> Floats:
    """How often units went from each hotspot to each other one within 90 minutes, before `until_s`."""
    n = len(log.hotspots)
    visit_order = np.lexsort((log.start_s, log.unit))
    unit_index, hotspot_index = log.unit[visit_order], log.hotspot[visit_order]
    next_start_s = np.append(log.start_s[visit_order][1:], 0)
    is_move = (np.append(unit_index[1:], -1) == unit_index) & (unit_index >= 0) & (next_start_s < until_s)
    is_move &= next_start_s <= log.end_s[visit_order] + 90 * MINUTE
    move_code = hotspot_index[:-1] * n + hotspot_index[1:]
    return np.bincount(move_code[is_move[:-1]], minlength=n * n).reshape(n, n).astype(np.float64)


def _following_excess(log: VisitLog, until_s: int) -> Floats:
    """How far starts within an hour after a start elsewhere exceed chance, in standard errors."""
    n = len(log.hotspots)
    is_before = log.start_s < until_s
    start_s, hotspot_index = log.start_s[is_before], log.hotspot[is_before]
    start_totals = np.bincount(hotspot_index, minlength=n).astype(np.float64)
    follow_counts = np.zeros((n, n))
    for h in range(n):
        own_s = start_s[hotspot_index == h]
        last, first = (np.searchsorted(own_s, at_s, "right") for at_s in (start_s + HOUR, start_s))
        follow_counts[:, h] = np.bincount(hotspot_index, last - first, n)
    chance_counts = (
        np.outer(start_totals, start_totals) * follow_counts.sum() / max(start_totals.sum() ** 2, 1.0)
    )
    return np.asarray((follow_counts - chance_counts) / np.sqrt(np.maximum(chance_counts, 1.0)))


def _count_busy_and_free(log: VisitLog, moments: MomentGrid) -> tuple[Singles, Singles]:
    """Units at each hotspot, and units that left it last and have not arrived anywhere since: both [T, P]."""
    visit_order = np.lexsort((log.start_s, log.unit))
    visit_order = visit_order[log.unit[visit_order] >= 0]
    unit_of_visit, start_s, end_s = log.unit[visit_order], log.start_s[visit_order], log.end_s[visit_order]
    has_next = np.append(unit_of_visit[1:] == unit_of_visit[:-1], False)
    next_start_s = np.where(has_next, np.append(start_s[1:], 0), np.iinfo(np.int64).max)
    free_until_s = np.minimum(next_start_s, end_s + FREE_S)

    def count_spans(begin_s: Ints, until_s: Ints) -> Singles:
        """How many spans [begin, until) hold each moment, by hotspot."""
        count_changes = np.zeros((len(moments.at_s) + 1, len(log.hotspots)), dtype=np.float32)
        np.add.at(count_changes, (np.searchsorted(moments.at_s, begin_s), log.hotspot[visit_order]), 1.0)
        np.add.at(count_changes, (np.searchsorted(moments.at_s, until_s), log.hotspot[visit_order]), -1.0)
        return np.asarray(np.cumsum(count_changes, axis=0)[:-1])

    busy_count = count_spans(start_s, np.minimum(end_s, next_start_s))
    return busy_count, count_spans(np.minimum(end_s, free_until_s), free_until_s)


def _single(values: NDArray[np.generic]) -> Singles:
    return np.asarray(values, dtype=np.float32)

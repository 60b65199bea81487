"""What an attacker knows: the timetable alone, or every visit so far as well.

Features are arrays [P, T], a row a hotspot and a column a moment; NaN where the log does not reach back far
enough. Nothing looks past the moment it belongs to, and rates of train days come from other weeks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Floats, Ints, Singles
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
    across = np.ones((1, len(moments.at_s)), dtype=np.float32)
    down = np.ones((len(log.hotspots), 1), dtype=np.float32)
    yield "area", _single(_area_codes(log))[:, None] * across
    yield "minute", down * _single(moments.minute)[None, :]
    yield "weekday", down * _single(moments.hour // 24)[None, :]
    hour = moments.hour % 24
    of_week, of_day, of_all = recent_rates(log, moments)
    yield "rate_of_place", _single(of_day.mean(axis=2)[:, moments.day])
    yield "rate_of_week", _single(of_week[:, moments.day, hour])
    yield "rate_of_day", _single(of_day[:, moments.day, hour])
    yield "rate_of_all", down * _single(of_all[moments.day, hour])[None, :]


def history_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Times since visits here and nearby, the last intervals, and counts up to now."""
    visits = split_by_hotspot(log)
    yield from _own_past(visits, moments, log.start_s[0])
    since = np.stack([_since(start, moments.at_s) for start, _ in visits])
    near = nearest(log, moments)
    for k in range(near.shape[1]):
        yield f"since_at_neighbour_{k + 1}", since[near[:, k]]
    yield from _area_past(log, moments)


def insider_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Where the units are, which are free, and where they usually go from there."""
    known = moments.midnight_s[moments.memory_days]
    moves = _moves(log, known) + 0.02
    nexts = moves / moves.sum(axis=1, keepdims=True)
    busy, free = _whereabouts(log, moments)
    yield "drawn_by_the_free", _single((free @ nexts).T)
    yield "drawn_by_the_busy", _single((busy @ nexts).T)
    for name, counts in (("free", free), ("busy", busy)):
        yield f"{name}_in_area", _single(_by_area(log, counts))


def nearest(log: VisitLog, moments: MomentGrid) -> Ints:
    """The hotspots nearest to each: by units' moves where units are known, else by what is visited next.

    Learned from the days that are only remembered: picked on the days that are learned from, chance likeness
    would be taken for knowledge.
    """
    known = moments.midnight_s[moments.memory_days]
    ties = _moves(log, known) if log.units else _followings(log, known)
    ties = ties + ties.T
    np.fill_diagonal(ties, -np.inf)
    return np.argsort(-ties, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(ties) - 1)]


def _own_past(visits: list[tuple[Ints, Ints]], moments: MomentGrid, log_start_s: int) -> Iterator[Feature]:
    at, midnight = moments.at_s, moments.midnight_s[moments.day]
    yield "since_start", np.stack([_since(start, at) for start, _ in visits])
    yield "since_end", np.stack([_since(np.sort(end), at) for _, end in visits])
    for k in (1, 2, 3):
        yield f"interval_{k}", np.stack([_interval(start, at, k) for start, _ in visits])
    spans = {"today": midnight, "8_hours": at - 8 * HOUR, "24_hours": at - DAY}
    spans |= {"7_days": at - 7 * DAY, "14_days": at - 14 * DAY}
    for name, begin in spans.items():
        known = _single(np.where(begin >= log_start_s - DAY, 0.0, np.nan))
        yield f"count_{name}", np.stack([_count(start, begin, at) for start, _ in visits]) + known
    for days in (1, 2, 7):
        then = at - days * DAY
        known = _single(np.where(then >= log_start_s, 0.0, np.nan))
        yield f"same_time_{days}", np.stack([_count(s, then, then + 30 * MINUTE) for s, _ in visits]) + known


def _area_past(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Starts of late in the area, and visits under way there."""
    areas = _area_codes(log)
    at = moments.at_s
    starts = [log.start_s[areas[log.hotspot] == a] for a in range(areas.max() + 1)]
    ends = [np.sort(log.end_s[areas[log.hotspot] == a]) for a in range(areas.max() + 1)]
    for minutes in (15, 30, 60, 180):
        yield f"area_{minutes}", np.stack([_count(s, at - minutes * MINUTE, at) for s in starts])[areas]
    under_way = [
        np.searchsorted(s, at, "right") - np.searchsorted(e, at, "right")
        for s, e in zip(starts, ends, strict=True)
    ]
    yield "area_under_way", _single(np.stack(under_way))[areas]
    midnight = moments.midnight_s[moments.day]
    yield "area_today", np.stack([_count(s, midnight, at) for s in starts])[areas]


def _since(instants: Ints, at: Ints) -> Singles:
    """Minutes since the last instant up to now."""
    if not len(instants):
        return np.full(len(at), np.nan, dtype=np.float32)
    last = np.searchsorted(instants, at, "right") - 1
    return _single(np.where(last >= 0, (at - instants[np.maximum(last, 0)]) / MINUTE, np.nan))


def _interval(start: Ints, at: Ints, k: int) -> Singles:
    """Minutes between the k-th and the (k + 1)-th last start."""
    last = np.searchsorted(start, at, "right") - k
    if len(start) <= k:
        return np.full(len(at), np.nan, dtype=np.float32)
    between = np.diff(start) / MINUTE
    return _single(np.where(last >= 1, between[np.clip(last - 1, 0, len(between) - 1)], np.nan))


def _count(start: Ints, begin: Ints, end: Ints) -> Singles:
    """Starts after `begin` and up to `end`."""
    return _single(np.searchsorted(start, end, "right") - np.searchsorted(start, begin, "right"))


def recent_rates(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats, Floats]:
    """Starts per quarter-hour on each day at each hour, foretold from the `memory_days` before it.

    By hotspot and hour of the week [P, D, 24], by hotspot and hour of the day [P, D, 24], and by hour of the
    week over all hotspots [D, 24]. A day is never part of its own rate, in training as in the test:
    otherwise what the past adds would be judged against a timetable of another kind.
    """
    days, memory = len(moments.midnight_s) - 1, moments.memory_days
    counts, exposure = _hourly(log, moments)
    of_week = np.zeros((len(log.hotspots), days, 24))
    of_day, of_all = np.zeros_like(of_week), np.zeros((days, 24))
    for day in range(1, days):
        used = slice(max(day - memory, 0), day)
        seen = smooth_circle(_week(counts[:, used], used.start + moments.weekday), SMOOTHING_HOURS)
        exposed = (
            smooth_circle(_week(exposure[:, used], used.start + moments.weekday), SMOOTHING_HOURS) + 1e-9
        )
        here = slice((day + moments.weekday) % 7 * 24, (day + moments.weekday) % 7 * 24 + 24)
        whole = seen.sum(axis=0) / exposed.sum(axis=0)
        level = seen.sum(axis=1) / exposed.sum(axis=1)
        guess = np.outer(level, whole[here] / max(whole.mean(), 1e-12))
        of_week[:, day] = (seen[:, here] + PRIOR * guess) / (exposed[:, here] + PRIOR)
        of_day[:, day] = _fold(seen) / _fold(exposed)
        of_all[day] = whole[here]
    return of_week, of_day, of_all


def _hourly(log: VisitLog, moments: MomentGrid) -> tuple[Floats, Floats]:
    """Starts, and quarter-hours about which the log speaks, by hotspot, day and hour: [P, D, 24]."""
    shape = (len(log.hotspots), len(moments.midnight_s) - 1, 24)
    cell = moments.day * 24 + moments.minute // 60
    within = (log.start_s >= moments.at_s[0]) & (log.start_s < moments.midnight_s[-1])
    at = np.searchsorted(moments.at_s, log.start_s[within], "right") - 1
    where = log.hotspot[within] * (shape[1] * 24) + cell[at]
    counts = np.bincount(where, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
    exposure = np.stack([np.bincount(cell, live, shape[1] * 24) for live in moments.live])
    return counts, exposure.reshape(shape).astype(np.float64)


def _week(daily: Floats, first: int) -> Floats:
    """Days of hours [P, D, 24], the first of them on weekday `first`, as hours of the week [P, 168]."""
    of = (first + np.arange(daily.shape[1])) % 7
    return np.concatenate([daily[:, of == weekday].sum(axis=1) for weekday in range(7)], axis=1)


def _fold(weekly: Floats) -> Floats:
    return np.asarray(weekly.reshape(-1, 7, 24).sum(axis=1))


def _area_codes(log: VisitLog) -> Ints:
    return np.unique(np.array(log.areas), return_inverse=True)[1].astype(np.int64)


def smooth_circle(counts: Floats, width: float) -> Floats:
    """Spread counts over their neighbours by a Gaussian of `width` steps; the last one meets the first."""
    size = counts.shape[-1]
    distance = np.minimum(np.arange(size), size - np.arange(size))
    kernel = np.exp(-0.5 * (distance / width) ** 2)
    spread = np.fft.rfft(counts) * np.fft.rfft(kernel / kernel.sum())
    return np.maximum(np.fft.irfft(spread, size), 0.0)


def _moves(log: VisitLog, until_s: int) -> Floats:
    """How often units went from each hotspot to each other one within 90 minutes, before `until_s`."""
    size = len(log.hotspots)
    order = np.lexsort((log.start_s, log.unit))
    unit, place = log.unit[order], log.hotspot[order]
    start, end = log.start_s[order], log.end_s[order]
    next_start = np.append(start[1:], 0)
    follows = (np.append(unit[1:], -1) == unit) & (unit >= 0) & (next_start <= end + 90 * MINUTE)
    follows &= next_start < until_s
    pair = place[:-1] * size + place[1:]
    return np.bincount(pair[follows[:-1]], minlength=size * size).reshape(size, size).astype(np.float64)


def _followings(log: VisitLog, until_s: int) -> Floats:
    """How far starts within an hour after a start elsewhere exceed chance, in standard errors."""
    size = len(log.hotspots)
    used = log.start_s < until_s
    at, place = log.start_s[used], log.hotspot[used]
    totals = np.bincount(place, minlength=size).astype(np.float64)
    seen = np.zeros((size, size))
    for h in range(size):
        own = at[place == h]
        after = np.searchsorted(own, at + HOUR, "right") - np.searchsorted(own, at, "right")
        seen[:, h] = np.bincount(place, after, size)
    chance = np.outer(totals, totals) * seen.sum() / max(totals.sum() ** 2, 1.0)
    return np.asarray((seen - chance) / np.sqrt(np.maximum(chance, 1.0)))


def _whereabouts(log: VisitLog, moments: MomentGrid) -> tuple[Singles, Singles]:
    """Units at each hotspot, and units that left it last and have not arrived anywhere since: both [T, P]."""
    order = np.lexsort((log.start_s, log.unit))
    order = order[log.unit[order] >= 0]
    unit, start, end = log.unit[order], log.start_s[order], log.end_s[order]
    same = np.append(unit[1:] == unit[:-1], False)
    next_start = np.where(same, np.append(start[1:], 0), np.iinfo(np.int64).max)
    free_until = np.minimum(next_start, end + FREE_S)
    place = log.hotspot[order]
    shape = (len(moments.at_s) + 1, len(log.hotspots))
    return (
        _running(moments.at_s, place, start, np.minimum(end, next_start), shape),
        _running(moments.at_s, place, np.minimum(end, free_until), free_until, shape),
    )


def _running(at: Ints, place: Ints, begin: Ints, end: Ints, shape: tuple[int, int]) -> Singles:
    """How many spans [begin, end) hold each moment, by place."""
    change = np.zeros(shape, dtype=np.float32)
    np.add.at(change, (np.searchsorted(at, begin), place), 1.0)
    np.add.at(change, (np.searchsorted(at, end), place), -1.0)
    return np.asarray(np.cumsum(change, axis=0)[:-1])


def _by_area(log: VisitLog, counts: Singles) -> Floats:
    areas = _area_codes(log)
    summed = np.stack([counts[:, areas == a].sum(axis=1) for a in range(areas.max() + 1)])
    return np.asarray(summed[areas], dtype=np.float64)


def _single(values: NDArray[np.generic]) -> Singles:
    return np.asarray(values, dtype=np.float32)

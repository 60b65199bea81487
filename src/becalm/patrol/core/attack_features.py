"""What an attacker knows: the timetable alone, or visits so far: of one place, of an area, of all units.

Features are arrays [P, T], a row a hotspot and a column a moment; NaN where the log does not reach back far
enough. Nothing looks past the moment it belongs to, and rates of train days come from other weeks.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints, Singles
from becalm.patrol.core.attack_moments import STEP_S, MomentGrid, split_by_hotspot
from becalm.patrol.core.visit_log import VisitLog
from becalm.patrol.core.visit_rates import recent_rates, smooth_circle

Feature = tuple[str, Singles]
FeatureList = Callable[[VisitLog, MomentGrid], Iterator[Feature]]
NEIGHBOURS = 4
MINUTE, HOUR, DAY = 60, 3_600, 86_400
MOST_DAYS_BACK = 28
SHRINKAGE = 200.0  # pairs of half-hours that are added to those seen
LINK_LAGS = 12  # quarter-hours
LEAST_LINK = 4.0  # standard errors
LEAVING_QUARTERS = 6  # after a departure, in which a unit may arrive elsewhere
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


def place_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """What somebody sees who watches one place: when it was visited, for how long, at which minute."""
    visit_times = split_by_hotspot(log)
    yield from _place_history(visit_times, moments, log.start_s[0])
    yield "same_time_weighed", _weigh_same_times(visit_times, moments)


def area_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """What somebody adds to that who watches a whole area."""
    yield from _neighbour_features(log, moments, "area", is_within_area=True)
    yield from _area_history(log, moments)


def city_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """What somebody adds to that who watches all units everywhere: links between places, across areas too."""
    yield from _neighbour_features(log, moments, "city", is_within_area=False)
    yield "linked_starts", _linked_starts(log, moments)
    city_starts, city_ends = [log.start_s], np.sort(log.end_s)
    row_of_city = np.ones((len(log.hotspots), 1), dtype=np.float32)
    yield "city_30", row_of_city * _count_starts(city_starts, moments.at_s - 30 * MINUTE, moments.at_s)
    under_way_counts = np.searchsorted(log.start_s, moments.at_s, "right") - np.searchsorted(
        city_ends, moments.at_s, "right"
    )
    yield "city_under_way", row_of_city * _single(under_way_counts)[None, :]


def _neighbour_features(
    log: VisitLog, moments: MomentGrid, name: str, *, is_within_area: bool
) -> Iterator[Feature]:
    minutes_since_starts = np.stack(
        [_minutes_since(start_s, moments.at_s) for start_s, _ in split_by_hotspot(log)]
    )
    for k, neighbour_indices in enumerate(find_neighbours(log, moments, is_within_area=is_within_area).T):
        yield f"since_at_{name}_neighbour_{k + 1}", minutes_since_starts[neighbour_indices]


def insider_features(log: VisitLog, moments: MomentGrid) -> Iterator[Feature]:
    """Where the units are, which are free, and where they usually go from there."""
    move_counts = _count_moves(log, moments.midnight_s[moments.memory_days]) + 0.02
    move_chances = move_counts / move_counts.sum(axis=1, keepdims=True)
    busy_count, free_count = _count_busy_and_free(log, moments)
    yield "drawn_by_the_free", _single((free_count @ move_chances).T)
    yield "arrivals_due", _arrivals_due(log, moments)
    yield "drawn_by_the_busy", _single((busy_count @ move_chances).T)
    area_of_hotspot = _area_codes(log)
    for unit_state, unit_counts in (("free", free_count), ("busy", busy_count)):
        area_sums = np.stack(
            [unit_counts[:, area_of_hotspot == area].sum(axis=1) for area in range(area_of_hotspot.max() + 1)]
        )
        yield f"{unit_state}_in_area", _single(area_sums[area_of_hotspot])


def find_neighbours(log: VisitLog, moments: MomentGrid, *, is_within_area: bool) -> Ints:
    """The hotspots nearest to each: by units' moves where units are known, else by what is visited next."""
    # Learned from the days that are only remembered: picked on the days that are learned from, chance
    # likeness would be taken for knowledge, and an attack on pure chance would show a gain.
    memory_end_s = moments.midnight_s[moments.memory_days]
    link_strengths = _count_moves(log, memory_end_s) if log.units else _following_excess(log, memory_end_s)
    link_strengths = link_strengths + link_strengths.T
    if is_within_area:
        area_of_hotspot = _area_codes(log)
        link_strengths = np.where(area_of_hotspot[:, None] == area_of_hotspot[None, :], link_strengths, -1e9)
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
    start_s_by_window = {
        "today": moments.midnight_s[moments.day],
        "8_hours": at_s - 8 * HOUR,
        "24_hours": at_s - DAY,
    }
    start_s_by_window |= {"7_days": at_s - 7 * DAY, "14_days": at_s - 14 * DAY}
    for window_name, begin_s in start_s_by_window.items():
        start_counts = _count_starts(place_starts, begin_s, at_s)
        yield f"count_{window_name}", start_counts + _nan_unless(begin_s >= log_start_s - DAY)
    for days_back in (1, 2, 7):
        same_time_s = at_s - days_back * DAY
        start_counts = _count_starts(place_starts, same_time_s, same_time_s + 30 * MINUTE)
        yield f"same_time_{days_back}", start_counts + _nan_unless(same_time_s >= log_start_s)
    for k in (1, 2, 3, 4, 5, 6):
        # Every n-th visit at one minute of the hour: how long is it until that minute comes round again?
        yield f"to_minute_of_{k}", np.stack([_to_minute_of(start_s, at_s, k) for start_s in place_starts])
    yield "last_length", np.stack([_last_length(start_s, end_s, at_s) for start_s, end_s in visit_times])


def _to_minute_of(start_s: Ints, at_s: Ints, k: int) -> Singles:
    """Minutes until the minute of the hour at which the k-th last visit started."""
    start_index = np.searchsorted(start_s, at_s, "right") - k
    if not len(start_s):
        return np.full(len(at_s), np.nan, dtype=np.float32)
    wait_minutes = (start_s[np.clip(start_index, 0, len(start_s) - 1)] - at_s) // MINUTE % 60
    return _single(np.where(start_index >= 0, wait_minutes, np.nan))


def _last_length(start_s: Ints, end_s: Ints, at_s: Ints) -> Singles:
    if not len(start_s):
        return np.full(len(at_s), np.nan, dtype=np.float32)
    last_visit_index = np.searchsorted(start_s, at_s, "right") - 1
    return _single(
        np.where(last_visit_index >= 0, (end_s - start_s)[np.maximum(last_visit_index, 0)] / MINUTE, np.nan)
    )


def _weigh_same_times(visit_times: list[tuple[Ints, Ints]], moments: MomentGrid) -> Singles:
    """Starts at this clock time some days before, each number of days weighed by what it told in training."""
    place_starts, at_s = [start_s for start_s, _ in visit_times], moments.at_s
    is_train = moments.day < moments.train_days
    next_starts = _count_starts(place_starts, at_s, at_s + 30 * MINUTE) > 0
    base_share = float(next_starts[:, is_train].mean())
    weighted_starts = np.zeros(next_starts.shape, dtype=np.float32)
    for days_back in range(1, MOST_DAYS_BACK + 1):
        same_time_s = at_s - days_back * DAY
        had_start = _count_starts(place_starts, same_time_s, same_time_s + 30 * MINUTE) > 0
        is_asked = is_train & (moments.day >= days_back)
        pair_count = float(had_start[:, is_asked].sum())
        hit_count = float((had_start & next_starts)[:, is_asked].sum())
        # Shrunk towards no effect: the weight of a number of days that was seldom tried is near nought.
        log_lift = np.log(
            (hit_count + SHRINKAGE * base_share) / (base_share * (pair_count + SHRINKAGE) + 1e-12) + 1e-12
        )
        weighted_starts += np.float32(log_lift) * had_start
    return weighted_starts


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
    start_index = np.searchsorted(start_s, at_s, "right") - k
    interval_minutes = np.diff(start_s) / MINUTE
    return _single(
        np.where(
            start_index >= 1, interval_minutes[np.clip(start_index - 1, 0, len(interval_minutes) - 1)], np.nan
        )
    )


def _count_starts(start_rows: list[Ints], begin_s: Ints, end_s: Ints) -> Singles:
    """Starts of each row after `begin_s` and up to `end_s`."""
    return _single(
        np.stack(
            [np.searchsorted(s, end_s, "right") - np.searchsorted(s, begin_s, "right") for s in start_rows]
        )
    )


def _area_codes(log: VisitLog) -> Ints:
    return np.unique(np.array(log.areas), return_inverse=True)[1].astype(np.int64)


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
        own_starts_s = start_s[hotspot_index == h]
        last, first = (np.searchsorted(own_starts_s, at_s, "right") for at_s in (start_s + HOUR, start_s))
        follow_counts[:, h] = np.bincount(hotspot_index, last - first, n)
    chance_counts = (
        np.outer(start_totals, start_totals) * follow_counts.sum() / max(start_totals.sum() ** 2, 1.0)
    )
    return np.asarray((follow_counts - chance_counts) / np.sqrt(np.maximum(chance_counts, 1.0)))


def _linked_starts(log: VisitLog, moments: MomentGrid) -> Singles:
    """Starts due at each place because of starts elsewhere in the last three hours: [P, T].

    By pairs of places and quarter-hours in between that stood out in the days that are only remembered.
    """
    start_counts = np.stack(
        [
            np.bincount(
                moments.moment_at(start_s[(start_s >= moments.at_s[0]) & (start_s < moments.midnight_s[-1])]),
                minlength=len(moments.at_s),
            )
            for start_s, _ in split_by_hotspot(log)
        ]
    ).astype(np.float32)
    is_memory = moments.day < moments.memory_days
    remembered_counts = start_counts[:, is_memory]
    # What the hours of the day alone make of a pair is expected of it.
    slot_of_moment = moments.minute[is_memory] // 15
    day_count = max(int(moments.memory_days), 1)
    rate_by_slot = np.stack([np.bincount(slot_of_moment, row, 96) for row in remembered_counts]) / day_count
    expected_counts = smooth_circle(rate_by_slot, 2.0)[:, slot_of_moment].astype(np.float32)
    weighted_starts = np.zeros_like(start_counts)
    for lag in range(1, LINK_LAGS + 1):
        observed_pairs = remembered_counts[:, :-lag] @ remembered_counts[:, lag:].T
        expected_pairs = remembered_counts[:, :-lag] @ expected_counts[:, lag:].T
        is_link = (
            (observed_pairs - expected_pairs) / np.sqrt(np.maximum(expected_pairs, 0.5)) > LEAST_LINK
        ) & (observed_pairs >= 4)
        np.fill_diagonal(is_link, False)
        link_weights = np.where(
            is_link,
            (observed_pairs - expected_pairs) / np.maximum(remembered_counts.sum(axis=1), 1.0)[:, None],
            0.0,
        )
        if not is_link.any():
            continue
        weighed_start_counts = link_weights.T.astype(np.float32) @ start_counts
        # The next half-hour holds two quarter-hours: the link's own, and the one before it.
        for shift in (lag, lag - 1):
            if shift:
                weighted_starts[:, shift:] += weighed_start_counts[:, :-shift]
    return weighted_starts


def _arrivals_due(log: VisitLog, moments: MomentGrid) -> Singles:
    """Arrivals due at each place, by how long ago each unit left which other one: [P, T]."""
    place_count, memory_end_s = len(log.hotspots), moments.midnight_s[moments.memory_days]
    visit_order = np.lexsort((log.start_s, log.unit))
    visit_order = visit_order[log.unit[visit_order] >= 0]
    unit, place, start_s, end_s = (
        log.unit[visit_order],
        log.hotspot[visit_order],
        log.start_s[visit_order],
        log.end_s[visit_order],
    )
    is_next = np.append(unit[1:] == unit[:-1], False)
    next_s = np.where(is_next, np.append(start_s[1:], 0), np.iinfo(np.int64).max // 2)
    next_place_of_visit = np.append(place[1:], 0)
    due_at_places = np.zeros((place_count, len(moments.at_s)), dtype=np.float32)
    for quarter in range(LEAVING_QUARTERS):
        begin_s, until_s = end_s + quarter * STEP_S, end_s + (quarter + 1) * STEP_S
        is_at_risk = (next_s > begin_s) & (end_s < memory_end_s)
        is_arrival = is_at_risk & is_next & (next_s <= until_s + STEP_S)
        departure_counts = np.bincount(place[is_at_risk], minlength=place_count) + 2.0
        move_codes = place[is_arrival] * place_count + next_place_of_visit[is_arrival]
        arrival_chances = (
            np.bincount(move_codes, minlength=place_count**2).reshape(place_count, -1)
            / departure_counts[:, None]
        )
        # The units that left a place in this quarter-hour and have not arrived anywhere since.
        waiting_chances = np.zeros((place_count, len(moments.at_s)), dtype=np.float32)
        first_moments = np.searchsorted(moments.at_s, begin_s)
        is_waiting = (first_moments < len(moments.at_s)) & (
            moments.at_s[np.minimum(first_moments, len(moments.at_s) - 1)] < next_s
        )
        np.add.at(waiting_chances, (place[is_waiting], first_moments[is_waiting]), 1.0)
        due_at_places += arrival_chances.T.astype(np.float32) @ waiting_chances
    return due_at_places


def excitation_kernels(features: Singles) -> Singles:
    """Times and counts as a log-linear model takes them: fading over half an hour and over three hours."""
    filled_features = np.nan_to_num(features, nan=1e6)
    return np.concatenate(
        [np.exp(-filled_features / 30.0), np.exp(-filled_features / 180.0)], axis=1, dtype=np.float32
    )


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

"""Logs of visits by chance into which one leak was planted, each of another kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from visit_logs import FIRST, ZONE, chance_log

from becalm.patrol.core.visit_log import VisitLog, build_visit_log, midnights_s

DAYS, PLACES, AREA = 70, 21, 7
LENGTHS_S = (600, 900, 1200)


def build(hotspot: np.ndarray, start_s: np.ndarray, end_s: np.ndarray) -> VisitLog:
    return build_visit_log(
        hotspot=np.array([f"h{h:03d}" for h in hotspot]),
        start_s=start_s,
        end_s=end_s,
        time_zone=ZONE,
        area=np.array([f"area {h // AREA}" for h in hotspot]),
    )


def by_chance(seed: int, per_day: float = 4.0) -> VisitLog:
    log = chance_log(hotspots=PLACES, days=DAYS, per_day=per_day, seed=seed)
    return build(log.hotspot, log.start_s, log.end_s)


def steep_by_chance(seed: int) -> VisitLog:
    """Independent visits whose rate jumps from hour to hour of the week, at each place in its own way."""
    rng = np.random.default_rng(seed)
    profile = rng.gamma(2.0, 1.0, (PLACES, 168))
    rate = np.tile(28 * profile / profile.sum(axis=1, keepdims=True), DAYS // 7)
    hotspot, hour = np.nonzero(counts := rng.poisson(rate))
    hotspot, hour = (np.repeat(index, counts[counts > 0]) for index in (hotspot, hour))
    start_s = midnights_s(FIRST, DAYS, ZONE)[0] + hour * 3600 + rng.integers(0, 3600, len(hour))
    return build(hotspot, start_s, start_s + rng.choice(LENGTHS_S, len(hour)))


def pair_across_areas(seed: int) -> VisitLog:
    """Half of the visits at one place are followed by one in another area, 60 to 75 minutes later."""
    log, rng = by_chance(seed), np.random.default_rng(seed)
    leads = (log.hotspot == 0) & (rng.random(log.size) < 0.5)
    stays = ~((log.hotspot == 20) & (rng.random(log.size) < 0.5))
    follower_s = log.start_s[leads] + rng.integers(3600, 4500, leads.sum())
    follower_end_s = follower_s + rng.choice(LENGTHS_S, leads.sum())
    return build(
        np.append(log.hotspot[stays], np.full(leads.sum(), 20)),
        np.append(log.start_s[stays], follower_s),
        np.append(log.end_s[stays], follower_end_s),
    )


def third_visit_at_minute_seven(seed: int) -> VisitLog:
    log, rng = by_chance(seed), np.random.default_rng(seed)
    start_s = log.start_s.copy()
    for place in range(PLACES):
        thirds = np.flatnonzero(log.hotspot == place)[::3]
        start_s[thirds] = start_s[thirds] // 3600 * 3600 + 420 + rng.integers(0, 60, len(thirds))
    return build(log.hotspot, start_s, log.end_s + start_s - log.start_s)


def plan_reused_after(days: int, jitter_s: int = 0) -> Callable[[int], VisitLog]:
    def reuse(seed: int) -> VisitLog:
        log, rng, midnights = by_chance(seed), np.random.default_rng(seed), midnights_s(FIRST, DAYS, ZONE)
        day = np.searchsorted(midnights, log.start_s, "right") - 1
        hotspots, starts, ends = [], [], []
        for shift in range(0, DAYS, days):
            used = np.flatnonzero((day < days) & (day + shift < DAYS))
            jitter = rng.integers(-jitter_s, jitter_s + 1, len(used))
            moved = midnights[day[used] + shift] + log.start_s[used] - midnights[day[used]] + jitter
            hotspots.append(log.hotspot[used])
            starts.append(moved)
            ends.append(moved + log.end_s[used] - log.start_s[used])
        return build(*(np.concatenate(parts) for parts in (hotspots, starts, ends)))

    return reuse


def one_place_at_a_fixed_period(seed: int) -> VisitLog:
    log, rng, midnights = by_chance(seed), np.random.default_rng(seed), midnights_s(FIRST, DAYS, ZONE)
    others = log.hotspot != 5
    period_s = np.arange(midnights[0] + 3000, midnights[-1] - 3600, round(5.3 * 3600))
    period_s = period_s + rng.integers(-300, 301, len(period_s))
    return build(
        np.append(log.hotspot[others], np.full(len(period_s), 5)),
        np.append(log.start_s[others], period_s),
        np.append(log.end_s[others], period_s + 900),
    )


def alternate_days(seed: int) -> VisitLog:
    log, midnights = by_chance(seed, per_day=6.0), midnights_s(FIRST, DAYS, ZONE)
    day = np.searchsorted(midnights, log.start_s, "right") - 1
    kept = (day + log.hotspot) % 2 == 0
    return build(log.hotspot[kept], log.start_s[kept], log.end_s[kept])


def rarely_visited_on_alternate_days(seed: int) -> VisitLog:
    """One place of them all is visited some twenty times in ten weeks, and never on an odd day."""
    log, rng = by_chance(seed), np.random.default_rng(seed)
    midnights = midnights_s(FIRST, DAYS, ZONE)
    starts_s = midnights[rng.choice(np.arange(0, DAYS, 2), 20, replace=False)] + rng.integers(0, 86_000, 20)
    stays = log.hotspot != 4
    return build(
        np.append(log.hotspot[stays], np.full(20, 4)),
        np.append(log.start_s[stays], starts_s),
        np.append(log.end_s[stays], starts_s + rng.choice(LENGTHS_S, 20)),
    )


def length_tells_the_next(seed: int) -> VisitLog:
    """After most visits of twenty minutes another one comes to the same place 40 to 55 minutes later."""
    log, rng = by_chance(seed), np.random.default_rng(seed)
    long = (log.end_s - log.start_s == 1200) & (rng.random(log.size) < 0.6)
    next_s = log.end_s[long] + rng.integers(2400, 3300, long.sum())
    return build(
        np.append(log.hotspot, log.hotspot[long]),
        np.append(log.start_s, next_s),
        np.append(log.end_s, next_s + rng.choice(LENGTHS_S[:2], long.sum())),
    )


def lull_of_thirty_minutes(seed: int) -> VisitLog:
    log, free_s, kept = by_chance(seed, per_day=5.0), np.zeros(PLACES), []
    for visit in range(log.size):
        place = log.hotspot[visit]
        if log.start_s[visit] >= free_s[place]:
            kept.append(visit)
            free_s[place] = log.end_s[visit] + 1800
    return build(log.hotspot[kept], log.start_s[kept], log.end_s[kept])


LEAKS: dict[str, tuple[Callable[[int], VisitLog], str]] = {
    "pairs across areas": (pair_across_areas, "pairs across areas"),
    "every third visit at minute 7": (third_visit_at_minute_seven, "every third visit at the same minute"),
    "plan reused after 10 days": (plan_reused_after(10), "plan reused after 10 days"),
    "plan reused after 14 days": (plan_reused_after(14), "plan reused after 14 days"),
    "one place in 21 at a fixed period": (one_place_at_a_fixed_period, "fixed period of 5.3 hours"),
    "alternate days": (alternate_days, "alternate days"),
    "length tells the next": (length_tells_the_next, "length tells the next"),
    "weekly timetable, 3 minutes either way": (plan_reused_after(7, 180), "weekly timetable"),
    "lull of 30 minutes": (lull_of_thirty_minutes, "lull"),
}

"""Logs of visits whose predictability is known: by chance alone, or like clockwork."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from becalm.patrol.core.visit_log import VisitLog, build_visit_log, midnights_s

FIRST, ZONE = date(2025, 1, 6), "Europe/London"
DAY_S = 86_400


def chance_log(*, hotspots: int, days: int, per_day: float, seed: int, zone: str = ZONE) -> VisitLog:
    """Visits that come independently, busier in the evening."""
    rng = np.random.default_rng(seed)
    midnights = midnights_s(FIRST, days, zone)
    shape = 1 + 0.8 * np.sin((np.arange(96) / 4 - 14) / 24 * 2 * np.pi)
    expected = np.outer(rng.gamma(3, per_day / 3, hotspots), shape / shape.sum())
    counts = rng.poisson(np.repeat(expected[:, None, :], days, axis=1))
    hotspot, day, slot = (np.repeat(i, counts[counts > 0]) for i in np.nonzero(counts))
    starts = midnights[day] + slot * 900 + rng.integers(0, 900, len(day))
    return _log(hotspot, starts, rng, zone)


def overdue_log(*, hotspots: int, days: int, every_minutes: float, seed: int, zone: str = ZONE) -> VisitLog:
    """Each hotspot is visited again when it is due, give or take a fifth."""
    rng = np.random.default_rng(seed)
    midnights = midnights_s(FIRST, days, zone)
    visits = int(days * 1440 / every_minutes * 1.5)
    gaps = every_minutes * 60 * rng.uniform(0.8, 1.2, (hotspots, visits))
    starts = midnights[0] + np.cumsum(gaps, axis=1).astype(np.int64)
    hotspot = np.repeat(np.arange(hotspots), visits)
    is_within = starts.ravel() < midnights[-1]
    return _log(hotspot[is_within], starts.ravel()[is_within], rng, zone)


def write_log(
    log: VisitLog, path: Path, *, names: tuple[str, str, str] = ("hotspot", "start", "end")
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(names)
        for h, start, end in zip(log.hotspot, log.start_s, log.end_s, strict=True):
            rows.writerow([log.hotspots[h], _instant(start), _instant(end)])
    return path


def _log(hotspot: np.ndarray, starts: np.ndarray, rng: np.random.Generator, zone: str) -> VisitLog:
    return build_visit_log(
        hotspot=np.array([f"h{h:03d}" for h in hotspot]),
        start_s=starts,
        end_s=starts + rng.choice([600, 900, 1200], len(starts)),
        time_zone=zone,
    )


def _instant(second: int) -> str:
    return datetime.fromtimestamp(int(second), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

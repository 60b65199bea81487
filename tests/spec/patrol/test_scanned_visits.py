"""Visits within the grid, by place and start, and what the timetable expects of any span."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from visit_logs import ZONE, chance_log

from becalm.patrol.core.attack_moments import STEP_S, AttackSettings, build_moments
from becalm.patrol.core.scanned_visits import ScannedVisits
from becalm.patrol.core.visit_log import VisitLog, build_visit_log

LOG = chance_log(hotspots=3, days=14, per_day=4, seed=8)


def scan(log: VisitLog, *, train: int = 8, test: int = 5) -> ScannedVisits:
    return ScannedVisits(log, build_moments(log, AttackSettings(train_days=train, test_days=test)))


def test_visits_stand_by_place_and_start_and_those_off_the_grid_are_left_out() -> None:
    scanned = scan(LOG)
    rows = [
        (h, s, e - s)
        for h, s, e in zip(LOG.hotspot, LOG.start_s, LOG.end_s, strict=True)
        if scanned.moments.at_s[0] <= s < scanned.moments.at_s[-1] + STEP_S
    ]
    assert 0 < len(rows) < LOG.size
    found = zip(scanned.place, scanned.start_s, scanned.length_s, strict=True)
    assert list(found) == sorted(rows, key=lambda row: row[:2])


def test_each_visit_is_counted_once_in_its_place_and_quarter_hour() -> None:
    scanned = scan(LOG)
    counts = np.zeros_like(scanned.counts)
    for h, s in zip(scanned.place, scanned.start_s, strict=True):
        counts[h, (s - scanned.moments.at_s[0]) // STEP_S] += 1
    assert scanned.counts.tolist() == counts.tolist()


def test_the_expectation_of_a_span_is_the_sum_of_its_parts() -> None:
    """Against the sum of whole quarter-hours and the share of those that are cut."""
    scanned = scan(LOG)
    first, count = int(scanned.moments.at_s[0]), scanned.expected.shape[1]
    rng = np.random.default_rng(4)
    place = rng.integers(0, 3, 200)
    begin = first + rng.integers(-9_000, count * STEP_S + 9_000, 200)
    end = begin + rng.integers(-4_000, 40_000, 200)
    edges = first + STEP_S * np.arange(count)
    expected = [
        (scanned.expected[p] * np.clip(np.minimum(edges + STEP_S, e) - np.maximum(edges, b), 0, None)).sum()
        / STEP_S
        for p, b, e in zip(place, begin, end, strict=True)
    ]
    assert scanned.expect(place, begin, end) == pytest.approx(expected, abs=1e-9)


def test_to_the_end_of_the_grid_all_is_expected_and_beyond_it_nothing() -> None:
    scanned = scan(LOG)
    ends = scanned.moments.at_s[[0, -1]] + np.array([0, STEP_S])
    place = np.arange(3)
    whole = scanned.expect(place, np.full(3, ends[0]), np.full(3, ends[1]))
    assert whole == pytest.approx(scanned.expected.sum(axis=1))
    assert scanned.expect(place, np.full(3, ends[1]), np.full(3, ends[1] + 99_999)).tolist() == [0, 0, 0]
    assert scanned.expect(place, np.full(3, ends[0] - 99_999), np.full(3, ends[0])).tolist() == [0, 0, 0]


def test_the_clock_of_a_visit_is_the_civil_one_on_either_side_of_a_change() -> None:
    starts = [datetime(2025, 3, day, 12, 7, tzinfo=UTC).timestamp() for day in range(23, 32)] * 3
    log = build_visit_log(
        hotspot=np.array(["a"] * len(starts)),
        start_s=np.array(starts, dtype=np.int64),
        end_s=np.array(starts, dtype=np.int64) + 600,
        time_zone=ZONE,
    )
    clock_s = np.unique(scan(log, train=7, test=2).clock_s)  # clocks go forward on Sunday 30 March
    assert ((clock_s - 7 * 60) % 86_400 // 3600).tolist() == [12] * 7 + [13] * 2

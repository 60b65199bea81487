"""Windows spread over the hours of the week: nothing is lost, nothing depends on how a window is cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.tables import find_local_clock, share_week_hours

ZONES = ("Europe/London", "America/Chicago", "Australia/Lord_Howe", "UTC")
FIRST, LAST = 1_514_764_800, 1_609_459_200  # 2018 to 2020
CLOCKS = {zone: find_local_clock(zone, FIRST, LAST + 10**6) for zone in ZONES}
instants = st.integers(FIRST, LAST)
lengths = st.integers(0, 60 * 3600)
zones = st.sampled_from(ZONES)


def week(start: int, end: int, zone: str) -> np.ndarray:
    found = share_week_hours(np.array([start]), np.array([end]), CLOCKS[zone])
    return np.bincount(found.hours, found.shares, 168)


def hour_at(second: int, zone: str) -> int:
    local = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))
    return local.weekday() * 24 + local.hour


@given(instants, lengths, zones)
@settings(max_examples=200, deadline=None)
def test_the_weights_of_a_record_sum_to_one(start, length, zone):
    assert week(start, start + length, zone).sum() == pytest.approx(1.0)


@given(instants, zones)
@settings(max_examples=200, deadline=None)
def test_a_window_without_length_is_the_exact_time(start, zone):
    assert week(start, start, zone)[hour_at(start, zone)] == 1.0


@given(instants, st.integers(2, 60 * 3600), st.floats(0, 1), zones)
@settings(max_examples=200, deadline=None)
def test_a_window_cut_in_two_weighs_as_its_parts_together(start, length, at, zone):
    cut = start + min(max(int(length * at), 1), length - 1)
    first, second = week(start, cut, zone), week(cut, start + length, zone)
    together = (first * (cut - start) + second * (start + length - cut)) / length
    assert week(start, start + length, zone) == pytest.approx(together)


@given(instants, st.integers(60, 30 * 3600), zones)
@settings(max_examples=60, deadline=None)
def test_every_hour_gets_what_counting_minute_by_minute_gives(start, length, zone):
    start -= start % 60
    minutes = length // 60
    counted = np.bincount([hour_at(start + 60 * m, zone) for m in range(minutes)], minlength=168) / minutes
    assert week(start, start + 60 * minutes, zone) == pytest.approx(counted)


def test_many_windows_at_once_are_each_by_itself():
    rng = np.random.default_rng(1)
    start = rng.integers(FIRST, LAST, 500)
    end = start + rng.integers(0, 40 * 3600, 500)
    found = share_week_hours(start, end, CLOCKS["Europe/London"])
    for i in range(0, 500, 25):
        mine = np.bincount(found.hours[found.spans == i], found.shares[found.spans == i], 168)
        assert mine == pytest.approx(week(int(start[i]), int(end[i]), "Europe/London"))


@pytest.mark.parametrize(
    ("day", "hour", "shares"),
    [
        ("2020-10-25", 0, {0: 1 / 4, 1: 2 / 4, 2: 1 / 4}),  # clocks go back: 01:00 is told twice
        ("2020-03-29", 0, {0: 1 / 4, 2: 1 / 4, 3: 1 / 4, 4: 1 / 4}),  # clocks go forward: 01:00 is skipped
    ],
)
def test_the_nights_when_clocks_change(day, hour, shares):
    since = datetime.fromisoformat(f"{day}T{hour:02d}:00").replace(tzinfo=ZoneInfo("Europe/London"))
    start = int(since.timestamp())
    found = week(start, start + int(timedelta(hours=4).total_seconds()), "Europe/London")
    sunday = 6 * 24
    expected = np.zeros(168)
    for at, share in shares.items():
        expected[sunday + at] = share
    assert found == pytest.approx(expected)

"""From an instant to the local clock and back, over the nights on which clocks change."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from becalm.formats.cells import hour_of_week, local_to_utc, utc_to_local

ZONES = ("Europe/London", "America/Chicago", "America/Toronto", "Australia/Lord_Howe", "Asia/Kolkata")
NIGHTS = [datetime(y, m, d) for y in (2015, 2019, 2020) for m in (3, 4, 10, 11) for d in (1, 8, 25, 29)]  # noqa: DTZ001
ANY_TIME = st.datetimes(min_value=datetime(1972, 1, 1), max_value=datetime(2035, 1, 1))  # noqa: DTZ001
NEAR_A_CHANGE = st.builds(
    lambda night, minutes: night + timedelta(minutes=minutes),
    st.sampled_from(NIGHTS),
    st.integers(-2 * 1440, 2 * 1440),
)
TIMES = st.one_of(ANY_TIME, NEAR_A_CHANGE).map(lambda t: t.replace(microsecond=0))


@given(st.lists(TIMES, min_size=1, max_size=30), st.sampled_from(ZONES))
def test_an_instant_that_is_told_once_comes_back(times: list[datetime], zone: str) -> None:
    utc = np.array(times, dtype="M8[s]")
    local = utc_to_local(utc, zone)
    back, gap, twice = local_to_utc(local, zone)
    assert not gap.any()
    assert ((back == utc) | twice).all()
    assert (np.abs(back - utc) <= np.timedelta64(1, "h")).all()


@given(TIMES, st.sampled_from(ZONES))
def test_the_local_clock_agrees_with_the_standard_library(time: datetime, zone: str) -> None:
    local = utc_to_local(np.array([time], dtype="M8[s]"), zone)[0]
    expected = time.replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(zone))
    assert str(local) == f"{expected:%Y-%m-%dT%H:%M:%S}"
    assert hour_of_week(np.array([local]))[0] == expected.weekday() * 24 + expected.hour


@given(TIMES, st.sampled_from(ZONES))
def test_a_local_time_is_moved_only_where_it_does_not_exist(time: datetime, zone: str) -> None:
    found, gap, _ = local_to_utc(np.array([time], dtype="M8[s]"), zone)
    first = time.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=0)
    exists = first.astimezone(UTC).astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None) == time
    assert gap[0] == (not exists)
    if exists:
        assert str(found[0]) == f"{first.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"

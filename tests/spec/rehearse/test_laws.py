"""What a visit deters, for how long, and what somebody who watches makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from becalm.rehearse.laws import DAY_MINUTES, choose_hours, deterrence, join_logs, sort_visits


def test_a_visit_deters_fully_while_it_lasts_and_half_as_much_a_half_life_later() -> None:
    log = sort_visits(np.array([7]), np.array([1_000]), np.array([1_015]))
    moments = np.array([999, 1_000, 1_015, 1_045, 1_075])
    left = deterrence(log, np.full(5, 7), moments, half_life_minutes=30.0)
    assert left.tolist() == [0.0, 1.0, 1.0, 0.5, 0.25]


def test_a_visit_deters_nowhere_else() -> None:
    log = sort_visits(np.array([7]), np.array([1_000]), np.array([1_015]))
    assert deterrence(log, np.array([6, 8]), np.array([1_001, 1_001]), half_life_minutes=30.0).sum() == 0


visits = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 900), st.integers(1, 30)), max_size=12)
moments = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1_000)), min_size=1, max_size=12)


@given(visits, moments)
def test_deterrence_is_what_reading_the_log_line_by_line_gives(
    rows: list[tuple[int, int, int]], asked: list[tuple[int, int]]
) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    log = sort_visits(columns[:, 0], columns[:, 1], columns[:, 1] + columns[:, 2])
    cell, minute = np.array(asked, dtype=np.int64).T
    left = deterrence(log, cell, minute, half_life_minutes=20.0)
    for place, moment, value in zip(cell.tolist(), minute.tolist(), left.tolist(), strict=True):
        begun = [(start, start + length) for at, start, length in rows if at == place and start <= moment]
        expected = 0.0
        if begun:
            half_lives = max(moment - max(begun)[1], 0) / 20.0
            expected = 0.5**half_lives if half_lives < 10 else 0.0
        assert value == pytest.approx(expected)


def daily_visits(hours: list[int], days: int = 28) -> object:
    start = np.array([day * DAY_MINUTES + 60 * hour for day in range(days) for hour in hours])
    return sort_visits(np.zeros(len(start), dtype=np.int64), start, start + 15)


def test_who_has_watched_keeps_clear_of_the_hour_in_which_patrols_always_come() -> None:
    log = daily_visits([20])
    moment = np.array([28 * DAY_MINUTES + 20 * 60 + 5])
    moved = choose_hours(log, np.array([0]), moment, half_life_minutes=60.0)  # type: ignore[arg-type]
    assert (moved[0] - moment[0]) // 60 == -1  # the nearest hour without any patrol


def test_who_saw_no_pattern_stays() -> None:
    log = daily_visits(list(range(24)))
    moment = np.array([28 * DAY_MINUTES + 20 * 60 + 5])
    moved = choose_hours(log, np.array([0]), moment, half_life_minutes=60.0)  # type: ignore[arg-type]
    assert moved.tolist() == moment.tolist()


def test_two_logs_are_one_in_order_of_place_and_time() -> None:
    first = sort_visits(np.array([2]), np.array([5]), np.array([9]))
    second = sort_visits(np.array([1, 2]), np.array([7, 3]), np.array([8, 4]))
    joined = join_logs(first, second)
    assert joined.cell.tolist() == [1, 2, 2]
    assert joined.start.tolist() == [7, 3, 5]

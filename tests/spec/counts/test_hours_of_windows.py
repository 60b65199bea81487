"""In which hours of the week records with windows fall, on drawn records."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis
import numpy as np
import pytest
from records import incidents

from becalm.tables import HourPolicy, count_week_hours

LONDON = HourPolicy("Europe/London")
MONDAY_20 = 20


def at(hour: int, minute: int = 0, *, day: int = 1) -> datetime:
    return datetime(2020, 6, day, hour, minute, tzinfo=UTC)  # Monday 1 June 2020; London is an hour ahead


def rows(*windows: tuple[datetime, datetime]) -> ibis.Table:
    drawn = [
        {"cell": "3,4", "day": "2020-06-01", "occurred_from": a, "occurred_to": b, "precision": "day"}
        for a, b in windows
    ]
    drawn.append({"cell": "3,4", "day": "2020-06-01", "hour_of_week": MONDAY_20, "occurred_to": at(12)})
    drawn.append({"cell": "3,4", "month": "2020-06", "occurred_from": None})
    return ibis.memtable(incidents(drawn))


def profile(table: ibis.Table, policy: HourPolicy | None = LONDON):
    return count_week_hours(table, cell_m=100, columns=np.array([3]), rows=np.array([4]), policy=policy)


def test_a_window_is_spread_over_its_hours_by_the_citys_clock():
    found = profile(rows((at(20, 30), at(22, 30))))  # 21:30 to 23:30 in London
    assert found.counts[0, [20, 21, 22, 23]].tolist() == pytest.approx([1.0, 0.25, 0.5, 0.25])
    assert found.counts.sum() == pytest.approx(2.0)
    assert found.without_hour.tolist() == [1]


def test_a_window_longer_than_the_policy_is_left_out_and_counted():
    found = profile(rows((at(1), at(13, 1))))
    assert found.counts.sum() == 1.0
    assert (found.without_hour.tolist(), found.too_long.tolist()) == ([2], [1])
    longer = profile(rows((at(1), at(13, 1))), HourPolicy("Europe/London", 24.0))
    assert (longer.counts.sum(), longer.too_long.tolist()) == (pytest.approx(2.0), [0])


def test_a_window_over_a_month_end_falls_in_both_sides_of_midnight():
    found = profile(rows((at(22, day=30), datetime(2020, 7, 1, 0, tzinfo=UTC))))  # 23:00 to 01:00
    assert found.counts[0, 24 + 23] == pytest.approx(0.5)
    assert found.counts[0, 48] == pytest.approx(0.5)


def test_without_a_policy_windows_have_no_hour():
    found = profile(rows((at(20), at(22))), None)
    assert (found.counts.sum(), found.without_hour.tolist(), found.too_long.tolist()) == (1.0, [2], [0])


def test_a_window_as_long_as_the_policy_allows_is_spread_and_a_second_more_is_not():
    found = profile(rows((at(1), at(13))))
    assert (found.counts.sum(), found.too_long.tolist()) == (pytest.approx(2.0), [0])
    over = profile(rows((at(1), at(13).replace(second=1))))
    assert (over.counts.sum(), over.too_long.tolist()) == (1.0, [1])


def test_a_window_that_ends_on_the_hour_says_nothing_of_the_next():
    found = profile(rows((at(9), at(10))))  # 10:00 to 11:00 in London
    assert found.counts[0].nonzero()[0].tolist() == [10, MONDAY_20]
    assert found.counts[0, 10] == pytest.approx(1.0)


def test_a_window_that_ends_where_it_begins_has_no_hour():
    found = profile(rows((at(9), at(9)), (at(11), at(10))))
    assert (found.counts.sum(), found.without_hour.tolist(), found.too_long.tolist()) == (1.0, [3], [0])


def test_an_hour_that_the_clock_shows_twice_counts_twice_and_one_that_it_skips_never():
    autumn = datetime(2020, 10, 24, 23, tzinfo=UTC)  # clocks go back at 01:00 UTC on Sunday the 25th
    found = profile(rows((autumn, autumn.replace(day=25, hour=2))))
    assert found.counts[0, [144, 145, 146]].tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])
    spring = datetime(2020, 3, 29, 0, tzinfo=UTC)  # forward at 01:00 UTC on Sunday the 29th
    found = profile(rows((spring, spring.replace(hour=2))))
    assert found.counts[0, [144, 145, 146]].tolist() == pytest.approx([0.5, 0.0, 0.5])


def test_each_cell_has_its_own_records_in_whatever_order_cells_are_asked():
    drawn = [
        {"cell": cell, "day": "2020-06-01", "hour_of_week": hour}
        for cell, hour in (("3,4", 1), ("9,9", 2), ("9,9", 2), ("0,0", 3))
    ]
    found = count_week_hours(
        ibis.memtable(incidents(drawn)), cell_m=100, columns=np.array([9, 5, 3]), rows=np.array([9, 5, 4])
    )
    assert [row.nonzero()[0].tolist() for row in found.counts] == [[2], [], [1]]
    assert found.counts.sum(axis=1).tolist() == [2, 0, 1]

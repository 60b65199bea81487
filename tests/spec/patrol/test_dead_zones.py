"""Dead times of a day, counted by hand on three tours that change all at once."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import patrol_plans
import patrol_requests
import pytest

from becalm.patrol.core.dead_zones import find_dead_zones, find_longest_run
from becalm.patrol.core.duty_shares import tally_duty
from becalm.patrol.core.plan_inputs import PlanInputs, Span


def changing_at_once(hours: float = 8.0) -> PlanInputs:
    """Three tours of eight hours from 6, 14 and 22 o'clock; the place is 10 minutes from the base."""
    shifts = [patrol_requests.shift(f"U{h}", hour=h, hours=hours) for h in (6, 14, 22)]
    return patrol_requests.request([patrol_requests.place("market", 4_000.0)], shifts)


def test_where_all_change_at_once_the_way_home_and_the_way_out_are_dead() -> None:
    (zone,) = find_dead_zones(changing_at_once())
    # 10 minutes home, 10 out and 2 to settle, in whole steps of 5.
    assert (zone.minutes, zone.starts_at) == (25, "05:50")


def test_longer_tours_leave_no_dead_time() -> None:
    (zone,) = find_dead_zones(changing_at_once(hours=9.0))
    assert (zone.minutes, zone.moves) == (0, ())
    assert "no time of the day" in zone.sentence


def test_the_moves_that_are_named_end_the_dead_time_they_are_named_for() -> None:
    inputs = changing_at_once()
    late = [patrol_requests.shift(f"L{h}", hour=h) for h in (6, 14, 22)]
    doubled = replace(inputs, shifts=(*inputs.shifts, *late))
    (zone,) = find_dead_zones(doubled)
    assert zone.moves
    assert zone.minutes_left < zone.minutes == 25
    moves = dict(zone.moves)
    moved = []
    for shift in doubled.shifts:
        by = timedelta(minutes=moves.get(shift.unit, 0))
        moved.append(replace(shift, hours=Span(shift.hours.start + by, shift.hours.end + by)))
    (after,) = find_dead_zones(replace(doubled, shifts=tuple(moved)))
    assert after.minutes == zone.minutes_left
    assert all(minutes % 15 == 0 and abs(minutes) <= 75 for _, minutes in zone.moves)
    assert "Let start: " in zone.sentence


def test_a_run_goes_on_past_midnight() -> None:
    total = np.full(288, 9.0)
    total[280:] = total[:4] = 0.0
    assert find_longest_run(total) == (280, 12)


def test_what_guidance_asks_is_a_burst_at_each_place_every_two_hours_with_a_unit_on_duty() -> None:
    (duty,) = tally_duty(patrol_plans.request(), patrol_plans.plan().routes)
    assert (duty.place_count, duty.covered_hours_per_day) == (2, 4.0)
    assert duty.asked_per_day == 4.0
    assert duty.hours_between(4.0) == pytest.approx(2.0)
    assert duty.mean_burst_minutes == 15.0

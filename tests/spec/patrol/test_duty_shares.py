"""Where duty goes, counted by hand on two units of one evening."""

import patrol_plans
import pytest

from becalm.patrol.core.duty_shares import tally_duty


def test_duty_is_bursts_journeys_meals_and_the_rest() -> None:
    (duty,) = tally_duty(patrol_plans.request(), patrol_plans.plan().routes)
    assert duty.duty_minutes == 480  # two units, four hours each
    assert (duty.burst_minutes, duty.travel_minutes, duty.meal_minutes) == (60, 31.5, 60)
    assert duty.rest_minutes == pytest.approx(480 - 60 - 31.5 - 60)
    assert duty.share(duty.burst_minutes) == 0.125


def test_hours_between_visits_count_only_hours_in_which_a_unit_is_on_duty() -> None:
    (duty,) = tally_duty(patrol_plans.request(), patrol_plans.plan().routes)
    assert duty.hours_between_visits == 2.0  # two visits at each place in the four hours that both cover
    (idle,) = tally_duty(patrol_plans.request(), (patrol_plans.plan().routes[0],))
    assert idle.most_hours_between_visits == 4.0

"""Where does duty go: into bursts, journeys, meals, and the rest? And how often is a place visited?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import UnitRoute

KOPER_HOURS = 2.0  # between two visits of 10 to 16 minutes: what Koper's curve is usually taken to ask


@dataclass(frozen=True, slots=True)
class AreaDuty:
    """The minutes on duty of one area over the whole plan, and how often its places are visited."""

    area: str
    duty_minutes: float
    burst_minutes: float
    travel_minutes: float
    meal_minutes: float
    hours_between_visits: (
        float  # of the middle place, in hours in which a unit is on duty; inf without visits
    )
    most_hours_between_visits: float
    place_count: int = 0
    covered_hours_per_day: float = 0.0  # in which at least one unit is on duty
    mean_burst_minutes: float = 0.0

    @property
    def asked_per_day(self) -> float:
        """How many bursts a day would be one at each place every two hours with a unit on duty?"""
        return self.place_count * self.covered_hours_per_day / KOPER_HOURS

    def hours_between(self, bursts_per_day: float) -> float:
        """How many hours lie between two visits of a place, if so many bursts a day are shared evenly?"""
        visited_hours = self.place_count * self.covered_hours_per_day
        return visited_hours / bursts_per_day if bursts_per_day else np.inf

    @property
    def rest_minutes(self) -> float:
        """Neither at a place, nor on the way, nor at a meal: waiting, other work, and the seconds between."""
        return self.duty_minutes - self.burst_minutes - self.travel_minutes - self.meal_minutes

    def share(self, minutes: float) -> float:
        """Which share of duty do these minutes have?"""
        return minutes / self.duty_minutes if self.duty_minutes else 0.0


def tally_duty(inputs: PlanInputs, routes: Iterable[UnitRoute]) -> tuple[AreaDuty, ...]:
    """Where the duty of each area goes, as its tours were drawn."""
    routes = tuple(routes)
    return tuple(
        _tally_area(inputs, area, [route for route in routes if route.area == area])
        for area in sorted({route.area for route in routes})
    )


def _tally_area(inputs: PlanInputs, area: str, routes: Sequence[UnitRoute]) -> AreaDuty:
    hours = [shift.hours for shift in inputs.shifts if shift.area == area]
    bursts = [burst for route in routes for burst in route.bursts]
    visits = {place.hotspot: 0 for place in inputs.places if place.area == area}
    for burst in bursts:
        visits[burst.hotspot] = visits.get(burst.hotspot, 0) + 1
    covered_hours = _count_covered_hours([(span.start.timestamp(), span.end.timestamp()) for span in hours])
    hours_between_visits = [covered_hours / count if count else np.inf for count in visits.values()] or [
        np.inf
    ]
    return AreaDuty(
        area=area,
        duty_minutes=sum(span.minutes for span in hours),
        burst_minutes=sum(burst.span.minutes for burst in bursts),
        travel_minutes=sum(route.travel_minutes for route in routes),
        meal_minutes=sum(route.meal.minutes for route in routes if route.meal),
        hours_between_visits=float(np.median(hours_between_visits)),
        most_hours_between_visits=float(max(hours_between_visits)),
        place_count=sum(place.area == area for place in inputs.places),
        covered_hours_per_day=covered_hours / inputs.days,
        mean_burst_minutes=sum(b.span.minutes for b in bursts) / len(bursts) if bursts else 0.0,
    )


def _count_covered_hours(spans_s: Iterable[tuple[float, float]]) -> float:
    """Hours in which at least one of these spans is."""
    covered_s, end_s = 0.0, float("-inf")
    for start_s, stop_s in sorted(spans_s):
        covered_s += max(stop_s - max(start_s, end_s), 0.0)
        end_s = max(end_s, stop_s)
    return covered_s / 3600

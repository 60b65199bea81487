"""A drawn city for the patrol benchmarks: 12 areas, 252 places, 3 shifts, streets as the crow flies x 1.3."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.patrol.core import plan_inputs

AREAS, PLACES, DAYS, ZONE = 12, 21, 14, "Europe/London"
FIRST_DAY = date(2025, 6, 2)
SIDE_M, CENTRES = 8_000.0, 5
SPEED_KMH: dict[plan_inputs.Mode, float] = {"vehicle": 22.0, "foot": 4.8}
SETTING_OFF_MINUTES: dict[plan_inputs.Mode, float] = {"vehicle": 2.0, "foot": 0.0}
STAGGER_MINUTES = (0, 40, 20, 60)
BURSTS_A_SHIFT = 8.5
POLICY = plan_inputs.PatrolPolicy(travel_weight=0.04, far_minutes=25, feedback=0.035)  # as shipped


def city(
    *,
    shifts_a_day: int,
    seed: int = 1,
    policy: plan_inputs.PatrolPolicy = POLICY,
    staggered: bool = True,
    first_day: date = FIRST_DAY,
    areas: int = AREAS,
    places_of_area: int = PLACES,
    days: int = DAYS,
) -> plan_inputs.PlanInputs:
    """A request for 14 days with so many unit-shifts a day in each area: 9 gives 1,512, 25 gives 4,200.

    The same seed gives the same places whatever the first day, so that one period can follow another.
    """
    rng = np.random.default_rng(seed)
    places: list[plan_inputs.PatrolPlace] = []
    bases, shifts = [], []
    for number in range(areas):
        area = f"area {number + 1:02}"
        corner = np.array([(number % 4) * SIDE_M, (number // 4) * SIDE_M]) + 500_000.0
        centres = corner + rng.uniform(800, SIDE_M - 800, (max(CENTRES, places_of_area // 12), 2))
        bases.append(plan_inputs.Base(f"base {number + 1:02}", *(float(x) for x in centres[0])))
        places += area_places(area, places_of_area, centres, rng, BURSTS_A_SHIFT * shifts_a_day)
        shifts += area_shifts(area, bases[-1].base, shifts_a_day, staggered, first_day, days)
    return plan_inputs.PlanInputs(
        places=tuple(places),
        shifts=tuple(shifts),
        bases=tuple(bases),
        travel={mode: travel_table(places, bases, mode) for mode in SPEED_KMH},
        policy=policy,
        first_day=first_day,
        days=days,
        zone=ZONE,
    )


def area_places(
    area: str, count: int, centres: np.ndarray, rng: np.random.Generator, visits_a_day: float
) -> list[plan_inputs.PatrolPlace]:
    """The places of an area about its centres, dosed in the bands of the shipped policy by their harm."""
    at = centres[np.arange(count) % len(centres)] + rng.normal(0, 350, (count, 2))
    harm = rng.pareto(2.0, count) + 0.3
    band = np.repeat([5.0, 3.5, 2.0], np.diff([0, count * 4 // 21, count * 13 // 21, count]))[
        np.argsort(np.argsort(-harm))
    ]
    dose = band / band.sum() * visits_a_day
    return [
        plan_inputs.PatrolPlace(
            hotspot=f"{area} {j + 1:02}",
            area=area,
            easting_m=float(at[j, 0]),
            northing_m=float(at[j, 1]),
            radius_m=125.0,
            harm=float(harm[j]),
            dosage=plan_inputs.Dosage(float(dose[j]), float(dose[j]) * 15.0),
            profile=week_profile(rng),
        )
        for j in range(count)
    ]


def week_profile(rng: np.random.Generator) -> tuple[float, ...]:
    """Harm by hour of the week: an evening peak of its own, higher at the weekend, and some at all hours."""
    hour, day = np.arange(168) % 24, np.arange(168) // 24
    peak, width = rng.normal(21, 3), rng.uniform(3, 6)
    away = np.minimum(np.abs(hour - peak) % 24, 24 - np.abs(hour - peak) % 24)
    rate = 0.5 + np.exp(-0.5 * (away / width) ** 2) * np.where((day == 4) | (day == 5), 1.4, 1.0)
    return tuple(float(x) for x in rate / rate.sum())


def area_shifts(
    area: str, base: str, shifts_a_day: int, staggered: bool, first_day: date, days: int
) -> list[plan_inputs.UnitShift]:
    """Early, late and night shifts of 8 hours; every fourth unit walks."""
    shifts = []
    for day in range(days):
        civil = first_day + timedelta(days=day)
        for number in range(shifts_a_day):
            late = STAGGER_MINUTES[(number // 3) % len(STAGGER_MINUTES)] if staggered else 0
            start = datetime.combine(civil, time(6 + 8 * (number % 3)), ZoneInfo(ZONE)).astimezone(UTC)
            start += timedelta(minutes=late)
            mode: plan_inputs.Mode = "foot" if number % 4 == 3 else "vehicle"
            hours = plan_inputs.Span(start, start + timedelta(hours=8))
            shifts.append(
                plan_inputs.UnitShift(f"{area} unit {number + 1:02}", area, civil, hours, base, 2, mode)
            )
    return shifts


def travel_table(
    places: list[plan_inputs.PatrolPlace], bases: list[plan_inputs.Base], mode: plan_inputs.Mode
) -> plan_inputs.TravelTable:
    """Minutes at the 80th percentile by one mode, infinite between areas."""
    stops = [p.hotspot for p in places] + [b.base for b in bases]
    at = np.array([[p.easting_m, p.northing_m] for p in [*places, *bases]])
    area = np.array([int(stop.split()[1]) for stop in stops])
    metres = np.hypot(*(at[:, None] - at[None, :]).transpose(2, 0, 1)) * 1.3
    minutes = metres / (SPEED_KMH[mode] / 3.6) / 60 * 1.2 + SETTING_OFF_MINUTES[mode]
    minutes = np.where(area[:, None] == area[None, :], minutes, np.inf)
    np.fill_diagonal(minutes, 0.0)
    return plan_inputs.TravelTable(mode, tuple(stops), minutes, 0.8, "crow-fly")

"""A patrol plan drawn by hand: two places, two units, one evening, every minute of it readable here."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from becalm.patrol.core import plan_inputs, plan_result
from becalm.patrol.files.write_plan import PlanDocument

DAY = date(2020, 5, 4)
DUSK = datetime(2020, 5, 4, 17, tzinfo=UTC)
WEEK = (1 / 168,) * 168
FINE = ("market", "station")


def span(minutes: int, length: int) -> plan_inputs.Span:
    return plan_inputs.Span(DUSK + timedelta(minutes=minutes), DUSK + timedelta(minutes=minutes + length))


def place(hotspot: str, easting_m: float, visits: float, **more: object) -> plan_inputs.PatrolPlace:
    fields = {
        "hotspot": hotspot,
        "area": "Old Town",
        "easting_m": easting_m,
        "northing_m": 180_000.0,
        "radius_m": 84.6,
        "harm": visits,
        "dosage": plan_inputs.Dosage(visits, visits * 15),
        "profile": WEEK,
        "name": f"{hotspot.capitalize()} Square",
    }
    return plan_inputs.PatrolPlace(**{**fields, **more})  # type: ignore[arg-type]  # by hand


def shift(unit: str, **more: object) -> plan_inputs.UnitShift:
    fields = {
        "unit": unit,
        "area": "Old Town",
        "day": DAY,
        "hours": span(0, 240),
        "base": "House",
        "crew": 2,
        "mode": "foot",
        "meal_minutes": 30,
    }
    return plan_inputs.UnitShift(**{**fields, **more})  # type: ignore[arg-type]  # by hand


def request() -> plan_inputs.PlanInputs:
    minutes = np.array([[0.0, 6.5, 4.0], [6.5, 0.0, 5.25], [4.0, 5.25, 0.0]])
    return plan_inputs.PlanInputs(
        places=(
            place("market", 530_000.0, 2.0, blackouts=(span(180, 30),)),
            place("station", 530_400.0, 1.0),
        ),
        shifts=(shift("Team 1"), shift("Team 2", meal_window=span(90, 60))),
        bases=(plan_inputs.Base("House", 530_200.0, 180_100.0),),
        travel={"foot": plan_inputs.TravelTable("foot", (*FINE, "House"), minutes, 0.8, "crow-fly")},
        policy=plan_inputs.PatrolPolicy(),
        first_day=DAY,
        days=1,
        zone="Europe/London",
        arms={("station", DAY): "low"},
        owed_visits={"market": 0.25},
    )


BURSTS = (
    plan_inputs.Burst("Team 1", "market", span(10, 15)),
    plan_inputs.Burst("Team 2", "station", span(20, 10)),
    plan_inputs.Burst("Team 1", "station", span(60, 20)),
    plan_inputs.Burst("Team 2", "market", span(150, 15)),
)


def plan() -> plan_result.PatrolPlan:
    routes = (
        plan_result.UnitRoute(
            "Team 1", "Old Town", DAY, (BURSTS[0], BURSTS[2]), span(100, 30), 15.75, 20.25, 22.5
        ),
        plan_result.UnitRoute(
            "Team 2", "Old Town", DAY, (BURSTS[1], BURSTS[3]), span(95, 30), 15.75, 19.5, 18.0
        ),
    )
    distribution = plan_result.RouteDistribution(
        FINE,
        ((0,) * 168, (-512,) * 168),
        ((0, 10, -3), (1, 2, 3)),
        (2_250, 1_000),
        (2_200, 1_400),
        (30_500, 20_750),
    )
    dosage = (
        plan_result.PlaceDosage("market", 2.25, 2.2, 2, 30.0, 30.5, 30, 0.9),
        plan_result.PlaceDosage("station", 1.0, 1.4, 2, 15.0, 20.75, 30, 0.8),
    )
    return plan_result.PatrolPlan(
        bursts=BURSTS,
        routes=routes,
        distribution=distribution,
        dosage=dosage,
        shortfalls=(
            plan_result.Shortfall(
                "market", 2.25, 2.2, "too few minutes", "one more unit from 18:00 to 22:00"
            ),
        ),
        bits=39.75,
        bound_bits=42.0,
        travel_share=0.0656,
    )


def document() -> PlanDocument:
    commitment: dict[str, object] = {"commitment": "ab" * 32, "entry": 7, "area": "", "share_sha256": ""}
    commitment |= {"again": "", "replans": []}
    return PlanDocument.of(
        plan(),
        request(),
        version="0.1.0",
        crs="EPSG:27700",
        commitment=commitment,
        sources={"units.toml": "cd" * 32},
    )

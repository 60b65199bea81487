"""Random requests to a planner, small ones of every kind, and their plans as files."""

from datetime import UTC, date, datetime, timedelta

import numpy as np

from becalm.patrol.core import plan_inputs
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.files.write_plan import PlanDocument, plan_json, visits_csv

MODES: tuple[plan_inputs.Mode, ...] = ("foot", "cycle", "vehicle")
SPEED_M = {"foot": 80.0, "cycle": 220.0, "vehicle": 350.0}
SEALED = {"commitment": "ab" * 32, "entry": 1, "area": "", "share_sha256": "", "again": "", "replans": []}


def random_request(seed: int) -> plan_inputs.PlanInputs:
    """One to three areas, some days around a change of the clocks, with blackouts, arms, pairs and gaps."""
    rng = np.random.default_rng(seed)
    first = date(2026, 3, 27) if rng.random() < 0.3 else date(2026, 5, 4)
    days, areas = int(rng.integers(1, 4)), [f"A{k}" for k in range(rng.integers(1, 4))]
    bases = tuple(plan_inputs.Base(f"base {a}", *rng.uniform(0, 1500, 2).tolist()) for a in areas)
    places = tuple(_place(f"{a}-{k}", a, rng, first, days) for a in areas for k in range(rng.integers(2, 9)))
    policy = plan_inputs.PatrolPolicy(
        slot_minutes=int(rng.choice([5, 5, 10, 1])),
        settle_minutes=int(rng.integers(0, 4)),
        travel_weight=float(rng.choice([-0.07, 0.03])),
        feedback=float(rng.choice([0.0, 0.02, 0.1])),
        pairing=bool(rng.random() < 0.3),
    )
    shifts = tuple(
        _shift(f"{a} {u}", a, first + timedelta(days=d), rng)
        for d in range(days)
        for a in areas
        for u in range(rng.integers(1, 4))
    )
    arms = {
        (p.hotspot, first + timedelta(days=d)): str(rng.choice(["low", "high"]))
        for p in places
        for d in range(days)
        if rng.random() < 0.1
    }
    travel = {mode: _travel(mode, places, bases) for mode in MODES}
    return plan_inputs.PlanInputs(
        places, shifts, bases, travel, policy, first, days, "Europe/London", arms=arms
    )  # type: ignore[arg-type]  # drawn words


def plan_files(request: plan_inputs.PlanInputs, key: bytes) -> tuple[str, str]:
    """plan.json and visits.csv of this request."""
    plan = plan_bursts(request, key=key)
    document = PlanDocument.of(
        plan, request, version="test", crs="EPSG:27700", commitment=SEALED, sources={"units.toml": "cd" * 32}
    )
    visits = visits_csv(request, plan.bursts)
    return plan_json(document, visits=visits), visits


def _place(name: str, area: str, rng: np.random.Generator, first: date, days: int) -> plan_inputs.PatrolPlace:
    profile = rng.gamma(2.0, 1.0, 168)
    visits = float(rng.uniform(0.5, 2.0))
    blackouts: tuple[plan_inputs.Span, ...] = ()
    if rng.random() < 0.3:
        start = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(
            minutes=int(rng.integers(0, days * 1440))
        )
        blackouts = (plan_inputs.Span(start, start + timedelta(minutes=int(rng.integers(10, 600)))),)
    return plan_inputs.PatrolPlace(
        hotspot=name,
        area=area,
        easting_m=float(rng.uniform(0, 1500)),
        northing_m=float(rng.uniform(0, 1500)),
        radius_m=85.0,
        harm=visits,
        dosage=plan_inputs.Dosage(visits, visits * 15),
        profile=tuple((profile / profile.sum()).tolist()),
        gap_weight=float(rng.choice([0.5, 1.0, 0.0])),
        blackouts=blackouts,
    )


def _shift(unit: str, area: str, day: date, rng: np.random.Generator) -> plan_inputs.UnitShift:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        minutes=int(rng.integers(0, 20 * 12)) * 5
    )
    hours = plan_inputs.Span(start, start + timedelta(hours=float(rng.choice([6, 8, 9.5]))))
    return plan_inputs.UnitShift(
        unit=unit,
        area=area,
        day=day,
        hours=hours,
        base=f"base {area}",
        crew=2,
        mode=MODES[int(rng.integers(0, 3))],
        meal_minutes=int(rng.choice([0, 30, 45, 47])),
        burst_share=float(rng.choice([1.0, 1.0, 0.8])),
        pair="both" if rng.random() < 0.3 else "",
    )


def _travel(
    mode: plan_inputs.Mode, places: tuple[plan_inputs.PatrolPlace, ...], bases: tuple[plan_inputs.Base, ...]
) -> plan_inputs.TravelTable:
    at = np.array([(s.easting_m, s.northing_m) for s in (*places, *bases)])
    metres = np.hypot(*(at[:, None] - at[None, :]).T).T
    stops = (*(p.hotspot for p in places), *(b.base for b in bases))
    return plan_inputs.TravelTable(mode, stops, metres / SPEED_M[mode], 0.8, "crow-fly")

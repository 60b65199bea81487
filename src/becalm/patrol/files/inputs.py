"""The inputs of a plan as plan.json holds them, and the hash that names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from becalm.patrol.core.nouns import Base, PatrolPlace, PatrolPolicy, Span, UnitShift
from becalm.patrol.core.request import PlanRequest, RouteLaw
from becalm.patrol.core.travel_table import TravelTable

INPUTS = (
    *("from", "days", "time_zone", "crs", "policy", "places", "arms", "bases", "shifts", "travel"),
    *("owed", "earlier", "law"),
)
FACTORS = ("low_factor", "high_factor")  # named where they are not the usual ones, as plans always were


def inputs_object(request: PlanRequest, law: RouteLaw, *, crs: str) -> dict[str, Any]:
    """The inputs as plan.json holds them; their hash is `sha256_of_inputs`."""
    arms = sorted(request.arms.items(), key=lambda item: (item[0][1], item[0][0]))
    return {
        "from": request.first_day.isoformat(),
        "days": request.days,
        "time_zone": request.zone,
        "crs": crs,
        "policy": _policy(request.policy),
        "places": [_place(place) for place in request.places],
        "arms": [[hotspot, day.isoformat(), arm] for (hotspot, day), arm in arms],
        "bases": [_base(base) for base in request.bases],
        "shifts": [_shift(shift) for shift in request.shifts],
        "travel": [_travel(table) for _, table in sorted(request.travel.items())],
        "owed": {hotspot: float(visits) for hotspot, visits in sorted(request.owed.items())},
        "earlier": [[b.unit, b.hotspot, *span_pair(b.span)] for b in request.earlier],
        "law": law.as_json(),
    }


def sha256_of_inputs(held: Mapping[str, Any]) -> str:
    """The hash of the inputs within this object, whatever else it holds and however it is laid out."""
    chosen = {key: held[key] for key in INPUTS}
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def instant(moment: datetime) -> str:
    """An instant as every file of a plan writes it."""
    at = moment.astimezone(UTC)
    whole = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at.microsecond:06d}Z" if at.microsecond else f"{whole}Z"


def _policy(policy: PatrolPolicy) -> dict[str, Any]:
    numbers = {name: float(getattr(policy, name)) for name in ("travel_weight", "feedback", "area_share_cap")}
    usual = PatrolPolicy()
    left_out = {n for n in FACTORS if getattr(policy, n) == getattr(usual, n)}
    held = {name: value for name, value in asdict(policy).items() if name not in left_out}
    factors = {name: float(held[name]) for name in FACTORS if name in held}
    return {**held, **numbers, **factors, "burst_minutes": list(policy.burst_minutes)}


def _base(base: Base) -> dict[str, Any]:
    return {
        "base": base.base,
        "easting_m": float(base.easting_m),
        "northing_m": float(base.northing_m),
    }


def _place(place: PatrolPlace) -> dict[str, Any]:
    dosage = place.dosage
    return {
        "hotspot": place.hotspot,
        "area": place.area,
        "easting_m": float(place.easting_m),
        "northing_m": float(place.northing_m),
        "radius_m": float(place.radius_m),
        "harm": float(place.harm),
        "visits_per_day": float(dosage.visits_per_day),
        "minutes_per_day": float(dosage.minutes_per_day),
        "low_share": float(dosage.low_share),
        "high_share": float(dosage.high_share),
        "profile": [float(share) for share in place.profile],
        "gap_minutes": place.gap_minutes,
        "gap_weight": float(place.gap_weight),
        "blackouts": [span_pair(span) for span in place.blackouts],
        "arm": place.arm,
        "name": place.name,
    }


def _shift(shift: UnitShift) -> dict[str, Any]:
    return {
        "unit": shift.unit,
        "area": shift.area,
        "day": shift.day.isoformat(),
        "start": instant(shift.hours.start),
        "end": instant(shift.hours.end),
        "base": shift.base,
        "crew": shift.crew,
        "mode": shift.mode,
        "meal_minutes": shift.meal_minutes,
        "meal_window": span_pair(shift.meal_window) if shift.meal_window else None,
        "burst_share": float(shift.burst_share),
        "pair": shift.pair,
    }


def _travel(table: TravelTable) -> dict[str, Any]:
    minutes = [[float(m) if np.isfinite(m) else None for m in row] for row in table.minutes.tolist()]
    return {
        "mode": table.mode,
        "quantile": float(table.quantile),
        "source": table.source,
        "stops": list(table.stops),
        "minutes": minutes,
    }


def span_pair(span: Span) -> list[str]:
    """A span as its start and its end."""
    return [instant(span.start), instant(span.end)]

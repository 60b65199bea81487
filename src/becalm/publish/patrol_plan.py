"""plan.json: a patrol plan with all that is needed to judge it and make it again; visits.csv beside it.

plan.json is one object; instants are UTC as in 2026-11-22T18:05:00Z, days are civil days of `time_zone`.

============== =====================================================================================
format         "becalm patrol plan 1"
version        of becalm, which is part of the commitment
from, days     the first civil day and how many days are planned
time_zone      whose days these are
crs            the coordinate system of eastings and northings, in metres
policy         the planner's rules: slot_minutes, burst_minutes, settle_minutes, travel_weight, feedback,
               pairing, area_share_cap
places         one object a hotspot: hotspot, area, easting_m, northing_m, radius_m, harm, visits_per_day,
               minutes_per_day, low_share, high_share, profile (168 shares, Monday 00:00 first, local
               time), gap_minutes, gap_weight, blackouts ([[start, end], …]), arm, name
arms           [[hotspot, day, arm], …]: what the experiment drew for a place on a day; "off" days are among
               the place's blackouts as well
bases          base, easting_m, northing_m
shifts         one object a unit on a tour: unit, area, day, start, end, base, crew, mode, meal_minutes,
               meal_window ([start, end] or null for the middle half of the shift), burst_share, pair
travel         one object a mode: mode, quantile, source, stops (hotspots and bases), minutes (a row for each
               stop to every stop, null where there is no way)
inputs         where these came from: names of files and tables, with their SHA-256
inputs_sha256  of the canonical JSON (keys sorted, no spaces) of {from, days, time_zone, crs, policy, places,
               arms, bases, shifts, travel}
commitment     commitment, entry (its number in the ledger), areas, again (the reason, where it is not the
               first one for these days), replans ([index, unit, from, reason], …)
law            what was sampled from, in whole numbers
meals          [[unit, start, end], …] as planned
visits_sha256  of the bytes of visits.csv
forecast       expected and planned dosage of each place, with its interval
============== =====================================================================================

visits.csv has one row a burst, in the order of start, unit: unit, hotspot, start, end (UTC), minutes, area,
day (on which the tour starts), arm.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from becalm.tables.travel import TravelTable
from becalm.terms.patrol import Base, Burst, PatrolPlace, PatrolPolicy, Span, UnitShift

FORMAT = "becalm patrol plan 1"
VISIT_COLUMNS = ("unit", "hotspot", "start", "end", "minutes", "area", "day", "arm")
INPUTS = ("from", "days", "time_zone", "crs", "policy", "places", "arms", "bases", "shifts", "travel")


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """All that a plan is made of, but the seed."""

    first_day: date
    days: int
    time_zone: str
    crs: str
    policy: PatrolPolicy
    places: tuple[PatrolPlace, ...]
    bases: tuple[Base, ...]
    shifts: tuple[UnitShift, ...]
    travel: tuple[TravelTable, ...]
    arms: tuple[tuple[str, date, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What plan.json and visits.csv hold. `law`, `commitment`, `sources` and `forecast` are plain JSON."""

    version: str
    inputs: PlanInputs
    bursts: tuple[Burst, ...]
    meals: tuple[tuple[str, Span], ...]
    law: Mapping[str, Any]
    commitment: Mapping[str, Any]
    sources: Mapping[str, str] = field(default_factory=dict)
    forecast: Sequence[Mapping[str, Any]] = ()


def plan_json(plan: PlanDocument, *, visits: str) -> str:
    """plan.json, the same bytes for the same plan. `visits` is the text of its visits.csv."""
    held = inputs_object(plan.inputs)
    whole = {
        "format": FORMAT,
        "version": plan.version,
        **held,
        "inputs": dict(sorted(plan.sources.items())),
        "inputs_sha256": sha256_of_inputs(held),
        "commitment": dict(plan.commitment),
        "law": dict(plan.law),
        "meals": [[unit, instant(span.start), instant(span.end)] for unit, span in plan.meals],
        "visits_sha256": hashlib.sha256(visits.encode()).hexdigest(),
        "forecast": [dict(row) for row in plan.forecast],
    }
    lines = [f"{json.dumps(key)}: {_laid_out(value)}" for key, value in whole.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def visits_csv(inputs: PlanInputs, bursts: Iterable[Burst]) -> str:
    """visits.csv, the same bytes for the same bursts."""
    places = {place.hotspot: place for place in inputs.places}
    arms = {(hotspot, day): arm for hotspot, day, arm in inputs.arms}
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(VISIT_COLUMNS)
    for burst, shift in with_shifts(bursts, inputs.shifts):
        place = places[burst.hotspot]
        arm = arms.get((burst.hotspot, shift.day), place.arm)
        times = (instant(burst.span.start), instant(burst.span.end), f"{burst.span.minutes:.0f}")
        rows.writerow([burst.unit, burst.hotspot, *times, place.area, shift.day.isoformat(), arm])
    return out.getvalue()


def with_shifts(bursts: Iterable[Burst], shifts: Iterable[UnitShift]) -> list[tuple[Burst, UnitShift]]:
    """Each burst with the tour that it belongs to, in the order of start and unit."""
    of_unit: dict[str, list[UnitShift]] = {}
    for shift in shifts:
        of_unit.setdefault(shift.unit, []).append(shift)
    return [
        (burst, next(s for s in of_unit[burst.unit] if s.hours.start <= burst.span.start < s.hours.end))
        for burst in sorted(bursts, key=lambda b: (b.span.start, b.unit))
    ]


def inputs_object(inputs: PlanInputs) -> dict[str, Any]:
    """The inputs as plan.json holds them; their hash is `sha256_of_inputs`."""
    return {
        "from": inputs.first_day.isoformat(),
        "days": inputs.days,
        "time_zone": inputs.time_zone,
        "crs": inputs.crs,
        "policy": {**asdict(inputs.policy), "burst_minutes": list(inputs.policy.burst_minutes)},
        "places": [_place(place) for place in inputs.places],
        "arms": [[hotspot, day.isoformat(), arm] for hotspot, day, arm in inputs.arms],
        "bases": [asdict(base) for base in inputs.bases],
        "shifts": [_shift(shift) for shift in inputs.shifts],
        "travel": [_travel(table) for table in inputs.travel],
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


def _place(place: PatrolPlace) -> dict[str, Any]:
    held = asdict(place)
    dosage = held.pop("dosage")
    first = ("hotspot", "area", "easting_m", "northing_m", "radius_m", "harm")
    return {
        **{key: held.pop(key) for key in first},
        **dosage,
        **held,
        "profile": list(place.profile),
        "blackouts": [_span(span) for span in place.blackouts],
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
        "meal_window": _span(shift.meal_window) if shift.meal_window else None,
        "burst_share": shift.burst_share,
        "pair": shift.pair,
    }


def _travel(table: TravelTable) -> dict[str, Any]:
    minutes = [[float(m) if np.isfinite(m) else None for m in row] for row in table.minutes.tolist()]
    return {
        "mode": table.mode,
        "quantile": table.quantile,
        "source": table.source,
        "stops": list(table.stops),
        "minutes": minutes,
    }


def _span(span: Span) -> list[str]:
    return [instant(span.start), instant(span.end)]


def _laid_out(value: object) -> str:
    """Compact JSON; a list of lists or objects has one line for each of them."""
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n" + ",\n".join(_compact(item) for item in value) + "\n]"
    return _compact(value)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

"""plan.json: a patrol plan with all that is needed to judge it and make it again; visits.csv beside it.

plan.json is one object; instants are UTC as in 2026-11-22T18:05:00Z, days are civil days of `time_zone`.

============== =====================================================================================
format         "becalm patrol plan 1"
version        of becalm, which is part of the commitment
from, days     the first civil day and how many days are planned
time_zone      whose days these are
crs            the coordinate system of eastings and northings, in metres
policy         the planner's rules, one entry for each of PatrolPolicy
places         one object a hotspot: hotspot, area, easting_m, northing_m, radius_m, harm, visits_per_day,
               minutes_per_day, low_share, high_share, profile (168 shares, Monday 00:00 first, local
               time), gap_minutes, gap_weight, blackouts ([[start, end], …]), arm, name
arms           [[hotspot, day, arm], …]: what the experiment drew for a place on a day; "off" days are among
               the place's blackouts as well
bases          base, easting_m, northing_m
shifts         one object a unit on a tour: unit, area, day, start, end, base, crew, mode, meal_minutes,
               meal_window ([start, end] or null for the middle half of the shift), burst_share, pair; of
               a tour that is lent to the area also lent_from (the unit's own area) and lent_because
travel         one object a mode: mode, quantile, source, stops (hotspots and bases), minutes (a row for each
               stop to every stop, null where there is no way)
owed           visits that places were owed when the plan began, by hotspot (below 0: got too often)
earlier        [[unit, hotspot, start, end], …]: bursts that stood already and are kept clear of
law            what was drawn from, in whole numbers: grid, hotspots, hours, lengths, due, gives_visits,
               gives_minutes
inputs         where these came from: names of files and tables, with their SHA-256
inputs_sha256  of the canonical JSON (keys sorted, no spaces) of {from, days, time_zone, crs, policy, places,
               arms, bases, shifts, travel, owed, earlier, law}
commitment     commitment, entry (its number in the ledger), area (empty: all), share_sha256 (of an
               overseer's share, or empty), again (the reason, where it is not the first one for these
               days), replans (one object each: index, at, reason, and the states that were begun from:
               unit, free_from, stop, meal_done, on_duty; blackouts ([[hotspot, start, end], …]) that were
               set since; shifts of units that joined, as above; urgent, a hotspot)
capacity       one object an area, of the dosage before anything gave: area, places, unit_shifts_per_day,
               open_minutes_per_day, burst_minutes, hop_minutes, possible, possible_low, possible_high and
               wanted (bursts a day), borrowed_per_day and lent_per_day (tours), gives
notes          what whoever signs the plan was told
entropy        bits, bound_bits (0: not asked for), ratio and travel_share of the whole plan
routes         one object a tour: unit, area, day, meal ([start, end] or null), travel_minutes, bits,
               surprise_bits, replan
meals          [[unit, start, end], …] as planned
dosage         one object a place: hotspot, target, expected and drawn visits and minutes, sd_visits
shortfalls     one object a target that cannot be met: hotspot, by how much, the reason, what would help
visits_sha256  of the bytes of visits.csv
============== =====================================================================================

visits.csv has one row a burst, in the order of start, unit: unit, hotspot, start, end (UTC), minutes, area,
day (on which the tour starts), arm.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from becalm.patrol.core.capacity import Capacity
from becalm.patrol.core.plan_inputs import Burst, PatrolPolicy, PlanInputs, Span, TravelTable, UnitShift
from becalm.patrol.core.plan_result import PatrolPlan, RouteDistribution, UnitRoute
from becalm.terms import PlanError

INPUTS = (
    *("from", "days", "time_zone", "crs", "policy", "places", "arms", "bases", "shifts", "travel"),
    *("owed", "earlier", "law"),
)
LENDING_FIELDS = ("lent_from", "lent_because")
FACTORS = ("low_factor", "high_factor")  # named where they are not the usual ones, as plans always were


def inputs_object(inputs: PlanInputs, distribution: RouteDistribution, *, crs: str) -> dict[str, Any]:
    """The inputs as plan.json holds them; their hash is `sha256_of_inputs`."""
    arm_items = sorted(inputs.arms.items(), key=lambda item: (item[0][1], item[0][0]))
    return {
        "from": inputs.first_day.isoformat(),
        "days": inputs.days,
        "time_zone": inputs.zone,
        "crs": crs,
        "policy": _policy(inputs.policy),
        "places": [_json_object(place, dosage=_json_object(place.dosage)) for place in inputs.places],
        "arms": [[hotspot, day.isoformat(), arm] for (hotspot, day), arm in arm_items],
        "bases": [_json_object(base) for base in inputs.bases],
        "shifts": [shift_object(shift) for shift in inputs.shifts],
        "travel": [_travel(table) for _, table in sorted(inputs.travel.items())],
        "owed": {hotspot: float(visits) for hotspot, visits in sorted(inputs.owed_visits.items())},
        "earlier": [[b.unit, b.hotspot, *span_pair(b.span)] for b in inputs.earlier],
        "law": distribution.as_json(),
    }


def shift_object(shift: UnitShift) -> dict[str, Any]:
    """A tour as plan.json holds it; whose tour it is is named where it is lent."""
    hours = dict(zip(("start", "end"), span_pair(shift.hours), strict=True))
    return _json_object(
        shift, hours=hours, **({} if shift.lent_from else {key: {} for key in LENDING_FIELDS})
    )


def sha256_of_inputs(document: Mapping[str, Any]) -> str:
    """The hash of the inputs within this object, whatever else it holds and however it is formatted."""
    hashed_inputs = {key: document[key] for key in INPUTS}
    canonical_json = json.dumps(
        hashed_inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def instant(moment: datetime) -> str:
    """An instant as every file of a plan writes it."""
    utc_instant = moment.astimezone(UTC)
    instant_text = utc_instant.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{instant_text}.{utc_instant.microsecond:06d}Z" if utc_instant.microsecond else f"{instant_text}Z"


def _policy(policy: PatrolPolicy) -> dict[str, Any]:
    fraction_by_name = {
        name: float(getattr(policy, name)) for name in ("travel_weight", "feedback", "area_share_cap")
    }
    default_policy = PatrolPolicy()
    default_factors = {n for n in FACTORS if getattr(policy, n) == getattr(default_policy, n)}
    policy_values = {name: value for name, value in asdict(policy).items() if name not in default_factors}
    arm_factors = {name: float(policy_values[name]) for name in FACTORS if name in policy_values}
    return {**policy_values, **fraction_by_name, **arm_factors, "burst_minutes": list(policy.burst_minutes)}


def _json_object(part: Any, **expansions: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a part in their order, as plain JSON; some fields expanded into several, or into none."""
    json_fields: dict[str, Any] = {}
    for field in fields(part):
        is_fraction = "float" in str(field.type)  # 75 and 75.0 are one radius: written, and hashed, alike
        json_value = _json_value(getattr(part, field.name), is_fraction=is_fraction)
        json_fields |= expansions.get(field.name, {field.name: json_value})
    return json_fields


def _json_value(value: Any, *, is_fraction: bool) -> Any:
    if isinstance(value, Span):
        return span_pair(value)
    if isinstance(value, tuple):
        return [_json_value(item, is_fraction=is_fraction) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if is_fraction else value


def _travel(table: TravelTable) -> dict[str, Any]:
    minute_rows = [
        [float(minutes) if np.isfinite(minutes) else None for minutes in row]
        for row in table.minutes.tolist()
    ]
    return {
        "mode": table.mode,
        "quantile": float(table.quantile),
        "source": table.source,
        "stops": list(table.stops),
        "minutes": minute_rows,
    }


def span_pair(span: Span) -> list[str]:
    """A span as its start and its end."""
    return [instant(span.start), instant(span.end)]


FORMAT = "becalm patrol plan 1"
DECIMALS = 4
VISIT_COLUMNS = ("unit", "hotspot", "start", "end", "minutes", "area", "day", "arm")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDocument(PatrolPlan):
    """What plan.json and visits.csv hold: a plan, what it was made from, and who sealed it.

    `commitment` and `sources` are plain JSON.
    """

    version: str
    crs: str
    inputs: PlanInputs
    commitment: Mapping[str, Any]
    sources: Mapping[str, str]
    capacity: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sealed_inputs(self) -> PlanInputs:
        """What the seed was sealed with: without the tours of units that joined since."""
        joined_tours = {
            (shift["unit"], shift["start"])
            for note in self.commitment.get("replans", ())
            for shift in note.get("shifts", ())
        }
        if not joined_tours:
            return self.inputs
        shifts = tuple(s for s in self.inputs.shifts if (s.unit, instant(s.hours.start)) not in joined_tours)
        return replace(self.inputs, shifts=shifts)

    @classmethod
    def of(
        cls,
        plan: PatrolPlan,
        inputs: PlanInputs,
        *,
        version: str,
        crs: str,
        commitment: Mapping[str, Any],
        sources: Mapping[str, str],
        capacity: tuple[Mapping[str, Any], ...] = (),
        notes: tuple[str, ...] = (),
    ) -> "PlanDocument":
        """What is written of this plan, all but its chances, which have files of their own."""
        return cls(
            **{field.name: getattr(plan, field.name) for field in fields(PatrolPlan)},
            version=version,
            crs=crs,
            inputs=inputs,
            commitment=commitment,
            sources=sources,
            capacity=capacity,
            notes=notes,
        )


def plan_json(plan: PlanDocument, *, visits: str) -> str:
    """plan.json, the same bytes for the same plan. `visits` is the text of its visits.csv."""
    inputs_part = inputs_object(plan.sealed_inputs, plan.distribution, crs=plan.crs)
    entropy_bits = {"bits": plan.bits, "bound_bits": plan.bound_bits, "ratio": plan.entropy_ratio}
    json_fields = {
        "format": FORMAT,
        "version": plan.version,
        **inputs_part,
        "inputs": dict(sorted(plan.sources.items())),
        "inputs_sha256": sha256_of_inputs(inputs_part),
        "commitment": dict(plan.commitment),
        "capacity": [_round_values(row) for row in plan.capacity],
        "notes": list(plan.notes),
        "entropy": _round_values({**entropy_bits, "travel_share": plan.travel_share}),
        "routes": [_route(route) for route in plan.routes],
        "meals": [[route.unit, *span_pair(route.meal)] for route in plan.routes if route.meal],
        "dosage": [_round_values(asdict(dosage)) for dosage in plan.dosage],
        "shortfalls": [_round_values(asdict(shortfall)) for shortfall in plan.shortfalls],
        "visits_sha256": hashlib.sha256(visits.encode()).hexdigest(),
    }
    entry_lines = [f"{json.dumps(key)}: {_laid_out(value)}" for key, value in json_fields.items()]
    return "{\n" + ",\n".join(entry_lines) + "\n}\n"


def visits_csv(inputs: PlanInputs, bursts: Iterable[Burst]) -> str:
    """visits.csv, the same bytes for the same bursts."""
    place_by_hotspot = {visited_place.hotspot: visited_place for visited_place in inputs.places}
    csv_stream = io.StringIO()
    csv_writer = csv.writer(csv_stream, lineterminator="\n")
    csv_writer.writerow(VISIT_COLUMNS)
    for burst, shift in with_shifts(bursts, inputs.shifts):
        visited_place = place_by_hotspot[burst.hotspot]
        arm = inputs.arms.get((burst.hotspot, shift.day), visited_place.arm)
        time_cells = (instant(burst.span.start), instant(burst.span.end), f"{burst.span.minutes:.0f}")
        csv_writer.writerow(
            [burst.unit, burst.hotspot, *time_cells, visited_place.area, shift.day.isoformat(), arm]
        )
    return csv_stream.getvalue()


def capacity_rows(capacity: Capacity) -> tuple[dict[str, Any], ...]:
    """The arithmetic before planning, as plan.json holds it."""
    return tuple(
        {
            "area": area.area,
            "places": area.places,
            "unit_shifts_per_day": float(area.unit_shifts_per_day),
            "open_minutes_per_day": float(area.open_minutes_per_day),
            "burst_minutes": float(area.burst_minutes),
            "hop_minutes": float(area.hop_minutes),
            "possible": float(area.possible_per_day.value),
            "possible_low": float(area.possible_per_day.low),
            "possible_high": float(area.possible_per_day.high),
            "wanted": float(area.wanted_per_day),
            "borrowed_per_day": float(area.borrowed_per_day),
            "lent_per_day": float(area.lent_per_day),
            "gives": list(area.remedies),
        }
        for area in capacity.areas
    )


def with_shifts(bursts: Iterable[Burst], shifts: Iterable[UnitShift]) -> list[tuple[Burst, UnitShift]]:
    """Each burst with the tour that it belongs to, in the order of start and unit."""
    shifts_by_unit: dict[str, list[UnitShift]] = {}
    for shift in shifts:
        shifts_by_unit.setdefault(shift.unit, []).append(shift)
    ordered_bursts = sorted(bursts, key=lambda b: (b.span.start, b.unit))
    return [(burst, _shift_of(burst, shifts_by_unit.get(burst.unit, []))) for burst in ordered_bursts]


def _shift_of(burst: Burst, shifts: list[UnitShift]) -> UnitShift:
    shift = next((s for s in shifts if s.hours.start <= burst.span.start < s.hours.end), None)
    if shift is None:
        raise PlanError(
            f"{burst.unit} has a burst at {instant(burst.span.start)}, when it is on no tour. "
            "Use the plan as becalm wrote it."
        )
    return shift


def _route(route: UnitRoute) -> dict[str, Any]:
    rounded_travel = {"travel_minutes": round(float(route.travel_minutes), 2)}
    return _round_values(_json_object(route, bursts={}, travel_minutes=rounded_travel))


def _round_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(float(v), DECIMALS) if isinstance(v, float) else v for key, v in values.items()}


def _laid_out(value: object) -> str:
    """Compact JSON; a list of lists or objects has one line for each of them."""
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n" + ",\n".join(_compact(item) for item in value) + "\n]"
    return _compact(value)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

"""A plan read back from its plan.json and visits.csv, checked at the door."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from becalm.patrol.core.plan_inputs import (
    Arm,
    Base,
    Burst,
    Dosage,
    Mode,
    PatrolPlace,
    PatrolPolicy,
    PlanInputs,
    Span,
    TravelTable,
    UnitShift,
)
from becalm.patrol.core.plan_result import PlaceDosage, RouteDistribution, Shortfall, UnitRoute
from becalm.patrol.files.plan import VISIT_COLUMNS, PlanDocument, inputs_object, sha256_of_inputs, with_shifts
from becalm.terms import Fault, InputError, PlanError

Pair = tuple[AwareDatetime, AwareDatetime]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Place(_Strict):
    hotspot: str
    area: str
    easting_m: float
    northing_m: float
    radius_m: float
    harm: float
    visits_per_day: float
    minutes_per_day: float
    low_share: float
    high_share: float
    profile: tuple[float, ...]
    gap_minutes: int
    gap_weight: float
    blackouts: tuple[Pair, ...]
    arm: Arm
    name: str

    def place(self) -> PatrolPlace:
        fields = self.model_dump(exclude={"blackouts"})
        dosage = Dosage(
            *(fields.pop(name) for name in ("visits_per_day", "minutes_per_day", "low_share", "high_share"))
        )
        return PatrolPlace(**fields, dosage=dosage, blackouts=tuple(_span(pair) for pair in self.blackouts))


class _Shift(_Strict):
    unit: str
    area: str
    day: date
    start: AwareDatetime
    end: AwareDatetime
    base: str
    crew: int
    mode: Mode
    meal_minutes: int
    meal_window: Pair | None
    burst_share: float
    pair: str

    def shift(self) -> UnitShift:
        shift_fields = self.model_dump(exclude={"start", "end", "meal_window"})
        meal_window = _span(self.meal_window) if self.meal_window else None
        return UnitShift(**shift_fields, hours=_span((self.start, self.end)), meal_window=meal_window)


class _Travel(_Strict):
    mode: Mode
    quantile: float
    source: Literal["streets", "crow-fly", "given"]
    stops: tuple[str, ...]
    minutes: tuple[tuple[float | None, ...], ...]

    def table(self) -> TravelTable:
        rows = [[math.inf if minutes is None else minutes for minutes in row] for row in self.minutes]
        minutes_table = np.array(rows, dtype=np.float64).reshape(len(rows), -1)
        return TravelTable(self.mode, self.stops, minutes_table, self.quantile, self.source)


class _Entropy(_Strict):
    bits: float
    bound_bits: float
    ratio: float | None
    travel_share: float


class _Route(_Strict):
    unit: str
    area: str
    day: date
    meal: Pair | None
    travel_minutes: float
    bits: float
    surprise_bits: float
    replan: int

    def route(self, bursts: tuple[Burst, ...]) -> UnitRoute:
        route_fields = self.model_dump(exclude={"meal"})
        return UnitRoute(**route_fields, bursts=bursts, meal=_span(self.meal) if self.meal else None)


class _Law(_Strict):
    grid: int
    hotspots: tuple[str, ...]
    hours: tuple[tuple[int, ...], ...]
    lengths: tuple[tuple[int, ...], ...]
    due: tuple[int, ...]
    gives_visits: tuple[int, ...]
    gives_minutes: tuple[int, ...]


class _Plan(_Strict):
    format: Literal["becalm patrol plan 1"]
    version: str
    first_day: date = Field(alias="from")
    days: int = Field(ge=1)
    time_zone: str
    crs: str
    policy: dict[str, Any]
    places: tuple[_Place, ...]
    arms: tuple[tuple[str, date, Arm], ...]
    bases: tuple[Base, ...]
    shifts: tuple[_Shift, ...]
    travel: tuple[_Travel, ...]
    owed_visits: dict[str, float] = Field(alias="owed")
    earlier: tuple[tuple[str, str, AwareDatetime, AwareDatetime], ...]
    inputs: dict[str, str]
    inputs_sha256: str
    commitment: dict[str, Any]
    capacity: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    law: _Law
    entropy: _Entropy
    routes: tuple[_Route, ...]
    meals: tuple[tuple[str, AwareDatetime, AwareDatetime], ...]
    dosage: tuple[PlaceDosage, ...]
    shortfalls: tuple[Shortfall, ...]
    visits_sha256: str

    def plan_inputs(self) -> PlanInputs:
        policy = {**self.policy, "burst_minutes": tuple(self.policy["burst_minutes"])}
        return PlanInputs(
            places=tuple(place.place() for place in self.places),
            shifts=tuple(shift.shift() for shift in self.shifts),
            bases=self.bases,
            travel={table.mode: table.table() for table in self.travel},
            policy=PatrolPolicy(**policy),
            first_day=self.first_day,
            days=self.days,
            zone=self.time_zone,
            arms={(hotspot, day): arm for hotspot, day, arm in self.arms},
            owed_visits=self.owed_visits,
            earlier=tuple(Burst(unit, place, _span((a, b))) for unit, place, a, b in self.earlier),
        )

    def document(self, bursts: tuple[Burst, ...]) -> PlanDocument:
        plan_inputs = self.plan_inputs()
        bursts_of_tour: dict[tuple[str, date], list[Burst]] = {}
        for burst, shift in with_shifts(bursts, plan_inputs.shifts):
            bursts_of_tour.setdefault((shift.unit, shift.day), []).append(burst)
        return PlanDocument(
            version=self.version,
            crs=self.crs,
            inputs=plan_inputs,
            bursts=bursts,
            routes=tuple(r.route(tuple(bursts_of_tour.get((r.unit, r.day), ()))) for r in self.routes),
            distribution=RouteDistribution.from_json(self.law.model_dump()),
            dosage=self.dosage,
            shortfalls=self.shortfalls,
            bits=self.entropy.bits,
            bound_bits=self.entropy.bound_bits,
            travel_share=self.entropy.travel_share,
            commitment=self.commitment,
            sources=self.inputs,
            capacity=self.capacity,
            notes=self.notes,
        )


def read_plan(path: Path) -> PlanDocument:
    """Read a plan from its plan.json (or the folder that holds it) and the visits.csv beside it.

    Raises InputError where a file is missing or no plan, or where the inputs or the visits are not those that
    the plan names by their hashes.
    """
    path = path / "plan.json" if path.is_dir() else path
    return plan_of_texts(_read_text(path), _read_text(path.with_name("visits.csv")), where=str(path))


def plan_of_texts(plan: str, visits: str, *, where: str) -> PlanDocument:
    """The plan that these two texts hold."""
    try:
        model = _Plan.model_validate_json(plan)
    except ValidationError as error:
        raise InputError(
            f"{where} is no patrol plan: {error.error_count()} faults", _find_faults(error)
        ) from error
    if hashlib.sha256(visits.encode()).hexdigest() != model.visits_sha256:
        raise InputError(
            f"visits.csv is not the one that {where} names by its SHA-256 {model.visits_sha256[:12]}…. "
            "It was altered, or belongs to another plan."
        )
    try:
        document = model.document(_read_bursts(visits))
    except (PlanError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{where} is no patrol plan: {error}. Use the file as becalm wrote it.") from error
    inputs = inputs_object(document.inputs, document.distribution, crs=document.crs)
    if sha256_of_inputs(inputs) != model.inputs_sha256:
        raise InputError(
            f"The inputs in {where} are not those that its inputs_sha256 {model.inputs_sha256[:12]}… names. "
            "They were altered after the plan was made."
        )
    return document


def _read_bursts(visits: str) -> tuple[Burst, ...]:
    csv_rows = csv.DictReader(io.StringIO(visits))
    if tuple(csv_rows.fieldnames or ()) != VISIT_COLUMNS:
        raise InputError(
            f"visits.csv has the columns {', '.join(csv_rows.fieldnames or ('none',))}, "
            f"not {', '.join(VISIT_COLUMNS)}. Use it as becalm wrote it."
        )
    return tuple(Burst(row["unit"], row["hotspot"], _span((row["start"], row["end"]))) for row in csv_rows)


def _span(pair: tuple[datetime, datetime] | tuple[str, str]) -> Span:
    start, end = (datetime.fromisoformat(at) if isinstance(at, str) else at for at in pair)
    return Span(start.astimezone(UTC), end.astimezone(UTC))


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}). Name the folder that `becalm patrol plan` wrote."
        ) from error


def _find_faults(error: ValidationError) -> tuple[Fault, ...]:
    return tuple(
        Fault(".".join(map(str, fault["loc"])) or "the file", fault["msg"], "use the file as becalm wrote it")
        for fault in error.errors()[:20]
    )

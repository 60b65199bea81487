"""A plan read back from its plan.json and visits.csv, checked at the door."""

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, TypeAdapter, ValidationError

from becalm.patrol.core import plan_inputs, plan_result
from becalm.patrol.core.plan_inputs import Burst, Span
from becalm.patrol.files import write_plan
from becalm.terms import Fault, InputError, PlanError


def _span(pair: Sequence[str]) -> Span:
    start, end = (datetime.fromisoformat(at) for at in pair)
    return Span(start, end)


def _optional_span(pair: Sequence[str] | None) -> Span | None:
    return _span(pair) if pair else None


def _place_fields(entry: dict[str, Any]) -> dict[str, Any]:
    dosage_fields = {field.name: entry.pop(field.name) for field in fields(plan_inputs.Dosage)}
    return {**entry, "dosage": dosage_fields, "blackouts": [_span(pair) for pair in entry["blackouts"]]}


def _shift_fields(entry: dict[str, Any]) -> dict[str, Any]:
    shift_hours = _span((entry.pop("start"), entry.pop("end")))
    return {**entry, "hours": shift_hours, "meal_window": _optional_span(entry["meal_window"])}


def read_shift(entry: Mapping[str, Any]) -> plan_inputs.UnitShift:
    """A tour as plan.json holds it; raises ValidationError where it is none."""
    return _SHIFT.validate_python(dict(entry))


def _travel_table(entry: dict[str, Any]) -> plan_inputs.TravelTable:
    minute_rows = [[math.inf if minutes is None else minutes for minutes in row] for row in entry["minutes"]]
    minutes_table = np.array(minute_rows, dtype=np.float64).reshape(len(minute_rows), -1)
    return plan_inputs.TravelTable(**{**entry, "stops": tuple(entry["stops"]), "minutes": minutes_table})


def _route_fields(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "bursts": (), "meal": _optional_span(entry["meal"])}


_SHIFT: Final = TypeAdapter(Annotated[plan_inputs.UnitShift, BeforeValidator(_shift_fields)])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Entropy(_Strict):
    bits: float
    bound_bits: float
    ratio: float | None
    travel_share: float


class _Plan(_Strict):
    format: Literal["becalm patrol plan 1"]
    version: str
    first_day: date = Field(alias="from")
    days: int = Field(ge=1)
    time_zone: str
    crs: str
    policy: plan_inputs.PatrolPolicy
    places: tuple[Annotated[plan_inputs.PatrolPlace, BeforeValidator(_place_fields)], ...]
    arms: tuple[tuple[str, date, plan_inputs.Arm], ...]
    bases: tuple[plan_inputs.Base, ...]
    shifts: tuple[Annotated[plan_inputs.UnitShift, BeforeValidator(_shift_fields)], ...]
    travel: tuple[Annotated[InstanceOf[plan_inputs.TravelTable], BeforeValidator(_travel_table)], ...]
    owed_visits: dict[str, float] = Field(alias="owed")
    earlier: tuple[tuple[str, str, str, str], ...]
    inputs: dict[str, str]
    inputs_sha256: str
    commitment: dict[str, Any]
    capacity: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    law: Annotated[
        InstanceOf[plan_result.RouteDistribution], BeforeValidator(plan_result.RouteDistribution.from_json)
    ]
    entropy: _Entropy
    routes: tuple[Annotated[plan_result.UnitRoute, BeforeValidator(_route_fields)], ...]
    meals: tuple[tuple[str, str, str], ...]
    dosage: tuple[plan_result.PlaceDosage, ...]
    shortfalls: tuple[plan_result.Shortfall, ...]
    visits_sha256: str

    def joining_shifts(self) -> tuple[plan_inputs.UnitShift, ...]:
        return tuple(
            read_shift(shift)
            for note in self.commitment.get("replans", ())
            for shift in note.get("shifts", ())
        )

    def inputs_of_plan(self) -> plan_inputs.PlanInputs:
        return plan_inputs.PlanInputs(
            places=self.places,
            shifts=(*self.shifts, *self.joining_shifts()),
            bases=self.bases,
            travel={table.mode: table for table in self.travel},
            policy=self.policy,
            first_day=self.first_day,
            days=self.days,
            zone=self.time_zone,
            arms={(hotspot, day): arm for hotspot, day, arm in self.arms},
            owed_visits=self.owed_visits,
            earlier=tuple(Burst(unit, place, _span(pair)) for unit, place, *pair in self.earlier),
        )

    def document(self, bursts: tuple[Burst, ...]) -> write_plan.PlanDocument:
        inputs_of_plan = self.inputs_of_plan()
        bursts_by_tour: dict[tuple[str, date], list[Burst]] = {}
        for burst, shift in write_plan.with_shifts(bursts, inputs_of_plan.shifts):
            bursts_by_tour.setdefault((shift.unit, shift.day), []).append(burst)
        return write_plan.PlanDocument(
            version=self.version,
            crs=self.crs,
            inputs=inputs_of_plan,
            bursts=bursts,
            routes=tuple(
                replace(route, bursts=tuple(bursts_by_tour.get((route.unit, route.day), ())))
                for route in self.routes
            ),
            distribution=self.law,
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


def read_plan(path: Path) -> write_plan.PlanDocument:
    """Read a plan from its plan.json (or the folder that holds it) and the visits.csv beside it.

    Raises InputError where a file is missing or no plan, or where the inputs or the visits are not those that
    the plan names by their hashes.
    """
    path = path / "plan.json" if path.is_dir() else path
    return plan_of_texts(_read_text(path), _read_text(path.with_name("visits.csv")), where=str(path))


def plan_of_texts(plan: str, visits: str, *, where: str) -> write_plan.PlanDocument:
    """The plan that these two texts hold."""
    try:
        model = _Plan.model_validate_json(plan)
        if hashlib.sha256(visits.encode()).hexdigest() != model.visits_sha256:
            raise InputError(
                f"visits.csv is not the one that {where} names by its SHA-256 {model.visits_sha256[:12]}…. "
                "It was altered, or belongs to another plan."
            )
        plan_document = model.document(_read_bursts(visits))
    except ValidationError as error:
        raise InputError(
            f"{where} is not a patrol plan (faults: {error.error_count()})",
            (
                tuple(
                    Fault(
                        ".".join(map(str, fault["loc"])) or "the file",
                        fault["msg"],
                        "use the file as becalm wrote it",
                    )
                    for fault in error.errors()[:20]
                )
            ),
        ) from error
    except (PlanError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{where} is not a patrol plan: {error}. Use the file as becalm wrote it."
        ) from error
    inputs_json = write_plan.inputs_object(
        plan_document.sealed_inputs, plan_document.distribution, crs=plan_document.crs
    )
    if write_plan.sha256_of_inputs(inputs_json) != model.inputs_sha256:
        raise InputError(
            f"The inputs in {where} are not those that its inputs_sha256 {model.inputs_sha256[:12]}… names. "
            "They were altered after the plan was made."
        )
    return plan_document


def _read_bursts(visits: str) -> tuple[Burst, ...]:
    visit_rows = csv.DictReader(io.StringIO(visits))
    if tuple(visit_rows.fieldnames or ()) != write_plan.VISIT_COLUMNS:
        raise InputError(
            f"visits.csv has the columns {', '.join(visit_rows.fieldnames or ('none',))}, "
            f"not {', '.join(write_plan.VISIT_COLUMNS)}. Use it as becalm wrote it."
        )
    return tuple(Burst(row["unit"], row["hotspot"], _span((row["start"], row["end"]))) for row in visit_rows)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}). Name the folder that `becalm patrol plan` wrote."
        ) from error

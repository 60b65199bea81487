"""The arms of a trial: read from arms.csv, and written with how they were drawn and with what power."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from becalm.formats.csv_rows import check_faultless, read_csv_rows
from becalm.patrol.core.plan_inputs import Arm, Dosage, PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.patrol.core.seal import Secret
from becalm.patrol.core.trial import ArmDraw, TrialPower
from becalm.render.spreadsheet import csv_text
from becalm.terms import Fault, InputError

ARMS = ("off", "low", "high")


def read_arms(path: Path) -> dict[tuple[str, date], Arm]:
    """The arm of each place on each day. Raises InputError with every fault of the file."""
    faults: list[Fault] = []
    arm_by_day: dict[tuple[str, date], Arm] = {}
    for where, row in read_csv_rows(path, ("hotspot", "day", "arm"), faults):
        row_faults = list(_faults(row, where, arm_by_day))
        faults += row_faults
        if not row_faults:
            arm_by_day[row["hotspot"], date.fromisoformat(row["day"])] = cast("Arm", row["arm"])
    check_faultless(path.name, faults)
    return arm_by_day


def _faults(row: Mapping[str, str], where: str, arms: Mapping[tuple[str, date], Arm]) -> Iterator[Fault]:
    if row["arm"] not in ARMS:
        yield Fault(where, f"{row['arm']!r} is not an arm", f"write one of {', '.join(ARMS)}")
    try:
        day = date.fromisoformat(row["day"])
    except (TypeError, ValueError):
        yield Fault(where, f"{row['day']!r} is not a date", "write it as 2026-03-02")
        return
    if (row["hotspot"], day) in arms:
        yield Fault(where, f"{row['hotspot']} has an arm on {day} already", "keep one of the two")


COLUMNS = ("hotspot", "day", "arm", "block", "cluster", "propensity")


def arms_csv(arm_draw: ArmDraw) -> str:
    """One row for each place and day."""
    arm_days = arm_draw.days
    arm_rows = ((r.hotspot, str(r.day), r.arm, r.block, r.cluster, f"{r.propensity:.6f}") for r in arm_days)
    return csv_text(COLUMNS, arm_rows)


PLACE_COLUMNS = ("hotspot", "area", "harm", "easting_m", "northing_m")


def trial_places_csv(places: Sequence[PatrolPlace]) -> str:
    """All that the draw knows of each place, to the last digit: from it the arms can be drawn again."""
    rows = (
        (p.hotspot, p.area, *(repr(float(n)) for n in (p.harm, p.easting_m, p.northing_m))) for p in places
    )
    return csv_text(PLACE_COLUMNS, rows)


def read_trial_places(path: Path) -> tuple[PatrolPlace, ...]:
    """The places of a trial, as far as its draw knows them. Raises InputError with every fault."""
    faults: list[Fault] = []
    places = []
    for where, row in read_csv_rows(path, PLACE_COLUMNS, faults):
        try:
            harm, easting_m, northing_m = (float(row[name]) for name in PLACE_COLUMNS[2:])
        except ValueError as error:
            faults.append(Fault(where, str(error), "use the file as becalm wrote it"))
            continue
        place = PatrolPlace(
            row["hotspot"], row["area"], easting_m, northing_m, 0.0, harm, Dosage(0.0, 0.0), ()
        )
        places.append(place)
    check_faultless(path.name, faults)
    return tuple(places)


class StatedPower(BaseModel):
    """What trial.json says of the trial's power, as far as it is read back."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    dispersion: float


class TrialSheet(BaseModel):
    """What trial.json says of the draw; the rest of it is for people."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rule: ArmRule
    key: str
    inputs_sha256: str
    arms_sha256: str
    power: StatedPower


def read_trial_sheet(path: Path) -> TrialSheet:
    """How the arms were drawn. Raises InputError where the file is none of becalm's."""
    try:
        return TrialSheet.model_validate_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        fault = Fault(path.name, "is not what `becalm patrol trial` writes", "name the folder that it wrote")
        raise InputError(f"{path} cannot be read as a trial", (fault,)) from error


@dataclass(frozen=True, slots=True)
class SealedArms:
    """The key that arms are drawn with, and how the ledger was bound to it before."""

    secret: Secret
    inputs_sha256: str
    version: str
    commitment: str


def arms_inputs_sha256(places: Sequence[PatrolPlace], rule: ArmRule, *, first: date, days: int) -> str:
    """The hash of all that arms are drawn from, except their key."""
    hashed_inputs = {
        "places": [
            [p.hotspot, p.area, float(p.harm), float(p.easting_m), float(p.northing_m)] for p in places
        ],
        "rule": {**asdict(rule), "arms": list(rule.arms)},
        "first_day": first.isoformat(),
        "days": days,
    }
    canonical_json = json.dumps(hashed_inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical_json.encode()).hexdigest()


def trial_json(
    arm_draw: ArmDraw, power: TrialPower, rule: ArmRule, sealed_arms: SealedArms, *, arms_sha256: str
) -> str:
    """All that is needed to draw the same arms again, and to hold the trial to what was said before it."""
    trial_object: dict[str, Any] = {
        "format": "becalm patrol trial 1",
        "rule": {**asdict(rule), "arms": list(rule.arms)},
        "key": sealed_arms.secret.seed.hex(),
        "nonce": sealed_arms.secret.nonce.hex(),
        "inputs_sha256": sealed_arms.inputs_sha256,
        "version": sealed_arms.version,
        "commitment": sealed_arms.commitment,
        "clusters": arm_draw.clusters,
        "split_neighbours": arm_draw.split_neighbours,
        "power": power_object(power),
        "notes": list(arm_draw.notes),
        "arms_sha256": arms_sha256,
    }
    return json.dumps(trial_object, ensure_ascii=False, indent=2) + "\n"


def power_object(power: TrialPower) -> dict[str, Any]:
    """The stated power, with few digits."""
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(power).items()}

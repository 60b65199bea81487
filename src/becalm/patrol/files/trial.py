"""The arms of a trial as CSV, and what was drawn, how and with what power as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from becalm.patrol.core.arms import ArmDraw
from becalm.patrol.core.commitment import Secret
from becalm.patrol.core.nouns import PatrolPlace
from becalm.patrol.core.policy import ArmRule
from becalm.patrol.core.power import Power
from becalm.render.spreadsheet import csv_text

COLUMNS = ("hotspot", "day", "arm", "block", "cluster", "propensity")


def arms_csv(draw: ArmDraw) -> str:
    """One row for each place and day."""
    rows = (
        (r.hotspot, r.day.isoformat(), r.arm, r.block, r.cluster, f"{r.propensity:.6f}") for r in draw.days
    )
    return csv_text(COLUMNS, rows)


@dataclass(frozen=True, slots=True)
class SealedArms:
    """The key that arms are drawn with, and how the ledger was bound to it before."""

    secret: Secret
    inputs_sha256: str
    version: str
    commitment: str


def arms_inputs_sha256(places: Sequence[PatrolPlace], rule: ArmRule, *, first: date, days: int) -> str:
    """The hash of all that arms are drawn from, except their key."""
    whole = {
        "places": [
            [p.hotspot, p.area, float(p.harm), float(p.easting_m), float(p.northing_m)] for p in places
        ],
        "rule": {**asdict(rule), "arms": list(rule.arms)},
        "first_day": first.isoformat(),
        "days": days,
    }
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def trial_json(draw: ArmDraw, power: Power, rule: ArmRule, sealed: SealedArms, *, arms_sha256: str) -> str:
    """All that is needed to draw the same arms again, and to hold the trial to what was said before it."""
    whole: dict[str, Any] = {
        "format": "becalm patrol trial 1",
        "rule": {**asdict(rule), "arms": list(rule.arms)},
        "key": sealed.secret.seed.hex(),
        "nonce": sealed.secret.nonce.hex(),
        "inputs_sha256": sealed.inputs_sha256,
        "version": sealed.version,
        "commitment": sealed.commitment,
        "clusters": draw.clusters,
        "split_neighbours": draw.split_neighbours,
        "power": power_object(power),
        "notes": list(draw.notes),
        "arms_sha256": arms_sha256,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def power_object(power: Power) -> dict[str, Any]:
    """The stated power, with few digits."""
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(power).items()}

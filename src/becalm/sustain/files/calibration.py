"""Thresholds as a workspace keeps them: with their seed, what they were made of, and everything they hold."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from becalm.formats.durable_files import write_durably
from becalm.formats.json_text import json_text
from becalm.sustain.core.delays import Placebo
from becalm.sustain.core.run_watch import Calibration
from becalm.sustain.core.thresholds import Threshold
from becalm.sustain.core.watch import Delay
from becalm.terms import WorkspaceError

FOLDER = "sustain"


def calibration_path(workspace: Path, inputs_sha256: str) -> Path:
    """Where the thresholds made of these inputs are kept."""
    return workspace / FOLDER / f"thresholds-{inputs_sha256[:16]}.json"


def write_calibration(workspace: Path, calibration: Calibration) -> Path:
    """Keep the thresholds; the folder is made if it is missing."""
    path = calibration_path(workspace, calibration.inputs_sha256)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, json_text(calibration_object(calibration)))
    return path


def read_calibration(workspace: Path, inputs_sha256: str) -> Calibration | None:
    """The thresholds that were made of these inputs, or None.

    Raises WorkspaceError where the file was altered by hand and can no longer be read.
    """
    path = calibration_path(workspace, inputs_sha256)
    if not path.is_file():
        return None
    try:
        calibration = parse_calibration(json.loads(path.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            f"{path} cannot be read ({error}). Remove it, and run the command again."
        ) from error
    return calibration if calibration.inputs_sha256 == inputs_sha256 else None


def calibration_object(calibration: Calibration) -> dict[str, Any]:
    """All that a calibration holds, as JSON."""
    return {
        "seed": calibration.seed,
        "inputs_sha256": calibration.inputs_sha256,
        "thresholds": {
            name: [[t.value, t.usual] for t in rows] for name, rows in sorted(calibration.thresholds.items())
        },
        "delays": {name: [[d.full, d.half] for d in ds] for name, ds in sorted(calibration.delays.items())},
        "placebo": asdict(calibration.placebo),
    }


def calibration_text(calibration: Calibration) -> str:
    """The same on one line, as a run record holds it."""
    return json.dumps(calibration_object(calibration), separators=(",", ":"))


def parse_calibration(record: Mapping[str, Any]) -> Calibration:
    """A calibration from what `calibration_object` made of it."""
    return Calibration(
        seed=int(record["seed"]),
        inputs_sha256=str(record["inputs_sha256"]),
        thresholds={
            name: tuple(Threshold(float(value), float(usual)) for value, usual in rows)
            for name, rows in record["thresholds"].items()
        },
        delays={
            name: tuple(Delay(full, half) for full, half in delays)
            for name, delays in record["delays"].items()
        },
        placebo=Placebo(**{name: float(value) for name, value in record["placebo"].items()}),
    )

"""The run record as a file: run.json, from which a run is repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from becalm.terms import Fault, ParameterValue, ReplayError, RunRecord

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class RunEntry(BaseModel):
    """run.json."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    question: str
    version: str
    seed: int
    made_at: AwareDatetime
    as_of: date | None
    parameters: dict[str, ParameterValue]
    data: dict[str, Sha256]


def record_json(run: RunRecord) -> str:
    """The record as text, the same bytes for the same record."""
    entry = {
        "question": run.question,
        "version": run.version,
        "seed": run.seed,
        "made_at": run.made_at.isoformat(),
        "as_of": run.as_of.isoformat() if run.as_of else None,
        "parameters": dict(run.parameters),
        "data": dict(sorted(run.data.items())),
    }
    return json.dumps(entry, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_record(path: Path) -> RunRecord:
    """Read a run.json.

    Raises ReplayError where there is no such file or it is not a run record, with everything that is wrong in
    it.
    """
    try:
        entry = RunEntry.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise ReplayError(
            f"{path} cannot be read ({error.strerror}). Name the run.json of a briefing."
        ) from error
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path} is not text. Name the run.json of a briefing.") from error
    except ValidationError as error:
        raise ReplayError(
            f"{path} is not a run record: {error.error_count()} faults", _faults(error)
        ) from error
    return RunRecord(
        question=entry.question,
        version=entry.version,
        seed=entry.seed,
        made_at=datetime.fromisoformat(entry.made_at.isoformat()),
        as_of=entry.as_of,
        parameters=entry.parameters,
        data=entry.data,
    )


def _faults(error: ValidationError) -> tuple[Fault, ...]:
    return tuple(
        Fault(".".join(map(str, e["loc"])) or "the file", e["msg"], "use the file as becalm wrote it")
        for e in error.errors()
    )


def data_digest(data: Mapping[str, str]) -> str:
    """One hash for all files that were read: that of the sorted lines `sha256  path`."""
    lines = "".join(f"{sha}  {path}\n" for path, sha in sorted(data.items()))
    return hashlib.sha256(lines.encode()).hexdigest()

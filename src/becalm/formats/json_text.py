"""The JSON that becalm writes and reads back: answers, requests, and the run record of a run to repeat."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from becalm.terms import Fault, ParameterValue, ReplayError, Request, RunRecord, UsageError


def json_text(value: object) -> str:
    """A value as JSON for people and programs; what JSON has no word for becomes its text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


RequestT = TypeVar("RequestT", bound=Request)


def request_schema(request: type[Request]) -> dict[str, Any]:
    """The JSON schema of a request: every field with its type, unit, bounds, default and help."""
    json_schema = TypeAdapter(request).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema}


def read_request(request: type[RequestT], values: Mapping[str, object]) -> RequestT:
    """A request from JSON, as a run record or another program holds it; UsageError names each fault."""
    try:
        return TypeAdapter(request).validate_python(dict(values))
    except ValidationError as error:
        entry_faults = tuple(
            Fault(str(e["loc"][-1]) if e["loc"] else "request", e["msg"], "correct this entry")
            for e in error.errors()
        )
        raise UsageError(f"This is no request of the kind {request.__name__}", entry_faults) from error


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
    run_entry = {
        "question": run.question,
        "version": run.version,
        "seed": run.seed,
        "made_at": run.made_at.isoformat(),
        "as_of": run.as_of.isoformat() if run.as_of else None,
        "parameters": dict(run.parameters),
        "data": dict(sorted(run.data.items())),
    }
    return json.dumps(run_entry, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_record(path: Path) -> RunRecord:
    """Read a run.json.

    Raises ReplayError where there is no such file or it is not a run record, with everything that is wrong in
    it.
    """
    try:
        run_entry = RunEntry.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise ReplayError(
            f"{path} cannot be read ({error.strerror}). Name a run.json that becalm wrote."
        ) from error
    except UnicodeDecodeError as error:
        raise ReplayError(f"{path} is not text. Name a run.json that becalm wrote.") from error
    except ValidationError as error:
        faults = tuple(
            Fault(".".join(map(str, e["loc"])) or "the file", e["msg"], "use the file as becalm wrote it")
            for e in error.errors()
        )
        raise ReplayError(f"{path} is not a run record: {error.error_count()} faults", faults) from error
    made_at = datetime.fromisoformat(run_entry.made_at.isoformat())  # with a zone that pickles and compares
    return RunRecord(**{**dict(run_entry), "made_at": made_at})


def data_digest(data: Mapping[str, str]) -> str:
    """One hash for all files that were read: that of the sorted lines `sha256  path`."""
    digest_lines = "".join(f"{file_sha256}  {file_path}\n" for file_path, file_sha256 in sorted(data.items()))
    return hashlib.sha256(digest_lines.encode()).hexdigest()

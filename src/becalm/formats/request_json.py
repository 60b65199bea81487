"""A request as JSON: its schema, and reading one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from becalm.terms import Fault, Request, UsageError

RequestT = TypeVar("RequestT", bound=Request)


def request_schema(request: type[Request]) -> dict[str, Any]:
    """The JSON schema of a request: every field with its type, unit, bounds, default and help."""
    schema = TypeAdapter(request).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def read_request(request: type[RequestT], values: Mapping[str, object]) -> RequestT:
    """A request from JSON, as a run record or another program holds it; UsageError names each fault."""
    try:
        return TypeAdapter(request).validate_python(dict(values))
    except ValidationError as error:
        faults = tuple(
            Fault(str(e["loc"][-1]) if e["loc"] else "request", e["msg"], "correct this entry")
            for e in error.errors()
        )
        raise UsageError(f"This is no request of the kind {request.__name__}", faults) from error

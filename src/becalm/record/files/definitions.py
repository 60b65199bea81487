"""Published definitions as reviewed data: what counts as an arrest from dedicated activity."""

from __future__ import annotations

import hashlib
from datetime import date
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from becalm.record.core.arrest import ArrestDefinition
from becalm.terms import WorkspaceError
from becalm.workspace.recipes import Source, Strict, check_recipe

SHIPPED = "dedicated_arrests.toml"


class CountsPart(Strict):
    """The [counts] table."""

    activities: tuple[str, ...] = Field(min_length=1)
    other_activities: tuple[str, ...] = ()
    unit_kinds: tuple[str, ...] = ()
    within_burst: bool = False
    around_minutes: int = Field(default=0, ge=0)
    around_m: int = Field(default=0, ge=0)


class DefinitionFile(Strict):
    """A whole definition."""

    key: str = Field(min_length=1)
    version: str = Field(min_length=1)
    title: str = Field(min_length=1)
    author: str = Field(min_length=1)
    reviewed_on: date
    evidence: str = Field(min_length=1)
    counts: CountsPart


def load_definition(own: Path | None = None, *, named: Path | None = None) -> ArrestDefinition:
    """The definition in the file that was named, else in the user's folder `own`, else the shipped one.

    Raises WorkspaceError with every fault of the file.
    """
    source = _source(own, named)
    entry, faults = check_recipe(source, DefinitionFile)
    if entry is None:
        raise WorkspaceError(f"The definition {source.name} has {len(faults)} faults", faults)
    return ArrestDefinition(
        key=entry.key,
        version=entry.version,
        title=entry.title,
        author=entry.author,
        reviewed_on=entry.reviewed_on,
        evidence=entry.evidence.strip(),
        sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        **entry.counts.model_dump(),
    )


def _source(own: Path | None, named: Path | None) -> Source:
    if named is not None:
        return named
    if own is not None and (own / SHIPPED).is_file():
        return own / SHIPPED
    return files("becalm.record.files") / "rules" / SHIPPED

"""Published definitions as reviewed data: what counts as an arrest from dedicated activity."""

import hashlib
from datetime import date
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from becalm.record.core.arrests import ArrestDefinition
from becalm.terms import WorkspaceError
from becalm.workspace.reviewed_toml import Strict, check_recipe

SHIPPED_FILE = "dedicated_arrests.toml"


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


def load_definition(own_folder: Path | None = None, *, file: Path | None = None) -> ArrestDefinition:
    """The definition in the file that was named, else in the user's folder, else the shipped one.

    Raises WorkspaceError with every fault of the file.
    """
    own_file = own_folder / SHIPPED_FILE if own_folder is not None else None
    shipped_file = files("becalm.record.files") / "rules" / SHIPPED_FILE
    definition_source = file or (own_file if own_file is not None and own_file.is_file() else shipped_file)
    recipe, faults = check_recipe(definition_source, DefinitionFile)
    if recipe is None:
        raise WorkspaceError(f"The definition {definition_source.name} has {len(faults)} faults", faults)
    return ArrestDefinition(
        **recipe.model_dump(exclude={"counts", "evidence"}),
        evidence=recipe.evidence.strip(),
        sha256=hashlib.sha256(definition_source.read_bytes()).hexdigest(),
        **recipe.counts.model_dump(),
    )

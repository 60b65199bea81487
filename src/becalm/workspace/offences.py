"""Offence tables: which words of a source fall into which group. Reviewed data, never code."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from becalm.terms import Fault, FoundBy, OffenceGroup, OffenceTable, WorkspaceError, plain_word
from becalm.workspace.recipes import Strict, check_recipe, recipe_files

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class GroupEntry(Strict):
    """One [[groups]] entry: a group and the words that fall into it."""

    key: Key
    label: str
    street_violence: bool = False
    found_by: FoundBy = "victim"
    in_total: bool = True
    why_not_in_total: str = ""
    shares_places: bool = False
    words: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _says_why(self) -> GroupEntry:
        if self.in_total == bool(self.why_not_in_total):
            raise ValueError("why_not_in_total must be given exactly where in_total is false")
        return self


class TableFile(Strict):
    """A whole offence table."""

    key: Key
    version: str
    author: str
    reviewed_on: date
    origin: str
    groups: tuple[GroupEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_group_per_word(self) -> TableFile:
        words = Counter(plain_word(w) for g in self.groups for w in g.words)
        keys = Counter(g.key for g in self.groups)
        twice = [w for w, n in words.items() if n > 1] + [k for k, n in keys.items() if n > 1]
        if twice:
            raise ValueError(f"given twice: {', '.join(map(repr, twice))}; keep each word and key once")
        return self

    def table(self) -> OffenceTable:
        """The table as a term."""
        groups = tuple(
            OffenceGroup(
                g.key, g.label, g.street_violence, g.found_by, g.in_total, g.why_not_in_total, g.shares_places
            )
            for g in self.groups
        )
        words = tuple((w, g.key) for g in self.groups for w in g.words)
        return OffenceTable(self.key, self.version, self.author, self.reviewed_on, self.origin, groups, words)


def load_offences(workspace_offences: Path | None) -> Mapping[str, OffenceTable]:
    """Which offence tables are there? The workspace's own take the place of shipped ones of the same key.

    Raises WorkspaceError with every fault of every table together.
    """
    tables: dict[str, OffenceTable] = {}
    faults: list[Fault] = []
    for source in recipe_files("becalm.workspace", "offence_tables", workspace_offences):
        entry, wrong = check_recipe(source, TableFile)
        faults += wrong
        if entry is not None:
            tables.setdefault(entry.key, entry.table())
    if faults:
        raise WorkspaceError(f"The offence tables have {len(faults)} faults", tuple(faults))
    return tables


def offence_table_sha256(table: OffenceTable) -> str:
    """The hash of all that a table decides, for the recipe that a file was read with."""
    return hashlib.sha256(json.dumps(asdict(table), default=str, sort_keys=True).encode()).hexdigest()

"""Offence tables: which words of a source fall into which group, read from reviewed TOML."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from becalm.terms import Fault, OffenceGroup, OffenceTable, WorkspaceError, plain_word
from becalm.workspace.reviewed_toml import Key, Strict, check_recipe, recipe_files


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class GroupEntry(OffenceGroup):
    """One [[groups]] entry: a group and the words that fall into it."""

    key: Key
    words: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
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
    def _one_group_per_word(self) -> Self:
        count_by_word = Counter(plain_word(w) for g in self.groups for w in g.words)
        count_by_key = Counter(g.key for g in self.groups)
        repeated_keys = [w for w, n in count_by_word.items() if n > 1] + [
            k for k, n in count_by_key.items() if n > 1
        ]
        if repeated_keys:
            raise ValueError(
                f"given twice: {', '.join(map(repr, repeated_keys))}; keep each word and key once"
            )
        return self

    def table(self) -> OffenceTable:
        """The table as a term."""
        field_names = [field.name for field in fields(OffenceGroup)]
        offence_groups = tuple(OffenceGroup(*(getattr(g, name) for name in field_names)) for g in self.groups)
        word_pairs = tuple((w, g.key) for g in self.groups for w in g.words)
        return OffenceTable(
            self.key, self.version, self.author, self.reviewed_on, self.origin, offence_groups, word_pairs
        )


def load_offences(workspace_offences: Path | None) -> Mapping[str, OffenceTable]:
    """Which offence tables are there? The workspace's own take the place of shipped ones of the same key.

    Raises WorkspaceError with every fault of every table together.
    """
    table_by_name: dict[str, OffenceTable] = {}
    table_faults: list[Fault] = []
    for table_source in recipe_files("becalm.workspace", "offence_tables", workspace_offences):
        table_file, source_faults = check_recipe(table_source, TableFile)
        table_faults += source_faults
        if table_file is not None:
            table_by_name.setdefault(table_file.key, table_file.table())
    if table_faults:
        raise WorkspaceError(f"The offence tables have {len(table_faults)} faults", tuple(table_faults))
    return table_by_name


def offence_table_sha256(table: OffenceTable) -> str:
    """The hash of all that a table decides, for the recipe that a file was read with."""
    return hashlib.sha256(json.dumps(asdict(table), default=str, sort_keys=True).encode()).hexdigest()

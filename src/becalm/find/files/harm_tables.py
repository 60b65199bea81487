"""Harm weights of offence groups as reviewed data: one file weighs the groups of one offence table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import Field, model_validator

from becalm import terms
from becalm.workspace.reviewed_toml import Strict, check_recipe, recipe_files, suggest


class WeightEntry(Strict):
    """One [[weights]] entry."""

    code: str = Field(pattern=r"^[0-9]+(\.[0-9]+)?[A-Z]?$")
    label: str
    weight: float = Field(ge=0, allow_inf_nan=False)


class WeightFile(Strict):
    """A whole table of harm weights."""

    key: str
    edition: str
    unit: str
    author: str
    reviewed_on: date
    origin: str
    weights: tuple[WeightEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_weight_per_class(self) -> WeightFile:
        class_codes = [w.code for w in self.weights]
        repeated_codes = sorted({c for c in class_codes if class_codes.count(c) > 1})
        if repeated_codes:
            raise ValueError(f"weighed twice: {', '.join(repeated_codes)}; keep one weight for each class")
        return self

    def index(self) -> terms.HarmIndex:
        """The index as a term."""
        harm_weights = tuple(terms.HarmWeight(w.code, w.label, w.weight) for w in self.weights)
        return terms.HarmIndex(
            self.key, self.edition, self.unit, self.author, self.reviewed_on, self.origin, harm_weights
        )


def load_harm_index(key: str, edition: str, *, own_folder: Path | None = None) -> terms.HarmIndex:
    """The harm weights of this index in this edition; the user's folder `own_folder` is looked into first.

    Raises QuestionError where there is no such edition: another edition never replaces it.
    """
    index_by_edition: dict[tuple[str, str], terms.HarmIndex] = {}
    faults: list[terms.Fault] = []
    for recipe_file in recipe_files("becalm.find.files", "harm_weights", own_folder):
        weight_file, file_faults = check_recipe(recipe_file, WeightFile)
        faults += file_faults
        if weight_file is not None:
            index_by_edition.setdefault((weight_file.key, weight_file.edition), weight_file.index())
    if faults:
        raise terms.WorkspaceError(f"The harm weights have {len(faults)} faults", tuple(faults))
    if (key, edition) not in index_by_edition:
        edition_list_text = ", ".join(" ".join(name_parts) for name_parts in sorted(index_by_edition))
        raise terms.QuestionError(
            f"There are no weights {key} {edition}; there are: {edition_list_text}. Name one of these."
        )
    return index_by_edition[key, edition]


INDEX_FOLDER = "index"


class GroupEntry(Strict):
    """One [[groups]] entry: a weight of its own, or classes of the index with their shares of the group."""

    group: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    weight: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    classes: dict[str, float] = Field(default_factory=dict)
    evidence: str = Field(min_length=1)

    @model_validator(mode="after")
    def _weighs_once(self) -> GroupEntry:
        if (self.weight is None) == (not self.classes):
            raise ValueError("give either a weight or classes of the index with their shares")
        if self.classes and not math.isclose(sum(self.classes.values()), 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of its classes sum to {sum(self.classes.values()):g}, not 1")
        if any(share < 0 for share in self.classes.values()):
            raise ValueError("a class has a share below 0")
        return self


class GroupWeightFile(Strict):
    """A whole table of harm weights for offence groups."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str
    index: str
    edition: str
    unit: str = ""
    author: str = Field(min_length=1)
    reviewed_on: date
    origin: str = Field(min_length=1)
    groups: tuple[GroupEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_weight_per_group(self) -> GroupWeightFile:
        repeated_groups = sorted(g for g, n in Counter(entry.group for entry in self.groups).items() if n > 1)
        if repeated_groups:
            raise ValueError(f"weighed twice: {', '.join(repeated_groups)}; keep one weight for each group")
        if not self.unit and not any(entry.classes for entry in self.groups):
            raise ValueError("unit is missing: say what one unit of weight means")
        return self

    def table(self, index: terms.HarmIndex | None) -> terms.GroupWeights:
        """The table as a term; classes take the weights of the index."""
        return terms.GroupWeights(
            key=self.key,
            version=self.version,
            index=self.index,
            edition=self.edition,
            unit=self.unit or (index.unit if index else ""),
            author=self.author,
            reviewed_on=self.reviewed_on,
            origin=self.origin,
            weights=tuple(
                terms.GroupWeight(g.group, _weigh_group(g, index), g.evidence) for g in self.groups
            ),
        )


def read_group_weights(file: Path, *, own_index: Path | None = None) -> terms.GroupWeights:
    """The harm weights in this file, which a force wrote and reviewed.

    Raises WorkspaceError with everything that is wrong with it.
    """
    weight_file, faults = check_recipe(file, GroupWeightFile)
    if weight_file is None:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise terms.WorkspaceError(f"The harm weights in {file.name} have {len(faults)} {fault_noun}", faults)
    return _with_index(weight_file, own_index)


def load_group_weights(own_folder: Path | None = None) -> tuple[terms.GroupWeights, ...]:
    """All tables of harm weights for groups; the folder `own_folder` is looked into first, and its keys win.

    Indices of harm of the user's own lie in its folder `index`.

    Raises WorkspaceError with every fault of every table together.
    """
    file_by_key: dict[str, GroupWeightFile] = {}
    faults: list[terms.Fault] = []
    for recipe_path in recipe_files("becalm.find.files", "group_weight_tables", own_folder):
        weight_file, file_faults = check_recipe(recipe_path, GroupWeightFile)
        faults += file_faults
        if weight_file is not None:
            file_by_key.setdefault(weight_file.key, weight_file)
    if faults:
        raise terms.WorkspaceError(f"The harm weights have {len(faults)} faults", tuple(faults))
    return tuple(
        _with_index(weight_file, own_folder and own_folder / INDEX_FOLDER)
        for weight_file in file_by_key.values()
    )


def choose_group_weights(
    tables: Sequence[terms.GroupWeights], target: Sequence[str], *, source: str, name: str | None = None
) -> terms.GroupWeights:
    """Which table weighs the target of this source?

    The one of this `name`; else the one whose key begins the source's name; else the one that weighs the
    whole target, where all that do agree on every weight.

    Raises UsageError where none of that name exists, or tables differ and none is named; QuestionError where
    no table weighs the whole target.
    """
    table_by_key = {table.key: table for table in tables}
    if name is not None:
        if name not in table_by_key:
            hint_text = suggest(name, table_by_key) or f"there are {', '.join(sorted(table_by_key))}. "
            raise terms.UsageError(
                f"There are no harm weights {name!r}: {hint_text}Or name a file ending in .toml."
            )
        return table_by_key[name]
    tables_of_source = [table for table in tables if source.startswith(table.key)]
    if tables_of_source:
        return max(tables_of_source, key=lambda table: len(table.key))
    complete_tables = [table for table in tables if set(target) <= {weight.group for weight in table.weights}]
    if not complete_tables:
        group_names = sorted({weight.group for table in tables for weight in table.weights})
        raise terms.QuestionError(
            f"No table of harm weights weighs all of {', '.join(target)}. Weighed are "
            f"{', '.join(group_names)}. Name the target with `target`, or bring a reviewed table with "
            "`harm_weights`."
        )
    if len({tuple(w.weight for w in table.of(target)) for table in complete_tables}) > 1:
        raise terms.UsageError(
            f"{', '.join(table.key for table in complete_tables)} weigh {', '.join(target)} differently. "
            "Say which with `harm_weights`."
        )
    return min(complete_tables, key=lambda table: table.key)


def _with_index(weight_file: GroupWeightFile, own_index: Path | None) -> terms.GroupWeights:
    harm_index = None
    if any(group_entry.classes for group_entry in weight_file.groups):
        harm_index = load_harm_index(weight_file.index, weight_file.edition, own_folder=own_index)
        index_codes = {weight.code for weight in harm_index.weights}
        faults = [
            terms.Fault(
                f"{weight_file.key}: {group_entry.group}",
                f"{harm_index.key} {harm_index.edition} has no class {class_code!r}",
                "name a class that it weighs, or give a weight of your own",
            )
            for group_entry in weight_file.groups
            for class_code in group_entry.classes
            if class_code not in index_codes
        ]
        if faults:
            raise terms.WorkspaceError("The harm weights name classes that their index lacks", tuple(faults))
    return weight_file.table(harm_index)


def _weigh_group(entry: GroupEntry, index: terms.HarmIndex | None) -> float:
    if entry.weight is not None or index is None:
        return float(entry.weight or 0.0)
    return sum(share * index.harm(code).value for code, share in entry.classes.items())

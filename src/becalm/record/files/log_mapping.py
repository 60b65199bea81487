"""How the columns of a log become events: reviewed data in TOML, shipped or brought.

The words on the left are the facts of an event kind, the strings on the right the file's own columns.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from becalm.ledger import EventKind, EventKinds
from becalm.terms import Fault, InputError, UsageError
from becalm.workspace.reviewed_toml import Source, Strict, check_recipe, recipe_files, suggest

Column = Annotated[str, Field(min_length=1)]
PLACE_FACTS = ("place_easting_m", "place_northing_m")
SHIPPED_FOLDER = "log_mappings"


class TimePart(Strict):
    """The [occurred_at] table, and how every other time of the file is read."""

    column: Column
    formats: tuple[str, ...] = ()  # as of strptime; ISO 8601 is read without any
    zone: Literal["local", "UTC"] = "local"  # of times that carry no offset
    twice: Literal["refuse", "first", "second"] = "refuse"  # a local time that happened twice


class PlacePart(Strict):
    """The [place] table."""

    x: Column
    y: Column
    crs: str = ""  # the workspace's where it is left out


class MappingFile(Strict):
    """A whole mapping of a log, as its file says it."""

    name: str
    version: str
    author: str
    reviewed_on: date
    origin: str
    kind: str
    occurred_at: TimePart
    place: PlacePart | None = None
    facts: Mapping[str, Column]
    optional: Mapping[str, Column] = Field(default_factory=dict)
    constants: Mapping[str, str] = Field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the file must have."""
        place_columns = (self.place.x, self.place.y) if self.place else ()
        return tuple(dict.fromkeys((self.occurred_at.column, *place_columns, *self.facts.values())))


@dataclass(frozen=True, slots=True)
class LogMapping:
    """A checked mapping, the kind of event that it makes, and the hash of the file that it came from."""

    recipe: MappingFile
    kind: EventKind
    sha256: str

    @property
    def label(self) -> str:
        """Its name and version."""
        return f"{self.recipe.name} {self.recipe.version}"

    def missing_columns(self, header: Sequence[str]) -> list[str]:
        """The columns that it needs and that a file with this header has not."""
        return [column for column in self.recipe.columns if column not in header]


def importable_kinds(kinds: EventKinds) -> Mapping[str, EventKind]:
    """The newest version of every kind that a log may be imported as: those that can be corrected."""
    kinds_for_logs = [kind for kind in kinds.kinds if kind.corrects == "may" and not kind.about_person]
    return {kind.name: kinds.versions(kind.name)[-1] for kind in kinds_for_logs}


def resolve_kind_name(word: str, kinds: EventKinds) -> str:
    """The kind that a short word means.

    >>> kinds = EventKinds((EventKind("arrest_made", "Somebody was arrested.", (), corrects="may"),))
    >>> resolve_kind_name("arrest", kinds), resolve_kind_name("arrest_made", kinds)
    ('arrest_made', 'arrest_made')
    """
    kind_by_name = importable_kinds(kinds)
    for kind_name in (word, f"{word}_made", f"{word}_done"):
        if kind_name in kind_by_name:
            return kind_name
    hint_text = suggest(word, kind_by_name)
    raise UsageError(
        f"No log can be imported as {word!r}. {hint_text.capitalize()}Name one of {', '.join(kind_by_name)}."
    )


def choose_mapping(
    kind: str,
    header: Sequence[str],
    *,
    kinds: EventKinds,
    file: str,
    mapping: Path | None = None,
    own_mappings: Path | None = None,
) -> LogMapping:
    """The mapping that was named, else the one whose columns the file has (the user's own first).

    Raises InputError where a mapping is faulty, or none fits.
    """
    mapping_sources = (
        (mapping,)
        if mapping is not None
        else recipe_files("becalm.record.files", SHIPPED_FOLDER, own_mappings)
    )
    log_mappings = [_read_mapping(source, kinds) for source in mapping_sources]
    mappings_of_kind = [candidate for candidate in log_mappings if candidate.kind.name == kind]
    if not mappings_of_kind:
        remedy = (
            "name one of its own with `mapping`"
            if mapping is None
            else f"give `kind {log_mappings[0].kind.name}`"
        )
        fault = Fault("mapping", f"there is none for {kind}", remedy)
        raise InputError(f"{file} cannot be imported", (fault,))
    nearest_mapping = min(mappings_of_kind, key=lambda candidate: len(candidate.missing_columns(header)))
    _check_columns(nearest_mapping, header, file)
    return nearest_mapping


def _read_mapping(source: Source, kinds: EventKinds) -> LogMapping:
    recipe, faults = check_recipe(source, MappingFile)
    event_kind = importable_kinds(kinds).get(recipe.kind) if recipe is not None else None
    if recipe is not None and (problem_text := _describe_kind_problem(recipe, event_kind, kinds)):
        faults = (Fault(f"{source.name}: the file", problem_text, "correct this entry"),)
    if recipe is None or event_kind is None or faults:
        raise InputError(f"The mapping {source.name} has {len(faults)} faults; nothing was imported", faults)
    return LogMapping(recipe, event_kind, hashlib.sha256(source.read_bytes()).hexdigest())


def _describe_kind_problem(recipe: MappingFile, kind: EventKind | None, kinds: EventKinds) -> str:
    """What the mapping says of its kind of event that is not so; empty where all is."""
    if kind is None:
        return f"kind {recipe.kind!r} is unknown; {suggest(recipe.kind, importable_kinds(kinds))}"
    fact_names = [*recipe.facts, *recipe.optional, *recipe.constants, *(PLACE_FACTS if recipe.place else ())]
    names_and_problems = (
        ([fact_name for fact_name in fact_names if fact_name not in kind.field_by_name], "are not facts of"),
        (
            [fact.name for fact in kind.fields if fact.is_needed and fact.name not in fact_names],
            "are missing, and required by",
        ),
        (sorted({name for name in fact_names if fact_names.count(name) > 1}), "are repeated in"),
    )
    return next(
        (f"{', '.join(wrong)} {relation} {recipe.kind}" for wrong, relation in names_and_problems if wrong),
        "",
    )


def _check_columns(mapping: LogMapping, header: Sequence[str], file: str) -> None:
    column_list_text = ", ".join(header)[:300] or "none"
    faults = tuple(
        Fault(
            "line 1",
            f'column "{column}" not found',
            f"{suggest(column, header)}the columns are {column_list_text}; rename it, or give `mapping`",
        )
        for column in mapping.missing_columns(header)
    )
    if faults:
        raise InputError(
            f"{file} does not fit the mapping {mapping.recipe.name}: {len(faults)} columns are missing; "
            "nothing was imported",
            faults,
        )

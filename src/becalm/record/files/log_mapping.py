"""How the columns of a log become events: reviewed data in TOML, shipped or brought.

The words on the left are the facts of an event kind, the strings on the right the file's own columns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from becalm.ledger.event_kinds import EventKind, EventKinds
from becalm.terms import Fault, InputError, UsageError
from becalm.workspace.recipes import Source, Strict, check_recipe, recipe_files, suggest

Column = Annotated[str, Field(min_length=1)]
PLACED = ("place_easting_m", "place_northing_m")
SHIPPED = "log_mappings"


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


class LogMapping(Strict):
    """A whole mapping of a log."""

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
        place = (self.place.x, self.place.y) if self.place else ()
        return tuple(dict.fromkeys((self.occurred_at.column, *place, *self.facts.values())))


@dataclass(frozen=True, slots=True)
class ChosenMapping:
    """A checked mapping, with the hash of the file that it came from."""

    mapping: LogMapping
    kind: EventKind
    sha256: str


def importable_kinds(kinds: EventKinds) -> Mapping[str, EventKind]:
    """The newest version of every kind that a log may be imported as: those that can be corrected."""
    importable = [kind for kind in kinds.kinds if kind.corrects == "may" and not kind.about_person]
    return {kind.name: kinds.versions(kind.name)[-1] for kind in importable}


def resolve_kind_name(word: str, kinds: EventKinds) -> str:
    """The kind that a short word means.

    >>> kinds = EventKinds((EventKind("arrest_made", "Somebody was arrested.", (), corrects="may"),))
    >>> resolve_kind_name("arrest", kinds), resolve_kind_name("arrest_made", kinds)
    ('arrest_made', 'arrest_made')
    """
    names = importable_kinds(kinds)
    for name in (word, f"{word}_made", f"{word}_done"):
        if name in names:
            return name
    hint = suggest(word, names)
    raise UsageError(
        f"No log can be imported as {word!r}. {hint.capitalize()}Name one of {', '.join(names)}."
    )


def choose_mapping(
    kind: str,
    header: Sequence[str],
    *,
    kinds: EventKinds,
    file: str,
    named: Path | None = None,
    own: Path | None = None,
) -> ChosenMapping:
    """The mapping that was named, else the one whose columns the file has (the user's own first).

    Raises InputError where a mapping is faulty, or none fits.
    """
    sources = (named,) if named is not None else recipe_files("becalm.record.files", SHIPPED, own)
    mappings = [_read_mapping(source, kinds) for source in sources]
    of_kind = [chosen for chosen in mappings if chosen.mapping.kind == kind]
    if not of_kind:
        remedy = (
            "name one of its own with --mapping"
            if named is None
            else f"give --kind {mappings[0].mapping.kind}"
        )
        raise InputError(
            f"{file} cannot be imported", (Fault("mapping", f"there is none for {kind}", remedy),)
        )
    fitting = [chosen for chosen in of_kind if not _lacking(chosen, header)]
    if not fitting:
        raise _unlike(file, min(of_kind, key=lambda chosen: len(_lacking(chosen, header))), header)
    return fitting[0]


def _read_mapping(source: Source, kinds: EventKinds) -> ChosenMapping:
    mapping, faults = check_recipe(source, LogMapping)
    kind = importable_kinds(kinds).get(mapping.kind) if mapping is not None else None
    if mapping is not None and (problem := _kind_problem(mapping, kind, kinds)):
        faults = (Fault(f"{source.name}: the file", problem, "correct this entry"),)
    if mapping is None or kind is None or faults:
        raise InputError(f"The mapping {source.name} has {len(faults)} faults; nothing was imported", faults)
    return ChosenMapping(mapping, kind, hashlib.sha256(source.read_bytes()).hexdigest())


def _kind_problem(mapping: LogMapping, kind: EventKind | None, kinds: EventKinds) -> str:
    """What the mapping says of its kind of event that is not so; empty where all is."""
    if kind is None:
        return f"kind {mapping.kind!r} is unknown; {suggest(mapping.kind, importable_kinds(kinds))}"
    names = [*mapping.facts, *mapping.optional, *mapping.constants, *(PLACED if mapping.place else ())]
    unknown = [name for name in names if name not in kind.field_by_name]
    missing = [fact.name for fact in kind.fields if fact.is_needed and fact.name not in names]
    repeated = sorted({name for name in names if names.count(name) > 1})
    problems = (
        (unknown, "are no facts of"),
        (missing, "are needed by"),
        (repeated, "come twice in"),
    )
    return next((f"{', '.join(wrong)} {what} {mapping.kind}" for wrong, what in problems if wrong), "")


def _lacking(chosen: ChosenMapping, header: Sequence[str]) -> list[str]:
    return [column for column in chosen.mapping.columns if column not in header]


def _unlike(file: str, nearest: ChosenMapping, header: Sequence[str]) -> InputError:
    listed = ", ".join(header)[:300] or "none"
    faults = tuple(
        Fault(
            "line 1",
            f'column "{column}" not found',
            f"{suggest(column, header)}the columns are {listed}; rename it, or give --mapping",
        )
        for column in _lacking(nearest, header)
    )
    return InputError(
        f"{file} does not fit the mapping {nearest.mapping.name}: {len(faults)} columns are missing; "
        "nothing was imported",
        faults,
    )

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

from pydantic import Field, model_validator

from becalm.ledger.event_schema import Kind
from becalm.ledger.kinds import ALL_KINDS
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

    @model_validator(mode="after")
    def _names_known_facts(self) -> LogMapping:
        kind = newest_kind(self.kind)
        if kind is None:
            raise ValueError(f"kind {self.kind!r} is unknown; {suggest(self.kind, kind_names())}")
        given = [*self.facts, *self.optional, *self.constants, *(PLACED if self.place else ())]
        unknown = [name for name in given if name not in kind.by_name]
        missing = [field.name for field in kind.fields if field.needed and field.name not in given]
        twice = sorted({name for name in given if given.count(name) > 1})
        for names, what in (
            (unknown, "are no facts of"),
            (missing, "are needed by"),
            (twice, "come twice in"),
        ):
            if names:
                raise ValueError(f"{', '.join(names)} {what} {self.kind}")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the file must have."""
        place = (self.place.x, self.place.y) if self.place else ()
        return tuple(dict.fromkeys((self.occurred_at.column, *place, *self.facts.values())))


@dataclass(frozen=True, slots=True)
class ChosenMapping:
    """A checked mapping, with the hash of the file that it came from."""

    mapping: LogMapping
    kind: Kind
    sha256: str


def kind_names() -> tuple[str, ...]:
    """Every kind that a log may be imported as: those that can be corrected."""
    return tuple(kind.name for kind in ALL_KINDS if kind.corrects == "may" and not kind.about_person)


def newest_kind(name: str) -> Kind | None:
    """The newest version of this kind, if a log may be imported as it."""
    if name not in kind_names():
        return None
    return max((kind for kind in ALL_KINDS if kind.name == name), key=lambda kind: kind.version)


def full_name(word: str) -> str:
    """The kind that a short word means.

    >>> full_name("arrest"), full_name("burst_done")
    ('arrest_made', 'burst_done')
    """
    for name in (word, f"{word}_made", f"{word}_done"):
        if name in kind_names():
            return name
    near = suggest(word, kind_names())
    raise UsageError(
        f"No log can be imported as {word!r}. {near.capitalize()}Name one of {', '.join(kind_names())}."
    )


def choose_mapping(
    kind: str, header: Sequence[str], *, file: str, named: Path | None = None, own: Path | None = None
) -> ChosenMapping:
    """The mapping that was named, else the one whose columns the file has (the user's own first).

    Raises InputError where a mapping is faulty, or none fits.
    """
    sources = (named,) if named is not None else recipe_files("becalm.record.files", SHIPPED, own)
    read = [_read(source) for source in sources]
    of_kind = [chosen for chosen in read if chosen.mapping.kind == kind]
    if not of_kind:
        remedy = (
            "name one of its own with --mapping" if named is None else f"give --kind {read[0].mapping.kind}"
        )
        raise InputError(
            f"{file} cannot be imported", (Fault("mapping", f"there is none for {kind}", remedy),)
        )
    fitting = [chosen for chosen in of_kind if not _lacking(chosen, header)]
    if not fitting:
        raise _unlike(file, min(of_kind, key=lambda chosen: len(_lacking(chosen, header))), header)
    return fitting[0]


def _read(source: Source) -> ChosenMapping:
    mapping, faults = check_recipe(source, LogMapping)
    kind = newest_kind(mapping.kind) if mapping is not None else None
    if mapping is None or kind is None:
        raise InputError(f"The mapping {source.name} has {len(faults)} faults; nothing was imported", faults)
    return ChosenMapping(mapping, kind, hashlib.sha256(source.read_bytes()).hexdigest())


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

"""A mapping: how one force's extract becomes our tables. Reviewed data in TOML, checked whole.

The words on the left are ours, the strings on the right are the file's own columns and words.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from becalm.workspace.offences import Key
from becalm.workspace.recipes import Strict, suggest

Column = Annotated[str, Field(min_length=1)]
Zone = Literal["local", "UTC", "offset"]
Precision = Literal["minute", "hour", "day", "month"]
Format = Literal["csv", "parquet", "xlsx"]


class WordMap(Strict):
    """A column whose words become ours: an exact word, else the first that is contained, else `otherwise`.

    Compared without regard to case and space. A word that is nowhere becomes unknown, and is named in a note.
    Several columns are joined by " / ".
    """

    column: Column | tuple[Column, ...]
    values: dict[str, str] = Field(default={})
    contains: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read."""
        return (self.column,) if isinstance(self.column, str) else self.column

    def answers(self) -> Iterator[str]:
        """Every word of ours that it may give."""
        yield from self.values.values()
        yield from (ours for _, ours in self.contains)
        yield from (self.otherwise,) if self.otherwise is not None else ()


class TimePart(Strict):
    """When it happened: `occurred_from` (with `occurred_to` for windows), or `month` where no day is known.

    `hour` names a column with the hour of the day, 0 to 23, beside a column of days. `zone` says how to
    read a time: by the city's own clock ("local"), as "UTC", or with the offset that it carries ("offset").
    Records at 00:00 exactly of the offence groups in `midnight_is_day` ("*" for all) keep only their day;
    with `full_hour_is_hour`, those at minute 0 keep only their hour.
    """

    occurred_from: Column | None = None
    occurred_to: Column | None = None
    hour: Column | None = None
    month: Column | None = None
    formats: tuple[str, ...] = ()
    zone: Zone = "local"
    precision: Precision = "minute"
    midnight_is_day: tuple[str, ...] = ()
    full_hour_is_hour: bool = False
    recorded_on: Column | None = None
    recorded_formats: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_one_way(self) -> TimePart:
        if (self.occurred_from is None) == (self.month is None):
            raise ValueError("give either occurred_from or month")
        if (self.month is not None) != (self.precision == "month"):
            raise ValueError('precision is "month" exactly where month is given')
        if self.hour is not None and (self.precision != "hour" or self.occurred_to is not None):
            raise ValueError('a column of hours goes with precision "hour" and without occurred_to')
        return self


class OffencePart(Strict):
    """Which offence. `columns` are joined by " / " into the source's words, or `always` stands for every row.

    `lookup` lists the columns to look up in the offence table, finest first (default: `columns` joined).
    `codes` says that they are offence codes, which Excel turns into dates; they are repaired where certain.
    """

    table: Key
    columns: tuple[Column, ...] = ()
    lookup: tuple[tuple[Column, ...], ...] = ()
    always: str = ""
    codes: bool = False

    @model_validator(mode="after")
    def _check_one_way(self) -> OffencePart:
        if bool(self.columns) == bool(self.always):
            raise ValueError("give either columns or always")
        return self


class PlacePart(Strict):
    """Where. Coordinates of any system; longitude and easting are x."""

    x: Column | None = None
    y: Column | None = None
    crs: str = "EPSG:4326"
    quality: Literal["exact", "block", "snap"] = "exact"
    borough: Column | None = None
    ward: Column | None = None
    lsoa: Column | None = None
    command_unit: Column | None = None

    @model_validator(mode="after")
    def _check_both(self) -> PlacePart:
        if (self.x is None) != (self.y is None):
            raise ValueError("give both x and y, or neither")
        return self


class AgePart(Strict):
    """The victim's age: a column of years, cut into bands that start at `edges`, or of bands already made."""

    column: Column
    kind: Literal["years", "band"] = "band"
    edges: tuple[int, ...] = (0, 10, 18, 25, 35, 45, 55, 65)


class StopPart(Strict):
    """The columns of a stop and search record."""

    kind: Column | None = None
    legislation: Column | None = None
    object_of_search: Column | None = None


class CountPart(Strict):
    """The columns of a table of published counts: one row is one area, month and offence."""

    count: Column
    area_kind: WordMap
    area_name: Column
    area_code: Column | None = None
    measure: WordMap


class Mapping(Strict):
    """A whole mapping. Open `doubts` keep it from being used."""

    name: Key
    version: str
    author: str
    reviewed_on: date | None = None
    origin: str = ""
    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_/-]*$")]
    city: Key | None = None
    table: Literal["incidents", "stops", "published_counts"] = "incidents"
    formats: tuple[Format, ...] = ("csv", "parquet", "xlsx")
    columns_exactly: tuple[Column, ...] = Field(min_length=1)
    id: Column | None = None
    repeats: Literal["keep", "reject"] = "keep"
    doubts: tuple[str, ...] = ()
    time: TimePart
    offence: OffencePart | None = None
    place: PlacePart = PlacePart()
    found_by: WordMap | None = None
    weapon: WordMap | None = None
    injury: WordMap | None = None
    victim_age: AgePart | None = None
    outcome: WordMap | Column | None = None
    stop: StopPart | None = None
    counts: CountPart | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> Mapping:
        faults = [*_part_faults(self), *_column_faults(self), *_word_faults(self)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def columns(self) -> tuple[str, ...]:
        """Every column of the file that the mapping uses."""
        time, place, stop, counts = self.time, self.place, self.stop, self.counts
        outcome = None if isinstance(self.outcome, WordMap) else self.outcome
        columns: list[str | None] = [self.id, outcome, self.victim_age.column if self.victim_age else None]
        for words in (self.found_by, self.weapon, self.injury, self.outcome):
            columns += words.columns if isinstance(words, WordMap) else ()
        columns += [time.occurred_from, time.occurred_to, time.hour, time.month, time.recorded_on]
        columns += [place.x, place.y, place.borough, place.ward, place.lsoa, place.command_unit]
        if self.offence:
            columns += [*self.offence.columns, *itertools.chain.from_iterable(self.offence.lookup)]
        if stop:
            columns += [stop.kind, stop.legislation, stop.object_of_search]
        if counts:
            columns += [counts.count, *counts.area_kind.columns, counts.area_name, counts.area_code]
            columns += counts.measure.columns
        return tuple(dict.fromkeys(column for column in columns if column is not None))


OUR_WORDS = {
    "found_by": ("victim", "police", "unknown"),
    "weapon": ("knife", "gun", "other", "none", "unknown"),
    "injury": ("true", "false", "unknown"),
}


def _part_faults(mapping: Mapping) -> Iterator[str]:
    if (mapping.offence is None) != (mapping.table == "stops"):
        yield "[offence] is needed for every table but stops"
    if (mapping.counts is None) == (mapping.table == "published_counts"):
        yield "[counts] is needed exactly for published_counts"
    if mapping.table == "published_counts" and mapping.time.month is None:
        yield "[time] of published_counts gives the month"


def _column_faults(mapping: Mapping) -> Iterator[str]:
    for column in mapping.columns():
        if column not in mapping.columns_exactly:
            suggestion = suggest(column, mapping.columns_exactly)
            yield f"column {column!r} is not among columns_exactly; {suggestion}correct one of the two"


def _word_faults(mapping: Mapping) -> Iterator[str]:
    for part, ours in OUR_WORDS.items():
        words: WordMap | None = getattr(mapping, part)
        for word in words.answers() if words else ():
            if word not in ours:
                yield f"{part} {word!r} is not one of {', '.join(ours)}"

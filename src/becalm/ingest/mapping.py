"""A mapping: how one force's extract becomes our tables. Reviewed data in TOML, checked whole.

The words on the left are ours, the strings on the right are the file's own columns and words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from becalm.formats.sheet import InputFile, Layout, Sheet, file_refusal
from becalm.formats.table_reader import columns_of, format_of
from becalm.ingest.reader import ReadContext
from becalm.terms import Fault, InputError
from becalm.workspace.reviewed_toml import Key, Source, Strict, check_recipe, recipe_files, suggest

Column = Annotated[str, Field(min_length=1)]
Columns = Column | Annotated[tuple[Column, ...], Field(min_length=1)]
"""One column, or several that are read as one."""
FileFormat = Literal["csv", "xlsx", "parquet", "json", "layer"]


def columns_in(columns: Columns | None) -> tuple[Column, ...]:
    """The columns that an entry names."""
    return () if columns is None else (columns,) if isinstance(columns, str) else columns


class WordMap(Strict):
    """A column whose words become ours: an exact word, else the first that is contained, else `otherwise`.

    Compared without regard to case and space. A word that is nowhere becomes unknown, and is named in a note.
    Several columns are joined by " / ". Without a column, `always` is said of every row.
    """

    column: Columns | None = None
    always: str | None = None
    values: dict[str, str] = Field(default={})
    contains: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None

    @model_validator(mode="after")
    def _check_one_way(self) -> WordMap:
        if (self.column is None) == (self.always is None):
            raise ValueError("give either column or always")
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are read."""
        return columns_in(self.column)

    def answers(self) -> Iterator[str]:
        """Every word of ours that it may give."""
        yield from (self.always,) if self.always is not None else ()
        yield from self.values.values()
        yield from (our_word for _, our_word in self.contains)
        yield from (self.otherwise,) if self.otherwise is not None else ()


class TimePart(Strict):
    """When it happened: `occurred_from` (with `occurred_to` for windows), or `month` where no day is known.

    Several columns (a date and a time, a year and a month) are joined by a space and read as one text. `hour`
    names a column with the hour of the day, 0 to 23, beside a column of days. `zone` says how to
    read a time: by the city's own clock ("local"), as "UTC", or with the offset that it carries ("offset").
    Records at 00:00 exactly of the offence groups in `midnight_is_day` ("*" for all) keep only their day;
    with `full_hour_is_hour`, those at minute 0 keep only their hour.
    """

    occurred_from: Columns | None = None
    occurred_to: Columns | None = None
    hour: Column | None = None
    month: Columns | None = None
    formats: tuple[str, ...] = ()
    zone: Literal["local", "UTC", "offset"] = "local"
    precision: Literal["minute", "hour", "day", "month"] = "minute"
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
    """The columns of a table of published counts: one row is one area, month and offence.

    Rows of the same area, month, offence and measure are added up.
    """

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
    formats: tuple[FileFormat, ...] = ("csv", "xlsx", "parquet", "json", "layer")
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None
    columns_exactly: tuple[Column, ...] = Field(min_length=1)
    columns_optional: tuple[Column, ...] = ()
    file_contains: str = ""
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
        fault_texts = [*_part_faults(self), *_word_faults(self)]
        if fault_texts:
            raise ValueError("; ".join(fault_texts))
        return self

    def columns(self) -> tuple[str, ...]:
        """Every column of the file that the mapping uses."""
        time, place, stop_part, counts = self.time, self.place, self.stop, self.counts
        outcome_mapping = None if isinstance(self.outcome, WordMap) else self.outcome
        headers: list[str | None] = [
            self.id,
            outcome_mapping,
            self.victim_age.column if self.victim_age else None,
        ]
        for time_columns in (time.occurred_from, time.occurred_to, time.month):
            headers += columns_in(time_columns)
        for word_map in (self.found_by, self.weapon, self.injury, self.outcome):
            headers += word_map.columns if isinstance(word_map, WordMap) else ()
        headers += [time.hour, time.recorded_on]
        headers += [place.x, place.y, place.borough, place.ward, place.lsoa, place.command_unit]
        if self.offence:
            headers += [
                *self.offence.columns,
                *(column for columns in self.offence.lookup for column in columns),
            ]
        if stop_part:
            headers += [stop_part.kind, stop_part.legislation, stop_part.object_of_search]
        if counts:
            headers += [counts.count, *counts.area_kind.columns, counts.area_name, counts.area_code]
            headers += counts.measure.columns
        return tuple(dict.fromkeys(named_column for named_column in headers if named_column is not None))

    @property
    def layout(self) -> Layout:
        """Where the table lies in the file."""
        return Layout(self.sheet, self.header_row)

    def fits(self, heads: tuple[str, ...]) -> bool:
        """Does a file with these heads have exactly the columns, whatever their case and spacing?"""
        plain_heads = set(map(plain_column, heads))
        needed_heads = set(map(plain_column, self.columns_exactly))
        return needed_heads <= plain_heads <= needed_heads | set(map(plain_column, self.columns_optional))

    def spell(self, sheet: Sheet) -> Sheet:
        """The sheet with its columns spelt as the mapping spells them."""
        ours_by_plain_name = {plain_column(name): name for name in self.known_columns()}
        column_names = [ours_by_plain_name.get(plain_column(name), name) for name in sheet.columns]
        if len(set(column_names)) < len(column_names):  # told apart by case alone: then as they are
            return sheet
        return replace(sheet, data=sheet.data.rename_columns(column_names))

    def known_columns(self) -> tuple[str, ...]:
        """The columns that the file may have, and the x and y that a geometry is read as."""
        column_names = (*self.columns_exactly, *self.columns_optional)
        return (*column_names, *(f"{name}_{axis}" for name in column_names for axis in "xy"))


def plain_column(name: str) -> str:
    """A column's name as it is compared: case, spaces and underscores make no difference."""
    return re.sub(r"[\s_]+", " ", name).strip().casefold()


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
    for column in mapping.columns():
        if column not in mapping.known_columns():
            column_suggestion = suggest(column, mapping.columns_exactly)
            yield f"column {column!r} is not among columns_exactly; {column_suggestion}correct one of the two"


def _word_faults(mapping: Mapping) -> Iterator[str]:
    for part_name, allowed_words in OUR_WORDS.items():
        word_map: WordMap | None = getattr(mapping, part_name)
        for answer_word in word_map.answers() if word_map else ():
            if answer_word not in allowed_words:
                yield f"{part_name} {answer_word!r} is not one of {', '.join(allowed_words)}"


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping, and the name and hash of the file that states it."""

    mapping: Mapping
    sha256: str
    file_name: str

    @property
    def stem(self) -> str:
        """What the user may call it."""
        return self.file_name.removesuffix(".toml")


def choose_mapping(file: InputFile, context: ReadContext) -> MappingFile | None:
    """The mapping for this file, or None where no mapping has exactly its columns.

    The workspace's own mappings come before the shipped ones. Raises InputError where the named mapping or
    one of the workspace is faulty, or where two mappings of the same rank fit.
    """
    if format_of(file.path) is None:
        return None
    if context.mapping is not None:
        return _find_named(context.mapping, context.mappings)
    fitting_files = fitting_mappings(file, context)
    if len(fitting_files) > 1:
        mapping_names = [mapping_file.stem for mapping_file in fitting_files]
        choice_problem = f"fits {len(fitting_files)} mappings: {', '.join(mapping_names)}"
        raise file_refusal(file.name, choice_problem, f"name one, e.g. `mapping {mapping_names[0]}`")
    return fitting_files[0] if fitting_files else None


def fitting_mappings(file: InputFile, context: ReadContext) -> tuple[MappingFile, ...]:
    """The mappings with exactly this file's columns: the workspace's own, else the shipped ones."""
    file_format = format_of(file.path)
    for mapping_files in (own_mappings(context.mappings), shipped_mappings()):
        fitting_files = [
            mapping_file
            for mapping_file in mapping_files
            if file_format in mapping_file.mapping.formats
            and mapping_file.mapping.file_contains.casefold() in file.name.casefold()
            and mapping_file.mapping.fits(columns_of(file, mapping_file.mapping.layout))
        ]
        # a mapping for files of a certain name comes before one for any file of these columns
        named_files = [f for f in fitting_files if f.mapping.file_contains]
        if fitting_files:
            return tuple(named_files or fitting_files)
    return ()


@lru_cache(maxsize=1)
def shipped_mappings() -> tuple[MappingFile, ...]:
    """The mappings that come with becalm."""
    return _read_sources(recipe_files("becalm.ingest", "mappings"))


def own_mappings(folder: Path | None) -> tuple[MappingFile, ...]:
    """The mappings in the workspace's folder; raises InputError with all faults of all of them."""
    if folder is None or not folder.is_dir():
        return ()
    return _read_stamped(tuple(map(_stamp, sorted(folder.glob("*.toml")))))


def _find_named(mapping: Path, folder: Path | None) -> MappingFile:
    """The mapping in this file, or of this name among the workspace's own and the shipped ones."""
    if mapping.is_file():
        return _read_stamped((_stamp(mapping),))[0]
    mapping_files = (*shipped_mappings(), *own_mappings(folder))
    mapping_file_by_name = {m.stem: m for m in mapping_files} | {m.mapping.name: m for m in mapping_files}
    mapping_name = str(mapping).removesuffix(".toml")
    if mapping_name not in mapping_file_by_name:
        remedy = (
            f"{suggest(mapping_name, mapping_file_by_name)}give a TOML file, or one of: "
            f"{', '.join(sorted(mapping_file_by_name))}"
        )
        unknown_name_fault = Fault(str(mapping), "is neither a file nor the name of a mapping", remedy)
        raise InputError(f"The mapping {mapping} was not found; nothing was loaded", (unknown_name_fault,))
    return mapping_file_by_name[mapping_name]


Stamp = tuple[str, int, int]
"""A file's path, time of change and size, so that a change is noticed."""


def _stamp(path: Path) -> Stamp:
    try:
        file_status = path.stat()
    except OSError as error:
        read_problem = f"cannot be read: {error.strerror}"
        raise file_refusal(str(path), read_problem, "name a mapping that exists") from error
    return str(path), file_status.st_mtime_ns, file_status.st_size


@lru_cache(maxsize=32)
def _read_stamped(stamps: tuple[Stamp, ...]) -> tuple[MappingFile, ...]:
    return _read_sources(tuple(Path(mapping_path) for mapping_path, _, _ in stamps))


def _read_sources(sources: tuple[Source, ...]) -> tuple[MappingFile, ...]:
    mapping_files: list[MappingFile] = []
    faults: list[Fault] = []
    for mapping_source in sources:
        mapping, mapping_faults = check_recipe(mapping_source, Mapping)
        faults += mapping_faults
        if mapping is not None:
            mapping_sha256 = hashlib.sha256(mapping_source.read_bytes()).hexdigest()
            mapping_files.append(MappingFile(mapping, mapping_sha256, mapping_source.name))
    if faults:
        raise InputError(f"The mappings have {len(faults)} faults; nothing was loaded", tuple(faults))
    return tuple(mapping_files)

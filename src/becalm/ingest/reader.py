"""The one shape of every reader: a file in; checked parts, faults and a tally out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from becalm.formats.sheet import InputFile, RowOutcomes
from becalm.ingest.locate import Locator
from becalm.tables import TablePart
from becalm.terms import City, OffenceTable, RowFault


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader may use beside the file."""

    city: City
    locator: Locator
    offences: Mapping[str, OffenceTable]  # by key: the workspace's own first, then the shipped ones
    staging: Path  # Parquet files may be written here; the intake moves them
    mapping: Path | None = None  # the mapping that the user named
    mappings: Path | None = None  # the folder of the workspace's own mappings
    as_of: date = date.max  # the day on which the file that is read was published
    allow_outside: bool = False  # records that mostly lie outside the city are loaded all the same


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file held. `rows` = `loaded` + `rejected`; `repaired` rows are among the loaded."""

    recipe: str  # e.g. "data.police.uk street", "mapping chicago 1"
    recipe_sha256: str
    parts: tuple[TablePart, ...]
    faults: tuple[RowFault, ...]
    rows: int
    loaded: int
    repaired: int
    rejected: int
    notes: tuple[str, ...] = ()
    has_own_ids: bool = False  # the source identifies its records, and does so in every file

    @classmethod
    def of_rows(
        cls,
        recipe: tuple[str, str],
        parts: Iterable[TablePart],
        row_outcomes: RowOutcomes,
        notes: tuple[str, ...],
    ) -> Reading:
        """The reading of a file whose rows are records: they are tallied as their outcomes say."""
        row_count, loaded = row_outcomes.row_count, row_outcomes.loaded_count
        row_faults, repaired = tuple(row_outcomes.faults), row_outcomes.repaired_count
        return cls(*recipe, tuple(parts), row_faults, row_count, loaded, repaired, row_count - loaded, notes)

    def __post_init__(self) -> None:
        if self.rows != self.loaded + self.rejected:
            raise ValueError(f"{self.rows} rows are not {self.loaded} loaded + {self.rejected} rejected")


class Reader(Protocol):
    """Reads one kind of file. Found through the entry points `becalm.readers`."""

    key: str

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Is this file of my kind? Judged by name and columns, exactly, never by guessing."""

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:
        """Which shipped city do this file's records belong to, if the recipe says so?"""

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:
        """Name and hash of the recipe that would read it, without reading it."""

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read and check the file; raises InputError where it cannot be read at all."""

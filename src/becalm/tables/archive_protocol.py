"""The shape of an archive: what may be asked of it, whichever engine reads it, and what a load hands it.

Paths are plain strings here, because a table touches no disk; the floor `archive` does.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypedDict, Unpack

import pyarrow as pa
from ibis import Table

from becalm.terms import QuestionError, RowFault, UsageError, suggest_word

Pins = Mapping[str, str]  # files that a question is held to: path to SHA-256
COUNT_TABLES = ("incidents", "published_counts")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One immutable Parquet file of the archive, as the manifest lists it.

    `input_sha256` is the hash of the input file (archive member) it was made from and
    `recipe_sha256` that of the mapping and offence table that read it: the same pair is never loaded twice.
    """

    path: str  # relative to the archive folder
    table: str
    source: str
    month: str  # "YYYY-MM", or "" for a table that has none
    rows: int
    sha256: str
    as_of: date
    intake_id: str
    input_file: str
    input_sha256: str
    recipe: str
    recipe_sha256: str
    whole: bool = False
    version: str = ""  # files of one table, source and month with the same version count together
    purged_on: str = ""  # the day on which its rows were destroyed; the hash stays


@dataclass(frozen=True, slots=True)
class TablePart:
    """Rows of one table, source and month that are ready to be kept.

    Parts of one intake count together, whatever files they come from (a folder of extracts), and
    together they replace what earlier intakes brought for the same table, source and month, unless
    those are of a later as-of date. Where they hold only some days of a month that is there already
    (the ragged ends of an extract), they are added to it, without the rows that it has. A `whole` part
    comes from a file that by its kind is all of its month (a data.police.uk street file): of several in
    one intake only the newest counts.
    """

    table: str
    source: str
    month: str
    rows: pa.Table | str  # a table, or a Parquet file already written inside the intake's staging folder
    whole: bool = False


class PartOrigin(TypedDict):
    """What a part was made from: as of when, the input file and the mapping that read it."""

    as_of: date
    input_file: str
    input_sha256: str
    recipe: str
    recipe_sha256: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """A month of a source whose rows a load takes the place of."""

    table: str
    source: str
    month: str
    input_file: str  # that brings the new rows
    former_rows: int
    new_rows: int


class Intake(Protocol):
    """A load in progress. Nothing of it is visible until `commit`; leaving without it drops everything."""

    @property
    def id(self) -> str:
        """The number that this load will have once it is committed."""

    @property
    def staging(self) -> str:
        """A folder for Parquet files on their way in, on the archive's own file system."""

    def add(self, part: TablePart, **origin: Unpack[PartOrigin]) -> None:
        """Keep these rows aside."""

    def add_faults(self, faults: Iterable[RowFault]) -> None:
        """Keep rows that were rejected or repaired, with the reason."""

    def list_replacements(self) -> tuple[Replacement, ...]:
        """Which months of the archive will this load take the place of, and with how many rows?"""

    def commit(self) -> str:
        """Make all of it visible at once; returns the intake's id."""


class Archive(Protocol):
    """Immutable records, read as Ibis expressions."""

    def intake(self) -> AbstractContextManager[Intake]:
        """Start a load. Raises ArchiveError at once where another one is under way."""

    def files(self, table: str | None = None, *, as_of: date | None = None) -> tuple[ArchiveFile, ...]:
        """Which files are current, or were current at `as_of`?"""

    def versions(self, table: str | None = None) -> tuple[ArchiveFile, ...]:
        """Every file ever kept, superseded ones too, in the order in which they came."""

    def table(
        self, name: str, *, as_of: date | None = None, source: str | None = None, only: Pins | None = None
    ) -> Table:
        """The named table as an Ibis expression with its declared schema.

        Only the newest version of each source and month is read. `only` pins a run to exactly the
        listed files (path to SHA-256) and raises ReplayError where one is gone or altered.
        """

    def has_input(self, input_sha256: str, recipe_sha256: str) -> bool:
        """Was this very input already loaded with this very recipe?"""


@dataclass(frozen=True, slots=True)
class Source:
    """A source and the table that its records lie in."""

    table: str
    key: str


def choose_source(
    files: Sequence[ArchiveFile], source_key: str | None, *, tables: Sequence[str] = COUNT_TABLES
) -> Source:
    """Which source answers: the one that was named, else the only one there is? No two are ever mixed.

    Raises UsageError where several could answer and none was named, or the named one is not there;
    QuestionError where the archive holds nothing that could answer.
    """
    all_sources = [
        Source(*pair) for pair in sorted({(f.table, f.source) for f in files if f.table in tables})
    ]
    if not all_sources:
        raise QuestionError(
            f"The archive holds no {' or '.join(t.replace('_', ' ') for t in tables)}. "
            "Load some with `becalm ingest PATH`."
        )
    matching_sources = [source for source in all_sources if source_key in (None, source.key)]
    if len(matching_sources) == 1:
        return matching_sources[0]
    choice_lines = "\n".join(f"  `source {s.key}`  ({s.table.replace('_', ' ')})" for s in all_sources)
    if source_key is None:
        raise UsageError(
            f"{len(all_sources)} sources could answer, and counts of different sources are not mixed. "
            f"Name one:\n{choice_lines}"
        )
    hint_text = suggest_word(
        source_key, [source.key for source in all_sources], otherwise="Choose one of these:"
    )
    raise UsageError(f"There is no source {source_key!r} that could answer. {hint_text}\n{choice_lines}")

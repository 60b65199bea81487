"""Reader of data.police.uk files: street crimes, their outcomes, and stop and search, of any force."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from becalm.formats.csv_table import csv_header
from becalm.formats.input_file import InputFile
from becalm.ingest.police_uk.outcomes import OUTCOME_COLUMNS, read_outcomes
from becalm.ingest.police_uk.stops import STOP_COLUMNS, read_stops
from becalm.ingest.police_uk.street import OFFENCES, STREET_COLUMNS, read_street
from becalm.ingest.publication import Publication
from becalm.ingest.reader import ReadContext, Reading
from becalm.workspace.offences import offence_table_sha256

CITY_OF_FORCE = {"metropolitan": "london", "city-of-london": "london"}
_NAME = re.compile(
    r"(?P<month>\d{4}-\d{2})-(?P<force>[a-z0-9-]+?)-(?P<kind>street|outcomes|stop-and-search)\.csv"
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file that data.police.uk publishes."""

    key: str
    version: int  # raised whenever the reader's answer to the same file changes
    columns: tuple[str, ...]
    read: Callable[[InputFile, ReadContext, Publication], Reading]


KINDS = {
    "street": Kind("street", 1, tuple(STREET_COLUMNS), read_street),
    "outcomes": Kind("outcomes", 1, tuple(OUTCOME_COLUMNS), read_outcomes),
    "stop-and-search": Kind("stop-and-search", 1, tuple(STOP_COLUMNS), read_stops),
}


class PoliceUkReader:
    """Reads what data.police.uk publishes, in the layouts that it publishes them in."""

    key = "police_uk"

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Is it named as data.police.uk names files, or does it have exactly such a file's columns?"""
        return context.mapping is None and _kind(file) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:  # noqa: ARG002 - the readers' one shape
        """Which shipped city does this force police, if any?"""
        return CITY_OF_FORCE.get(publication(file).force or "")

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:
        """Name and hash of what decides the answer: reader, offence table, city and its shapes."""
        kind = KINDS[_kind(file) or ""]
        decides = [kind.key, str(kind.version), context.locator.key]
        if kind.key == "street":
            decides.append(offence_table_sha256(context.offences[OFFENCES]))
        return f"data.police.uk {kind.key}", hashlib.sha256("\n".join(decides).encode()).hexdigest()

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read and check the file; raises InputError where it cannot be read at all."""
        name, sha256 = self.recipe(file, context)
        about = publication(file)
        return KINDS[_kind(file) or ""].read(
            file, context, Publication(about.month, about.force, name, sha256)
        )


def publication(file: InputFile) -> Publication:
    """What the file's name says: "2020-04-city-of-london-street.csv"."""
    named = _NAME.fullmatch(_basename(file))
    return Publication(named["month"], named["force"]) if named else Publication(None, None)


def _kind(file: InputFile) -> str | None:
    if named := _NAME.fullmatch(_basename(file)):
        return named["kind"]
    if not _basename(file).lower().endswith(".csv"):
        return None
    header = set(csv_header(file.path))
    return next((key for key, kind in KINDS.items() if set(kind.columns) <= header), None)


def _basename(file: InputFile) -> str:
    return PurePosixPath(file.name.rpartition(": ")[2]).name

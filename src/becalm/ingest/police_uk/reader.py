"""Reader of data.police.uk files: street crimes, their outcomes, and stop and search, of any force."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DictionaryColumn
from becalm.formats.delimited_text import TEXT, WORDS, read_header
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import InputFile
from becalm.ingest.police_uk.publication import (
    Publication,
    PublishedRows,
    build_reading,
    file_columns,
    force_source,
    locate_rows,
    misnamed_note,
    read_published_file,
    reject_non_months,
    reject_other_months,
    reject_repeats,
    synthetic_ids,
    word_column,
)
from becalm.ingest.police_uk.street import OFFENCES, STREET_COLUMNS, read_street
from becalm.ingest.reader import ReadContext, Reading
from becalm.tables import OUTCOMES, STOPS
from becalm.terms import InputError
from becalm.workspace.offences import offence_table_sha256

CITY_OF_FORCE = {"metropolitan": "london", "city-of-london": "london"}
OUTCOME_COLUMNS = {"Crime ID": TEXT, "Month": WORDS, "Reported by": WORDS, "Outcome type": WORDS}
STOP_WORDS = {
    "kind": "Type",
    "legislation": "Legislation",
    "object_of_search": "Object of search",
    "outcome": "Outcome",
}
STOP_COLUMNS = dict.fromkeys(("Date", "Latitude", "Longitude", *STOP_WORDS.values()), WORDS)
LOCAL_ZONE = "Europe/London"  # the zone in which data.police.uk cuts its months
_NAME = re.compile(
    r"(?P<month>\d{4}-\d{2})-(?P<force>[a-z0-9-]+?)-(?P<kind>street|outcomes|stop-and-search)\.csv"
)


def read_outcomes(file: InputFile, context: ReadContext, publication: Publication) -> Reading:
    """Read the outcomes that one force recorded in one month. A crime may have several."""
    sheet = read_published_file(file, OUTCOME_COLUMNS, kind="data.police.uk outcomes")
    row_outcomes, row_count = RowOutcomes(sheet), sheet.data.num_rows
    crime_ids = sheet.data["Crime ID"].combine_chunks()
    months, outcomes = word_column(sheet, "Month"), word_column(sheet, "Outcome type")
    source = force_source(file, publication, word_column(sheet, "Reported by"))
    reject_non_months(months, row_outcomes)
    reject_other_months(months, row_outcomes, column="Month", stated=publication.month)
    for column, is_blank, remedy in (
        ("Crime ID", np.asarray(crime_ids.is_null()), "the outcome belongs to no crime that could be found"),
        ("Outcome type", outcomes.is_blank, "the outcome says nothing"),
    ):
        row_outcomes.reject(is_blank, column, f"the {column} is empty", remedy)
    reject_repeats(file, sheet, crime_ids, row_outcomes, column="Crime ID")
    columns = {
        **file_columns(file, source, row_count),
        "incident_id": crime_ids,
        "month": months.renamed(),
        "outcome": outcomes.renamed(),
    }
    notes = (*sheet.notes, *misnamed_note(months, stated=publication.month))
    table = pa.table({name: columns[name] for name in OUTCOMES})
    rows = PublishedRows("outcomes", source, table, row_outcomes, notes)
    return build_reading(file, publication, rows, context.staging)


def read_stops(file: InputFile, context: ReadContext, publication: Publication) -> Reading:
    """Read one force's stops of one local month: their times are UTC. Nothing is taken of the person."""
    sheet = read_published_file(file, STOP_COLUMNS, kind="data.police.uk stop-and-search")
    row_outcomes, row_count = RowOutcomes(sheet), sheet.data.num_rows
    instants, months = _instants_and_months(word_column(sheet, "Date"))
    source = force_source(file, publication, None)
    row_outcomes.reject(
        months.is_blank, "Date", "the date is not an instant", "write it as 2020-04-01T23:05:00+00:00"
    )
    reject_other_months(months, row_outcomes, column="Date", stated=publication.month)
    places = locate_rows(sheet, row_outcomes, context.locator)
    prefix = f"{publication.record_prefix(source, file)}:stop"
    columns = {
        **file_columns(file, source, row_count),
        "stop_id": synthetic_ids(prefix, np.arange(1, row_count + 1)),
        "stopped_at": instants,
        "month": months.renamed(),
        **{name: word_column(sheet, column).renamed() for name, column in STOP_WORDS.items()},
        **places.columns(),
    }
    notes = (*sheet.notes, *misnamed_note(months, stated=publication.month))
    table = pa.table({name: columns[name] for name in STOPS})
    rows = PublishedRows("stops", source, table, row_outcomes, notes)
    return build_reading(file, publication, rows, context.staging)


def _instants_and_months(dates: DictionaryColumn) -> tuple[pa.Array, DictionaryColumn]:
    """Each stop's instant, and the local month it falls in; null and blank where the date is none.

    The files are cut by the local month: a stop at 23:30 UTC on 30 April belongs to May.
    """
    stamps = pd.to_datetime(
        pd.Series(dates.values, dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    month_codes, months = pd.factorize(stamps.dt.tz_convert(LOCAL_ZONE).dt.strftime("%Y-%m"))
    codes = np.append(month_codes, -1)[dates.codes]
    microseconds = np.append(stamps.astype("datetime64[us, UTC]").astype("int64").to_numpy(), 0)[dates.codes]
    instants = pa.array(microseconds, mask=codes < 0).cast(pa.timestamp("us", "UTC"))
    return instants, DictionaryColumn(codes, pa.array(months, type=pa.string()))


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file that data.police.uk publishes."""

    key: str
    version: int  # raised whenever the reader's answer to the same file changes
    columns: tuple[str, ...]
    read: Callable[[InputFile, ReadContext, Publication], Reading]


FILE_KINDS = {
    "street": FileKind("street", 1, tuple(STREET_COLUMNS), read_street),
    "outcomes": FileKind("outcomes", 1, tuple(OUTCOME_COLUMNS), read_outcomes),
    "stop-and-search": FileKind("stop-and-search", 1, tuple(STOP_COLUMNS), read_stops),
}


class PoliceUkReader:
    """Reads what data.police.uk publishes, in the layouts that it publishes them in."""

    key = "police_uk"

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Is it named as data.police.uk names files, or does it have exactly such a file's columns?"""
        return context.mapping is None and _kind_key(file) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:  # noqa: ARG002 - the readers' one shape
        """Which shipped city does this force police, if any?"""
        return CITY_OF_FORCE.get(parse_name(file).force or "")

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:
        """Name and hash of what decides the answer: reader, offence table, city and its shapes."""
        kind = FILE_KINDS[_kind_key(file) or ""]
        facts = [kind.key, str(kind.version), context.locator.key]
        if kind.key == "street":
            facts.append(offence_table_sha256(context.offences[OFFENCES]))
        return f"data.police.uk {kind.key}", hashlib.sha256("\n".join(facts).encode()).hexdigest()

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read and check the file; raises InputError where it cannot be read at all."""
        stated = parse_name(file)
        publication = Publication(stated.month, stated.force, *self.recipe(file, context))
        return FILE_KINDS[_kind_key(file) or ""].read(file, context, publication)


def parse_name(file: InputFile) -> Publication:
    """What the file's name says: "2020-04-city-of-london-street.csv"."""
    match = _NAME.fullmatch(_basename(file))
    return Publication(match["month"], match["force"]) if match else Publication(None, None)


def _kind_key(file: InputFile) -> str | None:
    if match := _NAME.fullmatch(_basename(file)):
        return match["kind"]
    if not _basename(file).lower().endswith(".csv"):
        return None
    try:
        header = read_header(file.path, file.name)
    except InputError:
        return None
    columns = set(header.columns if header.delimiter == "," else ())
    return next((key for key, kind in FILE_KINDS.items() if set(kind.columns) <= columns), None)


def _basename(file: InputFile) -> str:
    return PurePosixPath(file.name.rpartition(": ")[2]).name

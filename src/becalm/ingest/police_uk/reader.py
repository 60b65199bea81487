"""Reader of data.police.uk files: street crimes, their outcomes, and stop and search, of any force.

A street crime carries a month and a snap point, never a day. Stops are timed in UTC while their files are cut
by the local month, and nothing about the person who was stopped is taken over.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from becalm.formats.cells import DictionaryColumn, constant_column
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet
from becalm.formats.text_file import TEXT, WORDS, read_header
from becalm.ingest.extract.times import LATER_REMEDY
from becalm.ingest.locate import Locator
from becalm.ingest.police_uk import published_files as published
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Ints
from becalm.tables import INCIDENTS, OUTCOMES, STOPS
from becalm.terms import InputError, OffenceTable, plain_word
from becalm.workspace.read_offence_tables import offence_table_sha256
from becalm.workspace.reviewed_toml import suggest_remedy

OFFENCES = "police_uk"  # the offence table of these files
STREET_COLUMNS = {
    "Crime ID": TEXT,
    "Month": WORDS,
    "Reported by": WORDS,
    "Longitude": WORDS,
    "Latitude": WORDS,
    "LSOA code": WORDS,
    "LSOA name": WORDS,
    "Crime type": WORDS,
    "Last outcome category": WORDS,
}
UNPUBLISHED_COLUMNS = (
    "occurred_from",
    "occurred_to",
    "occurred_on",
    "hour_of_week",
    "recorded_on",
    "injury",
    "victim_age_band",
    "ward",
)
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


def read_street(file: InputFile, context: ReadContext, publication: published.Publication) -> Reading:
    """Read one force's street crimes of one month (or of several, in one file)."""
    sheet = published.read_published_file(file, STREET_COLUMNS, kind="data.police.uk street")
    row_outcomes, row_count = RowOutcomes(sheet), sheet.data.num_rows
    offence_table, locator = context.offences[OFFENCES], context.locator
    month_column, type_column = (
        published.word_column(sheet, "Month"),
        published.word_column(sheet, "Crime type"),
    )
    source_column = published.row_sources(
        file, publication, published.word_column(sheet, "Reported by"), row_outcomes
    )
    published.reject_non_months(month_column, row_outcomes, file.as_of)
    published.reject_other_months(month_column, row_outcomes, column="Month", stated_month=publication.month)
    _reject_unknown_types(type_column, offence_table, row_outcomes)
    row_places = published.locate_rows(sheet, row_outcomes, context)
    crime_ids = sheet.data["Crime ID"].combine_chunks()
    same_id_rows = published.reject_repeats(file, sheet, crime_ids, row_outcomes, column="Crime ID")
    # Rows without a Crime ID, where the whole file was written twice.
    row_outcomes.reject_copies("Crime type")
    incident_columns = {
        **{name: pa.nulls(row_count, type=INCIDENTS[name].to_pyarrow()) for name in UNPUBLISHED_COLUMNS},
        **published.file_columns(file, source_column),
        "incident_id": _incident_ids(crime_ids, same_id_rows, publication.record_prefix(source_column, file)),
        "precision": constant_column("month", row_count),
        "weapon": constant_column("unknown", row_count),
        "month": month_column.rename_words(),
        "outcome": published.word_column(sheet, "Last outcome category").rename_words(),
        "lsoa": published.word_column(sheet, "LSOA code").rename_words(),
        **_offence_columns(type_column, offence_table),
        **row_places.columns(),
        **_borough_columns(sheet, row_places, locator),
    }
    street_notes = (
        *sheet.notes,
        *published.misnamed_note(month_column, stated_month=publication.month),
        *_same_id_note(same_id_rows),
        *_outside_note(row_places, locator),
    )
    incident_table = pa.table({name: incident_columns[name] for name in INCIDENTS})
    rows_with_outcomes = published.PublishedRows("incidents", incident_table, row_outcomes, street_notes)
    return published.build_reading(file, publication, rows_with_outcomes, context.staging)


def _reject_unknown_types(
    crime_types: DictionaryColumn, offence_table: OffenceTable, row_outcomes: RowOutcomes
) -> None:
    group_by_word = offence_table.by_word()
    known_words = [word for word, _ in offence_table.words]

    @cache  # thousands of rows may say the same
    def remedy(word: str) -> str:
        return suggest_remedy(word, known_words, where=f"the workspace's offences/{OFFENCES}.toml")

    row_outcomes.reject(
        ~crime_types.passes(lambda word: plain_word(word) in group_by_word),
        "Crime type",
        "the crime type is not in the offence table",
        lambda row: remedy(crime_types.text(row) or ""),
    )


def _incident_ids(crime_ids: pa.Array, same_id_indices: Ints, id_prefix: str) -> pa.Array:
    """The Crime ID; with its turn for one that comes again in another row; made up where there is none."""
    no_id_indices = np.flatnonzero(pc.is_null(crime_ids).to_numpy(zero_copy_only=False))
    incident_ids = (
        _replace(crime_ids, no_id_indices, published.synthetic_ids(id_prefix, no_id_indices + 1))
        if no_id_indices.size
        else crime_ids
    )
    if not same_id_indices.size:
        return incident_ids
    repeats_by_crime_id: dict[str, int] = {}
    numbered_ids = []
    for crime_id in incident_ids.take(pa.array(np.sort(same_id_indices))).to_pylist():
        repeats_by_crime_id[crime_id] = repeats_by_crime_id.get(crime_id, 1) + 1
        numbered_ids.append(f"{crime_id}#{repeats_by_crime_id[crime_id]}")
    return _replace(incident_ids, same_id_indices, pa.array(numbered_ids, type=pa.string()))


def _replace(ids: pa.Array, row_indices: Ints, new_ids: pa.Array) -> pa.Array:
    is_replaced = np.zeros(len(ids), dtype=np.bool_)
    is_replaced[row_indices] = True
    return pc.replace_with_mask(ids, pa.array(is_replaced), new_ids)


def _offence_columns(crime_types: DictionaryColumn, offence_table: OffenceTable) -> dict[str, pa.Array]:
    group_by_word = offence_table.by_word()
    found_by_group = {group.key: group.found_by for group in offence_table.groups}

    def group_of(word: str) -> str | None:
        return group_by_word.get(plain_word(word))

    return {
        "offence": crime_types.rename_words(),
        "offence_group": crime_types.rename_words(group_of),
        "found_by": crime_types.rename_words(lambda word: found_by_group.get(group_of(word) or "")),
    }


def _borough_columns(sheet: Sheet, row_places: published.RowPlaces, locator: Locator) -> dict[str, pa.Array]:
    """By polygon for each distinct point; where no polygon answers, what the record's area name says."""
    area_column = published.word_column(sheet, "LSOA name")
    borough_of_point = list(locator.boroughs(row_places.points))
    borough_of_area = [locator.stated_borough(area_name) for area_name in area_column.values]
    borough_names = sorted({name for name in (*borough_of_point, *borough_of_area) if name is not None})
    code_by_borough = {name: borough_code for borough_code, name in enumerate(borough_names)}
    point_codes = _codes(borough_of_point, code_by_borough)[row_places.point_of_row]
    area_codes = _codes([*borough_of_area, None], code_by_borough)[area_column.codes]
    borough_column = DictionaryColumn(
        np.where(point_codes < 0, area_codes, point_codes), pa.array(borough_names, type=pa.string())
    )
    return {
        "borough": borough_column.rename_words(),
        "command_unit": borough_column.rename_words(locator.city.command_unit_of),
    }


def _codes(borough_names: Sequence[str | None], code_by_borough: dict[str, int]) -> Ints:
    return np.array([-1 if name is None else code_by_borough[name] for name in borough_names], dtype=np.int64)


def _same_id_note(same_id_indices: Ints) -> tuple[str, ...]:
    if not same_id_indices.size:
        return ()
    same_id_note = "rows carry the Crime ID of another crime: kept, their ids end in #2, #3 ..."
    return (f"{same_id_indices.size} {same_id_note}",)


def _outside_note(row_places: published.RowPlaces, locator: Locator) -> tuple[str, ...]:
    outside_count = int(locator.is_outside_extent(row_places.points)[row_places.point_of_row].sum())
    return (f"{outside_count} rows lie outside {locator.city.name}",) if outside_count else ()


# --- outcomes and stops -------------------------------------------------------------------------------


def read_outcomes(file: InputFile, context: ReadContext, publication: published.Publication) -> Reading:
    """Read the outcomes that one force recorded in one month. A crime may have several."""
    sheet = published.read_published_file(file, OUTCOME_COLUMNS, kind="data.police.uk outcomes")
    row_outcomes, crime_ids = RowOutcomes(sheet), sheet.data["Crime ID"].combine_chunks()
    month_column, outcome_column = (
        published.word_column(sheet, "Month"),
        published.word_column(sheet, "Outcome type"),
    )
    source_column = published.row_sources(
        file, publication, published.word_column(sheet, "Reported by"), row_outcomes
    )
    published.reject_non_months(month_column, row_outcomes, file.as_of)
    published.reject_other_months(month_column, row_outcomes, column="Month", stated_month=publication.month)
    for column_name, is_blank_row, blank_remedy in (
        ("Crime ID", np.asarray(crime_ids.is_null()), "the outcome belongs to no crime that could be found"),
        ("Outcome type", outcome_column.is_blank, "the outcome says nothing"),
    ):
        row_outcomes.reject(is_blank_row, column_name, f"the {column_name} is empty", blank_remedy)
    published.reject_repeats(file, sheet, crime_ids, row_outcomes, column="Crime ID")
    outcome_columns = {
        **published.file_columns(file, source_column),
        "incident_id": crime_ids,
        "month": month_column.rename_words(),
        "outcome": outcome_column.rename_words(),
    }
    outcome_notes = (*sheet.notes, *published.misnamed_note(month_column, stated_month=publication.month))
    outcome_table = pa.table({field_name: outcome_columns[field_name] for field_name in OUTCOMES})
    rows_with_outcomes = published.PublishedRows("outcomes", outcome_table, row_outcomes, outcome_notes)
    return published.build_reading(file, publication, rows_with_outcomes, context.staging)


def read_stops(file: InputFile, context: ReadContext, publication: published.Publication) -> Reading:
    """Read one force's stops of one local month: their times are UTC. Nothing is taken of the person."""
    sheet = published.read_published_file(file, STOP_COLUMNS, kind="data.police.uk stop-and-search")
    row_outcomes, row_count = RowOutcomes(sheet), sheet.data.num_rows
    stop_instants, month_column = _instants_and_months(published.word_column(sheet, "Date"))
    source_column = constant_column(published.force_source(file, publication), row_count)
    row_outcomes.reject(
        month_column.is_blank, "Date", "the date is not an instant", "write it as 2020-04-01T23:05:00+00:00"
    )
    published.reject_other_months(month_column, row_outcomes, column="Date", stated_month=publication.month)
    is_later = month_column.passes(lambda month: month > f"{file.as_of:%Y-%m}")
    row_outcomes.reject(is_later, "Date", f"is later than the as-of date {file.as_of}", LATER_REMEDY)
    row_outcomes.reject_copies("Date")
    row_places = published.locate_rows(sheet, row_outcomes, context)
    id_prefix = f"{publication.record_prefix(source_column, file)}:stop"
    stop_columns = {
        **published.file_columns(file, source_column),
        "stop_id": published.synthetic_ids(id_prefix, np.arange(1, row_count + 1)),
        "stopped_at": stop_instants,
        "month": month_column.rename_words(),
        **{name: published.word_column(sheet, column).rename_words() for name, column in STOP_WORDS.items()},
        **row_places.columns(),
    }
    stop_notes = (*sheet.notes, *published.misnamed_note(month_column, stated_month=publication.month))
    stop_table = pa.table({name: stop_columns[name] for name in STOPS})
    rows_with_outcomes = published.PublishedRows("stops", stop_table, row_outcomes, stop_notes)
    return published.build_reading(file, publication, rows_with_outcomes, context.staging)


def _instants_and_months(dates: DictionaryColumn) -> tuple[pa.Array, DictionaryColumn]:
    """Each stop's instant, and the local month it falls in; null and blank where the date is none.

    The files are cut by the local month: a stop at 23:30 UTC on 30 April belongs to May.
    """
    parsed_stamps = pd.to_datetime(
        pd.Series(dates.values, dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    month_codes, month_names = pd.factorize(parsed_stamps.dt.tz_convert(LOCAL_ZONE).dt.strftime("%Y-%m"))
    month_of_row = np.append(month_codes, -1)[dates.codes]
    microsecond_of_row = np.append(parsed_stamps.astype("datetime64[us, UTC]").astype("int64").to_numpy(), 0)[
        dates.codes
    ]
    stop_instants = pa.array(microsecond_of_row, mask=month_of_row < 0).cast(pa.timestamp("us", "UTC"))
    return stop_instants, DictionaryColumn(month_of_row, pa.array(month_names, type=pa.string()))


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file that data.police.uk publishes."""

    key: str
    version: int  # raised whenever the reader's answer to the same file changes
    columns: tuple[str, ...]
    read: Callable[[InputFile, ReadContext, published.Publication], Reading]


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
        file_kind = FILE_KINDS[_kind_key(file) or ""]
        recipe_facts = [file_kind.key, str(file_kind.version), context.locator.key]
        if file_kind.key == "street":
            recipe_facts.append(offence_table_sha256(context.offences[OFFENCES]))
        return f"data.police.uk {file_kind.key}", hashlib.sha256("\n".join(recipe_facts).encode()).hexdigest()

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read and check the file; raises InputError where it cannot be read at all."""
        name_publication = parse_name(file)
        publication = published.Publication(
            name_publication.month, name_publication.force, *self.recipe(file, context)
        )
        return FILE_KINDS[_kind_key(file) or ""].read(file, context, publication)


def parse_name(file: InputFile) -> published.Publication:
    """What the file's name says: "2020-04-city-of-london-street.csv"."""
    name_match = _NAME.fullmatch(_basename(file))
    return (
        published.Publication(name_match["month"], name_match["force"])
        if name_match
        else published.Publication(None, None)
    )


def _kind_key(file: InputFile) -> str | None:
    if name_match := _NAME.fullmatch(_basename(file)):
        return name_match["kind"]
    if not _basename(file).lower().endswith(".csv"):
        return None
    try:
        text_header = read_header(file.path, file.name)
    except InputError:
        return None
    column_names = set(text_header.columns if text_header.delimiter == "," else ())
    return next((key for key, kind in FILE_KINDS.items() if set(kind.columns) <= column_names), None)


def _basename(file: InputFile) -> str:
    return PurePosixPath(file.name.rpartition(": ")[2]).name

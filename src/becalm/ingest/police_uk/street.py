"""data.police.uk street crimes: a month, a snap point, an offence in the police's words. Never a day."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from becalm.formats.cells import DictionaryColumn, constant_column
from becalm.formats.delimited_text import TEXT, WORDS
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import InputFile, Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.police_uk.publication import (
    Publication,
    PublishedRows,
    RowPlaces,
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
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Ints
from becalm.tables import INCIDENTS
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.recipes import suggest_remedy

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


def read_street(file: InputFile, context: ReadContext, publication: Publication) -> Reading:
    """Read one force's street crimes of one month (or of several, in one file)."""
    sheet = read_published_file(file, STREET_COLUMNS, kind="data.police.uk street")
    row_outcomes, row_count = RowOutcomes(sheet), sheet.data.num_rows
    offences, locator = context.offences[OFFENCES], context.locator
    months, crime_types = word_column(sheet, "Month"), word_column(sheet, "Crime type")
    source = force_source(file, publication, word_column(sheet, "Reported by"))
    reject_non_months(months, row_outcomes)
    reject_other_months(months, row_outcomes, column="Month", stated=publication.month)
    _reject_unknown_types(crime_types, offences, row_outcomes)
    places = locate_rows(sheet, row_outcomes, locator)
    crime_ids = sheet.data["Crime ID"].combine_chunks()
    same_id_rows = reject_repeats(file, sheet, crime_ids, row_outcomes, column="Crime ID")
    columns = {
        **{name: pa.nulls(row_count, type=INCIDENTS[name].to_pyarrow()) for name in UNPUBLISHED_COLUMNS},
        **file_columns(file, source, row_count),
        "incident_id": _incident_ids(crime_ids, same_id_rows, publication.record_prefix(source, file)),
        "precision": constant_column("month", row_count),
        "weapon": constant_column("unknown", row_count),
        "month": months.renamed(),
        "outcome": word_column(sheet, "Last outcome category").renamed(),
        "lsoa": word_column(sheet, "LSOA code").renamed(),
        **_offence_columns(crime_types, offences),
        **places.columns(),
        **_borough_columns(sheet, places, locator),
    }
    notes = (
        *sheet.notes,
        *misnamed_note(months, stated=publication.month),
        *_same_id_note(same_id_rows),
        *_outside_note(places, locator),
    )
    table = pa.table({name: columns[name] for name in INCIDENTS})
    rows = PublishedRows("incidents", source, table, row_outcomes, notes)
    return build_reading(file, publication, rows, context.staging)


def _reject_unknown_types(
    crime_types: DictionaryColumn, offences: OffenceTable, row_outcomes: RowOutcomes
) -> None:
    group_by_word = offences.by_word()
    known_words = [word for word, _ in offences.words]

    @cache  # thousands of rows may say the same
    def remedy(word: str) -> str:
        return suggest_remedy(word, known_words, where=f"the workspace's offences/{OFFENCES}.toml")

    row_outcomes.reject(
        ~crime_types.passes(lambda word: plain_word(word) in group_by_word),
        "Crime type",
        "the crime type is not in the offence table",
        lambda row: remedy(crime_types.text(row) or ""),
    )


def _incident_ids(crime_ids: pa.Array, same_id_rows: Ints, prefix: str) -> pa.Array:
    """The Crime ID; with its turn for one that comes again in another row; made up where there is none."""
    without_id = np.flatnonzero(pc.is_null(crime_ids).to_numpy(zero_copy_only=False))
    ids = (
        _replace(crime_ids, without_id, synthetic_ids(prefix, without_id + 1))
        if without_id.size
        else crime_ids
    )
    if not same_id_rows.size:
        return ids
    turns: dict[str, int] = {}
    numbered_ids = []
    for crime_id in ids.take(pa.array(np.sort(same_id_rows))).to_pylist():
        turns[crime_id] = turns.get(crime_id, 1) + 1
        numbered_ids.append(f"{crime_id}#{turns[crime_id]}")
    return _replace(ids, same_id_rows, pa.array(numbered_ids, type=pa.string()))


def _replace(ids: pa.Array, rows: Ints, new_ids: pa.Array) -> pa.Array:
    is_replaced = np.zeros(len(ids), dtype=np.bool_)
    is_replaced[rows] = True
    return pc.replace_with_mask(ids, pa.array(is_replaced), new_ids)


def _offence_columns(crime_types: DictionaryColumn, offences: OffenceTable) -> dict[str, pa.Array]:
    group_by_word = offences.by_word()
    found_by = {group.key: group.found_by for group in offences.groups}
    return {
        "offence": crime_types.renamed(),
        "offence_group": crime_types.renamed(lambda word: group_by_word.get(plain_word(word))),
        "found_by": crime_types.renamed(lambda word: found_by.get(group_by_word.get(plain_word(word), ""))),
    }


def _borough_columns(sheet: Sheet, places: RowPlaces, locator: Locator) -> dict[str, pa.Array]:
    """By polygon for each distinct point; where no polygon answers, what the record's area name says."""
    areas = word_column(sheet, "LSOA name")
    names_by_point = list(locator.boroughs(places.points))
    names_by_area = [locator.stated_borough(area) for area in areas.values]
    names = sorted({name for name in (*names_by_point, *names_by_area) if name is not None})
    codes = {name: code for code, name in enumerate(names)}
    point_codes = _codes(names_by_point, codes)[places.point_of_row]
    area_codes = _codes([*names_by_area, None], codes)[areas.codes]
    boroughs = DictionaryColumn(
        np.where(point_codes < 0, area_codes, point_codes), pa.array(names, type=pa.string())
    )
    return {"borough": boroughs.renamed(), "command_unit": boroughs.renamed(locator.city.command_unit_of)}


def _codes(names: Sequence[str | None], codes: dict[str, int]) -> Ints:
    return np.array([-1 if name is None else codes[name] for name in names], dtype=np.int64)


def _same_id_note(same_id_rows: Ints) -> tuple[str, ...]:
    if not same_id_rows.size:
        return ()
    note = "rows carry the Crime ID of another crime: kept, their ids end in #2, #3 ..."
    return (f"{same_id_rows.size} {note}",)


def _outside_note(places: RowPlaces, locator: Locator) -> tuple[str, ...]:
    count = int(locator.is_outside_extent(places.points)[places.point_of_row].sum())
    return (f"{count} rows lie outside {locator.city.name}",) if count else ()

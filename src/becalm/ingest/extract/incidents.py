"""An extract's rows as incidents: who they are, where they happened, and what is told of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from becalm.formats.cells import dictionary_encode, is_repeated, numbers, to_arrow
from becalm.formats.sheet import RowOutcomes, Sheet
from becalm.ingest.extract.code_columns import (
    read_age_bands,
    read_area_names,
    read_found_by,
    read_offences,
    translate_words,
    unknown_words_note,
)
from becalm.ingest.extract.times import read_occurrence_times, read_recorded_on
from becalm.ingest.locate import LocatedPoints, Locator, distinct_points
from becalm.ingest.mapping import Mapping, PlacePart, WordMap
from becalm.ingest.reader import ReadContext
from becalm.methods.arrays import Bools, Floats, Ints, Objects
from becalm.tables import REPEATED_ROW

Columns = dict[str, pa.Array]
Notes = tuple[str, ...]
HASH_FACTORS = (1_000_003, 0x9E3779B97F4A7C15)


def read_incidents(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, Notes]:
    """Every column of the incidents table but source, file and as-of, and what is worth a note."""
    assert mapping.offence is not None
    table, city_zone = context.offences[mapping.offence.table], context.city.time_zone
    reject_repeats(sheet, mapping, row_outcomes)
    offences, groups = read_offences(sheet, mapping.offence, table, row_outcomes)
    times = read_occurrence_times(sheet, mapping.time, groups, row_outcomes, city_zone=city_zone)
    places, boroughs, place_notes = read_coordinates(sheet, mapping.place, row_outcomes, context.locator)
    details, detail_notes = _read_details(sheet, mapping, row_outcomes)
    columns = {
        "incident_id": record_ids(sheet, mapping),
        "found_by": to_arrow(read_found_by(sheet, mapping, table, groups), pa.string()),
        **times.columns(),
        "recorded_on": read_recorded_on(sheet, mapping.time, row_outcomes, city_zone=city_zone),
        "offence": to_arrow(offences, pa.string()),
        "offence_group": to_arrow(groups, pa.string()),
        **details,
        **places,
        **_read_areas(sheet, mapping.place, boroughs, context.locator),
    }
    return columns, (*place_notes, *detail_notes)


def _read_details(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> tuple[Columns, Notes]:
    """What the record says of weapon, injury, victim and outcome."""
    weapons, weapon_note = _translate_part(sheet, "weapon", mapping.weapon)
    injuries, injury_note = _translate_part(sheet, "injury", mapping.injury)
    outcome = mapping.outcome
    outcomes, outcome_note = _translate_part(sheet, "outcome", None if isinstance(outcome, str) else outcome)
    if isinstance(outcome, str):
        outcomes = dictionary_encode(sheet.data[outcome]).map(str)
    ages = np.full(sheet.data.num_rows, None, dtype=object)
    if mapping.victim_age is not None:
        ages = read_age_bands(sheet, mapping.victim_age, row_outcomes)
    is_injured = pd.Series(injuries, dtype=object).map({"true": True, "false": False})
    columns = {
        "weapon": to_arrow(np.where(pd.isna(weapons), "unknown", weapons), pa.string()),
        "injury": to_arrow(is_injured.to_numpy(dtype=object), pa.bool_()),
        "victim_age_band": to_arrow(ages, pa.string()),
        "outcome": to_arrow(outcomes, pa.string()),
    }
    return columns, (*weapon_note, *injury_note, *outcome_note)


def _translate_part(sheet: Sheet, part: str, words: WordMap | None) -> tuple[Objects, Notes]:
    if words is None:
        return np.full(sheet.data.num_rows, None, dtype=object), ()
    answers, unknown_words = translate_words(sheet, words)
    return answers, unknown_words_note(part, unknown_words)


def reject_repeats(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> None:
    """Reject whole rows, or identifiers, that repeat an earlier row, where the mapping asks for it."""
    if mapping.repeats == "keep":
        return
    if mapping.id is None:
        is_repeat, column, reason = is_repeated(sheet.data), mapping.columns()[0], REPEATED_ROW
    else:
        ids = dictionary_encode(sheet.data[mapping.id])
        is_repeat, column = pd.Series(ids.codes).duplicated().to_numpy() & ~ids.is_blank, mapping.id
        reason = "repeats the identifier of an earlier row"
    remedy = 'set repeats = "keep" in the mapping if both happened'
    row_outcomes.reject_remaining(is_repeat, column, reason, remedy)


def record_ids(sheet: Sheet, mapping: Mapping) -> pa.Array:
    """One identifier per row: the source's own, else a hash of the row's content; equal ones are numbered."""
    if mapping.id is None:
        hashes = _row_hashes(sheet)
        return _number_repeats(_hexadecimal(hashes), hashes)
    ids = dictionary_encode(sheet.data[mapping.id])
    if len(ids.distinct) == len(ids.codes):  # every one is there and is different
        return ids.arrow()
    texts, codes = ids.map(str), ids.codes.copy()
    texts[ids.is_blank] = _hexadecimal(_row_hashes(sheet)[ids.is_blank])
    codes[ids.is_blank] = -1 - np.arange(ids.is_blank.sum())  # rows without an id are all different
    return _number_repeats(texts, codes)


def _number_repeats(ids: Objects, keys: NDArray[Any]) -> pa.Array:
    earlier_count = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    for row in np.flatnonzero(earlier_count).tolist():
        ids[row] = f"{ids[row]}-{earlier_count[row] + 1}"
    return to_arrow(ids, pa.string())


def _hexadecimal(hashes: NDArray[np.uint64]) -> Objects:
    return np.array([f"{row_hash:016x}" for row_hash in hashes.tolist()], dtype=object)


def _row_hashes(sheet: Sheet) -> NDArray[np.uint64]:
    """A hash of each row's cells that is the same on every machine and in every run.

    Identifiers are made of it: another hash would give every record of an archive another name.
    """
    multiplier, mask = map(np.uint64, HASH_FACTORS)
    total = np.zeros(sheet.data.num_rows, dtype=np.uint64)
    for column in sheet.data.columns:
        total = (total * multiplier + _cell_hashes(column)) ^ mask
    return total


def _cell_hashes(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return pd.util.hash_array(column.cast(pa.float64(), safe=False).to_numpy())
    words = dictionary_encode(column)
    return pd.util.hash_array(np.array([*words.values, ""], dtype=object), categorize=False)[words.codes]


def read_coordinates(
    sheet: Sheet, part: PlacePart, row_outcomes: RowOutcomes, locator: Locator
) -> tuple[Columns, Objects, Notes]:
    """Metres and quality of every row, the borough that holds the point, and what is worth a note.

    A row whose coordinates cannot be used keeps everything else; that is written down as a repair.
    """
    row_count = sheet.data.num_rows
    if part.x is None or part.y is None:
        metres, is_known = np.full(row_count, np.nan), np.zeros(row_count, dtype=np.bool_)
        return _place_columns(metres, metres, is_known, part), np.full(row_count, None, dtype=object), ()
    x, is_bad_x = numbers(sheet.data[part.x])
    y, is_bad_y = numbers(sheet.data[part.y])
    columns, is_bad = f"{part.x} / {part.y}", is_bad_x | is_bad_y
    row_outcomes.repair(is_bad, columns, "is no coordinate", "correct it; the row was loaded without a place")
    xs, ys, point_of_row = distinct_points(x, y)
    points = locator.locate(xs, ys, crs=part.crs)
    is_known, is_absent = points.is_known[point_of_row], points.is_absent[point_of_row]
    row_outcomes.repair(
        ~is_known & ~is_absent & ~is_bad,
        columns,
        f"is no place where {locator.city.crs} ({locator.city.name}) can be used",
        "correct the coordinates or the mapping's crs; the row was loaded without a place",
    )
    places = _place_columns(points.easting_m[point_of_row], points.northing_m[point_of_row], is_known, part)
    notes = _place_notes(points, point_of_row, row_outcomes, locator)
    return places, locator.boroughs(points)[point_of_row], notes


def _place_columns(easting_m: Floats, northing_m: Floats, is_known: Bools, part: PlacePart) -> Columns:
    return {
        "easting_m": pa.array(easting_m, mask=~is_known),
        "northing_m": pa.array(northing_m, mask=~is_known),
        "location_quality": pa.array(np.where(is_known, part.quality, "none").astype(object), pa.string()),
    }


def _place_notes(
    points: LocatedPoints, point_of_row: Ints, row_outcomes: RowOutcomes, locator: Locator
) -> Notes:
    absent_count = int((points.is_absent[point_of_row] & row_outcomes.is_kept).sum())
    outside_count = int((locator.is_outside_extent(points)[point_of_row] & row_outcomes.is_kept).sum())
    notes: Notes = (f"{absent_count:,} rows give no coordinates",) if absent_count else ()
    if outside_count:
        notes += (f"{outside_count:,} rows lie outside {locator.city.name}; they were loaded",)
    return notes


def _read_areas(sheet: Sheet, part: PlacePart, boroughs: Objects, locator: Locator) -> Columns:
    """Borough, ward, small area and command unit of every row; a polygon is believed before the record."""
    if part.borough is not None:
        stated_boroughs = dictionary_encode(sheet.data[part.borough]).map(locator.stated_borough)
        boroughs = np.where(pd.isna(boroughs), stated_boroughs, boroughs)
    if part.command_unit is None:
        codes, names = pd.factorize(pd.Series(boroughs, dtype=object), use_na_sentinel=True)
        units = np.array([*locator.command_units(np.asarray(names, dtype=object)), None], dtype=object)[codes]
    else:
        units = read_area_names(sheet, part.command_unit)
    return {
        "borough": to_arrow(boroughs, pa.string()),
        "ward": to_arrow(read_area_names(sheet, part.ward), pa.string()),
        "lsoa": to_arrow(read_area_names(sheet, part.lsoa), pa.string()),
        "command_unit": to_arrow(units, pa.string()),
    }

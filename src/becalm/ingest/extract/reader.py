"""Any force's extract through its mapping: csv, parquet or a workbook in, checked rows by month out."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.formats.cells import dictionary_encode, is_repeated, numbers, to_arrow
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet, file_refusal
from becalm.formats.sheet_reader import read_sheet
from becalm.ingest.extract.code_columns import (
    JOINT,
    read_age_bands,
    read_area_names,
    read_found_by,
    read_offences,
    translate_words,
    unknown_words_note,
)
from becalm.ingest.extract.times import read_occurrence_times, read_recorded_on
from becalm.ingest.locate import LocatedPoints, Locator, distinct_points
from becalm.ingest.mapping import Mapping, MappingFile, PlacePart, StopPart, WordMap, choose_mapping
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools, Floats, Ints, Objects
from becalm.tables import REPEATED_ROW, TABLES, TablePart
from becalm.terms import Fault, InputError
from becalm.workspace.recipes import offence_table_sha256, suggest

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


class ExtractReader:
    """Reads a file whose columns a mapping names exactly, or that the user gives a mapping for."""

    key = "extract"

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Is there a mapping for this file?"""
        return choose_mapping(file, context) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:
        """The shipped city that the mapping names."""
        mapping_file = choose_mapping(file, context)
        return mapping_file.mapping.city if mapping_file else None

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:
        """Name and version of the mapping; the hash covers the mapping and its offence table."""
        return _recipe(_usable_mapping(file, context), context)

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read the file through its mapping; raises InputError where mapping or file cannot be used."""
        mapping_file = _usable_mapping(file, context)
        recipe = _recipe(mapping_file, context)
        sheet, mapping = read_sheet(file), mapping_file.mapping
        _check_columns(sheet, mapping, mapping_file.file_name)
        row_outcomes = RowOutcomes(sheet)
        if not row_outcomes.row_count:
            problem, remedy = "has a header and no rows", "fetch it again; nothing can be loaded from it"
            raise file_refusal(file.name, problem, remedy)
        columns, notes = BUILDERS[mapping.table](sheet, mapping, row_outcomes, context)
        _check_city(columns, sheet, mapping, context)
        parts = _split_by_month(columns, row_outcomes.is_kept, mapping, file)
        return Reading.of_rows(recipe, parts, row_outcomes, (*sheet.notes, *notes))


def read_stops(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, Notes]:
    """Every column of the stops table but source, file and as-of."""
    reject_repeats(sheet, mapping, row_outcomes)
    blank = np.full(sheet.data.num_rows, None, dtype=object)
    city_zone = context.city.time_zone
    times = read_occurrence_times(sheet, mapping.time, blank, row_outcomes, city_zone=city_zone).columns()
    places, _, notes = read_coordinates(sheet, mapping.place, row_outcomes, context.locator)
    stop = mapping.stop or StopPart()
    texts = {
        "kind": stop.kind,
        "legislation": stop.legislation,
        "object_of_search": stop.object_of_search,
        "outcome": mapping.outcome if isinstance(mapping.outcome, str) else None,
    }
    columns = {
        "stop_id": record_ids(sheet, mapping),
        "stopped_at": times["occurred_from"],
        "month": times["month"],
        **{
            ours: to_arrow(
                blank if name is None else dictionary_encode(sheet.data[name]).map(str), pa.string()
            )
            for ours, name in texts.items()
        },
        **places,
    }
    return columns, notes


def read_counts(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, Notes]:
    """Every column of the published counts but source and as-of: a row is one area, month and offence."""
    assert mapping.offence is not None
    assert mapping.counts is not None
    part, city_zone = mapping.counts, context.city.time_zone
    reject_repeats(sheet, mapping, row_outcomes)
    table = context.offences[mapping.offence.table]
    offences, groups = read_offences(sheet, mapping.offence, table, row_outcomes)
    times = read_occurrence_times(sheet, mapping.time, groups, row_outcomes, city_zone=city_zone).columns()
    counts, is_bad = numbers(sheet.data[part.count])
    with np.errstate(invalid="ignore"):
        is_bad |= ~(counts >= 0) | (counts != np.floor(counts))
    row_outcomes.reject_remaining(is_bad, part.count, "is not a count", "give a whole number of 0 or more")
    columns: Columns = {}
    for ours, words, problem in (
        ("area_kind", part.area_kind, "kind of area"),
        ("measure", part.measure, "measure"),
    ):
        answers, _ = translate_words(sheet, words)
        reason = f"is no {problem} that the mapping knows"
        row_outcomes.reject_remaining(pd.isna(answers), JOINT.join(words.columns), reason, "add it there")
        columns[ours] = to_arrow(answers, pa.string())
    texts = {
        "area_code": read_area_names(sheet, part.area_code),
        "area_name": read_area_names(sheet, part.area_name),
        "borough": _count_boroughs(sheet, mapping, context),
        "offence": offences,
        "offence_group": groups,
    }
    columns |= {name: to_arrow(values, pa.string()) for name, values in texts.items()}
    columns["month"] = times["month"]
    columns["count"] = pa.array(np.where(is_bad, 0, np.nan_to_num(counts)).astype(np.int64))
    return columns, ()


def _count_boroughs(sheet: Sheet, mapping: Mapping, context: ReadContext) -> Objects:
    """The borough itself, or the one that a neighbourhood's name begins with."""
    if mapping.place.borough is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    names = sorted((borough.name for borough in context.city.boroughs), key=len, reverse=True)

    def borough(words: str) -> str | None:
        stated_borough = context.locator.stated_borough(words)
        return stated_borough or next((name for name in names if words.startswith(name)), None)

    return dictionary_encode(sheet.data[mapping.place.borough]).map(borough)


BUILDERS = {"incidents": read_incidents, "stops": read_stops, "published_counts": read_counts}


def _usable_mapping(file: InputFile, context: ReadContext) -> MappingFile:
    """The mapping for this file; raises InputError where there is none or its doubts are not settled."""
    mapping_file = choose_mapping(file, context)
    if mapping_file is None:
        raise file_refusal(file.name, "has the columns of no mapping", "make one with `becalm ingest map`")
    doubts = mapping_file.mapping.doubts
    if doubts:
        where, remedy = f"{mapping_file.file_name}: doubts", "settle it, then remove this line"
        message = f"The mapping {mapping_file.file_name} has {len(doubts)} open doubts; nothing was loaded"
        raise InputError(message, tuple(Fault(where, doubt, remedy) for doubt in doubts))
    return mapping_file


def _recipe(mapping_file: MappingFile, context: ReadContext) -> tuple[str, str]:
    mapping = mapping_file.mapping
    digest = hashlib.sha256(f"{mapping_file.sha256}\n{context.locator.key}\n".encode())
    if mapping.offence is not None:
        table = context.offences.get(mapping.offence.table)
        if table is None:
            suggestion = suggest(mapping.offence.table, context.offences)
            fault = Fault(
                f"{mapping_file.file_name}: offence.table",
                f"{mapping.offence.table!r} is no offence table",
                f"{suggestion}there are: {', '.join(sorted(context.offences))}; your own go into offences/",
            )
            message = f"The mapping {mapping_file.file_name} cannot be used; nothing was loaded"
            raise InputError(message, (fault,))
        digest.update(offence_table_sha256(table).encode())
    return f"mapping {mapping.name} {mapping.version}", digest.hexdigest()


def _check_columns(sheet: Sheet, mapping: Mapping, file_name: str) -> None:
    missing = [column for column in mapping.columns() if column not in sheet.columns]
    if not missing:
        return
    hint = "is the delimiter right? " if len(sheet.columns) == 1 else ""
    faults = tuple(
        Fault(
            f"{sheet.name}: column {column!r}",
            "not found",
            f"{hint}{suggest(column, sheet.columns)}correct it in {file_name}",
        )
        for column in missing
    )
    raise InputError(f"{sheet.name} lacks {len(missing)} columns; nothing was loaded", faults)


def _check_city(columns: Columns, sheet: Sheet, mapping: Mapping, context: ReadContext) -> None:
    """Refuse records of another city with one clear word, instead of row by row."""
    city, row_count = context.city, sheet.data.num_rows
    if mapping.city in (None, city.key) or mapping.place.x is None or not row_count:
        return
    lost_count = pc.sum(pc.equal(columns["location_quality"], "none")).as_py() or 0
    if lost_count > row_count / 2:
        problem = f"has {lost_count:,} of {row_count:,} rows outside {city.name} ({city.crs})"
        remedy = f"load it into a workspace of its own: `becalm init` with the city {mapping.city}"
        raise file_refusal(sheet.name, problem, remedy)


def _split_by_month(
    columns: Columns, is_kept: Bools, mapping: Mapping, file: InputFile
) -> tuple[TablePart, ...]:
    """The kept rows, one part per month, in the file's own order."""
    schema, row_count = TABLES[mapping.table].to_pyarrow(), len(is_kept)
    for name, value in (("source", mapping.source), ("file", file.name)):
        columns[name] = pa.repeat(pa.scalar(value, pa.string()), row_count)
    columns["as_of"] = pa.repeat(pa.scalar(file.as_of, pa.date32()), row_count)
    table = pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)
    months = dictionary_encode(pa.chunked_array([columns["month"]]))
    rows = np.flatnonzero(is_kept & ~months.is_blank)
    rows = rows[np.argsort(months.codes[rows], kind="stable")]  # sorted once, sliced by month
    table = table.take(pa.array(rows))
    edges = np.searchsorted(months.codes[rows], np.arange(len(months.values) + 1))
    parts = (
        TablePart(mapping.table, mapping.source, month, table.slice(start, end - start))
        for month, start, end in zip(months.values, edges[:-1], edges[1:], strict=True)
        if end > start
    )
    return tuple(sorted(parts, key=lambda part: part.month))

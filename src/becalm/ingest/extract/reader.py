"""Any force's extract through its mapping: csv, parquet or a workbook in, checked rows by month out."""

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.formats.cells import dictionary_encode, is_repeated, numbers, to_arrow
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet, file_refusal
from becalm.formats.table_reader import read_sheet
from becalm.ingest.extract import code_columns
from becalm.ingest.extract.times import read_occurrence_times, read_recorded_on
from becalm.ingest.locate import LocatedPoints, Locator, check_city, distinct_points
from becalm.ingest.mapping import Mapping, MappingFile, PlacePart, StopPart, WordMap, choose_mapping
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools, Floats, Ints, Objects
from becalm.tables import REPEATED_ROW, TABLES, TablePart
from becalm.terms import Fault, InputError
from becalm.workspace.read_offence_tables import offence_table_sha256
from becalm.workspace.reviewed_toml import suggest

Columns = dict[str, pa.Array]
Notes = tuple[str, ...]
Contents = tuple[Columns, Notes]
TOTAL = r"^\s*(grand |sub-?)?totals?:?\s*$"
HASH_FACTORS = (1_000_003, 0x9E3779B97F4A7C15)


def read_incidents(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> Contents:
    """Every column of the incidents table but source, file and as-of, and what is worth a note."""
    assert mapping.offence is not None
    offence_table, city_zone = context.offences[mapping.offence.table], context.city.time_zone
    reject_repeats(sheet, mapping, row_outcomes)
    offence_of_row, group_of_row = code_columns.read_offences(
        sheet, mapping.offence, offence_table, row_outcomes
    )
    time_columns = read_occurrence_times(
        sheet, mapping.time, group_of_row, row_outcomes, city_zone=city_zone, as_of=context.as_of
    )
    places, boroughs, place_notes = read_coordinates(sheet, mapping, row_outcomes, context)
    detail_columns, detail_notes = _read_details(sheet, mapping, row_outcomes)
    incident_columns = {
        "incident_id": record_ids(sheet, mapping),
        "found_by": to_arrow(
            code_columns.read_found_by(sheet, mapping, offence_table, group_of_row), pa.string()
        ),
        **time_columns.columns(),
        "recorded_on": read_recorded_on(
            sheet, mapping.time, row_outcomes, city_zone=city_zone, as_of=context.as_of
        ),
        "offence": to_arrow(offence_of_row, pa.string()),
        "offence_group": to_arrow(group_of_row, pa.string()),
        **detail_columns,
        **places,
        **_read_areas(sheet, mapping.place, boroughs, context.locator),
    }
    return incident_columns, (*place_notes, *detail_notes)


def _read_details(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> tuple[Columns, Notes]:
    """What the record says of weapon, injury, victim and outcome."""
    weapon_of_row, weapon_note = _translate_part(sheet, "weapon", mapping.weapon)
    injury_of_row, injury_note = _translate_part(sheet, "injury", mapping.injury)
    outcome_mapping = mapping.outcome
    outcome_texts, outcome_note = _translate_part(
        sheet, "outcome", None if isinstance(outcome_mapping, str) else outcome_mapping
    )
    if isinstance(outcome_mapping, str):
        outcome_texts = _column_texts(sheet, outcome_mapping)
    age_band_of_row = np.full(sheet.data.num_rows, None, dtype=object)
    if mapping.victim_age is not None:
        age_band_of_row = code_columns.read_age_bands(sheet, mapping.victim_age, row_outcomes)
    is_injured = pd.Series(injury_of_row, dtype=object).map({"true": True, "false": False})
    array_by_detail = {
        "weapon": to_arrow(np.where(pd.isna(weapon_of_row), "unknown", weapon_of_row), pa.string()),
        "injury": to_arrow(is_injured.to_numpy(dtype=object), pa.bool_()),
        "victim_age_band": to_arrow(age_band_of_row, pa.string()),
        "outcome": to_arrow(outcome_texts, pa.string()),
    }
    return array_by_detail, (*weapon_note, *injury_note, *outcome_note)


def _column_texts(sheet: Sheet, column: str | None) -> Objects:
    if column is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    return dictionary_encode(sheet.data[column]).map(str)


def _translate_part(sheet: Sheet, part: str, words: WordMap | None) -> tuple[Objects, Notes]:
    if words is None:
        return np.full(sheet.data.num_rows, None, dtype=object), ()
    word_of_row, unknown_words = code_columns.translate_words(sheet, words)
    return word_of_row, code_columns.unknown_words_note(part, unknown_words)


def reject_repeats(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> None:
    """Reject whole rows, or identifiers, that repeat an earlier row, where the mapping asks for it.

    A file that holds every row twice was put together from the same rows twice: that is no chance.
    """
    if mapping.repeats == "keep":
        row_outcomes.reject_copies(mapping.columns()[0])
        return
    if mapping.id is None:
        is_repeat, column, fault_reason = is_repeated(sheet.data), mapping.columns()[0], REPEATED_ROW
    else:
        id_column = dictionary_encode(sheet.data[mapping.id])
        is_repeat, column = (
            pd.Series(id_column.codes).duplicated().to_numpy() & ~id_column.is_blank,
            mapping.id,
        )
        fault_reason = "repeats the identifier of an earlier row"
    remedy = 'set repeats = "keep" in the mapping if both happened'
    row_outcomes.reject_remaining(is_repeat, column, fault_reason, remedy)


def reject_totals(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> None:
    """Reject rows that add up others: they say "Total" where an area, an offence or a time stands."""
    for column in mapping.columns():
        column_cells = sheet.data[column]
        if pa.types.is_string(column_cells.type):
            is_match = pc.match_substring_regex(column_cells, TOTAL, ignore_case=True)
            is_total = pc.fill_null(is_match, False).to_numpy()
            row_outcomes.reject_remaining(is_total, column, "is a total of other rows", "leave the row out")


def record_ids(sheet: Sheet, mapping: Mapping) -> pa.Array:
    """One identifier per row: the source's own, else a hash of the row's content; equal ones are numbered."""
    if mapping.id is None:
        row_hashes = _row_hashes(sheet)
        return _number_repeats(_hexadecimal(row_hashes), row_hashes)
    id_column = dictionary_encode(sheet.data[mapping.id])
    if len(id_column.distinct) == len(id_column.codes):  # every one is there and is different
        return id_column.arrow()
    id_texts, id_codes = id_column.map(str), id_column.codes.copy()
    id_texts[id_column.is_blank] = _hexadecimal(_row_hashes(sheet)[id_column.is_blank])
    id_codes[id_column.is_blank] = -1 - np.arange(
        id_column.is_blank.sum()
    )  # rows without an id are all different
    return _number_repeats(id_texts, id_codes)


def _number_repeats(id_of_row: Objects, key_of_row: NDArray[Any]) -> pa.Array:
    earlier_repeats_of_row = pd.Series(key_of_row).groupby(key_of_row).cumcount().to_numpy()
    for row in np.flatnonzero(earlier_repeats_of_row).tolist():
        id_of_row[row] = f"{id_of_row[row]}-{earlier_repeats_of_row[row] + 1}"
    return to_arrow(id_of_row, pa.string())


def _hexadecimal(hashes: NDArray[np.uint64]) -> Objects:
    return np.array([f"{row_hash:016x}" for row_hash in hashes.tolist()], dtype=object)


def _row_hashes(sheet: Sheet) -> NDArray[np.uint64]:
    """A hash of each row's cells that is the same on every machine and in every run.

    Identifiers are made of it: another hash would give every record of an archive another name.
    """
    hash_multiplier, hash_mask = map(np.uint64, HASH_FACTORS)
    hash_of_row = np.zeros(sheet.data.num_rows, dtype=np.uint64)
    for column in sheet.data.columns:
        hash_of_row = (hash_of_row * hash_multiplier + _cell_hashes(column)) ^ hash_mask
    return hash_of_row


def _cell_hashes(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return pd.util.hash_array(column.cast(pa.float64(), safe=False).to_numpy())
    word_column = dictionary_encode(column)
    return pd.util.hash_array(np.array([*word_column.values, ""], dtype=object), categorize=False)[
        word_column.codes
    ]


def read_coordinates(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, Objects, Notes]:
    """Metres and quality of every row, the borough that holds the point, and what is worth a note.

    A row whose coordinates cannot be used keeps everything else; that is written down as a repair. Raises
    InputError where most of the points lie outside the city, unless that is allowed.
    """
    part, row_count, locator = mapping.place, sheet.data.num_rows, context.locator
    if part.x is None or part.y is None:
        metres, has_point = np.full(row_count, np.nan), np.zeros(row_count, dtype=np.bool_)
        return _place_columns(metres, metres, has_point, part), np.full(row_count, None, dtype=object), ()
    x, is_bad_x = numbers(sheet.data[part.x])
    y, is_bad_y = numbers(sheet.data[part.y])
    columns, is_bad = f"{part.x} / {part.y}", is_bad_x | is_bad_y
    row_outcomes.repair(is_bad, columns, "is no coordinate", "correct it; the row was loaded without a place")
    xs, ys, point_of_row = distinct_points(x, y)
    located_points = locator.locate(xs, ys, crs=part.crs)
    has_point, lacks_coordinates = (
        located_points.is_known[point_of_row],
        located_points.is_absent[point_of_row],
    )
    row_outcomes.repair(
        ~has_point & ~lacks_coordinates & ~is_bad,
        columns,
        f"is no place where {locator.city.crs} ({locator.city.name}) can be used",
        "correct the coordinates or the mapping's crs; the row was loaded without a place",
    )
    is_inside = has_point & ~locator.is_outside_extent(located_points)[point_of_row]
    has_coordinates = ~lacks_coordinates & ~is_bad & ~((x == 0) & (y == 0))
    check_city(
        sheet.name,
        is_inside[has_coordinates],
        locator,
        allow_outside=context.allow_outside,
        stated_city=mapping.city,
    )
    place_columns = _place_columns(
        located_points.easting_m[point_of_row], located_points.northing_m[point_of_row], has_point, part
    )
    place_notes = _place_notes(located_points, point_of_row, row_outcomes, locator)
    return place_columns, locator.boroughs(located_points)[point_of_row], place_notes


def _place_columns(easting_m: Floats, northing_m: Floats, has_point: Bools, part: PlacePart) -> Columns:
    return {
        "easting_m": pa.array(easting_m, mask=~has_point),
        "northing_m": pa.array(northing_m, mask=~has_point),
        "location_quality": pa.array(np.where(has_point, part.quality, "none").astype(object), pa.string()),
    }


def _place_notes(
    points: LocatedPoints, point_of_row: Ints, row_outcomes: RowOutcomes, locator: Locator
) -> Notes:
    absent_count = int((points.is_absent[point_of_row] & row_outcomes.is_kept).sum())
    outside_count = int((locator.is_outside_extent(points)[point_of_row] & row_outcomes.is_kept).sum())
    place_notes: Notes = (f"{absent_count:,} rows give no coordinates",) if absent_count else ()
    if outside_count:
        place_notes += (f"{outside_count:,} rows lie outside {locator.city.name}; they were loaded",)
    return place_notes


def _read_areas(sheet: Sheet, part: PlacePart, borough_of_row: Objects, locator: Locator) -> Columns:
    """Borough, ward, small area and command unit of every row; a polygon is believed before the record."""
    if part.borough is not None:
        stated_boroughs = dictionary_encode(sheet.data[part.borough]).map(locator.stated_borough)
        borough_of_row = np.where(pd.isna(borough_of_row), stated_boroughs, borough_of_row)
    if part.command_unit is None:
        codes, names = pd.factorize(pd.Series(borough_of_row, dtype=object), use_na_sentinel=True)
        unit_of_name = np.array(
            [*locator.command_units(np.asarray(names, dtype=object)), None], dtype=object
        )[codes]
    else:
        unit_of_name = code_columns.read_area_names(sheet, part.command_unit)
    return {
        "borough": to_arrow(borough_of_row, pa.string()),
        "ward": to_arrow(code_columns.read_area_names(sheet, part.ward), pa.string()),
        "lsoa": to_arrow(code_columns.read_area_names(sheet, part.lsoa), pa.string()),
        "command_unit": to_arrow(unit_of_name, pa.string()),
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
        recipe_name = _recipe(mapping_file, context)
        mapping = mapping_file.mapping
        sheet = mapping.spell(read_sheet(file, mapping.layout))
        _check_columns(sheet, mapping, mapping_file.file_name)
        row_outcomes = RowOutcomes(sheet)
        if not row_outcomes.row_count:
            problem, remedy = "has a header and no rows", "fetch it again; nothing can be loaded from it"
            raise file_refusal(file.name, problem, remedy)
        reject_totals(sheet, mapping, row_outcomes)
        table_columns, row_notes = BUILDERS[mapping.table](
            sheet, mapping, row_outcomes, replace(context, as_of=file.as_of)
        )
        table_parts = _split_by_month(table_columns, row_outcomes.is_kept, mapping, file)
        reading = Reading.of_rows(recipe_name, table_parts, row_outcomes, (*sheet.notes, *row_notes))
        return replace(reading, has_own_ids=mapping.table == "incidents" and mapping.id is not None)


def read_stops(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext) -> Contents:
    """Every column of the stops table but source, file and as-of."""
    reject_repeats(sheet, mapping, row_outcomes)
    blank_column = np.full(sheet.data.num_rows, None, dtype=object)
    city_zone = context.city.time_zone
    time_columns = read_occurrence_times(
        sheet, mapping.time, blank_column, row_outcomes, city_zone=city_zone, as_of=context.as_of
    ).columns()
    place_columns, _, notes = read_coordinates(sheet, mapping, row_outcomes, context)
    stop_part = mapping.stop or StopPart()
    source_column_by_ours = {
        "kind": stop_part.kind,
        "legislation": stop_part.legislation,
        "object_of_search": stop_part.object_of_search,
        "outcome": mapping.outcome if isinstance(mapping.outcome, str) else None,
    }
    stop_columns = {
        "stop_id": record_ids(sheet, mapping),
        "stopped_at": time_columns["occurred_from"],
        "month": time_columns["month"],
        **{
            our_column: to_arrow(
                blank_column if theirs is None else dictionary_encode(sheet.data[theirs]).map(str),
                pa.string(),
            )
            for our_column, theirs in source_column_by_ours.items()
        },
        **place_columns,
    }
    return stop_columns, notes


def read_counts(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext) -> Contents:
    """Every column of the published counts but source and as-of: a row is one area, month and offence."""
    assert mapping.offence is not None
    assert mapping.counts is not None
    part, city_zone = mapping.counts, context.city.time_zone
    reject_repeats(sheet, mapping, row_outcomes)
    offence_table = context.offences[mapping.offence.table]
    offence_of_row, groups = code_columns.read_offences(sheet, mapping.offence, offence_table, row_outcomes)
    time_columns = read_occurrence_times(
        sheet, mapping.time, groups, row_outcomes, city_zone=city_zone, as_of=context.as_of
    ).columns()
    count_of_row, is_bad = numbers(sheet.data[part.count])
    with np.errstate(invalid="ignore"):
        is_bad |= ~(count_of_row >= 0) | (count_of_row != np.floor(count_of_row))
    row_outcomes.reject_remaining(is_bad, part.count, "is not a count", "give a whole number of 0 or more")
    count_columns: Columns = {}
    for our_column, word_map, column_meaning in (
        ("area_kind", part.area_kind, "kind of area"),
        ("measure", part.measure, "measure"),
    ):
        answers, _ = code_columns.translate_words(sheet, word_map)
        fault_reason = f"is no {column_meaning} that the mapping knows"
        row_outcomes.reject_remaining(
            pd.isna(answers), code_columns.JOINT.join(word_map.columns), fault_reason, "add it there"
        )
        count_columns[our_column] = to_arrow(answers, pa.string())
    text_columns = {
        "area_code": code_columns.read_area_names(sheet, part.area_code),
        "area_name": code_columns.read_area_names(sheet, part.area_name),
        "borough": _count_boroughs(sheet, mapping, context),
        "offence": offence_of_row,
        "offence_group": groups,
    }
    count_columns |= {name: to_arrow(cell_texts, pa.string()) for name, cell_texts in text_columns.items()}
    count_columns["month"] = time_columns["month"]
    count_columns["count"] = pa.array(np.where(is_bad, 0, np.nan_to_num(count_of_row)).astype(np.int64))
    return count_columns, ()


def _count_boroughs(sheet: Sheet, mapping: Mapping, context: ReadContext) -> Objects:
    """The borough itself, or the one that a neighbourhood's name begins with."""
    if mapping.place.borough is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    borough_names = sorted((borough.name for borough in context.city.boroughs), key=len, reverse=True)

    def borough(words: str) -> str | None:
        stated_borough = context.locator.stated_borough(words)
        return stated_borough or next((name for name in borough_names if words.startswith(name)), None)

    return dictionary_encode(sheet.data[mapping.place.borough]).map(borough)


BUILDERS = {"incidents": read_incidents, "stops": read_stops, "published_counts": read_counts}


def _usable_mapping(file: InputFile, context: ReadContext) -> MappingFile:
    """The mapping for this file; raises InputError where there is none or its doubts are not settled."""
    mapping_file = choose_mapping(file, context)
    if mapping_file is None:
        raise file_refusal(file.name, "has the columns of no mapping", "make one with `becalm ingest map`")
    doubts = mapping_file.mapping.doubts
    if doubts:
        doubts_place, doubt_remedy = f"{mapping_file.file_name}: doubts", "settle it, then remove this line"
        refusal_message = (
            f"The mapping {mapping_file.file_name} has {len(doubts)} open doubts; nothing was loaded"
        )
        raise InputError(refusal_message, tuple(Fault(doubts_place, doubt, doubt_remedy) for doubt in doubts))
    return mapping_file


def _recipe(mapping_file: MappingFile, context: ReadContext) -> tuple[str, str]:
    mapping = mapping_file.mapping
    recipe_digest = hashlib.sha256(f"{mapping_file.sha256}\n{context.locator.key}\n".encode())
    if mapping.offence is not None:
        offence_table = context.offences.get(mapping.offence.table)
        if offence_table is None:
            suggestion = suggest(mapping.offence.table, context.offences)
            unknown_table_fault = Fault(
                f"{mapping_file.file_name}: offence.table",
                f"{mapping.offence.table!r} is no offence table",
                f"{suggestion}there are: {', '.join(sorted(context.offences))}; your own go into offences/",
            )
            refusal_message = f"The mapping {mapping_file.file_name} cannot be used; nothing was loaded"
            raise InputError(refusal_message, (unknown_table_fault,))
        recipe_digest.update(offence_table_sha256(offence_table).encode())
    return f"mapping {mapping.name} {mapping.version}", recipe_digest.hexdigest()


def _check_columns(sheet: Sheet, mapping: Mapping, file_name: str) -> None:
    missing_columns = [column for column in mapping.columns() if column not in sheet.columns]
    if not missing_columns:
        return
    delimiter_hint = "is the delimiter right? " if len(sheet.columns) == 1 else ""
    faults = tuple(
        Fault(
            f"{sheet.name}: column {column!r}",
            "not found",
            f"{delimiter_hint}{suggest(column, sheet.columns)}correct it in {file_name}",
        )
        for column in missing_columns
    )
    raise InputError(f"{sheet.name} lacks {len(missing_columns)} columns; nothing was loaded", faults)


def _split_by_month(
    columns: Columns, is_kept: Bools, mapping: Mapping, file: InputFile
) -> tuple[TablePart, ...]:
    """The kept rows, one part per month, in the file's own order."""
    fields, row_count = TABLES[mapping.table].to_pyarrow(), len(is_kept)
    for name, constant_text in (("source", mapping.source), ("file", file.name)):
        columns[name] = pa.repeat(pa.scalar(constant_text, pa.string()), row_count)
    columns["as_of"] = pa.repeat(pa.scalar(file.as_of, pa.date32()), row_count)
    all_rows = pa.table([columns[name].cast(fields.field(name).type) for name in fields.names], schema=fields)
    encoded_months = dictionary_encode(pa.chunked_array([columns["month"]]))
    kept_row_indices = np.flatnonzero(is_kept & ~encoded_months.is_blank)
    kept_row_indices = kept_row_indices[
        np.argsort(encoded_months.codes[kept_row_indices], kind="stable")
    ]  # sorted once, sliced by month
    all_rows = all_rows.take(pa.array(kept_row_indices))
    month_edges = np.searchsorted(
        encoded_months.codes[kept_row_indices], np.arange(len(encoded_months.values) + 1)
    )
    month_parts = (
        TablePart(mapping.table, mapping.source, month, all_rows.slice(start, end - start))
        for month, start, end in zip(encoded_months.values, month_edges[:-1], month_edges[1:], strict=True)
        if end > start
    )
    return tuple(sorted(month_parts, key=lambda part: part.month))

"""Any force's extract through its mapping: csv, parquet or a workbook in, checked rows by month out."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from becalm.formats.cells import dictionary_encode, numbers, to_arrow
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet, file_refusal
from becalm.formats.sheet_reader import read_sheet
from becalm.ingest.extract.code_columns import JOINT, read_area_names, read_offences, translate_words
from becalm.ingest.extract.incidents import (
    Columns,
    Notes,
    read_coordinates,
    read_incidents,
    record_ids,
    reject_repeats,
)
from becalm.ingest.extract.times import read_occurrence_times
from becalm.ingest.mapping import Mapping, StopPart
from becalm.ingest.mapping_choice import MappingFile, choose_mapping
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools, Objects
from becalm.tables import TABLES, TablePart
from becalm.terms import Fault, InputError
from becalm.workspace.offences import offence_table_sha256
from becalm.workspace.recipes import suggest


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

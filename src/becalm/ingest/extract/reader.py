"""Any force's extract through its mapping: csv, parquet or xlsx in, checked rows by month out."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import InputFile, Sheet, file_refusal
from becalm.formats.sheet_reader import read_sheet
from becalm.ingest.extract.counts import read_counts
from becalm.ingest.extract.incidents import read_incidents
from becalm.ingest.extract.stops import read_stops
from becalm.ingest.mapping import Mapping
from becalm.ingest.mapping_choice import Chosen, choose_mapping
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools
from becalm.tables import TABLES, TablePart
from becalm.terms import Fault, InputError
from becalm.workspace.offences import offence_table_sha256
from becalm.workspace.recipes import suggest

BUILDERS = {"incidents": read_incidents, "stops": read_stops, "published_counts": read_counts}


class ExtractReader:
    """Reads a file whose columns a mapping names exactly, or that the user gives a mapping for."""

    key = "extract"

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Is there a mapping for this file?"""
        return choose_mapping(file, context) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:
        """The shipped city that the mapping names."""
        chosen = choose_mapping(file, context)
        return chosen.mapping.city if chosen else None

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:
        """Name and version of the mapping; the hash covers the mapping and its offence table."""
        return _recipe(_settled(file, context), context)

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Read the file through its mapping; raises InputError where mapping or file cannot be used."""
        chosen = _settled(file, context)
        mapping = chosen.mapping
        name, sha256 = _recipe(chosen, context)
        sheet = read_sheet(file)
        _require_columns(sheet, mapping, chosen.where)
        row_outcomes = RowOutcomes(sheet)
        if not row_outcomes.row_count:
            raise file_refusal(
                file.name, "has a header and no rows", "fetch it again; nothing can be loaded from it"
            )
        columns, notes = BUILDERS[mapping.table](sheet, mapping, row_outcomes, context)
        _require_city(columns, sheet, mapping, context)
        return Reading(
            recipe=name,
            recipe_sha256=sha256,
            parts=_parts(columns, row_outcomes.is_kept, mapping, file),
            faults=tuple(row_outcomes.faults),
            rows=row_outcomes.row_count,
            loaded=row_outcomes.loaded_count,
            repaired=row_outcomes.repaired_count,
            rejected=row_outcomes.row_count - row_outcomes.loaded_count,
            notes=(*sheet.notes, *notes),
        )


def _settled(file: InputFile, context: ReadContext) -> Chosen:
    chosen = choose_mapping(file, context)
    if chosen is None:
        fault = Fault(file.name, "has the columns of no mapping", "make one with `becalm ingest map`")
        raise InputError(f"{file.name} was file_refusal", (fault,))
    if chosen.mapping.doubts:
        faults = tuple(
            Fault(f"{chosen.where}: doubts", doubt, "settle it, then remove this line")
            for doubt in chosen.mapping.doubts
        )
        raise InputError(
            f"The mapping {chosen.where} has {len(faults)} open doubts; nothing was loaded", faults
        )
    return chosen


def _recipe(chosen: Chosen, context: ReadContext) -> tuple[str, str]:
    mapping = chosen.mapping
    digest = hashlib.sha256(f"{chosen.sha256}\n{context.locator.key}\n".encode())
    if mapping.offence is not None:
        table = context.offences.get(mapping.offence.table)
        if table is None:
            near = suggest(mapping.offence.table, context.offences)
            fault = Fault(
                f"{chosen.where}: offence.table",
                f"{mapping.offence.table!r} is no offence table",
                f"{near}there are: {', '.join(sorted(context.offences))}; your own go into offences/",
            )
            raise InputError(f"The mapping {chosen.where} cannot be used; nothing was loaded", (fault,))
        digest.update(offence_table_sha256(table).encode())
    return f"mapping {mapping.name} {mapping.version}", digest.hexdigest()


def _require_columns(sheet: Sheet, mapping: Mapping, where: str) -> None:
    missing = [c for c in mapping.columns() if c not in sheet.columns]
    if not missing:
        return
    hint = "is the delimiter right? " if len(sheet.columns) == 1 else ""
    faults = tuple(
        Fault(
            f"{sheet.name}: column {column!r}",
            "not found",
            f"{hint}{suggest(column, sheet.columns)}correct it in {where}",
        )
        for column in missing
    )
    raise InputError(f"{sheet.name} lacks {len(missing)} columns; nothing was loaded", faults)


def _require_city(columns: dict[str, pa.Array], sheet: Sheet, mapping: Mapping, context: ReadContext) -> None:
    """Refuse records of another city with one clear word, instead of row by row."""
    city = context.city
    if mapping.city in (None, city.key) or mapping.place.x is None or not sheet.data.num_rows:
        return
    nowhere = pc.sum(pc.equal(columns["location_quality"], "none")).as_py() or 0
    if nowhere > sheet.data.num_rows / 2:
        what = f"has {nowhere:,} of {sheet.data.num_rows:,} rows outside {city.name} ({city.crs})"
        remedy = f"load it into a workspace of its own: becalm init DIR --city {mapping.city}"
        raise InputError(f"{sheet.name} was file_refusal", (Fault(sheet.name, what, remedy),))


def _parts(
    columns: dict[str, pa.Array], kept: Bools, mapping: Mapping, file: InputFile
) -> tuple[TablePart, ...]:
    """The kept rows, one part per month, in the file's own order."""
    schema = TABLES[mapping.table].to_pyarrow()
    rows = len(kept)
    fixed = {"source": mapping.source, "file": file.name}
    columns |= {k: pa.repeat(pa.scalar(v, pa.string()), rows) for k, v in fixed.items() if k in schema.names}
    columns["as_of"] = pa.repeat(pa.scalar(file.as_of, pa.date32()), rows)
    table = pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)
    months = columns["month"].dictionary_encode()
    codes = months.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    names = months.dictionary.to_pylist()
    spots = np.flatnonzero(kept & (codes >= 0))
    spots = spots[np.argsort(codes[spots], kind="stable")]
    table = table.take(pa.array(spots))
    edges = np.searchsorted(codes[spots], np.arange(len(names) + 1))
    parts = (
        TablePart(mapping.table, mapping.source, name, table.slice(edges[i], edges[i + 1] - edges[i]))
        for i, name in enumerate(names)
        if edges[i + 1] > edges[i]
    )
    return tuple(sorted(parts, key=lambda part: part.month))

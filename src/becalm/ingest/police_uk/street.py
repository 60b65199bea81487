"""data.police.uk street crimes: a month, a snap point, an offence in the police's words. Never a day."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.formats.csv_table import TEXT, WORDS, CsvTable, read_csv_table
from becalm.formats.input_file import InputFile
from becalm.ingest.checks import Coded, Finding, Rows, constant, misnamed, month_findings, words
from becalm.ingest.locate import Locator
from becalm.ingest.publication import (
    Checked,
    Places,
    Publication,
    in_columns,
    places_of,
    reading,
    repeated_rows,
    source_of,
    synthetic_ids,
    words_in,
)
from becalm.ingest.reader import ReadContext, Reading
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


def read_street(file: InputFile, context: ReadContext, about: Publication) -> Reading:
    """Read one force's street crimes of one month (or of several, in one file)."""
    table = read_csv_table(file, STREET_COLUMNS, kind="data.police.uk street", staging=context.staging)
    offences = context.offences[OFFENCES]
    months, types = words_in(table, "Month"), words_in(table, "Crime type")
    places = places_of(words_in(table, "Longitude"), words_in(table, "Latitude"), context.locator)
    source = source_of(file, about, words_in(table, "Reported by"))
    ids = table.columns["Crime ID"].combine_chunks()
    repeats, same_id = repeated_rows(table, ids, column="Crime ID")
    findings = (
        *month_findings(months, column="Month", stated=about.month),
        *_unknown_types(types, offences),
        *places.findings,
        *repeats,
    )
    prefix = f"{source}:{about.month or file.sha256[:12]}"
    columns = {
        "incident_id": _incident_ids(ids, same_id, prefix),
        **_said_by_the_file(file, source, table.columns.num_rows),
        **_said_by_the_rows(table, months, types, offences),
        **_put_in_place(table, places, context.locator),
    }
    checked = Checked(
        table="incidents",
        source=source,
        columns=in_columns(columns, tuple(INCIDENTS)),
        findings=findings,
        notes=(
            *misnamed(months, stated=about.month),
            *_same_id_note(same_id),
            *_outside_note(places, context.locator),
        ),
    )
    return reading(file, about, table, checked, context.staging)


def _unknown_types(types: Coded, offences: OffenceTable) -> tuple[Finding, ...]:
    known = offences.by_word()
    rows = np.flatnonzero(~types.where(lambda t: plain_word(t) in known, empty=False))

    def remedy(word: str) -> str:
        known_words = [w for w, _ in offences.words]
        return suggest_remedy(word, known_words, where=f"the workspace's offences/{OFFENCES}.toml")

    reason = "the crime type is not in the offence table"
    finding = Finding(rows, "Crime type", types.value, "rejected", reason, remedy)
    return (finding,) if rows.size else ()


def _incident_ids(ids: pa.Array, same_id: Rows, prefix: str) -> pa.Array:
    """The Crime ID; with its turn for one that comes again in another row; made up where there is none."""
    without = np.flatnonzero(pc.is_null(ids).to_numpy(zero_copy_only=False))
    if without.size:
        mask = np.zeros(len(ids), dtype=np.bool_)
        mask[without] = True
        ids = pc.replace_with_mask(ids, pa.array(mask), synthetic_ids(prefix, without + 1))
    if same_id.size:
        turns: dict[str, int] = {}
        mask = np.zeros(len(ids), dtype=np.bool_)
        mask[same_id] = True
        again = []
        for crime_id in ids.filter(pa.array(mask)).to_pylist():
            turns[crime_id] = turns.get(crime_id, 1) + 1
            again.append(f"{crime_id}#{turns[crime_id]}")
        ids = pc.replace_with_mask(ids, pa.array(mask), pa.array(again, type=pa.string()))
    return ids


def _said_by_the_file(file: InputFile, source: str, rows: int) -> dict[str, pa.Array]:
    nothing = {
        name: pa.nulls(rows, type=INCIDENTS[name].to_pyarrow())
        for name in (
            "occurred_from",
            "occurred_to",
            "occurred_on",
            "hour_of_week",
            "recorded_on",
            "injury",
            "victim_age_band",
            "ward",
        )
    }
    return {
        **nothing,
        "source": constant(source, rows),
        "file": constant(file.name, rows),
        "precision": constant("month", rows),
        "as_of": pa.repeat(pa.scalar(file.as_of, pa.date32()), rows),
        "weapon": constant("unknown", rows),
    }


def _said_by_the_rows(
    table: CsvTable, months: Coded, types: Coded, offences: OffenceTable
) -> dict[str, pa.Array]:
    group_of = offences.by_word()
    found_by = {g.key: g.found_by for g in offences.groups}
    return {
        "month": months.mapped(lambda m: m),
        "offence": types.mapped(lambda t: t),
        "offence_group": types.mapped(lambda t: group_of.get(plain_word(t))),
        "found_by": types.mapped(lambda t: found_by.get(group_of.get(plain_word(t), ""))),
        "outcome": words_in(table, "Last outcome category").mapped(lambda o: o),
        "lsoa": words_in(table, "LSOA code").mapped(lambda code: code),
    }


def _put_in_place(table: CsvTable, places: Places, locator: Locator) -> dict[str, pa.Array]:
    easting, northing = places.metres()
    boroughs = _boroughs(words_in(table, "LSOA name"), places, locator)
    return {
        "easting_m": easting,
        "northing_m": northing,
        "location_quality": words((~places.known).astype(np.int32), ["snap", "none"]),
        "borough": boroughs.mapped(lambda name: name),
        "command_unit": boroughs.mapped(locator.city.command_unit_of),
    }


def _boroughs(areas: Coded, places: Places, locator: Locator) -> Coded:
    """By polygon for each distinct point; where no polygon answers, what the record's area name says."""
    by_point = locator.boroughs(places.located)
    stated = [locator.stated_borough(v) for v in areas.values]
    names = sorted({n for n in (*by_point, *stated) if n is not None})
    place = {name: code for code, name in enumerate(names)}
    point_codes = _codes(list(by_point), place)[places.of_row]
    stated_codes = _codes([*stated, None], place)[areas.codes]
    return Coded(np.where(point_codes < 0, stated_codes, point_codes), tuple(names))


def _codes(names: list[str | None], place: dict[str, int]) -> NDArray[np.intp]:
    return np.array([-1 if name is None else place[name] for name in names], dtype=np.intp)


def _same_id_note(same_id: Rows) -> tuple[str, ...]:
    if not same_id.size:
        return ()
    return (f"{same_id.size} rows carry the Crime ID of another crime: kept, their ids end in #2, #3 ...",)


def _outside_note(places: Places, locator: Locator) -> tuple[str, ...]:
    outside = int(locator.outside_extent(places.located)[places.of_row].sum())
    return (f"{outside} rows lie outside {locator.city.name}",) if outside else ()

"""An extract's rows as incidents."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from becalm.formats.cells import dictionary_encode, is_repeated, to_arrow
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.extract.code_columns import age_bands, answers, found_by_of, offences_of, unheard_note
from becalm.ingest.extract.places import areas, coordinates
from becalm.ingest.extract.times import recorded_on, when
from becalm.ingest.mapping import Mapping, Words
from becalm.ingest.reader import ReadContext
from becalm.methods.arrays import Objects
from becalm.tables import REPEATED_ROW

Columns = dict[str, pa.Array]
PRIMES = (1_000_003, 0x9E3779B97F4A7C15)


def read_incidents(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, tuple[str, ...]]:
    """Every column of the incidents table but source, file and as-of, and what is worth a note."""
    assert mapping.offence is not None
    table = context.offences[mapping.offence.table]
    reject_repeats(sheet, mapping, row_outcomes)
    offence, group = offences_of(sheet, mapping.offence, table, row_outcomes)
    times = when(sheet, mapping.time, group, row_outcomes, city_zone=context.city.time_zone)
    spots, within, place_notes = coordinates(sheet, mapping.place, row_outcomes, context.locator)
    told, word_notes = _told(sheet, mapping, row_outcomes)
    columns = {
        "incident_id": incident_ids(sheet, mapping),
        "found_by": to_arrow(found_by_of(sheet, mapping, table, group), pa.string()),
        **times.columns(),
        "recorded_on": recorded_on(sheet, mapping.time, row_outcomes, city_zone=context.city.time_zone),
        "offence": to_arrow(offence, pa.string()),
        "offence_group": to_arrow(group, pa.string()),
        **told,
        **spots,
        **areas(sheet, mapping.place, within, context.locator),
    }
    return columns, (*place_notes, *word_notes)


def _told(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> tuple[Columns, tuple[str, ...]]:
    """What the record tells about weapon, injury, victim and outcome."""
    notes: tuple[str, ...] = ()
    rows = sheet.data.num_rows
    weapon, injury, outcome = (
        np.full(rows, "unknown", dtype=object),
        np.full(rows, None, dtype=object),
        np.full(rows, None, dtype=object),
    )
    if mapping.weapon is not None:
        weapon, unheard = answers(sheet, mapping.weapon)
        weapon = np.where(pd.isna(weapon), "unknown", weapon)
        notes += unheard_note("weapon", unheard)
    if mapping.injury is not None:
        words, unheard = answers(sheet, mapping.injury)
        injury = pd.Series(words, dtype=object).map({"true": True, "false": False}).to_numpy(dtype=object)
        notes += unheard_note("injury", unheard)
    if isinstance(mapping.outcome, Words):
        outcome, unheard = answers(sheet, mapping.outcome)
        notes += unheard_note("outcome", unheard)
    elif mapping.outcome is not None:
        outcome = dictionary_encode(sheet.data[mapping.outcome]).map(str)
    ages = np.full(rows, None, dtype=object)
    if mapping.victim_age is not None:
        ages = age_bands(sheet, mapping.victim_age, row_outcomes)
    columns = {
        "weapon": to_arrow(weapon, pa.string()),
        "injury": to_arrow(injury, pa.bool_()),
        "victim_age_band": to_arrow(ages, pa.string()),
        "outcome": to_arrow(outcome, pa.string()),
    }
    return columns, notes


def reject_repeats(sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes) -> None:
    """Reject whole rows, or identifiers, that repeat an earlier row, where the mapping asks for it."""
    if mapping.repeats == "keep":
        return
    if mapping.id is None:
        same, column, what = is_repeated(sheet.data), mapping.columns()[0], REPEATED_ROW
    else:
        ids = dictionary_encode(sheet.data[mapping.id])
        same, column = pd.Series(ids.codes).duplicated().to_numpy() & ~ids.is_blank, mapping.id
        what = "repeats the identifier of an earlier row"
    row_outcomes.reject_remaining(same, column, what, 'set repeats = "keep" in the mapping if both happened')


def incident_ids(sheet: Sheet, mapping: Mapping) -> pa.Array:
    """One identifier per row: the source's own, else a hash of the row's content; equal ones are numbered."""
    if mapping.id is not None:
        ids = dictionary_encode(sheet.data[mapping.id])
        if len(ids.distinct) == len(ids.codes):  # every one is there and is different
            return ids.arrow()
        own, codes = ids.map(str), ids.codes.copy()
        own[ids.is_blank] = _hex(_row_hashes(sheet)[ids.is_blank])
        codes[ids.is_blank] = -1 - np.arange(ids.is_blank.sum())
        return _numbered(own, codes)
    hashes = _row_hashes(sheet)
    return _numbered(_hex(hashes), hashes)


def _numbered(ids: Objects, keys: NDArray[Any]) -> pa.Array:
    earlier = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    for spot in np.flatnonzero(earlier).tolist():
        ids[spot] = f"{ids[spot]}-{earlier[spot] + 1}"
    return to_arrow(ids, pa.string())


def _hex(hashes: NDArray[np.uint64]) -> Objects:
    return np.array([f"{h:016x}" for h in hashes.tolist()], dtype=object)


def _row_hashes(sheet: Sheet) -> NDArray[np.uint64]:
    """A hash of each row's cells that is the same on every machine and in every run."""
    total = np.zeros(sheet.data.num_rows, dtype=np.uint64)
    for name in sheet.data.column_names:
        total = (total * np.uint64(PRIMES[0]) + _cell_hashes(sheet.data[name])) ^ np.uint64(PRIMES[1])
    return total


def _cell_hashes(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return pd.util.hash_array(column.cast(pa.float64(), safe=False).to_numpy())
    words = dictionary_encode(column)
    return pd.util.hash_array(np.array([*words.values, ""], dtype=object), categorize=False)[words.codes]

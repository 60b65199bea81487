"""The London Datastore's wide monthly tables: one line per area and offence, one column per month.

Each cell is one published count, and cells are what is tallied. Rows for `Unknown`, for the airports and
for Aviation Security are areas like any other and are kept, or the total would not be the force's own.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from becalm.formats.input_file import InputFile
from becalm.formats.sheets import Sheet, cell_text, columns_of, read_sheet, refused
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools, Ints
from becalm.tables import PUBLISHED_COUNTS, TablePart
from becalm.terms import OffenceTable, RowFault, plain_word
from becalm.workspace.offences import offence_table_sha256
from becalm.workspace.recipes import suggest_remedy

MONTH_COLUMN: Final = re.compile(r"^(19|20)\d\d(0[1-9]|1[0-2])$")
OFFENCES: Final = "mps"  # the offence table that these files are read with
BOROUGH_WORDS: Final = ("boroughname", "lookup_boroughname", "lookup_borough_name", "borough")
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column says what; `ward` columns are there in the ward table alone."""

    minor: str
    borough: str
    months: tuple[str, ...]
    ward_name: str | None = None
    ward_code: str | None = None

    @property
    def source(self) -> str:
        return "mps_ward" if self.ward_code else "mps_borough"

    @property
    def key_columns(self) -> list[str]:
        return [c for c in (self.ward_code, self.borough, self.minor) if c]


class WideTableReader:
    """Reads the borough and the ward table of the Metropolitan Police into `published_counts`."""

    key = "wide_table"

    def recognises(self, file: InputFile, context: ReadContext) -> bool:
        """Are the columns exactly an area, a major and a minor offence, and months (YYYYMM)?"""
        return context.mapping is None and _layout(columns_of(file)) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:  # noqa: ARG002  # a reader's shape
        """These tables are of London."""
        return "london"

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:  # noqa: ARG002  # likewise
        """The layout's version and the offence table."""
        table = context.offences[OFFENCES]
        return f"London Datastore wide table {VERSION}", _sha256(
            VERSION, offence_table_sha256(table), context.locator.key
        )

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Turn every cell into a count of its month."""
        sheet = read_sheet(file)
        layout = _layout(sheet.columns)
        if layout is None:
            raise refused(file.name, "is no wide monthly table", "give the London Datastore's own file")
        return _read(sheet, layout, file, context)


def _sha256(*decides: str) -> str:
    return hashlib.sha256("\n".join(decides).encode()).hexdigest()


def _layout(columns: tuple[str, ...]) -> _Layout | None:
    months = tuple(c for c in columns if MONTH_COLUMN.match(c))
    named = {c.casefold(): c for c in columns if c not in months}
    borough = next((named.pop(w) for w in BOROUGH_WORDS if w in named), None)
    if not months or borough is None or len(named) + len(months) + 1 != len(columns):
        return None
    if set(named) == {"majortext", "minortext"}:
        return _Layout(named["minortext"], borough, months)
    if set(named) == {"majortext", "minortext", "wardname", "wardcode"}:
        return _Layout(named["minortext"], borough, months, named["wardname"], named["wardcode"])
    return None


def _read(sheet: Sheet, layout: _Layout, file: InputFile, context: ReadContext) -> Reading:
    table = context.offences[OFFENCES]
    words = _text(sheet, layout.minor)
    groups = _groups(words, table)
    good_lines = pd.notna(groups) & ~_repeats(sheet, layout)
    counts, good = _cells(sheet, layout.months)
    good &= good_lines[:, None]
    parts = _parts(sheet, layout, file, context, (words, groups, counts, good))
    rows = counts.size + len(sheet.broken) * len(layout.months)
    name, sha256 = WideTableReader().recipe(file, context)
    return Reading(
        recipe=name,
        recipe_sha256=sha256,
        parts=parts,
        faults=(
            *sheet.broken,
            *_word_faults(sheet, layout, words, groups, table),
            *_repeat_faults(sheet, layout),
            *_cell_faults(sheet, layout.months, good, good_lines),
        ),
        rows=rows,
        loaded=int(good.sum()),
        repaired=0,
        rejected=rows - int(good.sum()),
        notes=(*sheet.notes, *_notes(sheet, layout)),
    )


def _text(sheet: Sheet, column: str) -> NDArray[np.object_]:
    cells = sheet.data[column].to_pylist()
    return np.array([None if c is None else cell_text(c) for c in cells], dtype=object)


def _groups(words: NDArray[np.object_], table: OffenceTable) -> NDArray[np.object_]:
    by_word = table.by_word()
    return np.array([by_word.get(plain_word(w)) if w else None for w in words], dtype=object)


def _repeats(sheet: Sheet, layout: _Layout) -> Bools:
    keys = pd.DataFrame({c: _text(sheet, c) for c in layout.key_columns})
    return keys.duplicated().to_numpy()


def _cells(sheet: Sheet, months: tuple[str, ...]) -> tuple[Ints, Bools]:
    """The counts, and which of them are whole numbers of zero or more (the others are set to zero)."""
    numbers = np.empty((sheet.data.num_rows, len(months)))
    for i, month in enumerate(months):
        column = sheet.data[month].to_pandas()
        numbers[:, i] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    good = np.isfinite(numbers) & (numbers >= 0) & (np.floor(numbers) == numbers)
    return np.where(good, numbers, 0).astype(np.int64), good


def _parts(
    sheet: Sheet,
    layout: _Layout,
    file: InputFile,
    context: ReadContext,
    read: tuple[NDArray[np.object_], NDArray[np.object_], Ints, Bools],
) -> tuple[TablePart, ...]:
    words, groups, counts, good = read
    areas = _areas(sheet, layout, context) | {"offence": words, "offence_group": groups}
    fixed = pa.table({name: pa.array(values, pa.string()) for name, values in areas.items()})
    parts = []
    for i, column in enumerate(layout.months):
        month = f"{column[:4]}-{column[4:]}"
        rows = fixed.append_column("count", pa.array(counts[:, i], pa.int64()))
        rows = rows if good[:, i].all() else rows.filter(pa.array(good[:, i]))
        parts.append(
            TablePart("published_counts", layout.source, month, _complete(rows, layout, month, file))
        )
    return tuple(part for part in parts if part.rows.num_rows)  # type: ignore[union-attr]  # tables, no paths


def _areas(sheet: Sheet, layout: _Layout, context: ReadContext) -> dict[str, NDArray[np.object_]]:
    stated = _text(sheet, layout.borough)
    known = {word: context.locator.stated_borough(word) or word for word in set(stated)}
    boroughs = np.array([known[word] for word in stated], dtype=object)
    if layout.ward_name is None or layout.ward_code is None:
        codes = {b.name: b.code for b in context.city.boroughs}
        area_codes = np.array([codes.get(name) for name in boroughs], dtype=object)
        return {"area_code": area_codes, "area_name": boroughs, "borough": boroughs}
    return {
        "area_code": _text(sheet, layout.ward_code),
        "area_name": _text(sheet, layout.ward_name),
        "borough": boroughs,
    }


def _complete(rows: pa.Table, layout: _Layout, month: str, file: InputFile) -> pa.Table:
    constants = {
        "source": layout.source,
        "area_kind": "ward" if layout.ward_code else "borough",
        "month": month,
        "measure": "offences",
    }
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))
    rows = rows.append_column("as_of", pa.repeat(pa.scalar(file.as_of, pa.date32()), rows.num_rows))
    schema = PUBLISHED_COUNTS.to_pyarrow()
    return rows.select(schema.names).cast(schema)


def _word_faults(
    sheet: Sheet,
    layout: _Layout,
    words: NDArray[np.object_],
    groups: NDArray[np.object_],
    table: OffenceTable,
) -> list[RowFault]:
    known = [word for word, _ in table.words]
    return [
        RowFault(
            sheet.name,
            int(sheet.lines[i]),
            layout.minor,
            str(words[i] or ""),
            "rejected",
            f"is in no group of the offence table {table.key!r}, so all its months were left out",
            suggest_remedy(str(words[i] or ""), known, where=f"offences/{table.key}.toml"),
        )
        for i in np.flatnonzero(pd.isna(groups))
    ]


def _repeat_faults(sheet: Sheet, layout: _Layout) -> list[RowFault]:
    return [
        RowFault(
            sheet.name,
            int(sheet.lines[i]),
            layout.minor,
            str(sheet.data[layout.minor][int(i)].as_py()),
            "rejected",
            "repeats the area and offence of an earlier line",
            "keep one of the lines; both would be counted twice",
        )
        for i in np.flatnonzero(_repeats(sheet, layout))
    ]


def _cell_faults(sheet: Sheet, months: tuple[str, ...], good: Bools, good_lines: Bools) -> list[RowFault]:
    wrong = np.argwhere(~good & good_lines[:, None])
    return [
        RowFault(
            sheet.name,
            int(sheet.lines[i]),
            months[j],
            str(sheet.data[months[j]][int(i)].as_py() or ""),
            "rejected",
            "is not a count",
            "give a whole number; 0 where nothing was recorded",
        )
        for i, j in wrong
    ]


def _notes(sheet: Sheet, layout: _Layout) -> tuple[str, ...]:
    notes = [f"{sheet.data.num_rows:,} lines x {len(layout.months)} months; each cell is tallied as one row"]
    if layout.ward_code:
        keys = pd.DataFrame({c: _text(sheet, c) for c in (layout.ward_code, layout.minor)})
        shared = int(keys.duplicated().sum())
        notes.append("wards add up to less than boroughs: an offence without a known ward is not here")
        if shared:
            notes.append(f"{shared} pairs of ward and offence stand under two boroughs; both are kept")
    return tuple(notes)

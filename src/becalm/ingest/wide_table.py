"""The London Datastore's wide monthly tables: one line per area and offence, one column per month.

Each cell is one published count, and cells are what is tallied. Rows for `Unknown`, for the airports and
for Aviation Security are areas like any other and are kept, or the total would not be the force's own.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import dictionary_encode, numbers, to_arrow
from becalm.formats.sheet import InputFile, RowOutcomes, Sheet, file_refusal
from becalm.formats.table_reader import columns_of, read_sheet
from becalm.ingest.extract.times import LATER_REMEDY
from becalm.ingest.reader import ReadContext, Reading
from becalm.methods.arrays import Bools, Ints, Objects
from becalm.tables import PUBLISHED_COUNTS, TablePart
from becalm.terms import OffenceTable, plain_word
from becalm.workspace.read_offence_tables import offence_table_sha256
from becalm.workspace.reviewed_toml import suggest_remedy

MONTH_COLUMN: Final = re.compile(r"^(19|20)\d\d(0[1-9]|1[0-2])$")
OFFENCES: Final = "mps"  # the offence table that these files are read with
BOROUGH_WORDS: Final = ("boroughname", "lookup_boroughname", "lookup_borough_name", "borough")
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class _TableColumns:
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
        return context.mapping is None and _find_columns(columns_of(file)) is not None

    def city_key(self, file: InputFile, context: ReadContext) -> str | None:  # noqa: ARG002  # a reader's shape
        """These tables are of London."""
        return "london"

    def recipe(self, file: InputFile, context: ReadContext) -> tuple[str, str]:  # noqa: ARG002  # likewise
        """The layout's version and the offence table."""
        recipe_facts = (VERSION, offence_table_sha256(context.offences[OFFENCES]), context.locator.key)
        return f"London Datastore wide table {VERSION}", hashlib.sha256(
            "\n".join(recipe_facts).encode()
        ).hexdigest()

    def read(self, file: InputFile, context: ReadContext) -> Reading:
        """Turn every cell into a count of its month."""
        sheet = read_sheet(file)
        table_columns = _find_columns(sheet.columns)
        if table_columns is None:
            raise file_refusal(file.name, "is no wide monthly table", "give the London Datastore's own file")
        row_outcomes = RowOutcomes(sheet)
        cell_counts = _read_counts(
            sheet, table_columns, context.offences[OFFENCES], row_outcomes, as_of=file.as_of
        )
        recipe_name, recipe_sha256 = self.recipe(file, context)
        cell_count = row_outcomes.row_count * len(table_columns.months)
        loaded_cell_count = int(cell_counts.is_sound.sum())
        return Reading(
            recipe=recipe_name,
            recipe_sha256=recipe_sha256,
            parts=tuple(_build_parts(sheet, table_columns, cell_counts, file, context)),
            faults=tuple(row_outcomes.faults),
            rows=cell_count,
            loaded=loaded_cell_count,
            repaired=0,
            rejected=cell_count - loaded_cell_count,
            notes=(*sheet.notes, *_notes(sheet, table_columns)),
        )


def _find_columns(columns: tuple[str, ...]) -> _TableColumns | None:
    month_columns = tuple(c for c in columns if MONTH_COLUMN.match(c))
    column_by_word = {c.casefold(): c for c in columns if c not in month_columns}
    borough_column = next((column_by_word.pop(w) for w in BOROUGH_WORDS if w in column_by_word), None)
    if (
        not month_columns
        or borough_column is None
        or len(column_by_word) + len(month_columns) + 1 != len(columns)
    ):
        return None
    column_words = set(column_by_word)
    if column_words not in ({"majortext", "minortext"}, {"majortext", "minortext", "wardname", "wardcode"}):
        return None
    ward_name_column, ward_code = column_by_word.get("wardname"), column_by_word.get("wardcode")
    return _TableColumns(
        column_by_word["minortext"], borough_column, month_columns, ward_name_column, ward_code
    )


@dataclass(frozen=True, slots=True)
class _Counts:
    """One published count for each line and month, and which of them are sound."""

    offences: Objects
    groups: Objects
    counts: Ints
    is_sound: Bools


def _read_counts(
    sheet: Sheet, columns: _TableColumns, table: OffenceTable, row_outcomes: RowOutcomes, *, as_of: date
) -> _Counts:
    offence_words = _texts(sheet, columns.minor)
    by_word, known_words = table.by_word(), [word for word, _ in table.words]
    row_groups = np.array(
        [by_word.get(plain_word(word)) if word else None for word in offence_words], dtype=object
    )
    row_outcomes.reject(
        pd.isna(row_groups),
        columns.minor,
        f"is in no group of the offence table {table.key!r}, so all its months were left out",
        lambda row: suggest_remedy(
            str(offence_words[row] or ""), known_words, where=f"offences/{table.key}.toml"
        ),
        value=lambda row: str(offence_words[row] or ""),
    )
    row_outcomes.reject(
        pd.DataFrame({name: _texts(sheet, name) for name in columns.key_columns}).duplicated().to_numpy(),
        columns.minor,
        "repeats the area and offence of an earlier line",
        "keep one of the lines; both would be counted twice",
    )
    counts = np.empty((sheet.data.num_rows, len(columns.months)))
    for month_index, month_column in enumerate(columns.months):
        counts[:, month_index], _ = numbers(sheet.data[month_column])
    is_later = np.array([month > f"{as_of:%Y%m}" for month in columns.months])
    is_count = ~is_later & np.isfinite(counts) & (counts >= 0) & (np.floor(counts) == counts)
    is_kept_row = row_outcomes.is_kept[:, None]
    is_late_count = is_kept_row & is_later & ~np.isnan(counts)
    late_reason = f"is later than the as-of date {as_of}"
    row_outcomes.reject_cells(is_late_count, columns.months, late_reason, LATER_REMEDY)
    row_outcomes.reject_cells(
        ~is_count & is_kept_row & ~is_late_count,
        columns.months,
        "is not a count",
        "give a whole number; 0 where nothing was recorded",
    )
    return _Counts(
        offence_words, row_groups, np.where(is_count, counts, 0).astype(np.int64), is_count & is_kept_row
    )


def _texts(sheet: Sheet, column_name: str) -> Objects:
    return dictionary_encode(sheet.data[column_name]).map(str)


def _build_parts(
    sheet: Sheet, columns: _TableColumns, cell_counts: _Counts, file: InputFile, context: ReadContext
) -> Iterator[TablePart]:
    """The sound counts of each month, in the archive's schema."""
    counts_schema = PUBLISHED_COUNTS.to_pyarrow()
    text_columns = {
        **_area_columns(sheet, columns, context),
        "offence": cell_counts.offences,
        "offence_group": cell_counts.groups,
        "source": np.full(sheet.data.num_rows, columns.source, dtype=object),
        "area_kind": np.full(sheet.data.num_rows, "ward" if columns.ward_code else "borough", dtype=object),
        "measure": np.full(sheet.data.num_rows, "offences", dtype=object),
    }
    line_table = pa.table(
        {name: to_arrow(cell_texts, pa.string()) for name, cell_texts in text_columns.items()}
    )
    line_table = line_table.append_column(
        "as_of", pa.repeat(pa.scalar(file.as_of, pa.date32()), line_table.num_rows)
    )
    for month_index, month_column in enumerate(columns.months):
        month, is_sound_count = f"{month_column[:4]}-{month_column[4:]}", cell_counts.is_sound[:, month_index]
        if not is_sound_count.any():
            continue
        month_rows = line_table.append_column("month", pa.repeat(month, line_table.num_rows))
        month_rows = month_rows.append_column("count", pa.array(cell_counts.counts[:, month_index]))
        month_rows = month_rows if is_sound_count.all() else month_rows.filter(pa.array(is_sound_count))
        yield TablePart(
            "published_counts",
            columns.source,
            month,
            month_rows.select(counts_schema.names).cast(counts_schema),
        )


def _area_columns(sheet: Sheet, columns: _TableColumns, context: ReadContext) -> dict[str, Objects]:
    stated_boroughs = dictionary_encode(sheet.data[columns.borough])
    borough_of_row = stated_boroughs.map(lambda words: context.locator.stated_borough(words) or words)
    if columns.ward_name and columns.ward_code:
        code_of_row, name_of_row = _texts(sheet, columns.ward_code), _texts(sheet, columns.ward_name)
        return {"area_code": code_of_row, "area_name": name_of_row, "borough": borough_of_row}
    code_by_name = {borough.name: borough.code for borough in context.city.boroughs}
    code_of_row = np.array([code_by_name.get(borough_name) for borough_name in borough_of_row], dtype=object)
    return {"area_code": code_of_row, "area_name": borough_of_row, "borough": borough_of_row}


def _notes(sheet: Sheet, columns: _TableColumns) -> tuple[str, ...]:
    table_notes = [
        f"{sheet.data.num_rows:,} lines x {len(columns.months)} months; each cell is tallied as one row"
    ]
    if columns.ward_code:
        line_keys = pd.DataFrame({name: _texts(sheet, name) for name in (columns.ward_code, columns.minor)})
        repeated_line_count = int(line_keys.duplicated().sum())
        table_notes.append("wards add up to less than boroughs: an offence without a known ward is not here")
        if repeated_line_count:
            table_notes.append(
                f"{repeated_line_count} pairs of ward and offence stand under two boroughs; both are kept"
            )
    return tuple(table_notes)

"""What the columns of a new file look like: types, values and offences; and the mapping in the making."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DictionaryColumn, dictionary_encode, numbers, parse_times
from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.methods.arrays import Times
from becalm.terms import OffenceTable, plain_word

ROWS_PROFILED: Final = 200_000
MOST_WORDS: Final = 2_000
OFFSET_FORMATS: Final = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z", "%Y/%m/%d %H:%M:%S%z")
MINUTE_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%dT%H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%d.%m.%Y %H:%M",
)
DAY_FORMATS: Final = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%b-%Y", "%d.%m.%Y", "%Y%m%d")
MONTH_FORMATS: Final = ("%Y-%m", "%Y%m", "%m/%Y", "%b-%Y")
DATE_LIKE: Final = re.compile(r"^\d{1,4}[-/.]\w{1,3}[-/.]\d{1,4}|^\d{8}$|^\d{4}-?\d{2}$|^\w{3}-\d{4}$")
COLUMN_NAMES: Final = {
    "occurred_from": r"occur|commit|from|start|^dt$|date|time|when",
    "occurred_to": r"(occur|commit).*(to|end|until|last)|(^|_)(to|end)(_|$)",
    "recorded_on": r"record|report|creat|enter|input",
    "hour": r"hour|(^|_)hr(_|$)",
    "id": r"(^|[_\W])(id|ref|reference|number|no|key|urn|crn)([_\W]|$)|crime_?ref|case",
    "borough": r"borough|district_?name|lad_?name|local_?authority",
    "ward": r"ward|neighbou?rhood|beat",
    "lsoa": r"lsoa",
    "command_unit": r"command|bcu|(^|_)unit|precinct|division|district",
    "found_by": r"found_?by|discover",
    "weapon": r"weapon",
    "injury": r"injur",
    "victim_age": r"vic\w*_?age|age_?(band|range|group)?$",
    "outcome": r"outcome|disposal|status",
}


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column as it looks. `formats` read all of its texts; `precision` is minute, day, month or none."""

    column: str
    kind: str  # the type in the file
    distinct_count: int
    blank_share: float
    samples: tuple[str, ...]
    formats: tuple[str, ...] = ()
    precision: str = ""
    has_offset: bool = False
    number_share: float = 0.0
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True)
class OffenceFit:
    """How well columns fit an offence table: the share of rows it knows, and the words it does not."""

    table: str
    columns: tuple[str, ...]
    share: float
    unknown_words: tuple[str, ...]


@dataclass
class Draft:
    """The mapping in the making; a column is used once."""

    sheet: Sheet
    profiles: tuple[ColumnProfile, ...]
    tables: Mapping[str, OffenceTable]
    locator: Locator
    used_columns: set[str] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)

    def free_profiles(self) -> Iterator[ColumnProfile]:
        """Columns that nothing uses yet."""
        return (profile for profile in self.profiles if profile.column not in self.used_columns)

    def use_column(
        self, part: str, candidates: Sequence[ColumnProfile] | None = None
    ) -> ColumnProfile | None:
        """Use the first free column (of these candidates) whose name says that it is this part."""
        for profile in self.free_profiles():
            is_candidate = candidates is None or profile in candidates
            if is_candidate and re.search(COLUMN_NAMES[part], profile.column, re.IGNORECASE):
                self.used_columns.add(profile.column)
                return profile
        return None


def profile_column(sheet: Sheet, column: str) -> ColumnProfile:
    """What does this column hold, judged by its type and its first rows?"""
    column_cells = first_rows(sheet, column)
    column_words, arrow_type = dictionary_encode(column_cells), str(column_cells.type)
    blank_share = float(column_words.is_blank.mean()) if len(column_cells) else 1.0
    shared_fields = (column, arrow_type, len(column_words.values), blank_share, column_words.values[:3])
    if pa.types.is_timestamp(column_cells.type) or pa.types.is_date(column_cells.type):
        time_precision = "day" if pa.types.is_date(column_cells.type) else "minute"
        has_offset = getattr(column_cells.type, "tz", None) is not None
        return ColumnProfile(*shared_fields, precision=time_precision, has_offset=has_offset)
    floats, is_bad_number = numbers(column_cells)
    is_filled_cell = ~column_words.is_blank
    number_share = float((is_filled_cell & ~is_bad_number).sum() / max(is_filled_cell.sum(), 1))
    has_numbers = np.isfinite(floats).any()
    lowest, high = (float(np.nanmin(floats)), float(np.nanmax(floats))) if has_numbers else (np.nan, np.nan)
    return ColumnProfile(*shared_fields, *_time_formats(column_words), number_share, lowest, high)


def first_rows(sheet: Sheet, column: str) -> pa.ChunkedArray:
    """The cells that a column is judged by."""
    return sheet.data[column].slice(0, ROWS_PROFILED)


def _time_formats(column_words: DictionaryColumn) -> tuple[tuple[str, ...], str, bool]:
    """The formats that read all texts, how exact such times are, and whether they carry an offset."""
    texts = column_words.values[:MOST_WORDS]
    if not texts or sum(bool(DATE_LIKE.match(text)) for text in texts) < 0.9 * len(texts):
        return (), "", False
    for formats, time_precision, has_offset in (
        (OFFSET_FORMATS, "minute", True),
        (MINUTE_FORMATS, "minute", False),
        (DAY_FORMATS, "day", False),
        (MONTH_FORMATS, "month", False),
    ):
        fits = tuple(f for f in formats if not np.isnat(parse_times(texts, (f,), offset=has_offset)).any())
        if fits:
            return fits, time_precision, has_offset
    return (), "", False


def local_times(sheet: Sheet, profile: ColumnProfile) -> Times:
    """The column's times as the file writes them, blanks left out."""
    column_cells = first_rows(sheet, profile.column)
    if pa.types.is_timestamp(column_cells.type) or pa.types.is_date(column_cells.type):
        typed_times = column_cells.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
    else:
        column_words = dictionary_encode(column_cells)
        distinct_times = parse_times(column_words.values, profile.formats[:1], offset=profile.has_offset)
        typed_times = np.append(distinct_times, np.datetime64("NaT", "s"))[column_words.codes]
    return np.asarray(typed_times[~np.isnat(typed_times)])


def rank_offence_fits(draft: Draft) -> tuple[OffenceFit, ...]:
    """Which columns hold offences, and by which offence table? Best first."""
    offence_fits = []
    group_by_word = {table_key: table.by_word() for table_key, table in draft.tables.items()}
    for profile in draft.profiles:
        if not _may_be_offence(profile) or profile.number_share > 0.5:
            continue
        words = dictionary_encode(first_rows(draft.sheet, profile.column))
        row_count_of_word = np.bincount(words.codes[~words.is_blank], minlength=len(words.values))
        plain_words = [plain_word(word) for word in words.values]
        for table_key, group_of_word in group_by_word.items():
            is_known_word = np.array([word in group_of_word for word in plain_words])
            known_row_share = float(row_count_of_word[is_known_word].sum() / max(row_count_of_word.sum(), 1))
            if known_row_share:
                words_with_mask = zip(words.values, is_known_word, strict=True)
                unknown_words = tuple(word for word, is_known in words_with_mask if not is_known)
                offence_fits.append(OffenceFit(table_key, (profile.column,), known_row_share, unknown_words))
    return tuple(sorted(offence_fits, key=lambda fit: -fit.share))


def _may_be_offence(profile: ColumnProfile) -> bool:
    return 1 < profile.distinct_count <= MOST_WORDS and not profile.precision


def find_finer_column(draft: Draft, best: OffenceFit) -> str | None:
    """A second free column that, joined to the offence, is known to the table as well."""
    coarse_words = dictionary_encode(first_rows(draft.sheet, best.columns[0]))
    group_by_word = draft.tables[best.table].by_word()
    for profile in draft.free_profiles():
        if not _may_be_offence(profile):
            continue
        words = dictionary_encode(first_rows(draft.sheet, profile.column))
        codes = pd.DataFrame({"coarse": coarse_words.codes, "fine": words.codes}).drop_duplicates()
        codes = codes[(codes >= 0).all(axis=1)]
        texts = (f"{coarse_words.values[a]} / {words.values[b]}" for a, b in codes.itertuples(index=False))
        if any(plain_word(joined_word) in group_by_word for joined_word in texts):
            return profile.column
    return None

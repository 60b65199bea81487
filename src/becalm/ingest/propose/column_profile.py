"""What a column of a new file looks like: its type, its values, and what it may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import DictionaryColumn, dictionary_encode, numbers
from becalm.formats.instants import parse_times
from becalm.formats.sheet import Sheet
from becalm.methods.arrays import Times
from becalm.terms import OffenceTable, plain_word

ROWS_LOOKED_AT: Final = 200_000
WORDS_AT_MOST: Final = 2_000
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
A_DAY: Final = re.compile(r"^\d{1,4}[-/.]\w{1,3}[-/.]\d{1,4}|^\d{8}$|^\d{4}-?\d{2}$|^\w{3}-\d{4}$")


@dataclass(frozen=True, slots=True)
class Look:
    """One column as it looks. `formats` read all of its texts; `reach` is minute, day or month."""

    column: str
    kind: str  # the type in the file
    distinct: int
    blank_share: float
    samples: tuple[str, ...]
    formats: tuple[str, ...] = ()
    reach: str = ""
    offset: bool = False
    number_share: float = 0.0
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True)
class OffenceLook:
    """How well columns fit an offence table: the share of rows it knows, and the words it does not."""

    table: str
    columns: tuple[str, ...]
    share: float
    unknown: tuple[str, ...]


def look_at(sheet: Sheet, column: str) -> Look:
    """What does this column hold, judged by its type and its first rows?"""
    data = sheet.data[column].slice(0, ROWS_LOOKED_AT)
    words, kind = dictionary_encode(data), str(data.type)
    common = (column, kind, len(words.values), float(words.is_blank.mean()) if len(data) else 1.0)
    samples = tuple(words.values[:3])
    if pa.types.is_timestamp(data.type) or pa.types.is_date(data.type):
        reach = "day" if pa.types.is_date(data.type) else "minute"
        return Look(*common, samples, reach=reach, offset=getattr(data.type, "tz", None) is not None)
    formats, reach, offset = _time_formats(words)
    values, bad = numbers(data)
    filled = ~words.is_blank
    share = float((filled & ~bad).sum() / max(filled.sum(), 1))
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (np.nan, np.nan)
    return Look(*common, samples, formats, reach, offset, share, float(low), float(high))


def _time_formats(words: DictionaryColumn) -> tuple[tuple[str, ...], str, bool]:
    texts = words.values[:WORDS_AT_MOST]
    if not texts or sum(bool(A_DAY.match(t)) for t in texts) < 0.9 * len(texts):
        return (), "", False
    for formats, reach, offset in (
        (OFFSET_FORMATS, "minute", True),
        (MINUTE_FORMATS, "minute", False),
        (DAY_FORMATS, "day", False),
        (MONTH_FORMATS, "month", False),
    ):
        fits = tuple(f for f in formats if not np.isnat(parse_times(texts, (f,), offset=offset)).any())
        if fits:
            return fits, reach, offset
    return (), "", False


def walls(sheet: Sheet, look: Look) -> Times:
    """The column's times as the file writes them, blanks left out."""
    data = sheet.data[look.column].slice(0, ROWS_LOOKED_AT)
    if pa.types.is_timestamp(data.type) or pa.types.is_date(data.type):
        wall = data.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
    else:
        words = dictionary_encode(data)
        read = parse_times(words.values, look.formats[:1], offset=look.offset)
        wall = np.append(read, np.datetime64("NaT", "s"))[words.codes]
    return np.asarray(wall[~np.isnat(wall)])


def offence_looks(
    sheet: Sheet, looks: Sequence[Look], tables: Mapping[str, OffenceTable]
) -> tuple[OffenceLook, ...]:
    """Which columns hold offences, and by which offence table? Best first."""
    found = []
    by_word = {key: table.by_word() for key, table in tables.items()}
    for look in looks:
        if not 1 < look.distinct <= WORDS_AT_MOST or look.reach or look.number_share > 0.5:
            continue
        words = dictionary_encode(sheet.data[look.column].slice(0, ROWS_LOOKED_AT))
        weights = np.bincount(words.codes[~words.is_blank], minlength=len(words.values))
        for table, known_words in by_word.items():
            known = np.array([plain_word(w) in known_words for w in words.values])
            share = float(weights[known].sum() / max(weights.sum(), 1))
            if share:
                unknown = tuple(w for w, k in zip(words.values, known, strict=True) if not k)
                found.append(OffenceLook(table, (look.column,), share, unknown))
    return tuple(sorted(found, key=lambda o: -o.share))


def finer_column(sheet: Sheet, best: OffenceLook, looks: Sequence[Look], table: OffenceTable) -> str | None:
    """A second column that, joined to the offence, is known to the table as well."""
    coarse = dictionary_encode(sheet.data[best.columns[0]].slice(0, ROWS_LOOKED_AT))
    by_word = table.by_word()
    for look in looks:
        if look.column in best.columns or not 1 < look.distinct <= WORDS_AT_MOST or look.reach:
            continue
        fine = dictionary_encode(sheet.data[look.column].slice(0, ROWS_LOOKED_AT))
        pairs = pd.DataFrame({"a": coarse.codes, "b": fine.codes}).drop_duplicates()
        both = pairs[(pairs["a"] >= 0) & (pairs["b"] >= 0)]
        joined = (f"{coarse.values[a]} / {fine.values[b]}" for a, b in both.itertuples(index=False))
        if any(plain_word(words) in by_word for words in joined):
            return look.column
    return None

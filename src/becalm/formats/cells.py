"""Columns of cells as arrays: words by code, numbers, times in the city's own zone, constants, repeated rows.

Two local times a year cannot be taken literally. One that does not exist (the clocks went forward over it)
becomes the first instant after the gap. One that happened twice (the clocks went back) is taken as the first
of the two. Both are counted as repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints, Objects, Times


@dataclass(frozen=True)
class DictionaryColumn:
    """Text cells, each distinct text once. `codes[i]` is -1 where cell i is blank."""

    codes: Ints
    distinct: pa.Array

    @property
    def is_blank(self) -> Bools:
        """Which cells are blank?"""
        return self.codes < 0

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The distinct texts."""
        return tuple(self.distinct.to_pylist())

    def text(self, row: int) -> str | None:
        """The text of one cell; None where blank."""
        code = self.codes[row]
        return None if code < 0 else self.values[code]

    def map(self, answer: Callable[[str], Any]) -> Objects:
        """The answer for every cell, asked once per distinct text; None where blank."""
        answers = np.empty(len(self.values) + 1, dtype=object)
        answers[:-1] = [answer(value) for value in self.values]
        return answers[self.codes]

    def passes(self, test: Callable[[str], bool]) -> Bools:
        """Which cells pass this test? Blank ones do not."""
        return np.array([*map(test, self.values), False], dtype=np.bool_)[self.codes]

    def numbers(self) -> Floats:
        """The distinct texts as numbers, NaN where they are none, and a NaN at the end for code -1."""
        texts = pd.Series(self.values, dtype=object)
        return np.append(pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64), np.nan)

    def arrow(self) -> pa.Array:
        """The text of every cell; null where blank."""
        codes = pa.array(self.codes, mask=self.is_blank)
        return pa.DictionaryArray.from_arrays(codes, self.distinct).cast(pa.string())

    def rename_words(self, rename: Callable[[str], str | None] = str) -> pa.DictionaryArray:
        """The column with every distinct text renamed (None becomes null), still dictionary-encoded.

        The new names are sorted, so that the same cells give the same bytes of Parquet.
        """
        names = [rename(value) for value in self.values]
        sorted_names = sorted({name for name in names if name is not None})
        codes = {name: code for code, name in enumerate(sorted_names)}
        new_codes = np.array([*(-1 if name is None else codes[name] for name in names), -1], dtype=np.int32)
        return dictionary_array(new_codes[self.codes], sorted_names)


def dictionary_encode(column: pa.ChunkedArray, *, trim: bool = True) -> DictionaryColumn:
    """The cells of a column as text by code; nulls, and with `trim` cells of spaces alone, are blank."""
    kind = column.type
    if pa.types.is_floating(kind):
        column = pa.chunked_array([pa.array(_number_texts(column), pa.string())])
    elif not pa.types.is_string(kind) and not pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    if isinstance(encoded, pa.ChunkedArray):  # no chunks at all
        return DictionaryColumn(np.zeros(0, dtype=np.int64), pa.array([], pa.string()))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    texts = encoded.dictionary.cast(pa.string())
    return encode_again(codes, pc.utf8_trim_whitespace(texts)) if trim else DictionaryColumn(codes, texts)


def encode_again(codes: Ints, texts: pa.Array) -> DictionaryColumn:
    """The cells with these codes of texts, in which equal texts get one code and empty ones become blank."""
    encoded = pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
    if len(encoded.dictionary) == len(texts):
        return DictionaryColumn(codes, texts)
    new_codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return DictionaryColumn(np.append(new_codes, -1)[codes], encoded.dictionary)


def _number_texts(column: pa.ChunkedArray) -> list[str | None]:
    def number_text(number: float | None) -> str | None:
        if number is None or number != number:
            return None
        return str(int(number)) if float(number).is_integer() else repr(number)

    return [number_text(number) for number in column.to_pylist()]


def numbers(column: pa.ChunkedArray) -> tuple[Floats, Bools]:
    """The numbers of a column (NaN where blank or none), and which cells hold something that is no number."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
        return values, np.isinf(values)
    words = dictionary_encode(column)
    values = words.numbers()[words.codes]
    is_bad = ~words.is_blank & ~np.isfinite(values)
    values[is_bad] = np.nan
    return values, is_bad


def to_arrow(values: NDArray[Any] | Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array with None for null, as an Arrow column of this type."""
    return pa.array(values, kind, from_pandas=True)


def dictionary_array(codes: NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    """A column put together from codes (-1 for null) and distinct values."""
    indices = pa.array(codes, type=pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, type=pa.string()))


def constant_column(value: str, row_count: int) -> pa.DictionaryArray:
    """A column that says the same in every row."""
    return dictionary_array(np.zeros(row_count, dtype=np.int32), [value])


def is_repeated(data: pa.Table) -> Bools:
    """Which rows repeat an earlier row of the file cell by cell?"""
    if not data.num_rows:
        return np.zeros(0, dtype=np.bool_)
    codes = {}
    for place, column in enumerate(data.columns):
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.combine_chunks() if column.num_chunks else column
        codes[str(place)] = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return pd.DataFrame(codes).duplicated().to_numpy()


# --- times --------------------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1900, 2100


@dataclass(frozen=True, slots=True)
class Instants:
    """Cells as instants: `utc` and `local` time without zone (NaT where there is none).

    Bad cells hold something that is no time; those in a gap and the ambiguous ones are repaired local times.
    """

    utc: Times
    local: Times
    is_blank: Bools
    is_bad: Bools
    in_gap: Bools
    is_ambiguous: Bools


def read_instants(
    column: pa.ChunkedArray,
    *,
    formats: Sequence[str],
    zone: Literal["local", "UTC", "offset"],
    city_zone: str,
) -> Instants:
    """When are these cells? Typed times are taken as they are, text is read by the first format that fits."""
    times, is_blank, is_bad, has_zone = _read_cells(column, formats, has_offset=zone == "offset")
    if has_zone or zone != "local":
        never = np.zeros(len(times), dtype=np.bool_)
        return Instants(times, utc_to_local(times, city_zone), is_blank, is_bad, never, never)
    utc, in_gap, is_ambiguous = local_to_utc(times, city_zone)
    return Instants(utc, utc_to_local(utc, city_zone), is_blank, is_bad, in_gap, is_ambiguous)


def local_to_utc(local: Times, zone: str) -> tuple[Times, Bools, Bools]:
    """Instants of local times in this zone; which did not exist, and which happened twice.

    >>> local = np.array(["2020-03-29T01:30"], dtype="M8[s]")
    >>> utc, in_gap, is_ambiguous = local_to_utc(local, "Europe/London")
    >>> (str(utc[0]), bool(in_gap[0]))
    ('2020-03-29T01:00:00', True)
    """
    distinct, time_of_row = _distinct(local)
    index = pd.DatetimeIndex(distinct)
    is_summer_time = np.ones(len(index), dtype=np.bool_)
    first = index.tz_localize(zone, ambiguous=is_summer_time, nonexistent="shift_forward")
    second = index.tz_localize(zone, ambiguous=~is_summer_time, nonexistent="shift_forward")
    utc, is_time = _without_zone(first.tz_convert("UTC")), ~np.isnat(distinct)
    in_gap = is_time & (_without_zone(first) != distinct)
    is_ambiguous = is_time & (utc != _without_zone(second.tz_convert("UTC")))
    return utc[time_of_row], in_gap[time_of_row], is_ambiguous[time_of_row]


def utc_to_local(utc: Times, zone: str) -> Times:
    """Local times of these instants in this zone."""
    distinct, time_of_row = _distinct(utc)
    return _without_zone(pd.DatetimeIndex(distinct).tz_localize("UTC").tz_convert(zone))[time_of_row]


def hour_of_week(local: Times) -> Ints:
    """0 for Monday 00:00 to 167 for Sunday 23:00; meaningless where the time is not known."""
    days = local.astype("M8[D]").astype(np.int64)
    hours = (local - local.astype("M8[D]")).astype("m8[h]").astype(np.int64)
    week_hours: Ints = (days + 3) % 7 * 24 + hours  # 1970-01-01 was a Thursday
    return week_hours


def parse_times(texts: Sequence[str], formats: Sequence[str], *, offset: bool = False) -> Times:
    """Texts as local times (as UTC where they carry an offset); NaT where no format fits."""
    cells = pd.Series(texts, dtype=object)
    if offset:  # "+00" is written by some databases, "%z" wants "+0000"
        cells = cells.str.replace(r"([+-]\d\d)$", r"\1:00", regex=True)
    times = np.full(len(cells), np.datetime64("NaT", "s"))
    for time_format in formats:
        is_open = np.isnat(times)
        if not is_open.any():
            break
        parsed_times = pd.to_datetime(cells[is_open], format=time_format, errors="coerce", utc=offset)
        times[is_open] = _without_zone(pd.DatetimeIndex(parsed_times))
    return times


def _read_cells(
    column: pa.ChunkedArray, formats: Sequence[str], *, has_offset: bool
) -> tuple[Times, Bools, Bools, bool]:
    """The times as written, which cells are blank and which bad, and whether the times carry a zone."""
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        times = column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
        is_blank, has_zone = np.isnat(times), pa.types.is_timestamp(kind) and kind.tz is not None
    else:
        words, has_zone = dictionary_encode(column), has_offset
        values = np.append(parse_times(words.values, formats, offset=has_offset), np.datetime64("NaT", "s"))
        times, is_blank = values[words.codes], words.is_blank
    years = times.astype("M8[Y]").astype(np.int64) + 1970
    is_bad = ~is_blank & (np.isnat(times) | (years < FIRST_YEAR) | (years >= LAST_YEAR))
    return np.where(is_bad, np.datetime64("NaT", "s"), times), is_blank, is_bad, has_zone


def _distinct(times: Times) -> tuple[Times, Ints]:
    """The distinct times and which of them each is: zone rules are asked once per time."""
    codes, values = pd.factorize(times, use_na_sentinel=False)
    return np.asarray(values).astype("M8[s]"), codes


def _without_zone(index: Any) -> Times:
    return cast("Times", pd.DatetimeIndex(index).tz_localize(None).to_numpy().astype("M8[s]"))

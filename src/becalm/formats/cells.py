"""Columns of cells as arrays: words by code, numbers, times in the city's own zone, constants, repeated rows.

Two local times a year cannot be taken literally. One that does not exist (the clocks went forward over it)
becomes the first instant after the gap. One that happened twice (the clocks went back) is taken as the first
of the two. Both are counted as repaired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
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
        word_code = self.codes[row]
        return None if word_code < 0 else self.values[word_code]

    def map(self, answer: Callable[[str], Any]) -> Objects:
        """The answer for every cell, asked once per distinct text; None where blank."""
        answer_of_code = np.empty(len(self.values) + 1, dtype=object)
        answer_of_code[:-1] = [answer(word) for word in self.values]
        return answer_of_code[self.codes]

    def passes(self, test: Callable[[str], bool]) -> Bools:
        """Which cells pass this test? Blank ones do not."""
        return np.array([*map(test, self.values), False], dtype=np.bool_)[self.codes]

    def numbers(self) -> Floats:
        """The distinct texts as numbers, NaN where they are none, and a NaN at the end for code -1."""
        word_texts = pd.Series(self.values, dtype=object)
        return np.append(pd.to_numeric(word_texts, errors="coerce").to_numpy(dtype=np.float64), np.nan)

    def arrow(self) -> pa.Array:
        """The text of every cell; null where blank."""
        code_of_row = pa.array(self.codes, mask=self.is_blank)
        return pa.DictionaryArray.from_arrays(code_of_row, self.distinct).cast(pa.string())

    def rename_words(self, rename: Callable[[str], str | None] = str) -> pa.DictionaryArray:
        """The column with every distinct text renamed (None becomes null), still dictionary-encoded.

        The new names are sorted, so that the same cells give the same bytes of Parquet.
        """
        new_names = [rename(word) for word in self.values]
        sorted_names = sorted({name for name in new_names if name is not None})
        code_by_name = {name: new_code for new_code, name in enumerate(sorted_names)}
        word_codes = np.array(
            [*(-1 if name is None else code_by_name[name] for name in new_names), -1], dtype=np.int32
        )
        return dictionary_array(word_codes[self.codes], sorted_names)


def dictionary_encode(column: pa.ChunkedArray, *, trim: bool = True) -> DictionaryColumn:
    """The cells of a column as text by code; nulls, and with `trim` cells of spaces alone, are blank."""
    arrow_type = column.type
    if pa.types.is_floating(arrow_type):  # a whole number among them is written without ".0"
        number_texts = [
            None if number is None or isnan(number) else repr(int(number) if number % 1 == 0 else number)
            for number in column.to_pylist()
        ]
        column = pa.chunked_array([pa.array(number_texts, pa.string())])
    elif not pa.types.is_string(arrow_type) and not pa.types.is_dictionary(arrow_type):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(arrow_type) else column.dictionary_encode()
    encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    if isinstance(encoded, pa.ChunkedArray):  # no chunks at all
        return DictionaryColumn(np.zeros(0, dtype=np.int64), pa.array([], pa.string()))
    code_of_row = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    distinct_texts = encoded.dictionary.cast(pa.string())
    return (
        encode_again(code_of_row, pc.utf8_trim_whitespace(distinct_texts))
        if trim
        else DictionaryColumn(code_of_row, distinct_texts)
    )


def encode_again(codes: Ints, texts: pa.Array) -> DictionaryColumn:
    """The cells with these codes of texts, in which equal texts get one code and empty ones become blank."""
    dictionary_column = pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
    if len(dictionary_column.dictionary) == len(texts):
        return DictionaryColumn(codes, texts)
    new_code_of_old = dictionary_column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return DictionaryColumn(np.append(new_code_of_old, -1)[codes], dictionary_column.dictionary)


def numbers(column: pa.ChunkedArray) -> tuple[Floats, Bools]:
    """The numbers of a column (NaN where blank or none), and which cells hold something that is no number."""
    arrow_type = column.type
    if pa.types.is_integer(arrow_type) or pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        number_of_row = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
        return number_of_row, np.isinf(number_of_row)
    column_words = dictionary_encode(column)
    number_of_row = column_words.numbers()[column_words.codes]
    is_bad_number = ~column_words.is_blank & ~np.isfinite(number_of_row)
    number_of_row[is_bad_number] = np.nan
    return number_of_row, is_bad_number


def to_arrow(values: NDArray[Any] | Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array with None for null, as an Arrow column of this type."""
    return pa.array(values, kind, from_pandas=True)


def dictionary_array(codes: NDArray[np.int32], values: Sequence[str]) -> pa.DictionaryArray:
    """A column put together from codes (-1 for null) and distinct values."""
    code_array = pa.array(codes, type=pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(code_array, pa.array(values, type=pa.string()))


def constant_column(value: str, row_count: int) -> pa.DictionaryArray:
    """A column that says the same in every row."""
    return dictionary_array(np.zeros(row_count, dtype=np.int32), [value])


LEAST_DOUBLED, DOUBLED_SHARE = 20, 0.98  # rows, and distinct rows that come an even number of times


def is_repeated(data: pa.Table) -> Bools:
    """Which rows repeat an earlier row of the file cell by cell?"""
    if not data.num_rows:
        return np.zeros(0, dtype=np.bool_)
    codes_by_column = {}
    for position, column in enumerate(data.columns):
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.combine_chunks() if column.num_chunks else column
        codes_by_column[str(position)] = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return pd.DataFrame(codes_by_column).duplicated().to_numpy()


def second_copies(data: pa.Table) -> Bools:
    """Which rows are the second copy of another, in a file that was written twice? None where it was not.

    Chance makes some rows equal, but not all of them twice.
    """
    is_copy_row = np.zeros(data.num_rows, dtype=np.bool_)
    codes_by_column: dict[int, Ints] = {}
    # one column shows that it was not, and mostly one of few words, which is fast
    for column in sorted(data.columns, key=lambda column: not pa.types.is_dictionary(column.type)):
        column_codes = dictionary_encode(column, trim=False).codes
        codes_by_column[len(codes_by_column)] = column_codes
        if data.num_rows < LEAST_DOUBLED or not _are_doubled(column_codes):
            return is_copy_row
    row_groups = pd.DataFrame(codes_by_column).groupby(list(codes_by_column))
    group_of_row = row_groups.ngroup().to_numpy(dtype=np.int64)
    if not _are_doubled(group_of_row):
        return is_copy_row
    count_of_row = np.bincount(group_of_row)[group_of_row]
    return np.asarray(row_groups.cumcount().to_numpy() >= (count_of_row + 1) // 2)


def _are_doubled(codes: NDArray[np.integer]) -> bool:
    return float((np.unique(codes, return_counts=True)[1] % 2 == 0).mean()) >= DOUBLED_SHARE


# --- times --------------------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1900, 2100
DAY_END = r"\b24:00(?=\b)"
NUMBER_FORMATS = {  # times that are numbers: since when, and how many seconds one is
    "excel serial": ("1899-12-30", 86_400.0),
    "unix seconds": ("1970-01-01", 1.0),
    "unix milliseconds": ("1970-01-01", 0.001),
}
FARTHEST_SECONDS = 200 * 366 * 86_400.0
PLACEHOLDERS = np.array(  # what systems write for a day that they do not know
    ["1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01"], dtype="M8[s]"
)


@dataclass(frozen=True, slots=True)
class Instants:
    """Cells as instants: `utc` and `local` time without zone (NaT where there is none).

    Bad cells hold something that is no time; those in a gap and the ambiguous ones are repaired local times.
    A placeholder (midnight of 1900-01-01) is what a system writes for a day that it does not know.
    """

    utc: Times
    local: Times
    is_blank: Bools
    is_bad: Bools
    in_gap: Bools
    is_ambiguous: Bools
    is_placeholder: Bools


def read_instants(
    column: pa.ChunkedArray,
    *,
    formats: Sequence[str],
    zone: Literal["local", "UTC", "offset"],
    city_zone: str,
) -> Instants:
    """When are these cells? Typed times are taken as they are, text is read by the first format that fits."""
    cell_times, is_blank, is_bad, has_zone = _read_cells(column, formats, has_offset=zone == "offset")
    is_placeholder = np.isin(cell_times, PLACEHOLDERS)
    if has_zone or zone != "local":
        is_never = np.zeros(len(cell_times), dtype=np.bool_)
        local_times = utc_to_local(cell_times, city_zone)
        return Instants(cell_times, local_times, is_blank, is_bad, is_never, is_never, is_placeholder)
    utc, is_in_gap, is_ambiguous = local_to_utc(cell_times, city_zone)
    local_times = utc_to_local(utc, city_zone)
    return Instants(utc, local_times, is_blank, is_bad, is_in_gap, is_ambiguous, is_placeholder)


def local_to_utc(local: Times, zone: str) -> tuple[Times, Bools, Bools]:
    """Instants of local times in this zone; which did not exist, and which happened twice.

    >>> local = np.array(["2020-03-29T01:30"], dtype="M8[s]")
    >>> utc, in_gap, is_ambiguous = local_to_utc(local, "Europe/London")
    >>> (str(utc[0]), bool(in_gap[0]))
    ('2020-03-29T01:00:00', True)
    """
    distinct_times, time_of_row = _distinct(local)
    time_index = pd.DatetimeIndex(distinct_times)
    is_summer_time = np.ones(len(time_index), dtype=np.bool_)
    first_reading = time_index.tz_localize(zone, ambiguous=is_summer_time, nonexistent="shift_forward")
    second_reading = time_index.tz_localize(zone, ambiguous=~is_summer_time, nonexistent="shift_forward")
    utc_times, is_given_time = _without_zone(first_reading.tz_convert("UTC")), ~np.isnat(distinct_times)
    is_in_gap = is_given_time & (_without_zone(first_reading) != distinct_times)
    is_ambiguous = is_given_time & (utc_times != _without_zone(second_reading.tz_convert("UTC")))
    return utc_times[time_of_row], is_in_gap[time_of_row], is_ambiguous[time_of_row]


def utc_to_local(utc: Times, zone: str) -> Times:
    """Local times of these instants in this zone."""
    distinct_times, time_of_row = _distinct(utc)
    return _without_zone(pd.DatetimeIndex(distinct_times).tz_localize("UTC").tz_convert(zone))[time_of_row]


def hour_of_week(local: Times) -> Ints:
    """0 for Monday 00:00 to 167 for Sunday 23:00; meaningless where the time is not known."""
    epoch_days = local.astype("M8[D]").astype(np.int64)
    hour_of_day = (local - local.astype("M8[D]")).astype("m8[h]").astype(np.int64)
    week_hours: Ints = (epoch_days + 3) % 7 * 24 + hour_of_day  # 1970-01-01 was a Thursday
    return week_hours


def parse_times(texts: Sequence[str], formats: Sequence[str], *, offset: bool = False) -> Times:
    """Texts as local times (as UTC where they carry an offset); NaT where no format fits.

    Beside Python's formats there are `NUMBER_FORMATS`. "24:00" is the midnight at the end of its day.
    """
    text_series = pd.Series(texts, dtype=object)
    is_day_end = np.zeros(len(text_series), dtype=np.bool_)
    if any("24:00" in text for text in texts):
        is_day_end = text_series.str.contains(DAY_END, na=False).to_numpy(dtype=np.bool_)
        text_series = text_series.str.replace(DAY_END, "00:00", regex=True)
    if offset:  # "+00" is written by some databases, "%z" wants "+0000"
        text_series = text_series.str.replace(r"([+-]\d\d)$", r"\1:00", regex=True)
    time_of_text = np.full(len(text_series), np.datetime64("NaT", "s"))
    for time_format in formats:
        is_unread = np.isnat(time_of_text)
        if not is_unread.any():
            break
        if time_format in NUMBER_FORMATS:
            epoch, unit_seconds = NUMBER_FORMATS[time_format]
            seconds_since_epoch = (
                pd.to_numeric(text_series[is_unread], errors="coerce").to_numpy(np.float64) * unit_seconds
            )
            is_too_far = ~(np.abs(seconds_since_epoch) < FARTHEST_SECONDS)
            parsed_times = np.datetime64(epoch, "s") + np.where(
                is_too_far, 0, seconds_since_epoch
            ).round().astype("m8[s]")
            time_of_text[is_unread] = np.where(is_too_far, np.datetime64("NaT", "s"), parsed_times)
            continue
        parsed_index = pd.to_datetime(text_series[is_unread], format=time_format, errors="coerce", utc=offset)
        time_of_text[is_unread] = _without_zone(pd.DatetimeIndex(parsed_index))
    return np.where(is_day_end, time_of_text + np.timedelta64(1, "D"), time_of_text)


def _read_cells(
    column: pa.ChunkedArray, formats: Sequence[str], *, has_offset: bool
) -> tuple[Times, Bools, Bools, bool]:
    """The times as written, which cells are blank and which bad, and whether the times carry a zone."""
    arrow_type = column.type
    if pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type):
        time_of_cell = column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
        is_blank, has_zone = (
            np.isnat(time_of_cell),
            pa.types.is_timestamp(arrow_type) and arrow_type.tz is not None,
        )
    else:
        words, has_zone = dictionary_encode(column), has_offset
        time_of_word = np.append(
            parse_times(words.values, formats, offset=has_offset), np.datetime64("NaT", "s")
        )
        time_of_cell, is_blank = time_of_word[words.codes], words.is_blank
    year_of_cell = time_of_cell.astype("M8[Y]").astype(np.int64) + 1970
    is_bad_time = ~is_blank & (
        np.isnat(time_of_cell) | (year_of_cell < FIRST_YEAR) | (year_of_cell >= LAST_YEAR)
    )
    return np.where(is_bad_time, np.datetime64("NaT", "s"), time_of_cell), is_blank, is_bad_time, has_zone


def _distinct(time_of_row: Times) -> tuple[Times, Ints]:
    """The distinct times and which of them each is: zone rules are asked once per time."""
    code_of_row, distinct_times = pd.factorize(time_of_row, use_na_sentinel=False)
    return np.asarray(distinct_times).astype("M8[s]"), code_of_row


def _without_zone(time_index: Any) -> Times:
    return cast("Times", pd.DatetimeIndex(time_index).tz_localize(None).to_numpy().astype("M8[s]"))

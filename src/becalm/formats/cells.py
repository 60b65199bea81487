"""Columns of cells as arrays: words by code, numbers with what is none, constants, repeated rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints, Objects


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

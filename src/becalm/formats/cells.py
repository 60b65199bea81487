"""Columns of cells as arrays: words by code, numbers with what is none, instants with what is none."""

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

from becalm.methods.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class Coded:
    """Text cells, each distinct text once. `codes[i]` is -1 where cell i is blank."""

    codes: Ints
    distinct: pa.Array

    @property
    def blank(self) -> Bools:
        """Which cells are blank?"""
        return self.codes < 0

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The distinct texts."""
        return tuple(self.distinct.to_pylist())

    def map(self, answer: Callable[[str], Any]) -> NDArray[np.object_]:
        """The answer for every cell, asked once per distinct text; None where blank."""
        answers = np.empty(len(self.values) + 1, dtype=object)
        answers[:-1] = [answer(value) for value in self.values]
        return answers[self.codes]

    def column(self) -> pa.Array:
        """The text of every cell; null where blank."""
        codes = pa.array(self.codes, mask=self.blank)
        return pa.DictionaryArray.from_arrays(codes, self.distinct).cast(pa.string())


def coded(column: pa.ChunkedArray) -> Coded:
    """The cells of a column as trimmed text, coded; blanks and nulls are blank."""
    kind = column.type
    if pa.types.is_floating(kind):
        column = pa.chunked_array([pa.array(_number_texts(column), pa.string())])
    elif not pa.types.is_string(kind) and not pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    encoded = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    if isinstance(encoded, pa.ChunkedArray):  # no chunks at all
        return Coded(np.zeros(0, dtype=np.int64), pa.array([], pa.string()))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return recoded(codes, pc.utf8_trim_whitespace(encoded.dictionary.cast(pa.string())))


def recoded(codes: Ints, texts: pa.Array) -> Coded:
    """The cells with these codes of texts, in which equal texts get one code and empty ones become blank."""
    again = pc.if_else(pc.equal(texts, ""), None, texts).dictionary_encode()
    if len(again.dictionary) == len(texts):
        return Coded(codes, texts)
    renumbered = again.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Coded(np.append(renumbered, -1)[codes], again.dictionary)


def _number_texts(column: pa.ChunkedArray) -> list[str | None]:
    def text(number: float | None) -> str | None:
        if number is None or number != number:
            return None
        return str(int(number)) if float(number).is_integer() else repr(number)

    return [text(number) for number in column.to_pylist()]


def numbers(column: pa.ChunkedArray) -> tuple[Floats, Bools]:
    """The numbers of a column (NaN where blank or none), and which cells hold something that is no number."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        plain = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
        return plain, np.isinf(plain)
    words = coded(column)
    values = pd.to_numeric(pd.Series(words.values, dtype=object), errors="coerce").to_numpy(dtype=np.float64)
    out = np.append(values, np.nan)[words.codes]
    bad = ~words.blank & ~np.isfinite(out)
    out[bad] = np.nan
    return out, bad


def to_arrow(values: NDArray[Any] | Sequence[Any], kind: pa.DataType) -> pa.Array:
    """An array with None for null, as an Arrow column of this type."""
    return pa.array(values, kind, from_pandas=True)


def equal_rows(data: pa.Table) -> Bools:
    """Which rows repeat an earlier row of the file cell by cell?"""
    if not data.num_rows:
        return np.zeros(0, dtype=np.bool_)
    codes = {}
    for i, name in enumerate(data.column_names):
        column = data[name]
        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        column = column.combine_chunks() if column.num_chunks else column
        codes[str(i)] = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return pd.DataFrame(codes).duplicated().to_numpy()

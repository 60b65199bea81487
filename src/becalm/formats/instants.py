"""Times of a source as instants, civil days and hours of the week in the city's own zone.

Two local times a year cannot be taken literally. One that does not exist (the clocks went forward over it)
becomes the first instant after the gap. One that happened twice (the clocks went back) is taken as the first
of the two. Both are counted as repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import dictionary_encode
from becalm.methods.arrays import Bools, Ints, Times

FIRST_YEAR, LAST_YEAR = 1900, 2100


@dataclass(frozen=True, slots=True)
class Instants:
    """Cells as instants: `utc` and `local` wall time without zone (NaT where there is none).

    `bad` cells hold something that is no time; `gap` and `twice` are the repaired local times.
    """

    utc: Times
    local: Times
    blank: Bools
    bad: Bools
    gap: Bools
    twice: Bools


def read_instants(
    column: pa.ChunkedArray,
    *,
    formats: Sequence[str],
    zone: Literal["local", "UTC", "offset"],
    city_zone: str,
) -> Instants:
    """When are these cells? Typed times are taken as they are, text is read by the first format that fits."""
    wall, blank, bad, aware = _walls(column, formats, offset=zone == "offset")
    if aware or zone != "local":
        local = utc_to_local(wall, city_zone)
        never = np.zeros(len(wall), dtype=np.bool_)
        return Instants(wall, local, blank, bad, never, never)
    utc, gap, twice = local_to_utc(wall, city_zone)
    return Instants(utc, utc_to_local(utc, city_zone), blank, bad, gap, twice)


def local_to_utc(local: Times, zone: str) -> tuple[Times, Bools, Bools]:
    """Instants of wall times in this zone; which did not exist, and which happened twice.

    >>> utc, gap, twice = local_to_utc(np.array(["2020-03-29T01:30"], dtype="M8[s]"), "Europe/London")
    >>> (str(utc[0]), bool(gap[0]))
    ('2020-03-29T01:00:00', True)
    """
    distinct, which = _distinct(local)
    index = pd.DatetimeIndex(distinct)
    yes = np.ones(len(index), dtype=np.bool_)
    first = index.tz_localize(zone, ambiguous=yes, nonexistent="shift_forward")
    second = index.tz_localize(zone, ambiguous=~yes, nonexistent="shift_forward")
    utc = _plain(first.tz_convert("UTC"))
    there = ~np.isnat(distinct)
    gap = there & (_plain(first) != distinct)
    twice = there & (utc != _plain(second.tz_convert("UTC")))
    return utc[which], gap[which], twice[which]


def utc_to_local(utc: Times, zone: str) -> Times:
    """Wall times of these instants in this zone."""
    distinct, which = _distinct(utc)
    local = pd.DatetimeIndex(distinct).tz_localize("UTC").tz_convert(zone)
    return _plain(local)[which]


def hour_of_week(local: Times) -> Ints:
    """0 for Monday 00:00 to 167 for Sunday 23:00; meaningless where the time is not known."""
    days = local.astype("M8[D]").astype(np.int64)
    hours = (local - local.astype("M8[D]")).astype("m8[h]").astype(np.int64)
    week_hours: Ints = (days + 3) % 7 * 24 + hours  # 1970-01-01 was a Thursday
    return week_hours


def parse_times(texts: Sequence[str], formats: Sequence[str], *, offset: bool = False) -> Times:
    """Texts as wall times (as UTC where they carry an offset); NaT where no format fits."""
    cells = pd.Series(texts, dtype=object)
    if offset:  # "+00" is written by some databases, "%z" wants "+0000"
        cells = cells.str.replace(r"([+-]\d\d)$", r"\1:00", regex=True)
    out = np.full(len(cells), np.datetime64("NaT", "s"))
    for wanted in formats:
        todo = np.isnat(out)
        if not todo.any():
            break
        read = pd.to_datetime(cells[todo], format=wanted, errors="coerce", utc=offset)
        out[todo] = _plain(pd.DatetimeIndex(read))
    return out


def _walls(
    column: pa.ChunkedArray, formats: Sequence[str], *, offset: bool
) -> tuple[Times, Bools, Bools, bool]:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        wall = column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
        blank, aware = np.isnat(wall), pa.types.is_timestamp(kind) and kind.tz is not None
    else:
        words, aware = dictionary_encode(column), offset
        values = np.append(parse_times(words.values, formats, offset=offset), np.datetime64("NaT", "s"))
        wall, blank = values[words.codes], words.is_blank
    years = wall.astype("M8[Y]").astype(np.int64) + 1970
    bad = ~blank & (np.isnat(wall) | (years < FIRST_YEAR) | (years >= LAST_YEAR))
    wall = np.where(bad, np.datetime64("NaT", "s"), wall)
    return wall, blank, bad, aware


def _distinct(times: Times) -> tuple[Times, Ints]:
    """The distinct times and which of them each is: zone rules are asked once per time."""
    codes, values = pd.factorize(times, use_na_sentinel=False)
    return np.asarray(values).astype("M8[s]"), codes


def _plain(index: Any) -> Times:
    return cast("Times", pd.DatetimeIndex(index).tz_localize(None).to_numpy().astype("M8[s]"))

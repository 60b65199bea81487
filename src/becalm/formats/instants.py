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

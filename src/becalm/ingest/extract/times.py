"""When each row of an extract happened, and how exactly that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from becalm.formats.cells import dictionary_encode, numbers
from becalm.formats.instants import (
    FIRST_YEAR,
    LAST_YEAR,
    Instants,
    hour_of_week,
    local_to_utc,
    parse_times,
    read_instants,
    utc_to_local,
)
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.mapping import TimePart
from becalm.methods.arrays import Floats, Ints, Objects, Times

PRECISIONS = ("minute", "hour", "day", "month")
MINUTE, HOUR, DAY, MONTH = range(4)
NAT = np.datetime64("NaT", "s")
MONTH_FORMATS = ("%Y-%m", "%Y-%m-%d", "%Y%m")


@dataclass(frozen=True, slots=True)
class When:
    """Instants (UTC), wall times and precision codes of every row; NaT where unknown."""

    start: Times
    end: Times
    local: Times
    precision: Ints
    months: Times

    def columns(self) -> dict[str, pa.Array]:
        """The time columns of the incidents table."""
        dayless = self.precision == MONTH
        hourless = self.precision > HOUR
        return {
            "occurred_from": _instants_column(np.where(dayless, NAT, self.start)),
            "occurred_to": _instants_column(np.where(dayless, NAT, self.end)),
            "occurred_on": pa.array(np.where(dayless, NAT, self.local).astype("M8[D]")),
            "hour_of_week": pa.array(hour_of_week(self.local), mask=hourless | np.isnat(self.local)),
            "precision": pa.array(np.array(PRECISIONS, dtype=object)[self.precision], pa.string()),
            "month": month_column(self.months),
        }


def when(sheet: Sheet, part: TimePart, group: Objects, row_outcomes: RowOutcomes, *, city_zone: str) -> When:
    """When did each row happen? Rows without a usable time are rejected: no month could count them."""
    if part.month is not None:
        return _month_only(sheet, part, row_outcomes)
    assert part.occurred_from is not None
    start = _read(sheet, part, part.occurred_from, row_outcomes, city_zone=city_zone, needed=True)
    local, precision = start.local, np.full(len(start.local), PRECISIONS.index(part.precision))
    if part.hour is not None:
        return _day_and_hour(sheet, part, start, row_outcomes, city_zone=city_zone)
    _tell_clock_changes(start, part.occurred_from, row_outcomes)
    precision = _coarsened(local, precision, group, part)
    end = start.utc
    if part.occurred_to is not None:
        stop = _read(sheet, part, part.occurred_to, row_outcomes, city_zone=city_zone, needed=False)
        other = replace(stop, gap=stop.gap & ~start.gap, twice=stop.twice & ~start.twice)
        _tell_clock_changes(other, part.occurred_to, row_outcomes)  # each row is told once
        end = np.where(np.isnat(stop.utc), start.utc, stop.utc)
        row_outcomes.reject_remaining(
            (end < start.utc),
            f"{part.occurred_from} / {part.occurred_to}",
            "ends before it starts",
            "swap the two times or correct one",
        )
        precision = np.maximum(precision, _width(end - start.utc))
    return _widened(start.utc, end, local, precision, city_zone)


def recorded_on(sheet: Sheet, part: TimePart, row_outcomes: RowOutcomes, *, city_zone: str) -> pa.Array:
    """The civil day on which each row was recorded; what is no day becomes unknown and is written down."""
    if part.recorded_on is None:
        return pa.nulls(sheet.data.num_rows, pa.date32())
    column, formats = sheet.data[part.recorded_on], part.recorded_formats or part.formats
    if any("%z" in wanted for wanted in formats) or getattr(column.type, "tz", None) is not None:
        read = read_instants(column, formats=formats, zone="offset", city_zone=city_zone)
    else:  # a day, or a clock time whose day is the one that is written
        read = read_instants(column, formats=formats, zone="UTC", city_zone="UTC")
    row_outcomes.repair(read.bad, part.recorded_on, "is no day", _format_remedy(part, "recorded_formats"))
    return pa.array(read.local.astype("M8[D]"))


def month_column(months: Times) -> pa.Array:
    """Months written YYYY-MM, null where unknown."""
    codes, names = pd.factorize(months.astype("M8[s]"))
    texts = [str(np.datetime64(name, "M")) for name in names]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(texts, pa.string())).cast(
        pa.string()
    )


def _read(
    sheet: Sheet, part: TimePart, column: str, row_outcomes: RowOutcomes, *, city_zone: str, needed: bool
) -> Instants:
    read = read_instants(sheet.data[column], formats=part.formats, zone=part.zone, city_zone=city_zone)
    if needed:
        row_outcomes.reject_remaining(read.blank, column, "has no time", "give it, or leave the row out")
        row_outcomes.reject_remaining(read.bad, column, "is not a time", _format_remedy(part, "formats"))
    else:
        row_outcomes.repair(
            read.bad, column, "is not a time, and was left out", _format_remedy(part, "formats")
        )
    return read


def _format_remedy(part: TimePart, entry: str) -> str:
    formats = part.recorded_formats if entry == "recorded_formats" else part.formats
    listed = ", ".join(formats) or "none is given for text"
    return f"{entry} of the mapping: {listed}; years {FIRST_YEAR} to {LAST_YEAR - 1}"


def _tell_clock_changes(read: Instants, column: str, row_outcomes: RowOutcomes) -> None:
    row_outcomes.repair(
        read.gap,
        column,
        "does not exist: the clocks went forward over it",
        "it was moved to the first instant after the gap",
    )
    row_outcomes.repair(
        read.twice,
        column,
        "happened twice: the clocks went back",
        "the first of the two was taken; give the offset to be exact",
    )


def _coarsened(local: Times, precision: Ints, group: Objects, part: TimePart) -> Ints:
    """Heaped times know less than they say: at 00:00 only the day, at full hours only the hour."""
    on_hour = local == local.astype("M8[h]")
    midnight = local == local.astype("M8[D]")
    if part.full_hour_is_hour:
        precision = np.maximum(precision, np.where(on_hour, HOUR, MINUTE))
    if "*" in part.midnight_is_day:
        precision = np.maximum(precision, np.where(midnight, DAY, MINUTE))
    elif part.midnight_is_day:
        named = pd.Series(group, dtype=object).isin(part.midnight_is_day).to_numpy()
        precision = np.maximum(precision, np.where(midnight & named, DAY, MINUTE))
    return precision


def _width(window: NDArray[np.timedelta64]) -> Ints:
    """How exactly a window is known: to the minute, the hour, or (any longer) the day on which it starts."""
    seconds = window.astype("m8[s]").astype(np.int64)
    return np.select([seconds <= 60, seconds <= 3600], [MINUTE, HOUR], DAY)


def _day_and_hour(
    sheet: Sheet, part: TimePart, start: Instants, row_outcomes: RowOutcomes, *, city_zone: str
) -> When:
    assert part.hour is not None
    hours, bad = numbers(sheet.data[part.hour])
    with np.errstate(invalid="ignore"):
        bad |= (hours < 0) | (hours > 23) | (hours != np.floor(hours))
    row_outcomes.repair(bad, part.hour, "is no hour from 0 to 23", "give one; only the day was kept")
    known = ~bad & ~np.isnan(hours)
    days = _days(start.local, hours)
    local = days.astype("M8[s]") + np.where(known, hours, 0).astype("m8[h]")
    utc, gap, twice = local_to_utc(local, city_zone)
    clock = Instants(utc, local, start.blank, start.bad, gap & known, twice & known)
    _tell_clock_changes(clock, f"{part.occurred_from} / {part.hour}", row_outcomes)
    return _widened(utc, utc, utc_to_local(utc, city_zone), np.where(known, HOUR, DAY), city_zone)


def _days(local: Times, hours: Floats) -> Times:
    """The civil day of each row.

    A day may be written as the instant of its midnight by another year's clock changes: then it reads
    23:00 of the day before, although the hour beside it is another.
    """
    clock = local - local.astype("M8[D]")
    early = (clock == np.timedelta64(23, "h")) & (hours != 23)
    return np.asarray(local + np.where(early, np.timedelta64(1, "h"), np.timedelta64(0, "h"))).astype("M8[D]")


def _widened(start: Times, end: Times, local: Times, precision: Ints, city_zone: str) -> When:
    """Rows known to the day begin and end at local midnights; those known to the hour last an hour."""
    months = local.astype("M8[M]")
    by_day = precision == DAY
    instant = end == start
    days = local.astype("M8[D]")
    from_midnight, _, _ = local_to_utc(days.astype("M8[s]"), city_zone)
    to_midnight, _, _ = local_to_utc((days + 1).astype("M8[s]"), city_zone)
    ends = np.select(
        [by_day & instant, (precision == HOUR) & instant], [to_midnight, start + np.timedelta64(1, "h")], end
    )
    starts = np.where(by_day & instant, from_midnight, start)
    return When(starts, ends, local, precision, months)


def _month_only(sheet: Sheet, part: TimePart, row_outcomes: RowOutcomes) -> When:
    assert part.month is not None
    column = sheet.data[part.month]
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        wall = column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
        blank = np.isnat(wall)
    else:
        words = dictionary_encode(column)
        wall = np.append(parse_times(words.values, part.formats or MONTH_FORMATS), NAT)[words.codes]
        blank = words.is_blank
    row_outcomes.reject_remaining(blank, part.month, "has no month", "give it, or leave the row out")
    bad = np.isnat(wall) & ~blank
    row_outcomes.reject_remaining(
        bad, part.month, "is not a month", "write YYYY-MM, or correct formats in the mapping"
    )
    return When(wall, wall, wall, np.full(len(wall), MONTH), wall.astype("M8[M]"))


def _instants_column(times: Times) -> pa.Array:
    return pa.array(times.astype("M8[us]"), pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))

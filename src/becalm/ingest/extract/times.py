"""When each row of an extract happened, and how exactly that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.formats.cells import (
    FIRST_YEAR,
    LAST_YEAR,
    Instants,
    dictionary_encode,
    hour_of_week,
    local_to_utc,
    numbers,
    parse_times,
    read_instants,
    utc_to_local,
)
from becalm.formats.sheet import RowOutcomes, Sheet, file_refusal
from becalm.ingest.extract.code_columns import join_cells
from becalm.ingest.mapping import Columns, TimePart, columns_in
from becalm.methods.arrays import Bools, Floats, Ints, Objects, Times

PRECISIONS = ("minute", "hour", "day", "month")
MINUTE, HOUR, DAY, MONTH = range(4)
NAT = np.datetime64("NaT", "s")
MONTH_FORMATS = ("%Y-%m", "%Y-%m-%d", "%Y%m", "%Y %m", "%Y %b", "%Y %B")
LATER_REMEDY = "correct the date, or give the day of publication with `as_of`"
SWAPS_SHOW = 10  # dates of either kind, before they can show that a spreadsheet swapped day and month
SWAPPED_REMEDY = "a spreadsheet swapped their day and month: export the file again, with dates as YYYY-MM-DD"


@dataclass(frozen=True, slots=True)
class OccurrenceTimes:
    """Instants (UTC), local times and precision codes of every row; NaT where unknown."""

    start: Times
    end: Times
    local: Times
    precision: Ints
    months: Times

    def columns(self) -> dict[str, pa.Array]:
        """The time columns of the incidents table."""
        has_no_day = self.precision == MONTH
        has_no_hour = self.precision > HOUR
        return {
            "occurred_from": _instant_column(np.where(has_no_day, NAT, self.start)),
            "occurred_to": _instant_column(np.where(has_no_day, NAT, self.end)),
            "occurred_on": pa.array(np.where(has_no_day, NAT, self.local).astype("M8[D]")),
            "hour_of_week": pa.array(hour_of_week(self.local), mask=has_no_hour | np.isnat(self.local)),
            "precision": pa.array(np.array(PRECISIONS, dtype=object)[self.precision], pa.string()),
            "month": _month_column(self.months),
        }


def read_occurrence_times(
    sheet: Sheet, part: TimePart, groups: Objects, row_outcomes: RowOutcomes, *, city_zone: str, as_of: date
) -> OccurrenceTimes:
    """When did each row happen? Rows without a usable time are rejected: no month could count them.

    So are rows later than the day on which the file was published, and days that stand for "unknown".
    """
    if part.month is not None:
        return _read_months(sheet, part, row_outcomes, as_of)
    start_column = " / ".join(columns_in(part.occurred_from))
    start_cells, has_day_only = read_time_cells(sheet, part.occurred_from, part.formats)
    time_formats = (
        *part.formats,
        *(time_format.split(" ")[0] for time_format in part.formats if has_day_only.any()),
    )
    start_instants = read_instants(start_cells, formats=time_formats, zone=part.zone, city_zone=city_zone)
    _reject_bad_starts(start_instants, start_column, part, row_outcomes, as_of)
    _check_swapped_days(start_cells, part, sheet.name)
    if part.hour is not None:
        return _read_days_and_hours(sheet, part, start_instants, row_outcomes, city_zone=city_zone)
    _record_clock_changes(start_instants, start_column, row_outcomes)
    precision_of_row = np.where(has_day_only, DAY, _coarsen(start_instants.local, groups, part))
    end_utc = start_instants.utc
    if part.occurred_to is not None:
        end_utc = _read_end(sheet, part, start_instants, row_outcomes, city_zone=city_zone)
        precision_of_row = np.maximum(precision_of_row, _window_precision(end_utc - start_instants.utc))
    return _widen(start_instants.utc, end_utc, start_instants.local, precision_of_row, city_zone)


def read_recorded_on(
    sheet: Sheet, part: TimePart, row_outcomes: RowOutcomes, *, city_zone: str, as_of: date
) -> pa.Array:
    """The civil day on which each row was recorded, null where unknown. A clock time takes its local day."""
    if part.recorded_on is None:
        return pa.nulls(sheet.data.num_rows, pa.date32())
    column, patterns = sheet.data[part.recorded_on], part.recorded_formats or part.formats
    if any("%z" in time_format for time_format in patterns) or getattr(column.type, "tz", None) is not None:
        recorded_instants = read_instants(column, formats=patterns, zone="offset", city_zone=city_zone)
    else:  # a day, or a clock time whose day is the one that is written
        recorded_instants = read_instants(column, formats=patterns, zone="UTC", city_zone="UTC")
    row_outcomes.repair(
        recorded_instants.is_bad, part.recorded_on, "is no day", _format_remedy(part, "recorded_formats")
    )
    recorded_days = recorded_instants.local.astype("M8[D]")
    is_later = recorded_days > np.datetime64(as_of)
    row_outcomes.repair(is_later, part.recorded_on, f"is later than the as-of date {as_of}", LATER_REMEDY)
    return pa.array(np.where(is_later, np.datetime64("NaT", "D"), recorded_days))


def read_time_cells(
    sheet: Sheet, columns: Columns | None, formats: Sequence[str]
) -> tuple[pa.ChunkedArray, Bools]:
    """The cells of a time; several columns joined by a space, and which rows have only the first of them."""
    column_names = columns_in(columns)
    if len(column_names) == 1:
        return sheet.data[column_names[0]], np.zeros(sheet.data.num_rows, dtype=np.bool_)
    encoded_columns = [dictionary_encode(_without_midnight(sheet.data[name])) for name in column_names]
    if any("%H%M" in time_format for time_format in formats):  # 930 is 09:30
        encoded_columns[-1] = replace(
            encoded_columns[-1], distinct=pc.utf8_lpad(encoded_columns[-1].distinct, 4, "0")
        )
    has_first_only = ~encoded_columns[0].is_blank & np.logical_and.reduce(
        [part.is_blank for part in encoded_columns[1:]]
    )
    return pa.chunked_array([join_cells(encoded_columns, " ").arrow()]), has_first_only


def _without_midnight(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """A typed column of days, kept as their midnights, as days."""
    if not pa.types.is_timestamp(cells.type) or cells.type.tz is not None:
        return cells
    day_of_cell = cells.cast(pa.date32(), safe=False)
    return day_of_cell if day_of_cell.cast(cells.type).equals(cells) else cells


def _reject_bad_starts(
    starts: Instants, column: str, part: TimePart, row_outcomes: RowOutcomes, as_of: date
) -> None:
    row_outcomes.reject_remaining(starts.is_blank, column, "has no time", "give it, or leave the row out")
    row_outcomes.reject_remaining(starts.is_bad, column, "is not a time", _format_remedy(part, "formats"))
    row_outcomes.reject_remaining(
        starts.is_placeholder,
        column,
        "is a placeholder for an unknown day",
        "give the day, or leave the row out",
    )
    reject_later(starts.local, column, row_outcomes, as_of)


def reject_later(local_times: Times, column: str, row_outcomes: RowOutcomes, as_of: date) -> None:
    """Reject what happened after the day on which the file was published."""
    is_later = ~np.isnat(local_times) & (local_times.astype("M8[D]") > np.datetime64(as_of))
    row_outcomes.reject_remaining(is_later, column, f"is later than the as-of date {as_of}", LATER_REMEDY)


def _check_swapped_days(cells: pa.ChunkedArray, part: TimePart, file_name: str) -> None:
    """Refuse texts of days after the 12th beside typed days that are none.

    So a spreadsheet leaves dates whose day and month it swapped: what it could read as month and day it did,
    and the rest stayed text.
    """
    if not pa.types.is_string(cells.type) or len(part.formats) < 2:
        return
    if has_swapped_days(cells, part.formats):
        problem = f"{part.occurred_from!r}: all typed dates have days up to the 12th, all texts days after it"
        raise file_refusal(file_name, problem, SWAPPED_REMEDY)


def has_swapped_days(cells: pa.ChunkedArray, formats: Sequence[str]) -> bool:
    """Are these the dates of a column in which a spreadsheet swapped day and month where it could?"""
    texts, days = dictionary_encode(cells), []
    for is_typed in (True, False):  # a typed date is written YYYY-MM-DD
        own_formats = [f for f in formats if f.startswith("%Y-%m-%d") == is_typed]
        time_of_row = np.append(parse_times(texts.values, own_formats), NAT)[texts.codes]
        time_of_row = time_of_row[~np.isnat(time_of_row)]
        days.append((time_of_row.astype("M8[D]") - time_of_row.astype("M8[M]")).astype(np.int64) + 1)
    typed_days, text_days = days
    has_enough_days = len(typed_days) >= SWAPS_SHOW and len(text_days) >= SWAPS_SHOW
    return has_enough_days and bool((typed_days <= 12).all() and (text_days > 12).all())


def _read_end(
    sheet: Sheet, part: TimePart, starts: Instants, row_outcomes: RowOutcomes, *, city_zone: str
) -> Times:
    """The end of each window, its start where there is none; what ends before it starts is rejected."""
    end_column = " / ".join(columns_in(part.occurred_to))
    end_cells, _ = read_time_cells(sheet, part.occurred_to, part.formats)
    end_instants = read_instants(end_cells, formats=part.formats, zone=part.zone, city_zone=city_zone)
    format_remedy = _format_remedy(part, "formats")
    row_outcomes.repair(end_instants.is_bad, end_column, "is not a time, and was left out", format_remedy)
    # a row whose start was told already is not told again for its end
    end_only_changes = replace(
        end_instants,
        in_gap=end_instants.in_gap & ~starts.in_gap,
        is_ambiguous=end_instants.is_ambiguous & ~starts.is_ambiguous,
    )
    _record_clock_changes(end_only_changes, end_column, row_outcomes)
    end_utc = np.where(np.isnat(end_instants.utc), starts.utc, end_instants.utc)
    row_outcomes.reject_remaining(
        end_utc < starts.utc,
        " / ".join((*columns_in(part.occurred_from), end_column)),
        "ends before it starts",
        "swap the two times or correct one",
    )
    return end_utc


def _format_remedy(part: TimePart, entry_name: str) -> str:
    entry_formats = part.recorded_formats if entry_name == "recorded_formats" else part.formats
    format_list = ", ".join(entry_formats) or "none is given for text"
    return f"{entry_name} of the mapping: {format_list}; years {FIRST_YEAR} to {LAST_YEAR - 1}"


def _record_clock_changes(instants: Instants, column_name: str, row_outcomes: RowOutcomes) -> None:
    row_outcomes.repair(
        instants.in_gap,
        column_name,
        "does not exist: the clocks went forward over it",
        "it was moved to the first instant after the gap",
    )
    row_outcomes.repair(
        instants.is_ambiguous,
        column_name,
        "happened twice: the clocks went back",
        "the first of the two was taken; give the offset to be exact",
    )


def _coarsen(local_times: Times, group_of_row: Objects, part: TimePart) -> Ints:
    """Heaped times know less than they say: at 00:00 only the day, at full hours only the hour."""
    precision_of_row = np.full(len(local_times), PRECISIONS.index(part.precision))
    is_full_hour = local_times == local_times.astype("M8[h]")
    is_midnight = local_times == local_times.astype("M8[D]")
    if part.full_hour_is_hour:
        precision_of_row = np.maximum(precision_of_row, np.where(is_full_hour, HOUR, MINUTE))
    if "*" in part.midnight_is_day:
        precision_of_row = np.maximum(precision_of_row, np.where(is_midnight, DAY, MINUTE))
    elif part.midnight_is_day:
        has_day_only = pd.Series(group_of_row, dtype=object).isin(part.midnight_is_day).to_numpy()
        precision_of_row = np.maximum(precision_of_row, np.where(is_midnight & has_day_only, DAY, MINUTE))
    return precision_of_row


def _window_precision(window_lengths: NDArray[np.timedelta64]) -> Ints:
    """How exactly a window is known: to the minute, the hour, or (any longer) the day on which it starts."""
    window_seconds = window_lengths.astype("m8[s]").astype(np.int64)
    return np.select([window_seconds <= 60, window_seconds <= 3600], [MINUTE, HOUR], DAY)


def _read_days_and_hours(
    sheet: Sheet, part: TimePart, starts: Instants, row_outcomes: RowOutcomes, *, city_zone: str
) -> OccurrenceTimes:
    assert part.hour is not None
    hour_of_row, is_bad_hour = numbers(sheet.data[part.hour])
    with np.errstate(invalid="ignore"):
        is_bad_hour |= (hour_of_row < 0) | (hour_of_row > 23) | (hour_of_row != np.floor(hour_of_row))
    row_outcomes.repair(is_bad_hour, part.hour, "is no hour from 0 to 23", "give one; only the day was kept")
    has_hour = ~is_bad_hour & ~np.isnan(hour_of_row)
    civil_days = _civil_days(starts.local, hour_of_row)
    local_times = civil_days.astype("M8[s]") + np.where(has_hour, hour_of_row, 0).astype("m8[h]")
    utcs, is_in_gap, is_ambiguous = local_to_utc(local_times, city_zone)
    hour_instants = replace(
        starts, utc=utcs, local=local_times, in_gap=is_in_gap & has_hour, is_ambiguous=is_ambiguous & has_hour
    )
    hour_columns = " / ".join((*columns_in(part.occurred_from), part.hour))
    _record_clock_changes(hour_instants, hour_columns, row_outcomes)
    return _widen(utcs, utcs, utc_to_local(utcs, city_zone), np.where(has_hour, HOUR, DAY), city_zone)


def _civil_days(local_times: Times, hour_of_row: Floats) -> Times:
    """The civil day of each row.

    A day may be written as the instant of its midnight by another year's clock changes: then it reads
    23:00 of the day before, although the hour beside it is another.
    """
    time_since_midnight = local_times - local_times.astype("M8[D]")
    is_day_early = (time_since_midnight == np.timedelta64(23, "h")) & (hour_of_row != 23)
    return np.asarray(
        local_times + np.where(is_day_early, np.timedelta64(1, "h"), np.timedelta64(0, "h"))
    ).astype("M8[D]")


def _widen(start: Times, end: Times, local_times: Times, precision: Ints, city_zone: str) -> OccurrenceTimes:
    """Rows known to the day begin and end at local midnights; those known to the hour last an hour.

    Midnights are taken in the city's zone, not 24 hours apart: two nights a year last 23 and 25 hours.
    """
    local_days = local_times.astype("M8[D]")
    midnight_utc, _, _ = local_to_utc(local_days.astype("M8[s]"), city_zone)
    next_midnight_utc, _, _ = local_to_utc((local_days + 1).astype("M8[s]"), city_zone)
    is_instant = end == start
    is_day_only, is_hour_only = (precision == DAY) & is_instant, (precision == HOUR) & is_instant
    return OccurrenceTimes(
        start=np.where(is_day_only, midnight_utc, start),
        end=np.select([is_day_only, is_hour_only], [next_midnight_utc, start + np.timedelta64(1, "h")], end),
        local=local_times,
        precision=precision,
        months=local_times.astype("M8[M]"),
    )


def _read_months(sheet: Sheet, part: TimePart, row_outcomes: RowOutcomes, as_of: date) -> OccurrenceTimes:
    month_column, _ = read_time_cells(sheet, part.month, part.formats)
    column_name = " / ".join(columns_in(part.month))
    if pa.types.is_timestamp(month_column.type) or pa.types.is_date(month_column.type):
        month_starts = month_column.cast(pa.timestamp("s"), safe=False).to_numpy().astype("M8[s]")
        is_blank_month = np.isnat(month_starts)
    else:
        month_words = dictionary_encode(month_column)
        month_starts = np.append(parse_times(month_words.values, part.formats or MONTH_FORMATS), NAT)[
            month_words.codes
        ]
        is_blank_month = month_words.is_blank
    row_outcomes.reject_remaining(
        is_blank_month, column_name, "has no month", "give it, or leave the row out"
    )
    row_outcomes.reject_remaining(
        np.isnat(month_starts) & ~is_blank_month,
        column_name,
        "is not a month",
        "write YYYY-MM, or correct formats in the mapping",
    )
    reject_later(month_starts.astype("M8[M]"), column_name, row_outcomes, as_of)
    return OccurrenceTimes(
        month_starts,
        month_starts,
        month_starts,
        np.full(len(month_starts), MONTH),
        month_starts.astype("M8[M]"),
    )


def _month_column(month_of_row: Times) -> pa.Array:
    """Months written YYYY-MM, null where unknown."""
    codes, distinct_months = pd.factorize(month_of_row.astype("M8[s]"))
    month_texts = pa.array([str(np.datetime64(name, "M")) for name in distinct_months], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), month_texts).cast(pa.string())


def _instant_column(utc_times: Times) -> pa.Array:
    return pa.array(utc_times.astype("M8[us]"), pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))

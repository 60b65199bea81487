"""In which hours of the week records fall: those that name an hour, and windows spread over theirs.

A record that says when it began and ended is spread evenly over that window, each hour of the city's own
clock getting the exact share that lies in it. A window longer than the policy allows says nothing of the
hour: it is left out of profiles and counted. Months are another matter: a record belongs whole to the month
in which it began, so that monthly counts are whole numbers, equal on every page and to the source's own.

Spreading an event evenly over the span in which it happened is called aoristic: J. H. Ratcliffe and
M. J. McCullagh, in International Journal of Geographical Information Science 12 (1998) 751-764.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import pyarrow as pa
from ibis import Table

from becalm.methods.arrays import Floats, Ints
from becalm.tables.place_counts import add_cells, cell_keys, check_cell_size, filter_records, to_integers

HOUR_S, DAY_S, HOURS_OF_WEEK = 3600, 86_400, 168
MONDAY_S = 4 * DAY_S  # 1970-01-05, a Monday, in seconds since 1970-01-01
UNKNOWN, TOO_LONG, WINDOW = HOURS_OF_WEEK, HOURS_OF_WEEK + 1, HOURS_OF_WEEK + 2
COLUMNS = HOURS_OF_WEEK + 2  # the hours, those of unknown hour, and those whose window is too long
LONGEST_WINDOW_H = 12.0
FEW_CELLS = 2_000  # up to here the engine is asked for these cells only


@dataclass(frozen=True, slots=True)
class HourPolicy:
    """In which zone the week is told, and how long a window may be to be spread over its hours."""

    zone: str
    longest_window_h: float = LONGEST_WINDOW_H


@dataclass(frozen=True, slots=True)
class HourWeights:
    """Row `rows[i]` of a table of counts puts `weights[i]` records into column `hours[i]` (see COLUMNS)."""

    rows: Ints
    hours: Ints
    weights: Floats


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Counts of given cells by hour of the week, 0 for Monday 00:00 to 167 for Sunday 23:00, city time.

    `counts[i, h]` belongs to cell (columns[i], rows[i]): whole records where the hour is known, shares of
    records whose window holds it. `without_hour[i]` counts its records that are in no hour; of them
    `too_long[i]` have a window too long to say.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    counts: Floats
    without_hour: Ints
    too_long: Ints | None = None


@dataclass(frozen=True, slots=True)
class LocalClock:
    """From each instant on (seconds since 1970 in UTC, rising), how many seconds the local clock is ahead."""

    since_s: Ints
    ahead_s: Ints

    def index_at(self, instants_s: Ints) -> Ints:
        """The number of the entry that holds at each instant."""
        return np.maximum(np.searchsorted(self.since_s, instants_s, side="right") - 1, 0)


@dataclass(frozen=True, slots=True)
class HourShares:
    """`shares[i]` of span `spans[i]` falls in hour of the week `hours[i]`; those of one span sum to 1."""

    spans: Ints
    hours: Ints
    shares: Floats


def count_week_hours(
    incidents: Table,
    *,
    cell_m: float,
    columns: Ints,
    rows: Ints,
    groups: Sequence[str] | None = None,
    months: Sequence[str] | None = None,
    policy: HourPolicy | None = None,
) -> HourCounts:
    """In which hours of the week did the incidents of these cells happen?

    Cell i is (columns[i], rows[i]); each cell should be named once. With a policy, records of a window are
    spread over its hours. Records without an hour are counted apart, so that a profile made of few of them
    can be distinguished from a whole one.
    """
    check_cell_size(cell_m)
    cell_rows = add_cells(filter_records(incidents, groups, months), cell_m)
    cell_numbers = cell_keys(np.asarray(columns, np.int64), np.asarray(rows, np.int64))
    if cell_numbers.size <= FEW_CELLS:
        cell_key = cell_keys(cell_rows.column, cell_rows.row)
        cell_rows = (
            cell_rows.filter(cell_key.isin(cell_numbers.tolist()))
            if cell_numbers.size
            else cell_rows.limit(0)
        )
    timed_rows = add_week_hours(cell_rows, policy)
    hour_tallies = (
        timed_rows.group_by("column", "row", "hour", "since", "until")
        .agg(n=timed_rows.count())
        .filter(ibis._.column.notnull())
        .order_by("column", "row", "hour", "since", "until")
        .to_pyarrow()
    )
    tally_cell_numbers = cell_keys(to_integers(hour_tallies["column"]), to_integers(hour_tallies["row"]))
    return sum_hour_weights(
        weigh_hours(hour_tallies, policy),
        _match_cells(tally_cell_numbers, cell_numbers),
        cell_m=float(cell_m),
        columns=np.asarray(columns, np.int64),
        rows=np.asarray(rows, np.int64),
    )


def _match_cells(tally_cell_numbers: Ints, cell_numbers: Ints) -> Ints:
    """Which of the cells is each one of a tally? Their number where it is none of them."""
    sort_order = np.argsort(cell_numbers, kind="stable")
    sorted_positions = np.searchsorted(cell_numbers[sort_order], tally_cell_numbers)
    index_of_tally = np.full(tally_cell_numbers.size, cell_numbers.size, np.int64)
    inside_tallies = np.flatnonzero(sorted_positions < cell_numbers.size)
    matching_tallies = inside_tallies[
        cell_numbers[sort_order][sorted_positions[inside_tallies]] == tally_cell_numbers[inside_tallies]
    ]
    index_of_tally[matching_tallies] = sort_order[sorted_positions[matching_tallies]]
    return index_of_tally


def sum_hour_weights(
    weights: HourWeights, place_index: Ints, *, cell_m: float, columns: Ints, rows: Ints
) -> HourCounts:
    """The weights summed by place: row i of their table belongs to place_index[i], which is n for none."""
    hour_counts = np.zeros((len(columns) + 1, COLUMNS))
    np.add.at(hour_counts, (place_index[weights.rows], weights.hours), weights.weights)
    without_hour = np.rint(hour_counts[:-1, HOURS_OF_WEEK:]).astype(np.int64)
    return HourCounts(
        cell_m, columns, rows, hour_counts[:-1, :HOURS_OF_WEEK], without_hour.sum(axis=1), without_hour[:, 1]
    )


def add_week_hours(rows: Table, policy: HourPolicy | None) -> Table:
    """The rows with their `hour`: 0 to 167, or UNKNOWN, TOO_LONG, WINDOW.

    Windows also have `since` and `until` in seconds. Without a policy their hour is unknown.
    """
    zero_seconds = ibis.literal(0, "int64")
    exact_hour = rows.hour_of_week.cast("int64")
    if policy is None or not {"occurred_from", "occurred_to"} <= set(rows.columns):
        return rows.mutate(
            hour=exact_hour.fill_null(ibis.literal(UNKNOWN, "int64")), since=zero_seconds, until=zero_seconds
        )
    window_start_s, window_end_s = (
        rows[column_name].epoch_seconds().cast("int64") for column_name in ("occurred_from", "occurred_to")
    )
    is_span = exact_hour.isnull() & (window_end_s > window_start_s).fill_null(False)
    is_short = (window_end_s - window_start_s) <= int(policy.longest_window_h * HOUR_S)
    is_window = is_span & is_short.fill_null(False)
    hour_kind = ibis.cases((is_window, WINDOW), (is_span, TOO_LONG), else_=UNKNOWN).cast("int64")
    return rows.mutate(
        hour=exact_hour.fill_null(hour_kind),
        since=is_window.ifelse(window_start_s, zero_seconds),
        until=is_window.ifelse(window_end_s, zero_seconds),
    )


def weigh_hours(tallies: pa.Table, policy: HourPolicy | None) -> HourWeights:
    """Into which hours do the `n` records of each row go? The weights of a row sum to n."""
    row_hours, n, start_s, end_s = (
        to_integers(tallies[column_name]) for column_name in ("hour", "n", "since", "until")
    )
    exact_index = np.flatnonzero(row_hours != WINDOW)
    window_index = np.flatnonzero(row_hours == WINDOW)
    if policy is None or not len(window_index):
        return HourWeights(exact_index, row_hours[exact_index], n[exact_index].astype(np.float64))
    local_clock = find_local_clock(
        policy.zone, int(start_s[window_index].min()), int(end_s[window_index].max())
    )
    hour_shares = share_week_hours(start_s[window_index], end_s[window_index], local_clock)
    window_rows = window_index[hour_shares.spans]
    return HourWeights(
        np.concatenate([exact_index, window_rows]),
        np.concatenate([row_hours[exact_index], hour_shares.hours]),
        np.concatenate([n[exact_index].astype(np.float64), n[window_rows] * hour_shares.shares]),
    )


def find_local_clock(zone: str, first_s: int, last_s: int) -> LocalClock:
    """How the clock of this zone runs from the first to the last instant, found day by day, to the second."""
    zone_info = ZoneInfo(zone)

    def seconds_ahead(instant_s: int) -> int:
        utc_offset = datetime.fromtimestamp(instant_s, UTC).astimezone(zone_info).utcoffset() or timedelta(0)
        return int(utc_offset.total_seconds())

    change_starts, offsets_s = [first_s], [seconds_ahead(first_s)]
    for day in range(first_s, last_s + DAY_S, DAY_S):
        low_s, high_s = day, day + DAY_S
        if seconds_ahead(high_s) == offsets_s[-1]:
            continue
        # Bisection: a zone may change its clock at any second, and no list of changes is open to us.
        while high_s - low_s > 1:
            middle_s = (low_s + high_s) // 2
            low_s, high_s = (
                (middle_s, high_s) if seconds_ahead(middle_s) == offsets_s[-1] else (low_s, middle_s)
            )
        change_starts.append(high_s)
        offsets_s.append(seconds_ahead(high_s))
    return LocalClock(np.array(change_starts, dtype=np.int64), np.array(offsets_s, dtype=np.int64))


def share_week_hours(start_s: Ints, end_s: Ints, clock: LocalClock) -> HourShares:
    """Which share of each span [start, end) falls in each hour of the local week?

    Instants are seconds since 1970 in UTC; a span without length falls wholly in the hour of its instant. An
    hour that the clock shows twice is the same hour of the week both times, one that it skips gets nothing.
    """
    span_index = np.arange(len(start_s), dtype=np.int64)
    start, end = np.asarray(start_s, np.int64), np.asarray(end_s, np.int64)
    span_of_piece, from_s, until_s = _cut_at_clock_changes(span_index, start, end, clock)
    ahead_s = clock.ahead_s[clock.index_at(from_s)]
    from_s, until_s = from_s + ahead_s - MONDAY_S, until_s + ahead_s - MONDAY_S
    first_hours = from_s // HOUR_S
    hour_counts = np.maximum((until_s - 1) // HOUR_S - first_hours, 0) + 1
    piece_index = np.repeat(np.arange(len(from_s)), hour_counts)
    hour_steps = np.arange(len(piece_index)) - np.repeat(np.cumsum(hour_counts) - hour_counts, hour_counts)
    hour_of_piece = first_hours[piece_index] + hour_steps
    overlap_s = np.minimum(until_s[piece_index], (hour_of_piece + 1) * HOUR_S) - np.maximum(
        from_s[piece_index], hour_of_piece * HOUR_S
    )
    span_length_s = (end - start)[span_of_piece[piece_index]]
    hour_shares = np.where(span_length_s > 0, overlap_s / np.maximum(span_length_s, 1), 1.0)
    return HourShares(
        span_of_piece[piece_index], hour_of_piece % HOURS_OF_WEEK, np.asarray(hour_shares, dtype=np.float64)
    )


def _cut_at_clock_changes(
    span_of_piece: Ints, start: Ints, end: Ints, clock: LocalClock
) -> tuple[Ints, Ints, Ints]:
    """The spans cut where the clock is changed: each piece's span, start and end."""
    for change_s in clock.since_s[1:].tolist():
        is_across = (start < change_s) & (end > change_s)
        if is_across.any():
            span_of_piece = np.concatenate([span_of_piece, span_of_piece[is_across]])
            start = np.concatenate([start, np.full(int(is_across.sum()), change_s, dtype=np.int64)])
            end = np.concatenate([np.where(is_across, change_s, end), end[is_across]])
    return span_of_piece, start, end

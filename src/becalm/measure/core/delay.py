"""How complete are the newest weeks, and what will they hold in the end?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np

from becalm.measure.core.group_series import group_label
from becalm.measure.core.request import DelayRequest
from becalm.methods.arrays import Floats
from becalm.methods.reporting_delay import Nowcast, complete_from_shares, nowcast_triangle
from becalm.tables import CountTable, DelayCounts, TimeUnit
from becalm.terms import Estimate, OffenceGroup, month_start

Basis = Literal["recorded days", "former versions", "unknown"]
LEAST_DATED_SHARE: Final = 0.8  # of the records must say when they were written
USUAL_DAYS: Final = {"day": 1.0, "week": 7.0, "month": 30.44}
LARGEST_TAIL_SHARE: Final = 0.01
QUIET_DAYS: Final = 14  # without any record written: longer than any holiday
METHOD: Final = "chain ladder with the quarter before, negative binomial, calibrated on past nowcasts"


@dataclass(frozen=True, slots=True)
class DelayRow:
    """One series in one week (or month): what is known of it, and what it will hold in the end.

    `completeness` and `final` are None where nothing says how late records are written.
    """

    group: str
    label: str
    start: date
    known_count: int
    completeness: Estimate | None
    final: Estimate | None


@dataclass(frozen=True, slots=True)
class DelayReport:
    """The newest weeks of each series, how complete they are, and by what that is known.

    `past_nowcast_count` nowcasts of former newest weeks were made again; `past_held_share` of them held the
    count that came in the end within their interval.
    """

    by: str
    unit: TimeUnit
    source: str
    as_of: date
    level: float
    basis: Basis
    longest_delay: int
    rows: tuple[DelayRow, ...]
    past_nowcast_count: int = 0
    past_held_share: float | None = None
    warnings: tuple[str, ...] = ()

    def completeness_of(self, group: str) -> tuple[float, ...]:
        """The share that is known of each shown week of this series, oldest first; 1 where it is unknown."""
        return tuple(
            row.completeness.value if row.completeness else 1.0 for row in self.rows if row.group == group
        )


def is_dated(delays: DelayCounts) -> bool:
    """Do enough of the records say when they were written?"""
    record_count = int(delays.counts.counts.sum())
    return bool(record_count) and delays.undated_count <= (1.0 - LEAST_DATED_SHARE) * record_count


def report_recorded(
    delays: DelayCounts, request: DelayRequest, groups: Mapping[str, OffenceGroup] | None = None
) -> DelayReport:
    """How complete is each of the newest weeks, by the days on which records were written?"""
    nowcast = nowcast_triangle(delays.new_counts)
    nowcast_count = int(nowcast.past_arrivals.size)
    return _report(
        delays.counts, request, groups, nowcast, "recorded days", tuple(_warnings(delays, nowcast_count))
    )


def report_versions(
    counts: CountTable,
    former_counts: Sequence[CountTable],
    request: DelayRequest,
    groups: Mapping[str, OffenceGroup] | None = None,
) -> DelayReport:
    """The same by former versions of the archive: what each of them knew of weeks that are old by now.

    Without a former version that can tell, every completeness is unknown.
    """
    known_shares = _shares_by_age(counts, former_counts, request.longest_delay)
    if known_shares is None:
        warning_text = (
            "Completeness unknown: the records do not say when they were written, and no former version of "
            "them is in the archive. The newest counts may still grow."
        )
        return _report(counts, request, groups, None, "unknown", (warning_text,))
    nowcast = complete_from_shares(counts.counts.astype(np.float64), known_shares)
    warning_text = (
        f"Learned from {len(former_counts)} former versions of the archive: the interval is not calibrated, "
        "and says too little of how delays differ from version to version."
    )
    return _report(counts, request, groups, nowcast, "former versions", (warning_text,))


def _report(
    counts: CountTable,
    request: DelayRequest,
    groups: Mapping[str, OffenceGroup] | None,
    nowcast: Nowcast | None,
    basis: Basis,
    warnings: tuple[str, ...],
) -> DelayReport:
    nowcast_count = int(nowcast.past_arrivals.size) if nowcast else 0
    return DelayReport(
        by=request.series.by,
        unit=counts.unit,
        source=counts.source,
        as_of=counts.as_of,
        level=request.level,
        basis=basis,
        longest_delay=request.longest_delay,
        rows=_rows(counts, nowcast, request, groups or {}),
        past_nowcast_count=nowcast_count,
        past_held_share=nowcast.held_share(request.level) if nowcast and nowcast_count else None,
        warnings=warnings,
    )


def _rows(
    counts: CountTable, nowcast: Nowcast | None, request: DelayRequest, groups: Mapping[str, OffenceGroup]
) -> tuple[DelayRow, ...]:
    low, high = nowcast.interval(request.level) if nowcast else (None, None)
    first_shown_column = max(len(counts.times) - request.weeks, 0)
    rows = []
    for g, group in enumerate(counts.groups):
        for t in range(first_shown_column, len(counts.times)):
            final_estimate = completeness = None
            known_count = int(counts.counts[g, t])
            if nowcast is not None and low is not None and high is not None:
                value, low_end, high_end = (
                    known_count + float(ends[g, t] - nowcast.known_counts[g, t])
                    for ends in (nowcast.final_counts, low, high)
                )
                final_estimate = _estimate(value, low_end, high_end, request.level)
                completeness = _completeness(float(nowcast.completeness[g, t]), known_count, final_estimate)
            rows.append(
                DelayRow(
                    group,
                    group_label(group, groups),
                    counts.times[t],
                    known_count,
                    completeness,
                    final_estimate,
                )
            )
    return tuple(rows)


def _completeness(share: float, known_count: int, final: Estimate) -> Estimate:
    """The usual share of a week of this age, and between which shares it lies for this very count."""
    low_share = known_count / final.high if final.high else 0.0
    high_share = known_count / final.low if final.low else 1.0
    return _estimate(share, low_share, high_share, final.level)


def _estimate(value: float, low: float, high: float, level: float) -> Estimate:
    """The mean of a skewed count may lie outside its interval, which then reaches to it."""
    return Estimate(value, min(low, value), max(high, value), level, METHOD)


def _warnings(delays: DelayCounts, nowcast_count: int) -> Iterator[str]:
    if delays.undated_count:
        yield (
            f"{delays.undated_count:,} of {int(delays.counts.counts.sum()):,} records do not say when they "
            "were written: they count as known, and teach nothing about delays."
        )
    last_day, as_of = delays.last_recorded_on, delays.counts.as_of
    if last_day is not None and (as_of - last_day).days > QUIET_DAYS:
        yield (
            f"Nothing was written after {last_day}, though the records are as of {as_of}: the file may have "
            "been cut short. The newest weeks are taken for late, not for calm."
        )
    empty_weeks = int(np.argmax(delays.counts.counts.sum(axis=0)[::-1] > 0))
    if empty_weeks > 1:
        yield (
            f"The newest {empty_weeks} weeks hold nothing in any series: the records may not reach so far. "
            f"They are as of {as_of}; give `as_of` the day to which they are whole."
        )
    if not nowcast_count:
        yield (
            "Too few weeks have waited as long as the longest delay: the interval is not calibrated on past "
            "nowcasts. Give `longest_delay` a smaller number, or ingest earlier records."
        )
    counts_by_delay = delays.new_counts[:, : -delays.new_counts.shape[2]].sum(axis=(0, 1))
    if counts_by_delay.size and counts_by_delay[-1] > LARGEST_TAIL_SHARE * counts_by_delay.sum():
        yield (
            f"{counts_by_delay[-1] / counts_by_delay.sum():.0%} of the records arrive only in the last week "
            "that is waited for: what comes later is not expected. Give `longest_delay` a larger number."
        )


def _shares_by_age(
    counts: CountTable, former_counts: Sequence[CountTable], longest_delay: int
) -> Floats | None:
    """The share of a week's records that is known after 0, 1 ... times of waiting; None where none can tell.

    A former version that was made when a week was as old as a week of that age is now says how much was known
    of it then; what is known of it now is the whole, once it has waited long.
    """
    step_days = USUAL_DAYS[counts.unit]
    final_counts = counts.counts.sum(axis=0)
    known_sums, final_sums = np.zeros((2, longest_delay))
    newest_age_days = (counts.as_of - _end_of(counts, -1)).days
    for former in former_counts:
        for t, start in enumerate(former.times):
            position_now = _position(counts.times, start)
            times_waited = ((former.as_of - _end_of(former, t)).days - newest_age_days) / step_days
            if (
                position_now is None
                or not -0.5 <= times_waited < longest_delay - 0.5
                or position_now >= len(final_counts) - longest_delay
            ):
                continue
            known_sums[round(times_waited)] += former.counts[:, t].sum()
            final_sums[round(times_waited)] += final_counts[position_now]
    known_ages = np.flatnonzero(final_sums)
    if not known_ages.size:
        return None
    known_shares = np.minimum(known_sums[known_ages] / final_sums[known_ages], 1.0)
    all_ages = np.arange(longest_delay)
    known_points, share_points = np.append(known_ages, longest_delay), np.append(known_shares, 1.0)
    return np.maximum.accumulate(np.interp(all_ages, known_points, share_points))


def _end_of(counts: CountTable, t: int) -> date:
    """The last day of a time."""
    start = counts.times[t]
    if counts.unit == "month":
        return month_start(start.year, start.month + 1) - timedelta(days=1)
    return start + timedelta(days=6 if counts.unit == "week" else 0)


def _position(times: Sequence[date], start: date) -> int | None:
    return times.index(start) if start in times else None

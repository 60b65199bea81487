"""What a reader must know before believing a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np

from becalm.measure.core.comparison import Comparison, ComparisonContext, Contrast
from becalm.measure.core.dispersion import GroupDispersion
from becalm.measure.core.match_days import calendar_differences
from becalm.measure.core.series import group_label
from becalm.tables import CountTable
from becalm.terms import Gap, OffenceGroup, Period

HARDLY_ANY: Final = 0.02  # of a usual month: no fall on record went so far
LEAST_USUAL: Final = 100.0  # records in a usual month, below which chance may empty one
DAYS_A_MONTH: Final = 365.25 / 12


def compare_warnings(
    comparison: Comparison, counts: CountTable, dispersion: GroupDispersion, context: ComparisonContext
) -> tuple[str, ...]:
    """What must be said beside this comparison?"""
    return (
        *_chosen_groups(comparison, context.groups),
        *_excluded_groups(comparison, context),
        *_double_counts(comparison, context.groups),
        *_nothing_but_unknown(comparison),
        *_coverage_gaps(comparison, context.gaps),
        *_sparse_windows(comparison, counts),
        *_records_without_day(counts),
        *_unequal_lengths(comparison),
        *_calendar_notes(comparison, counts, context.holidays),
        *(line for contrast in comparison.against for line in _unmatched_days(contrast)),
        *_short_history(dispersion),
        *_police_groups(comparison),
    )


def _chosen_groups(comparison: Comparison, groups: Mapping[str, OffenceGroup]) -> Iterable[str]:
    if comparison.offence_groups:
        labels = ", ".join(group_label(key, groups) for key in comparison.offence_groups)
        yield f"Only these offence groups are counted: {labels}."


def _excluded_groups(comparison: Comparison, context: ComparisonContext) -> Iterable[str]:
    left_out, groups = context.left_out, context.groups
    if left_out is None:
        return
    for g, key in enumerate(left_out.groups):
        row = dict(zip(left_out.times, left_out.counts[g].tolist(), strict=True))
        new = _count_within(row, comparison.period)
        old = sum(_count_within(row, window) for window in comparison.baseline.windows)
        why = groups[key].why_not_in_total if key in groups else ""
        reason = f" {why[0].upper()}{why[1:].rstrip('.')}." if why else ""
        yield (
            f"{group_label(key, groups)} is excluded from every count here "
            f"({old:,} in the baseline, {new:,} in the period).{reason}"
        )


def _double_counts(comparison: Comparison, groups: Mapping[str, OffenceGroup]) -> Iterable[str]:
    """Groups that are in no total may be parts of each other."""
    keys = [row.group for row in comparison.rows]
    outside_totals = [group_label(key, groups) for key in keys if key in groups and not groups[key].in_total]
    if outside_totals and len(keys) > 1:
        labels = ", ".join(outside_totals)
        yield f"The total may count twice: {labels} are in no total by themselves. Read the rows."


def _count_within(row: Mapping[date, int], window: Period) -> int:
    return sum(n for day, n in row.items() if window.start <= day < window.end)


def _coverage_gaps(comparison: Comparison, gaps: Sequence[Gap]) -> Iterable[str]:
    months = {month for window in comparison.windows for month in window.months}
    return (f"Coverage: {gap}" for gap in gaps if gap.month in months)


def _nothing_but_unknown(comparison: Comparison) -> Iterable[str]:
    if [row.group for row in comparison.rows] == ["unknown"]:
        grouping = comparison.by.replace("_", " ")
        yield (
            f"No record of {comparison.source} in these windows states the {grouping}: "
            "the table has one row, and it is the total again."
        )


def _sparse_windows(comparison: Comparison, counts: CountTable) -> Iterable[str]:
    """Windows that hold next to nothing of what the source usually holds: strays from before it began."""
    usual = median_month(counts)
    for window in dict.fromkeys(comparison.windows):
        count = sum(n for day, n in _count_days(counts) if window.start <= day < window.end)
        monthly = count / window.days * DAYS_A_MONTH
        if usual >= LEAST_USUAL and 0 < monthly < HARDLY_ANY * usual:
            yield (
                f"Coverage: {window} holds {count:,} records, where a usual month of {comparison.source} "
                f"holds about {usual:,.0f}: its records had hardly begun, and a comparison says little."
            )


def median_month(counts: CountTable) -> float:
    """How many records are in the month that the middle record falls into?"""
    months: Counter[str] = Counter()
    for day, n in _count_days(counts):
        months[f"{day:%Y-%m}"] += n
    sizes = np.sort(np.array(list(months.values()) or [0]))
    return float(sizes[np.searchsorted(sizes.cumsum(), sizes.sum() / 2.0)])


def _count_days(counts: CountTable) -> list[tuple[date, int]]:
    return list(zip(counts.times, counts.counts.sum(axis=0).tolist(), strict=True))


def _records_without_day(counts: CountTable) -> Iterable[str]:
    if counts.without_day:
        yield f"{counts.without_day:,} records carry no day and are not counted here."


def _unequal_lengths(comparison: Comparison) -> Iterable[str]:
    for contrast in comparison.against:
        unequal_windows = [w for w in contrast.baseline.windows if w.days != comparison.period.days]
        if unequal_windows and comparison.align == "windows":
            yield (
                f"The period has {comparison.period.days} days and the baseline {contrast.baseline.label} "
                f"{', '.join(str(w.days) for w in unequal_windows)}: ratios and percentages are per day, "
                "counts and differences as recorded."
            )


def _calendar_notes(
    comparison: Comparison, counts: CountTable, holidays: Mapping[date, str]
) -> Iterable[str]:
    if comparison.align == "holidays":
        return
    if counts.unit == "month":
        remedy = "whole months are counted; where records carry days, weekdays can be matched"
    else:
        remedy = "matching by holidays compares only days that match"
    for note in calendar_differences(
        comparison.period,
        comparison.baseline.windows[0],
        holidays=holidays,
        weekdays=comparison.align == "windows",
    ):
        yield f"Calendar: {note} ({remedy})."


def _unmatched_days(contrast: Contrast) -> Iterable[str]:
    if contrast.unmatched:
        days = ", ".join(f"{day:%a} {day}" for day in contrast.unmatched)
        yield f"Without a partner against {contrast.baseline.label}, left out of both sides: {days}."


def _short_history(dispersion: GroupDispersion) -> Iterable[str]:
    if not dispersion.has_enough_history:
        yield (
            "Intervals allow for Poisson chance only: there is history of "
            f"{dispersion.stretches} {dispersion.unit} outside the compared windows, too few to tell "
            "how much these counts vary by themselves. "
            "Real counts vary more, so true intervals are wider."
        )


def _police_groups(comparison: Comparison) -> Iterable[str]:
    labels = [row.label for row in comparison.rows if row.found_by == "police"]
    if labels:
        yield f"Found by police, so a measure of police work rather than of harm: {', '.join(labels)}."

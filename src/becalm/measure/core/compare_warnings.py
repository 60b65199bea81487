"""What a reader must know before believing a comparison."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np

from becalm.measure.core.comparison import Comparison, ComparisonContext, Contrast
from becalm.measure.core.completeness import describe_late_records
from becalm.measure.core.dispersion import GroupDispersion
from becalm.measure.core.group_series import group_label
from becalm.measure.core.match_days import calendar_differences
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
        *(warning for contrast in comparison.against for warning in _unmatched_days(contrast)),
        *_late_records(comparison, context),
        *_short_history(dispersion),
        *_police_groups(comparison),
    )


def _late_records(comparison: Comparison, context: ComparisonContext) -> Iterable[str]:
    labels = {row.group: row.label for row in comparison.rows}
    late_text = describe_late_records(context.known_shares, labels)
    return (late_text,) if late_text else ()


def _chosen_groups(comparison: Comparison, groups: Mapping[str, OffenceGroup]) -> Iterable[str]:
    if comparison.offence_groups:
        group_labels = ", ".join(group_label(group_key, groups) for group_key in comparison.offence_groups)
        yield f"Only these offence groups are counted: {group_labels}."


def _excluded_groups(comparison: Comparison, context: ComparisonContext) -> Iterable[str]:
    left_out, group_by_key = context.left_out, context.groups
    if left_out is None:
        return
    for g, group_key in enumerate(left_out.groups):
        count_by_day = dict(zip(left_out.times, left_out.counts[g].tolist(), strict=True))
        new_count = _count_within(count_by_day, comparison.period)
        old_count = sum(_count_within(count_by_day, window) for window in comparison.baseline.windows)
        reason_text = group_by_key[group_key].why_not_in_total if group_key in group_by_key else ""
        reason_sentence = f" {reason_text[0].upper()}{reason_text[1:].rstrip('.')}." if reason_text else ""
        yield (
            f"{group_label(group_key, group_by_key)} is excluded from every count here "
            f"({old_count:,} in the baseline, {new_count:,} in the period).{reason_sentence}"
        )


def _double_counts(comparison: Comparison, groups: Mapping[str, OffenceGroup]) -> Iterable[str]:
    """Groups that are in no total may be parts of each other."""
    if comparison.total is None:
        outside_labels = ", ".join(row.label for row in comparison.rows if not groups[row.group].in_total)
        yield f"No total, which would count {comparison.counted_unit} twice ({outside_labels} overlap)."


def _count_within(row: Mapping[date, int], window: Period) -> int:
    return sum(n for day, n in row.items() if window.start <= day < window.end)


def _coverage_gaps(comparison: Comparison, gaps: Sequence[Gap]) -> Iterable[str]:
    compared_months = {month for window in comparison.windows for month in window.months}
    return (f"Coverage: {gap}" for gap in gaps if gap.month in compared_months)


def _nothing_but_unknown(comparison: Comparison) -> Iterable[str]:
    if [row.group for row in comparison.rows] == ["unknown"]:
        grouping_words = comparison.by.replace("_", " ")
        yield (
            f"No record of {comparison.source} in these windows states the {grouping_words}: "
            "the table has one row, and it equals the total."
        )


def _sparse_windows(comparison: Comparison, counts: CountTable) -> Iterable[str]:
    """Windows that hold next to nothing of what the source usually holds: strays from before it began."""
    usual_count = median_month(counts)
    for window in dict.fromkeys(comparison.windows):
        record_count = sum(n for day, n in _count_days(counts) if window.start <= day < window.end)
        monthly_count = record_count / window.days * DAYS_A_MONTH
        if usual_count >= LEAST_USUAL and 0 < monthly_count < HARDLY_ANY * usual_count:
            yield (
                f"Coverage: {window} holds {record_count:,} records, where a usual month of "
                f"{comparison.source} holds about {usual_count:,.0f}: the records had only just begun, so a "
                "comparison means little."
            )


def median_month(counts: CountTable) -> float:
    """How many records are in the month that the middle record falls into?"""
    count_by_month: Counter[str] = Counter()
    for day, n in _count_days(counts):
        count_by_month[f"{day:%Y-%m}"] += n
    sorted_counts = np.sort(np.array(list(count_by_month.values()) or [0]))
    return float(sorted_counts[np.searchsorted(sorted_counts.cumsum(), sorted_counts.sum() / 2.0)])


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
        weekday_remedy = "whole months are counted; where records carry days, weekdays can be matched"
    else:
        weekday_remedy = "matching by holidays compares only days that match"
    for note in calendar_differences(
        comparison.period,
        comparison.baseline.windows[0],
        holidays=holidays,
        weekdays=comparison.align == "windows",
    ):
        yield f"Calendar: {note} ({weekday_remedy})."


def _unmatched_days(contrast: Contrast) -> Iterable[str]:
    if contrast.unmatched:
        day_list_text = ", ".join(f"{day:%a} {day}" for day in contrast.unmatched)
        yield f"Days without a match in {contrast.baseline.label}, left out of both sides: {day_list_text}."


def _short_history(dispersion: GroupDispersion) -> Iterable[str]:
    if not dispersion.has_enough_history:
        yield (
            "Intervals allow for Poisson chance only: there is history of "
            f"{dispersion.stretches} {dispersion.unit} outside the compared windows, too few to measure "
            "how much these counts usually vary. "
            "Real counts vary more than chance, so true intervals are wider."
        )


def _police_groups(comparison: Comparison) -> Iterable[str]:
    police_labels = [row.label for row in comparison.rows if row.found_by == "police"]
    if police_labels:
        yield f"Found by police, so a measure of police work rather than of harm: {', '.join(police_labels)}."

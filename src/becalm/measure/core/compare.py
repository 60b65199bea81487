"""A period against its baselines: counts, differences, ratios with intervals, group by group."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from becalm.measure.core.baseline import Baseline
from becalm.measure.core.compare_warnings import compare_warnings
from becalm.measure.core.comparison import (
    Comparison,
    ComparisonContext,
    ComparisonRow,
    Contrast,
)
from becalm.measure.core.completeness import allow_for_late_records
from becalm.measure.core.dispersion import GroupDispersion, measure_dispersion
from becalm.measure.core.group_series import Series, build_series, check_coverage, days_counted, group_label
from becalm.measure.core.match_days import add_easter, match_calendar
from becalm.measure.core.request import CompareSettings
from becalm.methods.multiplicity import adjust
from becalm.methods.rate_ratios import rate_p_values, rate_ratios
from becalm.tables import CountTable
from becalm.terms import Gap, OffenceGroup, Period, QuestionError

DEFAULT_SETTINGS: Final = CompareSettings()
NO_CONTEXT: Final = ComparisonContext()
POLICE_NOTE: Final = "found by police: measures police work, not harm"


def compare_baselines(
    counts: CountTable,
    *,
    period: Period,
    baselines: Sequence[Baseline],
    settings: CompareSettings = DEFAULT_SETTINGS,
    context: ComparisonContext = NO_CONTEXT,
) -> Comparison:
    """How does the period compare with each of several baselines, side by side?

    The headline depends on the baseline, so more than one is shown; the first is the one that was
    asked for. `counts` hold the source's whole history: what lies outside the period and the first
    baseline tells how much each group varies by itself.

    Raises QuestionError where the records do not cover a window, or carry only months and days are asked for.
    """
    check_coverage(counts, context.covered or days_counted(counts), period, baselines, settings.align)
    all_windows = (period, *dict.fromkeys(window for b in baselines for window in b.windows))
    series = build_series(counts, all_windows, groups=context.groups)
    compared_windows = (period, *baselines[0].windows)
    dispersions = measure_dispersion(
        series,
        apart_from=compared_windows,
        missing=missing_months(context.gaps),
        steps=context.steps,
        by=counts.by,
    )
    context = replace(context, holidays=add_easter(context.holidays, all_windows))
    comparison = Comparison(
        by=counts.by if isinstance(counts.by, str) else ", ".join(counts.by),
        period=period,
        against=tuple(_build_contrast(series, period, b, dispersions, settings, context) for b in baselines),
        source=counts.source,
        as_of=counts.as_of,
        level=settings.level,
        align=settings.align,
        offence_groups=context.only,
        counted_unit=context.counted_unit,
        doubtful_months=_doubtful_months(compared_windows, context.gaps),
        noise=dispersions.basis,
    )
    return replace(comparison, warnings=compare_warnings(comparison, counts, dispersions, context))


def compare_periods(
    counts: CountTable, *, period: Period, baseline: Period, settings: CompareSettings = DEFAULT_SETTINGS
) -> Comparison:
    """Has each group's daily rate changed since this baseline?

    ratio = (new / new days) / (old / old days), with the mid-p interval of
    `methods.rate_ratios.rate_ratios`, widened by each group's own overdispersion where at least 12 months
    of history lie outside both windows; percent = 100 (ratio - 1), for baselines of 50 and more; p is
    that of the same method for a ratio of 1; q (Benjamini and Hochberg) allows for reading many rows.
    """
    written_baseline = Baseline(str(baseline), (baseline,), "as written")
    return compare_baselines(counts, period=period, baselines=(written_baseline,), settings=settings)


def _build_contrast(
    series: Series,
    period: Period,
    baseline: Baseline,
    dispersion: GroupDispersion,
    settings: CompareSettings,
    context: ComparisonContext,
) -> Contrast:
    """The period against one baseline: like days counted, years averaged, ratios estimated, rows tested."""
    matched_days = match_calendar(period, baseline.windows, align=settings.align, holidays=context.holidays)
    if not matched_days.new:
        raise QuestionError(
            f"No day of {period} has a partner in {baseline.label} when {settings.align} are matched. "
            "Leave out `align`, or give a longer period."
        )
    new_counts = series.on(matched_days.new)
    expected_counts = expected_from_years(np.stack([series.on(old_days) for old_days in matched_days.old]))
    old_counts = expected_counts.total
    phi = dispersion.ratio_dispersion(
        new_counts, old_counts, period=period, windows=baseline.windows, level=settings.level
    )
    known_shares, ratio_phi = allow_for_late_records(
        context.known_shares, series.groups, new_counts, old_counts, phi
    )
    exposure_ratio = known_shares * len(matched_days.new) / sum(map(len, matched_days.old))
    ratio_rows = rate_ratios(
        new_counts, old_counts, new_exposure=exposure_ratio, dispersion=ratio_phi, level=settings.level
    )
    p_values = rate_p_values(new_counts, old_counts, new_exposure=exposure_ratio, dispersion=ratio_phi)
    p_values[(new_counts == 0) & (old_counts == 0)] = np.nan
    all_rows = tuple(
        _build_row(
            series,
            g,
            new=int(new_counts[g]),
            old=float(expected_counts.mean[g]) if expected_counts.windows > 1 else int(old_counts[g]),
            interval=(float(ratio_rows.ratio[g]), float(ratio_rows.low[g]), float(ratio_rows.high[g])),
            p_value=float(p_values[g]),
            phi=float(ratio_phi[g]),
            method=dispersion.interval_method(g, float(ratio_phi[g])),
            known_share=float(known_shares[g]),
            settings=settings,
        )
        for g in range(len(series.groups))
    )
    group_rows = tuple(map(_set_q_value, all_rows[1:], adjust(p_values[1:], "BH").tolist()))
    total_row = None if overlapping_groups(series.groups[1:], context.groups) else all_rows[0]
    contrast = Contrast(baseline, total_row, group_rows, matched_days.unmatched)
    return _withhold_gaps(contrast, (period, *baseline.windows), context)


def _withhold_gaps(contrast: Contrast, windows: Iterable[Period], context: ComparisonContext) -> Contrast:
    """The contrast without its changes where the source has no records of a month of these windows."""
    months = {month for window in windows for month in window.months}
    gap_months = sorted(months & missing_months(context.gaps))
    return withhold_changes(contrast, gap_months) if gap_months else contrast


def _build_row(
    series: Series,
    g: int,
    *,
    new: int,
    old: float,
    interval: tuple[float, float, float],
    p_value: float,
    phi: float,
    method: str,
    known_share: float,
    settings: CompareSettings,
) -> ComparisonRow:
    rate_ratio, ratio_low, ratio_high = interval
    change, suppression_note = suppress(100.0 * (rate_ratio - 1.0), old=old, below=settings.suppress_below)
    police_note = POLICE_NOTE if series.found_by[g] == "police" else None
    ratio_note = "no ratio: nothing was counted in the baseline" if old == 0 else None
    late_note = f"about {100 * known_share:.0f}% is on record by now: the change allows for the rest"
    return ComparisonRow(
        group=series.groups[g],
        label=series.labels[g],
        new=new,
        old=old,
        difference=new - old,
        change_percent=change,
        ratio=rate_ratio if old else None,
        low=ratio_low,
        high=ratio_high,
        method=method,
        found_by=series.found_by[g],
        p_value=None if np.isnan(p_value) else p_value,
        q_value=None,
        overdispersion=phi,
        notes=tuple(
            note
            for note in (suppression_note, ratio_note, police_note, late_note if known_share < 1 else None)
            if note
        ),
    )


def _set_q_value(row: ComparisonRow, q: float) -> ComparisonRow:
    return replace(row, q_value=None if np.isnan(q) else q)


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """Counts of each group in all former windows together, and their mean per window."""

    total: NDArray[np.int64]
    mean: NDArray[np.float64]
    windows: int


def expected_from_years(counts: NDArray[np.int64]) -> ExpectedCounts:
    """What would the mean of former years lead us to expect (rows: windows, columns: groups)?

    mean = (y_1 + ... + y_k) / k. The interval of the comparison treats the years together as one
    Poisson count over k times the exposure, so that more years narrow it. No trend is carried
    forward: where a group rises or falls year by year, the mean lags behind, and the single
    years beside it show that.

    >>> expected_from_years(np.array([[10, 4], [20, 5]])).mean.tolist()
    [15.0, 4.5]
    """
    total_counts = counts.sum(axis=0)
    return ExpectedCounts(total_counts, total_counts / len(counts), len(counts))


def suppress(change_percent: float, *, old: float, below: int) -> tuple[float | None, str | None]:
    """May this percentage be shown, and if not, why not?

    A percentage of a small baseline swings wildly and hides how small it is: 2 to 4 is "+100 %".
    Both counts, the difference and the ratio with its interval stay. `below` is a habit of
    official statistics (50), not a law: it can be set.

    >>> suppress(-7.7, old=13, below=50)
    (None, 'no percentage: the baseline of 13 is below 50')
    """
    if old < below or old == 0:
        return None, f"no percentage: the baseline of {old:.4g} is below {max(below, 1)}"
    return change_percent, None


def missing_months(gaps: Iterable[Gap]) -> frozenset[str]:
    """The months that the source has no records of, though it should."""
    return frozenset(gap.month for gap in gaps if gap.kind == "missing")


def overlapping_groups(group_keys: Sequence[str], groups: Mapping[str, OffenceGroup]) -> tuple[str, ...]:
    """Which of these groups may be part of another one, so that their sum would count people twice?"""
    outside_keys = tuple(key for key in group_keys if key in groups and not groups[key].in_total)
    return outside_keys if len(group_keys) > 1 else ()


def check_overlap(group_keys: Sequence[str], groups: Mapping[str, OffenceGroup]) -> None:
    """Refuse to add up groups that may be parts of each other."""
    overlapping_keys = overlapping_groups(group_keys, groups)
    if overlapping_keys:
        label_list_text = ", ".join(group_label(key, groups) for key in overlapping_keys)
        raise QuestionError(
            f"{label_list_text} may be part of other groups, so a sum over groups would count some "
            "people twice. "
            f"Name one group with `offence_group`, for example `offence_group {overlapping_keys[0]}`."
        )


def _doubtful_months(windows: Iterable[Period], gaps: Iterable[Gap]) -> tuple[str, ...]:
    """The compared months whose records look incomplete, doubled or far too low."""
    compared_months = {month for window in windows for month in window.months}
    return tuple(sorted({gap.month for gap in gaps if gap.kind != "missing"} & compared_months))


def withhold_changes(contrast: Contrast, missing: Sequence[str]) -> Contrast:
    """The contrast with its counts alone: a month that was not loaded must not pass for a fall."""
    total_row = contrast.total and _withhold_change(contrast.total, missing)
    group_rows = tuple(_withhold_change(row, missing) for row in contrast.rows)
    return replace(contrast, total=total_row, rows=group_rows, missing_months=tuple(missing))


def _withhold_change(row: ComparisonRow, missing: Sequence[str]) -> ComparisonRow:
    kept_notes = (note for note in row.notes if not note.startswith("no "))
    return replace(
        row,
        change_percent=None,
        ratio=None,
        low=0.0,
        high=math.inf,
        p_value=None,
        q_value=None,
        method="none: months are missing",
        notes=(f"no comparison: there are no records of {', '.join(missing)}", *kept_notes),
    )

"""A period against its baselines: counts, differences, ratios with intervals, group by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from becalm.measure.core.background import Background
from becalm.measure.core.baseline import Baseline
from becalm.measure.core.comparison import Comparison, ComparisonRow, Contrast
from becalm.measure.core.dispersion import GroupDispersion, measure_dispersion
from becalm.measure.core.expected import expected_from_years
from becalm.measure.core.holes import holes_in, missing_months, withhold_changes
from becalm.measure.core.match import match_calendar, with_easter
from becalm.measure.core.request import CompareSettings
from becalm.measure.core.series import Series, days_counted, require_answerable, series_of
from becalm.measure.core.suppress import suppress
from becalm.measure.core.warn import warnings_of
from becalm.methods.multiplicity import q_values
from becalm.methods.rates import rate_p_values, rate_ratios
from becalm.tables import CountTable
from becalm.terms import Period, QuestionError

USUAL: Final = CompareSettings()
NOTHING_KNOWN: Final = Background()
POLICE_NOTE: Final = "found by police: measures police work, not harm"


def compare_baselines(
    counts: CountTable,
    *,
    period: Period,
    baselines: Sequence[Baseline],
    settings: CompareSettings = USUAL,
    background: Background = NOTHING_KNOWN,
) -> Comparison:
    """How does the period compare with each of several baselines, side by side?

    The headline depends on the baseline, so more than one is shown; the first is the one that was
    asked for. `counts` hold the source's whole history: what lies outside the period and the first
    baseline tells how much each group varies by itself.

    Raises
    ------
    QuestionError
        where the records do not cover a window, or carry only months and days are asked for.
    """
    require_answerable(counts, background.covered or days_counted(counts), period, baselines, settings.align)
    windows = (period, *dict.fromkeys(window for b in baselines for window in b.windows))
    series = series_of(counts, windows, groups=background.groups)
    compared = (period, *baselines[0].windows)
    spread = measure_dispersion(
        series, apart_from=compared, level=settings.level, missing=missing_months(background.gaps)
    )
    known = replace(background, holidays=with_easter(background.holidays, windows))
    comparison = Comparison(
        by=counts.by,
        period=period,
        against=tuple(_contrast(series, period, b, spread, settings, known) for b in baselines),
        source=counts.source,
        as_of=counts.as_of,
        level=settings.level,
        align=settings.align,
        offence_groups=background.only,
    )
    return replace(comparison, warnings=warnings_of(comparison, counts, spread, known))


def compare_periods(
    counts: CountTable, *, period: Period, baseline: Period, settings: CompareSettings = USUAL
) -> Comparison:
    """Has each group's daily rate changed since this baseline?

    ratio = (new / new days) / (old / old days), with the mid-p interval of
    `methods.rates.rate_ratios`, widened by each group's own overdispersion where at least 24 months
    of history lie outside both windows; percent = 100 (ratio - 1), for baselines of 50 and more; p is
    that of the same method for a ratio of 1; q (Benjamini and Hochberg) allows for reading many rows.
    """
    asked_for = Baseline(str(baseline), (baseline,), "as written")
    return compare_baselines(counts, period=period, baselines=(asked_for,), settings=settings)


def _contrast(
    series: Series,
    period: Period,
    baseline: Baseline,
    spread: GroupDispersion,
    settings: CompareSettings,
    known: Background,
) -> Contrast:
    """The period against one baseline: like days counted, years averaged, ratios estimated, rows tested."""
    matching = match_calendar(period, baseline.windows, align=settings.align, holidays=known.holidays)
    if not matching.new:
        raise QuestionError(
            f"No day of {period} has a partner in {baseline.label} when {settings.align} are matched. "
            "Leave out --align, or give a longer period."
        )
    new = series.on(matching.new)
    expected = expected_from_years(np.stack([series.on(days) for days in matching.old]))
    days = len(matching.new) / sum(map(len, matching.old))
    found = rate_ratios(
        new, expected.together, new_exposure=days, dispersion=spread.phi, level=settings.level
    )
    p = rate_p_values(new, expected.together, new_exposure=days, dispersion=spread.phi)
    p[(new == 0) & (expected.together == 0)] = np.nan
    rows = tuple(
        _row(
            series,
            g,
            new=int(new[g]),
            old=float(expected.mean[g]) if expected.windows > 1 else int(expected.together[g]),
            interval=(float(found.ratio[g]), float(found.low[g]), float(found.high[g])),
            p_value=float(p[g]),
            spread=spread,
            settings=settings,
        )
        for g in range(len(series.groups))
    )
    q = q_values(p[1:])
    contrast = Contrast(baseline, rows[0], tuple(map(_with_q, rows[1:], q.tolist())), matching.unmatched)
    holes = holes_in((period, *baseline.windows), missing_months(known.gaps))
    return withhold_changes(contrast, holes) if holes else contrast


def _row(
    series: Series,
    g: int,
    *,
    new: int,
    old: float,
    interval: tuple[float, float, float],
    p_value: float,
    spread: GroupDispersion,
    settings: CompareSettings,
) -> ComparisonRow:
    ratio, low, high = interval
    change, reason = suppress(100.0 * (ratio - 1.0), old=old, below=settings.suppress_below)
    police = POLICE_NOTE if series.found_by[g] == "police" else None
    endless = "no ratio: nothing was counted in the baseline" if old == 0 else None
    return ComparisonRow(
        group=series.groups[g],
        label=series.labels[g],
        new=new,
        old=old,
        difference=new - old,
        change_percent=change,
        ratio=ratio if old else None,
        low=low,
        high=high,
        method=spread.method_of(g),
        found_by=series.found_by[g],
        p_value=None if np.isnan(p_value) else p_value,
        q_value=None,
        overdispersion=float(spread.phi[g]),
        notes=tuple(note for note in (reason, endless, police) if note),
    )


def _with_q(row: ComparisonRow, q: float) -> ComparisonRow:
    return replace(row, q_value=None if np.isnan(q) else q)

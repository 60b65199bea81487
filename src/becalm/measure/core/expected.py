"""What was each series expected to hold, had nothing happened but noise and drift?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.measure.core.group_series import TOTAL, group_label
from becalm.measure.core.panel import (
    TIMES_IN_YEAR,
    ExpectedContext,
    Panel,
    build_panel,
    end_of,
    find_history,
)
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.expected_level import ExpectedCounts
from becalm.methods.multiplicity import adjust, adjust_in_two_stages
from becalm.tables import CountTable, TimeUnit, names_of
from becalm.terms import Estimate, Period, QuestionError, Step

SETTLING_TIMES: Final = {
    "day": 91,
    "week": 13,
    "month": 3,
}  # a quarter: so long after a step nothing is judged
LARGEST_LACK: Final = 0.05  # of placebo coverage below the level, before it is said
FALSE_DISCOVERY_RATE: Final = 0.05
METHOD: Final = "dynamic regression, negative binomial: trend, two yearly waves, holidays, drifting level"


@dataclass(frozen=True, slots=True)
class ExpectedTime:
    """One day, week or month of a series: what was counted (None: withheld), and what was expected."""

    start: date
    count: int | None
    expected: Estimate


@dataclass(frozen=True, slots=True)
class ExpectedSeries:
    """One series: its times, all of them together, and how its past would have been held.

    `p_value` is two-sided, for all times together; `q_value` the same after allowing for the number of series
    in two stages. `placebo_held_share` is the share of `placebo_count` untouched past times whose count lay
    within the interval that the times before it alone would have given, as far ahead as here.
    """

    group: str
    label: str
    times: tuple[ExpectedTime, ...]
    count: int | None
    expected: Estimate
    ratio: Estimate | None
    p_value: float | None
    q_value: float | None
    placebo_held_share: float | None
    placebo_count: int
    noise_phi: float


@dataclass(frozen=True, slots=True)
class ExpectedReport:
    """The expected level of every series over a period. The first series is the sum of all."""

    by: str
    unit: TimeUnit
    period: Period
    source: str
    as_of: date
    level: float
    history: Period
    adjustment: str
    series: tuple[ExpectedSeries, ...]
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()


NO_CONTEXT: Final = ExpectedContext()


def expect_period(
    counts: CountTable, *, period: Period, level: float = 0.95, context: ExpectedContext = NO_CONTEXT
) -> ExpectedReport:
    """What was each series expected to hold in this period, by the times before it alone?

    `counts` hold the source's history and the period. The first series is the sum of all; where several
    groupings are counted at once, the sums of the first of them follow.

    Raises QuestionError where the counts do not hold the period, or less than a year before it.
    """
    first, end = _locate(counts, period)
    start = find_history(counts.counts.sum(axis=0), counts.unit, first)
    counts, first, end = _crop(counts, start), first - start, end - start
    panel = _build_checked_panel(counts, first, end, period, context)
    expected = panel.expect_after(first)
    sums, sum_counts = expected.total(), panel.counts[:, first:].sum(axis=1)
    p_values = _two_sided(sums.tail(sum_counts[:, None])[:, 0])
    q_values, adjustment = _adjust(panel.keys, p_values)
    held_shares, placebo_counts = _judge_placebo(panel, first, level)
    every_time, all_times = (_estimates(part, level) for part in (expected, sums))
    series = tuple(
        ExpectedSeries(
            group=", ".join(key) or TOTAL,
            label=", ".join(group_label(name, context.groups) for name in key) or "Total",
            times=tuple(map(ExpectedTime, counts.times[first:end], panel.counts[s, first:].tolist(), times)),
            count=int(sum_counts[s]),
            expected=all_times[s][0],
            ratio=_ratio(int(sum_counts[s]), all_times[s][0]),
            p_value=float(p_values[s]),
            q_value=float(q_values[s]),
            placebo_held_share=float(held_shares[s]) if placebo_counts[s] else None,
            placebo_count=int(placebo_counts[s]),
            noise_phi=float(expected.phi[s].mean()),
        )
        for s, (key, times) in enumerate(zip(panel.keys, every_time, strict=True))
    )
    return ExpectedReport(
        by=", ".join(names_of(counts.by)),
        unit=counts.unit,
        period=period,
        source=counts.source,
        as_of=counts.as_of,
        level=level,
        history=Period(counts.times[0], period.start),
        adjustment=adjustment,
        series=series,
        steps=tuple(context.steps),
        warnings=tuple(_warnings(series, level, counts.unit, bool(panel.is_missing[first:].any()))),
    )


def _two_sided(upper_tail: Floats) -> Floats:
    return np.minimum(2.0 * np.minimum(upper_tail, 1.0 - upper_tail), 1.0)


def _locate(counts: CountTable, period: Period) -> tuple[int, int]:
    """The first time of the period, and the one after its last."""
    time_numbers = [t for t, start in enumerate(counts.times) if period.start <= start < period.end]
    if (
        not time_numbers
        or counts.times[time_numbers[0]] != period.start
        or end_of(counts, time_numbers[-1]) != period.end
    ):
        raise QuestionError(
            f"The period {period} is not covered in whole {counts.unit}s: the records of {counts.source} run "
            f"from {counts.times[0]} to {end_of(counts, -1) - timedelta(days=1)}. Ask within those days."
        )
    return time_numbers[0], time_numbers[-1] + 1


def _crop(counts: CountTable, start: int) -> CountTable:
    return replace(counts, times=counts.times[start:], counts=counts.counts[:, start:])


def _build_checked_panel(
    counts: CountTable, first: int, end: int, period: Period, context: ExpectedContext
) -> Panel:
    """The panel, once a year of times that are not missing lies before the first that is expected."""
    _check_history(counts, first, period)
    panel = build_panel(counts, end, context)
    _check_history(counts, first - int(panel.is_missing[:first].sum()), period)
    return panel


def _check_history(counts: CountTable, first: int, period: Period) -> None:
    if first < TIMES_IN_YEAR[counts.unit]:
        raise QuestionError(
            f"Only {first} {counts.unit}s of {counts.source} lie before {period.start}, and a year of "
            "them is needed to know the season. Ask for a later period, or ingest earlier records."
        )


def _adjust(keys: Sequence[tuple[str, ...]], p_values: Floats) -> tuple[Floats, str]:
    """The q-values of all series, and in words what they allow for. The sum is one test of its own."""
    key_lengths = np.array([len(key) for key in keys])
    q_values, deepest = p_values.copy(), int(key_lengths.max())
    is_member = key_lengths == deepest
    if deepest < 2:
        q_values[is_member] = adjust(p_values[is_member], "BH")
        return q_values, f"the sum alone; then {int(is_member.sum())} groups by Benjamini and Hochberg"
    is_family = key_lengths == 1
    area_names = [key[0] for key, is_one in zip(keys, is_family, strict=True) if is_one]
    family_of_member = [area_names.index(key[0]) for key in keys if len(key) == deepest]
    q_values[is_family], q_values[is_member] = adjust_in_two_stages(
        p_values[is_family], p_values[is_member], family_of_member, rate=FALSE_DISCOVERY_RATE
    )
    return q_values, (
        f"the sum alone; then {len(area_names)} areas by Benjamini and Hochberg; then the groups within the "
        f"areas that stand out, by Benjamini and Bogomolov (rate {FALSE_DISCOVERY_RATE:g})"
    )


def _judge_placebo(panel: Panel, first: int, level: float) -> tuple[Floats, Ints]:
    """The share of untouched past times that would have been held, and how many there were, by series.

    Expected as far ahead as the period: once for its first time, its middle and its last. The two newest
    years before the period are judged, or what there is of them after the first year.
    """
    times_ahead = sorted({1, (panel.counts.shape[1] - first + 1) // 2, panel.counts.shape[1] - first})
    held_counts, tested_counts = np.zeros((2, len(panel.counts)))
    for ahead in times_ahead:
        start = max(round(panel.cycle) + ahead, first - 2 * round(panel.cycle))
        if start >= first:
            continue
        expected = panel.expect_each(start, first, ahead)
        low, high = expected.interval(level)
        counts = panel.counts[:, start:first]
        is_untouched = ~_is_settling(panel.begins[:, :first], SETTLING_TIMES[panel.unit] + ahead)[:, start:]
        is_untouched &= ~panel.is_missing[start:first]
        held_counts += ((low <= counts) & (counts <= high) & is_untouched).sum(axis=1)
        tested_counts += is_untouched.sum(axis=1)
    return held_counts / np.maximum(tested_counts, 1), tested_counts.astype(np.int64)


def _is_settling(begins: Bools, length: int) -> Bools:
    """Whether a level began at this time or shortly before it."""
    newest_begin = np.maximum.accumulate(np.where(begins, np.arange(begins.shape[1]), -length), axis=1)
    return np.asarray(np.arange(begins.shape[1]) - newest_begin < length)


def _estimates(expected: ExpectedCounts, level: float) -> list[list[Estimate]]:
    """The mean and the prediction interval of every series and time."""
    low, high = expected.interval(level)
    return [
        [
            Estimate(value, min(below, value), max(above, value), level, METHOD)
            for value, below, above in zip(*columns, strict=True)
        ]
        for columns in zip(expected.mean.tolist(), low.tolist(), high.tolist(), strict=True)
    ]


def _ratio(count: int, expected: Estimate) -> Estimate | None:
    """Counted over expected, between the ratios at the ends of the prediction interval."""
    if expected.low <= 0.0:
        return None
    return Estimate(
        count / expected.value, count / expected.high, count / expected.low, expected.level, METHOD
    )


def _warnings(series: Sequence[ExpectedSeries], level: float, unit: TimeUnit, has_gap: bool) -> Iterator[str]:
    if has_gap:
        yield (
            "Coverage: records of the period are missing, cut short or broken in part: what is counted "
            "may be too low."
        )
    for one in series:
        if one.placebo_held_share is None:
            yield f"{one.label}: no untouched past {unit}s to try the interval on."
        elif one.placebo_held_share < level - LARGEST_LACK:
            yield (
                f"{one.label}: the interval of {level:.3g} held only {one.placebo_held_share:.1%} of "
                f"{one.placebo_count} past {unit}s. Its past was less calm than the interval says."
            )

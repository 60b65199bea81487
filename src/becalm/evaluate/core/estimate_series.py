"""The recipes without a list of controls: a series against its expected level, starts, offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.evaluate.core.finding import Check, Finding, NamedEstimate, Refusal
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.methods import displacement, stratified_means
from becalm.methods.arrays import Floats, Ints
from becalm.methods.expected_level import ExpectedCounts, expect_after, expect_each
from becalm.methods.panel_effects import LogEffect, log_effect
from becalm.methods.recentred_effect import recentred_effect
from becalm.terms import Estimate

MONTHS_IN_YEAR: Final = 12.0
BLOCKS_IN_YEAR: Final = 365.25 / 28
LEAST_PAST: Final = 6  # untouched times that the interval of the expected level is tried on
HOURS: Final = 100.0  # officer-hours that an effect is given per
LEAST_HELD: Final = 0.80  # of them, at a level of 95 %
HARDLY_ANY: Final = 0.5  # events, added to a control's count: one without any says little of the next


@dataclass(frozen=True, slots=True)
class SeriesEffect:
    """Counted over expected: of the treated places, of the control, and the one over the other."""

    treated: LogEffect
    control: LogEffect
    both: LogEffect
    held_share: float | None  # of untouched past times that such an interval held


def interrupt_series(
    treated: Floats, control: Floats, first: int, *, cycle: float, exposure: Floats, level: float
) -> SeriesEffect:
    """Did the treated series leave its expected level by more than the control series left its own?

    Series run over all times, with the change from time `first` on; `exposure` is each time's days.
    Raises ValueError where less than a year lies before it.
    """
    counts = np.stack([treated, control])
    totals = counts[:, first:].sum(axis=1)
    if (totals <= 0).any():
        raise ValueError("A series has no event after the start, so that its ratio has no interval.")
    expected_alone = expect_after(counts, first, cycle=cycle, exposure=exposure).total()
    expected_beside = expect_after(
        treated, first, cycle=cycle, exposure=exposure_beside(control, exposure)
    ).total()
    of_treated, of_control = _log_effects(totals, expected_alone, level)
    (both,) = _log_effects(totals[:1], expected_beside, level)
    return SeriesEffect(of_treated, of_control, both, _held_share(counts[:1], first, cycle, exposure, level))


def exposure_beside(control: Floats, exposure: Floats) -> Floats:
    """The exposure of each time, were the treated series to follow the control: what moves both cancels."""
    return np.asarray(exposure * (control + HARDLY_ANY) / (control.mean() + HARDLY_ANY))


def _log_effects(totals: Floats, expected: ExpectedCounts, level: float) -> list[LogEffect]:
    """The log of each total over what was expected of it."""
    values, errors = np.log(totals / expected.mean[:, 0]), _log_errors(expected)
    return [
        log_effect(float(value), float(error), float(degrees), level)
        for value, error, degrees in zip(values, errors, expected.degrees, strict=True)
    ]


def _log_errors(expected: ExpectedCounts) -> Floats:
    """The error of the log of counted over expected: the level's doubt and the count's own noise."""
    own_noise = 1.0 / np.maximum(expected.mean[:, 0], 0.5) + expected.excess_variance
    return np.asarray(np.sqrt(expected.log_deviation[:, 0] ** 2 + own_noise))


def _held_share(counts: Floats, first: int, cycle: float, exposure: Floats, level: float) -> float | None:
    """How often would such an interval have held the series while nothing was done?"""
    start = int(np.ceil(cycle)) + 1
    if first - start < LEAST_PAST:
        return None
    past_counts = counts[:, :first]
    low, high = expect_each(past_counts, start, cycle=cycle, exposure=exposure[:first]).interval(level)
    return float(((low <= past_counts[:, start:]) & (past_counts[:, start:] <= high)).mean())


def evaluate_interrupted(protocol: Protocol, counts: StudyCounts) -> Finding:
    """The treated places' series against its expected level, the control places' beside it."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    cycle = MONTHS_IN_YEAR if counts.panel_days.max() > 28 else BLOCKS_IN_YEAR
    treated, control = (counts.panel[is_in_arm].sum(axis=0) for is_in_arm in (is_treated, ~is_treated))
    try:
        effect = interrupt_series(
            treated, control, counts.panel_start, cycle=cycle, exposure=counts.panel_days, level=level
        )
    except ValueError as error:
        remedy = "name a window before of two years or more, or more places"
        return Finding(refusals=(Refusal("an interrupted series", str(error), remedy),))
    named_effects = (
        ("places, against the control series", effect.both),
        ("places, against their own past", effect.treated),
        ("control series, against its own past", effect.control),
    )
    method = "dynamic regression of counts: expected level by the times before the start"
    return Finding(
        estimates=tuple(name_ratio(name, part, level, method) for name, part in named_effects),
        checks=(_check_held(effect.held_share),),
    )


def _check_held(share: float | None) -> Check:
    name = "the expected level held while nothing was done"
    if share is None:
        return Check(name, False, "too little past to try it on")
    return Check(name, share >= LEAST_HELD, f"{share:.0%} of the past times lay within their interval")


def name_ratio(
    name: str, log_ratio: displacement.Difference | LogEffect, level: float, method: str
) -> NamedEstimate:
    """An effect on the log scale as a ratio with a name."""
    value, low, high = displacement.effect_bounds(log_ratio).tolist()
    return NamedEstimate(name, "ratio", Estimate(value, low, high, level, method), log_ratio.p_value)


def _name_difference(
    name: str,
    effect: displacement.Difference | LogEffect,
    level: float,
    method: str,
) -> NamedEstimate:
    return NamedEstimate(
        name, "difference", Estimate(effect.value, effect.low, effect.high, level, method), effect.p_value
    )


@dataclass(frozen=True, slots=True, eq=False)
class StartCounts:
    """Place-days of plans: offences, starts, starts to be expected by their chances, hours where known.

    All have one element per place-day; `day` numbers its day and `before` is the place's daily mean before.
    """

    counts: Floats
    starts: Floats
    expected_starts: Floats
    day: Ints
    before: Floats
    hours_per_start: float | None = None


def evaluate_starts(protocol: Protocol, counts: StartCounts) -> Finding:
    """What does one more patrol start on a day do, by the chances that every start had?"""
    level = protocol.analysis.level
    try:
        effect = recentred_effect(
            counts.counts,
            counts.starts,
            counts.expected_starts,
            counts.day,
            expected=counts.before,
            level=level,
        )
    except ValueError as error:
        remedy = "name plans of more days, with the chances that `becalm patrol chances` writes"
        return Finding(refusals=(Refusal("an effect of starts", str(error), remedy),))
    method = "slope on starts less their chances, days as clusters"
    one, start_count = (
        Estimate(effect.value, effect.low, effect.high, level, method),
        float(counts.starts.sum()),
    )
    estimates = [
        NamedEstimate("all starts together", "difference", _scaled(one, start_count), effect.p_value),
        NamedEstimate("each 100 starts", "difference", _scaled(one, 100.0), effect.p_value),
    ]
    if counts.hours_per_start:
        per_hours = _scaled(one, HOURS / counts.hours_per_start)
        estimates.append(NamedEstimate("one start", "per 100 officer-hours", per_hours, effect.p_value))
    chance_error = float(np.sqrt(max(float(counts.expected_starts.sum()), 1.0)))
    start_gap = float((counts.starts - counts.expected_starts).sum())
    check = Check(
        "starts were as often as their chances said",
        abs(start_gap) <= 4.0 * chance_error,
        f"{start_count:,.0f} starts, {counts.expected_starts.sum():,.0f} expected",
    )
    return Finding(estimates=tuple(estimates), checks=(check,))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    low, value, high = (factor * x for x in (estimate.low, estimate.value, estimate.high))
    return Estimate(value, low, high, estimate.level, estimate.method)


@dataclass(frozen=True, slots=True)
class WaveCount:
    """One arm of one wave: people, and the sum of their counts of one outcome, and of these squared."""

    wave: str
    arm: str  # early or late
    people: int
    outcome: str
    days: int
    count: float
    squares: float


def evaluate_offer(protocol: Protocol, waves: Sequence[WaveCount]) -> Finding:
    """Did those who were offered help early come to less harm than those who waited? By the sealed order.

    Everybody counts in the arm that the order gave, whether help was taken or not.
    """
    level = protocol.analysis.level
    outcomes = list(dict.fromkeys((wave.outcome, wave.days) for wave in waves))
    estimates, reasons = [], []
    corrected_level = 1.0 - (1.0 - level) / len(outcomes)
    for outcome, days in outcomes:
        arms = [_sum_waves(waves, outcome, days, arm) for arm in ("early", "late")]
        name, method = f"harm {outcome}, {days} days", "difference of means within waves, by the order"
        try:
            difference = stratified_means.stratified_difference(*arms, level=corrected_level)
            ratio = stratified_means.stratified_log_ratio(*arms, level=corrected_level)
        except ValueError as error:
            reasons.append(f"{name}: {error}")
            continue
        estimates.append(name_ratio(name, ratio, corrected_level, method))
        per_hundred = displacement.normal_difference(
            100.0 * difference.value, 100.0 * difference.standard_error, corrected_level
        )
        estimates.append(_name_difference(f"{name}, each 100 people", per_hundred, corrected_level, method))
    if not estimates:
        remedy = "wait for more waves, or for larger ones"
        return Finding(refusals=(Refusal("an effect of the offer", "; ".join(reasons), remedy),))
    correction_text = (
        f"{len(outcomes)} outcomes, so that each interval is at {corrected_level:.1%} (Bonferroni)"
    )
    return Finding(
        estimates=tuple(estimates),
        checks=(Check("every outcome of the list is shown", True, correction_text),),
    )


def _sum_waves(waves: Sequence[WaveCount], outcome: str, days: int, arm: str) -> stratified_means.ArmSums:
    names = sorted({wave.wave for wave in waves})
    row_by_wave = {
        wave.wave: wave for wave in waves if (wave.outcome, wave.days, wave.arm) == (outcome, days, arm)
    }
    rows = [row_by_wave.get(name) for name in names]
    columns = [(r.people, r.count, r.squares) if r else (0, 0.0, 0.0) for r in rows]
    people, counts, squares = np.array(columns, dtype=np.float64).reshape(-1, 3).T
    return stratified_means.ArmSums(people, counts, squares)

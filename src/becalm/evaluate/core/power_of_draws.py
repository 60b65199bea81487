"""Power where chance decides alone: patrol starts with known chances, and offers in a sealed order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import brentq

from becalm.evaluate.core.estimate_series import StartCounts, WaveCount, evaluate_offer, evaluate_starts
from becalm.evaluate.core.finding import Finding
from becalm.evaluate.core.power import PlantedEffect, PowerReport, Runs, TrialPast, build_report
from becalm.evaluate.core.protocol import Protocol
from becalm.methods.arrays import Floats, Ints
from becalm.terms import QuestionError
from becalm.terms.progress import Advance, ignore_progress

STRONGEST: Final = 50.0  # of a start, as a rate: it leaves nothing


def assess_starts_power(
    protocol: Protocol,
    days: StartCounts,
    row_of_place_day: Ints,
    past: TrialPast,
    planted_effect: PlantedEffect,
    *,
    runs: int,
    rng: np.random.Generator,
    advance: Advance = ignore_progress,
) -> PowerReport:
    """How likely are these planned starts to show an effect? `days` hold starts and chances, no outcome.

    Each run takes whole weeks of the past for the days of the plans (`row_of_place_day` is the place of
    each); starts then prevent the planted share of all offences on these place-days, in proportion.
    Raises QuestionError where so much cannot be prevented, since too few place-days have a start.
    """
    usual = past.rates[row_of_place_day]
    strength = _find_strength(usual, days.starts, planted_effect.effect)
    day_count = int(days.day.max() - days.day.min()) + 1

    def run(kept_share: Floats, truth: float) -> Runs:
        rows = []
        for _ in range(runs):
            drawn_counts = past.draw_counts(day_count, rng)[row_of_place_day, days.day - days.day.min()]
            counts = rng.binomial(drawn_counts.astype(np.int64), kept_share).astype(np.float64)
            finding = evaluate_starts(protocol, replace(days, counts=counts, before=usual))
            rows.append(_judge_starts(finding, float(usual.sum()), truth))
            advance(1)
        return _as_runs(rows)

    is_late = days.day - days.day.min() >= planted_effect.delay_days
    with_effect = run(np.where(is_late, np.exp(-strength * days.starts), 1.0), planted_effect.effect)
    return build_report(
        with_effect,
        run(np.ones(len(usual)), 0.0),
        design="starts",
        days=day_count,
        places=len(past.rates),
        planted_effect=planted_effect,
        expected_events=float(usual.sum()),
        level=protocol.analysis.level,
        looks=protocol.analysis.looks,
        method="starts as planned, weeks of the past drawn for their days",
    )


def _find_strength(usual: Floats, starts: Floats, effect: float) -> float:
    """The rate at which each start prevents offences, so that all together prevent this share."""
    if effect == 0.0:
        return 0.0
    reachable_share = float(usual[starts > 0].sum() / max(usual.sum(), 1e-300))
    if effect >= reachable_share:
        raise QuestionError(
            f"Only {reachable_share:.0%} of the offences lie on place-days with a start, so starts cannot "
            f"prevent {effect:.0%} of them. Ask for less with `effect`."
        )

    def gap(strength: float) -> float:
        return float(usual @ (1.0 - np.exp(-strength * starts)) / usual.sum()) - effect

    return float(brentq(gap, 0.0, STRONGEST))


def _judge_starts(finding: Finding, usual_count: float, truth: float) -> tuple[float, float, bool]:
    """The p-value, the log of what all starts left of the count, and whether the interval held the truth."""
    if finding.main is None:
        return 1.0, np.nan, False
    estimate = finding.main.estimate
    left_share = 1.0 + estimate.value / usual_count
    is_covered = estimate.low <= -truth * usual_count <= estimate.high
    return finding.main.p_value, float(np.log(left_share)) if left_share > 0.0 else np.nan, is_covered


def _as_runs(rows: Sequence[tuple[float, float, bool]]) -> Runs:
    p_values, log_ratios, is_covered = np.array(rows).T
    return Runs(p_values, log_ratios, np.asarray(is_covered, dtype=bool))


def assess_offer_power(
    protocol: Protocol,
    waves: Sequence[WaveCount],
    planted_effect: PlantedEffect,
    *,
    runs: int,
    rng: np.random.Generator,
    advance: Advance = ignore_progress,
) -> PowerReport:
    """How likely are waves of this size to show an effect of the offer?

    Both arms of a wave are read together, so that nothing of an effect is seen; each run draws people with
    their mean and variance, and the early ones come to less harm by the planted share.
    Raises QuestionError where no wave holds harm.
    """
    pooled = _pool_waves(waves)
    if not any(mean > 0.0 for mean, _ in pooled.values()):
        raise QuestionError("No wave holds any harm, so nothing says how people vary. Name other outcomes.")

    def run(effect: float) -> Runs:
        rows = []
        for _ in range(runs):
            made_up = [_draw_wave(wave, *pooled[_wave_key(wave)], effect, rng) for wave in waves]
            main = evaluate_offer(protocol, made_up).main
            advance(1)
            if main is None:
                rows.append((1.0, np.nan, False))
                continue
            is_covered = main.estimate.low <= 1.0 - effect <= main.estimate.high
            rows.append((main.p_value, float(np.log(main.estimate.value)), is_covered))
        return _as_runs(rows)

    first = waves[0].outcome, waves[0].days
    outcome_count = len({(wave.outcome, wave.days) for wave in waves})
    main_waves = [wave for wave in waves if (wave.outcome, wave.days) == first]
    report = build_report(
        run(planted_effect.effect),
        run(0.0),
        design="offer",
        days=waves[0].days,
        places=sum(wave.people for wave in main_waves),
        planted_effect=planted_effect,
        expected_events=sum(wave.people * pooled[_wave_key(wave)][0] for wave in main_waves),
        level=1.0 - (1.0 - protocol.analysis.level) / outcome_count,
        looks=(),
        method=f"harm {first[0]} in {first[1]} days, {len(main_waves) // 2} waves",
    )
    # More people tell more; more weeks do not.
    return replace(report, unit="people", detectable=(), first_useful_week=None)


def _wave_key(wave: WaveCount) -> tuple[str, str, int]:
    return wave.wave, wave.outcome, wave.days


def _pool_waves(waves: Sequence[WaveCount]) -> dict[tuple[str, str, int], tuple[float, float]]:
    """Mean and variance of one person's count in each wave and outcome, both arms together."""
    pooled = {}
    for key in dict.fromkeys(map(_wave_key, waves)):
        arms = [wave for wave in waves if _wave_key(wave) == key]
        people = max(sum(arm.people for arm in arms), 1)
        mean = sum(arm.count for arm in arms) / people
        pooled[key] = mean, sum(arm.squares for arm in arms) / people - mean**2
    return pooled


def _draw_wave(
    wave: WaveCount, mean: float, variance: float, effect: float, rng: np.random.Generator
) -> WaveCount:
    """One arm's people drawn anew."""
    spread = variance / mean - 1.0 if mean > 0.0 else 0.0
    means = rng.gamma(mean / spread, spread, wave.people) if spread > 1e-6 else np.full(wave.people, mean)
    harm = rng.poisson(means * (1.0 - effect if wave.arm == "early" else 1.0))
    return replace(wave, count=float(harm.sum()), squares=float((harm**2).sum()))

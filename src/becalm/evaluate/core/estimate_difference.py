"""Difference in differences for counts: the effect, the event study of its trends, where it falls."""

import numpy as np
from scipy import stats

from becalm.evaluate.core.cohorts import find_start_times, list_times
from becalm.evaluate.core.estimate_series import name_ratio
from becalm.evaluate.core.finding import Check, Finding, NamedEstimate, Refusal, StepEffect
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import LEAST_TIMES, StudyCounts
from becalm.methods import trend_breakdown
from becalm.methods.arrays import Ints
from becalm.methods.panel_effects import NEVER, EventStudy, cohort_effects, event_study, log_effect
from becalm.terms import Estimate


def evaluate_difference(protocol: Protocol, counts: StudyCounts) -> Finding:
    """The log ratio of totals, the event study of its trends, and where the conclusion falls."""
    level = protocol.analysis.level
    try:
        estimates = estimate_difference(protocol, counts)
    except ValueError as error:
        return Finding(
            refusals=(Refusal("difference in differences", str(error), "take more places or longer windows"),)
        )
    clusters, starts = number_clusters(counts), find_start_times(protocol, counts)
    trends = _study_trends(counts, starts, clusters)
    if trends is None:
        refusal_text = (
            f"fewer than {LEAST_TIMES} times before the start, or a time without an event in an arm"
        )
        return Finding(
            estimates=estimates, checks=(Check("trends before the start are known", False, refusal_text),)
        )
    checks, steps = (_check_trends(trends, level),), _show_steps(trends, level)
    if not estimates[0].shows_effect:  # nothing was concluded that trends could undo
        return Finding(estimates=estimates, checks=checks, steps=steps)
    breakdown = trend_breakdown.breakdown_value(trends, level=level)
    share_interval = [float(np.expm1(x)) for x in (breakdown.low, breakdown.value, breakdown.high)]
    low, value, high = sorted(share_interval)
    method = "largest change of the gap from time to time at which the interval still leaves out no effect"
    return Finding(
        estimates=estimates,
        breakdown=Estimate(value, low, high, level, method),
        checks=checks,
        steps=steps,
    )


def estimate_difference(protocol: Protocol, counts: StudyCounts) -> tuple[NamedEstimate, ...]:
    """The change of the treated places to that of the controls; with several starts, joined and of each.

    Raises ValueError where an arm has events in one cluster alone.
    """
    level, clusters = protocol.analysis.level, number_clusters(counts)
    method = "Poisson difference in differences, places as clusters"
    if not counts.places.starts:
        starts = np.where(counts.places.is_treated, 1, NEVER)
        windows = np.column_stack([counts.before, counts.after])
        effect = event_study(windows, starts, clusters=clusters).effect_after(level)
        return (name_ratio("places", effect, level, method),)
    joined_effect, by_start = cohort_effects(
        counts.panel, find_start_times(protocol, counts), clusters=clusters, level=level
    )
    days = list_times(protocol)
    return (
        name_ratio("places, all starts joined", joined_effect, level, f"{method}, cohort by cohort"),
        *(
            name_ratio(f"places that began on {days[start - counts.panel_start]}", effect, level, method)
            for start, effect in by_start.items()
            if len(by_start) > 1
        ),
    )


def number_clusters(counts: StudyCounts) -> Ints | None:
    """The number of each place's cluster, where clusters were named."""
    names = counts.places.clusters
    return np.unique(names, return_inverse=True)[1] if names else None


def _show_steps(trends: EventStudy, level: float) -> tuple[StepEffect, ...]:
    """Each time's ratio of treated to control, against the last time before the start."""
    standard_errors = np.sqrt(np.diag(trends.covariance))
    method = "event study, places as clusters"
    steps = []
    for step, value, error in zip(trends.steps.tolist(), trends.values, standard_errors, strict=True):
        effect = log_effect(float(value), float(error), trends.degrees, level)
        ratio, low, high = np.exp([effect.value, effect.low, effect.high]).tolist()
        steps.append(StepEffect(step, Estimate(ratio, low, high, level, method)))
    return tuple(steps)


def _study_trends(counts: StudyCounts, starts: Ints, clusters: Ints | None) -> EventStudy | None:
    if counts.panel_start < LEAST_TIMES:
        return None
    try:
        return event_study(counts.panel, starts, clusters=clusters)
    except ValueError:  # a time at which an arm has no event in more than one place
        return None


def _check_trends(trends: EventStudy, level: float) -> Check:
    """Wald's test that all steps before the start are as far apart as the reference step."""
    is_before = (trends.steps < 0) & (np.diag(trends.covariance) > 0.0)
    values, covariance = trends.values[is_before], trends.covariance[np.ix_(is_before, is_before)]
    count = len(values)
    residual_freedom = max(
        trends.degrees - count + 1.0, 1.0
    )  # Hotelling's T squared: the covariance is estimated too
    statistic = (
        float(values @ np.linalg.pinv(covariance) @ values)
        * residual_freedom
        / (count * max(trends.degrees, 1.0))
    )
    p_value = float(stats.f.sf(statistic, count, residual_freedom))
    return Check(
        "treated and control moved alike before the start",
        p_value > 1.0 - level,
        f"{count} times before the start, p = {p_value:.3f}; a test that finds nothing proves nothing",
    )

"""One recipe for each design: counts in, a finding out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import stats

from becalm.evaluate.core import study
from becalm.evaluate.core.estimate_series import evaluate_interrupted, name_ratio
from becalm.evaluate.core.finding import (
    ArmTotals,
    Check,
    Finding,
    IdentifiedRange,
    NamedEstimate,
    Refusal,
    StepEffect,
)
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.methods import calibrated_control, displacement, trend_breakdown
from becalm.methods.arrays import Bools, Floats, Ints, seed_generator
from becalm.methods.dispersion import fit_series, panel_dispersion
from becalm.methods.panel_effects import (
    NEVER,
    EventStudy,
    difference_in_differences,
    event_study,
    log_effect,
)
from becalm.methods.selection_fall import fall_by_selection
from becalm.terms import Estimate, Progress, silent_progress

LEAST_TIMES: Final = 3  # before the start, for an event study to show trends
LEAST_PLACEBOS: Final = 19
UNLIKELY: Final = 0.01  # chance of totals that vary so much, were places independent


def evaluate(protocol: Protocol, counts: StudyCounts, *, progress: Progress = silent_progress) -> Finding:
    """What does the protocol's design answer on these counts, or why does it refuse?"""
    study.check_counts(counts)
    refusals = study.find_refusals(protocol, counts)
    if refusals:
        finding = Finding(refusals=refusals)
    elif protocol.design == "calibrated":
        finding = _calibrate(protocol, counts, progress)
    else:
        finding = RECIPES[protocol.design](protocol, counts)
    by_selection = _expect_by_selection(protocol, counts)
    return replace(finding, expected_by_selection=by_selection, totals=_sum_places(counts))


def _sum_places(counts: StudyCounts) -> tuple[ArmTotals, ...]:
    """What each arm had before, for as many days as after, and after."""
    share = counts.after_days / counts.before_days
    is_treated = counts.places.is_treated
    return tuple(
        ArmTotals(
            name, int(arm.sum()), share * float(counts.before[arm].sum()), float(counts.after[arm].sum())
        )
        for name, arm in (("treated", is_treated), ("control", ~is_treated))
    )


def _expect_by_selection(protocol: Protocol, counts: StudyCounts) -> Estimate | None:
    """The change of the chosen places with nothing done, from the days that chose them."""
    if counts.chosen_on is None or not counts.chosen_on.any():
        return None
    is_treated = counts.places.is_treated
    if is_treated.all() or not is_treated.any():
        return None
    fall = fall_by_selection(
        counts.chosen_on, is_treated, dispersion=estimate_dispersion(counts), level=protocol.analysis.level
    )
    low, high = (bound / fall.chosen_count - 1.0 for bound in (fall.low, fall.high))
    method = "empirical Bayes from the days that chose the places"
    return Estimate(fall.expected_change, low, high, protocol.analysis.level, method)


def estimate_dispersion(counts: StudyCounts) -> float:
    """Variance over mean of counts before the start; 1 at least.

    That of places around place by time, unless the arms' totals vary so much more from time to time that
    chance hardly explains it: then places moved together, and the totals' own is taken.
    """
    before = counts.panel[:, : counts.panel_start]
    if before.shape[1] < LEAST_TIMES:
        return 1.0
    of_places = panel_dispersion(before)
    arms = np.stack(
        [before[counts.places.is_treated].sum(axis=0), before[~counts.places.is_treated].sum(axis=0)]
    )
    arms = arms[arms.sum(axis=1) > 0]
    if not len(arms):
        return of_places
    trend = np.column_stack([np.ones(before.shape[1]), np.linspace(-1.0, 1.0, before.shape[1])])
    fits = fit_series(arms, trend)
    pearson, degrees = float(fits.pearson.sum()), fits.degrees * len(arms)
    is_beyond_chance = pearson / of_places > float(stats.chi2.ppf(1.0 - UNLIKELY, degrees))
    return max(of_places, pearson / degrees) if is_beyond_chance else of_places


@dataclass(frozen=True, slots=True)
class _Arms:
    """How the four kinds of place are made comparable: per treated place, and per window after the start."""

    area_weights: Floats
    time_weights: Floats
    dispersion: float
    level: float

    def compare(self, name: str, counts: Floats, harm_weights: Floats | None = None) -> NamedEstimate:
        """The weighted displacement difference of these counts."""
        difference = displacement.weighted_displacement_difference(
            counts,
            area_weights=self.area_weights,
            time_weights=self.time_weights,
            harm_weights=harm_weights,
            dispersion=self.dispersion,
            level=self.level,
        )
        method = f"weighted displacement difference, variance {self.dispersion:.2f} times the mean"
        estimate = Estimate(difference.value, difference.low, difference.high, self.level, method)
        return NamedEstimate(name, "difference", estimate, difference.p_value)


def _weigh_displacement(protocol: Protocol, counts: StudyCounts) -> Finding:
    """Differences of differences, of the places alone and with their rings; the log ratio beside them."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    controls_per_place = float((~is_treated).sum() / is_treated.sum())
    arms = _Arms(
        area_weights=np.array([1.0, controls_per_place, 1.0, controls_per_place]),
        time_weights=np.array([counts.before_days / counts.after_days, 1.0]),
        dispersion=estimate_dispersion(counts),
        level=level,
    )
    by_arm = np.stack(
        [counts.group_counts[:, is_in_arm].sum(axis=1) for is_in_arm in (is_treated, ~is_treated)], axis=1
    )
    estimates = [
        arms.compare("places", np.concatenate([by_arm, np.zeros_like(by_arm)], axis=1), counts.group_weights)
    ]
    treated, control = _sum_arms(counts.before, counts.after, is_treated)
    if min(*treated, *control) > 0:
        ratio = displacement.log_rate_ratio(treated, control, dispersion=arms.dispersion, level=level)
        estimates.append(name_ratio("places", ratio, level, "relative incidence rate ratio"))
    if not protocol.places.ring_m:
        return Finding(estimates=tuple(estimates))
    places, rings = (
        _sum_arms(counts.before, counts.after, is_treated),
        _sum_arms(counts.ring_before, counts.ring_after, is_treated),
    )
    return Finding(
        estimates=tuple(estimates),
        displacement=(
            arms.compare("rings", np.concatenate([rings, np.zeros((2, 2))])),
            arms.compare("places and rings", np.concatenate([places, rings])),
        ),
        checks=(_quote_displacement(places, rings),),
    )


def _quote_displacement(places: Floats, rings: Floats) -> Check:
    """The quotient that older studies give: it has no error of its own, and is shown for comparison alone."""
    quotient = float("nan")
    if places[1].min() > 0.0:
        quotient = displacement.displacement_quotient(places[0], rings[0], places[1])
    says = "it does not exist here" if np.isnan(quotient) else f"{quotient:.2f}, which has no interval"
    return Check("displacement quotient, for comparison with older studies alone", True, says)


def _sum_arms(before: Floats, after: Floats, is_treated: Bools) -> Floats:
    """Treated and control (rows), before and after (columns)."""
    return np.array(
        [[window[is_in_arm].sum() for window in (before, after)] for is_in_arm in (is_treated, ~is_treated)]
    )


def _compare_trends(protocol: Protocol, counts: StudyCounts) -> Finding:
    """The log ratio of totals, the event study of its trends, and where the conclusion falls."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    clusters = np.unique(counts.places.clusters, return_inverse=True)[1] if counts.places.clusters else None
    starts = np.where(is_treated, 1, NEVER)
    windows = np.column_stack([counts.before, counts.after])
    try:
        effect = event_study(windows, starts, clusters=clusters).effect_after(level)
    except ValueError as error:
        return Finding(
            refusals=(Refusal("difference in differences", str(error), "take more places or longer windows"),)
        )
    estimates = (
        name_ratio("places", effect, level, "Poisson difference in differences, places as clusters"),
    )
    trends = _study_trends(counts, clusters)
    if trends is None:
        says = f"fewer than {LEAST_TIMES} times before the start, or a time without an event in an arm"
        return Finding(estimates=estimates, checks=(Check("trends before the start are known", False, says),))
    checks, steps = (_check_trends(trends, level),), _show_steps(trends, level)
    if not estimates[0].shows_effect:  # nothing was concluded that trends could undo
        return Finding(estimates=estimates, checks=checks, steps=steps)
    breakdown = trend_breakdown.breakdown_value(trends, level=level)
    shares = [float(np.expm1(x)) for x in (breakdown.low, breakdown.value, breakdown.high)]
    low, value, high = sorted(shares)
    method = "largest change of the gap from time to time at which the interval still leaves out no effect"
    return Finding(
        estimates=estimates,
        breakdown=Estimate(value, low, high, level, method),
        checks=checks,
        steps=steps,
    )


def _show_steps(trends: EventStudy, level: float) -> tuple[StepEffect, ...]:
    """Each time's ratio of treated to control, against the last time before the start."""
    errors = np.sqrt(np.diag(trends.covariance))
    method = "event study, places as clusters"
    steps = []
    for step, value, error in zip(trends.steps.tolist(), trends.values, errors, strict=True):
        effect = log_effect(float(value), float(error), trends.degrees, level)
        ratio, low, high = np.exp([effect.value, effect.low, effect.high]).tolist()
        steps.append(StepEffect(step, Estimate(ratio, low, high, level, method)))
    return tuple(steps)


def _study_trends(counts: StudyCounts, clusters: Ints | None) -> EventStudy | None:
    if counts.panel_start < LEAST_TIMES:
        return None
    starts = np.where(counts.places.is_treated, counts.panel_start, NEVER)
    try:
        return event_study(counts.panel, starts, clusters=clusters)
    except ValueError:  # a time at which an arm has no event in more than one place
        return None


def _check_trends(trends: EventStudy, level: float) -> Check:
    """Wald's test that all steps before the start are as far apart as the reference step."""
    is_before = (trends.steps < 0) & (np.diag(trends.covariance) > 0.0)
    values, covariance = trends.values[is_before], trends.covariance[np.ix_(is_before, is_before)]
    count = len(values)
    spare = max(trends.degrees - count + 1.0, 1.0)  # Hotelling's T squared: the covariance is estimated too
    statistic = (
        float(values @ np.linalg.pinv(covariance) @ values) * spare / (count * max(trends.degrees, 1.0))
    )
    p_value = float(stats.f.sf(statistic, count, spare))
    return Check(
        "treated and control moved alike before the start",
        p_value > 1.0 - level,
        f"{count} times before the start, p = {p_value:.3f}; a test that finds nothing proves nothing",
    )


def _calibrate(protocol: Protocol, counts: StudyCounts, progress: Progress) -> Finding:
    """The weighted controls' count after the start, placebo sets beside it, and how far equal fits differ."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    traits = np.column_stack([np.ones(len(is_treated)), counts.places.covariates, counts.matching])
    totals = traits[is_treated].sum(axis=0)
    try:
        control = calibrated_control.calibrate_weights(traits[~is_treated], totals)
    except calibrated_control.InfeasibleBalanceError as error:
        return Finding(refusals=(_refuse_balance(protocol, totals, error.shortfalls),))
    except ValueError as error:
        return Finding(refusals=(Refusal("these covariates together", str(error), "leave one of them out"),))
    unlike = _refuse_unlike_choice(counts, control.weights, level)
    if unlike is not None:
        return Finding(refusals=(unlike,))
    observed = float(counts.after[is_treated].sum())
    expected, weight_variance = calibrated_control.weighted_outcome(
        control.weights, counts.after[~is_treated]
    )
    low, high = calibrated_control.outcome_range(traits[~is_treated], totals, counts.after[~is_treated])
    scores, failure_count = _score_placebos(
        protocol, traits[~is_treated], counts.after[~is_treated], int(is_treated.sum()), progress
    )
    if len(scores) < LEAST_PLACEBOS or (len(scores) + 1) * (1.0 - level) < 1.0:
        return Finding(refusals=(_refuse_placebos(len(scores), failure_count, level),))
    spread = float(np.sqrt(weight_variance + max(expected, 1.0)))
    score = (observed - expected) / spread
    p_value = (1.0 + float((np.abs(scores) >= abs(score)).sum())) / (len(scores) + 1.0)
    width = float(np.quantile(np.abs(scores), level, method="higher")) * spread
    ratio = Estimate(
        observed / expected,
        max(observed - width, 0.0) / expected,
        (observed + width) / expected,
        level,
        f"calibrated control, {len(scores)} placebo sets",
    )
    return Finding(
        estimates=(NamedEstimate("places", "ratio", ratio, p_value),),
        identified=IdentifiedRange(control.effective_controls, expected, low, high),
        checks=(_check_placebos(scores, failure_count),),
    )


RECIPES: Final[Mapping[str, Callable[[Protocol, StudyCounts], Finding]]] = {
    "displacement": _weigh_displacement,
    "difference": _compare_trends,
    "interrupted": evaluate_interrupted,
}


def _refuse_unlike_choice(counts: StudyCounts, weights: Floats, level: float) -> Refusal | None:
    """Controls that were less busy in the days that chose the treated places, whatever they match elsewhere.

    A place's own rate shows in all its counts. Controls that reach the treated places' counts in the matching
    windows alone had luck there: they fall back, and nothing that was done would look like harm.
    """
    if counts.chosen_on is None:
        return None
    is_treated = counts.places.is_treated
    observed = float(counts.chosen_on[is_treated].sum())
    expected, weight_variance = calibrated_control.weighted_outcome(weights, counts.chosen_on[~is_treated])
    spread = float(np.sqrt(estimate_dispersion(counts) * (weight_variance + max(expected, 1.0))))
    if abs(observed - expected) <= float(stats.norm.ppf(0.5 + level / 2.0)) * spread:
        return None
    return Refusal(
        "matching places that were chosen with places that were not",
        f"in the days that chose the treated places they had {observed:,.0f} offences and their weighted "
        f"controls {expected:,.0f}, so that the controls match by luck, and will fall back",
        "take controls that the same days would have chosen too, e.g. the next places of the list, or draw "
        "which places are treated with `becalm patrol trial`",
    )


def _score_placebos(
    protocol: Protocol, traits: Floats, outcome: Floats, set_size: int, progress: Progress
) -> tuple[Floats, int]:
    """How far off the recipe is, in units of Poisson chance, on sets of places where nothing was done."""
    rng = seed_generator(protocol.analysis.seed)
    set_count = protocol.analysis.placebo_sets
    scores, failure_count = [], 0
    with progress("Placebo sets", total=set_count, unit="sets") as advance:
        for _ in range(set_count):
            placebo_set = rng.choice(len(outcome), size=set_size, replace=False)[None]
            contrast = calibrated_control.placebo_contrasts(traits, outcome, placebo_set)
            failure_count += contrast.failures
            scores += ((contrast.observed - contrast.expected) / np.sqrt(contrast.variance)).tolist()
            advance(1)
    return np.array(scores), failure_count


def _refuse_balance(protocol: Protocol, totals: Floats, shortfalls: Floats) -> Refusal:
    names = [
        "number of places",
        *protocol.places.covariates,
        *(f"count of {w}" for w in protocol.windows.matching),
    ]
    worst = np.argsort(-np.abs(shortfalls) / np.maximum(np.abs(totals), 1.0))[:3].tolist()
    missed_totals = "; ".join(
        f"{names[i]}: {totals[i]:,.6g} asked, nearest {totals[i] + shortfalls[i]:,.6g}"
        for i in worst
        if shortfalls[i]
    )
    return Refusal(
        "exact balance of these controls",
        f"no weights of the controls reach the treated places' totals ({missed_totals})",
        "add controls that are more like the treated places, or leave out what cannot be matched",
    )


def _refuse_placebos(count: int, failure_count: int, level: float) -> Refusal:
    return Refusal(
        f"an interval at {level:.0%} from {count} placebo sets".replace("%", " %"),
        f"{failure_count} sets could not be balanced, and "
        f"{max(LEAST_PLACEBOS, round(1 / (1 - level)) - 1)} are needed",
        "ask for more placebo sets, add controls, or match on less",
    )


def _check_placebos(scores: Floats, failure_count: int) -> Check:
    middle = float(np.median(scores))
    middle_limit = 3.0 * float(scores.std()) / len(scores) ** 0.5 * 1.2533
    return Check(
        "placebo sets centre on no effect",
        abs(middle) <= middle_limit,
        f"their middle is {middle:+.2f} standard units (within {middle_limit:.2f} by chance); "
        f"{failure_count} sets could not be balanced",
    )


def estimate_quickly(protocol: Protocol, counts: StudyCounts) -> NamedEstimate | None:
    """The design's own estimate without what stands beside it; None where it is refused. For many runs."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    if protocol.design == "displacement":
        finding = _weigh_displacement(protocol, counts)
        return next((e for e in finding.estimates if e.scale == "ratio"), finding.main)
    clusters = np.unique(counts.places.clusters, return_inverse=True)[1] if counts.places.clusters else None
    try:
        effect = difference_in_differences(
            counts.before, counts.after, is_treated, clusters=clusters, level=level
        )
    except ValueError:
        return None
    return name_ratio("places", effect, level, "Poisson difference in differences, places as clusters")

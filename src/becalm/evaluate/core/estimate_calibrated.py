"""Calibrated control: weights of many controls that match the treated places, and how sure their count is."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.evaluate.core.estimate_series import name_ratio
from becalm.evaluate.core.finding import Check, Finding, IdentifiedRange, NamedEstimate, Refusal
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.methods import calibrated_control
from becalm.methods.arrays import Floats, seed_generator
from becalm.terms import Estimate, Progress
from becalm.terms.progress import Advance

LEAST_PLACEBOS: Final = 19
MOST_GROUPS: Final = 40  # of places, left out one by one


@dataclass(frozen=True, slots=True, eq=False)
class WeighedControl:
    """What the treated places had after the start, what their weighted controls expect, by which weights.

    `spread` is the error of the difference by chance alone, in units of the dispersion.
    """

    control: calibrated_control.ControlWeights
    observed: float
    expected: float
    spread: float


def weigh_controls(counts: StudyCounts) -> WeighedControl:
    """The controls weighed_control so that they match the treated places.

    Raises InfeasibleBalanceError where no weights do, ValueError where totals repeat each other.
    """
    is_treated, traits = counts.places.is_treated, list_traits(counts)
    control = calibrated_control.calibrate_weights(traits[~is_treated], traits[is_treated].sum(axis=0))
    expected, variance = calibrated_control.weighted_outcome(control.weights, counts.after[~is_treated])
    outcome_deviation = float(np.sqrt(variance + max(expected, 1.0)))
    return WeighedControl(control, float(counts.after[is_treated].sum()), expected, outcome_deviation)


def list_traits(counts: StudyCounts) -> Floats:
    """What controls are matched on (places x totals): their number, covariates, each matching window."""
    places = counts.places
    return np.column_stack([np.ones(len(places.names)), places.covariates, counts.matching])


def judge_by_placebos(weighed_control: WeighedControl, scores: Floats, level: float) -> NamedEstimate:
    """The ratio of observed to expected, with the interval that sets of untreated places give."""
    observed, expected = weighed_control.observed, max(weighed_control.expected, 1e-9)
    placebo_score = (observed - expected) / weighed_control.spread
    p_value = (1.0 + float((np.abs(scores) >= abs(placebo_score)).sum())) / (len(scores) + 1.0)
    width = float(np.quantile(np.abs(scores), level, method="higher")) * weighed_control.spread
    # By every ratio r that the test lets stand: a count of r times as much varies as the root of r, at least.
    root = np.sqrt(width**2 + 4.0 * expected * observed)
    ratio = Estimate(
        observed / expected,
        float((root - width) / (2.0 * expected)) ** 2,
        float((root + width) / (2.0 * expected)) ** 2,
        level,
        f"calibrated control, {len(scores)} placebo sets",
    )
    return NamedEstimate("places", "ratio", ratio, p_value)


def evaluate_calibrated(protocol: Protocol, counts: StudyCounts, progress: Progress) -> Finding:
    """The weighted controls' count after the start, placebo sets beside it, and how far equal fits differ."""
    is_treated, level, traits = counts.places.is_treated, protocol.analysis.level, list_traits(counts)
    totals = traits[is_treated].sum(axis=0)
    try:
        weighed_control = weigh_controls(counts)
    except calibrated_control.InfeasibleBalanceError as error:
        return Finding(refusals=(_refuse_balance(protocol, totals, error.shortfalls),))
    except ValueError as error:
        return Finding(refusals=(Refusal("these covariates together", str(error), "leave one of them out"),))
    with progress("Placebo sets", total=protocol.analysis.placebo_sets, unit="sets") as advance:
        placebos = score_placebos(
            counts,
            sets=protocol.analysis.placebo_sets,
            rng=seed_generator(protocol.analysis.seed),
            advance=advance,
        )
    scores, failure_count = placebos.scores, placebos.failures
    if len(scores) < LEAST_PLACEBOS or (len(scores) + 1) * (1.0 - level) < 1.0:
        return Finding(refusals=(_refuse_placebos(len(scores), failure_count, level),))
    unlike = refuse_unlike_choice(counts, weighed_control.control.weights, placebos.choice_scores, level)
    if unlike is not None:
        return Finding(refusals=(unlike,))
    by_jackknife = _leave_out(protocol, traits, counts)
    low, high = calibrated_control.outcome_range(traits[~is_treated], totals, counts.after[~is_treated])
    return Finding(
        estimates=(
            judge_by_placebos(weighed_control, scores, level),
            *([by_jackknife] if by_jackknife else []),
        ),
        identified=IdentifiedRange(
            weighed_control.control.effective_controls, weighed_control.expected, low, high
        ),
        checks=(_check_placebos(scores, failure_count),),
    )


def _leave_out(protocol: Protocol, traits: Floats, counts: StudyCounts) -> NamedEstimate | None:
    """The same ratio with the error that leaving out places shows; None where that cannot be done."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    group_count = min(int(is_treated.sum()), MOST_GROUPS)
    rng, groups = seed_generator(protocol.analysis.seed), np.zeros(len(is_treated), dtype=np.int64)
    for is_in_arm in (is_treated, ~is_treated):
        groups[is_in_arm] = rng.permutation(int(is_in_arm.sum())) % group_count
    try:
        effect = calibrated_control.jackknife_ratio(traits, counts.after, is_treated, groups, level=level)
    except ValueError:
        return None
    method = f"calibrated control, jackknife over {group_count} groups of places"
    return name_ratio("places, by leaving places out", effect, level, method)


def refuse_unlike_choice(
    counts: StudyCounts, weights: Floats, choice_scores: Floats, level: float
) -> Refusal | None:
    """Controls that were less busy in the days that chose the treated places, whatever they match elsewhere.

    A place's own rate shows in all its counts. Controls that reach the treated places' counts in the matching
    windows alone had luck there: they fall back, and nothing that was done would look like harm. How far
    apart they may lie is what sets of untreated places show in those days (`choice_scores`): no two places
    that match have the same rate, so that Poisson chance alone would refuse a fifth of honest studies.
    """
    if counts.chosen_on is None:
        return None
    is_treated = counts.places.is_treated
    observed = float(counts.chosen_on[is_treated].sum())
    expected, weight_variance = calibrated_control.weighted_outcome(weights, counts.chosen_on[~is_treated])
    score = (observed - expected) / float(np.sqrt(weight_variance + max(expected, 1.0)))
    # By the normal law of their spread: the largest of so few sets would let through what is far beyond.
    if abs(score) <= float(stats.norm.ppf(0.5 + level / 2.0) * np.sqrt(np.mean(choice_scores**2))):
        return None
    return Refusal(
        "matching places that were chosen with places that were not",
        f"in the days that chose the treated places they had {observed:,.0f} offences and their weighted "
        f"controls {expected:,.0f}, so that the controls match by luck, and will fall back",
        "take controls that the same days would have chosen too, e.g. the next places of the list, or draw "
        "which places are treated with `becalm patrol trial`",
    )


@dataclass(frozen=True, slots=True, eq=False)
class PlaceboScores:
    """How far off the recipe is on sets of places where nothing was done, in units of Poisson chance."""

    scores: Floats  # after the start
    choice_scores: Floats  # in the days that chose the treated places; none where these are not known
    failures: int  # sets that no weights balance


def score_placebos(
    counts: StudyCounts, *, sets: int, rng: np.random.Generator, advance: Advance
) -> PlaceboScores:
    """The recipe on sets of as many untreated places as were treated."""
    is_treated = counts.places.is_treated
    windows = [window for window in (counts.after, counts.chosen_on) if window is not None]
    traits, outcomes = list_traits(counts)[~is_treated], np.stack(windows, axis=1)[~is_treated]
    scores, failure_count = [np.zeros((0, len(windows)))], 0
    for _ in range(sets):
        placebo_set = rng.choice(len(traits), size=int(is_treated.sum()), replace=False)[None]
        contrast = calibrated_control.placebo_contrasts(traits, outcomes, placebo_set)
        failure_count += contrast.failures
        scores.append((contrast.observed - contrast.expected) / np.sqrt(contrast.variance))
        advance(1)
    score_table = np.concatenate(scores)
    return PlaceboScores(score_table[:, 0], score_table[:, 1:].ravel(), failure_count)


def _refuse_balance(protocol: Protocol, totals: Floats, shortfalls: Floats) -> Refusal:
    trait_names = [
        "number of places",
        *protocol.places.covariates,
        *(f"count of {w}" for w in protocol.windows.matching),
    ]
    worst_columns = np.argsort(-np.abs(shortfalls) / np.maximum(np.abs(totals), 1.0))[:3].tolist()
    missed_totals = "; ".join(
        f"{trait_names[i]}: {totals[i]:,.6g} asked, nearest {totals[i] + shortfalls[i]:,.6g}"
        for i in worst_columns
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
    median_score = float(np.median(scores))
    middle_limit = 3.0 * float(scores.std()) / len(scores) ** 0.5 * 1.2533
    return Check(
        "placebo sets centre on no effect",
        abs(median_score) <= middle_limit,
        f"their middle is {median_score:+.2f} standard units (within {middle_limit:.2f} by chance); "
        f"{failure_count} sets could not be balanced",
    )

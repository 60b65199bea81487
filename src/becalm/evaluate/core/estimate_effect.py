"""One recipe for each design: counts in, a finding out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.evaluate.core import study
from becalm.evaluate.core.estimate_calibrated import evaluate_calibrated
from becalm.evaluate.core.estimate_difference import evaluate_difference
from becalm.evaluate.core.estimate_series import evaluate_interrupted, name_ratio
from becalm.evaluate.core.finding import ArmTotals, Check, Finding, NamedEstimate
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.evaluate.core.study_noise import estimate_dispersion, estimate_shocks
from becalm.methods import displacement
from becalm.methods.arrays import Bools, Floats
from becalm.methods.selection_fall import fall_by_selection
from becalm.terms import Estimate, Progress, silent_progress


def evaluate(protocol: Protocol, counts: StudyCounts, *, progress: Progress = silent_progress) -> Finding:
    """What does the protocol's design answer on these counts, or why does it refuse?"""
    study.check_counts(counts)
    refusals = study.find_refusals(protocol, counts)
    if refusals:
        finding = Finding(refusals=refusals)
    elif protocol.design == "calibrated":
        finding = evaluate_calibrated(protocol, counts, progress)
    else:
        finding = RECIPES[protocol.design](protocol, counts)
    by_selection = _expect_by_selection(protocol, counts)
    return replace(finding, expected_by_selection=by_selection, totals=_sum_places(counts))


def _sum_places(counts: StudyCounts) -> tuple[ArmTotals, ...]:
    """What each arm had before, for as many days as after, and after."""
    day_ratio = counts.after_days / counts.before_days
    is_treated = counts.places.is_treated
    return tuple(
        ArmTotals(
            name, int(arm.sum()), day_ratio * float(counts.before[arm].sum()), float(counts.after[arm].sum())
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


@dataclass(frozen=True, slots=True)
class _Arms:
    """How the four kinds of place are made comparable: per treated place, and per window after the start."""

    area_weights: Floats
    time_weights: Floats
    dispersion: float
    shocks: displacement.CommonShocks | None
    level: float

    def compare(self, name: str, counts: Floats, harm_weights: Floats | None = None) -> NamedEstimate:
        """The weighted displacement difference of these counts."""
        difference = displacement.weighted_displacement_difference(
            counts,
            area_weights=self.area_weights,
            time_weights=self.time_weights,
            harm_weights=harm_weights,
            dispersion=self.dispersion,
            shocks=self.shocks,
            level=self.level,
        )
        method = f"weighted displacement difference, variance {self.dispersion:.2f} times the mean"
        estimate = Estimate(difference.value, difference.low, difference.high, self.level, method)
        return NamedEstimate(name, "difference", estimate, difference.p_value)


def evaluate_displacement(protocol: Protocol, counts: StudyCounts) -> Finding:
    """Differences of differences, of the places alone and with their rings; the log ratio beside them."""
    is_treated, level = counts.places.is_treated, protocol.analysis.level
    controls_per_place = float((~is_treated).sum() / is_treated.sum())
    dispersion = estimate_dispersion(counts)
    arms = _Arms(
        area_weights=np.array([1.0, controls_per_place, 1.0, controls_per_place]),
        time_weights=np.array([counts.before_days / counts.after_days, 1.0]),
        dispersion=dispersion,
        shocks=estimate_shocks(counts, dispersion),
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
    quotient_text = (
        "it does not exist here" if np.isnan(quotient) else f"{quotient:.2f}, which has no interval"
    )
    return Check("displacement quotient, for comparison with older studies alone", True, quotient_text)


def _sum_arms(before: Floats, after: Floats, is_treated: Bools) -> Floats:
    """Treated and control (rows), before and after (columns)."""
    return np.array(
        [[window[is_in_arm].sum() for window in (before, after)] for is_in_arm in (is_treated, ~is_treated)]
    )


RECIPES: Final[Mapping[str, Callable[[Protocol, StudyCounts], Finding]]] = {
    "displacement": evaluate_displacement,
    "difference": evaluate_difference,
    "interrupted": evaluate_interrupted,
}

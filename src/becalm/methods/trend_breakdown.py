"""How far may the trends of treated and control part before a conclusion falls?

Difference in differences takes for granted that both arms would have gone on alike. Let the gap d_s between
them, had nothing been done, change from one time to the next by at most M. The event study's coefficients are
b = effect + d. Of all weighted sums of them, those are taken whose interval

    estimate +- cv(M bias / se) se ,    cv the quantile of |Normal(M bias / se, 1)| ,

is shortest: it holds the mean effect at its level whatever such gap there was. The bias of a weighted sum at
M = 1 is the sum of the absolute weights of the gap's changes. The breakdown value is the M at which the
interval first holds no effect.

Sources: Rambachan and Roth, Review of Economic Studies 90 (2023) 2555-2591, sections 2.3 and 4.1; Armstrong
and Kolesar, Econometrica 86 (2018) 655-683, on intervals of fixed length.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats
from scipy.optimize import LinearConstraint, minimize

from becalm.methods.arrays import Bools, Floats
from becalm.methods.panel_effects import EventStudy

_BUDGETS: Final = 16  # points of the frontier between bias and variance
_LARGEST: Final = 20.0  # on the log scale: beyond any change of counts
_BISECTIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The change of the gap in one time (log scale) at which the conclusion falls.

    `low`: where the interval at `level` first holds no effect; `value`: where the estimate's own bound does,
    were there no chance; `high`: where even the end of the interval far from no effect would be explained.
    `largest_before` is the largest change of the gap that the times before the start showed, chance and all.
    """

    value: float
    low: float
    high: float
    level: float
    largest_before: float


@dataclass(frozen=True, slots=True)
class _Frontier:
    """For each budget of bias the weighted sum of least variance: its value, bias at M = 1 and error."""

    values: Floats
    biases: Floats
    errors: Floats


def robust_interval(study: EventStudy, largest_change: float, *, level: float = 0.95) -> tuple[float, float]:
    """Where does the mean log effect lie if the gap changes by at most `largest_change` from time to time?"""
    return _interval(_frontier(study), study.degrees, largest_change, level)


def breakdown_value(study: EventStudy, *, level: float = 0.95) -> Breakdown:
    """By how much may the gap change from time to time before the interval holds no effect?

    0 where it holds no effect already with trends that are alike.
    """
    frontier = _frontier(study)
    values_before = study.values[study.steps < 0]
    plain_effect = study.effect_after(level)
    least_bias = frontier.biases.min()
    far_end = max(abs(plain_effect.low), abs(plain_effect.high))
    low_change, high_change = 0.0, _LARGEST
    if _excludes_zero(_interval(frontier, study.degrees, 0.0, level)):
        for _ in range(_BISECTIONS):
            middle_change = (low_change + high_change) / 2.0
            if _excludes_zero(_interval(frontier, study.degrees, middle_change, level)):
                low_change = middle_change
            else:
                high_change = middle_change
    return Breakdown(
        value=abs(plain_effect.value) / least_bias,
        low=low_change,
        high=far_end / least_bias,
        level=level,
        largest_before=float(np.abs(np.diff(values_before)).max(initial=0.0)),
    )


def _excludes_zero(interval: tuple[float, float]) -> bool:
    return interval[0] > 0.0 or interval[1] < 0.0


def _interval(frontier: _Frontier, degrees: float, change: float, level: float) -> tuple[float, float]:
    """The shortest of the frontier's intervals; few places make it longer, as Student's t does."""
    shifts = change * frontier.biases / frontier.errors
    few_places = stats.t.ppf(0.5 + level / 2.0, degrees) / stats.norm.ppf(0.5 + level / 2.0)
    half_widths = np.sqrt(stats.ncx2.ppf(level, 1, shifts**2)) * frontier.errors * few_places
    best_index = int(np.argmin(half_widths))
    return float(frontier.values[best_index] - half_widths[best_index]), float(
        frontier.values[best_index] + half_widths[best_index]
    )


def _frontier(study: EventStudy) -> _Frontier:
    is_after = study.steps >= 0
    is_known = ~is_after & (np.diag(study.covariance) > 0.0)  # the reference step is 0 by construction
    after_weights = is_after / is_after.sum()
    changes = _gap_changes(study)
    working_covariance = _working_covariance(study.covariance)  # the same for every budget of bias
    start = np.zeros(int(is_known.sum()))
    least_bias = _bias(after_weights, changes, start, is_known)
    frontier_points = [(start, least_bias)]
    if len(start):
        least_variance_weights = _least_variance(working_covariance, after_weights, is_known, changes, np.inf)
        most_bias = max(_bias(after_weights, changes, least_variance_weights, is_known), least_bias)
        budgets = (
            np.linspace(least_bias, most_bias, _BUDGETS)[1:-1].tolist() if most_bias > least_bias else []
        )
        frontier_points += [
            (_least_variance(working_covariance, after_weights, is_known, changes, b), b) for b in budgets
        ]
        frontier_points.append((least_variance_weights, most_bias))
    weighted_sums = []
    for before_weights, _ in frontier_points:
        weights = after_weights.copy()
        weights[is_known] = before_weights
        weighted_sums.append(
            (
                weights @ study.values,
                np.abs(changes @ weights).sum(),
                (weights @ study.covariance @ weights) ** 0.5,
            )
        )
    values, biases, errors = np.array(weighted_sums).T
    return _Frontier(values, biases, errors)


def _gap_changes(study: EventStudy) -> Floats:
    """How each change of the gap (rows) enters each step's gap, which is 0 at the reference step."""
    reference = int(study.steps[np.flatnonzero(np.diag(study.covariance) == 0.0)[-1]])
    end_steps = study.steps[1:]  # the change from end - 1 to end
    is_later = (end_steps[:, None] > reference) & (study.steps >= end_steps[:, None])
    is_earlier = (end_steps[:, None] <= reference) & (study.steps < end_steps[:, None])
    return is_later.astype(np.float64) - is_earlier.astype(np.float64)


def _working_covariance(covariance: Floats) -> Floats:
    """The covariance of independent steps beside one reference: one part in common, the rest not.

    Weights are chosen by it, since a covariance from few places, inverted, would choose by its own chance;
    the error of what was chosen comes from the places all the same.
    """
    is_free = np.diag(covariance) > 0.0
    free_covariance = covariance[np.ix_(is_free, is_free)]
    variances = np.diag(free_covariance)
    pair_count = max(len(free_covariance) * (len(free_covariance) - 1), 1)
    common_covariance = min(
        max(float(free_covariance.sum() - variances.sum()) / pair_count, 0.0), 0.9 * float(variances.min())
    )
    working_covariance = np.zeros_like(covariance)
    working_covariance[np.ix_(is_free, is_free)] = common_covariance + np.diag(variances - common_covariance)
    return working_covariance


def _bias(after_weights: Floats, changes: Floats, before_weights: Floats, is_known: Bools) -> float:
    weights = after_weights.copy()
    weights[is_known] = before_weights
    return float(np.abs(changes @ weights).sum())


def _least_variance(
    covariance: Floats, after_weights: Floats, is_known: Bools, changes: Floats, budget: float
) -> Floats:
    """The weights of the steps before that make the variance least, with a bias within the budget."""
    of_before, across = covariance[np.ix_(is_known, is_known)], covariance[is_known] @ after_weights
    unbounded_weights = -np.linalg.solve(of_before, across)
    if not np.isfinite(budget):
        return np.asarray(unbounded_weights)
    fixed_bias, bias_per_weight = changes @ after_weights, changes[:, is_known]
    size = float(np.abs(np.diag(of_before)).max())
    count = len(unbounded_weights)

    def variance(x: Floats) -> tuple[float, Floats]:  # x: the weights, then bounds of each absolute change
        w = x[:count]
        gradient = np.zeros_like(x)
        gradient[:count] = 2.0 * (of_before @ w + across) / size
        return float(w @ of_before @ w + 2.0 * w @ across) / size, gradient

    identity_matrix = np.eye(len(fixed_bias))
    rows = np.block(
        [
            [-bias_per_weight, identity_matrix],
            [bias_per_weight, identity_matrix],
            [np.zeros(count), -np.ones(len(fixed_bias))],
        ]
    )
    bounds = LinearConstraint(rows, lb=np.concatenate([fixed_bias, -fixed_bias, [-budget]]))
    start_weights = np.concatenate([np.zeros(count), np.abs(fixed_bias)])
    solution = minimize(
        variance,
        start_weights,
        jac=True,
        constraints=bounds,
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-10},
    )
    return np.asarray(solution.x[:count])

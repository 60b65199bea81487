"""Which weighted sum of untreated places looks just like the treated ones before the start?

Non-negative weights of the control places make every total that is asked for (places, covariates, counts in
each matching window) equal to the treated places' total. Of all such weights those of least norm are taken:
they are the most even ones, and there is one answer, since the norm is strictly convex. They solve

    min 1/2 |w|^2   with   A' w = b,  w >= 0,   so that   w = max(0, A u)

for the multipliers u of the dual problem, which Newton's method finds in about a dozen steps.

Exact balance does not make the outcome known: where places outnumber totals, many weights balance as well,
and the sum that they give differs. `outcome_range` says between which numbers, by two linear programmes.

Sources: Deville and Saerndal, JASA 87 (1992) 376-382, on calibration; Zubizarreta, JASA 110 (2015) 910-922,
on weights of least variance that balance; Robbins, Saunders and Kilmer, JASA 112 (2017) 109-126, on many
small treated places; Kish, Survey Sampling (1965) section 11.7, on the effective number; Quenouille,
Biometrika 43 (1956) 353-360, on leaving groups out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linprog

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.panel_effects import LogEffect, log_effect

_STEPS: Final = 200
_BALANCE: Final = 1e-9  # of a total's own size: what a balanced total may be off
_RIDGE: Final = 1e-12
_HALVINGS: Final = 40
LEAST_GROUPS: Final = 5  # left out one by one: fewer say nothing about an error


class InfeasibleBalanceError(ValueError):
    """No non-negative weights balance every total. `shortfalls` is what each total is off at the nearest."""

    def __init__(self, shortfalls: Floats) -> None:
        super().__init__("No non-negative weights of the controls reach every total of the treated places.")
        self.shortfalls = shortfalls


@dataclass(frozen=True, slots=True)
class ControlWeights:
    """A weight for each control, the multiplier of each total, and how many equal controls they are worth."""

    weights: Floats
    multipliers: Floats
    effective_controls: float  # (sum of weights)^2 / sum of squared weights
    steps: int


def calibrate_weights(
    controls: Floats, totals: Floats, *, multipliers: Floats | None = None
) -> ControlWeights:
    """Which non-negative weights of least norm give the controls these totals?

    `controls` (controls x totals) are each control's values, `totals` what their weighted sum must be. A
    column of ones with the number of treated places as its total makes the weights add up to it. Begin at
    `multipliers` of a like problem to be quicker.

    Raises InfeasibleBalanceError where no such weights exist.
    """
    scales = np.maximum(np.abs(controls).max(axis=0), 1e-300)
    scaled_controls, scaled_totals = controls / scales, totals / scales
    tolerance = _BALANCE * np.maximum(np.abs(scaled_totals), 1.0)
    # Weights that may be negative have a closed form: the best beginning, unless a like problem gave one.
    u = multipliers * scales if multipliers is not None else _solve(scaled_controls, scaled_totals)
    for step in range(_STEPS):
        weights = np.maximum(scaled_controls @ u, 0.0)
        imbalance = scaled_controls.T @ weights - scaled_totals
        if (np.abs(imbalance) <= tolerance).all():
            effective_controls = float(weights.sum() ** 2 / (weights @ weights))
            return ControlWeights(weights, u / scales, effective_controls, step)
        u = _newton_step(scaled_controls, scaled_totals, u, imbalance)
    shortfalls = nearest_balance(controls, totals)
    if (np.abs(shortfalls) / scales <= 1e3 * tolerance).all():
        raise ValueError("The totals repeat each other so closely that no weights were found. Leave one out.")
    raise InfeasibleBalanceError(shortfalls)


def _newton_step(controls: Floats, totals: Floats, u: Floats, imbalance: Floats) -> Floats:
    """One step down the convex dual 1/2 |max(0, A u)|^2 - b' u, halved until it falls enough."""
    active_rows = controls[controls @ u > 0.0]
    if len(active_rows) <= len(u):  # too few places at work: the curvature would be flat in some direction
        active_rows = controls
    newton_direction = -_solve(active_rows, imbalance)
    directional_slope = float(imbalance @ newton_direction)
    start_value = _dual(controls, totals, u)
    size = 1.0
    for _ in range(_HALVINGS):
        if (
            _dual(controls, totals, u + size * newton_direction)
            <= start_value + 1e-4 * size * directional_slope
        ):
            break
        size /= 2.0
    return np.asarray(u + size * newton_direction)


def _solve(rows: Floats, right_side: Floats) -> Floats:
    """The solution of rows' rows u = right side, with a ridge against totals that repeat each other."""
    curvature = rows.T @ rows
    curvature[np.diag_indices_from(curvature)] += _RIDGE * np.trace(curvature)
    return np.asarray(np.linalg.solve(curvature, right_side))


def _dual(controls: Floats, totals: Floats, u: Floats) -> float:
    weights = np.maximum(controls @ u, 0.0)
    return float(0.5 * weights @ weights - totals @ u)


def nearest_balance(controls: Floats, totals: Floats) -> Floats:
    """How far is each total missed by the weights that miss them least? Above 0: the controls have too much.

    The sum of misses is made least, each over its total's own size (a linear programme).
    """
    total_count, control_count = len(totals), len(controls)
    total_sizes = np.maximum(np.abs(totals), 1.0)
    scaled_controls = (controls / total_sizes).T
    slack_columns = np.eye(total_count)
    costs = np.concatenate([np.zeros(control_count), np.ones(2 * total_count)])
    solution = linprog(
        costs,
        A_eq=np.hstack([scaled_controls, -slack_columns, slack_columns]),
        b_eq=totals / total_sizes,
        method="highs",
    )
    overshoots = solution.x[control_count : control_count + total_count]
    undershoots = solution.x[control_count + total_count :]
    return np.asarray((overshoots - undershoots) * total_sizes)


def outcome_range(controls: Floats, totals: Floats, outcome: Floats) -> tuple[float, float]:
    """Between which numbers lies the weighted outcome over all non-negative weights that balance as well?

    Raises InfeasibleBalanceError where none do.
    """
    scales = np.maximum(np.abs(controls).max(axis=0), 1e-300)
    range_ends = []
    for sign in (1.0, -1.0):
        solution = linprog(
            sign * outcome, A_eq=(controls / scales).T, b_eq=totals / scales, method="highs-ds"
        )
        if solution.status == 3:  # no bound: a place that no total holds may have any weight
            range_ends.append(-sign * np.inf)
        elif solution.x is None:
            raise InfeasibleBalanceError(nearest_balance(controls, totals))
        else:
            range_ends.append(float(outcome @ solution.x))
    return range_ends[0], range_ends[1]


@dataclass(frozen=True, slots=True)
class PlaceboContrasts:
    """What the recipe says of sets of places where nothing was done: observed, expected, its variance."""

    observed: Floats
    expected: Floats
    variance: Floats  # in units of the dispersion, that all sets share
    failures: int  # sets that no weights balance


def placebo_contrasts(
    places: Floats, outcome: Floats, placebo_sets: Ints, *, multipliers: Floats | None = None
) -> PlaceboContrasts:
    """What would the calibrated control say of each of these sets, had they been the treated ones?

    `places` (places x totals) and `outcome` are of places that were not treated; each row of `placebo_sets`
    lists those that are taken as treated, the others are its controls. Of several outcomes (places x
    outcomes) the answer has a column each.
    """
    contrasts, failure_count = [], 0
    for placebo_set in placebo_sets:
        is_control = np.ones(len(places), dtype=bool)
        is_control[placebo_set] = False
        try:
            placebo_control = calibrate_weights(
                places[is_control], places[placebo_set].sum(axis=0), multipliers=multipliers
            )
        except ValueError:
            failure_count += 1
            continue
        multipliers = placebo_control.multipliers
        weights, control_outcome = placebo_control.weights, outcome[is_control]
        contrasts.append(
            (outcome[placebo_set].sum(axis=0), weights @ control_outcome, weights**2 @ control_outcome)
        )
    shape = (len(contrasts), 3, *outcome.shape[1:])
    observed_counts, expected_counts, variances = np.moveaxis(np.array(contrasts).reshape(shape), 1, 0)
    return PlaceboContrasts(
        observed_counts, expected_counts, variances + np.maximum(expected_counts, 1.0), failure_count
    )


def jackknife_ratio(
    places: Floats, outcome: Floats, is_treated: Bools, group_of_place: Ints, *, level: float = 0.95
) -> LogEffect:
    """The log of treated over expected count, with the error that leaving out groups of places shows.

    `group_of_place` numbers the groups; each holds treated places and controls. The weights are made again
    without it. Student's t has one degree of freedom less than groups.
    Raises ValueError where fewer than five groups could be left out, or a count is 0.
    """
    whole = _log_ratio(places, outcome, is_treated, None)
    values = []
    for group in np.unique(group_of_place):
        is_kept = group_of_place != group
        try:
            values.append(_log_ratio(places[is_kept], outcome[is_kept], is_treated[is_kept], whole[1])[0])
        except InfeasibleBalanceError:
            continue
    count = len(values)
    if count < LEAST_GROUPS:
        raise ValueError(f"Only {count} of the groups can be left out with the others still balanced.")
    # A group that could not be left out is one that matters: the others stand for it.
    variance = (count - 1.0) * float(np.var(values))
    return log_effect(whole[0], variance**0.5, count - 1.0, level)


def _log_ratio(
    places: Floats, outcome: Floats, is_treated: Bools, multipliers: Floats | None
) -> tuple[float, Floats]:
    """The log of treated over expected count, and the multipliers of its weights."""
    control = calibrate_weights(places[~is_treated], places[is_treated].sum(axis=0), multipliers=multipliers)
    expected, _ = weighted_outcome(control.weights, outcome[~is_treated])
    observed = float(outcome[is_treated].sum())
    if observed <= 0.0 or expected <= 0.0:
        raise ValueError("A ratio of counts needs both above 0.")
    return float(np.log(observed / expected)), control.multipliers


def weighted_outcome(weights: Floats, outcome: Floats) -> tuple[float, float]:
    """The weighted sum of the controls' counts, and its variance in units of their dispersion."""
    return float(weights @ outcome), float(weights**2 @ outcome)

"""What did a drawn treatment do? Tests and intervals by drawing it again, as it was drawn.

Units (places, place-days, ring cells) got a treatment by a known draw. The estimate compares the weighted
mean of those that got it with that of those that did not, each unit weighted by the inverse of its chance of
what it got (Hajek), the chances being counted over redraws of the same law. The same law gives the test:
under the hypothesis that treatment multiplies every count by r (or adds d to it), each count without
treatment is known, so that every redraw shows what the estimate would have been by chance alone. The interval
holds the r (or d) that the test does not reject. No model of counts, no independence is assumed.

A unit that always, or never, gets the treatment under the law can't be compared: it is left out and counted.

Sources: Fisher, The Design of Experiments (1935) chapter 2; Rosenbaum, Observational Studies, 2nd ed. (2002)
section 2.4.2 on intervals; Hajek in Godambe and Sprott, Foundations of Statistical Inference (1971) 236;
Aronow and Samii, Annals of Applied Statistics 11 (2017) 1912-1947, on exposure to others' treatment;
Phipson and Smyth, Statistical Applications in Genetics and Molecular Biology 9 (2010) art. 39, on p-values.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy import sparse

from becalm.methods.arrays import Bools, Floats

Scale = Literal["ratio", "difference"]

_BISECTIONS: Final = 30
_WIDEST_LOG_RATIO: Final = 7.0  # a factor of a thousand
_BATCH: Final = 1_000  # redraws at once: memory stays flat


@dataclass(frozen=True, slots=True)
class RandomisationFinding:
    """The estimate on its scale, the interval that the test does not reject, the p-value of no effect."""

    value: float
    low: float
    high: float
    p_value: float
    compared_units: int
    left_out_units: int  # always or never treated under the law
    draws: int


@dataclass(frozen=True, slots=True)
class DrawLaw:
    """What the law of the draw gives each unit: its chance, and per redraw the weight of each unit.

    `is_treated` (draws x units); `is_comparable` says which of all units could be compared; others are out.
    """

    is_treated: sparse.csr_matrix
    chance: Floats
    is_comparable: Bools


def learn_law(is_treated_by_draw: Bools | sparse.csr_matrix) -> DrawLaw:
    """The chance of treatment of each unit, from redraws (draws x units) of the law that was used.

    Raises ValueError where there are fewer than 100 redraws, or no unit could have got either.
    """
    redraws = sparse.csr_matrix(is_treated_by_draw, dtype=np.float64)
    draw_count = redraws.shape[0]
    if draw_count < 100:
        raise ValueError(f"{draw_count} redraws say too little about chances. Draw 1,000 or more.")
    chance = (
        np.asarray(redraws.sum(axis=0)).ravel() / draw_count
    )  # a mean of shares would not reach 1 exactly
    is_comparable = (chance > 0.0) & (chance < 1.0)
    if not is_comparable.any():
        raise ValueError("Every unit is always or never treated: nothing was drawn that could be compared.")
    return DrawLaw(redraws[:, is_comparable], chance[is_comparable], is_comparable)


def randomisation_effect(
    outcome: Floats,
    is_treated: Bools,
    law: DrawLaw,
    *,
    expected: Floats | float = 1.0,
    scale: Scale = "ratio",
    level: float = 0.95,
) -> RandomisationFinding:
    """What did the treatment do to the outcome (one number per unit), and is it more than chance?

    `expected` are each unit's expected counts from before the draw (known without the outcome): they take the
    differences between units out of the comparison and make it sharper, and bias nothing. On the scale
    "ratio" the effect multiplies a unit's count, on "difference" it adds to it (`expected` is not used).

    Raises ValueError where nobody, or everybody, of the comparable units was treated.
    """
    y = np.asarray(outcome, dtype=np.float64)[law.is_comparable]
    was_treated = np.asarray(is_treated, dtype=bool)[law.is_comparable]
    if was_treated.all() or not was_treated.any():
        raise ValueError("All comparable units are in one arm. There is nothing to compare them with.")
    every_exposure = np.broadcast_to(np.asarray(expected, dtype=np.float64), law.is_comparable.shape)
    exposure: Floats = every_exposure[law.is_comparable] if scale == "ratio" else np.ones(len(y))
    test = _Test(law, y, was_treated, exposure, scale)
    estimate = test.estimate
    low, high = _invert_test(test, estimate, 1.0 - level, scale)
    return RandomisationFinding(
        value=_effect(estimate, scale),
        low=low,
        high=high,
        p_value=test.p_value(_effect(0.0, scale)),
        compared_units=len(y),
        left_out_units=int((~law.is_comparable).sum()),
        draws=law.is_treated.shape[0],
    )


@dataclass(frozen=True, slots=True)
class _ArmSums:
    """Weighted sums in the treated arm and in the other, of the observed draw (last) and of every redraw."""

    treated: Floats
    control: Floats


class _Test:
    """The p-value of each hypothesis about the size of the effect.

    Without the treatment the counts would be  y0 = fixed + c moved , with c = 1 / r on the ratio scale (the
    treated units' counts are moved) and c = -d on the other (the treated units are). Sums are linear in y0,
    so that each hypothesis costs two vectors, and not a pass over all draws.
    """

    def __init__(self, law: DrawLaw, y: Floats, was_treated: Bools, exposure: Floats, scale: Scale) -> None:
        self.law, self.was_treated, self.scale = law, was_treated, scale
        self.exposure = self._sum_arms(exposure)
        is_ratio = scale == "ratio"
        self.fixed = self._sum_arms(np.where(was_treated, 0.0, y) if is_ratio else y)
        self.moved = self._sum_arms(
            np.where(was_treated, y, 0.0) if is_ratio else was_treated.astype(np.float64)
        )
        self.estimate = float(self._contrasts(1.0 if is_ratio else 0.0)[-1])

    def p_value(self, effect: float) -> float:
        """Two-sided: what share of redraws is as far from no contrast as the observed draw is?"""
        contrasts = self._contrasts(1.0 / effect if self.scale == "ratio" else -effect)
        # nan: a redraw without an event in either arm; counting it as extreme errs on the safe side.
        distance = np.nan_to_num(np.abs(contrasts), nan=np.inf)
        extreme_count = int((distance[:-1] >= distance[-1] * (1.0 - 1e-12)).sum())
        return (extreme_count + 1.0) / len(contrasts)

    def _sum_arms(self, values: Floats) -> _ArmSums:
        treated_values, control_values = values / self.law.chance, values / (1.0 - self.law.chance)
        treated = self.law.is_treated @ treated_values
        control = control_values.sum() - self.law.is_treated @ control_values
        observed_treated = float(treated_values[self.was_treated].sum())
        observed_control = float(control_values[~self.was_treated].sum())
        return _ArmSums(np.append(treated, observed_treated), np.append(control, observed_control))

    def _contrasts(self, c: float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            treated_mean = (self.fixed.treated + c * self.moved.treated) / self.exposure.treated
            control_mean = (self.fixed.control + c * self.moved.control) / self.exposure.control
            if self.scale == "difference":
                return np.asarray(treated_mean - control_mean)
            # Rounding may leave a mean just below 0 where an arm holds no event.
            return np.log(np.maximum(treated_mean, 0.0)) - np.log(np.maximum(control_mean, 0.0))


def _invert_test(test: _Test, estimate: float, alpha: float, scale: Scale) -> tuple[float, float]:
    """The two ends at which the p-value passes alpha, by bisection outwards from the estimate."""
    if not np.isfinite(estimate):  # no event in one arm: every effect on one side stands
        return _effect(-np.inf, scale), np.inf
    first_width = 0.1 if scale == "ratio" else max(abs(estimate), 1.0) * 0.1
    widest = _WIDEST_LOG_RATIO if scale == "ratio" else 1e6 * first_width
    ends = []
    for direction in (-1.0, 1.0):
        inner, outer = 0.0, first_width
        while outer < widest and test.p_value(_effect(estimate + direction * outer, scale)) > alpha:
            inner, outer = outer, 2.0 * outer
        for _ in range(_BISECTIONS):
            middle = (inner + outer) / 2.0
            if test.p_value(_effect(estimate + direction * middle, scale)) > alpha:
                inner = middle
            else:
                outer = middle
        # An interval that reaches as far as was looked has no end on this side.
        ends.append(_effect(direction * np.inf if outer >= widest else estimate + direction * outer, scale))
    return ends[0], ends[1]


def _effect(contrast: float, scale: Scale) -> float:
    return float(np.exp(contrast)) if scale == "ratio" else contrast


def exposure_by_draw(is_treated_by_draw: Bools, is_near: sparse.csr_matrix) -> sparse.csr_matrix:
    """Which ring cells have a treated place near them, draw by draw (draws x cells)?

    `is_near` (cells x places) is true where a place lies within the ring's distance of the cell. The chance
    of each cell, and so its weight, is then learned from the draws as for a place: buffers may overlap.
    """
    nearness = sparse.csr_matrix(is_near, dtype=np.float32).T
    batches = [
        sparse.csr_matrix(
            sparse.csr_matrix(is_treated_by_draw[first : first + _BATCH], dtype=np.float32) @ nearness > 0
        )
        for first in range(0, len(is_treated_by_draw), _BATCH)
    ]
    return sparse.vstack(batches, format="csr")

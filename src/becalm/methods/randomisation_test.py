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
    """What the law of the draw gives each unit that can be compared: its chances, and its arm in each redraw.

    `is_treated` and `is_control` (draws x units); `is_control` is None where each unit is always in one of
    both. `is_comparable` says which of all units could have been in either; the others are left out.
    """

    is_treated: sparse.csc_matrix
    is_control: sparse.csc_matrix | None
    treated_chance: Floats
    control_chance: Floats
    is_comparable: Bools


def learn_law(
    is_treated_by_draw: Bools | sparse.csr_matrix, is_control_by_draw: Bools | sparse.csr_matrix | None = None
) -> DrawLaw:
    """The chances of each unit, from redraws (draws x units) of the law that was used.

    Without `is_control_by_draw` whoever is not treated is a control. With it, units may be neither: in an arm
    between both, or near a place that was treated.

    Raises ValueError where there are fewer than 100 redraws, or no unit could have been in either.
    """
    is_treated = sparse.csc_matrix(is_treated_by_draw, dtype=np.float64)
    draw_count = is_treated.shape[0]
    if draw_count < 100:
        raise ValueError(f"{draw_count} redraws say too little about chances. Draw 1,000 or more.")
    # A mean of shares would not reach 1 exactly.
    treated_chance = np.asarray(is_treated.sum(axis=0)).ravel() / draw_count
    is_control, control_chance = None, 1.0 - treated_chance
    if is_control_by_draw is not None:
        is_control = sparse.csc_matrix(is_control_by_draw, dtype=np.float64)
        control_chance = np.asarray(is_control.sum(axis=0)).ravel() / draw_count
    is_comparable = (treated_chance > 0.0) & (control_chance > 0.0)
    if not is_comparable.any():
        raise ValueError("Every unit is always or never treated: nothing was drawn that could be compared.")
    return DrawLaw(
        is_treated[:, is_comparable],
        None if is_control is None else is_control[:, is_comparable],
        treated_chance[is_comparable],
        control_chance[is_comparable],
        is_comparable,
    )


@dataclass(frozen=True, slots=True)
class ObservedDraw:
    """Where the draw that was used put each unit, as arrays over all units.

    `dose` is the share of the full treatment that the unit got, from 0 to 1: the effect of a share is that
    power of the effect on the ratio scale, and that share of it on the other.
    """

    is_treated: Bools
    is_control: Bools
    dose: Floats

    @classmethod
    def of(cls, is_treated: Bools) -> "ObservedDraw":
        """A draw in which each unit got all of the treatment or nothing."""
        is_treated_place = np.asarray(is_treated, dtype=bool)
        return cls(is_treated_place, ~is_treated_place, is_treated_place.astype(np.float64))


class RandomisationTest:
    """The test of one law: made once, it takes any number of outcomes and draws.

    `expected` are each unit's expected counts from before the draw (known without the outcome): they take the
    differences between units out of the comparison and make it sharper, and bias nothing. On the scale
    "ratio" the effect multiplies a unit's count, on "difference" it adds to it (`expected` is not used).
    """

    def __init__(self, law: DrawLaw, *, expected: Floats | float = 1.0, scale: Scale = "ratio") -> None:
        self.law, self.scale = law, scale
        exposure_of_place = np.broadcast_to(np.asarray(expected, dtype=np.float64), law.is_comparable.shape)
        exposure = (
            exposure_of_place[law.is_comparable] if scale == "ratio" else np.ones(len(law.treated_chance))
        )
        self.weighted_exposures = exposure / law.treated_chance, exposure / law.control_chance
        self.exposures = _sum_arms(law, exposure[:, None])

    def estimate(
        self, outcome: Floats, observed_draw: Bools | ObservedDraw, *, level: float = 0.95
    ) -> RandomisationFinding:
        """What did the treatment do to the outcome (one number per unit), and is it more than chance?

        Raises ValueError where nobody, or everybody, of the comparable units was treated.
        """
        test = self.observe(outcome, observed_draw)
        low, high = _invert_test(test, test.estimate, 1.0 - level, self.scale)
        return RandomisationFinding(
            value=_effect(test.estimate, self.scale),
            low=low,
            high=high,
            p_value=test.p_value(_effect(0.0, self.scale)),
            compared_units=len(self.law.treated_chance),
            left_out_units=int((~self.law.is_comparable).sum()),
            draws=self.law.is_treated.shape[0],
        )

    def observe(self, outcome: Floats, observed_draw: Bools | ObservedDraw) -> "_Test":
        """The p-value of every effect, for this outcome of this draw."""
        draw = observed_draw if isinstance(observed_draw, ObservedDraw) else ObservedDraw.of(observed_draw)
        is_comparable = self.law.is_comparable
        comparable_draw = ObservedDraw(
            draw.is_treated[is_comparable], draw.is_control[is_comparable], draw.dose[is_comparable]
        )
        if not comparable_draw.is_control.any() or not comparable_draw.is_treated.any():
            raise ValueError("All comparable units are in one arm. There is nothing to compare them with.")
        return _Test(self, np.asarray(outcome, dtype=np.float64)[is_comparable], comparable_draw)


def randomisation_effect(
    outcome: Floats,
    observed_draw: Bools | ObservedDraw,
    law: DrawLaw,
    *,
    expected: Floats | float = 1.0,
    scale: Scale = "ratio",
    level: float = 0.95,
) -> RandomisationFinding:
    """What did the treatment do to the outcome? By a RandomisationTest that is made for this once."""
    return RandomisationTest(law, expected=expected, scale=scale).estimate(
        outcome, observed_draw, level=level
    )


def _sum_arms(law: DrawLaw, columns: Floats) -> tuple[Floats, Floats]:
    """Weighted sums of each column in the treated arm and in the control, redraw by redraw."""
    # Most units hold no event: what is 0 in every column need not be added up over all draws.
    rows = np.flatnonzero(columns.any(axis=1))
    treated_columns = columns[rows] / law.treated_chance[rows, None]
    control_columns = columns[rows] / law.control_chance[rows, None]
    is_treated = law.is_treated if len(rows) == len(columns) else law.is_treated[:, rows]
    treated_sums = np.asarray(is_treated @ treated_columns)
    if law.is_control is None:
        return treated_sums, control_columns.sum(axis=0) - is_treated @ control_columns
    is_control = law.is_control if len(rows) == len(columns) else law.is_control[:, rows]
    return treated_sums, np.asarray(is_control @ control_columns)


class _Test:
    """The p-value of each hypothesis about the size of the effect.

    Without the treatment the counts would be a sum over the doses d that units got: those of dose d over
    r ** d on the ratio scale, less d times the effect on the other. Sums over arms are linear in the counts,
    so that each hypothesis costs a few vectors, and not a pass over all draws.
    """

    def __init__(self, prepared: RandomisationTest, y: Floats, draw: ObservedDraw) -> None:
        law, self.scale = prepared.law, prepared.scale
        self.doses = np.unique(draw.dose) if self.scale == "ratio" else np.array([0.0, 1.0])
        if self.scale == "ratio":
            dose_columns = np.column_stack([np.where(draw.dose == dose, y, 0.0) for dose in self.doses])
        else:
            dose_columns = np.column_stack([y, draw.dose])
        # The observed draw stands last, after the redraws.
        arms = zip(
            _sum_arms(law, dose_columns),
            prepared.exposures,
            (draw.is_treated, draw.is_control),
            (law.treated_chance, law.control_chance),
            prepared.weighted_exposures,
            strict=True,
        )
        (self.treated_parts, self.treated_exposure), (self.control_parts, self.control_exposure) = (
            (
                np.vstack([sums, (dose_columns[is_in_arm] / chance[is_in_arm, None]).sum(axis=0)]),
                np.append(exposures[:, 0], weighted_exposure[is_in_arm].sum()),
            )
            for sums, exposures, is_in_arm, chance, weighted_exposure in arms
        )
        self.estimate = float(self._contrasts(0.0)[-1])

    def p_value(self, effect: float) -> float:
        """Two-sided: what share of redraws is as far from no contrast as the observed draw is?"""
        contrasts = self._contrasts(float(np.log(effect)) if self.scale == "ratio" else effect)
        # nan: a redraw without an event in either arm; counting it as extreme errs on the safe side.
        contrast_distances = np.nan_to_num(np.abs(contrasts), nan=np.inf)
        extreme_count = int((contrast_distances[:-1] >= contrast_distances[-1] * (1.0 - 1e-12)).sum())
        return (extreme_count + 1.0) / len(contrasts)

    def _contrasts(self, effect: float) -> Floats:
        """The contrast of each redraw, and of the observed one, were this (log) effect taken away."""
        effect_factors = np.exp(-self.doses * effect) if self.scale == "ratio" else np.array([1.0, -effect])
        with np.errstate(divide="ignore", invalid="ignore"):
            treated_mean = self.treated_parts @ effect_factors / self.treated_exposure
            control_mean = self.control_parts @ effect_factors / self.control_exposure
            if self.scale == "difference":
                return np.asarray(treated_mean - control_mean)
            # Rounding may leave a mean just below 0 where an arm holds no event.
            return np.asarray(np.log(np.maximum(treated_mean, 0.0)) - np.log(np.maximum(control_mean, 0.0)))


def _invert_test(test: _Test, estimate: float, alpha: float, scale: Scale) -> tuple[float, float]:
    """The two ends at which the p-value passes alpha, by bisection outwards from the estimate."""
    if not np.isfinite(estimate):  # no event in one arm: every effect on one side stands
        return _effect(-np.inf, scale), np.inf
    first_step = 0.1 if scale == "ratio" else max(abs(estimate), 1.0) * 0.1
    widest_effect = _WIDEST_LOG_RATIO if scale == "ratio" else 1e6 * first_step
    interval_ends = []
    for direction in (-1.0, 1.0):
        inner_effect, outer_effect = 0.0, first_step
        while (
            outer_effect < widest_effect
            and test.p_value(_effect(estimate + direction * outer_effect, scale)) > alpha
        ):
            inner_effect, outer_effect = outer_effect, 2.0 * outer_effect
        for _ in range(_BISECTIONS):
            middle_effect = (inner_effect + outer_effect) / 2.0
            if test.p_value(_effect(estimate + direction * middle_effect, scale)) > alpha:
                inner_effect = middle_effect
            else:
                outer_effect = middle_effect
        # An interval that reaches as far as was looked has no end on this side.
        interval_ends.append(
            _effect(
                direction * np.inf if outer_effect >= widest_effect else estimate + direction * outer_effect,
                scale,
            )
        )
    return interval_ends[0], interval_ends[1]


def _effect(contrast: float, scale: Scale) -> float:
    return float(np.exp(contrast)) if scale == "ratio" else contrast


def exposure_by_draw(is_treated_by_draw: Bools, is_near: sparse.csr_matrix) -> sparse.csr_matrix:
    """Which ring cells have a treated place near them, draw by draw (draws x cells)?

    `is_near` (cells x places) is true where a place lies within the ring's distance of the cell. The chance
    of each cell, and so its weight, is then learned from the draws as for a place: buffers may overlap.
    """
    near_matrix = sparse.csr_matrix(is_near, dtype=np.float32).T
    batches = [
        sparse.csr_matrix(
            sparse.csr_matrix(is_treated_by_draw[first : first + _BATCH], dtype=np.float32) @ near_matrix > 0
        )
        for first in range(0, len(is_treated_by_draw), _BATCH)
    ]
    return sparse.vstack(batches, format="csr")

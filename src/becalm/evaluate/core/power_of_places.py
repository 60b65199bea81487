"""Power of the designs that compare lists of places: their own estimators on times drawn from the past."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.evaluate.core import estimate_calibrated
from becalm.evaluate.core.cohorts import find_start_times
from becalm.evaluate.core.estimate_difference import estimate_difference
from becalm.evaluate.core.estimate_effect import evaluate_displacement
from becalm.evaluate.core.estimate_series import (
    BLOCKS_IN_YEAR,
    MONTHS_IN_YEAR,
    evaluate_interrupted,
    exposure_beside,
)
from becalm.evaluate.core.finding import NamedEstimate
from becalm.evaluate.core.power import PlantedEffect, PowerReport, Runs, build_report
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.methods.arrays import Floats, Ints
from becalm.methods.dispersion import panel_dispersion
from becalm.methods.level_model import fit_levels
from becalm.terms import Period, QuestionError
from becalm.terms.progress import Advance, ignore_progress

LEAST_TIMES: Final = 6  # of the past, that made-up studies are drawn from
LEAST_YEARS: Final = 2  # of the past, where made-up studies keep the order of a year
PLACEBO_STUDIES, PLACEBO_SETS = 25, 40  # of calibrated control: with nothing planted, and in each of them
Estimator = Callable[[StudyCounts], NamedEstimate | None]


def assess_places_power(
    protocol: Protocol,
    counts: StudyCounts,
    planted_effect: PlantedEffect,
    *,
    runs: int,
    rng: np.random.Generator,
    advance: Advance = ignore_progress,
) -> PowerReport:
    """How likely is the design to find the planted effect at these places?

    Each run draws counts with each place's rate before the start, the common factor of a past time, and as
    much variance as the past had. Nothing from the start on is read, nor the days that chose the places.

    Raises QuestionError where the panel holds too few times.
    """
    past = counts.panel[:, : counts.panel_start]
    if past.shape[1] < LEAST_TIMES:
        raise QuestionError(
            f"Only {past.shape[1]} times lie before the start, and {LEAST_TIMES} are needed to make studies "
            "up from. Name a longer window before in the protocol."
        )
    world = _World(protocol, counts, PlacesPast.learn(past, year_times=_year_times(protocol, counts)))
    estimate = _choose_estimator(protocol, world, rng)
    with_effect, without = (
        _run_studies(world, estimate, effect, runs=runs, rng=rng, advance=advance)
        for effect in (planted_effect, PlantedEffect(0.0))
    )
    if not np.isfinite(without.log_ratios).any():
        raise QuestionError(
            f"The design {protocol.design} refuses every study that is like these places' past, so it has no "
            "power. `becalm evaluate run` would say why; name other places or controls, or match on less."
        )
    is_treated = counts.places.is_treated
    return build_report(
        with_effect,
        without,
        design=protocol.design,
        days=protocol.windows.after.days,
        places=int(is_treated.sum()),
        planted_effect=planted_effect,
        expected_events=float(past[is_treated].mean(axis=1).sum()) * world.after_times,
        level=protocol.analysis.level,
        looks=protocol.analysis.looks,
        method=f"{protocol.design}, counts drawn by {past.shape[1]} times before the start, "
        f"variance {world.past.dispersion:.2f} times the mean",
    )


def _year_times(protocol: Protocol, counts: StudyCounts) -> int | None:
    """How many times make a year, where the design needs them in their order."""
    if protocol.design != "interrupted":
        return None
    is_of_months = counts.panel_days.max() > 28
    year_times = round(MONTHS_IN_YEAR if is_of_months else BLOCKS_IN_YEAR)
    if counts.panel_start < LEAST_YEARS * year_times:
        raise QuestionError(
            f"Only {counts.panel_start} times lie before the start, and {LEAST_YEARS * year_times} are "
            "needed to make whole years up from. Name a window before of two years or more."
        )
    return year_times


def _choose_estimator(protocol: Protocol, world: "_World", rng: np.random.Generator) -> Estimator:
    """The design's own estimate, without what stands beside it; None where it is refused."""

    def weigh(counts: StudyCounts) -> NamedEstimate | None:
        finding = evaluate_displacement(protocol, counts)
        return next((e for e in finding.estimates if e.scale == "ratio"), finding.main)

    estimators: dict[str, Estimator] = {
        "displacement": weigh,
        "difference": lambda counts: estimate_difference(protocol, counts)[0],
        "interrupted": lambda counts: evaluate_interrupted(protocol, counts).main,
    }
    if protocol.design in estimators:
        return estimators[protocol.design]
    # Placebo sets in each run would take hours: those of some studies stand for those of all.
    scores = np.concatenate(
        [
            estimate_calibrated.score_placebos(
                world.draw(PlantedEffect(0.0), rng), sets=PLACEBO_SETS, rng=rng, advance=ignore_progress
            ).scores
            for _ in range(PLACEBO_STUDIES)
        ]
    )
    if len(scores) < estimate_calibrated.LEAST_PLACEBOS:
        raise QuestionError(
            "Hardly any set of untreated places can be balanced by the others. Match on less, or name more."
        )
    level = protocol.analysis.level
    return lambda counts: estimate_calibrated.judge_by_placebos(
        estimate_calibrated.weigh_controls(counts), scores, level
    )


def _run_studies(
    world: "_World",
    estimate: Estimator,
    planted_effect: PlantedEffect,
    *,
    runs: int,
    rng: np.random.Generator,
    advance: Advance,
) -> Runs:
    """What the design says of so many made-up studies; one that it refuses finds nothing."""
    truth, rows = 1.0 - planted_effect.effect, []
    for _ in range(runs):
        effect = _try(estimate, world.draw(planted_effect, rng))
        advance(1)
        if effect is None:
            rows.append((1.0, np.nan, False))
            continue
        value = effect.estimate.value if effect.scale == "ratio" else np.nan
        rows.append((effect.p_value, value, effect.estimate.low <= truth <= effect.estimate.high))
    p_values, values, is_covered = np.array(rows).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return Runs(p_values, np.log(values), np.asarray(is_covered, dtype=bool))


def _try(estimate: Estimator, counts: StudyCounts) -> NamedEstimate | None:
    try:
        return estimate(counts)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, eq=False)
class PlacesPast:
    """What places were like: each one's rate a time, the common factor of past times, variance over mean.

    With `year_times` made-up studies are put together of whole past years, so that the order within a year
    stays.
    """

    rates: Floats
    factors: Floats
    dispersion: float
    year_times: int | None = None

    @classmethod
    def learn(cls, panel: Floats, *, year_times: int | None = None) -> "PlacesPast":
        """From a panel (places x times) in which nothing was done."""
        rates, totals = panel.mean(axis=1), panel.sum(axis=0)
        factors = totals / totals.mean()
        return cls(rates, factors, panel_dispersion(panel), year_times)

    def draw(self, times: int, rng: np.random.Generator, lift: Floats | float = 1.0) -> Floats:
        """Counts of so many times: each with the factor of a past time, the same for all places.

        `lift` multiplies each place's mean at each time.
        """
        means = self.rates[:, None] * self.factors[self._choose_times(times, rng)] * lift
        if self.dispersion > 1.0:
            spread = self.dispersion - 1.0
            means = rng.gamma(np.maximum(means, 1e-12) / spread, spread)
        return rng.poisson(means).astype(np.float64)

    def _choose_times(self, times: int, rng: np.random.Generator) -> Ints:
        past_times = len(self.factors)
        if self.year_times is None:
            return rng.integers(past_times, size=times)
        past_years = past_times // self.year_times
        years = rng.integers(past_years, size=-(-times // self.year_times))
        first = past_times - past_years * self.year_times
        chosen_times = first + years[:, None] * self.year_times + np.arange(self.year_times)
        return np.asarray(chosen_times.ravel()[:times])


class _World:
    """Studies as the past could have given them."""

    def __init__(self, protocol: Protocol, counts: StudyCounts, past: PlacesPast) -> None:
        self.counts, self.past = counts, past
        self.after_times = max(counts.panel.shape[1] - counts.panel_start, 1)
        self.start_times = np.minimum(find_start_times(protocol, counts), counts.panel.shape[1])
        step_days = float(counts.panel_days[: counts.panel_start].mean())
        self.drift = self._learn_drift()
        self.window_times = [_count_times(window, step_days) for window in protocol.windows.matching]

    def draw(self, planted_effect: PlantedEffect, rng: np.random.Generator) -> StudyCounts:
        """One study with the effect planted at the treated places, from each one's start on."""
        counts, past = self.counts, self.past
        panel = past.draw(counts.panel.shape[1], rng, self._lift(rng))
        delay_times = round(planted_effect.delay_days / counts.after_days * self.after_times)
        is_affected = np.arange(panel.shape[1]) >= (self.start_times + delay_times)[:, None]
        is_affected &= counts.places.is_treated[:, None]
        kept_share = np.where(is_affected, 1.0 - planted_effect.effect, 1.0)
        remaining = rng.binomial(panel.astype(np.int64), kept_share).astype(np.float64)
        moved_counts = planted_effect.displaced * (panel - remaining).sum(axis=1)
        totals = (
            remaining[:, : counts.panel_start].sum(axis=1),
            remaining[:, counts.panel_start :].sum(axis=1),
        )
        windows = [past.draw(times, rng).sum(axis=1) for times in self.window_times]
        return replace(
            counts,
            before=totals[0],
            after=totals[1],
            group_counts=np.stack(totals, axis=-1)[None],
            group_weights=np.ones(1),
            matching=np.column_stack(windows) if windows else counts.matching,
            panel=remaining,
            ring_after=counts.ring_before * (counts.after_days / counts.before_days) + moved_counts,
        )

    def _learn_drift(self) -> float:
        """How far the treated series wanders from the control's from time to time, on the log scale.

        Years put together anew lose it, and a series is expected with it.
        """
        counts, year_times = self.counts, self.past.year_times
        if year_times is None:
            return 0.0
        before, days = counts.panel[:, : counts.panel_start], counts.panel_days[: counts.panel_start]
        treated, control = (
            before[is_in].sum(axis=0) for is_in in (counts.places.is_treated, ~counts.places.is_treated)
        )
        levels = fit_levels(
            treated[None],
            np.arange(counts.panel_start),
            exposure=exposure_beside(control, days),
            cycle=float(year_times),
        )
        return float(levels.drift[0] / np.sqrt(year_times))

    def _lift(self, rng: np.random.Generator) -> Floats | float:
        """A path of the treated places' level beside the others'."""
        if not self.drift:
            return 1.0
        path = np.exp(self.drift * np.cumsum(rng.standard_normal(self.counts.panel.shape[1])))
        return np.where(self.counts.places.is_treated[:, None], path, 1.0)


def _count_times(window: Period, step_days: float) -> int:
    return max(1, round(window.days / step_days))

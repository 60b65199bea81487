"""Power of the designs that compare lists of places: their own estimators on times drawn from the past."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.evaluate.core.estimate_effect import estimate_quickly
from becalm.evaluate.core.power import PlantedEffect, PowerReport, Runs, build_report
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts
from becalm.methods.arrays import Floats
from becalm.methods.dispersion import panel_dispersion
from becalm.terms import QuestionError
from becalm.terms.progress import Advance, ignore_progress

LEAST_TIMES: Final = 6  # of the past, that made-up studies are drawn from


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
    after_times = max(counts.panel.shape[1] - counts.panel_start, 1)
    places_past = PlacesPast.learn(past)

    with_effect, without = (
        _run_studies(protocol, counts, places_past, after_times, effect, runs=runs, rng=rng, advance=advance)
        for effect in (planted_effect, PlantedEffect(0.0))
    )
    is_treated = counts.places.is_treated
    return build_report(
        with_effect,
        without,
        design=protocol.design,
        days=protocol.windows.after.days,
        places=int(is_treated.sum()),
        planted_effect=planted_effect,
        expected_events=float(past[is_treated].mean(axis=1).sum()) * after_times,
        level=protocol.analysis.level,
        looks=protocol.analysis.looks,
        method=f"{protocol.design}, counts drawn by {past.shape[1]} times before the start, "
        f"variance {places_past.dispersion:.2f} times the mean",
    )


def _run_studies(
    protocol: Protocol,
    counts: StudyCounts,
    past: "PlacesPast",
    after_times: int,
    planted_effect: PlantedEffect,
    *,
    runs: int,
    rng: np.random.Generator,
    advance: Advance,
) -> Runs:
    """What the design says of so many made-up studies; one that it refuses finds nothing."""
    truth, rows = 1.0 - planted_effect.effect, []
    for _ in range(runs):
        effect = estimate_quickly(protocol, _make_up(counts, past, after_times, planted_effect, rng))
        advance(1)
        if effect is None:
            rows.append((1.0, np.nan, False))
            continue
        value = effect.estimate.value if effect.scale == "ratio" else np.nan
        rows.append((effect.p_value, value, effect.estimate.low <= truth <= effect.estimate.high))
    p_values, values, is_covered = np.array(rows).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return Runs(p_values, np.log(values), np.asarray(is_covered, dtype=bool))


@dataclass(frozen=True, slots=True, eq=False)
class PlacesPast:
    """What places were like: each one's rate a time, the common factor of past times, variance over mean."""

    rates: Floats
    factors: Floats
    dispersion: float

    @classmethod
    def learn(cls, panel: Floats) -> "PlacesPast":
        """From a panel (places x times) in which nothing was done."""
        rates, totals = panel.mean(axis=1), panel.sum(axis=0)
        factors = totals / totals.mean()
        return cls(rates, factors, panel_dispersion(panel))

    def draw(self, times: int, rng: np.random.Generator) -> Floats:
        """Counts of so many times: each with the factor of a past time, the same for all places."""
        means = self.rates[:, None] * self.factors[rng.integers(len(self.factors), size=times)]
        if self.dispersion > 1.0:
            spread = self.dispersion - 1.0
            means = rng.gamma(np.maximum(means, 1e-12) / spread, spread)
        return rng.poisson(means).astype(np.float64)


def _make_up(
    counts: StudyCounts,
    past: PlacesPast,
    after_times: int,
    planted_effect: PlantedEffect,
    rng: np.random.Generator,
) -> StudyCounts:
    """A study as the past could have given it, with the effect planted at the treated places."""
    before, after = past.draw(counts.panel_start, rng), past.draw(after_times, rng)
    ring_after = counts.ring_before * (counts.after_days / counts.before_days)
    is_treated = counts.places.is_treated
    if planted_effect.effect:
        first = min(round(planted_effect.delay_days / counts.after_days * after_times), after_times)
        quiet = after[is_treated][:, first:]
        remaining = rng.binomial(quiet.astype(np.int64), 1.0 - planted_effect.effect).astype(np.float64)
        after[np.flatnonzero(is_treated)[:, None], np.arange(first, after_times)] = remaining
        ring_after = ring_after.copy()
        ring_after[is_treated] += planted_effect.displaced * (quiet - remaining).sum(axis=1)
    totals = before.sum(axis=1), after.sum(axis=1)
    return replace(
        counts,
        before=totals[0],
        after=totals[1],
        group_counts=np.stack(totals, axis=-1)[None],
        group_weights=np.ones(1),
        panel=np.column_stack([before, after]),
        ring_after=ring_after,
    )

"""How likely is an effect to be found? The whole recipe, run again and again on what the past was like."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.evaluate.core.trial_study import TrialArms
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.randomisation_test import ObservedDraw, RandomisationTest, learn_law
from becalm.terms import Estimate
from becalm.terms.progress import Advance, ignore_progress

GOOD_POWER: Final = 0.8
WORTH_LOOKING: Final = 0.3  # the chance to stop early from which a look is worth taking
WEEK: Final = 7
PLACE_SHARES: Final = (0.5, 1.0, 2.0)  # of the places at hand
WEEKS_SHOWN: Final = (4, 6, 8, 12, 16, 20, 26, 39, 52)


@dataclass(frozen=True, slots=True)
class PlantedEffect:
    """What is planted into each made-up study: the share prevented, the share of it that moves, the delay."""

    effect: float
    displaced: float = 0.0
    delay_days: int = 0


@dataclass(frozen=True, slots=True)
class LookChance:
    """A look before the end: the week, the p-value that it must be below, the chance that it is."""

    week: int
    p_below: float
    chance: float


@dataclass(frozen=True, slots=True)
class PowerReport:
    """The chance to find the planted effect, and with nothing planted; what else the runs say.

    `detectable` is the smallest effect that is found four times in five, by weeks; `error` the standard error
    of the log ratio over the runs, `bias` how far its mean lies from what was planted.
    """

    design: str
    runs: int
    days: int
    places: int
    planted_effect: PlantedEffect
    expected_events: float
    power: Estimate
    size: Estimate  # power with nothing planted: it should be the level
    covered: Estimate  # of the intervals, where the design gives them
    error: float
    bias: float
    detectable: tuple[tuple[int, float], ...]
    detectable_by_places: tuple[tuple[int, float], ...]  # in as many days
    looks: tuple[LookChance, ...]
    first_useful_week: int | None
    level: float
    method: str
    unit: str = "places"  # what `places` counts: places, or people of an offer


@dataclass(frozen=True, slots=True, eq=False)
class TrialPast:
    """What the places of a trial were like: daily counts of days like those to come, or rates alone.

    `daily` (places x past days) begins on the weekday on which the trial begins; each made-up trial takes its
    weeks from it with replacement, all places together, and keeps the share `kept` of each count, as
    places chosen for their counts fall. Without it counts are drawn from daily `rates`, with variance
    `dispersion` times the mean.
    """

    rates: Floats
    daily: Floats | None = None
    kept_share: float = 1.0
    dispersion: float = 1.0

    def draw_counts(self, days: int, rng: np.random.Generator) -> Ints:
        """The counts of one made-up trial with nothing done (places x days)."""
        if self.daily is None:
            means = np.repeat(self.rates[:, None], days, axis=1)
            if self.dispersion > 1.0:
                means = rng.gamma(means / (self.dispersion - 1.0), self.dispersion - 1.0)
            return rng.poisson(means)
        weeks = rng.integers(self.daily.shape[1] // WEEK, size=-(-days // WEEK))
        columns = (weeks[:, None] * WEEK + np.arange(WEEK)).ravel()[:days]
        counts = self.daily[:, columns].astype(np.int64)
        return rng.binomial(counts, self.kept_share) if self.kept_share < 1.0 else counts


def assess_trial_power(
    arms: TrialArms,
    past: TrialPast,
    planted_effect: PlantedEffect,
    *,
    neighbours: Bools,
    level: float,
    looks: tuple[float, ...],
    runs: int,
    rng: np.random.Generator,
    advance: Advance = ignore_progress,
) -> PowerReport:
    """How likely is a trial of this law to find the planted effect? Each run draws arms and counts again."""
    simulation = _TrialSimulation(arms, past, neighbours)
    with_effect, without = (
        simulation.run(effect, level=level, runs=runs, rng=rng, advance=advance)
        for effect in (planted_effect, PlantedEffect(0.0))
    )
    days = arms.arms.shape[1]
    return build_report(
        with_effect,
        without,
        design="trial",
        days=days,
        places=len(arms.places),
        planted_effect=planted_effect,
        expected_events=float(past.rates.sum()) * days,
        level=level,
        looks=looks,
        method=f"randomisation test, {len(arms.redraws):,} draws of the law",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """What the recipe said of each study: p-value, log ratio, and whether its interval held the truth."""

    p_values: Floats
    log_ratios: Floats
    is_covered: Bools


class _TrialSimulation:
    def __init__(self, arms: TrialArms, past: TrialPast, neighbours: Bools) -> None:
        self.arms, self.past = arms, past
        self.neighbours = [np.flatnonzero(row) for row in neighbours]
        redraws = arms.redraws
        is_treated = (redraws == arms.strongest).reshape(len(redraws), -1)
        is_control = None if arms.strongest == 1 else (redraws == 0).reshape(len(redraws), -1)
        expected = np.repeat(past.rates + 1e-9, redraws.shape[2])
        self.test = RandomisationTest(learn_law(is_treated, is_control), expected=expected)

    def run(
        self,
        planted_effect: PlantedEffect,
        *,
        level: float,
        runs: int,
        rng: np.random.Generator,
        advance: Advance,
    ) -> Runs:
        rows = []
        for _ in range(runs):
            arms = self.arms.redraws[rng.integers(len(self.arms.redraws))]
            counts = self._plant(self.past.draw_counts(arms.shape[1], rng), arms, planted_effect, rng)
            dose = arms.ravel() / self.arms.strongest
            draw = ObservedDraw(dose == 1.0, dose == 0.0, dose)
            effect = self.test.estimate(counts.ravel().astype(np.float64), draw, level=level)
            truth = 1.0 - planted_effect.effect
            rows.append((effect.p_value, effect.value, effect.low <= truth <= effect.high))
            advance(1)
        p_values, values, is_covered = np.array(rows).T
        with np.errstate(divide="ignore"):
            return Runs(p_values, np.log(values), is_covered.astype(bool))

    def _plant(
        self, counts: Ints, arms: Ints, planted_effect: PlantedEffect, rng: np.random.Generator
    ) -> Ints:
        """Take away the planted share by the dose of each place-day; some of it moves to places beside."""
        if planted_effect.effect == 0.0:
            return counts
        kept_share = (1.0 - planted_effect.effect) ** (arms / self.arms.strongest)
        kept_share[:, : planted_effect.delay_days] = 1.0
        remaining = rng.binomial(counts, kept_share)
        if planted_effect.displaced > 0.0:
            moved_counts = rng.binomial(counts - remaining, planted_effect.displaced)
            for place, day in zip(*np.nonzero(moved_counts), strict=True):
                nearby_places = self.neighbours[place]
                if len(nearby_places):  # else it moves to ground that is no place of the trial
                    remaining[rng.choice(nearby_places), day] += moved_counts[place, day]
        return np.asarray(remaining)


def build_report(
    with_effect: Runs,
    without: Runs,
    *,
    design: str,
    days: int,
    places: int,
    planted_effect: PlantedEffect,
    expected_events: float,
    level: float,
    looks: tuple[float, ...],
    method: str,
) -> PowerReport:
    """What the runs say: power, size, the smallest effect by weeks, and when a look is worth taking."""
    finite_log_ratios = with_effect.log_ratios[np.isfinite(with_effect.log_ratios)]
    error = float(finite_log_ratios.std(ddof=1)) if len(finite_log_ratios) > 1 else float("nan")
    alpha = 1.0 - level
    week_count = days / WEEK
    standardised_effect = abs(np.log1p(-planted_effect.effect)) / error if error > 0.0 else 0.0
    look_weeks = [max(1, round(share * week_count)) for share in looks]
    useful_looks = (
        look
        for look in _spend(range(1, int(week_count) + 1), week_count, alpha, standardised_effect, alone=True)
    )
    return PowerReport(
        design=design,
        runs=len(with_effect.p_values),
        days=days,
        places=places,
        planted_effect=planted_effect,
        expected_events=expected_events,
        power=estimate_share(with_effect.p_values < alpha),
        size=estimate_share(without.p_values < alpha),
        covered=estimate_share(with_effect.is_covered),
        error=error,
        bias=float(finite_log_ratios.mean() - np.log1p(-planted_effect.effect))
        if len(finite_log_ratios)
        else float("nan"),
        detectable=tuple(_detectable(error, week_count, alpha)),
        detectable_by_places=tuple(
            (round(share * places), _smallest_effect(error / share**0.5, alpha))
            for share in PLACE_SHARES
            if np.isfinite(error)
        ),
        looks=tuple(_spend(look_weeks, week_count, alpha, standardised_effect, alone=False)),
        first_useful_week=next((look.week for look in useful_looks if look.chance >= WORTH_LOOKING), None),
        level=level,
        method=method,
    )


def _detectable(error: float, weeks: float, alpha: float) -> Iterator[tuple[int, float]]:
    """The smallest effect found four times in five, by weeks: errors fall by the root of time."""
    for week_count in sorted({*WEEKS_SHOWN, round(weeks)}):
        effect = _smallest_effect(error * (weeks / week_count) ** 0.5, alpha)
        if week_count >= 1 and np.isfinite(effect):
            yield week_count, effect


def _smallest_effect(error: float, alpha: float) -> float:
    """The effect that is found four times in five where log ratios have this error."""
    normal_reach = float(stats.norm.isf(alpha / 2.0) + stats.norm.ppf(GOOD_POWER))
    return -float(np.expm1(-normal_reach * error))


def _spend(
    weeks: range | list[int], all_weeks: float, alpha: float, delta: float, *, alone: bool
) -> Iterator[LookChance]:
    """Looks that spend the level as O'Brien and Fleming's bound does (Lan and DeMets 1983).

    Each look gets what may be spent by then, less what earlier looks spent: never too much in all.
    """
    spent_level = 0.0
    for week in weeks:
        time_share = min(week / all_weeks, 1.0)
        spent_alpha = float(2.0 * stats.norm.sf(stats.norm.isf(alpha / 2.0) / time_share**0.5))
        p_below = spent_alpha if alone else spent_alpha - spent_level
        spent_level = spent_alpha
        bound = float(stats.norm.isf(p_below / 2.0)) if p_below > 0.0 else np.inf
        chance = float(stats.norm.sf(bound - delta * time_share**0.5))
        yield LookChance(week, p_below, chance)


def estimate_share(is_true: Bools) -> Estimate:
    """The share of runs, with its exact interval."""
    interval = stats.binomtest(int(is_true.sum()), len(is_true)).proportion_ci(0.95)
    return Estimate(float(is_true.mean()), float(interval.low), float(interval.high), 0.95, "exact binomial")

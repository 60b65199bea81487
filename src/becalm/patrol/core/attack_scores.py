"""The figures of an attack, from what each attacker said and what came: means over seeds, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.chance_scores import area_under_curve, calibrate, curve_areas_resampled, log_losses
from becalm.patrol.core.certificate import Attack, AttackSettings, DeadZone, Decile
from becalm.terms import Estimate

METHOD = "bootstrap over test days and seeds"
LEAST_EXPECTED = 5.0
DECILES = 10
STATIC, HISTORY, INSIDER = "static", "history", "insider"


@dataclass(frozen=True, slots=True, eq=False)
class Guesses:
    """What each attacker said of the tested moments of one seed, and what came; `day` 0 is the first."""

    day: Ints
    happened: Bools
    chances: Mapping[str, Floats]
    trained: int


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Rounds in which test days and seeds are drawn anew: how often each counts, [R, D] and [R, S]."""

    days: Floats
    seeds: Floats
    level: float

    def estimate(self, value: float, rounds: Floats) -> Estimate:
        """The value with the spread of its rounds, which few days make too small by sqrt((n - 1) / n)."""
        n = self.days.shape[1]
        apart = (rounds - value) * np.sqrt(n / (n - 1.0))
        low, high = np.quantile(apart, [(1.0 - self.level) / 2.0, (1.0 + self.level) / 2.0])
        return Estimate(
            value, min(value + float(low), value), max(value + float(high), value), self.level, METHOD
        )


def score_attack(
    found: Sequence[Guesses], settings: AttackSettings, zone: DeadZone, rng: np.random.Generator
) -> Attack:
    """What did each attacker know, and how much of it came from the past?"""
    drawn = _draw(len(found), settings, rng)
    auc = {
        name: float(np.mean([area_under_curve(g.chances[name], g.happened) for g in found]))
        for name in found[0].chances
    }
    areas = {name: _areas(found, drawn, name) for name in auc}
    gain = drawn.estimate(auc[HISTORY] - auc[STATIC], areas[HISTORY] - areas[STATIC])
    insider = None
    if INSIDER in auc:
        insider = drawn.estimate(auc[INSIDER] - auc[STATIC], areas[INSIDER] - areas[STATIC])
    deciles = [calibrate(g.chances[HISTORY], g.happened, groups=DECILES).group for g in found]
    return Attack(
        auc_static=auc[STATIC],
        auc_history=auc[HISTORY],
        gain=gain,
        log_loss_skill=_skill(found, drawn),
        safest_decile_ratio=_safest(found, deciles, drawn),
        longest_dead_zone=zone,
        calibration=_calibration(found, deciles),
        auc_insider=auc.get(INSIDER),
        insider_gain=insider,
    )


def _draw(seeds: int, settings: AttackSettings, rng: np.random.Generator) -> Resampled:
    days = rng.multinomial(
        settings.test_days, np.full(settings.test_days, 1 / settings.test_days), settings.rounds
    )
    which = rng.multinomial(seeds, np.full(seeds, 1 / seeds), settings.rounds)
    return Resampled(days.astype(np.float64), which / seeds, settings.level)


def _areas(found: Sequence[Guesses], drawn: Resampled, name: str) -> Floats:
    """The area under the curve in every round, the mean over its seeds."""
    each = [curve_areas_resampled(g.chances[name], g.happened, g.day, drawn.days) for g in found]
    return np.asarray((drawn.seeds * np.stack(each, axis=1)).sum(axis=1))


def _skill(found: Sequence[Guesses], drawn: Resampled) -> Estimate:
    """The share of the timetable's log loss that knowing the past takes away."""
    plain = _by_day([log_losses(g.chances[STATIC], g.happened) for g in found], found, drawn)
    known = _by_day([log_losses(g.chances[HISTORY], g.happened) for g in found], found, drawn)
    return _ratio(plain - known, plain, drawn)


def _safest(found: Sequence[Guesses], deciles: Sequence[Ints], drawn: Resampled) -> Estimate | None:
    """Starts over what the timetable expects, where the attacker feels safest; None where that is little."""
    safe = [group == 0 for group in deciles]
    expected = _by_day([g.chances[STATIC] * s for g, s in zip(found, safe, strict=True)], found, drawn)
    observed = _by_day([g.happened * s * 1.0 for g, s in zip(found, safe, strict=True)], found, drawn)
    return _ratio(observed, expected, drawn) if expected.sum(axis=1).mean() >= LEAST_EXPECTED else None


def _by_day(values: Sequence[Floats], found: Sequence[Guesses], drawn: Resampled) -> Floats:
    """Sums over the moments of each test day, for every seed: [S, D]."""
    days = drawn.days.shape[1]
    return np.stack([np.bincount(g.day, v, days) for g, v in zip(found, values, strict=True)])


def _ratio(above: Floats, below: Floats, drawn: Resampled) -> Estimate:
    """The ratio of two sums over days and seeds, with its interval."""

    def summed(values: Floats) -> Floats:
        return np.asarray((drawn.seeds * (drawn.days @ values.T)).sum(axis=1))

    return drawn.estimate(float(above.sum() / below.sum()), summed(above) / np.maximum(summed(below), 1e-12))


def _calibration(found: Sequence[Guesses], deciles: Sequence[Ints]) -> tuple[Decile, ...]:
    """What was said and what came, tenth by tenth, over all seeds."""
    group = np.concatenate(deciles)
    counts = np.bincount(group, minlength=DECILES)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(group, values, DECILES) / np.maximum(counts, 1))

    foretold = mean(np.concatenate([g.chances[HISTORY] for g in found]))
    timetable = mean(np.concatenate([g.chances[STATIC] for g in found]))
    observed = mean(np.concatenate([g.happened for g in found]))
    return tuple(
        Decile(k + 1, int(counts[k]), float(foretold[k]), float(timetable[k]), float(observed[k]))
        for k in range(DECILES)
    )

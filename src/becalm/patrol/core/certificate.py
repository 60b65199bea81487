"""How predictable a log of visits is: what an attacker gains who has watched every visit so far.

The figures of an attack, from what each attacker said and what came: means over seeds, with intervals.

When may an offender rely on the clock alone? The stretch of the day in which visits all but cease.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.chance_scores import area_under_curve, calibrate, curve_areas_resampled, log_losses
from becalm.patrol.core.visit_log import VisitLog
from becalm.terms import Estimate, UsageError

METHOD = "bootstrap over test days and seeds"
LEAST_EXPECTED = 5.0
DECILES = 10
STATIC, HISTORY, INSIDER = "static", "history", "insider"
STEP_MINUTES = 5
STEPS = 24 * 60 // STEP_MINUTES
DEAD_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class AttackSettings:
    """How the attack is run: what it learns from, what it foretells, and how often it is repeated.

    `rows` is how many moments are drawn for training where there are more; neighbouring moments share most
    of their half-hour, so that little is lost.
    """

    train_days: int = 56
    test_days: int = 14
    seeds: int = 1
    window_minutes: int = 30
    rows: int = 300_000
    level: float = 0.95
    rounds: int = 500

    def __post_init__(self) -> None:
        for name, least in (("train_days", 7), ("test_days", 2), ("seeds", 1)):
            if getattr(self, name) < least:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} is {getattr(self, name)}. Give at least {least}.")


@dataclass(frozen=True, slots=True)
class Decile:
    """A tenth of the tested moments, by the attacker's score: what was said and what came."""

    decile: int  # 1 is where the attacker feels safest
    moments: int
    foretold: float  # mean chance of a start within the window, by the attacker who knows the past
    timetable: float  # the same by the attacker who knows the timetable alone
    observed: float  # share of moments in which a visit did start


@dataclass(frozen=True, slots=True)
class DeadZone:
    """The longest stretch of the clock in which an area's visits under way fall to a tenth of their mean."""

    area: str
    begins: str  # clock time, e.g. "13:45"
    minutes: int


@dataclass(frozen=True, slots=True)
class Attack:
    """How well visits can be foretold. `gain` is the area under the curve with the past less that without it.

    `log_loss_skill` is the share of the timetable's surprise that knowing the past takes away.
    `safest_decile_ratio` is starts observed over starts that the timetable expects, in the tenth of moments
    in which the attacker feels safest: 1 is no knowledge, 0 is certainty. It is None where the timetable
    expects fewer than five starts there. An insider also knows where every unit is now.
    """

    auc_static: float
    auc_history: float
    gain: Estimate
    log_loss_skill: Estimate
    safest_decile_ratio: Estimate | None
    longest_dead_zone: DeadZone
    calibration: tuple[Decile, ...]
    auc_insider: float | None = None
    insider_gain: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """How predictable a log is, beside the same attack on independent visits at the same rates (`floor`)."""

    attack: Attack
    floor: Attack
    settings: AttackSettings
    seed: int
    first_day: date
    last_day: date
    time_zone: str
    visits: int
    hotspots: int
    moments: int  # foretold
    trained: int  # moments learned from, for each seed
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, eq=False)
class AttackPredictions:
    """What each attacker said of the tested moments of one seed, and what came; `day` 0 is the first."""

    day: Ints
    happened: Bools
    chances: Mapping[str, Floats]
    trained: int


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapWeights:
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
    found: Sequence[AttackPredictions], settings: AttackSettings, zone: DeadZone, rng: np.random.Generator
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


def _draw(seeds: int, settings: AttackSettings, rng: np.random.Generator) -> BootstrapWeights:
    days = rng.multinomial(
        settings.test_days, np.full(settings.test_days, 1 / settings.test_days), settings.rounds
    )
    which = rng.multinomial(seeds, np.full(seeds, 1 / seeds), settings.rounds)
    return BootstrapWeights(days.astype(np.float64), which / seeds, settings.level)


def _areas(found: Sequence[AttackPredictions], drawn: BootstrapWeights, name: str) -> Floats:
    """The area under the curve in every round, the mean over its seeds."""
    each = [curve_areas_resampled(g.chances[name], g.happened, g.day, drawn.days) for g in found]
    return np.asarray((drawn.seeds * np.stack(each, axis=1)).sum(axis=1))


def _skill(found: Sequence[AttackPredictions], drawn: BootstrapWeights) -> Estimate:
    """The share of the timetable's log loss that knowing the past takes away."""
    plain = _by_day([log_losses(g.chances[STATIC], g.happened) for g in found], found, drawn)
    known = _by_day([log_losses(g.chances[HISTORY], g.happened) for g in found], found, drawn)
    return _ratio(plain - known, plain, drawn)


def _safest(
    found: Sequence[AttackPredictions], deciles: Sequence[Ints], drawn: BootstrapWeights
) -> Estimate | None:
    """Starts over what the timetable expects, where the attacker feels safest; None where that is little."""
    safe = [group == 0 for group in deciles]
    expected = _by_day([g.chances[STATIC] * s for g, s in zip(found, safe, strict=True)], found, drawn)
    observed = _by_day([g.happened * s * 1.0 for g, s in zip(found, safe, strict=True)], found, drawn)
    return _ratio(observed, expected, drawn) if expected.sum(axis=1).mean() >= LEAST_EXPECTED else None


def _by_day(values: Sequence[Floats], found: Sequence[AttackPredictions], drawn: BootstrapWeights) -> Floats:
    """Sums over the moments of each test day, for every seed: [S, D]."""
    days = drawn.days.shape[1]
    return np.stack([np.bincount(g.day, v, days) for g, v in zip(found, values, strict=True)])


def _ratio(above: Floats, below: Floats, drawn: BootstrapWeights) -> Estimate:
    """The ratio of two sums over days and seeds, with its interval."""

    def summed(values: Floats) -> Floats:
        return np.asarray((drawn.seeds * (drawn.days @ values.T)).sum(axis=1))

    return drawn.estimate(float(above.sum() / below.sum()), summed(above) / np.maximum(summed(below), 1e-12))


def _calibration(found: Sequence[AttackPredictions], deciles: Sequence[Ints]) -> tuple[Decile, ...]:
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


def find_longest_dead_zone(log: VisitLog, counted: Bools, clock_s: Ints) -> DeadZone:
    """In which area do visits under way stay below a tenth of their daily mean for longest, by the clock?

    `clock_s[i]` is the clock's second of the day at which visit i starts, and `counted` says which visits
    count. The day is a circle of steps of 5 minutes. Such a zone is what tours leave behind that all change
    over at one hour.
    """
    areas, of_hotspot = np.unique(np.array(log.areas), return_inverse=True)
    zones = []
    for a, area in enumerate(areas):
        mine = (of_hotspot[log.hotspot] == a) & counted
        under_way = _under_way(clock_s[mine], clock_s[mine] + (log.end_s - log.start_s)[mine])
        begin, steps = _longest_run(under_way <= DEAD_SHARE * under_way.mean())
        zones.append((steps, str(area), begin))
    steps, area, begin = max(zones, key=lambda zone: (zone[0], zone[1]))
    minute = begin * STEP_MINUTES
    return DeadZone(area, f"{minute // 60:02d}:{minute % 60:02d}", steps * STEP_MINUTES)


def _under_way(begin_s: Ints, end_s: Ints) -> Ints:
    """How many visits touch each step of the day?"""
    first = begin_s // (60 * STEP_MINUTES)
    last = np.maximum(first, (end_s - 1) // (60 * STEP_MINUTES))
    lengths = np.minimum(last - first + 1, STEPS)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.bincount((np.repeat(first, lengths) + within) % STEPS, minlength=STEPS).astype(np.int64)


def _longest_run(dead: Bools) -> tuple[int, int]:
    """Where the longest run on the circle begins, and how many steps it has."""
    if dead.all() or not dead.any():
        return 0, int(dead.sum())
    shift = int(np.argmin(dead))  # a step that is not dead comes first
    turned = np.concatenate([np.roll(dead, -shift), [False]]).astype(np.int8)
    edges = np.flatnonzero(np.diff(turned, prepend=0)).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    longest = int(np.argmax(lengths))
    return int(edges[longest, 0] + shift) % len(dead), int(lengths[longest])

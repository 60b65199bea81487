"""How long would a rebound go unseen? Planted into drawings of the force's own series, found by its alarms.

And how many alarms would the same thresholds have raised in the force's own past, where nothing was declared?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

import becalm.sustain.core.thresholds as simulation
from becalm.methods.alarms.watched_counts import LEARNING_TIMES
from becalm.methods.arrays import Floats
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.null_worlds import WATCHED_WEEKS, NullWorld, draw_worlds, watch_counts
from becalm.sustain.core.series import LEAST_HISTORY
from becalm.sustain.core.watch import Delay
from becalm.terms import Estimate

ONSET: Final = LEARNING_TIMES + 4  # the column in which a planted rebound begins
CLIMB_WEEKS: Final = 8
DRAWINGS: Final = 16
PLACEBO_HISTORY: Final = 2 * LEAST_HISTORY
PLACEBO_APART: Final = 26  # weeks between the starts of two placebo stretches
PLACEBO_RUNS: Final = 2


def climb(share: Floats, to: Floats, *, weeks: int, onset: int, length: int) -> Floats:
    """By what must each fallen level be multiplied, week by week, to climb from `share` to `to`?"""
    progress = np.clip((np.arange(length) - onset + 1) / weeks, 0.0, 1.0)
    return np.asarray(1.0 + (to / share - 1.0)[:, None] * progress)


def expect_delays(
    world: NullWorld,
    alarms: Sequence[NamedAlarm],
    families: Sequence[simulation.Family],
    thresholds: Mapping[str, Sequence[simulation.Threshold]],
    rng: np.random.Generator,
    *,
    drawings: int = DRAWINGS,
) -> dict[str, tuple[Delay, ...]]:
    """The median delay of each series and group, if all series rebound to the former level, or half way."""
    length = world.after.shape[1]
    delays_by_target = []
    for target in (np.ones(world.size), (world.share + 1.0) / 2.0):
        rise_factors = climb(
            world.share, np.maximum(target, world.share), weeks=CLIMB_WEEKS, onset=ONSET, length=length
        )
        delays_by_target.append(
            _median_delays(world, alarms, families, thresholds, rise_factors, drawings, rng)
        )
    full, half = delays_by_target
    return {kind: tuple(map(Delay, full[kind], half[kind])) for kind in full}


def _median_delays(
    world: NullWorld,
    alarms: Sequence[NamedAlarm],
    families: Sequence[simulation.Family],
    thresholds: Mapping[str, Sequence[simulation.Threshold]],
    rise: Floats,
    drawings: int,
    rng: np.random.Generator,
) -> dict[str, list[float | None]]:
    delays: dict[str, list[Floats]] = {}
    for count, watched in draw_worlds(world, drawings, rng, rise=rise):
        for kind, scores in simulation.score_all(
            watched, alarms, [family.repeat(count) for family in families]
        ):
            delays.setdefault(kind, []).append(
                first_crossings(
                    scores, np.tile(simulation.threshold_values(thresholds[kind]), count), ONSET
                ).reshape(count, -1)
            )
    medians = {kind: np.median(np.concatenate(parts), axis=0) for kind, parts in delays.items()}
    return {kind: [float(d) if np.isfinite(d) else None for d in median] for kind, median in medians.items()}


def first_crossings(scores: Floats, thresholds: Floats, onset: int) -> Floats:
    """The weeks from the onset to the first score at each row's threshold (1: in that week); inf if none."""
    is_above = scores[:, onset:] >= thresholds[:, None]
    return np.where(is_above.any(axis=1), is_above.argmax(axis=1) + 1.0, np.inf)


@dataclass(frozen=True, slots=True)
class Placebo:
    """Alarms that the thresholds would have raised in the untouched past, over so many different years.

    Stretches overlap, so `alarms` is the mean of a stretch times the years that they cover together.
    `clumping` is variance over mean of the false alarms of a year, by simulation.
    """

    alarms: float
    years: float
    clumping: float = 1.0

    def per_year(self, level: float = 0.95) -> Estimate | None:
        """The alarms of the force a year, as a quasi-Poisson count; None where there was no room."""
        if not self.years:
            return None
        tail_chance = (1.0 - level) / 2.0
        clumps, clumps_a_year = self.alarms / self.clumping, self.clumping / self.years
        low_rate = float(stats.gamma.ppf(tail_chance, clumps)) * clumps_a_year if clumps else 0.0
        high_rate = float(stats.gamma.ppf(1.0 - tail_chance, clumps + 1.0)) * clumps_a_year
        return Estimate(self.alarms / self.years, low_rate, high_rate, level, "placebo stretches")


def count_placebo(
    history: Floats,
    share: Floats,
    alarms: Sequence[NamedAlarm],
    families: Sequence[simulation.Family],
    simulated: simulation.SimulatedThresholds,
    rng: np.random.Generator,
) -> Placebo:
    """How many alarms would have been raised in the weeks before the step, had a step been watched there?

    Every half year back from the newest weeks, each stretch as long as the year that thresholds are made
    for, as far as two years of history lie before it. Each event of a stretch is kept with the chance
    `share` of its series, so that the weeks are as few as those that thresholds are made for; that is done
    a few times over.
    """
    watched_weeks = LEARNING_TIMES + WATCHED_WEEKS
    starts = range(history.shape[1] - watched_weeks, PLACEBO_HISTORY - 1, -PLACEBO_APART)
    if not len(starts):
        return Placebo(0.0, 0.0)
    alarm_count = 0
    for start in starts:
        for _ in range(PLACEBO_RUNS):
            counts = history[:, : start + watched_weeks].copy()
            counts[:, start:] = rng.binomial(counts[:, start:].astype(np.int64), share[:, None])
            for kind, scores in simulation.score_all(watch_counts(counts, start), alarms, families):
                threshold_heights = simulation.threshold_values(simulated.by_kind[kind])
                first_crossing_weeks = first_crossings(scores, threshold_heights, LEARNING_TIMES)
                alarm_count += int(np.isfinite(first_crossing_weeks).sum())
    watched_years = (PLACEBO_APART * (len(starts) - 1) + WATCHED_WEEKS) / WATCHED_WEEKS
    mean_count = alarm_count / (len(starts) * PLACEBO_RUNS)
    return Placebo(round(mean_count * watched_years, 4), watched_years, round(simulated.clumping, 4))

"""How soon would each alarm have found a rebound that is planted into the force's own series?

The weeks are those of the force before anything was declared. Each is thinned at random to the share that
the plan says, so that the noise, the season and the oddities stay those of the force. From each start on
alarms see one week after the other, and nothing later. All have the same budget; the XmR chart has its own
limits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.alarms.watched_counts import LEARNING_TIMES, WatchedCounts
from becalm.methods.alarms.yardsticks import clairvoyant, xmr, year_on_year
from becalm.methods.arrays import Floats, seed_generator
from becalm.sustain.core.alarms import DEFAULT_ALARM, NamedAlarm
from becalm.sustain.core.baseline import fit_baseline
from becalm.sustain.core.delays import ONSET, PLACEBO_APART, PLACEBO_HISTORY, first_crossings
from becalm.sustain.core.null_worlds import WATCHED_WEEKS, NullWorld, watch_counts
from becalm.sustain.core.thresholds import Budget, Family, score_all, simulate_thresholds, threshold_values
from becalm.terms import QuestionError

YEAR_ON_YEAR = NamedAlarm("year on year", year_on_year)
XMR, CLAIRVOYANT = "XmR chart", "clairvoyant"
XMR_LIMIT: Final = 1.0
LEVEL_CLASSES: Final = ((0.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 20.0), (20.0, np.inf))
SOON_WEEKS: Final = 26
LENGTH: Final = LEARNING_TIMES + WATCHED_WEEKS


@dataclass(frozen=True, slots=True)
class PlantedRebound:
    """A fall to `fall` of the former level, and a climb to `to` of it in so many weeks."""

    fall: float
    weeks: int
    to: float

    def share(self) -> Floats:
        """The share of the former level in each watched week."""
        progress = np.clip((np.arange(LENGTH) - ONSET + 1) / self.weeks, 0.0, 1.0)
        return np.asarray(self.fall + (self.to - self.fall) * progress)


@dataclass(frozen=True, slots=True)
class BacktestRow:
    """One method on series of one class of level: how soon, how surely, and how often for nothing.

    `median_weeks` from the onset, None where over half are never found; `false_per_year` of the whole force:
    alarms in the same stretches with the fall and without the climb.
    """

    method: str
    low: float
    high: float
    series: int
    median_weeks: float | None
    found_share: float
    false_per_year: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Rows of each method and class of level, over so many starts."""

    rebound: PlantedRebound
    rows: tuple[BacktestRow, ...]
    starts: int
    budget: Budget
    seed: int


def backtest_alarms(
    history: Floats,
    world: NullWorld,
    alarms: Sequence[NamedAlarm],
    rebound: PlantedRebound,
    budget: Budget,
    *,
    runs: int,
    seed: int,
) -> Backtest:
    """Plant the rebound into every series at every start, and watch.

    Raises QuestionError where the history is too short for two years before a start and a year after it.
    """
    starts = list(range(PLACEBO_HISTORY, history.shape[1] - LENGTH + 1, PLACEBO_APART))
    if not starts:
        raise QuestionError(
            f"{history.shape[1]} weeks before the step are too few: a back-test needs "
            f"{PLACEBO_HISTORY + LENGTH}, "
            "two years to learn from and a year to watch. Ingest older records."
        )
    threshold_rng, plant_rng = seed_generator(seed).spawn(2)
    judged_alarms = (*alarms, YEAR_ON_YEAR)
    no_families: tuple[Family, ...] = ()
    thresholds = {
        name: threshold_values(rows)
        for name, rows in simulate_thresholds(
            world, judged_alarms, no_families, budget, threshold_rng
        ).by_kind.items()
    }
    # The clairvoyant's score is the ramp's, told the level: no other alarm's height is on its scale.
    of_ramp = thresholds.get(DEFAULT_ALARM, np.full(world.size, np.inf))
    thresholds |= {XMR: np.full(world.size, XMR_LIMIT), CLAIRVOYANT: of_ramp}
    risen: dict[str, list[Floats]] = {}
    calm: dict[str, list[Floats]] = {}
    for start in starts:
        for _ in range(runs):
            for share, delays, first_week in ((rebound.share(), risen, ONSET), (None, calm, LEARNING_TIMES)):
                thinned_counts = _thin(history[:, : start + LENGTH], start, rebound, share, plant_rng)
                watched = watch_counts(thinned_counts, start)
                for method, scores in _scores(
                    watched, history[:, start : start + LENGTH], judged_alarms, rebound
                ):
                    delays.setdefault(method, []).append(
                        first_crossings(scores, thresholds[method], first_week)
                    )
    levels = history.mean(axis=1)
    rows = tuple(_summarise(levels, risen, calm, len(starts) * runs))
    return Backtest(rebound, rows, len(starts), budget, seed)


def _thin(
    counts: Floats, start: int, rebound: PlantedRebound, share: Floats | None, rng: np.random.Generator
) -> Floats:
    """The counts with each event since the start kept by the chance of its week."""
    keep_chances = np.full(LENGTH, rebound.fall) if share is None else share
    kept_counts = counts.copy()
    kept_counts[:, start:] = rng.binomial(counts[:, start:].astype(np.int64), np.clip(keep_chances, 0.0, 1.0))
    return kept_counts


def _scores(
    watched: WatchedCounts, whole_counts: Floats, alarms: Sequence[NamedAlarm], rebound: PlantedRebound
) -> Iterator[tuple[str, Floats]]:
    yield from score_all(watched, alarms, ())
    yield XMR, xmr(watched)
    # What the weeks were before anything was taken from them, smoothed: nobody else can know it.
    smooth_level = fit_baseline(whole_counts, 1).fitted_counts
    yield CLAIRVOYANT, clairvoyant(watched, rebound.fall * smooth_level)


def _summarise(
    levels: Floats, risen: Mapping[str, list[Floats]], calm: Mapping[str, list[Floats]], stretches: int
) -> Iterator[BacktestRow]:
    for method, delays in risen.items():
        delays_by_series = np.stack(delays, axis=1)
        false_alarms = np.isfinite(np.stack(calm[method], axis=1))
        for low, high in LEVEL_CLASSES:
            is_of_class = (levels >= low) & (levels < high)
            if not is_of_class.any():
                continue
            class_delays = delays_by_series[is_of_class]
            median_weeks = float(np.median(class_delays))
            yield BacktestRow(
                method,
                low,
                high,
                int(is_of_class.sum()),
                median_weeks if np.isfinite(median_weeks) else None,
                float((class_delays <= SOON_WEEKS).mean()),
                float(false_alarms[is_of_class].sum() / stretches),
            )

"""The watch of a whole force: thresholds for each step, then states, then what the whole of it says."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import becalm.sustain.core.thresholds as simulation
from becalm.methods.alarms.watched_counts import LEARNING_TIMES, learn_level
from becalm.methods.arrays import Floats, seed_generator
from becalm.sustain.core.alarms import NamedAlarm
from becalm.sustain.core.baseline import LONGEST_HISTORY, fit_baseline
from becalm.sustain.core.delays import Placebo, count_placebo, expect_delays
from becalm.sustain.core.null_worlds import NullWorld, learn_world
from becalm.sustain.core.series import Key, SeriesSinceStep, WeeklySeries
from becalm.sustain.core.watch import Delay, PreparedPart
from becalm.terms import Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that simulation says of the series of one step: thresholds, delays, alarms in the placebo past."""

    seed: int
    inputs_sha256: str
    thresholds: Mapping[str, tuple[simulation.Threshold, ...]]
    delays: Mapping[str, tuple[Delay, ...]]
    placebo: Placebo


@dataclass(frozen=True, slots=True)
class CalibrationInputs:
    """What a calibration is made of; the same inputs and seed give the same numbers."""

    part: SeriesSinceStep
    prepared: PreparedPart
    alarms: tuple[NamedAlarm, ...]
    families: tuple[simulation.Family, ...]
    budget: simulation.Budget
    most_series: int = simulation.MOST_SERIES

    @property
    def sha256(self) -> str:
        """The hash of everything that goes into the simulation but the seed."""
        digest = hashlib.sha256()
        described_inputs = (
            self.part.series.keys,
            self.part.series.mondays[self.part.first].isoformat(),
            [alarm.name for alarm in self.alarms],
            self.budget,
            self.most_series,
        )
        digest.update(repr(described_inputs).encode())
        digest.update(np.ascontiguousarray(self.prepared.past.counts).tobytes())
        digest.update(np.ascontiguousarray(self.fallen_share).tobytes())
        return digest.hexdigest()

    @property
    def fallen_share(self) -> Floats:
        """How far each series fell, to two digits; the usual share until eight weeks have shown it."""
        watched = self.prepared.watched
        if watched.counts.shape[1] < LEARNING_TIMES:
            return np.full(len(watched.counts), 0.6)
        return np.round(learn_level(watched.filled_counts, watched.filled_expected), 2)

    @property
    def world(self) -> NullWorld:
        """The world to draw from."""
        areas, offences = (_number(self.part.series.keys, index) for index in (0, 1))
        past = self.prepared.past.counts
        return learn_world(past, self.prepared.baseline, areas, offences, share=self.fallen_share)


def history_world(history: WeeklySeries, *, fall: float) -> NullWorld:
    """The world of these weeks, every series fallen by the same share."""
    areas, offences = (_number(history.keys, index) for index in (0, 1))
    share = np.full(len(history.keys), fall)
    newest = history.counts[:, -LONGEST_HISTORY:]
    return learn_world(newest, fit_baseline(newest, 1), areas, offences, share=share)


def calibrate(inputs: CalibrationInputs, seed: int) -> Calibration:
    """Simulate the thresholds, the delays and the placebo alarms of these series."""
    world = inputs.world
    threshold_rng, delay_rng, placebo_rng = seed_generator(seed).spawn(3)
    simulated = simulation.simulate_thresholds(
        world, inputs.alarms, inputs.families, inputs.budget, threshold_rng, most_series=inputs.most_series
    )
    thresholds = simulated.by_kind
    delays = expect_delays(world, inputs.alarms, inputs.families, thresholds, delay_rng)
    placebo = count_placebo(
        inputs.prepared.past.counts, world.share, inputs.alarms, inputs.families, simulated, placebo_rng
    )
    return Calibration(seed, inputs.sha256, thresholds, delays, placebo)


def choose_families(part: SeriesSinceStep) -> tuple[simulation.Family, ...]:
    """The groups that are watched beside the single series: those that nobody finds by looking."""
    is_watched = np.array([finder != "police" for finder in part.series.found_by])
    families = simulation.build_families(part.series.keys)
    kept_families = []
    for family in families:
        members = family.members & is_watched
        rows = [row for row in range(len(members)) if members[row].sum() > 1]
        if rows:
            kept_families.append(
                simulation.Family(family.name, tuple(family.labels[row] for row in rows), members[rows])
            )
    return tuple(kept_families)


def share_budget(
    per_year: float, single_share: float, parts: Sequence[SeriesSinceStep], part: SeriesSinceStep
) -> simulation.Budget:
    """The part of the force's budget that falls to the series of one step, by their number."""
    part_share = len(part.series.keys) / sum(len(any_part.series.keys) for any_part in parts)
    group_alarm_rate = per_year * (1.0 - single_share) * part_share
    single_alarm_rate = per_year * single_share * part_share
    return (
        simulation.Budget(single_alarm_rate, group_alarm_rate)
        if choose_families(part)
        else simulation.Budget(single_alarm_rate + group_alarm_rate, 0.0)
    )


def add_budgets(budgets: Sequence[simulation.Budget]) -> simulation.Budget:
    """The budget of the whole force."""
    return simulation.Budget(
        sum(budget.single for budget in budgets), sum(budget.groups for budget in budgets)
    )


def combine_placebo(placebos: Sequence[Placebo]) -> Estimate | None:
    """The placebo alarms of all parts a year; None where one of them has no room for any."""
    if not placebos or any(not placebo.years for placebo in placebos):
        return None
    least_years = min(placebo.years for placebo in placebos)
    alarm_sum = sum(placebo.alarms * least_years / placebo.years for placebo in placebos)
    return Placebo(alarm_sum, least_years, max(placebo.clumping for placebo in placebos)).per_year()


def _number(keys: Sequence[Key], index: int) -> Floats:
    return np.unique([key[index] for key in keys], return_inverse=True)[1].astype(np.float64)

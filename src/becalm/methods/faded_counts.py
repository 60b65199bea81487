"""Counts of many places over time, faded by age, with a half-life that the data choose.

A memory of half-life h at origin t is the sum of all earlier counts, each weighted by one half to
the power of its age over h. With a gamma prior this is the exact posterior of the Poisson model
whose rate drifts: A. C. Harvey and C. Fernandes, "Time series models for count or qualitative
observations", Journal of Business & Economic Statistics 7 (1989) 407-417.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.gamma_poisson import fit_mixture


@dataclass(frozen=True, slots=True)
class CountSeries:
    """Which places had how many events in each step: parallel arrays, one pair per step.

    `exposure[t]` is the length of step t in the unit of time that rates are wanted in.
    """

    size: int
    places: tuple[Ints, ...]
    counts: tuple[Floats, ...]
    exposure: Floats

    @property
    def steps(self) -> int:
        """How many steps it covers."""
        return len(self.places)

    @property
    def totals(self) -> Floats:
        """All events of each step."""
        return np.array([c.sum() for c in self.counts])

    def window(self, start: int, end: int) -> Floats:
        """The sum of each place over steps start to end (excluded), from 0 on."""
        place_totals = np.zeros(self.size)
        for t in range(max(start, 0), end):
            place_totals += np.bincount(self.places[t], self.counts[t], self.size)
        return place_totals

    def select(self, is_kept: Bools) -> CountSeries:
        """The series of these places alone, in their order."""
        new_numbers = np.cumsum(is_kept) - 1
        is_kept_event = [is_kept[places] for places in self.places]
        return CountSeries(
            int(is_kept.sum()),
            tuple(new_numbers[p[mask]] for p, mask in zip(self.places, is_kept_event, strict=True)),
            tuple(c[mask] for c, mask in zip(self.counts, is_kept_event, strict=True)),
            self.exposure,
        )


def build_series(
    step: Ints, place: Ints, count: Ints | Floats, *, exposure: Floats, size: int
) -> CountSeries:
    """Sort parallel (step, place, count) entries into a series; entries of place -1 are left out."""
    has_place = place >= 0
    entry_keys = step[has_place] * size + place[has_place]
    distinct_keys, key_of_entry = np.unique(entry_keys, return_inverse=True)
    key_totals: Floats = np.bincount(key_of_entry, count[has_place], len(distinct_keys)).astype(np.float64)
    step_edges = np.searchsorted(distinct_keys, np.arange(len(exposure) + 1) * size)
    step_spans = list(pairwise(step_edges))
    return CountSeries(
        size=size,
        places=tuple(distinct_keys[a:b] % size for a, b in step_spans),
        counts=tuple(key_totals[a:b] for a, b in step_spans),
        exposure=exposure,
    )


@dataclass(frozen=True, slots=True)
class HalfLife:
    """The chosen half-life in steps, and the mean log-likelihood per event of each that was tried."""

    steps: float
    half_lives: tuple[float, ...]
    log_likelihoods: tuple[float, ...]


def memories(series: CountSeries, half_life: float, origins: Sequence[int]) -> Iterator[tuple[int, Floats]]:
    """Each place's memory just before each origin; origin t has seen steps 0 to t - 1 only."""
    decay_per_step = 0.5 ** (1.0 / half_life)
    origin_set, faded_counts = set(origins), np.zeros(series.size)
    for t in range(series.steps + 1):
        # Yielded before the step is added: a forecast must not know what it forecasts.
        if t in origin_set:
            yield t, faded_counts.copy()
        if t < series.steps:
            faded_counts *= decay_per_step
            faded_counts[series.places[t]] += series.counts[t]


def sum_faded(values: Floats, half_life: float, origin: int) -> float:
    """The same memory of one series of numbers, e.g. of exposure."""
    return float(values[:origin] @ 0.5 ** (np.arange(origin)[::-1] / half_life))


def fading_weights(half_lives: Sequence[float], shares: Floats, totals: Floats, origin: int) -> Floats:
    """The weight of each step before the origin, oldest first, in a mixture of memories; the last has 1.

    The memory with half-life h, which holds `totals[h]` in all, contributes `shares[h]` of the whole.
    """
    ages_steps = np.arange(origin)[::-1]
    step_weights = np.zeros(origin)
    for half_life, memory_share, memory_total in zip(half_lives, shares, totals, strict=True):
        step_weights += memory_share / memory_total * 0.5 ** (ages_steps / half_life)
    return np.asarray(step_weights / step_weights[-1])


def kish_factor(weights: Floats, exposure: Floats) -> float:
    """The factor after which a sum of counts with these weights varies as much as its mean.

    The memory of a steady rate has mean rate * sum(w) and variance rate * sum(w^2); scaled by
    sum(w) / sum(w^2) both are rate * sum(w)^2 / sum(w^2), as for a plain count over that exposure
    (the effective sample size of L. Kish, "Survey Sampling" (1965)). It is 1 without fading.
    """
    return float((weights @ exposure) / (weights**2 @ exposure))


def half_age(half_lives: Sequence[float], shares: Floats, totals: Floats) -> float:
    """At which age has a mixture of memories lost half of its weight? Infinite where it never does."""

    def remaining_share(age: float) -> float:
        memory_weights = shares / totals
        return float(memory_weights @ 0.5 ** (age / np.array(half_lives)) / memory_weights.sum())

    low_age, high_age = 0.0, 1.0
    while remaining_share(high_age) > 0.5:
        low_age, high_age = high_age, 2.0 * high_age
        if high_age > 1e6:
            return float(np.inf)
    # No closed form for a mixture: halved forty times, far below the tenth to which it is rounded.
    for _ in range(40):
        middle_age = (low_age + high_age) / 2.0
        low_age, high_age = (
            (middle_age, high_age) if remaining_share(middle_age) > 0.5 else (low_age, middle_age)
        )
    return round(high_age, 1)


def choose_half_life(
    series: CountSeries, even: Floats, *, half_lives: Sequence[float], origins: Sequence[int]
) -> HalfLife:
    """Which half-life predicts the next step best, one step ahead at each origin?

    The score is the Poisson log-likelihood of where the events of step t fell given the memory of
    the steps before it, mixed with the `even` spread (its share is fitted for each half-life, so
    that a place without memory is not impossible). The total of a step is taken as given.
    """
    half_lives = tuple(half_lives)
    # Each half-life is scored by itself, mostly in NumPy and kernels that let other threads run.
    with ThreadPoolExecutor() as pool:
        log_likelihoods = tuple(pool.map(lambda h: _score_half_life(series, even, h, origins), half_lives))
    return HalfLife(half_lives[int(np.argmax(log_likelihoods))], half_lives, log_likelihoods)


def forecast_total(
    totals: Floats, exposure: Floats, *, half_lives: Sequence[float] = (1, 2, 3, 6, 12)
) -> float:
    """The next step's total per unit of exposure: a faded mean, its half-life chosen one step ahead.

    The score is the Poisson log-likelihood of every total after the first. Steps without exposure
    are passed over.
    """
    totals, exposure = totals[exposure > 0], exposure[exposure > 0]
    step_count = len(totals)

    def mean(half_life: float, t: int) -> float:
        return sum_faded(totals, half_life, t) / sum_faded(exposure, half_life, t)

    def score(half_life: float) -> float:
        expected_totals = np.array(
            [max(mean(half_life, t), 1e-9) * exposure[t] for t in range(1, step_count)]
        )
        return float(np.sum(totals[1:] * np.log(expected_totals) - expected_totals))

    best_half_life = max(half_lives, key=score) if step_count > 1 else half_lives[-1]
    return mean(best_half_life, step_count)


def measure_total_doubt(totals: Floats, exposure: Floats) -> float:
    """The relative variance of the level that `forecast_total` says: how far it missed, beyond chance.

    Each total after the first half is predicted from those before. Of (y - m)^2 the part m is chance; the
    rest is that of the level. It is never less than what the sum that it is a mean of has by chance.
    """
    totals, exposure = totals[exposure > 0], exposure[exposure > 0]
    tested_steps = range(max(2, len(totals) // 2), len(totals))
    expected_totals = np.array([forecast_total(totals[:t], exposure[:t]) * exposure[t] for t in tested_steps])
    forecast_errors = totals[tested_steps.start :] - expected_totals
    excess_variances = (forecast_errors**2 - expected_totals) / np.maximum(expected_totals, 1e-9) ** 2
    # A few lucky forecasts must not make a total certain: its mean has at least the noise of its counts.
    least_doubt = 1.0 / max(float(totals[-12:].sum()), 1.0)
    return max(float(excess_variances.mean()), least_doubt) if len(excess_variances) else least_doubt


def _score_half_life(series: CountSeries, even: Floats, half_life: float, origins: Sequence[int]) -> float:
    own_shares, even_shares, counts_of_origin = [], [], []
    for t, memory in memories(series, half_life, origins):
        busy_places, memory_sum = series.places[t], memory.sum()
        # Places without events add nothing to the likelihood, as the total of the step is taken as given.
        own_shares.append(memory[busy_places] / memory_sum if memory_sum > 0 else even[busy_places])
        even_shares.append(even[busy_places])
        counts_of_origin.append(series.counts[t])
    forecast_parts, event_counts = (
        np.array([np.concatenate(own_shares), np.concatenate(even_shares)]),
        np.concatenate(counts_of_origin),
    )
    two_shares = fit_mixture(forecast_parts, event_counts)
    return float(event_counts @ np.log(two_shares @ forecast_parts) / max(event_counts.sum(), 1.0))

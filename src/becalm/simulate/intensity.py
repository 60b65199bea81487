"""The true rates: how many of each offence are to be expected at every place on every day.

The rate of offence o at place i on day d is

    base[o] * ((1 - r) * w[o, i] * drift[e(d), i] * f[o, kind(i), d] + r * repeats of the fortnight before)

with w the shares, e(d) the half-year, f the level of the day and r the share of near repeats. Weekly shocks
multiply it with mean 1 and are not part of the true rate; they stand beside it in the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.offences import OFFENCES
from becalm.simulate.places import KINDS, Places
from becalm.simulate.settings import Settings
from becalm.simulate.time import day_factors, epochs, every_day

BURN_IN_DAYS: Final = 14  # events before the start, which only have near repeats after it
REPEAT_REACH_M: Final = 200.0
REPEAT_FADE_M: Final = 80.0
REPEAT_HERE: Final = 0.4  # share of near repeats at the very same place
REPEAT_FADE_DAYS: Final = 6.0
DRIFT_SD: Final = 0.30  # of the logarithm
DRIFT_MEMORY: Final = 0.9  # from one half-year to the next


@dataclass(frozen=True, slots=True)
class Intensity:
    """Everything that the true rates are made of. `days` begin with the burn-in."""

    days: tuple[date, ...]
    epoch: Ints  # of each day
    base: Floats  # (offences,) events a day
    repeat_share: Floats  # (offences,)
    factors: Floats  # (offences, kinds, days)
    drift: Floats  # (epochs, places)
    nearby: csr_array  # (places, places): where a near repeat of an event at the row's place happens
    lag_share: Floats  # (BURN_IN_DAYS,) share of near repeats by days after

    def levels(self, offence: int, epoch: int) -> tuple[Floats, Floats]:
        """Daily levels by kind of place, of first events and of near repeats, rooted in this epoch."""
        first = np.where(self.epoch == epoch, self.factors[offence], 0.0)
        later = np.zeros_like(first)
        for lag, share in enumerate(self.lag_share):
            later[:, lag:] += share * first[:, : first.shape[1] - lag]
        return first, later


def build_intensity(places: Places, settings: Settings, rng: np.random.Generator) -> Intensity:
    """What is the true rate of every offence at every place on every day?"""
    days = every_day(settings.start - timedelta(days=BURN_IN_DAYS), settings.end)
    epoch = epochs(days)
    shares = np.stack([np.bincount(places.kind, w, len(KINDS)).astype(np.float64) for w in places.weight])
    factors = day_factors(settings, shares, days)
    repeat = np.array([o.repeat_share if settings.near_repeats else 0.0 for o in OFFENCES])
    lags = np.exp(-np.arange(BURN_IN_DAYS) / REPEAT_FADE_DAYS)
    return Intensity(
        days=days,
        epoch=epoch,
        base=_base(settings, shares, factors),
        repeat_share=repeat,
        factors=factors,
        drift=_drift(int(epoch.max()) + 1, len(places.kind), settings, rng),
        nearby=_nearby(places.position),
        lag_share=lags / lags.sum(),
    )


def expected_counts(
    intensity: Intensity, places: Places, offence: int, bins: Ints, count: int, only: Ints | None = None
) -> Floats:
    """The expected number of one offence at each place in each bin of days: (places, bins).

    `bins[d]` is the bin of day d (counted from the burn-in) or -1 for none. `only` picks places.
    """
    rows = np.arange(len(places.kind)) if only is None else only
    nearby = csr_array(intensity.nearby.T)[rows] if intensity.repeat_share[offence] > 0 else None
    total = np.zeros((len(rows), count))
    repeat = intensity.repeat_share[offence]
    for epoch in range(len(intensity.drift)):
        first, later = intensity.levels(offence, epoch)
        weight = intensity.base[offence] * places.weight[offence] * intensity.drift[epoch]
        total += (1 - repeat) * weight[rows, None] * _binned(first, bins, count)[places.kind[rows]]
        if nearby is not None:
            total += repeat * (nearby @ (weight[:, None] * _binned(later, bins, count)[places.kind]))
    return total


def expected_by_area(
    intensity: Intensity, places: Places, offence: int, bins: Ints, count: int, area: Ints, areas: int
) -> Floats:
    """The expected number of one offence in each area in each bin of days: (areas, bins).

    `area[i]` is the area of place i.
    """
    member = csr_array((np.ones(len(area)), (area, np.arange(len(area)))), shape=(areas, len(area)))
    kinds = np.eye(len(KINDS))[places.kind]
    repeat = intensity.repeat_share[offence]
    reached = member @ intensity.nearby.T if repeat > 0 else None
    total = np.zeros((areas, count))
    for epoch in range(len(intensity.drift)):
        first, later = intensity.levels(offence, epoch)
        weight = (intensity.base[offence] * places.weight[offence] * intensity.drift[epoch])[:, None] * kinds
        total += (1 - repeat) * np.einsum("ak,kt->at", member @ weight, _binned(first, bins, count))
        if reached is not None:
            total += repeat * np.einsum("ak,kt->at", reached @ weight, _binned(later, bins, count))
    return total


def _binned(levels: Floats, bins: Ints, count: int) -> Floats:
    """Daily levels added up in their bins of days: (kinds, bins)."""
    used = bins >= 0
    return np.stack([np.bincount(bins[used], row[used], count).astype(np.float64) for row in levels])


def _base(settings: Settings, shares: Floats, factors: Floats) -> Floats:
    """Events a day of each offence, so that the whole city has the wanted number over the period."""
    yearly = np.array([o.yearly for o in OFFENCES])
    level = np.einsum("ok,okd->o", shares, factors[:, :, BURN_IN_DAYS:])
    return yearly * (settings.incidents / float((yearly * level).sum()))


def _drift(count: int, places: int, settings: Settings, rng: np.random.Generator) -> Floats:
    """A slow walk of each place's risk from half-year to half-year, with mean 1."""
    state = rng.normal(0, DRIFT_SD, places)
    rows = []
    for _ in range(count):
        rows.append(np.exp(state - DRIFT_SD**2 / 2) if settings.drift else np.ones(places))
        state = DRIFT_MEMORY * state + np.sqrt(1 - DRIFT_MEMORY**2) * rng.normal(0, DRIFT_SD, places)
    return np.stack(rows)


def _nearby(position: Floats) -> csr_array:
    """Where a near repeat happens: here, or at a place within reach, the nearer the likelier."""
    count = len(position)
    pairs = cKDTree(position).query_pairs(REPEAT_REACH_M, output_type="ndarray").astype(np.int64)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    away = np.exp(-np.hypot(*(position[pairs[:, 0]] - position[pairs[:, 1]]).T) / REPEAT_FADE_M)
    row, column = np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])
    weight = np.concatenate([away, away])
    outside = np.bincount(row, weight, count)
    weight = (1 - REPEAT_HERE) * weight / outside[row]
    here = np.where(outside > 0, REPEAT_HERE, 1.0)
    own = np.arange(count)
    data = (np.concatenate([weight, here]), (np.concatenate([row, own]), np.concatenate([column, own])))
    matrix = coo_array(data, shape=(count, count)).tocsr()
    matrix.sort_indices()
    return matrix

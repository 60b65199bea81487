"""Simulated cities that several tests share: drawn once."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from becalm.simulate.city import SimulatedCity, simulate_city
from becalm.simulate.settings import OFFENCES, Settings, keep_rates_constant, shrink_to_town
from becalm.simulate.time_profiles import day_number

ONE_YEAR = {"start": date(2019, 1, 1), "end": date(2020, 1, 1)}


@cache
def city() -> SimulatedCity:
    """The default city: a million incidents in four years."""
    return simulate_city(Settings(), np.random.default_rng(11))


@cache
def town() -> SimulatedCity:
    """A town with the default densities."""
    return simulate_city(shrink_to_town(), np.random.default_rng(12))


@cache
def quiet_town() -> SimulatedCity:
    """A town where nothing ever changes."""
    return simulate_city(keep_rates_constant(shrink_to_town()), np.random.default_rng(13))


def of_group(city: SimulatedCity, *groups: str) -> NDArray[np.bool_]:
    """Which incidents are of these groups?"""
    return np.array([o.group in groups for o in OFFENCES])[city.incidents.offence]


def between(city: SimulatedCity, start: date, end: date) -> NDArray[np.bool_]:
    """Which incidents happened from `start` until before `end`?"""
    day = city.incidents.day
    return (day >= day_number(start)) & (day < day_number(end))


def share_of_places(counts: NDArray[np.int64], held: float, places: int) -> float:
    """The least share of `places` that holds this share of what is counted."""
    fullest = np.sort(counts)[::-1]
    upto = np.cumsum(fullest) / fullest.sum()
    return float(np.searchsorted(upto, held) + 1) / places

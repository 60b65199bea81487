"""Chance itself: events drawn from the true rates, with weekly shocks and near repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.geography import Land
from becalm.simulate.intensity import BURN_IN_DAYS, Intensity
from becalm.simulate.offences import OFFENCES
from becalm.simulate.places import KINDS, Places
from becalm.simulate.settings import Settings
from becalm.simulate.time import hour_profiles, rhythm_index

# Standard deviation of the logarithm of weekly shocks: of the whole city, a borough, an offence in a borough.
# Together they make counts of 20 to 100 a week vary 1.3 to 2.5 times as much as Poisson counts.
SHOCK_CITY: Final = 0.025
SHOCK_BOROUGH: Final = 0.065
SHOCK_OWN: Final = 0.10


@dataclass(frozen=True, slots=True)
class Events:
    """What happened, in no order. `day` counts from the burn-in; `minute` from the day's midnight."""

    offence: Ints
    address: Ints
    day: Ints
    minute: Ints
    repeat: Bools  # a near repeat of an event shortly before


def draw_shocks(intensity: Intensity, boroughs: int, settings: Settings, rng: np.random.Generator) -> Floats:
    """How much better or worse than expected each week is: (offences, boroughs, weeks), mean 1."""
    count = int(weeks(intensity).max()) + 1
    shape = (len(OFFENCES), boroughs, count)
    z = (
        SHOCK_CITY * rng.standard_normal((1, 1, count))
        + SHOCK_BOROUGH * rng.standard_normal((1, boroughs, count))
        + SHOCK_OWN * rng.standard_normal(shape)
    )
    variance = SHOCK_CITY**2 + SHOCK_BOROUGH**2 + SHOCK_OWN**2
    return np.exp(z - variance / 2) if settings.shocks else np.ones(shape)


def weeks(intensity: Intensity) -> Ints:
    """The week of each day, Monday to Sunday, counted from the first."""
    monday = np.array([(d.toordinal() - 1) // 7 for d in intensity.days])
    return np.asarray(monday - monday[0])


def draw_events(
    land: Land,
    places: Places,
    intensity: Intensity,
    shocks: Floats,
    settings: Settings,
    rng: np.random.Generator,
) -> Events:
    """What happens in the city, before any planted effect?"""
    block = land.borough_of_lsoa[places.lsoa] * len(KINDS) + places.kind
    order = np.argsort(block[places.address_place], kind="stable")
    streams = rng.spawn(len(OFFENCES) + 1)
    offence, address, day, repeat = [], [], [], []
    for index in range(len(OFFENCES)):
        where, when = _first(index, block, order, places, intensity, shocks, streams[index])
        again, later = _repeats(where, when, index, places, intensity, streams[index])
        address += [where, again]
        day += [when, later]
        repeat += [np.zeros(len(where), dtype=bool), np.ones(len(again), dtype=bool)]
        offence.append(np.full(len(where) + len(again), index))
    all_days = np.concatenate(day)
    inside = (all_days >= BURN_IN_DAYS) & (all_days < len(intensity.days))
    offences, addresses = np.concatenate(offence)[inside], np.concatenate(address)[inside]
    days, midnight = all_days[inside], np.zeros(int(inside.sum()), dtype=np.int64)
    events = Events(offences, addresses, days, midnight, np.concatenate(repeat)[inside])
    return replace(events, minute=minutes_of(events, places, intensity, settings, streams[-1]))


def _first(
    offence: int,
    block: Ints,
    order: Ints,
    places: Places,
    intensity: Intensity,
    shocks: Floats,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Events that follow from no other: counts for each day, borough and kind, then an address for each."""
    blocks = shocks.shape[1] * len(KINDS)
    week = weeks(intensity)
    level = intensity.base[offence] * (1 - intensity.repeat_share[offence])
    sorted_block = block[places.address_place][order]
    addresses, days = [], []
    for epoch in range(len(intensity.drift)):
        used = np.flatnonzero(intensity.epoch == epoch)
        risk = places.weight[offence] * intensity.drift[epoch]
        weight = (risk[places.address_place] * places.address_share)[order]
        mass = np.bincount(sorted_block, weight, blocks).astype(np.float64).reshape(-1, len(KINDS))
        mean = level * mass[None] * intensity.factors[offence][:, used].T[:, None, :]
        mean = (mean * shocks[offence][:, week[used]].T[:, :, None]).reshape(len(used), blocks)
        count = rng.poisson(mean)
        cell = np.repeat(np.arange(count.size), count.ravel())
        days.append(used[cell // blocks])
        addresses.append(order[_pick(weight, sorted_block, cell % blocks, mass.ravel(), rng)])
    return np.concatenate(addresses), np.concatenate(days)


def _pick(weight: Floats, block: Ints, wanted: Ints, mass: Floats, rng: np.random.Generator) -> Ints:
    """One entry of the wanted block for each event, with chances as the weights (entries sorted by block)."""
    upto = np.cumsum(weight)
    first = np.searchsorted(block, np.arange(len(mass)), side="left")
    last = np.searchsorted(block, np.arange(len(mass)), side="right") - 1
    before = np.concatenate([[0.0], upto])[first]
    goal = before[wanted] + rng.random(len(wanted)) * mass[wanted]
    return np.asarray(np.clip(np.searchsorted(upto, goal, side="right"), first[wanted], last[wanted]))


def _repeats(
    address: Ints,
    day: Ints,
    offence: int,
    places: Places,
    intensity: Intensity,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Near repeats of these events: at the same place or nearby, within the fortnight after."""
    share = float(intensity.repeat_share[offence])
    if share <= 0.0:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    number = rng.poisson(share / (1 - share), len(address))
    root = np.repeat(places.address_place[address], number)
    lag = np.searchsorted(np.cumsum(intensity.lag_share)[:-1], rng.random(len(root)), side="right")
    matrix = intensity.nearby
    goal = _row_pick(matrix.data, matrix.indptr, root, rng)
    place = matrix.indices[goal].astype(np.int64)
    return pick_address(places, place, rng), np.repeat(day, number) + lag


def pick_address(places: Places, place: Ints, rng: np.random.Generator) -> Ints:
    """One address at each of these places."""
    start = np.searchsorted(places.address_place, np.arange(len(places.kind) + 1))
    return _row_pick(places.address_share, start, place, rng)


def _row_pick(share: Floats, start: Ints, row: Ints, rng: np.random.Generator) -> Ints:
    """An entry of each wanted row; the shares of each row sum to 1, row i spans start[i]:start[i + 1]."""
    upto = np.cumsum(share)
    before = np.concatenate([[0.0], upto])
    goal = before[start[row]] + rng.random(len(row)) * (before[start[row + 1]] - before[start[row]])
    return np.asarray(np.clip(np.searchsorted(upto, goal, side="right"), start[row], start[row + 1] - 1))


def minutes_of(
    events: Events, places: Places, intensity: Intensity, settings: Settings, rng: np.random.Generator
) -> Ints:
    """The minute of the day of each event, from the hours that its offence and place keep on that weekday."""
    profile = hour_profiles(settings).reshape(-1, 7, 24)
    daily = profile / profile.sum(axis=2, keepdims=True)
    upto = (np.cumsum(daily, axis=2)[:, :, :-1]).reshape(-1, 23)
    weekday = np.array([d.weekday() for d in intensity.days])[events.day]
    rhythm = np.array([rhythm_index(o) for o in OFFENCES])[events.offence]
    kind = places.kind[places.address_place[events.address]]
    row = (rhythm * len(KINDS) + kind) * 7 + weekday
    flat = (upto + np.arange(len(upto))[:, None]).ravel()
    goal = row + rng.random(len(row))
    hour = np.clip(np.searchsorted(flat, goal, side="right") - 23 * row, 0, 23)
    return np.asarray(hour * 60 + rng.integers(0, 60, len(row)))

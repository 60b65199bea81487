"""What is true of a simulated city: rates by place and month, expected weeks, the planted effect, profiles.

All rates here are those without weekly shocks (their mean is 1) and without the planted effect, which has
its own table. Everything is computed exactly from the same intensity that the events were drawn from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.city import Plan, SimulatedCity
from becalm.simulate.clock import day_number, month_name, month_number
from becalm.simulate.details import young_knife_share
from becalm.simulate.effects import expected_effect, is_treatable
from becalm.simulate.intensity import BURN_IN_DAYS, expected_by_area, expected_counts
from becalm.simulate.offences import GROUPS, OFFENCES
from becalm.simulate.time import hour_profiles, lockdown_depth, rhythm_index

SERIES = (*GROUPS, "all_crime", "knife_and_gun", "young_injured_by_knife")


@dataclass(frozen=True, slots=True)
class PlaceMonths:
    """Expected number at each place in each month: `expected[place, month]`."""

    group: str
    months: tuple[str, ...]
    expected: Floats


@dataclass(frozen=True, slots=True)
class CellRates:
    """Expected number a year in each square cell that can have any (parallel arrays).

    Cell (column, row) covers eastings [column * cell_m, (column + 1) * cell_m), northings likewise.
    """

    cell_m: float
    columns: Ints
    rows: Ints
    yearly: Floats


@dataclass(frozen=True, slots=True)
class Weeks:
    """Expected number in each week: `expected[series, borough, week]`. Weeks begin on `mondays`.

    A week that the city's life cuts short holds the days that it lived.
    """

    series: tuple[str, ...]
    boroughs: tuple[str, ...]
    mondays: tuple[date, ...]
    expected: Floats


@dataclass(frozen=True, slots=True)
class EffectDays:
    """The planted effect on the treatable offences: arrays are (hotspots, days)."""

    days: tuple[date, ...]
    treated: Bools
    before: Floats  # expected without the effect
    after: Floats  # expected with it
    displaced: Floats  # what the outlets of the hotspot gain


def indices_of(group: str) -> tuple[int, ...]:
    """Which offences are counted in this group?"""
    return tuple(i for i, o in enumerate(OFFENCES) if o.group == group)


def place_months(plan: Plan, group: str) -> PlaceMonths:
    """How many of this group are to be expected at each place in each month?"""
    bins, first, count = _month_bins(plan)
    total = np.zeros((len(plan.places.kind), count))
    for offence in indices_of(group):
        total += expected_counts(plan.intensity, plan.places, offence, bins, count)
    return PlaceMonths(group, tuple(month_name(first + m) for m in range(count)), total)


def yearly_rates(plan: Plan) -> Floats:
    """Mean expected number a year of each group at each place, over the city's life: (groups, places)."""
    bins = np.where(np.arange(len(plan.intensity.days)) >= BURN_IN_DAYS, 0, -1)
    years = plan.settings.days / 365.25
    rows = []
    for group in GROUPS:
        parts = [expected_counts(plan.intensity, plan.places, i, bins, 1)[:, 0] for i in indices_of(group)]
        rows.append(np.sum(parts, axis=0) / years)
    return np.stack(rows)


def cell_rates(plan: Plan, groups: tuple[str, ...], *, cell_m: float) -> CellRates:
    """How many of these groups together are to be expected a year in each square cell?"""
    places = plan.places
    rate = yearly_rates(plan)[[GROUPS.index(g) for g in groups]].sum(axis=0)
    cell = np.floor(places.address_position / cell_m).astype(np.int64)
    used, which = np.unique(cell, axis=0, return_inverse=True)
    yearly = np.bincount(which.ravel(), rate[places.address_place] * places.address_share)
    return CellRates(cell_m, used[:, 0], used[:, 1], yearly.astype(np.float64))


def expected_weeks(plan: Plan) -> Weeks:
    """How many of each series are to be expected in each borough and week?"""
    bins, mondays = _week_bins(plan)
    area = plan.land.borough_of_lsoa[plan.places.lsoa]
    count, areas = len(mondays), len(plan.land.borough_names)
    by_offence = np.stack(
        [
            expected_by_area(plan.intensity, plan.places, i, bins, count, area, areas)
            for i in range(len(OFFENCES))
        ]
    )
    young, deep = np.zeros_like(by_offence), _depth(plan)
    for week in range(count):
        depth = deep[bins == week].mean(keepdims=True)
        shares = np.array([float(young_knife_share(i, depth)[0]) for i in range(len(OFFENCES))])
        young[:, :, week] = by_offence[:, :, week] * shares[:, None]
    rows = [by_offence[list(indices_of(g))].sum(axis=0) for g in GROUPS]
    rows.append(by_offence[[i for i, o in enumerate(OFFENCES) if o.recorded]].sum(axis=0))
    armed = np.array([o.knife_share + o.gun_share for o in OFFENCES])
    rows += [(by_offence * armed[:, None, None]).sum(axis=0), young.sum(axis=0)]
    return Weeks(SERIES, plan.land.borough_names, mondays, np.stack(rows))


def effect_days(plan: Plan) -> EffectDays:
    """What does the planted effect change at each hotspot on each day of its period?"""
    effect, treatment = plan.settings.effect, plan.treatment
    used = np.flatnonzero(treatment.treated.any(axis=0))
    first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 0)
    members = np.flatnonzero(treatment.hotspot_of_place >= 0)
    bins = np.full(len(plan.intensity.days), -1)
    bins[BURN_IN_DAYS + first : BURN_IN_DAYS + last] = np.arange(last - first)
    before = np.zeros((len(treatment.centre), last - first))
    for offence in np.flatnonzero(is_treatable()):
        rate = expected_counts(plan.intensity, plan.places, int(offence), bins, last - first, members)
        np.add.at(before, treatment.hotspot_of_place[members], rate)
    after, displaced = expected_effect(effect, treatment, before, first, last)
    days = tuple(plan.settings.start + timedelta(days=d) for d in range(first, last))
    return EffectDays(days, treatment.treated[:, first:last], before, after, displaced)


def week_profile(plan: Plan, group: str) -> Floats:
    """Share of the group's first events in each hour of the week at each kind of place: (kinds, 168)."""
    profile = hour_profiles(plan.settings)
    used = indices_of(group)
    size = np.array([OFFENCES[i].yearly for i in used])
    kinds = profile.shape[1]
    mass = (
        np.stack([np.bincount(plan.places.kind, plan.places.weight[i], kinds) for i in used]) * size[:, None]
    )
    mixed = np.einsum("ok,okh->kh", mass, np.stack([profile[rhythm_index(OFFENCES[i])] for i in used]))
    return np.asarray(mixed / mass.sum(axis=0)[:, None])


def drawn_weeks(city: SimulatedCity) -> Ints:
    """How many of each series really happened in each borough and week, in the shape of `expected_weeks`."""
    plan, incidents = city.plan, city.incidents
    bins, mondays = _week_bins(plan)
    week = bins[incidents.day - day_number(plan.settings.start) + BURN_IN_DAYS]
    borough = plan.land.borough_of_lsoa[plan.places.lsoa][incidents.place]
    areas = len(plan.land.borough_names)
    cell = borough * len(mondays) + week
    details = incidents.details
    group = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence]
    crime = np.array([o.recorded for o in OFFENCES])[incidents.offence]
    knife = details.weapon == 1
    masks = [group == g for g in range(len(GROUPS))]
    masks += [crime, knife | (details.weapon == 2)]
    masks.append(knife & (details.injury == 1) & (details.age >= 0) & (details.age <= 2))
    return np.stack(
        [np.bincount(cell[m], minlength=areas * len(mondays)).reshape(areas, -1) for m in masks]
    ).astype(np.int64)


def _month_bins(plan: Plan) -> tuple[Ints, int, int]:
    number = month_number(np.array([day_number(d) for d in plan.intensity.days]))
    first = int(number[BURN_IN_DAYS])
    bins = np.where(np.arange(len(number)) < BURN_IN_DAYS, -1, number - first)
    return bins, first, int(number[-1]) - first + 1


def _week_bins(plan: Plan) -> tuple[Ints, tuple[date, ...]]:
    days = plan.intensity.days
    monday = np.array([d.toordinal() - d.weekday() for d in days])
    first = int(monday[BURN_IN_DAYS])
    bins = np.where(np.arange(len(days)) < BURN_IN_DAYS, -1, (monday - first) // 7)
    return bins, tuple(date.fromordinal(first + 7 * w) for w in range(int(bins.max()) + 1))


def _depth(plan: Plan) -> Floats:
    depth = lockdown_depth(plan.intensity.days)
    return depth if plan.settings.lockdown else np.zeros_like(depth)

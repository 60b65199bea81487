"""What is true of a simulated city: rates by place and month, expected weeks, the planted effect, profiles.

All rates here are those without weekly shocks (their mean is 1) and without the planted effect, which has
its own table. Everything is computed exactly from the same intensity that the events were drawn from.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from becalm import __version__
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.city import CityPlan, SimulatedCity
from becalm.simulate.draw import delay_for, young_knife_share
from becalm.simulate.intensity import (
    BURN_IN_DAYS,
    expected_by_area,
    expected_counts,
    expected_effect,
    treatable_offences,
)
from becalm.simulate.places import KINDS
from becalm.simulate.records import crime_refs, is_in_extract, lookup_words
from becalm.simulate.settings import GROUPS, OFFENCES
from becalm.simulate.time import (
    DAY_MINUTES,
    day_number,
    hour_profiles,
    lockdown_depth,
    month_name,
    month_number,
    rhythm_index,
)

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
class ExpectedWeeks:
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
    is_treated: Bools
    before: Floats  # expected without the effect
    after: Floats  # expected with it
    displaced: Floats  # what the outlets of the hotspot gain


def offence_indices(group: str) -> tuple[int, ...]:
    """Which offences are counted in this group?"""
    return tuple(i for i, o in enumerate(OFFENCES) if o.group == group)


def place_months(plan: CityPlan, group: str) -> PlaceMonths:
    """How many of this group are to be expected at each place in each month?"""
    bins, first, count = _month_bins(plan)
    total = np.zeros((len(plan.places.kind), count))
    for offence in offence_indices(group):
        total += expected_counts(plan.intensity, plan.places, offence, bins, count)
    return PlaceMonths(group, tuple(month_name(first + m) for m in range(count)), total)


def yearly_rates(plan: CityPlan) -> Floats:
    """Mean expected number a year of each group at each place, over the city's life: (groups, places)."""
    bins = np.where(np.arange(len(plan.intensity.days)) >= BURN_IN_DAYS, 0, -1)
    years = plan.settings.days / 365.25
    rows = []
    for group in GROUPS:
        parts = [
            expected_counts(plan.intensity, plan.places, i, bins, 1)[:, 0] for i in offence_indices(group)
        ]
        rows.append(np.sum(parts, axis=0) / years)
    return np.stack(rows)


def cell_rates(plan: CityPlan, groups: tuple[str, ...], *, cell_m: float) -> CellRates:
    """How many of these groups together are to be expected a year in each square cell?"""
    places = plan.places
    rate = yearly_rates(plan)[[GROUPS.index(g) for g in groups]].sum(axis=0)
    cell = np.floor(places.address_position / cell_m).astype(np.int64)
    indices, which = np.unique(cell, axis=0, return_inverse=True)
    yearly = np.bincount(which.ravel(), rate[places.address_place] * places.address_share)
    return CellRates(cell_m, indices[:, 0], indices[:, 1], yearly.astype(np.float64))


def expected_weeks(plan: CityPlan) -> ExpectedWeeks:
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
    young_by_offence, lockdown_depths = np.zeros_like(by_offence), _lockdown_depths(plan)
    for week in range(count):
        depth = lockdown_depths[bins == week].mean(keepdims=True)
        shares = np.array([float(young_knife_share(i, depth)[0]) for i in range(len(OFFENCES))])
        young_by_offence[:, :, week] = by_offence[:, :, week] * shares[:, None]
    rows = [by_offence[list(offence_indices(g))].sum(axis=0) for g in GROUPS]
    rows.append(by_offence[[i for i, o in enumerate(OFFENCES) if o.recorded]].sum(axis=0))
    armed_share = np.array([o.knife_share + o.gun_share for o in OFFENCES])
    rows += [(by_offence * armed_share[:, None, None]).sum(axis=0), young_by_offence.sum(axis=0)]
    return ExpectedWeeks(SERIES, plan.land.borough_names, mondays, np.stack(rows))


def effect_days(plan: CityPlan) -> EffectDays:
    """What does the planted effect change at each hotspot on each day of its period?"""
    effect, treatment = plan.settings.effect, plan.treatment
    indices = np.flatnonzero(treatment.is_treated.any(axis=0))
    first, last = (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)
    members = np.flatnonzero(treatment.hotspot_of_place >= 0)
    bins = np.full(len(plan.intensity.days), -1)
    bins[BURN_IN_DAYS + first : BURN_IN_DAYS + last] = np.arange(last - first)
    before = np.zeros((len(treatment.centre), last - first))
    for offence in np.flatnonzero(treatable_offences()):
        rate = expected_counts(plan.intensity, plan.places, int(offence), bins, last - first, members)
        np.add.at(before, treatment.hotspot_of_place[members], rate)
    after, displaced = expected_effect(effect, treatment, before, first, last)
    days = tuple(plan.settings.start + timedelta(days=d) for d in range(first, last))
    return EffectDays(days, treatment.is_treated[:, first:last], before, after, displaced)


def week_profile(plan: CityPlan, group: str) -> Floats:
    """Share of the group's first events in each hour of the week at each kind of place: (kinds, 168)."""
    profile = hour_profiles(plan.settings)
    indices = offence_indices(group)
    size = np.array([OFFENCES[i].yearly for i in indices])
    kinds = profile.shape[1]
    mass = (
        np.stack([np.bincount(plan.places.kind, plan.places.weight[i], kinds) for i in indices])
        * size[:, None]
    )
    mixed = np.einsum("ok,okh->kh", mass, np.stack([profile[rhythm_index(OFFENCES[i])] for i in indices]))
    return np.asarray(mixed / mass.sum(axis=0)[:, None])


def count_weeks(city: SimulatedCity) -> Ints:
    """How many of each series really happened in each borough and week, in the shape of `expected_weeks`."""
    plan, incidents = city.plan, city.incidents
    bins, mondays = _week_bins(plan)
    week = bins[incidents.day - day_number(plan.settings.start) + BURN_IN_DAYS]
    borough = plan.land.borough_of_lsoa[plan.places.lsoa][incidents.place]
    areas = len(plan.land.borough_names)
    cell = borough * len(mondays) + week
    details = incidents.details
    group = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence]
    is_crime = np.array([o.recorded for o in OFFENCES])[incidents.offence]
    is_knife = details.weapon == 1
    masks = [group == g for g in range(len(GROUPS))]
    masks += [is_crime, is_knife | (details.weapon == 2)]
    masks.append(is_knife & (details.injury == 1) & (details.age >= 0) & (details.age <= 2))
    return np.stack(
        [np.bincount(cell[m], minlength=areas * len(mondays)).reshape(areas, -1) for m in masks]
    ).astype(np.int64)


def _month_bins(plan: CityPlan) -> tuple[Ints, int, int]:
    number = month_number(np.array([day_number(d) for d in plan.intensity.days]))
    first = int(number[BURN_IN_DAYS])
    bins = np.where(np.arange(len(number)) < BURN_IN_DAYS, -1, number - first)
    return bins, first, int(number[-1]) - first + 1


def _week_bins(plan: CityPlan) -> tuple[Ints, tuple[date, ...]]:
    days = plan.intensity.days
    monday = np.array([d.toordinal() - d.weekday() for d in days])
    first = int(monday[BURN_IN_DAYS])
    bins = np.where(np.arange(len(days)) < BURN_IN_DAYS, -1, (monday - first) // 7)
    return bins, tuple(date.fromordinal(first + 7 * w) for w in range(int(bins.max()) + 1))


def _lockdown_depths(plan: CityPlan) -> Floats:
    depth = lockdown_depth(plan.intensity.days)
    return depth if plan.settings.lockdown else np.zeros_like(depth)


PLACE_MONTH_GROUPS: Final = ("robbery", "violence_with_injury", "burglary")  # the rest: truth.place_months


def write_truth(city: SimulatedCity, folder: Path, *, seed: int) -> None:
    """Write everything that is known about the city into this folder."""
    folder.mkdir()
    plan = city.plan
    _write_parquet(_place_table(plan), folder / "places.parquet")
    _write_parquet(_address_table(plan), folder / "addresses.parquet")
    _write_parquet(_incident_table(city), folder / "incidents.parquet")
    _write_parquet(_week_table(city), folder / "weeks.parquet")
    _write_parquet(_shock_table(city), folder / "shocks.parquet")
    _write_parquet(_effect_table(plan), folder / "effect_days.parquet")
    for group in PLACE_MONTH_GROUPS:
        _write_parquet(_place_month_table(plan, group), folder / f"place_months_{group}.parquet")
    (folder / "counts.csv").write_text(_counts_csv(city), "utf-8")
    _write_json(folder / "profiles.json", {g: _profiles(plan, g) for g in GROUPS})
    _write_json(folder / "delays.json", {o.word: asdict(delay_for(o)) for o in OFFENCES})
    _write_json(
        folder / "settings.json", {"version": __version__, "seed": seed, "settings": asdict(plan.settings)}
    )


def _place_table(plan: CityPlan) -> pa.Table:
    places, land = plan.places, plan.land
    ward = land.ward_of_lsoa[places.lsoa]
    borough = land.borough_of_ward[ward]
    data: dict[str, Any] = {
        "place_id": pa.array(places.ids),
        "kind": lookup_words(places.kind, KINDS),
        "easting_m": places.position[:, 0],
        "northing_m": places.position[:, 1],
        "segment": places.segment,
        "junction": places.junction,
        "lsoa": lookup_words(places.lsoa, land.lsoa_codes),
        "ward": lookup_words(ward, land.ward_names),
        "borough": lookup_words(borough, land.borough_names),
        "command_unit": lookup_words(land.unit_of_borough[borough], land.unit_names),
        "hotspot": plan.treatment.hotspot_of_place,
    }
    for group, rates in zip(GROUPS, yearly_rates(plan), strict=True):
        data[f"yearly_{group}"] = rates
    return pa.table(data)


def _address_table(plan: CityPlan) -> pa.Table:
    places = plan.places
    return pa.table(
        {
            "place": places.address_place.astype(np.int32),
            "easting_m": places.address_position[:, 0],
            "northing_m": places.address_position[:, 1],
            "share": places.address_share,
        }
    )


def _incident_table(city: SimulatedCity) -> pa.Table:
    incidents = city.incidents
    return pa.table(
        {
            "crime_ref": crime_refs(len(incidents)).cast(pa.string()),
            "offence": lookup_words(incidents.offence, [o.word for o in OFFENCES]),
            "offence_group": lookup_words(incidents.offence, [o.group for o in OFFENCES]),
            "place": incidents.place,
            "address": incidents.address,
            "true_time": incidents.minute.astype("datetime64[m]").astype("datetime64[s]"),  # local
            "recorded_on": pa.array(incidents.recorded_day.astype("datetime64[D]")),
            "in_extract": is_in_extract(city),
            "near_repeat": incidents.is_repeat,
            "displaced": incidents.is_displaced,
        }
    )


def _week_table(city: SimulatedCity) -> pa.Table:
    expected = expected_weeks(city.plan)
    counts = count_weeks(city)
    series, borough, week = np.indices(counts.shape).reshape(3, -1)
    return pa.table(
        {
            "series": lookup_words(series, expected.series),
            "borough": lookup_words(borough, expected.boroughs),
            "monday": pa.array(expected.mondays).take(pa.array(week)),
            "expected": expected.expected.ravel(),
            "happened": counts.ravel(),
        }
    )


def _shock_table(city: SimulatedCity) -> pa.Table:
    offence, borough, week = np.indices(city.shocks.shape).reshape(3, -1)
    return pa.table(
        {
            "offence": lookup_words(offence, [o.word for o in OFFENCES]),
            "borough": lookup_words(borough, city.plan.land.borough_names),
            "week_from_burn_in": week.astype(np.int32),
            "factor": city.shocks.ravel(),
        }
    )


def _effect_table(plan: CityPlan) -> pa.Table:
    effect = effect_days(plan)
    hotspot, day = np.indices(effect.before.shape).reshape(2, -1)
    return pa.table(
        {
            "hotspot": hotspot.astype(np.int32),
            "day": pa.array(effect.days, pa.date32()).take(pa.array(day)),
            "treated": effect.is_treated.ravel(),
            "before": effect.before.ravel(),
            "after": effect.after.ravel(),
            "displaced": effect.displaced.ravel(),
        }
    )


def _place_month_table(plan: CityPlan, group: str) -> pa.Table:
    truth = place_months(plan, group)
    data: dict[str, Any] = {"place_id": pa.array(plan.places.ids)}
    data |= {m: truth.expected[:, i].astype(np.float32) for i, m in enumerate(truth.months)}
    return pa.table(data)


def _counts_csv(city: SimulatedCity) -> str:
    """Rows of the extract by month, borough and group: what a loaded archive must hold."""
    is_chosen = is_in_extract(city)
    incidents, land = city.incidents, city.plan.land
    month = month_number(incidents.from_minute[is_chosen] // DAY_MINUTES)
    first = int(month_number(np.array([day_number(city.plan.settings.start)]))[0])
    borough = land.borough_of_lsoa[city.plan.places.lsoa][incidents.place[is_chosen]]
    group = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence[is_chosen]]
    shape = (int(month.max()) - first + 1 if len(month) else 0, len(land.borough_names), len(GROUPS))
    cell = np.ravel_multi_index((month - first, borough, group), shape) if len(month) else month
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    lines = ["month,borough,offence_group,count"]
    for m, b, g in zip(*np.nonzero(counts), strict=True):
        lines.append(f"{month_name(first + int(m))},{land.borough_names[b]},{GROUPS[g]},{counts[m, b, g]}")
    return "\n".join(lines) + "\n"


def _profiles(plan: CityPlan, group: str) -> dict[str, list[float]]:
    return {
        k: [round(float(v), 8) for v in row] for k, row in zip(KINDS, week_profile(plan, group), strict=True)
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", "utf-8")


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", store_schema=False)

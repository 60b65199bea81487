"""What is true of a simulated city: rates by place and month, expected weeks, the planted effect, profiles.

All rates here are those without weekly shocks (their mean is 1) and without the planted effect, which has
its own table. Everything is computed exactly from the same intensity that the events were drawn from.
"""

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
from becalm.simulate.draw_events import delay_for, young_knife_share
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
from becalm.simulate.time_profiles import (
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
    month_of_day, first_month, month_count = _month_bins(plan)
    expected_totals = np.zeros((len(plan.places.kind), month_count))
    for offence in offence_indices(group):
        expected_totals += expected_counts(plan.intensity, plan.places, offence, month_of_day, month_count)
    return PlaceMonths(group, tuple(month_name(first_month + m) for m in range(month_count)), expected_totals)


def yearly_rates(plan: CityPlan) -> Floats:
    """Mean expected number a year of each group at each place, over the city's life: (groups, places)."""
    bin_of_day = np.where(np.arange(len(plan.intensity.days)) >= BURN_IN_DAYS, 0, -1)
    year_count = plan.settings.days / 365.25
    rate_rows = []
    for group in GROUPS:
        offence_rates = [
            expected_counts(plan.intensity, plan.places, i, bin_of_day, 1)[:, 0]
            for i in offence_indices(group)
        ]
        rate_rows.append(np.sum(offence_rates, axis=0) / year_count)
    return np.stack(rate_rows)


def cell_rates(plan: CityPlan, groups: tuple[str, ...], *, cell_m: float) -> CellRates:
    """How many of these groups together are to be expected a year in each square cell?"""
    places = plan.places
    place_rate = yearly_rates(plan)[[GROUPS.index(g) for g in groups]].sum(axis=0)
    cell_of_address = np.floor(places.address_position / cell_m).astype(np.int64)
    cell_indices, cell_number = np.unique(cell_of_address, axis=0, return_inverse=True)
    yearly_rate = np.bincount(cell_number.ravel(), place_rate[places.address_place] * places.address_share)
    return CellRates(cell_m, cell_indices[:, 0], cell_indices[:, 1], yearly_rate.astype(np.float64))


def expected_weeks(plan: CityPlan) -> ExpectedWeeks:
    """How many of each series are to be expected in each borough and week?"""
    week_of_day, week_starts = _week_bins(plan)
    borough_of_place = plan.land.borough_of_lsoa[plan.places.lsoa]
    week_count, areas = len(week_starts), len(plan.land.borough_names)
    expected_by_offence = np.stack(
        [
            expected_by_area(plan.intensity, plan.places, i, week_of_day, week_count, borough_of_place, areas)
            for i in range(len(OFFENCES))
        ]
    )
    young_by_offence, lockdown_depths = np.zeros_like(expected_by_offence), _lockdown_depths(plan)
    for week_index in range(week_count):
        week_depth = lockdown_depths[week_of_day == week_index].mean(keepdims=True)
        young_shares = np.array([float(young_knife_share(i, week_depth)[0]) for i in range(len(OFFENCES))])
        young_by_offence[:, :, week_index] = expected_by_offence[:, :, week_index] * young_shares[:, None]
    series_of_group = [expected_by_offence[list(offence_indices(g))].sum(axis=0) for g in GROUPS]
    series_of_group.append(expected_by_offence[[i for i, o in enumerate(OFFENCES) if o.recorded]].sum(axis=0))
    armed_shares = np.array([o.knife_share + o.gun_share for o in OFFENCES])
    series_of_group += [
        (expected_by_offence * armed_shares[:, None, None]).sum(axis=0),
        young_by_offence.sum(axis=0),
    ]
    return ExpectedWeeks(SERIES, plan.land.borough_names, week_starts, np.stack(series_of_group))


def effect_days(plan: CityPlan) -> EffectDays:
    """What does the planted effect change at each hotspot on each day of its period?"""
    effect, treatment = plan.settings.effect, plan.treatment
    treated_days = np.flatnonzero(treatment.is_treated.any(axis=0))
    first_day, end_day = (int(treated_days[0]), int(treated_days[-1]) + 1) if len(treated_days) else (0, 0)
    treated_places = np.flatnonzero(treatment.hotspot_of_place >= 0)
    bin_of_day = np.full(len(plan.intensity.days), -1)
    bin_of_day[BURN_IN_DAYS + first_day : BURN_IN_DAYS + end_day] = np.arange(end_day - first_day)
    expected_before = np.zeros((len(treatment.centre), end_day - first_day))
    for offence in np.flatnonzero(treatable_offences()):
        expected_counts_of_offence = expected_counts(
            plan.intensity, plan.places, int(offence), bin_of_day, end_day - first_day, treated_places
        )
        np.add.at(expected_before, treatment.hotspot_of_place[treated_places], expected_counts_of_offence)
    after, displaced = expected_effect(effect, treatment, expected_before, first_day, end_day)
    effect_dates = tuple(plan.settings.start + timedelta(days=d) for d in range(first_day, end_day))
    return EffectDays(
        effect_dates, treatment.is_treated[:, first_day:end_day], expected_before, after, displaced
    )


def week_profile(plan: CityPlan, group: str) -> Floats:
    """Share of the group's first events in each hour of the week at each kind of place: (kinds, 168)."""
    hour_profile = hour_profiles(plan.settings)
    group_offences = offence_indices(group)
    yearly_counts = np.array([OFFENCES[i].yearly for i in group_offences])
    kind_count = hour_profile.shape[1]
    weight_by_kind = (
        np.stack([np.bincount(plan.places.kind, plan.places.weight[i], kind_count) for i in group_offences])
        * yearly_counts[:, None]
    )
    mixed_profile = np.einsum(
        "ok,okh->kh",
        weight_by_kind,
        np.stack([hour_profile[rhythm_index(OFFENCES[i])] for i in group_offences]),
    )
    return np.asarray(mixed_profile / weight_by_kind.sum(axis=0)[:, None])


def count_weeks(city: SimulatedCity) -> Ints:
    """How many of each series really happened in each borough and week, in the shape of `expected_weeks`."""
    plan, incidents = city.plan, city.incidents
    week_of_day, week_starts = _week_bins(plan)
    week_of_incident = week_of_day[incidents.day - day_number(plan.settings.start) + BURN_IN_DAYS]
    borough_of_incident = plan.land.borough_of_lsoa[plan.places.lsoa][incidents.place]
    area_count = len(plan.land.borough_names)
    cell_of_incident = borough_of_incident * len(week_starts) + week_of_incident
    details = incidents.details
    group_of_incident = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence]
    is_recorded_crime = np.array([o.recorded for o in OFFENCES])[incidents.offence]
    has_knife = details.weapon == 1
    series_masks = [group_of_incident == g for g in range(len(GROUPS))]
    series_masks += [is_recorded_crime, has_knife | (details.weapon == 2)]
    series_masks.append(has_knife & (details.injury == 1) & (details.age >= 0) & (details.age <= 2))
    return np.stack(
        [
            np.bincount(cell_of_incident[m], minlength=area_count * len(week_starts)).reshape(area_count, -1)
            for m in series_masks
        ]
    ).astype(np.int64)


def _month_bins(plan: CityPlan) -> tuple[Ints, int, int]:
    month_of_day = month_number(np.array([day_number(d) for d in plan.intensity.days]))
    first_month = int(month_of_day[BURN_IN_DAYS])
    bin_of_day = np.where(np.arange(len(month_of_day)) < BURN_IN_DAYS, -1, month_of_day - first_month)
    return bin_of_day, first_month, int(month_of_day[-1]) - first_month + 1


def _week_bins(plan: CityPlan) -> tuple[Ints, tuple[date, ...]]:
    days = plan.intensity.days
    monday_of_day = np.array([d.toordinal() - d.weekday() for d in days])
    first_monday = int(monday_of_day[BURN_IN_DAYS])
    bin_of_day = np.where(np.arange(len(days)) < BURN_IN_DAYS, -1, (monday_of_day - first_monday) // 7)
    return bin_of_day, tuple(date.fromordinal(first_monday + 7 * w) for w in range(int(bin_of_day.max()) + 1))


def _lockdown_depths(plan: CityPlan) -> Floats:
    depth_of_day = lockdown_depth(plan.intensity.days)
    return depth_of_day if plan.settings.lockdown else np.zeros_like(depth_of_day)


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
    ward_of_place = land.ward_of_lsoa[places.lsoa]
    borough_of_place = land.borough_of_ward[ward_of_place]
    column_arrays: dict[str, Any] = {
        "place_id": pa.array(places.ids),
        "kind": lookup_words(places.kind, KINDS),
        "easting_m": places.position[:, 0],
        "northing_m": places.position[:, 1],
        "segment": places.segment,
        "junction": places.junction,
        "lsoa": lookup_words(places.lsoa, land.lsoa_codes),
        "ward": lookup_words(ward_of_place, land.ward_names),
        "borough": lookup_words(borough_of_place, land.borough_names),
        "command_unit": lookup_words(land.unit_of_borough[borough_of_place], land.unit_names),
        "hotspot": plan.treatment.hotspot_of_place,
    }
    for group_key, group_rates in zip(GROUPS, yearly_rates(plan), strict=True):
        column_arrays[f"yearly_{group_key}"] = group_rates
    return pa.table(column_arrays)


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
    expected_counts = expected_weeks(city.plan)
    week_counts = count_weeks(city)
    series_index, borough_index, week_index = np.indices(week_counts.shape).reshape(3, -1)
    return pa.table(
        {
            "series": lookup_words(series_index, expected_counts.series),
            "borough": lookup_words(borough_index, expected_counts.boroughs),
            "monday": pa.array(expected_counts.mondays).take(pa.array(week_index)),
            "expected": expected_counts.expected.ravel(),
            "happened": week_counts.ravel(),
        }
    )


def _shock_table(city: SimulatedCity) -> pa.Table:
    offence_index, borough_index, week_index = np.indices(city.shocks.shape).reshape(3, -1)
    return pa.table(
        {
            "offence": lookup_words(offence_index, [o.word for o in OFFENCES]),
            "borough": lookup_words(borough_index, city.plan.land.borough_names),
            "week_from_burn_in": week_index.astype(np.int32),
            "factor": city.shocks.ravel(),
        }
    )


def _effect_table(plan: CityPlan) -> pa.Table:
    effect_by_day = effect_days(plan)
    hotspot_index, day_index = np.indices(effect_by_day.before.shape).reshape(2, -1)
    return pa.table(
        {
            "hotspot": hotspot_index.astype(np.int32),
            "day": pa.array(effect_by_day.days, pa.date32()).take(pa.array(day_index)),
            "treated": effect_by_day.is_treated.ravel(),
            "before": effect_by_day.before.ravel(),
            "after": effect_by_day.after.ravel(),
            "displaced": effect_by_day.displaced.ravel(),
        }
    )


def _place_month_table(plan: CityPlan, group: str) -> pa.Table:
    true_counts = place_months(plan, group)
    column_arrays: dict[str, Any] = {"place_id": pa.array(plan.places.ids)}
    column_arrays |= {
        m: true_counts.expected[:, i].astype(np.float32) for i, m in enumerate(true_counts.months)
    }
    return pa.table(column_arrays)


def _counts_csv(city: SimulatedCity) -> str:
    """Rows of the extract by month, borough and group: what a loaded archive must hold."""
    is_extract_row = is_in_extract(city)
    incidents, land = city.incidents, city.plan.land
    month_of_row = month_number(incidents.from_minute[is_extract_row] // DAY_MINUTES)
    first_month_number = int(month_number(np.array([day_number(city.plan.settings.start)]))[0])
    borough_of_row = land.borough_of_lsoa[city.plan.places.lsoa][incidents.place[is_extract_row]]
    group_of_row = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence[is_extract_row]]
    count_shape = (
        int(month_of_row.max()) - first_month_number + 1 if len(month_of_row) else 0,
        len(land.borough_names),
        len(GROUPS),
    )
    cell_of_row = (
        np.ravel_multi_index((month_of_row - first_month_number, borough_of_row, group_of_row), count_shape)
        if len(month_of_row)
        else month_of_row
    )
    count_table = np.bincount(cell_of_row, minlength=int(np.prod(count_shape))).reshape(count_shape)
    csv_rows = ["month,borough,offence_group,count"]
    for m, b, g in zip(*np.nonzero(count_table), strict=True):
        row_month = month_name(first_month_number + int(m))
        csv_rows.append(f"{row_month},{land.borough_names[b]},{GROUPS[g]},{count_table[m, b, g]}")
    return "\n".join(csv_rows) + "\n"


def _profiles(plan: CityPlan, group: str) -> dict[str, list[float]]:
    return {
        k: [round(float(v), 8) for v in row] for k, row in zip(KINDS, week_profile(plan, group), strict=True)
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", "utf-8")


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", store_schema=False)

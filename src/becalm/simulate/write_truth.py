"""The truth as files: Parquet for tables, JSON for settings, profiles and delays, CSV for the counts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from becalm import __version__
from becalm.simulate.city import Plan, SimulatedCity
from becalm.simulate.clock import DAY_MINUTES, day_number, month_name, month_number
from becalm.simulate.delay import delay_of
from becalm.simulate.extract import crime_refs, in_extract, words
from becalm.simulate.offences import GROUPS, OFFENCES
from becalm.simulate.places import KINDS
from becalm.simulate.truth import (
    drawn_weeks,
    effect_days,
    expected_weeks,
    place_months,
    week_profile,
    yearly_rates,
)

PLACE_MONTH_GROUPS: Final = ("robbery", "violence_with_injury", "burglary")  # the rest: truth.place_months


def write_truth(city: SimulatedCity, folder: Path, *, seed: int) -> None:
    """Write everything that is known about the city into this folder."""
    folder.mkdir()
    plan = city.plan
    _keep(_places(plan), folder / "places.parquet")
    _keep(_addresses(plan), folder / "addresses.parquet")
    _keep(_incidents(city), folder / "incidents.parquet")
    _keep(_weeks(city), folder / "weeks.parquet")
    _keep(_shocks(city), folder / "shocks.parquet")
    _keep(_effect(plan), folder / "effect_days.parquet")
    for group in PLACE_MONTH_GROUPS:
        _keep(_place_months(plan, group), folder / f"place_months_{group}.parquet")
    (folder / "counts.csv").write_text(_counts(city), "utf-8")
    _json(folder / "profiles.json", {g: _profiles(plan, g) for g in GROUPS})
    _json(folder / "delays.json", {o.word: asdict(delay_of(o)) for o in OFFENCES})
    _json(folder / "settings.json", {"version": __version__, "seed": seed, "settings": asdict(plan.settings)})


def _places(plan: Plan) -> pa.Table:
    places, land = plan.places, plan.land
    ward = land.ward_of_lsoa[places.lsoa]
    borough = land.borough_of_ward[ward]
    data: dict[str, Any] = {
        "place_id": pa.array(places.ids),
        "kind": words(places.kind, KINDS),
        "easting_m": places.position[:, 0],
        "northing_m": places.position[:, 1],
        "segment": places.segment,
        "junction": places.junction,
        "lsoa": words(places.lsoa, land.lsoa_codes),
        "ward": words(ward, land.ward_names),
        "borough": words(borough, land.borough_names),
        "command_unit": words(land.unit_of_borough[borough], land.unit_names),
        "hotspot": plan.treatment.hotspot_of_place,
    }
    for group, rates in zip(GROUPS, yearly_rates(plan), strict=True):
        data[f"yearly_{group}"] = rates
    return pa.table(data)


def _addresses(plan: Plan) -> pa.Table:
    places = plan.places
    return pa.table(
        {
            "place": places.address_place.astype(np.int32),
            "easting_m": places.address_position[:, 0],
            "northing_m": places.address_position[:, 1],
            "share": places.address_share,
        }
    )


def _incidents(city: SimulatedCity) -> pa.Table:
    incidents = city.incidents
    return pa.table(
        {
            "crime_ref": crime_refs(len(incidents)).cast(pa.string()),
            "offence": words(incidents.offence, [o.word for o in OFFENCES]),
            "offence_group": words(incidents.offence, [o.group for o in OFFENCES]),
            "place": incidents.place,
            "address": incidents.address,
            "true_time": incidents.minute.astype("datetime64[m]").astype("datetime64[s]"),  # local
            "recorded_on": pa.array(incidents.recorded_day.astype("datetime64[D]")),
            "in_extract": in_extract(city),
            "near_repeat": incidents.repeat,
            "displaced": incidents.displaced,
        }
    )


def _weeks(city: SimulatedCity) -> pa.Table:
    expected = expected_weeks(city.plan)
    drawn = drawn_weeks(city)
    series, borough, week = np.indices(drawn.shape).reshape(3, -1)
    return pa.table(
        {
            "series": words(series, expected.series),
            "borough": words(borough, expected.boroughs),
            "monday": pa.array(expected.mondays).take(pa.array(week)),
            "expected": expected.expected.ravel(),
            "happened": drawn.ravel(),
        }
    )


def _shocks(city: SimulatedCity) -> pa.Table:
    offence, borough, week = np.indices(city.shocks.shape).reshape(3, -1)
    return pa.table(
        {
            "offence": words(offence, [o.word for o in OFFENCES]),
            "borough": words(borough, city.plan.land.borough_names),
            "week_from_burn_in": week.astype(np.int32),
            "factor": city.shocks.ravel(),
        }
    )


def _effect(plan: Plan) -> pa.Table:
    effect = effect_days(plan)
    hotspot, day = np.indices(effect.before.shape).reshape(2, -1)
    return pa.table(
        {
            "hotspot": hotspot.astype(np.int32),
            "day": pa.array(effect.days, pa.date32()).take(pa.array(day)),
            "treated": effect.treated.ravel(),
            "before": effect.before.ravel(),
            "after": effect.after.ravel(),
            "displaced": effect.displaced.ravel(),
        }
    )


def _place_months(plan: Plan, group: str) -> pa.Table:
    truth = place_months(plan, group)
    data: dict[str, Any] = {"place_id": pa.array(plan.places.ids)}
    data |= {m: truth.expected[:, i].astype(np.float32) for i, m in enumerate(truth.months)}
    return pa.table(data)


def _counts(city: SimulatedCity) -> str:
    """Rows of the extract by month, borough and group: what a loaded archive must hold."""
    chosen = in_extract(city)
    incidents, land = city.incidents, city.plan.land
    month = month_number(incidents.from_minute[chosen] // DAY_MINUTES)
    first = int(month_number(np.array([day_number(city.plan.settings.start)]))[0])
    borough = land.borough_of_lsoa[city.plan.places.lsoa][incidents.place[chosen]]
    group = np.array([GROUPS.index(o.group) for o in OFFENCES])[incidents.offence[chosen]]
    shape = (int(month.max()) - first + 1 if len(month) else 0, len(land.borough_names), len(GROUPS))
    cell = np.ravel_multi_index((month - first, borough, group), shape) if len(month) else month
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    lines = ["month,borough,offence_group,count"]
    for m, b, g in zip(*np.nonzero(counts), strict=True):
        lines.append(f"{month_name(first + int(m))},{land.borough_names[b]},{GROUPS[g]},{counts[m, b, g]}")
    return "\n".join(lines) + "\n"


def _profiles(plan: Plan, group: str) -> dict[str, list[float]]:
    return {
        k: [round(float(v), 8) for v in row] for k, row in zip(KINDS, week_profile(plan, group), strict=True)
    }


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", "utf-8")


def _keep(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", store_schema=False)

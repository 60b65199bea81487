"""The simulated force's extract: one row a recorded crime, to the minute, as `simulate.columns` describes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Bytes, Ints
from becalm.simulate.city import Incidents, SimulatedCity
from becalm.simulate.clock import DAY_MINUTES, EPOCH, day_number
from becalm.simulate.columns import AGE_BANDS, EXTRACT_COLUMNS, WEAPONS
from becalm.simulate.details import OUTCOMES
from becalm.simulate.offences import OFFENCES


def in_extract(city: SimulatedCity) -> Bools:
    """Which incidents are recorded crimes that were known when the extract was made?"""
    crime = np.array([o.recorded for o in OFFENCES])[city.incidents.offence]
    return np.asarray(crime & (city.incidents.recorded_day <= day_number(city.as_of)))


def crime_refs(count: int) -> pa.Array:
    """What the first so many incidents are called."""
    text = np.empty((count, 13), dtype=np.uint8)
    text[:, :4] = np.frombuffer(b"DGB-", dtype=np.uint8)
    rest = np.arange(count)
    for place in range(12, 3, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + ord("0")
    return equal_strings(text)


def equal_strings(text: Bytes) -> pa.Array:
    """Strings of equal length from their bytes: (strings, length)."""
    offsets = np.arange(len(text) + 1, dtype=np.int64) * text.shape[1]
    buffers = (pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))
    return pa.LargeStringArray.from_buffers(len(text), *buffers)


def extract_table(city: SimulatedCity) -> pa.Table:
    """All rows of the extract, in order of the time that is written down."""
    chosen = np.flatnonzero(in_extract(city))
    order = np.argsort(city.incidents.from_minute[chosen], kind="stable")
    rows = chosen[order]
    data = {**_facts(city.incidents, rows), **_where(city, rows)}
    data["crime_ref"] = crime_refs(len(city.incidents)).take(pa.array(rows)).cast(pa.string())
    return pa.table({name: data[name] for name in EXTRACT_COLUMNS})


def words(index: NDArray[np.integer], values: Sequence[str]) -> pa.Array:
    """The value at each index; null where the index is negative."""
    once = {value: code for code, value in enumerate(dict.fromkeys(values))}
    code_of = np.array([*(once[v] for v in values), -1], dtype=np.int32)  # the last serves -1
    codes = code_of[np.asarray(index)]
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(list(once), pa.string()))


def _facts(incidents: Incidents, rows: Ints) -> dict[str, pa.Array]:
    details = incidents.details
    return {
        "recorded_on": _dates(incidents.recorded_day[rows]),
        "occurred_from": clock_times(incidents.from_minute[rows]),
        "occurred_to": clock_times(incidents.to_minute[rows]),
        "offence": words(incidents.offence[rows], [o.word for o in OFFENCES]),
        "found_by": words(incidents.offence[rows], [o.found_by for o in OFFENCES]),
        "weapon": words(details.weapon[rows], WEAPONS),
        "injury": words(details.injury[rows], ("N", "Y")),
        "victim_age_band": words(details.age[rows], AGE_BANDS),
        "outcome": words(details.outcome[rows], OUTCOMES),
    }


def _where(city: SimulatedCity, rows: Ints) -> dict[str, pa.Array]:
    land, places, incidents = city.plan.land, city.plan.places, city.incidents
    lost = ~incidents.placed[rows]
    position = places.address_position[incidents.address[rows]].astype(np.int64)
    lsoa = places.lsoa[incidents.place[rows]]
    ward = land.ward_of_lsoa[lsoa]
    borough = land.borough_of_ward[ward]
    return {
        "easting": pa.array(position[:, 0], mask=lost),
        "northing": pa.array(position[:, 1], mask=lost),
        "borough": words(borough, land.borough_names),
        "ward": words(np.where(lost, -1, ward), land.ward_names),
        "lsoa": words(np.where(lost, -1, lsoa), land.lsoa_codes),
        "command_unit": words(land.unit_of_borough[borough], land.unit_names),
    }


def _dates(days: Ints) -> pa.Array:
    first = int(days.min()) if len(days) else 0
    names = [str(EPOCH + timedelta(days=first + i)) for i in range(int(np.ptp(days)) + 1 if len(days) else 0)]
    return words(days - first, names)


def clock_times(minutes: Ints) -> pa.Array:
    """Local minutes as "YYYY-MM-DD HH:MM"."""
    clock = pa.array([f"{m // 60:02d}:{m % 60:02d}" for m in range(DAY_MINUTES)])
    day = _dates(minutes // DAY_MINUTES).cast(pa.string())
    return pc.binary_join_element_wise(day, clock.take(pa.array(minutes % DAY_MINUTES)), " ")

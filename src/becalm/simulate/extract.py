"""What the simulated force hands over: its extract, one row a recorded crime, and its log of arrests.

The extract is to the minute and as `simulate.names` describes it. The log is made up from street violence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Bytes, Ints
from becalm.simulate.city import Incidents, SimulatedCity
from becalm.simulate.draw import OUTCOMES
from becalm.simulate.names import AGE_BANDS, EXTRACT_COLUMNS, WEAPONS
from becalm.simulate.offences import OFFENCES
from becalm.simulate.time import DAY_MINUTES, EPOCH, day_number, last_sunday


def is_in_extract(city: SimulatedCity) -> Bools:
    """Which incidents are recorded crimes that were known when the extract was made?"""
    is_crime = np.array([o.recorded for o in OFFENCES])[city.incidents.offence]
    return np.asarray(is_crime & (city.incidents.recorded_day <= day_number(city.as_of)))


def crime_refs(count: int) -> pa.Array:
    """What the first so many incidents are called."""
    text = np.empty((count, 13), dtype=np.uint8)
    text[:, :4] = np.frombuffer(b"DGB-", dtype=np.uint8)
    numbers = np.arange(count)
    for column in range(12, 3, -1):
        numbers, digit = np.divmod(numbers, 10)
        text[:, column] = digit + ord("0")
    return equal_strings(text)


def equal_strings(text: Bytes) -> pa.Array:
    """Strings of equal length from their bytes: (strings, length)."""
    offsets = np.arange(len(text) + 1, dtype=np.int64) * text.shape[1]
    buffers = (pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))
    return pa.LargeStringArray.from_buffers(len(text), *buffers)


def extract_table(city: SimulatedCity) -> pa.Table:
    """All rows of the extract, in order of the time that is written down."""
    rows_of_crimes = np.flatnonzero(is_in_extract(city))
    order = np.argsort(city.incidents.from_minute[rows_of_crimes], kind="stable")
    rows = rows_of_crimes[order]
    data = {**_fact_columns(city.incidents, rows), **_place_columns(city, rows)}
    data["crime_ref"] = crime_refs(len(city.incidents)).take(pa.array(rows)).cast(pa.string())
    return pa.table({name: data[name] for name in EXTRACT_COLUMNS})


def lookup_words(index: NDArray[np.integer], values: Sequence[str]) -> pa.Array:
    """The value at each index; null where the index is negative."""
    code_of_value = {value: code for code, value in enumerate(dict.fromkeys(values))}
    code_of = np.array([*(code_of_value[v] for v in values), -1], dtype=np.int32)  # the last serves -1
    codes = code_of[np.asarray(index)]
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), pa.array(list(code_of_value), pa.string())
    )


def _fact_columns(incidents: Incidents, rows: Ints) -> dict[str, pa.Array]:
    details = incidents.details
    return {
        "recorded_on": _dates(incidents.recorded_day[rows]),
        "occurred_from": clock_times(incidents.from_minute[rows]),
        "occurred_to": clock_times(incidents.to_minute[rows]),
        "offence": lookup_words(incidents.offence[rows], [o.word for o in OFFENCES]),
        "found_by": lookup_words(incidents.offence[rows], [o.found_by for o in OFFENCES]),
        "weapon": lookup_words(details.weapon[rows], WEAPONS),
        "injury": lookup_words(details.injury[rows], ("N", "Y")),
        "victim_age_band": lookup_words(details.age[rows], AGE_BANDS),
        "outcome": lookup_words(details.outcome[rows], OUTCOMES),
    }


def _place_columns(city: SimulatedCity, rows: Ints) -> dict[str, pa.Array]:
    land, places, incidents = city.plan.land, city.plan.places, city.incidents
    is_unplaced = ~incidents.has_place[rows]
    position = places.address_position[incidents.address[rows]].astype(np.int64)
    lsoa = places.lsoa[incidents.place[rows]]
    ward = land.ward_of_lsoa[lsoa]
    borough = land.borough_of_ward[ward]
    return {
        "easting": pa.array(position[:, 0], mask=is_unplaced),
        "northing": pa.array(position[:, 1], mask=is_unplaced),
        "borough": lookup_words(borough, land.borough_names),
        "ward": lookup_words(np.where(is_unplaced, -1, ward), land.ward_names),
        "lsoa": lookup_words(np.where(is_unplaced, -1, lsoa), land.lsoa_codes),
        "command_unit": lookup_words(land.unit_of_borough[borough], land.unit_names),
    }


def _dates(days: Ints) -> pa.Array:
    first = int(days.min()) if len(days) else 0
    names = [str(EPOCH + timedelta(days=first + i)) for i in range(int(np.ptp(days)) + 1 if len(days) else 0)]
    return lookup_words(days - first, names)


def clock_times(minutes: Ints) -> pa.Array:
    """Local minutes as "YYYY-MM-DD HH:MM"."""
    clock = pa.array([f"{m // 60:02d}:{m % 60:02d}" for m in range(DAY_MINUTES)])
    day = _dates(minutes // DAY_MINUTES).cast(pa.string())
    return pc.binary_join_element_wise(day, clock.take(pa.array(minutes % DAY_MINUTES)), " ")


ONE_IN: Final = 8  # of the recorded offences of street violence ends with an arrest that is in the log
DELAYS: Final = (2, 5, 9, 14, 25, 48, 95)  # minutes after the offence
ACTIVITIES: Final = (
    "hotspot patrol", "response", "weapon sweep", "hotspot patrol", "response", "warrant", "wanted offender",
    "hotspot patrol", "investigation", "response",
)  # fmt: skip
DEDICATED: Final = 6  # units of the violence suppression unit in each command unit


def arrests_table(city: SimulatedCity) -> pa.Table:
    """The log, in order of time, in the columns that `becalm record import --kind arrest` reads.

    Which offences end with an arrest follows from their number alone: the log takes no draw from the
    city's chance. Local times that came twice in autumn are left out, as nobody could tell them apart.
    """
    incidents, plan = city.incidents, city.plan
    is_violent = np.array([o.street_violence for o in OFFENCES])[incidents.offence]
    numbers = np.arange(len(incidents))
    rows = np.flatnonzero(is_in_extract(city) & is_violent & incidents.has_place & (numbers % ONE_IN == 7))
    minute = incidents.from_minute[rows] + np.array(DELAYS)[rows // ONE_IN % len(DELAYS)]
    is_unambiguous = ~_is_ambiguous(minute)
    rows, minute = rows[is_unambiguous], minute[is_unambiguous]
    order = np.argsort(minute, kind="stable")
    rows, minute = rows[order], minute[order]
    position = plan.places.address_position[incidents.address[rows]].astype(np.int64)
    activity = rows // ONE_IN % len(ACTIVITIES)
    return pa.table(
        {
            "arrested_at": clock_times(minute),
            "place_easting_m": position[:, 0],
            "place_northing_m": position[:, 1],
            "unit": _arrest_units(rows, activity),
            "activity": lookup_words(activity, ACTIVITIES),
            "offence": lookup_words(incidents.offence[rows], [o.word for o in OFFENCES]),
        }
    )


def _arrest_units(rows: Ints, activity: Ints) -> pa.Array:
    """Dedicated units do dedicated work; the rest is done by response teams."""
    names = [f"VSU {n + 1}" for n in range(DEDICATED)] + [f"Response {n + 1}" for n in range(DEDICATED)]
    is_response = np.array([name in ("response", "investigation") for name in ACTIVITIES])[activity]
    return lookup_words(rows // 7 % DEDICATED + DEDICATED * is_response, names)


def _is_ambiguous(minutes: Ints) -> Ints:
    """Which local times lie in the hour that comes twice, or in the one that is skipped?"""
    is_ambiguous = np.zeros(len(minutes), dtype=bool)
    for year in np.unique(
        minutes.astype("datetime64[m]").astype("datetime64[Y]").astype(int) + 1970
    ).tolist():
        for month in (3, 10):
            start = day_number(last_sunday(year, month)) * DAY_MINUTES + 60
            is_ambiguous |= (minutes >= start) & (minutes < start + 60)
    return is_ambiguous

"""What the simulated force hands over: its extract, its log of arrests, and what data.police.uk shows of it.

The extract is to the minute and as `simulate.names` describes it. The log is made up from street violence.
The public files have a month without days, map points instead of addresses, no Crime ID for anti-social
behaviour, some rows without a place and some that come twice. Stops carry no word about the person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Bytes, Ints
from becalm.simulate import names
from becalm.simulate.city import Incidents, SimulatedCity
from becalm.simulate.draw import OUTCOMES, Events, draw_minutes, pick_address
from becalm.simulate.intensity import BURN_IN_DAYS
from becalm.simulate.names import (
    AGE_BANDS,
    EXTRACT_COLUMNS,
    OUTCOME_COLUMNS,
    STOP_COLUMNS,
    STREET_COLUMNS,
    WEAPONS,
)
from becalm.simulate.places import MapPoints, build_map_points
from becalm.simulate.settings import OFFENCES
from becalm.simulate.time import DAY_MINUTES, EPOCH, day_number, last_sunday, month_name, month_number, to_utc


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


# --- data.police.uk -----------------------------------------------------------------------------------

TWICE_SHARE: Final = 0.002
UNPLACED_SHARE: Final = 0.02  # beside those that the force itself could not place
STOPS_PER_INCIDENT: Final = 0.10
UNDER_INVESTIGATION: Final = OUTCOMES.index("Under investigation")
STREET_TYPES: Final = tuple(sorted({o.police_uk for o in OFFENCES}))
SEARCHED_OBJECTS: Final = (
    "Controlled drugs",
    "Offensive weapons",
    "Stolen goods",
    "Article for use in theft",
)
SEARCH_LAWS: Final = (
    "Misuse of Drugs Act 1971 (section 23)",
    "Police and Criminal Evidence Act 1984 (section 1)",
    "Police and Criminal Evidence Act 1984 (section 1)",
    "Police and Criminal Evidence Act 1984 (section 1)",
)
SEARCH_RESULTS: Final = (
    "A no further action disposal",
    "Arrest",
    "Community resolution",
    "Summons / charged by post",
)


@dataclass(frozen=True, slots=True)
class PublicRecords:
    """Rows of the three kinds, sorted by month; `..._start[m]` is the first row of month m."""

    months: tuple[str, ...]
    street: pa.Table
    street_start: Ints
    outcomes: pa.Table
    outcomes_start: Ints
    stops: pa.Table
    stops_start: Ints


def publish_records(city: SimulatedCity, rng: np.random.Generator) -> PublicRecords:
    """What does data.police.uk show of this city?"""
    for_points, for_rows, for_stops = rng.spawn(3)
    plan = city.plan
    points = build_map_points(plan.land, plan.streets, plan.places, for_points)
    first = int(month_number(np.array([day_number(plan.settings.start)]))[0])
    last = int(month_number(np.array([day_number(plan.settings.end) - 1]))[0])
    count = last - first + 1
    street, month, outcome_month = _draw_street_rows(city, points, first, count, for_rows)
    order = np.argsort(outcome_month, kind="stable")
    order = order[(outcome_month[order] >= 0) & (outcome_month[order] < count)]
    stops, stop_month = _draw_stops(city, points, first, for_stops)
    return PublicRecords(
        months=tuple(month_name(first + m) for m in range(count)),
        street=street,
        street_start=np.searchsorted(month, np.arange(count + 1)),
        outcomes=_outcome_table(street.take(pa.array(order)), first + outcome_month[order], first, count),
        outcomes_start=np.searchsorted(outcome_month[order], np.arange(count + 1)),
        stops=stops,
        stops_start=np.searchsorted(stop_month, np.arange(count + 1)),
    )


def _draw_street_rows(
    city: SimulatedCity, points: MapPoints, first: int, count: int, rng: np.random.Generator
) -> tuple[pa.Table, Ints, Ints]:
    """The street rows by month, type and place, the month of each, and of its outcome (-1: none)."""
    incidents = city.incidents
    rows = np.flatnonzero(incidents.recorded_day <= day_number(city.as_of))
    point = points.of_address[incidents.address[rows]]
    is_unplaced = ~incidents.has_place[rows] | (rng.random(len(rows)) < UNPLACED_SHARE)
    point = np.where(is_unplaced, -1, point)
    kind = np.array([STREET_TYPES.index(o.police_uk) for o in OFFENCES])[incidents.offence[rows]]
    month = month_number(incidents.from_minute[rows] // DAY_MINUTES) - first
    tie_breaker = rng.random(len(rows))
    order = np.lexsort((tie_breaker, point, kind, month))
    has_id = np.array([o.recorded for o in OFFENCES])[incidents.offence[rows[order]]]
    order = np.repeat(order, 1 + (has_id & (rng.random(len(order)) < TWICE_SHARE)))
    rows, point, kind, month = rows[order], point[order], kind[order], month[order]
    outcome = incidents.details.outcome[rows].astype(np.int64)
    decision_month = month_number(incidents.recorded_day[rows]) - first + _months_to_outcome(rows, rng)
    is_open = (outcome >= 0) & ((decision_month >= count) | (outcome == UNDER_INVESTIGATION))
    outcome = np.where(is_open, UNDER_INVESTIGATION, outcome)
    ids = _crime_ids(len(incidents), rng).take(pa.array(rows, mask=outcome < 0))
    table = _street_table(city, points, point, ids, first + month, kind, outcome)
    return table, month, np.where((outcome < 0) | is_open, -1, decision_month)


def _months_to_outcome(rows: Ints, rng: np.random.Generator) -> Ints:
    """Months from record to outcome, the same for a row that comes twice."""
    return np.asarray(rng.geometric(0.55, int(rows.max()) + 1 if len(rows) else 0)[rows] - 1)


def _street_table(
    city: SimulatedCity, points: MapPoints, point: Ints, ids: pa.Array, month: Ints, kind: Ints, outcome: Ints
) -> pa.Table:
    land = city.plan.land
    first_month = int(month.min()) if len(month) else 0
    months = [month_name(first_month + m) for m in range(int(np.ptp(month)) + 1 if len(month) else 0)]
    force = lookup_words(np.zeros(len(point), dtype=np.int32), (names.FORCE,))
    lsoa = np.where(point >= 0, points.lsoa[point], -1)
    data = (
        ids,
        lookup_words(month - first_month, months),
        force,
        force,
        lookup_words(point, points.longitude),
        lookup_words(point, points.latitude),
        lookup_words(np.where(point >= 0, point, len(points.street)), (*points.street, "No Location")),
        lookup_words(lsoa, land.lsoa_codes),
        lookup_words(lsoa, land.lsoa_names),
        lookup_words(kind, STREET_TYPES),
        lookup_words(outcome, OUTCOMES),
        pa.nulls(len(point), pa.string()),
    )
    return pa.table(dict(zip(STREET_COLUMNS, data, strict=True)))


def _outcome_table(street: pa.Table, month: Ints, first: int, count: int) -> pa.Table:
    months = lookup_words(month - first, [month_name(first + m) for m in range(count)])
    outcome_columns = street.rename_columns({"Last outcome category": "Outcome type"})
    place = outcome_columns.schema.get_field_index("Month")
    return outcome_columns.set_column(place, "Month", months).select(list(OUTCOME_COLUMNS))


def _crime_ids(count: int, rng: np.random.Generator) -> pa.Array:
    """Sixty-four hexadecimal digits for each incident."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    random_bytes = np.frombuffer(rng.bytes(32 * count), dtype=np.uint8).reshape(count, 32)
    text = np.empty((count, 64), dtype=np.uint8)
    text[:, 0::2], text[:, 1::2] = digits[random_bytes >> 4], digits[random_bytes & 15]
    return equal_strings(text)


def _draw_stops(
    city: SimulatedCity, points: MapPoints, first: int, rng: np.random.Generator
) -> tuple[pa.Table, Ints]:
    """Stops where and when police look: their own work, by the hours that police-found offences keep."""
    plan = city.plan
    count = int(STOPS_PER_INCIDENT * len(city.incidents))
    police = [i for i, o in enumerate(OFFENCES) if o.found_by == "police"]
    place = rng.choice(len(plan.places.kind), count, p=plan.places.weight[police].mean(axis=0))
    address = pick_address(plan.places, place, rng)
    day = rng.integers(BURN_IN_DAYS, len(plan.intensity.days), count)
    zeros = np.zeros(count, dtype=np.int64)
    events = Events(zeros + police[0], address, day, zeros, zeros.astype(bool))
    minute = draw_minutes(events, plan.places, plan.intensity, plan.settings, rng)
    local_minutes = (day - BURN_IN_DAYS + day_number(plan.settings.start)) * DAY_MINUTES + minute
    local_minutes = np.sort(local_minutes)
    month = month_number(local_minutes // DAY_MINUTES) - first
    return _stop_table(points, points.of_address[address], to_utc(local_minutes), rng), month


def _stop_table(points: MapPoints, point: Ints, utc: Ints, rng: np.random.Generator) -> pa.Table:
    count = len(point)
    point = np.where(rng.random(count) < 0.05, -1, point)
    searched_object = rng.choice(4, count, p=(0.62, 0.18, 0.10, 0.10))
    result = rng.choice(4, count, p=(0.74, 0.13, 0.10, 0.03))
    instants = np.datetime_as_string(utc.astype("datetime64[m]").astype("datetime64[s]")).astype(object)
    empty = pa.nulls(count, pa.string())
    columns: dict[str, pa.Array] = dict.fromkeys(STOP_COLUMNS, empty)
    columns["Type"] = lookup_words(np.zeros(count, dtype=np.int32), ("Person search",))
    columns["Date"] = pa.array(instants + "+00:00", pa.string())
    columns["Latitude"], columns["Longitude"] = (
        lookup_words(point, points.latitude),
        lookup_words(point, points.longitude),
    )
    columns["Legislation"] = lookup_words(searched_object, SEARCH_LAWS)
    columns["Object of search"] = lookup_words(searched_object, SEARCHED_OBJECTS)
    columns["Outcome"] = lookup_words(result, SEARCH_RESULTS)
    columns["Outcome linked to object of search"] = lookup_words(_is_linked(result, rng), ("False", "True"))
    columns["Removal of more than just outer clothing"] = lookup_words(
        (rng.random(count) < 0.03) * 1, ("False", "True")
    )
    return pa.table(columns)


def _is_linked(result: Ints, rng: np.random.Generator) -> Ints:
    return np.where(result == 0, 0, (rng.random(len(result)) < 0.7) * 1)

"""What the simulated force hands over: its extract, its log of arrests, and what data.police.uk shows of it.

The extract is to the minute and as `simulate.names` describes it. The log is made up from street violence.
The public files have a month without days, map points instead of addresses, no Crime ID for anti-social
behaviour, some rows without a place and some that come twice. Stops carry no word about the person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from becalm.formats.cells import local_to_utc
from becalm.methods.arrays import Bools, Bytes, Ints
from becalm.simulate import names
from becalm.simulate.city import Incidents, SimulatedCity
from becalm.simulate.draw_events import OUTCOMES, Events, draw_minutes, pick_address
from becalm.simulate.intensity import BURN_IN_DAYS
from becalm.simulate.names import EXTRACT_COLUMNS, OUTCOME_COLUMNS, STOP_COLUMNS, STREET_COLUMNS, TIME_ZONE
from becalm.simulate.places import MapPoints, build_map_points
from becalm.simulate.settings import OFFENCES
from becalm.simulate.time_profiles import DAY_MINUTES, EPOCH, day_number, month_name, month_number, to_utc


def is_in_extract(city: SimulatedCity) -> Bools:
    """Which incidents are recorded crimes that were known when the extract was made?"""
    is_crime = np.array([o.recorded for o in OFFENCES])[city.incidents.offence]
    return np.asarray(is_crime & (city.incidents.recorded_day <= day_number(city.as_of)))


def crime_refs(count: int) -> pa.Array:
    """What the first so many incidents are called."""
    ref_bytes = np.empty((count, 13), dtype=np.uint8)
    ref_bytes[:, :4] = np.frombuffer(b"DGB-", dtype=np.uint8)
    remaining_numbers = np.arange(count)
    for digit_column in range(12, 3, -1):
        remaining_numbers, last_digit = np.divmod(remaining_numbers, 10)
        ref_bytes[:, digit_column] = last_digit + ord("0")
    return equal_strings(ref_bytes)


def equal_strings(text: Bytes) -> pa.Array:
    """Strings of equal length from their bytes: (strings, length)."""
    text_offsets = np.arange(len(text) + 1, dtype=np.int64) * text.shape[1]
    arrow_buffers = (pa.py_buffer(text_offsets), pa.py_buffer(np.ascontiguousarray(text)))
    return pa.LargeStringArray.from_buffers(len(text), *arrow_buffers)


def extract_table(city: SimulatedCity) -> pa.Table:
    """All rows of the extract, in order of the time that is written down."""
    crime_indices = np.flatnonzero(is_in_extract(city))
    time_order = np.argsort(city.incidents.from_minute[crime_indices], kind="stable")
    sorted_indices = crime_indices[time_order]
    array_by_column = {
        **_fact_columns(city.incidents, sorted_indices),
        **_place_columns(city, sorted_indices),
    }
    array_by_column["crime_ref"] = (
        crime_refs(len(city.incidents)).take(pa.array(sorted_indices)).cast(pa.string())
    )
    return pa.table({column_name: array_by_column[column_name] for column_name in EXTRACT_COLUMNS})


def lookup_words(index: NDArray[np.integer], values: Sequence[str]) -> pa.Array:
    """The value at each index; null where the index is negative."""
    code_by_value = {word: value_code for value_code, word in enumerate(dict.fromkeys(values))}
    code_of_index = np.array([*(code_by_value[v] for v in values), -1], dtype=np.int32)  # the last serves -1
    code_of_row = code_of_index[np.asarray(index)]
    return pa.DictionaryArray.from_arrays(
        pa.array(code_of_row, mask=code_of_row < 0), pa.array(list(code_by_value), pa.string())
    )


def _fact_columns(incidents: Incidents, row_indices: Ints) -> dict[str, pa.Array]:
    details = incidents.details
    return {
        "recorded_on": _dates(incidents.recorded_day[row_indices]),
        "occurred_from": clock_times(incidents.from_minute[row_indices]),
        "occurred_to": clock_times(incidents.to_minute[row_indices]),
        "offence": lookup_words(incidents.offence[row_indices], [o.word for o in OFFENCES]),
        "found_by": lookup_words(incidents.offence[row_indices], [o.found_by for o in OFFENCES]),
        "weapon": lookup_words(details.weapon[row_indices], names.WEAPONS),
        "injury": lookup_words(details.injury[row_indices], ("N", "Y")),
        "victim_age_band": lookup_words(details.age[row_indices], names.AGE_BANDS),
        "outcome": lookup_words(details.outcome[row_indices], OUTCOMES),
    }


def _place_columns(city: SimulatedCity, row_indices: Ints) -> dict[str, pa.Array]:
    land, places, incidents = city.plan.land, city.plan.places, city.incidents
    lacks_place = ~incidents.has_place[row_indices]
    address_xy_m = places.address_position[incidents.address[row_indices]].astype(np.int64)
    lsoa_index = places.lsoa[incidents.place[row_indices]]
    ward_index = land.ward_of_lsoa[lsoa_index]
    borough_index = land.borough_of_ward[ward_index]
    return {
        "easting": pa.array(address_xy_m[:, 0], mask=lacks_place),
        "northing": pa.array(address_xy_m[:, 1], mask=lacks_place),
        "borough": lookup_words(borough_index, land.borough_names),
        "ward": lookup_words(np.where(lacks_place, -1, ward_index), land.ward_names),
        "lsoa": lookup_words(np.where(lacks_place, -1, lsoa_index), land.lsoa_codes),
        "command_unit": lookup_words(land.unit_of_borough[borough_index], land.unit_names),
    }


def _dates(days: Ints) -> pa.Array:
    first_day_number = int(days.min()) if len(days) else 0
    date_texts = [
        str(EPOCH + timedelta(days=first_day_number + i))
        for i in range(int(np.ptp(days)) + 1 if len(days) else 0)
    ]
    return lookup_words(days - first_day_number, date_texts)


def clock_times(minutes: Ints) -> pa.Array:
    """Local minutes as "YYYY-MM-DD HH:MM"."""
    clock_texts = pa.array([f"{m // 60:02d}:{m % 60:02d}" for m in range(DAY_MINUTES)])
    day_texts = _dates(minutes // DAY_MINUTES).cast(pa.string())
    return pc.binary_join_element_wise(day_texts, clock_texts.take(pa.array(minutes % DAY_MINUTES)), " ")


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
    has_violence = np.array([o.street_violence for o in OFFENCES])[incidents.offence]
    incident_numbers = np.arange(len(incidents))
    incident_rows = np.flatnonzero(
        is_in_extract(city) & has_violence & incidents.has_place & (incident_numbers % ONE_IN == 7)
    )
    arrest_minute = (
        incidents.from_minute[incident_rows] + np.array(DELAYS)[incident_rows // ONE_IN % len(DELAYS)]
    )
    _, is_skipped, is_ambiguous = local_to_utc(arrest_minute.astype("M8[m]").astype("M8[s]"), TIME_ZONE)
    incident_rows, arrest_minute = (
        array[~is_skipped & ~is_ambiguous] for array in (incident_rows, arrest_minute)
    )
    time_order = np.argsort(arrest_minute, kind="stable")
    incident_rows, arrest_minute = incident_rows[time_order], arrest_minute[time_order]
    address_xy_m = plan.places.address_position[incidents.address[incident_rows]].astype(np.int64)
    activity_index = incident_rows // ONE_IN % len(ACTIVITIES)
    # Dedicated units do dedicated work; the rest is done by response teams.
    unit_names = [f"{team} {n + 1}" for team in ("VSU", "Response") for n in range(DEDICATED)]
    is_response_unit = np.array([name in ("response", "investigation") for name in ACTIVITIES])[
        activity_index
    ]
    unit_index = incident_rows // 7 % DEDICATED + DEDICATED * is_response_unit
    return pa.table(
        {
            "arrested_at": clock_times(arrest_minute),
            "place_easting_m": address_xy_m[:, 0],
            "place_northing_m": address_xy_m[:, 1],
            "unit": lookup_words(unit_index, unit_names),
            "activity": lookup_words(activity_index, ACTIVITIES),
            "offence": lookup_words(incidents.offence[incident_rows], [o.word for o in OFFENCES]),
        }
    )


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
PACE: Final = "Police and Criminal Evidence Act 1984 (section 1)"
SEARCH_LAWS: Final = ("Misuse of Drugs Act 1971 (section 23)", PACE, PACE, PACE)
SEARCH_RESULTS: Final = (
    "A no further action disposal", "Arrest", "Community resolution", "Summons / charged by post",
)  # fmt: skip


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
    point_rng, row_rng, stop_rng = rng.spawn(3)
    plan = city.plan
    map_points = build_map_points(plan.land, plan.streets, plan.places, point_rng)
    first_month_number = int(month_number(np.array([day_number(plan.settings.start)]))[0])
    last_month_number = int(month_number(np.array([day_number(plan.settings.end) - 1]))[0])
    month_count = last_month_number - first_month_number + 1
    street, month_of_row, outcome_month = _draw_street_rows(
        city, map_points, first_month_number, month_count, row_rng
    )
    outcome_order = np.argsort(outcome_month, kind="stable")
    outcome_order = outcome_order[
        (outcome_month[outcome_order] >= 0) & (outcome_month[outcome_order] < month_count)
    ]
    stop_table, month_of_stop = _draw_stops(city, map_points, first_month_number, stop_rng)
    return PublicRecords(
        months=tuple(month_name(first_month_number + m) for m in range(month_count)),
        street=street,
        street_start=np.searchsorted(month_of_row, np.arange(month_count + 1)),
        outcomes=_outcome_table(
            street.take(pa.array(outcome_order)),
            first_month_number + outcome_month[outcome_order],
            first_month_number,
            month_count,
        ),
        outcomes_start=np.searchsorted(outcome_month[outcome_order], np.arange(month_count + 1)),
        stops=stop_table,
        stops_start=np.searchsorted(month_of_stop, np.arange(month_count + 1)),
    )


def _draw_street_rows(
    city: SimulatedCity, points: MapPoints, first: int, count: int, rng: np.random.Generator
) -> tuple[pa.Table, Ints, Ints]:
    """The street rows by month, type and place, the month of each, and of its outcome (-1: none)."""
    incidents = city.incidents
    incident_rows = np.flatnonzero(incidents.recorded_day <= day_number(city.as_of))
    point_of_row = points.of_address[incidents.address[incident_rows]]
    lacks_point = ~incidents.has_place[incident_rows] | (rng.random(len(incident_rows)) < UNPLACED_SHARE)
    point_of_row = np.where(lacks_point, -1, point_of_row)
    type_index = np.array([STREET_TYPES.index(o.police_uk) for o in OFFENCES])[
        incidents.offence[incident_rows]
    ]
    month_of_row = month_number(incidents.from_minute[incident_rows] // DAY_MINUTES) - first
    random_ties = rng.random(len(incident_rows))
    row_order = np.lexsort((random_ties, point_of_row, type_index, month_of_row))
    has_crime_id = np.array([o.recorded for o in OFFENCES])[incidents.offence[incident_rows[row_order]]]
    row_order = np.repeat(row_order, 1 + (has_crime_id & (rng.random(len(row_order)) < TWICE_SHARE)))
    incident_rows, point_of_row, type_index, month_of_row = (
        incident_rows[row_order],
        point_of_row[row_order],
        type_index[row_order],
        month_of_row[row_order],
    )
    outcome_index = incidents.details.outcome[incident_rows].astype(np.int64)
    months_to_outcome = (
        rng.geometric(0.55, int(incident_rows.max()) + 1 if len(incident_rows) else 0)[incident_rows] - 1
    )
    decision_month_index = month_number(incidents.recorded_day[incident_rows]) - first + months_to_outcome
    is_undecided = (outcome_index >= 0) & (
        (decision_month_index >= count) | (outcome_index == UNDER_INVESTIGATION)
    )
    outcome_index = np.where(is_undecided, UNDER_INVESTIGATION, outcome_index)
    crime_ids = _crime_ids(len(incidents), rng).take(pa.array(incident_rows, mask=outcome_index < 0))
    street_table = _street_table(
        city, points, point_of_row, crime_ids, first + month_of_row, type_index, outcome_index
    )
    return street_table, month_of_row, np.where((outcome_index < 0) | is_undecided, -1, decision_month_index)


def _street_table(
    city: SimulatedCity, points: MapPoints, point: Ints, ids: pa.Array, month: Ints, kind: Ints, outcome: Ints
) -> pa.Table:
    land = city.plan.land
    first_month = int(month.min()) if len(month) else 0
    month_names = [month_name(first_month + m) for m in range(int(np.ptp(month)) + 1 if len(month) else 0)]
    force_column = lookup_words(np.zeros(len(point), dtype=np.int32), (names.FORCE,))
    lsoa_index = np.where(point >= 0, points.lsoa[point], -1)
    column_arrays = (
        ids,
        lookup_words(month - first_month, month_names),
        force_column,
        force_column,
        lookup_words(point, points.longitude),
        lookup_words(point, points.latitude),
        lookup_words(np.where(point >= 0, point, len(points.street)), (*points.street, "No Location")),
        lookup_words(lsoa_index, land.lsoa_codes),
        lookup_words(lsoa_index, land.lsoa_names),
        lookup_words(kind, STREET_TYPES),
        lookup_words(outcome, OUTCOMES),
        pa.nulls(len(point), pa.string()),
    )
    return pa.table(dict(zip(STREET_COLUMNS, column_arrays, strict=True)))


def _outcome_table(street_table: pa.Table, month: Ints, first_month: int, count: int) -> pa.Table:
    month_column = lookup_words(month - first_month, [month_name(first_month + m) for m in range(count)])
    outcome_columns = street_table.rename_columns({"Last outcome category": "Outcome type"})
    month_position = outcome_columns.schema.get_field_index("Month")
    return outcome_columns.set_column(month_position, "Month", month_column).select(list(OUTCOME_COLUMNS))


def _crime_ids(id_count: int, rng: np.random.Generator) -> pa.Array:
    """Sixty-four hexadecimal digits for each incident."""
    hex_digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    random_bytes = np.frombuffer(rng.bytes(32 * id_count), dtype=np.uint8).reshape(id_count, 32)
    id_bytes = np.empty((id_count, 64), dtype=np.uint8)
    id_bytes[:, 0::2], id_bytes[:, 1::2] = hex_digits[random_bytes >> 4], hex_digits[random_bytes & 15]
    return equal_strings(id_bytes)


def _draw_stops(
    city: SimulatedCity, points: MapPoints, first_month: int, rng: np.random.Generator
) -> tuple[pa.Table, Ints]:
    """Stops where and when police look: their own work, by the hours that police-found offences keep."""
    plan = city.plan
    stop_count = int(STOPS_PER_INCIDENT * len(city.incidents))
    police_offences = [i for i, o in enumerate(OFFENCES) if o.found_by == "police"]
    place_of_stop = rng.choice(
        len(plan.places.kind), stop_count, p=plan.places.weight[police_offences].mean(axis=0)
    )
    address_of_stop = pick_address(plan.places, place_of_stop, rng)
    day_of_stop = rng.integers(BURN_IN_DAYS, len(plan.intensity.days), stop_count)
    zero_of_stop = np.zeros(stop_count, dtype=np.int64)
    stop_events = Events(
        zero_of_stop + police_offences[0],
        address_of_stop,
        day_of_stop,
        zero_of_stop,
        zero_of_stop.astype(bool),
    )
    minute_of_stop = draw_minutes(stop_events, plan.places, plan.intensity, plan.settings, rng)
    local_minutes = (
        day_of_stop - BURN_IN_DAYS + day_number(plan.settings.start)
    ) * DAY_MINUTES + minute_of_stop
    local_minutes = np.sort(local_minutes)
    month_of_stop = month_number(local_minutes // DAY_MINUTES) - first_month
    return _stop_table(points, points.of_address[address_of_stop], to_utc(local_minutes), rng), month_of_stop


def _stop_table(points: MapPoints, point_of_stop: Ints, utc: Ints, rng: np.random.Generator) -> pa.Table:
    stop_count = len(point_of_stop)
    point_of_stop = np.where(rng.random(stop_count) < 0.05, -1, point_of_stop)
    object_index = rng.choice(4, stop_count, p=(0.62, 0.18, 0.10, 0.10))
    result_index = rng.choice(4, stop_count, p=(0.74, 0.13, 0.10, 0.03))
    instant_texts = np.datetime_as_string(utc.astype("datetime64[m]").astype("datetime64[s]")).astype(object)
    empty_column = pa.nulls(stop_count, pa.string())
    stops: dict[str, pa.Array] = dict.fromkeys(STOP_COLUMNS, empty_column)
    stops["Type"] = lookup_words(np.zeros(stop_count, dtype=np.int32), ("Person search",))
    stops["Date"] = pa.array(instant_texts + "+00:00", pa.string())
    stops["Latitude"] = lookup_words(point_of_stop, points.latitude)
    stops["Longitude"] = lookup_words(point_of_stop, points.longitude)
    stops["Legislation"] = lookup_words(object_index, SEARCH_LAWS)
    stops["Object of search"] = lookup_words(object_index, SEARCHED_OBJECTS)
    stops["Outcome"] = lookup_words(result_index, SEARCH_RESULTS)
    is_linked = (rng.random(stop_count) < 0.7) & (result_index > 0)
    stops["Outcome linked to object of search"] = lookup_words(is_linked * 1, ("False", "True"))
    stops["Removal of more than just outer clothing"] = lookup_words(
        (rng.random(stop_count) < 0.03) * 1, ("False", "True")
    )
    return pa.table(stops)

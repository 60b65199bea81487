"""The public face of the simulated force, as data.police.uk lays it out: street, outcomes, stop-and-search.

A month without days, map points instead of addresses, no Crime ID for anti-social behaviour, some rows
without a place and some that come twice. Stops carry no word about the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from becalm.methods.arrays import Ints
from becalm.simulate import names
from becalm.simulate.city import SimulatedCity
from becalm.simulate.draw import OUTCOMES, Events, draw_minutes, pick_address
from becalm.simulate.extract import equal_strings, lookup_words
from becalm.simulate.intensity import BURN_IN_DAYS
from becalm.simulate.names import OUTCOME_COLUMNS, STOP_COLUMNS, STREET_COLUMNS
from becalm.simulate.offences import OFFENCES
from becalm.simulate.places import MapPoints, build_map_points
from becalm.simulate.time import DAY_MINUTES, day_number, month_name, month_number, to_utc

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

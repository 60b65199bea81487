"""What the records say of places beside counts: their borough, and when in the week they are busy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from ibis import Table
from shapely.geometry.base import BaseGeometry

from becalm import tables
from becalm.find.core.place_panel import listable_mask
from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.week_profile import busiest_hours, week_profiles
from becalm.terms import HOURS_OF_WEEK, DayHours, Estimate, Hotspot, HotspotList, PeakHours, QuestionError

CELL_NAME = re.compile(r"(\d+(?:\.\d+)?)m_(-?\d+)_(-?\d+)")
PlaceKey = tuple[int, int]  # (column, row) of a cell, (number, 0) of any other place
LEAST_WITH_HOUR = 0.5
PEAK_HOURS = 4
PEAK_METHOD = "beta of the place's own records and its neighbourhood's"


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """The boroughs of places, and the hours of the week in which they are busy."""

    boroughs: Mapping[PlaceKey, str]
    hours: tables.HourCounts


def build_place_facts(
    incidents: Table,
    places: PlaceSet,
    place_index: Sequence[int],
    *,
    target: Sequence[str],
    policy: tables.HourPolicy | None = None,
) -> PlaceFacts:
    """Which borough do most records of each place name, and in which hours did its target happen?"""
    placed_rows = incidents.filter(incidents.easting_m.notnull() & incidents.northing_m.notnull())
    target_rows = placed_rows.filter(placed_rows.offence_group.isin(list(target)))
    return PlaceFacts(
        _find_boroughs(placed_rows, places, place_index),
        _count_hours(target_rows, places, place_index, policy),
    )


def _find_boroughs(rows: Table, places: PlaceSet, place_index: Sequence[int]) -> dict[PlaceKey, str]:
    """Ties go to the first borough by name."""
    rows = rows.filter(rows.borough.notnull())
    borough_tally = rows.group_by("easting_m", "northing_m", "borough").agg(n=rows.count()).to_pyarrow()
    borough_names = tuple(sorted(borough_tally["borough"].unique().to_pylist()))
    if not borough_names:
        return {}
    place_index_of_tally_row = places.locate(
        borough_tally["easting_m"].to_numpy(), borough_tally["northing_m"].to_numpy()
    )
    # One row more than there are places: -1 sends what lies in none of them there.
    borough_counts = np.zeros((places.size + 1, len(borough_names)), dtype=np.int64)
    np.add.at(
        borough_counts,
        (place_index_of_tally_row, tables.index_values(borough_tally["borough"], borough_names)),
        borough_tally["n"].to_numpy(),
    )
    return {
        (i, 0): borough_names[int(borough_counts[i].argmax())] for i in place_index if borough_counts[i].any()
    }


def _count_hours(
    rows: Table, places: PlaceSet, place_index: Sequence[int], policy: tables.HourPolicy | None
) -> tables.HourCounts:
    timed_rows = tables.add_week_hours(rows, policy)
    tally_columns = ("easting_m", "northing_m", "hour", "since", "until")
    hour_tally = (
        timed_rows.group_by(*tally_columns).agg(n=timed_rows.count()).order_by(*tally_columns).to_pyarrow()
    )
    place_of_tally_row = places.locate(
        hour_tally["easting_m"].to_numpy(), hour_tally["northing_m"].to_numpy()
    )
    requested_index: Ints = np.array(place_index, dtype=np.int64)
    position_of_place = np.full(places.size + 1, len(requested_index), dtype=np.int64)
    position_of_place[requested_index] = np.arange(len(requested_index))
    return tables.sum_hour_weights(
        tables.weigh_hours(hour_tally, policy),
        position_of_place[place_of_tally_row],
        cell_m=places.width_m,
        columns=requested_index,
        rows=np.zeros_like(requested_index),
    )


def index_areas(facts: PlaceFacts | None, places: CellGrid | PlaceSet) -> tuple[Ints, tuple[str, ...]]:
    """The number of each place's area (-1 for none), and the names of the areas in their order."""
    borough_by_key = facts.boroughs if facts else {}
    area_names, area_of_key = np.unique(list(borough_by_key.values()), return_inverse=True)
    place_of_key = _find_numbers(places, np.array(list(borough_by_key), dtype=np.int64).reshape(-1, 2).T)
    area_of_place = np.full(places.size, -1, dtype=np.int64)
    area_of_place[place_of_key[place_of_key >= 0]] = area_of_key[place_of_key >= 0]
    return area_of_place, tuple(area_names.tolist())


def compute_hours_share(facts: PlaceFacts | None, places: CellGrid | PlaceSet, hours: DayHours) -> Floats:
    """Which share of its week falls in these hours, at each place?

    The week of a place is shrunk to its area's and that to the whole's, so that a place with few records
    of known time shows the week of its surroundings.

    Raises QuestionError where fewer than half of the records carry an hour.
    """
    hour_tally = facts.hours if facts else None
    timed_count, untimed_count = (
        (round(hour_tally.counts.sum()), int(hour_tally.without_hour.sum())) if hour_tally else (0, 0)
    )
    if hour_tally is None or not timed_count or timed_count < LEAST_WITH_HOUR * (timed_count + untimed_count):
        raise QuestionError(
            f"{timed_count:,} of {timed_count + untimed_count:,} records of the target carry an hour: "
            f"too few for a list of the hours {hours}. Ingest records with times, or leave `when` out for a "
            "list of the whole day."
        )
    is_asked = np.isin(np.arange(HOURS_OF_WEEK), hours.of_week)
    area_index, _ = index_areas(facts, places)
    hour_counts = np.zeros((places.size, HOURS_OF_WEEK))
    place_of_tally_row = _find_numbers(places, np.stack([hour_tally.columns, hour_tally.rows]))
    np.add.at(
        hour_counts, place_of_tally_row[place_of_tally_row >= 0], hour_tally.counts[place_of_tally_row >= 0]
    )
    has_records = hour_counts.any(axis=1)
    week_profile = week_profiles(hour_counts[has_records], area_index[has_records])
    share_of_place = np.full(places.size, float(hour_counts.sum(axis=0)[is_asked].sum() / hour_counts.sum()))
    # A place without a record of known time takes the mean of its area, not of the whole city.
    for area_number in np.unique(area_index[~has_records]):
        area_profiles = week_profile[area_index[has_records] == area_number]
        if area_number >= 0 and len(area_profiles):
            share_of_place[~has_records & (area_index == area_number)] = float(
                area_profiles[:, is_asked].sum(axis=1).mean()
            )
    share_of_place[has_records] = week_profile[:, is_asked].sum(axis=1)
    return np.asarray(np.maximum(share_of_place, 1e-9))


def find_place_numbers(places: CellGrid | PlaceSet, ids: Sequence[str]) -> dict[str, int]:
    """The number of each of these places that competes and can be listed."""
    if isinstance(places, PlaceSet):
        requested_ids, is_listable = set(ids), listable_mask(places)
        return {name: i for i, name in enumerate(places.ids) if name in requested_ids and is_listable[i]}
    key_by_name = {name: cell_key for name in ids if (cell_key := _read_cell(name, places.cell_m))}
    place_numbers = _find_numbers(
        places, np.array(list(key_by_name.values()), dtype=np.int64).reshape(-1, 2).T
    )
    return {
        name: number for name, number in zip(key_by_name, place_numbers.tolist(), strict=True) if number >= 0
    }


def _read_cell(place_id: str, cell_m: float) -> PlaceKey | None:
    size_text, _, cell_text = place_id.partition("m_")
    column_text, _, row_text = cell_text.partition("_")
    try:
        return (int(column_text), int(row_text)) if size_text == f"{cell_m:g}" else None
    except ValueError:
        return None


def _find_numbers(places: CellGrid | PlaceSet, keys: Ints) -> Ints:
    """The number of the place with each key (column of `keys`), -1 for none."""
    if isinstance(places, CellGrid):
        return places.numbers(keys[0], keys[1])
    return np.where((keys[1] == 0) & (keys[0] >= 0) & (keys[0] < places.size), keys[0], -1)


def build_rule_facts(
    incidents: Table,
    counts: tables.PlaceCounts | tables.PointCounts,
    places: PlaceSet | None,
    *,
    target: Sequence[str],
    policy: tables.HourPolicy,
) -> PlaceFacts | None:
    """The areas and hours of all places that compete, for rules about them (counts by point have places)."""
    if places is not None:
        return build_place_facts(incidents, places, range(places.size), target=target, policy=policy)
    if isinstance(counts, tables.PointCounts):
        return None
    columns, rows = np.unique(np.stack([counts.columns, counts.rows]), axis=1)
    return _build_cell_facts(incidents, counts.cell_m, columns, rows, None, target=target, policy=policy)


def describe_hotspots(
    hotspots: HotspotList, incidents: Table, places: PlaceSet | None, policy: tables.HourPolicy
) -> HotspotList:
    """Add to each listed place its borough and, where the records carry hours, its profile of the week."""
    place_keys = [(h.column, h.row) for h in hotspots.hotspots]
    if places is not None:
        place_numbers = [column for column, _ in place_keys]
        place_facts = build_place_facts(
            incidents, places, place_numbers, target=hotspots.target, policy=policy
        )
    else:
        columns, rows = np.array(place_keys, dtype=np.int64).T
        place_facts = _build_cell_facts(
            incidents, hotspots.cell_m, columns, rows, place_keys, target=hotspots.target, policy=policy
        )
    return describe_places(hotspots, boroughs=place_facts.boroughs, hours=place_facts.hours)


def _build_cell_facts(
    incidents: Table,
    cell_m: float,
    columns: Ints,
    rows: Ints,
    borough_cells: Sequence[PlaceKey] | None,
    *,
    target: Sequence[str],
    policy: tables.HourPolicy,
) -> PlaceFacts:
    """The boroughs of these cells (None: of all), and the hours of those in `columns` and `rows`."""
    target_rows = incidents.filter(incidents.offence_group.isin(list(target)))
    return PlaceFacts(
        tables.find_cell_boroughs(incidents, cell_m=cell_m, cells=borough_cells),
        tables.count_week_hours(target_rows, cell_m=cell_m, columns=columns, rows=rows, policy=policy),
    )


def find_cell_outline(place_id: str) -> BaseGeometry | None:
    """The square that a cell of the grid of this name covers; None where it is not the name of a cell."""
    name_match = CELL_NAME.fullmatch(place_id)
    if name_match is None:
        return None
    side_m, column, row = float(name_match[1]), int(name_match[2]), int(name_match[3])
    return shapely.box(column * side_m, row * side_m, (column + 1) * side_m, (row + 1) * side_m)


def describe_places(
    hotspots: HotspotList,
    *,
    boroughs: Mapping[PlaceKey, str] | None = None,
    hours: tables.HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    borough_by_key = boroughs or {}
    week_by_key = _profile_weeks(hours, borough_by_key, hotspots.level)

    def describe(hotspot: Hotspot) -> Hotspot:
        place_key = (hotspot.column, hotspot.row)
        week_profile, peak = week_by_key.get(place_key, (None, None))
        return replace(hotspot, borough=borough_by_key.get(place_key), profile=week_profile, peak=peak)

    described_hotspots = tuple(map(describe, hotspots.hotspots))
    too_long_count = 0 if hours is None or hours.too_long is None else int(hours.too_long.sum())
    if not too_long_count:
        return replace(hotspots, hotspots=described_hotspots)
    window_warning = (
        f"{too_long_count:,} records of the listed places may have happened at any time of a window that is "
        "too long to say in which hour: they count, and are left out of the hours of the week."
    )
    return replace(hotspots, hotspots=described_hotspots, warnings=(*hotspots.warnings, window_warning))


def _profile_weeks(
    hours: tables.HourCounts | None, boroughs: Mapping[PlaceKey, str], level: float
) -> dict[PlaceKey, tuple[tuple[float, ...], PeakHours]]:
    """The week of each listed place, shrunk to its borough's and that to the whole list's, and its peak."""
    if hours is None or not hours.counts.sum():
        return {}
    place_keys = list(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True))
    borough_names = sorted({boroughs[key] for key in place_keys if key in boroughs})
    borough_index_of_place = [
        borough_names.index(boroughs[key]) if key in boroughs else -1 for key in place_keys
    ]
    hour_counts = hours.counts.astype(np.float64)
    profile_of_place = week_profiles(hour_counts, np.array(borough_index_of_place, dtype=np.int64))
    peak_runs = busiest_hours(hour_counts, profile_of_place, hours=PEAK_HOURS, level=level)
    week_by_key = {}
    for i, key in enumerate(place_keys):
        peak_share = Estimate(
            float(peak_runs.share[i]), float(peak_runs.low[i]), float(peak_runs.high[i]), level, PEAK_METHOD
        )
        peak_hours = PeakHours(int(peak_runs.start[i]), PEAK_HOURS, peak_share, float(peak_runs.certainty[i]))
        week_by_key[key] = (tuple(profile_of_place[i].tolist()), peak_hours)
    return week_by_key


def compute_list_week(hotspots: HotspotList) -> tuple[float, ...] | None:
    """Which share of the listed places' expected incidents falls in each hour of the week?

    share_h = sum_i e_i p_ih / sum_i e_i over the places that have a profile, with e the expected count
    and p the profile. None where no place has one: the records carry no times.
    """
    profiled_hotspots = [hotspot for hotspot in hotspots.hotspots if hotspot.profile is not None]
    expected_counts = np.array([hotspot.expected_count.value for hotspot in profiled_hotspots])
    if not profiled_hotspots or expected_counts.sum() == 0.0:
        return None
    profile_of_hotspot = np.array([hotspot.profile for hotspot in profiled_hotspots], dtype=np.float64)
    return tuple((expected_counts @ profile_of_hotspot / expected_counts.sum()).tolist())

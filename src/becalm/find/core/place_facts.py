"""What the records say of places beside counts: their borough, and when in the week they are busy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from ibis import Table
from shapely.geometry.base import BaseGeometry

from becalm.find.core.place_panel import listable_mask
from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.week_profile import busiest_hours, week_profiles
from becalm.tables import (
    HourCounts,
    HourPolicy,
    PlaceCounts,
    PointCounts,
    add_week_hours,
    count_week_hours,
    find_cell_boroughs,
    index_values,
    sum_hour_weights,
    weigh_hours,
)
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
    hours: HourCounts


def build_place_facts(
    incidents: Table,
    places: PlaceSet,
    place_index: Sequence[int],
    *,
    target: Sequence[str],
    policy: HourPolicy | None = None,
) -> PlaceFacts:
    """Which borough do most records of each place name, and in which hours did its target happen?"""
    rows = incidents.filter(incidents.easting_m.notnull() & incidents.northing_m.notnull())
    target_rows = rows.filter(rows.offence_group.isin(list(target)))
    return PlaceFacts(
        _find_boroughs(rows, places, place_index), _count_hours(target_rows, places, place_index, policy)
    )


def _find_boroughs(rows: Table, places: PlaceSet, place_index: Sequence[int]) -> dict[PlaceKey, str]:
    """Ties go to the first borough by name."""
    rows = rows.filter(rows.borough.notnull())
    tally = rows.group_by("easting_m", "northing_m", "borough").agg(n=rows.count()).to_pyarrow()
    names = tuple(sorted(tally["borough"].unique().to_pylist()))
    if not names:
        return {}
    number = places.locate(tally["easting_m"].to_numpy(), tally["northing_m"].to_numpy())
    # One row more than there are places: -1 sends what lies in none of them there.
    counts = np.zeros((places.size + 1, len(names)), dtype=np.int64)
    np.add.at(counts, (number, index_values(tally["borough"], names)), tally["n"].to_numpy())
    return {(i, 0): names[int(counts[i].argmax())] for i in place_index if counts[i].any()}


def _count_hours(
    rows: Table, places: PlaceSet, place_index: Sequence[int], policy: HourPolicy | None
) -> HourCounts:
    timed_rows = add_week_hours(rows, policy)
    keys = ("easting_m", "northing_m", "hour", "since", "until")
    tally = timed_rows.group_by(*keys).agg(n=timed_rows.count()).order_by(*keys).to_pyarrow()
    number = places.locate(tally["easting_m"].to_numpy(), tally["northing_m"].to_numpy())
    asked_index: Ints = np.array(place_index, dtype=np.int64)
    position = np.full(places.size + 1, len(asked_index), dtype=np.int64)
    position[asked_index] = np.arange(len(asked_index))
    return sum_hour_weights(
        weigh_hours(tally, policy),
        position[number],
        cell_m=places.width_m,
        columns=asked_index,
        rows=np.zeros_like(asked_index),
    )


def index_areas(facts: PlaceFacts | None, places: CellGrid | PlaceSet) -> tuple[Ints, tuple[str, ...]]:
    """The number of each place's area (-1 for none), and the names of the areas in their order."""
    boroughs = facts.boroughs if facts else {}
    names, borough_index = np.unique(list(boroughs.values()), return_inverse=True)
    number = _find_numbers(places, np.array(list(boroughs), dtype=np.int64).reshape(-1, 2).T)
    area_index = np.full(places.size, -1, dtype=np.int64)
    area_index[number[number >= 0]] = borough_index[number >= 0]
    return area_index, tuple(names.tolist())


def compute_hours_share(facts: PlaceFacts | None, places: CellGrid | PlaceSet, hours: DayHours) -> Floats:
    """Which share of its week falls in these hours, at each place?

    The week of a place is shrunk to its area's and that to the whole's, so that a place with few records
    of known time shows the week round about it.

    Raises
    ------
    QuestionError
        where fewer than half of the records carry an hour.
    """
    tally = facts.hours if facts else None
    timed_records, untimed_records = (
        (round(tally.counts.sum()), int(tally.without_hour.sum())) if tally else (0, 0)
    )
    if (
        tally is None
        or not timed_records
        or timed_records < LEAST_WITH_HOUR * (timed_records + untimed_records)
    ):
        raise QuestionError(
            f"{timed_records:,} of {timed_records + untimed_records:,} records of the target carry an hour: "
            f"too few for a list of the hours {hours}. Ingest records with times, or leave `when` out for a "
            "list of the whole day."
        )
    in_hours = np.isin(np.arange(HOURS_OF_WEEK) % 24, hours.of_day)
    area_index, _ = index_areas(facts, places)
    counts = np.zeros((places.size, HOURS_OF_WEEK))
    number = _find_numbers(places, np.stack([tally.columns, tally.rows]))
    np.add.at(counts, number[number >= 0], tally.counts[number >= 0])
    has_records = counts.any(axis=1)
    profiles = week_profiles(counts[has_records], area_index[has_records])
    share = np.full(places.size, float(counts.sum(axis=0)[in_hours].sum() / counts.sum()))
    # A place without a record of known time takes the mean of its area, not of the whole city.
    for area in np.unique(area_index[~has_records]):
        area_profiles = profiles[area_index[has_records] == area]
        if area >= 0 and len(area_profiles):
            share[~has_records & (area_index == area)] = float(area_profiles[:, in_hours].sum(axis=1).mean())
    share[has_records] = profiles[:, in_hours].sum(axis=1)
    return np.asarray(np.maximum(share, 1e-9))


def find_place_numbers(places: CellGrid | PlaceSet, ids: Sequence[str]) -> dict[str, int]:
    """The number of each of these places that competes and can be listed."""
    if isinstance(places, PlaceSet):
        asked_index, is_listable = set(ids), listable_mask(places)
        return {name: i for i, name in enumerate(places.ids) if name in asked_index and is_listable[i]}
    keys = {name: key for name in ids if (key := _read_cell(name, places.cell_m))}
    numbers = _find_numbers(places, np.array(list(keys.values()), dtype=np.int64).reshape(-1, 2).T)
    return {name: number for name, number in zip(keys, numbers.tolist(), strict=True) if number >= 0}


def _read_cell(place_id: str, cell_m: float) -> PlaceKey | None:
    size, _, key = place_id.partition("m_")
    column, _, row = key.partition("_")
    try:
        return (int(column), int(row)) if size == f"{cell_m:g}" else None
    except ValueError:
        return None


def _find_numbers(places: CellGrid | PlaceSet, keys: Ints) -> Ints:
    """The number of the place with each key (column of `keys`), -1 for none."""
    if isinstance(places, CellGrid):
        return places.numbers(keys[0], keys[1])
    return np.where((keys[1] == 0) & (keys[0] >= 0) & (keys[0] < places.size), keys[0], -1)


def build_rule_facts(
    incidents: Table,
    counts: PlaceCounts | PointCounts,
    places: PlaceSet | None,
    *,
    target: Sequence[str],
    policy: HourPolicy,
) -> PlaceFacts | None:
    """The areas and hours of all places that compete, for rules about them (counts by point have places)."""
    if places is not None:
        return build_place_facts(incidents, places, range(places.size), target=target, policy=policy)
    if isinstance(counts, PointCounts):
        return None
    columns, rows = np.unique(np.stack([counts.columns, counts.rows]), axis=1)
    return _build_cell_facts(incidents, counts.cell_m, columns, rows, None, target=target, policy=policy)


def describe_hotspots(
    hotspots: HotspotList, incidents: Table, places: PlaceSet | None, policy: HourPolicy
) -> HotspotList:
    """Add to each listed place its borough and, where the records carry hours, its profile of the week."""
    cells = [(h.column, h.row) for h in hotspots.hotspots]
    if places is not None:
        numbers = [column for column, _ in cells]
        facts = build_place_facts(incidents, places, numbers, target=hotspots.target, policy=policy)
    else:
        columns, rows = np.array(cells, dtype=np.int64).T
        facts = _build_cell_facts(
            incidents, hotspots.cell_m, columns, rows, cells, target=hotspots.target, policy=policy
        )
    return describe_places(hotspots, boroughs=facts.boroughs, hours=facts.hours)


def _build_cell_facts(
    incidents: Table,
    cell_m: float,
    columns: Ints,
    rows: Ints,
    borough_cells: Sequence[PlaceKey] | None,
    *,
    target: Sequence[str],
    policy: HourPolicy,
) -> PlaceFacts:
    """The boroughs of these cells (None: of all), and the hours of those in `columns` and `rows`."""
    of_target = incidents.filter(incidents.offence_group.isin(list(target)))
    return PlaceFacts(
        find_cell_boroughs(incidents, cell_m=cell_m, cells=borough_cells),
        count_week_hours(of_target, cell_m=cell_m, columns=columns, rows=rows, policy=policy),
    )


def find_cell_outline(place_id: str) -> BaseGeometry | None:
    """The square that a cell of the grid of this name covers; None where it is not the name of a cell."""
    cell = CELL_NAME.fullmatch(place_id)
    if cell is None:
        return None
    side, column, row = float(cell[1]), int(cell[2]), int(cell[3])
    return shapely.box(column * side, row * side, (column + 1) * side, (row + 1) * side)


def describe_places(
    hotspots: HotspotList,
    *,
    boroughs: Mapping[PlaceKey, str] | None = None,
    hours: HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    names = boroughs or {}
    weeks = _profile_weeks(hours, names, hotspots.level)

    def describe(hotspot: Hotspot) -> Hotspot:
        key = (hotspot.column, hotspot.row)
        profile, peak = weeks.get(key, (None, None))
        return replace(hotspot, borough=names.get(key), profile=profile, peak=peak)

    described_hotspots = tuple(map(describe, hotspots.hotspots))
    too_long = 0 if hours is None or hours.too_long is None else int(hours.too_long.sum())
    if not too_long:
        return replace(hotspots, hotspots=described_hotspots)
    window_warning = (
        f"{too_long:,} records of the listed places may have happened at any time of a window that is too "
        "long to say in which hour: they count, and are left out of the hours of the week."
    )
    return replace(hotspots, hotspots=described_hotspots, warnings=(*hotspots.warnings, window_warning))


def _profile_weeks(
    hours: HourCounts | None, boroughs: Mapping[PlaceKey, str], level: float
) -> dict[PlaceKey, tuple[tuple[float, ...], PeakHours]]:
    """The week of each listed place, shrunk to its borough's and that to the whole list's, and its peak."""
    if hours is None or not hours.counts.sum():
        return {}
    keys = list(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True))
    names = sorted({boroughs[key] for key in keys if key in boroughs})
    neighbourhood = [names.index(boroughs[key]) if key in boroughs else -1 for key in keys]
    counts = hours.counts.astype(np.float64)
    profiles = week_profiles(counts, np.array(neighbourhood, dtype=np.int64))
    peaks = busiest_hours(counts, profiles, hours=PEAK_HOURS, level=level)
    weeks = {}
    for i, key in enumerate(keys):
        share = Estimate(float(peaks.share[i]), float(peaks.low[i]), float(peaks.high[i]), level, PEAK_METHOD)
        peak = PeakHours(int(peaks.start[i]), PEAK_HOURS, share, float(peaks.certainty[i]))
        weeks[key] = (tuple(profiles[i].tolist()), peak)
    return weeks


def compute_list_week(hotspots: HotspotList) -> tuple[float, ...] | None:
    """Which share of the listed places' expected incidents falls in each hour of the week?

    share_h = sum_i e_i p_ih / sum_i e_i over the places that have a profile, with e the expected count
    and p the profile. None where no place has one: the records carry no times.
    """
    with_profile = [hotspot for hotspot in hotspots.hotspots if hotspot.profile is not None]
    weights = np.array([hotspot.expected_count.value for hotspot in with_profile])
    if not with_profile or weights.sum() == 0.0:
        return None
    profiles = np.array([hotspot.profile for hotspot in with_profile], dtype=np.float64)
    return tuple((weights @ profiles / weights.sum()).tolist())

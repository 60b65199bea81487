"""What the records say of places beside counts: their borough, and when in the week they are busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from ibis import Table

from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.week_profile import busiest_hours, week_profiles
from becalm.tables import HourCounts, HourPolicy, add_week_hours, index_values, sum_hour_weights, weigh_hours
from becalm.terms import HOURS_OF_WEEK, DayHours, Estimate, Hotspot, HotspotList, PeakHours, QuestionError

Key = tuple[int, int]
LEAST_WITH_HOUR = 0.5
PEAK_HOURS = 4
PEAK_METHOD = "beta of the place's own records and its neighbourhood's"


class Located(Protocol):
    """Places that know which of them holds a point."""

    @property
    def size(self) -> int:
        """How many places there are."""

    @property
    def width_m(self) -> float:
        """How wide a place nominally is."""

    def locate(self, x_m: Floats, y_m: Floats) -> Ints:
        """The number of each point's place, -1 for none."""


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """Boroughs by (number of the place, 0), and the hours of the week of the places asked about."""

    boroughs: Mapping[Key, str]
    hours: HourCounts


def build_place_facts(
    incidents: Table,
    places: Located,
    asked: Sequence[int],
    *,
    target: Sequence[str],
    policy: HourPolicy | None = None,
) -> PlaceFacts:
    """Which borough do most records of each asked place name, and in which hours did its target happen?"""
    rows = incidents.filter(incidents.easting_m.notnull() & incidents.northing_m.notnull())
    of_target = rows.filter(rows.offence_group.isin(list(target)))
    return PlaceFacts(_boroughs(rows, places, asked), _hours(of_target, places, asked, policy))


def _boroughs(rows: Table, places: Located, asked: Sequence[int]) -> dict[Key, str]:
    """Ties go to the first borough by name."""
    named = rows.filter(rows.borough.notnull())
    found = named.group_by("easting_m", "northing_m", "borough").agg(n=named.count()).to_pyarrow()
    names = tuple(sorted(found["borough"].unique().to_pylist()))
    if not names:
        return {}
    at = places.locate(found["easting_m"].to_numpy(), found["northing_m"].to_numpy())
    counts = np.zeros((places.size + 1, len(names)), dtype=np.int64)
    np.add.at(counts, (at, index_values(found["borough"], names)), found["n"].to_numpy())
    return {(i, 0): names[int(counts[i].argmax())] for i in asked if counts[i].any()}


def _hours(rows: Table, places: Located, asked: Sequence[int], policy: HourPolicy | None) -> HourCounts:
    timed = add_week_hours(rows, policy)
    keys = ("easting_m", "northing_m", "hour", "since", "until")
    found = timed.group_by(*keys).agg(n=timed.count()).order_by(*keys).to_pyarrow()
    at = places.locate(found["easting_m"].to_numpy(), found["northing_m"].to_numpy())
    column = np.full(places.size + 1, len(asked), dtype=np.int64)
    column[list(asked)] = np.arange(len(asked))
    numbers: Ints = np.array(asked, dtype=np.int64)
    return sum_hour_weights(
        weigh_hours(found, policy),
        column[at],
        cell_m=places.width_m,
        columns=numbers,
        rows=np.zeros_like(numbers),
    )


def index_areas(facts: PlaceFacts | None, places: CellGrid | PlaceSet) -> tuple[Ints, tuple[str, ...]]:
    """The number of each place's area (-1 for none), and the names of the areas in their order."""
    known = facts.boroughs if facts else {}
    names = tuple(sorted(set(known.values())))
    numbers = {name: number for number, name in enumerate(names)}
    out = np.full(places.size, -1, dtype=np.int64)
    keys = list(known)
    at = _numbers(places, np.array(keys, dtype=np.int64).reshape(-1, 2).T)
    inside = np.array([numbers[known[key]] for key in keys], dtype=np.int64)
    out[at[at >= 0]] = inside[at >= 0]
    return out, names


def compute_hours_share(facts: PlaceFacts | None, places: CellGrid | PlaceSet, hours: DayHours) -> Floats:
    """Which share of its week falls in these hours, at each place?

    The week of a place is shrunk to its area's and that to the whole's, so that a place with few records
    of known time shows the week round about it.

    Raises
    ------
    QuestionError
        where fewer than half of the records carry an hour.
    """
    known = facts.hours if facts else None
    timed, untimed = (round(known.counts.sum()), int(known.without_hour.sum())) if known else (0, 0)
    if known is None or not timed or timed < LEAST_WITH_HOUR * (timed + untimed):
        raise QuestionError(
            f"{timed:,} of {timed + untimed:,} records of the target carry an hour: too few for a list of "
            f"the hours {hours}. Ingest records with times, or leave --when out for a list of the whole day."
        )
    of_day = np.isin(np.arange(HOURS_OF_WEEK) % 24, hours.of_day)
    areas, _ = index_areas(facts, places)
    counts = np.zeros((places.size, HOURS_OF_WEEK))
    at = _numbers(places, np.stack([known.columns, known.rows]))
    np.add.at(counts, at[at >= 0], known.counts[at >= 0])
    seen = counts.any(axis=1)
    profiles = week_profiles(counts[seen], areas[seen])
    out = np.full(places.size, float(counts.sum(axis=0)[of_day].sum() / counts.sum()))
    for area in np.unique(areas[~seen]):
        lent = profiles[areas[seen] == area]
        if area >= 0 and len(lent):
            out[~seen & (areas == area)] = float(lent[:, of_day].sum(axis=1).mean())
    out[seen] = profiles[:, of_day].sum(axis=1)
    return np.asarray(np.maximum(out, 1e-9))


def find_place_numbers(places: CellGrid | PlaceSet, ids: Sequence[str]) -> dict[str, int]:
    """The number of each of these places that is on this ground and can be listed."""
    if isinstance(places, PlaceSet):
        wanted = set(ids)
        listed = np.ones(places.size, dtype=bool) if places.listable is None else places.listable
        return {name: number for number, name in enumerate(places.ids) if name in wanted and listed[number]}
    keys = [_cell_of(name, places.cell_m) for name in ids]
    cells = np.array([key or (0, 0) for key in keys], dtype=np.int64).reshape(-1, 2).T
    numbers = places.numbers(cells[0], cells[1]).tolist()
    return {name: n for name, key, n in zip(ids, keys, numbers, strict=True) if key and n >= 0}


def _cell_of(name: str, cell_m: float) -> Key | None:
    size, _, rest = name.partition("m_")
    column, _, row = rest.partition("_")
    try:
        return (int(column), int(row)) if size == f"{cell_m:g}" else None
    except ValueError:
        return None


def _numbers(places: CellGrid | PlaceSet, keys: Ints) -> Ints:
    if isinstance(places, CellGrid):
        return places.numbers(keys[0], keys[1])
    return np.where((keys[1] == 0) & (keys[0] >= 0) & (keys[0] < places.size), keys[0], -1)


def describe_places(
    found: HotspotList,
    *,
    boroughs: Mapping[tuple[int, int], str] | None = None,
    hours: HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    names = boroughs or {}
    weeks = _weeks(found, hours, names)

    def described(hotspot: Hotspot) -> Hotspot:
        cell = (hotspot.column, hotspot.row)
        profile, peak = weeks.get(cell, (None, None))
        return replace(hotspot, borough=names.get(cell), profile=profile, peak=peak)

    listed = tuple(described(h) for h in found.hotspots)
    return replace(found, hotspots=listed, warnings=(*found.warnings, *_warn_of_windows(hours)))


def _weeks(
    found: HotspotList, hours: HourCounts | None, boroughs: Mapping[Key, str]
) -> dict[Key, tuple[tuple[float, ...], PeakHours]]:
    """The week of each listed place, shrunk to its borough's and that to the whole list's, and its peak."""
    if hours is None or not hours.counts.sum():
        return {}
    cells = list(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True))
    known = {name: i for i, name in enumerate(sorted({boroughs[c] for c in cells if c in boroughs}))}
    neighbourhood = np.array([known.get(boroughs.get(c, ""), -1) for c in cells], dtype=np.int64)
    counts = hours.counts.astype(np.float64)
    profiles = week_profiles(counts, neighbourhood)
    peaks = busiest_hours(counts, profiles, hours=PEAK_HOURS, level=found.level)
    made = {}
    for i, cell in enumerate(cells):
        values = (float(peaks.share[i]), float(peaks.low[i]), float(peaks.high[i]))
        share = Estimate(*values, level=found.level, method=PEAK_METHOD)
        peak = PeakHours(int(peaks.start[i]), PEAK_HOURS, share, float(peaks.sure[i]))
        made[cell] = (tuple(profiles[i].tolist()), peak)
    return made


def _warn_of_windows(hours: HourCounts | None) -> tuple[str, ...]:
    """How many records of the listed places have a window too long to say in which hour they fell?"""
    too_long = 0 if hours is None or hours.too_long is None else int(hours.too_long.sum())
    if not too_long:
        return ()
    return (
        f"{too_long:,} records of the listed places may have happened at any time of a window that is too "
        "long to say in which hour: they count, and are left out of the hours of the week.",
    )


def compute_list_week(found: HotspotList) -> tuple[float, ...] | None:
    """Which share of the listed places' expected incidents falls in each hour of the week?

    share_h = sum_i e_i p_ih / sum_i e_i over the places that have a profile, with e the expected count
    and p the profile. None where no place has one: the records carry no times.
    """
    timed = [h for h in found.hotspots if h.profile is not None]
    weights = np.array([h.expected.value for h in timed])
    if not timed or weights.sum() == 0.0:
        return None
    profiles = np.array([h.profile for h in timed], dtype=np.float64).reshape(-1, HOURS_OF_WEEK)
    shares = weights @ profiles / weights.sum()
    return tuple(float(share) for share in shares)

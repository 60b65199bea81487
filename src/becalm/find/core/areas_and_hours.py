"""What else is known of the places that compete: in which area each lies, and when in the week it is busy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from becalm.find.core.place_facts import PlaceFacts
from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.week_profile import HOURS_OF_WEEK, week_profiles
from becalm.terms import DayHours, QuestionError

Key = tuple[int, int]
LEAST_WITH_HOUR = 0.5


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

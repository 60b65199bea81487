"""What the records say of given places of any shape: their borough and the hours of their week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ibis import Table

from becalm.methods.arrays import Floats, Ints
from becalm.tables.cells import hour_counts, positions
from becalm.tables.hours import HourPolicy, hours_of, weigh_hours
from becalm.tables.tally import HourCounts

Key = tuple[int, int]


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
    np.add.at(counts, (at, positions(found["borough"], names)), found["n"].to_numpy())
    return {(i, 0): names[int(counts[i].argmax())] for i in asked if counts[i].any()}


def _hours(rows: Table, places: Located, asked: Sequence[int], policy: HourPolicy | None) -> HourCounts:
    timed = hours_of(rows, policy)
    keys = ("easting_m", "northing_m", "hour", "since", "until")
    found = timed.group_by(*keys).agg(n=timed.count()).order_by(*keys).to_pyarrow()
    at = places.locate(found["easting_m"].to_numpy(), found["northing_m"].to_numpy())
    column = np.full(places.size + 1, len(asked), dtype=np.int64)
    column[list(asked)] = np.arange(len(asked))
    numbers: Ints = np.array(asked, dtype=np.int64)
    return hour_counts(
        weigh_hours(found, policy),
        column[at],
        cell_m=places.width_m,
        columns=numbers,
        rows=np.zeros_like(numbers),
    )

"""What is said about each listed place beside its rank: its borough and when in the week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from becalm.methods.week_profile import week_profiles
from becalm.tables.tally import HourCounts
from becalm.terms.hotspot import Hotspot, HotspotList


def describe_places(
    found: HotspotList,
    *,
    boroughs: Mapping[tuple[int, int], str] | None = None,
    hours: HourCounts | None = None,
) -> HotspotList:
    """Add to each place its borough and, where the records carry hours, its profile of the week."""
    names = boroughs or {}
    profiles = _profiles(found, hours, names)

    def described(hotspot: Hotspot) -> Hotspot:
        cell = (hotspot.column, hotspot.row)
        return replace(hotspot, borough=names.get(cell), profile=profiles.get(cell))

    return replace(found, hotspots=tuple(described(h) for h in found.hotspots))


def _profiles(
    found: HotspotList, hours: HourCounts | None, boroughs: Mapping[tuple[int, int], str]
) -> dict[tuple[int, int], tuple[float, ...]]:
    """The week of each listed place, shrunk to its borough's and that to the whole list's."""
    if hours is None or not hours.counts.sum():
        return {}
    cells = list(zip(hours.columns.tolist(), hours.rows.tolist(), strict=True))
    known = {name: i for i, name in enumerate(sorted({boroughs[c] for c in cells if c in boroughs}))}
    neighbourhood = np.array([known.get(boroughs.get(c, ""), -1) for c in cells], dtype=np.int64)
    profiles = week_profiles(hours.counts.astype(np.float64), neighbourhood)
    made = {cell: tuple(row.tolist()) for cell, row in zip(cells, profiles, strict=True)}
    return {(h.column, h.row): made[h.column, h.row] for h in found.hotspots if (h.column, h.row) in made}

"""Counts by single point, month and offence group: what places of any shape are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from ibis import Table

from becalm.tables.cells import positions, wanted
from becalm.tables.tally import Floats, Ints
from becalm.tables.totals import months_between, scope_of


@dataclass(frozen=True, slots=True)
class PointCounts:
    """Counts by distinct point, month and offence group, as parallel arrays (one entry per triple).

    Entries are ordered by easting, northing, month, group, so that equal records give equal arrays.
    The other fields are those of `PlaceCounts`.
    """

    easting_m: Floats
    northing_m: Floats
    months: tuple[str, ...]
    month_index: Ints
    groups: tuple[str, ...]
    group_index: Ints
    counts: Ints
    without_location: int
    location_quality: tuple[tuple[str, int], ...]
    source: str
    as_of: date


def count_points(incidents: Table, *, months: Sequence[str]) -> PointCounts:
    """How many incidents of each group lie on each distinct point in each month?

    Raises
    ------
    QuestionError
        where there are no incidents.
    """
    scope = scope_of(incidents, "incidents")
    rows = wanted(incidents, None, months)
    placed = rows.filter(rows.easting_m.notnull() & rows.northing_m.notnull())
    group = placed.offence_group.fill_null("unknown")
    found = (
        placed.group_by("easting_m", "northing_m", "month", group=group).agg(n=placed.count()).to_pyarrow()
    )
    quality = rows.group_by(quality=rows.location_quality.fill_null("none")).agg(
        n=rows.count(), placed=rows.easting_m.count()
    )
    tallies = quality.to_pyarrow().to_pylist()
    span = months_between(min(months), max(months))
    names = tuple(sorted(found["group"].unique().to_pylist()))
    x, y = (np.asarray(found[name].to_numpy(), np.float64) for name in ("easting_m", "northing_m"))
    month, kind = positions(found["month"], span), positions(found["group"], names)
    order = np.lexsort((kind, month, y, x))
    return PointCounts(
        easting_m=x[order],
        northing_m=y[order],
        months=span,
        month_index=month[order],
        groups=names,
        group_index=kind[order],
        counts=np.asarray(found["n"].to_numpy(), np.int64)[order],
        without_location=sum(t["n"] - t["placed"] for t in tallies),
        location_quality=tuple(sorted((t["quality"], t["placed"]) for t in tallies if t["placed"])),
        source=scope.source,
        as_of=scope.as_of,
    )

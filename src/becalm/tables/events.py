"""Single incidents as points in space and time, where the records are fine enough for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from ibis import Table

from becalm.tables.tally import Floats, Ints
from becalm.tables.totals import scope_of
from becalm.terms import QuestionError


@dataclass(frozen=True, slots=True)
class EventPoints:
    """Where and on which day (days since 1970-01-01) each incident happened, oldest first.

    `without_day` and `without_place` are the incidents left out for want of one (of both: without_day).
    """

    easting_m: Floats
    northing_m: Floats
    day: Ints
    without_day: int
    without_place: int
    source: str
    as_of: date


def event_points(incidents: Table, *, groups: Sequence[str], months: Sequence[str]) -> EventPoints:
    """Where and when was each incident of these groups and months?

    Raises
    ------
    QuestionError
        where not one record has a day: a month alone cannot say which came first.
    """
    rows = incidents.filter(incidents.offence_group.isin(list(groups)) & incidents.month.isin(list(months)))
    scope = scope_of(incidents, "incidents")
    no_day = rows.occurred_on.isnull()
    no_place = rows.easting_m.isnull() | rows.northing_m.isnull()
    (tally,) = (
        rows.agg(
            n=rows.count(),
            without_day=no_day.cast("int64").sum(),
            without_place=(~no_day & no_place).cast("int64").sum(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    if tally["n"] and tally["without_day"] == tally["n"]:
        raise QuestionError(
            f"All {tally['n']:,} records of {', '.join(groups)} carry a month and no day, so none can be "
            "said to follow another. Ingest an extract of your own with dates; public data are by month."
        )
    placed = rows.filter(~no_day & ~no_place).select("easting_m", "northing_m", "occurred_on")
    found = placed.order_by("occurred_on", "easting_m", "northing_m").to_pyarrow()
    return EventPoints(
        easting_m=np.asarray(found["easting_m"].to_numpy(), dtype=np.float64),
        northing_m=np.asarray(found["northing_m"].to_numpy(), dtype=np.float64),
        day=found["occurred_on"].to_numpy().astype("datetime64[D]").astype(np.int64),
        without_day=int(tally["without_day"] or 0),
        without_place=int(tally["without_place"] or 0),
        source=scope.source,
        as_of=scope.as_of,
    )

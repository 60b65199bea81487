"""Where do more incidents lie just now than the place's own past leads one to expect?"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats
from becalm.methods.emerging_scan import EmergingCircle, learn_rates, scan_newest
from becalm.sustain.core.request import ClustersRequest
from becalm.sustain.core.series import LEAST_HISTORY, WEEK
from becalm.tables import EventPoints
from becalm.terms import Fault, QuestionError, UsageError

WEEKS_IN_YEAR: Final = 365.25 / 7.0
HISTORY_WEEKS: Final = 156  # older weeks say little about where it is now
LEAST_INCIDENTS: Final = 100
MOST_YEARS: Final = 1000.0
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A circle with more than expected in its last weeks; by chance one like it comes once in `years`."""

    easting_m: float
    northing_m: float
    radius_m: float
    weeks: int
    observed: int
    expected: float
    years: float


@dataclass(frozen=True, slots=True)
class Clusters:
    """The circles of the week that ends on `until`, the rarest first; `omitted` records have no place."""

    target: tuple[str, ...]
    source: str
    as_of: date
    until: date
    history_weeks: int
    incidents: int
    overdispersion: float
    cell_m: float
    radius_m: float
    weeks: int
    seed: int
    clusters: tuple[Cluster, ...]
    omitted: int


def history_months(until: date) -> tuple[str, ...]:
    """The months (YYYY-MM) that may hold a week of the history."""
    start = until - WEEK * (HISTORY_WEEKS + 13)
    months = range(start.year * 12 + start.month - 1, until.year * 12 + until.month)
    return tuple(f"{month // 12}-{month % 12 + 1:02d}" for month in months)


def find_clusters(
    events: EventPoints,
    request: ClustersRequest,
    *,
    target: tuple[str, ...],
    until: date,
    first_day: date,
    rng: np.random.Generator,
    seed: int,
) -> Clusters:
    """Which circles hold more than expected in the weeks that end on `until`, a Sunday?

    `first_day` is the first day on record. A city that rises as a whole is no cluster: the expected count of
    each week follows the whole. Raises UsageError where the radius is less than a cell; QuestionError where
    there is less than a year of history, or too little in it.
    """
    if request.radius_m < request.cell_m:
        raise UsageError(
            f"A radius of {request.radius_m:g} m is less than a cell of {request.cell_m:g} m. "
            "Give a larger `radius_m`, or a smaller `cell_m`."
        )
    end = (until - EPOCH).days + 1
    week_count = min(HISTORY_WEEKS + request.weeks, (end - (first_day - EPOCH).days) // 7)
    column = week_count - 1 - (end - 1 - events.day) // 7
    is_inside = (column >= 0) & (column < week_count)
    cells = np.floor(np.column_stack([events.easting_m, events.northing_m])[is_inside] / request.cell_m)
    history_weeks = week_count - request.weeks
    _check_history(history_weeks, len(cells), target, until)
    corners, site = np.unique(cells, axis=0, return_inverse=True)
    counts = np.zeros((len(corners), week_count))
    np.add.at(counts, (site.ravel(), column[is_inside]), 1.0)
    x, y = (corners + 0.5).T * request.cell_m
    circles, excess = _scan(x, y, counts, history_weeks, request, rng)
    return Clusters(
        target=target,
        source=events.source,
        as_of=events.as_of,
        until=until,
        history_weeks=history_weeks,
        incidents=len(cells),
        overdispersion=excess,
        cell_m=request.cell_m,
        radius_m=request.radius_m,
        weeks=request.weeks,
        seed=seed,
        clusters=tuple(_describe(circle, x, y, request.cell_m) for circle in circles),
        omitted=events.without_day + events.without_place,
    )


def _check_history(weeks: int, incident_count: int, target: tuple[str, ...], until: date) -> None:
    faults = []
    if weeks < LEAST_HISTORY:
        faults.append(
            Fault("records", f"hold {max(weeks, 0)} weeks before those that are searched", "ingest a year")
        )
    if incident_count < LEAST_INCIDENTS:
        fault_text = f"{incident_count} incidents of {', '.join(target)} up to {until}"
        faults.append(Fault("records", fault_text, f"take more offence groups: {LEAST_INCIDENTS} are needed"))
    if faults:
        raise QuestionError("Clusters cannot be searched", tuple(faults))


def _scan(
    x: Floats,
    y: Floats,
    counts: Floats,
    history_weeks: int,
    request: ClustersRequest,
    rng: np.random.Generator,
) -> tuple[tuple[EmergingCircle, ...], float]:
    """The circles, and how much counts vary beyond Poisson."""
    totals = counts.sum(axis=0)
    week_factors = np.maximum(totals, 0.5) / totals[:history_weeks].mean()
    rates = learn_rates(counts[:, :history_weeks], week_factors[:history_weeks])
    circles = scan_newest(
        x,
        y,
        counts[:, history_weeks:],
        rates,
        week_factors[history_weeks:],
        radius=request.radius_m,
        drawings=request.drawings,
        rng=rng,
    )
    return tuple(c for c in circles if _once_in_years(c.p) >= request.least_years), rates.excess


def _once_in_years(p: float) -> float:
    """How often such a circle comes by chance, if one looks every week."""
    return min(1.0 / (WEEKS_IN_YEAR * max(p, 1e-12)), MOST_YEARS)


def _describe(circle: EmergingCircle, x: Floats, y: Floats, cell_m: float) -> Cluster:
    return Cluster(
        easting_m=float(x[circle.centre]),
        northing_m=float(y[circle.centre]),
        radius_m=circle.radius + cell_m / 2.0,
        weeks=circle.times,
        observed=round(circle.observed),
        expected=circle.expected,
        years=_once_in_years(circle.p),
    )


def first_day_of(cluster: Cluster, until: date) -> date:
    """The Monday on which its weeks begin."""
    return until - WEEK * cluster.weeks + timedelta(days=1)

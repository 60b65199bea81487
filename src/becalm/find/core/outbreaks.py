"""Where and when were there suddenly more incidents than that place and that time explain?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
import shapely

from becalm.find.core.place_panel import PlacePanel, days_in_month
from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid, to_cells
from becalm.methods.scan import Cylinder, scan
from becalm.tables import EventPoints
from becalm.terms import PlaceKind, QuestionError, UsageError

TimeStep = Literal["month", "week", "day"]
LEAST_INCIDENTS: Final = 30
EPOCH: Final = date(1970, 1, 1)
DAYS: Final[dict[TimeStep, int]] = {"week": 7, "day": 1}
LONGEST: Final[dict[TimeStep, int]] = {"month": 3, "week": 4, "day": 14}
MOST_CELLS: Final = 100_000_000  # places with an incident times steps


@dataclass(frozen=True, slots=True)
class Outbreak:
    """A circle and a run of months, weeks or days that hold more incidents than chance alone explains."""

    easting_m: float
    northing_m: float
    radius_m: float
    first: str
    last: str
    observed: int
    expected: float
    p: float


@dataclass(frozen=True, slots=True)
class Outbreaks:
    """The strongest such circles, none overlapping a stronger one; p pays for having looked everywhere.

    `step` is what a run is counted in. `first` and `last` are months (YYYY-MM) where it is a month, else the
    first day of the first step and the last day of the last one.
    """

    target: tuple[str, ...]
    cell_m: float
    incidents: int
    first: str
    last: str
    step: TimeStep
    radius_m: float
    longest: int
    orders: int
    level: float
    outbreaks: tuple[Outbreak, ...]
    source: str
    as_of: date
    warnings: tuple[str, ...] = ()
    kind: PlaceKind = "cell"


@dataclass(frozen=True, slots=True)
class IncidentSteps:
    """On which place and in which step each incident fell; the first and the last moment of each step."""

    place: Ints
    step: Ints
    firsts: tuple[str, ...]
    lasts: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How far circles reach, in which steps and how long they last, and how many random orders are drawn."""

    radius_m: float = 1000.0
    step: TimeStep = "month"
    longest: int | None = None  # of so many steps; without it, as many as suit the step
    orders: int = 199
    level: float = 0.05


def find_outbreaks(
    panel: PlacePanel,
    *,
    target: tuple[str, ...],
    source: str,
    as_of: date,
    how: ScanSettings | None = None,
    events: EventPoints | None = None,
    rng: np.random.Generator,
) -> Outbreaks:
    """Which circles and runs of months hold more than chance alone explains, having looked everywhere?

    A place that always carries much, or a month in which all of the city had more, is no outbreak: only
    both together are. Circles stand on the middles of the places that had an incident. With a `step` of a
    week or a day, runs are of those (at most `longest` of them; 3 months, 4 weeks or 14 days), and `events`
    must say on which day each incident happened; weeks are counted back from the last day on record.

    Raises
    ------
    QuestionError
        where there are too few incidents, or too many places for so many steps.
    UsageError
        where the radius or the longest run cannot be.
    """
    how = how or ScanSettings()
    radius_m, step, orders, level = how.radius_m, how.step, how.orders, how.level
    happened = _by_month(panel) if step == "month" else _by_days(panel, events, DAYS[step])
    run, steps = how.longest if how.longest is not None else LONGEST[step], len(happened.firsts)
    _refuse(happened, target, radius_m, run, step)
    if not 0.0 < level < 0.5:
        raise UsageError(f"A level of {level} is none. Give the error rate you accept, e.g. 0.05.")
    x, y = panel.places.centres_m
    used, site = np.unique(happened.place, return_inverse=True)
    if len(used) * steps > MOST_CELLS:
        raise QuestionError(
            f"{len(used):,} places with an incident in {steps:,} {step}s are too many to scan. Take longer "
            "steps (--step month), larger places or fewer months (--since)."
        )
    x, y = x[used], y[used]
    found = scan(x, y, site, happened.step, radius=radius_m, longest=run, orders=orders, rng=rng)
    return Outbreaks(
        target=target,
        cell_m=panel.places.width_m,
        incidents=len(happened.place),
        first=happened.firsts[0],
        last=happened.lasts[-1],
        step=step,
        radius_m=radius_m,
        longest=run,
        orders=orders,
        level=level,
        outbreaks=tuple(_outbreak(c, x, y, used, panel, happened) for c in found),
        source=source,
        as_of=as_of,
        warnings=_warn(happened, step),
        kind=panel.kind,
    )


def _by_month(panel: PlacePanel) -> IncidentSteps:
    months = list(zip(panel.target.places, panel.target.counts, strict=True))
    place = np.concatenate([np.repeat(p, c.astype(int)) for p, c in months])
    month = np.concatenate([np.full(int(c.sum()), t) for t, (_, c) in enumerate(months)])
    return IncidentSteps(place, month, panel.months, panel.months)


def _by_days(panel: PlacePanel, events: EventPoints | None, length: int) -> IncidentSteps:
    """Steps of so many days, counted back from the last day; what is left at the start is left out."""
    if events is None:
        raise ValueError("Weeks and days need the day of each incident. Give events.")
    begin, last = (date.fromisoformat(f"{month}-01") for month in (panel.months[0], panel.months[-1]))
    end = last + timedelta(days=days_in_month(panel.months[-1]))
    steps = (end - begin).days // length
    start = end - timedelta(days=steps * length)
    place = _places_of(panel, events)
    step = (events.day - (start - EPOCH).days) // length
    kept = (place >= 0) & (step >= 0) & (step < steps)
    firsts = [start + timedelta(days=length * t) for t in range(steps)]
    lasts = [first + timedelta(days=length - 1) for first in firsts]
    return IncidentSteps(
        place[kept],
        step[kept],
        tuple(map(str, firsts)),
        tuple(map(str, lasts)),
        left_out=int(np.count_nonzero(~kept)) + events.without_day + events.without_place,
    )


def _places_of(panel: PlacePanel, events: EventPoints) -> Ints:
    if isinstance(panel.places, CellGrid):
        return panel.places.numbers(*to_cells(events.easting_m, events.northing_m, panel.places.cell_m))
    return panel.places.locate(events.easting_m, events.northing_m)


def _refuse(
    happened: IncidentSteps, target: tuple[str, ...], radius_m: float, longest: int, step: TimeStep
) -> None:
    steps = len(happened.firsts)
    if not (np.isfinite(radius_m) and radius_m > 0) or not 1 <= longest < steps:
        raise UsageError(
            f"Circles up to {radius_m:g} m and {longest} {step}s cannot be sought in {steps} {step}s. "
            f"Give a --radius-m above 0, and a --longest from 1 to fewer {step}s than there are."
        )
    if len(happened.place) < LEAST_INCIDENTS:
        total = f"{len(happened.place)} incidents of {' + '.join(target)}"
        raise QuestionError(f"{total}, need {LEAST_INCIDENTS}. Take more months.")


def _outbreak(
    found: Cylinder,
    x: Floats,
    y: Floats,
    used: Ints,
    panel: PlacePanel,
    happened: IncidentSteps,
) -> Outbreak:
    """A cylinder on the ground: its circle reaches to the edge of the outermost places."""
    return Outbreak(
        easting_m=float(x[found.centre]),
        northing_m=float(y[found.centre]),
        radius_m=_reach(found, x, y, used, panel),
        first=happened.firsts[found.first],
        last=happened.lasts[found.last],
        observed=found.observed,
        expected=found.expected,
        p=found.p,
    )


def _reach(found: Cylinder, x: Floats, y: Floats, used: Ints, panel: PlacePanel) -> float:
    """From the middle of the circle to the furthest edge of the places in it; of cells, half a cell more."""
    if isinstance(panel.places, CellGrid):
        return found.radius + panel.places.cell_m / 2.0
    middle = shapely.Point(x[found.centre], y[found.centre])
    held = np.hypot(x - middle.x, y - middle.y) <= found.radius
    return float(shapely.hausdorff_distance(middle, panel.places.outlines[used[held]]).max())


def _warn(happened: IncidentSteps, step: TimeStep) -> tuple[str, ...]:
    if not happened.left_out:
        return ()
    return (
        f"{happened.left_out:,} incidents are left out: without a place or a day, or before the first whole "
        f"{step}.",
    )

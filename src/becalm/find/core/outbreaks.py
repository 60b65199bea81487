"""Where and when were there suddenly more incidents than that place and that time explain?"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import shapely

from becalm.find.core.place_panel import PlacePanel, days_in_month, locate_points
from becalm.find.core.request import ScanSettings, TimeStep
from becalm.methods.arrays import Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.scan_statistic import Cylinder, scan
from becalm.tables import EventPoints
from becalm.terms import PlaceKind, QuestionError, UsageError

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
class _Incidents:
    """On which place and in which step each incident fell; the first and the last moment of each step."""

    place: Ints
    step: Ints
    step_starts: tuple[str, ...]
    step_ends: tuple[str, ...]
    omitted: int = 0


def find_outbreaks(
    panel: PlacePanel,
    *,
    target: tuple[str, ...],
    source: str,
    as_of: date,
    settings: ScanSettings | None = None,
    events: EventPoints | None = None,
    rng: np.random.Generator,
) -> Outbreaks:
    """Which circles and runs of months hold more than chance alone explains, having looked everywhere?

    A place that always carries much, or a month in which all of the city had more, is no outbreak: only
    both together are. Circles stand on the middles of the places that had an incident. With a `step` of a
    week or a day, runs are of those (at most `longest` of them; 3 months, 4 weeks or 14 days), and `events`
    must say on which day each incident happened; weeks are counted back from the last day on record.

    Raises QuestionError where there are too few incidents, or too many places for so many steps; UsageError
    where the radius or the longest run cannot be.
    """
    settings = settings or ScanSettings()
    radius_m, step, order_count = settings.radius_m, settings.step, settings.orders
    most_steps = settings.longest if settings.longest is not None else LONGEST[step]
    incidents = _step_by_month(panel) if step == "month" else _step_by_days(panel, events, DAYS[step])
    # Only places that had an incident can be the middle of a circle: the others would cost time for nothing.
    busy_place_index, site_number = np.unique(incidents.place, return_inverse=True)
    _check_settings(incidents, target, settings, most_steps, len(busy_place_index))
    x, y = (coordinates[busy_place_index] for coordinates in panel.places.centres_m)
    cylinders = scan(
        x, y, site_number, incidents.step, radius=radius_m, longest=most_steps, orders=order_count, rng=rng
    )
    return Outbreaks(
        target=target,
        cell_m=panel.places.width_m,
        incidents=len(incidents.place),
        first=incidents.step_starts[0],
        last=incidents.step_ends[-1],
        step=step,
        radius_m=radius_m,
        longest=most_steps,
        orders=order_count,
        level=settings.level,
        outbreaks=tuple(
            Outbreak(
                easting_m=float(x[cylinder.centre]),
                northing_m=float(y[cylinder.centre]),
                radius_m=_measure_radius(cylinder, x, y, busy_place_index, panel),
                first=incidents.step_starts[cylinder.first],
                last=incidents.step_ends[cylinder.last],
                observed=cylinder.observed,
                expected=cylinder.expected,
                p=cylinder.p,
            )
            for cylinder in cylinders
        ),
        source=source,
        as_of=as_of,
        warnings=_warn_of_omitted(incidents, step),
        kind=panel.kind,
    )


def _step_by_month(panel: PlacePanel) -> _Incidents:
    month_pairs = list(zip(panel.target.places, panel.target.counts, strict=True))
    place_of_incident = np.concatenate(
        [np.repeat(places, counts.astype(int)) for places, counts in month_pairs]
    )
    month_of_incident = np.concatenate(
        [np.full(int(counts.sum()), t) for t, (_, counts) in enumerate(month_pairs)]
    )
    return _Incidents(place_of_incident, month_of_incident, panel.months, panel.months)


def _step_by_days(panel: PlacePanel, events: EventPoints | None, step_days: int) -> _Incidents:
    """Steps of so many days, counted back from the last day; what is left at the start is left out."""
    if events is None:
        raise ValueError("Weeks and days need the day of each incident. Give events.")
    first_day, last_month = (date.fromisoformat(f"{panel.months[i]}-01") for i in (0, -1))
    end_day = last_month + timedelta(days=days_in_month(panel.months[-1]))
    step_count = (end_day - first_day).days // step_days
    start_day = end_day - timedelta(days=step_count * step_days)
    place_number = locate_points(panel.places, events.easting_m, events.northing_m)
    step_number = (events.day - (start_day - EPOCH).days) // step_days
    is_inside = (place_number >= 0) & (step_number >= 0) & (step_number < step_count)
    step_start_days = [start_day + timedelta(days=step_days * i) for i in range(step_count)]
    return _Incidents(
        place_number[is_inside],
        step_number[is_inside],
        tuple(map(str, step_start_days)),
        tuple(str(day + timedelta(days=step_days - 1)) for day in step_start_days),
        omitted=int(np.count_nonzero(~is_inside)) + events.without_day + events.without_place,
    )


def _check_settings(
    incidents: _Incidents, target: tuple[str, ...], settings: ScanSettings, longest: int, site_count: int
) -> None:
    step_count, step_unit, radius_m = len(incidents.step_starts), settings.step, settings.radius_m
    if not (np.isfinite(radius_m) and radius_m > 0) or not 1 <= longest < step_count:
        raise UsageError(
            f"Circles up to {radius_m:g} m and {longest} {step_unit}s cannot be searched in {step_count} "
            f"{step_unit}s. Give a `radius_m` above 0, and a `longest` from 1 to fewer {step_unit}s than "
            "there are."
        )
    if len(incidents.place) < LEAST_INCIDENTS:
        total_text = f"{len(incidents.place)} incidents of {' + '.join(target)}"
        raise QuestionError(f"{total_text}, need {LEAST_INCIDENTS}. Take more months.")
    if not 0.0 < settings.level < 0.5:
        raise UsageError(f"A level of {settings.level} is not possible. Give an error rate, e.g. 0.05.")
    if site_count * step_count > MOST_CELLS:
        raise QuestionError(
            f"{site_count:,} places with an incident in {step_count:,} {step_unit}s are too many to scan. "
            "Take longer steps (`step month`), larger places or fewer months (`since`)."
        )


def _measure_radius(cylinder: Cylinder, x: Floats, y: Floats, busy_index: Ints, panel: PlacePanel) -> float:
    """From the middle of the circle to the furthest edge of the places in it; of cells, half a cell more."""
    if isinstance(panel.places, CellGrid):
        return cylinder.radius + panel.places.cell_m / 2.0
    centre = shapely.Point(x[cylinder.centre], y[cylinder.centre])
    is_inside = np.hypot(x - centre.x, y - centre.y) <= cylinder.radius
    return float(shapely.hausdorff_distance(centre, panel.places.outlines[busy_index[is_inside]]).max())


def _warn_of_omitted(incidents: _Incidents, step_unit: TimeStep) -> tuple[str, ...]:
    if not incidents.omitted:
        return ()
    return (
        f"{incidents.omitted:,} incidents are left out: without a place or a day, or before the first whole "
        f"{step_unit}.",
    )

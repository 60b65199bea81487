"""The counts of a trial: by place and day, and in the ground around the places, zone by zone.

A zone is the ground within the ring of exactly these places and of no other, and within none of them. Which
of its places have patrols on a day says how much it is exposed to them; so chances of exposure come from
drawing the arms again, and rings may overlap.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol as Shape

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from becalm.evaluate.core.count_study import DatedPoints
from becalm.evaluate.core.protocol import Protocol
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.terms import Fault, Period

Arms = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class TrialArms:
    """The draw of a trial, and a thousand more draws by the same law.

    `arms` (places x days), and `redraws` (draws x places x days), are numbers from 0, the weakest arm, on.
    Officer-hours, planned and delivered, are by place and day; None where nobody said.
    """

    places: tuple[str, ...]
    easting_m: Floats
    northing_m: Floats
    clusters: Ints
    first_day: date
    arm_names: tuple[str, ...]
    arms: Arms
    redraws: Arms
    is_overridden: Bools
    planned_hours: Floats | None = None
    delivered_hours: Floats | None = None

    @property
    def period(self) -> Period:
        """The days of the trial."""
        return Period(self.first_day, self.first_day + timedelta(days=self.arms.shape[1]))

    @property
    def strongest(self) -> int:
        """The number of the strongest arm."""
        return len(self.arm_names) - 1


@dataclass(frozen=True, slots=True, eq=False)
class TrialCounts:
    """Weighted counts of a trial, with its arms.

    `counts` (places x days) are those of the trial's days, `before` each place's of the window before.
    `zone_places` lists the places of each zone; `zone_counts` (zones x days) and `zone_before` are alike.
    `neighbours` (places x places): in another cluster, and so near that its ring reaches the place.
    """

    arms: TrialArms
    counts: Floats
    before: Floats
    before_days: int
    neighbours: Bools
    zone_places: tuple[tuple[int, ...], ...]
    zone_counts: Floats
    zone_before: Floats


def count_trial(protocol: Protocol, arms: TrialArms, points: DatedPoints) -> TrialCounts:
    """How many offences, as the outcome weighs them, did each place and each zone have on each day?

    Each record counts once: for the nearest place that holds it, or for the zone it lies in.
    """
    radius_m, ring_m = protocol.places.radius_m, protocol.places.ring_m
    group_weights = np.asarray(protocol.outcome.weights, dtype=np.float64)
    weights: Floats = group_weights[points.group_index] * points.counts
    places_xy_m = np.column_stack([arms.easting_m, arms.northing_m])
    points_xy_m = np.column_stack([points.easting_m, points.northing_m]).reshape(-1, 2)
    tree = cKDTree(places_xy_m)
    distance_m, nearest = tree.query(points_xy_m) if len(points_xy_m) else (np.zeros(0), np.zeros(0, int))
    is_within = distance_m <= radius_m
    first, last = points.spans[0].start, points.spans[-1].end
    days_in_all = (last - first).days
    of_places = _tally(nearest, points.span_index, weights, is_within, (len(arms.places), days_in_all))
    is_in_ring = ~is_within & (distance_m <= radius_m + ring_m)
    ring_rows = np.flatnonzero(is_in_ring) if ring_m else np.zeros(0, dtype=np.int64)
    reached_places = tree.query_ball_point(points_xy_m[ring_rows], radius_m + ring_m, return_sorted=True)
    zone_by_places: dict[tuple[int, ...], int] = defaultdict(lambda: len(zone_by_places))
    zones = np.array([zone_by_places[tuple(p)] for p in reached_places], dtype=np.int64)
    of_zones = np.zeros((len(zone_by_places), days_in_all))
    np.add.at(of_zones, (zones, points.span_index[ring_rows]), weights[ring_rows])
    trial_days, before_days = (
        slice((w.start - first).days, (w.end - first).days) for w in (arms.period, protocol.windows.before)
    )
    return TrialCounts(
        arms=arms,
        counts=of_places[:, trial_days],
        before=of_places[:, before_days].sum(axis=1),
        before_days=protocol.windows.before.days,
        neighbours=find_neighbours(arms, reach_m=2.0 * radius_m + ring_m),
        zone_places=tuple(zone_by_places),
        zone_counts=of_zones[:, trial_days],
        zone_before=of_zones[:, before_days].sum(axis=1),
    )


def _tally(rows: Ints, columns: Ints, weights: Floats, is_counted: Bools, shape: tuple[int, int]) -> Floats:
    tally = np.zeros(shape)
    np.add.at(tally, (rows[is_counted], columns[is_counted]), weights[is_counted])
    return tally


def find_neighbours(arms: TrialArms, *, reach_m: float) -> Bools:
    """Which places lie within reach of which, and were drawn apart from them?"""
    xy_m = np.column_stack([arms.easting_m, arms.northing_m])
    is_near = np.zeros((len(xy_m), len(xy_m)), dtype=bool)
    for row, near in enumerate(cKDTree(xy_m).query_ball_point(xy_m, reach_m)):
        is_near[row, near] = True
    return np.asarray(is_near & (arms.clusters[:, None] != arms.clusters))


def expose_zones(zone_places: Sequence[tuple[int, ...]], arms: Arms) -> Arms:
    """The strongest arm near each zone, day by day: from (... places, days) to (... zones, days)."""
    zones = [arms[..., list(places), :].max(axis=-2) for places in zone_places]
    return np.stack(zones, axis=-2) if zones else arms[..., :0, :]


def find_day_faults(protocol: Protocol, period: Period) -> Iterator[Fault]:
    """The window after must be the days of the trial: on others nothing was drawn."""
    if protocol.windows.after != period:
        yield Fault(
            "windows.after",
            f"{protocol.windows.after} is not the days of the trial",
            f'write after = "{period.start}..{period.last_day}"',
        )


class Trial(Shape):
    """A trial as patrol knows it, as far as its analysis needs it."""

    @property
    def hotspots(self) -> tuple[str, ...]:
        """The names of its places."""

    @property
    def easting_m(self) -> Floats:
        """Where they lie."""

    @property
    def northing_m(self) -> Floats:
        """Where they lie."""

    @property
    def cluster_of_place(self) -> Ints:
        """Which were drawn together."""

    @property
    def first_day(self) -> date:
        """Its first day."""

    @property
    def arm_names(self) -> tuple[str, ...]:
        """From the weakest to the strongest."""

    @property
    def arms(self) -> Arms:
        """Of each place and day."""

    @property
    def is_overridden(self) -> Bools:
        """Where somebody did otherwise."""


def join_arms(
    trial: Trial,
    redraws: Arms,
    *,
    planned_hours: Floats | None = None,
    delivered_hours: Floats | None = None,
) -> TrialArms:
    """The trial with further draws of its arms, and hours where they are known."""
    return TrialArms(
        places=trial.hotspots,
        easting_m=trial.easting_m,
        northing_m=trial.northing_m,
        clusters=trial.cluster_of_place,
        first_day=trial.first_day,
        arm_names=trial.arm_names,
        arms=trial.arms,
        redraws=redraws,
        is_overridden=trial.is_overridden,
        planned_hours=planned_hours,
        delivered_hours=delivered_hours,
    )

"""Why a place stands out: clusters, repeats and outbreaks. They explain a list; they never choose it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from becalm.terms import PlaceKind

TimeStep = Literal["month", "week", "day"]
History = Literal["persistent", "emerging", "former", "sporadic", "never"]


@dataclass(frozen=True, slots=True)
class PlaceCluster:
    """How one place and its neighbours stand out.

    `z` is Gi*, `q` the adjusted p-value of so many incidents around it by chance alone. `quadrant` says how
    the place and its neighbours compare with the mean ("high-high" …), `quadrant_q` how sure that is.
    `history` sums up in how many of the list's periods (`hot_periods`) it was a cluster, early or late.
    """

    rank: int
    place_id: str
    column: int
    row: int
    count: int
    z: float
    q: float
    quadrant: str
    quadrant_q: float
    history: History
    hot_periods: int


@dataclass(frozen=True, slots=True)
class ClusterMap:
    """Clusters of the last months: the listed places, and how many of all places are clusters.

    `adjustment` names how p-values were adjusted for so many places being tested; `histories` counts all
    places in each class over `periods` periods of `period_months` months, the last one included.
    """

    target: tuple[str, ...]
    cell_m: float
    first_month: str
    last_month: str
    adjustment: str
    level: float
    places: int
    hot: int
    clusters: tuple[PlaceCluster, ...]
    periods: int
    period_months: int
    histories: tuple[tuple[History, int], ...]
    denominator: str
    source: str
    as_of: date
    warnings: tuple[str, ...] = ()
    kind: PlaceKind = "cell"


@dataclass(frozen=True, slots=True)
class RepeatBand:
    """Pairs of incidents at a distance and delay: how many there are, how many by chance alone, and p.

    A distance of 0 to 0 is the very same place; `until_m` None is everything beyond, and so for days.
    """

    from_m: float
    until_m: float | None
    from_days: int
    until_days: int | None
    observed: int
    expected: float
    ratio: float | None
    p: float


@dataclass(frozen=True, slots=True)
class NearRepeats:
    """After one incident, is another one nearby soon likelier than places and times alone explain?"""

    target: tuple[str, ...]
    incidents: int
    left_out: int  # have no place or no day
    first_day: date
    last_day: date
    orders: int
    distance: str
    bands: tuple[RepeatBand, ...]
    source: str
    as_of: date
    warnings: tuple[str, ...] = ()


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

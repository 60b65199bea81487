"""After one incident, is another one nearby soon more likely than places and times alone explain?"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Final

import numpy as np

from becalm.methods.near_repeat import Distance, NearRepeatTable, near_repeats
from becalm.tables import EventPoints
from becalm.terms import QuestionError, UsageError

LEAST_EVENTS: Final = 30
MOVED_SHARE: Final = 0.25  # fewer points than this share of the incidents: no source records so coarsely
EPOCH: Final = date(1970, 1, 1)


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
    """After one incident, is another one nearby soon more likely than places and times alone explain?"""

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


def find_near_repeats(
    events: EventPoints,
    *,
    target: tuple[str, ...],
    distance_edges_m: tuple[float, ...] = (100.0, 200.0, 400.0),
    delay_edges_days: tuple[int, ...] = (7, 14, 28),
    orders: int = 999,
    distance: Distance = "euclidean",
    rng: np.random.Generator,
) -> NearRepeats:
    """How many pairs of incidents are so near and so soon after each other, beside chance alone?

    Bands include their upper edge: up to 7 days means a delay of 0 to 7. The very same place is a band of
    its own. Under chance alone every incident keeps its place and gets the day of another at random.

    Raises QuestionError where there are too few incidents; UsageError where the edges do not rise.
    """
    if len(events.day) < LEAST_EVENTS:
        raise QuestionError(
            f"{len(events.day)} incidents of {' + '.join(target)} have a place and a day, need "
            f"{LEAST_EVENTS}. Take more months, or more offences with `target`."
        )
    try:
        pair_table = near_repeats(
            events.easting_m,
            events.northing_m,
            events.day,
            distance_edges=distance_edges_m,
            delay_edges=delay_edges_days,
            orders=orders,
            rng=rng,
            distance=distance,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    return NearRepeats(
        target=target,
        incidents=len(events.day),
        left_out=events.without_day + events.without_place,
        first_day=EPOCH + timedelta(days=int(events.day.min())),
        last_day=EPOCH + timedelta(days=int(events.day.max())),
        orders=orders,
        distance=distance,
        bands=_build_bands(pair_table),
        source=events.source,
        as_of=events.as_of,
        warnings=_warn_of_moved(events),
    )


def _build_bands(table: NearRepeatTable) -> tuple[RepeatBand, ...]:
    distance_bands = [
        (0.0, 0.0),
        *zip((0.0, *table.distance_edges), (*table.distance_edges, None), strict=True),
    ]
    first_days = (0, *(edge + 1 for edge in table.delay_edges))
    delay_bands = zip(first_days, (*table.delay_edges, None), strict=True)
    return tuple(
        RepeatBand(
            *distance_band,
            *delay_band,
            observed=int(table.observed[i, j]),
            expected=float(table.expected[i, j]),
            ratio=float(table.ratio[i, j]) if table.expected[i, j] > 0 else None,
            p=float(table.p[i, j]),
        )
        for (i, distance_band), (j, delay_band) in product(enumerate(distance_bands), enumerate(delay_bands))
    )


def _warn_of_moved(events: EventPoints) -> tuple[str, ...]:
    point_count = len(np.unique(np.column_stack([events.easting_m, events.northing_m]), axis=0))
    if point_count >= MOVED_SHARE * len(events.day):
        return ()
    return (
        f"{len(events.day):,} incidents lie on {point_count:,} points: the records were moved to points of "
        "a map, so the same place means the same point, and short distances say little.",
    )

"""Do the listed places stand out together with their neighbours, and since when?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from becalm.find.core.expected_counts import forecast_next_month
from becalm.find.core.place_facts import find_place_numbers
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.rules import Rules
from becalm.find.core.select import Candidates, choose_places
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.local_association import QUADRANTS, getis_ord, local_moran, permutation_p
from becalm.methods.multiplicity import Adjustment, adjust
from becalm.methods.neighbour_sums import Neighbours
from becalm.methods.place_set import PlaceSet
from becalm.terms import PlaceKind, QuestionError, UsageError

History = Literal["persistent", "emerging", "former", "sporadic", "never"]
ADJUSTMENTS: Final = ("BH", "BY", "Holm")
MOST_PERIODS: Final = 12
UNEQUAL: Final = 4.0  # times the median, from which a place is large for its kind
HISTORIES: Final[tuple[History, ...]] = ("persistent", "emerging", "former", "sporadic", "never")


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


def list_place_numbers(panel: PlacePanel, rules: Rules, settings: FindSettings) -> Ints:
    """The numbers of the places that a list of this ground holds, best first, without their certainty."""
    (forecast, _), places = forecast_next_month(panel, settings), panel.places
    x, y = places.centres_m
    candidates = Candidates(
        expected=forecast.expected,
        x_m=x,
        y_m=y,
        area_index=np.full(places.size, -1),
        area_names=(),
        number_by_id=find_place_numbers(places, [decision.place_id for decision in rules.decisions]),
        width_m=places.width_m,
    )
    return choose_places(candidates, rules, priced=False).listed_index


def explain_clusters(
    panel: PlacePanel,
    listed: Ints,
    *,
    target: tuple[str, ...],
    source: str,
    as_of: date,
    months: int = 12,
    period_months: int = 3,
    adjustment: Adjustment = "BH",
    level: float = 0.05,
) -> ClusterMap:
    """Which places are clusters of the last months, and were they so before?

    `listed` are numbers of places, best first (`list_place_numbers`). Gi* and local Moran compare each place
    and those that touch it (of squares: all eight) with all places; the p-values are those of shuffling the
    counts over the places, adjusted over all places at once. This explains a list. It must not make one: how
    sure a place's rank is stands in its P(top).

    Raises
    ------
    UsageError
        where the adjustment is none of BH, BY and Holm, or a number of months cannot be.
    QuestionError
        where the months hold too few incidents to tell places apart.
    """
    _refuse(adjustment, months, period_months, level, panel)
    last = len(panel.months)
    neighbours = panel.places.neighbours()
    counts = _counts(panel, last - months, last)
    q = adjust(permutation_p(counts, neighbours), adjustment)
    moran = local_moran(counts, neighbours)
    hot = _hot_periods(panel, neighbours, period_months, adjustment, level)
    of_places = _OfPlaces(
        counts=counts,
        z=getis_ord(counts.astype(np.float64), neighbours),
        q=q,
        quadrant=moran.quadrant,
        quadrant_q=adjust(moran.p, adjustment),
        histories=history_of(hot),
        hot_periods=hot.sum(axis=0),
    )
    return ClusterMap(
        target=target,
        cell_m=panel.places.width_m,
        first_month=panel.months[last - months],
        last_month=panel.months[-1],
        adjustment=adjustment,
        level=level,
        places=panel.size,
        hot=int(np.count_nonzero(q <= level)),
        clusters=_listed(of_places, panel, listed),
        periods=len(hot),
        period_months=period_months,
        histories=_tally(of_places.histories),
        denominator=panel.denominator,
        source=source,
        as_of=as_of,
        warnings=_warn(panel, neighbours),
        kind=panel.kind,
    )


@dataclass(frozen=True, slots=True)
class _OfPlaces:
    """What is known of every place, in the order of the ground."""

    counts: Ints
    z: Floats
    q: Floats
    quadrant: Ints
    quadrant_q: Floats
    histories: tuple[History, ...]
    hot_periods: Ints


def _listed(of: _OfPlaces, panel: PlacePanel, listed: Ints) -> tuple[PlaceCluster, ...]:
    """The same of the listed places, in their order."""
    return tuple(
        PlaceCluster(
            rank=rank,
            place_id=name,
            column=column,
            row=row,
            count=int(of.counts[n]),
            z=float(of.z[n]),
            q=float(of.q[n]),
            quadrant=QUADRANTS[of.quadrant[n]],
            quadrant_q=float(of.quadrant_q[n]),
            history=of.histories[n],
            hot_periods=int(of.hot_periods[n]),
        )
        for rank, (n, (name, column, row)) in enumerate(
            zip(listed.tolist(), _names(panel.places, listed), strict=True), start=1
        )
    )


def _names(places: CellGrid | PlaceSet, listed: Ints) -> list[tuple[str, int, int]]:
    """What each listed place is called, with its column and row (of other places: its number and 0)."""
    if isinstance(places, PlaceSet):
        return [(places.ids[n], n, 0) for n in listed.tolist()]
    cells = zip(places.columns[listed].tolist(), places.rows[listed].tolist(), strict=True)
    return [(f"{places.cell_m:g}m_{column}_{row}", column, row) for column, row in cells]


def _warn(panel: PlacePanel, neighbours: Neighbours) -> tuple[str, ...]:
    """What must be known of places that differ in size, or that touch no other."""
    if isinstance(panel.places, CellGrid):
        return ()
    amounts, out = panel.places.amounts, []
    large = int(np.count_nonzero(amounts > UNEQUAL * np.median(amounts)))
    if large:
        out.append(
            f"{large:,} of {panel.size:,} places are more than {UNEQUAL:g} times as large as half of them. "
            "Counts are compared, not counts per size: a large place holds more by its size alone."
        )
    alone = int(np.count_nonzero(neighbours.numbers() == 0))
    if alone:
        out.append(f"{alone:,} of {panel.size:,} places touch no other, so they cannot be clusters.")
    return tuple(out)


def history_of(hot: Bools) -> tuple[History, ...]:
    """What sums up each place's periods, oldest first? `hot[period, place]`.

    "late" is the last third of the periods, "early" the rest: persistent is hot in at least half of both,
    emerging in half of the late ones only, former in half of the early ones only, sporadic ever, never not.

    >>> history_of(np.array([[1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 1, 0, 0, 0]], dtype=bool))
    ('persistent', 'emerging', 'former', 'former', 'never')
    """
    late_from = len(hot) - max(1, len(hot) // 3)
    early = hot[:late_from].mean(axis=0) >= 0.5 if late_from else np.zeros(hot.shape[1], dtype=bool)
    late = hot[late_from:].mean(axis=0) >= 0.5
    kinds = np.select([early & late, late, early, hot.any(axis=0)], [0, 1, 2, 3], 4)
    return tuple(HISTORIES[kind] for kind in kinds.tolist())


def _hot_periods(
    panel: PlacePanel, neighbours: Neighbours, period_months: int, adjustment: Adjustment, level: float
) -> Bools:
    """In which periods was each place a cluster? Oldest first; a period without incidents has none."""
    last = len(panel.months)
    starts = range(last - period_months, -1, -period_months)[:MOST_PERIODS]
    hot = np.zeros((len(starts), panel.size), dtype=bool)
    for k, start in enumerate(reversed(starts)):
        counts = _counts(panel, start, start + period_months)
        if counts.any():
            hot[k] = adjust(permutation_p(counts, neighbours), adjustment) <= level
    return hot


def _counts(panel: PlacePanel, start: int, end: int) -> Ints:
    return np.rint(panel.target.window(start, end)).astype(np.int64)


def _tally(histories: Sequence[History]) -> tuple[tuple[History, int], ...]:
    counted = Counter(histories)
    return tuple((kind, counted[kind]) for kind in HISTORIES)


def _refuse(adjustment: str, months: int, period_months: int, level: float, panel: PlacePanel) -> None:
    if adjustment not in ADJUSTMENTS:
        raise UsageError(
            f"{adjustment!r} is no adjustment. Choose {', '.join(ADJUSTMENTS)}: with {panel.size:,} places "
            "tested at once, unadjusted p-values would call hundreds of them clusters by chance."
        )
    if not 0.0 < level < 0.5:
        raise UsageError(f"A level of {level} is none. Give the error rate you accept, e.g. 0.05.")
    for name, given in (("months", months), ("period-months", period_months)):
        if not 1 <= given <= len(panel.months):
            raise UsageError(f"--{name} {given} cannot be: there are {len(panel.months)} months on record.")
    counts = _counts(panel, len(panel.months) - months, len(panel.months))
    if counts.sum() < 2 or counts.min() == counts.max():
        raise QuestionError(
            f"{int(counts.sum())} incidents in the last {months} months tell no places apart. "
            "Take more --months."
        )

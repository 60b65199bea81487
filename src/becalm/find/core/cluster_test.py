"""Do the listed places stand out together with their neighbours, and since when?"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np

from becalm.find.core.choose_places import Candidates, choose_places
from becalm.find.core.expected_counts import forecast_next_month
from becalm.find.core.list_rules import Rules
from becalm.find.core.place_facts import find_place_numbers
from becalm.find.core.place_panel import PlacePanel, name_places
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.grid import CellGrid
from becalm.methods.local_association import QUADRANTS, getis_ord, local_moran, permutation_p
from becalm.methods.multiplicity import Adjustment, adjust
from becalm.methods.neighbourhood import Neighbours
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

    `adjustment` names how p-values were adjusted for the number of places tested; `histories` counts all
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
    """The numbers of the places that a list of this panel holds, best first, without their certainty."""
    (forecast, _), places = forecast_next_month(panel, settings), panel.places
    x, y = places.centres_m
    candidates = Candidates(
        expected_values=forecast.expected_counts,
        x_m=x,
        y_m=y,
        area_index=np.full(places.size, -1),
        area_names=(),
        number_by_id=find_place_numbers(places, [decision.place_id for decision in rules.decisions]),
        width_m=places.width_m,
    )
    return choose_places(candidates, rules, with_prices=False).listed_index


def explain_clusters(
    panel: PlacePanel,
    listed_index: Ints,
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

    `listed_index` are numbers of places, best first (`list_place_numbers`). Gi* and local Moran compare each
    place and those that touch it (of squares: all eight) with all places; the p-values are those of shuffling
    the counts over the places, adjusted over all places at once. This explains a list. It must not make one:
    how sure a place's rank is stands in its P(top).

    Raises UsageError where the adjustment is none of BH, BY and Holm, or a number of months cannot be;
    QuestionError where the months hold too few incidents to tell places apart.
    """
    _check_settings(adjustment, months, period_months, level, panel)
    month_count = len(panel.months)
    place_neighbours = panel.places.neighbours()
    incident_counts = _count_incidents(panel, month_count - months, month_count)
    q = adjust(permutation_p(incident_counts, place_neighbours), adjustment)
    is_hot_place = _find_hot_periods(panel, place_neighbours, period_months, adjustment, level)
    place_count_by_history = Counter(classify_histories(is_hot_place))
    return ClusterMap(
        target=target,
        cell_m=panel.places.width_m,
        first_month=panel.months[month_count - months],
        last_month=panel.months[-1],
        adjustment=adjustment,
        level=level,
        places=panel.size,
        hot=int(np.count_nonzero(q <= level)),
        clusters=_build_clusters(
            panel, listed_index, incident_counts, q, is_hot_place, place_neighbours, adjustment
        ),
        periods=len(is_hot_place),
        period_months=period_months,
        histories=tuple((history, place_count_by_history[history]) for history in HISTORIES),
        denominator=panel.denominator,
        source=source,
        as_of=as_of,
        warnings=tuple(_list_warnings(panel, place_neighbours)),
        kind=panel.kind,
    )


def _build_clusters(
    panel: PlacePanel,
    listed_index: Ints,
    count_of_place: Ints,
    q: Floats,
    is_hot: Bools,
    neighbours: Neighbours,
    adjustment: Adjustment,
) -> tuple[PlaceCluster, ...]:
    """How each listed place stands out, in the order of the list."""
    moran_test = local_moran(count_of_place, neighbours)
    quadrant_q = adjust(moran_test.p, adjustment)
    z = getis_ord(count_of_place.astype(np.float64), neighbours)
    history_of_place, hot_period_count = classify_histories(is_hot), is_hot.sum(axis=0)
    numbered_names = zip(listed_index.tolist(), name_places(panel.places, listed_index), strict=True)
    return tuple(
        PlaceCluster(
            rank=rank,
            place_id=place_id,
            column=column,
            row=row,
            count=int(count_of_place[place_number]),
            z=float(z[place_number]),
            q=float(q[place_number]),
            quadrant=QUADRANTS[moran_test.quadrant[place_number]],
            quadrant_q=float(quadrant_q[place_number]),
            history=history_of_place[place_number],
            hot_periods=int(hot_period_count[place_number]),
        )
        for rank, (place_number, (place_id, column, row)) in enumerate(numbered_names, start=1)
    )


def _list_warnings(panel: PlacePanel, neighbours: Neighbours) -> Iterator[str]:
    """What must be known of places that differ in size, or that touch no other."""
    if isinstance(panel.places, CellGrid):
        return
    place_sizes = panel.places.amounts
    large_place_count = int(np.count_nonzero(place_sizes > UNEQUAL * np.median(place_sizes)))
    if large_place_count:
        yield (
            f"{large_place_count:,} of {panel.size:,} places are more than {UNEQUAL:g} times as large as "
            "half of them. Counts are compared, not counts per size: a large place holds more by its size "
            "alone."
        )
    neighbourless_place_count = int(np.count_nonzero(neighbours.numbers() == 0))
    if neighbourless_place_count:
        yield (
            f"{neighbourless_place_count:,} of {panel.size:,} places touch no other, so they "
            "cannot be clusters."
        )


def classify_histories(is_hot: Bools) -> tuple[History, ...]:
    """What sums up each place's periods, oldest first? `is_hot[period, place]`.

    "late" is the last third of the periods, "early" the rest: persistent is hot in at least half of both,
    emerging in half of the late ones only, former in half of the early ones only, sporadic ever, never not.

    >>> classify_histories(np.array([[1, 0, 1, 0, 0], [1, 0, 1, 1, 0], [1, 1, 0, 0, 0]], dtype=bool))
    ('persistent', 'emerging', 'former', 'former', 'never')
    """
    late_start = len(is_hot) - max(1, len(is_hot) // 3)
    is_hot_early = (
        is_hot[:late_start].mean(axis=0) >= 0.5 if late_start else np.zeros(is_hot.shape[1], dtype=bool)
    )
    is_hot_late = is_hot[late_start:].mean(axis=0) >= 0.5
    history_index = np.select(
        [is_hot_early & is_hot_late, is_hot_late, is_hot_early, is_hot.any(axis=0)], [0, 1, 2, 3], 4
    )
    return tuple(HISTORIES[i] for i in history_index.tolist())


def _find_hot_periods(
    panel: PlacePanel, neighbours: Neighbours, period_months: int, adjustment: Adjustment, level: float
) -> Bools:
    """In which periods was each place a cluster? Oldest first; a period without incidents has none."""
    start_months = range(len(panel.months) - period_months, -1, -period_months)[:MOST_PERIODS]
    is_hot = np.zeros((len(start_months), panel.size), dtype=bool)
    for period_index, start_month in enumerate(reversed(start_months)):
        incident_counts = _count_incidents(panel, start_month, start_month + period_months)
        if incident_counts.any():
            is_hot[period_index] = adjust(permutation_p(incident_counts, neighbours), adjustment) <= level
    return is_hot


def _count_incidents(panel: PlacePanel, start_month: int, end_month: int) -> Ints:
    return np.rint(panel.target.window(start_month, end_month)).astype(np.int64)


def _check_settings(
    adjustment: str, months: int, period_months: int, level: float, panel: PlacePanel
) -> None:
    if adjustment not in ADJUSTMENTS:
        raise UsageError(
            f"{adjustment!r} is no adjustment. Choose {', '.join(ADJUSTMENTS)}: with {panel.size:,} places "
            "tested at once, unadjusted p-values would call hundreds of them clusters by chance."
        )
    if not 0.0 < level < 0.5:
        raise UsageError(f"A level of {level} is not possible. Give the error rate you accept, e.g. 0.05.")
    month_count = len(panel.months)
    for option_name, option_value in (("months", months), ("period_months", period_months)):
        if not 1 <= option_value <= month_count:
            raise UsageError(
                f"`{option_name}` {option_value} is not possible: there are {month_count} months on record."
            )
    incident_counts = _count_incidents(panel, month_count - months, month_count)
    if incident_counts.sum() < 2 or incident_counts.min() == incident_counts.max():
        raise QuestionError(
            f"{int(incident_counts.sum())} incidents in the last {months} months are too few to compare "
            "places. Take more `months`."
        )

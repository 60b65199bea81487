"""Do events follow each other closely in space and time more often than their places and times alone explain?

E. G. Knox, "The detection of space-time interactions", Applied Statistics 13 (1964) 25-29: count the pairs
that are near in both; under the null any event may have had any of the times. S. D. Johnson et al.,
"Space-time patterns of risk: a cross national assessment of residential burglary victimization", Journal
of Quantitative Criminology 23 (2007) 201-219: the same by bands of distance and delay. P. A. Rogerson,
"Monitoring point patterns for the development of space-time clusters", Journal of the Royal Statistical
Society A 164 (2001) 87-96: one event's share in it is hypergeometric.

Pairs are streamed: none is stored, whatever their number.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.stats import hypergeom

from becalm.methods.arrays import Floats, Ints

Distance = Literal["euclidean", "manhattan"]
WORKERS = 8
ORDERS_AT_ONCE = 50  # 4 bytes each for every event


@dataclass(frozen=True, slots=True)
class NearRepeatTable:
    """Pairs by band of distance (rows) and of delay (columns); the last of each is everything beyond.

    Row 0 is the very same place; row s the distances up to `distance_edges[s - 1]` and beyond the
    edge before; column t the delays up to `delay_edges[t]` and beyond the edge before. `expected` is the
    mean over `orders` random orders of the times, `p` the share of those (the observed one among them)
    with at least as many pairs.
    """

    distance_edges: tuple[float, ...]
    delay_edges: tuple[int, ...]
    observed: Ints
    expected: Floats
    p: Floats
    orders: int

    @property
    def ratio(self) -> Floats:
        """Observed over expected, nan where none is expected."""
        nan_ratios = np.full(self.expected.shape, np.nan)
        return np.asarray(np.divide(self.observed, self.expected, out=nan_ratios, where=self.expected > 0))


@dataclass(frozen=True, slots=True)
class LocalKnox:
    """For each event how many others are near in space, in time and in both, and how likely so many are."""

    near_in_space: Ints
    near_in_time: Ints
    near_in_both: Ints
    p: Floats


def near_repeats(
    x: Floats,
    y: Floats,
    times: Ints,
    *,
    distance_edges: tuple[float, ...],
    delay_edges: tuple[int, ...],
    orders: int,
    rng: np.random.Generator,
    distance: Distance = "euclidean",
) -> NearRepeatTable:
    """How many pairs fall in each band of distance and delay, and how many would if times were shuffled?

    `x` and `y` in one unit of length, `times` whole numbers (days, minutes); edges rise and are included.
    Pairs beyond the last distance are not looked at: since shuffling does not change the delays as a
    whole, they are what the bands leave over. Memory grows with the events, not with the pairs.
    """
    _check_events(x, y, times, distance_edges, delay_edges)
    cell_lists = _cell_lists(x, y, distance_edges[-1])
    order, cells = cell_lists.order, (cell_lists.starts, cell_lists.width)
    is_squared = distance == "euclidean"
    band_reaches = np.array([e * e if is_squared else e for e in (0.0, *distance_edges)])
    delay_days = np.array(delay_edges, dtype=np.int32)
    event_days = np.array(times - times.min(), dtype=np.int32)
    delay_totals = _delay_totals(times, delay_days)
    order_batches = []
    for first_order in range(0, orders + 1, ORDERS_AT_ONCE):
        batch_size = min(ORDERS_AT_ONCE, orders + 1 - first_order)
        batch_days = np.empty((len(x), batch_size), dtype=np.int32)
        for k in range(batch_size):
            batch_days[:, k] = event_days[order] if first_order + k == 0 else rng.permutation(event_days)
        order_batches.append(
            _count_bands((x[order], y[order], batch_days), cells, (band_reaches, delay_days, is_squared))
        )
    return _build_table(
        np.concatenate(order_batches, axis=2), delay_totals, distance_edges, delay_edges, orders
    )


def local_knox(
    x: Floats, y: Floats, times: Ints, *, near: float, soon: int, distance: Distance = "euclidean"
) -> LocalKnox:
    """Which events have more others near in both space and time than by chance?

    Holding one event and shuffling the times of all others, the number near in both is hypergeometric:
    of n - 1 others, as many near in space as there are, of as many near in time.
    """
    _check_events(x, y, times, (near,), (soon,))
    cell_lists = _cell_lists(x, y, near)
    event_order = cell_lists.order
    is_squared = distance == "euclidean"
    squared_reach = near * near if is_squared else near
    events, cells = (
        (x[event_order], y[event_order], times[event_order]),
        (cell_lists.starts, cell_lists.width),
    )
    in_space, in_both = _count_local(events, cells, (squared_reach, soon, is_squared))
    rising_times = np.sort(times)
    soon_counts = (
        np.searchsorted(rising_times, times + soon, "right") - np.searchsorted(rising_times, times - soon) - 1
    )
    near_counts, both_counts = np.empty_like(in_space), np.empty_like(in_both)
    near_counts[event_order], both_counts[event_order] = in_space, in_both
    p = hypergeom.sf(both_counts - 1, len(x) - 1, near_counts, soon_counts)
    return LocalKnox(near_counts, soon_counts.astype(np.int64), both_counts, np.asarray(p))


@dataclass(frozen=True, slots=True)
class _CellLists:
    """Events sorted by square cells; cell c holds those from starts[c] up to starts[c + 1]."""

    order: Ints
    starts: Ints
    width: int


def _cell_lists(x: Floats, y: Floats, side: float) -> _CellLists:
    """Sort events into squares of this side, or of a wider one where the plane would need too many."""
    most_cells = 4 * len(x) + 16
    spans_m = max(float(np.ptp(x)), 1e-9), max(float(np.ptp(y)), 1e-9)
    side = max(side, float(np.sqrt(spans_m[0] * spans_m[1] / most_cells)), max(spans_m) / most_cells)
    column_of_event = ((x - x.min()) / side).astype(np.int64) + 1
    row_of_event = ((y - y.min()) / side).astype(np.int64) + 1
    row_width = (
        int(column_of_event.max()) + 2
    )  # an empty column on either side, so that no neighbour needs a test
    cell_of_event = row_of_event * row_width + column_of_event
    cell_count = (int(row_of_event.max()) + 2) * row_width
    cell_starts = np.zeros(cell_count + 1, dtype=np.int64)
    np.cumsum(np.bincount(cell_of_event, minlength=cell_count), out=cell_starts[1:])
    return _CellLists(np.argsort(cell_of_event, kind="stable"), cell_starts, row_width)


def _delay_totals(times: Ints, delay_edges: NDArray[np.int32]) -> Ints:
    """How many of all pairs have a delay up to each edge, and how many pairs there are."""
    rising_times = np.sort(times)
    event_ranks = np.arange(1, len(rising_times) + 1)
    pairs_up_to = [
        int((np.searchsorted(rising_times, rising_times + int(delay_edge), "right") - event_ranks).sum())
        for delay_edge in delay_edges
    ]
    return np.array([*pairs_up_to, len(rising_times) * (len(rising_times) - 1) // 2], dtype=np.int64)


def _build_table(
    cumulative_counts: Ints,
    delay_totals: Ints,
    distance_edges: tuple[float, ...],
    delay_edges: tuple[int, ...],
    orders: int,
) -> NearRepeatTable:
    """From pairs up to each delay, band by band of distance, to bands of both and what lies beyond."""
    pairs_beyond = np.broadcast_to(
        delay_totals[None, :, None], (1, *cumulative_counts.shape[1:])
    ) - cumulative_counts.sum(0, keepdims=True)
    band_counts = np.diff(np.concatenate([cumulative_counts, pairs_beyond]), axis=1, prepend=0)
    observed_pairs = band_counts[:, :, 0]
    p = (band_counts >= observed_pairs[:, :, None]).sum(axis=2) / (orders + 1)
    return NearRepeatTable(
        distance_edges, delay_edges, observed_pairs, band_counts[:, :, 1:].mean(axis=2), np.asarray(p), orders
    )


def _check_events(
    x: Floats, y: Floats, times: Ints, distance_edges: tuple[float, ...], delay_edges: tuple[int, ...]
) -> None:
    if not len(x) == len(y) == len(times) or len(x) < 2:
        raise ValueError(f"{len(x)} x, {len(y)} y and {len(times)} times: give as many of each, two or more.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("A coordinate is missing or infinite. Leave out events without a place.")
    if any(b <= a for edges in (distance_edges, delay_edges) for a, b in pairwise(edges)):
        raise ValueError(f"Edges must rise: {distance_edges} and {delay_edges} do not.")
    if distance_edges[0] <= 0 or delay_edges[0] < 0:
        raise ValueError("The first distance must be above 0, and the first delay not below it.")


@njit(cache=True, nogil=True, parallel=True)
def _count_bands(events, cells, bands):  # type: ignore[no-untyped-def]  # a kernel
    """counts[s, t, k]: pairs of distance band s with a delay up to edge t, in order k; the last t is any."""
    (cell_starts, row_width), (reach_of_band, delay_edges, _) = cells, bands
    order_count, edge_count = events[2].shape[1], len(delay_edges)
    # Each worker has counts of its own: adding to shared ones at once would lose some.
    worker_counts = np.zeros((WORKERS, len(reach_of_band), edge_count + 1, order_count), dtype=np.int64)
    for worker_number in prange(WORKERS):
        own_counts = np.zeros((len(reach_of_band), edge_count + 1, order_count), dtype=np.int64)
        for c in range(worker_number, len(cell_starts) - 1, WORKERS):
            for i in range(cell_starts[c], cell_starts[c + 1]):
                # the rest of this cell and the next one, then the three cells of the row above
                _count_run(i, i + 1, cell_starts[c + 2], events, bands, own_counts)
                row_above_range = cell_starts[c + row_width - 1], cell_starts[c + row_width + 2]
                _count_run(i, row_above_range[0], row_above_range[1], events, bands, own_counts)
        worker_counts[worker_number] = own_counts
    pair_counts = worker_counts.sum(axis=0)
    # How many pairs are near in space no order of the times can change: it was counted once.
    for k in range(1, order_count):
        pair_counts[:, edge_count, k] = pair_counts[:, edge_count, 0]
    return pair_counts


@njit(cache=True, nogil=True)
def _count_run(i, first_event, end_event, events, bands, counts):  # type: ignore[no-untyped-def]  # a kernel
    """Add the pairs of event i with events first to last to the counts."""
    (x, y, times), (reach_of_band, delay_edges, is_squared) = events, bands
    for j in range(first_event, end_event):
        dx, dy = abs(x[i] - x[j]), abs(y[i] - y[j])
        pair_distance = dx * dx + dy * dy if is_squared else dx + dy
        if pair_distance > reach_of_band[-1]:
            continue
        band_number = 0
        while pair_distance > reach_of_band[band_number]:
            band_number += 1
        counts[band_number, len(delay_edges), 0] += 1
        for e in range(len(delay_edges)):
            delay_edge, order_counts = delay_edges[e], counts[band_number, e]
            for k in range(times.shape[1]):
                order_counts[k] += abs(times[i, k] - times[j, k]) <= delay_edge


@njit(cache=True, nogil=True)
def _count_local(events, cells, near):  # type: ignore[no-untyped-def]  # a kernel
    """For each event, how many others are near in space, and in both."""
    (x, y, times), (cell_starts, row_width), (reach, soon, is_squared) = events, cells, near
    near_counts, near_and_soon = np.zeros(len(x), dtype=np.int64), np.zeros(len(x), dtype=np.int64)
    for c in range(row_width + 1, len(cell_starts) - 1 - row_width):
        for i in range(cell_starts[c], cell_starts[c + 1]):
            for row_step in range(-1, 2):
                middle_cell = c + row_step * row_width
                for j in range(cell_starts[middle_cell - 1], cell_starts[middle_cell + 2]):
                    dx, dy = abs(x[i] - x[j]), abs(y[i] - y[j])
                    if i != j and (dx * dx + dy * dy if is_squared else dx + dy) <= reach:
                        near_counts[i] += 1
                        near_and_soon[i] += abs(times[i] - times[j]) <= soon
    return near_counts, near_and_soon

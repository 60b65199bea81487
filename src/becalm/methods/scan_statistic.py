"""Where and when were there more events than place and time alone explain? The space-time permutation scan.

M. Kulldorff, R. Heffernan, J. Hartman, R. Assuncao and F. Mostashari, "A space-time permutation scan
statistic for disease outbreak detection", PLoS Medicine 2 (2005) e59. Every cylinder (all sites within a
radius of a site, during a run of whole periods) is compared with what it would hold if place and time
had nothing to do with each other; the p-value of the highest likelihood ratio, and of every other one,
is taken against the highest of each shuffled set, so that looking everywhere is paid for.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Cylinder:
    """The sites within `radius` of site `centre` during periods `first` to `last` (both included)."""

    centre: int
    radius: float
    first: int
    last: int
    observed: int
    expected: float
    log_ratio: float
    p: float


def scan(
    x: Floats,
    y: Floats,
    site: Ints,
    period: Ints,
    *,
    radius: float,
    longest: int,
    orders: int,
    rng: np.random.Generator,
    most: int = 20,
) -> tuple[Cylinder, ...]:
    """Which cylinders hold more than chance explains, the strongest first, none overlapping a stronger one?

    Event e fell on site `site[e]`, which lies at (x, y), in `period[e]`, counted from 0. Cylinders reach to
    `radius` at most and last `longest` periods at most. Never more than `most` are returned. A p-value of
    1 / (orders + 1) is the smallest there can be. Raises ValueError where there are too few events.
    """
    period_count = int(period.max(initial=0)) + 1
    if len(site) < 2 or period_count < 2:
        raise ValueError(f"{len(site)} events in {period_count} periods: give 2 or more of each.")
    neighbour_lists = list_neighbours(x, y, radius)
    counts_of_site = np.zeros((len(x), period_count), dtype=np.int32)
    np.add.at(counts_of_site, (site, period), 1)
    best_cylinders = _best_cylinders(counts_of_site, *neighbour_lists, longest)
    null_ratios = np.empty(orders)
    for order_number in range(orders):
        shuffled_counts = np.zeros_like(counts_of_site)
        np.add.at(shuffled_counts, (site, rng.permutation(period)), 1)
        null_ratios[order_number] = _best_cylinders(shuffled_counts, *neighbour_lists, longest)[:, 0].max()
    return _drop_overlaps(best_cylinders, np.sort(null_ratios), x, y, most)


def list_neighbours(x: Floats, y: Floats, radius: float) -> tuple[Ints, Ints, Floats]:
    """For each site all sites within the radius, itself first, nearest first, as one list with starts."""
    site_points = np.column_stack([x, y])
    site_tree = cKDTree(site_points)
    near_pairs = site_tree.query_pairs(radius, output_type="ndarray")
    site_numbers = np.arange(len(x))
    a = np.concatenate([site_numbers, near_pairs[:, 0], near_pairs[:, 1]]).astype(np.int64)
    b = np.concatenate([site_numbers, near_pairs[:, 1], near_pairs[:, 0]]).astype(np.int64)
    pair_distances = np.hypot(x[a] - x[b], y[a] - y[b])
    pair_order = np.lexsort((b, pair_distances, a))
    list_starts = np.zeros(len(x) + 1, dtype=np.int64)
    np.cumsum(np.bincount(a, minlength=len(x)), out=list_starts[1:])
    return list_starts, b[pair_order], pair_distances[pair_order]


@njit(cache=True, nogil=True, parallel=True)
def _best_cylinders(counts, starts, others, distance, longest):  # type: ignore[no-untyped-def]  # a kernel
    """For each centre its best cylinder: log ratio, radius, first, last, observed, expected."""
    site_count, period_count = counts.shape
    counts_by_period = counts.sum(axis=0)
    counts_by_site = counts.sum(axis=1)
    best_row_of_site = np.zeros((site_count, 6))
    for centre in prange(site_count):
        observed_by_period, observed_total = np.zeros(period_count, dtype=np.int64), 0
        for list_index in range(starts[centre], starts[centre + 1]):
            neighbour_site = others[list_index]
            observed_total += counts_by_site[neighbour_site]
            for t in range(period_count):
                observed_by_period[t] += counts[neighbour_site, t]
            if (
                list_index + 1 == starts[centre + 1] or distance[list_index + 1] > distance[list_index]
            ):  # a circle takes all on its edge
                _update_best(
                    observed_by_period,
                    observed_total,
                    counts_by_period,
                    longest,
                    distance[list_index],
                    best_row_of_site[centre],
                )
    return best_row_of_site


@njit(cache=True, nogil=True)
def _update_best(observed_by_period, observed_total, per_period, longest, radius, best):  # type: ignore[no-untyped-def]  # a kernel
    """Put the best run of periods of this circle into `best` where it beats what stands there."""
    period_count, event_total = len(observed_by_period), per_period.sum()
    for first_period in range(period_count):
        run_count, total_in_run = 0, 0
        for last_period in range(first_period, min(first_period + longest, period_count)):
            run_count += observed_by_period[last_period]
            total_in_run += per_period[last_period]
            run_expected = observed_total * total_in_run / event_total
            if run_count > max(run_expected, 1.0):  # one event alone is no cluster, however unlikely its cell
                log_ratio = _log_ratio(run_count, run_expected, event_total)
                if log_ratio > best[0]:
                    best[0], best[1], best[2], best[3] = log_ratio, radius, first_period, last_period
                    best[4], best[5] = run_count, run_expected


@njit(cache=True, nogil=True)
def _log_ratio(observed, expected, total):  # type: ignore[no-untyped-def]  # a kernel
    """Log likelihood of a raised rate inside, over that of one rate everywhere."""
    observed_outside = total - observed
    outside_term = (
        observed_outside * np.log(observed_outside / (total - expected)) if observed_outside > 0 else 0.0
    )
    return observed * np.log(observed / expected) + outside_term


def _drop_overlaps(best: Floats, null: Floats, x: Floats, y: Floats, most: int) -> tuple[Cylinder, ...]:
    """The strongest first; one that shares ground and time with a stronger one is left out."""
    cylinders: list[Cylinder] = []
    for centre in np.argsort(-best[:, 0], kind="stable").tolist():
        log_ratio, radius, first_period, last_period, observed_count, expected_count = best[centre].tolist()
        if log_ratio <= 0.0 or len(cylinders) == most:
            break
        exceeding_count = len(null) - int(np.searchsorted(null, log_ratio, "left"))
        cylinder = Cylinder(
            centre,
            radius,
            int(first_period),
            int(last_period),
            int(observed_count),
            expected_count,
            log_ratio,
            (exceeding_count + 1) / (len(null) + 1),
        )
        if not any(_has_overlap(cylinder, stronger, x, y) for stronger in cylinders):
            cylinders.append(cylinder)
    return tuple(cylinders)


def _has_overlap(one: Cylinder, other: Cylinder, x: Floats, y: Floats) -> bool:
    centre_gap = float(np.hypot(x[one.centre] - x[other.centre], y[one.centre] - y[other.centre]))
    return centre_gap <= one.radius + other.radius and one.first <= other.last and other.first <= one.last

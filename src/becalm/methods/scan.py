"""Where and when were there more events than place and time alone explain? The space-time permutation scan.

M. Kulldorff, R. Heffernan, J. Hartman, R. Assuncao and F. Mostashari, "A space-time permutation scan
statistic for disease outbreak detection", PLoS Medicine 2 (2005) e59. Every cylinder (all sites within a
radius of a site, during a run of whole periods) is held against what it would hold if place and time
had nothing to do with each other; the p-value of the highest likelihood ratio, and of every other one,
is taken against the highest of each shuffled set, so that looking everywhere is paid for.
"""

from __future__ import annotations

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
    periods = int(period.max(initial=0)) + 1
    if len(site) < 2 or periods < 2:
        raise ValueError(f"{len(site)} events in {periods} periods: give 2 or more of each.")
    near = _neighbours(x, y, radius)
    counts = np.zeros((len(x), periods), dtype=np.int32)
    np.add.at(counts, (site, period), 1)
    best = _best_of_each(counts, *near, longest)
    null = np.empty(orders)
    for order in range(orders):
        shuffled = np.zeros_like(counts)
        np.add.at(shuffled, (site, rng.permutation(period)), 1)
        null[order] = _best_of_each(shuffled, *near, longest)[:, 0].max()
    return _apart(best, np.sort(null), x, y, most)


def _neighbours(x: Floats, y: Floats, radius: float) -> tuple[Ints, Ints, Floats]:
    """For each site all sites within the radius, itself first, nearest first, as one list with starts."""
    points = np.column_stack([x, y])
    tree = cKDTree(points)
    pairs = tree.query_pairs(radius, output_type="ndarray")
    own = np.arange(len(x))
    a = np.concatenate([own, pairs[:, 0], pairs[:, 1]]).astype(np.int64)
    b = np.concatenate([own, pairs[:, 1], pairs[:, 0]]).astype(np.int64)
    far = np.hypot(x[a] - x[b], y[a] - y[b])
    order = np.lexsort((b, far, a))
    starts = np.zeros(len(x) + 1, dtype=np.int64)
    np.cumsum(np.bincount(a, minlength=len(x)), out=starts[1:])
    return starts, b[order], far[order]


@njit(cache=True, nogil=True, parallel=True)
def _best_of_each(counts, starts, others, far, longest):  # type: ignore[no-untyped-def]  # a kernel
    """For each centre its best cylinder: log ratio, radius, first, last, observed, expected."""
    sites, periods = counts.shape
    per_period = counts.sum(axis=0)
    per_site = counts.sum(axis=1)
    best = np.zeros((sites, 6))
    for centre in prange(sites):
        held, held_all = np.zeros(periods, dtype=np.int64), 0
        for at in range(starts[centre], starts[centre + 1]):
            other = others[at]
            held_all += per_site[other]
            for t in range(periods):
                held[t] += counts[other, t]
            if at + 1 == starts[centre + 1] or far[at + 1] > far[at]:  # a circle takes all on its edge
                _better(held, held_all, per_period, longest, far[at], best[centre])
    return best


@njit(cache=True, nogil=True)
def _better(held, held_all, per_period, longest, radius, best):  # type: ignore[no-untyped-def]  # a kernel
    """Put the best run of periods of this circle into `best` where it beats what stands there."""
    periods, total = len(held), per_period.sum()
    for first in range(periods):
        observed, whole = 0, 0
        for last in range(first, min(first + longest, periods)):
            observed += held[last]
            whole += per_period[last]
            expected = held_all * whole / total
            if observed > max(expected, 1.0):
                ratio = _log_ratio(observed, expected, total)
                if ratio > best[0]:
                    best[0], best[1], best[2], best[3] = ratio, radius, first, last
                    best[4], best[5] = observed, expected


@njit(cache=True, nogil=True)
def _log_ratio(observed, expected, total):  # type: ignore[no-untyped-def]  # a kernel
    """Log likelihood of a raised rate inside, over that of one rate everywhere."""
    rest = total - observed
    outside = rest * np.log(rest / (total - expected)) if rest > 0 else 0.0
    return observed * np.log(observed / expected) + outside


def _apart(best: Floats, null: Floats, x: Floats, y: Floats, most: int) -> tuple[Cylinder, ...]:
    """The strongest first; one that shares ground and time with a stronger one is left out."""
    kept: list[Cylinder] = []
    for centre in np.argsort(-best[:, 0], kind="stable").tolist():
        ratio, radius, first, last, observed, expected = best[centre].tolist()
        if ratio <= 0.0 or len(kept) == most:
            break
        reached = len(null) - int(np.searchsorted(null, ratio, "left"))
        found = Cylinder(
            centre,
            radius,
            int(first),
            int(last),
            int(observed),
            expected,
            ratio,
            (reached + 1) / (len(null) + 1),
        )
        if not any(_meet(found, other, x, y) for other in kept):
            kept.append(found)
    return tuple(kept)


def _meet(one: Cylinder, other: Cylinder, x: Floats, y: Floats) -> bool:
    apart = float(np.hypot(x[one.centre] - x[other.centre], y[one.centre] - y[other.centre]))
    return apart <= one.radius + other.radius and one.first <= other.last and other.first <= one.last

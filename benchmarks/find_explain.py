"""Counting, clusters, smoothing and near repeats against NumPy, esda, KDEpy and pointpats in the same run."""

from __future__ import annotations

import subprocess
import sys
import warnings

import esda
import KDEpy
import libpysal
import numpy as np
import pointpats
from _measure import report, seconds
from numba import njit, prange

from becalm.methods.local_association import getis_ord, permutation_p, upper_tail
from becalm.methods.multiplicity import adjust
from becalm.methods.near_repeat import near_repeats
from becalm.methods.neighbourhood import RasterNeighbours, smooth_raster

SIDE_M, CELL_M, CELLS = 40_000.0, 100.0, 400
rng = np.random.default_rng(1)


def clustered(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Seven tenths of the points in 4,000 clusters with heavy-tailed sizes, the rest anywhere."""
    weight = rng.pareto(1.3, 4_000) + 0.05
    at = rng.choice(4_000, n, p=weight / weight.sum())
    points = (
        rng.uniform(0, SIDE_M, (4_000, 2))[at] + rng.normal(size=(n, 2)) * rng.uniform(40, 200, n)[:, None]
    )
    even = rng.random(n) < 0.3
    points[even] = rng.uniform(0, SIDE_M, (int(even.sum()), 2))
    x, y = np.clip(points, 0.0, SIDE_M - 1e-6).T.copy()
    return x, y


@njit(cache=True, nogil=True, parallel=True)
def count_points(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The number of points in each cell, in one pass over the points, on all cores."""
    workers = 2
    partial = np.zeros((workers, CELLS * CELLS), dtype=np.int32)
    for worker in prange(workers):
        for k in range(len(x) * worker // workers, len(x) * (worker + 1) // workers):
            column, row = np.floor(x[k] / CELL_M), np.floor(y[k] / CELL_M)
            if column >= 0.0 and row >= 0.0 and column < CELLS and row < CELLS:
                partial[worker, int(row) * CELLS + int(column)] += 1
    counts = np.empty(CELLS * CELLS, dtype=np.int64)
    for cell in prange(CELLS * CELLS):
        counts[cell] = partial[0, cell] + partial[1, cell]
    return counts.reshape(CELLS, CELLS)


def counting() -> None:
    """Points to cells of 100 m."""
    for n in (1_000_000, 10_000_000):
        x, y = clustered(n)

        def ours(x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
            return count_points(x, y)

        def theirs(x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
            cell = np.floor(y / CELL_M).astype(np.int64) * CELLS + np.floor(x / CELL_M).astype(np.int64)
            return np.bincount(cell, minlength=CELLS * CELLS)

        assert np.array_equal(ours().ravel(), theirs())
        report(
            f"count {n // 1_000_000} M points to 100 m cells",
            seconds(ours),
            f"NumPy {np.__version__} floor and bincount",
            seconds(theirs),
            least_ratio=3,
        )


def clusters() -> None:
    """Gi* on 160,000 cells, with its adjusted p-values; esda is timed once, without and with permutations."""
    values = rng.poisson(rng.gamma(0.3, 3.0, CELLS * CELLS))
    as_floats = values.astype(float)
    neighbours = RasterNeighbours(np.ones((CELLS, CELLS), dtype=bool))

    def analytic() -> np.ndarray:
        return adjust(upper_tail(getis_ord(as_floats, neighbours)), "BH")

    peer = f"esda {esda.__version__}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        queens = libpysal.weights.lat2W(CELLS, CELLS, rook=False)
        made = seconds(lambda: libpysal.weights.lat2W(CELLS, CELLS, rook=False), repeats=1)
        theirs = seconds(
            lambda: esda.G_Local(as_floats, queens, transform="B", star=True, permutations=0), repeats=1
        )
        z = esda.G_Local(as_floats, queens, transform="B", star=True, permutations=0).Zs
        sampled = seconds(
            lambda: esda.G_Local(as_floats, queens, transform="B", star=True, permutations=999, seed=1),
            repeats=1,
        )
    assert np.abs(getis_ord(as_floats, neighbours) - z).max() < 1e-9
    report(
        "Gi* with BH on 160,000 cells, z equal to 1e-9",
        seconds(analytic, repeats=15),
        f"{peer} with its neighbours ({theirs:.1f} s without), unadjusted",
        theirs + made,
        least_ratio=500,
    )
    report(
        "permutation p of Gi* with BH on 160,000 cells",
        seconds(lambda: adjust(permutation_p(values, neighbours), "BH")),
        f"{peer}, 999 permutations",
        sampled,
        least_ratio=70,
    )


def smoothing() -> None:
    """A Gaussian of 200 m over 1 M and 10 M points on 100 m cells; ours corrects the edge, KDEpy does not."""
    area = np.full((CELLS, CELLS), CELL_M**2)
    for n in (1_000_000, 10_000_000):
        x, y = clustered(n)

        def ours(x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
            counts = count_points(x, y)
            return smooth_raster(counts.astype(float), area, sigma=2.0)

        def theirs(x: np.ndarray = x, y: np.ndarray = y) -> np.ndarray:
            axis = np.linspace(-2_000.0, SIDE_M + 2_000.0, CELLS + 40)
            grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
            return KDEpy.FFTKDE(bw=200.0).fit(np.column_stack([x, y])).evaluate(grid)

        report(
            f"edge-corrected smoothing of {n // 1_000_000} M points, sigma 200 m",
            seconds(ours),
            f"KDEpy {KDEpy.__version__} FFT, not corrected",
            seconds(theirs, repeats=1),
            least_ratio=10,
        )


def knox(events: tuple[np.ndarray, np.ndarray, np.ndarray]) -> object:
    """Pairs within 200 m and 14 days, beside 99 random orders."""
    return near_repeats(*events, distance_edges=(200.0,), delay_edges=(14,), orders=99, rng=rng)


def repeats() -> None:
    """Knox of 20,000 events."""
    x, y = clustered(20_000)
    days = rng.integers(0, 1_000, len(x))
    report(
        "Knox of 20,000 events, 99 random orders: time and our memory", seconds(lambda: knox((x, y, days)))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points, times = np.column_stack([x, y]), days.reshape(-1, 1)
        theirs = seconds(lambda: pointpats.Knox(points, times, delta=200, tau=14, permutations=99), repeats=1)
    ours = seconds(lambda: knox((x, y, days)))
    peer = f"pointpats {pointpats.__version__}"
    report("Knox of 20,000 events, 99 random orders", ours, peer, theirs, least_ratio=200)


def million() -> None:
    """Knox of 1,000,000 events, which no peer can hold."""
    x, y = clustered(1_000_000)
    days = rng.integers(0, 1_000, len(x))
    spent = seconds(lambda: knox((x, y, days)), repeats=1)
    report("Knox of 1,000,000 events, 99 random orders", spent, most_mb=1_000)


PARTS = {
    "counting": counting,
    "clusters": clusters,
    "smoothing": smoothing,
    "repeats": repeats,
    "million": million,
}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]]()
    else:  # each part in a process of its own, so that its peak memory is its own
        for part in PARTS:
            subprocess.run([sys.executable, __file__, part], check=True)

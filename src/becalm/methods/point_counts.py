"""How many points fall in each cell of a raster? One pass over the points, on all cores."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from becalm.methods.arrays import Floats, Ints

WORKERS = 2


def count_points(
    x: Floats, y: Floats, *, side: float, column_0: int, row_0: int, shape: tuple[int, int]
) -> tuple[Ints, int]:
    """The number of points in each cell, and how many fell outside the raster or have no place (nan).

    Cell [j, i] of the `shape` (rows, columns) covers x in [(column_0 + i) side, (column_0 + i + 1) side)
    and y likewise. Raises ValueError where x and y differ in length or the cell has no size.
    """
    if len(x) != len(y) or not side > 0.0:
        raise ValueError(f"{len(x)} x, {len(y)} y on cells of {side}: give as many of each, and a size.")
    counts = _count(np.ascontiguousarray(x), np.ascontiguousarray(y), side, column_0, row_0, *shape)
    return counts.reshape(shape), len(x) - int(counts.sum())


@njit(cache=True, nogil=True, parallel=True)
def _count(x, y, side, column_0, row_0, height, width):  # type: ignore[no-untyped-def]  # a kernel
    partial = np.zeros((WORKERS, height * width), dtype=np.int32)
    for worker in prange(WORKERS):
        counts = partial[worker]
        for k in range(len(x) * worker // WORKERS, len(x) * (worker + 1) // WORKERS):
            column, row = np.floor(x[k] / side) - column_0, np.floor(y[k] / side) - row_0
            if column >= 0.0 and row >= 0.0 and column < width and row < height:
                counts[int(row) * width + int(column)] += 1
    counted = np.empty(height * width, dtype=np.int64)
    for cell in prange(height * width):
        counted[cell] = partial[0, cell] + partial[1, cell]
    return counted

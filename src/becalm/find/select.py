"""Choosing places from scores, under the rules of the list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def select_separated(
    scores: Floats, x_m: Floats, y_m: Floats, *, count: int, separation_m: float = 0.0
) -> Ints:
    """Which places are listed, best first, with centres at least `separation_m` apart?

    Greedy: the best place, then the best that is far enough from all chosen. Equal scores keep the
    order of the places, so the same input gives the same list. May return fewer than `count`.
    """
    order = np.argsort(-scores, kind="stable")
    if separation_m <= 0.0:
        return order[:count]
    free = np.ones(len(scores), dtype=bool)
    chosen: list[int] = []
    for place in order.tolist():
        if free[place]:
            chosen.append(place)
            free &= np.hypot(x_m - x_m[place], y_m - y_m[place]) >= separation_m
            if len(chosen) == count:
                break
    return np.array(chosen, dtype=np.int64)

"""Choosing places from scores, under the rules of the list."""

from __future__ import annotations

import math

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
    chosen: list[int] = []
    taken: dict[tuple[int, int], list[int]] = {}
    for place in order.tolist():
        x, y = float(x_m[place]), float(y_m[place])
        square = (math.floor(x / separation_m), math.floor(y / separation_m))
        near = [
            p for i in (-1, 0, 1) for j in (-1, 0, 1) for p in taken.get((square[0] + i, square[1] + j), ())
        ]
        if all(math.hypot(x - x_m[p], y - y_m[p]) >= separation_m for p in near):
            chosen.append(place)
            taken.setdefault(square, []).append(place)
            if len(chosen) == count:
                break
    return np.array(chosen, dtype=np.int64)

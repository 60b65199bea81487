"""Counts of many places over consecutive steps of time, held sparsely."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class CountSeries:
    """Which places had how many events in each step: parallel arrays, one pair per step.

    `exposure[t]` is the length of step t in the unit of time that rates are wanted in.
    """

    size: int
    places: tuple[Ints, ...]
    counts: tuple[Floats, ...]
    exposure: Floats

    @property
    def steps(self) -> int:
        """How many steps it covers."""
        return len(self.places)

    @property
    def totals(self) -> Floats:
        """All events of each step."""
        return np.array([c.sum() for c in self.counts])

    def window(self, start: int, end: int) -> Floats:
        """The sum of each place over steps start to end (excluded), from 0 on."""
        out = np.zeros(self.size)
        for t in range(max(start, 0), end):
            out += np.bincount(self.places[t], self.counts[t], self.size)
        return out


def make_series(step: Ints, place: Ints, count: Ints | Floats, *, exposure: Floats, size: int) -> CountSeries:
    """Sort parallel (step, place, count) entries into a series; entries of place -1 are left out."""
    kept = place >= 0
    key = step[kept] * size + place[kept]
    keys, inverse = np.unique(key, return_inverse=True)
    sums: Floats = np.bincount(inverse, count[kept], len(keys)).astype(np.float64)
    edges = np.searchsorted(keys, np.arange(len(exposure) + 1) * size)
    spans = list(pairwise(edges))
    return CountSeries(
        size=size,
        places=tuple(keys[a:b] % size for a, b in spans),
        counts=tuple(sums[a:b] for a, b in spans),
        exposure=exposure,
    )

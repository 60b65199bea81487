"""What a search in order of score would have caught: events held against area and places searched.

Equal scores are searched in random order; every figure is the mean over that order, so that no
method gains or loses by how ties happen to be sorted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class SearchCurve:
    """Cumulative shares at the end of each group of equal scores, from (0, 0, 0) to (1, all, 1)."""

    area: Floats
    places: Floats
    held: Floats

    def held_at_area(self, share: float) -> float:
        """The share of events held by the best `share` of the area."""
        return float(np.interp(share, self.area, self.held))

    def held_at_places(self, count: int) -> float:
        """The share of events held by the best `count` places."""
        return float(np.interp(count, self.places, self.held))

    @property
    def gini(self) -> float:
        """Twice the area between the curve and the diagonal: 0 for blind search, near 1 for perfect."""
        return float(2.0 * np.trapezoid(self.held, self.area) - 1.0)


def search_order(scores: Floats, *, first: Bools | None = None) -> tuple[Ints, Ints]:
    """The places from the highest score to the lowest, and where each group of equal scores ends.

    Where only some places can be searched on purpose, those come `first`, and all others after them.
    """
    later = np.zeros(len(scores), dtype=bool) if first is None else ~first
    order = np.lexsort((-scores, later)) if first is not None else np.argsort(-scores, kind="stable")
    falling, group = scores[order], later[order]
    ends = np.append(
        np.flatnonzero((falling[1:] != falling[:-1]) | (group[1:] != group[:-1])), len(order) - 1
    )
    return order, ends


def search_curve(order: tuple[Ints, Ints], events: Floats, areas: Floats) -> SearchCurve:
    """What does a search in this order (from `search_order`) catch of these events?"""
    places, ends = order

    def cumulative(values: Floats) -> Floats:
        total = float(values.sum())
        shares = np.cumsum(values[places])[ends] / (total if total > 0 else 1.0)
        return np.concatenate([[0.0], shares])

    return SearchCurve(
        area=cumulative(areas),
        places=np.concatenate([[0.0], ends + 1.0]),
        held=cumulative(events),
    )

"""Counts by cell made for a test: drawn by hand, or drawn from known rates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np

from becalm.find.core.settings import Targets
from becalm.tables import PlaceCounts

ROBBERY = Targets(("robbery",), (), ("drugs",))
BORROWING = Targets(("robbery",), ("violence",), ("drugs",))
GROUPS = ("drugs", "robbery", "violence")


def months_from(first: str, count: int) -> tuple[str, ...]:
    start = np.datetime64(first, "M")
    return tuple(str(start + np.timedelta64(i, "M")) for i in range(count))


def place_counts(
    entries: Iterable[tuple[int, int, int, str, int]],
    *,
    months: int = 24,
    cell_m: float = 100.0,
    groups: tuple[str, ...] = GROUPS,
) -> PlaceCounts:
    """Entries are (column, row, month number, group, count)."""
    rows = [(c, r, t, groups.index(g), n) for c, r, t, g, n in entries]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    return PlaceCounts(
        cell_m=cell_m,
        columns=table[:, 0],
        rows=table[:, 1],
        months=months_from("2018-01", months),
        month_index=table[:, 2],
        groups=groups,
        group_index=table[:, 3],
        counts=table[:, 4],
        without_location=0,
        location_quality=(("exact", int(table[:, 4].sum())),),
        source="drawn",
        as_of=date(2020, 6, 1),
    )


def true_rates(side: int, rng: np.random.Generator, *, mean: float = 0.3) -> np.ndarray:
    """Heavy-tailed rates a month on a square of side x side cells, smooth enough that neighbours tell."""
    surface = rng.gamma(4.0, 1.0, (side, side))
    surface = (surface + np.roll(surface, 1, 0) + np.roll(surface, 1, 1)) / 3
    rates = surface * rng.gamma(0.8, 1.0, (side, side))
    return rates * mean / rates.mean()


def drawn_places(
    rates: np.ndarray, rng: np.random.Generator, *, months: int = 24, cell_m: float = 100.0
) -> PlaceCounts:
    """Poisson robberies at these rates, violence at twice the rates, and one theft on every cell."""
    entries = []
    for group, factor in (("robbery", 1.0), ("violence", 2.0)):
        counts = rng.poisson(rates * factor, (months, *rates.shape))
        for t, r, c in zip(*np.nonzero(counts), strict=True):
            entries.append((int(c), int(r), int(t), group, int(counts[t, r, c])))
    entries += [(c, r, 0, "theft", 1) for r in range(rates.shape[0]) for c in range(rates.shape[1])]
    return place_counts(entries, months=months, cell_m=cell_m, groups=(*GROUPS, "theft"))

"""Worlds of 60 x 60 cells whose rates are known: twelve shapes of surface, to judge certainty on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from made_places import months_from
from scipy.ndimage import gaussian_filter

from becalm.tables import PlaceCounts

SIDE = 60
CELL_M = 150.0
MONTHS = 24
SIZES = (600, 2_000, 6_000, 20_000)
Surface = Callable[[np.random.Generator], np.ndarray]


def _smooth(rng: np.random.Generator, sigma: float, spread: float) -> np.ndarray:
    field = gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    return np.exp(spread * field / field.std())


def _streets(rng: np.random.Generator) -> np.ndarray:
    rates = np.full((SIDE, SIDE), 0.1)
    for line in rng.integers(0, SIDE, 6):
        rates[line], rates[:, line] = rates[line] + rng.gamma(2.0, 1.0), rates[:, line] + rng.gamma(2.0, 1.0)
    return rates * rng.gamma(4.0, 0.25, (SIDE, SIDE))


def _centres(rng: np.random.Generator) -> np.ndarray:
    y, x = np.indices((SIDE, SIDE))
    peaks = [(rng.uniform(0, SIDE, 2), rng.uniform(1.5, 4.0), rng.gamma(2.0, 2.0)) for _ in range(8)]
    return 0.1 + sum(h * np.exp(-((y - c[0]) ** 2 + (x - c[1]) ** 2) / (2 * s**2)) for c, s, h in peaks)


SHAPES: dict[str, Surface] = {
    "gamma 0.5": lambda rng: rng.gamma(0.5, 2.0, (SIDE, SIDE)),
    "gamma 2": lambda rng: rng.gamma(2.0, 0.5, (SIDE, SIDE)),
    "lognormal": lambda rng: np.exp(rng.normal(0.0, 1.0, (SIDE, SIDE))),
    "pareto": lambda rng: rng.pareto(2.5, (SIDE, SIDE)) + 0.1,
    "few hot": lambda rng: (
        np.where(rng.random((SIDE, SIDE)) < 0.1, 6.0, 0.4) * rng.gamma(3.0, 1 / 3, (SIDE, SIDE))
    ),
    "smooth": lambda rng: _smooth(rng, 4.0, 0.8),
    "smooth and rough": lambda rng: _smooth(rng, 4.0, 0.8) * rng.gamma(1.0, 1.0, (SIDE, SIDE)),
    "fine-grained": lambda rng: _smooth(rng, 1.5, 1.0),
    "streets": _streets,
    "centres": _centres,
    "slope": lambda rng: np.exp(np.linspace(-1.5, 1.5, SIDE))[None, :] * rng.gamma(1.0, 1.0, (SIDE, SIDE)),
    "drifting": lambda rng: rng.gamma(0.7, 1 / 0.7, (SIDE, SIDE)),
}


@dataclass(frozen=True, slots=True)
class World:
    """Counts of a world, and the true incidents of each cell in 30 days of the month to come."""

    counts: PlaceCounts
    truth: np.ndarray


def draw_world(shape: str, size: int, rng: np.random.Generator) -> World:
    """A world with about so many incidents in two years; the rates of a drifting one walk at random."""
    rates = SHAPES[shape](rng)
    rates *= size / MONTHS / rates.sum()
    walk = np.zeros((MONTHS + 1, SIDE, SIDE))
    if shape == "drifting":
        walk = np.cumsum(rng.normal(0.0, 0.1, walk.shape), axis=0)
        walk -= walk[MONTHS // 2]
    rate_of_month = rates * np.exp(walk)
    counts = rng.poisson(rate_of_month[:MONTHS])
    month, row, column = np.nonzero(counts)
    return World(
        PlaceCounts(
            cell_m=CELL_M,
            columns=column,
            rows=row,
            months=months_from("2018-01", MONTHS),
            month_index=month,
            groups=("robbery",),
            group_index=np.zeros(len(month), dtype=np.int64),
            counts=counts[month, row, column],
            without_location=0,
            location_quality=(("exact", int(counts.sum())),),
            source="drawn",
            as_of=np.datetime64("2020-06-01").item(),
        ),
        rate_of_month[MONTHS] * 30.0 / (365.25 / 12.0),
    )

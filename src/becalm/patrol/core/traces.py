"""Positions of officers, as a radio or a phone told them. Kept in memory only, and never for long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Fixes in the order of officer and time, as parallel arrays; metres of the city, seconds since 1970.

    `officer` is a number without a name: which device it was is not kept. `unit[i]` is a place in `units`,
    -1 where nobody knows. `accuracy_m` is not a number where the device tells none. `left_out` says how many
    fixes were not used, and why.
    """

    officer: NDArray[np.int64]
    unit: NDArray[np.int64]
    units: tuple[str, ...]
    at_s: NDArray[np.float64]
    easting_m: NDArray[np.float64]
    northing_m: NDArray[np.float64]
    accuracy_m: NDArray[np.float64]
    left_out: tuple[tuple[str, int], ...] = field(default=())

    @property
    def size(self) -> int:
        """How many fixes are there?"""
        return len(self.at_s)


@dataclass(frozen=True, slots=True)
class CheckIn:
    """An officer's own word that a unit was at a hotspot."""

    unit: str
    hotspot: str
    start: datetime
    end: datetime
    officers: int = 1

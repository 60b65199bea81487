"""Positions of officers, as a radio or a phone told them. Kept in memory only, and never for long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Fixes in the order of officer and time, as parallel arrays; metres of the city, seconds since 1970.

    `officer` is a number without a name: which device it was is not kept. `unit[i]` is a place in `units`,
    -1 where nobody knows. `accuracy_m` is not a number where the device tells none. `left_out` says how many
    fixes were not used, and why.
    """

    officer: Ints
    unit: Ints
    units: tuple[str, ...]
    at_s: Floats
    easting_m: Floats
    northing_m: Floats
    accuracy_m: Floats
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

"""How long it takes to get from place to place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from becalm.methods.arrays import Floats
from becalm.patrol.core.nouns import Mode


@dataclass(frozen=True, slots=True)
class TravelTable:
    """Travel minutes from every stop to every stop by one mode, at a safe quantile.

    `stops` names hotspots and bases; `minutes[i, j]` is from stops[i] to stops[j], infinite where there is
    no way. `source` says whether streets or the crow were followed, or a table was given.
    """

    mode: Mode
    stops: tuple[str, ...]
    minutes: Floats
    quantile: float
    source: Literal["streets", "crow-fly", "given"]

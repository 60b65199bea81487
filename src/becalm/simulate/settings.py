"""How large the simulated city is, what happens in it, and which effect is planted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Literal

from becalm.terms import UsageError

EffectKind = Literal["none", "patrol", "displacement"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect that is planted on street violence at chosen hotspots on chosen days.

    On a treated day the true rate at a treated hotspot is `1 - size` of what it would have been.
    With kind "displacement" the share `displaced` of what was prevented happens at the places within
    `reach_m` of the hotspot instead. A hotspot is every place within `radius_m` of its centre; the
    `hotspots` with the highest true rate are taken, and each of their days from `start` until before
    `end` is treated with the chance `day_share`.
    """

    kind: EffectKind = "none"
    size: float = 0.25
    displaced: float = 0.3
    hotspots: int = 250
    radius_m: float = 75.0
    reach_m: float = 300.0
    day_share: float = 0.5
    start: date = date(2021, 7, 1)
    end: date = date(2021, 10, 1)

    def __post_init__(self) -> None:
        for name in ("size", "displaced", "day_share"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"effect {name} is {value}; it is a share. Give a number from 0 to 1.")
        if self.end <= self.start:
            raise UsageError(f"The effect ends on {self.end}, not after its start {self.start}.")


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulated city. The defaults make about a million incidents in four years.

    `incidents` is the number expected over the whole period. Each switch takes one thing out of the
    city: power-law `hotspots`, `drift` of places over the years, `rhythms` of the week, `seasons`,
    `shocks` (weeks that are better or worse than expected), `near_repeats`, the `lockdown`.
    """

    start: date = date(2018, 1, 1)
    end: date = date(2022, 1, 1)
    incidents: int = 1_000_000
    places: int = 20_000
    junctions: int = 45_000
    lsoas: int = 2_400
    wards: int = 320
    boroughs: int = 32
    command_units: int = 12
    area_km2: float = 1_600.0
    hotspots: bool = True
    drift: bool = True
    rhythms: bool = True
    seasons: bool = True
    shocks: bool = True
    near_repeats: bool = True
    lockdown: bool = True
    effect: Effect = Effect()

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise UsageError(
                f"The city ends on {self.end}, not after its start {self.start}. Give a later end."
            )
        if self.incidents < 0:
            raise UsageError(f"{self.incidents} incidents cannot happen. Give 0 or more.")
        sizes = (self.command_units, self.boroughs, self.wards, self.lsoas, self.junctions)
        if self.command_units < 1 or any(a > b for a, b in pairwise(sizes)):
            raise UsageError(
                f"The city needs at least one command unit, and no more command units ({self.command_units}) "
                f"than boroughs ({self.boroughs}), wards ({self.wards}), LSOAs ({self.lsoas}) and "
                f"junctions ({self.junctions}), in that order."
            )
        if not 1 <= self.places <= self.junctions:
            raise UsageError(
                f"{self.places} places do not fit: give at least 1 and at most one per junction "
                f"({self.junctions})."
            )

    @property
    def days(self) -> int:
        """How many days the city lives."""
        return (self.end - self.start).days


def keep_rates_constant(settings: Settings) -> Settings:
    """The same city where every place keeps one constant rate, with Poisson noise alone.

    An effect that is planted stays, so that it can be seen with nothing else about it.
    """
    return replace(
        settings,
        drift=False,
        rhythms=False,
        seasons=False,
        shocks=False,
        near_repeats=False,
        lockdown=False,
    )


def shrink_to_town(settings: Settings = Settings(), *, incidents: int | None = None) -> Settings:
    """A town on a twenty-fifth of the ground, with the same densities, for quick tests.

    `incidents` is its number; without one it has a twenty-fifth of the city's.
    """
    return replace(
        settings,
        incidents=max(settings.incidents // 25, 1) if incidents is None else incidents,
        places=800,
        junctions=1_800,
        lsoas=120,
        wards=24,
        boroughs=8,
        command_units=3,
        area_km2=64.0,
    )

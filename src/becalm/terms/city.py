"""The city: its coordinate system, clock, boroughs and command units. Facts, no shapes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Borough:
    """One borough and the command unit that polices it (none for a force of its own)."""

    name: str
    command_unit: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class City:
    """Where the programme runs.

    `crs` is a projected coordinate system in metres (e.g. "EPSG:27700"); `holidays` names a
    country or subdivision of the holiday calendar (e.g. "GB-ENG"); `extent_m` is
    (west, south, east, north) in that system, or None where nobody has stated it.
    """

    key: str
    name: str
    crs: str
    time_zone: str
    holidays: str
    boroughs: tuple[Borough, ...] = ()
    extent_m: tuple[float, float, float, float] | None = None

    def command_unit_of(self, borough: str) -> str | None:
        """Which command unit polices this borough?"""
        return next((b.command_unit for b in self.boroughs if b.name == borough), None)

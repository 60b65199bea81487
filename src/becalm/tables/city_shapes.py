"""Shapes of the city that all rooms may use, in metres: its boroughs, and its streets."""

from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from becalm.tables.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The boroughs as polygons in the city's metric coordinate system; `names[i]` is `polygons[i]`.

    Every polygon is valid and has an area; names are told apart. A point on the line between two
    boroughs belongs to the first of them in this order.
    """

    names: tuple[str, ...]
    polygons: tuple[BaseGeometry, ...]
    crs: str

    def __post_init__(self) -> None:
        if len(self.names) != len(self.polygons):
            raise ValueError(f"{len(self.names)} names for {len(self.polygons)} polygons")
        if not self.names:
            raise ValueError("There is no borough in these boundaries.")

    @property
    def outline(self) -> BaseGeometry:
        """The whole city as one shape."""
        return shapely.union_all(list(self.polygons))


@dataclass(frozen=True, slots=True)
class StreetNetwork:
    """Junctions in metres of the city, and links between them, each in one direction.

    `speed_kph[k]` is what the street states, not a number where it states nothing. `for_vehicles[k]` is
    false where a one-way rule forbids vehicles this direction; those on foot or a cycle may go.
    """

    junctions: Floats  # (n, 2)
    start: Ints
    end: Ints
    length_m: Floats
    speed_kph: Floats
    for_vehicles: Bools
    source: str

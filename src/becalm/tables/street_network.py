"""A network of streets: junctions, and links between them."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.tables.tally import Bools, Floats, Ints


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

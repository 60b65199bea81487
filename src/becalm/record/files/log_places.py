"""The places of a log in metres of the workspace's grid, rounded to whole ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from becalm.record.files.log_mapping import PlacePart
from becalm.terms import City, Fault, InputError

FARTHEST_M = 50_000_000  # no grid on Earth reaches beyond
Placed = tuple[int, int] | tuple[str, str, str]  # metres, or which cell is wrong, what, and the remedy


@dataclass(frozen=True, slots=True)
class Grid:
    """From the file's coordinates to the workspace's; `change` is None where they are the same."""

    change: Transformer | None
    degrees: bool

    def __call__(self, x: str, y: str) -> Placed:
        """Where is this place?"""
        across, up = number(x), number(y)
        if across is None or up is None:
            return "x" if across is None else "y", "is not a number", "write metres (or degrees) in figures"
        if self.degrees and not (-180 <= across <= 180 and -90 <= up <= 90):
            return "both", "are no degrees", "give longitude and latitude, or another crs in a mapping"
        if self.change is not None:
            across, up = self.change.transform(across, up)
        if not (isfinite(across) and isfinite(up)) or max(abs(across), abs(up)) > FARTHEST_M:
            return "both", "lie nowhere on the grid", "correct them, or the crs of the mapping"
        return round(across), round(up)


def grid_of(part: PlacePart | None, city: City) -> Grid | None:
    """How the places of this mapping come onto the city's grid.

    Raises InputError where the mapping names a coordinate system that nobody knows.
    """
    if part is None:
        return None
    if not part.crs or part.crs == city.crs:
        return Grid(None, degrees=False)
    try:
        crs = CRS.from_user_input(part.crs)
    except CRSError as error:
        fault = Fault("place.crs", f"{part.crs!r} is unknown", 'write it as e.g. "EPSG:4326"')
        raise InputError("The mapping has 1 fault; nothing was imported", (fault,)) from error
    return Grid(Transformer.from_crs(crs, city.crs, always_xy=True), degrees=crs.is_geographic)


def number(text: str) -> float | None:
    """The finite number in a cell, if there is one."""
    try:
        value = float(text.replace(",", "") if text.count(",") else text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def metres(text: str) -> int | tuple[str, str]:
    """The whole number nearest to the one in a cell, or why there is none."""
    value = number(text)
    if value is None or abs(value) > FARTHEST_M:
        return "is not a number", "write it in figures"
    return round(value)

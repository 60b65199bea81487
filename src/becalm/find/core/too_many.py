"""Places that would be more than can be held are refused before one of them is made."""

from __future__ import annotations

import math

from becalm.terms import UsageError

MOST_CELLS = 2_000_000  # some 4 kB each in a back-test
MOST_TILES = 1_000_000  # each has an outline of its own
MOST_BETWEEN = 30_000_000  # cells of the frame around the records, of which few are places

Bounds = tuple[float, float, float, float]


def check_cell_count(bounds: Bounds, width_m: float, *, most: int, hint: str = "") -> None:
    """Raise UsageError where more than `most` places so wide lie in the frame (west, south, east, north).

    The error names the smallest width in whole metres that will do, and then the `hint`.
    """
    west, south, east, north = bounds
    across, up = east - west, north - south
    if not (math.isfinite(across) and math.isfinite(up)):
        return  # no ground at all, which is refused with better words elsewhere
    cells = _cells(across, up, width_m)
    if cells <= most:
        return
    least = max(math.ceil(math.sqrt(across * up / most)), 1)
    while _cells(across, up, least) > most:
        least += 1
    raise UsageError(
        f"The ground, {across / 1e3:,.1f} by {up / 1e3:,.1f} km, holds {_in_words(cells)} places of "
        f"{width_m:g} m, more than the {most:,} that can be held. Take --cell-m {least} or more.{hint}"
    )


def _cells(across: float, up: float, width_m: float) -> float:
    return (across / width_m + 1.0) * (up / width_m + 1.0)


def _in_words(cells: float) -> str:
    return f"{cells:,.0f}" if cells < 1e12 else f"{cells:.0e}"

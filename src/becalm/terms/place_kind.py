"""What kinds of places there are."""

from __future__ import annotations

from typing import Literal

PlaceKind = Literal["cell", "square", "hexagon", "h3", "own", "segment", "box"]
"""What a place is: a cell of the grid, or a piece of land or stretch of street of any shape."""

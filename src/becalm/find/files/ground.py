"""What lies under the hotspots on a map: the user's boroughs, or else where the records fall."""

from __future__ import annotations

import numpy as np
import shapely

from becalm.find.files.map import Area
from becalm.tables import Boundaries, PlaceCounts


def borough_areas(boundaries: Boundaries) -> tuple[Area, ...]:
    """The boroughs as outlines."""
    return tuple(Area(n, shape) for n, shape in zip(boundaries.names, boundaries.polygons, strict=True))


def footprint(counts: PlaceCounts) -> tuple[Area, ...]:
    """All cells that hold a record, as one outline without a name; none where no record has a place."""
    cells = np.unique(np.column_stack([counts.columns, counts.rows]), axis=0) * counts.cell_m
    if not len(cells):
        return ()
    west, south = cells.T
    squares = shapely.box(west, south, west + counts.cell_m, south + counts.cell_m)
    return (Area("", shapely.union_all(squares)),)

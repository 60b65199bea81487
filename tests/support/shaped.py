"""Points and places of any shape for tests: small, drawn, in metres."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import shapely
from made_places import GROUPS, months_from

from becalm.tables import PointCounts

CRS = "EPSG:27700"


def point_counts(
    x: np.ndarray, y: np.ndarray, month: np.ndarray, *, group: str = "robbery", months: int = 24
) -> PointCounts:
    """One record of the group at each point in each given month."""
    return PointCounts(
        easting_m=np.asarray(x, float),
        northing_m=np.asarray(y, float),
        months=months_from("2018-01", months),
        month_index=np.asarray(month, np.int64),
        groups=GROUPS,
        group_index=np.full(len(x), GROUPS.index(group), dtype=np.int64),
        counts=np.ones(len(x), dtype=np.int64),
        without_location=0,
        location_quality=(("exact", len(x)),),
        source="drawn",
        as_of=date(2020, 6, 1),
    )


def clustered(rng: np.random.Generator, *, size: float = 2_000.0, per_month: int = 40) -> PointCounts:
    """Twenty-four months of robberies around ten spots of a square of this size, some anywhere."""
    n = 24 * per_month
    spots = rng.random((10, 2)) * size
    near = spots[rng.integers(0, 10, n)] + rng.normal(0, 40, (n, 2))
    points = np.where(rng.random((n, 1)) < 0.7, near, rng.random((n, 2)) * size) % size
    return point_counts(points[:, 0], points[:, 1], np.repeat(np.arange(24), per_month))


def areas_file(path: Path, shapes: list[shapely.Geometry], *, crs: str | None = CRS, **columns: list) -> Path:
    """A file of shapes with these columns."""
    geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path

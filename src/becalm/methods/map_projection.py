"""Shapes and points from one coordinate system to another.

Every coordinate goes east before north (longitude before latitude), whatever order the definition of its
system has: files and data frames hold it so.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Floats, Shapes

WGS84 = "EPSG:4326"


def project_shapes(
    shapes: Shapes | Sequence[BaseGeometry | None], from_crs: str | CRS, to_crs: str | CRS
) -> Shapes:
    """Which shapes are these in another coordinate system? Without heights; None stays None.

    A coordinate that has no place there becomes infinite. Raises CRSError where a system is not known.

    >>> round(float(project_shapes([shapely.Point(530_000, 180_000)], "EPSG:27700", WGS84)[0].x), 3)
    -0.128
    """
    flat_shapes = np.asarray(shapely.force_2d(np.asarray(shapes, dtype=object)), dtype=object)
    source_crs, target_crs = CRS.from_user_input(from_crs), CRS.from_user_input(to_crs)
    if source_crs.is_exact_same(target_crs):  # else the way there and back would round
        return flat_shapes
    transformer = Transformer.from_crs(source_crs, target_crs, always_xy=True)

    def project_points(points: Floats) -> Floats:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(flat_shapes, project_points), dtype=object)


def is_in_metres(crs: CRS) -> bool:
    """Is this a projected coordinate system whose unit is the metre?

    >>> is_in_metres(CRS("EPSG:27700")), is_in_metres(CRS("EPSG:4326")), is_in_metres(CRS("EPSG:2263"))
    (True, False, False)
    """
    return crs.is_projected and all(axis.unit_name in ("metre", "meter") for axis in crs.axis_info)

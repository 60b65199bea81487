"""From a source's coordinates to the workspace's metres, and to the borough that holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Located:
    """Places in the workspace's CRS, as parallel arrays.

    `known` is False where the source gave no coordinates, (0, 0), or a point outside the area for which the
    CRS is made; eastings and northings are NaN there. `absent` marks those of them that gave none at all.
    """

    easting_m: NDArray[np.float64]
    northing_m: NDArray[np.float64]
    known: NDArray[np.bool_]
    absent: NDArray[np.bool_]


class Locator:
    """Transforms coordinates of any CRS into the city's, and names the borough of each point."""

"""Gaussian smoothing of gridded counts that does not leak over the edge of the region.

The smoothed counts are divided by the smoothed area, so that near the edge, where part of the
kernel lies outside, the mean is taken over what lies inside: P. J. Diggle, "A kernel method for
smoothing point process data", Applied Statistics 34 (1985) 138-147.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from becalm.methods.arrays import Floats

TRUNCATE = 4.0
"""The kernel ends at this many standard deviations."""


def smooth(counts: Floats, area: Floats, *, sigma: float, without_own: bool = False) -> Floats:
    """The kernel-weighted mean density at each cell: counts per unit of area, 0 outside the region.

    `sigma` is in cells. `without_own` leaves each cell's own count and area out of its own mean, so
    that it is evidence from the neighbours alone.
    """
    above, below = _filter(counts, sigma), _filter(area, sigma)
    if without_own:
        centre = centre_weight(sigma)
        above, below = above - centre * counts, below - centre * area
    out = np.zeros_like(above)
    enough = (area > 0.0) & (below > 1e-9 * area.max(initial=0.0))
    np.divide(above, below, out=out, where=enough)
    return np.maximum(out, 0.0)


def _filter(values: Floats, sigma: float) -> Floats:
    out: Floats = gaussian_filter(values, sigma, mode="constant", cval=0.0, truncate=TRUNCATE)
    return out


def centre_weight(sigma: float) -> float:
    """The weight that a cell has in its own mean."""
    radius = int(TRUNCATE * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return float((1.0 / kernel.sum()) ** 2)

"""What lies around each place: sums over its neighbours, and Gaussian smoothing.

Sums on a raster add shifted copies, elsewhere they are a product with a sparse matrix.
Smoothing does not leak over the edge.
The smoothed counts are divided by the smoothed area, so that near the edge, where part of the
kernel lies outside, the mean is taken over what lies inside: P. J. Diggle, "A kernel method for
smoothing point process data", Applied Statistics 34 (1985) 138-147. Scattered places are put on the cell
that holds their middle, of a raster finer than the kernel: 300,000 are smoothed as fast as a picture.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

from becalm.methods.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class RasterNeighbours:
    """Each place of a raster with those up to `reach` cells away in both directions (queen's moves).

    `inside` marks which cells of the raster are places; the others are nobody's neighbours.
    """

    inside: Bools
    reach: int = 1

    @property
    def size(self) -> int:
        """How many places there are."""
        return int(np.count_nonzero(self.inside))

    def sums(self, values: Floats) -> Floats:
        """For each place, the sum over its neighbours, its own value left out."""
        return self.sums_with_own(values) - values

    def sums_with_own(self, values: Floats) -> Floats:
        """For each place, the sum over its neighbours and itself."""
        if self.size == self.inside.size:  # no hole: the places are the raster, row by row
            return box_sums(values.reshape(self.inside.shape), self.reach).ravel()
        value_raster = np.zeros(self.inside.shape)
        value_raster[self.inside] = values
        return np.asarray(box_sums(value_raster, self.reach)[self.inside])

    def numbers(self) -> Ints:
        """How many neighbours each place has."""
        if self.size == self.inside.size:
            rows_in_reach, columns_in_reach = (
                box_sums(np.ones((n, 1)), self.reach) for n in self.inside.shape
            )
            return (np.outer(rows_in_reach, columns_in_reach).ravel() - 1.0).astype(np.int64)
        return np.rint(self.sums(np.ones(self.size))).astype(np.int64)


@dataclass(frozen=True, slots=True)
class ListedNeighbours:
    """Places of any shape, each with a list of neighbours.

    `others[starts[i]:starts[i + 1]]` are the neighbours of place i; nobody is its own.
    """

    starts: Ints
    others: Ints

    def __post_init__(self) -> None:
        own_places = np.repeat(np.arange(self.size), np.diff(self.starts))
        if np.any(own_places == self.others):
            raise ValueError("A place is listed as its own neighbour. Leave it out.")

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.starts) - 1

    def sums(self, values: Floats) -> Floats:
        """For each place, the sum over its neighbours, its own value left out."""
        matrix_shape = (self.size, self.size)
        link_matrix = csr_array((np.ones(len(self.others)), self.others, self.starts), shape=matrix_shape)
        return np.asarray(link_matrix @ values)

    def sums_with_own(self, values: Floats) -> Floats:
        """For each place, the sum over its neighbours and itself."""
        return self.sums(values) + values

    def numbers(self) -> Ints:
        """How many neighbours each place has."""
        return np.diff(self.starts)


Neighbours = RasterNeighbours | ListedNeighbours


def box_sums(raster: Floats, reach: int) -> Floats:
    """The sum over the square of 2 reach + 1 cells around each cell, with nothing beyond the edge.

    Rows first, then columns, so that the work grows with the reach and not with its square.
    """
    return _run_sums(_run_sums(raster, reach).T, reach).T


def _run_sums(raster: Floats, reach: int) -> Floats:
    shifted_sums = raster.copy()
    for shift in range(1, min(reach, len(raster) - 1) + 1):
        shifted_sums[shift:] += raster[:-shift]
        shifted_sums[:-shift] += raster[shift:]
    return shifted_sums


TRUNCATE = 4.0
"""The kernel ends at this many standard deviations."""


def smooth_raster(counts: Floats, area: Floats, *, sigma: float, without_own: bool = False) -> Floats:
    """The kernel-weighted mean density at each cell: counts per unit of area, 0 outside the region.

    `sigma` is in cells. `without_own` leaves each cell's own count and area out of its own mean, so
    that it is evidence from the neighbours alone.
    """
    count_sums, area_sums = _smooth_values(counts, sigma), _smooth_values(area, sigma)
    if without_own:
        own_weight = centre_weight(sigma)
        count_sums, area_sums = count_sums - own_weight * counts, area_sums - own_weight * area
    densities = np.zeros_like(count_sums)
    has_area = (area > 0.0) & (area_sums > 1e-9 * area.max(initial=0.0))
    np.divide(count_sums, area_sums, out=densities, where=has_area)
    return np.maximum(densities, 0.0)


def _smooth_values(values: Floats, sigma: float) -> Floats:
    kernel_sums: Floats = gaussian_filter(values, sigma, mode="constant", cval=0.0, truncate=TRUNCATE)
    return kernel_sums


def centre_weight(sigma: float) -> float:
    """The weight that a cell has in its own mean."""
    radius_cells = int(TRUNCATE * sigma + 0.5)
    kernel_weights = np.exp(-0.5 * (np.arange(-radius_cells, radius_cells + 1) / sigma) ** 2)
    return float((1.0 / kernel_weights.sum()) ** 2)


CELLS_PER_SIGMA = 2.5
MOST_CELLS = 16_000_000  # beyond which the raster is made coarser: 128 MB


@dataclass(frozen=True, slots=True)
class Smoother:
    """Places on a raster for one kernel: on which cell each lies, and the amounts around it.

    `sigma` is the kernel's standard deviation in cells.
    """

    cell_of_place: Ints
    shape: tuple[int, int]
    sigma: float
    amounts: Floats
    amounts_around: Floats

    def smooth(self, values: Floats, *, without_own: bool = False) -> Floats:
        """The kernel-weighted mean of value per amount at each place.

        `without_own` leaves each place's own value and amount out of its own mean, so that it is evidence
        from the others alone; a place with no other within reach gets 0.
        """
        numerator, denominator = (
            _smooth_on_raster(values, self.cell_of_place, self.shape, self.sigma),
            self.amounts_around,
        )
        if without_own:
            own_weight = centre_weight(self.sigma)
            numerator, denominator = numerator - own_weight * values, denominator - own_weight * self.amounts
        smoothed_means = np.zeros(len(values))
        np.divide(
            numerator,
            denominator,
            out=smoothed_means,
            where=denominator > 1e-9 * float(self.amounts.max(initial=0.0)),
        )
        return np.maximum(smoothed_means, 0.0)


def build_smoother(amounts: Floats, x_m: Floats, y_m: Floats, *, sigma_m: float) -> Smoother:
    """Lay places on the raster; the amounts are smoothed here, once for all values."""
    west, south = float(x_m.min()), float(y_m.min())
    width_m, height_m = float(x_m.max()) - west, float(y_m.max()) - south
    # Cells must be small beside the kernel, or the raster itself would smooth; finer ones are only slower.
    cell_m = max(sigma_m / CELLS_PER_SIGMA, float(np.sqrt(width_m * height_m / MOST_CELLS)))
    i, j = ((y_m - south) / cell_m).astype(np.int64), ((x_m - west) / cell_m).astype(np.int64)
    raster_shape = (int(i.max()) + 1, int(j.max()) + 1)
    cell_of_place, sigma = i * raster_shape[1] + j, sigma_m / cell_m
    return Smoother(
        cell_of_place,
        raster_shape,
        sigma,
        amounts,
        _smooth_on_raster(amounts, cell_of_place, raster_shape, sigma),
    )


def _smooth_on_raster(
    place_values: Floats, cell_of_place: Ints, shape: tuple[int, int], sigma: float
) -> Floats:
    value_raster = np.bincount(cell_of_place, place_values, shape[0] * shape[1]).reshape(shape)
    smoothed_raster = gaussian_filter(value_raster, sigma, mode="constant", cval=0.0, truncate=TRUNCATE)
    return np.asarray(smoothed_raster.ravel()[cell_of_place])

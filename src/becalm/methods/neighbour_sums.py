"""Sums over neighbours: on a raster by adding shifted copies, elsewhere by a sparse matrix."""

from dataclasses import dataclass

import numpy as np
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
        own_place = np.repeat(np.arange(self.size), np.diff(self.starts))
        if np.any(own_place == self.others):
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

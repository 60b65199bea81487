"""Which places stand out together with their neighbours: Getis and Ord's Gi* and Anselin's local Moran.

J. K. Ord and A. Getis, "Local spatial autocorrelation statistics: distributional issues and an
application", Geographical Analysis 27 (1995) 286-306. L. Anselin, "Local indicators of spatial
association - LISA", Geographical Analysis 27 (1995) 93-115.

The p-values of permutation are had without permuting: holding a place and shuffling all others, the
sum over its k neighbours is that of k draws from the others. Drawn with replacement (which for n places
differs by terms of order k / n) its distribution depends on k alone, and for whole numbers it is the
k-fold convolution of their histogram, so that every place with k neighbours shares one exact null.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr

from becalm.methods.arrays import Floats, Ints
from becalm.methods.neighbourhood import Neighbours

Quadrant = Literal["high-high", "low-low", "high-low", "low-high"]
QUADRANTS: tuple[Quadrant, ...] = ("high-high", "low-low", "high-low", "low-high")
MOST_BINS = 4_000_000


@dataclass(frozen=True, slots=True)
class LocalMoran:
    """Local Moran of each place, in which quadrant it lies (an index into QUADRANTS), and how far out.

    `p` is the chance under permutation of a neighbour sum at least as far out on the same side.
    """

    statistic: Floats
    quadrant: Ints
    p: Floats


def getis_ord(values: Floats, neighbours: Neighbours) -> Floats:
    """How many standard deviations does each place's neighbourhood, itself included, lie above the mean?

    z_i = (sum_j x_j - m k_i) / (s sqrt((n k_i - k_i^2) / (n - 1))) over the k_i places of the
    neighbourhood, with m and s the mean and the (population) standard deviation of all n.
    Binary weights. Raises ValueError for missing values or where all are equal.
    """
    value_mean, deviation = _mean_and_deviation(values)
    place_count = len(values)
    neighbourhood_sizes = neighbours.numbers() + 1.0
    z = neighbours.sums_with_own(values)
    standard_errors = neighbourhood_sizes * (place_count - neighbourhood_sizes)
    standard_errors /= place_count - 1
    np.sqrt(standard_errors, out=standard_errors)
    standard_errors *= deviation
    neighbourhood_sizes *= value_mean
    z -= neighbourhood_sizes
    np.divide(z, standard_errors, out=z, where=standard_errors > 0.0)
    z[standard_errors == 0.0] = 0.0  # who has everybody around differs from nobody
    return z


def upper_tail(z: Floats) -> Floats:
    """The chance of a standard normal at least this high."""
    return np.asarray(ndtr(-z))


def permutation_p(counts: Ints, neighbours: Neighbours) -> Floats:
    """The chance under permutation that the neighbours of each place hold at least as much as they do.

    Whole numbers only; exact for draws with replacement. Equal for Gi and Gi*, since the place's own
    value is held.
    """
    neighbour_sums = np.rint(neighbours.sums(counts.astype(np.float64))).astype(np.int64)
    return _tail_chances(counts, neighbour_sums, neighbours.numbers())[0]


def local_moran(counts: Ints, neighbours: Neighbours) -> LocalMoran:
    """Is each place like its neighbours, or unlike, and could that be chance?

    I_i = z_i times the mean z of its neighbours, with z = (x - m) / s (population standard deviation).
    A place without neighbours has 0 and p = 1. Whole numbers only.
    """
    float_counts = counts.astype(np.float64)
    value_mean, deviation = _mean_and_deviation(float_counts)
    neighbour_counts = neighbours.numbers()
    neighbour_sums = neighbours.sums(float_counts)
    neighbour_means = np.divide(
        neighbour_sums,
        neighbour_counts,
        out=np.full(len(float_counts), value_mean),
        where=neighbour_counts > 0,
    )
    own_z, neighbour_z = (float_counts - value_mean) / deviation, (neighbour_means - value_mean) / deviation
    upper_p, lower_p = _tail_chances(counts, np.rint(neighbour_sums).astype(np.int64), neighbour_counts)
    quadrants = np.select(
        [(own_z > 0) & (neighbour_z > 0), (own_z <= 0) & (neighbour_z <= 0), own_z > 0], [0, 1, 2], 3
    )
    p = np.where(neighbour_z > 0, upper_p, lower_p)
    return LocalMoran(own_z * neighbour_z, quadrants.astype(np.int64), np.where(neighbour_counts > 0, p, 1.0))


def _mean_and_deviation(values: Floats) -> tuple[float, float]:
    if not np.isfinite(values).all():
        raise ValueError("A value is missing or infinite. Give a number for every place.")
    deviation = float(np.std(values))
    if deviation == 0.0:
        raise ValueError("All values are equal, so no place can stand out.")
    return float(np.mean(values)), deviation


def _tail_chances(counts: Ints, neighbour_sums: Ints, neighbour_counts: Ints) -> tuple[Floats, Floats]:
    """P(sum of k draws >= observed) and P(<= observed) for each place with k neighbours."""
    lowest_count = int(counts.min())
    counts_from_0 = counts - lowest_count
    if (int(counts_from_0.max()) + 1) * max(int(neighbour_counts.max(initial=1)), 1) > MOST_BINS:
        raise ValueError(
            f"The values span {int(counts_from_0.max())}, too far to convolve. Count in larger units."
        )
    value_shares = np.bincount(counts_from_0) / len(counts_from_0)
    upper_chances, lower_chances = np.ones(len(counts)), np.ones(len(counts))
    for k, sum_chances in _convolve_shares(value_shares, np.unique(neighbour_counts)):
        has_k_neighbours = neighbour_counts == k
        sums_from_0 = np.clip(neighbour_sums[has_k_neighbours] - lowest_count * k, 0, len(sum_chances) - 1)
        upper_chances[has_k_neighbours] = np.cumsum(sum_chances[::-1])[::-1][sums_from_0]
        lower_chances[has_k_neighbours] = np.cumsum(sum_chances)[sums_from_0]
    return np.minimum(upper_chances, 1.0), np.minimum(lower_chances, 1.0)


def _convolve_shares(value_shares: Floats, neighbour_counts: Ints) -> list[tuple[int, Floats]]:
    """The distribution of the sum of k draws, for each k asked: by squaring through the transform."""
    sum_chances_list = []
    for k in neighbour_counts.tolist():
        if k == 0:
            continue
        sum_count = (len(value_shares) - 1) * k + 1
        # Padded to the whole length, or the far ends of the sum would fold onto each other.
        padded_length = 1 << (sum_count - 1).bit_length()
        sum_chances = np.fft.irfft(np.fft.rfft(value_shares, padded_length) ** k, padded_length)[:sum_count]
        sum_chances_list.append((k, np.maximum(sum_chances, 0.0)))
    return sum_chances_list

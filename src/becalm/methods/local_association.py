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
from becalm.methods.neighbour_sums import Neighbours

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
    mean, deviation = _mean_and_deviation(values)
    size = len(values)
    neighbourhood_size = neighbours.numbers() + 1.0
    z = neighbours.sums_with_own(values)
    scale = neighbourhood_size * (size - neighbourhood_size)
    scale /= size - 1
    np.sqrt(scale, out=scale)
    scale *= deviation
    neighbourhood_size *= mean
    z -= neighbourhood_size
    np.divide(z, scale, out=z, where=scale > 0.0)
    z[scale == 0.0] = 0.0  # who has everybody around differs from nobody
    return z


def upper_tail(z: Floats) -> Floats:
    """The chance of a standard normal at least this high."""
    return np.asarray(ndtr(-z))


def permutation_p(counts: Ints, neighbours: Neighbours) -> Floats:
    """The chance under permutation that the neighbours of each place hold at least as much as they do.

    Whole numbers only; exact for draws with replacement. Equal for Gi and Gi*, since the place's own
    value is held.
    """
    sums = np.rint(neighbours.sums(counts.astype(np.float64))).astype(np.int64)
    return _tail_chances(counts, sums, neighbours.numbers())[0]


def local_moran(counts: Ints, neighbours: Neighbours) -> LocalMoran:
    """Is each place like its neighbours, or unlike, and could that be chance?

    I_i = z_i times the mean z of its neighbours, with z = (x - m) / s (population standard deviation).
    A place without neighbours has 0 and p = 1. Whole numbers only.
    """
    values = counts.astype(np.float64)
    mean, deviation = _mean_and_deviation(values)
    numbers = neighbours.numbers()
    sums = neighbours.sums(values)
    neighbour_mean = np.divide(sums, numbers, out=np.full(len(values), mean), where=numbers > 0)
    own_z, neighbour_z = (values - mean) / deviation, (neighbour_mean - mean) / deviation
    at_least, at_most = _tail_chances(counts, np.rint(sums).astype(np.int64), numbers)
    quadrant = np.select(
        [(own_z > 0) & (neighbour_z > 0), (own_z <= 0) & (neighbour_z <= 0), own_z > 0], [0, 1, 2], 3
    )
    p = np.where(neighbour_z > 0, at_least, at_most)
    return LocalMoran(own_z * neighbour_z, quadrant.astype(np.int64), np.where(numbers > 0, p, 1.0))


def _mean_and_deviation(values: Floats) -> tuple[float, float]:
    if not np.isfinite(values).all():
        raise ValueError("A value is missing or infinite. Give a number for every place.")
    deviation = float(np.std(values))
    if deviation == 0.0:
        raise ValueError("All values are equal, so no place can stand out.")
    return float(np.mean(values)), deviation


def _tail_chances(counts: Ints, sums: Ints, numbers: Ints) -> tuple[Floats, Floats]:
    """P(sum of k draws >= observed) and P(<= observed) for each place with k neighbours."""
    lowest = int(counts.min())
    shifted = counts - lowest
    if (int(shifted.max()) + 1) * max(int(numbers.max(initial=1)), 1) > MOST_BINS:
        raise ValueError(f"The values span {int(shifted.max())}, too far to convolve. Count in larger units.")
    value_shares = np.bincount(shifted) / len(shifted)
    at_least, at_most = np.ones(len(counts)), np.ones(len(counts))
    for k, null in _convolve_shares(value_shares, np.unique(numbers)):
        has_k = numbers == k
        rank = np.clip(sums[has_k] - lowest * k, 0, len(null) - 1)
        at_least[has_k] = np.cumsum(null[::-1])[::-1][rank]
        at_most[has_k] = np.cumsum(null)[rank]
    return np.minimum(at_least, 1.0), np.minimum(at_most, 1.0)


def _convolve_shares(value_shares: Floats, numbers: Ints) -> list[tuple[int, Floats]]:
    """The distribution of the sum of k draws, for each k asked: by squaring through the transform."""
    distributions = []
    for k in numbers.tolist():
        if k == 0:
            continue
        length = (len(value_shares) - 1) * k + 1
        # Padded to the whole length, or the far ends of the sum would fold onto each other.
        padded = 1 << (length - 1).bit_length()
        distribution = np.fft.irfft(np.fft.rfft(value_shares, padded) ** k, padded)[:length]
        distributions.append((k, np.maximum(distribution, 0.0)))
    return distributions

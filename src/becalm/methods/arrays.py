"""What the arrays of the whole house hold: one name per kind of number."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Times = NDArray[np.datetime64]
Objects = NDArray[np.object_]
Shapes = NDArray[np.object_]  # of shapely


def seed_generator(*seeds: int) -> np.random.Generator:
    """The generator of random numbers that begins with this seed."""
    return np.random.default_rng(seeds[0] if len(seeds) == 1 else seeds)

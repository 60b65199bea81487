"""The kinds of arrays that tables hold: a table knows no method, so they stand here again."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

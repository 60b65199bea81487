"""Many tests at once: which small p-values would chance alone have given?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def q_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """At which false discovery rate would each of these tests just be called a discovery?

    Sorted ascending, q_i = min over j >= i of p_j m / j (Benjamini-Hochberg adjusted p-values).
    Missing p-values (nan) are not tests: they stay nan and do not count in m. Valid for independent
    or positively dependent tests.

    >>> q_values([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]

    Source: Benjamini and Hochberg, J. Royal Statistical Society B 57 (1995) 289-300.
    """
    p = np.asarray(p_values, dtype=np.float64)
    q = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    if tests.size == 0:
        return q
    if (p[tests] < 0).any() or (p[tests] > 1).any():
        raise ValueError("A p-value is not between 0 and 1. Give probabilities, not percentages.")
    order = tests[np.argsort(p[tests], kind="stable")]
    scaled = p[order] * tests.size / np.arange(1, tests.size + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return q

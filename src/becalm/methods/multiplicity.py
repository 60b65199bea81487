"""Many tests at once: which small p-values would chance alone have given?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from becalm.methods.arrays import Floats, Ints

Adjustment = Literal["BH", "BY", "Holm"]


def adjust(p_values: ArrayLike, how: Adjustment) -> Floats:
    """At which error rate would each of these tests just be called a discovery?

    "BH" holds the false discovery rate where tests are independent or positively dependent, "BY" under
    any dependence, "Holm" the chance of even one false discovery. There is no way to ask for none.
    Missing p-values (nan) are not tests: they stay nan and do not count.

    >>> [adjust([0.01, 0.04, 0.03, 0.5], how).round(4).tolist() for how in ("BY", "Holm")]
    [[0.0833, 0.1111, 0.1111, 1.0], [0.04, 0.09, 0.09, 0.5]]

    Sources: see `q_values`; Benjamini and Yekutieli, Annals of Statistics 29 (2001) 1165-1188; Holm,
    Scandinavian Journal of Statistics 6 (1979) 65-70. Raises ValueError for another name.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if how == "BH":
        return q_values(p)
    tests = int(np.count_nonzero(~np.isnan(p)))
    if how == "BY":
        harmonic = float(np.sum(1.0 / np.arange(1, tests + 1)))
        return np.minimum(1.0, q_values_unbounded(p) * harmonic)
    if how == "Holm":
        return _holm(p)
    raise ValueError(f"{how!r} is no adjustment for many tests. Choose BH, BY or Holm.")


def _holm(p: Floats) -> Floats:
    """Going down, p_i times the number of tests not yet rejected, never below the one before."""
    adjusted = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    scaled = p[order] * np.arange(tests.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return adjusted


def q_values(p_values: ArrayLike) -> Floats:
    """At which false discovery rate would each of these tests just be called a discovery?

    Sorted ascending, q_i = min over j >= i of p_j m / j (Benjamini-Hochberg adjusted p-values).
    Missing p-values (nan) are not tests: they stay nan and do not count in m. Valid for independent
    or positively dependent tests.

    >>> q_values([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]

    Source: Benjamini and Hochberg, J. Royal Statistical Society B 57 (1995) 289-300.
    """
    return np.minimum(1.0, q_values_unbounded(np.asarray(p_values, dtype=np.float64)))


def q_values_unbounded(p: Floats) -> Floats:
    """As `q_values`, but not cut off at 1."""
    if (p < 0).any() or (p > 1).any():
        raise ValueError("A p-value is not between 0 and 1. Give probabilities, not percentages.")
    tests = np.flatnonzero(~np.isnan(p))
    given = p if tests.size == p.size else p[tests]
    order = _ascending(given.ravel())
    scaled = given.ravel()[order]
    scaled *= tests.size / np.arange(1.0, tests.size + 1)
    falling = scaled[::-1]
    np.minimum.accumulate(falling, out=falling)
    found = np.empty(tests.size)
    found[order] = scaled
    if tests.size == p.size:
        return found.reshape(p.shape)
    q = np.full(p.shape, np.nan)
    q[tests] = found
    return q


def _ascending(p: Floats) -> Ints:
    """Where the numbers stand, from the smallest up; none is negative, and equals come in any order.

    The bits of such numbers rise with them, so the position of each is put into its lowest bits and plain
    whole numbers are sorted, three times as fast as positions are. What was cut off is mended after.
    """
    lowest = (1 << max(p.size - 1, 1).bit_length()) - 1
    keys = (p + 0.0).view(np.int64)  # no -0.0, whose bits are those of a negative number
    keys &= ~lowest
    keys |= np.arange(p.size)
    keys.sort()
    keys &= lowest
    placed = p[keys]
    if (placed[1:] < placed[:-1]).any():
        keys = keys[np.argsort(placed, kind="stable")]
    return keys

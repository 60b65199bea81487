"""Many tests at once: which small p-values would chance alone have given?"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from becalm.methods.arrays import Floats

Adjustment = Literal["BH", "BY", "Holm"]


def adjust(p_values: ArrayLike, how: Adjustment) -> Floats:
    """At which error rate would each of these tests just be called a discovery?

    "BH" holds the false discovery rate where tests are independent or positively dependent, "BY" under
    any dependence, "Holm" the chance of even one false discovery. There is no way to ask for none.
    Missing p-values (nan) are not tests: they stay nan and do not count.

    >>> [adjust([0.01, 0.04, 0.03, 0.5], how).round(4).tolist() for how in ("BH", "BY", "Holm")]
    [[0.04, 0.0533, 0.0533, 0.5], [0.0833, 0.1111, 0.1111, 1.0], [0.04, 0.09, 0.09, 0.5]]

    Sources: Benjamini and Hochberg, J. Royal Statistical Society B 57 (1995) 289-300; Benjamini and
    Yekutieli, Annals of Statistics 29 (2001) 1165-1188; Holm, Scandinavian Journal of Statistics 6 (1979)
    65-70. Raises ValueError for another name.
    """
    if how not in get_args(Adjustment):
        raise ValueError(f"{how!r} is no adjustment for many tests. Choose BH, BY or Holm.")
    p = np.asarray(p_values, dtype=np.float64)
    if (p < 0).any() or (p > 1).any():
        raise ValueError("A p-value is not between 0 and 1. Give probabilities, not percentages.")
    is_test = ~np.isnan(p)  # SciPy refuses nan, and to count one as a test would make all others too large
    adjusted_p = np.full(p.shape, np.nan)
    if how == "Holm":
        adjusted_p[is_test] = _adjust_by_holm(p[is_test])
    else:
        adjusted_p[is_test] = false_discovery_control(p[is_test], method=how.lower())
    return adjusted_p


def adjust_in_two_stages(
    family_p: ArrayLike, member_p: ArrayLike, family_of_member: ArrayLike, *, rate: float
) -> tuple[Floats, Floats]:
    """Which families stand out, and which members within those? q-values of both, for one rate.

    A member counts only within a family that is itself a discovery at `rate` (Benjamini-Hochberg over
    families). Within those, the q-values of Benjamini and Hochberg are multiplied by families over selected
    families, so that the false discovery rate, averaged over the selected families, is held at `rate`. A
    member of another family has q = 1.

    >>> p_values = ([0.001, 0.6], [0.001, 0.5, 0.001])
    >>> q_of_family, q_of_member = adjust_in_two_stages(*p_values, [0, 0, 1], rate=0.05)
    >>> q_of_family.tolist(), q_of_member.tolist()
    ([0.002, 0.6], [0.004, 1.0, 1.0])

    Source: Benjamini and Bogomolov, J. Royal Statistical Society B 76 (2014) 297-318, section 3.
    """
    families, p = np.asarray(family_of_member), np.asarray(member_p, dtype=np.float64)
    q_of_family = adjust(family_p, "BH")
    is_selected = q_of_family <= rate
    q_of_member = np.ones(p.shape)
    for family in np.flatnonzero(is_selected):
        is_member = families == family
        q_of_member[is_member] = np.minimum(
            1.0, adjust(p[is_member], "BH") * is_selected.size / is_selected.sum()
        )
    return q_of_family, q_of_member


def _adjust_by_holm(p: Floats) -> Floats:
    """Going down, p_i times the number of tests not yet rejected, never below the one before."""
    adjusted_p = np.empty(p.shape)
    rising_order = np.argsort(p, kind="stable")
    adjusted_p[rising_order] = np.minimum(
        1.0, np.maximum.accumulate(p[rising_order] * np.arange(p.size, 0, -1))
    )
    return adjusted_p

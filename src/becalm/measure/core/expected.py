"""What the same period of former years would lead us to expect."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.methods.arrays import Floats, Ints


@dataclass(frozen=True, slots=True)
class Expected:
    """Counts of each group in all former windows together, and their mean per window."""

    together: Ints
    mean: Floats
    windows: int


def expected_from_years(counts: Ints) -> Expected:
    """What would the mean of former years lead us to expect (rows: windows, columns: groups)?

    mean = (y_1 + ... + y_k) / k. The interval of the comparison treats the years together as one
    Poisson count over k times the exposure, so that more years narrow it. No trend is carried
    forward: where a group rises or falls year by year, the mean lags behind, and the single
    years beside it show that.

    >>> expected_from_years(np.array([[10, 4], [20, 5]])).mean.tolist()
    [15.0, 4.5]
    """
    together = counts.sum(axis=0)
    return Expected(together, together / len(counts), len(counts))

"""Percentages that stand on too little are not shown."""

from __future__ import annotations


def suppress(change_percent: float, *, old: float, below: int) -> tuple[float | None, str | None]:
    """May this percentage be shown, and if not, why not?

    A percentage of a small baseline swings wildly and hides how small it is: 2 to 4 is "+100 %".
    Both counts, the difference and the ratio with its interval stay. `below` is a habit of
    official statistics (50), not a law: it can be set.

    >>> suppress(-7.7, old=13, below=50)
    (None, 'no percentage: the baseline of 13 is below 50')
    """
    if old < below or old == 0:
        return None, f"no percentage: the baseline of {old:.4g} is below {max(below, 1)}"
    return change_percent, None

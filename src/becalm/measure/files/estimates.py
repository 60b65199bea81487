"""Estimates as the cells of a csv and as text; shared by the answers of measure."""

from becalm.render import number_format
from becalm.terms import Estimate


def estimate_cells(name: str, estimate: Estimate | None) -> dict[str, object]:
    """Value and both ends under the name; empty where there is none."""
    return {
        name: estimate.value if estimate else None,
        f"{name}_low": estimate.low if estimate else None,
        f"{name}_high": estimate.high if estimate else None,
    }


def interval_text(estimate: Estimate | None) -> str:
    """Both ends of a count's interval.

    >>> interval_text(Estimate(12.0, 9.0, 16.0, 0.9, "drawn"))
    '9 to 16'
    """
    if estimate is None:
        return number_format.NO_VALUE
    return f"{number_format.whole(estimate.low)} to {number_format.whole(estimate.high)}"

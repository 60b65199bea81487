"""The simple methods that every score must be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from becalm.find.ground import Ground
from becalm.find.score import Score

Floats = NDArray[np.float64]
COUNT_MONTHS = (1, 3, 12, 36)
KDE_SIGMAS_M = (150, 300)
KDE_MONTHS = 12
REFERENCE = "count_12"


def scores_of_all(ground: Ground, scores: Sequence[Score]) -> Iterator[dict[str, Floats]]:
    """Each method's score of every place at each origin, from the months before it alone.

    `count_n` is the number of incidents in the last n months; `kde_s` smooths the last 12 months
    with a Gaussian of s metres, corrected at the edge; `ewma` is the place's memory with the chosen
    half-life; `blend` is becalm's own score. A count over more months than the first tested origin has
    is left out.
    """
    first_tested = min(score.origin for score in scores) + 1  # the origin before it tunes the log score
    spans = [n for n in COUNT_MONTHS if n <= first_tested]
    for score in scores:
        t = score.origin
        counts = {f"count_{n}": ground.target.window(t - n, t) for n in spans}
        surfaces = {f"kde_{sigma}": _kde(ground, t, sigma) for sigma in KDE_SIGMAS_M}
        yield {**counts, **surfaces, "ewma": score.own, "blend": score.expected}


def _kde(ground: Ground, origin: int, sigma_m: float) -> Floats:
    return ground.places.smooth(ground.target.window(origin - KDE_MONTHS, origin), sigma_m)

"""The simple methods that every score must be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from becalm.find.core.expected_counts import Forecast
from becalm.find.core.place_panel import PlacePanel
from becalm.methods.arrays import Floats
from becalm.methods.ewma import memories

COUNT_MONTHS = (1, 3, 12, 36)
KDE_SIGMAS_M = (150, 300)
KDE_MONTHS = 12
YEAR = 12
REFERENCE = "count_12"


def score_all_methods(panel: PlacePanel, scores: Sequence[Forecast]) -> Iterator[dict[str, Floats]]:
    """Each method's score of every place at each origin, from the months before it alone.

    `count_n` is the number of incidents in the last n months; `kde_s` smooths the last 12 months
    with a Gaussian of s metres, corrected at the edge; `ewma` is the place's memory with the chosen
    half-life; `blend` is becalm's own score; `count_all` and `kde_all_150` are the same with all months on
    record; `kde_ewma_150` smooths the fading memory, and `season` counts the same month of earlier years with
    the months beside it. A count over more months than the first tested origin has is left out.
    """
    first_tested = min(score.origin for score in scores) + 1  # the origin before it tunes the log score
    spans = [n for n in COUNT_MONTHS if n <= first_tested]
    for score, faded in zip(scores, _faded(panel, scores), strict=True):
        t = score.origin
        counts = {f"count_{n}": panel.target.window(t - n, t) for n in spans}
        year, ever = panel.target.window(t - KDE_MONTHS, t), panel.target.window(0, t)
        surfaces = {f"kde_{sigma}": panel.places.smooth(year, sigma) for sigma in KDE_SIGMAS_M}
        whole = {"count_all": ever, "kde_all_150": panel.places.smooth(ever, 150)}
        spread = {"kde_ewma_150": panel.places.smooth(faded, 150), "season": _season(panel, t)}
        yield {**counts, **surfaces, "ewma": faded, "blend": score.expected, **whole, **spread}


def _season(panel: PlacePanel, t: int) -> Floats:
    """What happened at this time of year in all years before."""
    years = range(YEAR, t + 2, YEAR)
    return sum((panel.target.window(t - ago - 1, t - ago + 2) for ago in years), np.zeros(panel.size))


def _faded(panel: PlacePanel, scores: Sequence[Forecast]) -> list[Floats]:
    """Each place's memory with the half-life chosen at each origin."""
    made: dict[int, Floats] = {}
    for half_life in {score.half_life_of_others for score in scores}:
        chosen = [score.origin for score in scores if score.half_life_of_others == half_life]
        made |= dict(memories(panel.target, half_life, chosen))
    return [made[score.origin] for score in scores]

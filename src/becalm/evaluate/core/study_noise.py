"""How much do counts vary with nothing done? Of places, of whole arms, and of what all places share."""

from typing import Final

import numpy as np
from scipy import stats

from becalm.evaluate.core.study import LEAST_TIMES, StudyCounts
from becalm.methods.arrays import Floats
from becalm.methods.dispersion import fit_series, panel_dispersion
from becalm.methods.displacement import CommonShocks

UNLIKELY: Final = 0.01  # chance of arms that part so much, were places independent


def estimate_dispersion(counts: StudyCounts) -> float:
    """Variance over mean of counts before the start, beside what all places share; 1 at least.

    That of places around place by time, unless the arms' totals part so much more from time to time that
    chance hardly explains it: then places moved together, and the arms' own is taken.
    """
    before = counts.panel[:, : counts.panel_start]
    if before.shape[1] < LEAST_TIMES:
        return 1.0
    of_places = panel_dispersion(before)
    arms = _sum_arms(counts, before)
    totals = arms.sum()
    if not arms.sum(axis=1).all():
        return of_places
    expected = np.outer(arms.sum(axis=1), arms.sum(axis=0)) / totals
    has_events = expected[0] > 0.0
    pearson = float(((arms - expected)[:, has_events] ** 2 / expected[:, has_events]).sum())
    degrees = int(has_events.sum()) - 1
    is_beyond_chance = degrees > 0 and pearson / of_places > float(stats.chi2.ppf(1.0 - UNLIKELY, degrees))
    return max(of_places, pearson / degrees) if is_beyond_chance else of_places


def estimate_shocks(counts: StudyCounts, dispersion: float) -> CommonShocks | None:
    """What lifts or lowers all places together from time to time; None where too few times tell it.

    By moments: what the variance of all places' total, around a trend, has beside that of the places.
    """
    before = counts.panel[:, : counts.panel_start]
    times_before, times_after = before.shape[1], counts.panel.shape[1] - counts.panel_start
    if times_before < LEAST_TIMES or not times_after or not before.any():
        return None
    trend = np.column_stack([np.ones(times_before), np.linspace(-1.0, 1.0, times_before)])
    fit = fit_series(before.sum(axis=0)[None], trend)
    mean = float(fit.mean.mean())
    variance = max(float(fit.pearson[0]) / fit.degrees - dispersion, 0.0) / mean
    return CommonShocks(variance / times_before, variance / times_after, float(fit.degrees))


def _sum_arms(counts: StudyCounts, panel: Floats) -> Floats:
    """Treated and control (rows) by time."""
    is_treated = counts.places.is_treated
    return np.stack([panel[is_treated].sum(axis=0), panel[~is_treated].sum(axis=0)])

"""100,000 ratios of rates with intervals at once, against a loop over the best peer for one pair.

scipy has the exact (Clopper-Pearson) interval of one binomial share; statsmodels has score intervals of
a ratio and no exact or mid-p one. Peers are timed on a part of the cells and scaled up.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import statsmodels.api as sm
from _measure import report, seconds
from scipy import stats
from statsmodels.stats.rates import confint_poisson_2indep

from becalm.methods.dispersion import overdispersion, seasonal_design
from becalm.methods.rate_ratios import rate_ratios

CELLS, PART, SERIES, SERIES_PART = 100_000, 200, 2_000, 20


def ratios() -> None:
    """Exact and mid-p intervals of all cells."""
    draw = np.random.default_rng(1)
    mean = 10 ** draw.uniform(-0.7, 5, CELLS)
    new, old = draw.poisson(mean), draw.poisson(1.3 * mean)
    some = np.flatnonzero((new > 0) & (old > 0))[:PART]
    part = [(int(new[i]), int(old[i])) for i in some]

    def exact_one_by_one() -> None:
        for a, b in part:
            stats.binomtest(a, a + b).proportion_ci(0.95, method="exact")

    def score_one_by_one() -> None:
        for a, b in part:
            confint_poisson_2indep(a, 1, b, 1, method="score", compare="ratio")

    exact, mid_p = (seconds(lambda k=kind: rate_ratios(new, old, kind=k)) for kind in ("exact", "mid-p"))
    times = CELLS / PART
    scipy_peer = f"scipy {version('scipy')}, exact one by one"
    report(f"{CELLS:,} exact intervals", exact, scipy_peer, seconds(exact_one_by_one) * times, most=3)
    statsmodels_peer = f"statsmodels {version('statsmodels')}, score one by one"
    report(f"{CELLS:,} mid-p intervals", mid_p, statsmodels_peer, seconds(score_one_by_one) * times, most=3)


def dispersions() -> None:
    """Quasi-Poisson fits of many monthly series."""
    counts = np.random.default_rng(2).poisson(30, (SERIES, 60))
    design = seasonal_design(np.arange(60), cycle=12)

    def one_by_one() -> None:
        for series in counts[:SERIES_PART]:
            sm.GLM(series, design, family=sm.families.Poisson()).fit(scale="X2")

    theirs = seconds(one_by_one) * SERIES / SERIES_PART
    peer = f"statsmodels {version('statsmodels')}, one by one"
    report(f"dispersion of {SERIES:,} series", seconds(lambda: overdispersion(counts, design)), peer, theirs)


if __name__ == "__main__":
    ratios()
    dispersions()

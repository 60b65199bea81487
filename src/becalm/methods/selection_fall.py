"""How far do places that were chosen for their counts fall by themselves?

Places chosen because they had many events had, in part, bad luck in the days they were chosen on: without
any action they fall towards what they are. Each place's own rate is gamma among all places that could have
been chosen, and its count in the choosing days is Poisson (times phi, where counts vary more). The rate that
remains once luck is taken out is the posterior mean (a + y / phi) / (b + 1 / phi) per choosing window.

Sources: Robbins in Proceedings of the Third Berkeley Symposium 1 (1956) 157-163; Clayton and Kaldor,
Biometrics 43 (1987) 671-681; Hauer, Observational Before-After Studies in Road Safety (1997) chapters 11, 12.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import minimize
from scipy.special import gammaln

from becalm.methods.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class SelectionFall:
    """What the chosen places had, and what they would have in as long a window with nothing done."""

    chosen_count: float
    expected: float
    low: float
    high: float
    level: float

    @property
    def expected_change(self) -> float:
        """The change to expect with nothing done, e.g. -0.4 for a fall by two fifths."""
        return self.expected / self.chosen_count - 1.0


def fall_by_selection(
    counts: Floats, is_chosen: Bools, *, dispersion: float = 1.0, level: float = 0.95
) -> SelectionFall:
    """What count should be expected of the chosen places in the next window of the same length?

    `counts` are those of all places that could have been chosen, in the days that they were chosen on.
    `dispersion` is variance over mean of one place's counts from window to window.

    Raises ValueError where no place was chosen, none was left, or there is no event.
    """
    y = np.asarray(counts, dtype=np.float64) / dispersion
    if not is_chosen.any() or is_chosen.all() or y.sum() == 0.0:
        raise ValueError("Choose some of the places, leave some, and give counts that hold events.")
    shape, rate = _fit_gamma(y)
    posterior_shape, posterior_rate = shape + y[is_chosen], rate + 1.0
    expected = float((posterior_shape / posterior_rate).sum()) * dispersion
    variance = float((posterior_shape / posterior_rate**2).sum()) * dispersion**2 + dispersion * expected
    half_width = float(stats.norm.ppf(0.5 + level / 2.0)) * variance**0.5
    return SelectionFall(
        chosen_count=float(y[is_chosen].sum()) * dispersion,
        expected=expected,
        low=max(expected - half_width, 0.0),
        high=expected + half_width,
        level=level,
    )


def _fit_gamma(y: Floats) -> tuple[float, float]:
    """Shape and rate of the places' rates by maximum likelihood: counts are negative binomial."""
    values, place_counts = np.unique(y, return_counts=True)
    mean, variance = float(y.mean()), float(y.var())
    start_log_shape = np.log(max(mean**2 / max(variance - mean, 1e-3 * mean), 1e-3))

    def negative_log_likelihood(parameters: Floats) -> float:
        shape = float(np.exp(np.clip(parameters[0], -12.0, 12.0)))
        rate = shape / float(np.exp(parameters[1]))
        log_likelihood_terms = gammaln(shape + values) - gammaln(shape) + shape * np.log(rate / (1.0 + rate))
        return -float(place_counts @ (log_likelihood_terms - values * np.log1p(rate)))

    solution = minimize(
        negative_log_likelihood, np.array([start_log_shape, np.log(mean)]), method="Nelder-Mead"
    )
    shape = float(np.exp(np.clip(solution.x[0], -12.0, 12.0)))
    return shape, shape / float(np.exp(solution.x[1]))

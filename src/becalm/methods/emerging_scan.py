"""Which circle holds, right now, more events than its own past leads one to expect?

The expectation-based scan (Neill, International Journal of Forecasting 25 (2009) 498-517) on circles that
reach up to the newest time: every circle around a site, over the last 1, 2, … times. The rate of a site is a
gamma variable, known by its history; each time has noise of its own; so the variance of a circle's count is
    E + sum over sites of (expected count)^2 / shape + excess * sum over sites and times of (expected)^2,
and its score the Poisson likelihood ratio of a raised rate, divided by variance over mean. The highest score
of each of many drawings of the same rates without a cluster gives the distribution of the highest score by
chance; its tail is fitted by Gumbel's law (Abrams, Kulldorff and Kleinman, Statistics in Medicine 29 (2010)
Suppl. 1), so that one knows how rare is a score that no drawing reached.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit, prange
from scipy import stats

from becalm.methods.arrays import Floats
from becalm.methods.scan_statistic import list_neighbours

LEAST_EVENTS: Final = 2.0
EULER: Final = 0.5772156649


@dataclass(frozen=True, slots=True)
class SiteRates:
    """The rate of each site: gamma with this mean and shape; a count of mean m varies by m (1 + excess m)."""

    mean: Floats
    shape: Floats
    excess: float

    def draw(self, factors: Floats, rng: np.random.Generator) -> Floats:
        """Counts (sites x times) without a cluster, at these multiples of the usual rates."""
        rates = self.mean * rng.gamma(self.shape) / self.shape
        means = rates[:, None] * factors
        if self.excess > 0.0:
            means = means * rng.gamma(1.0 / self.excess, self.excess, means.shape)
        return np.asarray(rng.poisson(means), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class EmergingCircle:
    """The sites within `radius` of site `centre`, over the last `times` times; `p` is that of its score."""

    centre: int
    radius: float
    times: int
    observed: float
    expected: float
    score: float
    p: float


def learn_rates(history: Floats, factors: Floats) -> SiteRates:
    """The rates of sites from their past counts (sites x times) at these multiples of the usual rate.

    The prior of the rates is gamma, by moments over all sites; what varies from time to time beyond Poisson
    is one excess for all, by moments too.
    """
    exposure = factors.sum()
    totals = history.sum(axis=1)
    mean_rate = totals.mean() / exposure
    # Never 0: sites that seem all alike would get one rate for ever, whatever they count.
    rate_variance = max(totals.var() / exposure**2 - mean_rate / exposure, 1e-3 * mean_rate**2)
    prior_shape, prior_rate = mean_rate**2 / rate_variance, mean_rate / rate_variance
    shape = prior_shape + totals
    rates = shape / (prior_rate + exposure)
    expected_counts = rates[:, None] * factors
    excess_variance = ((history - expected_counts) ** 2 - expected_counts).sum() / np.maximum(
        (expected_counts**2).sum(), 1e-12
    )
    return SiteRates(np.asarray(rates), np.asarray(shape), float(max(excess_variance, 0.0)))


def scan_newest(
    x: Floats,
    y: Floats,
    counts: Floats,
    rates: SiteRates,
    factors: Floats,
    *,
    radius: float,
    drawings: int,
    rng: np.random.Generator,
    most: int = 10,
) -> tuple[EmergingCircle, ...]:
    """The strongest circles of the newest times (columns of `counts`, the newest last), none overlapping.

    `factors` are the multiples of the usual rate at these times. p pays for having looked at all circles.
    """
    neighbours = list_neighbours(x, y, radius)
    best_circles = _best_circles(counts, rates.mean, rates.shape, rates.excess, factors, neighbours)
    null_scores = np.array(
        [
            _best_circles(
                rates.draw(factors, rng), rates.mean, rates.shape, rates.excess, factors, neighbours
            )[:, 0].max()
            for _ in range(drawings)
        ]
    )
    return tuple(_choose_circles(best_circles, null_scores, x, y, most))


def tail_chance(score: float, highest: Floats) -> float:
    """The chance that the highest score of a time without a cluster reaches this one, by Gumbel's law."""
    # A few hundred drawings cannot show a chance of 1 in 10,000 by counting; the law of a maximum can.
    gumbel_scale = max(float(highest.std()) * np.sqrt(6.0) / np.pi, 1e-9)
    gumbel_location = float(highest.mean()) - EULER * gumbel_scale
    return float(stats.gumbel_r.sf(score, gumbel_location, gumbel_scale))


def _choose_circles(best: Floats, highest: Floats, x: Floats, y: Floats, most: int) -> list[EmergingCircle]:
    circles: list[EmergingCircle] = []
    for centre in np.argsort(-best[:, 0], kind="stable").tolist():
        score, radius, times, observed, expected = best[centre].tolist()
        if score <= 0.0 or len(circles) == most:
            break
        gaps_m = [np.hypot(x[centre] - x[c.centre], y[centre] - y[c.centre]) - c.radius for c in circles]
        if all(gap > radius for gap in gaps_m):
            p = tail_chance(score, highest)
            circles.append(EmergingCircle(centre, radius, int(times), observed, expected, score, p))
    return circles


@njit(cache=True, nogil=True, parallel=True)
def _best_circles(counts, mean, shape, excess, factors, neighbours):  # type: ignore[no-untyped-def]  # a kernel
    """For each centre its best circle: score, radius, times, observed, expected."""
    starts, neighbour_sites, distance = neighbours
    site_count, time_count = counts.shape
    circle_rows = np.zeros((site_count, 5))
    for centre in prange(site_count):
        observed_counts = np.zeros(time_count)  # of the last 1, 2, … times
        rate_sum, doubt_sum, square_sum = 0.0, 0.0, 0.0
        for i in range(starts[centre], starts[centre + 1]):
            site = neighbour_sites[i]
            running_count = 0.0
            for back in range(time_count):
                running_count += counts[site, time_count - 1 - back]
                observed_counts[back] += running_count
            rate_sum += mean[site]
            doubt_sum += mean[site] ** 2 / shape[site]
            square_sum += mean[site] ** 2
            if i + 1 < starts[centre + 1] and distance[i + 1] <= distance[i]:
                continue  # a circle takes all on its edge
            factor_sum, factor_square_sum = 0.0, 0.0
            for back in range(time_count):
                factor = factors[time_count - 1 - back]
                factor_sum += factor
                factor_square_sum += factor**2
                expected = rate_sum * factor_sum
                if observed_counts[back] < LEAST_EVENTS or observed_counts[back] <= expected:
                    continue
                variance = expected + doubt_sum * factor_sum**2 + excess * square_sum * factor_square_sum
                log_likelihood_ratio = observed_counts[back] * np.log(observed_counts[back] / expected) - (
                    observed_counts[back] - expected
                )
                # Divided by how much wider than Poisson the count is: else the noisiest sites win everywhere.
                score = log_likelihood_ratio * expected / variance
                if score > circle_rows[centre, 0]:
                    circle_rows[centre, 0], circle_rows[centre, 1] = score, distance[i]
                    circle_rows[centre, 2], circle_rows[centre, 3], circle_rows[centre, 4] = (
                        back + 1,
                        observed_counts[back],
                        expected,
                    )
    return circle_rows

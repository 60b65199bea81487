"""How much of the newest counts is still to come? Nowcasts from a reporting triangle, many series at once.

`new_counts[s, w, d]` are the events of series s and week w that became known d weeks later. The newest week
has waited 0 weeks, the one before it 1, and so on, so that cells with w + d beyond the newest week are
empty. What a week will hold in the end is what is known of it plus what is missing:

- The **chain ladder** gives the share that is known after each wait, from the weeks that waited longer.
  Where a series is too small to tell, it leans on all series together.
- The **missing** count is a thinned Poisson count, whose rate is gamma around the rate of the quarter
  before (it may well have halved: 50 % either way). In large counts what is known decides, as in the
  plain chain ladder; near zero the quarter before does, so that a week without any event is neither
  taken for a certain zero nor blown up.
- The interval is that of a negative binomial count of its variance, and is **calibrated**: past nowcasts
  are made again, each from what was known then, and what they missed by beyond their own variance is added.

Sources: Mack, ASTIN Bulletin 23 (1993) 213-225, for the chain ladder; Buehlmann and Straub's credibility as
in Wuethrich and Merz, Stochastic Claims Reserving (2008) ch. 4; Hoehle and an der Heiden, Biometrics 70
(2014) 993-1002, for nowcasts of counts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.methods.arrays import Floats, Ints

QUARTER_WEEKS: Final = 13
SHARED_EVENTS: Final = 20.0  # with so many events a series' own delays count as much as those of all series
RATE_SHAPE: Final = 4.0  # of the gamma rate around the quarter before: 50 % either way
PAST_NOWCASTS: Final = 52


@dataclass(frozen=True, slots=True)
class Nowcast:
    """What each series and week will hold in the end, the newest week last.

    `known` is what is known now, `completeness` the share of a week of this age that usually is, `missing`
    the count to be expected on top, with its `variance`. `past_errors[s, j]` and `past_deviations[s, j]` are
    those of past nowcasts of a newest week: what came in the end less what was expected, and the standard
    deviation it was given.
    """

    known: Floats
    completeness: Floats
    missing: Floats
    variance: Floats
    past_errors: Floats
    past_deviations: Floats

    @property
    def final(self) -> Floats:
        """The count to be expected in the end."""
        return self.known + self.missing

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Between which whole numbers will the final count lie with this probability?"""
        return self.known + self._missing_quantile(0.5 - level / 2), self.known + self._missing_quantile(
            0.5 + level / 2
        )

    def _missing_quantile(self, probability: float) -> Floats:
        return _negative_binomial_quantile(probability, self.missing, self.variance)


def nowcast_triangle(new_counts: Ints | Floats, *, past_nowcasts: int = PAST_NOWCASTS) -> Nowcast:
    """What will each series and week hold in the end, and how sure is that?

    `new_counts` are (series, weeks, delays): what became known 0, 1 ... D weeks later; what comes later than
    that is not expected. Weeks older than D are complete.

    Raises ValueError where there are no more weeks than delays.
    """
    triangle = np.asarray(new_counts, dtype=np.float64)
    week_count, delay_count = triangle.shape[1:]
    if week_count <= delay_count:
        raise ValueError(
            f"{week_count} weeks cannot show delays of up to {delay_count - 1} weeks. "
            "Give more weeks, or a shorter delay."
        )
    known, completeness, missing, variance = _nowcast(triangle)
    final = triangle.sum(axis=2)
    # A past nowcast can be judged once its week has waited as long as any; each has as much to learn from.
    judged = range(max(2 * delay_count, week_count - delay_count - past_nowcasts), week_count - delay_count)
    if not judged:
        empty = np.empty((len(triangle), 0))
        return Nowcast(known, completeness, missing, variance, empty, empty)
    past = [_nowcast(_known_then(triangle, newest)) for newest in judged]
    ages = np.minimum(np.arange(week_count)[::-1], delay_count - 1)
    extra_share = np.array([_extra_variance(past, judged, final, age) for age in range(delay_count)])
    variance = variance + extra_share[ages] * (known + missing) ** 2 * (ages < delay_count - 1)
    errors = np.stack(
        [final[:, w] - k[:, -1] - m[:, -1] for w, (k, _, m, _) in zip(judged, past, strict=True)], axis=1
    )
    deviations = np.stack(
        [np.sqrt(v[:, -1] + extra_share[0] * (k + m)[:, -1] ** 2) for k, _, m, v in past], axis=1
    )
    return Nowcast(known, completeness, missing, variance, errors, deviations)


def complete_from_shares(known: Floats, shares: Floats) -> Nowcast:
    """The nowcast where the share that is known of a week of each age is given, not learned from a triangle.

    `known` are (series, weeks), the newest last; `shares` the shares of weeks that waited 0, 1 ... weeks.
    """
    ages = np.arange(known.shape[1])[::-1]
    completeness = np.append(shares, 1.0)[np.minimum(ages, len(shares))] * np.ones_like(known)
    missing, variance = _expect_missing(known, completeness)
    empty = np.empty((len(known), 0))
    return Nowcast(known, completeness, missing, variance, empty, empty)


def _nowcast(triangle: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Known counts, usual completeness, missing counts and their variance, each (series, weeks)."""
    week_count, delay_count = triangle.shape[1:]
    ages = np.minimum(np.arange(week_count)[::-1], delay_count - 1)
    share_by_age = _chain_ladder(np.cumsum(triangle, axis=2))
    known, completeness = triangle.sum(axis=2), share_by_age[:, ages]
    return known, completeness, *_expect_missing(known, completeness)


def _chain_ladder(cumulative: Floats) -> Floats:
    """The share that is known after each wait, (series, delays)."""
    week_count, delay_count = cumulative.shape[1:]
    shares = np.ones((len(cumulative), delay_count))
    for delay in range(delay_count - 2, -1, -1):
        older = slice(0, week_count - delay - 1)  # weeks that have waited at least one week longer
        before = cumulative[:, older, delay].sum(axis=1)
        after = cumulative[:, older, delay + 1].sum(axis=1)
        shared_growth = (after.sum() + 1e-9) / (before.sum() + 1e-9)
        growth = (after + SHARED_EVENTS * shared_growth) / (before + SHARED_EVENTS)
        shares[:, delay] = shares[:, delay + 1] / growth
    return shares


def _expect_missing(known: Floats, completeness: Floats) -> tuple[Floats, Floats]:
    """The count that is still missing and its variance, by what is known and by the quarter before."""
    quarter_rate = np.maximum(_sum_before(known) / np.maximum(_sum_before(completeness), 1e-9), 1e-9)
    shape = RATE_SHAPE + known
    missing = (1.0 - completeness) * shape / (RATE_SHAPE / quarter_rate + completeness)
    return missing, missing + missing**2 / shape


def _sum_before(values: Floats) -> Floats:
    """The sum over the quarter before each week; of the first week itself."""
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    week = np.arange(1, values.shape[1])
    before = sums[:, week] - sums[:, np.maximum(week - QUARTER_WEEKS, 0)]
    return np.concatenate([values[:, :1], before], axis=1)


def _known_then(triangle: Floats, newest: int) -> Floats:
    """The triangle as it was when this week was the newest."""
    week_count, delay_count = newest + 1, triangle.shape[2]
    waited = np.arange(week_count)[::-1]
    return np.where(np.arange(delay_count) <= waited[:, None], triangle[:, :week_count], 0.0)


def _extra_variance(
    past: list[tuple[Floats, Floats, Floats, Floats]], judged: range, final: Floats, age: int
) -> float:
    """What past nowcasts of weeks of this age missed by beyond their variance, as a share of the count."""
    surplus = square = 0.0
    for newest, (known, _, missing, variance) in zip(judged, past, strict=True):
        count = (known + missing)[:, -1 - age]
        surplus += float(((final[:, newest - age] - count) ** 2 - variance[:, -1 - age]).sum())
        square += float((count**2).sum())
    return max(surplus, 0.0) / max(square, 1e-9)


def _negative_binomial_quantile(probability: float, mean: Floats, variance: Floats) -> Floats:
    positive_mean = np.maximum(mean, 1e-9)
    successes = positive_mean**2 / np.maximum(variance - mean, 1e-9 * positive_mean)
    return np.asarray(stats.nbinom.ppf(probability, successes, successes / (successes + positive_mean)))

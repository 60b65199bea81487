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

    `known_counts` is what is known now, `completeness` the share of a week of this age that usually is,
    `missing_counts` the count to be expected on top, with `missing_variance`. `past_missing_counts[s, j]` and
    `past_variance[s, j]` are those of past nowcasts of a newest week, `past_arrivals[s, j]` what came on top.
    """

    known_counts: Floats
    completeness: Floats
    missing_counts: Floats
    missing_variance: Floats
    past_missing_counts: Floats
    past_variance: Floats
    past_arrivals: Floats

    @property
    def final_counts(self) -> Floats:
        """The count to be expected in the end."""
        return self.known_counts + self.missing_counts

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Between which whole numbers will the final count lie with this probability?"""
        low, high = _missing_interval(level, self.missing_counts, self.missing_variance)
        return self.known_counts + low, self.known_counts + high

    def held_share(self, level: float) -> float:
        """Which share of the past nowcasts held in their interval what came in the end?"""
        low, high = _missing_interval(level, self.past_missing_counts, self.past_variance)
        return float(((low <= self.past_arrivals) & (self.past_arrivals <= high)).mean())


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
    known_counts, completeness, missing_counts, missing_variance = _nowcast(triangle)
    final_counts = triangle.sum(axis=2)
    # A past nowcast can be judged once its week has waited as long as any; each has as much to learn from.
    tested_weeks = range(
        max(2 * delay_count, week_count - delay_count - past_nowcasts), week_count - delay_count
    )
    if not tested_weeks:
        return Nowcast(known_counts, completeness, missing_counts, missing_variance, *_no_past(len(triangle)))
    past_parts = [_nowcast(_known_then(triangle, newest)) for newest in tested_weeks]
    weeks_waited = np.minimum(np.arange(week_count)[::-1], delay_count - 1)
    extra_share = np.array(
        [_extra_variance(past_parts, tested_weeks, final_counts, age) for age in range(delay_count)]
    )
    missing_variance = missing_variance + extra_share[weeks_waited] * (known_counts + missing_counts) ** 2 * (
        weeks_waited < delay_count - 1
    )
    past_known, past_missing_counts, past_variance = (
        np.stack([nowcast[part][:, -1] for nowcast in past_parts], axis=1) for part in (0, 2, 3)
    )
    past_variance = past_variance + extra_share[0] * (past_known + past_missing_counts) ** 2
    past_arrivals = final_counts[:, tested_weeks.start : tested_weeks.stop] - past_known
    return Nowcast(
        known_counts,
        completeness,
        missing_counts,
        missing_variance,
        past_missing_counts,
        past_variance,
        past_arrivals,
    )


def complete_from_shares(known_counts: Floats, shares: Floats) -> Nowcast:
    """The nowcast where the share that is known of a week of each age is given, not learned from a triangle.

    `known_counts` are (series, weeks), the newest last; `shares` those of weeks that waited 0, 1 ... weeks.
    """
    weeks_waited = np.arange(known_counts.shape[1])[::-1]
    completeness = np.append(shares, 1.0)[np.minimum(weeks_waited, len(shares))] * np.ones_like(known_counts)
    missing_counts, missing_variance = _expect_missing(known_counts, completeness)
    return Nowcast(known_counts, completeness, missing_counts, missing_variance, *_no_past(len(known_counts)))


def _no_past(series_count: int) -> tuple[Floats, Floats, Floats]:
    return np.empty((series_count, 0)), np.empty((series_count, 0)), np.empty((series_count, 0))


def _nowcast(triangle: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Known counts, usual completeness, missing counts and their variance, each (series, weeks)."""
    week_count, delay_count = triangle.shape[1:]
    weeks_waited = np.minimum(np.arange(week_count)[::-1], delay_count - 1)
    share_by_age = _chain_ladder(np.cumsum(triangle, axis=2))
    known_counts, completeness = triangle.sum(axis=2), share_by_age[:, weeks_waited]
    return known_counts, completeness, *_expect_missing(known_counts, completeness)


def _chain_ladder(cumulative: Floats) -> Floats:
    """The share that is known after each wait, (series, delays)."""
    week_count, delay_count = cumulative.shape[1:]
    known_shares = np.ones((len(cumulative), delay_count))
    for delay in range(delay_count - 2, -1, -1):
        older_weeks = slice(0, week_count - delay - 1)  # weeks that have waited at least one week longer
        counts_before = cumulative[:, older_weeks, delay].sum(axis=1)
        counts_after = cumulative[:, older_weeks, delay + 1].sum(axis=1)
        shared_growth = (counts_after.sum() + 1e-9) / (counts_before.sum() + 1e-9)
        growth = (counts_after + SHARED_EVENTS * shared_growth) / (counts_before + SHARED_EVENTS)
        known_shares[:, delay] = known_shares[:, delay + 1] / growth
    return known_shares


def _expect_missing(known_counts: Floats, completeness: Floats) -> tuple[Floats, Floats]:
    """The count that is still missing and its variance, by what is known and by the quarter before."""
    quarter_rate = np.maximum(_sum_before(known_counts) / np.maximum(_sum_before(completeness), 1e-9), 1e-9)
    shape = RATE_SHAPE + known_counts
    missing_counts = (1.0 - completeness) * shape / (RATE_SHAPE / quarter_rate + completeness)
    return missing_counts, missing_counts + missing_counts**2 / shape


def _sum_before(values: Floats) -> Floats:
    """The sum over the quarter before each week; of the first week itself."""
    cumulative_sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    week = np.arange(1, values.shape[1])
    quarter_sums = cumulative_sums[:, week] - cumulative_sums[:, np.maximum(week - QUARTER_WEEKS, 0)]
    return np.concatenate([values[:, :1], quarter_sums], axis=1)


def _known_then(triangle: Floats, newest: int) -> Floats:
    """The triangle as it was when this week was the newest."""
    week_count, delay_count = newest + 1, triangle.shape[2]
    weeks_waited = np.arange(week_count)[::-1]
    return np.where(np.arange(delay_count) <= weeks_waited[:, None], triangle[:, :week_count], 0.0)


def _extra_variance(
    past_parts: list[tuple[Floats, Floats, Floats, Floats]],
    tested_weeks: range,
    final_counts: Floats,
    age: int,
) -> float:
    """What past nowcasts of weeks of this age missed by beyond their variance, as a share of the count."""
    surplus = square = 0.0
    for newest, (known_counts, _, missing_counts, missing_variance) in zip(
        tested_weeks, past_parts, strict=True
    ):
        count = (known_counts + missing_counts)[:, -1 - age]
        surplus += float(((final_counts[:, newest - age] - count) ** 2 - missing_variance[:, -1 - age]).sum())
        square += float((count**2).sum())
    return max(surplus, 0.0) / max(square, 1e-9)


def _missing_interval(level: float, mean: Floats, missing_variance: Floats) -> tuple[Floats, Floats]:
    positive_mean = np.maximum(mean, 1e-9)
    successes = positive_mean**2 / np.maximum(missing_variance - mean, 1e-9 * positive_mean)
    chance = successes / (successes + positive_mean)
    low, high = (stats.nbinom.ppf(0.5 + side * level / 2.0, successes, chance) for side in (-1, 1))
    return np.asarray(low), np.asarray(high)

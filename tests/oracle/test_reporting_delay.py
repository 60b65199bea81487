"""Nowcasts against the textbook's triangle, and against a world whose delays are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from becalm.methods.reporting_delay import complete_from_shares, nowcast_triangle

# Taylor and Ashe's triangle as in Mack, ASTIN Bulletin 23 (1993) 213-225: new claims by year and delay.
TAYLOR_ASHE = """
357848 766940 610542 482940 527326 574398 146342 139950 227229 67948
352118 884021 933894 1183289 445745 320996 527804 266172 425046
290507 1001799 926219 1016654 750816 146923 495992 280405
310608 1108250 776189 1562400 272482 352053 206286
443160 693190 991983 769488 504851 470639
396132 937085 847498 805037 705960
440832 847631 1131398 1063269
359480 1061648 1443370
376686 986608
344014
"""
MACK_FACTORS = (3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177)  # ibid.


def test_the_chain_ladder_has_the_factors_of_mack() -> None:
    rows = [[float(cell) for cell in line.split()] for line in TAYLOR_ASHE.strip().splitlines()]
    # The year before the first, of which nothing is known: more rows than delays are asked for.
    triangle = np.array([[0.0] * 10, *(row + [0.0] * (10 - len(row)) for row in rows)])
    completeness = nowcast_triangle(triangle[None]).completeness[0, ::-1][:10]
    assert completeness[1:] / completeness[:-1] == pytest.approx(MACK_FACTORS, abs=5e-5)


def drawn_triangle(rate: float, chances: NDArray[np.float64], series: int, weeks: int) -> NDArray[np.int64]:
    """Poisson counts of a level that wavers by 10 %, each known after a wait drawn from these chances."""
    rng = np.random.default_rng(round(rate * 1000) + 7)
    counts = rng.poisson(rate * np.exp(0.1 * rng.standard_normal(weeks)), (series, weeks))
    return rng.multinomial(counts, chances)


@pytest.mark.parametrize("rate", [0.2, 2.0, 20.0, 200.0])
def test_nowcasts_of_the_newest_week_neither_lean_nor_promise_too_much(rate: float) -> None:
    """The bars of the whole: bias at most 2 %, and 90 % intervals that hold 88 to 92 % (PIT: no ties)."""
    chances = np.array([0.75, 0.15, 0.05, 0.03, 0.02])
    full = drawn_triangle(rate, chances, series=200, weeks=160)
    rng = np.random.default_rng(1)
    misses, held, in_interval = [], [], []
    for newest in range(120, 160, 4):
        is_known = np.arange(5) <= np.arange(newest + 1)[::-1][:, None]
        nowcast = nowcast_triangle(np.where(is_known, full[:, : newest + 1], 0))
        missing = full[:, newest].sum(axis=1) - nowcast.known_counts[:, -1]
        misses.append((nowcast.missing_counts[:, -1] - missing).sum())
        mean, variance = nowcast.missing_counts[:, -1], nowcast.missing_variance[:, -1]
        size = mean**2 / np.maximum(variance - mean, 1e-9)
        chance = size / (size + mean)
        position = stats.nbinom.cdf(missing - 1, size, chance)
        position += rng.random(missing.size) * stats.nbinom.pmf(missing, size, chance)
        held.append(((position > 0.05) & (position < 0.95)).mean())
        low, high = (bounds[:, -1] for bounds in nowcast.interval(0.90))
        final = full[:, newest].sum(axis=1)
        in_interval.append(((low <= final) & (final <= high)).mean())
    count = rate * 200 * len(misses)
    noise = 2.0 * np.sqrt(0.25 * count) / count  # two standard deviations of the missing counts themselves
    assert abs(sum(misses)) / count <= 0.02 + noise
    assert np.mean(held) == pytest.approx(0.90, abs=0.02 + 0.01)
    # Whole numbers hold a little more than they promise, the more the fewer there are.
    assert 0.87 <= np.mean(in_interval) <= (0.95 if rate >= 20.0 else 1.0)


def test_a_week_without_an_event_is_not_blown_up() -> None:
    triangle = np.zeros((1, 60, 5))
    triangle[0, ::10, 0] = 1  # one event in ten weeks, always known at once
    triangle[0, 5, 3] = 1
    nowcast = nowcast_triangle(triangle)
    assert nowcast.known_counts[0, -1] == 0
    assert nowcast.missing_counts[0, -1] < 0.1


def test_as_many_weeks_as_delays_are_too_few_and_one_more_has_no_past() -> None:
    with pytest.raises(ValueError, match="3 weeks cannot show delays of up to 2 weeks"):
        nowcast_triangle(np.ones((2, 3, 3)))
    nowcast = nowcast_triangle(np.ones((2, 4, 3)))
    past = (nowcast.past_missing_counts, nowcast.past_variance, nowcast.past_arrivals)
    assert [part.shape for part in past] == [(2, 0)] * 3
    low, high = nowcast.interval(0.9)
    assert (low <= nowcast.final_counts).all()
    assert (nowcast.final_counts <= high + 1).all()


def test_shares_that_are_given_complete_the_newest_weeks_by_hand() -> None:
    """Week by week: what is missing is the rate of the quarter before, leaning on what is known."""
    nowcast = complete_from_shares(np.array([[10.0, 10.0, 8.0, 4.0]]), np.array([0.5, 0.8]))
    assert nowcast.completeness.tolist() == [[1.0, 1.0, 0.8, 0.5]]
    rate = (10 + 10 + 8) / (1 + 1 + 0.8)
    missing = 0.5 * (4 + 4) / (4 / rate + 0.5)
    assert nowcast.missing_counts[0, 3] == pytest.approx(missing)
    assert nowcast.missing_variance[0, 3] == pytest.approx(missing + missing**2 / 8)
    assert nowcast.missing_counts[0, :2].tolist() == [0, 0]
    assert nowcast.final_counts[0] == pytest.approx(nowcast.known_counts[0] + nowcast.missing_counts[0])
    assert nowcast.past_arrivals.shape == (1, 0)

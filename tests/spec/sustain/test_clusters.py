"""A cluster that is planted is found where it is, and says how rarely chance brings one."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from becalm.methods.emerging_scan import SiteRates, scan_newest, tail_chance
from becalm.sustain.core.clusters import EPOCH, Clusters, find_clusters, history_months
from becalm.sustain.core.request import ClustersRequest
from becalm.tables import EventPoints
from becalm.terms import QuestionError, UsageError

UNTIL = date(2020, 5, 31)
LAST = (UNTIL - EPOCH).days


def events(rng: np.random.Generator, *, weeks: int = 120, planted: int = 0) -> EventPoints:
    """Forty incidents a week over a town of 4 km; `planted` more at one corner in the last two weeks."""
    size = 40 * weeks
    x, y = rng.uniform(0.0, 4000.0, (2, size + planted))
    day = LAST - rng.integers(0, 7 * weeks, size + planted)
    x[size:] = 3000.0 + rng.uniform(0.0, 200.0, planted)
    y[size:] = 3000.0 + rng.uniform(0.0, 200.0, planted)
    day[size:] = LAST - rng.integers(0, 14, planted)
    return EventPoints(x, y, day, 0, 3, "drawn", UNTIL)


def clusters(seed: int, *, weeks: int = 120, planted: int = 0, **request: float) -> Clusters:
    rng = np.random.default_rng(seed)
    return find_clusters(
        events(rng, weeks=weeks, planted=planted),
        ClustersRequest(drawings=99, **request),
        target=("robbery",),
        until=UNTIL,
        first_day=date.fromordinal(UNTIL.toordinal() - 7 * weeks + 1),
        rng=rng,
        seed=seed,
    )


def test_a_planted_cluster_is_found_where_it_is():
    first, *_ = clusters(1, planted=15).clusters
    assert np.hypot(first.easting_m - 3100.0, first.northing_m - 3100.0) <= 400.0
    assert (first.weeks, first.observed >= 15) == (2, True)
    assert first.expected < 5.0
    assert first.years > 10.0


def test_chance_alone_is_as_rare_as_it_is_said_to_be():
    """A cluster of once in a quarter comes in about a thirteenth of all weeks."""
    found = sum(bool(clusters(seed, least_years=0.25).clusters) for seed in range(10, 30))
    assert found <= 6  # 1.5 are expected; 7 or more come once in 1,000 times


def test_a_city_that_rises_as_a_whole_is_no_cluster():
    rates = SiteRates(np.full(50, 2.0), np.full(50, 200.0), 0.02)
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0.0, 3000.0, (2, 50))
    factors = np.full(4, 3.0)
    circles = scan_newest(x, y, rates.draw(factors, rng), rates, factors, radius=800.0, drawings=99, rng=rng)
    assert all(circle.p > 0.01 for circle in circles)


def test_circles_do_not_overlap_and_the_rarest_comes_first():
    found = clusters(3, planted=15, least_years=0.05).clusters
    assert [c.years for c in found] == sorted((c.years for c in found), reverse=True)
    for i, one in enumerate(found):
        for other in found[:i]:
            gap = np.hypot(one.easting_m - other.easting_m, one.northing_m - other.northing_m)
            assert gap > one.radius_m + other.radius_m - 250.0


def test_the_tail_is_that_of_the_highest_of_many():
    highest = np.random.default_rng(5).gumbel(3.0, 1.5, 4000)
    assert tail_chance(3.0 + 1.5 * 4.6, highest) == pytest.approx(0.01, rel=0.2)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(QuestionError, match="hold 36 weeks"):
        clusters(1, weeks=40)
    with pytest.raises(UsageError, match="less than a cell"):
        clusters(1, radius_m=100.0)


def test_the_months_of_the_history_reach_back_three_years():
    months = history_months(UNTIL)
    assert (months[0], months[-1]) == ("2017-03", "2020-05")

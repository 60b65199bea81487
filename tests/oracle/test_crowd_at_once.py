"""Walkers expected eight at a time give the same bits as each by itself, and as the reference in NumPy."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import route_reference
from patrol_requests import KEY, place, request, shift

from becalm.methods.routes.expected_visits import expect_visits
from becalm.methods.routes.kernel import compute_marginals, sum_backward
from becalm.methods.routes.sequential_kernel import select_links, select_walker, weigh_visits
from becalm.patrol.core.area_arrays import build_areas
from becalm.patrol.core.fit import build_dual
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK

DAYS = [date(2025, 6, 2) + timedelta(days=d) for d in range(11)]


@pytest.mark.parametrize("units", [1, 3])
def test_walkers_at_once_are_each_by_itself(units: int) -> None:
    places = [place(f"p{n}", 700.0 * (n - 2)) for n in range(6)]
    shifts = [shift(f"u{n}", day=day, hour=5 + 3 * n) for day in DAYS for n in range(units)]
    area = build_areas(request(places, shifts, days=len(DAYS)), KEY)[0]
    draws = np.random.default_rng(units)
    shape = area.closed.shape
    closed = (draws.random(shape) < 0.02).astype(np.uint8)
    ground = build_dual(area).lattice._replace(weight=draws.lognormal(-2.0, 1.0, shape), closed=closed)
    times = draws.uniform(1.0, 3.0, len(shifts))
    hours, lengths, expected_of_unit, log_z = expect_visits(
        ground, area.walkers, area.links, times, HOURS_OF_WEEK
    )
    for u in range(len(shifts)):
        walk, ways = select_walker(area.walkers, u), select_links(area.links, int(area.walkers.mode[u]))
        visit = weigh_visits(ground, area.walkers, u, np.ones(len(places)))
        value = sum_backward(walk, visit, ground.lengths, ways)
        marginals = compute_marginals(walk, visit, ground.lengths, ways, value, False)
        assert log_z[u] == np.log(value.free_sums[walk.pause_done, 0, walk.node])
        whole = np.zeros(len(places))
        for row in marginals.start_chance:
            whole += row
        assert expected_of_unit[u].tolist() == whole.tolist()
        reference = route_reference.compute_marginals(walk, visit, ground.lengths, ways)
        assert expected_of_unit[u] == pytest.approx(reference.start_chance.sum(axis=0))
    assert hours.sum() == pytest.approx(float(times @ expected_of_unit.sum(axis=1)))
    assert lengths.sum() == pytest.approx(hours.sum())

"""Each planted leak is flagged with its cause, and independent visits are not."""

from __future__ import annotations

import numpy as np
import planted_leaks
import pytest

from becalm.patrol.core.attack_moments import AttackSettings, build_moments
from becalm.patrol.core.leak_scans import LeakScan, scan_log
from becalm.patrol.core.visit_log import VisitLog

SETTINGS = AttackSettings()


def scan(log: VisitLog) -> LeakScan:
    return scan_log(log, build_moments(log, SETTINGS))


@pytest.mark.parametrize("name", planted_leaks.LEAKS)
def test_a_planted_leak_is_flagged_with_its_cause(name: str) -> None:
    plant, cause = planted_leaks.LEAKS[name]
    assert cause in [leak.cause for leak in scan(plant(3)).leaks]


def test_days_that_are_copies_are_named_and_nothing_else() -> None:
    assert [leak.cause for leak in scan(planted_leaks.plan_reused_after(10)(5)).leaks] == [
        "plan reused after 10 days"
    ]


def test_the_place_with_a_period_is_named() -> None:
    leaks = scan(planted_leaks.one_place_at_a_fixed_period(5)).leaks
    assert [leak.where for leak in leaks] == ["h005"]


@pytest.mark.parametrize("seed", range(3))
def test_alternate_days_show_at_a_place_that_is_hardly_ever_visited(seed: int) -> None:
    leaks = scan(planted_leaks.rarely_visited_on_alternate_days(seed)).leaks
    assert [(leak.cause, leak.where) for leak in leaks] == [("alternate days", "h004")]


def test_independent_visits_return_at_their_usual_rate_and_are_not_flagged() -> None:
    plants = (planted_leaks.by_chance, planted_leaks.steep_by_chance)
    scans = [scan(plants[seed % 2](seed)) for seed in range(4)]
    ratios = np.array([[rate.ratio.value for rate in found.returns] for found in scans])
    assert np.abs(ratios.mean(axis=0) - 1).max() < 0.1
    assert sum(bool(found.leaks) for found in scans) <= 1


@pytest.mark.exhaustive
def test_at_most_five_in_a_hundred_independent_logs_are_flagged() -> None:
    plants = (planted_leaks.by_chance, planted_leaks.steep_by_chance)
    flagged = [bool(scan(plants[seed % 2](1000 + seed)).leaks) for seed in range(100)]
    assert sum(flagged) <= 5


def test_a_lull_shows_in_the_curve_after_departure_and_ends_where_it_ends() -> None:
    returns = scan(planted_leaks.lull_of_thirty_minutes(6)).returns
    assert [rate.from_minute for rate in returns] == list(range(0, 120, 15))
    assert max(rate.ratio.high for rate in returns[:2]) < 0.1
    assert min(rate.ratio.low for rate in returns[2:4]) > 0.8

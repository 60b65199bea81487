"""Stated chances are the shares of fresh draws in which it came so, with several units and after re-plans."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from itertools import pairwise

import numpy as np
import pytest
from patrol_requests import KEY, place, request, shift

from becalm.patrol.core import chances as chances_core
from becalm.patrol.core.chances import Chances, estimate_chances, list_unit_chances
from becalm.patrol.core.plan import fit_distribution, plan_bursts
from becalm.patrol.core.plan_inputs import Burst, PatrolPolicy
from becalm.patrol.core.plan_result import UnitRoute
from becalm.patrol.core.replan import (
    ReplanMoment,
    ReplanStep,
    UnitState,
    find_unit_state,
    replan_bursts,
)
from becalm.patrol.files.chances import chances_csv, unit_chances_csv
from becalm.terms import UsageError

DAYS = [date(2025, 6, 2) + timedelta(days=d) for d in range(2)]
INPUTS = request(
    [place("near", 400.0, visits=6.0), place("mid", 900.0, visits=4.0), place("far", 2_500.0, visits=2.0)],
    [shift(unit, hour=8 + k % 2, day=day) for k, unit in enumerate("abc") for day in DAYS],
    days=2,
)
DISTRIBUTION = fit_distribution(INPUTS)
CHANCES = estimate_chances(INPUTS, DISTRIBUTION, draws=400)
PLAN = plan_bursts(INPUTS, key=KEY, distribution=DISTRIBUTION)
AT = INPUTS.shifts[0].hours.start + timedelta(hours=3)
STATES = (
    UnitState("a", AT + timedelta(minutes=10), "mid"),
    UnitState("b", AT, "station", on_duty=False),
)
STEP = ReplanStep(ReplanMoment(DISTRIBUTION, PLAN.routes, AT, 1, KEY), STATES)


def key_of(number: int) -> bytes:
    return KEY + number.to_bytes(4, "big")


def cells_of(chances: Chances, bursts: tuple[Burst, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Where a burst starts, and where somebody is."""
    has_start, has_presence = (np.zeros(chances.start.shape, dtype=bool) for _ in range(2))
    for burst in bursts:
        row = chances.hotspots.index(burst.hotspot)
        first, last = (
            int((instant - chances.first_cell) / timedelta(minutes=15))
            for instant in (burst.span.start, burst.span.end - timedelta(minutes=1))
        )
        has_start[row, first] = True
        has_presence[row, first : last + 1] = True
    return has_start, has_presence


def assert_calibrated(stated: np.ndarray, stated_se: np.ndarray, outcomes: np.ndarray) -> None:
    """By bin within three standard errors of the share of draws, and the mean of outcome over chance is 1."""
    draw_count, shares = len(outcomes), outcomes.mean(axis=0)
    edges = np.quantile(stated[stated > 0], [0, 0.2, 0.4, 0.6, 0.8, 1.0])
    for low, high in pairwise(edges):
        is_inside = (stated >= low) & (stated <= high) & (stated > 0)
        by_draw = outcomes[:, is_inside].mean(axis=1)  # cells of one draw hang together: draws are the sample
        error = np.hypot(by_draw.std(ddof=1) / np.sqrt(draw_count), stated_se[is_inside].mean())
        assert abs(shares[is_inside].mean() - stated[is_inside].mean()) < 3 * error + 1e-3
    is_possible = stated > 1e-3
    ratios = (outcomes[:, is_possible] / stated[is_possible]).mean(axis=1)
    bias = float(((stated_se[is_possible] / stated[is_possible]) ** 2).mean())
    assert abs(ratios.mean() - 1.0 - bias) < 3 * ratios.std(ddof=1) / np.sqrt(draw_count) + bias


def test_chances_come_true_in_fresh_draws_with_several_units_at_each_place() -> None:
    plans = [plan_bursts(INPUTS, key=key_of(n), distribution=DISTRIBUTION) for n in range(200)]
    starts, presences = (np.array(x) for x in zip(*(cells_of(CHANCES, p.bursts) for p in plans), strict=True))
    assert_calibrated(CHANCES.start, CHANCES.start_se, starts)
    assert_calibrated(CHANCES.presence, CHANCES.presence_se, presences)


def test_chances_that_were_halved_do_not_come_true() -> None:
    plans = [plan_bursts(INPUTS, key=key_of(n), distribution=DISTRIBUTION) for n in range(60)]
    starts = np.array([cells_of(CHANCES, plan.bursts)[0] for plan in plans])
    with pytest.raises(AssertionError):
        assert_calibrated(CHANCES.start / 2, CHANCES.start_se, starts)


def test_somebody_is_there_at_least_as_often_as_somebody_starts() -> None:
    assert (CHANCES.presence >= CHANCES.start - 1e-9).all()
    assert ((CHANCES.presence >= 0) & (CHANCES.presence <= 1)).all()
    assert CHANCES.presence.sum() > 1.5 * CHANCES.start.sum()


def test_the_chances_of_one_tour_by_itself_are_exact() -> None:
    inputs = request([place("p", 400.0, visits=3.0), place("q", 900.0)], [shift("only")])
    distribution = fit_distribution(inputs)
    exact = estimate_chances(inputs, distribution, draws=2)
    is_on_duty = exact.start.any(axis=0)
    assert (exact.draws[:, is_on_duty] == 0).all()
    assert (exact.start_se[:, is_on_duty] == 0).all()
    plans = [plan_bursts(inputs, key=key_of(n), distribution=distribution) for n in range(400)]
    shares = np.mean([cells_of(exact, plan.bursts)[0] for plan in plans], axis=0)
    assert np.abs(shares - exact.start).max() < 5 * np.sqrt(0.25 / 400)
    assert shares.sum() == pytest.approx(exact.start.sum(), rel=0.05)


def test_the_chance_of_each_unit_is_the_one_it_had_given_those_before_it() -> None:
    starts, ratios = [], []
    for number in range(60):
        plan = plan_bursts(INPUTS, key=key_of(number), distribution=DISTRIBUTION)
        for tour in list_unit_chances(INPUTS, DISTRIBUTION, key_of(number), plan.routes):
            assert (tour.start[tour.has_started] > 0).all()
            starts.append(tour.has_started.sum() - tour.start.sum())
            is_possible = tour.start > 1e-3
            ratios.append((tour.has_started[is_possible] / tour.start[is_possible]).mean())
    for values, mean in ((starts, 0.0), (ratios, 1.0)):
        assert abs(np.mean(values) - mean) < 3.5 * np.std(values) / np.sqrt(len(values))


def test_many_places_have_the_chances_of_units_by_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = {(t.unit, t.day): t for t in list_unit_chances(INPUTS, DISTRIBUTION, KEY, PLAN.routes)}
    monkeypatch.setattr(chances_core, "EXACT_PLACES", 0)
    monkeypatch.setattr(chances_core, "TOUR_DRAWS", 3_000)
    for tour in list_unit_chances(INPUTS, DISTRIBUTION, KEY, PLAN.routes):
        expected = exact[tour.unit, tour.day].start
        assert tour.start.sum() == pytest.approx(expected.sum(), rel=0.03)
        assert np.abs(tour.start - expected).max() < 0.04


def world_after_replan(number: int) -> tuple[Burst, ...]:
    """A fresh draw in which the units were re-planned from where the plan's own stood."""
    plan = plan_bursts(INPUTS, key=key_of(number), distribution=DISTRIBUTION)
    moment = ReplanMoment(DISTRIBUTION, plan.routes, AT, 1, key_of(number))
    new = {(route.unit, route.day): route for route in replan_bursts(INPUTS, moment, STATES)}
    routes = (new.get((route.unit, route.day), route) for route in plan.routes)
    return tuple(burst for route in routes for burst in route.bursts)


def test_after_a_replan_they_are_those_that_held() -> None:
    after = estimate_chances(INPUTS, DISTRIBUTION, steps=[STEP], draws=400)
    moment_cell = int((AT - after.first_cell) / timedelta(minutes=15))
    # Before the moment nothing changes, and the next day nothing does but by chance.
    assert after.start[:, :moment_cell] == pytest.approx(CHANCES.start[:, :moment_cell], abs=1e-12)
    assert np.abs(after.start - CHANCES.start)[:, moment_cell + 2 :].max() > 0.02
    starts = np.array([cells_of(after, world_after_replan(n))[0] for n in range(200)])
    # What was under way is drawn in each world anew, and in the plan it stands: look from a while later on.
    later = slice(moment_cell + 4, None)
    assert_calibrated(after.start[:, later], after.start_se[:, later], starts[:, :, later])


def test_with_everybody_gone_home_nobody_starts() -> None:
    states = tuple(UnitState(unit, AT, "station", on_duty=False) for unit in "abc")
    step = replace(STEP, states=states)
    after = estimate_chances(INPUTS, DISTRIBUTION, steps=[step], draws=4)
    end_of_day = int((INPUTS.shifts[-1].hours.start - after.first_cell) / timedelta(minutes=15)) - 10
    moment_cell = int((AT - after.first_cell) / timedelta(minutes=15))
    assert after.start[:, moment_cell + 1 : end_of_day].max() == 0.0
    assert after.start[:, end_of_day:].max() > 0.0


def test_a_unit_that_was_replanned_has_the_chances_of_its_new_law() -> None:
    state = find_unit_state(INPUTS, route_of("a"), AT)
    step = ReplanStep(ReplanMoment(DISTRIBUTION, PLAN.routes, AT, 1, KEY), (state,))
    (new,) = replan_bursts(INPUTS, step.moment, (state,))
    routes = [new if (r.unit, r.day) == (new.unit, new.day) else r for r in PLAN.routes]
    tours = {(t.unit, t.day): t for t in list_unit_chances(INPUTS, DISTRIBUTION, KEY, routes, steps=[step])}
    before = {(t.unit, t.day): t for t in list_unit_chances(INPUTS, DISTRIBUTION, KEY, PLAN.routes)}
    tour, old = tours["a", DAYS[0]], before["a", DAYS[0]]
    cell = int((AT - tour.first_cell) / timedelta(minutes=15))
    assert tour.start[:, :cell] == pytest.approx(old.start[:, :cell])
    assert np.abs(tour.start - old.start).max() > 1e-3
    assert (tour.start[tour.has_started] > 0).all()
    assert tours["c", DAYS[1]].start == pytest.approx(before["c", DAYS[1]].start)


def route_of(unit: str) -> UnitRoute:
    return next(route for route in PLAN.routes if (route.unit, route.day) == (unit, DAYS[0]))


def test_the_files_name_every_cell_and_every_start() -> None:
    packed = chances_csv(CHANCES)
    rows = list(csv.DictReader(StringIO(gzip.decompress(packed).decode())))
    assert list(rows[0]) == ["place_id", "starts_at", "start", "start_se", "presence", "presence_se", "draws"]
    assert len(rows) == CHANCES.start.size
    assert rows[0]["place_id"] == "far"
    assert rows[0]["starts_at"] == "2025-06-01T23:00:00Z"
    assert sum(float(row["start"]) for row in rows) == pytest.approx(CHANCES.start.sum(), abs=1e-3)
    assert packed == chances_csv(estimate_chances(INPUTS, DISTRIBUTION, draws=400))
    unit_chances = list_unit_chances(INPUTS, DISTRIBUTION, KEY, PLAN.routes)
    rows = list(csv.DictReader(StringIO(gzip.decompress(unit_chances_csv(unit_chances)).decode())))
    assert list(rows[0]) == ["unit", "place_id", "starts_at", "chance", "started"]
    assert sum(row["started"] == "1" for row in rows) == len(PLAN.bursts)
    assert all(float(row["chance"]) > 0 for row in rows if row["started"] == "1")


def test_slots_of_several_minutes_have_true_chances_too() -> None:
    inputs = replace(INPUTS, policy=PatrolPolicy(slot_minutes=10))
    distribution = fit_distribution(inputs)
    stated = estimate_chances(inputs, distribution, draws=300)
    plans = [plan_bursts(inputs, key=key_of(n), distribution=distribution) for n in range(150)]
    starts, presences = (np.array(x) for x in zip(*(cells_of(stated, p.bursts) for p in plans), strict=True))
    assert_calibrated(stated.start, stated.start_se, starts)
    assert_calibrated(stated.presence, stated.presence_se, presences)


def test_one_draw_has_no_standard_error() -> None:
    with pytest.raises(UsageError, match="Give at least 2"):
        estimate_chances(INPUTS, DISTRIBUTION, draws=1)

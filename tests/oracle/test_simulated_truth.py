"""The truth against what is drawn: averages over many lives of one town come out at the true rates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import poisson
from simulated import between, of_group, quiet_town, town

from becalm.simulate.city import draw_life, plan_city
from becalm.simulate.intensity import BURN_IN_DAYS, treatable_offences
from becalm.simulate.settings import GROUPS, OFFENCES, Effect, Settings, shrink_to_town
from becalm.simulate.time_profiles import day_number
from becalm.simulate.truth import (
    cell_rates,
    count_weeks,
    effect_days,
    expected_weeks,
    offence_indices,
    place_months,
    week_profile,
    yearly_rates,
)

HALF_YEAR = shrink_to_town(Settings(start=date(2020, 1, 1), end=date(2020, 7, 1)), incidents=12_000)
LIVES = 60


def test_the_expected_numbers_add_up_to_the_number_that_was_asked_for() -> None:
    plan = town().plan
    weeks = expected_weeks(plan).expected[: len(GROUPS)].sum()
    years = yearly_rates(plan).sum() * plan.settings.days / 365.25
    # the drift of places moves the whole by a little, and so do near repeats at either end
    assert weeks == pytest.approx(plan.settings.incidents, rel=0.06)
    assert years == pytest.approx(weeks, rel=1e-9)


@pytest.mark.parametrize("group", ["robbery", "burglary", "violence_with_injury"])
def test_months_of_places_weeks_of_boroughs_and_yearly_rates_are_the_same_truth(group) -> None:
    plan = town().plan
    months, weeks = place_months(plan, group).expected, expected_weeks(plan)
    assert months.sum() == pytest.approx(weeks.expected[weeks.series.index(group)].sum(), rel=1e-9)
    rates = yearly_rates(plan)[GROUPS.index(group)]
    assert np.allclose(months.sum(axis=1), rates * plan.settings.days / 365.25)


def test_many_lives_of_one_town_average_to_the_true_rates_at_places_with_near_repeats_and_drift() -> None:
    """Brute force against the formula: burglary, whose near repeats come from other places and months."""
    plan = plan_city(HALF_YEAR, np.random.default_rng(3))
    truth = place_months(plan, "burglary")
    drawn = np.zeros_like(truth.expected)
    for rng in np.random.default_rng(4).spawn(LIVES):
        incidents = draw_life(plan, rng).incidents
        mine = np.isin(incidents.offence, offence_indices("burglary"))
        month = incidents.day[mine].astype("datetime64[D]").astype("datetime64[M]").astype(int) - 50 * 12
        np.add.at(drawn, (incidents.place[mine], month), 1)
    expected = truth.expected * LIVES
    # shocks of whole weeks and repeats in bunches vary more than Poisson: 1.6 is generous
    assert drawn.sum() == pytest.approx(expected.sum(), rel=4 * np.sqrt(1.6 / expected.sum()) + 0.01)
    used = expected > 5
    z = (drawn - expected)[used] / np.sqrt(expected[used])
    assert abs(z.mean()) < 0.15
    assert 0.9 < z.std() < 1.3
    for part in np.array_split(np.argsort(expected, axis=None), 10):
        assert drawn.ravel()[part].sum() == pytest.approx(expected.ravel()[part].sum(), rel=0.08)


def test_cells_hold_what_is_true_of_their_addresses() -> None:
    plan, incidents = quiet_town().plan, quiet_town().incidents
    groups = ("robbery", "violence_with_injury", "other_theft")
    truth = cell_rates(plan, groups, cell_m=150)
    wanted = yearly_rates(plan)[[GROUPS.index(g) for g in groups]].sum()
    assert truth.yearly.sum() == pytest.approx(wanted, rel=1e-9)
    mine = of_group(quiet_town(), *groups)
    cell = np.floor(plan.places.address_position[incidents.address[mine]] / 150).astype(np.int64)
    index = {(c, r): i for i, (c, r) in enumerate(zip(truth.columns, truth.rows, strict=True))}
    drawn = np.bincount([index[c, r] for c, r in cell], minlength=len(index))
    expected = truth.yearly * plan.settings.days / 365.25
    used = expected > 1
    assert np.mean((drawn - expected)[used] ** 2 / expected[used]) == pytest.approx(1.0, abs=0.3)


def test_drawn_weeks_scatter_about_the_expected_ones() -> None:
    expected, drawn = expected_weeks(town().plan).expected, count_weeks(town())
    assert drawn.shape == expected.shape
    assert drawn[: len(GROUPS)].sum() == len(town().incidents)
    mine, wanted = drawn.sum(axis=(1, 2)), expected.sum(axis=(1, 2))
    assert (np.abs(mine - wanted) < 0.05 * wanted + 4 * np.sqrt(wanted)).all()


def test_the_week_profile_is_what_events_do() -> None:
    profile = week_profile(town().plan, "violence_with_injury")
    assert profile.shape == (7, 168)
    assert np.allclose(profile.sum(axis=1), 1)


def test_in_the_quiet_town_every_day_and_hour_is_alike() -> None:
    plan, incidents = quiet_town().plan, quiet_town().incidents
    level = plan.intensity.factors
    assert np.allclose(level, level[:, :, :1])
    assert (quiet_town().shocks == 1).all()
    assert not incidents.is_repeat.any()
    hours = np.bincount(incidents.minute % 1440 // 60, minlength=24)
    even = len(incidents) / 24
    assert ((hours - even) ** 2 / even).sum() < 60  # chi-squared with 23 degrees of freedom
    days = np.bincount(incidents.day - incidents.day.min())
    phi = days.var() / days.mean()
    assert phi == pytest.approx(1.0, abs=0.12)
    lockdown = between(quiet_town(), date(2020, 3, 23), date(2020, 5, 4)).sum()
    low, high = poisson.interval(0.999, len(incidents) * 42 / plan.settings.days)
    assert low <= lockdown <= high


def test_in_the_quiet_town_counts_of_places_vary_as_poisson_counts() -> None:
    plan, incidents = quiet_town().plan, quiet_town().incidents
    expected = yearly_rates(plan).sum(axis=0) * plan.settings.days / 365.25
    drawn = np.bincount(incidents.place, minlength=len(expected))
    assert np.mean((drawn - expected) ** 2 / expected) == pytest.approx(1.0, abs=0.2)


def test_without_hotspots_every_place_is_alike() -> None:
    even = replace(HALF_YEAR, hotspots=False, drift=False)
    plan = plan_city(even, np.random.default_rng(6))
    assert np.allclose(plan.places.weight, 1 / even.places)


def test_with_no_effect_treated_and_untreated_days_have_the_same_truth() -> None:
    truth = effect_days(town().plan)
    assert truth.is_treated.any()
    assert (truth.after == truth.before).all()
    assert not truth.displaced.any()


def planted(kind: str, **more: object) -> Settings:
    effect = Effect(kind, start=date(2020, 1, 15), end=date(2020, 6, 15), hotspots=20, **more)  # type: ignore[arg-type]
    return replace(HALF_YEAR, effect=effect)


def test_a_patrol_effect_takes_exactly_its_share_from_the_treated_days_and_nothing_elsewhere() -> None:
    truth = effect_days(plan_city(planted("patrol", size=0.4), np.random.default_rng(8)))
    assert np.allclose(truth.after[truth.is_treated], 0.6 * truth.before[truth.is_treated], rtol=1e-12)
    assert (truth.after[~truth.is_treated] == truth.before[~truth.is_treated]).all()
    assert not truth.displaced.any()


def test_displacement_conserves_the_stated_share() -> None:
    plan = plan_city(planted("displacement", size=0.4, displaced=0.5), np.random.default_rng(8))
    truth = effect_days(plan)
    prevented = truth.before - truth.after
    has_outlet = np.diff(plan.treatment.outlet_start) > 0
    assert has_outlet.any()
    assert np.allclose(truth.displaced[has_outlet], 0.5 * prevented[has_outlet])
    assert not truth.displaced[~has_outlet].any()


def test_the_same_seed_with_and_without_an_effect_differs_on_treated_days_alone() -> None:
    plain = draw_life(plan_city(planted("none"), np.random.default_rng(9)), np.random.default_rng(10))
    patrolled = draw_life(
        plan_city(planted("patrol", size=0.4), np.random.default_rng(9)), np.random.default_rng(10)
    )
    treatment = plain.plan.treatment
    before, after = plain.incidents, patrolled.incidents
    first = day_number(HALF_YEAR.start)
    spot = treatment.hotspot_of_place[before.place]
    touched = treatable_offences()[before.offence] & (spot >= 0)
    touched[touched] = treatment.is_treated[spot[touched], before.day[touched] - first]
    assert len(before) - len(after) == pytest.approx(
        0.4 * touched.sum(), abs=4 * np.sqrt(0.24 * touched.sum())
    )
    gone = len(before) - len(after)
    assert 0 < gone <= touched.sum()
    kept = np.isin(before.minute[~touched], after.minute)
    assert kept.all()


def test_what_is_displaced_happens_near_its_hotspot_and_in_no_other() -> None:
    made = draw_life(
        plan_city(planted("displacement", size=0.9, displaced=1.0), np.random.default_rng(9)),
        np.random.default_rng(10),
    )
    plan, incidents = made.plan, made.incidents
    moved = np.flatnonzero(incidents.is_displaced)
    assert len(moved) > 20
    assert (plan.treatment.hotspot_of_place[incidents.place[moved]] == -1).all()
    centres = plan.places.position[plan.treatment.centre]
    position = plan.places.position[incidents.place[moved]]
    gap = np.hypot(*(position[:, None] - centres[None]).transpose(2, 0, 1)).min(axis=1)
    assert gap.max() <= plan.settings.effect.reach_m
    assert set(np.array([o.group for o in OFFENCES])[incidents.offence[moved]]) <= {
        "robbery",
        "violence_with_injury",
        "homicide",
    }


def test_hotspots_are_the_places_with_the_highest_true_rate_and_do_not_overlap() -> None:
    plan = town().plan
    centres = plan.places.position[plan.treatment.centre]
    gaps = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() > 2 * plan.settings.effect.radius_m
    rate = (plan.intensity.base[:, None] * plan.places.weight)[treatable_offences()].sum(axis=0)
    inside = plan.treatment.hotspot_of_place >= 0
    assert rate[inside].mean() > 2 * rate[~inside].mean()


def test_the_burn_in_is_not_part_of_the_city_s_life() -> None:
    plan, incidents = town().plan, town().incidents
    assert plan.intensity.days[BURN_IN_DAYS] == plan.settings.start
    assert incidents.day.min() >= day_number(plan.settings.start)
    assert incidents.day.max() <= day_number(plan.settings.end - timedelta(days=1))
    assert (incidents.from_minute >= day_number(plan.settings.start) * 1440).all()
    assert (incidents.from_minute <= incidents.to_minute).all()

"""A trial is judged by its own draw; its rings by exposure drawn again; power by the recipe itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from patrols import place, policy

from becalm.evaluate.core.count_study import DatedPoints
from becalm.evaluate.core.estimate_trial import evaluate_trial
from becalm.evaluate.core.finding import NamedEstimate, withhold_small
from becalm.evaluate.core.power import PlantedEffect, TrialPast, assess_trial_power
from becalm.evaluate.core.protocol import Analysis, Choices, Outcome, PlaceRule, Protocol, TrialFiles, Windows
from becalm.evaluate.core.trial_study import (
    TrialCounts,
    count_trial,
    find_day_faults,
    find_neighbours,
    join_arms,
)
from becalm.evaluate.core.words import describe_finding
from becalm.evaluate.files.finding_text import estimate_texts
from becalm.patrol.core.redraw_arms import build_trial
from becalm.patrol.core.trial import assess_trial_power as state_trial_power
from becalm.patrol.core.trial import draw_arms
from becalm.terms import Estimate, Period

FIRST, DAYS, KEY = date(2026, 3, 2), 56, bytes(range(32))
BEFORE = Period(date(2025, 3, 3), date(2026, 3, 2))


def build_protocol(**places):
    return Protocol(
        question="Did patrols lower robbery at these places?",
        design="trial",
        outcome=Outcome(offence_groups=("robbery",)),
        places=PlaceRule(**{"file": "", "radius_m": 75.0, "chosen_on": None, **places}),
        windows=Windows(before=BEFORE, after=Period(FIRST, FIRST + timedelta(days=DAYS))),
        analysis=Analysis(
            level=0.95, smallest_effect=0.16, multiplicity="one test", stopping="read once at the end"
        ),
        choices=Choices(),
        change_our_mind="a rise in the rings as large",
        trial=TrialFiles(folder="trial"),
    )


@pytest.fixture(scope="module")
def arms():
    """Thirty places in a row, 260 m apart, so that the rings of neighbours overlap; two arms."""
    places = [place(f"h{n}", east=260.0 * n, harm=6.0) for n in range(30)]
    rule = replace(policy().arms, arms=("off", "high"))
    drawn = draw_arms(places, rule, first=FIRST, days=DAYS, key=KEY)
    arm_by_day = {(row.hotspot, row.day): row.arm for row in drawn.days}
    trial = build_trial(places, rule, arm_by_day, (), first=FIRST, days=DAYS, key=KEY)
    return join_arms(trial, trial.redraw(np.random.default_rng(1), draws=400))


def build_counts(arms, *, effect=1.0, moved=0.0, seed=1, rate=0.5):
    """Counts of places with an effect on patrolled days, of which a share moves to ground near them."""
    rng = np.random.default_rng(seed)
    quiet = rng.poisson(rate, arms.arms.shape)
    remaining = np.where(arms.arms == 1, rng.binomial(quiet, effect), quiet)
    zones = [(n,) for n in range(len(arms.places))]
    return TrialCounts(
        arms=arms,
        counts=remaining.astype(float),
        before=rng.poisson(rate * BEFORE.days, len(arms.places)).astype(float),
        before_days=BEFORE.days,
        neighbours=find_neighbours(arms, reach_m=250.0),
        zone_places=tuple(zones),
        zone_counts=(rng.poisson(rate, arms.arms.shape) + rng.binomial(quiet - remaining, moved)).astype(
            float
        ),
        zone_before=rng.poisson(rate * BEFORE.days, len(zones)).astype(float),
    )


def test_a_planted_fall_is_found_and_what_moved_is_found_beside_it(arms):
    finding = evaluate_trial(build_protocol(ring_m=150.0), build_counts(arms, effect=0.6, moved=0.5))
    main, rings = finding.main, finding.displacement[0]
    assert main.estimate.low < 0.6 < main.estimate.high < 1.0
    assert rings.estimate.low < 1.0 + 0.4 * 0.5 < rings.estimate.high
    assert rings.estimate.value > 1.0


def test_nothing_planted_is_called_nothing(arms):
    finding = evaluate_trial(build_protocol(), build_counts(arms))
    assert not finding.main.shows_effect
    assert finding.displacement == ()


def test_the_difference_is_what_the_ratio_takes_from_those_treated(arms):
    counts = build_counts(arms, effect=0.6)
    ratio, difference = evaluate_trial(build_protocol(), counts).estimates[:2]
    treated = counts.counts[arms.arms == 1].sum()
    assert difference.estimate.value == pytest.approx(treated * (1 - 1 / ratio.estimate.value))
    assert difference.estimate.low < difference.estimate.value < difference.estimate.high < 0


def give_hours(arms, *, planned, delivered):
    by_day = (arms.arms == 1).astype(float)
    return replace(arms, planned_hours=planned * by_day, delivered_hours=delivered * by_day)


def test_an_effect_is_given_for_each_hundred_officer_hours_that_were_delivered(arms):
    patrolled = give_hours(arms, planned=2.0, delivered=1.0)
    estimates = evaluate_trial(build_protocol(), build_counts(patrolled, effect=0.6)).estimates
    difference, per_hours = estimates[1].estimate, estimates[2]
    assert per_hours.scale == "per 100 officer-hours"
    assert per_hours.estimate.value == pytest.approx(difference.value / (arms.arms == 1).sum() * 100.0)


@pytest.mark.parametrize(("delivered", "is_refused"), [(0.66, True), (0.67, False)])
def test_a_contrast_below_a_third_of_the_planned_is_refused(arms, delivered, is_refused):
    patrolled = give_hours(arms, planned=2.0, delivered=delivered)
    finding = evaluate_trial(build_protocol(), build_counts(patrolled, effect=0.6))
    assert bool(finding.refusals) is is_refused
    if is_refused:
        assert "evaluate power" in finding.refusals[0].instead


def test_only_a_trial_whose_checks_hold_says_reduced(arms):
    patrolled = give_hours(arms, planned=2.0, delivered=2.0)
    sound = evaluate_trial(build_protocol(), build_counts(patrolled, effect=0.5))
    unknown = evaluate_trial(build_protocol(), build_counts(arms, effect=0.5))
    assert "reduced" in describe_finding(sound, "trial", "registered")
    said = describe_finding(unknown, "trial", "registered")
    assert "reduced" not in said
    assert "lower than expected" in said


def test_overrides_beyond_a_tenth_of_the_days_take_the_word_away(arms):
    patrolled = give_hours(arms, planned=2.0, delivered=2.0)
    is_overridden = np.zeros(arms.arms.shape, dtype=bool)
    is_overridden[:4] = True
    finding = evaluate_trial(
        build_protocol(), build_counts(replace(patrolled, is_overridden=is_overridden), effect=0.5)
    )
    assert "What it needs was not so: the draw was followed." in describe_finding(
        finding, "trial", "registered"
    )


def test_a_record_counts_once_for_its_place_or_for_the_zone_of_all_places_in_reach(arms):
    middle = 130.0  # between the first two places: in the ring of both
    points = DatedPoints(
        easting_m=500_000.0 + np.array([10.0, middle, 260.0, -2_000.0]),
        northing_m=np.full(4, 200_000.0),
        span_index=np.array([BEFORE.days, BEFORE.days, 5, BEFORE.days]),
        group_index=np.zeros(4, dtype=np.int64),
        counts=np.ones(4, dtype=np.int64),
        spans=tuple(
            Period(BEFORE.start + timedelta(days=d), BEFORE.start + timedelta(days=d + 1))
            for d in range(BEFORE.days + DAYS)
        ),
        groups=("robbery",),
    )
    counts = count_trial(build_protocol(ring_m=100.0), arms, points)
    assert (counts.counts.sum(), counts.counts[0, 0]) == (1.0, 1.0)
    assert (counts.zone_places, counts.zone_counts[0, 0], counts.zone_counts.sum()) == (((0, 1),), 1.0, 1.0)
    assert counts.before.tolist()[:2] == [0.0, 1.0]


def test_other_days_than_those_of_the_trial_are_a_fault(arms):
    protocol = build_protocol()
    assert list(find_day_faults(protocol, arms.period)) == []
    late = replace(protocol.windows, after=Period(FIRST + timedelta(days=1), arms.period.end))
    (fault,) = find_day_faults(replace(protocol, windows=late), arms.period)
    assert str(FIRST) in fault.remedy


def test_ground_that_is_never_near_patrols_is_named_and_left_out(arms):
    always_off = replace(arms, arms=arms.arms.copy(), redraws=arms.redraws.copy())
    always_off.arms[7], always_off.redraws[:, 7] = 0, 0
    counts = build_counts(always_off, effect=0.6)
    check = next(c for c in evaluate_trial(build_protocol(ring_m=150.0), counts).checks if "rings" in c.check)
    assert "1 of 30 zones" in check.says
    assert "near h7" in check.says


def test_small_counts_are_withheld_with_what_would_give_them_away(arms):
    counts = build_counts(arms, effect=0.3, rate=0.02)
    finding = evaluate_trial(build_protocol(), counts)
    least = min(min(arm.before, arm.after) for arm in finding.totals)
    public = withhold_small(finding, below=int(least) + 1)
    assert any(None in (arm.before, arm.after) for arm in public.totals)
    assert {e.scale for e in public.estimates} <= {"ratio"}
    assert withhold_small(finding, below=0) == finding


def run_power(arms, past, planted, runs=300):
    return assess_trial_power(
        arms,
        past,
        planted,
        neighbours=find_neighbours(arms, reach_m=250.0),
        level=0.95,
        looks=(0.5,),
        runs=runs,
        rng=np.random.default_rng(3),
    )


def test_power_is_that_of_the_formula_within_three_points_and_its_level_is_the_level(arms):
    places = [place(name, harm=6.0) for name in arms.places]
    stated = state_trial_power(places, ("off", "high"), days=DAYS, effect=0.3, dispersion=1.3)
    past = TrialPast(rates=np.full(30, 6.0 / 30.0), dispersion=1.3)
    found = run_power(arms, past, PlantedEffect(0.3), runs=1_500)
    assert found.power.value == pytest.approx(stated.power, abs=0.03)
    assert found.size.low < 0.05 < found.size.high
    assert found.covered.low < 0.95 < found.covered.high + 0.01
    assert dict(found.detectable)[8] == pytest.approx(stated.detectable, abs=0.03)
    assert dict(found.detectable_by_places)[30] == pytest.approx(dict(found.detectable)[8], abs=1e-9)
    assert abs(found.bias) < 0.03


def test_weeks_of_the_past_keep_their_weekdays_and_chosen_places_keep_less():
    daily = np.tile(np.arange(7.0), (1, 8))
    counts = TrialPast(rates=np.array([3.0]), daily=daily).draw_counts(17, np.random.default_rng(1))
    assert counts[0].tolist() == [*range(7), *range(7), 0, 1, 2]
    thinned = TrialPast(rates=np.array([3.0]), daily=100 * daily, kept_share=0.5).draw_counts(
        700, np.random.default_rng(1)
    )
    assert thinned.sum() == pytest.approx(0.5 * 100 * 3.0 * 700, rel=0.05)


def test_delay_and_movement_to_places_beside_take_power_away(arms):
    past = TrialPast(rates=np.full(30, 0.4))
    plain = run_power(arms, past, PlantedEffect(0.25)).power.value
    late = run_power(arms, past, PlantedEffect(0.25, delay_days=40)).power.value
    assert late < plain - 0.15


def test_looks_spend_no_more_than_the_level(arms):
    report = run_power(arms, TrialPast(rates=np.full(30, 0.4)), PlantedEffect(0.25), runs=100)
    (look,) = report.looks
    assert look.week == 4
    assert look.p_below == pytest.approx(0.0056, abs=2e-4)  # O'Brien and Fleming at half of the days


def test_small_figures_keep_a_digit_and_no_p_is_nothing():
    def texts(low, value, high, p_value):
        return estimate_texts(
            NamedEstimate("places", "difference", Estimate(value, low, high, 0.95, "m"), p_value)
        )

    assert texts(-0.9, 0.04, 1.0, 0.856) == ("0.0", "\N{MINUS SIGN}0.9 to +1.0", "0.856")
    assert texts(-56.0, -33.0, -9.0, 1e-5) == (
        "\N{MINUS SIGN}33",
        "\N{MINUS SIGN}56 to \N{MINUS SIGN}9",
        "< 0.001",
    )

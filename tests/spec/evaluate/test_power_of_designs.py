"""Power may be asked of every design: at no effect it is the level, and it grows with the effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_worlds import Cell, build_protocol, draw_study

from becalm.evaluate.core.estimate_series import StartCounts, WaveCount
from becalm.evaluate.core.power import PlantedEffect, TrialPast
from becalm.evaluate.core.power_of_draws import assess_offer_power, assess_starts_power
from becalm.evaluate.core.power_of_places import assess_places_power
from becalm.evaluate.files.power_text import power_lines, power_object, power_rows
from becalm.terms import QuestionError

TREATED = 60


def build_study(design, *, months_before=12):
    """Places whose days after the start were never read."""
    counts = draw_study(Cell(design, False, 2.0, False, TREATED), np.random.default_rng(3))
    before = np.tile(counts.panel[:, :12], (1, 3))[:, :months_before]
    panel = np.column_stack([before, np.zeros((len(before), 6))])
    return replace(
        counts, panel=panel, panel_start=months_before, panel_days=np.full(months_before + 6, 30.4)
    )


def assess(design, effect, *, runs=250, months_before=12):
    return assess_places_power(
        build_protocol(design, TREATED),
        build_study(design, months_before=months_before),
        PlantedEffect(effect),
        runs=runs,
        rng=np.random.default_rng(4),
    )


@pytest.mark.parametrize("design", ["displacement", "difference", "calibrated"])
def test_of_a_design_with_lists_power_at_no_effect_is_the_level(design):
    report = assess(design, 0.3)
    assert report.size.low < 0.05 < report.size.high + 0.02
    assert report.power.value > 0.7
    assert abs(report.bias) < 0.05
    assert report.covered.value > 0.9


def test_a_series_is_expected_with_drift_so_that_its_power_is_never_too_good():
    report = assess("interrupted", 0.5, runs=50, months_before=30)
    assert report.size.value <= 0.08
    assert report.power.value > 0.8
    with pytest.raises(QuestionError, match="two years or more"):
        assess("interrupted", 0.5, months_before=20)


def test_a_design_that_refuses_every_such_study_has_no_power_to_tell():
    study = build_study("calibrated")
    busy = study.places.is_treated[:, None] * 50.0  # no control is like the treated places
    panel = study.panel + np.where(np.arange(18) < 12, busy, 0.0)
    with pytest.raises(QuestionError, match="refuses every study"):
        assess_places_power(
            build_protocol("calibrated", TREATED),
            replace(study, panel=panel),
            PlantedEffect(0.2),
            runs=20,
            rng=np.random.default_rng(4),
        )


def assess_starts(effect, *, share_with_starts=0.6, runs=300):
    """Twelve places over 56 days; their chances of a start, and one plan that was drawn by them."""
    rng = np.random.default_rng(5)
    place, day = (grid.ravel() for grid in np.meshgrid(np.arange(12), np.arange(56), indexing="ij"))
    chance = np.full(len(place), share_with_starts)
    starts = rng.binomial(1, chance).astype(float)
    nothing = np.zeros(len(place))
    counts = StartCounts(nothing, starts, chance, day, nothing, hours_per_start=0.5)
    past = TrialPast(rates=np.linspace(0.5, 2.0, 12), dispersion=1.3)
    protocol = build_protocol("starts", 12)
    return assess_starts_power(protocol, counts, place, past, PlantedEffect(effect), runs=runs, rng=rng)


def test_of_planned_starts_power_is_asked_before_a_day_is_over():
    report = assess_starts(0.15)
    assert report.size.low < 0.05 < report.size.high + 0.02
    assert report.power.value > 0.5
    assert abs(report.bias) < 0.05
    with pytest.raises(QuestionError, match="place-days with a start"):
        assess_starts(0.9)


def build_waves(*, early_harm=100.0):
    """Four waves of two hundred people; harm varies between people more than by chance."""
    return [
        WaveCount(f"w{number}", arm, 100, outcome, 90, harm, 3.0 * harm)
        for number in range(4)
        for outcome in ("as suspect", "as victim")
        for arm, harm in (("early", early_harm), ("late", 100.0))
    ]


def assess_offer(waves, effect):
    protocol, rng = build_protocol("offer", 12), np.random.default_rng(6)
    return assess_offer_power(protocol, waves, PlantedEffect(effect), runs=250, rng=rng)


def test_of_an_offer_power_counts_people_and_shares_the_level_between_outcomes():
    report = assess_offer(build_waves(), 0.4)
    assert report.level == pytest.approx(0.975)
    assert report.size.low < 0.025 < report.size.high
    assert report.power.value > 0.6
    assert (report.places, report.unit) == (800, "people")
    assert power_object(report)["unit"] == "people"
    assert power_rows(report)[1]["people"] == 800
    said = "\n".join(power_lines(report))
    assert "800 people" in said
    assert "it should be 2.5%" in said
    assert "weeks" not in said


def test_of_an_offer_both_arms_are_read_together_so_that_no_effect_is_seen():
    fallen = [replace(w, count=150.0 if w.arm == "late" else 50.0) for w in build_waves()]
    same = build_waves()
    assert assess_offer(fallen, 0.2).expected_events == assess_offer(same, 0.2).expected_events


def test_waves_without_harm_say_nothing():
    with pytest.raises(QuestionError, match="No wave holds any harm"):
        assess_offer([replace(wave, count=0.0, squares=0.0) for wave in build_waves()], 0.2)

"""A protocol says everything before; a design that cannot answer refuses and says what would be valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from becalm.evaluate.core.estimate_effect import evaluate
from becalm.evaluate.core.finding import Check, Finding, NamedEstimate
from becalm.evaluate.core.protocol import (
    DESIGN_HELP,
    Analysis,
    Choices,
    Outcome,
    PlaceRule,
    Protocol,
    Windows,
    find_faults,
)
from becalm.evaluate.core.study import StudyCounts, StudyPlaces
from becalm.evaluate.core.words import describe_finding
from becalm.evaluate.files.places import check_places
from becalm.evaluate.files.protocol_file import draft_text, read_protocol
from becalm.terms import Estimate, InputError, Period

FIRST_DAY = date(2018, 1, 1)
YEAR_2018, YEAR_2019 = (Period(date(year, 1, 1), date(year + 1, 1, 1)) for year in (2018, 2019))
SPRING = Period(date(2020, 1, 1), date(2020, 7, 1))


def build_protocol(design="difference", **changes):
    protocol = Protocol(
        question="Did robbery fall at these places?",
        design=design,
        outcome=Outcome(offence_groups=("robbery",)),
        places=PlaceRule(file="places.csv", radius_m=75.0, chosen_on=YEAR_2018),
        windows=Windows(before=YEAR_2019, after=SPRING),
        analysis=Analysis(
            level=0.95,
            smallest_effect=0.16,
            multiplicity="one test",
            stopping="read once when June is complete",
            placebo_sets=99,
        ),
        choices=Choices(),
        change_our_mind="a rise in the rings as large",
    )
    return replace(protocol, **changes)


def build_counts(seed=1, treated=40, control=200, effect=1.0, spacing_m=1_000.0, chosen_more=0.0):
    """Counts of places that were chosen on another window, with an effect on the treated."""
    rng = np.random.default_rng(seed)
    place_count = treated + control
    rates = rng.gamma(2.0, 0.5, place_count) + 0.3  # a month
    is_treated = np.arange(place_count) < treated
    months = rng.poisson(np.repeat(rates[:, None], 18, axis=1) * np.where(
        is_treated[:, None] & (np.arange(18) >= 12), effect, 1.0
    )).astype(float)  # fmt: skip
    before, after = months[:, :12].sum(axis=1), months[:, 12:].sum(axis=1)
    ring = rng.poisson(4.0, (2, place_count)).astype(float)
    return StudyCounts(
        places=StudyPlaces(
            names=tuple(f"p{n}" for n in range(place_count)),
            is_treated=is_treated,
            easting_m=np.arange(place_count) * spacing_m,
            northing_m=np.zeros(place_count),
            covariates=np.zeros((place_count, 0)),
        ),
        before=before,
        after=after,
        group_counts=np.stack([before, after], axis=1)[None],
        group_weights=np.ones(1),
        chosen_on=rng.poisson(rates * 12 * (1 + chosen_more * is_treated)).astype(float),
        matching=months[:, :12].reshape(place_count, 2, 6).sum(axis=2),
        panel=months,
        panel_start=12,
        ring_before=ring[0] * 2,
        ring_after=ring[1],
        before_days=365,
        after_days=182,
    )


def faults_of(protocol):
    faults = find_faults(protocol, first_day=FIRST_DAY, found_by_police=frozenset({"drugs"}))
    return [(fault.where, fault.what) for fault in faults]


def test_a_whole_protocol_has_no_fault():
    assert faults_of(build_protocol()) == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"question": "Works?"}, "question"),
        ({"change_our_mind": ""}, "change_our_mind"),
        ({"windows": Windows(before=YEAR_2019, after=Period(date(2019, 6, 1), date(2020, 1, 1)))}, "windows"),
        ({"windows": Windows(before=SPRING, after=YEAR_2019)}, "windows"),
        ({"windows": Windows(before=Period(date(2017, 1, 1), date(2018, 1, 1)), after=SPRING)}, "windows"),
        ({"windows": Windows(before=YEAR_2019, after=SPRING, matching=(SPRING,))}, "windows"),
        ({"design": "calibrated"}, "windows.matching"),
        ({"outcome": Outcome(offence_groups=("drugs",))}, "outcome.offence_groups"),
        ({"outcome": Outcome(offence_groups=("robbery",), harm_weights=(1.0, 2.0))}, "outcome.harm_weights"),
        ({"outcome": Outcome(offence_groups=("robbery",), harm_weights=(0.0,))}, "outcome.harm_weights"),
    ],
)
def test_each_fault_is_named_where_it_stands(changes, where):
    assert [at for at, _ in faults_of(build_protocol(**changes))] == [where]


def test_a_rule_of_two_words_stops_nothing():
    analysis = replace(build_protocol().analysis, stopping="when done")
    assert [at for at, _ in faults_of(build_protocol(analysis=analysis))] == ["analysis.stopping"]


@pytest.mark.parametrize("design", ["displacement", "difference", "calibrated"])
def test_a_draft_is_a_protocol_that_can_be_read(tmp_path, design):
    path = tmp_path / "protocol.toml"
    path.write_text(draft_text(design), encoding="utf-8")
    protocol = read_protocol(path)
    assert (protocol.design, protocol.places.chosen_on) == (design, YEAR_2018)
    assert faults_of(protocol) == []


@pytest.mark.parametrize("design", ["trial", "starts", "interrupted", "offer"])
def test_a_draft_of_a_design_without_a_list_is_a_protocol_too(tmp_path, design):
    path = tmp_path / "protocol.toml"
    path.write_text(draft_text(design), encoding="utf-8")
    assert faults_of(read_protocol(path)) == []


def list_places(tmp_path, *rows, columns="place,easting_m,northing_m,arm,income,shops"):
    path = tmp_path / "places.csv"
    path.write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    return path


def test_every_fault_of_a_list_of_places_comes_at_once(tmp_path):
    path = list_places(tmp_path, "a,1,2,treated,5,x", "a,1,two,nobody,5,1")
    _, faults = check_places(path, covariates=("income", "shops"), treated=("b",))
    said = [f"{fault.where} {fault.what}" for fault in faults]
    assert len(said) == 6
    assert "places.treated 'b' is not in places.csv" in said
    assert "places.csv: a stands twice" in said


@pytest.mark.parametrize(
    ("second", "third", "where"),
    [((5, 5, 5), (1, 2, 4), "places.csv: income"), ((1, 2, 4), (2, 4, 8), "places.csv: income, shops")],
)
def test_covariates_that_are_constant_or_sums_of_each_other_are_faults(tmp_path, second, third, where):
    rows = [f"p{n},{n},0,{'treated' if n else 'control'},{second[n]},{third[n]}" for n in range(3)]
    _, faults = check_places(list_places(tmp_path, *rows), covariates=("income", "shops"))
    assert [fault.where for fault in faults] == [where]


def test_names_in_the_protocol_stand_above_the_arms_of_the_list(tmp_path):
    rows = [f"p{n},{n},0,control,{n},{n * n}" for n in range(4)]
    places, faults = check_places(list_places(tmp_path, *rows), covariates=("income",), treated=("p2",))
    assert faults == ()
    assert places.is_treated.tolist() == [False, False, True, False]


def test_holes_and_parts_of_offences_are_all_told_before_anything_is_estimated():
    counts = build_counts()
    bad = replace(counts, before=counts.before + 0.5, after=np.where(counts.after > 3, np.nan, -1.0))
    with pytest.raises(InputError) as raised:
        evaluate(build_protocol(), bad)
    said = " ".join(str(fault) for fault in raised.value.faults)
    assert "parts of an offence" in said
    assert "holes" in said
    assert "numbers below 0" in said
    evaluate(build_protocol(), replace(counts, before=counts.before + 0.5, group_weights=np.array([1.5])))


def test_every_fault_of_a_file_comes_at_once(tmp_path):
    path = tmp_path / "protocol.toml"
    text = (
        draft_text("difference")
        .replace('"2019-01..2019-12"', '"last 6 weeks"')
        .replace("level = 0.95", "level = 95")
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_protocol(path)
    assert sorted(fault.where.split(": ")[1] for fault in raised.value.faults) == [
        "analysis.level",
        "windows.before",
    ]


def refusals_of(protocol, counts):
    finding = evaluate(protocol, counts)
    assert finding.estimates == ()
    return [refusal.what for refusal in finding.refusals]


def test_a_before_that_chose_the_places_is_refused_with_the_fall_that_nothing_explains():
    protocol = build_protocol(windows=Windows(before=YEAR_2018, after=SPRING))
    finding = evaluate(protocol, build_counts())
    assert [r.what for r in finding.refusals] == [
        "before and after of places that were chosen for their counts before"
    ]
    assert "patrol trial" in finding.refusals[0].instead
    assert finding.expected_by_selection is not None


def test_matching_on_the_days_that_chose_is_refused():
    protocol = build_protocol(
        "calibrated", windows=Windows(before=YEAR_2019, after=SPRING, matching=(YEAR_2018, YEAR_2019))
    )
    assert refusals_of(protocol, build_counts()) == ["matching on the days that chose the treated places"]


@pytest.mark.parametrize(("gap_m", "is_refused"), [(349.0, True), (350.0, False)])
def test_controls_inside_a_ring_are_refused_up_to_its_edge(gap_m, is_refused):
    places = replace(build_protocol().places, ring_m=200.0)
    finding = evaluate(build_protocol(places=places), build_counts(spacing_m=gap_m))
    assert [r.what for r in finding.refusals] == (["controls inside a ring"] if is_refused else [])


@pytest.mark.parametrize(("treated", "is_refused"), [(4, True), (5, False)])
def test_a_handful_of_places_is_too_few(treated, is_refused):
    finding = evaluate(build_protocol(), build_counts(treated=treated))
    assert bool(finding.refusals) is is_refused


def test_too_few_controls_for_placebo_sets_are_refused():
    protocol = build_protocol(
        "calibrated", windows=Windows(before=YEAR_2019, after=SPRING, matching=(YEAR_2019,))
    )
    assert refusals_of(protocol, build_counts(treated=40, control=159)) == [
        "calibrated control with 159 controls for 40 treated places"
    ]


@pytest.mark.parametrize("design", ["displacement", "difference", "calibrated"])
def test_a_planted_fall_is_found_and_nothing_is_not(design):
    matching = (YEAR_2019,) if design == "calibrated" else ()
    protocol = build_protocol(design, windows=Windows(before=YEAR_2019, after=SPRING, matching=matching))
    fallen = evaluate(protocol, build_counts(effect=0.5)).main
    unchanged = evaluate(protocol, build_counts()).main
    assert fallen.shows_effect
    assert not unchanged.shows_effect
    if fallen.scale == "ratio":
        assert fallen.estimate.low < 0.5 < fallen.estimate.high


def test_controls_that_match_by_luck_are_refused():
    protocol = build_protocol(
        "calibrated", windows=Windows(before=YEAR_2019, after=SPRING, matching=(YEAR_2019,))
    )
    assert refusals_of(protocol, build_counts(chosen_more=0.5)) == [
        "matching places that were chosen with places that were not"
    ]


def test_rings_stand_beside_the_places_where_they_are_asked_for():
    places = replace(build_protocol().places, ring_m=200.0)
    finding = evaluate(build_protocol("displacement", places=places), build_counts())
    assert [named.name for named in finding.displacement] == ["rings", "places and rings"]


def named_effect(low, value, high):
    return NamedEstimate("places", "ratio", Estimate(value, low, high, 0.95, "m"), 0.01)


@pytest.mark.parametrize("design", [design for design in DESIGN_HELP if design != "trial"])
@pytest.mark.parametrize("state", ["registered", "registered late", "exploratory"])
def test_no_design_without_a_draw_says_that_something_was_reduced(design, state):
    finding = Finding(
        estimates=(named_effect(0.6, 0.8, 0.9),), checks=(Check("trends are alike", False, "no"),)
    )
    text = describe_finding(finding, design, state)
    assert "20% lower than expected (95% interval from −40% to −10%)" in text
    assert "What it needs was not so: trends are alike." in text
    assert not {"reduced", "caused", "prevented", "effect of"} & set(text.split())
    assert ("not an answer" in text) is (state == "exploratory")
    assert ("after the outcome was on record" in text) is (state == "registered late")


def test_what_chance_can_explain_is_said_so():
    text = describe_finding(Finding(estimates=(named_effect(0.7, 0.9, 1.2),)), "difference", "registered")
    assert "which chance can explain" in text

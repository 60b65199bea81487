"""Explaining a list of hotspots: clusters and their history, near repeats, outbreaks."""

from dataclasses import replace
from typing import cast

from becalm.desk import Desk
from becalm.find.core import request as requests
from becalm.find.core.cluster_test import ClusterMap, explain_clusters, list_place_numbers
from becalm.find.core.near_repeats import NearRepeats, find_near_repeats
from becalm.find.core.outbreaks import Outbreaks, find_outbreaks
from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.core.settings import FindSettings
from becalm.find.desk.inputs import FindInputs, StudyRegion, define_region, load_inputs
from becalm.find.desk.list_rules import load_rules
from becalm.methods.arrays import seed_generator
from becalm.methods.multiplicity import Adjustment
from becalm.tables import EventPoints, list_event_points
from becalm.terms import QuestionError


def explain_list(desk: Desk, request: requests.ClusterRequest) -> ClusterMap:
    """Are the listed places clusters, and since when?"""
    find_inputs = load_inputs(desk, request.records, request.places)
    study_region = _define_fixed_region(desk, find_inputs)
    find_settings = FindSettings(count=request.count)
    place_panel = _build_panel(find_inputs, study_region, find_settings)
    list_rules = load_rules(desk, requests.RuleOptions(), count=request.count)
    clusters = explain_clusters(
        place_panel,
        list_place_numbers(place_panel, list_rules, find_settings),
        target=find_inputs.targets.target,
        source=find_inputs.counts.source,
        as_of=find_inputs.counts.as_of,
        months=request.months,
        period_months=request.period_months,
        adjustment=cast("Adjustment", request.adjust),
        level=request.level,
    )
    return replace(clusters, warnings=(*find_inputs.warnings, *study_region.warnings, *clusters.warnings))


def measure_near_repeats(desk: Desk, request: requests.NearRepeatRequest) -> NearRepeats:
    """After one incident, is another one nearby soon more likely than chance alone explains?"""
    distance_edges_m, delay_edges_days = request.distance_edges_m, request.delay_edges_days
    find_inputs = load_inputs(desk, request.records, requests.PlaceOptions())
    return find_near_repeats(
        _list_events(find_inputs),
        target=find_inputs.targets.target,
        distance_edges_m=distance_edges_m,
        delay_edges_days=delay_edges_days,
        orders=request.orders,
        distance="manhattan" if request.manhattan else "euclidean",
        rng=seed_generator(desk.draw_seed() if request.seed is None else request.seed),
    )


def scan_outbreaks(desk: Desk, request: requests.OutbreakRequest) -> Outbreaks:
    """Where and when were there suddenly more than that place and that time explain?"""
    find_inputs = load_inputs(desk, request.records, request.places)
    study_region = _define_fixed_region(desk, find_inputs)
    outbreaks = find_outbreaks(
        _build_panel(find_inputs, study_region, FindSettings()),
        target=find_inputs.targets.target,
        source=find_inputs.counts.source,
        as_of=find_inputs.counts.as_of,
        settings=request.scan,
        events=None if request.scan.step == "month" else _list_dated_events(find_inputs),
        rng=seed_generator(desk.draw_seed() if request.seed is None else request.seed),
    )
    return replace(outbreaks, warnings=(*find_inputs.warnings, *study_region.warnings, *outbreaks.warnings))


def _list_events(inputs: FindInputs) -> EventPoints:
    return list_event_points(inputs.incidents, groups=inputs.targets.target, months=inputs.counts.months)


def _list_dated_events(inputs: FindInputs) -> EventPoints:
    try:
        return _list_events(inputs)
    except QuestionError as error:
        raise QuestionError(f"{error.message} Or leave `step` out, for runs of months.") from error


def _define_fixed_region(desk: Desk, inputs: FindInputs) -> StudyRegion:
    """The places that compete, where they are the same for every question: floating boxes are not."""
    if inputs.places.unit == "box":
        raise QuestionError(
            "Floating boxes are placed where most incidents fell, so each one stands out by design and "
            f"none can be tested. Ask with `unit square` `cell_m {inputs.counts.cell_m:g}`."
        )
    return define_region(desk, inputs)


def _build_panel(inputs: FindInputs, region: StudyRegion, settings: FindSettings) -> PlacePanel:
    return build_panel(
        region.counts, inputs.targets, boundary=inputs.boundary, places=region.places, settings=settings
    )

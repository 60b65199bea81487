"""Explaining a list of hotspots: clusters and their history, near repeats, outbreaks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from becalm.desk import Desk
from becalm.find.core.cluster_test import ClusterMap, explain_clusters, list_place_numbers
from becalm.find.core.near_repeats import NearRepeats, find_near_repeats
from becalm.find.core.outbreaks import Outbreaks, ScanSettings, find_outbreaks
from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.desk.inputs import Evidence, Field, FindQuestion, gather, lay_field
from becalm.find.desk.rules import rules_of
from becalm.methods.multiplicity import Adjustment
from becalm.methods.near_repeat import Distance
from becalm.tables import EventPoints, list_event_points
from becalm.terms import QuestionError


@dataclass(frozen=True, slots=True)
class Clusters:
    """How clusters are told: over how many months, in which periods, with which adjustment."""

    months: int = 12
    period_months: int = 3
    adjustment: Adjustment = "BH"
    level: float = 0.05


@dataclass(frozen=True, slots=True)
class Repeats:
    """Which bands of distance and delay are looked at, and how many random orders they are held against."""

    distance_edges_m: tuple[float, ...] = (100.0, 200.0, 400.0)
    delay_edges_days: tuple[int, ...] = (7, 14, 28)
    orders: int = 999
    distance: Distance = "euclidean"


def clusters(desk: Desk, question: FindQuestion, how: Clusters) -> ClusterMap:
    """Are the listed places clusters, and since when?"""
    evidence = gather(desk, question)
    field = _partition(desk, evidence)
    panel = _ground(evidence, field, question)
    rules = rules_of(desk, question.rules, question.settings)
    told = explain_clusters(
        panel,
        list_place_numbers(panel, rules, question.settings),
        target=evidence.targets.target,
        source=evidence.counts.source,
        as_of=evidence.counts.as_of,
        months=how.months,
        period_months=how.period_months,
        adjustment=how.adjustment,
        level=how.level,
    )
    return replace(told, warnings=(*evidence.warnings, *field.warnings, *told.warnings))


def near_repeats(desk: Desk, question: FindQuestion, how: Repeats, *, seed: int | None = None) -> NearRepeats:
    """After one incident, is another one nearby soon likelier than chance alone explains?"""
    evidence = gather(desk, question)
    events = list_event_points(
        evidence.incidents, groups=evidence.targets.target, months=evidence.counts.months
    )
    return find_near_repeats(
        events,
        target=evidence.targets.target,
        distance_edges_m=how.distance_edges_m,
        delay_edges_days=how.delay_edges_days,
        orders=how.orders,
        distance=how.distance,
        rng=_chance(desk, seed),
    )


def outbreaks(desk: Desk, question: FindQuestion, how: ScanSettings, *, seed: int | None = None) -> Outbreaks:
    """Where and when were there suddenly more than that place and that time explain?"""
    evidence = gather(desk, question)
    field = _partition(desk, evidence)
    found = find_outbreaks(
        _ground(evidence, field, question),
        target=evidence.targets.target,
        source=evidence.counts.source,
        as_of=evidence.counts.as_of,
        settings=how,
        events=None if how.step == "month" else _dated(evidence),
        rng=_chance(desk, seed),
    )
    return replace(found, warnings=(*evidence.warnings, *field.warnings, *found.warnings))


def _dated(evidence: Evidence) -> EventPoints:
    try:
        return list_event_points(
            evidence.incidents, groups=evidence.targets.target, months=evidence.counts.months
        )
    except QuestionError as error:
        raise QuestionError(f"{error.message} Or leave --step out, for runs of months.") from error


def _partition(desk: Desk, evidence: Evidence) -> Field:
    """The places that compete, where they are the same for every question: floating boxes are not."""
    if evidence.unit.unit == "box":
        raise QuestionError(
            "Floating boxes are laid where most incidents fell, so each of them stands out by its making and "
            f"none can be tested. Ask with --unit square --cell-m {evidence.counts.cell_m:g}."
        )
    return lay_field(desk, evidence)


def _ground(evidence: Evidence, field: Field, question: FindQuestion) -> PlacePanel:
    return build_panel(
        field.counts,
        evidence.targets,
        boundary=evidence.boundary,
        places=field.places,
        settings=question.settings,
    )


def _chance(desk: Desk, seed: int | None) -> np.random.Generator:
    return np.random.default_rng(desk.draw_seed() if seed is None else seed)

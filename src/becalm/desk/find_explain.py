"""Explaining a list of hotspots: clusters and their history, near repeats, outbreaks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from becalm.desk.core import Desk
from becalm.desk.find_evidence import Evidence, FindQuestion, gather
from becalm.find.clusters import explain_clusters
from becalm.find.ground import lay_ground
from becalm.find.hotspots import find_hotspots as find_places
from becalm.find.near_repeats import find_near_repeats
from becalm.find.outbreaks import find_outbreaks
from becalm.methods.multiplicity import Adjustment
from becalm.methods.near_repeat import Distance
from becalm.tables.events import event_points
from becalm.terms.explanation import ClusterMap, NearRepeats, Outbreaks


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


@dataclass(frozen=True, slots=True)
class Scan:
    """How far circles reach, how long they last, and how many random orders they are held against."""

    radius_m: float = 1000.0
    longest_months: int = 3
    orders: int = 199
    level: float = 0.05


def clusters(desk: Desk, question: FindQuestion, how: Clusters, *, seed: int | None = None) -> ClusterMap:
    """Are the listed places clusters, and since when?"""
    drawn = desk.draw_seed() if seed is None else seed
    evidence = gather(desk, question)
    ground = lay_ground(
        evidence.counts, evidence.targets, boundary=evidence.boundary, settings=question.settings
    )
    listed = find_places(
        evidence.counts,
        evidence.targets,
        crs=desk.workspace.city.crs,
        boundary=evidence.boundary,
        settings=question.settings,
        rng=np.random.default_rng(drawn),
    )
    told = explain_clusters(
        ground,
        listed.hotspots,
        target=evidence.targets.target,
        source=evidence.counts.source,
        as_of=evidence.counts.as_of,
        months=how.months,
        period_months=how.period_months,
        adjustment=how.adjustment,
        level=how.level,
    )
    return replace(told, warnings=(*evidence.warnings, *told.warnings))


def near_repeats(desk: Desk, question: FindQuestion, how: Repeats, *, seed: int | None = None) -> NearRepeats:
    """After one incident, is another one nearby soon likelier than chance alone explains?"""
    evidence = gather(desk, question)
    events = event_points(evidence.incidents, groups=evidence.targets.target, months=evidence.counts.months)
    return find_near_repeats(
        events,
        target=evidence.targets.target,
        distance_edges_m=how.distance_edges_m,
        delay_edges_days=how.delay_edges_days,
        orders=how.orders,
        distance=how.distance,
        rng=_chance(desk, seed),
    )


def outbreaks(desk: Desk, question: FindQuestion, how: Scan, *, seed: int | None = None) -> Outbreaks:
    """Where and when were there suddenly more than that place and that time explain?"""
    evidence: Evidence = gather(desk, question)
    ground = lay_ground(
        evidence.counts, evidence.targets, boundary=evidence.boundary, settings=question.settings
    )
    found = find_outbreaks(
        ground,
        target=evidence.targets.target,
        source=evidence.counts.source,
        as_of=evidence.counts.as_of,
        radius_m=how.radius_m,
        longest_months=how.longest_months,
        orders=how.orders,
        level=how.level,
        rng=_chance(desk, seed),
    )
    return replace(found, warnings=(*evidence.warnings, *found.warnings))


def _chance(desk: Desk, seed: int | None) -> np.random.Generator:
    return np.random.default_rng(desk.draw_seed() if seed is None else seed)

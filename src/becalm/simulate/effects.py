"""Planted effects: what patrols prevent at treated hotspots on treated days, and what of it only moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.intensity import Intensity
from becalm.simulate.offences import OFFENCES
from becalm.simulate.places import Places
from becalm.simulate.settings import Effect, Settings


@dataclass(frozen=True, slots=True)
class Treatment:
    """Which hotspots are treated on which days of the city's life."""

    hotspot_of_place: Ints  # (places,), -1 outside every hotspot
    centre: Ints  # (hotspots,) the place in the middle of each
    treated: Bools  # (hotspots, days from settings.start)
    outlet: (
        Ints  # outlets[outlet_start[h]:outlet_start[h + 1]] are the places that take what is displaced from h
    )
    outlet_start: Ints

    def outlets(self, hotspot: int) -> Ints:
        """The places, in no hotspot, that take what is displaced from this one."""
        return self.outlet[self.outlet_start[hotspot] : self.outlet_start[hotspot + 1]]


def is_treatable() -> Bools:
    """Which offences does a planted effect act on? Street violence found by victims."""
    return np.array([o.street_violence and o.found_by == "victim" for o in OFFENCES])


def choose_treatment(
    places: Places, intensity: Intensity, settings: Settings, rng: np.random.Generator
) -> Treatment:
    """Take the hotspots with the highest true rate of street violence, and draw their treated days."""
    effect = settings.effect
    rate = (intensity.base[:, None] * places.weight)[is_treatable()].sum(axis=0)
    centres, owner = _hotspots(places.position, rate, effect)
    treated = np.zeros((len(centres), settings.days), dtype=bool)
    first = max((effect.start - settings.start).days, 0)
    last = max(min((effect.end - settings.start).days, settings.days), first)
    treated[:, first:last] = rng.random((len(centres), last - first)) < effect.day_share
    return treatment_of(places, owner, centres, treated, effect.reach_m)


def treatment_of(places: Places, owner: Ints, centres: Ints, treated: Bools, reach_m: float) -> Treatment:
    """A treatment of hotspots that somebody else has chosen."""
    outside = np.flatnonzero(owner < 0)
    near = cKDTree(places.position[outside]).query_ball_point(places.position[centres], reach_m)
    outlets = [outside[np.sort(np.array(n, dtype=np.int64))] for n in near]
    start = np.concatenate([[0], np.cumsum([len(o) for o in outlets], dtype=np.int64)])
    joined = np.concatenate(outlets) if outlets else np.zeros(0, dtype=np.int64)
    return Treatment(owner, centres, treated, joined, start.astype(np.int64))


def apply_effect(
    effect: Effect,
    treatment: Treatment,
    offence: Ints,
    place: Ints,
    day: Ints,
    rng: np.random.Generator,
) -> tuple[Bools, Ints]:
    """Which events still happen, and at which place? `day` counts from the city's start.

    Each event at a treated place and day is taken out with the chance `size`; with displacement the
    share `displaced` of those goes to an outlet of the hotspot instead. Untouched events stay as they are.
    """
    luck = rng.random((len(place), 3))
    hotspot = treatment.hotspot_of_place[place]
    hit = (hotspot >= 0) & (day >= 0) & is_treatable()[offence] & (luck[:, 0] < effect.size)
    hit[hit] = treatment.treated[hotspot[hit], day[hit]]
    number = np.diff(treatment.outlet_start)[hotspot]
    moved = hit & (effect.kind == "displacement") & (luck[:, 1] < effect.displaced) & (number > 0)
    goal = place.copy()
    which = treatment.outlet_start[hotspot[moved]] + np.floor(luck[moved, 2] * number[moved]).astype(np.int64)
    goal[moved] = treatment.outlet[which]
    return ~hit | moved, goal


def expected_effect(
    effect: Effect, treatment: Treatment, before: Floats, first: int, last: int
) -> tuple[Floats, Floats]:
    """Expected events of the treatable offences on the days from `first` until before `last`.

    `before` is (hotspots, days): the true rate of each hotspot without the effect. Returns what is
    left at each hotspot, and what each hotspot's outlets gain together.
    """
    size = 0.0 if effect.kind == "none" else effect.size
    prevented = before * treatment.treated[:, first:last] * size
    has_outlet = np.diff(treatment.outlet_start)[:, None] > 0
    share = effect.displaced if effect.kind == "displacement" else 0.0
    return before - prevented, prevented * share * has_outlet


def _hotspots(position: Floats, rate: Floats, effect: Effect) -> tuple[Ints, Ints]:
    """Circles of the highest rate that do not overlap, and the circle that each place lies in."""
    tree = cKDTree(position)
    near = tree.sparse_distance_matrix(tree, effect.radius_m, output_type="coo_matrix")
    score = np.bincount(near.row, rate[near.col], len(rate))
    owner = np.full(len(rate), -1)
    blocked = np.zeros(len(rate), dtype=bool)
    centres: list[int] = []
    for place in np.argsort(-score, kind="stable"):
        if len(centres) == effect.hotspots:
            break
        if not blocked[place]:
            owner[tree.query_ball_point(position[place], effect.radius_m)] = len(centres)
            blocked[tree.query_ball_point(position[place], 2 * effect.radius_m)] = True
            centres.append(int(place))
    return np.array(centres, dtype=np.int64), owner

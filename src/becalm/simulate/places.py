"""The active micro-places: about 20,000 spots on streets and junctions that carry all the risk of the city.

Each place has a kind (a pub, a station, a school …), one to five addresses (the exact points at which things
are recorded) and for every offence a weight: its share of that offence in the whole city.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.geography import Land, centrality
from becalm.simulate.offences import OFFENCES
from becalm.simulate.settings import Settings
from becalm.simulate.streets import Streets

KINDS: Final = ("nightlife", "high_street", "station", "school", "estate", "park", "residential")
SHARES: Final = (0.045, 0.15, 0.02, 0.045, 0.18, 0.04, 0.52)  # of the places

# How far each rhythm's offences are drawn to each kind of place, relative to each other.
PULL: Final = {
    "robbery": (3.5, 3.0, 8.0, 2.2, 0.9, 1.6, 0.25),
    "shop": (1.0, 12.0, 2.0, 0.05, 0.1, 0.02, 0.05),
    "night": (14.0, 3.0, 3.5, 0.6, 1.2, 0.5, 0.45),
    "evening": (5.0, 3.0, 3.5, 1.5, 1.5, 0.9, 0.6),
    "day": (1.0, 2.0, 1.8, 1.2, 1.5, 0.6, 1.0),
    "burglary": (0.3, 0.6, 0.3, 0.3, 1.1, 0.1, 1.2),
    "night_break": (1.0, 1.1, 0.9, 0.6, 1.0, 0.7, 1.0),
    "damage": (2.0, 1.6, 1.6, 1.0, 1.3, 0.8, 0.9),
    "crowd": (6.0, 6.0, 9.0, 0.4, 0.4, 0.5, 0.2),
    "police": (4.0, 3.0, 6.0, 0.5, 1.8, 2.5, 0.3),
}
# How unequal places of one kind are: the exponent on their common, heavy-tailed risk, the standard
# deviation of the logarithm of a risk of their own, and the exponent on lying in a town centre or poor part.
SPREAD: Final = {
    "robbery": (0.70, 0.35, 0.8),
    "shop": (1.08, 0.60, 0.8),
    "night": (0.70, 0.35, 0.8),
    "evening": (0.60, 0.30, 0.6),
    "day": (0.60, 0.35, 0.5),
    "burglary": (0.15, 0.15, 0.2),
    "night_break": (0.18, 0.20, 0.2),
    "damage": (0.35, 0.25, 0.4),
    "crowd": (1.15, 0.65, 1.8),
    "police": (0.70, 0.35, 0.8),
}
TAIL: Final = 1.8  # Pareto exponent of the common risk
TOP: Final = 60.0  # the common risk of a place is cut here
ADDRESSES: Final = 5
FRONTAGE_M: Final = 45.0


@dataclass(frozen=True, slots=True)
class Places:
    """The active places, and the addresses at them (parallel arrays of either length)."""

    position: Floats  # (places, 2), metres
    kind: Ints  # index into KINDS
    segment: Ints
    junction: Ints  # index of the junction that the place lies on; -1 along a segment
    lsoa: Ints
    weight: Floats  # (offences, places): share of each offence, rows sum to 1
    address_place: Ints  # (addresses,), ascending
    address_position: Floats  # (addresses, 2), whole metres
    address_share: Floats  # share of its place

    @property
    def ids(self) -> tuple[str, ...]:
        """What the places are called."""
        return tuple(f"P{i + 1:05d}" for i in range(len(self.kind)))


def build_places(land: Land, streets: Streets, settings: Settings, rng: np.random.Generator) -> Places:
    """Where are the active places, and how much of each offence does each carry?"""
    need = _deprivation(land, streets.middles, rng)
    town = _town(streets, streets.middles)
    kind, segment = _choose(streets, settings.places, town, need, rng)
    position, junction = _positions(streets, kind, segment, rng)
    weight = _weights(land, streets, position, kind, need[segment], settings, rng)
    owner, where, share = _addresses(streets, position, segment, junction, rng)
    lsoa = land.lsoa_at(position)
    astray = land.lsoa_at(where) != lsoa[owner]  # an address over the border moves back to its place
    where[astray] = position[owner[astray]]
    return Places(position, kind, segment, junction, lsoa, weight, owner, where, share)


def _deprivation(land: Land, points: Floats, rng: np.random.Generator) -> Floats:
    """A smooth field about 1 over the city: some parts carry two or three times the risk of others."""
    homes = land.seeds[: len(land.cells)]
    knots = homes[rng.integers(len(homes), size=60)]
    height = rng.normal(0, 1, len(knots))
    width = 0.12 * land.radius_m
    field = np.zeros(len(points))
    for knot, high in zip(knots, height, strict=True):
        field += high * np.exp(-((points - knot) ** 2).sum(axis=1) / (2 * width**2))
    return np.asarray(np.exp(0.55 * (field - field.mean()) / max(float(field.std()), 1e-9)))


def _town(streets: Streets, points: Floats) -> Floats:
    """How much of a town centre each point is: the sizes of the centres, each fading with distance."""
    near, which = cKDTree(streets.centres).query(points, k=min(3, len(streets.centres)))
    size = streets.centre_size[which]
    reach = 160.0 + 900.0 * np.sqrt(size)
    return np.asarray((np.sqrt(size) * np.exp(-near / reach)).sum(axis=1))


def _choose(
    streets: Streets, wanted: int, town: Floats, need: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Which segments are active, and as what? Each segment holds one place at most."""
    count = len(streets.length_m)
    main = np.where(streets.main, 2.5, 1.0)
    liking = (
        town**2 * main,
        town**1.5 * main,
        0.02 + town,
        np.ones(count),
        need**2,
        np.ones(count),
        need**0.5,
    )
    free = np.ones(count, dtype=bool)
    kinds, segments = [], []
    for k, number in enumerate(_numbers(wanted)):
        luck = np.log(np.maximum(liking[k], 1e-12)) + rng.gumbel(size=count)
        best = np.argsort(np.where(free, -luck, np.inf), kind="stable")[:number]
        free[best] = False
        segments.append(best)
        kinds.append(np.full(number, k))
    return np.concatenate(kinds), np.concatenate(segments)


def _numbers(wanted: int) -> list[int]:
    numbers = [int(wanted * share) for share in SHARES]
    numbers[-1] += wanted - sum(numbers)
    return numbers


def _positions(streets: Streets, kind: Ints, segment: Ints, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Stations and half of the nightlife lie on a junction, the rest along the segment."""
    at_corner = (kind == KINDS.index("station")) | ((kind == 0) & (rng.random(len(kind)) < 0.5))
    along = np.where(at_corner, 0.0, rng.uniform(0.25, 0.75, len(kind)))[:, None]
    start, end = streets.nodes[streets.start[segment]], streets.nodes[streets.end[segment]]
    return np.round(start + along * (end - start)), np.where(at_corner, streets.start[segment], -1)


def _weights(
    land: Land,
    streets: Streets,
    position: Floats,
    kind: Ints,
    need: Floats,
    settings: Settings,
    rng: np.random.Generator,
) -> Floats:
    """Share of each offence at each place: kind, town centre, neighbourhood, and a risk of its own."""
    count = len(kind)
    if not settings.hotspots:
        return np.full((len(OFFENCES), count), 1.0 / count)
    common = np.minimum(rng.pareto(TAIL, count) + 1, TOP)
    busy = 0.3 + _town(streets, position)
    central = centrality(land, position)
    own = {rhythm: rng.normal(0, sd, count) for rhythm, (_, sd, _) in SPREAD.items()}
    rows = []
    for offence in OFFENCES:
        pull = np.array(PULL[offence.rhythm])[kind]
        steep, _, townward = SPREAD[offence.rhythm]
        setting = np.where(kind <= 2, busy**townward, (0.6 + 0.4 * central) * need ** min(townward, 1.0))
        mine = own[offence.rhythm] + rng.normal(0, 0.2, count)
        rows.append(pull * common**steep * setting * np.exp(mine))
    weight = np.stack(rows)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _addresses(
    streets: Streets, position: Floats, segment: Ints, junction: Ints, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """One to five points at each place, along its segment; the first carries the most."""
    number = rng.integers(1, ADDRESSES + 1, len(position))
    owner = np.repeat(np.arange(len(position)), number)
    first = np.repeat(np.cumsum(number) - number, number)
    order = np.arange(len(owner)) - first
    step = streets.nodes[streets.end[segment]] - streets.nodes[streets.start[segment]]
    way = (step / np.maximum(np.hypot(*step.T), 1.0)[:, None])[owner]
    reach = np.minimum(FRONTAGE_M, 0.24 * streets.length_m[segment])[owner]
    shift = np.where(order == 0, 0.0, rng.uniform(-1, 1, len(owner)) * reach)
    shift = np.where(junction[owner] >= 0, np.abs(shift), shift)
    share = 0.6**order
    share = share / np.bincount(owner, share)[owner]
    return owner, np.round(position[owner] + shift[:, None] * way), share

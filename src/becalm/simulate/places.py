"""The active micro-places: about 20,000 spots on streets and junctions that carry all the risk of the city.

Each place has a kind (a pub, a station, a school …), one to five addresses (the exact points at which things
are recorded) and for every offence a weight: its share of that offence in the whole city. Map points stand
for addresses as data.police.uk publishes them: each is moved to the nearest of a reduced set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pyproj import Transformer
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.geography import Land, centrality
from becalm.simulate.names import CRS
from becalm.simulate.settings import OFFENCES, Settings
from becalm.simulate.streets import Streets

KINDS: Final = ("nightlife", "high_street", "station", "school", "estate", "park", "residential")
SHARES: Final = (0.045, 0.15, 0.02, 0.045, 0.18, 0.04, 0.52)  # of the places

# How far each rhythm's offences are drawn to each kind of place, relative to each other.
KIND_WEIGHTS: Final = {
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
RISK_TAIL: Final = 1.8  # Pareto exponent of the common risk
LARGEST_RISK: Final = 60.0  # the common risk of a place is cut here
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
    deprivation = _deprivation(land, streets.middles, rng)
    town_level = _town_centrality(streets, streets.middles)
    kind, segment = _choose_segments(streets, settings.places, town_level, deprivation, rng)
    position, junction = _position_places(streets, kind, segment, rng)
    weight = _weigh_places(land, streets, position, kind, deprivation[segment], settings, rng)
    address_place, address_position, address_share = _place_addresses(
        streets, position, segment, junction, rng
    )
    lsoa = land.lsoa_at(position)
    # An address over the border moves back to its place: place and record would else name two areas.
    is_astray = land.lsoa_at(address_position) != lsoa[address_place]
    address_position[is_astray] = position[address_place[is_astray]]
    return Places(
        position, kind, segment, junction, lsoa, weight, address_place, address_position, address_share
    )


def _deprivation(land: Land, points: Floats, rng: np.random.Generator) -> Floats:
    """A smooth field about 1 over the city: some parts carry two or three times the risk of others."""
    homes = land.seeds[: len(land.cells)]
    knots = homes[rng.integers(len(homes), size=60)]
    heights = rng.normal(0, 1, len(knots))
    width = 0.12 * land.radius_m
    field = np.zeros(len(points))
    for knot, height in zip(knots, heights, strict=True):
        field += height * np.exp(-((points - knot) ** 2).sum(axis=1) / (2 * width**2))
    return np.asarray(np.exp(0.55 * (field - field.mean()) / max(float(field.std()), 1e-9)))


def _town_centrality(streets: Streets, points: Floats) -> Floats:
    """How much of a town centre each point is: the sizes of the centres, each fading with distance."""
    near, which = cKDTree(streets.centres).query(points, k=min(3, len(streets.centres)))
    size = streets.centre_size[which]
    reach = 160.0 + 900.0 * np.sqrt(size)
    return np.asarray((np.sqrt(size) * np.exp(-near / reach)).sum(axis=1))


def _choose_segments(
    streets: Streets, place_count: int, town_level: Floats, deprivation: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Which segments are active, and as what? Each segment holds one place at most."""
    count = len(streets.length_m)
    main = np.where(streets.is_main, 2.5, 1.0)
    kind_scores = (
        town_level**2 * main,
        town_level**1.5 * main,
        0.02 + town_level,
        np.ones(count),
        deprivation**2,
        np.ones(count),
        deprivation**0.5,
    )
    is_free = np.ones(count, dtype=bool)
    kinds, segments = [], []
    for k, number in enumerate(_count_per_kind(place_count)):
        score = np.log(np.maximum(kind_scores[k], 1e-12)) + rng.gumbel(size=count)
        chosen_segments = np.argsort(np.where(is_free, -score, np.inf), kind="stable")[:number]
        is_free[chosen_segments] = False
        segments.append(chosen_segments)
        kinds.append(np.full(number, k))
    return np.concatenate(kinds), np.concatenate(segments)


def _count_per_kind(total: int) -> list[int]:
    numbers = [int(total * share) for share in SHARES]
    numbers[-1] += total - sum(numbers)
    return numbers


def _position_places(
    streets: Streets, kind: Ints, segment: Ints, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Stations and half of the nightlife lie on a junction, the rest along the segment."""
    is_at_junction = (kind == KINDS.index("station")) | ((kind == 0) & (rng.random(len(kind)) < 0.5))
    along = np.where(is_at_junction, 0.0, rng.uniform(0.25, 0.75, len(kind)))[:, None]
    start, end = streets.nodes[streets.start[segment]], streets.nodes[streets.end[segment]]
    return np.round(start + along * (end - start)), np.where(is_at_junction, streets.start[segment], -1)


def _weigh_places(
    land: Land,
    streets: Streets,
    position: Floats,
    kind: Ints,
    deprivation: Floats,
    settings: Settings,
    rng: np.random.Generator,
) -> Floats:
    """Share of each offence at each place: kind, town centre, neighbourhood, and a risk of its own."""
    count = len(kind)
    if not settings.hotspots:
        return np.full((len(OFFENCES), count), 1.0 / count)
    common_risk = np.minimum(rng.pareto(RISK_TAIL, count) + 1, LARGEST_RISK)
    town_busyness = 0.3 + _town_centrality(streets, position)
    centrality_here = centrality(land, position)
    own_risk = {rhythm: rng.normal(0, sd, count) for rhythm, (_, sd, _) in SPREAD.items()}
    rows = []
    for offence in OFFENCES:
        kind_weight = np.array(KIND_WEIGHTS[offence.rhythm])[kind]
        tail_exponent, _, town_exponent = SPREAD[offence.rhythm]
        location_factor = np.where(
            kind <= 2,
            town_busyness**town_exponent,
            (0.6 + 0.4 * centrality_here) * deprivation ** min(town_exponent, 1.0),
        )
        own_log_risk = own_risk[offence.rhythm] + rng.normal(0, 0.2, count)
        rows.append(kind_weight * common_risk**tail_exponent * location_factor * np.exp(own_log_risk))
    weight = np.stack(rows)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _place_addresses(
    streets: Streets, position: Floats, segment: Ints, junction: Ints, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """One to five points at each place, along its segment; the first carries the most."""
    number = rng.integers(1, ADDRESSES + 1, len(position))
    owner = np.repeat(np.arange(len(position)), number)
    first = np.repeat(np.cumsum(number) - number, number)
    order = np.arange(len(owner)) - first
    step = streets.nodes[streets.end[segment]] - streets.nodes[streets.start[segment]]
    direction = (step / np.maximum(np.hypot(*step.T), 1.0)[:, None])[owner]
    reach = np.minimum(FRONTAGE_M, 0.24 * streets.length_m[segment])[owner]
    shift = np.where(order == 0, 0.0, rng.uniform(-1, 1, len(owner)) * reach)
    shift = np.where(junction[owner] >= 0, np.abs(shift), shift)
    share = 0.6**order
    share = share / np.bincount(owner, share)[owner]
    return owner, np.round(position[owner] + shift[:, None] * direction), share


PUBLISHED_SHARE: Final = 0.45  # of the segments; the rest have fewer than eight addresses on their own


@dataclass(frozen=True, slots=True)
class MapPoints:
    """The published points, and the one that stands for each address."""

    position: Floats
    longitude: tuple[str, ...]
    latitude: tuple[str, ...]
    street: tuple[str, ...]  # "On or near …"
    lsoa: Ints
    of_address: Ints


def build_map_points(land: Land, streets: Streets, places: Places, rng: np.random.Generator) -> MapPoints:
    """Which points are published, and which stands for each address? Only those that are used are kept."""
    published_segments = np.flatnonzero(rng.random(len(streets.length_m)) < PUBLISHED_SHARE)
    middles = streets.middles[published_segments]
    used_points, of_address = np.unique(
        cKDTree(middles).query(places.address_position)[1], return_inverse=True
    )
    segment, position = published_segments[used_points], middles[used_points]
    names = streets.names()
    longitude, latitude = to_wgs84(position)
    return MapPoints(
        position=position,
        longitude=tuple(f"{x:.6f}" for x in longitude),
        latitude=tuple(f"{y:.6f}" for y in latitude),
        street=tuple(f"On or near {names[i]}" for i in streets.street[segment]),
        lsoa=land.lsoa_at(position),
        of_address=of_address.astype(np.int64),
    )


def to_wgs84(points: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of points in the city's metres."""
    transformer = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    longitude, latitude = transformer.transform(points[:, 0], points[:, 1])
    return np.asarray(longitude), np.asarray(latitude)

"""The active micro-places: about 20,000 spots on streets and junctions that carry all the risk of the city.

Each place has a kind (a pub, a station, a school …), one to five addresses (the exact points at which things
are recorded) and for every offence a weight: its share of that offence in the whole city. Map points stand
for addresses as data.police.uk publishes them: each is moved to the nearest of a reduced set.
"""

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
    # A smooth field about 1 over the city: some parts carry two or three times the risk of others
    lsoa_points = land.seeds[: len(land.cells)]
    knot_points = lsoa_points[rng.integers(len(lsoa_points), size=60)]
    knot_heights = rng.normal(0, 1, len(knot_points))
    bump_width_m = 0.12 * land.radius_m
    deprivation_levels = np.zeros(len(streets.middles))
    for knot_point, knot_height in zip(knot_points, knot_heights, strict=True):
        deprivation_levels += knot_height * np.exp(
            -((streets.middles - knot_point) ** 2).sum(axis=1) / (2 * bump_width_m**2)
        )
    deprivation_of_segment = np.asarray(
        np.exp(
            0.55
            * (deprivation_levels - deprivation_levels.mean())
            / max(float(deprivation_levels.std()), 1e-9)
        )
    )
    town_level = _town_centrality(streets, streets.middles)
    kind, segment = _choose_segments(streets, settings.places, town_level, deprivation_of_segment, rng)
    place_xy_m, junction = _position_places(streets, kind, segment, rng)
    place_weights = _weigh_places(
        land, streets, place_xy_m, kind, deprivation_of_segment[segment], settings, rng
    )
    address_place, address_xy_m, address_share = _place_addresses(streets, place_xy_m, segment, junction, rng)
    lsoa_of_place = land.lsoa_at(place_xy_m)
    # An address over the border moves back to its place: place and record would else name two areas.
    is_address_astray = land.lsoa_at(address_xy_m) != lsoa_of_place[address_place]
    address_xy_m[is_address_astray] = place_xy_m[address_place[is_address_astray]]
    return Places(
        place_xy_m,
        kind,
        segment,
        junction,
        lsoa_of_place,
        place_weights,
        address_place,
        address_xy_m,
        address_share,
    )


def _town_centrality(streets: Streets, xy_m: Floats) -> Floats:
    """How much of a town centre each point is: the sizes of the centres, each fading with distance."""
    distance_m, centre_indices = cKDTree(streets.centres).query(xy_m, k=min(3, len(streets.centres)))
    centre_sizes = streets.centre_size[centre_indices]
    reach_m = 160.0 + 900.0 * np.sqrt(centre_sizes)
    return np.asarray((np.sqrt(centre_sizes) * np.exp(-distance_m / reach_m)).sum(axis=1))


def _choose_segments(
    streets: Streets, place_count: int, town_levels: Floats, deprivation: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Which segments are active, and as what? Each segment holds one place at most."""
    segment_count = len(streets.length_m)
    main_road_factors = np.where(streets.is_main, 2.5, 1.0)
    kind_scores = (
        town_levels**2 * main_road_factors,
        town_levels**1.5 * main_road_factors,
        0.02 + town_levels,
        np.ones(segment_count),
        deprivation**2,
        np.ones(segment_count),
        deprivation**0.5,
    )
    is_free_segment = np.ones(segment_count, dtype=bool)
    kind_parts, segment_parts = [], []
    kind_counts = [int(place_count * share) for share in SHARES]
    kind_counts[-1] += place_count - sum(kind_counts)
    for k, kind_count in enumerate(kind_counts):
        segment_scores = np.log(np.maximum(kind_scores[k], 1e-12)) + rng.gumbel(size=segment_count)
        chosen_segments = np.argsort(np.where(is_free_segment, -segment_scores, np.inf), kind="stable")[
            :kind_count
        ]
        is_free_segment[chosen_segments] = False
        segment_parts.append(chosen_segments)
        kind_parts.append(np.full(kind_count, k))
    return np.concatenate(kind_parts), np.concatenate(segment_parts)


def _position_places(
    streets: Streets, kinds: Ints, segment: Ints, rng: np.random.Generator
) -> tuple[Floats, Ints]:
    """Stations and half of the nightlife lie on a junction, the rest along the segment."""
    is_at_junction = (kinds == KINDS.index("station")) | ((kinds == 0) & (rng.random(len(kinds)) < 0.5))
    shares_along = np.where(is_at_junction, 0.0, rng.uniform(0.25, 0.75, len(kinds)))[:, None]
    start, end = streets.nodes[streets.start[segment]], streets.nodes[streets.end[segment]]
    return np.round(start + shares_along * (end - start)), np.where(
        is_at_junction, streets.start[segment], -1
    )


def _weigh_places(
    land: Land,
    streets: Streets,
    place_xy_m: Floats,
    kind_of_place: Ints,
    deprivation: Floats,
    settings: Settings,
    rng: np.random.Generator,
) -> Floats:
    """Share of each offence at each place: kind, town centre, neighbourhood, and a risk of its own."""
    place_count = len(kind_of_place)
    if not settings.hotspots:
        return np.full((len(OFFENCES), place_count), 1.0 / place_count)
    common_risks = np.minimum(rng.pareto(RISK_TAIL, place_count) + 1, LARGEST_RISK)
    town_busyness = 0.3 + _town_centrality(streets, place_xy_m)
    place_centrality = centrality(land, place_xy_m)
    risk_by_rhythm = {rhythm: rng.normal(0, sd, place_count) for rhythm, (_, sd, _) in SPREAD.items()}
    weight_rows = []
    for offence in OFFENCES:
        kind_weights = np.array(KIND_WEIGHTS[offence.rhythm])[kind_of_place]
        tail_exponent, _, town_exponent = SPREAD[offence.rhythm]
        location_factors = np.where(
            kind_of_place <= 2,
            town_busyness**town_exponent,
            (0.6 + 0.4 * place_centrality) * deprivation ** min(town_exponent, 1.0),
        )
        own_log_risk = risk_by_rhythm[offence.rhythm] + rng.normal(0, 0.2, place_count)
        weight_rows.append(
            kind_weights * common_risks**tail_exponent * location_factors * np.exp(own_log_risk)
        )
    raw_weights = np.stack(weight_rows)
    return np.asarray(raw_weights / raw_weights.sum(axis=1, keepdims=True))


def _place_addresses(
    streets: Streets, position: Floats, segments: Ints, junction_of_place: Ints, rng: np.random.Generator
) -> tuple[Ints, Floats, Floats]:
    """One to five points at each place, along its segment; the first carries the most."""
    address_counts = rng.integers(1, ADDRESSES + 1, len(position))
    place_of_address = np.repeat(np.arange(len(position)), address_counts)
    first_address = np.repeat(np.cumsum(address_counts) - address_counts, address_counts)
    order_in_place = np.arange(len(place_of_address)) - first_address
    segment_vector = streets.nodes[streets.end[segments]] - streets.nodes[streets.start[segments]]
    unit_vector = (segment_vector / np.maximum(np.hypot(*segment_vector.T), 1.0)[:, None])[place_of_address]
    reach_m = np.minimum(FRONTAGE_M, 0.24 * streets.length_m[segments])[place_of_address]
    shift_m = np.where(order_in_place == 0, 0.0, rng.uniform(-1, 1, len(place_of_address)) * reach_m)
    shift_m = np.where(junction_of_place[place_of_address] >= 0, np.abs(shift_m), shift_m)
    raw_share = 0.6**order_in_place
    raw_share = raw_share / np.bincount(place_of_address, raw_share)[place_of_address]
    return place_of_address, np.round(position[place_of_address] + shift_m[:, None] * unit_vector), raw_share


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
    middle_points = streets.middles[published_segments]
    used_indices, point_of_address = np.unique(
        cKDTree(middle_points).query(places.address_position)[1], return_inverse=True
    )
    segment_of_point, point_xy_m = published_segments[used_indices], middle_points[used_indices]
    street_names = streets.names()
    longitude, latitude = to_wgs84(point_xy_m)
    return MapPoints(
        position=point_xy_m,
        longitude=tuple(f"{x:.6f}" for x in longitude),
        latitude=tuple(f"{y:.6f}" for y in latitude),
        street=tuple(f"On or near {street_names[i]}" for i in streets.street[segment_of_point]),
        lsoa=land.lsoa_at(point_xy_m),
        of_address=point_of_address.astype(np.int64),
    )


def to_wgs84(points: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of points in the city's metres."""
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(points[:, 0], points[:, 1])
    return np.asarray(longitude), np.asarray(latitude)

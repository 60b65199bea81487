"""Map points, as data.police.uk publishes places: every address is moved to the nearest of a reduced set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pyproj import Transformer
from scipy.spatial import cKDTree

from becalm.methods.arrays import Floats, Ints
from becalm.simulate.columns import CRS
from becalm.simulate.geography import Land
from becalm.simulate.places import Places
from becalm.simulate.streets import Streets

KEPT_SHARE: Final = 0.45  # of the segments; the rest have fewer than eight addresses on their own


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
    kept = np.flatnonzero(rng.random(len(streets.length_m)) < KEPT_SHARE)
    middles = streets.middles[kept]
    used, of_address = np.unique(cKDTree(middles).query(places.address_position)[1], return_inverse=True)
    segment, position = kept[used], middles[used]
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

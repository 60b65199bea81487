"""Which columns of a new file are coordinates, and of which system?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import ProjError

from becalm.formats.cells import numbers
from becalm.formats.sheet import Sheet
from becalm.ingest.locate import Locator
from becalm.ingest.propose.column_profile import ROWS_LOOKED_AT, Look
from becalm.methods.arrays import Floats

X_NAMES: Final = re.compile(
    r"(^|[_\W])(lon|long|lng|longitude|easting|east|x|x_?coord\w*)([_\W]|$)", re.IGNORECASE
)
Y_NAMES: Final = re.compile(r"(^|[_\W])(lat|latitude|northing|north|y|y_?coord\w*)([_\W]|$)", re.IGNORECASE)
WGS84: Final = "EPSG:4326"
POINTS_TRIED: Final = 300
CANDIDATES_SHOWN: Final = 4
SURE: Final = 0.9  # of the points inside the city: no other system is looked for


@dataclass(frozen=True, slots=True)
class PlaceGuess:
    """The columns of x and y, the systems that put the points into the city (best first), and the proof."""

    x: str
    y: str
    crs: tuple[str, ...]
    inside_share: float
    points_share: float  # distinct points per row


def guess_place(sheet: Sheet, looks: Sequence[Look], locator: Locator) -> PlaceGuess | None:
    """Which columns hold coordinates, and which system puts them into the city?"""
    numeric = [look for look in looks if look.number_share > 0.95 and not look.reach]
    x = next((k.column for k in numeric if X_NAMES.search(k.column)), None)
    y = next((k.column for k in numeric if Y_NAMES.search(k.column)), None)
    if x is None or y is None:
        return None
    xs, _ = numbers(sheet.data[x].slice(0, ROWS_LOOKED_AT))
    ys, _ = numbers(sheet.data[y].slice(0, ROWS_LOOKED_AT))
    there = np.isfinite(xs) & np.isfinite(ys) & ~((xs == 0) & (ys == 0))
    if not there.any():
        return PlaceGuess(x, y, (), 0.0, 0.0)
    points = pd.DataFrame({"x": xs[there], "y": ys[there]})
    some = points.iloc[np.linspace(0, len(points) - 1, min(POINTS_TRIED, len(points))).astype(int)]
    crs, share = _systems(some["x"].to_numpy(), some["y"].to_numpy(), locator)
    return PlaceGuess(x, y, crs, share, float(len(points.drop_duplicates()) / len(points)))


def _systems(x: Floats, y: Floats, locator: Locator) -> tuple[tuple[str, ...], float]:
    """The systems under which most points fall into the city, the likeliest first."""
    degrees = bool((np.abs(x) <= 180).all() and (np.abs(y) <= 90).all())
    shares = {crs: _inside(x, y, crs, locator) for crs in ((WGS84,) if degrees else (locator.city.crs,))}
    if not degrees and max(shares.values()) < SURE:
        shares |= {crs: _inside(x, y, crs, locator) for crs in _local_systems(locator)}
    best = max(shares.values())
    if best == 0:
        return ((WGS84,) if degrees else ()), 0.0
    return tuple(crs for crs, share in shares.items() if share >= best - 0.01)[:CANDIDATES_SHOWN], best


def _inside(x: Floats, y: Floats, crs: str, locator: Locator) -> float:
    try:
        located = locator.locate(x, y, crs=crs)
    except ProjError:  # some systems of the register cannot be computed
        return 0.0
    return float((located.is_known & ~locator.is_outside_extent(located)).mean())


def _local_systems(locator: Locator) -> list[str]:
    """Every projected system of the register that is made for the city's surroundings."""
    west, south, east, north = locator.city.extent_m or locator.area_of_use_m
    back = Transformer.from_crs(locator.city.crs, WGS84, always_xy=True)
    box = back.transform_bounds(west, south, east, north)
    known = query_crs_info(
        auth_name="EPSG", pj_types=PJType.PROJECTED_CRS, area_of_interest=AreaOfInterest(*box), contains=True
    )
    return [f"EPSG:{info.code}" for info in known if not info.deprecated]

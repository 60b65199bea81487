"""From a source's coordinates to the workspace's metres, and to the borough that holds them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from becalm.methods.arrays import Bools, Floats, Ints, Objects
from becalm.terms import City, InputError

if TYPE_CHECKING:
    from becalm.tables import Boundaries

WGS84 = "EPSG:4326"
_SMALL_AREA_NUMBER = re.compile(r"\s+\d{3}[A-Z]$")  # "Westminster 013B": the small area within its district


@dataclass(frozen=True, slots=True)
class LocatedPoints:
    """Places in the workspace's CRS, as parallel arrays.

    `is_known` is False where the source gave no coordinates, (0, 0), or a point outside the area for which
    the CRS is made; eastings and northings are NaN there. `is_absent` marks those that gave none.
    """

    easting_m: Floats
    northing_m: Floats
    is_known: Bools
    is_absent: Bools


class Locator:
    """Transforms coordinates of any CRS into the city's, and names the borough of each point.

    Made once per command and shared by threads: all it holds is read-only after the first use.
    """

    def __init__(self, city: City, boundaries: Boundaries | None = None) -> None:
        self.city = city
        self.boundaries = boundaries

    @cached_property
    def key(self) -> str:
        """A hash of all that decides where a point is put: the city's facts and the shapes of its areas."""
        shapes = (
            ()
            if self.boundaries is None
            else zip(
                self.boundaries.names, shapely.to_wkb(list(self.boundaries.polygons), hex=True), strict=True
            )
        )
        return hashlib.sha256(repr((self.city, tuple(shapes))).encode()).hexdigest()

    @cached_property
    def area_of_use_m(self) -> tuple[float, float, float, float]:
        """Where may the city's CRS be used? (west, south, east, north) in its own metres."""
        crs = _crs(self.city.crs)
        if crs.area_of_use is None:
            return (-np.inf, -np.inf, np.inf, np.inf)
        return _transformer(WGS84, self.city.crs).transform_bounds(*crs.area_of_use.bounds, densify_pts=21)

    def locate(self, x: ArrayLike, y: ArrayLike, *, crs: str = WGS84) -> LocatedPoints:
        """Where are these points in the city's metres?

        `x` is the longitude or easting and `y` the latitude or northing, NaN where the source gave none.
        Hand over distinct coordinates where they repeat (see `distinct_points`): the transform is what costs.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        is_absent = np.isnan(x) & np.isnan(y)
        is_usable = np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0))
        easting, northing = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        transformer = _transformer(crs, self.city.crs)
        easting[is_usable], northing[is_usable] = transformer.transform(x[is_usable], y[is_usable])
        west, south, east, north = self.area_of_use_m
        with np.errstate(invalid="ignore"):
            is_known = (easting >= west) & (easting <= east) & (northing >= south) & (northing <= north)
        easting[~is_known], northing[~is_known] = np.nan, np.nan
        return LocatedPoints(easting, northing, is_known, is_absent)

    def boroughs(
        self, points: LocatedPoints, *, stated_boroughs: Sequence[str | None] | Objects | None = None
    ) -> Objects:
        """In which borough is each point? None where nobody can tell.

        By polygon where the workspace has boundaries; the borough that the record itself states
        (already a name: see `stated_borough`) fills what no polygon answers.
        """
        names = np.full(points.is_known.shape, None, dtype=object)
        if self.boundaries is not None:
            names = self._by_polygon(points, names)
        if stated_boroughs is None:
            return names
        return np.where(pd.isna(names), np.asarray(stated_boroughs, dtype=object), names)

    def stated_borough(self, words: str | None) -> str | None:
        """Which borough does a record mean by "Westminster 013B" or "westminster"?

        One of the city's own boroughs where it is one of them. Else the words without the small area's
        number, if they carry one or the city lists no boroughs: "Leeds 054D" is in Leeds, in any workspace.
        """
        if not words or not words.strip():
            return None
        stem = _SMALL_AREA_NUMBER.sub("", words.strip())
        names_an_area = stem != words.strip() or not self.city.boroughs
        return self._borough_names.get(_plain_name(stem), stem if names_an_area else None)

    def command_units(self, boroughs: Sequence[str | None] | Objects) -> Objects:
        """Which command unit polices each of these boroughs?"""
        units = {b.name: b.command_unit for b in self.city.boroughs}
        return np.array([units.get(name) if name else None for name in boroughs], dtype=object)

    def is_outside_extent(self, points: LocatedPoints) -> Bools:
        """Which known points lie outside the city's stated extent?"""
        if self.city.extent_m is None:
            return np.zeros(points.is_known.shape, dtype=np.bool_)
        west, south, east, north = self.city.extent_m
        x, y = points.easting_m, points.northing_m
        inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        return points.is_known & ~inside

    @cached_property
    def _borough_names(self) -> dict[str, str]:
        return {_plain_name(b.name): b.name for b in self.city.boroughs}

    @cached_property
    def _tree(self) -> shapely.STRtree:
        assert self.boundaries is not None
        return shapely.STRtree(list(self.boundaries.polygons))

    def _by_polygon(self, points: LocatedPoints, names: Objects) -> Objects:
        assert self.boundaries is not None
        rows = np.flatnonzero(points.is_known)
        shapes = shapely.points(points.easting_m[rows], points.northing_m[rows])
        point_index, area_index = self._tree.query(shapes, predicate="intersects")
        area_names = np.array(self.boundaries.names, dtype=object)
        order = np.argsort(-area_index)  # a point on a shared border belongs to the area listed first
        names[rows[point_index[order]]] = area_names[area_index[order]]
        return names


def distinct_points(x: Floats, y: Floats) -> tuple[Floats, Floats, Ints]:
    """The distinct (x, y) pairs, and for each row which of them it is (NaN counts as a value)."""
    x_codes, x_values = pd.factorize(x, use_na_sentinel=False)
    y_codes, y_values = pd.factorize(y, use_na_sentinel=False)
    pairs, distinct = pd.factorize(x_codes.astype(np.int64) * max(len(y_values), 1) + y_codes)
    columns, rows = np.divmod(distinct, max(len(y_values), 1))
    return np.asarray(x_values)[columns], np.asarray(y_values)[rows], pairs


def _plain_name(name: str) -> str:
    return " ".join(name.replace("&", "and").split()).casefold()


def _crs(name: str) -> CRS:
    try:
        return CRS.from_user_input(name)
    except CRSError as error:
        raise InputError(
            f"{name!r} is not a coordinate system that anybody knows. Write its EPSG code, e.g. EPSG:4326."
        ) from error


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(_crs(source), _crs(target), always_xy=True)

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

from becalm.formats.sheet import file_refusal
from becalm.methods.arrays import Bools, Floats, Ints, Objects
from becalm.terms import City, InputError

if TYPE_CHECKING:
    from becalm.tables import Boundaries

WGS84 = "EPSG:4326"
LEAST_OUTSIDE = 10  # points outside the city, before they can show that a file is another city's
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
        named_shapes = (
            ()
            if self.boundaries is None
            else zip(
                self.boundaries.names, shapely.to_wkb(list(self.boundaries.polygons), hex=True), strict=True
            )
        )
        return hashlib.sha256(repr((self.city, tuple(named_shapes))).encode()).hexdigest()

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
        lacks_coordinates = np.isnan(x) & np.isnan(y)
        is_usable = np.isfinite(x) & np.isfinite(y) & ~((x == 0) & (y == 0))
        easting_m, northing = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
        crs_transformer = _transformer(crs, self.city.crs)
        easting_m[is_usable], northing[is_usable] = crs_transformer.transform(x[is_usable], y[is_usable])
        west_m, south, east, north = self.area_of_use_m
        with np.errstate(invalid="ignore"):
            is_known = (easting_m >= west_m) & (easting_m <= east) & (northing >= south) & (northing <= north)
        easting_m[~is_known], northing[~is_known] = np.nan, np.nan
        return LocatedPoints(easting_m, northing, is_known, lacks_coordinates)

    def boroughs(
        self, points: LocatedPoints, *, stated_boroughs: Sequence[str | None] | Objects | None = None
    ) -> Objects:
        """In which borough is each point? None where nobody can tell.

        By polygon where the workspace has boundaries; the borough that the record itself states
        (already a name: see `stated_borough`) fills what no polygon answers.
        """
        row_names = np.full(points.is_known.shape, None, dtype=object)
        if self.boundaries is not None:
            row_names = self._by_polygon(points, row_names)
        if stated_boroughs is None:
            return row_names
        return np.where(pd.isna(row_names), np.asarray(stated_boroughs, dtype=object), row_names)

    def stated_borough(self, words: str | None) -> str | None:
        """Which borough does a record mean by "Westminster 013B" or "westminster"?

        One of the city's own boroughs where it is one of them. Else the words without the small area's
        number, if they carry one or the city lists no boroughs: "Leeds 054D" is in Leeds, in any workspace.
        """
        if not words or not words.strip():
            return None
        area_name = _SMALL_AREA_NUMBER.sub("", words.strip())
        is_area_name = area_name != words.strip() or not self.city.boroughs
        return self._borough_names.get(_plain_name(area_name), area_name if is_area_name else None)

    def command_units(self, boroughs: Sequence[str | None] | Objects) -> Objects:
        """Which command unit polices each of these boroughs?"""
        unit_by_borough = {b.name: b.command_unit for b in self.city.boroughs}
        return np.array([unit_by_borough.get(name) if name else None for name in boroughs], dtype=object)

    def is_outside_extent(self, points: LocatedPoints) -> Bools:
        """Which known points lie outside the city's stated extent?"""
        if self.city.extent_m is None:
            return np.zeros(points.is_known.shape, dtype=np.bool_)
        west_m, south_m, east_m, north_m = self.city.extent_m
        x, y = points.easting_m, points.northing_m
        is_inside_extent = (x >= west_m) & (x <= east_m) & (y >= south_m) & (y <= north_m)
        return points.is_known & ~is_inside_extent

    @cached_property
    def _borough_names(self) -> dict[str, str]:
        return {_plain_name(b.name): b.name for b in self.city.boroughs}

    @cached_property
    def _tree(self) -> shapely.STRtree:
        assert self.boundaries is not None
        return shapely.STRtree(list(self.boundaries.polygons))

    def _by_polygon(self, points: LocatedPoints, borough_of_point: Objects) -> Objects:
        assert self.boundaries is not None
        located_indices = np.flatnonzero(points.is_known)
        point_shapes = shapely.points(points.easting_m[located_indices], points.northing_m[located_indices])
        point_index, area_index = self._tree.query(point_shapes, predicate="intersects")
        area_names = np.array(self.boundaries.names, dtype=object)
        area_order = np.argsort(-area_index)  # a point on a shared border belongs to the area listed first
        borough_of_point[located_indices[point_index[area_order]]] = area_names[area_index[area_order]]
        return borough_of_point


def check_city(
    file_name: str, is_inside: Bools, locator: Locator, *, allow_outside: bool, stated_city: str | None = None
) -> None:
    """Refuse records of another city with one clear word, instead of row by row.

    `is_inside` says of every row with coordinates whether it lies in the city; `stated_city` is the shipped
    city that the records are said to be of.
    """
    outside_count, city = int((~is_inside).sum()), locator.city
    is_other_city = stated_city not in (None, city.key)
    least_count = 1 if is_other_city else LEAST_OUTSIDE
    if allow_outside or outside_count < least_count or 2 * outside_count <= len(is_inside):
        return
    other_city_remedy = f"make a workspace for their city: `becalm init DIR --city {stated_city}`"
    if not is_other_city:
        other_city_remedy = (
            "make a workspace for their city (`becalm ingest map FILE` proposes its city file)"
        )
    raise file_refusal(
        file_name,
        f"has {outside_count:,} of {len(is_inside):,} points outside {city.name} ({city.crs})",
        f"{other_city_remedy}; or give `allow_outside` to load them here",
    )


def distinct_points(x: Floats, y: Floats) -> tuple[Floats, Floats, Ints]:
    """The distinct (x, y) pairs, and for each row which of them it is (NaN counts as a value)."""
    x_codes, x_values = pd.factorize(x, use_na_sentinel=False)
    y_codes, y_values = pd.factorize(y, use_na_sentinel=False)
    pair_of_row, pair_codes = pd.factorize(x_codes.astype(np.int64) * max(len(y_values), 1) + y_codes)
    x_indices, y_indices = np.divmod(pair_codes, max(len(y_values), 1))
    return np.asarray(x_values)[x_indices], np.asarray(y_values)[y_indices], pair_of_row


def _plain_name(area_name: str) -> str:
    return " ".join(area_name.replace("&", "and").split()).casefold()


def _crs(name: str) -> CRS:
    try:
        return CRS.from_user_input(name)
    except CRSError as error:
        raise InputError(
            f"{name!r} is not a coordinate system that anybody knows. Write its EPSG code, e.g. EPSG:4326."
        ) from error


@lru_cache(maxsize=32)
def _transformer(source_crs: str, target_crs: str) -> Transformer:
    return Transformer.from_crs(_crs(source_crs), _crs(target_crs), always_xy=True)

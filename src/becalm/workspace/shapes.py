"""Reads the user's own boundary file, of any format and coordinate system, and picks the boroughs in it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.errors import GEOSException

from becalm.terms import Fault, InputError

FORMATS = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".gml", ".kml")
AREAS = ("Polygon", "MultiPolygon")
LEAST_CONFIDENCE = 70  # per cent, below which a coordinate system described in words is taken as described


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of areas: `frame` has a coordinate system, `name` is what the user calls it."""

    name: str
    frame: gpd.GeoDataFrame

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that hold text."""
        frame = self.frame.drop(columns="geometry")
        return tuple(c for c in frame.columns if all(isinstance(v, str) for v in frame[c].dropna()))

    def values(self, attribute: str) -> tuple[str, ...]:
        """What the attribute says of each feature, "" where nothing."""
        return tuple(v.strip() if isinstance(v, str) else "" for v in self.frame[attribute])


def read_layers(
    path: Path, crs: str | None = None, *, crs_field: str = "boundaries_crs"
) -> tuple[Layer, ...]:
    """Which layers of areas does this file hold? `crs` speaks for a file that states none.

    `crs_field` is the field of the request that says the coordinate system. Raises InputError where there is
    no such file, it is of no known format, holds no areas, or states no coordinate system (or one in which
    its coordinates make no sense).
    """
    if not path.is_file():
        raise InputError(f"There is no boundary file {path}. Give a GeoJSON, GeoPackage or shapefile.")
    layers = []
    for name, source in _sources(path):
        try:
            for layer, kind in pyogrio.list_layers(source):
                if kind is None or "Polygon" in kind or kind in ("Unknown", "GeometryCollection"):
                    frame = _read(source, layer, path)
                    if isinstance(frame, gpd.GeoDataFrame) and len(frame):
                        layers.append(Layer(name or str(layer), _state_crs(frame, path, crs, crs_field)))
        except (DataSourceError, DataLayerError) as error:
            raise InputError(
                f"{path.name} cannot be read as boundaries: {error}. Give a GeoJSON, a GeoPackage, or a "
                "shapefile with its .shx, .dbf and .prj beside it (or all of them in one zip)."
            ) from error
    if not layers:
        raise InputError(f"{path.name} holds no areas. Give a file with one polygon for each borough.")
    return tuple(layers)


def _read(source: str, layer: str, path: Path) -> gpd.GeoDataFrame:
    try:
        return pyogrio.read_dataframe(source, layer=layer)
    except GEOSException as error:
        raise InputError(
            f"{path.name} holds a shape with missing or broken coordinates ({error}). Mend it in your GIS "
            "(Check Validity), or remove the feature."
        ) from error


def _sources(path: Path) -> list[tuple[str, str]]:
    """Every dataset in the file: the file itself, or those inside a zip."""
    if not zipfile.is_zipfile(path):
        return [("", str(path))]
    with zipfile.ZipFile(path) as archive:
        members = sorted(m for m in archive.namelist() if m.lower().endswith(FORMATS))
    if not members:
        raise InputError(
            f"{path.name} holds no boundary file ({', '.join(FORMATS)}). Put the shapefile and its "
            ".shx, .dbf and .prj into the zip."
        )
    return [(Path(member).stem, f"/vsizip/{path.resolve()}/{member}") for member in members]


def _state_crs(frame: gpd.GeoDataFrame, path: Path, crs: str | None, crs_field: str) -> gpd.GeoDataFrame:
    if crs is not None:
        frame = frame.set_crs(_parse_crs(crs), allow_override=True)
    elif frame.crs is None:
        raise InputError(
            f"{path.name} does not say which coordinate system it is in (a shapefile says so in its .prj). "
            f"Add `{crs_field}`, e.g. `{crs_field} EPSG:4326`."
        )
    else:
        epsg_code = frame.crs.to_epsg(min_confidence=LEAST_CONFIDENCE)
        frame = frame.set_crs(CRS.from_epsg(epsg_code), allow_override=True) if epsg_code else frame
    west, south, east, north = frame.total_bounds
    if frame.crs.is_geographic and not isfinite(west + south + east + north):
        raise InputError(
            f"{path.name} has no shape in it: its features are empty. Draw them, or remove them."
        )
    if frame.crs.is_geographic and not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InputError(
            f"{path.name} says it is in degrees, but its coordinates reach from {west:g}, {south:g} to "
            f"{east:g}, {north:g}. Say which system they are in with `{crs_field}`, e.g. EPSG:27700."
        )
    return frame


def _parse_crs(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(f"{crs!r} is not a coordinate system. Write it as e.g. EPSG:27700.") from error


def pick_attribute(
    layers: Sequence[Layer], boroughs: Sequence[str], attribute: str | None, file: str
) -> tuple[Layer, str]:
    """Which layer holds the boroughs, and which attribute their names?

    The attribute whose values are the city's borough names, exactly, for at least half of them. Where
    the city names no boroughs: the one text attribute that tells all features apart. Raises InputError where
    no attribute, or more than one, will do; the faults list the attributes that there are.
    """
    candidates = [(layer, name) for layer in layers for name in layer.attributes if attribute in (None, name)]
    if attribute is not None and not candidates:
        raise InputError(f"{file} has no text attribute {attribute!r}.", _list_attributes(layers, boroughs))
    if boroughs:
        for layer, name in sorted(candidates, key=lambda c: _fit(c[0].values(c[1]), boroughs), reverse=True):
            if attribute or 2 * _fit(layer.values(name), boroughs)[0] >= len(boroughs):
                return layer, name
        raise InputError(
            f"No attribute of {file} holds the names of the city's {len(boroughs)} boroughs "
            f"({', '.join(boroughs[:3])} ...). Name the right one with `boundaries_name`, or the right city "
            "with `city`.",
            _list_attributes(layers, boroughs),
        )
    telling = [c for c in candidates if attribute or _tells_apart(c[0].values(c[1]))]
    if len(telling) == 1:
        return telling[0]
    raise InputError(
        f"{len(telling)} attributes of {file} could be the names of its areas. "
        "Name the right one with `boundaries_name`.",
        _list_attributes(layers, boroughs),
    )


def _fit(values: Sequence[str], boroughs: Sequence[str]) -> tuple[int, int]:
    """How many boroughs are named, and (less is better) how many features beyond one for each."""
    matches = [value for value in values if value in boroughs]
    return len(set(matches)), len(set(matches)) - len(matches)


def _tells_apart(values: Sequence[str]) -> bool:
    return "" not in values and len(set(values)) == len(values)


def _list_attributes(layers: Sequence[Layer], boroughs: Sequence[str]) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            f"layer {layer.name}",
            f"attribute {name!r} holds {', '.join(sorted(set(layer.values(name)))[:3])} ... "
            f"({_fit(layer.values(name), boroughs)[0]} are boroughs of the city)",
            f"`boundaries_name {name}`",
        )
        for layer in layers
        for name in layer.attributes
    )

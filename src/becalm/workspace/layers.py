"""The layers of areas or lines in the user's own file, of any format and coordinate system."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.errors import GEOSException

from becalm.methods.arrays import Shapes
from becalm.methods.map_projection import project_shapes
from becalm.terms import Fault, InputError, load_extra

GEOJSON_ENDINGS = (".geojson", ".json")
FORMATS = (*GEOJSON_ENDINGS, ".gpkg", ".shp", ".fgb", ".gml", ".kml")
LEAST_CONFIDENCE = 70  # per cent, below which a coordinate system described in words is taken as described


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a file: `name` is what the user calls it; each shape has a row of the table.

    `crs` is the coordinate system, None where the file states none.
    """

    name: str
    table: pd.DataFrame
    shapes: Shapes
    crs: CRS | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes that hold text."""
        table = self.table
        return tuple(c for c in table.columns if all(isinstance(v, str) for v in table[c].dropna()))

    def values(self, attribute: str) -> tuple[str, ...]:
        """What the attribute says of each feature, "" where nothing."""
        return tuple(v.strip() if isinstance(v, str) else "" for v in self.table[attribute])

    def project(self, crs: str) -> Shapes:
        """The shapes in another coordinate system, None where there is none, without heights."""
        return project_shapes(self.shapes, self.crs or crs, crs)


def read_layers(
    path: Path, crs: str | None = None, *, crs_field: str = "boundaries_crs"
) -> tuple[Layer, ...]:
    """Which layers of areas does this file hold? `crs` speaks for a file that states none.

    `crs_field` is the field of the request that says the coordinate system. Raises InputError where there is
    no such file, it is of no known format, holds no areas, or states no coordinate system (or one in which
    its coordinates make no sense).
    """
    file_layers = []
    for name, source_path in _sources(path):
        try:
            file_layers += [
                _state_crs(replace(layer, name=name or layer.name), path, crs, crs_field)
                for layer in read_shapes(source_path, path, "Polygon")
            ]
        except RuntimeError as error:  # GDAL's own word for a file that it cannot read
            raise InputError(
                f"{path.name} cannot be read as boundaries: {error}. Give a GeoJSON, a GeoPackage, or a "
                "shapefile with its .shx, .dbf and .prj beside it (or all of them in one zip)."
            ) from error
        except GEOSException as error:
            raise InputError(
                f"{path.name} holds a shape with missing or broken coordinates ({error}). Repair it in your "
                "GIS (Check Validity), or remove the feature."
            ) from error
    if not file_layers:
        raise InputError(f"{path.name} holds no areas. Give a file with one polygon for each borough.")
    return tuple(file_layers)


def _sources(path: Path) -> list[tuple[str, str]]:
    """Every dataset in the file: the file itself, or those inside a zip."""
    if not path.is_file():
        raise InputError(f"There is no boundary file {path}. Give a GeoJSON, GeoPackage or shapefile.")
    if not zipfile.is_zipfile(path):
        return [("", str(path))]
    with zipfile.ZipFile(path) as zip_archive:
        member_names = sorted(m for m in zip_archive.namelist() if m.lower().endswith(FORMATS))
    if not member_names:
        raise InputError(
            f"{path.name} holds no boundary file ({', '.join(FORMATS)}). Put the shapefile and its "
            ".shx, .dbf and .prj into the zip."
        )
    return [(Path(member).stem, f"/vsizip/{path.resolve()}/{member}") for member in member_names]


def read_shapes(source_path: str, path: Path, shape_kind: str = "") -> Iterator[Layer]:
    """Each layer with features that may hold such shapes; GeoJSON is read without GDAL too.

    Raises RuntimeError where the file cannot be read, GEOSException where a shape cannot.
    """
    if find_spec("pyogrio") is None and path.suffix.lower() in GEOJSON_ENDINGS:
        layer = _read_geojson(path)
        shape_types = set(shapely.get_type_id(layer.shapes).tolist())
        if len(layer.shapes) and (len(shape_types) > 1 or _may_hold(layer.shapes[0], shape_kind)):
            yield layer
        return
    pyogrio = load_extra("pyogrio", "geo", f"Reading {path.name}", "give it as GeoJSON")
    for name, kind in pyogrio.list_layers(source_path):
        if kind is None or shape_kind in kind or kind in ("Unknown", "GeometryCollection"):
            facts, _, shapes_wkb, columns = pyogrio.raw.read(source_path, layer=name)
            if shapes_wkb is not None and len(shapes_wkb):
                table = pd.DataFrame(dict(zip(facts["fields"], columns, strict=True)))
                crs = CRS.from_user_input(facts["crs"]) if facts["crs"] else None
                yield Layer(str(name), table, np.asarray(shapely.from_wkb(shapes_wkb), dtype=object), crs)


def _may_hold(shape: Any, shape_kind: str) -> bool:
    return shape is None or shape_kind in shape.geom_type or shape.geom_type == "GeometryCollection"


def _read_geojson(path: Path) -> Layer:
    try:
        collection = json.loads(path.read_bytes())
        features = collection["features"]
        crs_name = (collection.get("crs") or {}).get("properties", {}).get("name", "EPSG:4326")
        geometries = [f["geometry"] and json.dumps(f["geometry"]) for f in features]
        table = pd.DataFrame([f.get("properties") or {} for f in features], index=range(len(features)))
        shapes = np.asarray(shapely.from_geojson(np.array(geometries, dtype=object)), dtype=object)
        return Layer(path.stem, table, shapes, CRS.from_user_input(crs_name))
    except (ValueError, KeyError, TypeError, AttributeError, CRSError) as error:
        raise RuntimeError(f"it is not a GeoJSON feature collection ({error})") from error


def _state_crs(layer: Layer, path: Path, crs: str | None, crs_field: str) -> Layer:
    if crs is not None:
        try:
            file_crs = CRS.from_user_input(crs)
        except CRSError as error:
            raise InputError(f"{crs!r} is not a coordinate system. Write it as e.g. EPSG:27700.") from error
    elif layer.crs is None:
        raise InputError(
            f"{path.name} does not say which coordinate system it is in (a shapefile says so in its .prj). "
            f"Add `{crs_field}`, e.g. `{crs_field} EPSG:4326`."
        )
    else:
        epsg_code = layer.crs.to_epsg(min_confidence=LEAST_CONFIDENCE)
        file_crs = CRS.from_epsg(epsg_code) if epsg_code else layer.crs
    west_edge, south, east, north = shapely.total_bounds(layer.shapes)
    if file_crs.is_geographic and not isfinite(west_edge + south + east + north):
        raise InputError(
            f"{path.name} has no shape in it: its features are empty. Draw them, or remove them."
        )
    if file_crs.is_geographic and not (west_edge >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InputError(
            f"{path.name} says it is in degrees, but its coordinates reach from {west_edge:g}, {south:g} to "
            f"{east:g}, {north:g}. Say which system they are in with `{crs_field}`, e.g. EPSG:27700."
        )
    return replace(layer, crs=file_crs)


def pick_attribute(
    layers: Sequence[Layer], boroughs: Sequence[str], attribute: str | None, file: str
) -> tuple[Layer, str]:
    """Which layer holds the boroughs, and which attribute their names?

    The attribute whose values are the city's borough names, exactly, for at least half of them. Where
    the city names no boroughs: the one text attribute that tells all features apart. Raises InputError where
    no attribute, or more than one, will do; the faults list the attributes that there are.
    """
    attribute_candidates = [
        (layer, name) for layer in layers for name in layer.attributes if attribute in (None, name)
    ]
    if attribute is not None and not attribute_candidates:
        raise InputError(f"{file} has no text attribute {attribute!r}.", _list_attributes(layers, boroughs))
    if boroughs:
        for layer, name in sorted(
            attribute_candidates, key=lambda c: _fit(c[0].values(c[1]), boroughs), reverse=True
        ):
            if attribute or 2 * _fit(layer.values(name), boroughs)[0] >= len(boroughs):
                return layer, name
        raise InputError(
            f"No attribute of {file} holds the names of the city's {len(boroughs)} boroughs "
            f"({', '.join(boroughs[:3])} ...). Name the right one with `boundaries_name`, or the right city "
            "with `city`.",
            _list_attributes(layers, boroughs),
        )
    distinct_attributes = []
    for layer, name in attribute_candidates:
        area_names = layer.values(name)
        if attribute or ("" not in area_names and len(set(area_names)) == len(area_names)):
            distinct_attributes.append((layer, name))
    if len(distinct_attributes) == 1:
        return distinct_attributes[0]
    raise InputError(
        f"{len(distinct_attributes)} attributes of {file} could be the names of its areas. "
        "Name the right one with `boundaries_name`.",
        _list_attributes(layers, boroughs),
    )


def _fit(attribute_values: Sequence[str], boroughs: Sequence[str]) -> tuple[int, int]:
    """How many boroughs are named, and (less is better) how many features beyond one for each."""
    matched_names = [attribute_value for attribute_value in attribute_values if attribute_value in boroughs]
    return len(set(matched_names)), len(set(matched_names)) - len(matched_names)


def _list_attributes(layers: Sequence[Layer], borough_names: Sequence[str]) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            f"layer {layer.name}",
            f"attribute {attribute!r} holds {', '.join(sorted(set(layer.values(attribute)))[:3])} ... "
            f"({_fit(layer.values(attribute), borough_names)[0]} are boroughs of the city)",
            f"`boundaries_name {attribute}`",
        )
        for layer in layers
        for attribute in layer.attributes
    )

"""The workspace's boroughs as shapes: taken once from the user's own file, read back in metres."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from becalm.methods.map_projection import WGS84, project_shapes
from becalm.tables import Boundaries
from becalm.terms import City, Fault, InputError, WorkspaceError
from becalm.workspace.config import Workspace

if TYPE_CHECKING:
    from becalm.workspace.layers import Layer

MENDED_WITHIN = 0.01  # share of its area that mending a shape may change
DECIMALS = 9  # of a degree: a tenth of a millimetre


@dataclass(frozen=True, slots=True)
class BoundaryCopy:
    """What was taken from the user's file: GeoJSON text in WGS84, and what the user should know."""

    text: str
    names: tuple[str, ...]
    attribute: str
    file: str
    notes: tuple[str, ...]


def copy_boundaries(
    path: Path, city: City, *, attribute: str | None = None, crs: str | None = None
) -> BoundaryCopy:
    """Which shapes in this file are the city's boroughs?

    Areas that are not boroughs of the city are left out and named; a shape that crosses itself is
    repaired where that keeps its area, and reported. Raises InputError where the file cannot be read, no
    attribute names the boroughs, a borough has no usable shape, or all of them lie outside the city.
    """
    from becalm.workspace.layers import pick_attribute, read_layers  # pandas: half a second to load

    layer, name_attribute = pick_attribute(
        read_layers(path, crs), tuple(b.name for b in city.boroughs), attribute, path.name
    )
    boroughs = tuple(b.name for b in city.boroughs) or tuple(sorted(set(layer.values(name_attribute)) - {""}))
    polygons, mending_notes = _shapes(layer, name_attribute, boroughs, path.name)
    if not polygons:
        raise InputError(
            f"None of the areas named by {name_attribute!r} in {path.name} is a borough of {city.name}. "
            "Name the right attribute with `boundaries_name`, or the right city with `city`."
        )
    _check_location(polygons, city, path.name)
    copy_notes = (*mending_notes, *_name_notes(layer.values(name_attribute), boroughs, city))
    return BoundaryCopy(_geojson(polygons), tuple(sorted(polygons)), name_attribute, path.name, copy_notes)


def load_boundaries(workspace: Workspace) -> Boundaries | None:
    """The boroughs in the city's metres, in the order of their names; None where the user gave none.

    Raises WorkspaceError where the workspace's copy cannot be read.
    """
    boundaries_path = workspace.boundaries_path
    if not boundaries_path.is_file():
        return None
    try:
        geojson_features = json.loads(boundaries_path.read_text("utf-8"))["features"]
        shape_by_name = {
            str(f["properties"]["name"]): shapely.from_geojson(json.dumps(f["geometry"]))
            for f in geojson_features
        }
        area_names = tuple(sorted(shape_by_name))
        area_shapes = [shape_by_name[name] for name in area_names]
        area_polygons = tuple(map(_areas, project_shapes(area_shapes, WGS84, workspace.city.crs)))
        return Boundaries(names=area_names, polygons=area_polygons, crs=workspace.city.crs)
    except (ValueError, KeyError, TypeError, shapely.errors.GEOSException) as error:
        raise WorkspaceError(
            f"{boundaries_path} cannot be read as boundaries ({error}). It is becalm's own copy: "
            "make the workspace "
            "again with `becalm init` and the file of boundaries."
        ) from error


def _shapes(
    layer: Layer, name_attribute: str, borough_names: Sequence[str], file: str
) -> tuple[dict[str, BaseGeometry], tuple[str, ...]]:
    """The shape of each named area in WGS84, and a note on each that was mended."""
    faults: list[Fault] = []
    mending_notes: list[str] = []
    shapes_by_name: dict[str, list[BaseGeometry]] = {}
    shapes_wgs84 = layer.project(WGS84)
    for feature_number, (name, raw_shape, shape_wgs84) in enumerate(
        zip(layer.values(name_attribute), layer.shapes, shapes_wgs84, strict=True), start=1
    ):
        if name not in borough_names:
            continue
        fault = _shape_fault(raw_shape, shape_wgs84, f"{file}, feature {feature_number} ({name})")
        if fault is not None:
            faults.append(fault)
            continue
        if not raw_shape.is_valid:
            mending_notes.append(f"{name}: the shape {_reason(raw_shape)} and was repaired")
        shapes_by_name.setdefault(name, []).append(_areas(shape_wgs84))
    if faults:
        raise InputError(f"{file}: {len(faults)} shapes cannot be used, no workspace was made", tuple(faults))
    return {name: shapely.union_all(shapes) for name, shapes in shapes_by_name.items()}, tuple(mending_notes)


def _shape_fault(raw: BaseGeometry | None, shape_wgs84: BaseGeometry | None, where: str) -> Fault | None:
    if raw is None or shape_wgs84 is None or raw.is_empty:
        return Fault(where, "has no shape", "draw it, or remove the feature")
    if raw.geom_type not in ("Polygon", "MultiPolygon", "GeometryCollection"):
        return Fault(where, f"is a {raw.geom_type}, not an area", "give a polygon")
    if not np.isfinite(shapely.get_coordinates(shape_wgs84)).all():
        return Fault(where, "lies outside its coordinate system", "say the right one with `boundaries_crs`")
    if _areas(shape_wgs84).is_empty:
        return Fault(where, "has no area", "draw it again as a polygon")
    if not raw.is_valid and abs(_areas(raw).area - raw.area) > MENDED_WITHIN * _areas(raw).area:
        shape_problem = f"{_reason(raw)}, and repairing it would change its area"
        return Fault(where, shape_problem, "repair it in your GIS (Fix geometries)")
    return None


def _areas(shape: BaseGeometry) -> BaseGeometry:
    """The same area, valid, without stray lines and points."""
    if shape.is_valid and shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    polygon_pieces = shapely.get_parts(shapely.get_parts(shapely.make_valid(shape)))
    return shapely.union_all([p for p in polygon_pieces if p.geom_type in ("Polygon", "MultiPolygon")])


def _reason(shape: BaseGeometry) -> str:
    return f"is not sound ({shapely.is_valid_reason(shape)})"


def _check_location(shape_by_name: dict[str, BaseGeometry], city: City, file: str) -> None:
    west_m, south_m, east_m, north_m = shapely.total_bounds(
        project_shapes(list(shape_by_name.values()), WGS84, city.crs)
    )
    if not np.isfinite([west_m, south_m, east_m, north_m]).all():
        raise InputError(f"{file} lies outside the area of {city.crs}. Say its system with `boundaries_crs`.")
    if city.extent_m is None:
        return
    city_west_m, city_south_m, city_east_m, city_north_m = city.extent_m
    if west_m > city_east_m or east_m < city_west_m or south_m > city_north_m or north_m < city_south_m:
        raise InputError(
            f"{file} lies wholly outside {city.name}: eastings {west_m:.0f} to {east_m:.0f} m and northings "
            f"{south_m:.0f} to {north_m:.0f} m in {city.crs}. Check its coordinate system "
            "(`boundaries_crs`) or the city (`city`)."
        )


def _name_notes(layer_names: Sequence[str], borough_names: Sequence[str], city: City) -> tuple[str, ...]:
    missing_names = [name for name in borough_names if name not in layer_names]
    surplus_names = sorted(set(layer_names) - set(borough_names) - {""})
    name_notes = []
    for name in missing_names:
        similar_names = get_close_matches(name, surplus_names, 1, 0.5)
        hint_text = f" (the file has {similar_names[0]!r}; rename it and init again)" if similar_names else ""
        name_notes.append(f"{name}: no shape of this name in the file{hint_text}")
    if surplus_names:
        more_text = f" and {len(surplus_names) - 5} more" if len(surplus_names) > 5 else ""
        name_notes.append(f"left out, not boroughs of {city.name}: {', '.join(surplus_names[:5])}{more_text}")
    return tuple(name_notes)


def _geojson(shapes: dict[str, BaseGeometry]) -> str:
    geojson_features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": _round_floats(mapping(shapes[name]))}
        for name in sorted(shapes)
    ]
    feature_lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in geojson_features)
    return f'{{"type": "FeatureCollection", "features": [\n{feature_lines}\n]}}\n'


def _round_floats(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {json_key: _round_floats(json_value) for json_key, json_value in value.items()}
    return [_round_floats(json_value) for json_value in value] if isinstance(value, list | tuple) else value

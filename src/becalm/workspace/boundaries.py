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
from pyproj import Transformer
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from becalm.tables import Boundaries
from becalm.terms import City, Fault, InputError, WorkspaceError
from becalm.workspace.config import Workspace

if TYPE_CHECKING:
    from becalm.workspace.shapes import Layer

WGS84 = "EPSG:4326"
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
    mended where that keeps its area, and said so. Raises InputError where the file cannot be read, no
    attribute names the boroughs, a borough has no usable shape, or all of them lie outside the city.
    """
    from becalm.workspace.shapes import pick_attribute, read_layers  # geopandas: half a second to load

    layer, name_attribute = pick_attribute(
        read_layers(path, crs), tuple(b.name for b in city.boroughs), attribute, path.name
    )
    names = tuple(b.name for b in city.boroughs) or tuple(sorted(set(layer.values(name_attribute)) - {""}))
    shapes, mending_notes = _shapes(layer, name_attribute, names, path.name)
    if not shapes:
        raise InputError(
            f"None of the areas named by {name_attribute!r} in {path.name} is a borough of {city.name}. "
            "Name the right attribute with `boundaries_name`, or the right city with `city`."
        )
    _check_location(shapes, city, path.name)
    notes = (*mending_notes, *_name_notes(layer.values(name_attribute), names, city))
    return BoundaryCopy(_geojson(shapes), tuple(sorted(shapes)), name_attribute, path.name, notes)


def load_boundaries(workspace: Workspace) -> Boundaries | None:
    """The boroughs in the city's metres, in the order of their names; None where the user gave none.

    Raises WorkspaceError where the workspace's copy cannot be read.
    """
    path = workspace.boundaries_path
    if not path.is_file():
        return None
    try:
        features = json.loads(path.read_text("utf-8"))["features"]
        shapes = {
            str(f["properties"]["name"]): shapely.from_geojson(json.dumps(f["geometry"])) for f in features
        }
        names = tuple(sorted(shapes))
        polygons = tuple(map(_areas, _project([shapes[name] for name in names], workspace.city.crs)))
        return Boundaries(names=names, polygons=polygons, crs=workspace.city.crs)
    except (ValueError, KeyError, TypeError, shapely.errors.GEOSException) as error:
        raise WorkspaceError(
            f"{path} cannot be read as boundaries ({error}). It is becalm's own copy: make the workspace "
            "anew with `becalm init` and the file of boundaries."
        ) from error


def _shapes(
    layer: Layer, attribute: str, names: Sequence[str], file: str
) -> tuple[dict[str, BaseGeometry], tuple[str, ...]]:
    """The shape of each named area in WGS84, and a note on each that was mended."""
    faults: list[Fault] = []
    notes: list[str] = []
    parts: dict[str, list[BaseGeometry]] = {}
    degrees = layer.frame.geometry.to_crs(WGS84)
    for number, (name, raw, in_degrees) in enumerate(
        zip(layer.values(attribute), layer.frame.geometry, degrees, strict=True), start=1
    ):
        if name not in names:
            continue
        fault = _shape_fault(raw, in_degrees, f"{file}, feature {number} ({name})")
        if fault is not None:
            faults.append(fault)
            continue
        if not raw.is_valid:
            notes.append(f"{name}: the shape {_reason(raw)} and was mended")
        parts.setdefault(name, []).append(_areas(shapely.force_2d(in_degrees)))
    if faults:
        raise InputError(f"{file}: {len(faults)} shapes cannot be used, no workspace was made", tuple(faults))
    return {name: shapely.union_all(shapes) for name, shapes in parts.items()}, tuple(notes)


def _shape_fault(raw: BaseGeometry | None, in_degrees: BaseGeometry | None, where: str) -> Fault | None:
    if raw is None or in_degrees is None or raw.is_empty:
        return Fault(where, "has no shape", "draw it, or remove the feature")
    if raw.geom_type not in ("Polygon", "MultiPolygon", "GeometryCollection"):
        return Fault(where, f"is a {raw.geom_type}, not an area", "give a polygon")
    if not np.isfinite(shapely.get_coordinates(in_degrees)).all():
        return Fault(where, "lies outside its coordinate system", "say the right one with `boundaries_crs`")
    if _areas(in_degrees).is_empty:
        return Fault(where, "has no area", "draw it again as a polygon")
    if not raw.is_valid and abs(_areas(raw).area - raw.area) > MENDED_WITHIN * _areas(raw).area:
        problem = f"{_reason(raw)}, and mending it would change its area"
        return Fault(where, problem, "mend it in your GIS (Fix geometries)")
    return None


def _areas(shape: BaseGeometry) -> BaseGeometry:
    """The same area, valid, without stray lines and points."""
    if shape.is_valid and shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    pieces = shapely.get_parts(shapely.get_parts(shapely.make_valid(shape)))
    return shapely.union_all([p for p in pieces if p.geom_type in ("Polygon", "MultiPolygon")])


def _reason(shape: BaseGeometry) -> str:
    return f"is not sound ({shapely.is_valid_reason(shape)})"


def _project(shapes: Sequence[BaseGeometry], crs: str) -> list[BaseGeometry]:
    project = Transformer.from_crs(WGS84, crs, always_xy=True).transform
    return list(shapely.transform(list(shapes), lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1]))))


def _check_location(shapes: dict[str, BaseGeometry], city: City, file: str) -> None:
    west, south, east, north = shapely.total_bounds(_project(list(shapes.values()), city.crs))
    if not np.isfinite([west, south, east, north]).all():
        raise InputError(f"{file} lies outside the area of {city.crs}. Say its system with `boundaries_crs`.")
    if city.extent_m is None:
        return
    left, bottom, right, top = city.extent_m
    if west > right or east < left or south > top or north < bottom:
        raise InputError(
            f"{file} lies wholly outside {city.name}: eastings {west:.0f} to {east:.0f} m and northings "
            f"{south:.0f} to {north:.0f} m in {city.crs}. Check its coordinate system "
            "(`boundaries_crs`) or the city (`city`)."
        )


def _name_notes(values: Sequence[str], names: Sequence[str], city: City) -> tuple[str, ...]:
    missing = [name for name in names if name not in values]
    surplus = sorted(set(values) - set(names) - {""})
    notes = []
    for name in missing:
        near = get_close_matches(name, surplus, 1, 0.5)
        hint = f" (the file has {near[0]!r}; rename it and init again)" if near else ""
        notes.append(f"{name}: no shape of this name in the file{hint}")
    if surplus:
        ending = f" and {len(surplus) - 5} more" if len(surplus) > 5 else ""
        notes.append(f"left out, not boroughs of {city.name}: {', '.join(surplus[:5])}{ending}")
    return tuple(notes)


def _geojson(shapes: dict[str, BaseGeometry]) -> str:
    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": _round_floats(mapping(shapes[name]))}
        for name in sorted(shapes)
    ]
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def _round_floats(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _round_floats(inner) for key, inner in value.items()}
    return [_round_floats(inner) for inner in value] if isinstance(value, list | tuple) else value

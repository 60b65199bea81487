"""The user's own areas (beats, LSOAs, land to leave out), read from any file of polygons, in metres."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Bools, Shapes
from becalm.terms import Fault, InputError
from becalm.workspace.shapes import Layer, read_layers
from becalm.workspace.streets import check_faults

AREAS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
MOST_SHARED = 0.01  # of the smaller area: above this two areas overlap
LARGEST_DEGREE = 360.0
CRS_FIELD = "places_crs"


@dataclass(frozen=True, slots=True)
class OwnAreas:
    """Areas that do not overlap, in metres, each with its own name; in the order of the names."""

    names: tuple[str, ...]
    shapes: Shapes


def read_own_areas(path: Path, *, crs: str, id_column: str | None, file_crs: str | None = None) -> OwnAreas:
    """Which areas does this file hold, and what is each called?

    Without `id_column` the file's one column that tells all its areas apart names them. Raises InputError
    with every area that has no name, a name twice, no shape, an outline that crosses itself, or
    coordinates in another system than the rest; or that overlaps another.
    """
    (layer, *other_layers) = read_layers(path, file_crs, crs_field=CRS_FIELD)
    if other_layers:
        raise InputError(f"{path.name} holds {1 + len(other_layers)} layers of areas. Give a file with one.")
    column = _find_id_column(layer, id_column, path)
    names = [_text(v) for v in layer.frame[column]]
    where = [f"{path.name}: area {n} ({name or 'no name'})" for n, name in enumerate(names, start=1)]
    shapes = _read_shapes(layer.frame, crs, where, path)
    repeated = {name for name, n in Counter(names).items() if n > 1}
    faults = [
        Fault(w, "has no name", f"fill in {column!r}") for w, n in zip(where, names, strict=True) if not n
    ]
    faults += [
        Fault(f"{path.name}: {n}", "is the name of several areas", "name each once")
        for n in sorted(repeated - {""})
    ]
    faults += [] if faults else _overlaps(shapes, where)
    check_faults(path.name, faults)
    order = np.argsort(np.array(names))
    return OwnAreas(tuple(names[i] for i in order), shapes[order])


def read_land(path: Path, *, crs: str, file_crs: str | None = None) -> BaseGeometry:
    """All areas of this file as one shape, in metres; overlaps do not matter.

    Raises InputError as `read_own_areas` does for its shapes.
    """
    shapes = []
    for layer in read_layers(path, file_crs, crs_field=CRS_FIELD):
        where = [f"{path.name}: area {n}" for n in range(1, len(layer.frame) + 1)]
        shapes.append(_read_shapes(layer.frame, crs, where, path))
    return shapely.union_all(np.concatenate(shapes))


def _find_id_column(layer: Layer, id_column: str | None, path: Path) -> str:
    columns = [c for c in layer.frame.columns if c != "geometry"]
    if id_column is not None and id_column not in columns:
        raise InputError(f"{path.name} has no column {id_column!r}, but {', '.join(columns) or 'none'}.")
    telling = [c for c in columns if layer.frame[c].map(_text).nunique() == len(layer.frame)]
    if id_column is not None or len(telling) == 1:
        return id_column or telling[0]
    raise InputError(
        f"{len(telling)} columns of {path.name} could name its areas "
        f"({', '.join(telling or columns) or 'it has none'}). Name the right one with `id_column`."
    )


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _read_shapes(frame: geopandas.GeoDataFrame, crs: str, where: list[str], path: Path) -> Shapes:
    """The shapes in metres; refused together where any cannot be used."""
    raw = np.asarray(frame.geometry.array, dtype=object)
    shapes_m = np.asarray(
        shapely.force_2d(np.asarray(frame.geometry.to_crs(crs).array, dtype=object)), dtype=object
    )
    strays = (
        _in_degrees(raw)
        if not (frame.crs is not None and frame.crs.is_geographic)
        else np.zeros(len(raw), bool)
    )
    faults = []
    for shape, shape_m, is_stray, place in zip(raw, shapes_m, strays, where, strict=True):
        fault = _shape_fault(shape, shape_m, bool(is_stray), place)
        if fault is not None:
            faults.append(fault)
    check_faults(path.name, faults)
    return shapes_m


def _in_degrees(shapes: Shapes) -> Bools:
    """Which shapes of a file in metres have coordinates that can only be degrees, unlike the others?"""
    small = np.abs(np.nan_to_num(shapely.bounds(shapes), nan=np.inf)).max(axis=1) <= LARGEST_DEGREE
    return small if not small.all() else np.zeros(len(small), dtype=bool)


def _shape_fault(
    raw: BaseGeometry | None, shape_m: BaseGeometry | None, is_stray: bool, where: str
) -> Fault | None:
    if raw is None or shape_m is None or raw.is_empty:
        return Fault(where, "has no shape", "draw it, or remove the feature")
    if shapely.get_type_id(raw) not in AREAS:
        return Fault(where, f"is a {raw.geom_type}, not an area", "give a polygon")
    if is_stray:
        return Fault(where, "has degrees where the others have metres", "bring all to one coordinate system")
    if not np.isfinite(shapely.get_coordinates(shape_m)).all():
        return Fault(where, "lies outside its coordinate system", f"say the right one with `{CRS_FIELD}`")
    if not raw.is_valid:
        return Fault(
            where, f"is not sound ({shapely.is_valid_reason(raw)})", "mend it in your GIS (Fix geometries)"
        )
    if shape_m.area <= 0.0:
        return Fault(where, "has no area", "draw it again as a polygon")
    return None


def _overlaps(shapes: Shapes, where: list[str]) -> list[Fault]:
    own, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    own, other = own[own < other], other[own < other]
    shared = shapely.area(shapely.intersection(shapes[own], shapes[other]))
    smaller = np.minimum(shapely.area(shapes[own]), shapely.area(shapes[other]))
    overlaps = np.flatnonzero(shared > MOST_SHARED * smaller)
    return [
        Fault(
            where[own[k]],
            f"shares {shared[k]:,.0f} m2 with {where[other[k]]}",
            "let each lie in one area only",
        )
        for k in overlaps.tolist()
    ]

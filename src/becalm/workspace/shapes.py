"""The user's own areas and streets, read from files of any format and coordinate system, as shapes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Shapes
from becalm.methods.map_projection import project_shapes
from becalm.terms import Fault, InputError
from becalm.workspace.layers import Layer, read_layers, read_shapes
from becalm.workspace.streets import RawStreets, check_faults, read_raw_streets

AREA_TYPES = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
MOST_SHARED = 0.01  # of the smaller area: above this two areas overlap
LARGEST_DEGREE = 360.0
CRS_FIELD = "places_crs"


# --- areas with names of their own -------------------------------------------------------------------


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
    name_column = _find_id_column(layer, id_column, path)
    area_ids = [_text(v) for v in layer.table[name_column]]
    area_texts = [f"{path.name}: area {n} ({name or 'no name'})" for n, name in enumerate(area_ids, start=1)]
    area_shapes = _read_shapes(layer, crs, area_texts, path)
    repeated_names = {name for name, n in Counter(area_ids).items() if n > 1}
    area_faults = [
        Fault(w, "has no name", f"fill in {name_column!r}")
        for w, n in zip(area_texts, area_ids, strict=True)
        if not n
    ]
    area_faults += [
        Fault(f"{path.name}: {n}", "is the name of several areas", "name each once")
        for n in sorted(repeated_names - {""})
    ]
    area_faults += [] if area_faults else _overlaps(area_shapes, area_texts)
    check_faults(path.name, area_faults)
    name_order = np.argsort(np.array(area_ids))
    return OwnAreas(tuple(area_ids[i] for i in name_order), area_shapes[name_order])


def read_land(path: Path, *, crs: str, file_crs: str | None = None) -> BaseGeometry:
    """All areas of this file as one shape, in metres; overlaps do not matter.

    Raises InputError as `read_own_areas` does for its shapes.
    """
    land_shapes = []
    for layer in read_layers(path, file_crs, crs_field=CRS_FIELD):
        area_places = [f"{path.name}: area {n}" for n in range(1, len(layer.shapes) + 1)]
        land_shapes.append(_read_shapes(layer, crs, area_places, path))
    return shapely.union_all(np.concatenate(land_shapes))


def _find_id_column(layer: Layer, id_column: str | None, path: Path) -> str:
    column_names = list(layer.table.columns)
    if id_column is not None and id_column not in column_names:
        raise InputError(f"{path.name} has no column {id_column!r}, but {', '.join(column_names) or 'none'}.")
    distinct_columns = [c for c in column_names if layer.table[c].map(_text).nunique() == len(layer.table)]
    if id_column is not None or len(distinct_columns) == 1:
        return id_column or distinct_columns[0]
    raise InputError(
        f"{len(distinct_columns)} columns of {path.name} could name its areas "
        f"({', '.join(distinct_columns or column_names) or 'it has none'}). Name the right one with "
        "`id_column`."
    )


def _text(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _read_shapes(layer: Layer, crs: str, where: list[str], path: Path) -> Shapes:
    """The shapes in metres; refused together where any cannot be used."""
    raw_shapes, shapes_m = layer.shapes, layer.project(crs)
    # In a file in metres, coordinates that can only be degrees, unlike those of the other shapes, are stray.
    largest_coordinates = np.abs(np.nan_to_num(shapely.bounds(raw_shapes), nan=np.inf)).max(axis=1)
    is_in_degrees = largest_coordinates <= LARGEST_DEGREE
    if is_in_degrees.all() or (layer.crs is not None and layer.crs.is_geographic):
        is_in_degrees = np.zeros(len(raw_shapes), dtype=bool)
    faults = map(_shape_fault, raw_shapes, shapes_m, is_in_degrees.tolist(), where)
    check_faults(path.name, [fault for fault in faults if fault is not None])
    return shapes_m


def _shape_fault(
    raw: BaseGeometry | None, shape_m: BaseGeometry | None, is_stray: bool, where: str
) -> Fault | None:
    if raw is None or shape_m is None or raw.is_empty:
        return Fault(where, "has no shape", "draw it, or remove the feature")
    if shapely.get_type_id(raw) not in AREA_TYPES:
        return Fault(where, f"is a {raw.geom_type}, not an area", "give a polygon")
    if is_stray:
        return Fault(where, "has degrees where the others have metres", "bring all to one coordinate system")
    if not np.isfinite(shapely.get_coordinates(shape_m)).all():
        return Fault(where, "lies outside its coordinate system", f"say the right one with `{CRS_FIELD}`")
    if not raw.is_valid:
        problem_text = f"is not sound ({shapely.is_valid_reason(raw)})"
        return Fault(where, problem_text, "repair it in your GIS (Fix geometries)")
    if shape_m.area <= 0.0:
        return Fault(where, "has no area", "draw it again as a polygon")
    return None


def _overlaps(shapes: Shapes, area_places: list[str]) -> list[Fault]:
    index_pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first_index, second_index = index_pairs[:, index_pairs[0] < index_pairs[1]]
    shared_m2 = shapely.area(shapely.intersection(shapes[first_index], shapes[second_index]))
    smaller_m2 = np.minimum(shapely.area(shapes[first_index]), shapely.area(shapes[second_index]))
    overlap_indices = np.flatnonzero(shared_m2 > MOST_SHARED * smaller_m2)
    return [
        Fault(
            area_places[first_index[k]],
            f"shares {shared_m2[k]:,.0f} m2 with {area_places[second_index[k]]}",
            "let each lie in one area only",
        )
        for k in overlap_indices.tolist()
    ]


# --- streets ------------------------------------------------------------------------------------------

LAYER_ENDINGS = (".gpkg", ".geojson", ".json", ".shp", ".fgb")
GRAPH_ENDINGS = (".graphml", ".graphml.gz")
LINES = (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING)


def read_street_lines(path: Path, *, crs: str) -> Shapes:
    """Every street of this file as a line in metres of `crs`.

    GraphML gives each edge's `geometry` where it has one, else the straight line between its nodes.
    In the other formats features that are no lines are faults, and lines are
    cut wherever they cross (a bridge too is taken for a crossing).

    Raises InputError with everything that is wrong with the file.
    """
    file_name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no street file {path}. Give a GraphML, GeoPackage or GeoJSON network.")
    is_graph = file_name.endswith(GRAPH_ENDINGS)
    if is_graph:
        raw_lines, file_crs = _read_graph_lines(read_raw_streets(path), path)
    elif file_name.endswith(LAYER_ENDINGS):
        raw_lines, file_crs = _read_line_layer(path)
    else:
        endings_text = ", ".join((*GRAPH_ENDINGS, *LAYER_ENDINGS))
        raise InputError(f"{path.name}: streets are read from {endings_text}. Give one of these.")
    lines_m = _project(raw_lines, file_crs, crs, path)
    stray_indices = np.flatnonzero(~np.isfinite(shapely.bounds(lines_m)).all(axis=1))
    _check_streets(path, stray_indices, f"is outside {crs}", "correct its coordinates")
    # a line that passes a crossing is cut there; a graph has been cut already
    street_shapes = lines_m if is_graph else shapely.union_all(lines_m)
    return np.asarray(shapely.get_parts(street_shapes), dtype=object)


def _read_graph_lines(raw_streets: RawStreets, path: Path) -> tuple[Shapes, str]:
    if not len(raw_streets.start):
        raise InputError(f"{path.name} has no streets. Give a network with nodes and edges.")
    ends_xy = np.stack([raw_streets.xy[raw_streets.start], raw_streets.xy[raw_streets.end]], axis=1)
    street_lines = np.asarray(shapely.linestrings(ends_xy), dtype=object)
    bad_streets = []
    for street, wkt_text in enumerate(raw_streets.shapes):
        if wkt_text:
            try:
                street_lines[street] = shapely.from_wkt(wkt_text)
            except ShapelyError:
                bad_streets.append(street)
    _check_streets(path, bad_streets, "has a geometry that cannot be read", "write it as WKT")
    return street_lines, raw_streets.crs


def _read_line_layer(path: Path) -> tuple[Shapes, str]:
    try:
        layer = next(read_shapes(str(path), path), None)
    except (RuntimeError, ShapelyError) as error:
        raise InputError(f"{path.name} cannot be read as streets: {error}. Export it again.") from error
    if layer is None:
        raise InputError(f"{path.name} has no streets. Give a network of lines.")
    if layer.crs is None:
        raise InputError(f"{path.name} does not say which coordinate system it is in. Export it with one.")
    other_streets = np.flatnonzero(
        ~np.isin(shapely.get_type_id(layer.shapes), LINES) | shapely.is_empty(layer.shapes)
    )
    _check_streets(path, other_streets, "is not a line", "give a LineString or MultiLineString")
    return np.asarray(shapely.force_2d(layer.shapes), dtype=object), layer.crs.to_wkt()


def _project(lines: Shapes, file_crs: str, crs: str, path: Path) -> Shapes:
    try:
        return project_shapes(lines, file_crs, crs)
    except CRSError as error:
        raise InputError(f"{path.name} is in a coordinate system that is not known.") from error


def _check_streets(path: Path, streets: Iterable[int], problem: str, remedy: str) -> None:
    street_faults = [Fault(f"{path.name}: street {int(street) + 1}", problem, remedy) for street in streets]
    check_faults(path.name, street_faults)

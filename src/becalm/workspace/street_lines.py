"""The courses of streets as lines in metres, from GraphML, GeoPackage, GeoJSON or a shapefile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import Transformer
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError

from becalm.methods.arrays import Floats, Shapes
from becalm.terms import Fault, InputError
from becalm.workspace.streets import RawStreets, check_faults, read_raw_streets

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
    name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no street file {path}. Give a GraphML, GeoPackage or GeoJSON network.")
    is_graph = name.endswith(GRAPH_ENDINGS)
    if is_graph:
        lines, file_crs = _read_graph(read_raw_streets(path), path)
    elif name.endswith(LAYER_ENDINGS):
        lines, file_crs = _read_layer(path)
    else:
        endings = ", ".join((*GRAPH_ENDINGS, *LAYER_ENDINGS))
        raise InputError(f"{path.name}: streets are read from {endings}. Give one of these.")
    lines_m = _project(lines, file_crs, crs, path)
    strays = np.flatnonzero(~np.isfinite(shapely.bounds(lines_m)).all(axis=1))
    _check_streets(path, strays, f"lies nowhere in {crs}", "correct its coordinates")
    # a line that passes a crossing is cut there; a graph has been cut already
    pieces = lines_m if is_graph else shapely.union_all(lines_m)
    return np.asarray(shapely.get_parts(pieces), dtype=object)


def _read_graph(raw: RawStreets, path: Path) -> tuple[Shapes, str]:
    if not len(raw.start):
        raise InputError(f"{path.name} has no streets. Give a network with nodes and edges.")
    ends = np.stack([raw.xy[raw.start], raw.xy[raw.end]], axis=1)
    lines = np.asarray(shapely.linestrings(ends), dtype=object)
    unreadable = []
    for street, text in enumerate(raw.shapes):
        if text:
            try:
                lines[street] = shapely.from_wkt(text)
            except ShapelyError:
                unreadable.append(street)
    _check_streets(path, unreadable, "has a geometry that cannot be read", "write it as WKT")
    return lines, raw.crs


def _read_layer(path: Path) -> tuple[Shapes, str]:
    try:
        frame = pyogrio.read_dataframe(path)
    except (DataSourceError, DataLayerError) as error:
        raise InputError(f"{path.name} cannot be read as streets: {error}. Export it anew.") from error
    if not isinstance(frame, geopandas.GeoDataFrame) or not len(frame):
        raise InputError(f"{path.name} has no streets. Give a network of lines.")
    if frame.crs is None:
        raise InputError(f"{path.name} does not say which coordinate system it is in. Export it with one.")
    lines = np.asarray(frame.geometry.array, dtype=object)
    other_streets = np.flatnonzero(~np.isin(shapely.get_type_id(lines), LINES) | shapely.is_empty(lines))
    _check_streets(path, other_streets, "is no line", "give a LineString or MultiLineString")
    return np.asarray(shapely.force_2d(lines), dtype=object), frame.crs.to_wkt()


def _project(lines: Shapes, file_crs: str, crs: str, path: Path) -> Shapes:
    try:
        transformer = Transformer.from_crs(file_crs, crs, always_xy=True)
    except CRSError as error:
        raise InputError(f"{path.name} is in a coordinate system that is not known.") from error

    def project_points(points: Floats) -> Floats:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(lines, project_points), dtype=object)


def _check_streets(path: Path, streets: Iterable[int], problem: str, remedy: str) -> None:
    faults = [Fault(f"{path.name}: street {int(street) + 1}", problem, remedy) for street in streets]
    check_faults(path.name, faults)

"""The courses of streets as lines in metres, from GraphML, GeoPackage, GeoJSON or a shapefile."""

from __future__ import annotations

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
from becalm.workspace.streets import read_raw
from becalm.workspace.streets_graphml import RawStreets

DRAWN = (".gpkg", ".geojson", ".json", ".shp", ".fgb")
GRAPHS = (".graphml", ".graphml.gz")
LINES = (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING)
SHOWN = 20


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
    if name.endswith(GRAPHS):
        lines, written_in = _of_graph(read_raw(path), path)
    elif name.endswith(DRAWN):
        lines, written_in = _of_layer(path)
    else:
        known = ", ".join((*GRAPHS, *DRAWN))
        raise InputError(f"{path.name}: streets are read from {known}. Give one of these.")
    moved = _in_metres(lines, written_in, crs, path)
    lost = np.flatnonzero(~np.isfinite(shapely.bounds(moved)).all(axis=1))
    said = f"lies nowhere in {crs}", "correct its coordinates"
    _refuse(path, [_fault(path, i, *said) for i in lost.tolist()])
    # a line that passes a crossing is cut there; a graph has been cut already
    cut = moved if name.endswith(GRAPHS) else shapely.union_all(moved)
    return np.asarray(shapely.get_parts(cut), dtype=object)


def _of_graph(raw: RawStreets, path: Path) -> tuple[Shapes, str]:
    if not len(raw.start):
        raise InputError(f"{path.name} has no streets. Give a network with nodes and edges.")
    straight = np.asarray(
        shapely.linestrings(np.stack([raw.xy[raw.start], raw.xy[raw.end]], axis=1)), dtype=object
    )
    faults = []
    for i, text in enumerate(raw.drawn):
        if text:
            try:
                straight[i] = shapely.from_wkt(text)
            except ShapelyError:
                faults.append(_fault(path, i, "has a geometry that cannot be read", "write it as WKT"))
    _refuse(path, faults)
    return straight, raw.crs


def _of_layer(path: Path) -> tuple[Shapes, str]:
    try:
        frame = pyogrio.read_dataframe(path)
    except (DataSourceError, DataLayerError) as error:
        raise InputError(f"{path.name} cannot be read as streets: {error}. Export it anew.") from error
    if not isinstance(frame, geopandas.GeoDataFrame) or not len(frame):
        raise InputError(f"{path.name} has no streets. Give a network of lines.")
    if frame.crs is None:
        raise InputError(f"{path.name} does not say which coordinate system it is in. Export it with one.")
    lines = np.asarray(frame.geometry.array, dtype=object)
    bad = np.flatnonzero(~np.isin(shapely.get_type_id(lines), LINES) | shapely.is_empty(lines))
    said = "is no line", "give a LineString or MultiLineString"
    _refuse(path, [_fault(path, i, *said) for i in bad.tolist()])
    return np.asarray(shapely.force_2d(lines), dtype=object), frame.crs.to_wkt()


def _in_metres(lines: Shapes, written_in: str, crs: str, path: Path) -> Shapes:
    try:
        move = Transformer.from_crs(written_in, crs, always_xy=True)
    except CRSError as error:
        raise InputError(f"{path.name} is in a coordinate system that is not known.") from error

    def moved(points: Floats) -> Floats:
        return np.column_stack(move.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(lines, moved), dtype=object)


def _fault(path: Path, number: int, what: str, remedy: str) -> Fault:
    return Fault(f"{path.name}: street {int(number) + 1}", what, remedy)


def _refuse(path: Path, faults: list[Fault]) -> None:
    if faults:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(faults)} {noun}", tuple(faults[:SHOWN]))

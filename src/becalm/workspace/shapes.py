"""The user's own areas and streets, read from files of any format and coordinate system, as shapes."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.errors import GEOSException, ShapelyError
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Floats, Shapes
from becalm.terms import Fault, InputError, load_extra
from becalm.workspace.streets import RawStreets, check_faults, read_raw_streets

GEOJSON_ENDINGS = (".geojson", ".json")
FORMATS = (*GEOJSON_ENDINGS, ".gpkg", ".shp", ".fgb", ".gml", ".kml")
AREA_TYPES = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
MOST_SHARED = 0.01  # of the smaller area: above this two areas overlap
LARGEST_DEGREE = 360.0
CRS_FIELD = "places_crs"
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
    file_layers = []
    for name, source_path in _sources(path):
        try:
            for layer, frame in _read_frames(source_path, path, "Polygon"):
                if isinstance(frame, gpd.GeoDataFrame) and len(frame):
                    file_layers.append(Layer(name or layer, _state_crs(frame, path, crs, crs_field)))
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


def _read_frames(source_path: str, path: Path, shape: str = "") -> Iterator[tuple[str, pd.DataFrame]]:
    """Each layer that may hold such shapes, by its name; GeoJSON is read without GDAL too."""
    if find_spec("pyogrio") is None and path.suffix.lower() in GEOJSON_ENDINGS:
        yield path.stem, _read_geojson(path)
        return
    pyogrio = load_extra("pyogrio", "geo", f"Reading {path.name}", "give it as GeoJSON")
    for layer, kind in pyogrio.list_layers(source_path):
        if kind is None or shape in kind or kind in ("Unknown", "GeometryCollection"):
            yield str(layer), pyogrio.read_dataframe(source_path, layer=layer)


def _read_geojson(path: Path) -> gpd.GeoDataFrame:
    try:
        collection = json.loads(path.read_bytes())
        crs_name = (collection.get("crs") or {}).get("properties", {}).get("name", "EPSG:4326")
        return gpd.GeoDataFrame.from_features(collection["features"], crs=crs_name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RuntimeError(f"it is not a GeoJSON feature collection ({error})") from error


def _state_crs(frame: gpd.GeoDataFrame, path: Path, crs: str | None, crs_field: str) -> gpd.GeoDataFrame:
    if crs is not None:
        try:
            frame = frame.set_crs(CRS.from_user_input(crs), allow_override=True)
        except CRSError as error:
            raise InputError(f"{crs!r} is not a coordinate system. Write it as e.g. EPSG:27700.") from error
    elif frame.crs is None:
        raise InputError(
            f"{path.name} does not say which coordinate system it is in (a shapefile says so in its .prj). "
            f"Add `{crs_field}`, e.g. `{crs_field} EPSG:4326`."
        )
    else:
        epsg_code = frame.crs.to_epsg(min_confidence=LEAST_CONFIDENCE)
        frame = frame.set_crs(CRS.from_epsg(epsg_code), allow_override=True) if epsg_code else frame
    west_edge, south, east, north = frame.total_bounds
    if frame.crs.is_geographic and not isfinite(west_edge + south + east + north):
        raise InputError(
            f"{path.name} has no shape in it: its features are empty. Draw them, or remove them."
        )
    if frame.crs.is_geographic and not (west_edge >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InputError(
            f"{path.name} says it is in degrees, but its coordinates reach from {west_edge:g}, {south:g} to "
            f"{east:g}, {north:g}. Say which system they are in with `{crs_field}`, e.g. EPSG:27700."
        )
    return frame


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
    area_ids = [_text(v) for v in layer.frame[name_column]]
    area_texts = [f"{path.name}: area {n} ({name or 'no name'})" for n, name in enumerate(area_ids, start=1)]
    area_shapes = _read_shapes(layer.frame, crs, area_texts, path)
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
        area_places = [f"{path.name}: area {n}" for n in range(1, len(layer.frame) + 1)]
        land_shapes.append(_read_shapes(layer.frame, crs, area_places, path))
    return shapely.union_all(np.concatenate(land_shapes))


def _find_id_column(layer: Layer, id_column: str | None, path: Path) -> str:
    column_names = [c for c in layer.frame.columns if c != "geometry"]
    if id_column is not None and id_column not in column_names:
        raise InputError(f"{path.name} has no column {id_column!r}, but {', '.join(column_names) or 'none'}.")
    distinct_columns = [c for c in column_names if layer.frame[c].map(_text).nunique() == len(layer.frame)]
    if id_column is not None or len(distinct_columns) == 1:
        return id_column or distinct_columns[0]
    raise InputError(
        f"{len(distinct_columns)} columns of {path.name} could name its areas "
        f"({', '.join(distinct_columns or column_names) or 'it has none'}). Name the right one with "
        "`id_column`."
    )


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _read_shapes(layer_frame: gpd.GeoDataFrame, crs: str, where: list[str], path: Path) -> Shapes:
    """The shapes in metres; refused together where any cannot be used."""
    raw_shapes = np.asarray(layer_frame.geometry.array, dtype=object)
    projected_shapes = np.asarray(layer_frame.geometry.to_crs(crs).array, dtype=object)
    shapes_m = np.asarray(shapely.force_2d(projected_shapes), dtype=object)
    # In a file in metres, coordinates that can only be degrees, unlike those of the other shapes, are stray.
    largest_coordinate = np.abs(np.nan_to_num(shapely.bounds(raw_shapes), nan=np.inf)).max(axis=1)
    is_in_degrees = largest_coordinate <= LARGEST_DEGREE
    if is_in_degrees.all() or (layer_frame.crs is not None and layer_frame.crs.is_geographic):
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
        _, street_frame = next(_read_frames(str(path), path), ("", None))
    except RuntimeError as error:
        raise InputError(f"{path.name} cannot be read as streets: {error}. Export it again.") from error
    if not isinstance(street_frame, gpd.GeoDataFrame) or not len(street_frame):
        raise InputError(f"{path.name} has no streets. Give a network of lines.")
    if street_frame.crs is None:
        raise InputError(f"{path.name} does not say which coordinate system it is in. Export it with one.")
    street_lines = np.asarray(street_frame.geometry.array, dtype=object)
    other_streets = np.flatnonzero(
        ~np.isin(shapely.get_type_id(street_lines), LINES) | shapely.is_empty(street_lines)
    )
    _check_streets(path, other_streets, "is not a line", "give a LineString or MultiLineString")
    return np.asarray(shapely.force_2d(street_lines), dtype=object), street_frame.crs.to_wkt()


def _project(lines: Shapes, file_crs: str, crs: str, path: Path) -> Shapes:
    try:
        transformer = Transformer.from_crs(file_crs, crs, always_xy=True)
    except CRSError as error:
        raise InputError(f"{path.name} is in a coordinate system that is not known.") from error

    def project_points(points: Floats) -> Floats:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(lines, project_points), dtype=object)


def _check_streets(path: Path, streets: Iterable[int], problem: str, remedy: str) -> None:
    street_faults = [Fault(f"{path.name}: street {int(street) + 1}", problem, remedy) for street in streets]
    check_faults(path.name, street_faults)

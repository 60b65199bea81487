"""The map of the city for a browser: one file of tiles with its streets, boroughs and water.

It is made from what the workspace keeps, so that no map server outside is ever asked. What it was made of is
written in it; where that has changed, it is made again.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import shapely

from becalm.formats.durable_files import write_durably
from becalm.methods.arrays import Bools, Ints, Shapes
from becalm.methods.map_projection import WGS84, project_shapes
from becalm.render.vector_tiles import MapLayer, map_square, write_tile_archive
from becalm.terms import InputError, load_extra
from becalm.workspace.boundaries import load_boundaries
from becalm.workspace.config import WATER_FILE, Workspace
from becalm.workspace.place_names import find_street_file, read_named_streets

MAP_FILE: Final = "map.pmtiles"
ZOOMS: Final = range(8, 15)  # from the whole city to a street corner
LOCAL_ZOOM: Final = 12  # from here on every street is drawn, before it main roads alone
MAIN_NAME_ZOOM: Final = 12
LOCAL_NAME_ZOOM: Final = 14
MAIN_ROADS: Final = ("motorway", "trunk", "primary", "secondary", "tertiary")
VERSION: Final = "1"  # of what is drawn from the same files


def make_map(workspace: Workspace, report: Callable[[str], None] = print) -> Path | None:
    """Where is the map of this city? It is made first where it is missing or the files behind it changed.

    None where the workspace has neither streets nor boundaries: then there is nothing to draw. Raises
    InputError where the streets or the water cannot be read; DependencyError without the extra `web`.
    """
    source_paths = _source_paths(workspace)
    if not source_paths:
        return None
    map_path = workspace.path / MAP_FILE
    sources_sha256 = _hash_sources(source_paths)
    if read_map_facts(map_path).get("sources_sha256") == sources_sha256:
        return map_path
    report(f"Making the map from {', '.join(path.name for path in source_paths)} ...")
    layers = [layer for layer in _make_layers(workspace) if len(layer.shapes)]
    bounds = _bounds(layers)
    facts = {"name": workspace.city.name, "sources_sha256": sources_sha256}
    square_layers = [replace(layer, shapes=map_square(layer.shapes)) for layer in layers]
    write_durably(map_path, write_tile_archive(square_layers, ZOOMS, bounds=bounds, facts=facts))
    return map_path


def read_map_facts(map_path: Path) -> Mapping[str, str]:
    """What does the map say that it was made of? Nothing where there is none, or it cannot be read."""
    reader = load_extra("pmtiles.reader", "web", "A map in the browser")
    tile = load_extra("pmtiles.tile", "web", "A map in the browser")
    read_errors = (OSError, ValueError, LookupError, EOFError, zlib.error, tile.MagicNumberNotFound)
    if not map_path.is_file():
        return {}
    try:
        with map_path.open("rb") as map_file:
            facts = reader.Reader(reader.MmapSource(map_file)).metadata()
    except (*read_errors, tile.SpecVersionUnsupported):  # cut short, or none: it is made again
        return {}
    return {name: str(value) for name, value in facts.items()} if isinstance(facts, dict) else {}


def _source_paths(workspace: Workspace) -> list[Path]:
    paths = [find_street_file(workspace), workspace.boundaries_path, workspace.path / WATER_FILE]
    return [path for path in paths if path is not None and path.is_file()]


def _hash_sources(paths: list[Path]) -> str:
    digest = sha256(VERSION.encode())
    for path in paths:
        digest.update(path.name.encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _make_layers(workspace: Workspace) -> list[MapLayer]:
    """Water below, then streets, then the outlines and names of boroughs; in degrees."""
    layers = []
    water_path, street_path = workspace.path / WATER_FILE, find_street_file(workspace)
    if water_path.is_file():
        layers.append(_make_layer("water", _read_water(water_path)))
    if street_path is not None:
        layers.append(_make_streets(street_path, workspace.city.crs))
    boundaries = load_boundaries(workspace)
    if boundaries is not None:
        areas = project_shapes(boundaries.polygons, boundaries.crs, WGS84)
        names = np.array(boundaries.names, dtype=object)
        # A border that two boroughs share is drawn once.
        boundary_lines = shapely.get_parts(shapely.line_merge(shapely.union_all(shapely.boundary(areas))))
        layers.append(_make_layer("boroughs", boundary_lines))
        layers.append(_make_layer("borough_names", shapely.point_on_surface(areas), names))
    return layers


def _make_streets(path: Path, crs: str) -> MapLayer:
    streets = read_named_streets(path, crs=crs)
    is_main = np.array([_is_main(kind) for kind in streets.road_kinds], dtype=bool)
    lines, street = shapely.get_parts(project_shapes(streets.lines, crs, WGS84), return_index=True)
    names = np.array(streets.names, dtype=object)[street]
    return _make_layer("streets", lines, names, is_main=is_main[street])


def _is_main(road_kind: str) -> bool:
    """Is this `highway` tag that of a main road, or of a slip road to one?

    >>> _is_main("primary"), _is_main("['trunk_link', 'residential']"), _is_main("residential")
    (True, True, False)
    """
    first_kind = road_kind.strip("[]'\" ").partition("'")[0]
    return first_kind.removesuffix("_link") in MAIN_ROADS


def _make_layer(
    name: str, shapes: Shapes, names: Shapes | None = None, *, is_main: Bools | None = None
) -> MapLayer:
    """A layer whose shapes are drawn from the first zoom; of streets the main ones alone."""
    is_always = np.ones(len(shapes), dtype=bool) if is_main is None else is_main
    first_zooms: Ints = np.where(is_always, ZOOMS.start, LOCAL_ZOOM).astype(np.int64)
    name_zooms = first_zooms if is_main is None else np.where(is_main, MAIN_NAME_ZOOM, LOCAL_NAME_ZOOM)
    kinds = ["main" if main else "local" for main in is_always.tolist()] if is_main is not None else []
    return MapLayer(
        name,
        shapes,
        kinds or [name] * len(shapes),
        [""] * len(shapes) if names is None else names.tolist(),
        first_zooms,
        name_zooms.astype(np.int64),
    )


def _read_water(path: Path) -> Shapes:
    """The areas of water, in degrees. Raises InputError where the file is no GeoJSON of areas."""
    try:
        features = json.loads(path.read_text("utf-8"))["features"]
        water_shapes = [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features]
        water_parts = shapely.get_parts(np.array(water_shapes, dtype=object))
    except (OSError, ValueError, KeyError, TypeError, shapely.errors.GEOSException) as error:
        raise InputError(
            f"{path.name} cannot be read as water ({error}). Give a GeoJSON of areas in WGS84, or remove it."
        ) from error
    areas = [
        part for part in water_parts if part.geom_type == "Polygon" and part.is_valid and not part.is_empty
    ]
    return np.array(areas, dtype=object)


def _bounds(layers: list[MapLayer]) -> list[float]:
    """West, south, east and north of all that is drawn, in degrees."""
    layer_bounds = np.array([shapely.total_bounds(layer.shapes) for layer in layers])
    return [*layer_bounds[:, :2].min(axis=0).tolist(), *layer_bounds[:, 2:].max(axis=0).tolist()]

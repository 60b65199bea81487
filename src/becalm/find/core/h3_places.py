"""H3 cells as places: over a region, or under the records. H3 is an optional extra."""

from types import ModuleType

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from becalm.find.core.build_places import (
    FOOTPRINT,
    INSIDE,
    MOST_TILES,
    build_land_places,
    check_region,
    clip_places,
    footprint_mask,
)
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Floats, Shapes
from becalm.methods.place_set import PlaceSet
from becalm.tables import PointCounts
from becalm.terms import DependencyError, UsageError

FINEST = 13  # cells of 44 square metres
COARSEST = 5
WGS84 = "EPSG:4326"


def build_h3_places(
    counts: PointCounts, targets: Targets, boundary: BaseGeometry | None, resolution: int, *, crs: str
) -> PlaceSet:
    """The cells that have land inside the boundary, else those that hold a record of any offence."""
    if boundary is None:
        mask = footprint_mask(counts, targets)
        cell_names, outlines = h3_under(counts.easting_m[mask], counts.northing_m[mask], resolution, crs=crs)
    else:
        _check_cell_number(boundary, resolution)
        cell_names, outlines = h3_over(check_region(boundary), resolution, crs=crs)
    width_m = round(float(np.mean(shapely.area(outlines))) ** 0.5, 1)
    if boundary is None:
        return build_land_places("h3", cell_names, outlines, width_m, FOOTPRINT)
    return clip_places(build_land_places("h3", cell_names, outlines, width_m, INSIDE), boundary)


def _check_cell_number(boundary: BaseGeometry, resolution: int) -> None:
    cell_count = boundary.area / h3_width_m(resolution) ** 2
    if cell_count > MOST_TILES:
        fitting_resolution = next(
            r for r in range(resolution, 4, -1) if boundary.area / h3_width_m(r) ** 2 <= MOST_TILES
        )
        raise UsageError(
            f"The ground holds some {cell_count:,.0f} H3 cells of resolution {resolution}, more than the "
            f"{MOST_TILES:,} that can be held. Take `h3_resolution {fitting_resolution}` or less."
        )


def h3_over(region: BaseGeometry, resolution: int, *, crs: str) -> tuple[tuple[str, ...], Shapes]:
    """Every H3 cell that touches the region (in metres of `crs`), and its whole outline in metres."""
    h3 = _load_h3(resolution)
    region_in_degrees = _project(np.array([region], dtype=object), crs, WGS84)
    cell_name_set: set[str] = set()
    for polygon in shapely.get_parts(shapely.get_parts(region_in_degrees)):
        h3_shape = h3.geo_to_h3shape(shapely.geometry.mapping(polygon))
        cell_name_set.update(h3.h3shape_to_cells_experimental(h3_shape, resolution, contain="overlap"))
    cell_names = tuple(sorted(cell_name_set))
    return cell_names, _outlines(h3, cell_names, crs)


def h3_under(x_m: Floats, y_m: Floats, resolution: int, *, crs: str) -> tuple[tuple[str, ...], Shapes]:
    """Every H3 cell that holds one of these points (in metres of `crs`), and its outline in metres."""
    h3 = _load_h3(resolution)
    longitude, latitude = Transformer.from_crs(crs, WGS84, always_xy=True).transform(x_m, y_m)
    points = zip(latitude.tolist(), longitude.tolist(), strict=True)
    cell_names = tuple(sorted({h3.latlng_to_cell(lat, lon, resolution) for lat, lon in points}))
    return cell_names, _outlines(h3, cell_names, crs)


def h3_width_m(resolution: int) -> float:
    """How wide are cells of this resolution: the side of a square as large as the average one, in metres."""
    average_area_m2: float = _load_h3(resolution).average_hexagon_area(resolution, unit="m^2")
    return float(round(average_area_m2**0.5, 1))


def _load_h3(resolution: int) -> ModuleType:
    if not COARSEST <= resolution <= FINEST:
        raise UsageError(
            f"The H3 resolution {resolution} is not between {COARSEST} and {FINEST}. Give e.g. 10."
        )
    try:
        import h3  # type: ignore[import-untyped]  # it has no types of its own
    except ImportError as error:
        raise DependencyError(
            "H3 cells need the h3 package. Install it with `pip install 'becalm[h3]'`, or take "
            "`unit hexagon`, which needs nothing more."
        ) from error
    h3_module: ModuleType = h3
    return h3_module


def _outlines(h3: ModuleType, cell_names: tuple[str, ...], crs: str) -> Shapes:
    corners_of_cell = [
        [(lon, lat) for lat, lon in h3.cell_to_boundary(cell_name)] for cell_name in cell_names
    ]
    return _project(np.array([shapely.Polygon(c) for c in corners_of_cell], dtype=object), WGS84, crs)


def _project(shapes: Shapes, source_crs: str, target_crs: str) -> Shapes:
    transformer = Transformer.from_crs(source_crs, target_crs, always_xy=True)

    def transform(points: Floats) -> Floats:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return np.asarray(shapely.transform(shapes, transform), dtype=object)

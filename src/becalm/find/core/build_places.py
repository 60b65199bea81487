"""Making the places that compete: squares, hexagons, H3 cells, own areas, streets with their junctions."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from becalm.find.core.settings import Targets
from becalm.methods import place_set
from becalm.methods.arrays import Bools, Floats, Shapes
from becalm.methods.map_projection import WGS84, project_shapes
from becalm.tables import PlaceCounts, PointCounts
from becalm.terms import InputError, PlaceKind, QuestionError, UsageError, load_extra

INSIDE = "the land inside the boundary"
FOOTPRINT = "the records' footprint: places with at least one recorded offence of any kind"
MOST_CELLS = 2_000_000  # some 4 kB each in a back-test
MOST_TILES = 1_000_000  # each has an outline of its own
MOST_BETWEEN = 30_000_000  # cells of the frame around the records, of which few are places
Bounds = tuple[float, float, float, float]


def build_tiles(
    lattice: place_set.Lattice, counts: PointCounts, targets: Targets, region: BaseGeometry | None
) -> place_set.PlaceSet:
    """Squares or hexagons: all that have land in the region, else those that hold a record of any offence."""
    if region is not None:
        check_cell_count(region.bounds, lattice.width_m, max_cells=MOST_TILES)
        a, b, tile_outlines = place_set.clip_tiles(lattice, check_region(region))
    else:
        has_crime = footprint_mask(counts, targets)
        tile_of_record = np.column_stack(
            lattice.tile_of(counts.easting_m[has_crime], counts.northing_m[has_crime])
        )
        a, b = np.unique(tile_of_record, axis=0).T
        tile_outlines = lattice.outlines(a, b)
    turn_suffix = f"_{lattice.turn_deg:g}deg" if lattice.turn_deg else ""
    shape_prefix = (
        "" if lattice.shape == "square" and not turn_suffix else lattice.shape[:3]
    )  # the grid's cells keep names
    tile_ids = [
        f"{shape_prefix}{lattice.width_m:g}m{turn_suffix}_{i}_{j}"
        for i, j in zip(a.tolist(), b.tolist(), strict=True)
    ]
    denominator_name = FOOTPRINT if region is None else INSIDE
    return build_land_places(lattice.shape, tile_ids, tile_outlines, lattice.width_m, denominator_name)


def build_land_places(
    kind: PlaceKind, ids: Sequence[str], outlines: Shapes, width_m: float, denominator: str
) -> place_set.PlaceSet:
    """Pieces of land as places, each with its exact area."""
    is_footprint = denominator == FOOTPRINT
    return place_set.PlaceSet(
        kind, tuple(ids), outlines, shapely.area(outlines), width_m, denominator, is_footprint=is_footprint
    )


def build_own_places(ids: Sequence[str], outlines: Shapes, region: BaseGeometry | None) -> place_set.PlaceSet:
    """The user's own areas, cut to the region; those outside it are left out and counted."""
    median_width_m = round(float(np.median(np.sqrt(shapely.area(outlines)))), 1)
    if region is None:
        return build_land_places("own", ids, outlines, median_width_m, "the given areas")
    clipped_places = clip_places(
        build_land_places("own", ids, outlines, median_width_m, "the given areas inside the boundary"), region
    )
    outside_area_count = len(ids) - clipped_places.size
    outside_note = f"{outside_area_count} of the given areas lie outside the boundary and are left out."
    return replace(clipped_places, notes=(outside_note,) if outside_area_count else ())


def clip_places(places: place_set.PlaceSet, region: BaseGeometry) -> place_set.PlaceSet:
    """The same pieces of land, of each only what lies in the region."""
    shapely.prepare(check_region(region))
    outlines = places.outlines.copy()
    # Only outlines that reach over the edge are cut: cutting those inside would move their corners a hair.
    is_crossing = ~shapely.contains_properly(region, outlines)
    cut_outlines = shapely.intersection(outlines[is_crossing], region)
    outlines[is_crossing] = place_set.keep_areas(np.asarray(cut_outlines, dtype=object))
    areas_m2 = shapely.area(outlines)
    if not (areas_m2 > place_set.LEAST_M2).any():
        raise InputError("Not one of the given areas lies inside the boundary. Check their coordinates.")
    return _cut_places(places, areas_m2 > place_set.LEAST_M2, outlines, areas_m2)


def build_street_places(
    lines: Shapes, region: BaseGeometry | None, *, junction_m: float, snap_m: float
) -> place_set.PlaceSet:
    """The stretches of street between junctions, and the junctions with `junction_m` of each arm."""
    if region is not None:
        line_pieces = shapely.line_merge(shapely.intersection(lines, check_region(region)))
        line_pieces = shapely.get_parts(shapely.get_parts(line_pieces))
        lines = np.asarray(line_pieces[shapely.get_dimensions(line_pieces) == 1], dtype=object)
    if not len(lines):
        raise InputError("Not one street lies inside the boundary. Check the network's coordinates.")
    street_stretches = place_set.cut_at_junctions(lines, junction_m=junction_m)
    is_junction, length_m = street_stretches.is_junction, shapely.length(street_stretches.shapes)
    id_prefixes = np.where(is_junction, "jun", "seg").tolist()
    rounded_points = np.rint(street_stretches.points).astype(np.int64).tolist()
    place_ids = _number_repeats(
        [f"{prefix}_{x}_{y}" for prefix, (x, y) in zip(id_prefixes, rounded_points, strict=True)]
    )
    typical_width_m = 2.0 * junction_m if is_junction.all() else float(np.median(length_m[~is_junction]))
    denominator_text = f"{float(length_m.sum()) / 1000.0:,.1f} km of street"
    return place_set.PlaceSet(
        "segment",
        place_ids,
        street_stretches.shapes,
        length_m,
        round(typical_width_m, 1),
        denominator_text,
        snap_m=snap_m,
    )


def exclude_land(places: place_set.PlaceSet, excluded_land: BaseGeometry) -> place_set.PlaceSet:
    """The same places without the excluded land; one that has nothing left competes no more."""
    shapely.prepare(excluded_land)
    outlines = places.outlines.copy()
    is_touched = shapely.intersects(excluded_land, outlines)
    remainder_outlines = shapely.difference(outlines[is_touched], excluded_land)
    outlines[is_touched] = (
        remainder_outlines
        if places.by_length
        else place_set.keep_areas(np.asarray(remainder_outlines, dtype=object))
    )
    place_sizes = shapely.length(outlines) if places.by_length else shapely.area(outlines)
    least_size = place_set.LEAST_M if places.by_length else place_set.LEAST_M2
    has_remainder, is_smaller = place_sizes > least_size, places.amounts - place_sizes > least_size
    if not has_remainder.any():
        raise InputError("The excluded land covers every place. Check its coordinates.")
    excluded_note = (
        f"{int(is_smaller.sum())} places lie on excluded land: {int((~has_remainder).sum())} wholly, "
        "the others are cut."
    )
    return replace(
        _cut_places(places, has_remainder, outlines, place_sizes),
        denominator=f"{places.denominator}, without the excluded land",
        notes=(*places.notes, excluded_note) if is_smaller.any() else places.notes,
    )


def _cut_places(
    places: place_set.PlaceSet, is_kept: Bools, outlines: Shapes, amounts: Floats
) -> place_set.PlaceSet:
    # Selected first: an outline that was cut to nothing has no middle.
    return replace(places.select(is_kept), outlines=outlines[is_kept], amounts=amounts[is_kept])


def group_mask(counts: PlaceCounts | PointCounts, groups: Sequence[str]) -> Bools:
    """Which entries are of one of these offence groups?"""
    is_wanted = np.array([group_name in groups for group_name in counts.groups], dtype=bool)
    return is_wanted[counts.group_index] if len(is_wanted) else np.zeros(len(counts.counts), dtype=bool)


def footprint_mask(counts: PlaceCounts | PointCounts, targets: Targets) -> Bools:
    """Which entries count for the footprint: every offence but what police find by looking."""
    # What they find must not decide which land competes either, or the land would widen with patrols.
    is_footprint = ~group_mask(counts, targets.excluded_groups) & (counts.counts > 0)
    if not is_footprint.any():
        raise QuestionError("Not one record has a location. Ingest records with coordinates.")
    return is_footprint


def check_region(region: BaseGeometry) -> BaseGeometry:
    """The region, or InputError where it has no area or its outline crosses itself."""
    if not region.is_valid:
        fault_text = shapely.is_valid_reason(region)
        raise InputError(
            f"The boundary cannot be used: its outline is faulty ({fault_text}). Correct it first."
        )
    if region.is_empty or region.area <= 0.0:
        raise InputError("The boundary cannot be used: it has no area. Give a polygon.")
    return region


def _number_repeats(names: Sequence[str]) -> tuple[str, ...]:
    """The same names, the second and later ones of a kind with their number: `seg_1_2`, `seg_1_2_2`."""
    use_count_by_name: Counter[str] = Counter()
    unique_names = []
    for name in names:
        use_count_by_name[name] += 1
        unique_names.append(name if use_count_by_name[name] == 1 else f"{name}_{use_count_by_name[name]}")
    return tuple(unique_names)


def check_cell_count(bounds: Bounds, width_m: float, *, max_cells: int, hint: str = "") -> None:
    """Raise UsageError where more than `max_cells` places so wide lie in the frame (west, south, east …).

    The error names the smallest width in whole metres that will do, and then the `hint`.
    """
    west, south, east, north = bounds
    frame_width_m, frame_height_m = east - west, north - south
    if not (math.isfinite(frame_width_m) and math.isfinite(frame_height_m)):
        return  # no land at all, which is refused with better words elsewhere
    cell_count = _count_cells(frame_width_m, frame_height_m, width_m)
    if cell_count <= max_cells:
        return
    least_width_m = max(math.ceil(math.sqrt(frame_width_m * frame_height_m / max_cells)), 1)
    while _count_cells(frame_width_m, frame_height_m, least_width_m) > max_cells:
        least_width_m += 1
    cell_count_text = f"{cell_count:,.0f}" if cell_count < 1e12 else f"{cell_count:.0e}"
    raise UsageError(
        f"The ground, {frame_width_m / 1e3:,.1f} by {frame_height_m / 1e3:,.1f} km, holds {cell_count_text} "
        f"places of {width_m:g} m, more than the {max_cells:,} that can be held. Take `cell_m "
        f"{least_width_m}` or more.{hint}"
    )


def _count_cells(frame_width_m: float, frame_height_m: float, cell_width_m: float) -> float:
    return (frame_width_m / cell_width_m + 1.0) * (frame_height_m / cell_width_m + 1.0)


FINEST = 13  # cells of 44 square metres
COARSEST = 5


def build_h3_places(
    counts: PointCounts, targets: Targets, boundary: BaseGeometry | None, resolution: int, *, crs: str
) -> place_set.PlaceSet:
    """The cells that have land inside the boundary, else those that hold a record of any offence."""
    if boundary is None:
        has_crime = footprint_mask(counts, targets)
        cell_names, outlines = h3_under(
            counts.easting_m[has_crime], counts.northing_m[has_crime], resolution, crs=crs
        )
    else:
        _check_cell_number(boundary, resolution)
        cell_names, outlines = h3_over(check_region(boundary), resolution, crs=crs)
    mean_width_m = round(float(np.mean(shapely.area(outlines))) ** 0.5, 1)
    if boundary is None:
        return build_land_places("h3", cell_names, outlines, mean_width_m, FOOTPRINT)
    return clip_places(build_land_places("h3", cell_names, outlines, mean_width_m, INSIDE), boundary)


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
    region_in_degrees = project_shapes([region], crs, WGS84)
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
    lat_lon_pairs = zip(latitude.tolist(), longitude.tolist(), strict=True)
    cell_names = tuple(sorted({h3.latlng_to_cell(lat, lon, resolution) for lat, lon in lat_lon_pairs}))
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
    return load_extra("h3", "h3", "An H3 cell", "take `unit hexagon`, which needs nothing more")


def _outlines(h3: ModuleType, cell_names: tuple[str, ...], crs: str) -> Shapes:
    corners_of_cell = [
        [(lon, lat) for lat, lon in h3.cell_to_boundary(cell_name)] for cell_name in cell_names
    ]
    return project_shapes([shapely.Polygon(c) for c in corners_of_cell], WGS84, crs)

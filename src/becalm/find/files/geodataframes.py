"""Incidents and areas from GeoDataFrames, for use in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from becalm.find.core.counts_from_arrays import ALL, counts_from_points
from becalm.find.files.hotspots import hotspot_outlines
from becalm.methods.map_projection import is_in_metres
from becalm.tables import PlaceCounts
from becalm.terms import Fault, HotspotList, InputError, load_extra

if TYPE_CHECKING:
    import geopandas


def counts_from_frame(
    frame: geopandas.GeoDataFrame | Sequence[geopandas.GeoDataFrame],
    *,
    when: str,
    group: str | None = None,
    crs: str | None = None,
    cell_m: float = 150.0,
    source: str = "GeoDataFrame",
    as_of: date | None = None,
) -> PlaceCounts:
    """How many incidents of each group fell in each square cell in each month?

    `frame` holds one point per incident (several frames are taken together); its column `when` holds dates
    and `group` the offence groups. Points are projected to `crs`; without it, they must already be in metres.

    Raises InputError where a column is missing; the frames have no coordinate system, different ones, or one
    in degrees with no `crs` to go to; or geometries are missing or no points; QuestionError where there is no
    incident, or all lie on one single point.
    """
    frame_parts = [frame] if isinstance(frame, pd.DataFrame) else list(frame)
    column_names = [when, *([group] if group else [])]
    _check_columns(frame_parts, column_names)
    point_shapes = np.concatenate(
        [_project_shapes(frame_part, crs) for frame_part in _check_one_crs(frame_parts)]
    )
    _check_points(point_shapes)
    incident_table = pd.concat(
        [pd.DataFrame(frame_part)[column_names] for frame_part in frame_parts], ignore_index=True
    )
    return counts_from_points(
        shapely.get_x(point_shapes),
        shapely.get_y(point_shapes),
        _date_values(incident_table[when]),
        group=incident_table[group].astype(str).to_numpy(dtype=str) if group else ALL,
        cell_m=cell_m,
        source=source,
        as_of=as_of,
    )


def area_from_frame(frame: geopandas.GeoDataFrame, *, crs: str) -> BaseGeometry:
    """All polygons of this frame as one boundary, in metres of `crs`.

    Raises InputError where the frame has no coordinate system, no area, or an outline that crosses itself.
    """
    area_shapes = _project_shapes(_check_one_crs([frame])[0], crs)
    shape_faults = [
        Fault(f"row {i}", shapely.is_valid_reason(s), "correct it")
        for i, s in enumerate(area_shapes)
        if s is None or not s.is_valid
    ]
    if shape_faults:
        raise InputError("The boundary cannot be used", tuple(shape_faults[:20]))
    boundary = shapely.union_all(area_shapes)
    if boundary.is_empty or boundary.area <= 0:
        raise InputError("The boundary has no area. Give polygons.")
    return boundary


def _date_values(date_column: pd.Series) -> NDArray[np.generic]:
    if isinstance(date_column.dtype, pd.DatetimeTZDtype):
        return np.asarray(date_column.dt.tz_localize(None))
    if pd.api.types.is_datetime64_any_dtype(date_column):
        return np.asarray(date_column)
    return date_column.astype(str).to_numpy(dtype=str)


def _check_columns(frames: Sequence[geopandas.GeoDataFrame], column_names: Sequence[str]) -> None:
    faults = [
        Fault(f"frame {n}", f"has no column {column_name!r}", f"it has {', '.join(map(str, part.columns))}")
        for n, part in enumerate(frames, start=1)
        for column_name in column_names
        if column_name not in part.columns
    ]
    if faults or not frames:
        raise InputError("These incidents cannot be counted", tuple(faults))


def _check_one_crs(frames: Sequence[geopandas.GeoDataFrame]) -> Sequence[geopandas.GeoDataFrame]:
    if any(part.crs is None for part in frames):
        raise InputError("A frame has no coordinate system. Say which with frame.set_crs(...).")
    crs_names = {CRS(part.crs).to_string() for part in frames}
    if len(crs_names) > 1:
        raise InputError(
            f"The frames are in different coordinate systems ({', '.join(sorted(crs_names))}). "
            "Bring them into one with frame.to_crs(...)."
        )
    return frames


def _project_shapes(frame: geopandas.GeoDataFrame, crs: str | None) -> NDArray[np.object_]:
    if crs is None and not is_in_metres(CRS(frame.crs)):
        raise InputError(
            f"The frame is in {CRS(frame.crs).to_string()}, which is not in metres. "
            'Name a system in metres, e.g. crs="EPSG:27700".'
        )
    projected_frame = frame if crs is None else frame.to_crs(crs)
    return np.asarray(projected_frame.geometry.to_numpy(), dtype=object)


def _check_points(shapes: NDArray[np.object_]) -> None:
    is_missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    is_no_point = ~is_missing & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    faults = [
        Fault("geometry", f"{int(is_faulty.sum()):,} of {len(shapes):,} {fault_text}", remedy)
        for is_faulty, fault_text, remedy in (
            (is_missing, "are missing or empty", "leave these incidents out"),
            (is_no_point, "are no points", "give one point per incident, e.g. its centroid"),
        )
        if is_faulty.any()
    ]
    if faults:
        raise InputError("These incidents cannot be counted", tuple(faults))


def hotspots_frame(hotspots: HotspotList, *, boundary: BaseGeometry | None = None) -> geopandas.GeoDataFrame:
    """One row per listed place with its outline, in the coordinate system of the list.

    Raises DependencyError where GeoPandas is not installed.
    """
    geopandas = load_extra("geopandas", "geo", "A GeoDataFrame", "take the list as GeoJSON")
    property_rows = [
        {
            "rank": h.rank,
            "place_id": h.place_id,
            "expected": h.expected_count.value,
            "expected_low": h.expected_count.low,
            "expected_high": h.expected_count.high,
            "p_top": h.p_top,
            "rank_low": h.rank_low,
            "rank_high": h.rank_high,
            "tie_group": h.tie_group,
            "borough": h.borough,
        }
        for h in hotspots.hotspots
    ]
    hotspot_outline_list = list(hotspot_outlines(hotspots, boundary))
    return geopandas.GeoDataFrame(property_rows, geometry=hotspot_outline_list, crs=hotspots.crs)

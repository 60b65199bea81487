"""Incidents and areas from GeoDataFrames, for use in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from becalm.find.core.counts_from_arrays import ALL, counts_from_points
from becalm.tables import PlaceCounts
from becalm.terms import Fault, InputError


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

    Raises
    ------
    InputError
        where a column is missing; the frames have no coordinate system, different ones, or one in degrees
        with no `crs` to go to; or geometries are missing or no points.
    QuestionError
        where there is no incident, or all lie on one single point.
    """
    frames = [frame] if isinstance(frame, geopandas.GeoDataFrame) else list(frame)
    wanted = [when, *([group] if group else [])]
    _refuse_columns(frames, wanted)
    shapes = np.concatenate([_shapes(one, crs) for one in _same_crs(frames)])
    _refuse_no_points(shapes)
    table = pd.concat([pd.DataFrame(one)[wanted] for one in frames], ignore_index=True)
    return counts_from_points(
        shapely.get_x(shapes),
        shapely.get_y(shapes),
        _dates(table[when]),
        group=table[group].astype(str).to_numpy(dtype=str) if group else ALL,
        cell_m=cell_m,
        source=source,
        as_of=as_of,
    )


def area_from_frame(frame: geopandas.GeoDataFrame, *, crs: str) -> BaseGeometry:
    """All polygons of this frame as one boundary, in metres of `crs`.

    Raises
    ------
    InputError
        where the frame has no coordinate system, no area, or an outline that crosses itself.
    """
    shapes = _shapes(_same_crs([frame])[0], crs)
    faulty = [Fault(f"row {i}", shapely.is_valid_reason(s), "mend its outline") for i, s in enumerate(shapes)
              if s is None or not s.is_valid]  # fmt: skip
    if faulty:
        raise InputError("The boundary cannot be used", tuple(faulty[:20]))
    joined = shapely.union_all(shapes)
    if joined.is_empty or joined.area <= 0:
        raise InputError("The boundary has no area. Give polygons.")
    return joined


def _dates(column: pd.Series) -> NDArray[np.generic]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return np.asarray(column.dt.tz_localize(None))
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.asarray(column)
    return column.astype(str).to_numpy(dtype=str)


def _refuse_columns(frames: Sequence[geopandas.GeoDataFrame], wanted: Sequence[str]) -> None:
    faults = [
        Fault(f"frame {n}", f"has no column {name!r}", f"it has {', '.join(map(str, one.columns))}")
        for n, one in enumerate(frames, start=1)
        for name in wanted
        if name not in one.columns
    ]
    if faults or not frames:
        raise InputError("These incidents cannot be counted", tuple(faults))


def _same_crs(frames: Sequence[geopandas.GeoDataFrame]) -> Sequence[geopandas.GeoDataFrame]:
    if any(one.crs is None for one in frames):
        raise InputError("A frame has no coordinate system. Say which with frame.set_crs(...).")
    kinds = {CRS(one.crs).to_string() for one in frames}
    if len(kinds) > 1:
        raise InputError(
            f"The frames are in different coordinate systems ({', '.join(sorted(kinds))}). "
            "Bring them into one with frame.to_crs(...)."
        )
    return frames


def _shapes(frame: geopandas.GeoDataFrame, crs: str | None) -> NDArray[np.object_]:
    if crs is None and not _in_metres(CRS(frame.crs)):
        raise InputError(
            f"The frame is in {CRS(frame.crs).to_string()}, which is not in metres. "
            'Name a system in metres, e.g. crs="EPSG:27700".'
        )
    placed = frame if crs is None else frame.to_crs(crs)
    return np.asarray(placed.geometry.to_numpy(), dtype=object)


def _in_metres(crs: CRS) -> bool:
    return crs.is_projected and all(axis.unit_name in ("metre", "meter") for axis in crs.axis_info)


def _refuse_no_points(shapes: NDArray[np.object_]) -> None:
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    others = ~missing & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    faults = [
        Fault("geometry", f"{int(wrong.sum()):,} of {len(shapes):,} {what}", remedy)
        for wrong, what, remedy in (
            (missing, "are missing or empty", "leave these incidents out"),
            (others, "are no points", "give one point per incident, e.g. its centroid"),
        )
        if wrong.any()
    ]
    if faults:
        raise InputError("These incidents cannot be counted", tuple(faults))

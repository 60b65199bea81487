"""A data frame of any kind becomes incidents of an archive, checked once and with all its faults together.

Frames come in through the Arrow interface that pandas, Polars, PyArrow and DuckDB share; a GeoDataFrame
brings its points and their coordinate system.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Bools, Floats, Times
from becalm.methods.map_projection import WGS84, is_in_metres, project_shapes
from becalm.tables.schema import arrow_schema
from becalm.terms import Fault, InputError, OffenceGroup, UsageError, suggest_word

ONE_GROUP = "incident"  # the group of all incidents where no column names groups
LARGEST_DEGREE = 360.0
ACCEPTED = "a pandas, GeoPandas or Polars data frame, an Arrow table, or a DuckDB relation"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameColumns:
    """Which column holds what; None where there is none."""

    date: str
    group: str | None = None
    id: str | None = None
    x: str = "easting_m"
    y: str = "northing_m"


@dataclass(frozen=True, slots=True)
class FramePoints:
    """The coordinates of a frame's incidents in metres of `crs`."""

    x_m: Floats
    y_m: Floats
    crs: str


def read_table(frame: Any) -> pa.Table:
    """The frame as an Arrow table, without its geometry.

    Raises UsageError where it is no data frame; InputError where a column has two kinds of values, or two
    columns have one name.
    """
    if hasattr(frame, "drop") and hasattr(frame, "geometry"):
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    if hasattr(frame, "collect") and not hasattr(frame, "__arrow_c_stream__"):  # Polars, not yet computed
        frame = frame.collect()
    column_names = [str(name) for name in getattr(frame, "columns", ())]
    if twice := sorted({name for name in column_names if column_names.count(name) > 1}):
        repeat_faults = tuple(
            Fault(f"column {name!r}", "is there twice", "rename one of them") for name in twice
        )
        raise InputError("The data frame cannot be read", repeat_faults)
    is_one_column = getattr(frame, "ndim", 2) == 1
    if is_one_column or not (hasattr(frame, "__arrow_c_stream__") or isinstance(frame, pa.Table)):
        raise UsageError(f"A {type(frame).__name__} is not a data frame. Give {ACCEPTED}.")
    try:
        return pa.table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"The data frame cannot be read: {error}. Give each column one type.") from error


def read_points(frame: Any, columns: FrameColumns, *, crs: str | None, from_crs: str | None) -> FramePoints:
    """Where the incidents are, in metres: from the geometry of a GeoDataFrame, else from two columns.

    `from_crs` is the coordinate system of the two columns where it is not `crs`.
    """
    if hasattr(frame, "geometry") and hasattr(frame, "crs"):
        if frame.crs is None:
            raise InputError("The GeoDataFrame has no coordinate system. Set one with frame.set_crs(...).")
        point_shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
        is_faulty = shapely.is_missing(point_shapes) | shapely.is_empty(point_shapes)
        is_faulty |= shapely.get_type_id(point_shapes) != shapely.GeometryType.POINT
        if is_faulty.any():
            geometry_fault = _rows_fault(
                "geometry", is_faulty, "are missing or not points", "give one point per incident"
            )
            raise InputError("The incidents have no places", (geometry_fault,))
        x, y, from_crs = shapely.get_x(point_shapes), shapely.get_y(point_shapes), CRS(frame.crs).to_string()
    else:
        frame_table = read_table(frame)
        x, y = (
            _numbers(frame_table, name, parameter) for name, parameter in ((columns.x, "x"), (columns.y, "y"))
        )
    return FramePoints(*_project(x, y, crs=crs, from_crs=from_crs))


def _numbers(table: pa.Table, name: str, parameter: str) -> Floats:
    column_cells = _column(table, name, parameter).to_pandas()
    number_of_row = np.asarray(pd.to_numeric(column_cells, errors="coerce"), dtype=np.float64)
    if not np.isfinite(number_of_row).all():
        remedy_text = "leave these incidents out, or place them"
        number_fault = _rows_fault(
            f"{parameter}={name!r}", ~np.isfinite(number_of_row), "are missing or no numbers", remedy_text
        )
        raise InputError("The incidents have no places", (number_fault,))
    return number_of_row


def _project(x: Floats, y: Floats, *, crs: str | None, from_crs: str | None) -> tuple[Floats, Floats, str]:
    source_crs, target_crs = from_crs or crs, crs or from_crs
    if source_crs is None or target_crs is None:
        raise UsageError('Name the coordinate system of the points in metres, e.g. crs="EPSG:27700".')
    is_beyond_degrees = len(x) > 0 and bool(np.abs(x).max() > LARGEST_DEGREE or np.abs(y).max() > 90.0)
    if not is_in_metres(_parse_crs(target_crs)):
        example = "" if is_beyond_degrees else f', e.g. crs="{_utm_zone(x, y, source_crs)}"'
        raise InputError(
            f"{target_crs} is not in metres, and places are measured in metres. Name a coordinate system in "
            f"metres with crs{example}."
        )
    if _parse_crs(source_crs).is_geographic and is_beyond_degrees:
        raise InputError(
            f"The coordinates are said to be in degrees ({source_crs}), but reach to {np.abs(x).max():g}, "
            f"{np.abs(y).max():g}. Say which coordinate system they are in."
        )
    if len(x) and source_crs == target_crs and max(np.abs(x).max(), np.abs(y).max()) <= LARGEST_DEGREE:
        raise InputError(
            f"The coordinates look like degrees, and {target_crs} is in metres. If they are longitude and "
            f'latitude, add from_crs="{WGS84}".'
        )
    if source_crs != target_crs:
        x, y = Transformer.from_crs(source_crs, target_crs, always_xy=True).transform(x, y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        is_outside = ~(np.isfinite(x) & np.isfinite(y))
        remedy = f"say which system they are in: {source_crs} does not fit, or they lie outside {target_crs}"
        outside_fault = _rows_fault("coordinates", is_outside, "have no place there", remedy)
        raise InputError(f"The incidents cannot be brought into {target_crs}", (outside_fault,))
    return np.asarray(x), np.asarray(y), target_crs


def _parse_crs(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise UsageError(f'{crs!r} is not a coordinate system. Write it as e.g. crs="EPSG:27700".') from error


def _utm_zone(x: Floats, y: Floats, crs: str) -> str:
    """The UTM zone of the points: a coordinate system in metres that fits anywhere."""
    to_degrees = Transformer.from_crs(crs, WGS84, always_xy=True)
    longitude, latitude = to_degrees.transform(float(np.median(x)), float(np.median(y)))
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + int((longitude + 180) // 6) + 1}"


def read_incidents(
    frame: Any,
    columns: FrameColumns,
    *,
    points: FramePoints | None,
    groups: dict[str, OffenceGroup],
    time_zone: str,
    location_quality: str = "exact",
    source: str,
) -> pa.Table:
    """The frame's incidents as the archive holds them, with every fault of the frame in one error."""
    frame_table = read_table(frame)
    frame_faults = list(_find_faults(frame_table, columns))
    if frame_faults:
        raise InputError("The incidents cannot be counted", tuple(frame_faults))
    local, precision = _read_dates(frame_table[columns.date], time_zone)
    if np.isnat(local).any():
        remedy = "give dates, or text as 2020-04-30 or 2020-04-30 22:15"
        date_fault = _rows_fault(f"date={columns.date!r}", np.isnat(local), "are missing or no dates", remedy)
        raise InputError("The incidents cannot be counted", (date_fault,))
    row_count = frame_table.num_rows
    group_of_row = _texts(frame_table, columns.group) if columns.group else [ONE_GROUP] * row_count
    finder_of_row = [groups[key].found_by if key in groups else "unknown" for key in group_of_row]
    values_by_column = {
        "incident_id": _texts(frame_table, columns.id) if columns.id else [str(i) for i in range(row_count)],
        "source": [source] * row_count,
        "file": ["data frame"] * row_count,
        "found_by": finder_of_row,
        "precision": [precision] * row_count,
        "month": local.astype("M8[M]").astype(str).tolist(),
        "as_of": [day_after(local)] * row_count,
        "offence": group_of_row,
        "offence_group": group_of_row,
        "location_quality": [location_quality if points else "none"] * row_count,
        **_time_columns(local, precision, time_zone),
        **({"easting_m": points.x_m, "northing_m": points.y_m} if points else {}),
    }
    incident_schema = arrow_schema("incidents")
    return pa.table(
        [
            pa.array(values_by_column[field.name], field.type)
            if field.name in values_by_column
            else pa.nulls(row_count, field.type)
            for field in incident_schema
        ],
        schema=incident_schema,
    )


def day_after(local: Times) -> date:
    """The day after the last one: the day as of which the frame is taken to be."""
    last_day = date.fromisoformat(str(local.max().astype("M8[D]")))
    if last_day == date.max:
        raise InputError(f"A date is {last_day}: there is no day after it. Correct it, or leave it out.")
    return last_day + timedelta(days=1)


def _find_faults(table: pa.Table, columns: FrameColumns) -> Iterator[Fault]:
    for parameter in ("date", "group", "id"):
        column_name = getattr(columns, parameter)
        if column_name is None:
            continue
        if column_name not in table.column_names:
            yield _missing_column(table, column_name, parameter)
        elif parameter != "date" and table[column_name].null_count:
            is_missing = np.asarray(table[column_name].to_pandas().isna())
            yield _rows_fault(
                f"{parameter}={column_name!r}",
                is_missing,
                "are missing",
                "fill them, or leave these rows out",
            )
        elif parameter == "id" and (repeated := table[column_name].to_pandas().duplicated()).any():
            remedy = "leave repeated incidents out"
            yield _rows_fault(f"id={column_name!r}", np.asarray(repeated), "repeat an earlier one", remedy)
    if not table.num_rows:
        yield Fault("data frame", "has no rows", "give the incidents of several months")


def _column(table: pa.Table, name: str, parameter: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise InputError("A column is missing", (_missing_column(table, name, parameter),))
    return table[name]


def _missing_column(table: pa.Table, name: str, parameter: str) -> Fault:
    remedy = f"name the column with {parameter}. {suggest_word(name, table.column_names)}"
    return Fault(f"{parameter}={name!r}", "is not a column of the data frame", remedy)


def _rows_fault(where: str, is_faulty: Bools, problem: str, remedy: str) -> Fault:
    first_row = int(np.flatnonzero(is_faulty)[0])
    return Fault(
        where,
        f"{int(is_faulty.sum()):,} of {len(is_faulty):,} {problem}, the first in row {first_row}",
        remedy,
    )


def _texts(table: pa.Table, name: str) -> list[str]:
    return [str(cell) for cell in table[name].to_pylist()]


def _read_dates(cells: pa.ChunkedArray, time_zone: str) -> tuple[Times, str]:
    """The local time of each incident, and how exact it is: to the minute, the day or the month."""
    time_precision = "minute"
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if (
        pa.types.is_string(cells.type)
        or pa.types.is_large_string(cells.type)
        or cells.type == pa.string_view()
    ):
        date_texts = cells.to_pandas().astype("string").str.strip()
        time_precision = "month" if (date_texts.str.len() == len("2020-04")).all() else time_precision
        parsed_instants = pd.to_datetime(
            date_texts,
            errors="coerce",
            format="ISO8601",
            utc=bool(date_texts.str.contains("Z$|[+]", na=False).any()),
        )
    elif pa.types.is_temporal(cells.type) and not pa.types.is_time(cells.type):
        parsed_instants = pd.to_datetime(cells.to_pandas(), errors="coerce")
    else:
        return np.full(len(cells), "NaT", dtype="M8[us]"), time_precision
    if parsed_instants.dt.tz is not None:
        parsed_instants = parsed_instants.dt.tz_convert(time_zone).dt.tz_localize(None)
    local: Times = np.asarray(parsed_instants, dtype="M8[us]")
    dated_times = local[~np.isnat(local)]
    if time_precision == "minute" and (dated_times == dated_times.astype("M8[D]")).all():
        time_precision = "day"
    return local, time_precision


def _time_columns(local: Times, precision: str, time_zone: str) -> dict[str, Sequence[Any] | Times]:
    """The instants in UTC, the civil day and the hour of the week, as far as the precision reaches."""
    if precision == "month":
        return {}
    day_of_row = local.astype("M8[D]")
    start_utc = _to_utc(local, time_zone)
    if precision == "day":
        next_midnight_utc = _to_utc((day_of_row.astype(np.int64) + 1).astype("M8[D]"), time_zone)
        return {"occurred_from": start_utc, "occurred_to": next_midnight_utc, "occurred_on": day_of_row}
    hour_of_row = (local - day_of_row) // np.timedelta64(1, "h")
    weekday_of_row = (day_of_row.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return {
        "occurred_from": start_utc,
        "occurred_to": start_utc,
        "occurred_on": day_of_row,
        "hour_of_week": (weekday_of_row * 24 + hour_of_row).astype(np.int16),
    }


def _to_utc(local: Times, time_zone: str) -> Times:
    """Instants of local times; one that came twice is the first, one that was skipped the next there was."""
    is_first_reading = np.ones(len(local), dtype=bool)
    zoned_times = pd.DatetimeIndex(local).tz_localize(
        time_zone, ambiguous=is_first_reading, nonexistent="shift_forward"
    )
    return np.asarray(zoned_times.tz_convert("UTC").tz_localize(None), dtype="M8[us]")


def _list_polygons(boundary: Any) -> list[BaseGeometry | None]:
    shapes = [boundary] if isinstance(boundary, shapely.Geometry) else boundary
    if isinstance(shapes, str) or not isinstance(shapes, Iterable):
        raise UsageError(f"{boundary!r} is no boundary. Give a GeoDataFrame of areas, or polygons.")
    shape_list = list(shapes)
    if not all(shape is None or isinstance(shape, shapely.Geometry) for shape in shape_list):
        raise UsageError("The boundary holds what is no shape. Give a GeoDataFrame of areas, or polygons.")
    return [
        part for shape in shape_list for part in (shapely.get_parts(shape) if shape is not None else [None])
    ]


def read_boundary(boundary: Any, crs: str) -> dict[str, Any]:
    """The areas of a boundary by name, in degrees: from a GeoDataFrame, or polygons in metres of `crs`."""
    if hasattr(boundary, "geometry") and hasattr(boundary, "crs"):
        if boundary.crs is None:
            raise InputError("The boundary has no coordinate system. Set one with boundary.set_crs(...).")
        name_column = next((name for name in ("name", "Name", "NAME") if name in boundary), None)
        area_names = [str(name) for name in boundary[name_column]] if name_column else []
        area_shapes = list(boundary.geometry.to_crs(WGS84))
    else:
        area_shapes = list(project_shapes(_list_polygons(boundary), crs, WGS84))
        area_names = []
    shape_faults = [
        Fault(
            f"boundary, row {i}",
            "is no area" if shape is None or shape.is_valid else shapely.is_valid_reason(shape),
            "give a polygon"
            if shape is None or shape.is_valid
            else "correct it, e.g. with shapely.make_valid",
        )
        for i, shape in enumerate(area_shapes)
        if shape is None or not shape.is_valid or shape.area <= 0
    ]
    if shape_faults or not area_shapes:
        raise InputError("The boundary cannot be used: give valid polygons", tuple(shape_faults[:20]))
    if len(set(area_names)) != len(area_shapes):
        area_names = [f"area {i}" for i in range(1, len(area_shapes) + 1)]
    return dict(zip(area_names, area_shapes, strict=True))

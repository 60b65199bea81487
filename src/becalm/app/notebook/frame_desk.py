"""A question on a data frame: its parameters checked, and a workspace for the frame while it is answered."""

import inspect
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from becalm import terms
from becalm.app.main import open_desk
from becalm.app.notebook.frames import FrameColumns, FramePoints, read_boundary, read_incidents, read_points
from becalm.console.command import name_options
from becalm.desk import Desk
from becalm.tables import TablePart
from becalm.workspace.config import CityEntry, Config
from becalm.workspace.new_workspace import check_city, make_folder
from becalm.workspace.read_offence_tables import load_offences

P = ParamSpec("P")
AnswerT = TypeVar("AnswerT")
RequestT = TypeVar("RequestT", bound=terms.Request)
Groups = str | Sequence[str]
LocationQuality = Literal["exact", "block", "snap"]


def check_parameters(function: Callable[P, AnswerT]) -> Callable[P, AnswerT]:
    """Refuse a parameter that the question does not have, and let its faults name parameters."""
    signature = inspect.signature(function)
    parameter_names = [name for name in signature.parameters if name != "self"]

    @wraps(function)
    def ask(*args: P.args, **options: P.kwargs) -> AnswerT:
        check_names(function.__name__, options, parameter_names)
        try:
            arguments = signature.bind(*args, **options)
        except TypeError as error:
            raise terms.UsageError(f"{function.__name__}: {error}. Give options by their names.") from error
        try:
            for name, value in arguments.arguments.items():
                hint = signature.parameters[name].annotation
                annotation = hint if isinstance(hint, str) else inspect.formatannotation(hint)
                arguments.arguments[name] = _check_text(name, value, annotation)
            return function(*arguments.args, **arguments.kwargs)
        except terms.BecalmError as error:
            raise error.reworded(
                lambda text: name_options(text, {n: f"{n}=" for n in parameter_names})
            ) from error

    return ask


def _check_text(name: str, value: object, annotation: str) -> object:
    """The value of a parameter that takes a text, or a coordinate system; UsageError where it is neither."""
    if name in ("crs", "from_crs") and value is not None:
        try:
            return value if isinstance(value, str) else CRS.from_user_input(value).to_string()
        except CRSError as error:
            raise terms.UsageError(f"`{name}` {value!r} is not a coordinate system.") from error
    may_be_none = annotation == "str | None"
    if (annotation == "str" or may_be_none) and not (
        isinstance(value, str) or (may_be_none and value is None)
    ):
        raise terms.UsageError(f"`{name}` cannot be {value!r}. Give a text.")
    return value


def check_names(question: str, options: Mapping[str, object], names: Sequence[str]) -> None:
    """Refuse a parameter that the question does not have, and suggest one that it has."""
    unknown_names = [name for name in options if name not in names]
    if unknown_names:
        raise terms.UsageError(
            f"{question} has no parameter {unknown_names[0]!r}. {terms.suggest_word(unknown_names[0], names)}"
        )


def build_flat_request(request: type[RequestT], **values: Any) -> RequestT:
    """The request of a question from the parameters of its call."""
    return terms.build_request(
        request,
        {
            field.name: _field_value(field, values[field.name])
            for field in terms.fields_of(request)
            if field.name in values
        },
    )


def _field_value(field: terms.RequestField, value: Any) -> object:
    """A parameter as the request holds it; UsageError where it is none of the words or no number."""
    if isinstance(value, Path):
        value = str(value)
    if field.is_many:
        words = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
        return () if value is None else tuple(_check_kind(field, word) for word in words)
    if (
        field.kind is str
        and isinstance(value, list | tuple)
        and all(isinstance(edge, Real) for edge in value)
    ):
        return ",".join(f"{edge:g}" for edge in value)
    return value if value is None and field.is_optional else _check_kind(field, value)


def _check_kind(field: terms.RequestField, value: Any) -> object:
    if field.kind is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise terms.UsageError(
                f"`{field.name}` {value!r} is not a day. Write it as 2020-04-30."
            ) from error
    if field.choices and value not in field.choices:
        raise terms.UsageError(
            f"`{field.name}` cannot be {value!r}. {terms.suggest_word(str(value), field.choices)}"
        )
    number_type = {int: Integral, float: Real}.get(field.kind)
    if number_type is not None and (isinstance(value, bool) or not isinstance(value, number_type)):
        number_word = "whole number" if field.kind is int and isinstance(value, Real) else "number"
        raise terms.UsageError(
            f"`{field.name}` {value!r} is not a {number_word}. Give e.g. {field.name}={field.default}."
        )
    if field.kind in (str, terms.FileName) and not isinstance(value, str):
        raise terms.UsageError(f"`{field.name}` cannot be {value!r}. Give a text.")
    return value.item() if isinstance(value, np.generic) else value


def frame_city(crs: str, time_zone: str, holidays: str = "") -> CityEntry:
    """The city of a frame: what is needed of one to measure and to date. Faults name the parameters."""
    city = CityEntry(key="frame", name="the data frame", crs=crs, time_zone=time_zone, holidays=holidays)
    check_city(city, "these parameters")
    return city


@dataclass(frozen=True, slots=True)
class PointFrame:
    """A frame of incidents with places, and what a question says of them, by the same names."""

    points: Any
    columns: FrameColumns
    crs: str | None
    from_crs: str | None
    boundary: Any
    location_quality: LocationQuality
    time_zone: str
    source: str


@contextmanager
def desk_on_points(frame: PointFrame) -> Iterator[Desk]:
    """A desk on a workspace that holds these points, in a city of their coordinate system."""
    frame_points = read_points(frame.points, frame.columns, crs=frame.crs, from_crs=frame.from_crs)
    city = frame_city(frame_points.crs, frame.time_zone)
    quality, source = frame.location_quality, frame.source
    with desk_on_frame(
        frame.points,
        frame.columns,
        city,
        frame_points,
        frame.boundary,
        source=source,
        location_quality=quality,
    ) as desk:
        yield desk


@contextmanager
def desk_on_frame(
    frame: Any,
    columns: FrameColumns,
    city: CityEntry,
    points: FramePoints | None = None,
    boundary: Any = None,
    *,
    source: str,
    location_quality: LocationQuality = "exact",
) -> Iterator[Desk]:
    """A desk on a workspace that holds nothing but this frame, and is gone when the question is answered."""
    incident_table = read_incidents(
        frame,
        columns,
        points=points,
        groups=_offence_groups(),
        time_zone=city.time_zone,
        location_quality=location_quality,
        source=source,
    )
    with tempfile.TemporaryDirectory(prefix="becalm-") as folder:
        workspace_path = Path(folder) / "frame"
        boundary_geojson = None if boundary is None else _geojson(read_boundary(boundary, city.crs))
        make_folder(workspace_path, Config(city=city), boundary_geojson)
        desk = open_desk(workspace_path)
        with desk.archive.intake() as intake:
            for month in sorted(set(incident_table["month"].to_pylist())):
                month_rows = incident_table.filter(pa.compute.equal(incident_table["month"], month))
                intake.add(
                    TablePart("incidents", source, month, month_rows),
                    as_of=incident_table["as_of"][0].as_py(),
                    input_file="data frame",
                    input_sha256="",
                    recipe="data frame",
                    recipe_sha256="",
                )
            intake.commit()
        yield desk


def _offence_groups() -> dict[str, terms.OffenceGroup]:
    """The groups of all shipped tables; found by police if any table says so."""
    table_groups = [group for table in load_offences(None).values() for group in table.groups]
    return {group.key: group for group in sorted(table_groups, key=lambda group: group.found_by == "police")}


def _geojson(shapes: Mapping[str, Any]) -> str:
    geojson_features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": json.loads(shapely.to_geojson(shape))}
        for name, shape in sorted(shapes.items())
    ]
    return json.dumps({"type": "FeatureCollection", "features": geojson_features})
